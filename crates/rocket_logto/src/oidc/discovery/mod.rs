//! `Discovery`: the provider's metadata and keys (OpenID Connect Discovery 1.0),
//! fetched when first needed, kept, and refreshed in the background.

mod refetches;
#[cfg(all(test, feature = "dev-provider"))]
mod tests;

pub(super) use refetches::Sender;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use openidconnect::http::{Request, StatusCode, header};
use rocket::tokio::sync::Mutex;
use url::Url;

use self::refetches::Refetches;
use super::error::ProviderError;
use super::http::{Caller, HttpClient};
use super::metadata::{METADATA, Metadata};
use super::verify::{KeySet, Rejection};
use crate::config::{ProviderConfig, SigningAlg};

/// Metadata and keys older than this are fetched again in the background; the old
/// ones stay in use until that succeeds.
const MAX_AGE: Duration = Duration::from_secs(3600);
/// Pauses between attempts while the provider is unavailable. The longest one is how
/// long recovery may take once it is back.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

const KEYS: &str = "keys";

/// Metadata, and the keys fetched with it.
#[derive(Clone)]
struct Loaded {
    metadata: Arc<Metadata>,
    keys: Arc<KeySet>,
    at: Instant,
}

impl Loaded {
    fn is_old(&self) -> bool {
        self.at.elapsed() > MAX_AGE
    }
}

/// Attempts to load, made one at a time, with pauses after failures.
#[derive(Default)]
struct Attempts {
    failed: Option<(Instant, Duration, ProviderError)>,
}

pub(super) struct Discovery {
    issuer: String,
    alg: SigningAlg,
    http: Arc<HttpClient>,
    loaded: RwLock<Option<Loaded>>,
    attempts: Arc<Mutex<Attempts>>,
    refetches: Mutex<Refetches>,
}

impl Discovery {
    pub(super) fn new(config: &ProviderConfig, http: Arc<HttpClient>) -> Discovery {
        Discovery {
            issuer: config.issuer.clone(),
            alg: config.id_token_alg,
            http,
            loaded: RwLock::new(None),
            attempts: Arc::default(),
            refetches: Mutex::new(Refetches::new()),
        }
    }

    /// The metadata, fetched now if it was never loaded.
    pub(super) async fn metadata(self: &Arc<Self>) -> Result<Arc<Metadata>, ProviderError> {
        Ok(self.load().await?.metadata)
    }

    /// The metadata if it is loaded already; never touches the network.
    pub(super) fn metadata_if_loaded(&self) -> Option<Arc<Metadata>> {
        Some(self.loaded()?.metadata)
    }

    /// Newer keys, because a token's key is not among `seen`. `None` when there are
    /// none: no refetch is allowed now, or it failed.
    async fn refetch_keys(
        self: &Arc<Self>,
        seen: &Arc<KeySet>,
        sender: Sender,
    ) -> Option<Arc<KeySet>> {
        let mut refetches = self.refetches.lock().await;
        // Another call may have fetched them while this one waited for its turn.
        let current = self.loaded()?;
        if !Arc::ptr_eq(&current.keys, seen) {
            return Some(current.keys);
        }
        if !refetches.allows(sender) {
            log::warn!("logto: keys are not fetched again: too many tokens with unknown keys");
            return None;
        }
        match self.fetch_keys(&current.metadata.jwks_uri).await {
            Ok(keys) => {
                let keys = Arc::new(keys);
                let mut loaded = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
                if let Some(loaded) = loaded.as_mut() {
                    loaded.keys = keys.clone();
                }
                Some(keys)
            }
            Err(error) => {
                log::warn!("logto: {error}; the last good keys stay in use");
                None
            }
        }
    }

    /// A verdict by the keys at hand; when none of them fits, a second one by newly
    /// fetched keys.
    pub(super) async fn with_keys<T>(
        self: &Arc<Self>,
        sender: Sender,
        verify: impl Fn(&KeySet) -> Result<T, Rejection>,
    ) -> Result<Result<T, Rejection>, ProviderError> {
        let keys = self.load().await?.keys;
        let verdict = verify(&keys);
        if !matches!(verdict, Err(Rejection::UnknownKey)) {
            return Ok(verdict);
        }
        match self.refetch_keys(&keys, sender).await {
            Some(keys) => Ok(verify(&keys)),
            None => Ok(verdict),
        }
    }

    /// Tries until it succeeds: the warm-up at lift-off.
    pub(super) async fn warm_up(self: &Arc<Self>) {
        loop {
            match self.metadata().await {
                Ok(metadata) => {
                    log::info!("logto: provider {} is ready", metadata.issuer);
                    return;
                }
                Err(ProviderError::Pausing(_)) => {}
                Err(error) => log::warn!("logto: provider not ready, {error}"),
            }
            // What is left of the pause: a request may have tried since.
            let pause = match &self.attempts.lock().await.failed {
                Some((at, pause, _)) => pause.saturating_sub(at.elapsed()),
                None => FIRST_PAUSE,
            };
            rocket::tokio::time::sleep(pause).await;
        }
    }

    fn loaded(&self) -> Option<Loaded> {
        let loaded = self.loaded.read();
        loaded.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is loaded, or else the outcome of one attempt: the first caller makes
    /// it, the others wait for it.
    async fn load(self: &Arc<Self>) -> Result<Loaded, ProviderError> {
        if let Some(loaded) = self.loaded() {
            if loaded.is_old() {
                self.refresh_behind();
            }
            return Ok(loaded);
        }
        let mut attempts = self.attempts.lock().await;
        self.attempt(&mut attempts, |_| true).await
    }

    fn refresh_behind(self: &Arc<Self>) {
        // One at a time: while the provider hangs, no request queues behind it.
        let Ok(mut attempts) = self.attempts.clone().try_lock_owned() else {
            return;
        };
        let state = self.clone();
        rocket::tokio::spawn(async move {
            let fresh = |loaded: &Loaded| !loaded.is_old();
            if let Err(error) = state.attempt(&mut attempts, fresh).await
                && !matches!(error, ProviderError::Pausing(_))
            {
                log::warn!("logto: {error}; the last good metadata and keys stay in use");
            }
        });
    }

    /// One attempt, unless another one has succeeded by now or the pause is not over.
    async fn attempt(
        &self,
        attempts: &mut Attempts,
        will_do: impl Fn(&Loaded) -> bool,
    ) -> Result<Loaded, ProviderError> {
        if let Some(loaded) = self.loaded().filter(will_do) {
            return Ok(loaded);
        }
        let mut pause = FIRST_PAUSE;
        if let Some((at, last, error)) = &attempts.failed {
            if at.elapsed() < *last {
                return Err(ProviderError::Pausing(Box::new(error.clone())));
            }
            pause = (*last * 2).min(LONGEST_PAUSE);
        }
        match self.fetch().await {
            Ok(loaded) => {
                let mut kept = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
                *kept = Some(loaded.clone());
                attempts.failed = None;
                Ok(loaded)
            }
            Err(error) => {
                attempts.failed = Some((Instant::now(), pause, error.clone()));
                Err(error)
            }
        }
    }

    async fn fetch(&self) -> Result<Loaded, ProviderError> {
        // OpenID Connect Discovery 1.0 section 4: a terminating slash is
        // removed before the well-known path is appended.
        let issuer = self.issuer.strip_suffix('/').unwrap_or(&self.issuer);
        let url = format!("{issuer}/.well-known/openid-configuration");
        let document = self.get(&url, METADATA).await?;
        let metadata = Metadata::of(&self.issuer, &document)?;
        let keys = self.fetch_keys(&metadata.jwks_uri).await?;
        Ok(Loaded {
            metadata: Arc::new(metadata),
            keys: Arc::new(keys),
            at: Instant::now(),
        })
    }

    async fn fetch_keys(&self, jwks_uri: &Url) -> Result<KeySet, ProviderError> {
        let document = self.get(jwks_uri.as_str(), KEYS).await?;
        let keys = KeySet::parse(&document, self.alg)
            .map_err(|error| ProviderError::unreadable(KEYS, &error))?;
        if keys.len() == 0 {
            log::warn!(
                "logto: the provider publishes no key for {:?}: see logto.id_token_alg",
                self.alg
            );
        }
        Ok(keys)
    }

    async fn get(&self, url: &str, what: &'static str) -> Result<Vec<u8>, ProviderError> {
        let request = Request::get(url)
            .header(header::ACCEPT, "application/json")
            .body(Vec::new())
            .map_err(|error| ProviderError::Malformed {
                what,
                error: error.to_string(),
            })?;
        let response = self.http.send(request, Caller::Known).await;
        let response = response.map_err(|error| ProviderError::Http { what, error })?;
        match response.status() {
            StatusCode::OK => Ok(response.into_body()),
            status => Err(ProviderError::Status { what, status }),
        }
    }
}
