//! `Logto::fairing()`: reads the configuration, manages the state, mounts the
//! routes, and writes what requests have collected to their responses.

mod declared;
mod dev_provider;
mod hooks;
mod ignition;
mod pages;
#[cfg(feature = "dev-provider")]
mod port;
mod protect;
mod proxies;
pub(crate) mod service;

use std::sync::Arc;

use rocket::fairing::{self, Fairing, Info, Kind};
use rocket::http::Method;
use rocket::{Build, Data, Orbit, Request, Response, Rocket};

use self::declared::Declared;
use self::ignition::{
    announce, announce_address, provider_service, store, take_offline, warn_of_debug_log,
};
use self::pages::Pages;
use self::protect::Protected;
use self::proxies::Proxies;
use crate::clock::{Clock, system_clock};
use crate::config::LogtoConfig;
use crate::hooks::Hooks;
use crate::logto::Logto;
use crate::measure;
use crate::oidc::client::OidcClient;
use crate::request::{hide_query, is_at, keep_method};
use crate::resource_metadata::ProtectedResources;
use crate::response::pending::pending;
use crate::response::{failed_guard, own, vary};
use crate::routes;
use crate::session::context::RequestContext;
use crate::session::store::SharedStore;
use crate::session::{SessionManager, Sessions};
use crate::tokens::proofs::OwnAddress;

impl Logto {
    /// The fairing to attach. See the [crate documentation](crate) for a whole
    /// app and [`LogtoConfig`] for what it reads.
    ///
    /// A wrong configuration aborts the launch and says which key to correct. An
    /// unreachable provider does not: public pages work, and signing in answers
    /// 503 until the provider is back.
    ///
    /// It mounts these routes. Change their paths with `routes.sign_in` and so on
    /// ([`RoutePaths`](crate::RoutePaths)).
    ///
    /// | route | what it does |
    /// |---|---|
    /// | `GET /sign-in` | to the provider and back to `?return_to=/a/path`; straight back when the user is already signed in. Takes Logto's `first_screen`, `identifier`, `direct_sign_in`, `login_hint`, `one_time_token`, `ui_locales` and `organization_id`, as well as `max_age` (seconds), `acr_values` and `prompt=login`: see the methods of [`SignIn`](crate::SignIn) |
    /// | `GET /sign-up` | the same, with the provider's registration first |
    /// | `GET`, `POST /callback` | finishes the sign-in |
    /// | `GET`, `POST /initiate-login` | starts a sign-in that the provider's own pages began (`iss`, `login_hint`, `target_link_uri`) |
    /// | `POST /sign-out` | ends the session here and at the provider. `GET` does so for a link in the app's own pages and from the address bar; otherwise it asks first |
    /// | `POST /backchannel-logout` | the provider reports that a user has signed out there |
    /// | `POST /webhooks/logto` | Logto tells that a user was suspended or deleted, or that something else has changed. Only with `webhook.signing_keys` |
    /// | `GET /session.json` | tells scripts of the app's own pages who is signed in, and until when. Only with `routes.session` |
    /// | `GET /healthz`, `GET /readyz` | for load balancers: the process is alive; people can sign in |
    /// | `GET /.well-known/oauth-protected-resource` | what the API resources of this app are, for clients that find their way by themselves ([`protects`](LogtoFairing::protects)) |
    ///
    /// # Network
    ///
    /// None at launch but the development provider's port. At lift-off, a task in
    /// the background loads the provider's metadata and keys.
    ///
    /// # Standards
    ///
    /// OpenID Connect Core sections 3.1 and 4, RP-Initiated Logout 1.0,
    /// Back-Channel Logout 1.0.
    ///
    /// # Examples
    ///
    /// ```rust,no_run
    /// use rocket_logto::Logto;
    ///
    /// #[rocket::launch]
    /// fn rocket() -> _ {
    ///     rocket::build().attach(Logto::fairing())
    /// }
    /// ```
    pub fn fairing() -> LogtoFairing {
        LogtoFairing {
            clock: system_clock,
            store: None,
            hooks: Hooks::default(),
            protected: Protected::default(),
            proxies: Proxies::default(),
            pages: Pages::default(),
            declared: Declared::default(),
        }
    }
}

/// The fairing that lets users sign in, made by [`Logto::fairing()`].
///
/// It does its work in Rocket's hooks:
///
/// - *ignite*: reads `logto` from Rocket's configuration, manages [`Logto`],
///   [`LogtoService`](crate::LogtoService) and [`Sessions`], and mounts
///   the routes;
/// - *lift-off*: starts loading the provider's metadata in the background;
/// - *request*: hides the queries of its own routes from Rocket's log, because
///   they hold codes and one-time tokens;
/// - *response*: answers for guards that failed, asks for the app's own
///   [`pages`](LogtoFairing::pages), and sets the session's cookies and the
///   `Cache-Control` that goes with them.
///
/// Fairings attached later see those responses, so attach your own after it if
/// they are to change them. Attach it once: Rocket drops an earlier one.
///
/// # Examples
///
/// ```rust,no_run
/// use rocket_logto::{Logto, LogtoFairing, MemoryStore};
///
/// /// With sessions in memory, for tests.
/// fn logto() -> LogtoFairing {
///     Logto::fairing().session_store(MemoryStore::new(1000))
/// }
///
/// let rocket = rocket::build().attach(logto());
/// ```
pub struct LogtoFairing {
    clock: Clock,
    store: Option<Arc<dyn SharedStore>>,
    hooks: Hooks,
    protected: Protected,
    proxies: Proxies,
    pages: Pages,
    declared: Declared,
}

impl LogtoFairing {
    /// Keeps sessions in a store of your own; `session.store` is then ignored.
    /// [`SharedStore`] says what a store has to do.
    ///
    /// # Examples
    ///
    /// ```rust,no_run
    /// use rocket_logto::{Logto, MemoryStore};
    ///
    /// let rocket = rocket::build().attach(Logto::fairing().session_store(MemoryStore::new(1000)));
    /// ```
    pub fn session_store(mut self, store: impl SharedStore) -> LogtoFairing {
        self.store = Some(Arc::new(store));
        self
    }

    /// Replaces the clock, to test lifetimes.
    #[cfg(feature = "_internals")]
    #[doc(hidden)]
    pub fn with_clock(mut self, clock: fn() -> i64) -> LogtoFairing {
        self.clock = clock;
        self
    }
}

#[rocket::async_trait]
impl Fairing for LogtoFairing {
    fn info(&self) -> Info {
        Info {
            name: "Logto",
            kind: Kind::Ignite
                | Kind::Liftoff
                | Kind::Request
                | Kind::Response
                | Kind::Shutdown
                | Kind::Singleton,
        }
    }

    async fn on_ignite(&self, rocket: Rocket<Build>) -> fairing::Result {
        if !self.hooks.are_single() {
            return Err(rocket);
        }
        if !self.protected.can_be() {
            return Err(rocket);
        }
        let Some(pages) = self.pages.settings() else {
            return Err(rocket);
        };
        let mut config = match LogtoConfig::from_figment(rocket.figment()) {
            Ok(config) => config,
            Err(error) => {
                rocket::config::pretty_print_error(error);
                return Err(rocket);
            }
        };
        // First of all: its port is in the issuer.
        let rocket = dev_provider::start(rocket, &mut config).await?;
        take_offline(&rocket, &mut config.provider);
        if self.hooks.hears_webhooks() && config.mounted.webhooks.is_empty() {
            log::error!(
                "logto: .on_webhook(…) hears nothing without logto.webhook.signing_keys (or set \
                 LOGTO_WEBHOOK_SIGNING_KEYS), and with routes.webhooks = false"
            );
            return Err(rocket);
        }
        let Some(proxies) = self.proxies.routes(&config) else {
            return Err(rocket);
        };
        let config = Arc::new(config);
        let store = match store(&config, self.store.clone()) {
            Ok(store) => store,
            Err(error) => {
                log::error!("logto: see logto.session.store: {error}");
                return Err(rocket);
            }
        };
        let (provider, client) = (config.provider.clone(), config.client.clone());
        let address = OwnAddress {
            base_url: config.base_url.clone(),
            base_path: config.base_path.clone(),
        };
        let own = (Some(address), &*config.previous_secret_keys);
        let resources = ProtectedResources::at(&config.mounted.resource_metadata);
        let service = provider_service(&rocket, provider, Some(client), resources, own, self.clock);
        let Some(service) = service else {
            return Err(rocket);
        };
        let oidc = Arc::new(OidcClient::new(
            config.clone(),
            service.client().provider().clone(),
        ));
        let sessions = SessionManager::new(
            &rocket,
            config.clone(),
            oidc.clone(),
            store,
            self.hooks.clone(),
            self.clock,
        );
        let Some(sessions) = sessions.map(Arc::new) else {
            log::error!("logto: no key for sealing cookies can be derived, see secret_key");
            return Err(rocket);
        };
        let logto = Logto::new(config.clone(), oidc, sessions.clone());
        Ok(rocket
            .mount("/", routes::all(&config.mounted))
            .mount("/", self.protected.routes())
            .mount("/", proxies)
            .manage(config)
            .manage(pages)
            .manage(service)
            .manage(Sessions::new(sessions.clone()))
            .manage(sessions)
            .manage(logto))
    }

    async fn on_liftoff(&self, rocket: &Rocket<Orbit>) {
        if !self.hooks.lift_off(rocket) {
            rocket.shutdown().notify();
            return;
        }
        self.declared.lift_off(rocket);
        if let Some(logto) = rocket.state::<Logto>() {
            measure::lift_off();
            warn_of_debug_log(rocket.config().log_level);
            announce(logto.config());
            rocket::tokio::spawn(logto.oidc().provider().clone().warm_up());
            rocket::tokio::spawn(announce_address(logto.config().base_url.clone()));
        }
    }

    async fn on_request(&self, request: &mut Request<'_>, _: &mut Data<'_>) {
        keep_method(request);
        // Most requests have no query, and most apps protect no paths.
        let has_query = request.uri().query().is_some();
        if !has_query && self.protected.is_nothing() {
            return;
        }
        let Some(config) = request.rocket().state::<Arc<LogtoConfig>>() else {
            return;
        };
        if has_query {
            hide_secrets(request, config);
            routes::sign_out::take_over(request, config);
        }
        if let Some(asked) = self.protected.asked(request, config) {
            Box::pin(protect::ask(request, config, asked)).await;
        }
    }

    async fn on_shutdown(&self, rocket: &Rocket<Orbit>) {
        dev_provider::stop(rocket);
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        // Boxed, here and where a session is written or the provider is called: a
        // future is as large as the largest future it may await, and Rocket
        // creates this one for every request.
        // And looked at once: what is kept with a request is found by a hash, and so is
        // each header that might say the same.
        let is_nothing = pending(request).is_nothing();
        if !is_nothing {
            failed_guard::answer(request, response);
            if let Some(deferred) = routes::take_deferred(request, response) {
                Box::pin(routes::finish(deferred, request, response)).await;
            }
            own::show(request, response);
        }
        let context = RequestContext::of(request);
        if request.method() == Method::Post
            && let Some(taken) = context.take_webhook()
        {
            Box::pin(routes::webhooks::settle(taken, response)).await;
        }
        let mut cookies = context.take_cookies();
        if let Some(session) = context.take_session_cookies()
            && let Ok(sessions) = SessionManager::of(request)
        {
            cookies.extend(Box::pin(sessions.cookies(session)).await);
        }
        // A response that depends on the user is for that user only, and a cookie
        // is for one browser only: no cache may share them.
        if context.is_personal() || !cookies.is_empty() {
            response.set_raw_header("Cache-Control", "no-store");
            vary(response, "Cookie");
        }
        for cookie in cookies {
            response.adjoin_raw_header("Set-Cookie", cookie);
        }
    }
}

/// Hides codes and logout tokens, even when sent by the wrong method, and hints that name a
/// person.
fn hide_secrets(request: &mut Request<'_>, config: &LogtoConfig) {
    let routes = &config.mounted;
    let with_secrets = [
        &routes.callback,
        &routes.sign_in,
        &routes.sign_up,
        &routes.backchannel_logout,
        &routes.initiate_login,
    ];
    let mut with_secrets = with_secrets.into_iter();
    if let Some(own) = with_secrets.find(|own| is_at(request.uri(), own)) {
        hide_query(request, own);
    }
}
