//! A small OpenID provider that behaves like Logto on the wire, for
//! development and tests. **Never for production**: it signs anybody in who
//! presses a button.
//!
//! It runs inside the process on `127.0.0.1`, keeps everything in memory, and
//! has no passwords. What it answers was compared with recordings of a real
//! Logto: discovery, the authorization endpoint with PKCE (S256) and pushed
//! requests, codes, refresh tokens with rotation and reuse detection, access
//! tokens for API resources and organizations, userinfo, revocation,
//! introspection and sign-out.
//!
//! ```no_run
//! use rocket_logto::dev_provider::{DevProvider, Settings};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let mut settings = Settings::new("my-app", "my-secret");
//! settings.redirect_uris = vec!["http://localhost:3000/callback".into()];
//! let provider = DevProvider::start(settings).await?;
//! println!("sign in at {}", provider.endpoint());
//! provider.stop().await;
//! # Ok(()) }
//! ```
//!
//! Tests make it misbehave through [`Hooks`].
//!
//! This module imports nothing from the rest of the crate.

mod authorize;
mod claims;
mod discovery;
mod error;
mod hooks;
mod keys;
mod pages;
mod seed;
mod session;
mod store;
#[cfg(test)]
mod tests;
mod token;
mod userinfo;
mod wire;

use std::collections::VecDeque;
use std::fmt;
use std::sync::{
    Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rocket::config::{Ident, LogLevel, SecretKey, Shutdown as ShutdownConfig};
use rocket::error::ErrorKind;
use rocket::fairing::AdHoc;
use rocket::http::Method;
use rocket::shield::Shield;
use rocket::tokio::{self, sync::oneshot, task::JoinHandle};
use rocket::{Config, Route, Shutdown};

pub use hooks::{Hooks, Signing};
pub use keys::SigningAlg;
pub use seed::{Seed, SeedAddress, SeedOrganization, SeedProfile, SeedResource, SeedUser};
pub use wire::{Endpoint, Received, Reply};

use keys::KeyRing;
use store::{Session, Store};
use wire::route;

/// What to start the provider with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The port on `127.0.0.1`; 0 takes any free one.
    pub port: u16,
    /// The one client's id.
    pub client_id: String,
    /// The client's secret; `None` makes it a public client.
    pub client_secret: Option<String>,
    /// Redirect URIs, compared as text.
    pub redirect_uris: Vec<String>,
    /// Where sign-out may lead, compared as text.
    pub post_logout_redirect_uris: Vec<String>,
    /// Users, organizations and resources.
    pub seed: Seed,
    /// The algorithm of all tokens.
    pub signing_alg: SigningAlg,
    /// Rocket's log level. It is **one for the whole process**: launching the
    /// provider sets it, so give the level of the application's own Rocket.
    pub log_level: LogLevel,
}

impl Settings {
    /// Any free port, a confidential client without URIs, the built-in
    /// [`Seed`], ES384, and errors and warnings in the log.
    pub fn new(client_id: impl Into<String>, client_secret: impl Into<String>) -> Settings {
        Settings {
            port: 0,
            client_id: client_id.into(),
            client_secret: Some(client_secret.into()),
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
            seed: Seed::default(),
            signing_alg: SigningAlg::default(),
            log_level: LogLevel::Critical,
        }
    }
}

/// Why the provider did not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// Something else listens on the port.
    Bind {
        /// The port.
        port: u16,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The seed contradicts itself; the text says where.
    Seed(String),
    /// No signing key could be made.
    Keys,
    /// Rocket did not launch.
    Rocket(String),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Bind { port, source } => {
                write!(
                    f,
                    "the development provider cannot listen on 127.0.0.1:{port}: {source}"
                )
            }
            StartError::Seed(what) => write!(f, "the development provider's seed: {what}"),
            StartError::Keys => f.write_str("the development provider cannot make a signing key"),
            StartError::Rocket(what) => {
                write!(f, "the development provider did not start: {what}")
            }
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            StartError::Bind { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// A running provider. Dropping it stops it.
pub struct DevProvider {
    provider: Arc<Provider>,
    shutdown: Shutdown,
    task: Option<JoinHandle<()>>,
}

impl DevProvider {
    /// Starts a provider on the current Tokio runtime and returns when it
    /// listens. It handles no signals; stop it with [`stop`](DevProvider::stop)
    /// or [`shutdown`](DevProvider::shutdown).
    ///
    /// # Errors
    ///
    /// [`StartError::Bind`] when the port is taken, [`StartError::Seed`] when
    /// the seed names users or roles that do not exist.
    pub async fn start(settings: Settings) -> Result<DevProvider, StartError> {
        let (provider, config) = Provider::new(settings)?;
        let provider = Arc::new(provider);
        let wanted = config.port;
        let (tell, listening) = oneshot::channel();
        let on_port = provider.clone();
        // No shield: hooks must have the last word on headers.
        let rocket = rocket::custom(config)
            .attach(Shield::new())
            .mount("/", routes(&provider));
        let rocket = rocket.attach(AdHoc::on_liftoff("Development provider", move |rocket| {
            Box::pin(async move {
                // With port 0 this is the first moment the port is known.
                let _ = on_port.port.set(rocket.config().port);
                let _ = tell.send(());
            })
        }));
        let rocket = rocket
            .ignite()
            .await
            .map_err(|error| start_error(wanted, &error))?;
        let shutdown = rocket.shutdown();
        let (failed, failure) = oneshot::channel();
        let task = tokio::spawn(async move {
            if let Err(error) = rocket.launch().await {
                let _ = failed.send(start_error(wanted, &error));
            }
        });
        match listening.await {
            Ok(()) => Ok(DevProvider {
                provider,
                shutdown,
                task: Some(task),
            }),
            Err(_) => Err(failure
                .await
                .unwrap_or(StartError::Rocket("it stopped".into()))),
        }
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.provider.port()
    }

    /// The base URL, `http://localhost:<port>`: what Logto calls the endpoint.
    pub fn endpoint(&self) -> String {
        self.provider.endpoint()
    }

    /// The issuer, `http://localhost:<port>/oidc`.
    pub fn issuer(&self) -> String {
        self.provider.issuer()
    }

    /// Switches that make it misbehave.
    pub fn hooks(&self) -> &Hooks {
        &self.provider.hooks
    }

    /// All requests received so far, oldest first; the last few thousand of them.
    pub fn requests(&self) -> Vec<Received> {
        lock(&self.provider.requests).iter().cloned().collect()
    }

    /// The requests received so far at one endpoint.
    pub fn requests_to(&self, endpoint: Endpoint) -> Vec<Received> {
        let requests = lock(&self.provider.requests);
        requests
            .iter()
            .filter(|request| request.endpoint == endpoint)
            .cloned()
            .collect()
    }

    /// Forgets the requests received so far.
    pub fn clear_requests(&self) {
        lock(&self.provider.requests).clear();
    }

    /// Registers these redirect URIs instead.
    pub fn set_redirect_uris<U: Into<String>>(&self, uris: impl IntoIterator<Item = U>) {
        *write(&self.provider.redirect_uris) = uris.into_iter().map(Into::into).collect();
    }

    /// Registers these post-sign-out URIs instead.
    pub fn set_post_logout_redirect_uris<U: Into<String>>(
        &self,
        uris: impl IntoIterator<Item = U>,
    ) {
        let uris = uris.into_iter().map(Into::into).collect();
        *write(&self.provider.post_logout_redirect_uris) = uris;
    }

    /// Suspends a user (id or username), or lets them in again. `false` when
    /// there is no such user.
    pub fn suspend(&self, user: &str, suspended: bool) -> bool {
        self.provider.suspend(user, suspended)
    }

    /// Changes users, organizations and resources while it runs. Tokens show
    /// it when they are next issued.
    pub fn edit_seed(&self, edit: impl FnOnce(&mut Seed)) {
        edit(&mut write(&self.provider.seed));
    }

    /// Ends every session at the provider, as if each user had signed out there.
    pub fn end_sessions(&self) {
        let mut store = self.provider.store();
        for id in store.sessions.keys() {
            store.end_session(&id);
        }
    }

    /// A handle to stop it from elsewhere: `notify()` it, say in the
    /// application's own shutdown fairing.
    pub fn shutdown(&self) -> Shutdown {
        self.shutdown.clone()
    }

    /// Stops it and waits until the port is free.
    pub async fn stop(mut self) {
        self.shutdown.clone().notify();
        if let Some(task) = self.task.take()
            && let Err(error) = task.await
        {
            log::error!("the development provider ended badly: {error}");
        }
    }
}

impl fmt::Debug for DevProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DevProvider")
            .field("issuer", &self.issuer())
            .finish_non_exhaustive()
    }
}

impl Drop for DevProvider {
    fn drop(&mut self) {
        self.shutdown.clone().notify();
    }
}

fn start_error(port: u16, error: &rocket::Error) -> StartError {
    match error.kind() {
        ErrorKind::Bind(source) => {
            let source = std::io::Error::new(source.kind(), source.to_string());
            StartError::Bind { port, source }
        }
        kind => StartError::Rocket(kind.to_string()),
    }
}

fn routes(provider: &Arc<Provider>) -> Vec<Route> {
    use Method::{Delete, Get, Options, Patch, Post, Put};
    let of = |method, path, endpoint, answer| route(provider, method, path, endpoint, answer);
    let mut routes = vec![
        of(
            Get,
            discovery::PATH,
            Endpoint::Discovery,
            discovery::discovery,
        ),
        of(Get, "/oidc/jwks", Endpoint::Jwks, discovery::jwks),
        of(Get, "/oidc/auth", Endpoint::Auth, authorize::authorize),
        of(Post, "/oidc/auth", Endpoint::Auth, authorize::authorize),
        of(Post, "/oidc/request", Endpoint::PushedAuth, authorize::push),
        of(Post, "/oidc/token", Endpoint::Token, token::token),
        of(Get, "/oidc/me", Endpoint::UserInfo, userinfo::userinfo),
        of(Post, "/oidc/me", Endpoint::UserInfo, userinfo::userinfo),
        of(
            Post,
            "/oidc/token/revocation",
            Endpoint::Revocation,
            session::revoke,
        ),
        of(
            Post,
            "/oidc/token/introspection",
            Endpoint::Introspection,
            session::introspect,
        ),
        of(
            Get,
            "/oidc/session/end",
            Endpoint::EndSession,
            session::end_session,
        ),
        of(
            Post,
            "/oidc/session/end",
            Endpoint::EndSession,
            session::end_session,
        ),
        of(
            Post,
            "/oidc/session/end/confirm",
            Endpoint::EndSession,
            session::confirm,
        ),
        of(Post, "/sign-in", Endpoint::Page, authorize::submit),
        of(Get, "/", Endpoint::Page, pages::users),
        of(Post, "/suspend", Endpoint::Page, pages::suspend),
        of(
            Get,
            "/assets/dev-provider.css",
            Endpoint::Page,
            pages::style,
        ),
    ];
    for method in [Get, Post, Put, Patch, Delete, Options] {
        routes.push(of(method, "/<path..>", Endpoint::Unknown, pages::not_found));
    }
    routes
}

/// Everything the handlers share.
struct Provider {
    settings: Settings,
    port: OnceLock<u16>,
    redirect_uris: RwLock<Vec<String>>,
    post_logout_redirect_uris: RwLock<Vec<String>>,
    seed: RwLock<Seed>,
    hooks: Hooks,
    store: Mutex<Store>,
    requests: Mutex<VecDeque<Received>>,
}

/// How many requests are remembered.
const REMEMBERED_REQUESTS: usize = 5_000;

impl Provider {
    fn new(mut settings: Settings) -> Result<(Provider, Config), StartError> {
        settings.seed.check().map_err(StartError::Seed)?;
        let keys = KeyRing::new(settings.signing_alg).ok_or(StartError::Keys)?;
        let now = since_epoch().as_millis() as u64;
        for user in &mut settings.seed.users {
            user.updated_at.get_or_insert(now);
        }
        let config = Config {
            port: settings.port,
            log_level: settings.log_level,
            ident: Ident::none(),
            ip_header: None,
            // Not used for anything, but Rocket warns without one.
            secret_key: SecretKey::derive_from(keys::random_token().as_bytes()),
            // The application's Rocket handles the signals and tells us.
            shutdown: ShutdownConfig {
                ctrlc: false,
                #[cfg(unix)]
                signals: Default::default(),
                grace: 0,
                mercy: 0,
                force: false,
                ..ShutdownConfig::default()
            },
            ..Config::debug_default()
        };
        let provider = Provider {
            port: OnceLock::new(),
            redirect_uris: RwLock::new(settings.redirect_uris.clone()),
            post_logout_redirect_uris: RwLock::new(settings.post_logout_redirect_uris.clone()),
            seed: RwLock::new(settings.seed.clone()),
            hooks: Hooks::new(keys),
            store: Mutex::default(),
            requests: Mutex::default(),
            settings,
        };
        Ok((provider, config))
    }

    fn port(&self) -> u16 {
        self.port.get().copied().unwrap_or(self.settings.port)
    }

    fn endpoint(&self) -> String {
        format!("http://localhost:{}", self.port())
    }

    fn issuer(&self) -> String {
        format!("{}/oidc", self.endpoint())
    }

    /// Browsers keep one jar for all ports of localhost, so the port is in the name.
    fn cookie_name(&self) -> String {
        format!("dev_provider_session_{}", self.port())
    }

    fn now(&self) -> u64 {
        (since_epoch() + self.hooks.clock()).as_secs()
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        lock(&self.store)
    }

    fn seed(&self) -> RwLockReadGuard<'_, Seed> {
        self.seed.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn redirect_uris(&self) -> Vec<String> {
        self.redirect_uris
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn post_logout_redirect_uris(&self) -> Vec<String> {
        self.post_logout_redirect_uris
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The browser's session, if it lasts and its user may still be here.
    fn session(&self, request: &Received) -> Option<(String, Session)> {
        let id = request.cookie(&self.cookie_name())?;
        let session = self.store().sessions.get(id).cloned()?;
        let lives = session.expires > self.now();
        let active = self.seed().active_user(&session.user).is_some();
        (lives && active).then(|| (id.to_owned(), session))
    }

    fn suspend(&self, user: &str, suspended: bool) -> bool {
        let mut seed = write(&self.seed);
        let found = seed.user_mut(user);
        found.map(|user| user.suspended = suspended).is_some()
    }

    /// Whether a form came from our own pages, as far as the browser tells.
    fn is_same_origin(&self, request: &Received) -> bool {
        match (request.header("sec-fetch-site"), request.header("origin")) {
            (Some(site), _) => matches!(site, "same-origin" | "none"),
            (None, Some(origin)) => origin == self.endpoint(),
            (None, None) => true,
        }
    }

    fn record(&self, request: &Received) {
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
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
