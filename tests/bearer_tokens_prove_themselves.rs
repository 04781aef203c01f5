//! A bearer token counts only when a published key signed it with the one
//! configured algorithm, and every claim it rests on is there and right: the
//! attacks on ID tokens, tried on an API (RFC 8725, RFC 9068 section 4).

use reqwest::Method;
use rocket::figment::value::Dict;
use rocket::futures::future::join_all;
use rocket::serde::json::serde_json::{Map, json, to_string};
use rocket::serde::json::{Json, Value};
use rocket::{Build, Rocket, get, routes};
use rocket_logto::dev_provider::{DevProvider, Endpoint, Hooks, Signing, SigningAlg};
use rocket_logto::{Bearer, Logto, Permission};
use serde::Deserialize;

use crate::support::api_app::ApiApp;
use crate::support::app::{ALICE, CLIENT_ID, CLIENT_SECRET, keys, settings};
use crate::support::attacks::{self, ABSENT};
use crate::support::browser::{Browser, Response};
use crate::support::clock::clock;
use crate::support::log::reason_of;
use crate::support::signer::{Signer, base64url};
use crate::support::token_app::{ACME, SHOPPING, Shopping};

struct Read;

impl Permission for Read {
    type Audience = Shopping;
    const SCOPES: &'static [&'static str] = &["read"];
}

#[derive(Deserialize)]
struct Plan {
    plan: String,
    seats: Option<u32>,
}

#[get("/cart")]
fn cart(caller: Bearer<Read>) -> String {
    caller.sub().to_owned()
}

#[get("/plan")]
fn plan(caller: Bearer<Read, Plan>) -> Json<Value> {
    let Plan { plan, seats } = caller.custom_claims();
    Json(json!({ "sub": caller.sub(), "plan": plan, "seats": seats }))
}

fn rocket() -> Rocket<Build> {
    rocket::build().mount("/", routes![cart, plan])
}

/// An API and a provider that agree on `alg`.
async fn app(alg: SigningAlg) -> ApiApp {
    let mut settings = settings();
    settings.signing_alg = alg;
    let provider = DevProvider::start(settings).await.expect("a provider");
    let logto = keys([("id_token_alg", alg.name().into())]);
    ApiApp::attached(provider, logto, rocket().attach(Logto::api())).await
}

fn now() -> i64 {
    rocket::time::OffsetDateTime::now_utc().unix_timestamp()
}

fn claims(app: &ApiApp) -> Map<String, Value> {
    let claims = json!({
        "jti": "j", "iss": app.provider.issuer(), "sub": ALICE, "aud": SHOPPING,
        "client_id": CLIENT_ID, "iat": now(), "exp": now() + 600, "scope": "read",
    });
    claims.as_object().cloned().expect("an object")
}

fn hooks(app: &ApiApp) -> &Hooks {
    app.provider.hooks()
}

/// A token signed in this way; `edit` has the last word on header and claims.
fn forge(
    app: &ApiApp,
    signing: &Signing,
    edit: impl FnOnce(&mut Map<String, Value>, &mut Map<String, Value>),
) -> String {
    hooks(app).forge(signing, "at+jwt", claims(app), edit)
}

fn plain(_: &mut Map<String, Value>, _: &mut Map<String, Value>) {}

/// Members of a header in place of its own; null takes one away.
fn header_with(members: &Value) -> impl FnOnce(&mut Map<String, Value>, &mut Map<String, Value>) {
    let members = members.as_object().cloned().unwrap_or_default();
    move |header, _| header.extend(members)
}

async fn accepted(app: &ApiApp, case: &str, token: &str) -> String {
    let answer = app.call("/cart", token).await;
    assert_eq!(answer.status(), 200, "{case}: {}", answer.text());
    answer.text()
}

/// Turned away: status, challenge, body and log line agree.
async fn refused(app: &ApiApp, case: &str, token: &str, reason: &str) {
    let answer = app.call("/cart", token).await;
    is_refusal(&answer, case, reason);
}

fn is_refusal(answer: &Response, case: &str, reason: &str) {
    let case: String = case.chars().take(120).collect();
    let (status, error) = match reason {
        "insufficient_scope" => (403, "insufficient_scope"),
        "malformed_token" | "long_token" => (400, "invalid_request"),
        _ => (401, "invalid_token"),
    };
    assert_eq!(answer.status(), status, "{case}: {}", answer.text());
    let body: Value = answer.json();
    assert_eq!(body["error"], error, "{case}");
    let challenge = answer.header("www-authenticate").unwrap_or_default();
    let named = format!("Bearer error=\"{error}\"");
    assert!(challenge.starts_with(&named), "{case}: {challenge}");
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{case}");
    assert!(!answer.text().contains(ALICE), "{case}");
    let reference = body["reference"].as_str().expect("a reference");
    assert_eq!(reason_of(reference), reason, "{case}");
}

#[rocket::async_test]
async fn a_token_without_signature_is_refused() {
    for alg in [SigningAlg::Es384, SigningAlg::Rs256] {
        let app = app(alg).await;
        for spelling in attacks::UNSIGNED {
            for end in [".", ""] {
                let header = json!({ "alg": spelling, "typ": "at+jwt" }).to_string();
                let payload = to_string(&claims(&app)).expect("claims");
                let token = format!("{}.{}{end}", base64url(header), base64url(payload));
                // Without the dot it has two parts, as no JWT has.
                let reason = if end.is_empty() { "opaque" } else { "alg" };
                let case = format!("{} and alg {spelling:?} with end {end:?}", alg.name());
                refused(&app, &case, &token, reason).await;
            }
            let signed = forge(
                &app,
                &Signing::Key,
                header_with(&json!({ "alg": spelling })),
            );
            let case = format!("{} signed and alg {spelling:?}", alg.name());
            refused(&app, &case, &signed, "alg").await;
        }
        let good = forge(&app, &Signing::Key, plain);
        assert_eq!(accepted(&app, alg.name(), &good).await, ALICE);
    }
}

#[rocket::async_test]
async fn a_signature_must_be_the_keys_over_these_very_bytes() {
    for alg in [SigningAlg::Es384, SigningAlg::Rs256] {
        let app = app(alg).await;
        for (what, signature) in attacks::signatures(hooks(&app)) {
            let raw = Signing::raw(move |header, claims| {
                [base64url(header), base64url(claims), base64url(&signature)].join(".")
            });
            let right = json!({ "alg": alg.name(), "kid": hooks(&app).kid() });
            let token = forge(&app, &raw, header_with(&right));
            let case = format!("{} with a signature {what}", alg.name());
            refused(&app, &case, &token, "signature").await;
        }
        let token = forge(&app, &Signing::Corrupt, plain);
        refused(&app, "one bit turned", &token, "signature").await;
        let token = forge(&app, &Signing::UnpublishedKey, plain);
        refused(&app, "a key nobody published", &token, "unknown_key").await;
    }
}

#[rocket::async_test]
async fn a_public_key_or_a_secret_is_no_hmac_key() {
    for alg in [SigningAlg::Es384, SigningAlg::Rs256] {
        let app = app(alg).await;
        for (encoding, secret) in attacks::hmac_secrets(hooks(&app), alg) {
            let hmac = Signing::Hmac(secret);
            let case = format!("{} and HS256 with the {encoding}", alg.name());
            refused(&app, &case, &forge(&app, &hmac, plain), "alg").await;
            let no_kid = forge(&app, &hmac, |header, _| _ = header.remove("kid"));
            refused(&app, &case, &no_kid, "alg").await;
            let named = json!({ "alg": alg.name(), "kid": hooks(&app).kid() });
            let named = forge(&app, &hmac, header_with(&named));
            refused(
                &app,
                &format!("{case}, called {}", alg.name()),
                &named,
                "signature",
            )
            .await;
        }
    }
}

#[rocket::async_test]
async fn another_algorithm_is_refused_although_its_key_is_published() {
    let all = [SigningAlg::Es384, SigningAlg::Es256, SigningAlg::Rs256];
    for alg in [SigningAlg::Es384, SigningAlg::Rs256] {
        let app = app(alg).await;
        for other in all.into_iter().filter(|other| *other != alg) {
            hooks(&app).publish_alg(other);
            let case = format!("{} pinned, {} used", alg.name(), other.name());
            let token = forge(&app, &Signing::Alg(other), plain);
            refused(&app, &case, &token, "alg").await;
            let hidden = json!({ "alg": alg.name() });
            let hidden = forge(&app, &Signing::Alg(other), header_with(&hidden));
            refused(&app, &format!("{case} and hidden"), &hidden, "unknown_key").await;
        }
    }
    let app = app(SigningAlg::Es384).await;
    for named in attacks::misspelt_algs() {
        let token = forge(&app, &Signing::Key, header_with(&json!({ "alg": named })));
        refused(&app, &named.to_string(), &token, "alg").await;
    }
    for odd in attacks::mistyped_algs() {
        let token = forge(&app, &Signing::Key, header_with(&json!({ "alg": odd })));
        refused(&app, &odd.to_string(), &token, "malformed").await;
    }
}

#[rocket::async_test]
async fn a_key_in_the_header_is_neither_used_nor_fetched() {
    let app = app(SigningAlg::Es384).await;
    let attacker = Signer::start(SigningAlg::Es384).await;
    let real = hooks(&app).kid();
    for injected in attacks::key_injections(&attacker) {
        for (whose, kid, reason) in attacks::kids_for_injections(&attacker, &real) {
            let members = injected.clone();
            let signing = attacker.signing(move |header, _| {
                header.extend(members.as_object().cloned().unwrap_or_default());
                header.insert("kid".into(), kid.clone());
                header.retain(|_, value| !value.is_null());
            });
            let token = forge(&app, &signing, plain);
            refused(&app, &format!("{injected} and {whose} kid"), &token, reason).await;
        }
    }
    assert_eq!(attacker.visits(), [""; 0], "it fetched what it was told to");

    for kid in attacks::odd_kids(&real, &app.provider.issuer()) {
        let token = forge(&app, &Signing::Key, header_with(&json!({ "kid": kid })));
        let reason = match token.len() > 16 * 1024 {
            true => "long_token",
            false => "unknown_key",
        };
        // What is too long for any header is cut off by the server itself.
        if token.len() < 100_000 {
            refused(&app, &kid.to_string(), &token, reason).await;
        }
    }
    for kid in attacks::mistyped_kids(&real) {
        let token = forge(&app, &Signing::Key, header_with(&json!({ "kid": kid })));
        refused(&app, &kid.to_string(), &token, "malformed").await;
    }
    let fetches = app.provider.requests_to(Endpoint::Jwks).len();
    assert!(fetches <= 1 + 3, "{fetches} fetches of the key set");
    assert_eq!(app.provider.requests_to(Endpoint::Unknown).len(), 0);
    // The attacker's tokens lack nothing but a published key.
    let fresh = self::app(SigningAlg::Es384).await;
    hooks(&fresh).publish(vec![attacker.jwk()]);
    let token = forge(&fresh, &attacker.signing(|_, _| {}), plain);
    assert_eq!(accepted(&fresh, "published", &token).await, ALICE);
}

#[rocket::async_test]
async fn an_extension_or_another_kind_of_token_is_refused() {
    let app = app(SigningAlg::Es384).await;
    for (members, reason) in attacks::extensions() {
        let token = forge(&app, &Signing::Key, header_with(&members));
        refused(&app, &members.to_string(), &token, reason).await;
    }
    for typ in [
        "logout+jwt",
        "secevent+jwt",
        "dpop+jwt",
        "JOSE",
        "",
        "JWT ",
        "at+jwt;x",
    ] {
        let token = forge(&app, &Signing::Key, header_with(&json!({ "typ": typ })));
        refused(&app, typ, &token, "typ").await;
    }
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "JWT"] {
        let token = forge(&app, &Signing::Key, header_with(&json!({ "typ": typ })));
        accepted(&app, typ, &token).await;
    }
    let token = forge(&app, &Signing::Key, |header, _| _ = header.remove("typ"));
    accepted(&app, "no typ", &token).await;
}

/// A minute of tolerance; well inside and well outside of it, so that the speed
/// of the machine decides nothing.
#[rocket::async_test]
async fn a_token_is_from_now_and_says_what_it_allows() {
    let app = app(SigningAlg::Es384).await;
    let at = |seconds: i64| json!(now() + seconds);
    let cases = [
        ("exp", at(-30), None),
        ("exp", at(-90), Some("expired")),
        ("exp", json!(i64::MAX), None),
        ("exp", json!(i64::MIN), Some("expired")),
        ("iat", at(30), None),
        ("iat", at(90), Some("iat")),
        ("iat", at(-86_400), None),
        ("iat", json!(now() * 1000), Some("iat")),
        ("nbf", at(30), None),
        ("nbf", at(90), Some("nbf")),
        ("nbf", json!(i64::MAX), Some("nbf")),
        ("sub", json!("s".repeat(255)), None),
        ("sub", json!("s".repeat(256)), Some("claims")),
        ("scope", json!("a read b"), None),
        ("scope", json!("reader"), Some("insufficient_scope")),
        ("scope", json!("READ"), Some("insufficient_scope")),
        ("scope", json!("a\tread"), Some("insufficient_scope")),
    ];
    for (claim, value, verdict) in cases {
        let case = format!("{claim} {value}");
        let token = forge(&app, &Signing::Key, |_, claims| {
            claims.insert(claim.into(), value);
        });
        match verdict {
            None => _ = accepted(&app, &case, &token).await,
            Some(reason) => refused(&app, &case, &token, reason).await,
        }
    }
}

/// What is remembered of a token ends with it.
#[rocket::async_test]
async fn a_token_seen_before_ends_when_it_says() {
    let clock = clock!();
    let provider = DevProvider::start(settings()).await.expect("a provider");
    let fairing = Logto::api().with_clock(clock.read);
    let app = ApiApp::attached(provider, Dict::new(), rocket().attach(fairing)).await;
    let token = forge(&app, &Signing::Key, plain);
    accepted(&app, "new", &token).await;
    clock.advance(&app.provider, 630);
    accepted(&app, "within the tolerance", &token).await;
    clock.advance(&app.provider, 60);
    refused(&app, "over", &token, "expired").await;
}

/// What a claim like this comes to: `None` is a good token.
fn verdict(claim: &str, value: &Value) -> Option<&'static str> {
    let absent = value == ABSENT || value.is_null();
    let (text, number) = (value.as_str(), value.as_i64());
    match claim {
        "exp" if number.is_some() => Some("expired"),
        "iat" | "nbf" if number.is_some() => None,
        "nbf" | "jti" | "client_id" | "organization_id" if absent => None,
        "scope" if absent => Some("insufficient_scope"),
        _ if value == ABSENT => Some("claims"),
        "iss" if text.is_some() => Some("iss"),
        "sub" if text.is_some_and(|text| !text.is_empty()) => None,
        "aud" | "organization_id" if text.is_some() => Some("aud"),
        "aud" if *value == json!([]) || *value == json!([CLIENT_ID]) => Some("aud"),
        "scope" if text.is_some() => Some("insufficient_scope"),
        "jti" | "client_id" if text.is_some() => None,
        _ => Some("claims"),
    }
}

#[rocket::async_test]
async fn each_claim_has_its_type() {
    let app = app(SigningAlg::Es384).await;
    let named = [
        "exp",
        "iat",
        "nbf",
        "iss",
        "aud",
        "sub",
        "jti",
        "client_id",
        "scope",
        "organization_id",
    ];
    for claim in named {
        for value in attacks::values(CLIENT_ID, now() + 3600) {
            let token = forge(&app, &Signing::Key, |_, claims| {
                match value.as_str() {
                    Some(ABSENT) => claims.remove(claim),
                    _ => claims.insert(claim.into(), value.clone()),
                };
            });
            let case = format!("{claim} {value}");
            match verdict(claim, &value) {
                None => _ = accepted(&app, &case, &token).await,
                Some(reason) => refused(&app, &case, &token, reason).await,
            }
        }
    }
    let signer = Signer::start(SigningAlg::Es384).await;
    hooks(&app).publish(vec![signer.jwk()]);
    // An access token has no nonce: to this API it is a custom claim.
    for (case, edit) in attacks::PAYLOADS
        .into_iter()
        .filter(|(case, _)| *case != "nonce twice")
    {
        let signing = signer.signing_text(move |header, claims| (header.into(), edit(claims)));
        refused(&app, case, &forge(&app, &signing, plain), "claims").await;
    }
}

#[rocket::async_test]
async fn issuer_and_audience_are_compared_byte_for_byte() {
    let app = app(SigningAlg::Es384).await;
    let with = |claim: &str, value: Value| {
        forge(&app, &Signing::Key, |_, claims| {
            _ = claims.insert(claim.into(), value)
        })
    };
    for wrong in attacks::near_issuers(&app.provider.issuer()) {
        refused(&app, &wrong, &with("iss", json!(wrong)), "iss").await;
    }
    let upper = SHOPPING.to_uppercase();
    for aud in [
        json!("other"),
        json!(&SHOPPING[..SHOPPING.len() - 1]),
        json!(&SHOPPING[1..]),
        json!(format!("{SHOPPING}/")),
        json!(format!("{SHOPPING}/orders")),
        json!(format!("{SHOPPING} ")),
        json!(format!("other {SHOPPING}")),
        json!(format!("{SHOPPING},other")),
        json!(upper),
        json!(CLIENT_ID),
        json!(format!("urn:logto:organization:{ACME}")),
        json!(["other"]),
        json!(["other", upper]),
        json!([""]),
    ] {
        refused(&app, &aud.to_string(), &with("aud", aud.clone()), "aud").await;
    }
    for aud in [json!([SHOPPING]), json!(["other", SHOPPING])] {
        accepted(&app, &aud.to_string(), &with("aud", aud.clone())).await;
    }
    // An ID token says whom it is for, and that is not an API.
    let id_token = hooks(&app).forge(&Signing::Key, "JWT", claims(&app), |_, claims| {
        claims.insert("aud".into(), json!(CLIENT_ID));
        claims.insert("nonce".into(), json!("n"));
    });
    refused(&app, "an ID token", &id_token, "aud").await;
}

/// CVE-2026-40155: whoever calls with whatever token is answered as themselves,
/// the first time and from what is remembered.
#[rocket::async_test]
async fn callers_are_not_mixed_up() {
    let table = keys([
        ("app_id", CLIENT_ID.into()),
        ("app_secret", CLIENT_SECRET.into()),
        ("introspect_opaque_tokens", true.into()),
    ]);
    let app = ApiApp::start(table, rocket()).await;
    let template = Value::from(claims(&app));
    hooks(&app).respond(Endpoint::Introspection, move |request, reply| {
        let mut body = template.clone();
        body["active"] = true.into();
        body["sub"] = request.form_value("token").into();
        *reply = rocket_logto::dev_provider::Reply::json(200, &body);
    });
    let tokens: Vec<_> = (0..200)
        .map(|n| {
            let sub = format!("user-{n}");
            let jwt = forge(&app, &Signing::Key, |_, claims| {
                claims.insert("sub".into(), sub.clone().into());
            });
            let token = if n % 2 == 0 { jwt } else { sub.clone() };
            (sub, token)
        })
        .collect();
    let (browser, url) = (Browser::new(), app.url("/cart"));
    for round in 0..2 {
        let calls = tokens.iter().map(async |(sub, token)| {
            let request = browser.request(Method::GET, &url);
            let bearer = format!("Bearer {token}");
            let answer = request.header("authorization", &bearer).send().await;
            assert_eq!(answer.status(), 200, "{round}: {}", answer.text());
            assert_eq!(answer.text(), *sub, "round {round}");
        });
        join_all(calls).await;
    }
    assert_eq!(app.provider.requests_to(Endpoint::Introspection).len(), 100);
}

#[rocket::async_test]
async fn custom_claims_are_read_into_a_type() {
    let app = app(SigningAlg::Es384).await;
    let with = |members: Value| {
        forge(&app, &Signing::Key, |_, claims| {
            claims.extend(members.as_object().cloned().unwrap_or_default());
        })
    };
    let answer = app
        .call("/plan", &with(json!({ "plan": "pro", "more": [1] })))
        .await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let body: Value = answer.json();
    assert_eq!(body, json!({ "sub": ALICE, "plan": "pro", "seats": null }));
    for members in [
        json!({}),
        json!({ "plan": 7 }),
        json!({ "plan": "pro", "seats": "many" }),
    ] {
        let token = with(members.clone());
        is_refusal(
            &app.call("/plan", &token).await,
            &members.to_string(),
            "custom_claims",
        );
        accepted(&app, "who asks for none", &token).await;
    }
}

/// A preflight carries no credentials and learns nothing; a `HEAD` is a `GET`
/// without the body.
#[rocket::async_test]
async fn preflights_and_heads_tell_nothing() {
    let app = app(SigningAlg::Es384).await;
    let (good, bad) = (
        forge(&app, &Signing::Key, plain),
        forge(&app, &Signing::Corrupt, plain),
    );
    let browser = Browser::new();
    let preflight = browser
        .request(Method::OPTIONS, app.url("/cart"))
        .header("origin", "https://evil.example")
        .header("access-control-request-method", "GET")
        .header("access-control-request-headers", "authorization")
        .send()
        .await;
    assert_eq!(preflight.status(), 404);
    for (token, status) in [(Some(&good), 200), (Some(&bad), 401), (None, 401)] {
        let send = async |method: Method| {
            let mut request = browser.request(method, app.url("/cart"));
            request = request.header("origin", "https://evil.example");
            if let Some(token) = token {
                request = request.header("authorization", format!("Bearer {token}"));
            }
            request.send().await
        };
        let (head, get) = (send(Method::HEAD).await, send(Method::GET).await);
        assert_eq!((head.status(), get.status()), (status, status));
        assert_eq!(head.text(), "");
        for answer in [&preflight, &head, &get] {
            for name in [
                "access-control-allow-origin",
                "access-control-allow-credentials",
                "access-control-allow-headers",
                "access-control-allow-methods",
            ] {
                assert_eq!(answer.header(name), None, "{name}");
            }
        }
    }
}
