//! A service that calls Logto's Management API, as itself: it says how many
//! users there are.
//!
//! ```console
//! $ ROCKET_PORT=3003 cargo run -p rocket_logto --features dev-provider --example management_api
//! $ curl http://localhost:3003/users/count
//! ```
//!
//! Beside `cargo run`, whose development provider has that API, too. At Logto,
//! create an application of the type *Machine-to-machine*, give it the role
//! "Logto Management API access", and set `LOGTO_ENDPOINT`, `LOGTO_APP_ID` and
//! `LOGTO_APP_SECRET`. In Logto Cloud the API has another name:
//! `ROCKET_MANAGEMENT_API=https://<tenant id>.logto.app/api`.

use rocket::fairing::AdHoc;
use rocket::http::Status;
use rocket::serde::json::{Json, Value, json};
use rocket::{Request, State, get, launch, routes};
use rocket_logto::{
    BearerAudience, ExpectedAudience, Logto, LogtoService, MachineToken, Permission,
};

/// The indicator of the Management API. It depends on the configuration; for an
/// API with a fixed one, `Resource` takes three lines.
struct ManagementApi {
    indicator: String,
}

impl BearerAudience for ManagementApi {
    fn expected(request: &Request<'_>) -> Option<ExpectedAudience> {
        let api = request.rocket().state::<ManagementApi>()?;
        Some(ExpectedAudience::new(&api.indicator))
    }
}

/// Its one permission.
struct Manage;

impl Permission for Manage {
    type Audience = ManagementApi;
    const SCOPES: &'static [&'static str] = &["all"];
}

#[get("/users/count")]
async fn count(
    token: MachineToken<Manage>,
    http: &State<reqwest::Client>,
    logto: &State<LogtoService>,
) -> Result<Json<Value>, Status> {
    let endpoint = logto.issuer().trim_end_matches("/oidc");
    let request = http.get(format!("{endpoint}/api/users?page_size=1"));
    let answer = request.bearer_auth(token.secret()).send().await;
    let answer = answer.and_then(reqwest::Response::error_for_status);
    let answer = answer.map_err(|error| {
        rocket::error!("the Management API: {error}");
        Status::BadGateway
    })?;
    let total = answer.headers().get("total-number");
    let total = total.and_then(|total| total.to_str().ok()?.parse::<u64>().ok());
    let total = total.ok_or(Status::BadGateway)?;
    Ok(Json(json!({ "users": total })))
}

/// Reads the API's indicator from the configuration.
fn management_api() -> AdHoc {
    AdHoc::on_ignite("Management API", |rocket| async {
        let indicator = rocket.figment().extract_inner("management_api");
        let indicator = indicator.unwrap_or("https://default.logto.app/api".to_owned());
        rocket.manage(ManagementApi { indicator })
    })
}

#[launch]
pub fn rocket() -> _ {
    rocket::build()
        .attach(Logto::api())
        .attach(management_api())
        .manage(reqwest::Client::new())
        .mount("/", routes![count])
}
