//! A session belongs to the issuer and the client that it was begun at: an app
//! that is configured anew, or another app with the same key, takes neither a
//! session nor a sign-in of another one, and sends nothing of it anywhere.

use logto_dev_provider::{DevProvider, Endpoint, Settings};
use rocket::figment::value::Dict;
use rocket::{Build, Rocket};

use crate::support::app::{ALICE, CLIENT_ID, CLIENT_SECRET, TestApp, keys, settings};
use crate::support::browser::Browser;
use crate::support::redis::Redis;
use crate::support::serve::{Served, free_port};
use crate::support::sessions::{rocket_with_key, who};

const OTHER_CLIENT: &str = "another-app";

fn rocket() -> Rocket<Build> {
    rocket_with_key(&"a".repeat(64))
}

async fn provider(client_id: &str, port: u16) -> DevProvider {
    let mut settings = Settings::new(client_id, CLIENT_SECRET);
    let common = self::settings();
    settings.offers_par = common.offers_par;
    settings.observer = common.observer;
    let provider = DevProvider::start(settings).await.expect("a provider");
    provider.set_redirect_uris([format!("http://localhost:{port}/callback")]);
    provider.hooks().sign_in_as(Some(ALICE));
    provider
}

async fn serve(port: u16, at: &DevProvider, client_id: &str, more: &Dict) -> Served {
    let mut logto = keys([("app_id", client_id.into()), ("claims_max_age", 1.into())]);
    logto.extend(more.clone());
    TestApp::serve(port, &at.endpoint(), logto, rocket()).await
}

#[rocket::async_test]
async fn of_all_that_a_browser_brings() {
    let redis = Redis::start().await;
    for store in [Dict::new(), redis.table()] {
        let port = free_port();
        let first = provider(CLIENT_ID, port).await;
        let app = serve(port, &first, CLIENT_ID, &store).await;
        let alice = Browser::new();
        let url = |path: &str| format!("http://localhost:{port}{path}");
        let page = alice.navigate_following(url("/protected"), 10).await.pop();
        assert_eq!(page.expect("a page").text(), ALICE);
        // Another sign-in has begun: as far as the provider's response.
        let on_the_way = Browser::new();
        let start = on_the_way.navigate(url("/sign-in")).await;
        let back = on_the_way
            .follow(&start)
            .await
            .location()
            .expect("a callback");
        app.stop().await;

        for client_id in [CLIENT_ID, OTHER_CLIENT] {
            let other = provider(client_id, port).await;
            let app = serve(port, &other, client_id, &store).await;
            let (session, sign_in) = (alice.clone(), on_the_way.clone());
            assert_eq!(who(&session, url("/protected")).await, None, "{client_id}");
            assert_eq!(session.navigate(url("/")).await.text(), "nobody");
            let page = sign_in.navigate(back.as_str()).await;
            // Not that sign-in, but one of its own.
            let to = page.location().expect("the provider");
            assert!(
                to.as_str().starts_with(&other.issuer()),
                "{client_id}: {to}"
            );
            for endpoint in [Endpoint::Token, Endpoint::UserInfo, Endpoint::Revocation] {
                assert_eq!(
                    other.requests_to(endpoint).len(),
                    0,
                    "{client_id}: {endpoint:?}"
                );
            }
            // A sign-in of its own is what it takes.
            let page = session
                .navigate_following(url("/protected"), 10)
                .await
                .pop();
            assert_eq!(page.expect("a page").text(), ALICE, "{client_id}");
            app.stop().await;
        }

        // What the browser brought is good where it was begun.
        let app = serve(port, &first, CLIENT_ID, &store).await;
        assert_eq!(who(&alice, url("/protected")).await.as_deref(), Some(ALICE));
        app.stop().await;
    }
}
