//! `Logto`: what the guards, routes and the response hook share. Managed by
//! Rocket; made by the fairing.

use std::sync::{Arc, OnceLock};

use ::cookie::{Key, SameSite};
use figment::Figment;
use openidconnect::AccessToken;
use rocket::Request;
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
pub struct Logto {
    config: Arc<LogtoConfig>,
    pub(crate) oidc: OidcClient,
    pub(crate) tokens: Tokens,
    revocations: Revocations,
    keys: OnceLock<CookieKeys>,
    clock: Clock,
}

/// Seconds since 1970-01-01 UTC, from the system or from a test.
pub(crate) type Clock = fn() -> Seconds;

impl Logto {
    pub(crate) fn new(config: Arc<LogtoConfig>, clock: Clock) -> Result<Logto, reqwest::Error> {
        Ok(Logto {
            oidc: OidcClient::new(config.clone())?,
            tokens: Tokens::new(&config),
            revocations: Revocations::default(),
            keys: OnceLock::new(),
            clock,
            config,
        })
    }

    /// The configuration in force.
    pub fn config(&self) -> &LogtoConfig {
        &self.config
    }

    /// The app's public origin.
    pub fn base_url(&self) -> &Url {
        &self.config.base_url
    }

    /// Whether anybody can sign in as anybody, because the development
    /// provider is in use.
    pub fn dev_provider(&self) -> bool {
        self.config.dev_provider.is_some()
    }

    /// Origins of the provider that the browser is redirected to. A
    /// `Content-Security-Policy` with `form-action` has to name them, because
    /// Chromium applies it to the redirect after a form's POST: without them
    /// the "Sign out" button ends nowhere. Until the provider's metadata is
    /// loaded it is the issuer's own origin; never touches the network.
    pub fn provider_origins(&self) -> Vec<String> {
        match self.oidc.provider.metadata_if_loaded() {
            Some(metadata) => metadata.browser_origins(),
            // The page may still be open when the provider is back.
            None => Url::parse(&self.config.issuer)
                .map(|issuer| vec![issuer.origin().ascii_serialization()])
                .unwrap_or_default(),
        }
    }

    pub(crate) fn now(&self) -> Seconds {
        (self.clock)()
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
    /// session is rolled on, at most once a minute.
    pub(crate) fn session(&self, request: &Request<'_>) -> Option<Arc<Session>> {
        let context = RequestContext::of(request);
        context.session(|| {
            let session = self.tokens.newest(Arc::new(self.read(request)?));
            let now = self.now();
            if !session.is_live(&self.config.session, now) || self.revocations.is_revoked(&session)
            {
                return None;
            }
            if let Some(rolled) = session.rolled(now) {
                // A session that was stored once fits once more.
                let _ = self.store(request, &rolled);
            }
            Some(session)
        })
    }

    fn read(&self, request: &Request<'_>) -> Option<Session> {
        let name = self.session_cookie();
        let cookies = cookie::raw_cookies(request);
        let plain = self
            .keys(request)
            .open(&name, cookie::only(&cookies, &name)?)?;
        serde_json::from_str(&plain).ok()
    }

    /// Sends the session to the browser with the response.
    pub(crate) fn store(&self, request: &Request<'_>, session: &Session) -> Result<(), TooLarge> {
        let name = self.session_cookie();
        let max_age = session.max_age(&self.config.session, self.now());
        let plain = serde_json::to_string(session).unwrap_or_default();
        let line = self
            .keys(request)
            .seal(&self.session_spec(&name, max_age), plain)?;
        RequestContext::of(request).set_cookie(line);
        Ok(())
    }

    /// Ends a session here: its cookie goes, copies of it are refused, its
    /// tokens are forgotten.
    pub(crate) fn end(&self, request: &Request<'_>, session: &Session) {
        self.revoke(session);
        self.drop_cookie(request);
    }

    /// Refuses every copy of a session from now on.
    pub(crate) fn revoke(&self, session: &Session) {
        let absolute = self.config.session.absolute.as_secs();
        let absolute = Seconds::try_from(absolute).unwrap_or(Seconds::MAX);
        self.revocations.revoke(session, absolute, self.now());
        self.tokens.forget(&session.id);
    }

    pub(crate) fn drop_cookie(&self, request: &Request<'_>) {
        let name = self.session_cookie();
        RequestContext::of(request).set_cookie(self.session_spec(&name, 0).removal());
    }

    /// An access token for the userinfo endpoint; another one than `refused`.
    /// A refresh that changed the session is sent to the browser, whatever the
    /// handler answers; one that ended it ends it here.
    pub(crate) async fn access_token(
        &self,
        request: &Request<'_>,
        session: &Arc<Session>,
        refused: Option<&AccessToken>,
    ) -> Result<AccessToken, Error> {
        match self
            .tokens
            .access_token(&self.oidc, session, refused, self.now())
            .await
        {
            Ok((token, current)) => {
                if current.version > session.version
                    && let Err(TooLarge(size)) = self.store(request, &current)
                {
                    log::error!("logto: refreshed session of {size} bytes does not fit a cookie");
                }
                Ok(token)
            }
            Err(error) => {
                if error.kind() == ErrorKind::SessionEnded {
                    self.end(request, session);
                }
                Err(error)
            }
        }
    }

    /// The sign-ins this browser has begun.
    pub(crate) fn transactions<'a>(
        &'a self,
        request: &Request<'_>,
        cookies: &'a [(&'a str, &'a str)],
    ) -> Transactions<'a> {
        Transactions {
            config: &self.config,
            keys: self.keys(request),
            cookies,
            now: self.now(),
        }
    }

    fn session_cookie(&self) -> String {
        cookie::name(&self.config, SESSION_COOKIE)
    }

    fn session_spec<'a>(&self, name: &'a str, max_age: Seconds) -> CookieSpec<'a> {
        CookieSpec {
            name,
            max_age,
            secure: self.config.is_https(),
            same_site: SameSite::Lax,
        }
    }

    /// Rocket's own `secret_key`, generated ones included: its configuration is
    /// a figment provider that tells.
    fn keys(&self, request: &Request<'_>) -> &CookieKeys {
        self.keys.get_or_init(|| {
            let config = Figment::from(request.rocket().config());
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
