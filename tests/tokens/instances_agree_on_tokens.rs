//! Instances that share sessions in Redis agree on which tokens count: what is
//! forgotten or fetched anew at one is so at the others with the next request.

use std::time::Duration;

use logto_dev_provider::Endpoint;
use rocket::futures::future::join;
use rocket::tokio::time::sleep;
use serde_json::Value as Json;

use crate::support::browser::Browser;
use crate::support::clock::{Clock, clock};
use crate::support::eventually::asked;
use crate::support::redis::Redis;
use crate::support::serve::Served;
use crate::support::token_app::TokenApp;

struct Pair {
    redis: Redis,
    first: TokenApp,
    second: Served,
    browser: Browser,
}

impl Pair {
    async fn start(clock: Clock) -> Pair {
        let redis = Redis::start().await;
        let session = redis.table().remove("session").expect("the table");
        let first = TokenApp::with(clock, [("session", session)]).await;
        let second = first.another().await;
        let browser = first.alice().await;
        Pair {
            redis,
            first,
            second,
            browser,
        }
    }

    /// The token that each of them gives.
    async fn tokens(&self, path: &str) -> [String; 2] {
        let mut secrets = [String::new(), String::new()];
        for (secret, url) in secrets
            .iter_mut()
            .zip([self.first.at.url(path), self.second.url(path)])
        {
            let answer = self.browser.fetch_json(url).await;
            assert_eq!(answer.status(), 200, "{path}: {}", answer.text());
            let shown: Json = answer.json();
            *secret = shown["secret"].as_str().expect("a token").to_owned();
        }
        secrets
    }
}

#[rocket::async_test]
async fn tokens_forgotten_at_one_are_forgotten_at_the_other() {
    for path in ["/clear", "/refresh"] {
        let pair = Pair::start(clock!()).await;
        let [before, same] = pair.tokens("/shopping").await;
        assert_eq!(before, same, "shared");
        let answer = pair.first.post(&pair.browser, path).await;
        assert_eq!(answer.status(), 200, "{path}");
        // The other one first.
        let url = pair.second.url("/shopping");
        let shown: Json = pair.browser.fetch_json(url).await.json();
        assert_ne!(shown["secret"], *before, "{path}");
        let [one, other] = pair.tokens("/shopping").await;
        assert_eq!(one, other, "{path}");
        assert_ne!(one, before, "{path}");
    }
}

#[rocket::async_test]
async fn asking_anew_asks_the_provider_whatever_another_has_fetched() {
    let pair = Pair::start(clock!()).await;
    // The second one has read the session before the first changes it.
    let provider = &pair.first.at.provider;
    let held = provider.hooks().hold(Endpoint::Token);
    let other = pair.first.fetch(&pair.browser, "/orders");
    let refresh = async {
        asked(provider, Endpoint::Token, 1).await;
        let url = pair.second.url("/refresh");
        let (answer, ()) = join(pair.browser.post_form(url, &[]), async {
            // It waits for the other one, or it would be at the provider.
            sleep(Duration::from_millis(300)).await;
            drop(held);
        })
        .await;
        answer
    };
    let (other, refreshed) = join(other, refresh).await;
    assert_eq!(other.status(), 200, "{}", other.text());
    assert_eq!(refreshed.status(), 200, "{}", refreshed.text());
    assert_eq!(pair.first.refreshes().len(), 2, "one for orders, one anew");
}

/// A refresh used the token up, and writing the new one down failed.
#[rocket::async_test]
async fn a_new_refresh_token_that_could_not_be_written_is_used_all_the_same() {
    let pair = Pair::start(clock!()).await;
    let hooks = pair.first.at.provider.hooks();
    hooks.rotate_refresh_tokens(true);
    let held = hooks.hold(Endpoint::Token);
    let refresh = pair.first.fetch(&pair.browser, "/shopping");
    let meanwhile = async {
        asked(&pair.first.at.provider, Endpoint::Token, 1).await;
        pair.redis.command(&["REPLICAOF", "127.0.0.1", "1"]);
        drop(held);
    };
    let (answer, ()) = join(refresh, meanwhile).await;
    assert_eq!(answer.status(), 503, "{}", answer.text());
    pair.redis.command(&["REPLICAOF", "NO", "ONE"]);
    let answer = pair.first.fetch(&pair.browser, "/shopping").await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
}
