//! A guard that fails answers by who asks: a page gets a redirect or a page, a
//! program JSON. What the app answers itself is left alone.

use logto_dev_provider::{Endpoint, Hooks, Reply};
use reqwest::Method;
use rocket::fairing::AdHoc;
use rocket::http::{Cookie, CookieJar, Status};
use rocket::response::Redirect;
use rocket::serde::Deserialize;
use rocket::{Request, Route, catch, catchers, delete, get, options, post, put, routes};
use rocket_logto::{Error, ErrorKind, SignIn, User, UserInfo};
use serde_json::Value as Json;
use url::Url;

use crate::support::app::{ALICE, BOB, TestApp, keys};
use crate::support::browser::{self, Browser, Response};
use crate::support::pages::pages;

#[get("/user")]
fn get_user(user: User) -> String {
    user.sub().to_owned()
}
#[post("/user")]
fn post_user(user: User) -> String {
    user.sub().to_owned()
}
#[put("/user")]
fn put_user(user: User) -> String {
    user.sub().to_owned()
}
#[delete("/user")]
fn delete_user(user: User) -> String {
    user.sub().to_owned()
}
#[options("/user")]
fn options_user(user: User) -> String {
    user.sub().to_owned()
}
#[get("/info")]
fn info(info: UserInfo) -> String {
    info.sub().to_owned()
}
#[get("/question")]
fn question(user: Result<User, Error>) -> Result<String, Error> {
    Ok(user?.sub().to_owned())
}
#[get("/question/info")]
fn question_info(info: Result<UserInfo, Error>) -> Result<String, Error> {
    Ok(info?.sub().to_owned())
}
/// Answers for itself, with an error whose shape is its own.
#[get("/option")]
fn option(user: Option<User>) -> Result<String, (Status, &'static str)> {
    let nobody = (Status::Unauthorized, "{\"own\":true}");
    user.map(|user| user.sub().to_owned()).ok_or(nobody)
}
#[get("/option/info")]
fn option_info(info: Option<UserInfo>) -> &'static str {
    info.map_or("none", |_| "some")
}
#[get("/result")]
fn result(user: Result<User, Error>) -> String {
    user.map_or_else(|e| format!("{:?}", e.kind()), |u| u.sub().to_owned())
}

#[derive(Deserialize)]
#[serde(crate = "rocket::serde")]
struct Employee {
    username: String,
    name: String,
}
#[get("/typed")]
fn typed(user: User<Employee>) -> String {
    format!("{} {}", user.claims().username, user.claims().name)
}
#[get("/typed/info")]
fn typed_info(user: UserInfo<Employee>) -> String {
    user.into_claims().name
}
#[get("/typed/result")]
fn typed_result(user: Result<User<Employee>, Error>) -> String {
    user.map_or_else(|e| format!("{:?}", e.kind()), |_| "fits".to_owned())
}

/// A 401 that has nothing to do with signing in.
#[get("/own/401")]
fn own_401() -> Status {
    Status::Unauthorized
}

fn all() -> Vec<Route> {
    routes![
        get_user,
        post_user,
        put_user,
        delete_user,
        options_user,
        info,
        question,
        question_info,
        option,
        option_info,
        result,
        typed,
        typed_info,
        typed_result,
        own_401
    ]
}

async fn app() -> TestApp {
    TestApp::start(rocket::build().mount("/", all())).await
}

/// Who asks.
const PAGE: [&[(&str, &str)]; 4] = [
    &[("Sec-Fetch-Mode", "navigate"), ("Accept", "text/html")],
    &[("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")],
    &[("Accept", "*/*")],
    &[],
];
const PROGRAM: [&[(&str, &str)]; 5] = [
    &[("Accept", "application/json")],
    &[("Accept", "application/json, text/plain, */*")],
    &[("Sec-Fetch-Mode", "cors"), ("Accept", "text/html")],
    &[("Sec-Fetch-Mode", "same-origin")],
    &[("Sec-Fetch-Mode", "no-cors"), ("Accept", "*/*")],
];

async fn ask(
    browser: &Browser,
    method: Method,
    url: String,
    headers: &[(&str, &str)],
) -> (Response, String) {
    let shown = format!("{method} {url} {headers:?}");
    let mut request = browser.request(method, url);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    (request.send().await, shown)
}

fn assert_not_authenticated(answer: &Response, case: &str) {
    assert_eq!(answer.status(), 401, "{case}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.text(), r#"{"error":"Not authenticated"}"#, "{case}");
    assert!(!answer.headers().contains_key("location"), "{case}");
}

#[rocket::async_test]
async fn without_a_user_pages_go_to_the_sign_in_and_programs_get_401() {
    let app = app().await;
    let nobody = Browser::new();
    for path in ["/user", "/info", "/question", "/question/info", "/typed"] {
        let url = app.url(&format!("{path}?a=1&b=x%20y"));
        for headers in PAGE {
            for method in [Method::GET, Method::HEAD] {
                let (answer, case) = ask(&nobody, method, url.clone(), headers).await;
                assert_eq!(answer.status(), 303, "{case}");
                let location = answer.location().expect("a Location");
                assert_eq!(location.path(), "/sign-in", "{case}");
                let back = browser::query(&location, "return_to").expect("return_to");
                assert_eq!(back, format!("{path}?a=1&b=x%20y"), "{case}");
                assert_eq!(answer.bytes(), b"", "{case}");
            }
        }
        for headers in PROGRAM {
            let (answer, case) = ask(&nobody, Method::GET, url.clone(), headers).await;
            assert_not_authenticated(&answer, &case);
        }
    }
    // What is no GET cannot be repeated after a sign-in: never a redirect.
    for headers in PAGE.iter().chain(&PROGRAM) {
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
            let (answer, case) = ask(&nobody, method, app.url("/user"), headers).await;
            assert_not_authenticated(&answer, &case);
        }
    }
}

/// A page is open, the session ends, and then the form on it is sent.
#[rocket::async_test]
async fn a_form_sent_without_a_session_gets_a_page_that_leads_back() {
    let app = app().await;
    let nobody = Browser::new();
    let send = async |referer: Option<String>| {
        let request = nobody
            .request(Method::POST, app.url("/user"))
            .header("accept", "text/html")
            .header("sec-fetch-mode", "navigate")
            .form(&[("a", "b")]);
        match referer {
            Some(referer) => request.header("referer", &referer).send().await,
            None => request.send().await,
        }
    };
    let elsewhere = "https://elsewhere.example/user?x=y".to_owned();
    for (referer, back) in [
        (Some(app.url("/user?page=2")), "/user?page=2"),
        (Some(elsewhere), "/"),
        (Some("nonsense".to_owned()), "/"),
        (None, "/"),
    ] {
        let page = send(referer.clone()).await;
        assert_eq!(page.status(), 401, "{referer:?}");
        assert_eq!(
            page.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        let challenge = page.header("www-authenticate");
        assert_eq!(challenge, Some("Cookie form-action=\"/sign-in\""));
        assert!(
            page.text().contains("was not carried out"),
            "{}",
            page.text()
        );
        let links = page.page().links;
        let link = links.iter().find(|link| link.text == "Sign in");
        let link = app.url(&link.expect("a link to the sign-in").href);
        let location = Url::parse(&link).expect("a URL");
        let to = browser::query(&location, "return_to");
        assert_eq!(
            (location.path(), to.as_deref()),
            ("/sign-in", Some(back)),
            "{referer:?}"
        );
    }
}

#[get("/join")]
fn join(jar: &CookieJar<'_>) -> SignIn {
    jar.add(Cookie::new("cart", "42"));
    SignIn::new()
}

/// Cookies of the handler, headers of Rocket's own and of other fairings.
#[rocket::async_test]
async fn an_answer_keeps_what_others_have_put_on_it() {
    let own = AdHoc::on_response("own", |_, response| {
        Box::pin(async move {
            response.set_raw_header("X-Own", "yes");
        })
    });
    let app = TestApp::start(pages().mount("/", routes![join]).attach(own)).await;
    let browser = Browser::new();
    let sign_in = browser.navigate(app.url("/join")).await;
    assert_eq!(sign_in.status(), 303);
    let cookies = sign_in.set_cookies();
    let has = |name: &str| cookies.iter().any(|line| line.starts_with(name));
    assert!(has("cart=42") && has("logto_session_txn_"), "{cookies:?}");
    let refused = browser.fetch_json(app.url("/protected")).await;
    assert_eq!(refused.status(), 401);
    for answer in [sign_in, refused] {
        assert_eq!(answer.header("x-own"), Some("yes"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
}

#[rocket::async_test]
async fn a_handler_that_does_without_a_user_answers_itself() {
    let app = app().await;
    let nobody = Browser::new();
    for headers in PAGE.iter().chain(&PROGRAM) {
        let (answer, case) = ask(&nobody, Method::GET, app.url("/option"), headers).await;
        assert_eq!(answer.status(), 401, "{case}");
        assert_eq!(answer.text(), "{\"own\":true}", "{case}");
        let (answer, case) = ask(&nobody, Method::GET, app.url("/result"), headers).await;
        assert_eq!(
            (answer.status(), answer.text()),
            (200, "NotSignedIn".into()),
            "{case}"
        );
        let (answer, case) = ask(&nobody, Method::GET, app.url("/option/info"), headers).await;
        assert_eq!(
            (answer.status(), answer.text()),
            (200, "none".into()),
            "{case}"
        );
        let (answer, case) = ask(&nobody, Method::GET, app.url("/own/401"), headers).await;
        assert_eq!(answer.status(), 401, "{case}");
        assert!(!answer.text().contains("Not authenticated"), "{case}");
    }
}

#[rocket::async_test]
async fn with_a_user_every_guard_and_method_lets_in() {
    let app = app().await;
    let browser = Browser::new();
    app.sign_in(&browser, "/user", ALICE).await;
    for path in [
        "/user",
        "/info",
        "/question",
        "/question/info",
        "/option",
        "/result",
    ] {
        let answer = browser.get(app.url(path)).await;
        assert_eq!(
            (answer.status(), answer.text()),
            (200, ALICE.into()),
            "{path}"
        );
    }
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let (answer, case) = ask(&browser, method, app.url("/user"), &[]).await;
        assert_eq!(
            (answer.status(), answer.text()),
            (200, ALICE.into()),
            "{case}"
        );
    }
    let answer = browser.get(app.url("/option/info")).await;
    assert_eq!(answer.text(), "some");
}

#[rocket::async_test]
async fn claims_that_do_not_fit_are_403() {
    let app = app().await;
    let browser = Browser::new();
    app.sign_in(&browser, "/user", ALICE).await;
    for path in ["/typed", "/typed/info", "/typed/result"] {
        assert_eq!(browser.get(app.url(path)).await.status(), 200, "{path}");
    }
    // Bob has no name: the claim is null.
    let browser = Browser::new();
    app.sign_in(&browser, "/user", BOB).await;
    for path in ["/typed", "/typed/info"] {
        let page = browser.navigate(app.url(path)).await;
        assert_eq!(page.status(), 403, "{path}");
        assert!(page.page().title.contains("not for your account"), "{path}");
        let json: Json = browser.fetch_json(app.url(path)).await.json();
        assert_eq!(json["error"], "Missing claims", "{path}");
        let reference = json["reference"].as_str().unwrap_or_default();
        assert!(reference.len() >= 6, "{json}");
    }
    let answer = browser.get(app.url("/typed/result")).await;
    assert_eq!(answer.text(), format!("{:?}", ErrorKind::MissingClaims));
}

#[rocket::async_test]
async fn faults_of_the_provider_are_told_from_faults_of_the_user() {
    let start = async |http_timeout: &str| {
        let keys = keys([("http_timeout", http_timeout.into())]);
        let app = TestApp::with(keys, rocket::build().mount("/", all())).await;
        let browser = Browser::new();
        app.sign_in(&browser, "/user", ALICE).await;
        (app, browser)
    };
    let (patient, hasty) = (start("20s").await, start("2s").await);
    let reply = |hooks: &Hooks, status: u16, body: &'static str| {
        hooks.respond(Endpoint::UserInfo, move |_, reply| {
            *reply = Reply::json(status, &Json::Null);
            reply.body = body.into();
        });
    };
    let cases: [(&str, u16, &dyn Fn(&Hooks)); 7] = [
        ("500", 502, &|hooks| reply(hooks, 500, "{}")),
        ("429", 503, &|hooks| reply(hooks, 429, "{}")),
        ("403", 502, &|hooks| reply(hooks, 403, "{}")),
        ("no JSON", 502, &|hooks| reply(hooks, 200, "<html>")),
        ("no sub", 502, &|hooks| {
            reply(hooks, 200, "{\"name\":\"Eve\"}")
        }),
        ("another sub", 502, &|hooks| {
            reply(hooks, 200, "{\"sub\":\"eve\"}")
        }),
        ("too late", 504, &|hooks| {
            hooks.delay(Endpoint::UserInfo, std::time::Duration::from_secs(20));
        }),
    ];
    for (case, status, misbehave) in cases {
        let (app, browser) = if status == 504 { &hasty } else { &patient };
        misbehave(app.provider.hooks());
        for path in ["/info", "/question/info"] {
            let page = browser.navigate(app.url(path)).await;
            assert_eq!(page.status(), status, "{case} {path}");
            assert!(page.text().starts_with("<!doctype html>"), "{case} {path}");
            assert_eq!(page.header("cache-control"), Some("no-store"), "{case}");
            let retry = page.headers().contains_key("retry-after");
            assert_eq!(retry, status == 503, "{case} {path}");
            let program = browser.fetch_json(app.url(path)).await;
            assert_eq!(program.status(), status, "{case} {path}");
            assert!(program.json::<Json>()["error"].is_string(), "{case} {path}");
        }
        let page = browser.navigate(app.url("/option/info")).await;
        assert_eq!(page.text(), "none", "{case}");
        let page = browser.navigate(app.url("/user")).await;
        assert_eq!(page.text(), ALICE, "{case}: still signed in");
    }
}

#[catch(401)]
fn own_unauthorized() -> &'static str {
    "the app's own 401 page"
}
#[catch(default)]
fn own_default(status: Status, _: &Request<'_>) -> String {
    format!("the app's own {} page", status.code)
}
#[catch(default)]
fn own_redirect() -> Redirect {
    Redirect::to("/elsewhere")
}

#[rocket::async_test]
async fn catchers_of_the_app_neither_break_the_answer_nor_lose_their_own() {
    let rocket = rocket::build()
        .mount("/", all())
        .register("/", catchers![own_unauthorized, own_default]);
    let app = TestApp::start(rocket).await;
    let nobody = Browser::new();
    let page = nobody.navigate(app.url("/user")).await;
    assert_eq!(page.status(), 303);
    assert_eq!(page.text(), "");
    let program = nobody.fetch_json(app.url("/user")).await;
    assert_not_authenticated(&program, "beside catchers");
    assert_eq!(program.header("content-length"), Some("29"));
    let own = nobody.navigate(app.url("/own/401")).await;
    assert_eq!(own.status(), 401);
    assert_eq!(own.text(), "the app's own 401 page");
    let own = nobody.navigate(app.url("/none")).await;
    assert_eq!(own.text(), "the app's own 404 page");
}

#[rocket::async_test]
async fn a_catcher_with_a_status_of_its_own_does_not_swallow_the_answer() {
    let rocket = rocket::build()
        .mount("/", all())
        .mount("/deep/er", all())
        .register("/", catchers![own_redirect])
        .register("/deep", catchers![own_redirect]);
    let app = TestApp::start(rocket).await;
    let nobody = Browser::new();
    for path in ["/user", "/deep/er/user"] {
        let page = nobody.navigate(app.url(path)).await;
        let location = page.location().expect("a redirect");
        assert_eq!(location.path(), "/sign-in", "{path}");
        let program = nobody.fetch_json(app.url(path)).await;
        assert_not_authenticated(&program, "beside a catcher that redirects");
    }
    let own = nobody.navigate(app.url("/none")).await;
    assert_eq!(own.location().expect("a redirect").path(), "/elsewhere");
}

#[rocket::async_test]
async fn answers_for_one_person_are_kept_by_no_cache() {
    let app = app().await;
    let browser = Browser::new();
    let hops = browser.navigate_following(app.url("/user"), 5).await;
    let page = hops.last().expect("the provider's page");
    let done = browser.submit(page, ALICE, &[]).await;
    let done = browser.follow_all(done, 5).await;
    let ours = |answer: &&Response| answer.url().as_str().starts_with(&app.url(""));
    let mut answers: Vec<_> = hops.iter().chain(&done).filter(ours).cloned().collect();
    assert_eq!(answers.len(), 4, "{:#?}", browser::urls(&answers));
    for path in ["/user", "/info", "/option", "/result", "/typed"] {
        answers.push(browser.navigate(app.url(path)).await);
        answers.push(Browser::new().navigate(app.url(path)).await);
        answers.push(Browser::new().fetch_json(app.url(path)).await);
    }
    answers.push(browser.navigate(app.url("/callback?state=x&code=y")).await);
    answers.push(browser.post_form(app.url("/sign-out"), &[]).await);
    for answer in answers {
        let case = format!("{} {}", answer.status(), answer.url());
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{case}");
        let vary = answer.headers().get_all("vary").iter();
        let by_cookie = vary.filter(|value| value.as_bytes() == b"Cookie").count();
        assert_eq!(by_cookie, 1, "{case}");
    }
    let public = Browser::new().navigate(app.url("/own/401")).await;
    assert_eq!(public.header("cache-control"), None, "not ours to say");
}
