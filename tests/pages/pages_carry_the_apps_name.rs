//! `app_name` and `app_icon` stand at the top of the library's pages, which lead to the app's
//! front page and let in no other picture.

use rocket::figment::value::{Dict, Value};
use rocket::{Build, Rocket};
use rocket_logto::{Logto, LogtoConfig};

use crate::support::app::{TestApp, configuration, keys};
use crate::support::browser::{Browser, Response};
use crate::support::own_pages;

fn policy(page: &Response) -> Vec<String> {
    let policy = page.header("content-security-policy").expect("a policy");
    policy.split("; ").map(str::to_owned).collect()
}

async fn page(logto: Dict, rocket: Rocket<Build>) -> (TestApp, Response) {
    let app = TestApp::with_fairing(logto, Logto::fairing(), rocket).await;
    let page = Browser::new().navigate(app.url("/error/8")).await;
    assert_eq!(page.status(), 400, "{}", page.text());
    (app, page)
}

#[rocket::async_test]
async fn at_the_top_of_a_page() {
    let logto = keys([
        ("app_name", " <Team> notes ".into()),
        ("app_icon", "/static/icon.svg?a=1&b=2".into()),
    ]);
    let (_app, named) = page(logto, own_pages::rocket()).await;
    let html = named.text();
    let brand = "<header><a class=\"brand\" href=\"&#x2F;\"><img src=\"&#x2F;static&#x2F;icon.svg?a=1\
                 &amp;b=2\" alt=\"\" width=\"32\" height=\"32\"><span>&lt;Team&gt; notes</span>";
    let unquoted = html.replace("&#x3D;", "=");
    assert!(unquoted.contains(brand), "{html}");
    assert_eq!(named.page().title, "Sign-in did not work · <Team> notes");
    assert!(policy(&named).contains(&"img-src 'self'".to_owned()));

    // Without them the host says whose page it is.
    let (app, plain) = page(Dict::new(), own_pages::rocket()).await;
    let host = app.url("").replace("http://", "");
    let host = host.trim_end_matches('/');
    let html = plain.text();
    assert!(
        html.contains(&format!("<span>{host}</span>")),
        "{host} not in {html}"
    );
    assert!(
        !html.contains("<img") && !html.contains("rel=\"icon\""),
        "{html}"
    );
    assert!(
        !policy(&plain)
            .iter()
            .any(|part| part.starts_with("img-src"))
    );
    assert_eq!(plain.page().title, "Sign-in did not work");
}

#[rocket::async_test]
async fn below_a_path_and_at_another_host() {
    let below = keys([
        ("base_url", "http://localhost:1/team/notes".into()),
        ("app_icon", "/icon.svg".into()),
    ]);
    let (_app, page_below) = page(below, own_pages::rocket()).await;
    let html = page_below.text().replace("&#x2F;", "/");
    assert!(
        html.contains("class=\"brand\" href=\"/team/notes/\""),
        "{html}"
    );
    assert!(html.contains("<img src=\"/team/notes/icon.svg\""), "{html}");
    assert!(policy(&page_below).contains(&"img-src 'self'".to_owned()));

    let elsewhere = "https://cdn.example:8443/icons/notes.svg?v=1";
    let (_app, page) = page(keys([("app_icon", elsewhere.into())]), own_pages::rocket()).await;
    let html = page.text().replace("&#x2F;", "/").replace("&#x3D;", "=");
    assert!(
        html.contains(&format!("<img src=\"{elsewhere}\"")),
        "{html}"
    );
    let images = "img-src https://cdn.example:8443";
    assert!(
        policy(&page).contains(&images.to_owned()),
        "{:?}",
        policy(&page)
    );
}

#[test]
fn a_mistake_in_them_stops_the_launch() {
    let read = |key: &str, value: &str| {
        let logto = Dict::from([(key.to_owned(), Value::from(value))]);
        let figment = rocket::Config::figment();
        let figment = configuration(&figment, 8000, "http://127.0.0.1:9", logto);
        LogtoConfig::from_figment(&figment).map_err(|error| error.to_string())
    };
    for icon in [
        "",
        "icon.svg",
        "//elsewhere.example/icon.svg",
        "/\\elsewhere.example/icon.svg",
        "http://cdn.example/icon.svg",
        "https://",
        "https://user:pw@cdn.example/icon.svg",
        "data:image/svg+xml,<svg/>",
        "javascript:alert(1)",
        "/icon.svg; script-src *",
    ] {
        let error = read("app_icon", icon).expect_err(icon);
        assert!(
            error.contains("logto.app_icon must be a path of the app"),
            "{error}"
        );
    }
    for name in ["", "  ", "two\nlines", &"x".repeat(61)] {
        let error = read("app_name", name).expect_err(name);
        assert!(error.contains("logto.app_name must be one line"), "{error}");
    }
    let config = read("app_name", &"ก".repeat(60)).expect("as long as may be");
    assert_eq!(config.app_name.map(|name| name.chars().count()), Some(60));
    let config = read("app_icon", "https://cdn.example").expect("a URL");
    assert_eq!(config.app_icon.as_deref(), Some("https://cdn.example/"));
}
