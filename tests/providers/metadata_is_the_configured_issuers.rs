//! Metadata that is not the configured issuer's, or that leads somewhere
//! unsafe, is not used: nobody is sent anywhere (OpenID Connect Discovery
//! section 4.3, RFC 9700 section 4.4, ASVS 10.5.3).

use logto_dev_provider::{DevProvider, Endpoint, Reply, Signing, SigningAlg};
use rocket::figment::value::Dict;
use rocket::serde::json::Value;
use rocket::serde::json::serde_json::json;

use crate::support::app::{ALICE, CLIENT_SECRET, TestApp, settings};
use crate::support::browser::Browser;
use crate::support::eventually::eventually;
use crate::support::log::{lines_with, reason_of};
use crate::support::refusal::{NOBODY, Refusal, Trial, app_at, app_with, reference, who_is};
use crate::support::signer::Signer;

/// An app whose provider answers discovery in this way from the first moment.
async fn app_told(edit: impl Fn(&mut Reply) + Send + Sync + 'static) -> TestApp {
    let provider = DevProvider::start(settings()).await.expect("a provider");
    let hooks = provider.hooks();
    hooks.respond(Endpoint::Discovery, move |_, reply| edit(reply));
    app_at(provider).await
}

/// Public pages work; nobody can sign in, by any way, and is told so.
async fn cannot_sign_in(app: &TestApp, case: &str, reason: &str) {
    let browser = Browser::new();
    assert_eq!(who_is(app, &browser).await, NOBODY, "{case}");
    for path in ["/sign-in", "/sign-up", "/again"] {
        let page = browser.navigate(app.url(path)).await;
        assert_eq!(page.status(), 503, "{case}: {path}: {:?}", page.location());
        let seconds = page
            .header("retry-after")
            .and_then(|text| text.parse().ok());
        assert!(
            seconds.is_some_and(|seconds: u64| seconds > 0),
            "{case}: {path}"
        );
        assert_eq!(page.set_cookies(), [""; 0], "{case}: {path}");
        assert_eq!(
            page.header("cache-control"),
            Some("no-store"),
            "{case}: {path}"
        );
        let logged = reason_of(&reference(&page));
        assert!(logged.contains(reason), "{case}: {path}: {logged}");
        let json = browser.fetch_json(app.url(path)).await;
        // A program begins no sign-in, and is told so by a handler.
        let expected = if path == "/again" { 401 } else { 204 };
        assert_eq!(json.status(), expected, "{case}: {path}");
    }
    for endpoint in [Endpoint::Auth, Endpoint::Token, Endpoint::Unknown] {
        let asked = app.provider.requests_to(endpoint).len();
        assert_eq!(asked, 0, "{case}: {endpoint:?}");
    }
}

/// Once the provider behaves the app notices by itself.
async fn recovers(app: &TestApp, case: &str) {
    app.provider.hooks().behave(Endpoint::Discovery);
    eventually(case, async || {
        let browser = Browser::new();
        browser.navigate(app.url("/again")).await.is_redirect()
    })
    .await;
    Trial::new(app, case).accepts(ALICE).await;
}

#[rocket::async_test]
async fn the_issuer_must_be_the_configured_one() {
    type Edit = fn(&str) -> Value;
    let wrong: [(&str, Edit); 12] = [
        ("another", |_| json!("https://evil.example/oidc")),
        ("a slash more", |issuer| json!(format!("{issuer}/"))),
        ("cut", |issuer| json!(issuer[..issuer.len() - 1])),
        ("longer", |issuer| json!(format!("{issuer}.evil.example"))),
        ("in capitals", |issuer| json!(issuer.to_uppercase())),
        ("https", |issuer| json!(issuer.replace("http:", "https:"))),
        ("an address", |issuer| {
            json!(issuer.replace("localhost", "127.0.0.1"))
        }),
        ("a user", |issuer| {
            json!(issuer.replace("localhost", "x@localhost"))
        }),
        ("empty", |_| json!("")),
        ("null", |_| json!(null)),
        ("a list", |issuer| json!([issuer])),
        ("a number", |_| json!(7)),
    ];
    for (case, edit) in wrong {
        let app = app_told(move |reply| {
            reply.edit_json(|metadata| {
                metadata["issuer"] = edit(metadata["issuer"].as_str().unwrap_or_default());
            });
        })
        .await;
        let text = edit("http://localhost/oidc").is_string();
        let reason = if text { "issuer is" } else { "metadata" };
        cannot_sign_in(&app, case, reason).await;
        if case == "another" {
            recovers(&app, case).await;
        }
    }
}

#[rocket::async_test]
async fn endpoints_are_web_addresses() {
    let names = ["authorization_endpoint", "token_endpoint", "jwks_uri"];
    let more = [
        "userinfo_endpoint",
        "revocation_endpoint",
        "end_session_endpoint",
    ];
    let addresses = [
        "javascript:alert(1)",
        "file:///etc/passwd",
        "ftp://localhost/",
        "data:,x",
    ];
    for (index, name) in names.into_iter().chain(more).enumerate() {
        let address = addresses[index % addresses.len()];
        let app =
            app_told(move |reply| reply.edit_json(|metadata| metadata[name] = address.into()));
        cannot_sign_in(&app.await, &format!("{name} {address}"), "not https").await;
    }
    for odd in [
        json!(null),
        json!(""),
        json!("/oidc/auth"),
        json!(["http://localhost/"]),
        json!(7),
    ] {
        let case = format!("authorization_endpoint {odd}");
        let app = app_told(move |reply| {
            reply.edit_json(|metadata| metadata["authorization_endpoint"] = odd.clone());
        });
        cannot_sign_in(&app.await, &case, "metadata").await;
    }
    for name in names {
        let app = app_told(move |reply| {
            reply.edit_json(|metadata| {
                metadata
                    .as_object_mut()
                    .map(|metadata| metadata.remove(name));
            });
        });
        cannot_sign_in(&app.await, &format!("no {name}"), "metadata").await;
    }
}

/// A redirect would let somebody else answer in the issuer's name.
#[rocket::async_test]
async fn redirects_are_not_followed() {
    for status in [301, 302, 307, 308] {
        let other = Signer::start(SigningAlg::Es384).await;
        let elsewhere = other.url("/oidc/.well-known/openid-configuration");
        let app = app_told(move |reply| {
            reply.status = status;
            reply.set_header("location", &elsewhere);
        });
        cannot_sign_in(&app.await, &status.to_string(), "redirect").await;

        let provider = DevProvider::start(settings()).await.expect("a provider");
        let elsewhere = other.jwks_uri();
        provider.hooks().respond(Endpoint::Jwks, move |_, reply| {
            reply.status = status;
            reply.set_header("location", &elsewhere);
        });
        let app = app_at(provider).await;
        cannot_sign_in(&app, &format!("keys {status}"), "redirect").await;
        assert_eq!(other.visits(), [""; 0], "{status} was followed");
    }
}

#[rocket::async_test]
async fn what_is_no_metadata_is_refused() {
    type Edit = fn(&mut Reply);
    let cases: [(&str, &str, Edit); 7] = [
        ("404", "answered 404", |reply| reply.status = 404),
        ("500", "answered 500", |reply| reply.status = 500),
        ("empty", "metadata", |reply| reply.body.clear()),
        ("HTML", "metadata", |reply| reply.body = b"<html>".into()),
        ("a list", "metadata", |reply| reply.body = b"[]".into()),
        ("cut", "metadata", |reply| reply.body.truncate(100)),
        ("no UTF-8", "metadata", |reply| reply.body.push(0xff)),
    ];
    for (case, reason, edit) in cases {
        let app = app_told(edit).await;
        cannot_sign_in(&app, case, reason).await;
    }
}

/// Metadata lists what the provider can do; where the configuration says what is done,
/// an attacker's list changes nothing.
#[rocket::async_test]
async fn no_pinned_algorithm_is_taken_from_metadata() {
    let provider = DevProvider::start(settings()).await.expect("a provider");
    provider.hooks().respond(Endpoint::Discovery, |_, reply| {
        reply.edit_json(|metadata| {
            metadata["id_token_signing_alg_values_supported"] = json!(["none", "HS256", "ES256"]);
            metadata["code_challenge_methods_supported"] = json!(["plain"]);
        });
    });
    let logto = Dict::from([("id_token_alg".to_owned(), "ES384".into())]);
    let app = app_with(provider, logto).await;
    Trial::new(&app, "ES384 all the same").accepts(ALICE).await;
    let asked = app.provider.requests_to(Endpoint::Auth);
    assert_eq!(asked[0].query_value("code_challenge_method"), Some("S256"));
}

/// Of what is announced counts what proves who signed, and where that is nothing,
/// RS256 (OpenID Connect Core section 15.1). A key that is published beside it does not count.
#[rocket::async_test]
async fn only_announced_algorithms_that_prove_who_signed_are_accepted() {
    let cases = [
        (json!(["none", "HS256", "ES256"]), SigningAlg::Es256),
        (
            json!(["RS256", "ES256", "ES256", "ES999"]),
            SigningAlg::Es256,
        ),
        (json!(["none", "HS256"]), SigningAlg::Rs256),
        (json!([]), SigningAlg::Rs256),
        (json!(null), SigningAlg::Rs256),
        (json!(["es384", 7, null]), SigningAlg::Rs256),
        (json!({ "ES384": true }), SigningAlg::Rs256),
    ];
    for (announced, accepted) in cases {
        let said = announced.clone();
        let app = app_told(move |reply| {
            reply.edit_json(|metadata| {
                metadata["id_token_signing_alg_values_supported"] = said.clone();
            });
        })
        .await;
        let hooks = app.provider.hooks();
        let reason = "id_token_alg";
        for signing in [
            Signing::Key,
            Signing::None,
            Signing::Hmac(CLIENT_SECRET.into()),
            Signing::Hmac(hooks.public_key_pem(accepted).into_bytes()),
        ] {
            hooks.sign_id_tokens(signing.clone());
            let case = format!("{announced} announced, {signing:?} used");
            Trial::new(&app, case)
                .refuses(Refusal::after_exchange(reason))
                .await;
        }
        hooks.publish_alg(accepted);
        hooks.sign_id_tokens(Signing::Alg(accepted));
        let case = format!("{announced} announced, {} used", accepted.name());
        Trial::new(&app, case).accepts(ALICE).await;
    }
}

/// What is wrong with the algorithm is in the log with both values and the key, at the
/// start and at each token.
#[rocket::async_test]
async fn the_log_names_the_algorithms_and_the_key() {
    let app = app_told(|reply| {
        reply.edit_json(|metadata| {
            metadata["id_token_signing_alg_values_supported"] = json!(["PS512", "HS512"]);
        });
    })
    .await;
    Trial::new(&app, "ES384 used")
        .refuses(Refusal::after_exchange("id_token_alg"))
        .await;
    for line in [
        "no key for [PS512] (it announces [\"PS512\", \"HS512\"]): see logto.id_token_alg",
        "alg is \"ES384\", accepted: [PS512]; see logto.id_token_alg",
    ] {
        assert_ne!(lines_with(line), [""; 0], "{line}");
    }
}

/// The provider signs with one algorithm, the configuration says another.
#[rocket::async_test]
async fn a_key_of_another_algorithm_is_of_no_use() {
    let provider = DevProvider::start(settings()).await.expect("a provider");
    let logto = Dict::from([("id_token_alg".to_owned(), "RS256".into())]);
    let app = app_with(provider, logto).await;
    let refusal = Refusal::after_exchange("id_token_alg");
    Trial::new(&app, "RS256 configured, ES384 used")
        .refuses(refusal)
        .await;
    app.provider.hooks().signing_alg(SigningAlg::Rs256);
    Trial::new(&app, "RS256 used").accepts(ALICE).await;
}
