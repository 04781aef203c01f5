//! An API and a single-page app without a build step, on one origin: the page calls the API
//! with the session's cookie, everybody else with an access token, and the routes take both.
//!
//! `cargo run -p gallery --bin api_and_spa`, open the address it prints, and sign in as Alice.
//! As another program (the log names the addresses of the app and of the provider):
//!
//! ```console
//! $ TOKEN=$(curl -s http://localhost:3001/oidc/token -u dev-machine:dev-machine-secret-known-to-everyone \
//!     -d grant_type=client_credentials -d resource=https://shopping.your-app.com/api -d scope='read write' \
//!     | sed 's/.*"access_token":"\([^"]*\).*/\1/')
//! $ curl http://localhost:3000/api/cart -H "Authorization: Bearer $TOKEN"
//! {"items":[],"owner":"dev-machine"}
//! ```
//!
//! The page never sees a token: a script that somebody smuggles into it has none to steal.

use std::collections::HashMap;
use std::marker::PhantomData;

use rocket::http::{ContentType, Status};
use rocket::outcome::try_outcome;
use rocket::request::{FromRequest, Outcome, Request};
use rocket::response::content::RawHtml;
use rocket::serde::Deserialize;
use rocket::serde::json::{Json, Value, json};
use rocket::tokio::sync::Mutex;
use rocket::{State, catch, catchers, get, launch, post, routes};
use rocket_logto::{Bearer, Logto, Permission, Resource, SameOrigin, User};

/// The API, as it is registered at the provider. The development provider has this one.
struct Shopping;
impl Resource for Shopping {
    const INDICATOR: &'static str = "https://shopping.your-app.com/api";
}

struct ReadCart;
impl Permission for ReadCart {
    type Audience = Shopping;
    const SCOPES: &'static [&'static str] = &["read"];
}

struct ChangeCart;
impl Permission for ChangeCart {
    type Audience = Shopping;
    const SCOPES: &'static [&'static str] = &["write"];
}

/// A guard over three of the library's, each of which answers for itself where it fails. Whose
/// cart it is: the caller's that has a token with the permission `P`, or the signed-in
/// user's.
struct Owner<P> {
    sub: String,
    by: PhantomData<fn() -> P>,
}

#[rocket::async_trait]
impl<'r, P: Permission> FromRequest<'r> for Owner<P> {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Owner<P>, ()> {
        let of = |sub: &str| Owner {
            sub: sub.to_owned(),
            by: PhantomData,
        };
        // A token decides where there is one, a bad one too: no falling back to the session.
        if request.headers().contains("Authorization") {
            let caller = request.guard::<Bearer<P>>().await;
            return caller.map(|caller| of(caller.sub())).map_error(status);
        }
        let user = request.guard::<User>().await.map_error(status);
        let user = try_outcome!(user);
        // A page of somebody else can make the browser send a request, with the cookie.
        let own = request.guard::<SameOrigin>().await.map_error(status);
        own.map(|_| of(user.sub()))
    }
}

/// The guards have different errors, and Rocket needs no more than the status.
fn status<E>((status, _): (Status, E)) -> (Status, ()) {
    (status, ())
}

/// In place of a database.
#[derive(Default)]
struct Carts(Mutex<HashMap<String, Vec<String>>>);

#[get("/api/cart")]
async fn cart(owner: Owner<ReadCart>, carts: &State<Carts>) -> Json<Value> {
    let carts = carts.0.lock().await;
    let items = carts.get(&owner.sub).cloned().unwrap_or_default();
    Json(json!({ "owner": owner.sub, "items": items }))
}

#[derive(Deserialize)]
#[serde(crate = "rocket::serde")]
struct Item<'a> {
    name: &'a str,
}

#[post("/api/cart", data = "<item>")]
async fn add(owner: Owner<ChangeCart>, item: Json<Item<'_>>, carts: &State<Carts>) -> Status {
    let mut carts = carts.0.lock().await;
    carts
        .entry(owner.sub)
        .or_default()
        .push(item.name.to_owned());
    Status::NoContent
}

/// Scripts want JSON, also of what is wrong with their own requests.
#[catch(default)]
fn in_json(status: Status, _: &Request<'_>) -> Value {
    json!({ "error": status.reason_lossy() })
}

/// The page is for everybody: it asks the API whether there is a session.
#[get("/")]
fn page() -> RawHtml<&'static str> {
    RawHtml(include_str!("page.html"))
}

#[get("/app.js")]
fn script() -> (ContentType, &'static str) {
    (ContentType::JavaScript, include_str!("app.js"))
}

#[launch]
pub fn rocket() -> _ {
    rocket::build()
        .manage(Carts::default())
        .attach(Logto::fairing())
        .mount("/", routes![page, script, cart, add])
        .register("/api", catchers![in_json])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rocket::http::Header;
    use rocket::local::blocking::{Client, LocalRequest};
    use rocket_logto::testing::{TestToken, TestUser, later, offline};

    use super::*;

    const AN_APPLE: &str = r#"{"name": "an apple"}"#;

    fn client() -> Client {
        Client::tracked(offline(rocket())).unwrap()
    }

    /// As `fetch()` of a page at this origin.
    fn fetch(request: LocalRequest<'_>) -> (Status, Value) {
        let request = request.header(Header::new("Sec-Fetch-Site", "same-origin"));
        answer(request.header(Header::new("Sec-Fetch-Mode", "cors")))
    }

    fn answer(request: LocalRequest<'_>) -> (Status, Value) {
        let answer = request.dispatch();
        (answer.status(), answer.into_json().unwrap_or_default())
    }

    #[test]
    fn the_page_uses_the_session() {
        let client = client();
        let (status, body) = fetch(client.get("/api/cart"));
        assert_eq!(status, Status::Unauthorized);
        assert_eq!(body, json!({ "error": "Not authenticated" }));

        TestUser::new("ada").sign_in(&client);
        assert_eq!(
            fetch(client.post("/api/cart").body(AN_APPLE)).0,
            Status::NoContent
        );
        let (_, body) = fetch(client.get("/api/cart"));
        assert_eq!(body, json!({ "owner": "ada", "items": ["an apple"] }));

        // Another port of localhost, or another host of the same domain.
        let other = client.post("/api/cart").body(AN_APPLE);
        let other = other.header(Header::new("Sec-Fetch-Site", "same-site"));
        assert_eq!(answer(other).0, Status::Forbidden);
        // What is wrong with the request itself is JSON, too.
        let (status, body) = fetch(client.post("/api/cart").body("no JSON"));
        assert_eq!(
            (status, body),
            (Status::BadRequest, json!({ "error": "Bad Request" }))
        );

        // Two days later, in the tab that is still open.
        later(client.rocket(), Duration::from_secs(2 * 24 * 3600));
        assert_eq!(fetch(client.get("/api/cart")).0, Status::Unauthorized);
    }

    #[test]
    fn others_bring_a_token() {
        let client = client();
        let token = |scope: &str| {
            let token = TestToken::new("till-7").resource(Shopping::INDICATOR);
            token.scope(scope).header(client.rocket())
        };
        let add = || client.post("/api/cart").body(AN_APPLE);
        assert_eq!(answer(add().header(token("write"))).0, Status::NoContent);
        let (_, body) = answer(client.get("/api/cart").header(token("read")));
        assert_eq!(body, json!({ "owner": "till-7", "items": ["an apple"] }));

        // A token that allows something else, and one for another API.
        let (status, body) = answer(add().header(token("read")));
        assert_eq!(status, Status::Forbidden);
        assert_eq!(body["error"], "insufficient_scope");
        let elsewhere = TestToken::new("till-7")
            .resource("https://other.example")
            .scope("read");
        let elsewhere = elsewhere.header(client.rocket());
        assert_eq!(
            answer(client.get("/api/cart").header(elsewhere)).0,
            Status::Unauthorized
        );

        // A bad token stays bad in a browser where somebody is signed in.
        TestUser::new("ada").sign_in(&client);
        let forged = Header::new("Authorization", "Bearer forged");
        assert_eq!(
            fetch(client.get("/api/cart").header(forged)).0,
            Status::Unauthorized
        );
    }
}
