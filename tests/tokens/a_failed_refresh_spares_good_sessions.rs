//! A refresh that fails: only a provider that no longer knows the grant, or
//! that answers for somebody else, ends the session. Everything else is said as
//! it is, and the next request may fare better.

use std::time::Duration;

use logto_dev_provider::{Endpoint, Reply};
use rocket::figment::value::Value;
use serde_json::{Map, json};

use crate::support::app::{BOB, CLIENT_ID};
use crate::support::browser::Browser;
use crate::support::clock::clock;
use crate::support::targets::{ACME, ORGANIZATIONS, SHOPPING};
use crate::support::token_app::TokenApp;

type Claims = Map<String, serde_json::Value>;
/// What it is called, and how it is done.
type Case<Spoil> = (&'static str, Spoil);

impl TokenApp {
    /// Page and program are both told to sign in, and a copy of the cookie is
    /// worth nothing. Gives what the provider was asked until that was known.
    async fn assert_ended(&self, case: &str, alice: &Browser, path: &str) -> Vec<Endpoint> {
        let (copy, program) = (alice.clone(), alice.clone());
        let page = self.navigate(alice, path).await;
        assert_eq!(page.status(), 303, "{case}: {}", page.text());
        let location = page.location().unwrap();
        assert_eq!(location.path(), "/sign-in", "{case}");
        let back = crate::support::browser::query(&location, "return_to");
        assert_eq!(back.as_deref(), Some(path), "{case}");
        assert!(alice.cookie("logto_session").is_none(), "{case}: removed");

        let asked = self.at.provider.requests().into_iter();
        let asked = asked.map(|request| request.endpoint).collect();
        self.at.provider.clear_requests();
        for (who, browser) in [("a copy", copy), ("a program", program)] {
            let refused = self.fetch(&browser, path).await;
            assert_eq!(refused.status(), 401, "{case}: {who}");
            let body: serde_json::Value = refused.json();
            assert_eq!(body, json!({ "error": "Not authenticated" }), "{case}");
            assert_eq!(
                self.fetch(&browser, "/me").await.status(),
                401,
                "{case}: {who}"
            );
        }
        assert_eq!(self.calls(), 0, "{case}: nobody is asked again");
        asked
    }

    /// The token endpoint says so from now on.
    fn refuse_refreshes(&self, error: &'static str) {
        let hooks = self.at.provider.hooks();
        hooks.respond(Endpoint::Token, move |_, reply| {
            *reply = Reply::json(400, &json!({ "error": error }));
        });
    }

    async fn assert_signed_in(&self, case: &str, browser: &Browser) {
        let me = self.fetch(browser, "/me").await;
        assert_eq!(me.status(), 200, "{case}: {}", me.text());
    }
}

#[rocket::async_test]
async fn a_grant_that_is_gone_ends_the_session() {
    let app = TokenApp::start(clock!()).await;
    for case in ["suspended", "revoked grant"] {
        let alice = app.alice().await;
        if case == "suspended" {
            app.at.provider.suspend("alice", true);
        } else {
            app.refuse_refreshes("invalid_grant");
        }
        app.assert_ended(case, &alice, "/shopping").await;
        app.at.provider.suspend("alice", false);
        app.at.provider.hooks().behave(Endpoint::Token);
    }
}

/// The provider was reached and says no: not to one organization or resource, but
/// to the user, whatever it calls the reason and whatever else it says.
#[rocket::async_test]
async fn any_refusal_that_is_about_the_user_ends_the_session() {
    let app = TokenApp::start(clock!()).await;
    for error in [
        "consent_required",
        "interaction_required",
        "invalid_client",
        "invalid_request",
        "invalid_scope",
        "login_required",
        "temporarily_confused",
    ] {
        let alice = app.alice().await;
        app.let_tokens_end();
        app.refuse_refreshes(error);
        app.assert_ended(error, &alice, "/me").await;
        app.at.provider.hooks().behave(Endpoint::Token);
    }
    // About one resource only these two are.
    for error in ["interaction_required", "login_required"] {
        let alice = app.alice().await;
        app.refuse_refreshes(error);
        app.assert_ended(error, &alice, "/shopping").await;
        app.at.provider.hooks().behave(Endpoint::Token);
    }
    let odd: [fn(&mut Reply); 5] = [
        |reply| *reply = Reply::json(200, &json!({ "error": "invalid_grant" })),
        |reply| *reply = Reply::json(400, &json!({ "error": "invalid_grant", "code": 7 })),
        |reply| {
            let body = json!({ "error": "invalid_grant", "error_description": ["a", "b"] });
            *reply = Reply::json(400, &body);
        },
        |reply| *reply = Reply::json(401, &json!({ "error": "invalid_grant", "message": null })),
        |reply| {
            *reply = Reply::json(403, &json!({ "error": "invalid_grant" }));
            reply.set_header("content-type", "text/plain");
            reply.body.splice(0..0, "\u{feff}".bytes());
        },
    ];
    for (number, odd) in odd.into_iter().enumerate() {
        let alice = app.alice().await;
        app.let_tokens_end();
        let hooks = app.at.provider.hooks();
        hooks.respond(Endpoint::Token, move |_, reply| odd(reply));
        app.assert_ended(&format!("odd {number}"), &alice, "/me")
            .await;
        app.at.provider.hooks().behave(Endpoint::Token);
    }
}

/// While it cannot be asked, asking each time is of no use.
#[rocket::async_test]
async fn a_refresh_that_fails_is_not_tried_by_every_request() {
    let app = TokenApp::start(clock!()).await;
    let alice = app.alice().await;
    app.let_tokens_end();
    let hooks = app.at.provider.hooks();
    hooks.respond(Endpoint::Token, |_, reply| reply.status = 503);
    for _ in 0..5 {
        assert_eq!(app.fetch(&alice, "/me").await.status(), 200);
    }
    assert_eq!(app.refreshes().len(), 1);
}

#[rocket::async_test]
async fn a_session_ends_once_for_all_who_wait() {
    let app = TokenApp::start(clock!()).await;
    let alice = app.alice().await;
    app.at.provider.suspend("alice", true);
    let delay = Duration::from_millis(200);
    app.at.provider.hooks().delay(Endpoint::Token, delay);
    for answer in app.at_once(&alice, "/shopping", 30).await {
        assert_eq!(answer.status(), 401, "{}", answer.text());
    }
    assert_eq!(app.refreshes().len(), 1);
}

/// OpenID Connect Core section 12.2.
#[rocket::async_test]
async fn an_id_token_for_somebody_else_ends_the_session() {
    let cases: [Case<fn(&mut Claims)>; 7] = [
        ("iss", |claims| {
            drop(claims.insert("iss".into(), json!("https://other.example/oidc")))
        }),
        ("sub", |claims| {
            drop(claims.insert("sub".into(), json!(BOB)))
        }),
        ("sub in other case", |claims| {
            let sub = claims["sub"].as_str().unwrap().to_uppercase();
            claims.insert("sub".into(), json!(sub));
        }),
        ("aud", |claims| {
            drop(claims.insert("aud".into(), json!("other")))
        }),
        ("one aud more", |claims| {
            drop(claims.insert("aud".into(), json!([CLIENT_ID, "other"])))
        }),
        ("azp", |claims| {
            drop(claims.insert("azp".into(), json!("other")))
        }),
        ("nonce", |claims| {
            drop(claims.insert("nonce".into(), json!("other")))
        }),
    ];
    let app = TokenApp::start(clock!()).await;
    for (case, edit) in cases {
        let alice = app.alice().await;
        app.at
            .provider
            .hooks()
            .id_token(move |_, claims| edit(claims));
        // The one for userinfo, so that a call there would be next.
        app.clock.advance(&app.at.provider, 3600);
        let asked = app.assert_ended(case, &alice, "/userinfo").await;
        assert!(asked.contains(&Endpoint::Token), "{case}: {asked:?}");
        assert!(!asked.contains(&Endpoint::UserInfo), "{case}: {asked:?}");
        app.at.provider.hooks().id_token(|_, _| {});
    }
}

#[rocket::async_test]
async fn a_refreshed_id_token_may_leave_out_the_nonce_or_itself() {
    let app = TokenApp::start(clock!()).await;
    let cases: [Case<fn(&TokenApp)>; 3] = [
        ("the same nonce", |_| {}),
        ("no nonce", |app| {
            let no_nonce = |_: &mut Claims, claims: &mut Claims| drop(claims.remove("nonce"));
            app.at.provider.hooks().id_token(no_nonce);
        }),
        ("no ID token", |app| {
            app.at
                .provider
                .hooks()
                .respond(Endpoint::Token, |_, reply| {
                    reply.edit_json(|body| drop(body.as_object_mut().unwrap().remove("id_token")));
                });
        }),
    ];
    for (case, spoil) in cases {
        let alice = app.alice().await;
        spoil(&app);
        for path in ["/shopping", "/orders"] {
            let token = app.fetch(&alice, path).await;
            assert_eq!(token.status(), 200, "{case}: {path}: {}", token.text());
        }
        assert_eq!(app.refreshes().len(), 2, "{case}");
        app.assert_signed_in(case, &alice).await;
        app.at.provider.hooks().reset();
    }
}

struct Trouble {
    what: &'static str,
    spoil: fn(&mut Reply),
    status: u16,
    retry_after: Option<&'static str>,
}

/// None of it says anything about the user.
#[rocket::async_test]
async fn a_provider_in_trouble_leaves_the_session_alone() {
    let trouble = |what, status, spoil| Trouble {
        what,
        spoil,
        status,
        retry_after: None,
    };
    let cases = [
        trouble("500", 502, |reply| reply.status = 500),
        trouble("503", 502, |reply| reply.status = 503),
        trouble("a redirect", 502, |reply| {
            reply.status = 307;
            reply.set_header("location", "http://localhost:1/");
        }),
        trouble("HTML", 502, |reply| {
            reply.set_header("content-type", "text/html");
            reply.body = b"<p>Under construction".to_vec();
        }),
        trouble("broken JSON", 502, |reply| reply.body.truncate(40)),
        trouble("nothing", 502, |reply| reply.body.clear()),
        trouble("no access token", 502, |reply| {
            reply.edit_json(|body| drop(body.as_object_mut().unwrap().remove("access_token")));
        }),
        trouble("a token of another type", 502, |reply| {
            reply.edit_json(|body| body["token_type"] = "mac".into());
        }),
        trouble("an unknown error", 502, |reply| {
            *reply = Reply::json(400, &json!({ "error": "temporarily_confused" }));
        }),
        trouble("another secret", 500, |reply| {
            *reply = Reply::json(401, &json!({ "error": "invalid_client" }));
        }),
        Trouble {
            retry_after: Some("17"),
            ..trouble("429", 503, |reply| {
                reply.status = 429;
                reply.set_header("retry-after", "17");
            })
        },
        Trouble {
            retry_after: Some("5"),
            ..trouble("429 without a time", 503, |reply| reply.status = 429)
        },
    ];
    let app = TokenApp::start(clock!()).await;
    let alice = app.alice().await;
    for case in cases {
        let (what, spoil) = (case.what, case.spoil);
        let hooks = app.at.provider.hooks();
        hooks.respond(Endpoint::Token, move |_, reply| spoil(reply));
        for is_page in [false, true] {
            let answer = match is_page {
                true => app.navigate(&alice, "/shopping").await,
                false => app.fetch(&alice, "/shopping").await,
            };
            assert_eq!(answer.status(), case.status, "{what}: {}", answer.text());
            assert_eq!(answer.header("retry-after"), case.retry_after, "{what}");
            let content_type = answer.header("content-type").unwrap();
            let wanted = if is_page {
                "text/html"
            } else {
                "application/json"
            };
            assert!(content_type.starts_with(wanted), "{what}: {content_type}");
        }
        app.assert_signed_in(what, &alice).await;
        app.at.provider.hooks().behave(Endpoint::Token);
        app.json(&alice, "/shopping").await;
        assert_eq!(app.post(&alice, "/clear").await.status(), 200);
    }
    assert_eq!(alice.violations(), []);
}

#[rocket::async_test]
async fn a_provider_that_is_too_slow_is_a_time_out_for_all_who_wait() {
    // All of them ask before the first is given up.
    let keys = [("http_timeout", 5.into())];
    let app = TokenApp::with(clock!(), keys).await;
    let alice = app.alice().await;
    let _held = app.at.provider.hooks().hold(Endpoint::Token);
    for answer in app.at_once(&alice, "/shopping", 20).await {
        assert_eq!(answer.status(), 504, "{}", answer.text());
    }
    assert_eq!(app.refreshes().len(), 1, "not one time-out after the other");
    app.at.provider.hooks().behave(Endpoint::Token);
    app.json(&alice, "/shopping").await;
}

#[rocket::async_test]
async fn a_provider_that_is_gone_cannot_be_reached() {
    let app = TokenApp::start(clock!()).await;
    let alice = app.alice().await;
    let TokenApp { at, .. } = app;
    at.provider.stop().await;
    let answer = alice.fetch_json(at.app.url("/shopping")).await;
    assert_eq!(answer.status(), 502, "{}", answer.text());
    assert_eq!(alice.fetch_json(at.app.url("/me")).await.status(), 200);
}

/// The provider's own word and code, and what to do about it.
#[rocket::async_test]
async fn a_refusal_is_403_with_code_and_hint_and_leaves_the_session_alone() {
    let keys = [("scopes", Value::from(vec!["read", "write"]))];
    let app = TokenApp::with(clock!(), keys).await;
    let alice = app.alice().await;
    let unknown = "https://unknown.example/api";
    let cases = [
        (
            format!("/token?organization={ACME}"),
            "oidc.insufficient_scope",
            "logto.scopes",
        ),
        (
            "/token?organization=nowhere".into(),
            "oidc.access_denied",
            "member",
        ),
        (
            format!("/token?resource={unknown}"),
            "oidc.invalid_target",
            "logto.resources",
        ),
        (
            format!("/token?resource={SHOPPING}&scope={ORGANIZATIONS}"),
            "oidc.invalid_scope",
            "not granted",
        ),
    ];
    for (path, code, hint) in cases {
        let answer = app.fetch(&alice, &path).await;
        assert_eq!(answer.status(), 403, "{path}: {}", answer.text());
        let body: serde_json::Value = answer.json();
        assert_eq!(body["error"], "Forbidden", "{path}");
        assert_eq!(body["code"], code, "{path}");
        assert!(
            body["hint"].as_str().unwrap().contains(hint),
            "{path}: {body}"
        );
        assert!(body["reference"].is_string(), "{path}: {body}");

        let page = app.navigate(&alice, &path).await;
        assert_eq!(page.status(), 403, "{path}");
        assert_eq!(
            page.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        assert!(page.text().contains(hint), "{path}: {}", page.text());
        app.assert_signed_in(&path, &alice).await;
    }
    // A code of another kind of provider, or of an attacker, is not passed on as it is.
    app.at
        .provider
        .hooks()
        .respond(Endpoint::Token, |_, reply| {
            let odd = json!({ "error": "access_denied", "code": "<script>\n\u{1b}x" });
            *reply = Reply::json(403, &odd);
        });
    let body: serde_json::Value = app.fetch(&alice, "/shopping").await.json();
    assert_eq!(body["code"], "scriptx");
}

/// Without `offline_access` there is no refresh token. What came with the
/// sign-in serves as long as it lasts.
#[rocket::async_test]
async fn without_a_refresh_token_the_sign_in_serves_until_its_tokens_end() {
    let keys = [
        ("include_reserved_scopes", false.into()),
        ("scopes", Value::from(vec!["openid", "profile", "read"])),
        ("claims_max_age", 60.into()),
    ];
    let mut app = TokenApp::with(clock!(), keys).await;
    let alice = app.alice().await;
    for (at, seconds) in [
        ("at first", 0),
        ("a minute before the end", 3540),
        ("and later", 30),
    ] {
        app.clock.advance(&app.at.provider, seconds);
        app.assert_signed_in(at, &alice).await;
        let info = app.fetch(&alice, "/userinfo").await;
        assert_eq!(info.status(), 200, "{at}: {}", info.text());
        let refused = app.fetch(&alice, "/shopping").await;
        assert_eq!(refused.status(), 403, "{at}: {}", refused.text());
        let body: serde_json::Value = refused.json();
        assert_eq!(body["code"], "no_refresh_token", "{at}");
        assert!(body["hint"].as_str().unwrap().contains("offline_access"));
        // A person has pressed a button.
        let page = app.post(&alice, "/refresh").await;
        assert_eq!(page.status(), 403, "{at}: {}", page.text());
        assert!(
            page.page().title.contains("may not"),
            "{at}: {}",
            page.page().title
        );
        assert!(page.text().contains("offline_access"), "{at}");
        // In the cookie, not in the process.
        app = app.restart().await;
    }
    assert_eq!(app.refreshes().len(), 0);

    app.clock.advance(&app.at.provider, 30);
    app.assert_signed_in("after the end", &alice).await;
    app.assert_ended("after the end", &alice, "/userinfo").await;
}
