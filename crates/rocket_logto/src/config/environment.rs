//! The `LOGTO_*` environment variables.

use figment::providers::Serialized;
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider, Source};
use url::form_urlencoded;

/// The names Logto's samples use, and more like them, with their `logto` keys.
const ENVIRONMENT: [(&str, &str); 23] = [
    ("LOGTO_ENDPOINT", "endpoint"),
    ("LOGTO_ISSUER", "issuer"),
    ("LOGTO_APP_ID", "app_id"),
    ("LOGTO_APP_SECRET", "app_secret"),
    ("LOGTO_APP_SECRET_FILE", "app_secret_file"),
    ("LOGTO_MACHINE_APP_ID", "machine.app_id"),
    ("LOGTO_MACHINE_APP_SECRET", "machine.app_secret"),
    ("LOGTO_MACHINE_APP_SECRET_FILE", "machine.app_secret_file"),
    ("LOGTO_BASE_URL", "base_url"),
    ("LOGTO_SCOPES", "scopes"),
    ("LOGTO_RESOURCES", "resources"),
    ("LOGTO_PROMPT", "prompt"),
    ("LOGTO_MAX_AGE", "max_age"),
    ("LOGTO_ACR_VALUES", "acr_values"),
    ("LOGTO_EXTRA_PARAMS", "extra_params"),
    ("LOGTO_ID_TOKEN_ALG", "id_token_alg"),
    (
        "LOGTO_TOKEN_ENDPOINT_AUTH_METHOD",
        "token_endpoint_auth_method",
    ),
    ("LOGTO_RESPONSE_MODE", "response_mode"),
    ("LOGTO_CA_FILE", "ca_file"),
    ("LOGTO_CLOCK_TOLERANCE", "clock_tolerance"),
    ("LOGTO_HTTP_TIMEOUT", "http_timeout"),
    ("LOGTO_REDIRECT_URI", "redirect_uri"),
    ("LOGTO_POST_LOGOUT_REDIRECT_URI", "post_logout_redirect_uri"),
];

/// Adds the environment: it wins over files, and loses to `ROCKET_LOGTO` and
/// to values set in code, as Rocket's own precedence has it.
pub(super) fn with_environment(figment: Figment) -> Figment {
    ENVIRONMENT.iter().fold(figment, |figment, (name, key)| {
        let Ok(text) = std::env::var(name) else {
            return figment;
        };
        if text.is_empty() {
            return figment;
        }
        let path = format!("logto.{key}");
        let from_file = |md: &Metadata| matches!(md.source, Some(Source::File(_)));
        let value = value(key, text);
        match figment.find_metadata(&path) {
            Some(metadata) if !from_file(metadata) => figment,
            _ => figment.merge(Variable { name, path, value }),
        }
    })
}

/// What the text of a variable is in the table. It stays text where it can: an
/// id of digits is no number.
fn value(key: &str, text: String) -> Value {
    match key {
        "prompt" => text.split_whitespace().collect::<Vec<_>>().into(),
        "extra_params" => form_urlencoded::parse(text.as_bytes())
            .map(|(name, value)| (name.into_owned(), value.into_owned().into()))
            .collect::<Dict>()
            .into(),
        _ => text.into(),
    }
}

/// One environment variable as a figment provider, so that an error can say
/// its name.
struct Variable {
    name: &'static str,
    path: String,
    value: Value,
}

impl Provider for Variable {
    fn metadata(&self) -> Metadata {
        Metadata::named(format!("`{}` environment variable", self.name))
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        Serialized::global(&self.path, &self.value).data()
    }
}
