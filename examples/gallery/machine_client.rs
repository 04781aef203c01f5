//! A machine client: a task in the background, and a route, call an API with a token of the
//! app's own, in nobody's name. The API is in the same process here, to be one file.
//!
//! `cargo run -p gallery --bin machine_client`, and open the address it prints. The development
//! provider knows a machine; at Logto, create an application of the type *Machine-to-machine* and
//! set `LOGTO_MACHINE_APP_ID` and `LOGTO_MACHINE_APP_SECRET`.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use rocket::fairing::AdHoc;
use rocket::http::Status;
use rocket::serde::json::{self, Json, Value, json};
use rocket::tokio::sync::Mutex;
use rocket::tokio::{self, time};
use rocket::{Orbit, Rocket, Shutdown, State, get, launch, routes};
use rocket_logto::{Bearer, Logto, LogtoService, MachineToken, Permission, Resource, TokenFor};

/// The API, as it is registered at the provider. The development provider has this one.
struct Shopping;
impl Resource for Shopping {
    const INDICATOR: &'static str = "https://shopping.your-app.com/api";
}

/// Both ends name the permission by this type: `Bearer` asks for it, `MachineToken` gets it.
struct ReadStock;
impl Permission for ReadStock {
    type Audience = Shopping;
    const SCOPES: &'static [&'static str] = &["read"];
}

// --- the API, most likely an app of its own with `Logto::api()` -----------------------------------

#[get("/api/stock")]
fn stock(caller: Bearer<ReadStock>) -> Json<Value> {
    Json(json!({ "apples": 7, "asked_by": caller.sub() }))
}

// --- its client -----------------------------------------------------------------------------------

#[derive(Clone)]
struct StockApi {
    address: String,
    http: reqwest::Client,
}

impl StockApi {
    async fn stock(&self, token: &str) -> Result<Value, Box<dyn Error + Send + Sync>> {
        let request = self.http.get(&self.address).bearer_auth(token);
        let answer = request.send().await?.error_for_status()?;
        Ok(json::from_slice(&answer.bytes().await?)?)
    }
}

/// Reads where the API is: in this app, unless the key `stock_api` says otherwise.
fn stock_api() -> AdHoc {
    AdHoc::try_on_ignite("Stock API", |rocket| async {
        let configured: Option<String> = rocket.figment().extract_inner("stock_api").ok();
        let own = rocket.state::<Logto>().map(|logto| {
            let base_url = logto.base_url().as_str().trim_end_matches('/');
            format!("{base_url}/api/stock")
        });
        match configured.or(own) {
            Some(address) => Ok(rocket.manage(StockApi {
                address,
                http: reqwest::Client::new(),
            })),
            None => Err(rocket),
        }
    })
}

/// In a request, the guard brings the token. It is fetched once, and kept until it is old.
#[get("/now")]
async fn now(token: MachineToken<ReadStock>, api: &State<StockApi>) -> Result<Json<Value>, Status> {
    let stock = api.stock(token.secret()).await;
    stock.map(Json).map_err(|error| {
        rocket::error!("the stock API: {error}");
        Status::BadGateway
    })
}

/// What the worker has seen last.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Option<Value>>>);

#[get("/")]
async fn home(seen: &State<Seen>) -> Json<Value> {
    Json(json!({ "seen": *seen.0.lock().await, "look_now": "/now" }))
}

/// A task in the background, which no request has started.
struct Worker {
    logto: LogtoService,
    api: StockApi,
    seen: Seen,
}

impl Worker {
    fn of(rocket: &Rocket<Orbit>) -> Option<Worker> {
        Some(Worker {
            logto: rocket.state::<LogtoService>()?.clone(),
            api: rocket.state::<StockApi>()?.clone(),
            seen: rocket.state::<Seen>()?.clone(),
        })
    }

    /// There are no guards here. The managed `LogtoService` gives the same token.
    async fn look(&self) -> Result<(), Box<dyn Error + Send + Sync>> {
        let wanted = TokenFor::resource(Shopping::INDICATOR).scope("read");
        let token = self.logto.machine_token(wanted).await?;
        let stock = self.api.stock(token.secret()).await?;
        *self.seen.0.lock().await = Some(stock);
        Ok(())
    }

    /// Looks every minute, and sooner while something is wrong: right after the start, say,
    /// while the provider's metadata is being loaded.
    async fn run(self, mut stop: Shutdown) {
        loop {
            let pause = match self.look().await {
                Ok(()) => Duration::from_secs(60),
                Err(error) => {
                    rocket::warn!("the worker tries again in a second: {error}");
                    Duration::from_secs(1)
                }
            };
            tokio::select! {
                () = &mut stop => return,
                () = time::sleep(pause) => {}
            }
        }
    }
}

fn worker() -> AdHoc {
    AdHoc::on_liftoff("Worker", |rocket| {
        Box::pin(async move {
            if let Some(worker) = Worker::of(rocket) {
                tokio::spawn(worker.run(rocket.shutdown()));
            }
        })
    })
}

/// `fairing()` because it starts the development provider. A service without users attaches
/// `Logto::api()`, and everything else stays as it is.
#[launch]
fn rocket() -> _ {
    rocket::build()
        .manage(Seen::default())
        .attach(Logto::fairing())
        .attach(stock_api())
        .attach(worker())
        .mount("/", routes![home, now, stock])
}

#[cfg(test)]
mod tests {
    use rocket::local::blocking::{Client, LocalRequest};
    use rocket_logto::testing::{TestToken, machine_may, offline};

    use super::*;

    fn status(request: LocalRequest<'_>) -> Status {
        request.dispatch().status()
    }

    #[test]
    fn the_api_lets_in_callers_that_may_read() {
        let client = Client::tracked(offline(rocket())).unwrap();
        assert_eq!(status(client.get("/api/stock")), Status::Unauthorized);
        let token = TestToken::new("till-7").resource(Shopping::INDICATOR);
        let header = token.header(client.rocket());
        assert_eq!(
            status(client.get("/api/stock").header(header)),
            Status::Forbidden
        );
        let header = token.scope("read").header(client.rocket());
        let answer = client.get("/api/stock").header(header).dispatch();
        assert_eq!(answer.into_json::<Value>().unwrap()["asked_by"], "till-7");
    }

    #[test]
    fn the_client_needs_a_permission_of_its_own() {
        // Nobody is there: a call that is made fails.
        let figment = rocket::Config::figment().merge(("stock_api", "http://localhost:1/"));
        let client = Client::tracked(offline(rocket().configure(figment))).unwrap();
        assert_eq!(status(client.get("/now")), Status::InternalServerError);
        machine_may(client.rocket(), Shopping::INDICATOR, &["read"]);
        assert_eq!(status(client.get("/now")), Status::BadGateway);
    }
}
