//! An app shows the library's pages in its own dress, through a template or without one.
//! What protects them stays, and where its own page fails there is the built-in one.

use std::collections::BTreeSet;
use std::io::Cursor;
use std::path::PathBuf;

use rocket::fairing::AdHoc;
use rocket::figment::value::Dict;
use rocket::http::{ContentType, CookieJar, Status};
use rocket::response::{Redirect, Responder, Response as Answer, content::RawHtml};
use rocket::{Build, Request, Rocket, get, response, routes};
use rocket_dyn_templates::Template;
use rocket_logto::{Error, Logto, LogtoFairing, Page, PageKind, internals};
use serde_json::Value;

use crate::support::app::{ALICE, TestApp, keys};
use crate::support::browser::{Browser, Response};
use crate::support::log::lines_with;
use crate::support::own_pages::{self, Reader, as_json, every_page};
use crate::support::pages::NOBODY;
use crate::support::refusal::who_is;

/// All that a page says, and its actions as HTML.
const TEMPLATE: &str = r#"<!doctype html>
<html lang="{{ language }}"><head><title>{{ title }}</title></head><body>
<p>Own page of {{ app_name }}: {{ kind }} {{ status }}</p>
<h1>{{ title }}</h1>
{% for paragraph in paragraphs %}<p>{{ paragraph }}</p>{% endfor %}
{% for action in actions %}{% if action.form %}<form method="{{ action.form.method }}"
action="{{ action.form.action }}"><input type="hidden" name="{{ action.form.field.name }}"
value="{{ action.form.field.value }}"><button>{{ action.label }}</button></form>
{% else %}<a href="{{ action.href }}">{{ action.label }}</a>{% endif %}{% endfor %}
{% if reference %}<p>Reference: <code>{{ reference }}</code></p>{% endif %}
{% if cause %}<section class="cause">{{ cause }}</section>{% endif %}
<a href="{{ home }}">Front page</a>
</body></html>"#;

/// A folder with this template.
fn templates(name: &str, template: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("logto.html.tera"), template).expect("a template");
    folder
}

fn with_templates(name: &str, template: &str) -> Rocket<Build> {
    let folder = templates(name, template);
    // Here, because what the tests configure keeps only what Rocket itself knows.
    let configure = AdHoc::on_ignite("templates", |rocket| async {
        let figment = rocket.figment().clone();
        rocket.configure(figment.merge(("template_dir", folder)))
    });
    let rocket = own_pages::rocket().attach(configure);
    rocket.attach(Template::fairing())
}

fn is_protected(page: &Response, case: &str) {
    assert_eq!(page.header("cache-control"), Some("no-store"), "{case}");
    let referrer = page.header("referrer-policy").unwrap_or_default();
    assert!(["no-referrer", "same-origin"].contains(&referrer), "{case}");
    let policy = page.header("content-security-policy").unwrap_or_default();
    assert!(
        policy.contains("frame-ancestors 'none'"),
        "{case}: {policy}"
    );
    assert_eq!(page.header("x-rocket-logto-page"), None, "{case}");
    for name in page.headers().keys() {
        let times = page.headers().get_all(name).into_iter().count();
        assert!(times == 1 || name == "set-cookie", "{name} twice, {case}");
    }
}

/// The very line of the guide, from an app's crate.
fn tera() -> LogtoFairing {
    Logto::fairing()
        .pages(|page, request| Some(Template::render("logto", &page).respond_to(request)))
}

#[rocket::async_test]
async fn every_page_comes_from_one_template() {
    let logto = || {
        keys([
            ("http_timeout", "1s".into()),
            ("app_name", "<Notes>".into()),
        ])
    };
    let rocket = with_templates("own-pages", TEMPLATE);
    let app = TestApp::with_fairing(logto(), tera(), rocket).await;
    let mut kinds = BTreeSet::new();
    let built_in = TestApp::with(logto(), own_pages::rocket()).await;
    let built_in = every_page(built_in, "th").await;
    let own = every_page(app, "th").await;
    assert_eq!(own.len(), built_in.len());
    for (own, built_in) in own.iter().zip(&built_in) {
        let html = own.text();
        assert!(html.contains("<p>Own page of &lt;Notes&gt;: "), "{html}");
        assert!(html.contains("<html lang=\"th\">"), "{html}");
        is_protected(own, &html);
        let kind = html.split("Notes&gt;: ").nth(1).expect("a kind");
        kinds.insert(kind.split(' ').next().expect("a word").to_owned());
        // Neither the status nor what a page says and offers is another.
        assert_eq!(own.status(), built_in.status(), "{html}");
        assert!(kind.contains(&format!(" {}</p>", own.status())), "{html}");
        for name in ["retry-after", "referrer-policy", "vary"] {
            assert_eq!(own.header(name), built_in.header(name), "{name}: {html}");
        }
        let challenges = [own, built_in].map(|page| page.header("www-authenticate").is_some());
        assert_eq!(challenges[0], challenges[1], "{html}");
        let (own, built_in) = (own.page(), built_in.page());
        assert!(built_in.title.starts_with(&own.title), "{html}");
        let labels = |page: &crate::support::html::Page| {
            let links = page.links.iter().map(|link| link.text.clone());
            let buttons = page.forms.iter().flat_map(|form| &form.buttons);
            let buttons = buttons.map(|button| button.text.clone());
            let is_frame = |label: &String| ["<Notes>", "Front page"].contains(&label.as_str());
            let labels = links.chain(buttons).filter(|label| !is_frame(label));
            labels.collect::<Vec<_>>()
        };
        assert_eq!(labels(&own), labels(&built_in), "{html}");
        assert!(!labels(&own).is_empty(), "{html}");
        assert_eq!(own.cause.is_empty(), built_in.cause.is_empty(), "{html}");
    }
    let all = internals::page_kinds().iter().map(|kind| {
        let name = serde_json::to_value(kind).expect("a name");
        name.as_str().expect("text").to_owned()
    });
    assert_eq!(kinds, all.collect());
}

/// The questions still work: their forms carry what they must.
#[rocket::async_test]
async fn a_user_signs_out_on_a_page_of_the_apps_own() {
    let rocket = with_templates("own-sign-out", TEMPLATE);
    let app = TestApp::with_fairing(Dict::new(), tera(), rocket).await;
    let reader = Reader {
        app: &app,
        browser: Browser::new(),
        accept: "en",
    };
    reader.signs_in().await;
    assert_eq!(who_is(&app, &reader.browser).await, ALICE);
    let page = reader.sign_out().await;
    assert!(
        page.text().contains("sign_out_question 200"),
        "{}",
        page.text()
    );
    let policy = page.header("content-security-policy").unwrap_or_default();
    let target = format!("form-action 'self' {};", app.provider.endpoint());
    assert!(policy.contains(&target), "{policy}");
    let answer = reader.browser.submit(&page, "Sign out", &[]).await;
    assert_eq!(answer.status(), 303, "{}", answer.text());
    assert_eq!(who_is(&app, &reader.browser).await, NOBODY);

    let page = reader.link().await;
    assert!(
        page.text().contains("sign_in_by_link 200"),
        "{}",
        page.text()
    );
    let answer = reader.browser.submit(&page, "Sign in", &[]).await;
    let to = answer.location().expect("the provider");
    assert!(to.as_str().starts_with(&app.provider.issuer()), "{to}");
}

/// Sets whatever it can, and what it must not.
fn greedy<'r>(page: Page, _: &'r Request<'_>) -> Option<response::Result<'r>> {
    let mut answer = Answer::build();
    answer.status(Status::Ok).header(ContentType::HTML);
    for (name, value) in [
        ("Cache-Control", "public, max-age=3600"),
        ("Referrer-Policy", "unsafe-url"),
        ("Retry-After", "1"),
        ("WWW-Authenticate", "Basic"),
        ("Location", "/elsewhere"),
        ("Set-Cookie", "theirs=1"),
        ("X-Own", "yes"),
        ("X-Rocket-Logto-Page", "0"),
    ] {
        answer.raw_header(name, value);
    }
    match page.kind {
        PageKind::SignInRejected => {}
        PageKind::NoCookies => {
            answer.raw_header("Content-Security-Policy", "default-src 'self'");
            answer.raw_header("Vary", "X-Own");
        }
        _ => {
            let policy = "script-src 'self'; frame-ancestors https://partner.example";
            answer.raw_header("Content-Security-Policy", policy);
        }
    }
    let body = as_json(&page);
    Some(Ok(answer
        .sized_body(body.len(), Cursor::new(body))
        .finalize()))
}

#[rocket::async_test]
async fn what_protects_a_page_stays() {
    let logto = keys([("app_icon", "https://cdn.example/icon.svg".into())]);
    let fairing = Logto::fairing().pages(greedy);
    let app = TestApp::with_fairing(logto, fairing, own_pages::rocket()).await;
    let reader = Reader {
        app: &app,
        browser: Browser::new(),
        accept: "en",
    };
    for page in reader.errors().await {
        let json: Value = page.json();
        let case = json["kind"].as_str().expect("a kind").to_owned();
        is_protected(&page, &case);
        assert_eq!(page.status(), json["status"], "{case}");
        assert_eq!(
            page.header("referrer-policy"),
            Some("no-referrer"),
            "{case}"
        );
        assert_eq!(page.header("x-own"), Some("yes"), "{case}");
        assert_eq!(page.header("location"), None, "{case}");
        assert_eq!(page.set_cookies(), ["theirs=1"], "{case}");
        assert_eq!(page.header("content-language"), None, "{case}");
        let content_type = page.header("content-type");
        assert_eq!(content_type, Some("text/html; charset=utf-8"), "{case}");
        let retry = page.header("retry-after");
        assert_eq!(retry, (page.status() == 503).then_some("5"), "{case}");
        let challenge = page.header("www-authenticate").unwrap_or_default();
        assert_eq!(
            challenge.starts_with("Cookie "),
            page.status() == 401,
            "{case}"
        );
        assert!(!challenge.contains("Basic"), "{case}");
        let policy = page.header("content-security-policy").expect("a policy");
        let vary = page.header("vary").expect("a header");
        match case.as_str() {
            "sign_in_rejected" => {
                assert!(
                    policy.starts_with("default-src 'none'; style-src 'self'; "),
                    "{policy}"
                );
                let images = "; img-src 'self' data: https://cdn.example; ";
                assert!(policy.contains(images), "{policy}");
                assert!(!policy.contains("sha256"), "{policy}");
                assert_eq!(vary, "Accept-Language", "{case}");
            }
            "no_cookies" => {
                assert_eq!(policy, "default-src 'self', frame-ancestors 'none'");
                assert_eq!(vary, "Accept-Language, X-Own", "{case}");
            }
            _ => assert!(
                policy.ends_with("https://partner.example, frame-ancestors 'none'"),
                "{policy}"
            ),
        }
    }
}

/// The library's own cookies and the handler's go with the page.
#[rocket::async_test]
async fn cookies_stay() {
    #[get("/with-cookie")]
    fn with_cookie(jar: &CookieJar<'_>) -> Result<(), Error> {
        jar.add(("handlers", "1"));
        Err(internals::errors()[8].clone())
    }

    let fairing = Logto::fairing().pages(greedy);
    let rocket = own_pages::rocket().mount("/", routes![with_cookie]);
    let app = TestApp::with_fairing(Dict::new(), fairing, rocket).await;
    let browser = Browser::new();
    let page = browser.navigate(app.url("/with-cookie")).await;
    let cookies = page.set_cookies();
    assert!(
        cookies.iter().any(|line| line.starts_with("handlers=1")),
        "{cookies:?}"
    );
    assert!(cookies.iter().any(|line| line == "theirs=1"), "{cookies:?}");

    // A sign-in that the provider's answer ends: its cookie is removed.
    app.provider.hooks().sign_in_as(Some(ALICE));
    let start = browser.navigate(app.url("/sign-in")).await;
    let state = start.location_query("state").expect("a state");
    let iss = app.provider.issuer();
    let refused = format!("/callback?error=access_denied&state={state}&iss={iss}");
    let refused = app.url(&refused);
    let page = browser.navigate(refused).await;
    let json: Value = page.json();
    assert_eq!(json["kind"], "sign_in_cancelled");
    let cookies = page.set_cookies();
    let is_removed = |line: &String| line.contains("_txn_") && line.contains("Max-Age=0");
    assert!(cookies.iter().any(is_removed), "{cookies:?}");
    let vary = page.header("vary");
    assert_eq!(vary, Some("Accept-Language, Cookie"));
}

/// An app whose pages fail, each kind in its own way.
fn failing<'r>(page: Page, request: &'r Request<'_>) -> Option<response::Result<'r>> {
    match page.kind {
        PageKind::SignInRejected => Some(Err(Status::InternalServerError)),
        PageKind::NoCookies => panic!("as it was told"),
        PageKind::SignInRefused => Some(Redirect::to("/error/12").respond_to(request)),
        PageKind::SignInUnverified => Some(Ok(Answer::new())),
        PageKind::Misconfigured => Some(Template::render("none-such", ()).respond_to(request)),
        // An error of ours in place of a page of ours.
        PageKind::Denied => Some(internals::errors()[4].clone().respond_to(request)),
        _ => None,
    }
}

#[rocket::async_test]
async fn a_page_that_fails_is_the_built_in_one() {
    let rocket = with_templates("own-failing", "{{ no.such.thing }}");
    let fairing = Logto::fairing().pages(failing);
    let app = TestApp::with_fairing(Dict::new(), fairing, rocket).await;
    let reader = Reader {
        app: &app,
        browser: Browser::new(),
        accept: "en",
    };
    let (mut failed, line) = (0, "logto: the app's own page for ");
    let logged = |kind: &str| lines_with(&format!("{line}{kind} cannot be shown: "));
    for page in reader.errors().await {
        let html = page.text();
        assert!(html.contains("<header><a class=\"brand\""), "{html}");
        assert!(html.contains(" lang=\"en\""), "{html}");
        is_protected(&page, &html);
        let policy = page.header("content-security-policy").expect("a policy");
        assert!(policy.contains("sha256"), "{policy}");
        failed += 1;
    }
    assert!(failed > 24);
    for (kind, why) in [
        ("SignInRejected", "it failed with 500 Internal Server Error"),
        ("NoCookies", "it panicked"),
        ("SignInRefused", "it is no page, but 303 See Other"),
        ("SignInUnverified", "it is no page, but 200 OK"),
        ("Misconfigured", "it failed with 500 Internal Server Error"),
    ] {
        let lines = logged(kind);
        assert!(
            lines[0].contains(why) && lines[0].starts_with("ERROR "),
            "{kind}: {lines:?}"
        );
    }
    assert_eq!(logged("SessionData"), [""; 0]);
    assert_eq!(
        logged("Denied"),
        [""; 0],
        "it is a page, though another one"
    );

    // A template with a mistake.
    let rocket = with_templates("own-broken", "{{ no.such.thing }}");
    let app = TestApp::with_fairing(Dict::new(), tera(), rocket).await;
    let page = Browser::new().navigate(app.url("/error/19")).await;
    assert_eq!(page.status(), 500);
    assert_eq!(page.page().title, "This sign-in could not be started");
    assert!(!logged("SignInTooLarge").is_empty());
}

/// Makes pages of the library, and answers with something else, or with the first one.
struct ChangesItsMind(bool);

impl<'r> Responder<'r, 'static> for ChangesItsMind {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let errors = internals::errors();
        let first = errors[8].clone().respond_to(request)?;
        let second = errors[9].clone().respond_to(request)?;
        drop(second);
        match self.0 {
            true => Ok(first),
            false => RawHtml("another answer").respond_to(request),
        }
    }
}

#[get("/changes-its-mind?<first>")]
fn changes_its_mind(first: bool) -> ChangesItsMind {
    ChangesItsMind(first)
}

/// The app is asked about pages that are sent, and about nothing else.
#[rocket::async_test]
async fn only_pages_are_the_apps_own() {
    let fairing = Logto::fairing().pages(greedy);
    let rocket = own_pages::rocket().mount("/", routes![changes_its_mind]);
    let app = TestApp::with_fairing(Dict::new(), fairing, rocket).await;
    let browser = Browser::new();
    let page = browser
        .navigate(app.url("/changes-its-mind?first=false"))
        .await;
    assert_eq!(page.text(), "another answer");
    assert_eq!(page.header("x-own"), None);
    let page = browser
        .navigate(app.url("/changes-its-mind?first=true"))
        .await;
    assert_eq!(page.page().title, "Sign-in did not work");
    assert_eq!(page.header("x-own"), None, "it was asked about another one");
    is_protected(&page, "the first of two");

    for number in 3..internals::errors().len() {
        let answer = browser
            .fetch_json(app.url(&format!("/error/{number}")))
            .await;
        let json: Value = answer.json();
        assert!(
            json["error"].is_string() && json["kind"].is_null(),
            "{json}"
        );
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("x-own"), None, "{json}");
        assert_eq!(answer.header("content-security-policy"), None, "{json}");
    }
    let redirect = browser.navigate(app.url("/protected")).await;
    assert_eq!((redirect.status(), redirect.header("x-own")), (303, None));
}
