//! The store keeps its promises, and the app signs people in with it.

use std::cell::Cell;

use logto_dev_provider::{DevProvider, Settings};
use rocket::http::{Accept, Header, Status};
use rocket::local::asynchronous::{Client, LocalResponse};
use rocket_logto::testing::session_store_conformance;

use crate::store::SqliteStore;

#[rocket::async_test]
async fn the_store_keeps_its_promises() {
    let directory = tempfile::tempdir().expect("a directory");
    let count = Cell::new(0);
    session_store_conformance(async || {
        let file = format!("{}.sqlite3", count.replace(count.get() + 1));
        let store = SqliteStore::open(directory.path().join(file)).await;
        store.expect("a database")
    })
    .await;
}

#[rocket::async_test]
async fn a_session_outlives_the_app_and_ends_at_sign_out() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut settings = Settings::new("my-app", "my-secret");
    settings.redirect_uris = vec!["http://localhost:8000/callback".into()];
    let provider = DevProvider::start(settings).await.expect("a provider");
    let start = async || {
        let store = SqliteStore::open(directory.path().join("sessions.sqlite3")).await;
        let app = crate::app(store.expect("a database"));
        let figment = app
            .figment()
            .clone()
            .merge(("secret_key", "ab".repeat(32)))
            .merge(("logto.endpoint", provider.endpoint()))
            .merge(("logto.app_id", "my-app"))
            .merge(("logto.app_secret", "my-secret"))
            .merge(("logto.base_url", "http://localhost:8000"));
        let client = Client::tracked(app.configure(figment)).await;
        client.expect("an app")
    };
    let client = start().await;
    let page = client.get("/protected").header(Accept::JSON);
    assert_eq!(page.dispatch().await.status(), Status::Unauthorized);
    let signed_in = sign_in(&provider, &client).await;
    assert_eq!(signed_in.status(), Status::SeeOther);
    let cookies: Vec<_> = client.cookies().iter().cloned().collect();
    drop(signed_in);

    let restarted = start().await;
    let page = restarted.get("/protected").cookies(cookies.clone());
    let page = page.dispatch().await.into_string().await.expect("a page");
    assert_eq!(page, "Your session, alice4hy6kz2, is a row in SQLite.");

    let out = restarted
        .post("/sign-out")
        .header(Header::new("Origin", "http://localhost:8000"))
        .cookies(cookies.clone());
    assert_eq!(out.dispatch().await.status(), Status::SeeOther);
    // A copy of the cookies is no use, at any instance.
    for client in [&client, &restarted] {
        let page = client.get("/protected").header(Accept::JSON);
        let page = page.cookies(cookies.clone()).dispatch().await;
        assert_eq!(page.status(), Status::Unauthorized);
    }
    provider.stop().await;
}

/// What a browser does to sign Alice in.
async fn sign_in<'c>(provider: &DevProvider, client: &'c Client) -> LocalResponse<'c> {
    let start = client.get("/sign-in").dispatch().await;
    let to_provider = start.headers().get_one("Location").expect("a redirect");

    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    let http = http.build().expect("a client");
    let page = http.get(to_provider).send().await.expect("an answer");
    let page = page.text().await.expect("a page");
    let field = page.split_once("name=\"interaction\" value=\"");
    let interaction = field.and_then(|(_, rest)| rest.split_once('"'));
    let (interaction, _) = interaction.expect("the form");
    let button = http
        .post(format!("{}/sign-in", provider.endpoint()))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(format!("interaction={interaction}&user=alice"));
    let pressed = button.send().await.expect("an answer");

    let back = pressed.headers()["Location"].to_str().expect("an address");
    let callback = back.strip_prefix("http://localhost:8000");
    let callback = callback.expect("the app's callback").to_owned();
    client.get(callback).dispatch().await
}
