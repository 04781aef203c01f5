//! What a provider sends beside what is needed may be missing, null, empty or of any
//! type: it stops nobody, and the log names it once.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use logto_dev_provider::{DevProvider, Endpoint, Reply, SigningAlg};
use rocket::figment::value::Dict;
use rocket::serde::json::Value;
use rocket::serde::json::serde_json::json;
use rocket::time::OffsetDateTime;
use rocket::{get, routes};
use rocket_logto::{Bearer, Error, Logto, User};

use crate::support::api_app::{ApiApp, introspecting};
use crate::support::app::{ALICE, CLIENT_ID, TestApp, settings};
use crate::support::browser::Browser;
use crate::support::log::lines_with;
use crate::support::pages::pages_and_again;
use crate::support::refusal::{Refusal, Trial, app_at};
use crate::support::targets::{Read, SHOPPING};

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

/// What stands in the place of a member that nobody needs.
fn odd() -> Vec<Value> {
    vec![
        json!(null),
        json!(""),
        json!(7),
        json!(-1.5),
        json!(true),
        json!([]),
        json!([null, 7, ["x"], {}]),
        json!({}),
        json!({ "a": { "b": [null] } }),
        json!("no such thing"),
        json!("long ".repeat(2000)),
    ]
}

/// Sets these members, wherever they are, to this value.
fn put(names: &'static [&'static str], value: &Value) -> impl Fn(&mut Reply) + use<> {
    let value = value.clone();
    move |reply| {
        reply.edit_json(|body| {
            for name in names {
                body[*name] = value.clone();
            }
        });
    }
}

const METADATA: &[&str] = &[
    "userinfo_endpoint",
    "revocation_endpoint",
    "introspection_endpoint",
    "end_session_endpoint",
    "pushed_authorization_request_endpoint",
    "authorization_response_iss_parameter_supported",
    "scopes_supported",
    "response_types_supported",
    "subject_types_supported",
    "token_endpoint_auth_methods_supported",
    "code_challenge_methods_supported",
    "claims_supported",
    "claims_parameter_supported",
    "device_authorization_endpoint",
    "registration_endpoint",
    "op_policy_uri",
    "mtls_endpoint_aliases",
];

/// Each member by itself, and all at once.
fn some_and_all(names: &'static [&'static str]) -> impl Iterator<Item = &'static [&'static str]> {
    (0..names.len()).map(|at| &names[at..=at]).chain([names])
}

#[rocket::async_test]
async fn optional_members_of_metadata() {
    for names in some_and_all(METADATA) {
        // One member needs one kind of nonsense only; all of them together need all.
        let values = if names.len() == 1 {
            odd().split_off(8)
        } else {
            odd()
        };
        for value in values {
            let provider = provider(SigningAlg::Es384).await;
            let edit = put(names, &value);
            // Before the app is there: it asks for the metadata at once.
            let hooks = provider.hooks();
            hooks.respond(Endpoint::Discovery, move |_, reply| edit(reply));
            let app = app_at(provider).await;
            let case = format!("{names:?} is {value}");
            Trial::new(&app, case).accepts(ALICE).await;
        }
    }
    let line = "\"userinfo_endpoint\" of the provider cannot be read in an answer";
    assert_eq!(lines_with(line).len(), 1, "{line}");
}

const KEY: &[&str] = &[
    "use", "key_ops", "alg", "kid", "x5c", "x5t", "x5t#S256", "x5u", "ext", "iat", "exp", "nbf",
];

/// What a key says it is for counts; so do words, and only them.
#[rocket::async_test]
async fn optional_members_of_keys() {
    for names in some_and_all(KEY) {
        let values = odd().into_iter().filter(|value| {
            let says = value.as_str().is_some_and(|text| !text.is_empty());
            let means = ["use", "key_ops", "alg", "kid"]
                .iter()
                .any(|name| names.contains(name));
            !(says && means)
        });
        for value in values {
            let case = format!("{names:?} is {value}");
            let provider = provider(SigningAlg::Rs256).await;
            // The keys have lost their names, so the tokens name none.
            provider.hooks().hide_kid(true);
            provider.hooks().respond(Endpoint::Jwks, move |_, reply| {
                reply.edit_json(|document| {
                    for name in names {
                        document["keys"][0][*name] = value.clone();
                    }
                    document["odd"] = value.clone();
                });
            });
            let app = app_at(provider).await;
            Trial::new(&app, case).accepts(ALICE).await;
        }
    }
}

const TOKENS: &[&str] = &[
    "refresh_token",
    "expires_in",
    "scope",
    "session_state",
    "refresh_expires_in",
    "not-before-policy",
    "issued_token_type",
    "id_token_expires_in",
    "state",
];

#[get("/refreshed")]
async fn refreshed(user: User) -> Result<String, Error> {
    Ok(user.refresh().await?.sub().to_owned())
}

/// At the sign-in, and in a refresh, where there may be an ID token or not.
#[rocket::async_test]
async fn optional_members_of_token_answers() {
    let provider = provider(SigningAlg::Es384).await;
    provider.hooks().sign_in_as(Some(ALICE));
    let rocket = pages_and_again().mount("/", routes![refreshed]);
    let app = TestApp::at(provider, Dict::new(), rocket).await;
    for names in some_and_all(TOKENS) {
        for value in odd() {
            let case = format!("{names:?} is {value}");
            let edit = put(names, &value);
            let hooks = app.provider.hooks();
            hooks.respond(Endpoint::Token, move |_, reply| edit(reply));
            Trial::new(&app, case).accepts(ALICE).await;
        }
    }
    app.provider.hooks().behave(Endpoint::Token);
    for names in some_and_all(TOKENS).chain([&["id_token"][..]]) {
        for value in odd() {
            // A text is a token, which has to be right.
            let is_text = value.as_str().is_some_and(|text| !text.is_empty());
            if is_text && names.contains(&"id_token") {
                continue;
            }
            let case = format!("{names:?} is {value} in a refresh");
            let browser = Browser::new();
            browser.navigate_following(app.url("/protected"), 10).await;
            let edit = put(names, &value);
            app.provider.clear_requests();
            let hooks = app.provider.hooks();
            hooks.respond(Endpoint::Token, move |_, reply| edit(reply));
            let page = browser.navigate(app.url("/refreshed")).await;
            assert_eq!(page.text(), ALICE, "{case}");
            assert_eq!(app.provider.requests_to(Endpoint::Token).len(), 1, "{case}");
            app.provider.hooks().behave(Endpoint::Token);
            // A text is the new refresh token, though none that the provider knows.
            if is_text && names.contains(&"refresh_token") {
                continue;
            }
            // Not only once: the next one has a refresh token, too.
            let page = browser.navigate(app.url("/refreshed")).await;
            assert_eq!(page.text(), ALICE, "{case}, and again");
        }
    }
}

/// Claims that say something about the token stay strict, for what they are there for;
/// null says nothing.
#[rocket::async_test]
async fn optional_claims_of_an_id_token() {
    let app = app_at(provider(SigningAlg::Es384).await).await;
    for name in [
        "sid",
        "acr",
        "amr",
        "name",
        "picture",
        "email",
        "email_verified",
        "phone_number",
        "phone_number_verified",
        "address",
        "updated_at",
        "created_at",
        "birthdate",
        "roles",
        "organizations",
        "organization_roles",
        "custom_data",
        "identities",
        "jti",
        "c_hash",
        "s_hash",
        "at_hash_of_another",
    ] {
        for value in odd() {
            let case = format!("{name} {value}");
            app.provider.hooks().id_token(move |_, claims| {
                claims.insert(name.into(), value.clone());
            });
            Trial::new(&app, case).accepts(ALICE).await;
        }
    }
    for name in ["at_hash", "azp", "nbf", "auth_time"] {
        app.provider.hooks().id_token(move |_, claims| {
            claims.insert(name.into(), json!(null));
        });
        Trial::new(&app, format!("{name} is null"))
            .accepts(ALICE)
            .await;
        let line = format!("\"{name}\" of the provider cannot be read in an ID token");
        assert_eq!(lines_with(&line).len(), 1, "{line}");
    }
    for name in ["sid", "amr", "email_verified", "roles"] {
        let line = format!("\"{name}\" of the provider cannot be read in an ID token");
        assert_eq!(lines_with(&line).len(), 1, "{line}");
    }
}

/// RFC 7515 section 4.1: what nobody looks at. `crit`, `alg` and `typ` are looked at.
#[rocket::async_test]
async fn optional_members_of_a_tokens_header() {
    let app = app_at(provider(SigningAlg::Es384).await).await;
    for name in [
        "kid", "jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256", "cty", "p2c", "zip",
    ] {
        for value in odd() {
            if name == "kid" && value.as_str().is_some_and(|text| !text.is_empty()) {
                continue;
            }
            let case = format!("{name} {value}");
            app.provider.hooks().id_token(move |header, _| {
                header.insert(name.into(), value.clone());
            });
            Trial::new(&app, case).accepts(ALICE).await;
        }
    }
    for name in ["kid", "x5c", "x5t", "jku", "jwk"] {
        let line = format!("\"{name}\" of the provider cannot be read in the header of a token");
        assert_eq!(lines_with(&line).len(), 1, "{line}");
    }
}

/// The claims about the user, but for `sub`.
#[rocket::async_test]
async fn optional_members_of_userinfo() {
    const NAMES: &[&str] = &[
        "name",
        "email",
        "email_verified",
        "phone_number_verified",
        "picture",
        "updated_at",
        "created_at",
        "address",
        "custom_data",
        "identities",
        "sso_identities",
        "roles",
        "organizations",
        "organization_data",
        "organization_roles",
        "iss",
        "aud",
        "exp",
    ];
    let app = app_at(provider(SigningAlg::Es384).await).await;
    let browser = Browser::new();
    browser.navigate_following(app.url("/protected"), 10).await;
    for names in some_and_all(NAMES) {
        for value in odd() {
            let case = format!("{names:?} is {value}");
            let edit = put(names, &value);
            let hooks = app.provider.hooks();
            hooks.respond(Endpoint::UserInfo, move |_, reply| edit(reply));
            let info = browser.navigate(app.url("/userinfo")).await;
            assert_eq!(info.status(), 200, "{case}: {}", info.text());
            assert_eq!(info.json::<Value>()["sub"], ALICE, "{case}");
        }
    }
    let line = "\"email_verified\" of the provider cannot be read in userinfo";
    assert_eq!(lines_with(line).len(), 1, "{line}");

    // A BOM and other members are no fault of the account's.
    app.provider
        .hooks()
        .respond(Endpoint::UserInfo, |_, reply| {
            reply.body = [b"\xef\xbb\xbf", &reply.body[..]].concat();
        });
    assert_eq!(browser.navigate(app.url("/userinfo")).await.status(), 200);
}

/// A pushed request needs its `request_uri`, and nothing else.
#[rocket::async_test]
async fn optional_members_of_a_pushed_request() {
    let mut settings = settings();
    settings.offers_par = true;
    let app = app_at(DevProvider::start(settings).await.expect("a provider")).await;
    for value in odd() {
        let case = format!("expires_in is {value}");
        let edit = put(&["expires_in", "odd"], &value);
        let hooks = app.provider.hooks();
        hooks.respond(Endpoint::PushedAuth, move |_, reply| edit(reply));
        let browser = Browser::new();
        let hops = browser.navigate_following(app.url("/protected"), 10).await;
        assert_eq!(hops.last().expect("a page").text(), ALICE, "{case}");
    }
}

#[get("/cart")]
fn cart(caller: Bearer<Read>) -> String {
    caller.sub().to_owned()
}

/// RFC 7662 section 2.2: all but `active` is optional. What limits the token stays
/// strict.
#[rocket::async_test]
async fn optional_members_of_introspection() {
    const NAMES: &[&str] = &[
        "iss",
        "jti",
        "username",
        "client_id",
        "token_type",
        "iat",
        "nbf",
        "odd",
    ];
    let provider = provider(SigningAlg::Es384).await;
    let issuer = provider.issuer();
    let rocket = rocket::build()
        .mount("/", routes![cart])
        .attach(Logto::api());
    let app = ApiApp::attached(provider, introspecting(CLIENT_ID), rocket).await;
    let good = json!({
        "active": true, "sub": "caller", "aud": SHOPPING, "scope": "read", "iss": issuer,
        "exp": OffsetDateTime::now_utc().unix_timestamp() + 3600,
    });
    let mut number = 0;
    for names in some_and_all(NAMES) {
        for value in odd() {
            let (words, other) = (
                value.is_string() && value != "",
                !value.is_null() && value != "",
            );
            // Another issuer, a type that is not a bearer's, a time that is none.
            let is_strict = |name: &&&str| match **name {
                "iss" | "token_type" => words,
                "iat" | "nbf" => other && !value.is_number(),
                _ => false,
            };
            if names.iter().any(|name| is_strict(&name)) {
                continue;
            }
            let mut body = good.clone();
            for name in names {
                body[*name] = value.clone();
            }
            let hooks = app.provider.hooks();
            hooks.respond(Endpoint::Introspection, move |_, reply| {
                *reply = Reply::json(200, &body)
            });
            number += 1;
            let answer = app.call("/cart", &format!("opaque-{number}")).await;
            let case = format!("{names:?} is {value}");
            assert_eq!(answer.status(), 200, "{case}: {}", answer.text());
            assert_eq!(answer.text(), "caller", "{case}");
        }
    }
    let line = "\"jti\" of the provider cannot be read in the answer of introspection";
    assert_eq!(lines_with(line).len(), 1, "{line}");
}
