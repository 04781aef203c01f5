//! The files in `deploy/` are about this app: names in them exist, and what stands twice says
//! the same. Their own languages are checked by `.ci/deployment`.

use std::collections::BTreeSet;
use std::path::Path;

const COMPOSE: &str = include_str!("../../deploy/compose/compose.yaml");
const DOCKERFILE: &str = include_str!("../../deploy/Dockerfile");
const KUBERNETES: &str = include_str!("../../deploy/kubernetes/app.yaml");
const SECRET: &str = include_str!("../../deploy/kubernetes/secret.yaml");

/// What the one has and the other has not, without empty lines and indentation.
fn only_in<'a>(one: &'a str, other: &str) -> Vec<&'a str> {
    let known: BTreeSet<_> = other.lines().map(str::trim).collect();
    let lines = one.lines().map(str::trim);
    lines.filter(|line| !known.contains(line)).collect()
}

#[test]
fn nginx_of_the_compose_file_is_the_documented_one_without_tls() {
    let documented = include_str!("../../deploy/nginx.conf");
    let compose = include_str!("../../deploy/compose/nginx.conf");
    assert_eq!(
        only_in(compose, documented),
        [
            "# deploy/nginx.conf without TLS, for the two instances of compose.yaml.",
            "server app-1:8000 fail_timeout=3s;",
            "server app-2:8000 fail_timeout=3s;",
            "listen 8080;",
            "server_name app.localhost;",
            "access_log /dev/stdout app;",
            "# nginx cannot leave the query out of its error log; $upstream_status says what is wrong.",
            "error_log /dev/stderr emerg;",
            "proxy_set_header Host $http_host;",
        ]
    );
    let left_out = only_in(documented, compose);
    let is_known = |line: &&str| {
        let tls = line.starts_with("ssl_") || line.starts_with("listen ");
        let names = [
            "server_name",
            "server 127",
            "access_log",
            "error_log",
            "return 308",
            "#",
        ];
        tls || names.iter().any(|name| line.starts_with(name))
            || *line == "proxy_set_header Host $host;"
    };
    let unknown: Vec<_> = left_out
        .into_iter()
        .filter(|line| !is_known(line))
        .collect();
    assert_eq!(unknown, [""; 0]);
}

/// `LOGTO_…` in these texts is what the configuration knows.
#[test]
fn variables_are_those_of_the_configuration() {
    let keys = include_str!("../../crates/rocket_logto/src/config/keys.rs");
    let known: BTreeSet<_> = names(keys).collect();
    for text in [COMPOSE, DOCKERFILE, KUBERNETES, SECRET] {
        for name in names(text).filter(|name| *name != "LOGTO_") {
            assert!(known.contains(name), "{name}");
        }
    }
    assert!(names(COMPOSE).count() > 3 && names(KUBERNETES).count() > 3);
}

fn names(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("LOGTO_"))
}

#[test]
fn the_image_holds_what_cargo_builds() {
    let package = include_str!("../../Cargo.toml");
    assert!(package.contains("name = \"rocket_logto_web\""));
    assert!(
        DOCKERFILE.contains("install -D target/release/rocket_logto_web /image/app/team-notes")
    );
    assert!(DOCKERFILE.contains("\"--is-healthy\""));
    let main = include_str!("../../src/healthy.rs");
    assert!(main.contains("\"--is-healthy\""));
}

/// What builds the image without Docker reads the Dockerfile, and would not find these.
#[test]
fn the_image_can_be_built_in_a_clean_root() {
    let script = include_str!("../../deploy/build-in-a-clean-root");
    let from = DOCKERFILE.lines().find_map(|line| {
        let image = line.strip_prefix("FROM rust:")?.strip_suffix(" AS build")?;
        image.split_once("-slim-")
    });
    let (compiler, suite) = from.expect("FROM rust:…-slim-… AS build");
    assert!(compiler.starts_with("1.") && suite.chars().all(|c| c.is_ascii_lowercase()));
    assert!(DOCKERFILE.contains("\nUSER 65532:65532\n") && script.contains("65532"));
    assert!(DOCKERFILE.contains("\nENTRYPOINT [\"/app/team-notes\"]"));
    let ignore = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/deploy/Dockerfile.dockerignore"
    );
    assert!(script.contains("deploy/Dockerfile.dockerignore") && Path::new(ignore).exists());
}

#[test]
fn each_secret_that_the_manifests_take_is_in_the_secret() {
    let keys = KUBERNETES.lines().map(str::trim);
    let keys = keys.filter_map(|line| line.trim_start_matches("- ").strip_prefix("key: "));
    let keys: BTreeSet<_> = keys.collect();
    assert_eq!(keys.len(), 4, "{keys:?}");
    for key in keys {
        assert!(SECRET.contains(&format!("\n  {key}: \"\"")), "{key}");
    }
}
