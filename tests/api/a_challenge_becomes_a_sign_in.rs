//! A page of one app calls the API of another, which wants a stronger sign-in: the user gets
//! there, comes back, and the page works (RFC 9470 section 4). Where the API is never content
//! that is told, once.

use logto_dev_provider::Endpoint;
use rocket::serde::json::{Value, json};
use rocket::{Build, Rocket, State, get, post, routes};
use rocket_logto::{
    AccessToken, Authentication, Bearer, Error, Logto, Permission, SignIn, StepUpChallenge,
    StepUpPolicy, User, logto_acr,
};

use crate::support::api_app::configured;
use crate::support::app::{ALICE, BOB, TestApp, keys};
use crate::support::browser::{Browser, Response};
use crate::support::clock::{Clock, clock};
use crate::support::log::lines_with;
use crate::support::refusal::{reference, who_is};
use crate::support::serve::Served;
use crate::support::targets::{SHOPPING, Shopping};

struct SecondFactor;

impl StepUpPolicy for SecondFactor {
    const ACR_VALUES: &'static [&'static str] = &[logto_acr::MFA];
}

struct Order;

impl Permission for Order {
    type Audience = Shopping;
    const SCOPES: &'static [&'static str] = &["read"];
    const AUTHENTICATION: Authentication = Authentication::of::<SecondFactor>();
}

#[post("/orders")]
fn ordered(caller: Bearer<Order>) -> String {
    format!("ordered by {} with {:?}", caller.sub(), caller.acr())
}

/// The address of the API.
struct Api(String);

/// Calls the API as a handler of any app would.
#[get("/order")]
async fn order(
    user: User,
    token: AccessToken<Shopping>,
    api: &State<Api>,
    http: &State<reqwest::Client>,
) -> Result<String, Error> {
    let request = http.post(&api.0).bearer_auth(token.secret());
    let answer = request.send().await.expect("an answer");
    if let Some(challenge) = StepUpChallenge::from_headers(answer.headers()) {
        return Err(user.step_up(&challenge));
    }
    Ok(format!(
        "{} {}",
        answer.status(),
        answer.text().await.expect("text")
    ))
}

/// For a form: a page that was sent is not sent again.
#[post("/order")]
async fn order_now(
    user: User,
    token: AccessToken<Shopping>,
    api: &State<Api>,
    http: &State<reqwest::Client>,
) -> Result<String, Error> {
    order(user, token, api, http).await
}

#[get("/token")]
fn token(token: AccessToken<Shopping>) -> String {
    token.secret().to_owned()
}

#[get("/home")]
fn home(user: Option<User>) -> String {
    user.map_or("nobody".into(), |user| user.sub().to_owned())
}

#[get("/by-hand")]
fn by_hand() -> SignIn {
    let value = "Bearer error=\"insufficient_user_authentication\", \
                 acr_values=\"urn:logto:acr:mfa\", max_age=60";
    let challenge = StepUpChallenge::parse([value]).expect("a challenge");
    SignIn::new().step_up(&challenge).return_to("/home")
}

fn pages(api: String) -> Rocket<Build> {
    rocket::build()
        .manage(Api(api))
        .manage(reqwest::Client::new())
        .mount("/", routes![order, order_now, token, home, by_hand])
        .mount("/", crate::support::pages::who_is_signed_in())
}

/// The app with the pages, and the API beside it.
async fn start(clock: Clock) -> (TestApp, Served) {
    let api_port = crate::support::serve::free_port();
    let pages = pages(format!("http://localhost:{api_port}/orders"));
    let logto = keys([
        ("scopes", "read".into()),
        ("resources", vec![SHOPPING.to_owned()].into()),
    ]);
    let fairing = Logto::fairing().with_clock(clock.read);
    let app = TestApp::with_fairing(logto, fairing, pages).await;
    let api = rocket::build()
        .mount("/", routes![ordered])
        .attach(Logto::api());
    let api = configured(api, &app.provider.endpoint(), Default::default());
    let api = Served::start_on(api_port, api).await;
    (app, api)
}

async fn opens(app: &TestApp, browser: &Browser, path: &str) -> Response {
    let mut hops = browser.navigate_following(app.url(path), 12).await;
    hops.pop().expect("a page")
}

#[rocket::async_test]
async fn the_page_works_after_the_second_factor() {
    let (app, _api) = start(clock!()).await;
    let browser = Browser::new();
    app.sign_in(&browser, "/sign-in", ALICE).await;
    let weak = browser.navigate(app.url("/token")).await.text();
    app.provider.clear_requests();

    let page = opens(&app, &browser, "/order").await;
    assert_eq!(page.page().title, "Second factor · Development provider");
    let asked = app.provider.requests_to(Endpoint::Auth);
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].query_value("acr_values"), Some(logto_acr::MFA));
    let accepted = browser.submit(&page, "accept", &[]).await;
    let page = browser
        .follow_all(accepted, 10)
        .await
        .pop()
        .expect("a page");
    let works = format!("200 OK ordered by {ALICE} with Some(\"urn:logto:acr:mfa\")");
    assert_eq!(page.text(), works);
    assert_eq!(page.url().as_str(), app.url("/order"));

    // The token of the weaker sign-in is not used again.
    let strong = browser.navigate(app.url("/token")).await.text();
    assert_ne!(strong, weak);
    assert_eq!(browser.navigate(app.url("/order")).await.text(), works);
}

#[rocket::async_test]
async fn programs_and_forms_are_told_what_the_api_needs() {
    let (app, _api) = start(clock!()).await;
    let browser = Browser::new();
    app.sign_in(&browser, "/sign-in", ALICE).await;
    let answer = browser.fetch_json(app.url("/order")).await;
    let needed = json!({
        "error": "insufficient_user_authentication", "acr_values": "urn:logto:acr:mfa",
    });
    assert_eq!((answer.status(), answer.json::<Value>()), (401, needed));
    let page = browser.post_form(app.url("/order"), &[]).await;
    assert_eq!(page.status(), 401);
    let links = page.page().links;
    let link = links.iter().find(|link| link.text == "Sign in");
    let link = link.map(|link| link.href.as_str()).unwrap_or_default();
    assert!(
        link.ends_with("&acr_values=urn%3Alogto%3Aacr%3Amfa"),
        "{link}"
    );

    let page = browser.navigate(app.url("/by-hand")).await;
    let query = |name| page.location_query(name);
    assert_eq!(query("acr_values").as_deref(), Some("urn:logto:acr:mfa"));
    assert_eq!(query("max_age").as_deref(), Some("60"));
}

#[rocket::async_test]
async fn who_has_no_second_factor_ends_at_a_page() {
    let (app, _api) = start(clock!()).await;
    let browser = Browser::new();
    app.sign_in(&browser, "/sign-in", BOB).await;
    app.provider.clear_requests();
    let page = opens(&app, &browser, "/order").await;
    assert_eq!(page.status(), 403, "{}", page.text());
    assert_eq!(page.page().title, "A stronger sign-in was needed");
    assert_eq!(app.provider.requests_to(Endpoint::Auth).len(), 1);
    assert_eq!(who_is(&app, &browser).await, BOB);
}

/// The provider's access tokens do not say what its ID tokens do: the app takes the user for
/// strong enough, and the API never does.
#[rocket::async_test]
async fn an_api_that_is_never_content_sends_nobody_around() {
    let clock = clock!();
    let (app, _api) = start(clock).await;
    app.provider.hooks().sign_in_as(Some(ALICE));
    app.provider.hooks().access_token(|_, claims| {
        claims.remove("acr");
    });
    let browser = Browser::new();
    opens(&app, &browser, "/sign-in").await;
    app.provider.clear_requests();
    let page = opens(&app, &browser, "/order").await;
    assert_eq!(page.status(), 403, "{}", page.text());
    assert_eq!(page.page().title, "A stronger sign-in was needed");
    assert_eq!(app.provider.requests_to(Endpoint::Auth).len(), 1, "once");
    assert_eq!(who_is(&app, &browser).await, ALICE);
    let lines = lines_with(&reference(&page));
    let [line] = &lines[..] else {
        panic!("{lines:?}")
    };
    for part in [
        "UnmetAuthentication reason=api_is_not_content",
        "acr is \"urn:logto:acr:mfa\"",
        "Do the provider's access tokens carry acr and auth_time?",
    ] {
        assert!(line.contains(part), "{part} not in {line}");
    }
    let answer = browser.fetch_json(app.url("/order")).await;
    assert_eq!(answer.status(), 403);
    assert_eq!(answer.json::<Value>()["acr_values"], "urn:logto:acr:mfa");

    // Later somebody may have mended it, so it is tried again: with a new authentication,
    // because the session at the provider is as strong as it can be.
    clock.advance(&app.provider, 11);
    app.provider.clear_requests();
    let page = opens(&app, &browser, "/order").await;
    assert_eq!(page.status(), 403, "{}", page.text());
    let asked = app.provider.requests_to(Endpoint::Auth);
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].query_value("prompt"), Some("login consent"));

    clock.advance(&app.provider, 11);
    app.provider.hooks().access_token(|_, _| {});
    let page = opens(&app, &browser, "/order").await;
    assert_eq!(page.status(), 200, "{}", page.text());
}

/// An API whose clock is strict and whose patience is short: it wants an authentication of this
/// very second.
#[get("/impatient")]
fn impatient(user: User) -> Error {
    let value = "Bearer error=\"insufficient_user_authentication\", max_age=\"0\"";
    user.step_up(&StepUpChallenge::parse([value]).expect("a challenge"))
}

#[rocket::async_test]
async fn a_demand_that_has_always_passed_sends_nobody_around() {
    let clock = clock!();
    let rocket = pages("http://localhost:1".into()).mount("/", routes![impatient]);
    let logto = keys([
        ("clock_tolerance", 0.into()),
        ("resources", vec![SHOPPING.to_owned()].into()),
    ]);
    let fairing = Logto::fairing().with_clock(clock.read);
    let app = TestApp::with_fairing(logto, fairing, rocket).await;
    let at = clock.now();
    app.provider.hooks().sign_in_as(Some(ALICE));
    app.provider.hooks().id_token(move |_, claims| {
        claims.insert("auth_time".into(), json!(at));
        claims.insert("iat".into(), json!(at));
    });
    let browser = Browser::new();
    opens(&app, &browser, "/sign-in").await;
    // A moment on the way.
    clock.now.fetch_add(2, std::sync::atomic::Ordering::SeqCst);
    app.provider.clear_requests();
    let page = opens(&app, &browser, "/impatient").await;
    assert_eq!(page.status(), 403, "{}", page.text());
    assert_eq!(app.provider.requests_to(Endpoint::Auth).len(), 0);
}
