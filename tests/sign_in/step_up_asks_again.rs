//! Some things need more than a session: a user who has authenticated recently,
//! or in a stronger way. Others are asked again, and what the provider answers
//! is checked (OpenID Connect Core sections 3.1.2.1 and 3.1.3.7, RFC 9470).

use std::time::Duration;

use logto_dev_provider::Endpoint;
use rocket::figment::value::Dict;
use rocket::{Build, Rocket, Route, get, post, routes};
use rocket_logto::{Error, ErrorKind, Logto, Prompt, SignIn, StepUp, StepUpPolicy, User};
use serde_json::{Value, json};

use crate::support::app::{ALICE, TestApp, keys};
use crate::support::browser::Browser;
use crate::support::clock::{Clock, clock};
use crate::support::log::reason_of;
use crate::support::refusal::{NOBODY, Refusal, Trial, reference, rocket, who_is};

struct Recent;

impl StepUpPolicy for Recent {
    const MAX_AGE: Option<Duration> = Some(Duration::from_secs(300));
}

struct Strong;

impl StepUpPolicy for Strong {
    const ACR_VALUES: &'static [&'static str] = &["urn:mfa", "urn:key"];
}

#[get("/recent")]
fn recent(user: StepUp<Recent>) -> String {
    let at = user.authenticated_at().map(|at| at.unix_timestamp());
    format!("{} {at:?}", user.sub())
}

#[post("/recent")]
fn do_it(user: StepUp<Recent>) -> String {
    user.into_user().sub().to_owned()
}

#[get("/strong")]
fn strong(user: StepUp<Strong>) -> String {
    user.sub().to_owned()
}

#[get("/perhaps")]
fn perhaps(user: Option<User>, recent: Option<StepUp<Recent>>) -> String {
    format!("{} {}", user.is_some(), recent.is_some())
}

#[get("/why")]
fn why(recent: Result<StepUp<Recent>, Error>) -> Result<String, Error> {
    let kind = recent.err().map(|error| error.kind());
    Ok(format!(
        "{}",
        kind == Some(ErrorKind::InsufficientAuthentication)
    ))
}

#[get("/login-again")]
fn login_again() -> SignIn {
    SignIn::new().prompt([Prompt::Login, Prompt::Consent])
}

#[get("/five-minutes")]
fn five_minutes() -> SignIn {
    SignIn::new().max_age(Duration::from_secs(300))
}

#[get("/by-key")]
fn by_key() -> SignIn {
    SignIn::new().acr_value("urn:key").acr_value("urn:mfa")
}

fn handlers() -> Vec<Route> {
    routes![
        recent,
        do_it,
        strong,
        perhaps,
        why,
        login_again,
        five_minutes,
        by_key
    ]
}

fn app() -> Rocket<Build> {
    rocket().mount("/", handlers())
}

async fn start(clock: Clock, logto: Dict) -> TestApp {
    let fairing = Logto::fairing().with_clock(clock.read);
    let app = TestApp::with_fairing(logto, fairing, app()).await;
    app.provider.hooks().sign_in_as(Some(ALICE));
    // Its classes are not Logto's.
    app.provider.hooks().ignore_acr_values();
    app
}

async fn signed_in(app: &TestApp) -> Browser {
    let trial = Trial::new(app, "sign-in");
    trial.accepts(ALICE).await;
    trial.browser
}

#[rocket::async_test]
async fn who_was_here_a_moment_ago_goes_on_and_others_come_back_to_the_page() {
    let clock = clock!();
    let app = start(clock, Dict::new()).await;
    let browser = signed_in(&app).await;
    app.provider.clear_requests();

    // Nobody asked when they authenticated, so nobody knows.
    let page = browser.navigate(app.url("/recent?a=b")).await;
    let again = page.location().expect("a Location");
    assert_eq!(page.status(), 303);
    let query = "return_to=%2Frecent%3Fa%3Db&max_age=300";
    assert_eq!(again.as_str(), app.url(&format!("/sign-in?{query}")));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let hops = browser.follow_all(page, 10).await;
    let page = hops.last().expect("a page");
    // By the provider's clock, which does not stand still.
    let text = page.text();
    let at = text
        .strip_prefix(&format!("{ALICE} Some("))
        .and_then(|rest| rest.strip_suffix(')'))
        .and_then(|at| at.parse::<i64>().ok());
    let at = at.unwrap_or_else(|| panic!("no time in {text}"));
    assert_eq!(page.url().as_str(), app.url("/recent?a=b"));
    let asked = app.provider.requests_to(Endpoint::Auth);
    assert_eq!(asked[0].query_value("max_age"), Some("300"));

    // For five minutes, and the clocks' tolerance, it is enough.
    app.provider.clear_requests();
    let enough = u32::try_from(at + 360 - clock.now()).expect("minutes");
    clock.advance(&app.provider, enough);
    let page = browser.navigate(app.url("/recent")).await;
    assert_eq!(page.status(), 200, "{}", page.text());
    assert_eq!(app.provider.requests().len(), 0);
    clock.advance(&app.provider, 1);
    let page = browser.navigate(app.url("/recent")).await;
    assert_eq!(page.status(), 303);
    assert_eq!(who_is(&app, &browser).await, ALICE, "still signed in");
}

#[rocket::async_test]
async fn programs_are_told_what_is_needed() {
    let app = start(clock!(), Dict::new()).await;
    let browser = signed_in(&app).await;
    let needed = json!({ "error": "insufficient_user_authentication", "max_age": 300 });
    let answer = browser.fetch_json(app.url("/recent")).await;
    assert_eq!((answer.status(), answer.json::<Value>()), (401, needed));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let challenge = "Cookie form-action=\"/sign-in\", \
                     error=\"insufficient_user_authentication\", max_age=\"300\"";
    assert_eq!(answer.header("www-authenticate"), Some(challenge));
    // A person's form gets a page that leads to the same sign-in.
    let page = browser.post_form(app.url("/recent"), &[]).await;
    assert_eq!(page.status(), 401);
    assert_eq!(page.header("www-authenticate"), Some(challenge));
    let links = page.page().links;
    let link = links.iter().find(|link| link.text == "Sign in");
    let link = link.map(|link| link.href.as_str()).unwrap_or_default();
    assert!(link.ends_with("&max_age=300"), "{link}");
    let needed = json!({
        "error": "insufficient_user_authentication", "acr_values": "urn:mfa urn:key",
    });
    let answer = browser.fetch_json(app.url("/strong")).await;
    assert_eq!((answer.status(), answer.json::<Value>()), (401, needed));

    let nobody = Browser::new();
    let answer = nobody.fetch_json(app.url("/recent")).await;
    let nobody_is_signed_in = json!({ "error": "Not authenticated" });
    assert_eq!((answer.status(), answer.json()), (401, nobody_is_signed_in));
    // One sign-in is enough for them.
    let hops = nobody.navigate_following(app.url("/recent"), 10).await;
    assert_eq!(hops.last().map(|page| page.status()), Some(200));
    assert_eq!(app.provider.requests_to(Endpoint::Token).len(), 2);
}

#[rocket::async_test]
async fn a_handler_can_see_to_it_itself() {
    let app = start(clock!(), Dict::new()).await;
    let browser = signed_in(&app).await;
    let says = async |path| browser.navigate(app.url(path)).await.text();
    assert_eq!(says("/perhaps").await, "true false");
    assert_eq!(says("/why").await, "true");
    browser.navigate_following(app.url("/recent"), 10).await;
    assert_eq!(says("/perhaps").await, "true true");
    assert_eq!(says("/why").await, "false");
}

#[rocket::async_test]
async fn a_stronger_way_is_asked_for_and_must_be_answered() {
    let app = start(clock!(), Dict::new()).await;
    let browser = signed_in(&app).await;
    app.provider.hooks().id_token(|_, claims| {
        claims.insert("acr".into(), json!("urn:key"));
    });
    app.provider.clear_requests();
    let hops = browser.navigate_following(app.url("/strong"), 10).await;
    assert_eq!(hops.last().map(|page| page.text()), Some(ALICE.into()));
    let asked = app.provider.requests_to(Endpoint::Auth);
    assert_eq!(asked[0].query_value("acr_values"), Some("urn:mfa urn:key"));
    assert_eq!(asked[0].query_value("max_age"), None);

    let page = browser.navigate(app.url("/by-key")).await;
    assert_eq!(
        page.location_query("acr_values").as_deref(),
        Some("urn:key urn:mfa")
    );
}

/// The provider answers another thing than was asked: nobody comes in by that,
/// and nobody is sent around for ever. Each case: the handler that asks, the
/// edit of the ID token, what is wrong.
#[rocket::async_test]
async fn what_was_asked_for_is_checked() {
    let clock = clock!();
    let app = start(clock, Dict::new()).await;
    let now = clock.now();
    let time = |at: i64| ("auth_time", json!(at));
    let acr = |acr: Value| ("acr", acr);
    let removed = |name| (name, Value::Null);
    let cases = [
        ("/five-minutes", time(now), None),
        ("/five-minutes", time(now - 360), None),
        ("/five-minutes", time(now + 60), None),
        ("/five-minutes", time(now - 361), Some("id_token_auth_time")),
        ("/five-minutes", time(now + 61), Some("id_token_auth_time")),
        ("/five-minutes", time(0), Some("id_token_auth_time")),
        ("/five-minutes", time(i64::MIN), Some("id_token_auth_time")),
        ("/five-minutes", time(i64::MAX), Some("id_token_auth_time")),
        (
            "/five-minutes",
            removed("auth_time"),
            Some("id_token_auth_time"),
        ),
        (
            "/five-minutes",
            ("auth_time", json!("now")),
            Some("id_token_claims"),
        ),
        ("/login-again", time(now), None),
        ("/login-again", time(now - 60), None),
        ("/login-again", removed("auth_time"), None),
        ("/login-again", time(now - 61), Some("id_token_auth_time")),
        ("/again", time(now - 1_000_000), None),
        ("/again", time(now + 61), Some("id_token_auth_time")),
        ("/by-key", acr(json!("urn:key")), None),
        ("/by-key", acr(json!("urn:mfa")), None),
        ("/by-key", acr(json!("0")), Some("id_token_acr")),
        (
            "/by-key",
            acr(json!("urn:mfa urn:key")),
            Some("id_token_acr"),
        ),
        ("/by-key", acr(json!(["urn:key"])), Some("id_token_acr")),
        ("/by-key", acr(json!(0)), Some("id_token_acr")),
        ("/by-key", removed("acr"), Some("id_token_acr")),
        ("/again", acr(json!("0")), None),
    ];
    for (path, (name, value), refused) in cases {
        let case = format!("{path} {name}={value}");
        app.provider.hooks().id_token(move |_, claims| {
            claims.remove(name);
            if !value.is_null() {
                claims.insert(name.into(), value.clone());
            }
        });
        let trial = Trial::new(&app, case);
        let start = trial.browser.navigate(app.url(path)).await;
        let callback = trial.answer_to(&start).await;
        match refused {
            None => trial.accepts_at(callback.as_str(), ALICE).await,
            Some(reason) => {
                let refusal = Refusal::after_exchange(reason);
                trial.refuses_at(callback.as_str(), refusal).await;
            }
        }
    }
}

/// Another `max_age` in the address, or none, is what a user can do to the
/// request on its way. It does not help: neither where the provider then leaves
/// `auth_time` out, nor where it says that the authentication was long ago.
#[rocket::async_test]
async fn taking_max_age_out_of_the_address_does_not_help() {
    let clock = clock!();
    let app = start(clock, Dict::new()).await;
    let now = clock.now();
    for (instead, auth_time) in [
        (None, None),
        (None, Some(now - 3600)),
        (Some("7200"), Some(now - 3600)),
    ] {
        app.provider.hooks().id_token(move |_, claims| {
            claims.remove("auth_time");
            claims.extend(auth_time.map(|at| ("auth_time".to_owned(), json!(at))));
        });
        let trial = Trial::new(&app, format!("max_age {instead:?}, {auth_time:?}"));
        let start = trial.browser.navigate(app.url("/five-minutes")).await;
        let mut address = start.location().expect("a Location");
        let mut parameters: Vec<_> = address.query_pairs().into_owned().collect();
        parameters.retain(|(name, _)| name != "max_age");
        parameters.extend(instead.map(|instead| ("max_age".to_owned(), instead.to_owned())));
        address.query_pairs_mut().clear().extend_pairs(parameters);
        let answer = trial.browser.navigate(&address).await;
        let callback = answer.location().expect("a Location");
        let refusal = Refusal::after_exchange("id_token_auth_time");
        trial.refuses_at(callback.as_str(), refusal).await;
    }
}

#[rocket::async_test]
async fn the_configuration_asks_at_every_sign_in() {
    let clock = clock!();
    let logto = keys([
        ("max_age", "10m".into()),
        ("acr_values", "urn:a urn:b".into()),
    ]);
    let app = start(clock, logto).await;
    let page = Browser::new().navigate(app.url("/sign-in")).await;
    assert_eq!(page.location_query("max_age").as_deref(), Some("600"));
    assert_eq!(
        page.location_query("acr_values").as_deref(),
        Some("urn:a urn:b")
    );
    // A handler's own wish comes first.
    let page = Browser::new().navigate(app.url("/five-minutes")).await;
    assert_eq!(page.location_query("max_age").as_deref(), Some("300"));

    let trial = Trial::new(&app, "no acr");
    trial.refuses(Refusal::after_exchange("id_token_acr")).await;
    app.provider.hooks().id_token(|_, claims| {
        claims.insert("acr".into(), json!("urn:b"));
    });
    Trial::new(&app, "acr").accepts(ALICE).await;
}

/// `/sign-in?max_age=…` is for links: it goes on when that is so already.
#[rocket::async_test]
async fn the_route_takes_the_same_parameters() {
    let clock = clock!();
    let app = start(clock, Dict::new()).await;
    let browser = signed_in(&app).await;
    let asks = async |query: &str| {
        let page = browser
            .navigate(app.url(&format!("/sign-in?{query}")))
            .await;
        let to = page.location().expect("a Location");
        (to.path() == "/oidc/auth").then(|| to.query().unwrap_or_default().to_owned())
    };
    assert_eq!(asks("return_to=/").await, None, "signed in is enough");
    assert!(
        asks("max_age=60")
            .await
            .is_some_and(|query| query.contains("max_age=60"))
    );
    assert!(
        asks("acr_values=a+b")
            .await
            .is_some_and(|query| query.contains("acr_values=a+b"))
    );
    for nonsense in [
        "max_age=-1",
        "max_age=soon",
        "max_age=4294967296",
        "acr_values=",
    ] {
        assert_eq!(asks(nonsense).await, None, "{nonsense}");
    }
    browser
        .navigate_following(app.url("/sign-in?max_age=60"), 10)
        .await;
    assert_eq!(asks("max_age=60").await, None, "they just did");
    clock.advance(&app.provider, 200);
    assert!(asks("max_age=60").await.is_some(), "that was long ago");
}

/// OpenID Connect Core section 12.2: a refreshed ID token is about the same
/// authentication. A later one is the user's, too: for another app of the same
/// session at the provider. It counts from then on, and one from before never does.
#[rocket::async_test]
async fn a_refresh_may_tell_of_a_later_authentication_and_of_no_earlier_one() {
    for (case, moved, then) in [
        ("earlier", Some(-1), NOBODY),
        ("the same", Some(0), ALICE),
        ("left out", None, ALICE),
        ("later", Some(301), ALICE),
    ] {
        let clock = clock!();
        let app = start(clock, keys([("claims_max_age", 60.into())])).await;
        let at = clock.now();
        // Not by the provider's clock, which runs while that of the app stands still.
        let authenticated = |at: Option<i64>| {
            app.provider.hooks().id_token(move |_, claims| {
                claims.remove("auth_time");
                claims.extend(at.map(|at| ("auth_time".to_owned(), json!(at))));
            });
        };
        authenticated(Some(at));
        let browser = signed_in(&app).await;
        let page = browser.navigate(app.url("/recent")).await;
        assert_eq!(page.text(), format!("{ALICE} Some({at})"), "{case}");
        authenticated(moved.map(|moved| at + moved));
        clock.advance(&app.provider, 301);
        assert_eq!(who_is(&app, &browser).await, then, "{case}");
        if then == ALICE {
            // More than five minutes and the clocks' tolerance after the one in force.
            clock.advance(&app.provider, 60);
            let page = browser.navigate(app.url("/recent")).await;
            let status = if case == "later" { 200 } else { 303 };
            assert_eq!(page.status(), status, "{case}");
        }
    }
}

#[rocket::async_test]
async fn a_sign_in_that_asks_for_more_than_its_cookie_holds_says_so() {
    let long = format!("urn:{}", "a".repeat(4000));
    let clock = clock!();
    let app = start(clock, keys([("acr_values", long.into())])).await;
    let page = Browser::new().navigate(app.url("/sign-in")).await;
    assert_eq!(page.status(), 500, "{}", page.text());
    assert_eq!(page.page().title, "This sign-in could not be started");
    let reason = reason_of(&reference(&page));
    assert!(reason.starts_with("transaction_of_"), "{reason}");
}
