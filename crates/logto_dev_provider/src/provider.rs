//! What all handlers of the development provider share.

use std::collections::VecDeque;
use std::sync::{
    Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rocket::Config;
use rocket::config::{Ident, SecretKey, Shutdown};

use super::backchannel;
use super::hooks::Hooks;
use super::keys::{KeyRing, random_token};
use super::seed::Seed;
use super::settings::{Settings, StartError};
use super::store::{Session, Store};
use super::wire::Received;

/// Everything the handlers share.
pub(super) struct Provider {
    pub(super) settings: Settings,
    pub(super) port: OnceLock<u16>,
    pub(super) redirect_uris: RwLock<Vec<String>>,
    pub(super) post_logout_redirect_uris: RwLock<Vec<String>>,
    pub(super) backchannel_logout_uri: RwLock<Option<String>>,
    pub(super) seed: RwLock<Seed>,
    pub(super) hooks: Hooks,
    pub(super) store: Mutex<Store>,
    pub(super) requests: Mutex<VecDeque<Received>>,
}

/// How many requests are remembered.
const REMEMBERED_REQUESTS: usize = 5_000;

impl Provider {
    pub(super) fn new(mut settings: Settings) -> Result<(Provider, Config), StartError> {
        settings.seed.check().map_err(StartError::Seed)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._~/".contains(c);
        for path in [&settings.issuer_path, &settings.jwks_path] {
            if !path.starts_with('/') || path.contains("//") || !path.chars().all(plain) {
                return Err(StartError::Path(path.clone()));
            }
        }
        let keys = KeyRing::new(settings.signing_alg).ok_or(StartError::Keys)?;
        let now = since_epoch().as_millis() as u64;
        for user in &mut settings.seed.users {
            user.updated_at.get_or_insert(now);
        }
        let config = Config {
            port: settings.port,
            log_level: settings.log_level,
            cli_colors: settings.cli_colors,
            ident: Ident::none(),
            ip_header: None,
            // Not used for anything, but Rocket warns without one.
            secret_key: SecretKey::derive_from(random_token().as_bytes()),
            // The application's Rocket handles the signals and tells us.
            shutdown: Shutdown {
                ctrlc: false,
                #[cfg(unix)]
                signals: Default::default(),
                grace: 0,
                mercy: 0,
                force: false,
                ..Shutdown::default()
            },
            ..Config::debug_default()
        };
        let provider = Provider {
            port: OnceLock::new(),
            redirect_uris: RwLock::new(settings.redirect_uris.clone()),
            post_logout_redirect_uris: RwLock::new(settings.post_logout_redirect_uris.clone()),
            backchannel_logout_uri: RwLock::new(settings.backchannel_logout_uri.clone()),
            seed: RwLock::new(settings.seed.clone()),
            hooks: Hooks::new(keys),
            store: Mutex::default(),
            requests: Mutex::default(),
            settings,
        };
        Ok((provider, config))
    }

    pub(super) fn port(&self) -> u16 {
        self.port.get().copied().unwrap_or(self.settings.port)
    }

    pub(super) fn endpoint(&self) -> String {
        match &self.settings.public_origin {
            Some(origin) => origin.clone(),
            None => format!("http://localhost:{}", self.port()),
        }
    }

    pub(super) fn issuer(&self) -> String {
        format!("{}{}", self.endpoint(), self.settings.issuer_path)
    }

    /// The path of an endpoint.
    pub(super) fn path(&self, below_issuer: &str) -> String {
        let base = self.settings.issuer_path.trim_end_matches('/');
        format!("{base}{below_issuer}")
    }

    /// Browsers keep one jar for all ports of localhost, so the port is in the name.
    pub(super) fn cookie_name(&self) -> String {
        format!("dev_provider_session_{}", self.port())
    }

    pub(super) fn now(&self) -> u64 {
        (since_epoch() + self.hooks.clock()).as_secs()
    }

    pub(super) fn store(&self) -> MutexGuard<'_, Store> {
        lock(&self.store)
    }

    pub(super) fn seed(&self) -> RwLockReadGuard<'_, Seed> {
        self.seed.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn redirect_uris(&self) -> Vec<String> {
        self.redirect_uris
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn post_logout_redirect_uris(&self) -> Vec<String> {
        self.post_logout_redirect_uris
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn backchannel_logout_uri(&self) -> Option<String> {
        self.backchannel_logout_uri
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The browser's session, if it lasts and its user may still be here.
    pub(super) fn session(&self, request: &Received) -> Option<(String, Session)> {
        let id = request.cookie(&self.cookie_name())?;
        let session = self.store().sessions.get(id).cloned()?;
        let lives = session.expires > self.now();
        let active = self.seed().active_user(&session.user).is_some();
        (lives && active).then(|| (id.to_owned(), session))
    }

    pub(super) fn suspend(&self, user: &str, suspended: bool) -> bool {
        let found = write(&self.seed).user_mut(user).map(|user| {
            user.suspended = suspended;
            user.id.clone()
        });
        if let Some(id) = found.as_deref().filter(|_| suspended) {
            backchannel::notify(self, id, None);
        }
        found.is_some()
    }

    /// Whether a form came from our own pages, as far as the browser tells.
    pub(super) fn is_same_origin(&self, request: &Received) -> bool {
        match (request.header("sec-fetch-site"), request.header("origin")) {
            (Some(site), _) => matches!(site, "same-origin" | "none"),
            (None, Some(origin)) => origin == self.endpoint(),
            (None, None) => true,
        }
    }

    pub(super) fn record(&self, request: &Received) {
        let mut requests = lock(&self.requests);
        if requests.len() == REMEMBERED_REQUESTS {
            requests.pop_front();
        }
        requests.push_back(request.clone());
    }
}

fn since_epoch() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// A panic elsewhere, say in a test's hook, must not make every later answer fail.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
