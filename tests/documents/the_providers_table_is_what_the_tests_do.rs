//! The table of providers says for each row how it is known. Named tests exist,
//! and the keys of a row are those that its test sets.

use std::collections::BTreeSet;
use std::path::Path;

use rocket::figment::Figment;
use rocket::figment::providers::{Format, Toml};
use serde_json::{Map, Value};

use crate::support::shapes::Shape;

const GUIDE: &str = include_str!("../../crates/rocket_logto/src/guide/providers.md");
const BY_SHAPE: &str = "providers::other_providers_shapes_work::";

/// Nobody has to look for these in vain.
const EXPECTED: [&str; 18] = [
    "Logto",
    "Keycloak",
    "Dex",
    "oidc-provider",
    "Ory Hydra",
    "Canaille",
    "Glewlwyd",
    "Google",
    "Entra ID",
    "Azure AD B2C",
    "Amazon Cognito",
    "Apple",
    "Okta",
    "Auth0",
    "Zitadel",
    "GitLab",
    "authentik",
    "Twitch",
];

struct Row {
    provider: &'static str,
    keys: &'static str,
    known: &'static str,
}

fn rows() -> Vec<Row> {
    let lines = GUIDE.lines().filter(|line| line.starts_with("| **"));
    let row = |line: &'static str| {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [provider, _, keys, _, _, known] = cells[..] else {
            panic!("not six cells: {line}");
        };
        Row {
            provider,
            keys,
            known,
        }
    };
    lines.map(row).collect()
}

fn codes(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The source of a module of the suite, if there is one.
fn source(module: &str) -> Option<String> {
    let path = format!("tests/{}.rs", module.replace("::", "/"));
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).ok()
}

#[test]
fn every_row_says_how_it_is_known() {
    let rows = rows();
    for provider in EXPECTED {
        let named = format!("**{provider}**");
        let is_there = rows.iter().any(|row| row.provider.starts_with(&named));
        assert!(is_there, "{provider} has no row");
    }
    for row in &rows {
        let Row {
            provider, known, ..
        } = row;
        let without = ["by hand", "documentation only"];
        let has_test = known.starts_with("server: `") || known.starts_with("shape: `");
        assert!(
            has_test || without.iter().any(|way| known.starts_with(way)),
            "{provider}: {known}"
        );
        for named in codes(known) {
            let as_test = || {
                let (module, test) = named.rsplit_once("::")?;
                let source = source(module)?;
                source
                    .contains(&format!("test]\nasync fn {test}()"))
                    .then_some(())
            };
            let exists = source(named).is_some() || as_test().is_some();
            assert!(exists, "{provider}: no test {named}");
        }
    }
}

/// The keys of a row, up to a parenthesis: what stands there is a choice.
fn keys_of(row: &Row) -> Map<String, Value> {
    let cell = row.keys.split('(').next().unwrap_or_default();
    let table = codes(cell).collect::<Vec<_>>().join("\n");
    let read = Figment::from(Toml::string(&table)).extract();
    read.unwrap_or_else(|error| panic!("{}: {error} in\n{table}", row.provider))
}

/// The shape that a test is about: the first one it names.
fn shape_of(test: &str) -> String {
    let source = source(BY_SHAPE.trim_end_matches("::")).expect("the module");
    let start = format!("async fn {test}() {{");
    let (_, body) = source.split_once(&start).expect("the test");
    let (body, _) = body.split_once("\n}\n").expect("its end");
    let known = Shape::names();
    let mut quoted = body.split('"').skip(1).step_by(2);
    let named = quoted.find(|text| known.iter().any(|known| known == text));
    let named = named.unwrap_or_else(|| panic!("{test} names no shape"));
    named.to_owned()
}

/// An operator who sets what the row says has set what the test has set.
#[test]
fn the_keys_of_a_row_are_those_of_its_test() {
    let mut shown = BTreeSet::new();
    for row in rows() {
        for test in codes(row.known).filter_map(|named| named.strip_prefix(BY_SHAPE)) {
            let shape = shape_of(test);
            let mut documented = keys_of(&row);
            let mut set = Shape::documented_keys(&shape);
            assert!(set.remove("issuer").is_some(), "{shape} has no issuer");
            shown.insert(shape.clone());
            let names = |keys: &Map<String, Value>| keys.keys().cloned().collect::<Vec<_>>();
            assert_eq!(names(&documented), names(&set), "{}", row.provider);
            // What an operator has to fill in is made up, there as here.
            let is_made_up = |key: &str, value: &Value| {
                let filled_in = set[key].to_string();
                let places = ["{origin}", "{app}", "{client_id}"];
                value.to_string().contains("-ID")
                    || places.iter().any(|place| filled_in.contains(place))
            };
            documented.retain(|key, value| !is_made_up(key, value));
            for (key, value) in documented {
                assert_eq!(value, set[&key], "{}: {key}", row.provider);
            }
        }
        if row.known.starts_with("server: ") {
            assert!(keys_of(&row).is_empty(), "{}", row.provider);
        }
    }
    assert_eq!(shown.into_iter().collect::<Vec<_>>(), Shape::names());
}
