//! What the provider says about itself: metadata and keys, fetched when first
//! needed, kept, and refreshed without anyone waiting.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use openidconnect::http::{Request, StatusCode, header};
use rocket::tokio::sync::Mutex;
use serde::Deserialize;
use url::Url;

use super::http::{HttpClient, HttpError};
use super::keys::KeySet;
use super::verify::Rejection;
use crate::config::{ProviderConfig, SigningAlg};

/// Metadata and keys older than this are fetched again, behind the request
/// that noticed; until that succeeds the old ones serve.
const MAX_AGE: Duration = Duration::from_secs(3600);
/// Pauses between attempts while the provider cannot be had. The longest one
/// bounds how long recovery takes once it is back.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);
/// Refetches for unknown `kid`s: so many at once, then one per interval.
const REFETCH_BURST: u32 = 3;
const REFETCH_INTERVAL: Duration = Duration::from_secs(30);

/// The parts of the provider's metadata that are used (OpenID Connect
/// Discovery 1.0 section 3, RFC 8414, RFC 9207 section 3).
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Metadata {
    pub issuer: String,
    pub authorization_endpoint: Url,
    pub token_endpoint: Url,
    pub jwks_uri: Url,
    pub userinfo_endpoint: Option<Url>,
    pub revocation_endpoint: Option<Url>,
    pub introspection_endpoint: Option<Url>,
    pub end_session_endpoint: Option<Url>,
    pub pushed_authorization_request_endpoint: Option<Url>,
    #[serde(default)]
    pub authorization_response_iss_parameter_supported: bool,
}

impl Metadata {
    /// The metadata in `document`, which must be that of `issuer` (OpenID
    /// Connect Discovery 1.0 section 4.3), with endpoints as safe as that is.
    pub(crate) fn of(issuer: &str, document: &[u8]) -> Result<Metadata, ProviderError> {
        let metadata: Metadata =
            serde_json::from_slice(document).map_err(|error| malformed(METADATA, &error))?;
        if metadata.issuer != issuer {
            return Err(ProviderError::IssuerMismatch {
                expected: issuer.to_owned(),
                found: metadata.issuer.chars().take(200).collect(),
            });
        }
        let secure = issuer.starts_with("https:");
        let allowed = |url: &&Url| url.scheme() == "https" || (!secure && url.scheme() == "http");
        if let Some(url) = metadata.endpoints().find(|url| !allowed(url)) {
            return Err(ProviderError::Insecure(url.clone()));
        }
        Ok(metadata)
    }

    /// All endpoints, for checks that hold for each of them.
    pub(crate) fn endpoints(&self) -> impl Iterator<Item = &Url> {
        [
            &self.authorization_endpoint,
            &self.token_endpoint,
            &self.jwks_uri,
        ]
        .into_iter()
        .chain(&self.userinfo_endpoint)
        .chain(&self.revocation_endpoint)
        .chain(&self.introspection_endpoint)
        .chain(&self.end_session_endpoint)
        .chain(&self.pushed_authorization_request_endpoint)
    }

    /// Origins a form POST of the app may be redirected to.
    pub(crate) fn browser_origins(&self) -> Vec<String> {
        let mut origins = vec![self.authorization_endpoint.origin().ascii_serialization()];
        if let Some(url) = &self.end_session_endpoint {
            let origin = url.origin().ascii_serialization();
            if !origins.contains(&origin) {
                origins.push(origin);
            }
        }
        origins
    }
}

/// Why metadata or keys cannot be had.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum ProviderError {
    #[error("{what}: {error}")]
    Http {
        what: &'static str,
        error: HttpError,
    },
    #[error("{what}: answered {status}")]
    Status {
        what: &'static str,
        status: StatusCode,
    },
    #[error("{what}: {error}")]
    Malformed { what: &'static str, error: String },
    #[error("metadata: issuer is {found:?}, configured is {expected:?}")]
    IssuerMismatch { expected: String, found: String },
    #[error("metadata: the endpoint {0} is not https although the issuer is")]
    Insecure(Url),
    #[error("not tried again yet after: {0}")]
    Pausing(Box<ProviderError>),
}

const METADATA: &str = "metadata";
const KEYS: &str = "keys";

/// Metadata and the keys fetched with it.
struct Loaded {
    metadata: Arc<Metadata>,
    keys: Arc<KeySet>,
    at: Instant,
}

/// Attempts to load, one at a time, with pauses after failures.
#[derive(Default)]
struct Attempts {
    failed: Option<(Instant, Duration, ProviderError)>,
}

/// A token bucket: rotation works at once, a flood of made-up `kid`s does not.
struct Bucket {
    tokens: u32,
    filled: Instant,
}

pub(crate) struct ProviderState {
    issuer: String,
    alg: SigningAlg,
    http: Arc<HttpClient>,
    loaded: RwLock<Option<Loaded>>,
    attempts: Mutex<Attempts>,
    refetches: Mutex<Bucket>,
}

impl ProviderState {
    pub(crate) fn new(config: &ProviderConfig, http: Arc<HttpClient>) -> ProviderState {
        ProviderState {
            issuer: config.issuer.clone(),
            alg: config.id_token_alg,
            http,
            loaded: RwLock::new(None),
            attempts: Mutex::new(Attempts::default()),
            refetches: Mutex::new(Bucket {
                tokens: REFETCH_BURST,
                filled: Instant::now(),
            }),
        }
    }

    /// The metadata, fetched now if it never was.
    pub(crate) async fn metadata(self: &Arc<Self>) -> Result<Arc<Metadata>, ProviderError> {
        if let Some(loaded) = &*self.loaded() {
            if loaded.at.elapsed() > MAX_AGE {
                self.refresh_behind();
            }
            return Ok(loaded.metadata.clone());
        }
        self.load(|loaded| loaded.is_some()).await?;
        match &*self.loaded() {
            Some(loaded) => Ok(loaded.metadata.clone()),
            None => Err(ProviderError::Malformed {
                what: METADATA,
                error: "vanished".into(),
            }),
        }
    }

    /// The metadata if it is here already; never the network.
    pub(crate) fn metadata_if_loaded(&self) -> Option<Arc<Metadata>> {
        self.loaded().as_ref().map(|loaded| loaded.metadata.clone())
    }

    pub(crate) async fn keys(self: &Arc<Self>) -> Result<Arc<KeySet>, ProviderError> {
        self.metadata().await?;
        match &*self.loaded() {
            Some(loaded) => Ok(loaded.keys.clone()),
            None => Err(ProviderError::Malformed {
                what: KEYS,
                error: "vanished".into(),
            }),
        }
    }

    /// New keys because a token's key is not among `seen`. `None` when nothing
    /// newer is to be had: the bucket is empty or the provider is.
    pub(crate) async fn refetch_keys(self: &Arc<Self>, seen: &Arc<KeySet>) -> Option<Arc<KeySet>> {
        let mut bucket = self.refetches.lock().await;
        // Someone else may have fetched while this call waited for its turn.
        let (jwks_uri, current) = {
            let loaded = self.loaded();
            let loaded = loaded.as_ref()?;
            (loaded.metadata.jwks_uri.clone(), loaded.keys.clone())
        };
        if !Arc::ptr_eq(&current, seen) {
            return Some(current);
        }
        if !bucket.take() {
            log::warn!("logto: keys are not fetched again: too many tokens with unknown keys");
            return None;
        }
        match self.fetch_keys(&jwks_uri).await {
            Ok(keys) => {
                let keys = Arc::new(keys);
                let mut loaded = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
                if let Some(loaded) = loaded.as_mut() {
                    loaded.keys = keys.clone();
                }
                Some(keys)
            }
            Err(error) => {
                log::warn!("logto: {error}; the last good keys stay");
                None
            }
        }
    }

    /// A verdict by the keys at hand, and a second one by new keys when the
    /// first was that none fits.
    pub(super) async fn with_keys<T>(
        self: &Arc<Self>,
        verify: impl Fn(&KeySet) -> Result<T, Rejection>,
    ) -> Result<Result<T, Rejection>, ProviderError> {
        let keys = self.keys().await?;
        let verdict = verify(&keys);
        if !matches!(verdict, Err(Rejection::UnknownKey)) {
            return Ok(verdict);
        }
        match self.refetch_keys(&keys).await {
            Some(keys) => Ok(verify(&keys)),
            None => Ok(verdict),
        }
    }

    /// Tries until it works: the warm-up at lift-off.
    pub(crate) async fn warm_up(self: Arc<Self>) {
        loop {
            match self.metadata().await {
                Ok(metadata) => {
                    log::info!("logto: provider {} is ready", metadata.issuer);
                    return;
                }
                Err(ProviderError::Pausing(_)) => {}
                Err(error) => log::warn!("logto: provider not ready, {error}"),
            }
            // What is left of it: a request may have tried meanwhile.
            let pause = match &self.attempts.lock().await.failed {
                Some((at, pause, _)) => pause.saturating_sub(at.elapsed()),
                None => FIRST_PAUSE,
            };
            rocket::tokio::time::sleep(pause).await;
        }
    }

    fn loaded(&self) -> RwLockReadGuard<'_, Option<Loaded>> {
        self.loaded.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn refresh_behind(self: &Arc<Self>) {
        let state = self.clone();
        rocket::tokio::spawn(async move {
            let fresh = |loaded: &Option<Loaded>| {
                loaded
                    .as_ref()
                    .is_some_and(|loaded| loaded.at.elapsed() <= MAX_AGE)
            };
            if let Err(error) = state.load(fresh).await
                && !matches!(error, ProviderError::Pausing(_))
            {
                log::warn!("logto: {error}; the last good metadata and keys stay");
            }
        });
    }

    /// One attempt, by whoever comes first; the others wait for its outcome.
    async fn load(&self, done: impl Fn(&Option<Loaded>) -> bool) -> Result<(), ProviderError> {
        let mut attempts = self.attempts.lock().await;
        if done(&self.loaded()) {
            return Ok(());
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
                *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = Some(loaded);
                attempts.failed = None;
                Ok(())
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
        let keys = KeySet::parse(&document, self.alg).map_err(|error| malformed(KEYS, &error))?;
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
        let response = self
            .http
            .send(request)
            .await
            .map_err(|error| ProviderError::Http { what, error })?;
        match response.status() {
            StatusCode::OK => Ok(response.into_body()),
            status => Err(ProviderError::Status { what, status }),
        }
    }
}

impl Bucket {
    fn take(&mut self) -> bool {
        let earned = self.filled.elapsed().as_secs() / REFETCH_INTERVAL.as_secs();
        if earned > 0 {
            let earned = u32::try_from(earned).unwrap_or(REFETCH_BURST);
            self.tokens = self.tokens.saturating_add(earned).min(REFETCH_BURST);
            self.filled = Instant::now();
        }
        match self.tokens.checked_sub(1) {
            Some(left) => {
                self.tokens = left;
                true
            }
            None => false,
        }
    }
}

/// Line and column of a JSON error, without the text around it.
fn malformed(what: &'static str, error: &serde_json::Error) -> ProviderError {
    let (line, column) = (error.line(), error.column());
    let kind = error.classify();
    ProviderError::Malformed {
        what,
        error: format!("{kind:?} error at {line}:{column}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://id.example/oidc";
    const ENDPOINTS: [&str; 8] = [
        "authorization_endpoint",
        "token_endpoint",
        "jwks_uri",
        "userinfo_endpoint",
        "revocation_endpoint",
        "introspection_endpoint",
        "end_session_endpoint",
        "pushed_authorization_request_endpoint",
    ];

    fn read(issuer: &str, name: &str, address: &str) -> Result<Metadata, ProviderError> {
        let mut document = serde_json::json!({ "issuer": issuer });
        for endpoint in ENDPOINTS {
            document[endpoint] = format!("https://id.example/{endpoint}").into();
        }
        document[name] = address.into();
        Metadata::of(issuer, document.to_string().as_bytes())
    }

    #[test]
    fn a_secure_issuer_has_secure_endpoints() {
        for name in ENDPOINTS {
            for address in [
                "http://id.example/",
                "http://localhost/",
                "file:///etc/passwd",
                "javascript:alert(1)",
            ] {
                let refused = read(ISSUER, name, address);
                assert!(
                    matches!(&refused, Err(ProviderError::Insecure(url)) if url.as_str() == address),
                    "{name} {address}: {refused:?}"
                );
            }
            // On another host, as with several large providers.
            assert!(
                read(ISSUER, name, "https://api.example.com/").is_ok(),
                "{name}"
            );
        }
    }

    #[test]
    fn an_issuer_without_tls_may_have_endpoints_without() {
        let local = "http://localhost:3001/oidc";
        for name in ENDPOINTS {
            assert!(
                read(local, name, "http://localhost:3001/").is_ok(),
                "{name}"
            );
            assert!(read(local, name, "file:///etc/passwd").is_err(), "{name}");
        }
    }
}
