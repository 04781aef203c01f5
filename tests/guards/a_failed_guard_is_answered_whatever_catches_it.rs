//! The answer to a failed guard is the standard one, whatever catchers an app
//! has, and a handler that does without the guard answers for itself.

use std::sync::{Arc, Mutex};

use rocket::fairing::AdHoc;
use rocket::http::{Cookie, CookieJar, Header, Status};
use rocket::outcome::Outcome;
use rocket::request::FromRequest;
use rocket::response::Redirect;
use rocket::{Build, Request, Rocket, catch, catchers, get, post, routes};
use rocket_logto::{Bearer, Error, SignIn, SignOut, User};
use serde_json::Value as Json;

use crate::support::app::{ALICE, TestApp};
use crate::support::browser::{Browser, Response};
use crate::support::demo::Demo;
use crate::support::npm_provider::ReadCart;

#[get("/user")]
fn user(user: User) -> String {
    user.sub().to_owned()
}

/// Does without a user, and then has nothing to show.
#[get("/missing")]
fn missing(user: Option<User>) -> Option<String> {
    user.map(|user| user.sub().to_owned())
}

#[get("/asked/<how>")]
fn asked(how: &str, user: Result<User, Error>) -> Result<String, Status> {
    match (user, how) {
        (Ok(user), _) => Ok(user.sub().to_owned()),
        (Err(_), "teapot") => Err(Status::ImATeapot),
        (Err(_), "401") => Err(Status::Unauthorized),
        (Err(_), _) => Ok("nobody".to_owned()),
    }
}

/// A guard of the app's own, over ours.
struct Visitor(String);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Visitor {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> rocket::request::Outcome<Self, ()> {
        let user = request.guard::<User>().await.succeeded();
        Outcome::Success(Visitor(
            user.map_or("nobody".into(), |user| user.sub().into()),
        ))
    }
}

#[get("/visitor")]
fn visitor(visitor: Visitor, jar: &CookieJar<'_>) -> (Status, String) {
    jar.add(Cookie::new("seen", "yes"));
    (Status::Unauthorized, visitor.0)
}

/// A guard of the app's own that needs ours.
struct Member;

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Member {
    type Error = Error;

    async fn from_request(request: &'r Request<'_>) -> rocket::request::Outcome<Self, Error> {
        request.guard::<User>().await.map(|_| Member)
    }
}

#[get("/member")]
fn member(_member: Member) -> &'static str {
    "a member"
}

/// Somebody who is no member may look, too, but not at everything.
#[get("/public/<what>")]
fn public(what: &str, member: Option<Member>) -> Result<&'static str, Status> {
    match (member, what) {
        (Some(_), _) => Ok("a member"),
        (None, "page") => Ok("a visitor"),
        (None, "teapot") => Err(Status::ImATeapot),
        (None, _) => Err(Status::NotFound),
    }
}

#[get("/join")]
fn join() -> SignIn {
    SignIn::new().return_to("/user")
}

#[post("/leave")]
fn leave() -> SignOut {
    SignOut::local("/asked/me")
}

#[catch(default)]
fn broken(_: Status, _: &Request<'_>) -> (Status, &'static str) {
    (Status::InternalServerError, "the app's own 500 page")
}

#[catch(401)]
fn elsewhere() -> Redirect {
    Redirect::to("/elsewhere")
}

/// A catcher that wants to know who is there.
#[catch(default)]
async fn greeting(status: Status, request: &Request<'_>) -> String {
    let user = request.guard::<User>().await.succeeded();
    let name = user.map_or("nobody".into(), |user| user.sub().to_owned());
    format!("{name}, that is a {}", status.code)
}

#[get("/api")]
fn api(caller: Bearer<ReadCart>) -> String {
    caller.sub().to_owned()
}

const BASES: [&str; 3] = ["", "/admin", "/admin/deep"];

fn rocket() -> Rocket<Build> {
    let routes = || routes![user, missing, asked, visitor, member, public, join, leave];
    let rocket = rocket::build();
    BASES.iter().fold(rocket, |rocket, base| {
        rocket.mount(if base.is_empty() { "/" } else { base }, routes())
    })
}

/// Registers catchers when the app is ignited, after our fairing has been: a
/// fairing that is attached during ignition comes last.
fn later(base: &'static str) -> AdHoc {
    AdHoc::on_ignite("late", move |rocket| async move {
        rocket.attach(AdHoc::on_ignite("catchers", move |rocket| async move {
            rocket.register(base, catchers![broken, elsewhere])
        }))
    })
}

async fn apps() -> Vec<(&'static str, TestApp)> {
    let early = rocket()
        .register("/", catchers![broken])
        .register("/admin", catchers![broken, elsewhere]);
    let mut apps = vec![("none", TestApp::start(rocket()).await)];
    apps.push(("before", TestApp::start(early).await));
    for base in ["/", "/admin", "/admin/deep"] {
        let rocket = rocket().attach(later(base));
        apps.push((base, TestApp::start(rocket).await));
    }
    apps
}

fn assert_goes_to_sign_in(page: &Response, case: &str) {
    assert_eq!(page.status(), 303, "{case}: {}", page.text());
    let location = page.location().expect("a redirect");
    assert_eq!(location.path(), "/sign-in", "{case}");
    assert_eq!(page.text(), "", "{case}");
    assert_eq!(page.header("content-type"), None, "{case}");
}

#[rocket::async_test]
async fn by_the_standard_answer_beside_any_catcher() {
    for (catchers, app) in apps().await {
        let nobody = Browser::new();
        for base in BASES {
            for path in ["user", "member"] {
                let case = format!("{catchers}: {base}/{path}");
                let url = app.url(&format!("{base}/{path}"));
                assert_goes_to_sign_in(&nobody.navigate(url.clone()).await, &case);
                let program = nobody.fetch_json(url).await;
                assert_eq!(program.status(), 401, "{case}");
                let body: Json = program.json();
                assert_eq!(body["error"], "Not authenticated", "{case}");
                assert_eq!(program.header("location"), None, "{case}");
                let challenge = program.header("www-authenticate");
                assert_eq!(challenge, Some("Cookie form-action=\"/sign-in\""), "{case}");
            }
            let page = nobody.navigate(app.url(&format!("{base}/join"))).await;
            let location = page.location().expect("a redirect");
            assert!(
                location.as_str().starts_with(&app.provider.issuer()),
                "{location}"
            );
        }
    }
}

#[rocket::async_test]
async fn by_the_handler_that_does_without_it() {
    for (catchers, app) in apps().await {
        let nobody = Browser::new();
        for base in BASES {
            let ask = |path: &str| nobody.navigate(app.url(&format!("{base}/{path}")));
            let case = format!("{catchers}: {base}");
            let is_caught = |page: &Response| page.text() == "the app's own 500 page";
            let page = ask("missing").await;
            assert!(
                page.status() == 404 || is_caught(&page),
                "{case}: {}",
                page.status()
            );
            let page = ask("asked/teapot").await;
            assert!(
                page.status() == 418 || is_caught(&page),
                "{case}: {}",
                page.status()
            );
            let page = ask("asked/401").await;
            let is_own = page.location().is_some_and(|to| to.path() == "/elsewhere");
            let is_rockets = page.status() == 401 && page.header("www-authenticate").is_none();
            assert!(
                is_own || is_rockets || is_caught(&page),
                "{case}: {}",
                page.status()
            );
            assert_eq!(ask("asked/me").await.text(), "nobody", "{case}");
            // The app's guard goes on: its cookies and its 401 are its own.
            let page = ask("visitor").await;
            assert_eq!(
                (page.status(), page.text()),
                (401, "nobody".into()),
                "{case}"
            );
            let cookies: Vec<_> = page.headers().get_all("set-cookie").iter().collect();
            assert_eq!(cookies, ["seen=yes; SameSite=Strict; Path=/"], "{case}");
        }
    }
}

/// A guard of the app's own over ours, and a handler that does without it.
#[rocket::async_test]
async fn by_the_handler_that_does_without_a_guard_over_it() {
    for rocket in [rocket(), rocket().register("/", catchers![greeting])] {
        let app = TestApp::start(rocket).await;
        let nobody = Browser::new();
        for (path, status) in [
            ("/public/page", 200),
            ("/public/nothing", 404),
            ("/public/teapot", 418),
        ] {
            let page = nobody.navigate(app.url(path)).await;
            assert_eq!(page.status(), status, "{path}: {}", page.text());
            assert_eq!(page.headers().get("location"), None, "{path}");
            let program = nobody.fetch_json(app.url(path)).await;
            assert_eq!(program.status(), status, "{path}: {}", program.text());
        }
        assert_goes_to_sign_in(&nobody.navigate(app.url("/member")).await, "needed");
    }
}

#[rocket::async_test]
async fn not_by_a_catcher_that_only_asks_who_is_there() {
    let rocket = rocket()
        .mount("/", routes![api])
        .register("/", catchers![greeting]);
    let app = TestApp::start(rocket).await;
    let nobody = Browser::new();
    let page = nobody.navigate(app.url("/no/such/page")).await;
    assert_eq!(page.text(), "nobody, that is a 404");
    assert_eq!((page.status(), page.header("set-cookie")), (404, None));
    assert_goes_to_sign_in(&nobody.navigate(app.url("/user")).await, "beside it");
    // The caller of an API is no user, and need not be one.
    let page = nobody.navigate(app.url("/api")).await;
    let challenge = page.header("www-authenticate").unwrap_or_default();
    assert_eq!(page.status(), 401);
    assert!(challenge.starts_with("Bearer scope="), "{challenge}");
    let alice = Browser::new();
    app.sign_in(&alice, "/user", ALICE).await;
    let page = alice.navigate(app.url("/no/such/page")).await;
    assert_eq!(page.text(), format!("{ALICE}, that is a 404"));
}

/// Nobody sees a status that means nothing.
#[rocket::async_test]
async fn and_every_fairing_and_log_line_sees_a_real_status() {
    let seen: Arc<Mutex<Vec<u16>>> = Arc::default();
    let early = {
        let seen = seen.clone();
        AdHoc::on_response("access log", move |_, response| {
            let seen = seen.clone();
            Box::pin(async move {
                response.set_header(Header::new("X-Seen", "yes"));
                seen.lock().expect("no panic").push(response.status().code);
            })
        })
    };
    // Attached before ours, as `TestApp` attaches it last.
    let app = TestApp::start(rocket().attach(early)).await;
    let nobody = Browser::new();
    assert_eq!(
        nobody.navigate(app.url("/user")).await.header("x-seen"),
        Some("yes")
    );
    nobody.fetch_json(app.url("/user")).await;
    nobody.navigate(app.url("/join")).await;
    nobody.post_form(app.url("/leave"), &[]).await;
    assert_eq!(*seen.lock().expect("no panic"), [303, 401, 303, 303]);

    let demo = Demo::start().await;
    let browser = Browser::new();
    browser.navigate(demo.url("/protected")).await;
    browser.fetch_json(demo.url("/protected")).await;
    browser.navigate(demo.url("/sign-in")).await;
    browser.post_form(demo.url("/sign-out"), &[]).await;
    let output = demo.output();
    assert!(output.contains("Outcome: Error(303 See Other)"), "{output}");
    assert!(
        output.contains("Outcome: Error(401 Unauthorized)"),
        "{output}"
    );
    assert!(
        output.contains("Outcome: Success(303 See Other)"),
        "{output}"
    );
    assert!(
        !output.contains("(490") && !output.contains(" 490"),
        "{output}"
    );
}
