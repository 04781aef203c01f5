//! Waiting for what happens elsewhere, with an end.

use std::time::{Duration, Instant};

use logto_dev_provider::{DevProvider, Endpoint};
use rocket::tokio::time::sleep;

const PATIENCE: Duration = Duration::from_secs(30);

/// Asks until it is so; panics when it never is.
pub async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < end, "never: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until the provider has had so many requests to `endpoint`.
pub async fn asked(provider: &DevProvider, endpoint: Endpoint, times: usize) {
    let what = format!("{times} requests to {endpoint:?}");
    eventually(&what, async || {
        provider.requests_to(endpoint).len() >= times
    })
    .await;
}
