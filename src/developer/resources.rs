//! The API resources that the app is configured for, the user's token for each, and
//! calls made with a token.

use rocket::fairing::AdHoc;
use rocket::http::Status;
use rocket::serde::Serialize;
use rocket::serde::json::{self, Value};
use rocket::{Route, State, get, routes};
use rocket_dyn_templates::{Template, context};
use rocket_logto::{
    AccessToken, Error, Logto, LogtoConfig, ORGANIZATIONS_RESOURCE, Resource, Token, User,
};

use super::api::Shopping;
use super::claims::ClaimsView;
use super::token_view::TokenView;
use crate::frame::{Entry, Frame};

pub fn routes() -> Vec<Route> {
    routes![list, resource, userinfo, cart]
}

/// An API resource, with a number for its address.
#[derive(Serialize)]
#[serde(crate = "rocket::serde")]
pub struct Api {
    number: usize,
    pub indicator: String,
}

impl Api {
    pub fn numbered(number: usize, logto: &Logto) -> Option<Api> {
        let mut apis = configured(logto).into_iter();
        apis.find(|api| api.number == number)
    }
}

/// The API resources in `resources`.
pub fn configured(logto: &Logto) -> Vec<Api> {
    let resources = logto.config().resources.iter();
    // It stands for organizations as such; there is no API behind it.
    let apis = resources.filter(|indicator| *indicator != ORGANIZATIONS_RESOURCE);
    let numbered = apis.zip(1..).map(|(indicator, number)| Api {
        number,
        indicator: indicator.clone(),
    });
    numbered.collect()
}

/// Where no API is configured, the page is open to everyone: it only says which key
/// brings more.
#[get("/resources")]
fn list(
    user: Result<User, Error>,
    logto: &State<Logto>,
    frame: Frame<'_>,
) -> Result<Template, Error> {
    let apis = configured(logto);
    let entry = Entry::of("resources");
    if apis.is_empty() {
        return Ok(frame.around(entry, "developer/resources_off", context! {}));
    }
    user?;
    let content = context! { has_cart: has_cart(logto), apis };
    Ok(frame.around(entry, "developer/resources", content))
}

/// Whether there are tokens for this app's own API.
fn has_cart(logto: &Logto) -> bool {
    let apis = configured(logto);
    apis.iter().any(|api| api.indicator == Shopping::INDICATOR)
}

/// Without a guard, because the resources are known only at run time. An app that
/// knows its API names it by a type: `AccessToken<Shopping>`.
#[get("/resources/<number>")]
async fn resource(
    number: usize,
    user: User,
    logto: &State<Logto>,
    frame: Frame<'_>,
) -> Result<Option<Template>, Error> {
    let Some(api) = Api::numbered(number, logto) else {
        return Ok(None);
    };
    let token = user.access_token(&api.indicator).await?;
    let content = context! { token: TokenView::new(&token), api };
    let entry = Entry::below("resources");
    Ok(Some(frame.around(entry, "developer/resource", content)))
}

/// Calls the userinfo endpoint, an API that every provider has, with the user's token.
#[get("/resources/userinfo")]
async fn userinfo(
    token: AccessToken,
    http: &State<reqwest::Client>,
    logto: &State<Logto>,
    frame: Frame<'_>,
) -> Result<Template, Status> {
    let endpoint = logto
        .userinfo_endpoint()
        .ok_or(Status::ServiceUnavailable)?;
    call(endpoint, &token, http, &frame).await
}

/// The same for this app's own API (`api.rs`), which accepts callers with a token for
/// the shopping API: the whole way from the browser to an API and back.
#[get("/resources/cart")]
async fn cart(
    user: User,
    http: &State<reqwest::Client>,
    logto: &State<Logto>,
    frame: Frame<'_>,
) -> Result<Result<Template, Status>, Error> {
    if !has_cart(logto) {
        let content = context! { own_api: Shopping::INDICATOR };
        let entry = Entry::below("resources");
        return Ok(Ok(frame.around(entry, "developer/resources_off", content)));
    }
    let token = user.access_token(Shopping::INDICATOR).await?;
    let endpoint = format!("{}api/cart", logto.base_url());
    Ok(call(endpoint, &token, http, &frame).await)
}

pub async fn call(
    endpoint: String,
    token: &Token,
    http: &reqwest::Client,
    frame: &Frame<'_>,
) -> Result<Template, Status> {
    let request = http.get(&endpoint);
    let answer = request.bearer_auth(token.secret()).send().await;
    let answer = answer.map_err(no_answer)?;

    let status = answer.status().as_u16();
    let body = answer.bytes().await.map_err(no_answer)?;
    let body: Value = json::from_slice(&body).unwrap_or_default();
    let content = context! {
        token: TokenView::new(token),
        endpoint,
        status,
        answer: ClaimsView::new(&body),
    };
    Ok(frame.around(Entry::below("resources"), "developer/call", content))
}

fn no_answer(error: reqwest::Error) -> Status {
    rocket::error!("the API does not answer: {error}");
    match error.is_timeout() {
        true => Status::GatewayTimeout,
        false => Status::BadGateway,
    }
}

/// One client for all calls, so that connections stay open. It follows no redirects,
/// so that a token is sent only where it was meant to go.
fn client(config: &LogtoConfig) -> reqwest::Result<reqwest::Client> {
    let mut builder = reqwest::Client::builder()
        .timeout(config.http_timeout())
        .redirect(reqwest::redirect::Policy::none());
    if let Some(pem) = config.ca_pem() {
        builder = builder.tls_certs_merge(reqwest::Certificate::from_pem_bundle(pem)?);
    }
    builder.build()
}

/// Manages the client. Attach it after `Logto::fairing()`.
pub fn http_client() -> AdHoc {
    AdHoc::try_on_ignite("HTTP client", |rocket| async {
        match rocket.state::<Logto>().map(|logto| client(logto.config())) {
            Some(Ok(client)) => Ok(rocket.manage(client)),
            Some(Err(error)) => {
                rocket::error!("the HTTP client cannot be created: {error}");
                Err(rocket)
            }
            // The fairing has already logged why there is no configuration.
            None => Ok(rocket),
        }
    })
}
