//! `Logto::api()`: the fairing of a service that is an API only. No sessions, no
//! cookies, no sign-in routes.

use rocket::fairing::{self, Fairing, Info, Kind};
use rocket::{Build, Data, Orbit, Request, Response, Rocket};

use super::declared::Declared;
use super::ignition::{provider_service, take_offline};
use crate::clock::{Clock, system_clock};
use crate::config::ApiConfig;
use crate::guards::Permission;
use crate::logto::Logto;
use crate::measure;
use crate::request::keep_method;
use crate::resource_metadata::ProtectedResources;
use crate::response::failed_guard;
use crate::routes;
use crate::service::LogtoService;
use crate::tokens::proofs::OwnAddress;

impl Logto {
    /// The fairing of a service that is only an API. No one signs in there:
    /// [`Bearer`](crate::Bearer) verifies callers, and
    /// [`MachineToken`](crate::MachineToken) and [`LogtoService`] get tokens.
    ///
    /// It needs `endpoint` (or `issuer`) and nothing else; `app_id` and
    /// `app_secret` only for `introspect_opaque_tokens`, `MachineToken` and token
    /// exchange. It mounts `/healthz`, `/readyz` and, for clients that find their way by
    /// themselves, `/.well-known/oauth-protected-resource`
    /// ([`protects`](LogtoServiceFairing::protects)).
    ///
    /// It sets no cookies, so where Rocket's `secret_key` is not configured, a
    /// random one is used; outside the debug profile the log says so.
    ///
    /// In the debug profile, without `endpoint` and with the feature
    /// `dev-provider`, it trusts the development provider that an app with
    /// [`Logto::fairing()`] runs on `http://localhost:3001`, or at the port that
    /// `dev_provider.port` names. It never starts one.
    ///
    /// # Network
    ///
    /// None at launch. At lift-off, a task in the background loads the provider's
    /// metadata and keys.
    ///
    /// # Standards
    ///
    /// RFC 6750, RFC 9068, RFC 9728.
    ///
    /// # Examples
    ///
    /// ```rust,no_run
    /// use rocket::{get, launch, routes};
    /// use rocket_logto::{Bearer, Logto, Permission, Resource};
    ///
    /// struct Shopping;
    /// impl Resource for Shopping {
    ///     const INDICATOR: &'static str = "https://shopping.your-app.com/api";
    /// }
    ///
    /// struct ReadCart;
    /// impl Permission for ReadCart {
    ///     type Audience = Shopping;
    ///     const SCOPES: &'static [&'static str] = &["read"];
    /// }
    ///
    /// #[get("/cart")]
    /// fn cart(caller: Bearer<ReadCart>) -> String {
    ///     format!("The cart of {}", caller.sub())
    /// }
    ///
    /// #[launch]
    /// fn rocket() -> _ {
    ///     rocket::build().attach(Logto::api()).mount("/", routes![cart])
    /// }
    /// ```
    pub fn api() -> LogtoServiceFairing {
        LogtoServiceFairing {
            clock: system_clock,
            declared: Declared::default(),
        }
    }
}

/// The fairing of a service that is only an API, made by [`Logto::api()`].
///
/// It manages [`LogtoService`], mounts `/healthz`, `/readyz` and the metadata, and answers for
/// guards that failed. It has no sessions and no sign-in routes, so of the guards
/// only [`Bearer`](crate::Bearer) and [`MachineToken`](crate::MachineToken) work
/// with it; the others abort the launch.
///
/// # Examples
///
/// ```rust,no_run
/// use rocket_logto::{Logto, LogtoServiceFairing};
///
/// let fairing: LogtoServiceFairing = Logto::api();
/// let rocket = rocket::build().attach(fairing);
/// ```
pub struct LogtoServiceFairing {
    clock: Clock,
    declared: Declared,
}

impl LogtoServiceFairing {
    /// As [`LogtoFairing::protects`](crate::LogtoFairing::protects).
    pub fn protects<P: Permission>(mut self) -> LogtoServiceFairing {
        self.declared.add::<P>();
        self
    }

    /// Replaces the clock, to test lifetimes.
    #[cfg(feature = "_internals")]
    #[doc(hidden)]
    pub fn with_clock(mut self, clock: fn() -> i64) -> LogtoServiceFairing {
        self.clock = clock;
        self
    }
}

/// Outside the debug profile Rocket does not launch without a `secret_key`, for
/// private cookies. This fairing sets none, so a key that lasts as long as the
/// process is enough. The log says so, in case the app sets some itself.
fn with_some_secret_key(rocket: Rocket<Build>) -> Rocket<Build> {
    let given = |config: rocket::Config| config.secret_key.is_provided();
    // Rocket itself reports what is wrong with its configuration.
    if rocket::Config::try_from(rocket.figment()).map_or(true, given) {
        return rocket;
    }
    let mut key = [0_u8; 64];
    if aws_lc_rs::rand::fill(&mut key).is_err() {
        // Rocket then reports the missing key.
        return rocket;
    }
    if rocket.figment().profile() != rocket::Config::DEBUG_PROFILE {
        log::warn!(
            "logto: no secret_key is configured, and Logto::api() needs none: private cookies \
             that this app sets itself end with this process"
        );
    }
    let figment = rocket.figment().clone();
    rocket.configure(figment.merge(("secret_key", key.to_vec())))
}

#[rocket::async_trait]
impl Fairing for LogtoServiceFairing {
    fn info(&self) -> Info {
        Info {
            name: "Logto API",
            kind: Kind::Ignite | Kind::Liftoff | Kind::Request | Kind::Response | Kind::Singleton,
        }
    }

    async fn on_ignite(&self, rocket: Rocket<Build>) -> fairing::Result {
        let mut config = match ApiConfig::from_figment(rocket.figment()) {
            Ok(config) => config,
            Err(error) => {
                rocket::config::pretty_print_error(error);
                return Err(rocket);
            }
        };
        if config.dev_provider {
            log::warn!(
                "logto: no endpoint is configured: tokens of the DEVELOPMENT PROVIDER at {} are \
                 accepted, and anyone can get one. It runs beside an app with Logto::fairing(). \
                 For your own provider, set logto.endpoint",
                config.provider.issuer
            );
        }
        take_offline(&rocket, &mut config.provider);
        let address = config.base_url.map(|base_url| OwnAddress {
            base_url,
            base_path: config.base_path,
        });
        let (provider, client, own) = (config.provider, config.client, (address, &[][..]));
        let resources = ProtectedResources::at(&config.routes.resource_metadata);
        let service = provider_service(&rocket, provider, client, resources, own, self.clock);
        let Some(service) = service else {
            return Err(rocket);
        };
        Ok(with_some_secret_key(rocket)
            .mount("/", routes::without_sign_in(&config.routes))
            .manage(service))
    }

    async fn on_liftoff(&self, rocket: &Rocket<Orbit>) {
        if let Some(logto) = rocket.state::<LogtoService>() {
            self.declared.lift_off(rocket);
            measure::lift_off();
            log::info!("logto: tokens of {} are accepted", logto.issuer());
            rocket::tokio::spawn(logto.client().provider().clone().warm_up());
        }
    }

    async fn on_request(&self, request: &mut Request<'_>, _: &mut Data<'_>) {
        keep_method(request);
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        failed_guard::answer(request, response);
    }
}
