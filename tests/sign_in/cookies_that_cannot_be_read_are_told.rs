//! A sign-in whose answer comes without any cookie: the browser blocks them, or one of
//! this host's, maybe another app's, has bytes that are not UTF-8, for which the whole
//! header is lost. The page says so, and how to end it.

use rocket::tokio::io::{AsyncReadExt, AsyncWriteExt};
use rocket::tokio::net::TcpStream;
use url::Url;

use crate::support::app::ALICE;
use crate::support::browser::Browser;
use crate::support::log::lines_with;
use crate::support::refusal::{Trial, app, reference};

const TOLD: &str = "Your browser sent no cookie that can be read.";
const REMEDY: &str = "remove the cookies of this site";

/// Opens `url` with this header, byte for byte.
async fn with_cookies(url: &Url, cookies: &[u8]) -> String {
    let port = url.port().expect("a port");
    let mut server = TcpStream::connect(("127.0.0.1", port))
        .await
        .expect("the app");
    let query = url.query().unwrap_or_default();
    let mut request = format!(
        "GET {}?{query} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\
         Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\nCookie: ",
        url.path()
    )
    .into_bytes();
    request.extend_from_slice(cookies);
    request.extend_from_slice(b"\r\n\r\n");
    server.write_all(&request).await.expect("sent");
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).await.expect("an answer");
    String::from_utf8_lossy(&answer).into_owned()
}

#[rocket::async_test]
async fn a_cookie_of_this_site_that_is_not_text_is_told_with_the_remedy() {
    let app = app().await;
    let trial = Trial::new(&app, "not UTF-8");
    let callback = trial.callback().await;
    let own = trial.browser.cookie_header(&callback).expect("a cookie");
    for bad in [&b"x=\xff"[..], b"x=caf\xe9; y=1", b"\xc0\xaf=1"] {
        let cookies = [bad, b"; ", own.as_bytes()].concat();
        // It might be an old page of the provider that was opened again, so there is one
        // more try.
        let answer = with_cookies(&callback, &cookies).await;
        assert!(answer.starts_with("HTTP/1.1 303 "), "{answer}");
        let location = answer
            .lines()
            .find_map(|line| line.strip_prefix("location: "));
        let browser = Browser::new();
        let second = browser.navigate(location.expect("the provider")).await;
        let second = second.location().expect("a callback");
        let answer = with_cookies(&second, &cookies).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        assert!(answer.contains(TOLD), "{answer}");
        assert!(answer.contains(REMEDY), "{answer}");
    }
    // Once it is removed, the sign-in goes on.
    trial.accepts_at(callback.as_str(), ALICE).await;
}

#[rocket::async_test]
async fn a_browser_that_sends_no_cookies_is_told_so() {
    let app = app().await;
    let trial = Trial::new(&app, "no cookies");
    let callback = trial.callback().await;
    let second = Browser::new().navigate(&callback).await;
    let second = Browser::new().follow(&second).await;
    let page = Browser::new().follow(&second).await;
    assert_eq!(page.status(), 400, "{}", page.text());
    let text = page.page().text;
    assert!(text.contains(TOLD) && text.contains(REMEDY), "{text}");
    assert!(!text.contains("opened twice"), "{text}");
    let line = lines_with(&format!("reference={}", reference(&page))).remove(0);
    let begins = "WARN logto: NoCookies reason=state_unknown reference=";
    assert!(line.starts_with(begins), "{line}");
    assert!(
        line.contains("no Cookie header came that can be read"),
        "{line}"
    );
    assert!(line.contains("contains invalid UTF-8"), "{line}");
    trial.accepts_at(callback.as_str(), ALICE).await;
}

/// Whose cookies arrive, only not that of this sign-in, is told the usual.
#[rocket::async_test]
async fn other_cookies_are_no_missing_cookies() {
    let app = app().await;
    let trial = Trial::new(&app, "another sign-in");
    let callback = trial.callback().await;
    let other = Trial::new(&app, "of another browser");
    other.callback().await;
    let second = other.browser.navigate(&callback).await;
    let second = other.browser.follow(&second).await;
    other
        .browser
        .edit_cookies(|jar| jar.retain(|cookie| !cookie.name.contains("_txn_")));
    other
        .browser
        .set_cookie_raw(app.url("/"), "other=1; Path=/")
        .expect("a cookie");
    let page = other.browser.follow(&second).await;
    assert_eq!(page.status(), 400, "{}", page.text());
    assert!(!page.page().text.contains(TOLD), "{}", page.text());
}
