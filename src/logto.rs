//! `Logto`: what the guards, routes and the response hook share. Managed by
//! Rocket; made by the fairing.

use std::sync::{Arc, OnceLock};

use ::cookie::{Key, SameSite};
use figment::Figment;
use rocket::{Orbit, Request, Rocket};
use url::Url;

use crate::config::LogtoConfig;
use crate::error::{Error, ErrorKind};
use crate::oidc::client::OidcClient;
use crate::oidc::verify::Seconds;
use crate::session::Session;
use crate::session::context::RequestContext;
use crate::session::cookie::{self, CookieKeys, CookieSpec, TooLarge};
use crate::session::revocation::Revocations;
use crate::session::tokens::Tokens;
use crate::session::transaction::Transactions;

/// The name of the session cookie, before any prefix.
const SESSION_COOKIE: &str = "logto_session";

/// The running fairing, as managed state: `&State<Logto>` in a handler.
///
/// [`Logto::fairing()`] makes it; see the [crate documentation](crate).
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
    revocations: Revocations,
    keys: OnceLock<CookieKeys>,
    clock: Clock,
}

/// Seconds since 1970-01-01 UTC, from the system or from a test.
pub(crate) type Clock = fn() -> Seconds;

impl Logto {
    pub(crate) fn new(config: Arc<LogtoConfig>, clock: Clock) -> Result<Logto, reqwest::Error> {
        let inner = Inner {
            oidc: Arc::new(OidcClient::new(config.clone())?),
            tokens: Tokens::new(&config),
            revocations: Revocations::default(),
            keys: OnceLock::new(),
            clock,
            config,
        };
        Ok(Logto {
            inner: Arc::new(inner),
        })
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
        (self.inner.clock)()
    }

    pub(crate) fn oidc(&self) -> &Arc<OidcClient> {
        &self.inner.oidc
    }

    pub(crate) fn tokens(&self) -> &Tokens {
        &self.inner.tokens
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

    /// The live session of a request, if there is one. No network. A used
    /// session is rolled on, at most once a minute; a browser that missed a
    /// refresh, because it did not wait for the answer, is given it now.
    pub(crate) fn session(&self, request: &Request<'_>) -> Option<Arc<Session>> {
        let context = RequestContext::of(request);
        context.session(|| {
            let read = Arc::new(self.read(request)?);
            let session = self.tokens().newest(read.clone());
            let now = self.now();
            let live = session.is_live(&self.config().session, now);
            if !live || self.is_revoked(&session) {
                return None;
            }
            let is_behind = session.version > read.version;
            let rolled = session.rolled(now).map(Arc::new);
            if is_behind || rolled.is_some() {
                // A session that was stored once fits once more.
                let _ = self.store(request, rolled.as_ref().unwrap_or(&session));
            }
            Some(rolled.unwrap_or(session))
        })
    }

    fn read(&self, request: &Request<'_>) -> Option<Session> {
        let name = self.session_cookie();
        let cookies = cookie::raw_cookies(request);
        let value = cookie::only(&cookies, &name)?;
        let plain = self.keys(request.rocket()).open(&name, value)?;
        serde_json::from_str(&plain).ok()
    }

    /// Sends the session to the browser with the response.
    pub(crate) fn store(&self, request: &Request<'_>, session: &Session) -> Result<(), TooLarge> {
        let line = self.seal(self.keys(request.rocket()), session)?;
        RequestContext::of(request).set_cookie(line);
        Ok(())
    }

    /// The same once the request itself is out of reach. Keys are there:
    /// without them no session would have been read.
    pub(crate) fn store_later(
        &self,
        context: &RequestContext,
        session: &Session,
    ) -> Result<(), TooLarge> {
        if let Some(keys) = self.inner.keys.get() {
            context.set_cookie(self.seal(keys, session)?);
        }
        Ok(())
    }

    fn seal(&self, keys: &CookieKeys, session: &Session) -> Result<String, TooLarge> {
        let name = self.session_cookie();
        let max_age = session.max_age(&self.config().session, self.now());
        let plain = serde_json::to_string(session).unwrap_or_default();
        keys.seal(&self.session_spec(&name, max_age), plain)
    }

    /// Ends a session here: its cookie goes, copies of it are refused, its
    /// tokens are forgotten.
    pub(crate) fn end(&self, context: &RequestContext, session: &Session) {
        self.revoke(session);
        self.drop_cookie(context);
    }

    /// Refuses every copy of a session from now on.
    pub(crate) fn revoke(&self, session: &Session) {
        let absolute = self.config().session.absolute.as_secs();
        let absolute = Seconds::try_from(absolute).unwrap_or(Seconds::MAX);
        self.inner.revocations.revoke(session, absolute, self.now());
        self.tokens().forget(&session.id);
    }

    pub(crate) fn is_revoked(&self, session: &Session) -> bool {
        self.inner.revocations.is_revoked(session)
    }

    pub(crate) fn drop_cookie(&self, context: &RequestContext) {
        let name = self.session_cookie();
        context.replace_session(None);
        context.set_cookie(self.session_spec(&name, 0).removal());
    }

    /// The sign-ins this browser has begun.
    pub(crate) fn transactions<'a>(
        &'a self,
        request: &Request<'_>,
        cookies: &'a [(&'a str, &'a str)],
    ) -> Transactions<'a> {
        let keys = self.keys(request.rocket());
        Transactions {
            config: self.config(),
            keys,
            cookies,
            now: self.now(),
        }
    }

    fn session_cookie(&self) -> String {
        cookie::name(self.config(), SESSION_COOKIE)
    }

    fn session_spec<'a>(&self, name: &'a str, max_age: Seconds) -> CookieSpec<'a> {
        let secure = self.config().is_https();
        CookieSpec {
            name,
            max_age,
            secure,
            same_site: SameSite::Lax,
        }
    }

    /// Rocket's own `secret_key`, generated ones included: its configuration is
    /// a figment provider that tells.
    fn keys(&self, rocket: &Rocket<Orbit>) -> &CookieKeys {
        self.inner.keys.get_or_init(|| {
            let config = Figment::from(rocket.config());
            let master: Vec<u8> = config.extract_inner("secret_key").unwrap_or_default();
            CookieKeys::new(match Key::try_from(&master[..]) {
                Ok(key) => key,
                Err(_) => {
                    log::error!("logto: Rocket has no secret_key; sessions end with this process");
                    Key::generate()
                }
            })
        })
    }
}
