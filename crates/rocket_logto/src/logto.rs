//! `Logto`: what an app and the routes can ask about the configured sign-in.
//! Managed by Rocket; made by the fairing.

pub(crate) mod account;

use std::sync::Arc;

use rocket::http::uri::Origin;
use rocket::{Ignite, Request, Rocket};
use url::Url;

use crate::config::{EndSessionEndpoint, LogtoConfig};
use crate::error::{Error, ErrorKind};
use crate::oidc::client::OidcClient;
use crate::request::is_at;
use crate::return_to::ReturnTo;
use crate::service::LogtoService;
use crate::session::{SessionManager, Subject};

/// The running fairing, as managed state: `&State<Logto>` in a handler.
///
/// [`Logto::fairing()`] provides it; see the [crate documentation](crate). What
/// works without users is in [`LogtoService`].
///
/// # Network
///
/// None: no method of it waits for the provider. [`Logto::end_sessions_of`] asks the
/// session store.
///
/// # Examples
///
/// ```rust
/// use rocket::{State, get};
/// use rocket_logto::Logto;
///
/// #[get("/about")]
/// fn about(logto: &State<Logto>) -> String {
///     format!("Signing in at {}", logto.config().issuer())
/// }
/// ```
#[derive(Clone)]
pub struct Logto {
    inner: Arc<Inner>,
}

struct Inner {
    config: Arc<LogtoConfig>,
    oidc: Arc<OidcClient>,
    sessions: Arc<SessionManager>,
}

impl Logto {
    pub(crate) fn new(
        config: Arc<LogtoConfig>,
        oidc: Arc<OidcClient>,
        sessions: Arc<SessionManager>,
    ) -> Logto {
        Logto {
            inner: Arc::new(Inner {
                config,
                oidc,
                sessions,
            }),
        }
    }

    /// The configuration in force.
    pub fn config(&self) -> &LogtoConfig {
        &self.inner.config
    }

    /// The app's public address. Its path ends in `/`, so that `join("api/cart")` is below it.
    pub fn base_url(&self) -> &Url {
        &self.inner.config.base_url
    }

    /// Whether the development provider is in use, where anyone can sign in as
    /// anyone.
    ///
    /// # Examples
    ///
    /// ```rust
    /// use rocket::{State, get};
    /// use rocket_logto::Logto;
    ///
    /// #[get("/banner")]
    /// fn banner(logto: &State<Logto>) -> &'static str {
    ///     if logto.dev_provider() { "The accounts here are made up" } else { "" }
    /// }
    /// ```
    pub fn dev_provider(&self) -> bool {
        self.inner.config.dev_provider.is_some()
    }

    /// The provider's origins that the browser is redirected to.
    ///
    /// A `Content-Security-Policy` with `form-action` has to name them: Chromium
    /// applies it to the redirect that follows a form's POST, so without them the
    /// "Sign out" button does nothing. Until the provider's metadata is loaded,
    /// this is the issuer's own origin.
    ///
    /// # Standards
    ///
    /// Content Security Policy Level 3, section 6.4.1 (`form-action`).
    ///
    /// # Examples
    ///
    /// ```rust
    /// use rocket_logto::Logto;
    ///
    /// fn csp(logto: &Logto) -> String {
    ///     format!("form-action 'self' {}", logto.provider_origins().join(" "))
    /// }
    /// ```
    pub fn provider_origins(&self) -> Vec<String> {
        let mut origins = match self.inner.oidc.provider().metadata_if_loaded() {
            Some(metadata) => metadata.browser_origins(),
            // The page may still be open when the provider is back.
            None => Url::parse(self.inner.config.issuer())
                .map(|issuer| vec![issuer.origin().ascii_serialization()])
                .unwrap_or_default(),
        };
        if let EndSessionEndpoint::At(url) = &self.inner.config.end_session {
            let origin = url.origin().ascii_serialization();
            if !origins.contains(&origin) {
                origins.push(origin);
            }
        }
        origins
    }

    /// The address of the provider's userinfo endpoint, for a call of your own
    /// with an [`AccessToken`](crate::AccessToken) for no resource.
    ///
    /// The guard [`UserInfo`](crate::UserInfo) makes that call for you. `None`
    /// until the provider's metadata is loaded, and at a provider without that
    /// endpoint.
    ///
    /// # Standards
    ///
    /// OpenID Connect Core section 5.3.
    pub fn userinfo_endpoint(&self) -> Option<String> {
        let metadata = self.inner.oidc.provider().metadata_if_loaded()?;
        metadata.userinfo_endpoint.as_ref().map(Url::to_string)
    }

    /// Ends all sessions of a user here, for an operator: a suspended account, a lost
    /// device. The user may sign in again, unless the provider refuses.
    ///
    /// With sessions in Redis or in a [`SharedStore`](crate::SharedStore), it ends them for
    /// all instances, and the provider is asked to revoke their refresh tokens: nobody waits
    /// for that, and a failure is logged.
    ///
    /// With sessions in cookies, **only this instance** learns of it, and forgets it when it
    /// restarts: a session that ended is then accepted again until its own limits, and the
    /// refresh tokens, which are in the cookies, are not revoked. Sessions that began in the
    /// second of the call end as well.
    ///
    /// # Network
    ///
    /// None with sessions in cookies; otherwise some round trips to the session store.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StoreUnavailable`] when the store cannot be reached: sessions may still
    /// be there. [`ErrorKind::Misconfigured`] for a `sub` alone at a provider of many
    /// tenants, see [`Subject`].
    ///
    /// # Standards
    ///
    /// OWASP ASVS 5.0, 7.4.5.
    ///
    /// # Examples
    ///
    /// ```rust
    /// use rocket::{State, post};
    /// use rocket_logto::{Bearer, Error, Logto};
    /// # use rocket_logto::{Permission, NoResource, Resource};
    /// # struct Api;
    /// # impl Resource for Api { const INDICATOR: &'static str = "https://api.example.com"; }
    /// # struct Support;
    /// # impl Permission for Support {
    /// #     type Audience = Api;
    /// #     const SCOPES: &'static [&'static str] = &["end:sessions"];
    /// # }
    ///
    /// #[post("/users/<sub>/end-sessions")]
    /// async fn end(_by: Bearer<Support>, sub: &str, logto: &State<Logto>) -> Result<(), Error> {
    ///     logto.end_sessions_of(sub).await
    /// }
    /// ```
    pub async fn end_sessions_of(&self, user: impl Into<Subject<'_>>) -> Result<(), Error> {
        let ended = self.inner.sessions.end_all(&user.into()).await;
        ended.inspect_err(Error::log)
    }

    pub(crate) fn oidc(&self) -> &Arc<OidcClient> {
        &self.inner.oidc
    }

    /// The state of the fairing, for code that runs inside a request. Guards
    /// are sentinels, so it is missing only where routes were built by hand.
    pub(crate) fn of<'r>(request: &'r Request<'_>) -> Result<&'r Logto, Error> {
        request.rocket().state::<Logto>().ok_or_else(|| {
            Error::new(
                ErrorKind::ProviderNotReady,
                "Logto::fairing() is not attached",
            )
        })
    }

    /// Where a sign-in ends: at `return_to` if that is an address of this app. Ending
    /// at the callback would look like a failure.
    pub(crate) fn landing(&self, return_to: Option<&str>) -> ReturnTo {
        let config = self.config();
        let is_callback = |address: &ReturnTo| {
            Origin::parse(address.as_str()).is_ok_and(|uri| is_at(&uri, &config.linked.callback))
        };
        let address = return_to.and_then(|address| config.base_path.parse(address));
        address
            .filter(|address| !is_callback(address))
            .unwrap_or_else(|| config.base_path.home())
    }
}

/// Whether the launch must abort: a guard or a responder of this crate is in use,
/// and the fairing is not attached.
pub(crate) fn fairing_is_missing(rocket: &Rocket<Ignite>, what: &str) -> bool {
    let missing = rocket.state::<Logto>().is_none();
    if missing && rocket.state::<LogtoService>().is_some() {
        log::error!(
            "logto: `{what}` needs users to sign in: attach Logto::fairing() in place of \
             Logto::api()"
        );
    } else if missing {
        log::error!("logto: `{what}` needs the fairing: .attach(Logto::fairing())");
    }
    missing
}

/// The same for what works without users.
pub(crate) fn either_fairing_is_missing(rocket: &Rocket<Ignite>, what: &str) -> bool {
    let missing = rocket.state::<LogtoService>().is_none();
    if missing {
        log::error!(
            "logto: `{what}` needs the fairing: .attach(Logto::fairing()), or \
             .attach(Logto::api()) in a service that is an API only"
        );
    }
    missing
}
