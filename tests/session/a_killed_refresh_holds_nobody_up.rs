//! A refresh holds a lock among the instances, which lasts while it runs and no
//! longer: neither does a slow provider make two of them refresh, nor does an
//! instance that is killed keep its user waiting.

use std::time::{Duration, Instant};

use logto_dev_provider::Endpoint;
use rocket::futures::future::join_all;

use crate::support::app::ALICE;
use crate::support::eventually::asked;
use crate::support::instances::{Pair, RedisServer};

const USERINFO: &str = "/protected/userinfo";

#[rocket::async_test]
async fn an_instance_killed_in_the_middle_delays_the_next_by_three_seconds() {
    let redis = RedisServer::start().await;
    let mut pair = Pair::start(Some(&redis)).await;
    // Expired at once, so that the next request needs a new one.
    let hooks = pair.provider.hooks();
    hooks.token_lifetime(Duration::ZERO);
    let browser = pair.nginx.browser();
    pair.sign_in(&browser, ALICE).await;
    hooks.token_lifetime(Duration::from_secs(3600));
    pair.provider.clear_requests();
    let held = hooks.hold(Endpoint::Token);
    let [victim, survivor] = [0, 1].map(|instance| pair.straight_to(&browser, instance));
    let url = pair.url(USERINFO);
    let lost = rocket::tokio::spawn({
        let url = url.clone();
        async move { victim.request(reqwest::Method::GET, url).try_send().await }
    });
    asked(&pair.provider, Endpoint::Token, 1).await;
    pair.instances[0].kill();
    drop(held);
    let killed = Instant::now();
    let page = survivor.navigate(&url).await;
    let took = killed.elapsed();
    assert_eq!(page.status(), 200, "{}", page.text());
    assert!(page.text().contains("Alice Example"));
    // The rest is a slow machine.
    assert!(took < Duration::from_millis(4500), "{took:?}");
    println!("the next refresh was done {took:?} after the kill");
    lost.abort();
}

/// Four seconds, which is longer than the lock lasts unless it is renewed.
#[rocket::async_test]
async fn a_slow_refresh_stays_the_only_one() {
    let redis = RedisServer::start().await;
    let pair = Pair::start(Some(&redis)).await;
    let hooks = pair.provider.hooks();
    // A refresh token used twice would end the grant.
    hooks.rotate_refresh_tokens(true);
    hooks.token_lifetime(Duration::ZERO);
    let browser = pair.nginx.browser();
    pair.sign_in(&browser, ALICE).await;
    hooks.token_lifetime(Duration::from_secs(3600));
    hooks.delay(Endpoint::Token, Duration::from_secs(4));
    pair.provider.clear_requests();
    let both = [0, 1].map(|instance| pair.straight_to(&browser, instance));
    let url = pair.url(USERINFO);
    let visits = both.iter().map(|browser| browser.navigate(&url));
    for page in join_all(visits).await {
        assert_eq!(page.status(), 200, "{}", page.text());
    }
    assert_eq!(pair.provider.requests_to(Endpoint::Token).len(), 1);
}
