//! `rocket_logto::testing`: step-up of users and of callers, with a second factor and without.

use std::time::Duration;

use rocket::figment::Figment;
use rocket::http::{Accept, Status};
use rocket::local::blocking::Client;
use rocket::{Build, Rocket, get, routes};
use rocket_logto::testing::{TestToken, TestUser, later, offline};
use rocket_logto::{
    Authentication, Bearer, Logto, Permission, SignIn, StepUp, StepUpPolicy, logto_acr,
};

use crate::support::targets::{SHOPPING, Shopping};

struct Strong;

impl StepUpPolicy for Strong {
    const ACR_VALUES: &'static [&'static str] = &[logto_acr::MFA];
    const AMR: &'static [&'static str] = &["otp"];
    const MAX_AGE: Option<Duration> = Some(Duration::from_secs(300));
}

struct Order;

impl Permission for Order {
    type Audience = Shopping;
    const SCOPES: &'static [&'static str] = &[];
    const AUTHENTICATION: Authentication = Authentication::of::<Strong>();
}

#[get("/page")]
fn page(user: StepUp<Strong>) -> String {
    user.sub().to_owned()
}

#[get("/api")]
fn api(caller: Bearer<Order>) -> String {
    caller.sub().to_owned()
}

#[get("/again")]
fn again() -> SignIn {
    SignIn::new().acr_value(logto_acr::MFA)
}

fn app(acr_values: &[&str]) -> Rocket<Build> {
    let figment = Figment::from(rocket::Config::debug_default())
        .merge(("log_level", "off"))
        .merge(("logto.acr_values", acr_values));
    let rocket = rocket::custom(figment).attach(Logto::fairing());
    offline(rocket.mount("/", routes![page, api, again]))
}

fn status(client: &Client, path: &'static str) -> Status {
    client.get(path).header(Accept::JSON).dispatch().status()
}

#[test]
fn a_user_has_authenticated_as_the_test_says() {
    let client = Client::tracked(app(&[])).expect("an app");
    let user = || TestUser::new("ada").authenticated(Duration::from_secs(10));
    let strong = || user().acr(logto_acr::MFA).amr(&["pwd", "otp", "mfa"]);
    strong().sign_in(&client);
    assert_eq!(status(&client, "/page"), Status::Ok);
    later(client.rocket(), Duration::from_secs(400));
    assert_eq!(status(&client, "/page"), Status::Unauthorized);
    for weak in [
        user(),
        user().acr(logto_acr::ONE_FACTOR).amr(&["otp"]),
        user().acr(logto_acr::MFA),
        strong().authenticated(Duration::from_secs(400)),
    ] {
        weak.sign_in(&client);
        assert_eq!(status(&client, "/page"), Status::Unauthorized, "{weak:?}");
    }
}

/// Where the app itself asks at each sign-in, the user does what a Logto would ask for.
#[test]
fn who_has_no_second_factor_is_sent_back_without_a_session() {
    let client = Client::tracked(app(&[logto_acr::MFA])).expect("an app");
    let bob = TestUser::new("bob").without_second_factor();
    let answer = bob.arrive(&client);
    assert_eq!(answer.status(), Status::Forbidden);
    let text = answer.into_string().expect("a page");
    assert!(text.contains("It needs a second factor"), "{text}");
    assert_eq!(status(&client, "/page"), Status::Unauthorized);

    TestUser::new("ada")
        .authenticated(Duration::ZERO)
        .sign_in(&client);
    assert_eq!(status(&client, "/page"), Status::Ok);
}

#[test]
fn a_caller_has_authenticated_as_the_test_says() {
    let client = Client::tracked(app(&[])).expect("an app");
    let call = |token: TestToken| {
        let token = token.resource(SHOPPING).header(client.rocket());
        client.get("/api").header(token).dispatch().status()
    };
    let strong = || {
        let token = TestToken::new("ada").acr(logto_acr::MFA);
        token
            .amr(&["pwd", "otp", "mfa"])
            .authenticated(Duration::from_secs(10))
    };
    assert_eq!(call(strong()), Status::Ok);
    // By the clock of the tests.
    later(client.rocket(), Duration::from_secs(4000));
    assert_eq!(call(strong()), Status::Ok);
    for weak in [
        TestToken::new("ada"),
        strong().acr(logto_acr::ONE_FACTOR),
        strong().amr(&["pwd"]),
        strong().authenticated(Duration::from_secs(400)),
    ] {
        let shown = format!("{weak:?}");
        assert_eq!(call(weak), Status::Unauthorized, "{shown}");
    }
}
