//! A single-page app that never sees a token, without a framework and without a build step: it
//! asks `/session.json` who is signed in, and calls an API through the proxy, which adds the
//! user's token.
//!
//! `cargo run -p gallery --bin single_page_app`, open the address it prints, and sign in as Alice.
//!
//! The API would be a service of its own, somewhere else. Here it is in the same program, below
//! `/shop`, so that one command runs both; the page never calls it there.

use rocket::figment::Figment;
use rocket::figment::providers::{Format, Toml};
use rocket::http::{ContentType, Header, Status};
use rocket::response::Responder;
use rocket::response::content::RawHtml;
use rocket::serde::json::{Json, Value, json};
use rocket::{Route, State, get, launch, post, routes};
use rocket_logto::{
    AccessToken, Authentication, Bearer, Logto, Permission, Proxy, Resource, StepUpPolicy,
    logto_acr,
};

const CONFIGURATION: &str = r#"
    [default.logto]
    resources = ["https://shopping.your-app.com/api"]
    scopes = ["read", "write"]
    routes = { session = "/session.json" }
"#;

/// The API, as it is registered at the provider. The development provider has this one.
struct Shopping;
impl Resource for Shopping {
    const INDICATOR: &'static str = "https://shopping.your-app.com/api";
}

struct Read;
impl Permission for Read {
    type Audience = Shopping;
    const SCOPES: &'static [&'static str] = &["read"];
}

/// To order takes a second factor.
struct SecondFactor;
impl StepUpPolicy for SecondFactor {
    const ACR_VALUES: &'static [&'static str] = &[logto_acr::MFA];
}

struct Order;
impl Permission for Order {
    type Audience = Shopping;
    const SCOPES: &'static [&'static str] = &["write"];
    const AUTHENTICATION: Authentication = Authentication::of::<SecondFactor>();
}

#[get("/offers")]
fn offers(_caller: Bearer<Read>) -> Json<Value> {
    Json(json!([{ "name": "Apples", "price": "2.50" }, { "name": "Pears", "price": "3.10" }]))
}

#[post("/orders")]
fn order(caller: Bearer<Order>) -> (Status, Json<Value>) {
    (Status::Created, Json(json!({ "ordered_by": caller.sub() })))
}

fn api() -> Vec<Route> {
    routes![offers, order]
}

/// With the policy that makes an injected script have nothing to do.
#[derive(Responder)]
struct Page {
    html: RawHtml<&'static str>,
    policy: Header<'static>,
}

#[get("/")]
fn page(logto: &State<Logto>) -> Page {
    // Signing out is a form, and ends at the provider.
    let form_action = logto.provider_origins().join(" ");
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
         form-action 'self' {form_action}; base-uri 'none'; frame-ancestors 'none'"
    );
    Page {
        html: RawHtml(include_str!("page.html")),
        policy: Header::new("Content-Security-Policy", policy),
    }
}

#[get("/app.js")]
fn script() -> (ContentType, &'static str) {
    (ContentType::JavaScript, include_str!("app.js"))
}

#[get("/session.js")]
fn session() -> (ContentType, &'static str) {
    (ContentType::JavaScript, include_str!("session.js"))
}

#[get("/style.css")]
fn style() -> (ContentType, &'static str) {
    (ContentType::CSS, include_str!("style.css"))
}

fn configuration() -> Figment {
    let figment = rocket::Config::figment().join(Toml::string(CONFIGURATION).nested());
    let port: u16 = figment.extract_inner("port").unwrap_or(8000);
    // `[release.logto.proxy.upstreams]` has the address where the API really is.
    figment.join((
        "logto.proxy.upstreams.shop",
        format!("http://localhost:{port}/shop"),
    ))
}

#[launch]
pub fn rocket() -> _ {
    let shop = Proxy::<AccessToken<Shopping>>::to_upstream("shop");
    rocket::custom(configuration())
        .attach(Logto::fairing().proxy("/api/shop", shop))
        .mount("/", routes![page, script, session, style])
        .mount("/shop", api())
}

#[cfg(test)]
mod tests {
    use rocket::local::blocking::{Client, LocalRequest};
    use rocket_logto::testing::{TestToken, TestUser, offline};

    use super::*;

    fn client() -> Client {
        Client::tracked(offline(rocket())).unwrap()
    }

    /// As `fetch()` of a page at this origin.
    fn fetch(request: LocalRequest<'_>) -> (Status, Value) {
        let answer = request
            .header(Header::new("Sec-Fetch-Site", "same-origin"))
            .header(Header::new("Sec-Fetch-Mode", "cors"))
            .dispatch();
        (answer.status(), answer.into_json().unwrap_or_default())
    }

    #[test]
    fn the_page_learns_who_is_signed_in() {
        let client = client();
        let (status, body) = fetch(client.get("/session.json"));
        assert_eq!((status, &body["signed_in"]), (Status::Ok, &json!(false)));
        TestUser::new("ada").sign_in(&client);
        let (_, body) = fetch(client.get("/session.json"));
        assert_eq!(body["claims"]["sub"], "ada");
    }

    #[test]
    fn calls_need_a_session_and_the_header() {
        let client = client();
        let (status, body) = fetch(client.get("/api/shop/offers"));
        assert_eq!(
            (status, &body["header"]),
            (Status::Forbidden, &json!("X-CSRF"))
        );
        let own = || {
            client
                .get("/api/shop/offers")
                .header(Header::new("X-CSRF", "1"))
        };
        let (status, body) = fetch(own());
        assert_eq!(status, Status::Unauthorized);
        assert_eq!(body["sign_in"], "/sign-in?return_to=%2F");
    }

    #[test]
    fn the_api_takes_tokens_only() {
        let client = client();
        TestUser::new("ada").sign_in(&client);
        assert_eq!(fetch(client.get("/shop/offers")).0, Status::Unauthorized);
        let token = TestToken::new("ada")
            .resource(Shopping::INDICATOR)
            .scope("read write");
        let token = token.header(client.rocket());
        assert_eq!(
            fetch(client.get("/shop/offers").header(token.clone())).0,
            Status::Ok
        );
        let (status, body) = fetch(client.post("/shop/orders").header(token));
        assert_eq!(status, Status::Unauthorized);
        assert_eq!(body["error"], "insufficient_user_authentication");
    }
}
