//! `Discovery`: the provider's metadata and keys (OpenID Connect Discovery 1.0),
//! fetched when first needed, kept, and refreshed in the background.

mod refetches;
#[cfg(all(test, feature = "dev-provider"))]
mod tests;
mod told;

pub(super) use refetches::Sender;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use openidconnect::http::{Request, StatusCode, header};
use rocket::tokio::sync::Mutex;

use self::refetches::Refetches;
use self::told::Told;
use super::error::{ProviderError, printable};
use super::http::{Caller, HttpClient};
use super::metadata::{METADATA, Metadata};
use super::provider::Unready;
use super::verify::{self, Algorithms, KeySet, Refused, Rejection};
use crate::config::issuer::metadata_address;
use crate::config::{HttpHost, NamedBy, Profile, ProviderConfig, SigningAlg};
use crate::measure::{self, Endpoint, Refetch};

/// Metadata and keys older than this are fetched again in the background; the old
/// ones stay in use until that succeeds.
const MAX_AGE: Duration = Duration::from_secs(3600);
/// Without a key that can be used nobody can sign in, so that is not kept for as long.
const SOON: Duration = Duration::from_secs(5);
/// Pauses between attempts while the provider is unavailable. The longest one is how
/// long recovery may take once it is back.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);
/// The same while its metadata are here and cannot be used: somebody has to change
/// them, or the configuration. So long a pause only requests can cut short, with
/// pauses of their own up to the first of these.
const FIRST_PAUSE_FOR_CONTENT: Duration = Duration::from_secs(60);
const LONGEST_PAUSE_FOR_CONTENT: Duration = Duration::from_secs(600);

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
        self.at.elapsed() > if self.keys.len() == 0 { SOON } else { MAX_AGE }
    }
}

/// Attempts to load, made one at a time, with pauses after failures.
#[derive(Default)]
struct Attempts {
    failed: Option<(Instant, Duration, ProviderError)>,
}

/// How long until the next attempt after this error, if the last pause was this one.
fn pause_after(last: Option<Duration>, error: &ProviderError) -> Duration {
    let longest = match error.is_about_content() {
        true => FIRST_PAUSE_FOR_CONTENT,
        false => LONGEST_PAUSE,
    };
    last.map_or(FIRST_PAUSE, |last| (last * 2).min(longest))
}

pub(super) struct Discovery {
    issuer: String,
    named_by: NamedBy,
    /// Where the metadata are.
    address: String,
    /// Whether a key says so.
    is_address_configured: bool,
    http_hosts: Vec<HttpHost>,
    /// The accepted algorithms; none: those the provider announces.
    pinned: Vec<SigningAlg>,
    profile: Option<Profile>,
    http: Arc<HttpClient>,
    told: Told,
    loaded: RwLock<Option<Loaded>>,
    attempts: Arc<Mutex<Attempts>>,
    /// Whether the last attempt failed for good, until somebody changes something.
    fails_for_good: AtomicBool,
    refetches: Mutex<Refetches>,
}

impl Discovery {
    pub(super) fn new(config: &ProviderConfig, http: Arc<HttpClient>) -> Discovery {
        Discovery {
            issuer: config.issuer.clone(),
            named_by: config.named_by,
            address: match &config.discovery_url {
                Some(address) => address.clone(),
                None => metadata_address(&config.issuer),
            },
            is_address_configured: config.discovery_url.is_some(),
            http_hosts: config.http_hosts.clone(),
            pinned: config.id_token_alg.clone(),
            profile: config.profile,
            http,
            told: Told::default(),
            loaded: RwLock::new(None),
            attempts: Arc::default(),
            fails_for_good: AtomicBool::new(false),
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

    /// Whether there are metadata and a key to verify with. Never waits for the network.
    pub(super) fn readiness(self: &Arc<Self>) -> Result<(), Unready> {
        let unready = |is_lasting, reason| Err(Unready { is_lasting, reason });
        let Some(loaded) = self.loaded() else {
            let is_lasting = self.fails_for_good.load(Ordering::Relaxed);
            return unready(is_lasting, "provider_metadata");
        };
        if loaded.keys.len() > 0 {
            return Ok(());
        }
        if loaded.is_old() {
            self.refresh_behind();
        }
        unready(true, "no_usable_key")
    }

    /// New keys because a token's key is not among `seen`, or its algorithm not among
    /// those announced with them: metadata and keys change together when a provider
    /// changes its type of key. `None` when nothing newer is to be had: the bucket is
    /// empty or the provider is.
    async fn refetch(self: &Arc<Self>, seen: &Arc<KeySet>, sender: Sender) -> Option<Arc<KeySet>> {
        let mut refetches = self.refetches.lock().await;
        // Another call may have fetched them while this one waited for its turn.
        let current = self.loaded()?;
        if !Arc::ptr_eq(&current.keys, seen) {
            return Some(current.keys);
        }
        if !refetches.allows(sender) {
            measure::key_refetch(Refetch::Limited);
            log::warn!("logto: keys are not fetched again: too many tokens with unknown keys");
            return None;
        }
        let metadata = match self.pinned.is_empty() {
            true => self.fetch_metadata().await.map(Arc::new),
            // Only the keys can be news.
            false => Ok(current.metadata.clone()),
        };
        let metadata = metadata.unwrap_or_else(|error| {
            self.told
                .warn(format!("{error}; the last good metadata stay"));
            current.metadata.clone()
        });
        match self.fetch_keys(&metadata, Some(&current.keys)).await {
            Ok(keys) => {
                measure::key_refetch(Refetch::Fetched);
                let keys = Arc::new(keys);
                let mut loaded = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
                if let Some(loaded) = loaded.as_mut() {
                    loaded.keys = keys.clone();
                    loaded.metadata = metadata;
                }
                Some(keys)
            }
            Err(error) => {
                measure::key_refetch(Refetch::Failed);
                self.told
                    .warn(format!("{error}; the last good keys stay in use"));
                None
            }
        }
    }

    /// A verdict on `token` by the keys at hand, and a second one by new keys when the
    /// first was that none fits.
    pub(super) async fn with_keys<T>(
        self: &Arc<Self>,
        sender: Sender,
        token: &str,
        verify: impl Fn(&KeySet) -> Result<T, Rejection>,
    ) -> Result<Result<T, Refused>, ProviderError> {
        let mut keys = self.load().await?.keys;
        let mut verdict = verify(&keys);
        let may_be_new = matches!(
            verdict,
            Err(Rejection::UnknownKey | Rejection::UnannouncedAlgorithm)
        );
        if may_be_new && let Some(newer) = self.refetch(&keys, sender).await {
            verdict = verify(&newer);
            keys = newer;
        }
        Ok(verdict.map_err(|rejection| verify::explain(token, rejection, &keys)))
    }

    /// Tries until it succeeds: the warm-up at lift-off.
    pub(super) async fn warm_up(self: &Arc<Self>) {
        let mut pause_for_content = FIRST_PAUSE_FOR_CONTENT;
        loop {
            match self.metadata().await {
                Ok(metadata) => {
                    log::info!("logto: provider {} is ready", metadata.issuer);
                    return;
                }
                Err(ProviderError::Pausing(_)) => {}
                Err(error) => self.told.warn(format!("provider not ready, {error}")),
            }
            let pause = match &self.attempts.lock().await.failed {
                Some((_, _, error)) if error.is_about_content() => {
                    let pause = pause_for_content;
                    pause_for_content = (pause * 2).min(LONGEST_PAUSE_FOR_CONTENT);
                    pause
                }
                // What is left of the pause: a request may have tried since.
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
                let stay = "the last good metadata and keys stay in use";
                state.told.warn(format!("{error}; {stay}"));
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
        let mut pause = None;
        if let Some((at, last, error)) = &attempts.failed {
            if at.elapsed() < *last {
                return Err(ProviderError::Pausing(Box::new(error.clone())));
            }
            pause = Some(*last);
        }
        match self.fetch().await {
            Ok(loaded) => {
                let mut kept = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
                *kept = Some(loaded.clone());
                attempts.failed = None;
                self.fails_for_good.store(false, Ordering::Relaxed);
                Ok(loaded)
            }
            Err(error) => {
                let pause = pause_after(pause, &error);
                let for_good = error.is_lasting();
                self.fails_for_good.store(for_good, Ordering::Relaxed);
                attempts.failed = Some((Instant::now(), pause, error.clone()));
                Err(error)
            }
        }
    }

    async fn fetch(&self) -> Result<Loaded, ProviderError> {
        let metadata = self.fetch_metadata().await?;
        let before = self.loaded().map(|loaded| loaded.keys);
        let keys = self.fetch_keys(&metadata, before.as_deref()).await?;
        Ok(Loaded {
            metadata: Arc::new(metadata),
            keys: Arc::new(keys),
            at: Instant::now(),
        })
    }

    async fn fetch_metadata(&self) -> Result<Metadata, ProviderError> {
        let document = self.get(&self.address, METADATA).await?;
        let metadata = Metadata::of(&self.issuer, &self.http_hosts, &document);
        let metadata = metadata.map_err(|mut error| {
            if let ProviderError::IssuerMismatch { found, advice, .. } = &mut error {
                *advice = self.advice(found);
            }
            error
        })?;
        match (
            self.profile,
            &metadata.pushed_authorization_request_endpoint,
        ) {
            (Some(Profile::Fapi2), None) => Err(ProviderError::NoPushedRequests),
            _ => Ok(metadata),
        }
    }

    /// The keys to look at when the metadata name another issuer than the configured
    /// one: it is written in another way, or it is the right one and what was
    /// configured is only where its metadata are.
    fn advice(&self, found: &str) -> String {
        match (self.named_by, self.is_address_configured) {
            (NamedBy::Endpoint, _) => format!(
                ": see logto.endpoint, which has to be the address by which that Logto calls \
                 itself; for another provider write logto.issuer = {found:?}"
            ),
            (NamedBy::Issuer, true) => ": see logto.issuer and logto.discovery_url".to_owned(),
            (NamedBy::Issuer, false) if metadata_address(found) == self.address => {
                format!(": if that is your provider, write logto.issuer = {found:?}")
            }
            (NamedBy::Issuer, false) => format!(
                ": if that is your provider, write logto.issuer = {found:?} and \
                 logto.discovery_url = {:?}",
                self.address
            ),
        }
    }

    /// The keys now, with the algorithms that count; `before` are those until now.
    async fn fetch_keys(
        &self,
        metadata: &Metadata,
        before: Option<&KeySet>,
    ) -> Result<KeySet, ProviderError> {
        let document = self.get(metadata.jwks_uri.as_str(), KEYS).await?;
        let accepted = match self.pinned.is_empty() {
            true => Algorithms::Announced(metadata.signing_algs()),
            false => Algorithms::Pinned(self.pinned.clone()),
        };
        let keys = KeySet::parse(&document, accepted)
            .map_err(|error| ProviderError::unreadable(KEYS, &error))?;
        let mut keys = keys.of_issuer(&self.issuer);
        if let Some(before) = before {
            keys.keep_announced(before);
        }
        self.warn(metadata, &keys, before);
        Ok(keys)
    }

    /// Tells the operator what cannot work.
    fn warn(&self, metadata: &Metadata, keys: &KeySet, before: Option<&KeySet>) {
        let known = before.map_or(&[][..], KeySet::unreadable);
        for key in keys.unreadable().iter().filter(|key| !known.contains(key)) {
            log::warn!("logto: a key of the provider cannot be read, {key}");
        }
        let announced = announced(metadata);
        let accepted = keys.algorithms();
        let among = |alg: &SigningAlg| announced.contains(&format!("{alg:?}"));
        if keys.len() == 0 {
            // Once, although it is asked for again soon.
            if before.is_none_or(|before| before.len() > 0) {
                log::error!("logto: not ready: {}", no_usable_key(metadata, keys));
            }
        } else if before.is_some_and(|before| before.len() == 0) {
            log::info!("logto: ready again: the provider publishes a key that can be used");
        } else if !announced.is_empty() && !accepted.iter().any(among) {
            log::warn!(
                "logto: the provider announces {announced:?}, accepted: {accepted:?}: see \
                 logto.id_token_alg"
            );
        }
    }

    async fn get(&self, url: &str, what: &'static str) -> Result<Vec<u8>, ProviderError> {
        let endpoint = match what {
            KEYS => Endpoint::Keys,
            _ => Endpoint::Metadata,
        };
        let request = Request::get(url)
            .header(header::ACCEPT, "application/json")
            .body(Vec::new())
            .map_err(|error| ProviderError::Malformed {
                what,
                error: error.to_string(),
            })?;
        let response = self.http.send(endpoint, request, Caller::Known).await;
        let response = response.map_err(|error| ProviderError::Http { what, error })?;
        match response.status() {
            StatusCode::OK => Ok(response.into_body()),
            status => Err(ProviderError::Status { what, status }),
        }
    }
}

/// The names that the provider announces, as far as they may be logged.
fn announced(metadata: &Metadata) -> Vec<String> {
    let names = metadata.announced_algs.iter().take(16);
    names.map(|name| printable(name)).collect()
}

fn no_usable_key(metadata: &Metadata, keys: &KeySet) -> String {
    let (accepted, announced) = (keys.algorithms(), announced(metadata));
    let unreadable = match keys.unreadable().len() {
        0 => String::new(),
        count => format!("; {count} cannot be read"),
    };
    format!(
        "the provider publishes no key for {accepted:?} (it announces {announced:?}{unreadable}): \
         see logto.id_token_alg"
    )
}
