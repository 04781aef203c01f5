//! What a provider sends beside what is needed may be missing, null, empty or of any
//! type: it stops nobody, and the log names it once.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use logto_dev_provider::{DevProvider, Endpoint, SigningAlg};
use rocket::serde::json::Value;
use rocket::serde::json::serde_json::json;

use crate::support::app::{ALICE, TestApp, settings};
use crate::support::log::lines_with;
use crate::support::refusal::{Refusal, Trial, app_at};

async fn provider(alg: SigningAlg) -> DevProvider {
    let mut settings = settings();
    settings.signing_alg = alg;
    DevProvider::start(settings).await.expect("a provider")
}

/// An app whose provider writes its key in this way.
async fn app_with_key(
    alg: SigningAlg,
    edit: impl Fn(&mut Value) + Send + Sync + 'static,
) -> TestApp {
    let provider = provider(alg).await;
    provider.hooks().respond(Endpoint::Jwks, move |_, reply| {
        reply.edit_json(|document| edit(&mut document["keys"][0]));
    });
    app_at(provider).await
}

fn octets(key: &Value, name: &str) -> Vec<u8> {
    let encoded = key[name].as_str().expect("a number");
    URL_SAFE_NO_PAD.decode(encoded).expect("base64url")
}

/// RFC 7518 sections 6.2.1.2 and 6.3.1.1, and what people make of them.
#[rocket::async_test]
async fn numbers_of_keys_are_read_as_others_write_them() {
    type Write = fn(Vec<u8>) -> String;
    let ways: [(&str, Write); 5] = [
        ("a leading zero octet", |octets| {
            URL_SAFE_NO_PAD.encode([&[0], &octets[..]].concat())
        }),
        ("three of them", |octets| {
            URL_SAFE_NO_PAD.encode([&[0, 0, 0], &octets[..]].concat())
        }),
        ("base64 with padding", |octets| STANDARD.encode(octets)),
        ("a zero octet, base64 with padding", |octets| {
            STANDARD.encode([&[0], &octets[..]].concat())
        }),
        ("in lines", |octets| {
            let mut encoded = STANDARD.encode(octets);
            encoded.insert_str(2, "\r\n");
            encoded
        }),
    ];
    for (alg, names) in [
        (SigningAlg::Rs256, ["n", "e"]),
        (SigningAlg::Es384, ["x", "y"]),
        (SigningAlg::Es256, ["x", "y"]),
    ] {
        for (way, write) in ways {
            let app = app_with_key(alg, move |key| {
                for name in names {
                    key[name] = write(octets(key, name)).into();
                }
            })
            .await;
            let case = format!("{} with {way}", alg.name());
            Trial::new(&app, case).accepts(ALICE).await;
        }
    }
}

/// A key says what it is for; what it says in a wrong way it has not said.
#[rocket::async_test]
async fn odd_members_do_not_spoil_a_key() {
    let cases = [
        ("x5c", json!("MIIB"), true),
        ("x5c", json!(null), true),
        ("x5t", json!(7), true),
        ("use", json!("SIG"), true),
        ("use", json!(null), true),
        ("use", json!(["sig"]), true),
        ("key_ops", json!(null), true),
        ("key_ops", json!(["verify", 7]), true),
        ("alg", json!(""), true),
        ("use", json!("ENC"), false),
        ("use", json!("enc"), false),
        ("key_ops", json!(["encrypt"]), false),
        ("key_ops", json!(["sign"]), false),
    ];
    for (name, value, accepted) in cases {
        let case = format!("{name} {value}");
        let app = app_with_key(SigningAlg::Rs256, move |key| key[name] = value.clone()).await;
        let trial = Trial::new(&app, case);
        match accepted {
            true => trial.accepts(ALICE).await,
            false => {
                let refusal = Refusal::after_exchange("id_token_unknown_key");
                trial.refuses(refusal).await;
            }
        }
    }
}

#[rocket::async_test]
async fn a_key_that_cannot_be_read_is_named_once() {
    let provider = provider(SigningAlg::Rs256).await;
    provider.hooks().publish(vec![
        json!({ "kty": "RSA", "n": "!", "e": "AQAB", "kid": "cannot-be-read-1" }),
        json!({ "kty": "EC", "crv": "P-256", "x": "AA", "kid": "cannot-be-read-2" }),
    ]);
    let app = app_at(provider).await;
    Trial::new(&app, "the other key").accepts(ALICE).await;
    app.provider.hooks().rotate_keys();
    Trial::new(&app, "after one more fetch")
        .accepts(ALICE)
        .await;
    assert_eq!(app.provider.requests_to(Endpoint::Jwks).len(), 2);
    for line in [
        "kid cannot-be-read-1: n is not base64url",
        "kid cannot-be-read-2: y is missing, or no text",
    ] {
        assert_eq!(lines_with(line).len(), 1, "{line}");
    }
}

#[rocket::async_test]
async fn optional_members_of_answers_count_as_absent() {
    let odd = || {
        [
            json!(null),
            json!(""),
            json!(7),
            json!([]),
            json!({}),
            json!("no address"),
        ]
    };
    for (endpoint, names) in [
        (
            Endpoint::Discovery,
            &[
                "userinfo_endpoint",
                "revocation_endpoint",
                "introspection_endpoint",
                "end_session_endpoint",
                "pushed_authorization_request_endpoint",
                "authorization_response_iss_parameter_supported",
                "scopes_supported",
            ][..],
        ),
        (
            Endpoint::Token,
            &["refresh_token", "scope", "expires_in", "session_state"],
        ),
    ] {
        for value in odd() {
            // Before the app is there: it asks for the metadata at once.
            let provider = provider(SigningAlg::Es384).await;
            let (names, put) = (names.to_vec(), value.clone());
            let edit = move |body: &mut Value| {
                for name in &names {
                    body[*name] = put.clone();
                }
            };
            provider
                .hooks()
                .respond(endpoint, move |_, reply| reply.edit_json(&edit));
            let app = app_at(provider).await;
            let case = format!("{endpoint:?} with {value}");
            Trial::new(&app, case).accepts(ALICE).await;
        }
    }
    let line = "\"userinfo_endpoint\" of the provider cannot be read";
    assert_eq!(lines_with(line).len(), 1, "{line}");
}

#[rocket::async_test]
async fn optional_claims_of_an_id_token_count_as_absent() {
    let app = app_at(provider(SigningAlg::Es384).await).await;
    for name in [
        "sid",
        "acr",
        "amr",
        "name",
        "email_verified",
        "updated_at",
        "roles",
    ] {
        for value in [
            json!(null),
            json!(""),
            json!(7),
            json!([]),
            json!({}),
            json!(true),
        ] {
            let case = format!("{name} {value}");
            app.provider.hooks().id_token(move |_, claims| {
                claims.insert(name.into(), value.clone());
            });
            Trial::new(&app, case).accepts(ALICE).await;
        }
    }
}
