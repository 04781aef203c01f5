//! Claims of the userinfo endpoint are shown only when they are about the
//! session's user, as JSON (OpenID Connect Core sections 5.3.2 and 5.3.4), and
//! a user is their `sub` and nothing else.

use logto_dev_provider::{Endpoint, Reply};
use rocket::serde::json::Value;
use rocket::serde::json::serde_json::{from_slice, json};

use crate::support::app::{ALICE, BOB, TestApp, ZOE};
use crate::support::browser::{Browser, Response};
use crate::support::log::reason_of;
use crate::support::refusal::{Trial, app, reference, who_is};

async fn signed_in(app: &TestApp) -> Browser {
    let trial = Trial::new(app, "sign-in");
    trial.accepts(ALICE).await;
    trial.browser
}

/// The userinfo endpoint answers what `edit` makes of its answer.
fn answer(app: &TestApp, edit: impl Fn(&mut Reply) + Send + Sync + 'static) {
    let hooks = app.provider.hooks();
    hooks.respond(Endpoint::UserInfo, move |_, reply| edit(reply));
}

/// No claim of the answer gets through; the session is not the worse for it.
async fn refuses(app: &TestApp, browser: &Browser, case: &str, reason: &str) -> Response {
    let before = app.provider.requests_to(Endpoint::UserInfo).len();
    let page = browser.navigate(app.url("/userinfo")).await;
    assert_eq!(page.status(), 502, "{case}: {}", page.text());
    assert_eq!(reason_of(&reference(&page)), reason, "{case}");
    assert!(!page.text().contains("canary"), "{case}: {}", page.text());
    assert_eq!(page.header("cache-control"), Some("no-store"), "{case}");
    assert_eq!(page.set_cookies(), [""; 0], "{case}");
    let json = browser.fetch_json(app.url("/userinfo")).await;
    assert_eq!(json.status(), 502, "{case}");
    assert!(json.json::<Value>().get("sub").is_none(), "{case}");
    assert!(!json.text().contains("canary"), "{case}: {}", json.text());
    let asked = app.provider.requests_to(Endpoint::UserInfo).len() - before;
    assert_eq!(asked, 2, "{case}: one call for each request");
    assert_eq!(who_is(app, browser).await, ALICE, "{case}");
    page
}

async fn accepts(app: &TestApp, browser: &Browser, case: &str) {
    let page = browser.navigate(app.url("/userinfo")).await;
    assert_eq!(page.status(), 200, "{case}: {}", page.text());
    assert_eq!(page.json::<Value>()["sub"], ALICE, "{case}");
}

#[rocket::async_test]
async fn the_subject_must_be_the_sessions() {
    let app = app().await;
    let browser = signed_in(&app).await;
    let text = |case: &str, sub: &str| (case.to_owned(), json!(sub), "userinfo_sub");
    let mistyped = |sub: Value| (sub.to_string(), sub, "userinfo_malformed");
    for (case, sub, reason) in [
        text("another user", BOB),
        text("empty", ""),
        text("cut", &ALICE[1..]),
        text("longer", &format!("{ALICE}x")),
        text("a space after", &format!("{ALICE} ")),
        text("NUL after", &format!("{ALICE}\0")),
        text("in capitals", &ALICE.to_uppercase()),
        mistyped(json!(null)),
        mistyped(json!(7)),
        mistyped(json!([ALICE])),
        mistyped(json!({ "sub": ALICE })),
        mistyped(json!(true)),
    ] {
        answer(&app, move |reply| {
            reply.edit_json(|claims| {
                claims["sub"] = sub.clone();
                claims["name"] = "canary".into();
            });
        });
        refuses(&app, &browser, &case, reason).await;
    }
    answer(&app, |reply| {
        reply.edit_json(|claims| {
            claims.as_object_mut().map(|claims| claims.remove("sub"));
            claims["name"] = "canary".into();
        });
    });
    refuses(&app, &browser, "absent", "userinfo_malformed").await;
    answer(&app, |reply| {
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        reply.body = text.replacen('{', r#"{"sub":"canary","#, 1).into_bytes();
    });
    refuses(&app, &browser, "twice", "userinfo_malformed").await;
    app.provider.hooks().behave(Endpoint::UserInfo);
    accepts(&app, &browser, "the session's").await;
}

/// CVE-style mix-up at the provider: another user's whole answer.
#[rocket::async_test]
async fn another_users_answer_is_not_shown() {
    let app = app().await;
    let (alice, bob) = (signed_in(&app).await, Trial::new(&app, "Bob"));
    app.provider.hooks().sign_in_as(Some(BOB));
    bob.accepts(BOB).await;
    let bobs = bob
        .browser
        .navigate(app.url("/userinfo"))
        .await
        .bytes()
        .to_vec();
    answer(&app, move |reply| reply.body = bobs.clone());
    refuses(&app, &alice, "Bob's answer to Alice", "userinfo_sub").await;
    let own = bob.browser.navigate(app.url("/userinfo")).await;
    assert_eq!(own.json::<Value>()["sub"], BOB);
}

/// Nobody asked for a signed answer, so its signature is not looked at, and
/// what is not looked at must not be used.
#[rocket::async_test]
async fn an_answer_that_is_not_json_is_refused() {
    let app = app().await;
    let browser = signed_in(&app).await;
    let tokens: Value = from_slice(include_bytes!(
        "../fixtures/logto/04-token-response-authorization-code.json"
    ))
    .expect("a recording");
    let jwt = tokens["response"]["body"]["id_token"]
        .as_str()
        .expect("a token")
        .to_owned();
    let not_json = "userinfo is not application/json";
    for (content_type, body, reason) in [
        (Some("application/jwt"), Some(jwt.clone()), not_json),
        (Some("application/jwt"), None, not_json),
        (
            Some("application/json"),
            Some(jwt.clone()),
            "userinfo_malformed",
        ),
        (
            Some("application/json"),
            Some(format!("\"{jwt}\"")),
            "userinfo_malformed",
        ),
        (
            Some("application/json"),
            Some("[]".into()),
            "userinfo_malformed",
        ),
        (
            Some("application/json"),
            Some("null".into()),
            "userinfo_malformed",
        ),
        (
            Some("application/json"),
            Some(String::new()),
            "userinfo_malformed",
        ),
        (
            Some("text/html"),
            Some("<title>canary</title>".into()),
            not_json,
        ),
        (Some("text/plain"), None, not_json),
        (Some("application/json-seq"), None, not_json),
        (Some("application/jsonx; charset=utf-8"), None, not_json),
        (None, None, not_json),
    ] {
        let case = format!("{content_type:?} with {body:?}");
        answer(&app, move |reply| {
            reply.remove_header("content-type");
            if let Some(content_type) = content_type {
                reply.set_header("content-type", content_type);
            }
            if let Some(body) = &body {
                reply.body = body.clone().into_bytes();
            }
        });
        refuses(&app, &browser, &case, reason).await;
    }
    for right in ["application/json", "Application/JSON; charset=UTF-8"] {
        answer(&app, move |reply| reply.set_header("content-type", right));
        accepts(&app, &browser, right).await;
    }
}

/// CVE-2026-40574, CVE-2022-35924: an address or a name is nobody's identity.
#[rocket::async_test]
async fn a_user_is_their_sub_whatever_else_they_are_called() {
    let app = app().await;
    app.provider.edit_seed(|seed| {
        let alice = seed.users.iter().find(|user| user.id == ALICE).cloned();
        let alice = alice.expect("Alice");
        for user in seed.users.iter_mut().filter(|user| user.id != ALICE) {
            user.username.clone_from(&alice.username);
            user.email.clone_from(&alice.email);
            user.name.clone_from(&alice.name);
        }
    });
    for user in [ALICE, BOB, ZOE] {
        app.provider.hooks().sign_in_as(Some(user));
        let trial = Trial::new(&app, user);
        trial.accepts(user).await;
        let info = trial.browser.navigate(app.url("/userinfo")).await;
        assert_eq!(info.json::<Value>()["sub"], user);
    }
    // And the other way round: a new address, the same user.
    app.provider.hooks().sign_in_as(Some(ALICE));
    for email in [
        json!("new@example.com"),
        json!("a@evil@corp"),
        json!(null),
        json!(7),
    ] {
        let case = format!("e-mail {email}");
        app.provider.hooks().id_token(move |_, claims| {
            claims.insert("email".into(), email.clone());
            claims.insert("email_verified".into(), false.into());
        });
        Trial::new(&app, case).accepts(ALICE).await;
    }
}
