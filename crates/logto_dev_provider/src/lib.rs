//! A small OpenID provider that behaves like Logto on the wire, for
//! development and tests. **Never for production**: it signs anybody in who
//! presses a button.
//!
//! It runs inside the process on `127.0.0.1`, keeps everything in memory, and
//! has no passwords. What it answers was compared with recordings of a real
//! Logto: discovery, the authorization endpoint with PKCE (S256) and pushed
//! requests, codes, refresh tokens with rotation and reuse detection, access
//! tokens for API resources and organizations, for users and for machines, token
//! exchange, userinfo, revocation, introspection and sign-out; and of Logto's
//! Management API the few calls that go with these.
//!
//! ```no_run
//! use logto_dev_provider::{DevProvider, Settings};
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

mod auth_request;
mod authorize;
mod backchannel;
mod built_in;
mod claims;
mod client_auth;
mod discovery;
mod error;
mod exchange;
mod hooks;
mod issue;
mod keys;
mod machine;
mod management;
mod pages;
mod provider;
mod query;
mod seed;
mod session;
mod settings;
mod store;
#[cfg(test)]
mod tests;
mod token;
mod userinfo;
mod wire;

use std::fmt;
use std::sync::Arc;

use rocket::error::ErrorKind;
use rocket::fairing::AdHoc;
use rocket::http::Method;
use rocket::shield::Shield;
use rocket::tokio::{self, sync::oneshot, task::JoinHandle};
use rocket::{Route, Shutdown};
use serde_json::{Map, Value};

pub use hooks::{Held, Hooks, Signing};
pub use keys::SigningAlg;
pub use seed::{
    Seed, SeedAddress, SeedMachine, SeedOrganization, SeedProfile, SeedResource, SeedUser,
};
pub use settings::{Settings, StartError};
pub use wire::{Endpoint, Received, Reply};

use provider::{Provider, lock, write};
use wire::route;

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
        // An empty shield replaces Rocket's default: hooks must have the last word
        // on headers.
        let rocket = rocket::custom(config)
            .attach(Shield::new())
            // Rocket logs the address of a request; tokens may be in its query.
            .attach(AdHoc::on_request("Private queries", |request, _| {
                Box::pin(async move { query::hide(request) })
            }))
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

    /// The base URL, `http://localhost:<port>` unless the settings say
    /// otherwise: what Logto calls the endpoint.
    pub fn endpoint(&self) -> String {
        self.provider.endpoint()
    }

    /// The issuer, `http://localhost:<port>/oidc` unless the settings say otherwise.
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

    /// Registers where logout tokens are sent.
    pub fn set_backchannel_logout_uri(&self, uri: Option<String>) {
        *write(&self.provider.backchannel_logout_uri) = uri;
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

    /// The claims of a right logout token for this client (Back-Channel Logout
    /// 1.0, section 2.4), to be signed or missigned by [`Hooks::forge`] as
    /// `logout+jwt`. No `exp`, as at Logto before 1.42.
    pub fn logout_claims(&self, sub: Option<&str>, sid: Option<&str>) -> Map<String, Value> {
        backchannel::claims(&self.provider, sub, sid)
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
    let of = |method, path: &str, endpoint, answer| route(provider, method, path, endpoint, answer);
    // Below the issuer.
    let oidc =
        |method, path: &str, endpoint, answer| of(method, &provider.path(path), endpoint, answer);
    let jwks = provider.settings.jwks_path.as_str();
    let mut routes = vec![
        oidc(
            Get,
            discovery::PATH,
            Endpoint::Discovery,
            discovery::discovery,
        ),
        oidc(Get, jwks, Endpoint::Jwks, discovery::jwks),
        oidc(Get, "/auth", Endpoint::Auth, authorize::authorize),
        oidc(Post, "/auth", Endpoint::Auth, authorize::authorize),
        oidc(Post, "/request", Endpoint::PushedAuth, authorize::push),
        oidc(Post, "/token", Endpoint::Token, token::token),
        oidc(Get, "/me", Endpoint::UserInfo, userinfo::userinfo),
        oidc(Post, "/me", Endpoint::UserInfo, userinfo::userinfo),
        oidc(
            Post,
            "/token/revocation",
            Endpoint::Revocation,
            session::revoke,
        ),
        oidc(
            Post,
            "/token/introspection",
            Endpoint::Introspection,
            session::introspect,
        ),
        oidc(
            Get,
            "/session/end",
            Endpoint::EndSession,
            session::end_session,
        ),
        oidc(
            Post,
            "/session/end",
            Endpoint::EndSession,
            session::end_session,
        ),
        oidc(
            Post,
            "/session/end/confirm",
            Endpoint::EndSession,
            session::confirm,
        ),
        of(Get, "/api/users", Endpoint::Management, management::users),
        of(
            Post,
            "/api/subject-tokens",
            Endpoint::Management,
            management::create_subject_token,
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
