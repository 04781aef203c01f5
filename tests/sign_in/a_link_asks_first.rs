//! A magic link (`one_time_token` with `login_hint`) signs in as the account that it was
//! made for. Another site may have made it for its own: then the user is asked, and so is
//! who is signed in already.

use logto_dev_provider::Endpoint;
use reqwest::Method;
use rocket::figment::value::Dict;
use rocket_logto::Logto;

use crate::support::app::{ALICE, BOB, TestApp};
use crate::support::browser::{Browser, CROSS_SITE, Response, query};
use crate::support::clock::clock;
use crate::support::log::lines_with;
use crate::support::pages::{NOBODY, own_cookies, pages};

const TOKEN: &str = "onetime-7b1e5a9c";
const MAIL: &str = "mallory+<b>@example.com";

fn link(app: &TestApp) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("one_time_token", TOKEN)
        .append_pair("login_hint", MAIL)
        .append_pair("return_to", "/protected?x=1")
        .finish();
    app.url(&format!("/sign-in?{query}"))
}

/// Opens the link as `browser` does by `headers`, up to the question.
async fn asked(app: &TestApp, browser: &Browser, site: &str) -> Response {
    let request = browser.request(Method::GET, link(app)).navigation();
    let first = match site {
        "" => browser.request(Method::GET, link(app)).send().await,
        site => request.header("Sec-Fetch-Site", site).send().await,
    };
    assert_eq!(first.status(), 303, "{site}");
    assert_eq!(
        first.header("location"),
        Some("/sign-in?question=1"),
        "{site}"
    );
    assert_eq!(first.header("referrer-policy"), Some("no-referrer"));
    let page = browser.follow(&first).await;
    assert_eq!(page.status(), 200, "{site}: {}", page.text());
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    assert!(!page.text().contains(TOKEN), "the token is in no page");
    page
}

fn goes_to_the_provider(app: &TestApp, answer: &Response) {
    let to = answer.location().expect("a redirect");
    assert!(to.as_str().starts_with(&app.provider.issuer()), "{to}");
    assert_eq!(query(&to, "one_time_token").as_deref(), Some(TOKEN));
    assert_eq!(query(&to, "login_hint").as_deref(), Some(MAIL));
}

#[rocket::async_test]
async fn another_site_signs_nobody_in_as_somebody_else() {
    let app = TestApp::start(pages()).await;
    // As Logto does with a good token.
    app.provider.hooks().sign_in_as(Some(BOB));
    for site in ["cross-site", "same-site", "nonsense", ""] {
        let victim = Browser::new();
        app.provider.clear_requests();
        let page = asked(&app, &victim, site).await;
        assert_eq!(page.page().title, format!("Sign in as {MAIL}?"), "{site}");
        assert_eq!(app.provider.requests_to(Endpoint::Auth).len(), 0);

        // The other site cannot answer in the user's place: it cannot read the page, and
        // an answer it has got for itself is none for this browser.
        let attacker = Browser::new();
        let theirs = asked(&app, &attacker, "none-such").await;
        let theirs = theirs.page().forms[0].submission(None, &[])[0]
            .1
            .to_string();
        let forged = app.url(&format!("/sign-in?answer={theirs}"));
        let answer = victim.navigate(&forged).await;
        assert_eq!(
            answer.header("location"),
            Some("/sign-in?question=1"),
            "{site}"
        );
        let own = page.page().forms[0].submission(None, &[])[0].1.to_string();
        let forged = app.url(&format!("/sign-in?answer={own}"));
        let answer = victim.navigate_from(CROSS_SITE, forged).await;
        assert_eq!(answer.status(), 403, "{site}");
        for guess in ["", "1", "AAAAAAAAAAAAAAAAAAAAAA"] {
            let answer = victim
                .navigate(app.url(&format!("/sign-in?answer={guess}")))
                .await;
            assert_eq!(
                answer.header("location"),
                Some("/sign-in?question=1"),
                "{site}"
            );
        }
        assert_eq!(app.provider.requests_to(Endpoint::Auth).len(), 0);
        let home = victim.click(&page, "Cancel").await;
        assert_eq!(home.text(), NOBODY, "{site}");

        let answer = victim.submit(&page, "Sign in", &[]).await;
        goes_to_the_provider(&app, &answer);
        let end = victim.follow_all(answer, 5).await.pop().expect("a page");
        assert_eq!((end.text(), end.url().query()), (BOB.into(), Some("x=1")));
        assert_eq!(own_cookies(&victim), ["logto_session"], "{site}");
        // Once.
        let again = victim
            .navigate(app.url(&format!("/sign-in?answer={own}")))
            .await;
        assert_eq!(again.status(), 400, "{site}");
    }
    assert_eq!(lines_with(TOKEN), [""; 0]);
    assert_eq!(lines_with("mallory"), [""; 0]);
}

#[rocket::async_test]
async fn who_is_signed_in_is_asked_and_stays_until_the_new_sign_in_is_there() {
    let app = TestApp::start(pages()).await;
    let browser = Browser::new();
    app.sign_in(&browser, "/protected", ALICE).await;
    for site in ["none", "same-origin", "cross-site"] {
        let page = asked(&app, &browser, site).await;
        let shown = page.page();
        assert_eq!(shown.title, format!("Continue as {MAIL}?"), "{site}");
        assert!(
            shown.text.contains("You are signed in as"),
            "{}",
            shown.text
        );
        // The first one is the app's name, at the top.
        let stay = &shown.links[1];
        assert!(stay.text.starts_with("Stay signed in as"), "{}", stay.text);
        assert_eq!(stay.href, "/protected?x=1", "{site}");
    }
    let page = asked(&app, &browser, "none").await;
    let answer = browser.submit(&page, "Continue", &[]).await;
    goes_to_the_provider(&app, &answer);
    let still = browser.navigate(app.url("/")).await;
    assert_eq!(still.text(), ALICE, "until the new one is there");
    app.provider.hooks().sign_in_as(Some(BOB));
    let end = browser.follow_all(answer, 5).await.pop().expect("a page");
    assert_eq!((end.text(), end.url().query()), (BOB.into(), Some("x=1")));
}

/// A page that was left open answers nothing any more, in a browser that keeps cookies for
/// longer than it is told, too.
#[rocket::async_test]
async fn a_question_waits_for_a_quarter_of_an_hour() {
    let clock = clock!();
    let fairing = Logto::fairing().with_clock(clock.read);
    let app = TestApp::with_fairing(Dict::new(), fairing, pages()).await;
    for (age, is_answered) in [(899, true), (900, false)] {
        let browser = Browser::new();
        let page = asked(&app, &browser, "cross-site").await;
        clock.advance(&app.provider, age);
        let answer = browser.submit(&page, "Sign in", &[]).await;
        match is_answered {
            true => goes_to_the_provider(&app, &answer),
            false => assert_eq!(answer.status(), 400, "{}", answer.text()),
        }
    }
}

#[rocket::async_test]
async fn a_mail_program_and_our_own_pages_go_straight_on() {
    let app = TestApp::start(pages()).await;
    for initiator in [None, Some(app.url("/"))] {
        let browser = Browser::new();
        let mut request = browser.request(Method::GET, link(&app)).navigation();
        if let Some(page) = initiator {
            request = request.initiator(page);
        }
        goes_to_the_provider(&app, &request.send().await);
    }
    // A question that is over is a plain sign-in.
    let browser = Browser::new();
    let answer = browser.navigate(app.url("/sign-in?question=1")).await;
    let to = answer.location().expect("a redirect");
    assert!(to.as_str().starts_with(&app.provider.issuer()), "{to}");
    // A name in the link cannot turn the page's words around, nor fill it.
    let hint = format!("{}%E2%80%AEmoc", "a".repeat(300));
    let url = app.url(&format!("/sign-in?one_time_token=t&login_hint={hint}"));
    let hops = browser
        .follow_all(browser.navigate_from(CROSS_SITE, url).await, 2)
        .await;
    let title = hops.last().expect("the question").page().title;
    assert_eq!(title, format!("Sign in as {}…?", "a".repeat(100)));
}
