//! The links to Logto's account center: to the page that was meant, and back to this app and
//! to nowhere else. And the link of a one-time token.

use logto_dev_provider::Endpoint;
use rocket::figment::value::{Dict, Value};
use rocket::{Build, Rocket, State, get, routes};
use rocket_logto::{AccountLink, AccountPage, Logto};
use url::Url;

use crate::support::app::{ALICE, TestApp, absent, keys};
use crate::support::browser::{Browser, query};
use crate::support::pages::pages;
use crate::support::serve::free_port;

#[get("/account/password?<back>")]
fn password(back: Option<&str>, logto: &State<Logto>) -> Option<AccountLink> {
    let link = logto.account(AccountPage::Password)?;
    Some(match back {
        Some(back) => link.return_to(back),
        None => link,
    })
}

#[get("/account/all")]
fn all(logto: &State<Logto>) -> String {
    let links = AccountPage::ALL
        .iter()
        .filter_map(|page| logto.account(*page));
    links.map(|link| format!("{link}\n")).collect()
}

#[get("/letter?<email>")]
fn letter(email: &str, logto: &State<Logto>) -> String {
    logto.magic_link(email, "one&time=token").into()
}

fn rocket() -> Rocket<Build> {
    pages().mount("/", routes![password, all, letter])
}

async fn redirect(app: &TestApp, back: &str) -> Url {
    let mut url = Url::parse(&app.url("/account/password")).expect("a URL");
    url.query_pairs_mut().append_pair("back", back);
    let page = Browser::new().navigate(url.as_str()).await;
    assert_eq!(page.status(), 303, "{}", page.text());
    let location = page.location().expect("a location");
    assert_eq!(location.path(), "/account/password");
    assert_eq!(
        location.origin(),
        Url::parse(&app.provider.endpoint()).expect("one").origin()
    );
    let redirect = query(&location, "redirect").expect("a way back");
    Url::parse(&redirect).expect("a URL")
}

#[rocket::async_test]
async fn the_way_back_is_a_page_of_this_app() {
    let app = TestApp::with(Dict::new(), rocket()).await;
    let own = Url::parse(&app.url("/")).expect("a URL");
    let back = redirect(&app, "/settings?tab=2#password").await;
    assert_eq!(back, own.join("/settings?tab=2#password").expect("a URL"));
    for hostile in [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "evil",
        "",
        "/..//evil.example",
        "/callback?code=x",
    ] {
        assert_eq!(redirect(&app, hostile).await, own, "{hostile:?}");
    }
    let none = Browser::new().navigate(app.url("/account/password")).await;
    assert_eq!(
        query(&none.location().expect("one"), "redirect").as_deref(),
        Some(own.as_str())
    );
}

/// Whoever writes the `Host` header does not choose where users come back to.
#[rocket::async_test]
async fn the_way_back_is_not_that_of_the_host_header() {
    let public = "https://app.example/team";
    let app = TestApp::with(keys([("base_url", Value::from(public))]), rocket()).await;
    for (name, value) in [
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
    ] {
        let browser = Browser::new();
        let request = browser.request(reqwest::Method::GET, app.url("/account/password"));
        let page = request.header(name, value).send().await;
        let location = page.location().expect("a location");
        let back = query(&location, "redirect");
        assert_eq!(back.as_deref(), Some("https://app.example/team/"), "{name}");
    }
}

/// Each page is there, and its link back works, at the development provider.
#[rocket::async_test]
async fn every_page_is_there_and_leads_back() {
    let app = TestApp::with(Dict::new(), rocket()).await;
    let browser = Browser::new();
    app.sign_in(&browser, "/sign-in", ALICE).await;
    let links = browser.get(app.url("/account/all")).await.text();
    assert_eq!(links.lines().count(), AccountPage::ALL.len());
    for link in links.lines() {
        let page = browser.navigate(link).await;
        assert_eq!(page.status(), 200, "{link}");
        assert!(page.text().contains("Alice Example"), "{}", page.text());
        let home = browser.click(&page, "Back").await;
        assert_eq!(home.status(), 200, "{}", home.text());
    }
    // Anybody can write such a link.
    let link = links.lines().next().expect("a link");
    let (address, _) = link.split_once('?').expect("a query");
    let hostile = format!("{address}?redirect=https%3A%2F%2Fevil.example%2F");
    let page = browser.navigate(hostile).await.text();
    assert!(!page.contains("evil.example"), "{page}");
    let unknown = browser
        .navigate(format!("{}/account/x", app.provider.endpoint()))
        .await;
    assert_eq!(unknown.status(), 404);
}

/// `issuer` names some provider, and nothing is known of its pages.
#[rocket::async_test]
async fn another_provider_has_no_such_pages() {
    let app = TestApp::with(Dict::new(), rocket()).await;
    let endpoint = app.provider.endpoint();
    let issuer = Value::from(format!("{endpoint}/oidc"));
    let table = keys([("endpoint", absent()), ("issuer", issuer)]);
    let other = TestApp::serve(free_port(), &endpoint, table, rocket()).await;
    let page = Browser::new()
        .navigate(other.url("/account/password"))
        .await;
    assert_eq!(page.status(), 404);
    assert_eq!(
        Browser::new().get(other.url("/account/all")).await.text(),
        ""
    );
}

/// The link that a letter holds begins a sign-in with the token, and is of `base_url`.
#[rocket::async_test]
async fn a_magic_link_begins_a_sign_in_with_its_token() {
    let app = TestApp::with(Dict::new(), rocket()).await;
    let link = Browser::new()
        .get(app.url("/letter?email=ada%2Bx@example.com"))
        .await
        .text();
    let url = Url::parse(&link).expect("a URL");
    assert_eq!(url.path(), "/sign-in");
    assert_eq!(
        query(&url, "login_hint").as_deref(),
        Some("ada+x@example.com")
    );
    let page = Browser::new().navigate(&link).await;
    let location = page.location().expect("a location");
    assert_eq!(
        query(&location, "one_time_token").as_deref(),
        Some("one&time=token")
    );
    assert_eq!(
        query(&location, "login_hint").as_deref(),
        Some("ada+x@example.com")
    );
    assert!(app.provider.requests_to(Endpoint::Account).is_empty());
}
