//! An app as its first user has it: told of a provider by `issuer`, `app_id`
//! and `app_secret`, with a handler for each guard.

use rocket::figment::Figment;
use rocket::figment::value::{Dict, Value};
use rocket::http::Status;
use rocket::serde::json::{Value as Json, json};
use rocket::{Build, Rocket, get, post, routes};
use rocket_logto::{
    AccessToken, Bearer, Error, Logto, MachineToken, Permission, Resource, User, UserInfo,
};

use super::browser::{Browser, Response};
use super::leaks;
use super::log::{lines_with, reason_of};
use super::npm_provider::{ReadCart, Shopping};
use super::refusal::reference;
use super::serve::{Served, free_port};
use super::token_app::shown;

/// What the app is registered with at a provider.
pub struct Registration {
    pub issuer: String,
    pub app_id: String,
    pub app_secret: String,
}

pub struct PeerApp {
    pub app: Served,
    pub app_id: String,
}

struct WriteCart;

impl Permission for WriteCart {
    type Audience = Shopping;
    const SCOPES: &'static [&'static str] = &["read:cart", "write:cart"];
}

/// Dex issues access tokens for the client itself, with no scopes.
struct Own;

impl Resource for Own {
    const INDICATOR: &'static str = super::dex::APP_ID;
}

struct UseIt;

impl Permission for UseIt {
    type Audience = Own;
    const SCOPES: &'static [&'static str] = &[];
}

/// What Okta's authorization server *default* issues tokens for.
struct OktaApi;

impl Resource for OktaApi {
    const INDICATOR: &'static str = "api://default";
}

struct UseOkta;

impl Permission for UseOkta {
    type Audience = OktaApi;
    const SCOPES: &'static [&'static str] = &["profile"];
}

#[get("/")]
fn home(user: Option<User>) -> String {
    user.map_or("nobody".to_owned(), |user| user.sub().to_owned())
}

#[get("/protected")]
fn protected(user: User) -> Json {
    json!(user)
}

#[get("/userinfo")]
fn userinfo(info: UserInfo) -> Json {
    json!(info)
}

#[get("/token")]
fn token(token: AccessToken) -> Json {
    shown(&token)
}

#[post("/refresh")]
async fn refresh(user: User) -> Result<Json, Error> {
    let user = user.refresh().await?;
    Ok(json!({ "sub": user.sub(), "refreshed_at": user.refreshed_at().unix_timestamp() }))
}

/// Nobody asks for this one: its user is no machine.
#[get("/machine")]
fn machine(token: MachineToken<ReadCart>) -> Json {
    shown(&token)
}

#[get("/api/cart")]
fn cart(caller: Bearer<ReadCart>) -> Json {
    json!({ "sub": caller.sub(), "client_id": caller.client_id() })
}

#[get("/api/cart/change")]
fn change(_caller: Bearer<WriteCart>) -> Status {
    Status::NoContent
}

#[get("/api/own")]
fn own(caller: Bearer<UseIt>) -> Json {
    json!({ "sub": caller.sub(), "client_id": caller.client_id() })
}

#[get("/api/okta")]
fn okta(caller: Bearer<UseOkta>) -> Json {
    json!({ "sub": caller.sub(), "client_id": caller.client_id() })
}

/// Only where the configuration has the resource.
#[get("/shopping")]
fn shopping(token: AccessToken<Shopping>) -> Json {
    shown(&token)
}

fn handlers() -> Rocket<Build> {
    rocket::build().mount(
        "/",
        routes![
            home, protected, userinfo, token, refresh, machine, cart, change, own, okta
        ],
    )
}

impl PeerApp {
    /// `register` is told the app's port and tells what the provider knows it as. With more keys of
    /// the `logto` table, or others.
    pub async fn start(keys: Dict, register: impl AsyncFnOnce(u16) -> Registration) -> PeerApp {
        let port = free_port();
        let registered = register(port).await;
        PeerApp::registered(port, &origin(port), registered, keys).await
    }

    /// An app that a provider knows by its `origin`, which may be that of a proxy before it.
    pub async fn registered(
        port: u16,
        origin: &str,
        registered: Registration,
        keys: Dict,
    ) -> PeerApp {
        let app_id = registered.app_id.clone();
        leaks::keep("client_secret", &registered.app_secret);
        let mut table = Dict::from([
            ("issuer".to_owned(), Value::from(registered.issuer)),
            ("app_id".to_owned(), Value::from(registered.app_id)),
            ("app_secret".to_owned(), Value::from(registered.app_secret)),
            ("base_url".to_owned(), Value::from(origin)),
        ]);
        table.extend(keys);
        let with_resources = table.contains_key("resources");
        let figment = Figment::from(rocket::Config::debug_default())
            .merge(("log_level", "critical"))
            .merge(("logto", table));
        let resources = match with_resources {
            true => routes![shopping],
            false => Vec::new(),
        };
        let rocket = handlers()
            .mount("/", resources)
            .configure(figment)
            .attach(Logto::fairing());
        PeerApp {
            app: Served::start_on(port, rocket).await,
            app_id,
        }
    }

    pub fn url(&self, path: &str) -> String {
        self.app.url(path)
    }

    /// Who the app takes this browser for: a `sub`, or `nobody`.
    pub async fn who(&self, browser: &Browser) -> String {
        let page = browser.navigate(self.url("/")).await;
        assert_eq!(page.status(), 200, "{}", page.text());
        page.text()
    }

    /// What a page that must answer 200 says.
    pub async fn json(&self, browser: &Browser, path: &str) -> Json {
        let answer = browser.fetch_json(self.url(path)).await;
        assert_eq!(answer.status(), 200, "{path}: {}", answer.text());
        answer.json()
    }

    /// The redirect to the provider that `path`, a page for users, leads to.
    pub async fn to_provider(&self, browser: &Browser, path: &str) -> Response {
        let to_sign_in = browser.navigate(self.url(path)).await;
        assert_eq!(to_sign_in.status(), 303, "{}", to_sign_in.text());
        browser.follow(&to_sign_in).await
    }

    /// From the provider's answer to the page the user wanted.
    pub async fn arrive(&self, browser: &Browser, back: Response) -> Response {
        if let Some(code) = back.location_query("code") {
            leaks::keep("code", &code);
        }
        browser.follow_all(back, 5).await.pop().expect("a page")
    }

    /// Presses a button that signs out, up to the redirect to the provider or the last page here.
    pub async fn sign_out(&self, browser: &Browser) -> Response {
        browser.post_form(self.url("/sign-out"), &[]).await
    }
}

/// An error page with this status, and the reason that the log gives for it.
pub fn is_refused(page: &Response, status: u16, reason: &str) {
    assert_eq!(page.status(), status, "{}", page.text());
    assert_eq!(reason_of(&reference(page)), reason);
}

/// The line in the log about the error on this page.
pub fn line_about(page: &Response) -> String {
    lines_with(&format!("reference={}", reference(page))).concat()
}

pub fn origin(port: u16) -> String {
    format!("http://localhost:{port}")
}
