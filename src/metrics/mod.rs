//! What the library counts, for Prometheus: at `/metrics` on a port of its own, or on the
//! app's port for who brings a key. Nowhere unless `web.metrics` says so.

mod key;
mod server;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use rocket::fairing::{self, Fairing, Info, Kind};
use rocket::figment::{Error, Figment};
use rocket::http::{ContentType, Header};
use rocket::serde::Deserialize;
use rocket::tokio::net::TcpListener;
use rocket::{Build, Orbit, Responder, Rocket, State, get, routes};

use self::key::{Credentials, Key};

/// In seconds: from a round trip to a Redis next door to a provider that is given up.
const BUCKETS: [f64; 13] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];
/// How often durations are put into their buckets. They are kept one by one until then.
const UPKEEP: Duration = Duration::from_secs(5);
const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// `web.metrics`.
#[derive(Deserialize)]
#[serde(crate = "rocket::serde", deny_unknown_fields)]
struct Settings {
    /// A port of its own.
    port: Option<u16>,
    /// Where that port is. Other machines reach `127.0.0.1` not at all.
    #[serde(default = "loopback")]
    address: IpAddr,
    key: Option<Key>,
}

fn loopback() -> IpAddr {
    Ipv4Addr::LOCALHOST.into()
}

/// The text, for who may have it.
struct Exporter {
    recorder: PrometheusHandle,
    key: Option<Key>,
}

impl Exporter {
    fn may_have_it(&self, credentials: Option<&str>) -> bool {
        let key = self.key.as_ref();
        key.is_none_or(|key| credentials.is_some_and(|credentials| key.is_in(credentials)))
    }
}

/// Makes the metrics be kept, and shows them.
#[derive(Default)]
pub struct Metrics {
    /// Between ignition and lift-off.
    own_port: Mutex<Option<(TcpListener, Exporter)>>,
}

#[rocket::async_trait]
impl Fairing for Metrics {
    fn info(&self) -> Info {
        Info {
            name: "Metrics",
            kind: Kind::Ignite | Kind::Liftoff,
        }
    }

    async fn on_ignite(&self, rocket: Rocket<Build>) -> fairing::Result {
        let Ok(written) = rocket.figment().find_value("web.metrics") else {
            return Ok(rocket);
        };
        let settings: Settings = match written.deserialize() {
            Ok(settings) => settings,
            Err(error) => {
                tell(rocket.figment(), error);
                return Err(rocket);
            }
        };
        if settings.port.is_none() && settings.key.is_none() {
            let why = "it needs `port`, for a port of its own, or `key`, for /metrics at the \
                       port of the app";
            tell(rocket.figment(), Error::from(why.to_owned()));
            return Err(rocket);
        }
        let recorder = match recorder() {
            Ok(recorder) => recorder.clone(),
            Err(error) => {
                rocket::error!("metrics cannot be kept: {error}");
                return Err(rocket);
            }
        };
        let exporter = Exporter {
            recorder,
            key: settings.key,
        };
        let Some(port) = settings.port else {
            return Ok(rocket.manage(exporter).mount("/", routes![metrics]));
        };
        let address = SocketAddr::new(settings.address, port);
        match TcpListener::bind(address).await {
            Ok(listener) => {
                let own_port = self.own_port.lock();
                let mut own_port = own_port.unwrap_or_else(PoisonError::into_inner);
                *own_port = Some((listener, exporter));
                Ok(rocket)
            }
            Err(error) => {
                rocket::error!("web.metrics: {address} cannot be had: {error}");
                Err(rocket)
            }
        }
    }

    async fn on_liftoff(&self, rocket: &Rocket<Orbit>) {
        let Some(Ok(recorder)) = RECORDER.get() else {
            return;
        };
        let mut shutdown = rocket.shutdown();
        rocket::tokio::spawn(async move {
            loop {
                rocket::tokio::select! {
                    () = &mut shutdown => return,
                    () = rocket::tokio::time::sleep(UPKEEP) => recorder.run_upkeep(),
                }
            }
        });
        let own_port = self.own_port.lock();
        let own_port = own_port.unwrap_or_else(PoisonError::into_inner).take();
        if let Some((listener, exporter)) = own_port {
            rocket::tokio::spawn(server::serve(listener, exporter, rocket.shutdown()));
        }
    }
}

/// Says what is wrong with the table, and where it is written.
fn tell(figment: &Figment, mut error: Error) {
    let table = ["web", "metrics"].map(str::to_owned);
    error.path.splice(0..0, table);
    error.profile = Some(figment.profile().clone());
    error.metadata = figment.find_metadata("web.metrics").cloned();
    rocket::config::pretty_print_error(error);
}

static RECORDER: OnceLock<Result<PrometheusHandle, BuildError>> = OnceLock::new();

/// A process has one, and tests have several apps in a process.
fn recorder() -> Result<&'static PrometheusHandle, &'static BuildError> {
    let install = || {
        let durations = Matcher::Suffix("_duration_seconds".to_owned());
        PrometheusBuilder::new()
            .set_buckets_for_metric(durations, &BUCKETS)?
            .install_recorder()
    };
    RECORDER.get_or_init(install).as_ref()
}

#[derive(Responder)]
enum Answer {
    #[response(status = 200)]
    Text {
        text: String,
        content_type: ContentType,
        cache: Header<'static>,
    },
    #[response(status = 401)]
    Refused {
        text: &'static str,
        challenge: Header<'static>,
    },
}

#[get("/metrics")]
fn metrics(exporter: &State<Exporter>, credentials: Credentials<'_>) -> Answer {
    match exporter.may_have_it(credentials.0) {
        true => Answer::Text {
            text: exporter.recorder.render(),
            content_type: FORMAT.parse().unwrap_or(ContentType::Plain),
            cache: Header::new("Cache-Control", "no-store"),
        },
        false => Answer::Refused {
            text: "the key of web.metrics is needed\n",
            challenge: Header::new("WWW-Authenticate", key::CHALLENGE),
        },
    }
}
