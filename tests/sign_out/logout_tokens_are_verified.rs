//! A logout token is taken when it is right in every point of OpenID Connect
//! Back-Channel Logout 1.0 section 2.6, once, and refused otherwise.

use std::sync::{Arc, Mutex};

use logto_dev_provider::{Endpoint, Signing, SigningAlg};
use serde_json::{Value, json};

use crate::support::app::{ALICE, CLIENT_SECRET};
use crate::support::backchannel::{Json, Provided, frozen, status_of};
use crate::support::log::reason_of;
use crate::support::signer::claims_of;

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// What the configuration allows clocks to differ by, and how old a token
/// without `exp` may be.
const TOLERANCE: i64 = 60;
const LIFETIME: i64 = 300;

/// What the log says of a token that was refused.
const REASONS: [&str; 18] = [
    "alg",
    "aud",
    "claims",
    "crit",
    "events",
    "expired",
    "iat",
    "iss",
    "missing_aud",
    "missing_events",
    "missing_iat",
    "missing_iss",
    "missing_jti",
    "neither_sub_nor_sid",
    "nonce",
    "signature",
    "typ",
    "unknown_key",
];

/// Changes the header and the claims of a token.
type Edit = fn(&mut Json, &mut Json);

/// A fault of a token, and its name. Those of the OpenID Foundation's modules
/// are in `conformance::backchannel_logout`.
type Fault = (&'static str, Signing, Edit);

fn faults() -> Vec<Fault> {
    let key = Signing::Key;
    vec![
        ("typ of an access token", key.clone(), |header, _| {
            drop(header.insert("typ".into(), json!("at+jwt")))
        }),
        ("typ of an event", key.clone(), |header, _| {
            drop(header.insert("typ".into(), json!("secevent+jwt")))
        }),
        ("empty typ", key.clone(), |header, _| {
            drop(header.insert("typ".into(), json!("")))
        }),
        ("exp past", key.clone(), |_, claims| {
            claims.insert("exp".into(), json!(frozen() - TOLERANCE));
        }),
        ("exp past, iat young", key.clone(), |_, claims| {
            claims.insert("iat".into(), json!(frozen()));
            claims.insert("exp".into(), json!(frozen() - 3600));
        }),
        ("exp as text", key.clone(), |_, claims| {
            drop(claims.insert("exp".into(), json!("never")))
        }),
        ("iat too old without exp", key.clone(), |_, claims| {
            claims.insert("iat".into(), json!(frozen() - LIFETIME - TOLERANCE - 1));
        }),
        ("iat in the future", key.clone(), |_, claims| {
            claims.insert("iat".into(), json!(frozen() + TOLERANCE + 1));
        }),
        ("iat in the future, with exp", key.clone(), |_, claims| {
            claims.insert("iat".into(), json!(frozen() + TOLERANCE + 1));
            claims.insert("exp".into(), json!(frozen() + 3600));
        }),
        ("no iat", key.clone(), |_, claims| {
            drop(claims.remove("iat"))
        }),
        ("no jti", key.clone(), |_, claims| {
            drop(claims.remove("jti"))
        }),
        ("empty jti", key.clone(), |_, claims| {
            drop(claims.insert("jti".into(), json!("")))
        }),
        ("no iss", key.clone(), |_, claims| {
            drop(claims.remove("iss"))
        }),
        ("no aud", key.clone(), |_, claims| {
            drop(claims.remove("aud"))
        }),
        ("neither sub nor sid", key.clone(), |_, claims| {
            claims.remove("sub");
            claims.remove("sid");
        }),
        ("empty sub and sid", key.clone(), |_, claims| {
            claims.insert("sub".into(), json!(""));
            claims.insert("sid".into(), json!(""));
        }),
        ("sub as a number", key.clone(), |_, claims| {
            drop(claims.insert("sub".into(), json!(7)))
        }),
        ("event as text", key.clone(), |_, claims| {
            claims.insert("events".into(), json!({ EVENT: "yes" }));
        }),
        ("events as a list", key.clone(), |_, claims| {
            drop(claims.insert("events".into(), json!([EVENT])))
        }),
        ("nonce null", key.clone(), |_, claims| {
            drop(claims.insert("nonce".into(), Value::Null))
        }),
        ("crit", key.clone(), |header, _| {
            drop(header.insert("crit".into(), json!(["b64"])))
        }),
        (
            "a key that is not published",
            Signing::UnpublishedKey,
            |_, _| {},
        ),
        ("a bent signature", Signing::Corrupt, |_, _| {}),
    ]
}

#[rocket::async_test]
async fn each_faulty_token_is_refused_and_ends_nothing() {
    let op = Provided::start(frozen).await;
    let (browser, sid) = op.sign_in(ALICE).await;
    for (case, signing, fault) in faults() {
        let mut claims = op.claims(Some(ALICE), Some(&sid));
        claims.insert("iat".into(), json!(frozen()));
        let token = op.hooks().forge(&signing, "logout+jwt", claims, fault);
        let answer = op.send(&token).await;
        assert_eq!(status_of(&answer, case), 400, "{case}");
        let body: Value = answer.json();
        assert_eq!(body["error"], "invalid_request", "{case}");
        // One line says why; the answer says where to find it, and no more.
        let reference = body["reference"].as_str().expect("a reference");
        let reason = reason_of(reference);
        assert!(REASONS.contains(&&*reason), "{case}: {reason}");
        assert_eq!(
            body["error_description"],
            "The logout token was not accepted."
        );
        assert_eq!(op.who(&browser).await.as_deref(), Some(ALICE), "{case}");
    }
    // HS256 with what everybody knows: the public key, and the client's secret.
    let public = op.hooks().public_key_pem(SigningAlg::Es384).into_bytes();
    for secret in [public, CLIENT_SECRET.into()] {
        let claims = op.claims(Some(ALICE), Some(&sid));
        let signing = Signing::Hmac(secret);
        let token = op.hooks().forge(&signing, "logout+jwt", claims, |_, _| {});
        assert_eq!(status_of(&op.send(&token).await, "HS256"), 400);
    }
    assert_eq!(op.who(&browser).await.as_deref(), Some(ALICE));
}

#[rocket::async_test]
async fn each_right_token_is_taken_and_ends_the_session() {
    let right: [(&str, Edit); 14] = [
        // The module oidcc-client-test-rp-backchannel-rpinitlogout.
        (
            "rpinitlogout: no typ, an unknown claim",
            |header, claims| {
                header.remove("typ");
                claims.insert("unknown".into(), json!({ "a": [1] }));
            },
        ),
        ("typ JWT", |header, _| {
            drop(header.insert("typ".into(), json!("JWT")))
        }),
        ("typ logout+jwt", |_, _| {}),
        ("typ application/logout+jwt", |header, _| {
            header.insert("typ".into(), json!("application/logout+jwt"));
        }),
        ("typ in capitals", |header, _| {
            drop(header.insert("typ".into(), json!("LOGOUT+JWT")))
        }),
        ("no exp", |_, claims| assert!(!claims.contains_key("exp"))),
        ("exp in the future", |_, claims| {
            drop(claims.insert("exp".into(), json!(frozen() + 120)))
        }),
        ("times with a fraction", |_, claims| {
            claims.insert("iat".into(), json!(frozen() as f64 + 0.5));
            claims.insert("exp".into(), json!(frozen() as f64 + 120.25));
        }),
        ("times with an exponent", |_, claims| {
            claims.insert("iat".into(), json!(frozen() as f64));
            claims.insert("exp".into(), json!(4e9));
        }),
        ("exp just past", |_, claims| {
            claims.insert("exp".into(), json!(frozen() - TOLERANCE + 1));
        }),
        ("iat as old as can be", |_, claims| {
            claims.insert("iat".into(), json!(frozen() - LIFETIME - TOLERANCE));
        }),
        ("iat as new as can be", |_, claims| {
            claims.insert("iat".into(), json!(frozen() + TOLERANCE));
        }),
        ("one of several audiences", |_, claims| {
            claims.insert("aud".into(), json!(["other", claims["aud"]]));
        }),
        ("sid without sub", |_, claims| drop(claims.remove("sub"))),
    ];
    let op = Provided::start(frozen).await;
    for (case, edit) in right {
        let (browser, sid) = op.sign_in(ALICE).await;
        let mut claims = op.claims(Some(ALICE), Some(&sid));
        claims.insert("iat".into(), json!(frozen()));
        let token = op.hooks().forge(&Signing::Key, "logout+jwt", claims, edit);
        let form = [("more", "of it"), ("logout_token", &token)];
        let answer = op.post().form(&form).send().await;
        assert_eq!(status_of(&answer, case), 200, "{case}: {}", answer.text());
        assert_eq!(op.who(&browser).await, None, "{case}");
    }
    // The session is gone already, or never was: still 200.
    for (case, sub, sid) in [
        ("unknown sid", Some(ALICE), Some("unknown")),
        ("unknown sub", Some("unknown"), None),
    ] {
        let token = op.token(op.claims(sub, sid));
        assert_eq!(status_of(&op.send(&token).await, case), 200, "{case}");
    }
}

#[rocket::async_test]
async fn an_id_token_signs_nobody_out() {
    let op = Provided::start(frozen).await;
    let (browser, _) = op.sign_in(ALICE).await;
    let kept = Arc::<Mutex<String>>::default();
    let keep = kept.clone();
    op.hooks().respond(Endpoint::Token, move |_, reply| {
        let answer: Value = serde_json::from_slice(&reply.body).expect("JSON");
        *keep.lock().expect("no panic") = answer["id_token"].as_str().unwrap_or("").to_owned();
    });
    let page = browser.post_form(op.app.url("/refresh"), &[]).await;
    assert_eq!(page.text(), ALICE);
    let id_token = kept.lock().expect("no panic").clone();
    assert_eq!(id_token.split('.').count(), 3);
    assert_eq!(status_of(&op.send(&id_token).await, "ID token"), 400);
    assert_eq!(op.who(&browser).await.as_deref(), Some(ALICE));

    // Each of the two things that tell them apart is enough to be refused.
    let mut claims = claims_of(&id_token);
    claims.insert("iat".into(), json!(frozen()));
    claims.insert("nonce".into(), json!("of the sign-in"));
    claims.insert("jti".into(), json!("an ID token"));
    let forge = |edit: Edit| op.hooks().forge(&Signing::Key, "JWT", claims.clone(), edit);
    let with_event = forge(|_, claims| drop(claims.insert("events".into(), json!({ EVENT: {} }))));
    assert_eq!(status_of(&op.send(&with_event).await, "an event"), 400);
    let without_nonce = forge(|_, claims| drop(claims.remove("nonce")));
    assert_eq!(status_of(&op.send(&without_nonce).await, "no nonce"), 400);
    let of_another_kind = forge(|_, claims| {
        claims.insert(
            "events".into(),
            json!({ "https://example.com/another": {} }),
        );
        claims.remove("nonce");
    });
    assert_eq!(status_of(&op.send(&of_another_kind).await, "other"), 400);
    assert_eq!(op.who(&browser).await.as_deref(), Some(ALICE));
    let neither = forge(|_, claims| {
        claims.insert("events".into(), json!({ EVENT: {} }));
        claims.remove("nonce");
    });
    assert_eq!(status_of(&op.send(&neither).await, "a logout token"), 200);
    assert_eq!(op.who(&browser).await, None);
}

#[rocket::async_test]
async fn a_token_counts_once() {
    let op = Provided::start(frozen).await;
    let claims = |jti: &str, exp: Option<i64>| {
        let mut claims = op.claims(Some(ALICE), Some("some sid"));
        claims.insert("jti".into(), json!(jti));
        claims.extend(exp.map(|exp| ("exp".to_owned(), json!(exp))));
        claims
    };
    for (case, exp) in [
        ("a", None),
        ("b", Some(frozen() + 60)),
        ("c", Some(i64::MAX)),
    ] {
        let token = op.token(claims(case, exp));
        assert_eq!(status_of(&op.send(&token).await, case), 200, "{case}");
        assert_eq!(status_of(&op.send(&token).await, case), 400, "{case} again");
        let other = op.token(claims(case, Some(frozen() + 30)));
        assert_eq!(
            status_of(&op.send(&other).await, case),
            400,
            "{case}: the jti"
        );
    }
    // A refused token uses up nothing.
    let bent = op.hooks().forge(
        &Signing::Corrupt,
        "logout+jwt",
        claims("d", None),
        |_, _| {},
    );
    assert_eq!(status_of(&op.send(&bent).await, "bent"), 400);
    let good = op.token(claims("d", None));
    assert_eq!(status_of(&op.send(&good).await, "good"), 200);
}
