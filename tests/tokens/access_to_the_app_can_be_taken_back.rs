//! Access to the app is taken back at Logto: the token endpoint answers 400 `access_denied`,
//! whatever token is asked for, and userinfo goes on. The user is told, and let in nowhere;
//! the session stays, so that they are in again as soon as they have access.

use rocket::serde::json::Value;

use crate::support::app::ALICE;
use crate::support::browser::Response;
use crate::support::clock::clock;
use crate::support::log::lines_with;
use crate::support::targets::ACME;
use crate::support::token_app::TokenApp;

fn is_told(page: &Response) {
    assert_eq!(page.status(), 403, "{}", page.text());
    let shown = page.page();
    assert_eq!(shown.title, "You have no access to this app");
    let text = page.text();
    assert!(text.contains("taken back"), "{text}");
    // The same user would only end here again.
    assert!(text.contains(">Sign in as someone else</a>"), "{text}");
    assert!(text.contains("prompt=login"), "{text}");
}

#[rocket::async_test]
async fn who_has_lost_access_is_told_and_stays_signed_in() {
    let app = TokenApp::start(clock!()).await;
    let alice = app.alice().await;
    assert!(app.at.provider.set_access("alice", false));
    app.let_tokens_end();
    for _ in 0..2 {
        let page = app.navigate(&alice, "/me").await;
        is_told(&page);
        assert!(page.text().contains(">Sign out</a>"), "{}", page.text());
    }
    let answer = app.fetch(&alice, "/me").await;
    assert_eq!(answer.status(), 403);
    let body: Value = answer.json();
    assert_eq!(body["error"], "No access to this app");
    assert_eq!(body["code"], "oidc.access_denied");
    assert_eq!(
        app.refreshes().len(),
        1,
        "the provider is not asked at each request"
    );
    let lines = lines_with("NoAccess reason=oidc.access_denied");
    assert!(lines[0].starts_with("INFO "), "{lines:?}");
    assert!(
        lines[0].contains("answered 400 error=access_denied"),
        "{lines:?}"
    );

    // Given again, it is there without a new sign-in.
    assert!(app.at.provider.set_access("alice", true));
    app.clock.advance(&app.at.provider, 11);
    assert_eq!(app.json(&alice, "/me").await["name"], "Alice Example");
}

/// A token for an API tells it first, and then the whole app knows.
#[rocket::async_test]
async fn fresh_claims_do_not_let_in_whom_a_token_was_refused() {
    let app = TokenApp::start(clock!()).await;
    let alice = app.alice().await;
    assert!(app.at.provider.set_access("alice", false));
    assert_eq!(
        app.json(&alice, "/me").await["name"],
        "Alice Example",
        "nobody knows yet"
    );
    is_told(&app.navigate(&alice, "/shopping").await);
    is_told(&app.navigate(&alice, "/me").await);
    app.clock.advance(&app.at.provider, 11);
    is_told(&app.navigate(&alice, "/me").await);
    // Asked for an organization, Logto says the same, and it is not about that.
    app.clock.advance(&app.at.provider, 11);
    is_told(
        &app.navigate(&alice, &format!("/organizations/{ACME}"))
            .await,
    );
    app.clock.advance(&app.at.provider, 11);
    assert!(app.at.provider.set_access("alice", true));
    assert_eq!(app.json(&alice, "/me").await["name"], "Alice Example");
    let stranger = app.navigate(&alice, "/organizations/nobody").await;
    assert_eq!(stranger.page().title, "You may not do this");
    assert!(
        stranger.text().contains("not a member"),
        "{}",
        stranger.text()
    );
}

#[rocket::async_test]
async fn userinfo_goes_on_as_at_logto() {
    let app = TokenApp::start(clock!()).await;
    let alice = app.alice().await;
    assert!(app.at.provider.set_access("alice", false));
    assert_eq!(app.json(&alice, "/userinfo").await["sub"], ALICE);
}

/// Somebody who has never had access signs in: told at once, and not sent round.
#[rocket::async_test]
async fn a_sign_in_without_access_ends_with_the_same_page() {
    let app = TokenApp::start(clock!()).await;
    assert!(app.at.provider.set_access("alice", false));
    let (browser, back) = app.at.on_the_way_back(ALICE).await;
    let page = browser.follow(&back).await;
    is_told(&page);
    assert!(browser.cookie("logto_session").is_none());
    let again = app.navigate(&browser, "/me").await;
    assert_eq!(again.status(), 303, "to the sign-in, as anybody");
}
