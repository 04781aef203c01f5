//! What stands in `examples/` runs beside the development provider, as its
//! first lines say.

use logto_dev_provider::DevProvider;
use rocket::figment::value::Dict;
use rocket::serde::json::{Value, json};

use crate::support::api_app::{ApiApp, MANAGEMENT_API, as_machine};
use crate::support::app::{ALICE, settings};
use crate::support::browser::Browser;
use crate::support::fapi::Fapi;
use crate::support::targets::{ACME, GLOBEX, ORDERS, SHOPPING};

// Each has a `main` as well.
#[allow(dead_code)]
#[path = "../../crates/rocket_logto/examples/api.rs"]
mod api;
#[allow(dead_code)]
#[path = "../../crates/rocket_logto/examples/fapi_client.rs"]
mod fapi_client;
#[allow(dead_code)]
#[path = "../../crates/rocket_logto/examples/management_api.rs"]
mod management_api;

async fn start(rocket: rocket::Rocket<rocket::Build>, logto: Dict) -> ApiApp {
    let provider = DevProvider::start(settings()).await.expect("a provider");
    ApiApp::attached(provider, logto, rocket).await
}

#[rocket::async_test]
async fn the_api_knows_three_models_of_permission() {
    let app = start(api::rocket(), Dict::new()).await;
    let shopping = app.token(&[("resource", SHOPPING)], "read").await;
    let acme = app
        .token(&[("organization_id", ACME)], "view:reports")
        .await;
    let orders = [("resource", ORDERS), ("organization_id", ACME)];
    let orders = app.token(&orders, "orders:read orders:write").await;

    let reports = format!("/organizations/{ACME}/reports");
    let acme_orders = format!("/organizations/{ACME}/orders");
    let paths = ["/cart", &reports, &acme_orders];
    for (token, opens) in [(&shopping, 0), (&acme, 1), (&orders, 2)] {
        for (number, path) in paths.iter().enumerate() {
            let answer = app.call(path, token).await;
            let expected = if number == opens { 200 } else { 401 };
            assert_eq!(answer.status(), expected, "{path}: {}", answer.text());
        }
    }
    let body: Value = app.call("/cart", &shopping).await.json();
    assert_eq!(
        body,
        json!({ "cart_of": "dev-machine", "may_change_it": false })
    );
    let body: Value = app.call(&acme_orders, &orders).await.json();
    assert_eq!(body["may_change_them"], false, "a member may not");
    for path in ["reports", "orders"] {
        let elsewhere = format!("/organizations/{GLOBEX}/{path}");
        for token in [&acme, &orders] {
            assert_eq!(app.call(&elsewhere, token).await.status(), 401);
        }
    }
}

#[rocket::async_test]
async fn the_management_api_is_called_by_the_app_itself() {
    let app = start(management_api::rocket(), as_machine()).await;
    for _ in 0..3 {
        let answer = Browser::new().get(app.url("/users/count")).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        assert_eq!(answer.json::<Value>(), json!({ "users": 3 }));
    }
    let [request] = &app.token_requests()[..] else {
        panic!("one token serves all calls");
    };
    assert_eq!(request.form_value("grant_type"), Some("client_credentials"));
    assert_eq!(request.form_value("resource"), Some(MANAGEMENT_API));
    assert_eq!(request.form_value("scope"), Some("all"));

    // Without the role that Logto has for it.
    let provider = DevProvider::start(settings()).await.expect("a provider");
    provider.edit_seed(|seed| seed.machines[0].roles.clear());
    let app = ApiApp::attached(provider, as_machine(), management_api::rocket()).await;
    let answer = Browser::new().get(app.url("/users/count")).await;
    assert_eq!(answer.status(), 500, "{}", answer.text());
    assert_eq!(answer.json::<Value>()["error"], "Misconfigured");
}

/// With userinfo in the place of the resource: it demands a proof and a nonce as well.
#[rocket::async_test]
async fn the_fapi_client_calls_a_resource_with_a_nonce() {
    let rocket = |issuer: &str| {
        let rocket = fapi_client::rocket();
        let figment = rocket.figment().clone();
        rocket.configure(figment.merge(("accounts_url", format!("{issuer}me"))))
    };
    let app = Fapi::of(rocket, |hooks| hooks.demand_dpop_nonce("a-nonce")).await;
    let browser = Browser::new();
    let pages = browser.navigate_following(app.url("/accounts"), 10).await;
    let page = pages.last().expect("a page").text();
    let expected = format!("{ALICE}: 200 OK\n{{\"");
    assert!(page.starts_with(&expected), "{page}");
    assert!(page.contains(&format!("\"sub\":\"{ALICE}\"")), "{page}");
}
