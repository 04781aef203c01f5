//! `Logto::fairing()`: reads the configuration, manages the state, mounts the
//! routes, and writes what requests have collected into their responses.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rocket::fairing::{self, Fairing, Info, Kind};
use rocket::http::Status;
use rocket::{Build, Orbit, Request, Response, Rocket};

use crate::config::LogtoConfig;
use crate::logto::{Clock, Logto};
use crate::oidc::verify::Seconds;
use crate::routes::{self, sign_in, sign_out};
use crate::session::context::{PENDING, Pending, RequestContext};

impl Logto {
    /// The fairing to attach. See the [crate documentation](crate) for a whole
    /// app and [`LogtoConfig`] for what it reads.
    ///
    /// A wrong configuration aborts the launch and says which key to mend. A
    /// provider that cannot be reached does not: public pages work, signing in
    /// answers 503 until it is back.
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
        LogtoFairing { clock: system_clock }
    }
}

/// The fairing that [`Logto::fairing()`] makes.
pub struct LogtoFairing {
    clock: Clock,
}

impl LogtoFairing {
    /// Replaces the clock, for tests of lifetimes.
    #[doc(hidden)]
    pub fn with_clock(mut self, clock: fn() -> i64) -> LogtoFairing {
        self.clock = clock;
        self
    }
}

fn system_clock() -> Seconds {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Seconds::try_from(now.as_secs()).unwrap_or(Seconds::MAX)
}

#[rocket::async_trait]
impl Fairing for LogtoFairing {
    fn info(&self) -> Info {
        Info { name: "Logto", kind: Kind::Ignite | Kind::Liftoff | Kind::Response | Kind::Singleton }
    }

    async fn on_ignite(&self, rocket: Rocket<Build>) -> fairing::Result {
        let config = match LogtoConfig::from_figment(rocket.figment()) {
            Ok(config) => Arc::new(config),
            Err(error) => {
                rocket::config::pretty_print_error(error);
                return Err(rocket);
            }
        };
        match Logto::new(config.clone(), self.clock) {
            Ok(logto) => Ok(rocket
                .mount("/", routes::all(&config.routes))
                .manage(config)
                .manage(logto)),
            Err(error) => {
                log::error!("logto: no HTTP client can be made, see logto.ca_file: {error}");
                Err(rocket)
            }
        }
    }

    async fn on_liftoff(&self, rocket: &Rocket<Orbit>) {
        if let Some(logto) = rocket.state::<Logto>() {
            announce(logto.config());
            rocket::tokio::spawn(logto.oidc.provider.clone().warm_up());
        }
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        let context = RequestContext::of(request);
        if response.status() == PENDING {
            *response = answer(request, context.take_pending()).await;
        }
        // Whoever asked who the user is has an answer for that user alone, and
        // a cookie is for one browser alone.
        let cookies = context.take_cookies();
        if context.is_personal() || !cookies.is_empty() {
            response.set_raw_header("Cache-Control", "no-store");
            response.adjoin_raw_header("Vary", "Cookie");
        }
        for cookie in cookies {
            response.adjoin_raw_header("Set-Cookie", cookie);
        }
    }
}

/// The answer a guard or handler has asked for.
async fn answer(request: &Request<'_>, pending: Option<Pending>) -> Response<'static> {
    let done = match pending {
        Some(Pending::SignIn(start)) => sign_in::start(request, &start).await,
        Some(Pending::SignOut(local)) => sign_out::finish(request, local).await,
        Some(Pending::Failure(error)) => Err(error),
        None => return Response::build().status(Status::InternalServerError).finalize(),
    };
    done.unwrap_or_else(|error| error.to_response(request))
}

/// Few lines, no secrets: what is configured, for whoever starts the app.
fn announce(config: &LogtoConfig) {
    log::info!("logto: provider {}, client {}", config.issuer, config.app_id);
    log::info!("logto: redirect URI {}", config.redirect_uri());
    log::info!("logto: post sign-out URI {}", config.post_logout_redirect_uri());
}
