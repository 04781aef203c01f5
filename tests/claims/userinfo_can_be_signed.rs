//! `signed_userinfo`: the claims of the userinfo endpoint come as a JWT, and
//! count only when its signature, issuer and audience are right (OpenID Connect
//! Core section 5.3.2).

use logto_dev_provider::{DevProvider, Endpoint, Hooks, Signing, SigningAlg};
use rocket::serde::json::Value;
use serde_json::{Map, json};

use crate::support::app::{ALICE, CLIENT_ID, CLIENT_SECRET, TestApp, keys, settings};
use crate::support::browser::Browser;
use crate::support::log::reason_of;
use crate::support::refusal::{Trial, app_with, reference, who_is};

type Edit = fn(&mut Map<String, Value>, &mut Map<String, Value>);

const AS_IT_IS: Edit = |_, _| {};

async fn start(alg: SigningAlg) -> (TestApp, Browser) {
    let mut settings = settings();
    settings.signing_alg = alg;
    let provider = DevProvider::start(settings).await.expect("a provider");
    let logto = keys([
        ("signed_userinfo", true.into()),
        ("id_token_alg", alg.name().into()),
    ]);
    let app = app_with(provider, logto).await;
    let trial = Trial::new(&app, "sign-in");
    trial.accepts(ALICE).await;
    let browser = trial.browser;
    (app, browser)
}

async fn accepts(app: &TestApp, browser: &Browser, case: &str) {
    let page = browser.navigate(app.url("/userinfo")).await;
    assert_eq!(page.status(), 200, "{case}: {}", page.text());
    let claims: Value = page.json();
    assert_eq!(claims["sub"], ALICE, "{case}");
    assert_eq!(claims["name"], "Alice Example", "{case}");
}

/// No claim of the answer gets through; the session is not the worse for it.
async fn refuses(app: &TestApp, browser: &Browser, case: &str, reason: &str) {
    let page = browser.navigate(app.url("/userinfo")).await;
    assert_eq!(page.status(), 502, "{case}: {}", page.text());
    assert_eq!(reason_of(&reference(&page)), reason, "{case}");
    assert!(!page.text().contains("Example"), "{case}: {}", page.text());
    assert_eq!(who_is(app, browser).await, ALICE, "{case}");
}

#[rocket::async_test]
async fn a_right_answer_is_read() {
    for alg in [SigningAlg::Es384, SigningAlg::Rs256] {
        let (app, browser) = start(alg).await;
        let hooks = app.provider.hooks();
        hooks.sign_userinfo(Signing::Key, AS_IT_IS);
        accepts(&app, &browser, alg.name()).await;
        let asked = app.provider.requests_to(Endpoint::UserInfo);
        let asked: Vec<_> = asked.iter().map(|r| r.header("accept")).collect();
        assert_eq!(asked, [Some("application/jwt")]);

        let accepted: [(&str, Edit); 6] = [
            ("several audiences", |_, claims| {
                claims.insert("aud".into(), json!(["other", CLIENT_ID]));
            }),
            ("an end to come", |_, claims| {
                claims.insert("exp".into(), json!(i64::from(u32::MAX)));
            }),
            ("an end with a fraction", |_, claims| {
                claims.insert("exp".into(), json!(4_000_000_000.5));
            }),
            ("no typ", |header, _| {
                header.remove("typ");
            }),
            ("no kid", |header, _| {
                header.remove("kid");
            }),
            ("an unknown claim", |_, claims| {
                claims.insert("_claim_names".into(), json!({ "a": "src1" }));
            }),
        ];
        for (case, edit) in accepted {
            hooks.sign_userinfo(Signing::Key, edit);
            accepts(&app, &browser, case).await;
        }
        hooks.sign_userinfo(Signing::Key, AS_IT_IS);
        hooks.rotate_keys();
        accepts(&app, &browser, "with a new key").await;
    }
}

#[rocket::async_test]
async fn a_wrong_claim_spoils_it() {
    let (app, browser) = start(SigningAlg::Es384).await;
    let cases: [(&str, &str, Edit); 12] = [
        ("no iss", "missing_iss", |_, claims| {
            claims.remove("iss");
        }),
        ("another iss", "iss", |_, claims| {
            claims.insert("iss".into(), json!("https://other.example"));
        }),
        ("iss with a slash", "iss", |_, claims| {
            let iss = format!("{}/", claims["iss"].as_str().unwrap());
            claims.insert("iss".into(), json!(iss));
        }),
        ("iss in a list", "claims", |_, claims| {
            let iss = claims["iss"].clone();
            claims.insert("iss".into(), json!([iss]));
        }),
        ("no aud", "missing_aud", |_, claims| {
            claims.remove("aud");
        }),
        ("another aud", "aud", |_, claims| {
            claims.insert("aud".into(), json!("other"));
        }),
        ("an empty aud", "aud", |_, claims| {
            claims.insert("aud".into(), json!([]));
        }),
        ("over", "expired", |_, claims| {
            claims.insert("exp".into(), json!(1));
        }),
        ("an end in words", "claims", |_, claims| {
            claims.insert("exp".into(), json!("tomorrow"));
        }),
        ("of another kind", "typ", |header, _| {
            header.insert("typ".into(), json!("at+jwt"));
        }),
        ("crit", "crit", |header, _| {
            header.insert("crit".into(), json!(["x"]));
            header.insert("x".into(), json!(true));
        }),
        ("another kid", "unknown_key", |header, _| {
            header.insert("kid".into(), json!("other"));
        }),
    ];
    for (case, reason, edit) in cases {
        app.provider.hooks().sign_userinfo(Signing::Key, edit);
        let reason = format!("signed_userinfo_{reason}");
        refuses(&app, &browser, case, &reason).await;
    }
    let somebody_else: Edit = |_, claims| {
        claims.insert("sub".into(), json!("bob7d4dc6y32"));
    };
    app.provider
        .hooks()
        .sign_userinfo(Signing::Key, somebody_else);
    refuses(&app, &browser, "another sub", "userinfo_sub").await;
    let nobody: Edit = |_, claims| {
        claims.remove("sub");
    };
    app.provider.hooks().sign_userinfo(Signing::Key, nobody);
    refuses(&app, &browser, "no sub", "userinfo_malformed").await;
}

#[rocket::async_test]
async fn only_the_pinned_algorithm_signs() {
    let (app, browser) = start(SigningAlg::Es384).await;
    let hooks: &Hooks = app.provider.hooks();
    let pem = hooks.public_key_pem(SigningAlg::Es384).into_bytes();
    let cases = [
        ("none", Signing::None, "alg"),
        (
            "HS256 by the secret",
            Signing::Hmac(CLIENT_SECRET.into()),
            "alg",
        ),
        ("HS256 by the public key", Signing::Hmac(pem), "alg"),
        ("RS256", Signing::Alg(SigningAlg::Rs256), "alg"),
        ("an unpublished key", Signing::UnpublishedKey, "unknown_key"),
        ("one bit turned", Signing::Corrupt, "signature"),
        (
            "no token",
            Signing::raw(|_, _| "canary".into()),
            "malformed",
        ),
        ("nothing", Signing::raw(|_, _| String::new()), "malformed"),
    ];
    for (case, signing, reason) in cases {
        hooks.sign_userinfo(signing, AS_IT_IS);
        let reason = format!("signed_userinfo_{reason}");
        refuses(&app, &browser, case, &reason).await;
    }
    hooks.sign_userinfo(Signing::Key, AS_IT_IS);
    accepts(&app, &browser, "afterwards").await;
}

/// What is not signed must not be used where a signature is asked for, however
/// it is called.
#[rocket::async_test]
async fn a_plain_answer_is_refused() {
    let (app, browser) = start(SigningAlg::Es384).await;
    let not_a_jwt = "userinfo is not application/jwt";
    refuses(&app, &browser, "JSON", not_a_jwt).await;
    app.provider
        .hooks()
        .respond(Endpoint::UserInfo, |_, reply| {
            reply.set_header("content-type", "application/jwt");
        });
    let malformed = "signed_userinfo_malformed";
    refuses(&app, &browser, "JSON that says it is a JWT", malformed).await;
}
