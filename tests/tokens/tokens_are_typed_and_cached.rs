//! A handler asks for a token by type, or at run time, and gets a valid one; it
//! is fetched once, used until a minute before its end, and shown to no other
//! user.

use std::collections::HashSet;

use logto_dev_provider::{Endpoint, SeedUser};
use rocket::futures::future::join_all;

use crate::support::app::{ALICE, BOB, CLIENT_ID, ZOE};
use crate::support::browser::Browser;
use crate::support::clock::clock;
use crate::support::targets::{ACME, GLOBEX, ORDERS, SHOPPING};
use crate::support::token_app::TokenApp;

#[rocket::async_test]
async fn a_resource_token_has_typed_claims_and_keeps_the_others() {
    let app = TokenApp::start(clock!()).await;
    app.at.provider.hooks().access_token(|_, claims| {
        claims.insert("plan".into(), "pro".into());
    });
    let alice = app.alice().await;

    let token = app.json(&alice, "/shopping").await;
    let claims = &token["claims"];
    assert_eq!(claims["aud"], SHOPPING);
    assert_eq!(claims["sub"], ALICE);
    assert_eq!(claims["client_id"], CLIENT_ID);
    assert_eq!(claims["scope"], "read write");
    assert_eq!(claims["plan"], "pro", "extra claims are kept");
    assert_eq!(token["scopes"], serde_json::json!(["read", "write"]));
    assert_eq!(token["expires_at"], app.clock.now() + 3600);
    assert_eq!(app.refreshes()[0].form_value("resource"), Some(SHOPPING));
    assert_eq!(alice.violations(), []);
}

#[rocket::async_test]
async fn the_token_without_a_resource_is_opaque_and_comes_with_the_sign_in() {
    let app = TokenApp::start(clock!()).await;
    let alice = app.alice().await;

    let token = app.json(&alice, "/default").await;
    assert!(token["claims"].is_null(), "{token}");
    let scopes: Vec<String> = serde_json::from_value(token["scopes"].clone()).unwrap();
    assert!(scopes.contains(&"profile".to_owned()), "{scopes:?}");
    assert_eq!(token["expires_at"], app.clock.now() + 3600);
    assert_eq!(app.json(&alice, "/default-by-name").await, token);
    assert_eq!(app.calls(), 0);

    // And it is the token that userinfo takes.
    app.json(&alice, "/userinfo").await;
    let request = &app.at.provider.requests_to(Endpoint::UserInfo)[0];
    let bearer = format!("Bearer {}", token["secret"].as_str().unwrap());
    assert_eq!(request.header("authorization"), Some(&*bearer));
}

/// Logto sends `scope: ""` to whom no role gives anything.
#[rocket::async_test]
async fn an_empty_scope_is_the_empty_set() {
    let app = TokenApp::start(clock!()).await;
    let zoe = app.signed_in(ZOE).await;
    let token = app.json(&zoe, "/shopping").await;
    assert_eq!(token["claims"]["scope"], "");
    assert_eq!(token["scopes"], serde_json::json!([]));

    let bob = app.signed_in(BOB).await;
    let token = app.json(&bob, &format!("/organizations/{ACME}")).await;
    assert_eq!(token["claims"]["scope"], "");
    assert_eq!(token["scopes"], serde_json::json!([]));
}

#[rocket::async_test]
async fn a_token_is_used_until_a_minute_before_its_end() {
    let app = TokenApp::start(clock!()).await;
    let alice = app.alice().await;
    for path in ["/shopping", "/default"] {
        let first = app.json(&alice, path).await;
        let fetched = app.refreshes().len();

        app.clock.advance(&app.at.provider, 3539);
        assert_eq!(app.json(&alice, path).await, first, "{path}, 61 s before");
        assert_eq!(app.refreshes().len(), fetched, "{path}, 61 s before");

        app.clock.advance(&app.at.provider, 1);
        let second = app.json(&alice, path).await;
        assert_ne!(second["secret"], first["secret"], "{path}, 60 s before");
        assert_eq!(app.refreshes().len(), fetched + 1, "{path}, 60 s before");
        assert_eq!(second["expires_at"], app.clock.now() + 3600, "{path}");
    }
}

#[rocket::async_test]
async fn a_short_lived_token_is_given_out_all_the_same() {
    let app = TokenApp::start(clock!()).await;
    let alice = app.alice().await;
    let lifetime = std::time::Duration::from_secs(30);
    app.at.provider.hooks().token_lifetime(lifetime);
    let token = app.json(&alice, "/shopping").await;
    assert_eq!(token["expires_at"], app.clock.now() + 30);
}

#[rocket::async_test]
async fn an_answer_without_expires_in_is_good_for_an_hour() {
    let app = TokenApp::start(clock!()).await;
    let alice = app.alice().await;
    app.at
        .provider
        .hooks()
        .respond(Endpoint::Token, |_, reply| {
            reply.edit_json(|body| {
                body.as_object_mut().unwrap().remove("expires_in");
            });
        });
    let token = app.json(&alice, "/shopping").await;
    assert_eq!(token["expires_at"], app.clock.now() + 3600);
}

#[rocket::async_test]
async fn handlers_that_decide_at_run_time_get_what_the_guards_get() {
    let app = TokenApp::start(clock!()).await;
    let alice = app.alice().await;
    let cases = [
        (
            "/shopping".to_owned(),
            format!("/token?resource={SHOPPING}"),
        ),
        (
            format!("/organizations/{ACME}"),
            format!("/token?organization={ACME}"),
        ),
        (
            format!("/organizations/{ACME}/orders"),
            format!("/token?organization={ACME}&resource={ORDERS}"),
        ),
    ];
    for (guard, run_time) in cases {
        let before = app.refreshes().len();
        let token = app.json(&alice, &guard).await;
        assert_eq!(app.json(&alice, &run_time).await, token, "{run_time}");
        assert_eq!(app.refreshes().len(), before + 1, "{guard} and {run_time}");
    }
}

#[rocket::async_test]
async fn a_down_scoped_token_is_a_token_of_its_own() {
    let app = TokenApp::start(clock!()).await;
    let alice = app.alice().await;
    let full = app.json(&alice, "/shopping").await;
    assert_eq!(full["scopes"], serde_json::json!(["read", "write"]));

    let path = format!("/token?resource={SHOPPING}&scope=read");
    let narrow = app.json(&alice, &path).await;
    assert_eq!(narrow["scopes"], serde_json::json!(["read"]));
    assert_eq!(app.refreshes()[1].form_value("scope"), Some("read"));
    assert_eq!(app.json(&alice, &path).await, narrow);
    assert_eq!(app.json(&alice, "/shopping").await, full);
    assert_eq!(app.refreshes().len(), 2);

    // The order of scopes makes no other token.
    for scopes in ["scope=write&scope=read", "scope=read&scope=write"] {
        app.json(&alice, &format!("/token?resource={SHOPPING}&{scopes}"))
            .await;
    }
    assert_eq!(app.refreshes().len(), 3);
}

/// Its ID token holds fewer claims: the session keeps the whole one.
#[rocket::async_test]
async fn a_down_scoped_token_leaves_the_claims_alone() {
    let app = TokenApp::start(clock!()).await;
    let alice = app.alice().await;
    let name = app.json(&alice, "/me").await["name"].clone();
    assert_eq!(name, "Alice Example");
    let narrow = app.json(&alice, "/token?scope=openid").await;
    assert_eq!(narrow["scopes"], serde_json::json!(["openid"]));
    assert_eq!(app.json(&alice, "/me").await["name"], name);
}

#[rocket::async_test]
async fn more_tokens_than_are_remembered_can_still_be_had() {
    let app = TokenApp::start(clock!()).await;
    let alice = app.alice().await;
    // 6 scopes make 63 sets; with two resources more than are kept.
    let scopes = [
        "openid",
        "profile",
        "read",
        "write",
        "orders:read",
        "orders:write",
    ];
    let mut paths = Vec::new();
    for set in 1..64_u32 {
        let of_set = scopes.iter().enumerate().filter(|(n, _)| set >> n & 1 == 1);
        let query: String = of_set.map(|(_, scope)| format!("&scope={scope}")).collect();
        paths.push(format!("/token?resource={SHOPPING}{query}"));
        paths.push(format!("/token?resource={ORDERS}{query}"));
    }
    for path in &paths {
        let token = app.json(&alice, path).await;
        assert_eq!(token["claims"]["sub"], ALICE, "{path}");
    }
    assert_eq!(app.refreshes().len(), paths.len());
    // The youngest are remembered, and not all: the memory of a session is bounded.
    app.json(&alice, &paths[paths.len() - 1]).await;
    assert_eq!(app.refreshes().len(), paths.len());
    for path in &paths {
        app.json(&alice, path).await;
    }
    assert!(app.refreshes().len() >= paths.len() + (paths.len() - 64));
}

#[rocket::async_test]
async fn clearing_makes_the_next_token_a_new_one() {
    let app = TokenApp::start(clock!()).await;
    let alice = app.alice().await;
    let path = format!("/organizations/{GLOBEX}");
    let before = app.json(&alice, &path).await;
    assert_eq!(before["scopes"], serde_json::json!(["view:reports"]));

    app.at.provider.edit_seed(|seed| {
        let globex = seed
            .organizations
            .iter_mut()
            .find(|o| o.id == GLOBEX)
            .unwrap();
        globex.members.insert("alice".into(), vec!["admin".into()]);
    });
    assert_eq!(app.json(&alice, &path).await, before);
    assert_eq!(app.post(&alice, "/clear").await.status(), 200);
    let after = app.json(&alice, &path).await;
    assert_eq!(
        after["scopes"],
        serde_json::json!(["manage:members", "view:reports"])
    );
}

#[rocket::async_test]
async fn refreshing_gives_new_claims_and_new_tokens() {
    let app = TokenApp::start(clock!()).await;
    let alice = app.alice().await;
    let (shopping, default) = (
        app.json(&alice, "/shopping").await,
        app.json(&alice, "/default").await,
    );
    app.clock.advance(&app.at.provider, 10);
    app.at.provider.edit_seed(|seed| {
        let alice = seed.user_mut("alice").unwrap();
        (alice.name, alice.roles) = (Some("Alice Renamed".into()), vec!["reader".into()]);
    });

    let refreshed = app.post(&alice, "/refresh").await;
    assert_eq!(refreshed.status(), 200, "{}", refreshed.text());
    let refreshed: serde_json::Value = refreshed.json();
    assert_eq!(refreshed["name"], "Alice Renamed");
    assert_eq!(refreshed["refreshed_at"], app.clock.now());
    assert_eq!(app.json(&alice, "/me").await, refreshed, "it is kept");
    assert_ne!(
        app.json(&alice, "/default").await["secret"],
        default["secret"]
    );
    let token = app.json(&alice, "/shopping").await;
    assert_eq!(token["scopes"], serde_json::json!(["read"]));
    assert_ne!(token["secret"], shopping["secret"]);
}

#[rocket::async_test]
async fn nothing_survives_sign_out() {
    let app = TokenApp::start(clock!()).await;
    let alice = app.alice().await;
    let mut secrets = HashSet::new();
    let paths = ["/shopping".to_owned(), format!("/organizations/{ACME}")];
    for path in &paths {
        secrets.insert(app.json(&alice, path).await["secret"].to_string());
    }
    let thief = alice.clone();
    let out = app.post(&alice, "/sign-out").await;
    assert_eq!(out.status(), 303, "{}", out.text());

    for (who, browser) in [("the browser", &alice), ("a copy of its cookies", &thief)] {
        for path in &paths {
            let refused = app.fetch(browser, path).await;
            assert_eq!(refused.status(), 401, "{who} at {path}: {}", refused.text());
        }
    }
    // The next sign-in begins with nothing.
    let alice = app.alice().await;
    for path in &paths {
        let secret = app.json(&alice, path).await["secret"].to_string();
        assert!(!secrets.contains(&secret), "{path}");
    }
    assert_eq!(app.refreshes().len(), 2);
}

#[rocket::async_test]
async fn two_hundred_users_at_once_see_their_own_tokens_only() {
    const USERS: usize = 200;
    // A slow machine must not make them wait for a turn too long.
    let calls = [
        ("max_concurrent_op_calls", 1000.into()),
        ("http_timeout", "60s".into()),
    ];
    let app = TokenApp::with(clock!(), calls).await;
    let id = |n| format!("user{n:03}");
    app.at.provider.edit_seed(|seed| {
        seed.users.extend((0..USERS).map(|n| {
            let mut user = SeedUser::new(id(n));
            user.name = Some(format!("User {n}"));
            user.roles = vec!["reader".into()];
            user
        }));
        seed.organizations[0]
            .members
            .extend((0..USERS).map(|n| (id(n), vec!["member".into()])));
    });
    let mut browsers: Vec<Browser> = Vec::new();
    for n in 0..USERS {
        app.at.provider.hooks().sign_in_as(Some(&id(n)));
        let browser = Browser::new();
        let hops = browser.navigate_following(app.at.url("/me"), 10).await;
        assert_eq!(hops.last().unwrap().status(), 200);
        browsers.push(browser);
    }
    app.at.provider.clear_requests();

    let organization = format!("/organizations/{ACME}");
    for round in ["fetched", "from the cache"] {
        let mut requests = Vec::new();
        for (n, browser) in browsers.iter().enumerate() {
            for path in ["/shopping", &organization, "/userinfo"] {
                let answer = app.fetch(browser, path);
                requests.push(async move { (n, path, answer.await) });
            }
        }
        for (n, path, answer) in join_all(requests).await {
            let case = format!("{round}: {path} of user {n}");
            assert_eq!(answer.status(), 200, "{case}: {}", answer.text());
            let answer: serde_json::Value = answer.json();
            let sub = match path {
                "/userinfo" => &answer["sub"],
                _ => &answer["claims"]["sub"],
            };
            assert_eq!(*sub, id(n), "{case}");
        }
        assert_eq!(app.refreshes().len(), 2 * USERS, "{round}");
    }
}
