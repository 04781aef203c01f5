//! With `response_mode = "form_post"` the response is a POST from the
//! provider's site. It is judged like one in the query (OAuth 2.0 Form Post
//! Response Mode; RFC 9700 section 4.7).

use logto_dev_provider::{DevProvider, Endpoint};
use reqwest::Method;
use rocket::figment::value::Dict;

use crate::support::app::{ALICE, BOB, TestApp, settings};
use crate::support::browser::{Browser, Response};
use crate::support::log::reason_of;
use crate::support::refusal::{NOBODY, app_with, reference};

const PUBLIC: &str = "https://app.example.com";
const CALLBACK: &str = "https://app.example.com/callback";

async fn app() -> TestApp {
    let provider = DevProvider::start(settings()).await.expect("a provider");
    let logto = Dict::from([
        ("base_url".to_owned(), PUBLIC.into()),
        ("response_mode".to_owned(), "form_post".into()),
    ]);
    let app = app_with(provider, logto).await;
    app.provider.set_redirect_uris([CALLBACK]);
    app
}

fn browser(app: &TestApp) -> Browser {
    Browser::new().behind_proxy(PUBLIC, &app.url("/"))
}

/// The provider's page whose form is the response, not submitted yet.
async fn response(app: &TestApp, browser: &Browser, user: &str) -> Response {
    app.provider.hooks().sign_in_as(Some(user));
    let hops = browser.navigate_following(format!("{PUBLIC}/again"), 5);
    hops.await.pop().expect("the provider's page")
}

fn fields(page: &Response) -> Vec<(String, String)> {
    page.page().forms[0].fields.clone()
}

async fn who(browser: &Browser) -> String {
    browser.navigate(format!("{PUBLIC}/")).await.text()
}

async fn refused(app: &TestApp, browser: &Browser, page: &Response, reason: &str) {
    assert_eq!(page.status(), 400, "{reason}: {}", page.text());
    assert_eq!(reason_of(&reference(page)), reason);
    assert_eq!(page.header("cache-control"), Some("no-store"), "{reason}");
    assert_eq!(page.set_cookies(), [""; 0], "{reason}");
    assert_eq!(
        app.provider.requests_to(Endpoint::Token).len(),
        0,
        "{reason}"
    );
    assert_eq!(who(browser).await, NOBODY, "{reason}");
}

#[rocket::async_test]
async fn an_attackers_form_signs_nobody_in() {
    let app = app().await;
    let (attacker, victim) = (browser(&app), browser(&app));
    let attackers = response(&app, &attacker, BOB).await;
    let own = response(&app, &victim, ALICE).await;

    let stolen = fields(&attackers);
    let form: Vec<_> = stolen.iter().map(|(n, v)| (&**n, &**v)).collect();
    let page = victim.cross_site_post(CALLBACK, &form).await;
    // The code goes nowhere: all that another site can do is to begin a sign-in.
    assert_eq!(page.header("location"), Some("/sign-in?second_attempt=1"));
    assert_eq!(page.set_cookies(), [""; 0]);
    assert_eq!(app.provider.requests_to(Endpoint::Token).len(), 0);
    assert_eq!(who(&victim).await, NOBODY);

    // Both are good where they belong.
    for (browser, page, user) in [(&victim, own, ALICE), (&attacker, attackers, BOB)] {
        let done = browser.submit(&page, 0, &[]).await;
        assert_eq!(done.status(), 303, "{user}: {}", done.text());
        assert_eq!(who(browser).await, user);
        assert_eq!(browser.violations(), [], "{user}");
    }
}

#[rocket::async_test]
async fn a_form_is_read_as_strictly_as_a_query() {
    let app = app().await;
    let browser = browser(&app);
    let own = response(&app, &browser, ALICE).await;
    let right = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields(&own))
        .finish();
    let form = "application/x-www-form-urlencoded";
    for (content_type, body, reason) in [
        (form, format!("{right}&state=x"), "state_twice"),
        (form, format!("{right}&code=x"), "code_twice"),
        (form, format!("{right}&iss="), "iss_twice"),
        (form, right.replacen("state=", "x=", 1), "state_missing"),
        (form, format!("{right}&error=%00"), "error_malformed"),
        (
            form,
            format!("{right}&x={}", "x".repeat(100_000)),
            "form_too_large",
        ),
        (
            "application/json",
            "{\"code\":\"x\",\"state\":\"y\"}".into(),
            "form_content_type",
        ),
        (
            "multipart/form-data; boundary=x",
            right.clone(),
            "form_content_type",
        ),
        ("text/plain", right.clone(), "form_content_type"),
    ] {
        let request = browser.request(Method::POST, CALLBACK).navigation();
        let request = request.initiator(own.url()).body(content_type, body);
        refused(&app, &browser, &request.send().await, reason).await;
    }
    // Parameters in the address of a POST are not the response.
    let request = browser.request(Method::POST, format!("{CALLBACK}?{right}"));
    let request = request.navigation().initiator(own.url()).body(form, "");
    let page = request.send().await;
    assert_eq!(page.page().title, "Sign-in was cancelled");
    assert_eq!(who(&browser).await, NOBODY);

    let done = browser.submit(&own, 0, &[]).await;
    assert_eq!(done.status(), 303, "{}", done.text());
    assert_eq!(who(&browser).await, ALICE);
}

/// Some providers put an encrypted session into the code. `state` is ours, and short.
#[rocket::async_test]
async fn a_code_may_be_as_long_as_sixteen_kilobytes() {
    let app = app().await;
    for (name, length, reason) in [
        ("code", 6_000, "token_invalid_grant"),
        ("code", 16 * 1024, "token_invalid_grant"),
        ("code", 16 * 1024 + 1, "code_malformed"),
        ("state", 6_000, "state_malformed"),
        ("iss", 6_000, "iss_malformed"),
    ] {
        app.provider.clear_requests();
        let browser = browser(&app);
        let own = response(&app, &browser, ALICE).await;
        let long = "+".repeat(length);
        let mut form = fields(&own);
        form.retain(|(known, _)| known != name);
        form.push((name.to_owned(), long.clone()));
        let form: Vec<_> = form.iter().map(|(n, v)| (&**n, &**v)).collect();
        let page = browser.cross_site_post(CALLBACK, &form).await;
        assert_eq!(page.status(), 400, "{name} {length}: {}", page.text());
        assert_eq!(reason_of(&reference(&page)), reason, "{name} {length}");
        let sent = app.provider.requests_to(Endpoint::Token);
        let codes: Vec<_> = sent.iter().map(|sent| sent.form_value("code")).collect();
        let expected = match reason {
            "token_invalid_grant" => vec![Some(&*long)],
            _ => vec![],
        };
        assert!(codes == expected, "{name} {length}: {} codes", codes.len());
    }
}

/// The POST comes without the session's cookie, which is `Lax`: the session it
/// takes the place of is known all the same.
#[rocket::async_test]
async fn the_session_before_it_is_over() {
    let app = app().await;
    let browser = browser(&app);
    for user in [BOB, ALICE] {
        let page = response(&app, &browser, user).await;
        let before = browser.clone();
        let done = browser.submit(&page, 0, &[]).await;
        assert_eq!(done.status(), 303, "{user}: {}", done.text());
        assert_eq!(who(&browser).await, user);
        assert_eq!(who(&before).await, NOBODY, "a copy of the old cookie");
    }
    // One that is given up leaves the session alone.
    let page = response(&app, &browser, BOB).await;
    assert_eq!(who(&browser).await, ALICE);
    let mut form = fields(&page);
    form.retain(|(name, _)| name != "code");
    let form: Vec<_> = form.iter().map(|(n, v)| (&**n, &**v)).collect();
    let refused = browser.cross_site_post(CALLBACK, &form).await;
    assert_eq!(refused.status(), 400, "{}", refused.text());
    assert_eq!(who(&browser).await, ALICE);
}
