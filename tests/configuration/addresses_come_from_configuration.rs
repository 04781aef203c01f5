//! Every address the app gives away comes from `base_url`, never from what a
//! request says; and `base_url` decides what its cookies look like.

use reqwest::Method;
use rocket::figment::value::Dict;

use crate::support::app::{ALICE, TestApp, keys};
use crate::support::browser::{Browser, Response, query};
use crate::support::cookie_jar::SameSite;
use crate::support::pages::{NOBODY, pages};

const PUBLIC: &str = "https://app.example.com";

const POISON: [&[(&str, &str)]; 14] = [
    &[("Host", "evil.example")],
    &[("Host", "evil.example:3000")],
    &[("Host", "localhost@evil.example")],
    &[("X-Forwarded-Host", "evil.example")],
    &[("X-Forwarded-Host", "evil.example, localhost")],
    &[("X-Forwarded-Proto", "https")],
    &[("X-Forwarded-Proto", "javascript")],
    &[("X-Forwarded-Port", "1")],
    &[("X-Forwarded-Prefix", "/evil")],
    &[("Forwarded", "host=evil.example;proto=https")],
    &[("X-Original-URL", "/evil"), ("X-Rewrite-URL", "/evil")],
    &[
        ("X-Original-Host", "evil.example"),
        ("X-Host", "evil.example"),
    ],
    &[("Origin", "https://evil.example")],
    &[("Referer", "https://evil.example/protected")],
];

/// What an answer gives away, without what is random in it.
fn addresses(answer: &Response) -> (u16, String, Vec<String>) {
    let mut location = answer.header("location").unwrap_or_default().to_owned();
    if let Some(url) = answer.location()
        && query(&url, "client_id").is_some()
    {
        let mut kept = url.clone();
        let random = ["state", "nonce", "code_challenge", "id_token_hint"];
        kept.query_pairs_mut().clear().extend_pairs(
            url.query_pairs()
                .filter(|(name, _)| !random.contains(&&**name)),
        );
        location = kept.into();
    }
    let attributes = |line: &String| {
        let (pair, attributes) = line.split_once(';').expect("attributes");
        let name = pair.split('=').next().unwrap_or_default();
        let name = name.rsplit_once("txn_").map_or(name, |(name, _)| name);
        format!("{name};{attributes}")
    };
    let cookies = answer.set_cookies().iter().map(attributes).collect();
    (answer.status(), location, cookies)
}

#[rocket::async_test]
async fn headers_of_a_request_change_no_address_and_no_cookie() {
    let app = TestApp::start(pages()).await;
    app.provider.hooks().sign_in_as(Some(ALICE));
    /// Asks for everything that gives an address away, signing in on the way.
    async fn tour(app: &TestApp, headers: &[(&str, &str)]) -> Vec<(u16, String, Vec<String>)> {
        let browser = Browser::new();
        let ask = async |method: Method, url: String| {
            let mut request = browser.request(method, url);
            for (name, value) in headers {
                request = request.header(name, value);
            }
            request.send().await
        };
        let guarded = ask(Method::GET, app.url("/protected?x=1")).await;
        let mut sign_in = ask(Method::GET, app.url("/sign-in?return_to=/protected")).await;
        // At another host it is first sent to its own, and then taken as it comes.
        let base = app.url("/sign-in?return_to=%2Fprotected&from_another_host=1");
        if sign_in.header("location") == Some(&base) {
            assert!(headers[0].0 == "Host" && sign_in.set_cookies().is_empty());
            sign_in = ask(Method::GET, base).await;
        }
        let back = browser.follow(&sign_in).await;
        let callback = back.location().expect("the callback");
        let callback = ask(Method::GET, callback.into()).await;
        let cancelled = ask(Method::GET, app.url("/callback")).await;
        let confirm = ask(Method::GET, app.url("/sign-out")).await;
        let sign_out = browser
            .submit(&browser.get(app.url("/sign-out")).await, "Sign out", &[])
            .await;
        [guarded, sign_in, callback, cancelled, confirm, sign_out]
            .iter()
            .inspect(|answer| assert!(!answer.text().contains("evil"), "{headers:?}"))
            .map(addresses)
            .collect()
    }
    let plain = tour(&app, &[]).await;
    let statuses: Vec<_> = plain.iter().map(|(status, ..)| *status).collect();
    assert_eq!(statuses, [303, 303, 303, 200, 200, 303], "{plain:#?}");
    assert_eq!(plain[2].1, "/protected");
    for headers in POISON {
        assert_eq!(tour(&app, headers).await, plain, "{headers:?}");
    }
}

/// An app whose public address is `PUBLIC`, and a browser that reaches it there.
async fn behind_tls(mut logto: Dict) -> (TestApp, Browser) {
    logto.extend(keys([("base_url", PUBLIC.into())]));
    let app = TestApp::with(logto, pages()).await;
    app.provider
        .set_redirect_uris([format!("{PUBLIC}/callback")]);
    app.provider
        .set_post_logout_redirect_uris([format!("{PUBLIC}/")]);
    let browser = Browser::new().behind_proxy(PUBLIC, &app.url("/"));
    (app, browser)
}

fn assert_host_cookies(browser: &Browser, case: &str) {
    let ours = |cookie: &crate::support::cookie_jar::StoredCookie| cookie.domain.contains("app.");
    let cookies: Vec<_> = browser.cookies().into_iter().filter(ours).collect();
    assert!(!cookies.is_empty(), "{case}");
    for cookie in cookies {
        assert!(
            cookie.name.starts_with("__Host-logto_"),
            "{case}: {cookie:?}"
        );
        assert!(cookie.secure && cookie.http_only, "{case}: {cookie:?}");
        assert!(cookie.host_only && cookie.path == "/", "{case}: {cookie:?}");
    }
}

#[rocket::async_test]
async fn an_https_base_url_makes_host_cookies() {
    let (app, browser) = behind_tls(Dict::new()).await;
    let hops = browser
        .navigate_following(format!("{PUBLIC}/protected?x=1"), 5)
        .await;
    assert_host_cookies(&browser, "during the sign-in");
    let page = hops.last().expect("the provider's page");
    let redirect_uri = query(page.url(), "redirect_uri");
    assert_eq!(redirect_uri, Some(format!("{PUBLIC}/callback")));
    let button = browser.submit(page, ALICE, &[]).await;
    let page = browser.follow_all(button, 5).await.pop().expect("a page");
    assert_eq!(page.url().as_str(), format!("{PUBLIC}/protected?x=1"));
    assert_eq!(page.text(), ALICE);
    assert_host_cookies(&browser, "signed in");
    let session = browser.cookie("__Host-logto_session").expect("a session");
    assert_eq!(session.same_site, SameSite::Lax);

    let left = browser.post_form(format!("{PUBLIC}/sign-out"), &[]).await;
    assert_eq!(left.status(), 303);
    let home = browser.follow_all(left, 5).await.pop().expect("a page");
    assert_eq!(home.url().as_str(), format!("{PUBLIC}/"));
    assert_eq!(home.text(), NOBODY);
    assert!(browser.cookie("__Host-logto_session").is_none());
    assert_eq!(browser.violations(), []);
    // The plain-text names of an http app mean nothing here.
    let renamed = format!("logto_session={}", session.value);
    let request = browser.request(Method::GET, app.url("/"));
    let answer = request.cookie_header_override(renamed).send().await;
    assert_eq!(answer.text(), NOBODY);
}

#[rocket::async_test]
async fn http_cookies_have_no_prefix_and_are_kept_by_browsers() {
    let app = TestApp::start(pages()).await;
    let browser = Browser::new();
    app.sign_in(&browser, "/protected", ALICE).await;
    let session = browser.cookie("logto_session").expect("a session");
    assert!(!session.secure && session.http_only && session.host_only);
    assert_eq!((session.same_site, &*session.path), (SameSite::Lax, "/"));
    assert_eq!(browser.violations(), []);
}

#[rocket::async_test]
async fn a_form_post_response_signs_in_across_sites() {
    let (app, browser) = behind_tls(keys([("response_mode", "form_post".into())])).await;
    let hops = browser
        .navigate_following(format!("{PUBLIC}/protected?x=1"), 5)
        .await;
    let page = hops.last().expect("the provider's page");
    let mode = query(page.url(), "response_mode");
    assert_eq!(mode.as_deref(), Some("form_post"));
    let transaction = browser
        .cookies()
        .into_iter()
        .find(|cookie| cookie.name.starts_with("__Host-logto_session_txn_"))
        .expect("a transaction cookie");
    assert_eq!(transaction.same_site, SameSite::None);
    assert!(transaction.secure && transaction.http_only);

    let form = browser.submit(page, ALICE, &[]).await;
    assert_eq!(form.status(), 200, "a form, not a redirect");
    let answer = browser.submit(&form, 0, &[]).await;
    assert_eq!(answer.status(), 303, "{}", answer.text());
    assert_eq!(answer.header("location"), Some("/protected?x=1"));
    let page = browser.follow(&answer).await;
    assert_eq!(page.text(), ALICE);
    let session = browser.cookie("__Host-logto_session").expect("a session");
    assert_eq!(session.same_site, SameSite::Lax);
    let left: Vec<_> = browser.cookies();
    let left = left.iter().filter(|cookie| cookie.name.contains("txn"));
    assert_eq!(left.count(), 0, "the transaction is over");
    assert_eq!(browser.violations(), []);
    drop(app);
}

#[rocket::async_test]
async fn a_form_that_is_none_is_refused_before_anything_is_asked() {
    let (app, browser) = behind_tls(keys([("response_mode", "form_post".into())])).await;
    let start = browser.navigate(format!("{PUBLIC}/sign-in")).await;
    let state = start.location_query("state").expect("a state");
    let iss = app.provider.issuer();
    let fields = format!("code=c&state={state}&iss={iss}");
    let post = || browser.request(Method::POST, format!("{PUBLIC}/callback"));
    let large = format!("{fields}&x={}", "a".repeat(70_000));
    let cases = [
        ("JSON", post().body("application/json", fields.clone()), 400),
        ("plain text", post().body("text/plain", fields.clone()), 400),
        (
            "too large",
            post().body("application/x-www-form-urlencoded", large),
            400,
        ),
        (
            "not UTF-8",
            post().body("application/x-www-form-urlencoded", b"code=\xff".to_vec()),
            400,
        ),
        (
            "code in the query",
            browser
                .request(Method::POST, format!("{PUBLIC}/callback?{fields}"))
                .body("application/x-www-form-urlencoded", ""),
            200,
        ),
    ];
    for (case, request, status) in cases {
        let answer = request.navigation().send().await;
        assert_eq!(answer.status(), status, "{case}: {}", answer.text());
        let token = logto_dev_provider::Endpoint::Token;
        assert_eq!(app.provider.requests_to(token).len(), 0, "{case}");
    }
}
