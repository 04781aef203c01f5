//! What all handlers of the provider share: settings, keys, what is stored, and
//! what can be changed while it runs.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{
    Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};
use url::{Host, Url};

use crate::accounts::Changes;
use crate::clients::Documents;
use crate::crypto::random_token;
use crate::error::StartError;
use crate::hooks::Hooks;
use crate::keys::{KeyRing, SigningAlg};
use crate::seed::Seed;
use crate::settings::Settings;
use crate::state_file::{self, Hold, State};
use crate::store::{Session, Store};
use crate::webhooks::Webhook;
use crate::wire::Received;

/// How long access tokens and ID tokens last, in seconds.
const TOKEN_LIFETIME: u64 = 3600;

/// Everything the handlers share.
pub(crate) struct Provider {
    pub(crate) settings: Settings,
    /// Known when it listens.
    pub(crate) port: OnceLock<u16>,
    pub(crate) registered: RwLock<Registered>,
    pub(crate) hooks: Hooks,
    /// What differs from the seed it was started with.
    pub(crate) changes: Mutex<Changes>,
    hold: Mutex<Hold>,
    /// Why the last change could not be kept.
    pub(crate) not_kept: Mutex<Option<String>>,
    /// What of the store was kept last, by its edits.
    kept_edits: AtomicU64,
    seed: RwLock<Seed>,
    keys: Arc<Mutex<KeyRing>>,
    store: Mutex<Store>,
    /// Of clients that describe themselves.
    pub(crate) documents: Documents,
    /// By how much its clock was put forward, in seconds.
    ahead: AtomicU64,
}

/// The addresses of the client, which may change while the provider runs.
pub(crate) struct Registered {
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) post_logout_redirect_uris: Vec<String>,
    pub(crate) backchannel_logout_uri: Option<String>,
    pub(crate) webhook: Option<Webhook>,
}

impl Provider {
    /// One that reads and writes no file.
    pub(crate) fn in_memory(mut settings: Settings) -> Result<Provider, StartError> {
        settings.state_file = None;
        Provider::new(settings)
    }

    pub(crate) fn new(mut settings: Settings) -> Result<Provider, StartError> {
        settings.seed.check()?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._~/".contains(c);
        for path in [&settings.issuer_path, &settings.jwks_path] {
            if !path.starts_with('/') || path.contains("//") || !path.chars().all(plain) {
                return Err(StartError::Path(path.clone()));
            }
        }
        let now = since_epoch().as_millis() as u64;
        for user in &mut settings.seed.users {
            user.updated_at.get_or_insert(now);
        }
        let kept = match &settings.state_file {
            Some(path) => state_file::read(path)?.map(|state| (path, state)),
            None => None,
        };
        let (keys, changes, store) = match kept {
            None => {
                let keys = KeyRing::new(settings.signing_alg).ok_or(StartError::Keys)?;
                (keys, Changes::default(), Store::default())
            }
            Some((path, state)) => {
                let keys = KeyRing::from_kept(&state.keys, settings.signing_alg);
                let keys = keys.map_err(|why| StartError::State {
                    path: path.clone(),
                    line: None,
                    why,
                })?;
                (keys, state.users, Store::from_kept(state.signed_in))
            }
        };
        let keys = Arc::new(Mutex::new(keys));
        let mut seed = settings.seed.clone();
        changes.apply(&mut seed);
        let registered = Registered {
            redirect_uris: settings.redirect_uris.clone(),
            post_logout_redirect_uris: settings.post_logout_redirect_uris.clone(),
            backchannel_logout_uri: settings.backchannel_logout_uri.clone(),
            webhook: settings.webhook.clone(),
        };
        Ok(Provider {
            port: OnceLock::new(),
            registered: RwLock::new(registered),
            hooks: Hooks::new(&settings, keys.clone()),
            changes: Mutex::new(changes),
            hold: Mutex::default(),
            not_kept: Mutex::default(),
            seed: RwLock::new(seed),
            keys,
            kept_edits: AtomicU64::new(0),
            store: Mutex::new(store),
            documents: Documents::default(),
            ahead: AtomicU64::new(0),
            settings,
        })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port.get().copied().unwrap_or(self.settings.port)
    }

    /// Whether it is on the network, and can ask others.
    pub(crate) fn listens(&self) -> bool {
        self.port.get().is_some()
    }

    pub(crate) fn endpoint(&self) -> String {
        match &self.settings.public_origin {
            Some(origin) => origin.clone(),
            None => format!("http://localhost:{}", self.port()),
        }
    }

    pub(crate) fn issuer(&self) -> String {
        format!("{}{}", self.endpoint(), self.settings.issuer_path)
    }

    /// The path of an endpoint.
    pub(crate) fn path(&self, below_issuer: &str) -> String {
        let base = self.settings.issuer_path.trim_end_matches('/');
        format!("{base}{below_issuer}")
    }

    /// Browsers keep one jar for all ports of localhost, so the port is in the name.
    pub(crate) fn cookie_name(&self) -> String {
        format!("dev_provider_session_{}", self.port())
    }

    pub(crate) fn now(&self) -> u64 {
        since_epoch().as_secs() + self.ahead.load(Ordering::Relaxed)
    }

    pub(crate) fn advance_clock(&self, seconds: u64) {
        self.ahead.fetch_add(seconds, Ordering::Relaxed);
    }

    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        lock(&self.store)
    }

    pub(crate) fn keys(&self) -> MutexGuard<'_, KeyRing> {
        lock(&self.keys)
    }

    pub(crate) fn seed(&self) -> RwLockReadGuard<'_, Seed> {
        read(&self.seed)
    }

    pub(crate) fn seed_mut(&self) -> RwLockWriteGuard<'_, Seed> {
        write(&self.seed)
    }

    /// Whether the application may be sent back to this address after a sign-in.
    pub(crate) fn takes_redirect_uri(&self, uri: &str) -> bool {
        let any_loopback = self.settings.any_loopback_redirect_uri;
        let registered = read(&self.registered);
        registered.redirect_uris.iter().any(|known| known == uri)
            || any_loopback && is_loopback(uri)
    }

    /// Whether the browser may be sent to this address after a sign-out.
    pub(crate) fn takes_post_logout_redirect_uri(&self, uri: &str) -> bool {
        let any_loopback = self.settings.any_loopback_post_logout_redirect_uri;
        let registered = read(&self.registered);
        let uris = &registered.post_logout_redirect_uris;
        uris.iter().any(|known| known == uri) || any_loopback && is_loopback(uri)
    }

    /// Whether the browser may be sent back to this address from a page about the account:
    /// it has the origin of an address that sign-ins end at.
    pub(crate) fn takes_account_redirect(&self, uri: &str) -> bool {
        let any_loopback = self.settings.any_loopback_redirect_uri;
        let Ok(url) = Url::parse(uri) else {
            return false;
        };
        let registered = read(&self.registered);
        let mut known = registered.redirect_uris.iter();
        let is_of =
            |known: &String| Url::parse(known).is_ok_and(|known| known.origin() == url.origin());
        let is_plain = url.username().is_empty() && matches!(url.scheme(), "http" | "https");
        is_plain && known.any(is_of) || any_loopback && is_loopback(uri)
    }

    /// How long access tokens and ID tokens last, in seconds.
    pub(crate) fn token_lifetime(&self) -> u64 {
        let lifetime = self.hooks.lifetime();
        lifetime.map_or(TOKEN_LIFETIME, |lifetime| lifetime.as_secs())
    }

    /// An opaque access token or a refresh token.
    pub(crate) fn opaque_token(&self) -> String {
        self.hooks.opaque_prefix() + &random_token()
    }

    /// A JWT of this `typ`.
    pub(crate) fn sign(&self, typ: &str, claims: Map<String, Value>) -> String {
        match self.hooks.sign_jwt(typ, claims) {
            Ok(token) => token,
            Err(claims) => self.keys().encode(typ, claims),
        }
    }

    /// The browser's session, if it lasts and its user may still be here.
    pub(crate) fn session(&self, request: &Received) -> Option<(String, Session)> {
        let id = request.cookie(&self.cookie_name())?;
        let session = self.store().sessions.get(id).cloned()?;
        let lives = session.expires > self.now();
        let active = self.seed().active_user(&session.user).is_some();
        (lives && active).then(|| (id.to_owned(), session))
    }

    /// Signs with a new key of this algorithm from now on.
    pub(crate) fn rotate_keys(&self, alg: SigningAlg) {
        self.keys().rotate(alg);
        self.keep(&lock(&self.changes));
    }

    /// Writes the state file, if there is to be one.
    pub(crate) fn keep(&self, changes: &Changes) {
        let failed = self.try_to_keep(changes).err();
        let path = self.settings.state_file.as_ref();
        let failed = failed.zip(path).map(|(error, path)| {
            let text = format!("{} cannot be written: {error}", path.display());
            log::error!("development provider: {text}");
            text
        });
        *lock(&self.not_kept) = failed;
    }

    /// The same after anything that may have signed somebody in or out.
    pub(crate) fn keep_sessions(&self) {
        if self.settings.state_file.is_none() {
            return;
        }
        let changes = lock(&self.changes);
        if self.store().edits() != self.kept_edits.load(Ordering::Relaxed) {
            self.keep(&changes);
        }
    }

    fn try_to_keep(&self, changes: &Changes) -> io::Result<()> {
        let Some(path) = &self.settings.state_file else {
            return Ok(());
        };
        let keys = self.keys().to_kept(self.settings.signing_alg);
        let now = self.now();
        let signed_in = {
            let store = self.store();
            self.kept_edits.store(store.edits(), Ordering::Relaxed);
            store.to_kept(now)
        };
        let state = State::new(changes.clone(), keys, signed_in);
        lock(&self.hold).write(path, &state)
    }

    /// Takes the state file, or makes it, before anybody relies on it.
    pub(crate) fn keep_first(&self) -> Result<(), StartError> {
        let Some(path) = &self.settings.state_file else {
            return Ok(());
        };
        *lock(&self.hold) = Hold::of(path);
        if self.state_is_others() {
            log::warn!(
                "development provider: another one that is running has {}: what is changed here \
                 is not kept",
                path.display()
            );
        }
        let kept = self.try_to_keep(&lock(&self.changes));
        kept.map_err(|error| StartError::State {
            path: path.clone(),
            line: None,
            why: format!("it cannot be written: {error}"),
        })
    }

    /// Whether another provider writes the state file.
    pub(crate) fn state_is_others(&self) -> bool {
        matches!(*lock(&self.hold), Hold::Others)
    }

    /// Lets go of the state file: whoever comes next may have it.
    pub(crate) fn release_state(&self) {
        *lock(&self.hold) = Hold::Released;
    }
}

/// An address on this machine (RFC 8252, section 7.3).
pub(crate) fn is_loopback(uri: &str) -> bool {
    let Ok(uri) = Url::parse(uri) else {
        return false;
    };
    let host_is_loopback = match uri.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    // RFC 6749, section 3.1.2: no fragment. A name before the host misleads.
    let is_plain = uri.fragment().is_none() && uri.username().is_empty();
    host_is_loopback && is_plain && matches!(uri.scheme(), "http" | "https")
}

fn since_epoch() -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default()
}

// A panic elsewhere, for example in a test's hook, must not make every later
// answer fail.

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn only_this_machine_is_loopback() {
        for uri in [
            "http://localhost/",
            "http://localhost:8080/callback?x=1",
            "https://127.0.0.1:5173/cb",
            "http://[::1]:8080/cb",
        ] {
            assert!(is_loopback(uri), "{uri}");
        }
        for uri in [
            "http://localhost.evil.example/",
            "http://localhost@evil.example/",
            "http://user@localhost/",
            "http://localhost/#x",
            "http://10.0.0.1/",
            "http://[::2]/",
            "myapp://localhost/",
            "javascript:alert(1)",
            "/callback",
            "",
        ] {
            assert!(!is_loopback(uri), "{uri}");
        }
    }
}
