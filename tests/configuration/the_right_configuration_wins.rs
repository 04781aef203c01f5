//! Of several sources of one key the right one wins: code, `ROCKET_LOGTO`,
//! `LOGTO_*`, the file; the profile, then the defaults.

use rocket::figment::Figment;
use rocket::figment::providers::{Format, Toml};
use rocket_logto::LogtoConfig;

use crate::support::app::ALICE;
use crate::support::browser::Browser;
use crate::support::demo::Demo;
use crate::support::launch::{HUSH, Launch, file};

#[rocket::async_test]
async fn the_environment_wins_over_the_file_and_loses_to_rocket_logto() {
    let toml = || {
        "[default.logto]\nendpoint = \"https://file.example\"\napp_id = \"from-file\"\n".to_owned()
    };
    let logto_env = [
        ("LOGTO_ENDPOINT", "https://env.example"),
        ("LOGTO_APP_ID", "12345"),
        ("LOGTO_APP_SECRET", HUSH),
        ("LOGTO_REDIRECT_URI", "https://app.example/auth/callback"),
        ("LOGTO_POST_LOGOUT_REDIRECT_URI", "https://app.example/bye"),
    ];
    let rocket = ("ROCKET_LOGTO", "{endpoint=\"https://rocket.example\"}");
    let cases = [
        (
            "file",
            vec![],
            [
                "provider https://file.example/oidc, client from-file",
                "redirect URI http://localhost:PORT/callback",
                "post sign-out URI http://localhost:PORT/",
            ],
        ),
        (
            "environment",
            logto_env.to_vec(),
            [
                "provider https://env.example/oidc, client 12345",
                "redirect URI https://app.example/auth/callback",
                "post sign-out URI https://app.example/bye",
            ],
        ),
        (
            "ROCKET_LOGTO",
            [&logto_env[..], &[rocket]].concat(),
            [
                "provider https://rocket.example/oidc, client 12345",
                "redirect URI https://app.example/auth/callback",
                "post sign-out URI https://app.example/bye",
            ],
        ),
        (
            "empty variables",
            vec![("LOGTO_ENDPOINT", ""), ("LOGTO_APP_ID", "")],
            [
                "provider https://file.example/oidc, client from-file",
                "redirect URI http://localhost:PORT/callback",
                "post sign-out URI http://localhost:PORT/",
            ],
        ),
    ];
    for (case, env, lines) in cases {
        let launch = Launch { toml: toml(), env };
        let name = format!("source-{}", case.replace(' ', "-"));
        let output = launch.announces(&name).await;
        for line in lines {
            assert!(output.contains(line), "{case}: no {line:?}:\n{output}");
        }
    }
}

/// Reads TOML with profiles, as Rocket reads its file.
fn read(toml: &str, profile: &str) -> LogtoConfig {
    let figment = Figment::new()
        .merge(Toml::string(toml).nested())
        .select(profile);
    LogtoConfig::from_figment(&figment).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn profiles_merge_field_by_field() {
    let toml = "
        [default.logto]
        endpoint = 'https://default.example'
        app_id = 'default'
        base_url = 'https://app.example'
        scopes = ['email']
        resources = []
        session = { idle = '1h' }
        [debug.logto]
        app_id = 'debug'
        session = { absolute = '2h' }
        [release.logto]
        endpoint = 'https://release.example/'
        scopes = 'phone  roles'
        session = { idle = 60, absolute = '1d' }
        [global.logto]
        http_timeout = 7
    ";
    let seconds = |config: &LogtoConfig| {
        let session = config.session;
        (session.idle.as_secs(), session.absolute.as_secs())
    };
    let debug = read(toml, "debug");
    assert_eq!(debug.issuer(), "https://default.example/oidc");
    assert_eq!(debug.app_id(), "debug");
    assert_eq!(debug.scopes[3..], ["email"]);
    assert_eq!(seconds(&debug), (3600, 7200));
    let release = read(toml, "release");
    assert_eq!(release.issuer(), "https://release.example/oidc");
    assert_eq!(release.app_id(), "default");
    assert_eq!(release.scopes[3..], ["phone", "roles"]);
    assert_eq!(seconds(&release), (60, 86_400));
    for config in [debug, release] {
        assert_eq!(config.http_timeout().as_secs(), 7);
    }
}

/// Variables are one for a process, so this one runs in a process of its own.
#[test]
#[ignore = "run by an_empty_variable_of_a_list_clears_it, which sets the variables"]
fn with_empty_variables() {
    let toml = "
        [default.logto]
        endpoint = 'https://file.example'
        app_id = 'from-file'
        app_secret = 'from-file'
        base_url = 'https://app.example'
        scopes = ['email']
        resources = ['https://api.example']
        prompt = ['login']
        acr_values = ['urn:a']
        trusted_audiences = ['other']
        id_token_alg = 'ES384'
        extra_params = { audience = 'a' }
        max_age = 60
    ";
    let figment = Figment::new()
        .merge(Toml::file(file("empty-variables.toml", toml)).nested())
        .select("release");
    let config = LogtoConfig::from_figment(&figment).expect("a configuration");
    assert_eq!(config.scopes, ["openid", "offline_access", "profile"]);
    assert_eq!(config.resources, [""; 0]);
    assert_eq!(config.prompt, []);
    assert_eq!(config.acr_values, [""; 0]);
    assert_eq!(config.trusted_audiences, [""; 0]);
    assert_eq!(config.id_token_alg(), []);
    assert_eq!(config.extra_params, []);
    // What is one thing cannot be none of it.
    assert_eq!(config.app_id(), "from-file");
    assert!(config.app_secret().is_some() && config.max_age == Some(60));
    assert_eq!(config.issuer(), "https://file.example/oidc");
}

#[test]
fn an_empty_variable_of_a_list_clears_it() {
    let mut command = std::process::Command::new(std::env::current_exe().expect("this binary"));
    command
        .args(["--exact", "--ignored", "--test-threads=1"])
        .arg("configuration::the_right_configuration_wins::with_empty_variables")
        .env_clear();
    for name in [
        "SCOPES",
        "RESOURCES",
        "PROMPT",
        "ACR_VALUES",
        "TRUSTED_AUDIENCES",
        "ID_TOKEN_ALG",
        "EXTRA_PARAMS",
        "TENANTS",
        "HTTP_HOSTS",
        "APP_ID",
        "APP_SECRET",
        "MAX_AGE",
        "ENDPOINT",
        "ISSUER",
        "DISCOVERY_URL",
    ] {
        command.env(format!("LOGTO_{name}"), "");
    }
    let output = command.output().expect("the test runs");
    let output = String::from_utf8_lossy(&output.stdout);
    assert!(output.contains("1 passed; 0 failed"), "{output}");
}

#[test]
fn the_default_address_is_https_when_rocket_ends_tls() {
    let plain = Figment::from(rocket::Config::debug_default())
        .merge(("logto.endpoint", "https://op.example"))
        .merge(("logto.app_id", "a"));
    let tls = plain
        .clone()
        .merge(("tls.certs", "certificate.pem"))
        .merge(("tls.key", "key.pem"));
    for (figment, address) in [
        (plain, "http://localhost:8000/"),
        (tls, "https://localhost:8000/"),
    ] {
        let config = LogtoConfig::from_figment(&figment).expect("a configuration");
        assert_eq!(config.base_url.as_str(), address);
    }
}

#[test]
fn the_development_providers_port_may_stand_in_the_file() {
    let config = read("[debug.logto.dev_provider]\nport = 3005", "debug");
    assert_eq!(config.issuer(), "http://localhost:3005/oidc");
}

#[test]
fn an_issuer_is_taken_byte_for_byte() {
    for issuer in [
        "https://op.example/",
        "https://op.example",
        "https://OP.example/Realm/",
        "https://op.example:443/a//b",
        "https://op.example/%7Ea",
    ] {
        let toml = format!(
            "[default.logto]\nissuer = '{issuer}'\napp_id = 'a'\nbase_url = 'https://a.example'"
        );
        assert_eq!(read(&toml, "release").issuer(), issuer);
    }
}

/// Variables are one for a process, so this one runs in a process of its own.
#[test]
#[ignore = "run by code_wins_over_the_environment, which sets the variables"]
fn with_the_variables_set() {
    let figment = rocket::Config::figment()
        .merge(("logto.endpoint", "https://code.example"))
        .merge(("logto.base_url", "https://app.example"));
    let config = LogtoConfig::from_figment(&figment).expect("a configuration");
    assert_eq!(config.issuer(), "https://code.example/oidc");
    assert_eq!(config.app_id(), "from-env");
    let secret = config.app_secret().map(|secret| secret.secret());
    assert_eq!(secret, Some(HUSH));
    let shown = format!("{config:?}");
    assert!(!shown.contains(HUSH) && shown.contains("machine-from-env"));
}

#[test]
fn code_wins_over_the_environment() {
    let tests = std::env::current_exe().expect("this binary");
    let output = std::process::Command::new(tests)
        .args(["--exact", "--ignored", "--test-threads=1"])
        .arg("configuration::the_right_configuration_wins::with_the_variables_set")
        .env_clear()
        .env("LOGTO_ENDPOINT", "https://env.example")
        .env("LOGTO_APP_ID", "from-env")
        .env("LOGTO_APP_SECRET", HUSH)
        .env("LOGTO_MACHINE_APP_ID", "machine-from-env")
        .env("LOGTO_MACHINE_APP_SECRET", HUSH)
        .output()
        .expect("the test runs");
    let output = String::from_utf8_lossy(&output.stdout);
    assert!(output.contains("1 passed; 0 failed"), "{output}");
}

/// Each is a key of its own, and has a say in what another key is about.
#[rocket::async_test]
async fn the_addresses_of_logtos_samples_meet_the_keys_they_stand_for() {
    let launch = Launch {
        toml: "[default.logto]\nendpoint = \"https://file.example\"\napp_id = \"a\"\n\
               scopes = [\"urn:logto:scope:organizations\"]\npost_sign_out = \"/from-file\"\n"
            .to_owned(),
        env: vec![
            ("LOGTO_REDIRECT_URI", "https://app.example/auth/callback"),
            ("LOGTO_POST_LOGOUT_REDIRECT_URI", "https://app.example/bye"),
            ("ROCKET_LOGTO", "{routes={callback=\"/from-rocket\"}}"),
        ],
    };
    let output = launch.announces("source-samples").await;
    for line in [
        "redirect URI https://app.example/auth/callback",
        "post sign-out URI https://app.example/from-file",
    ] {
        assert!(output.contains(line), "no {line:?}:\n{output}");
    }
}

#[rocket::async_test]
async fn the_development_provider_signs_as_the_configuration_says() {
    for alg in [
        "\"ES384\"",
        "\"ES256\"",
        "\"RS256\"",
        "[\"PS256\",\"RS256\"]",
    ] {
        let demo = Demo::configured(&format!("id_token_alg={alg}")).await;
        demo.sign_in(&Browser::new(), ALICE).await;
    }
}
