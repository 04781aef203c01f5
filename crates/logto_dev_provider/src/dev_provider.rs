//! The handle of a running provider.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hyper::{Request, Response};
use serde_json::{Map, Value};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::error::StartError;
use crate::issue::jwt_claims;
use crate::keys::{ACCESS_TOKEN_TYP, SigningAlg};
use crate::provider::{Provider, write};
use crate::seed::Seed;
use crate::server;
use crate::settings::Settings;
use crate::webhooks::Webhook;

/// A running provider. Dropping it stops it.
///
/// ```
/// use logto_dev_provider::{DevProvider, Settings};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let provider = DevProvider::start(Settings::new("my-app", "my-secret")).await?;
/// assert_eq!(provider.issuer(), format!("http://localhost:{}/oidc", provider.port()));
/// provider.stop().await;
/// # Ok(()) }
/// ```
pub struct DevProvider {
    pub(crate) provider: Arc<Provider>,
    stop: watch::Sender<()>,
    /// None in memory.
    server: Option<JoinHandle<()>>,
}

impl DevProvider {
    /// Starts a provider on the current Tokio runtime and returns when it
    /// listens, on the loopback interface only. It handles no signals; stop it
    /// with [`stop`](DevProvider::stop) or [`shutdown`](DevProvider::shutdown).
    ///
    /// # Errors
    ///
    /// [`StartError::Bind`] when the port is taken, [`StartError::Seed`] when
    /// the seed names users or roles that do not exist, [`StartError::Path`]
    /// when a path of the settings is not one, [`StartError::State`] when
    /// [`Settings::state_file`] cannot be read or written.
    pub async fn start(settings: Settings) -> Result<DevProvider, StartError> {
        let provider = Arc::new(Provider::new(settings)?);
        let (listeners, port) = server::bind(provider.settings.port).await?;
        let _ = provider.port.set(port);
        provider.keep_first()?;
        let (stop, stopped) = watch::channel(());
        let server = tokio::spawn(server::serve(provider.clone(), listeners, stopped));
        Ok(DevProvider {
            provider,
            stop,
            server: Some(server),
        })
    }

    /// A provider that listens nowhere, and is given requests by
    /// [`answer`](DevProvider::answer): for tests without ports. Its address is
    /// [`Settings::public_origin`].
    ///
    /// # Errors
    ///
    /// As [`start`](DevProvider::start), but for the port.
    pub fn in_memory(settings: Settings) -> Result<DevProvider, StartError> {
        let (stop, _) = watch::channel(());
        Ok(DevProvider {
            provider: Arc::new(Provider::in_memory(settings)?),
            stop,
            server: None,
        })
    }

    /// The answer to a request, as if it had come over the network.
    ///
    /// ```
    /// use hyper::Request;
    /// use logto_dev_provider::{DevProvider, Settings};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut settings = Settings::new("my-app", "my-secret");
    /// settings.public_origin = Some("https://logto.test".into());
    /// let provider = DevProvider::in_memory(settings)?;
    /// let request = Request::get("https://logto.test/oidc/jwks").body(Vec::new())?;
    /// assert_eq!(provider.answer(request).status(), 200);
    /// # Ok(()) }
    /// ```
    pub fn answer(&self, request: Request<Vec<u8>>) -> Response<Vec<u8>> {
        server::answer_at_once(&self.provider, request)
    }

    /// The answer to an authorization request whose user presses the button of `user` (id
    /// or username): a redirect to the application, or a page that says what is wrong with
    /// the request. They authenticated at `auth_time`, in seconds since 1970; `None`: now.
    pub fn sign_in(
        &self,
        request: Request<Vec<u8>>,
        user: &str,
        auth_time: Option<u64>,
    ) -> Response<Vec<u8>> {
        let auth_time = auth_time.unwrap_or_else(|| self.provider.now());
        server::answer_as(&self.provider, request, user, auth_time)
    }

    /// An access token in the name of `sub`, which may be a user, a machine or nobody that
    /// is known here, with these `claims` beside its own: for tests of what takes tokens.
    pub fn access_token(
        &self,
        sub: &str,
        audience: &str,
        scopes: &str,
        claims: Map<String, Value>,
    ) -> String {
        let client = &self.provider.settings.client_id;
        let mut all = jwt_claims(&self.provider, sub, client, audience, scopes);
        all.extend(claims);
        self.provider.sign(ACCESS_TOKEN_TYP, all)
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

    /// Registers these redirect URIs instead of those of the settings: an app
    /// on any free port knows its own only when it listens.
    ///
    /// ```no_run
    /// # use logto_dev_provider::{DevProvider, Settings};
    /// # async fn run(provider: DevProvider, app_port: u16) {
    /// provider.set_redirect_uris([format!("http://localhost:{app_port}/callback")]);
    /// # }
    /// ```
    pub fn set_redirect_uris<U: Into<String>>(&self, uris: impl IntoIterator<Item = U>) {
        let uris = uris.into_iter().map(Into::into).collect();
        write(&self.provider.registered).redirect_uris = uris;
    }

    /// Registers these URIs for the redirect after sign-out instead.
    pub fn set_post_logout_redirect_uris<U: Into<String>>(
        &self,
        uris: impl IntoIterator<Item = U>,
    ) {
        let uris = uris.into_iter().map(Into::into).collect();
        write(&self.provider.registered).post_logout_redirect_uris = uris;
    }

    /// Registers where logout tokens are sent.
    pub fn set_backchannel_logout_uri(&self, uri: Option<String>) {
        write(&self.provider.registered).backchannel_logout_uri = uri;
    }

    /// Registers where webhooks are sent, and with which key they are signed.
    ///
    /// ```
    /// # use logto_dev_provider::{DevProvider, Webhook};
    /// # fn run(provider: DevProvider) {
    /// let url = "http://localhost:8000/webhooks/logto";
    /// provider.set_webhook(Some(Webhook::new(url, "a key for development")));
    /// # }
    /// ```
    pub fn set_webhook(&self, webhook: Option<Webhook>) {
        write(&self.provider.registered).webhook = webhook;
    }

    /// Sends a webhook of any event, with these members beside `event`, `createdAt`,
    /// `hookId` and so on, without waiting for the answer: for what cannot be changed here.
    /// Nothing happens where none is [registered](DevProvider::set_webhook).
    ///
    /// ```
    /// # use logto_dev_provider::DevProvider;
    /// # fn run(provider: DevProvider) {
    /// let route = serde_json::json!({ "matchedRoute": "/roles/:id/scopes" });
    /// let members = route.as_object().cloned().unwrap_or_default();
    /// provider.send_webhook("Role.Scopes.Updated", members);
    /// # }
    /// ```
    pub fn send_webhook(&self, event: &str, members: Map<String, Value>) {
        self.provider.tell(event, members);
    }

    /// Deletes a user (id or username), with their sessions and tokens. `false` when there is
    /// no such user. The application is told by a webhook, if one is registered.
    ///
    /// ```
    /// # use logto_dev_provider::DevProvider;
    /// # fn run(provider: DevProvider) {
    /// assert!(provider.delete_user("alice"));
    /// # }
    /// ```
    pub fn delete_user(&self, user: &str) -> bool {
        self.provider.delete_user(user)
    }

    /// Suspends a user (id or username), or lets them in again. `false` when
    /// there is no such user. As at Logto their sessions and tokens end at the provider,
    /// and the application is told by a webhook, if one is registered. Otherwise it learns of
    /// it at the next refresh, or when it asks the userinfo endpoint.
    ///
    /// ```
    /// # use logto_dev_provider::DevProvider;
    /// # fn run(provider: DevProvider) {
    /// assert!(provider.suspend("alice", true));
    /// # }
    /// ```
    pub fn suspend(&self, user: &str, suspended: bool) -> bool {
        self.provider.suspend(user, suspended)
    }

    /// Takes a user's (id or username) access to the application back, or gives it (Logto's
    /// access control for applications): the token endpoint answers 400 `access_denied`, and
    /// userinfo goes on. `false` when there is no such user.
    ///
    /// ```
    /// # use logto_dev_provider::DevProvider;
    /// # fn run(provider: DevProvider) {
    /// assert!(provider.set_access("alice", false));
    /// # }
    /// ```
    pub fn set_access(&self, user: &str, has_access: bool) -> bool {
        self.provider.set_access(user, has_access)
    }

    /// Ends the sessions that a user (id or username) has at the provider, as if they had
    /// signed out in each browser, and tells the application by a logout token (Back-Channel
    /// Logout 1.0), without waiting for its answer. `false` when there is no such user.
    ///
    /// ```
    /// # use logto_dev_provider::DevProvider;
    /// # fn run(provider: DevProvider) {
    /// provider.set_backchannel_logout_uri(Some("http://localhost:8000/backchannel-logout".into()));
    /// assert!(provider.end_sessions_of("alice"));
    /// # }
    /// ```
    pub fn end_sessions_of(&self, user: &str) -> bool {
        self.provider.end_sessions_of(user)
    }

    /// Signs with a new key of this algorithm from now on: another one changes the type of
    /// key. As at Logto the key before stays published, and discovery names the algorithms
    /// of both; older keys are forgotten.
    ///
    /// ```
    /// # use logto_dev_provider::{DevProvider, SigningAlg};
    /// # fn run(provider: DevProvider) {
    /// provider.rotate_keys(SigningAlg::Rs256);
    /// # }
    /// ```
    pub fn rotate_keys(&self, alg: SigningAlg) {
        self.provider.rotate_keys(alg);
    }

    /// Changes users, organizations and resources while it runs. Tokens show
    /// it when they are next issued. [`Settings::state_file`] does not keep it.
    ///
    /// ```no_run
    /// # use logto_dev_provider::{DevProvider, SeedUser};
    /// # async fn run(provider: DevProvider) {
    /// provider.edit_seed(|seed| {
    ///     let mut dora = SeedUser::new("dora8x2k1m0c");
    ///     dora.email = Some("dora@example.com".into());
    ///     seed.users.push(dora);
    /// });
    /// # }
    /// ```
    pub fn edit_seed(&self, edit: impl FnOnce(&mut Seed)) {
        edit(&mut self.provider.seed_mut());
    }

    /// Puts its clock forward by so many whole seconds: tokens and sessions end earlier, and
    /// new ones are from then.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use logto_dev_provider::DevProvider;
    /// # fn run(provider: DevProvider) {
    /// provider.advance_clock(Duration::from_secs(3600));
    /// # }
    /// ```
    pub fn advance_clock(&self, by: Duration) {
        self.provider.advance_clock(by.as_secs());
    }

    /// Ends every session at the provider, as if each user had signed out there.
    pub fn end_sessions(&self) {
        {
            let mut store = self.provider.store();
            for id in store.sessions.keys() {
                store.end_session(&id);
            }
        }
        self.provider.keep_sessions();
    }

    /// Tells it to stop, and does not wait: for an application that stops
    /// itself. The same happens when the provider is dropped.
    pub fn shutdown(&self) {
        let _ = self.stop.send(());
        self.provider.release_state();
    }

    /// Stops it and waits until the port is free.
    pub async fn stop(mut self) {
        self.shutdown();
        if let Some(server) = self.server.take()
            && let Err(error) = server.await
        {
            log::error!("the development provider ended badly: {error}");
        }
    }
}

impl Drop for DevProvider {
    fn drop(&mut self) {
        self.provider.release_state();
    }
}

impl fmt::Debug for DevProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DevProvider")
            .field("issuer", &self.issuer())
            .finish_non_exhaustive()
    }
}
