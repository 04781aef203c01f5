//! `Logto`: what the guards, routes and the response hook share. Managed by
//! Rocket; made by the fairing.

use std::sync::Arc;

use rocket::Request;
use rocket::http::uri::Origin;
use url::Url;

use crate::clock::Seconds;
use crate::config::LogtoConfig;
use crate::error::{Error, ErrorKind};
use crate::oidc::client::OidcClient;
use crate::request::cookies::raw_cookies;
use crate::request::is_at;
use crate::return_to::ReturnTo;
use crate::service::LogtoService;
use crate::session::context::{RequestContext, SessionCookies};
use crate::session::cookie;
use crate::session::sessions::{KeepError, Loaded, Sessions};
use crate::session::store::SessionStore;
use crate::session::store::store_failed;
use crate::session::tokens::Tokens;
use crate::session::transaction::Transactions;
use crate::session::{Session, SessionRef};

/// The running fairing, as managed state: `&State<Logto>` in a handler.
///
/// [`Logto::fairing()`] makes it; see the [crate documentation](crate). What needs
/// no users is in [`LogtoService`].
///
/// ```rust
/// use rocket::{State, get};
/// use rocket_logto::Logto;
///
/// #[get("/about")]
/// fn about(logto: &State<Logto>) -> String {
///     format!("Signing in at {}", logto.config().issuer)
/// }
/// ```
#[derive(Clone)]
pub struct Logto {
    inner: Arc<Inner>,
}

struct Inner {
    config: Arc<LogtoConfig>,
    oidc: Arc<OidcClient>,
    tokens: Tokens,
    sessions: Arc<Sessions>,
    api: LogtoService,
}

impl Logto {
    pub(crate) fn new(
        config: Arc<LogtoConfig>,
        api: LogtoService,
        store: Option<Arc<dyn SessionStore>>,
    ) -> Logto {
        let inner = Inner {
            oidc: Arc::new(OidcClient::new(config.clone(), api.service().clone())),
            tokens: Tokens::new(&config),
            sessions: Arc::new(Sessions::new(config.clone(), store)),
            api,
            config,
        };
        Logto {
            inner: Arc::new(inner),
        }
    }

    /// The configuration in force.
    pub fn config(&self) -> &LogtoConfig {
        &self.inner.config
    }

    /// The app's public origin.
    pub fn base_url(&self) -> &Url {
        &self.inner.config.base_url
    }

    /// Whether anybody can sign in as anybody, because the development
    /// provider is in use.
    pub fn dev_provider(&self) -> bool {
        self.inner.config.dev_provider.is_some()
    }

    /// Origins of the provider that the browser is redirected to. A
    /// `Content-Security-Policy` with `form-action` has to name them, because
    /// Chromium applies it to the redirect after a form's POST: without them
    /// the "Sign out" button ends nowhere. Until the provider's metadata is
    /// loaded it is the issuer's own origin; never touches the network.
    pub fn provider_origins(&self) -> Vec<String> {
        match self.inner.oidc.provider.metadata_if_loaded() {
            Some(metadata) => metadata.browser_origins(),
            // The page may still be open when the provider is back.
            None => Url::parse(&self.inner.config.issuer)
                .map(|issuer| vec![issuer.origin().ascii_serialization()])
                .unwrap_or_default(),
        }
    }

    /// Where the provider tells who the user is, for a call of your own with
    /// the [`AccessToken`](crate::AccessToken) of no resource (OpenID Connect
    /// Core section 5.3). `None` until the provider's metadata is loaded, and
    /// at a provider without that endpoint; never touches the network.
    /// [`UserInfo`](crate::UserInfo) makes the call for you.
    pub fn userinfo_endpoint(&self) -> Option<String> {
        let metadata = self.inner.oidc.provider.metadata_if_loaded()?;
        metadata.userinfo_endpoint.as_ref().map(Url::to_string)
    }

    pub(crate) fn now(&self) -> Seconds {
        self.inner.api.now()
    }

    pub(crate) fn oidc(&self) -> &Arc<OidcClient> {
        &self.inner.oidc
    }

    pub(crate) fn tokens(&self) -> &Tokens {
        &self.inner.tokens
    }

    pub(crate) fn sessions(&self) -> &Arc<Sessions> {
        &self.inner.sessions
    }

    /// The state of the fairing, for code that runs inside a request. Guards
    /// are sentinels, so only a hand-made router can be without it.
    pub(crate) fn of<'r>(request: &'r Request<'_>) -> Result<&'r Logto, Error> {
        request.rocket().state::<Logto>().ok_or_else(|| {
            Error::new(
                ErrorKind::ProviderNotReady,
                "Logto::fairing() is not attached",
            )
        })
    }

    /// The live session of a request, if there is one; looked up once. The
    /// network only when sessions are in a store. A used session is rolled on,
    /// at most once a minute; a browser that missed a refresh, because it did
    /// not wait for the answer, is given it now.
    pub(crate) async fn session(
        &self,
        request: &Request<'_>,
    ) -> Result<Option<Arc<Session>>, Error> {
        let context = RequestContext::of(request);
        if let Some(known) = context.session() {
            return Ok(known);
        }
        context.set_personal();
        let found = self.look_up(request, context).await?;
        context.set_session(found.clone());
        Ok(found)
    }

    async fn look_up(
        &self,
        request: &Request<'_>,
        context: &RequestContext,
    ) -> Result<Option<Arc<Session>>, Error> {
        let now = self.now();
        let sessions = self.sessions();
        let keys = sessions.keys(request.rocket());
        let cookies = raw_cookies(request);
        context.set_chunks(cookie::chunks_present(&cookies, sessions.name()));
        let loaded = sessions
            .load(keys, &cookies, now)
            .await
            .map_err(store_failed)?;
        let Some(Loaded { session, old_key }) = loaded else {
            return Ok(None);
        };
        let read = session.version;
        let session = self.tokens().newest(session);
        let rolled = session.rolled(&self.config().session, now).map(Arc::new);
        let write = rolled.is_some() || old_key || session.version > read;
        let session = rolled.unwrap_or(session);
        if write {
            match Box::pin(sessions.save(context, &session, now)).await {
                Ok(()) => {}
                Err(KeepError::Gone) => return Ok(None),
                // What was read is still true; only that it was used is lost.
                Err(KeepError::Store(error)) if session.version == read => {
                    log::warn!("logto: {error}; a session was read and cannot be written");
                }
                Err(KeepError::Store(error)) => return Err(store_failed(error)),
            }
        }
        Ok(Some(session))
    }

    /// Ends a session here: its cookies go, copies of them are refused, its
    /// tokens are forgotten.
    pub(crate) async fn end(
        &self,
        context: &RequestContext,
        session: &Session,
    ) -> Result<(), Error> {
        self.revoke(&session.reference()).await?;
        self.sessions().forget(session);
        self.drop_cookies(context);
        Ok(())
    }

    /// Refuses every copy of a session from now on.
    pub(crate) async fn revoke(&self, session: &SessionRef) -> Result<(), Error> {
        let ended = self.sessions().end(session, self.now()).await;
        ended.map_err(store_failed)?;
        self.tokens().forget(&session.id);
        Ok(())
    }

    /// The session's cookies for the response. While a handler was at work its
    /// session may have been ended, or refreshed, by another request, and the
    /// browser may have another one by now: then there are none.
    pub(crate) async fn cookies(&self, cookies: SessionCookies) -> Vec<String> {
        let Some(session) = cookies.of else {
            return cookies.lines;
        };
        let is_newest = self.tokens().newest(session.clone()).version == session.version;
        match is_newest && self.sessions().is_still_live(&session).await {
            true => cookies.lines,
            false => Vec::new(),
        }
    }

    pub(crate) fn drop_cookies(&self, context: &RequestContext) {
        context.set_session(None);
        self.sessions().drop_cookies(context);
    }

    /// Where a sign-in ends. At the callback it would seem to have failed.
    pub(crate) fn landing(&self, return_to: ReturnTo) -> ReturnTo {
        let callback = &self.config().routes.callback;
        match Origin::parse(return_to.as_str()) {
            Ok(uri) if is_at(&uri, callback) => ReturnTo::home(),
            _ => return_to,
        }
    }

    /// The sign-ins this browser has begun.
    pub(crate) fn transactions<'a>(
        &'a self,
        request: &Request<'_>,
        cookies: &'a [(&'a str, &'a str)],
    ) -> Transactions<'a> {
        let keys = self.sessions().keys(request.rocket());
        Transactions {
            config: self.config(),
            keys,
            cookies,
            now: self.now(),
        }
    }
}
