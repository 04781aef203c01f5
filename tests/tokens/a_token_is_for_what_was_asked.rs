//! A token for an API resource names it in `aud`, as far as anybody can read it. A
//! provider that ignores `resource` (RFC 8707) gives another, which opens other doors:
//! it is handed out to nobody, and the operator is told what to change.

use logto_dev_provider::Endpoint;
use rocket::futures::future::join;
use rocket::serde::json::{Json, Value, json};
use rocket::{Build, Rocket, State, get, routes};
use rocket_logto::{Error, LogtoService, MachineToken, SubjectToken, TokenFor};

use crate::support::api_app::{ApiApp, PERSONAL_ACCESS_TOKEN, as_machine};
use crate::support::browser::Browser;
use crate::support::clock::clock;
use crate::support::log::{lines_with, reason_of};
use crate::support::refusal::reference;
use crate::support::targets::{ACME, ORDERS, Read, ReadOrders, SHOPPING};
use crate::support::token_app::{TokenApp, shown};

const REASON: &str = "token_is_not_for_the_resource";

/// Access tokens for Shopping name this in its place.
fn names_instead(provider: &logto_dev_provider::DevProvider, audience: Value) {
    provider.hooks().access_token(move |_, claims| {
        if claims["aud"] == SHOPPING {
            match &audience {
                Value::Null => claims.remove("aud"),
                audience => claims.insert("aud".into(), audience.clone()),
            };
        }
    });
}

#[rocket::async_test]
async fn a_users_token_for_somebody_else_is_not_handed_out() {
    let app = TokenApp::start(clock!()).await;
    let provider = &app.at.provider;
    let alice = app.alice().await;
    for (audience, told) in [
        // Keycloak.
        (json!("account"), "[\"account\"]"),
        (
            json!(["account", "realm-management"]),
            "[\"account\", \"realm-management\"]",
        ),
        (json!(format!("{SHOPPING}/")), "/api/\"]"),
        (json!([]), "[]"),
        (Value::Null, "[]"),
    ] {
        names_instead(provider, audience.clone());
        for path in [
            "/shopping".to_owned(),
            format!("/token?resource={SHOPPING}"),
        ] {
            provider.clear_requests();
            let answer = app.fetch(&alice, &path).await;
            assert_eq!(answer.status(), 500, "{audience}: {}", answer.text());
            let body: Value = answer.json();
            assert!(!answer.text().contains("account"), "{}", answer.text());
            let reference = body["reference"].as_str().expect("a reference");
            assert_eq!(reason_of(reference), REASON);
            let line = lines_with(reference).join("");
            assert!(line.starts_with("ERROR"), "{line}");
            for word in [told, SHOPPING, "RFC 8707", "logto.resources"] {
                assert!(line.contains(word), "{audience}: no {word} in {line}");
            }
            // Nothing is kept: each attempt asks again.
            assert_eq!(app.refreshes().len(), 1, "{audience} {path}");
        }
    }
    let page = app.navigate(&alice, "/shopping").await;
    assert_eq!(page.status(), 500);
    let text = page.page().text;
    assert!(text.contains("This app is not set up correctly"), "{text}");
    assert_eq!(reason_of(&reference(&page)), REASON);
    // What was not asked for by resource has no such demand, and the session goes on.
    let default = app.json(&alice, "/default").await;
    assert!(default["claims"].is_null(), "{default}");
    assert_eq!(app.json(&alice, "/orders").await["claims"]["aud"], ORDERS);
    assert_eq!(app.json(&alice, "/me").await["name"], "Alice Example");
    // Nor do the user's claims get old because of it.
    app.clock.advance(provider, 2 * 3600);
    assert_eq!(app.fetch(&alice, "/shopping").await.status(), 500);
    let me = app.json(&alice, "/me").await;
    let (refreshed, now) = (me["refreshed_at"].as_i64(), (app.clock.read)());
    let age = now - refreshed.expect("a time");
    assert!((0..60).contains(&age), "{me}, {age} seconds old");
    // The provider has learned it.
    provider.hooks().access_token(|_, _| {});
    let good = app.json(&alice, "/shopping").await;
    assert_eq!(good["claims"]["aud"], SHOPPING);
    assert_eq!(app.json(&alice, "/shopping").await, good, "kept");
}

/// What is wrong with one resource says nothing of another.
#[rocket::async_test]
async fn who_waits_for_another_token_gets_it() {
    let app = TokenApp::start(clock!()).await;
    let alice = app.alice().await;
    names_instead(&app.at.provider, json!("account"));
    let held = app.at.provider.hooks().hold(Endpoint::Token);
    let shopping = app.fetch(&alice, "/shopping");
    let orders = async {
        while app.refreshes().is_empty() {
            rocket::tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        // The first one is on its way, the other waits for its turn.
        let orders = app.fetch(&alice, "/orders");
        let let_go = async {
            rocket::tokio::time::sleep(std::time::Duration::from_millis(300)).await;
            drop(held);
        };
        join(orders, let_go).await.0
    };
    let (shopping, orders) = join(shopping, orders).await;
    assert_eq!(shopping.status(), 500, "{}", shopping.text());
    assert_eq!(orders.status(), 200, "{}", orders.text());
}

/// Nobody but the provider can read it.
#[rocket::async_test]
async fn an_opaque_token_passes() {
    let app = TokenApp::start(clock!()).await;
    let alice = app.alice().await;
    for token in ["an-opaque-token", "a.b.c", "eyJhbGciOiJkaXIifQ..AA.AA.AA"] {
        app.at
            .provider
            .hooks()
            .respond(Endpoint::Token, move |_, reply| {
                reply.edit_json(|body| body["access_token"] = token.into());
            });
        let resource = format!("/token?resource={SHOPPING}&scope=read");
        assert_eq!(app.json(&alice, &resource).await["secret"], token);
        app.post(&alice, "/clear").await;
    }
}

#[get("/machine")]
fn machine(token: MachineToken<Read>) -> Value {
    shown(&token)
}

#[get("/organizations/<org_id>/machine")]
fn within(org_id: &str, token: MachineToken<ReadOrders>) -> Value {
    json!({ "of": org_id, "token": shown(&token) })
}

#[get("/at-run-time")]
async fn at_run_time(logto: &State<LogtoService>) -> Result<Value, Error> {
    let wanted = TokenFor::resource(SHOPPING).scope("read");
    Ok(shown(&logto.machine_token(wanted).await?))
}

#[get("/exchanged")]
async fn exchanged(logto: &State<LogtoService>) -> Result<Json<Value>, Error> {
    let token = SubjectToken::personal_access_token(PERSONAL_ACCESS_TOKEN);
    let wanted = TokenFor::resource(SHOPPING).scope("read");
    Ok(Json(shown(&logto.exchange_token(token, wanted).await?)))
}

fn rocket() -> Rocket<Build> {
    rocket::build().mount("/", routes![machine, within, at_run_time, exchanged])
}

#[rocket::async_test]
async fn nor_does_the_app_itself_get_one() {
    let app = ApiApp::start(as_machine(), rocket()).await;
    names_instead(&app.provider, json!("account"));
    for path in ["/machine", "/at-run-time", "/exchanged"] {
        for attempt in 1..=2 {
            app.provider.clear_requests();
            let answer = Browser::new().fetch_json(app.url(path)).await;
            assert_eq!(answer.status(), 500, "{path}: {}", answer.text());
            let body: Value = answer.json();
            let reference = body["reference"].as_str().expect("a reference");
            assert_eq!(reason_of(reference), REASON, "{path}");
            let line = lines_with(reference).join("");
            assert!(
                line.contains("[\"account\"]") && line.contains(SHOPPING),
                "{line}"
            );
            assert_eq!(app.token_requests().len(), 1, "{path}, attempt {attempt}");
        }
    }
    let path = format!("/organizations/{ACME}/machine");
    let answer = Browser::new().fetch_json(app.url(&path)).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    app.provider.hooks().access_token(|_, _| {});
    for path in ["/machine", "/at-run-time", "/exchanged"] {
        let answer = Browser::new().fetch_json(app.url(path)).await;
        assert_eq!(answer.status(), 200, "{path}: {}", answer.text());
        assert_eq!(answer.json::<Value>()["claims"]["aud"], SHOPPING, "{path}");
    }
}
