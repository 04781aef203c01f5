//! An app without a provider, a port or the network: the development provider answers in
//! this process what the app would send.

use std::sync::Arc;
use std::time::Duration;

use figment::Figment;
use figment::providers::Serialized;
use figment::value::{Empty, Value};
use logto_dev_provider::{DevProvider, Seed, SeedMachine, SeedResource, SeedUser, Settings};
use openidconnect::http::{Request, Response};
use rocket::{Build, Orbit, Rocket};

use crate::clock::{Seconds, seconds};
use crate::config::LogtoConfig;
use crate::transport::{InPlaceOfNetwork, Transport};

/// RFC 6761 section 6.2: nobody has a name below it.
const ENDPOINT: &str = "https://logto.test";
const APP_ID: &str = "test-app";
const MACHINE_ID: &str = "test-machine";
const SECRET: &str = "a-secret-of-tests";
/// What gives the machine its scopes.
const MACHINE_ROLE: &str = "test-machine";

/// What would have the app speak to another provider, prove itself in another way, or need
/// what only production has.
const LEFT_OUT: [&str; 18] = [
    "profile",
    "dpop",
    "bearer_requires_dpop",
    "issuer",
    "discovery_url",
    "app_secret_file",
    "app_key_file",
    "app_key_id",
    "app_key_alg",
    "id_token_alg",
    "token_endpoint_auth_method",
    "ca_file",
    "end_session_endpoint",
    "machine.app_secret_file",
    "machine.app_key_file",
    "machine.app_key_id",
    "machine.app_key_alg",
    "session.max_per_user",
];

/// The provider of an app. Its users are those whom a test has signed in.
pub(super) struct Provider(pub(super) Arc<DevProvider>);

impl Transport for DevProvider {
    fn answer(&self, request: Request<Vec<u8>>) -> Response<Vec<u8>> {
        DevProvider::answer(self, request)
    }
}

/// The same app without a provider: nothing that the fairing, a guard or a hook asks of the
/// provider leaves the process, and no port is opened. Sign users in with
/// [`TestUser`](super::TestUser), and make tokens for an API with
/// [`TestToken`](super::TestToken).
///
/// Hand it the app before it is launched or given to a local client. It sets the keys of the
/// `logto` table that say which provider it is and how the app proves itself there, over those
/// of `Rocket.toml` and of `LOGTO_*` variables; sessions are in cookies, unless the fairing
/// has a store of its own. All others, such as `scopes`, `resources` and `routes`, are the
/// app's: what it does not ask for, no user gets.
///
/// Each call makes a provider with keys of its own, so tests run at the same time.
///
/// # Panics
///
/// When no key can be made, for want of randomness.
///
/// # Network
///
/// None.
///
/// # Examples
///
/// ```rust
/// use rocket::local::blocking::Client;
/// use rocket::{Build, Rocket, get, routes};
/// use rocket_logto::testing::{TestUser, offline};
/// use rocket_logto::{Logto, User};
///
/// #[get("/me")]
/// fn me(user: User) -> String {
///     format!("Hello, {}", user.name())
/// }
///
/// fn app() -> Rocket<Build> {
///     rocket::build().attach(Logto::fairing()).mount("/", routes![me])
/// }
///
/// let client = Client::tracked(offline(app())).unwrap();
/// TestUser::new("ada").name("Ada").sign_in(&client);
/// assert_eq!(client.get("/me").dispatch().into_string().unwrap(), "Hello, Ada");
/// ```
#[must_use = "it gives the app back"]
pub fn offline(rocket: Rocket<Build>) -> Rocket<Build> {
    let figment = configured(rocket.figment().clone());
    let config = LogtoConfig::from_figment(&figment).ok();
    let mut settings = Settings::new(APP_ID, SECRET);
    settings.public_origin = Some(ENDPOINT.to_owned());
    settings.sid = true;
    settings.seed = seed(config.as_ref());
    if let Some(config) = &config {
        settings.redirect_uris = vec![config.redirect_uri()];
        settings.post_logout_redirect_uris = vec![config.post_logout_redirect_uri()];
    }
    let provider = match DevProvider::in_memory(settings) {
        Ok(provider) => Arc::new(provider),
        Err(error) => panic!("rocket_logto::testing: {error}"),
    };
    rocket
        .configure(figment)
        .manage(InPlaceOfNetwork::new(provider.clone()))
        .manage(Provider(provider))
}

/// Over the values of every profile, file and variable.
fn configured(figment: Figment) -> Figment {
    let set = |figment: Figment, key: &str, value: Value| {
        figment.merge(Serialized::global(&format!("logto.{key}"), value))
    };
    let values = [
        ("endpoint", ENDPOINT),
        ("app_id", APP_ID),
        ("app_secret", SECRET),
        ("machine.app_id", MACHINE_ID),
        ("machine.app_secret", SECRET),
        ("session.store", "cookie"),
        ("response_mode", "query"),
    ];
    let figment = values.into_iter().fold(figment, |figment, (key, value)| {
        set(figment, key, value.into())
    });
    let none = || Value::from(Vec::<Value>::new());
    let figment = set(figment, "tenants", none());
    let figment = set(figment, "http_hosts", none());
    let figment = set(figment, "dev_provider", false.into());
    LEFT_OUT.into_iter().fold(figment, |figment, key| {
        set(figment, key, Value::from(Empty::None))
    })
}

/// Nobody yet, and the API resources that the app asks for.
fn seed(config: Option<&LogtoConfig>) -> Seed {
    let mut seed = Seed::default();
    // One there has to be.
    seed.users = vec![SeedUser::new("nobody")];
    seed.organizations.clear();
    let resources = config.map_or(&[][..], |config| &config.resources);
    seed.resources = resources.iter().map(SeedResource::new).collect();
    let mut machine = SeedMachine::new(MACHINE_ID, SECRET);
    machine.roles = vec![MACHINE_ROLE.to_owned()];
    seed.machines = vec![machine];
    seed
}

/// The provider of an app that is [`offline`].
pub(super) fn provider(rocket: &Rocket<Orbit>) -> &DevProvider {
    match rocket.state::<Provider>() {
        Some(Provider(provider)) => provider,
        None => panic!("rocket_logto::testing: hand the app to testing::offline() first"),
    }
}

/// Lets time pass for an app that is [`offline`], and for its provider: claims become old,
/// tokens and sessions end, a sign-in is no longer recent. In whole seconds. Nobody else's
/// clock moves.
///
/// # Panics
///
/// Where the app is not [`offline`].
///
/// # Examples
///
/// ```rust
/// use std::time::Duration;
/// use rocket::http::{Accept, Status};
/// use rocket::local::blocking::Client;
/// use rocket::{get, routes};
/// use rocket_logto::testing::{TestUser, later, offline};
/// use rocket_logto::{Logto, User};
///
/// #[get("/me")]
/// fn me(_user: User) {}
///
/// let app = rocket::build().attach(Logto::fairing()).mount("/", routes![me]);
/// let client = Client::tracked(offline(app)).unwrap();
/// TestUser::new("ada").sign_in(&client);
/// assert_eq!(client.get("/me").dispatch().status(), Status::Ok);
///
/// // Nobody came for two days: `session.idle` is one.
/// later(client.rocket(), Duration::from_secs(2 * 24 * 3600));
/// let answer = client.get("/me").header(Accept::JSON).dispatch();
/// assert_eq!(answer.status(), Status::Unauthorized);
/// ```
pub fn later(rocket: &Rocket<Orbit>, by: Duration) {
    provider(rocket).advance_clock(by);
    if let Some(network) = rocket.state::<InPlaceOfNetwork>() {
        network.advance(seconds(by));
    }
}

/// By how much [`later`] has put the clock forward, in seconds.
pub(super) fn ahead(rocket: &Rocket<Orbit>) -> Seconds {
    let network = rocket.state::<InPlaceOfNetwork>();
    network.map(InPlaceOfNetwork::ahead).unwrap_or_default()
}

/// Gives the app itself scopes of an API resource, for [`MachineToken`](crate::MachineToken).
///
/// # Panics
///
/// Where the app is not [`offline`].
///
/// # Examples
///
/// ```rust
/// use rocket::http::Status;
/// use rocket::local::blocking::Client;
/// use rocket::{get, routes};
/// use rocket_logto::testing::{machine_may, offline};
/// use rocket_logto::{Logto, MachineToken, Permission, Resource};
///
/// struct Shop;
/// impl Resource for Shop {
///     const INDICATOR: &'static str = "https://shop.example.com";
/// }
///
/// struct Restock;
/// impl Permission for Restock {
///     type Audience = Shop;
///     const SCOPES: &'static [&'static str] = &["restock"];
/// }
///
/// #[get("/restock")]
/// fn restock(token: MachineToken<Restock>) -> String {
///     token.scopes().collect()
/// }
///
/// let app = rocket::build().attach(Logto::fairing()).mount("/", routes![restock]);
/// let client = Client::tracked(offline(app)).unwrap();
/// machine_may(client.rocket(), Shop::INDICATOR, &["restock"]);
/// assert_eq!(client.get("/restock").dispatch().status(), Status::Ok);
/// ```
pub fn machine_may(rocket: &Rocket<Orbit>, indicator: &str, scopes: &[&str]) {
    provider(rocket).edit_seed(|seed| {
        let resource = resource(seed, indicator);
        for scope in scopes {
            let roles = resource.scopes.entry((*scope).to_owned()).or_default();
            roles.push(MACHINE_ROLE.to_owned());
        }
    });
}

/// The API resource with this indicator, which is there from now on.
pub(super) fn resource<'s>(seed: &'s mut Seed, indicator: &str) -> &'s mut SeedResource {
    let is_it = |known: &SeedResource| known.indicator == indicator;
    let at = seed.resources.iter().position(is_it).unwrap_or_else(|| {
        seed.resources.push(SeedResource::new(indicator));
        seed.resources.len() - 1
    });
    &mut seed.resources[at]
}
