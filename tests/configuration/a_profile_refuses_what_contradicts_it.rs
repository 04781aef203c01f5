//! `profile = "fapi2"` sets what the FAPI 2.0 Security Profile demands of a client, and refuses
//! each key that contradicts it, by its name and the section of the profile.

use rocket::figment::Figment;
use rocket_logto::{ClientAuthMethod, LogtoConfig, SigningAlg};

use crate::support::client_key::ClientKey;

fn good(key: &ClientKey) -> Figment {
    Figment::from(rocket::Config::release_default())
        .select("release")
        .merge(("logto.profile", "fapi2"))
        .merge(("logto.issuer", "https://id.example"))
        .merge(("logto.app_id", "app"))
        .merge(("logto.app_key_file", key.pkcs8()))
        .merge(("logto.base_url", "https://app.example.com"))
}

#[test]
fn what_it_demands_is_set() {
    for alg in ["PS256", "ES256", "EdDSA"] {
        let key = ClientKey::make(alg);
        let config = LogtoConfig::from_figment(&good(&key)).expect("a configuration");
        assert_eq!(
            config.token_endpoint_auth_method(),
            ClientAuthMethod::PrivateKeyJwt
        );
        let algs = [SigningAlg::PS256, SigningAlg::ES256, SigningAlg::EdDSA];
        assert_eq!(config.id_token_alg(), algs);
        assert!(config.use_par);
        // A part of what it allows may be chosen.
        let one = good(&key).merge(("logto.id_token_alg", "PS256"));
        let config = LogtoConfig::from_figment(&one).expect("a configuration");
        assert_eq!(config.id_token_alg(), [SigningAlg::PS256]);
        for (name, value) in [
            ("dpop", "required"),
            ("client_assertion_audience", "issuer"),
        ] {
            let said = good(&key).merge((format!("logto.{name}"), value));
            assert!(LogtoConfig::from_figment(&said).is_ok(), "{name}");
        }
    }
}

#[test]
fn each_contradiction_is_named() {
    let (key, weak) = (ClientKey::make("ES256"), ClientKey::make("ES384"));
    let rsa = ClientKey::make("RS256");
    let set = |name: &str, value: &str| good(&key).merge((format!("logto.{name}"), value));
    let weak_key = weak.pkcs8();
    let cases = [
        (set("dpop", "off"), "dpop", "5.3.3.1"),
        (set("dpop", "auto"), "dpop", "5.3.3.1"),
        (
            good(&key).merge(("logto.bearer_requires_dpop", false)),
            "bearer_requires_dpop",
            "5.3.4",
        ),
        (
            good(&key).merge(("logto.use_par", false)),
            "use_par",
            "5.3.3.2",
        ),
        (
            set("client_assertion_audience", "token_endpoint"),
            "client_assertion_audience",
            "5.3.3.1",
        ),
        (set("id_token_alg", "RS256"), "id_token_alg", "5.4.1"),
        (set("id_token_alg", "PS256 ES384"), "id_token_alg", "5.4.1"),
        (
            set("end_session_endpoint", "https://id.example/logout"),
            "end_session_endpoint",
            "5.3.3.1",
        ),
        (
            good(&key).merge(("logto.http_hosts", ["id.example"])),
            "http_hosts",
            "5.2.1",
        ),
        (
            good(&key).merge(("logto.allow_insecure_base_url", true)),
            "allow_insecure_base_url",
            "5.2.1",
        ),
        (
            set("base_url", "http://localhost:8000"),
            "base_url",
            "5.2.1",
        ),
        (set("issuer", "http://localhost:3001"), "issuer", "5.2.1"),
        (set("app_key_file", &weak_key), "app_key_file", "5.4.1"),
        (
            good(&rsa).merge(("logto.app_key_alg", "RS256")),
            "app_key_file",
            "5.4.1",
        ),
        (
            set("app_secret", "hush-hush")
                .merge(("logto.token_endpoint_auth_method", "client_secret_basic")),
            "app_key_file",
            "5.3.3.1",
        ),
        (
            good(&key)
                .merge(("logto.machine.app_id", "machine"))
                .merge(("logto.machine.app_secret", "hush-hush")),
            "machine.app_key_file",
            "5.3.3.1",
        ),
    ];
    for (figment, name, section) in cases {
        let error = LogtoConfig::from_figment(&figment).expect_err(name);
        let told = error.to_string();
        assert!(told.contains(&format!("logto.{name} ")), "{name}: {told}");
        assert!(told.contains("logto.profile = \"fapi2\""), "{name}: {told}");
        assert!(
            told.contains(&format!("section {section}")),
            "{name}: {told}"
        );
        assert!(!told.contains("hush-hush"), "{name}: {told}");
    }
}

/// On this machine, while the app is developed, nobody is on the way.
#[test]
fn plain_http_is_for_this_machine_in_the_debug_profile() {
    let key = ClientKey::make("ES256");
    let local = |profile: &str| {
        good(&key)
            .merge(("logto.issuer", "http://localhost:3001"))
            .merge(("logto.base_url", "http://localhost:8000"))
            .select(profile)
    };
    assert!(LogtoConfig::from_figment(&local("debug")).is_ok());
    assert!(LogtoConfig::from_figment(&local("release")).is_err());
    let elsewhere = local("debug").merge(("logto.issuer", "http://id.example"));
    let told = LogtoConfig::from_figment(&elsewhere)
        .expect_err("http")
        .to_string();
    assert!(
        told.contains("logto.issuer") && told.contains("5.2.1"),
        "{told}"
    );
}

#[test]
fn the_development_provider_is_none_of_it() {
    let figment = Figment::from(rocket::Config::debug_default()).merge(("logto.profile", "fapi2"));
    let told = LogtoConfig::from_figment(&figment)
        .expect_err("no provider")
        .to_string();
    assert!(
        told.contains("logto.profile ") && told.contains("app_key_file"),
        "{told}"
    );
}
