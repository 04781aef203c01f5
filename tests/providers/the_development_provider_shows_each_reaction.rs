//! What an operator does at the provider, by the buttons of the development provider:
//! each reaction of the app can be seen, when the provider's page says so.

use std::fs;
use std::path::PathBuf;

use crate::support::browser::{Browser, Response};
use crate::support::demo::Demo;
use crate::support::eventually::eventually;
use crate::support::launch::{Launch, file};

/// Opens the sign-up page of the provider, by way of the app.
async fn sign_up_page(demo: &Demo, browser: &Browser) -> Response {
    let hops = browser.navigate_following(demo.url("/sign-up"), 10).await;
    hops.into_iter().last().expect("the provider's page")
}

async fn signed_up(demo: &Demo, browser: &Browser, fields: &[(&str, &str)]) {
    let page = sign_up_page(demo, browser).await;
    let answer = browser.submit(&page, "Sign up", fields).await;
    let hops = browser.follow_all(answer, 10).await;
    let home = hops.last().expect("a page");
    assert_eq!(home.url().as_str(), demo.url("/"), "{}", home.text());
}

async fn read(demo: &Demo, browser: &Browser, path: &str) -> String {
    let page = browser.navigate(demo.url(path)).await;
    assert_eq!(page.status(), 200, "{path}");
    page.page().text
}

async fn refresh(demo: &Demo, browser: &Browser) -> String {
    let page = browser.navigate(demo.url("/session")).await;
    let answer = browser.submit(&page, "Refresh now", &[]).await;
    browser.follow(&answer).await.page().text
}

/// The page of a user at the provider, found on its control page.
async fn user_page(demo: &Demo, operator: &Browser, name: &str) -> Response {
    let control = operator.navigate(demo.provider_url("/")).await;
    operator.click(&control, name).await
}

#[rocket::async_test]
async fn from_the_sign_up_to_the_suspension() {
    let state = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("reactions-state.json");
    let _ = fs::remove_file(&state);
    let demo = Demo::keeping(&state).await;
    let (dora, operator) = (Browser::new(), Browser::new());

    // A name that is taken is told there, and the sign-in goes on.
    let page = sign_up_page(&demo, &dora).await;
    let taken = [("username", "alice"), ("name", "Dora Example")];
    let page = dora.submit(&page, "Sign up", &taken).await;
    assert_eq!(page.status(), 422);
    assert!(page.page().text.contains("has this user name already"));
    let free = [("username", "dora"), ("name", "Dora Example")];
    let answer = dora.submit(&page, "Sign up", &free).await;
    dora.follow_all(answer, 10).await;
    let claims = read(&demo, &dora, "/protected").await;
    assert!(claims.contains("Dora Example"), "{claims}");

    // Roles: at the refresh, not before.
    let page = user_page(&demo, &operator, "Dora Example").await;
    let roles = [("new_role", "editor"), ("member", "acme5obvzg01")];
    let page = operator.submit(&page, "Save the roles", &roles).await;
    let page = operator.follow(&page).await;
    assert!(
        page.page()
            .text
            .contains("at the next refresh of the claims")
    );
    let claims = read(&demo, &dora, "/protected").await;
    assert!(!claims.contains("editor"), "{claims}");
    refresh(&demo, &dora).await;
    let claims = read(&demo, &dora, "/protected").await;
    assert!(claims.contains("editor"), "{claims}");
    assert!(claims.contains("acme5obvzg01"), "{claims}");

    // Another type of key: she stays, and the next sign-in works.
    let control = operator.navigate(demo.provider_url("/")).await;
    let answer = operator
        .submit(&control, "Change the type to RSA (RS256)", &[])
        .await;
    let control = operator.follow(&answer).await;
    let text = control.page().text;
    assert!(text.contains("ES384, PS256, RS256"), "{text}");
    refresh(&demo, &dora).await;
    assert!(read(&demo, &dora, "/protected").await.contains("editor"));
    let emil = Browser::new();
    signed_up(&demo, &emil, &[("username", "emil")]).await;

    // The end of his sessions: by back-channel logout, with the next request.
    let page = user_page(&demo, &operator, "emil").await;
    operator.submit(&page, "End the sessions", &[]).await;
    eventually("he is out", async || {
        emil.navigate(demo.url("/protected")).await.status() == 303
    })
    .await;

    // A suspension: told by a webhook, and seen with the next request. Then she cannot come
    // back.
    let page = user_page(&demo, &operator, "Dora Example").await;
    let answer = operator.submit(&page, "Suspend Dora Example", &[]).await;
    let page = operator.follow(&answer).await;
    assert!(page.page().text.contains("a webhook is on its way"));
    eventually("she is out", async || {
        dora.navigate(demo.url("/protected")).await.status() == 303
    })
    .await;
    let hops = dora.navigate_following(demo.url("/session"), 10).await;
    let page = hops.last().expect("the provider's page");
    let button = {
        let page = page.page();
        let mut buttons = page.forms.iter().flat_map(|form| &form.buttons);
        let found = buttons.find(|button| button.text.contains("Dora"));
        found.expect("her button").value.clone()
    };
    let refused = dora.submit(page, &*button, &[]).await;
    assert_eq!(refused.status(), 401);
    assert!(refused.page().text.contains("This account is suspended."));

    // All of it outlives the process; brought back, she is who she was.
    drop(demo);
    let demo = Demo::keeping(&state).await;
    let page = user_page(&demo, &operator, "Dora Example").await;
    operator.submit(&page, "Bring back Dora Example", &[]).await;
    let dora = Browser::new();
    demo.sign_in(&dora, &button).await;
    let claims = read(&demo, &dora, "/protected").await;
    assert!(claims.contains("editor"), "{claims}");
    assert!(claims.contains("acme5obvzg01"), "{claims}");
}

/// A request that the provider cannot send back is explained in the browser.
#[rocket::async_test]
async fn a_wrong_client_is_told_what_to_write() {
    let demo = Demo::start().await;
    let browser = Browser::new();
    let wrong = "/oidc/auth?client_id=not-known&response_type=code&scope=openid";
    let page = browser.navigate(demo.provider_url(wrong)).await;
    let text = page.page().text;
    assert_eq!(page.status(), 400, "{text}");
    for words in [
        "This sign-in is refused",
        "invalid client not-known",
        "app_id =",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[rocket::async_test]
async fn clients_register_themselves_where_a_key_allows_it() {
    for (demo, allowed) in [
        (Demo::open_to_clients().await, true),
        (Demo::start().await, false),
    ] {
        let place = "/.well-known/oauth-authorization-server/oidc";
        let metadata = Browser::new().navigate(demo.provider_url(place)).await;
        let metadata: serde_json::Value = metadata.json();
        let expected = demo.provider_url("/oidc/register");
        let registration = metadata["registration_endpoint"].as_str();
        assert_eq!(registration, allowed.then_some(&*expected), "{metadata}");
        assert_eq!(metadata["client_id_metadata_document_supported"], true);
    }
}

#[rocket::async_test]
async fn a_broken_state_file_stops_the_launch() {
    let path = file(
        "broken-state.json",
        "{\n  \"version\": 1,\n  \"users\": {}\n}\n",
    );
    let launch = Launch {
        toml: format!("[debug.logto.dev_provider]\nport = 0\nstate_file = {path:?}\n"),
        env: Vec::new(),
    };
    let output = launch.fails("broken-state", "a broken state file").await;
    for words in [
        "logto.dev_provider.state_file",
        &path.display().to_string(),
        "line 3",
        "delete it to start afresh",
        "broken-state.toml",
    ] {
        assert!(output.contains(words), "{words}: {output}");
    }
}

/// Access control for the app, and the pages where users change how they sign in.
#[rocket::async_test]
async fn access_is_taken_back_and_given_again() {
    let state = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("access-state.json");
    let _ = fs::remove_file(&state);
    let demo = Demo::keeping(&state).await;
    let (dora, operator) = (Browser::new(), Browser::new());
    let free = [("username", "dora"), ("name", "Dora Example")];
    signed_up(&demo, &dora, &free).await;

    let page = dora.navigate(demo.url("/session")).await;
    let account = dora.click(&page, "Change the password").await;
    assert!(account.page().text.contains("change your password"));
    let back = dora.click(&account, "Back").await;
    assert_eq!(back.url().as_str(), demo.url("/session"));

    let page = user_page(&demo, &operator, "Dora Example").await;
    let page = operator.submit(&page, "Take access back", &[]).await;
    let page = operator.follow(&page).await;
    assert!(
        page.page().text.contains("is taken back"),
        "{}",
        page.text()
    );
    let page = dora.navigate(demo.url("/session")).await;
    let told = dora.submit(&page, "Refresh now", &[]).await;
    assert_eq!(told.status(), 403);
    assert!(
        told.page().text.contains("no longer have access"),
        "{}",
        told.text()
    );
    // The app knows now, whatever page is opened.
    let told = dora.navigate(demo.url("/session")).await;
    assert_eq!(told.status(), 403);
    let text = told.page().text;
    assert!(text.contains("You have no access to this app"), "{text}");

    let page = user_page(&demo, &operator, "Dora Example").await;
    let page = operator.submit(&page, "Give access", &[]).await;
    let page = operator.follow(&page).await;
    assert!(page.page().text.contains("have access"), "{}", page.text());
    let is_in = async || dora.navigate(demo.url("/session")).await.status() == 200;
    eventually("dora is in again", is_in).await;
}
