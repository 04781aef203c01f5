//! Every claim that a caller is let in by is there, has its standard type, and
//! says what it must (RFC 9068 section 4). The provider signs all of these
//! tokens rightly: only the claim is at fault.

use logto_dev_provider::{DevProvider, Signing, SigningAlg};
use rocket::figment::value::Dict;
use rocket::serde::json::Value;
use rocket::serde::json::serde_json::json;
use rocket_logto::Logto;

use crate::support::api_app::ApiApp;
use crate::support::app::{ALICE, CLIENT_ID, settings};
use crate::support::attacks::{self, ABSENT};
use crate::support::bearer_api::{
    accepted, app, claims, forge, hooks, is_refusal, now, plain, refused, rocket,
};
use crate::support::clock::clock;
use crate::support::signer::Signer;
use crate::support::targets::{ACME, SHOPPING};

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
    let (text, number) = (value.as_str(), value.as_f64());
    // The biggest number of JSON is no time, but any other is.
    let time = number.filter(|_| value.as_u64() != Some(u64::MAX));
    let later = time.is_some_and(|time| time > 2.0);
    match claim {
        "exp" if later => None,
        "exp" if time.is_some() => Some("expired"),
        "iat" if later => Some("iat"),
        "nbf" if later => Some("nbf"),
        "iat" | "nbf" if time.is_some() => None,
        "nbf" | "jti" | "client_id" | "organization_id" if absent => None,
        "scope" if absent => Some("insufficient_scope"),
        "iss" if value == ABSENT => Some("missing_iss"),
        "sub" if value == ABSENT => Some("missing_sub"),
        "aud" if value == ABSENT => Some("missing_aud"),
        "exp" if value == ABSENT => Some("missing_exp"),
        "iat" if value == ABSENT => Some("missing_iat"),
        "iss" if text.is_some() => Some("iss"),
        "sub" if text.is_some_and(|text| !text.is_empty()) => None,
        "aud" | "organization_id" if text.is_some() => Some("aud"),
        "aud" if *value == json!([]) => Some("missing_aud"),
        "aud" if *value == json!([CLIENT_ID]) => Some("aud"),
        "scope" if text.is_some() => Some("insufficient_scope"),
        // A list of names is as good.
        "scope" if *value == json!([]) || *value == json!([CLIENT_ID]) => {
            Some("insufficient_scope")
        }
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
    refused(&app, "an ID token", &id_token, "id_token").await;
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
