//! `Logto`: what an app, and the routes, ask about the sign-in as it is configured.
//! Managed by Rocket; made by the fairing.

use std::sync::Arc;

use rocket::http::uri::Origin;
use rocket::{Ignite, Request, Rocket};
use url::Url;

use crate::config::LogtoConfig;
use crate::error::{Error, ErrorKind};
use crate::oidc::client::OidcClient;
use crate::request::is_at;
use crate::return_to::ReturnTo;
use crate::service::LogtoService;

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
}

impl Logto {
    pub(crate) fn new(config: Arc<LogtoConfig>, oidc: Arc<OidcClient>) -> Logto {
        Logto {
            inner: Arc::new(Inner { config, oidc }),
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
        match self.inner.oidc.provider().metadata_if_loaded() {
            Some(metadata) => metadata.browser_origins(),
            // The page may still be open when the provider is back.
            None => Url::parse(self.inner.config.issuer())
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
        let metadata = self.inner.oidc.provider().metadata_if_loaded()?;
        metadata.userinfo_endpoint.as_ref().map(Url::to_string)
    }

    pub(crate) fn oidc(&self) -> &Arc<OidcClient> {
        &self.inner.oidc
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

    /// Where a sign-in ends. At the callback it would seem to have failed.
    pub(crate) fn landing(&self, return_to: ReturnTo) -> ReturnTo {
        let callback = &self.config().routes.callback;
        match Origin::parse(return_to.as_str()) {
            Ok(uri) if is_at(&uri, callback) => ReturnTo::home(),
            _ => return_to,
        }
    }
}

/// Aborts the launch of an app that uses a guard, or a responder of this crate,
/// without the fairing.
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

/// The same for what does without users.
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
