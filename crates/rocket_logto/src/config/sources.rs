//! What stands around the figment an app gives: the `LOGTO_*` variables of the
//! environment above its files, the defaults below everything.

use figment::providers::Serialized;
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider, Source};
use url::form_urlencoded;

use super::keys::{TABLES, VARIABLES, defaults, is_list};

/// Adds the environment: it wins over files, and loses to `ROCKET_LOGTO` and
/// to values set in code, as Rocket's own precedence has it. An empty variable
/// counts as none, but for a list: there it is the empty one.
pub(super) fn with_environment(figment: Figment) -> Figment {
    VARIABLES.iter().fold(figment, |figment, (name, key)| {
        let Ok(text) = std::env::var(name) else {
            return figment;
        };
        if text.is_empty() && !is_list(key) {
            return figment;
        }
        let path = format!("logto.{key}");
        let from_file = |md: &Metadata| matches!(md.source, Some(Source::File(_)));
        match figment.find_metadata(&path) {
            Some(metadata) if !from_file(metadata) => figment,
            _ => figment.merge(Entry {
                source: format!("`{name}` environment variable"),
                profile: Profile::Global,
                path,
                value: value(key, text),
            }),
        }
    })
}

/// What the text of a variable is in the table. It stays text where it can: an
/// id of digits is no number.
fn value(key: &str, text: String) -> Value {
    match key {
        "prompt" => text.split_whitespace().collect::<Vec<_>>().into(),
        // An empty table would be merged with that of a file, and change nothing.
        "extra_params" | "sign_out_params" if text.is_empty() => Vec::<Value>::new().into(),
        "extra_params" | "sign_out_params" => form_urlencoded::parse(text.as_bytes())
            .map(|(name, value)| (name.into_owned(), value.into_owned().into()))
            .collect::<Dict>()
            .into(),
        _ => text.into(),
    }
}

/// Adds the defaults, but those within `dev_provider`: it may be `true` or
/// `false` instead of a table.
pub(super) fn with_defaults(figment: Figment) -> Figment {
    add_defaults(figment, |key| !key.starts_with(DEV_PROVIDER))
}

/// Adds the defaults within `dev_provider`, where it is a table or not written.
pub(super) fn with_dev_provider_defaults(figment: Figment) -> Figment {
    add_defaults(figment, |key| key.starts_with(DEV_PROVIDER))
}

const DEV_PROVIDER: &str = "dev_provider.";

fn add_defaults(figment: Figment, wanted: impl Fn(&str) -> bool) -> Figment {
    let tables = TABLES.iter().map(|table| (*table, serde_json::json!({})));
    let all = tables.chain(defaults());
    all.filter(|(key, _)| wanted(key))
        .fold(figment, |figment, (key, value)| {
            figment.join(Entry {
                source: "the defaults of rocket_logto".to_owned(),
                profile: Profile::Default,
                path: format!("logto.{key}"),
                value,
            })
        })
}

/// One value as a figment provider, so that an error can say where it is from.
struct Entry<T> {
    source: String,
    profile: Profile,
    path: String,
    value: T,
}

impl<T: serde::Serialize> Provider for Entry<T> {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.source.clone())
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        let value = Serialized::from(&self.value, self.profile.clone());
        value.key(&self.path).data()
    }
}

/// Logs which `LOGTO_*` variables are not read: otherwise a misspelt name shows
/// only in its consequences. Never logs a value.
pub(super) fn warn_of_unknown_variables() {
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if !name.starts_with("LOGTO_") || VARIABLES.iter().any(|(known, _)| *known == name) {
            continue;
        }
        match nearest(&name) {
            Some(known) => log::warn!("logto: {name} is not read: do you mean {known}?"),
            None => log::warn!("logto: {name} is not read: see LogtoConfig for the names"),
        }
    }
}

/// The name that this one becomes by correcting a few letters.
fn nearest(name: &str) -> Option<&'static str> {
    const LETTERS: usize = 3;
    let known = VARIABLES.iter().map(|(known, _)| *known);
    let nearest = known.map(|known| (distance(name, known), known)).min()?;
    (nearest.0 <= LETTERS).then_some(nearest.1)
}

/// How many letters to insert, remove or replace (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in to.bytes().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_variable_is_recognised() {
        for (written, meant) in [
            ("LOGTO_ENPOINT", Some("LOGTO_ENDPOINT")),
            ("LOGTO_APPID", Some("LOGTO_APP_ID")),
            ("LOGTO_MACHINE_SECRET", None),
            ("LOGTO_COOKIE_SECRET", None),
            ("LOGTO_RESOURCE", Some("LOGTO_RESOURCES")),
        ] {
            assert_eq!(nearest(written), meant, "{written}");
        }
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }
}
