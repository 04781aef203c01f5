//! How strongly a user has authenticated (`acr`, `amr`): a page asks for more, the provider does
//! what it can, and what it says is checked. A stronger sign-in does for less.

use logto_dev_provider::Endpoint;
use rocket::figment::value::{Dict, Value as Setting};
use rocket::{Route, get, routes};
use rocket_logto::{SignIn, StepUp, StepUpPolicy, logto_acr};
use serde_json::{Value, json};

use crate::support::app::{ALICE, BOB, TestApp, keys};
use crate::support::browser::{Browser, Response};
use crate::support::log::lines_with;
use crate::support::refusal::{Refusal, Trial, reference, rocket, who_is};

struct OneFactor;

impl StepUpPolicy for OneFactor {
    const ACR_VALUES: &'static [&'static str] = &[logto_acr::ONE_FACTOR];
}

struct SecondFactor;

impl StepUpPolicy for SecondFactor {
    const ACR_VALUES: &'static [&'static str] = &[logto_acr::MFA];
}

/// Methods only, which no parameter asks for.
struct ByCode;

impl StepUpPolicy for ByCode {
    const AMR: &'static [&'static str] = &["otp", "mfa"];
}

/// Of another provider.
struct Middle;

impl StepUpPolicy for Middle {
    const ACR_VALUES: &'static [&'static str] = &["2"];
}

#[get("/one")]
fn one(user: StepUp<OneFactor>) -> String {
    shown(&user)
}

#[get("/mfa")]
fn mfa(user: StepUp<SecondFactor>) -> String {
    shown(&user)
}

#[get("/code")]
fn code(user: StepUp<ByCode>) -> String {
    shown(&user)
}

#[get("/middle")]
fn middle(user: StepUp<Middle>) -> String {
    shown(&user)
}

#[get("/ask/<acr>")]
fn ask(acr: &str) -> SignIn {
    SignIn::new().acr_value(acr)
}

#[get("/ask-for-code")]
fn ask_for_code() -> SignIn {
    SignIn::new().amr("otp").amr("mfa")
}

fn shown(user: &rocket_logto::User) -> String {
    let amr: Vec<_> = user.amr().collect();
    format!("{} {:?} {amr:?}", user.sub(), user.acr())
}

const STRONG: &str = r#"alice4hy6kz2 Some("urn:logto:acr:mfa") ["pwd", "otp", "mfa"]"#;

fn handlers() -> Vec<Route> {
    routes![one, mfa, code, middle, ask, ask_for_code]
}

async fn start(logto: Dict) -> TestApp {
    TestApp::with(logto, rocket().mount("/", handlers())).await
}

/// Opens the page, up to one of the provider's.
async fn opens(app: &TestApp, browser: &Browser, path: &str) -> Response {
    let mut hops = browser.navigate_following(app.url(path), 10).await;
    hops.pop().expect("a page")
}

#[rocket::async_test]
async fn one_second_factor_is_enough_for_all_pages() {
    let app = start(Dict::new()).await;
    let browser = Browser::new();
    app.sign_in(&browser, "/sign-in", ALICE).await;
    app.provider.clear_requests();

    // Signed in at the provider, too, so the password is not asked for again.
    let page = opens(&app, &browser, "/mfa?a=b").await;
    assert_eq!(page.page().title, "Second factor · Development provider");
    let asked = app.provider.requests_to(Endpoint::Auth);
    assert_eq!(asked[0].query_value("acr_values"), Some(logto_acr::MFA));
    let accepted = browser.submit(&page, "accept", &[]).await;
    let page = browser
        .follow_all(accepted, 10)
        .await
        .pop()
        .expect("a page");
    assert_eq!((page.status(), page.text()), (200, STRONG.into()));
    assert_eq!(page.url().as_str(), app.url("/mfa?a=b"));

    // The stronger session does for the weaker demand, and for one of methods.
    app.provider.clear_requests();
    for path in [
        "/one",
        "/mfa",
        "/code",
        "/sign-in?acr_values=urn:logto:acr:1fa",
    ] {
        let page = browser.navigate(app.url(path)).await;
        assert!(
            [200, 303].contains(&page.status()),
            "{path}: {}",
            page.text()
        );
        assert!(
            page.location().is_none_or(|to| to.path() != "/oidc/auth"),
            "{path}"
        );
    }
    assert_eq!(app.provider.requests().len(), 0);
}

/// The other way round the provider is asked again, and nothing else ends.
#[rocket::async_test]
async fn one_factor_is_not_enough_for_two() {
    let app = start(Dict::new()).await;
    app.provider.hooks().sign_in_as(Some(ALICE));
    let browser = Browser::new();
    let page = opens(&app, &browser, "/one").await;
    let one = r#"alice4hy6kz2 Some("urn:logto:acr:1fa") ["pwd"]"#;
    assert_eq!((page.status(), page.text()), (200, one.into()));
    let answer = browser.fetch_json(app.url("/mfa")).await;
    let needed = json!({
        "error": "insufficient_user_authentication", "acr_values": "urn:logto:acr:mfa",
    });
    assert_eq!((answer.status(), answer.json::<Value>()), (401, needed));
    let challenge = "Cookie form-action=\"/sign-in\", error=\"insufficient_user_authentication\", \
                     acr_values=\"urn:logto:acr:mfa\"";
    assert_eq!(answer.header("www-authenticate"), Some(challenge));
    let page = opens(&app, &browser, "/mfa").await;
    assert_eq!(page.text(), STRONG);
}

#[rocket::async_test]
async fn who_has_no_second_factor_is_told_so_and_stays_signed_in() {
    let app = start(Dict::new()).await;
    let browser = Browser::new();
    app.sign_in(&browser, "/sign-in", BOB).await;
    app.provider.clear_requests();
    let page = opens(&app, &browser, "/mfa").await;
    assert_eq!(page.status(), 403, "{}", page.text());
    let shown = page.page();
    assert_eq!(shown.title, "A stronger sign-in was needed");
    assert!(
        shown.text.contains("It needs a second factor"),
        "{}",
        shown.text
    );
    assert!(
        shown
            .text
            .contains("You are still signed in to this app as before.")
    );
    // Once: nobody is sent around.
    assert_eq!(app.provider.requests_to(Endpoint::Auth).len(), 1);
    assert_eq!(app.provider.requests_to(Endpoint::Token).len(), 0);
    assert_eq!(who_is(&app, &browser).await, BOB);

    let lines = lines_with(&reference(&page));
    let [line] = &lines[..] else {
        panic!("{lines:?}")
    };
    for part in [
        "WARN logto: UnmetAuthentication reason=provider_said_unmet_authentication_requirements",
        "asked for acr_values=\"urn:logto:acr:mfa\": see the StepUp guard of the page",
        "requested authentication context could not be obtained",
    ] {
        assert!(line.contains(part), "{part} not in {line}");
    }

    // In the language of the browser.
    let thai = browser.request(reqwest::Method::GET, app.url("/mfa"));
    let thai = thai
        .navigation()
        .header("accept-language", "th")
        .send()
        .await;
    let answer = browser.follow(&browser.follow(&thai).await).await;
    let callback = browser.request(reqwest::Method::GET, answer.location().expect("a Location"));
    let thai = callback
        .navigation()
        .header("accept-language", "th")
        .send()
        .await;
    assert!(
        thai.text().contains("หน้านี้ต้องยืนยันตัวตนขั้นที่สอง"),
        "{}",
        thai.text()
    );
    assert!(thai.text().contains("คุณยังเข้าสู่ระบบของแอปนี้อยู่เหมือนเดิม"));

    // A second factor is set up, and the way on leads to the page.
    app.provider.edit_seed(|seed| {
        seed.user_mut("bob").expect("Bob").second_factor = true;
    });
    let again = browser.click(&page, "Try again").await;
    let factor = browser.follow_all(again, 10).await.pop().expect("a page");
    let accepted = browser.submit(&factor, "accept", &[]).await;
    let page = browser
        .follow_all(accepted, 10)
        .await
        .pop()
        .expect("a page");
    assert_eq!(
        (page.status(), page.url().path()),
        (200, "/mfa"),
        "{}",
        page.text()
    );
}

#[rocket::async_test]
async fn who_declines_the_second_factor_is_told_the_same() {
    let app = start(Dict::new()).await;
    let browser = Browser::new();
    // Nobody is signed in yet.
    let page = opens(&app, &browser, "/mfa").await;
    let page = browser.submit(&page, ALICE, &[]).await;
    let declined = browser.submit(&page, "none", &[]).await;
    let page = browser
        .follow_all(declined, 10)
        .await
        .pop()
        .expect("a page");
    assert_eq!(page.status(), 403, "{}", page.text());
    let shown = page.page();
    assert_eq!(shown.title, "A stronger sign-in was needed");
    assert!(!shown.text.contains("still signed in"), "{}", shown.text);
    let links: Vec<_> = shown.links.iter().map(|link| link.text.as_str()).collect();
    assert!(links.contains(&"Sign in again"), "{links:?}");
}

/// The provider answers otherwise than it was asked: a weaker class, or none, or a part of a
/// name, lets nobody in. A stronger one does.
#[rocket::async_test]
async fn what_the_provider_says_is_held_against_the_demand() {
    let app = start(Dict::new()).await;
    app.provider.hooks().sign_in_as(Some(ALICE));
    let (one, mfa) = (logto_acr::ONE_FACTOR, logto_acr::MFA);
    let (by_acr, by_amr) = (Some("id_token_acr"), Some("id_token_amr"));
    let cases = [
        (format!("/ask/{one}"), "acr", json!(mfa), None),
        (format!("/ask/{one}"), "acr", json!(one), None),
        (format!("/ask/{one}"), "acr", json!("urn:logto:acr"), by_acr),
        (
            format!("/ask/{one}"),
            "acr",
            json!("urn:logto:acr:0fa"),
            by_acr,
        ),
        (format!("/ask/{one}"), "acr", Value::Null, by_acr),
        (format!("/ask/{mfa}"), "acr", json!(mfa), None),
        (format!("/ask/{mfa}"), "acr", json!(one), by_acr),
        (
            format!("/ask/{mfa}"),
            "acr",
            json!("urn:logto:acr:mfa2"),
            by_acr,
        ),
        (format!("/ask/{mfa}"), "acr", json!([mfa]), by_acr),
        (
            "/ask-for-code".into(),
            "amr",
            json!(["pwd", "mfa", "otp"]),
            None,
        ),
        ("/ask-for-code".into(), "amr", json!(["pwd", "otp"]), by_amr),
        ("/ask-for-code".into(), "amr", json!("otp mfa"), by_amr),
        ("/ask-for-code".into(), "amr", json!(["otp mfa"]), by_amr),
        ("/ask-for-code".into(), "amr", Value::Null, by_amr),
    ];
    for (path, name, value, refused) in cases {
        let case = format!("{path} {name}={value}");
        app.provider.hooks().id_token(move |_, claims| {
            claims.remove(name);
            if !value.is_null() {
                claims.insert(name.into(), value.clone());
            }
        });
        let trial = Trial::new(&app, case);
        let start = trial.browser.navigate(app.url(&path)).await;
        let callback = trial.answer_to(&start).await;
        match refused {
            None => trial.accepts_at(callback.as_str(), ALICE).await,
            Some(reason) => {
                let refusal = Refusal::after_exchange(reason);
                let page = trial.refuses_at(callback.as_str(), refusal).await;
                let lines = lines_with(&reference(&page));
                assert!(
                    lines.iter().any(|line| line.contains("; asked for ")),
                    "{lines:?}"
                );
            }
        }
    }
}

/// No parameter asks for methods, so the user authenticates again; where the provider then says
/// nothing else, that is the end.
#[rocket::async_test]
async fn methods_are_looked_for_and_never_asked_for() {
    let app = start(Dict::new()).await;
    app.provider.hooks().sign_in_as(Some(ALICE));
    let browser = Browser::new();
    opens(&app, &browser, "/sign-in").await;
    app.provider.clear_requests();
    let page = opens(&app, &browser, "/code").await;
    assert_eq!(page.status(), 400, "{}", page.text());
    let asked = app.provider.requests_to(Endpoint::Auth);
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].query_value("prompt"), Some("login consent"));
    assert_eq!(asked[0].query_value("amr"), None);
    assert_eq!(who_is(&app, &browser).await, ALICE, "still signed in");
    let answer = browser.fetch_json(app.url("/code")).await;
    let needed = json!({ "error": "insufficient_user_authentication", "amr": ["otp", "mfa"] });
    assert_eq!((answer.status(), answer.json::<Value>()), (401, needed));

    app.provider.hooks().id_token(|_, claims| {
        claims.insert("amr".into(), json!(["otp", "pwd", "mfa"]));
    });
    let page = opens(&app, &browser, "/code").await;
    assert_eq!(page.status(), 200, "{}", page.text());
}

/// `acr_order` tells which class of another provider is the stronger one. They stay names: "10"
/// is more than "2" because it stands behind it.
#[rocket::async_test]
async fn the_order_of_another_provider_can_be_told() {
    let order = ["1", "2", "10"].map(Setting::from).to_vec();
    for (order, enough) in [(Some(order), true), (None, false)] {
        let logto = match order {
            Some(order) => keys([("acr_order", order.into())]),
            None => Dict::new(),
        };
        let app = start(logto).await;
        app.provider.hooks().sign_in_as(Some(ALICE));
        app.provider.hooks().ignore_acr_values();
        for (acr, enough) in [("10", enough), ("2", true), ("1", false), ("9", false)] {
            app.provider.hooks().id_token(move |_, claims| {
                claims.insert("acr".into(), json!(acr));
            });
            let page = opens(&app, &Browser::new(), "/middle").await;
            assert_eq!(page.status(), if enough { 200 } else { 400 }, "{acr}");
        }
    }
}

/// As at Logto: what it does not know is left out, and where nothing is left it says so.
#[rocket::async_test]
async fn a_class_that_the_provider_does_not_know_is_an_error_of_the_app() {
    let app = start(Dict::new()).await;
    app.provider.hooks().sign_in_as(Some(ALICE));
    let page = opens(&app, &Browser::new(), "/middle").await;
    assert_eq!(page.status(), 403, "{}", page.text());
    assert!(
        page.page()
            .text
            .contains("It needs a sign-in of this kind: “2”.")
    );
    let lines = lines_with(&reference(&page));
    assert!(
        lines
            .iter()
            .any(|line| line.contains("none of the requested acr_values is supported")),
        "{lines:?}"
    );
}
