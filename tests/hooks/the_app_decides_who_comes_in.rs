//! `on_sign_in`: the app sees who comes, and lets them in or not. One that is not let in
//! leaves nothing; nor does one whom a hook that fails should have judged.

use std::collections::BTreeMap;
use std::time::Duration;

use logto_dev_provider::{DevProvider, Endpoint};
use rocket::figment::value::Dict;
use rocket::futures::future::join_all;
use rocket::serde::{Deserialize, Serialize};
use rocket::tokio::sync::Mutex;
use rocket::tokio::time::sleep;
use rocket::{Build, Rocket, get, post, routes};
use rocket_logto::{
    Admission, Error, HookResult, Logto, LogtoFairing, SessionData, SignInEvent, User,
};

use crate::support::app::{ALICE, BOB, TestApp, ZOE, keys};
use crate::support::browser::{Browser, Response};
use crate::support::log::lines_with;
use crate::support::pages::{NOBODY, own_cookies, pages_and_again};
use crate::support::refusal::{reference, who_is};

/// Stands for a table of accounts.
#[derive(Default)]
struct Accounts(Mutex<BTreeMap<String, Account>>);

#[derive(Clone, Default)]
struct Account {
    visits: u32,
    wanted: String,
    scope: String,
    members: Vec<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(crate = "rocket::serde")]
struct Seat {
    visits: u32,
}

#[derive(Deserialize)]
#[serde(crate = "rocket::serde")]
struct Named {
    username: String,
}

const REASON: &str = "<b>Ask</b> the\u{202e} office\nfor a key.";

async fn judge(event: SignInEvent<'_, Named>) -> HookResult<Admission> {
    let accounts = event.state::<Accounts>()?;
    let mut accounts = accounts.0.lock().await;
    let account = accounts.entry(event.claims().username.clone()).or_default();
    let members = event.token_response();
    account.visits += 1;
    account.wanted = event.return_to().to_owned();
    account.scope = members["scope"].as_str().unwrap_or_default().to_owned();
    account.members = members.keys().cloned().collect();
    let visits = account.visits;
    drop(accounts);
    let admitted = Admission::admit().with_data(&Seat { visits })?;
    Ok(match event.return_to() {
        "/protected?fails" => return Err("no row for canary@example.com".into()),
        "/protected?panics" => panic!("the canary of a panic"),
        "/protected?is-late" => {
            sleep(Duration::from_secs(60)).await;
            admitted
        }
        "/protected?large" => Admission::admit().with_data(&"x".repeat(600))?,
        "/protected?to-seat" => admitted.go_to("/seat?1"),
        "/protected?to-elsewhere" => admitted.go_to("https://elsewhere.example/"),
        _ if event.sub() == BOB => Admission::refuse(REASON),
        _ => admitted,
    })
}

#[get("/seat")]
fn seat(seat: SessionData<Seat>) -> String {
    format!("visit {}", seat.visits)
}

#[get("/seat/text")]
fn text(_seat: SessionData<String>) {}

#[get("/seat/maybe")]
fn maybe(user: User, seat: Option<SessionData<String>>) -> Result<String, Error> {
    let known = user.data::<Seat>()?.is_some();
    Ok(format!("{known} {}", seat.is_some()))
}

#[post("/refresh")]
async fn refresh(user: User) -> Result<String, Error> {
    Ok(user.refresh().await?.sub().to_owned())
}

fn rocket() -> Rocket<Build> {
    let config = rocket::Config::figment().merge(("secret_key", vec![7_u8; 64]));
    pages_and_again()
        .configure(config)
        .manage(Accounts::default())
        .mount("/", routes![seat, text, maybe, refresh])
}

fn fairing() -> LogtoFairing {
    Logto::fairing().on_sign_in(judge)
}

async fn app(logto: Dict) -> TestApp {
    TestApp::with_fairing(logto, fairing(), rocket()).await
}

/// A whole sign-in of `user`, who wants to go to `path`; the page where it ends.
async fn signs_in(app: &TestApp, browser: &Browser, user: &str, path: &str) -> Response {
    app.provider.hooks().sign_in_as(Some(user));
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("return_to", path)
        .finish();
    let start = app.url(&format!("/sign-in?{query}"));
    let way = browser.navigate_following(start, 10).await;
    way.into_iter().last().expect("a page")
}

/// The tokens that the provider was told to revoke: (token, hint).
fn revoked(provider: &DevProvider) -> Vec<(String, String)> {
    let requests = provider.requests_to(Endpoint::Revocation);
    let value = |request: &logto_dev_provider::Received, name| {
        request.form_value(name).unwrap_or_default().to_owned()
    };
    requests
        .iter()
        .map(|request| (value(request, "token"), value(request, "token_type_hint")))
        .collect()
}

#[rocket::async_test]
async fn the_hook_sees_the_sign_in_and_what_it_keeps_lasts_as_the_session_does() {
    let mut app = app(Dict::new()).await;
    let browser = Browser::new();
    let page = signs_in(&app, &browser, ALICE, "/protected?to-seat").await;
    assert_eq!(page.url().as_str(), app.url("/seat?1"));
    assert_eq!(page.text(), "visit 1");

    // The hook ran in the app, with its state, and saw no token.
    let page = signs_in(&app, &Browser::new(), ALICE, "/protected?a=b").await;
    assert_eq!(page.url().as_str(), app.url("/protected?a=b"));
    assert_eq!(page.text(), ALICE);

    // In the cookie, not in this process only; and a refresh leaves it.
    app.restart(Dict::new(), rocket()).await;
    let refreshed = browser.post_form(app.url("/refresh"), &[]).await;
    assert_eq!(refreshed.text(), ALICE);
    let seat = browser.navigate(app.url("/seat")).await;
    assert_eq!(seat.text(), "visit 1");

    // As another type it is an error with a way on, not a panic.
    let wrong = browser.navigate(app.url("/seat/text")).await;
    assert_eq!(wrong.status(), 403, "{}", wrong.text());
    let lines = lines_with(&reference(&wrong)).concat();
    assert!(lines.contains("session_data_does_not_fit"), "{lines}");
    let anew = browser.click(&wrong, "Sign in again").await;
    let prompt = anew.location_query("prompt").expect("a prompt");
    assert_eq!(prompt, "login consent");
    let maybe = browser.fetch_json(app.url("/seat/maybe")).await;
    assert_eq!(maybe.text(), "true false");

    // A session from before there was a hook has none; and now there is none again.
    let old = Browser::new();
    signs_in(&app, &old, ALICE, "/").await;
    let none = old.fetch_json(app.url("/seat")).await;
    assert_eq!(none.status(), 403);
    let maybe = old.fetch_json(app.url("/seat/maybe")).await;
    assert_eq!(maybe.text(), "false false");
}

#[get("/accounts")]
async fn accounts(accounts: &rocket::State<Accounts>) -> String {
    let accounts = accounts.0.lock().await;
    let line = |(name, account): (&String, &Account)| {
        let Account {
            visits,
            wanted,
            scope,
            members,
        } = account;
        format!("{name} {visits} {wanted} {scope} {}", members.join("+"))
    };
    accounts.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[rocket::async_test]
async fn each_sign_in_is_asked_about_once_however_many_come() {
    let rocket = rocket().mount("/", routes![accounts]);
    let app = TestApp::with_fairing(Dict::new(), fairing(), rocket).await;
    app.provider.hooks().sign_in_as(Some(ALICE));
    let ways = (0..10).map(async |_| {
        let browser = Browser::new();
        signs_in(&app, &browser, ALICE, "/protected").await.text()
    });
    assert!(join_all(ways).await.iter().all(|page| page == ALICE));

    // The same response twice at once: one of them counts.
    let (browser, back) = app.on_the_way_back(ZOE).await;
    let callback = back.location().expect("the callback");
    let twice = (0..2).map(|_| browser.navigate(callback.as_str()));
    join_all(twice).await;
    assert_eq!(who_is(&app, &browser).await, ZOE);

    let told = Browser::new().get(app.url("/accounts")).await.text();
    let scope = "openid offline_access profile expires_in+scope+token_type";
    let wanted = [
        format!("alice 10 /protected {scope}"),
        format!("zoe 1 /protected {scope}"),
    ];
    assert_eq!(told.lines().collect::<Vec<_>>(), wanted);
}

#[rocket::async_test]
async fn a_refused_sign_in_leaves_nothing_but_a_page_with_the_reason() {
    let app = app(Dict::new()).await;
    let browser = Browser::new();
    let page = signs_in(&app, &browser, BOB, "/protected?deep=link").await;
    assert_eq!(page.status(), 403);
    let html = page.page();
    assert_eq!(html.title, "You cannot sign in here");
    assert!(html.text.contains("<b>Ask</b> the"), "{}", html.text);
    assert!(html.text.contains("office for a key."), "{}", html.text);
    assert!(!page.text().contains("<b>"), "it is text");
    let line = lines_with(&reference(&page)).concat();
    assert!(line.contains("reason=on_sign_in_refused"), "{line}");
    assert_eq!(own_cookies(&browser), [""; 0]);
    assert_eq!(who_is(&app, &browser).await, NOBODY);
    let tokens = revoked(&app.provider);
    let [(token, hint)] = &tokens[..] else {
        panic!("not one revocation: {tokens:?}");
    };
    assert!(!token.is_empty() && hint == "refresh_token");

    // The way on: the provider asks who it is, and the page that was wanted comes.
    let start = browser.click(&page, "Sign in as someone else").await;
    let prompt = start.location_query("prompt").expect("a prompt");
    assert_eq!(prompt, "login consent");
    app.provider.hooks().sign_in_as(None);
    let form = browser.follow_all(start, 10).await.pop().expect("a form");
    let back = browser.submit(&form, ALICE, &[]).await;
    let end = browser.follow_all(back, 10).await.pop().expect("a page");
    assert_eq!(end.url().as_str(), app.url("/protected?deep=link"));
    assert_eq!(end.text(), ALICE);

    // The session that the browser has already goes on.
    app.provider.hooks().sign_in_as(Some(BOB));
    let again = browser
        .navigate_following(app.url("/again"), 10)
        .await
        .pop();
    assert_eq!(again.expect("a page").status(), 403);
    assert_eq!(who_is(&app, &browser).await, ALICE);
    let refreshed = browser.post_form(app.url("/refresh"), &[]).await;
    assert_eq!(refreshed.text(), ALICE, "its refresh token, too");
}

#[rocket::async_test]
async fn without_a_refresh_token_the_access_token_is_revoked() {
    let app = app(keys([("prompt", Vec::<String>::new().into())])).await;
    let page = signs_in(&app, &Browser::new(), BOB, "/").await;
    assert_eq!(page.status(), 403);
    let tokens = revoked(&app.provider);
    let hints: Vec<_> = tokens.iter().map(|(_, hint)| hint.as_str()).collect();
    assert_eq!(hints, ["access_token"]);

    // A provider that does not revoke makes no difference to the user.
    let fails = |_: &_, reply: &mut logto_dev_provider::Reply| reply.status = 500;
    app.provider.hooks().respond(Endpoint::Revocation, fails);
    let page = signs_in(&app, &Browser::new(), BOB, "/").await;
    assert_eq!(page.page().title, "You cannot sign in here");
}

#[rocket::async_test]
async fn a_hook_that_fails_in_any_way_lets_nobody_in() {
    let app = app(keys([("hook_timeout", "1s".into())])).await;
    let cases = [
        ("fails", "on_sign_in_failed", "no row for"),
        ("panics", "on_sign_in_panicked", "standard error"),
        ("is-late", "on_sign_in_late", "logto.hook_timeout, 1s"),
        ("large", "on_sign_in_failed", "602 bytes as JSON"),
    ];
    for (case, reason, cause) in cases {
        app.provider.clear_requests();
        let browser = Browser::new();
        let page = signs_in(&app, &browser, ALICE, &format!("/protected?{case}")).await;
        assert_eq!(page.status(), 500, "{case}: {}", page.text());
        assert_eq!(page.page().title, "Something in this app did not work");
        let lines = lines_with(&format!("reference={}", reference(&page)));
        let [line] = &lines[..] else {
            panic!("{case}: not one line: {lines:#?}");
        };
        assert!(line.starts_with("ERROR logto: HookFailed "), "{line}");
        assert!(
            line.contains(&format!("reason={reason} ")),
            "{case}: {line}"
        );
        assert!(line.contains(cause), "{case}: {line}");
        assert!(!line.contains("canary"), "{case}: {line}");
        assert_eq!(own_cookies(&browser), [""; 0], "{case}");
        assert_eq!(who_is(&app, &browser).await, NOBODY, "{case}");
        assert_eq!(revoked(&app.provider).len(), 1, "{case}");
    }

    // Elsewhere in the app it does not lead either.
    let page = signs_in(&app, &Browser::new(), ALICE, "/protected?to-elsewhere").await;
    assert_eq!(page.url().as_str(), app.url("/"));
    assert_eq!(page.text(), ALICE);
}

#[rocket::async_test]
async fn claims_that_do_not_fit_the_hook_are_told_by_name() {
    let app = app(Dict::new()).await;
    app.provider.hooks().id_token(|_, claims| {
        claims.remove("username");
    });
    let browser = Browser::new();
    let page = signs_in(&app, &browser, ALICE, "/protected").await;
    assert_eq!(page.status(), 403);
    let line = lines_with(&format!("reference={}", reference(&page))).concat();
    assert!(line.contains("on_sign_in_claims_do_not_fit"), "{line}");
    assert!(line.contains("no claim \"username\""), "{line}");
    assert_eq!(who_is(&app, &browser).await, NOBODY);
    assert_eq!(revoked(&app.provider).len(), 1);
}
