//! Metadata and keys that are an hour old.

use super::*;
use crate::config::DpopUse;
use logto_dev_provider::{DevProvider, Endpoint, Reply, Settings};

const PATIENCE: Duration = Duration::from_secs(30);
/// For so long a provider may hang before it is given up.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A provider whose metadata and keys are here, and an hour old.
async fn an_hour_ago() -> (DevProvider, Arc<Discovery>) {
    let provider = DevProvider::start(Settings::new("app", "secret")).await;
    let provider = provider.expect("a provider");
    let config = ProviderConfig {
        issuer: provider.issuer(),
        tenants: Vec::new(),
        named_by: NamedBy::Endpoint,
        discovery_url: None,
        http_hosts: Vec::new(),
        machine: None,
        introspect_opaque_tokens: false,
        clients_without_audience: Vec::new(),
        bearer_takes_id_tokens: false,
        profile: None,
        dpop: DpopUse::Off,
        bearer_requires_dpop: false,
        dpop_nonces: false,
        id_token_alg: Vec::new(),
        acr_order: Vec::new(),
        ca_pem: None,
        clock_tolerance: Duration::from_secs(60),
        http_timeout: TIMEOUT,
        max_concurrent_op_calls: 8,
        #[cfg(all(feature = "testing", debug_assertions))]
        transport: None,
    };
    let http = Arc::new(HttpClient::new(&config).expect("a client"));
    let state = Arc::new(Discovery::new(&config, http));
    state.metadata().await.expect("metadata");
    provider.clear_requests();
    state.age();
    (provider, state)
}

impl Discovery {
    fn age(&self) {
        let mut loaded = self.loaded.write().expect("no panic");
        let loaded = loaded.as_mut().expect("metadata");
        loaded.at = Instant::now() - MAX_AGE - Duration::from_secs(1);
    }

    fn is_old(&self) -> bool {
        self.loaded().expect("metadata").is_old()
    }

    fn knows(&self, kid: &str) -> bool {
        let keys = self.loaded().expect("keys").keys;
        keys.candidates(Some(kid), SigningAlg::ES384).count() == 1
    }
}

async fn eventually(is_so: impl AsyncFn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < end, "it never is");
        rocket::tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[rocket::async_test]
async fn metadata_and_keys_are_fetched_anew_after_an_hour() {
    let (provider, state) = an_hour_ago().await;
    provider.hooks().rotate_keys();
    let kid = provider.hooks().kid();
    assert!(!state.knows(&kid));
    state.metadata().await.expect("those from before");
    eventually(async || !state.is_old()).await;
    assert!(state.knows(&kid), "it was not in the keys from before");
    state.metadata().await.expect("new ones");
    assert_eq!(provider.requests_to(Endpoint::Discovery).len(), 1);
    assert_eq!(provider.requests_to(Endpoint::Jwks).len(), 1);
}

#[rocket::async_test]
async fn those_from_before_serve_until_that_succeeds() {
    let (provider, state) = an_hour_ago().await;
    let kid = provider.hooks().kid();
    for endpoint in [Endpoint::Jwks, Endpoint::Discovery] {
        let down = Reply::json(500, &"down".into());
        provider
            .hooks()
            .respond(endpoint, move |_, reply| *reply = down.clone());
        state.attempts.lock().await.failed = None;
        state.metadata().await.expect("those from before");
        eventually(async || state.attempts.lock().await.failed.is_some()).await;
        assert!(state.is_old() && state.knows(&kid), "{endpoint:?}");
        provider.hooks().behave(endpoint);
    }
    // After the pause.
    eventually(async || {
        state.metadata().await.expect("those from before");
        !state.is_old()
    })
    .await;
}

#[rocket::async_test]
async fn nobody_queues_behind_a_provider_that_hangs() {
    let (provider, state) = an_hour_ago().await;
    let held = provider.hooks().hold(Endpoint::Discovery);
    state.metadata().await.expect("those from before");
    eventually(async || !provider.requests_to(Endpoint::Discovery).is_empty()).await;
    let tasks = || {
        rocket::tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    };
    let before = tasks();
    for _ in 0..1000 {
        state.metadata().await.expect("those from before");
    }
    assert!(tasks() < before + 100, "{} tasks, {before} before", tasks());
    drop(held);
    eventually(async || !state.is_old()).await;
    assert_eq!(provider.requests_to(Endpoint::Discovery).len(), 1);
}
