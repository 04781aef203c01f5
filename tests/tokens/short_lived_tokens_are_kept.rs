//! A token that lives a minute or less is used for most of its life, not asked for again at
//! each use.

use std::time::Duration;

use rocket::{Build, Rocket, get, routes};
use rocket_logto::MachineToken;

use crate::support::api_app::{ApiApp, as_machine};
use crate::support::browser::Browser;
use crate::support::clock::clock;
use crate::support::targets::Read;
use crate::support::token_app::TokenApp;

#[rocket::async_test]
async fn a_users_token_of_half_a_minute_is_used_for_most_of_it() {
    let app = TokenApp::start(clock!()).await;
    app.at
        .provider
        .hooks()
        .token_lifetime(Duration::from_secs(30));
    let alice = app.alice().await;
    let first = app.json(&alice, "/shopping").await;
    for _ in 0..5 {
        assert_eq!(
            app.json(&alice, "/shopping").await["secret"],
            first["secret"]
        );
    }
    assert_eq!(app.refreshes().len(), 1);
    // A quarter is left over for calls under way.
    app.clock.advance(&app.at.provider, 22);
    assert_eq!(
        app.json(&alice, "/shopping").await["secret"],
        first["secret"]
    );
    app.clock.advance(&app.at.provider, 1);
    assert_ne!(
        app.json(&alice, "/shopping").await["secret"],
        first["secret"]
    );
    assert_eq!(app.refreshes().len(), 2);
}

#[get("/")]
fn machine(token: MachineToken<Read>) -> String {
    token.secret().to_owned()
}

#[rocket::async_test]
async fn so_is_a_token_of_the_app_itself() {
    let rocket: Rocket<Build> = rocket::build().mount("/", routes![machine]);
    let app = ApiApp::start(as_machine(), rocket).await;
    app.provider.hooks().token_lifetime(Duration::from_secs(30));
    let first = Browser::new().get(app.url("/")).await.text();
    assert_eq!(Browser::new().get(app.url("/")).await.text(), first);
    assert_eq!(app.token_requests().len(), 1);
}
