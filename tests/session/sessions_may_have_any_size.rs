//! A session may be small or huge: it goes into one cookie, into a few, or into
//! the server's memory, and the person notices nothing.

use logto_dev_provider::{DevProvider, Endpoint};
use rocket::tokio::join;
use serde_json::json;

use crate::support::app::{ALICE, BOB, TestApp};
use crate::support::browser::{Browser, Response};
use crate::support::sessions::{rocket, sign_out, signed_in, who};
use crate::support::tenant::Tenant;

/// Browsers take name and value of 4096 bytes; here attributes are counted too.
const MAX_COOKIE: usize = 4096;
/// What proxies take, as nginx does by default.
const MAX_HEADER: usize = 8192;

const SMALL: Claims = Claims {
    bytes: 0,
    organizations: 0,
};
/// What fills two cookies, and three.
const MEDIUM: Claims = Claims {
    bytes: 2000,
    organizations: 10,
};
const LARGE: Claims = Claims {
    bytes: 3600,
    organizations: 30,
};
const HUGE: Claims = Claims {
    bytes: 60_000,
    organizations: 200,
};

#[derive(Clone, Copy)]
struct Claims {
    bytes: usize,
    organizations: usize,
}

impl Claims {
    /// Puts them into all ID tokens from now on.
    fn of(self, provider: &DevProvider) {
        provider.hooks().id_token(move |_, claims| {
            let text = "0123456789".repeat(self.bytes / 10);
            let organizations: Vec<_> = (0..self.organizations)
                .map(|n| format!("organization{n}"))
                .collect();
            claims.insert("text".into(), json!(text));
            claims.insert("organizations".into(), json!(organizations));
        });
    }
}

async fn start(claims: Claims) -> TestApp {
    let app = TestApp::start(rocket()).await;
    claims.of(&app.provider);
    app
}

/// The names of the session's cookies.
fn chunks(browser: &Browser) -> Vec<String> {
    let names = browser.cookies().into_iter().map(|cookie| cookie.name);
    let mut names: Vec<_> = names
        .filter(|name| name == "logto_session" || name.starts_with("logto_session-"))
        .collect();
    names.sort();
    names
}

fn is_legal(page: &Response) {
    for line in page.set_cookies() {
        assert!(line.len() <= MAX_COOKIE, "{} bytes: {line:.80}", line.len());
    }
}

#[rocket::async_test]
async fn everybody_signs_in_whatever_the_provider_says_of_them() {
    let cases = [
        ("small", SMALL, ALICE, &["logto_session"] as &[_]),
        ("smaller", SMALL, BOB, &["logto_session"]),
        (
            "medium",
            MEDIUM,
            ALICE,
            &["logto_session", "logto_session-1"],
        ),
        (
            "large",
            LARGE,
            ALICE,
            &["logto_session", "logto_session-1", "logto_session-2"],
        ),
        ("huge", HUGE, ALICE, &["logto_session"]),
    ];
    for (case, claims, user, names) in cases {
        let app = start(claims).await;
        let browser = Browser::new();
        let page = browser
            .navigate_following(app.url("/protected"), 10)
            .await
            .pop();
        let button = browser.submit(&page.expect("a page"), user, &[]).await;
        let hops = browser.follow_all(button, 10).await;
        hops.iter()
            .filter(|hop| hop.url().as_str().starts_with(&app.url("")))
            .for_each(is_legal);
        assert_eq!(hops.last().expect("a page").text(), user, "{case}");
        assert_eq!(chunks(&browser), names, "{case}");

        let header = browser.cookie_header(app.url("/")).expect("cookies");
        println!(
            "{case} user: {} cookie(s), Cookie header of {} bytes",
            names.len(),
            header.len()
        );
        if case != "large" {
            assert!(header.len() < MAX_HEADER, "{case}: {} bytes", header.len());
        }
        // Tokens, a refresh, and signing out work as for anybody.
        assert_eq!(
            browser.navigate(app.url("/userinfo")).await.text(),
            user,
            "{case}"
        );
        let refreshed = browser.post_form(app.url("/refresh"), &[]).await;
        is_legal(&refreshed);
        assert_eq!(refreshed.text(), user, "{case}");
        let copy = browser.clone();
        let page = sign_out(&browser, &app).await;
        assert_eq!(page.status(), 303, "{case}");
        let location = page.header("location").expect("a Location");
        assert!(location.contains("/oidc/session/end"), "{case}: {location}");
        assert!(
            location.len() < MAX_HEADER,
            "{case}: {} bytes",
            location.len()
        );
        assert_eq!(chunks(&browser), [""; 0], "{case}");
        assert_eq!(
            who(&copy, app.url("/protected")).await,
            None,
            "{case}: a copy"
        );
        assert_eq!(
            app.provider.requests_to(Endpoint::Revocation).len(),
            1,
            "{case}"
        );
        assert_eq!(browser.violations(), [], "{case}");
    }
}

#[rocket::async_test]
async fn chunks_go_when_the_session_shrinks_and_come_when_it_grows() {
    let app = start(LARGE).await;
    let browser = signed_in(&app, ALICE).await;
    assert_eq!(chunks(&browser).len(), 3);
    for (case, claims, count) in [
        ("two of three", MEDIUM, 2),
        ("grown again", LARGE, 3),
        ("one of three", SMALL, 1),
        ("large once more", LARGE, 3),
        ("moved to memory", HUGE, 1),
    ] {
        claims.of(&app.provider);
        let page = browser.post_form(app.url("/refresh"), &[]).await;
        is_legal(&page);
        assert_eq!(page.text(), ALICE, "{case}");
        assert_eq!(chunks(&browser).len(), count, "{case}");
        assert_eq!(
            who(&browser, app.url("/protected")).await.as_deref(),
            Some(ALICE),
            "{case}"
        );
    }
    // A new sign-in clears up as well.
    let other = start(LARGE).await;
    let browser = Browser::new();
    let tab = browser
        .navigate_following(other.url("/protected"), 10)
        .await;
    let page = other.sign_in(&browser, "/protected", ALICE).await;
    assert_eq!((page.text().as_str(), chunks(&browser).len()), (ALICE, 3));
    SMALL.of(&other.provider);
    let button = browser.submit(tab.last().expect("a page"), BOB, &[]).await;
    let page = browser.follow_all(button, 10).await.pop();
    assert_eq!(page.expect("a page").text(), BOB);
    assert_eq!(chunks(&browser), ["logto_session"]);
    assert_eq!(browser.violations(), []);
}

#[rocket::async_test]
async fn chunks_that_do_not_belong_together_are_nobody() {
    let app = start(LARGE).await;
    let mine = signed_in(&app, ALICE).await;
    let other = signed_in(&app, BOB).await;
    let value = |browser: &Browser, name: &str| browser.cookie(name).expect("a chunk").value;
    let names = ["logto_session", "logto_session-1", "logto_session-2"];
    let [a, b, c] = names.map(|name| value(&mine, name));
    let [x, y, z] = names.map(|name| value(&other, name));
    let header = |values: &[(&str, &str)]| {
        let pairs: Vec<_> = values
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join("; ")
    };
    let [n, n1, n2] = names;
    let count_of = |count: &str| format!("{count}.{}", a.split_once('.').expect("a count").1);
    let (two, four, zero) = (count_of("2"), count_of("4"), count_of("0"));
    let mut bent = b.clone().into_bytes();
    bent[100] = if bent[100] == b'A' { b'B' } else { b'A' };
    let bent = String::from_utf8(bent).expect("ASCII");

    let whole = [(n, &a as &str), (n1, &b), (n2, &c)];
    let get = async |cookies: String| {
        let request = Browser::new();
        let request = request
            .request(reqwest::Method::GET, app.url("/"))
            .navigation();
        request.cookie_header_override(cookies).send().await
    };
    assert_eq!(get(header(&whole)).await.text(), ALICE);
    let reordered = [(n2, &c as &str), (n, &a), (n1, &b)];
    assert_eq!(get(header(&reordered)).await.text(), ALICE);

    let spoilt: [(&str, &[(&str, &str)]); 16] = [
        ("without the first", &[(n1, &b), (n2, &c)]),
        ("without the second", &[(n, &a), (n2, &c)]),
        ("without the third", &[(n, &a), (n1, &b)]),
        ("the first alone", &[(n, &a)]),
        ("swapped", &[(n, &a), (n1, &c), (n2, &b)]),
        ("somebody else's first", &[(n, &x), (n1, &b), (n2, &c)]),
        ("somebody else's second", &[(n, &a), (n1, &y), (n2, &c)]),
        ("somebody else's third", &[(n, &a), (n1, &b), (n2, &z)]),
        ("the first twice", &[(n, &a), (n1, &b), (n2, &c), (n, &a)]),
        ("the second twice", &[(n, &a), (n1, &b), (n1, &b), (n2, &c)]),
        ("another third", &[(n, &a), (n1, &b), (n2, &c), (n2, &z)]),
        ("one bit off", &[(n, &a), (n1, &bent), (n2, &c)]),
        ("an empty one", &[(n, &a), (n1, ""), (n2, &c)]),
        ("counts two", &[(n, &two), (n1, &b), (n2, &c)]),
        ("counts four", &[(n, &four), (n1, &b), (n2, &c)]),
        ("counts none", &[(n, &zero), (n1, &b), (n2, &c)]),
    ];
    for (case, cookies) in spoilt {
        let page = get(header(cookies)).await;
        assert_eq!(
            (page.status(), page.text().as_str()),
            (200, "nobody"),
            "{case}"
        );
    }
}

#[rocket::async_test]
async fn a_session_that_outgrows_its_cookies_moves_once_however_many_ask() {
    let app = start(SMALL).await;
    let browser = signed_in(&app, ALICE).await;
    HUGE.of(&app.provider);
    let refresh = || browser.post_form(app.url("/refresh"), &[]);
    app.provider
        .hooks()
        .delay(Endpoint::Token, std::time::Duration::from_millis(300));
    let pages = join!(refresh(), refresh(), refresh(), refresh());
    for page in [pages.0, pages.1, pages.2, pages.3] {
        assert_eq!((page.status(), page.text().as_str()), (200, ALICE));
    }
    assert_eq!(
        who(&browser, app.url("/protected")).await.as_deref(),
        Some(ALICE)
    );
    assert_eq!(chunks(&browser), ["logto_session"]);
    assert_eq!(app.provider.requests_to(Endpoint::Token).len(), 2);
}

#[rocket::async_test]
async fn what_goes_to_memory_is_said_with_the_way_out() {
    let mut tenant = Tenant::start(&[]).await;
    HUGE.of(&tenant.provider);
    let browser = Browser::new();
    let page = browser
        .navigate_following(tenant.url("/sign-in"), 10)
        .await
        .pop()
        .expect("a page");
    let button = browser.submit(&page, ALICE, &[]).await;
    let home = browser.follow_all(button, 10).await.pop().expect("a page");
    assert_eq!(home.status(), 200);
    assert!(home.text().contains("Alice"), "{}", home.text());
    tenant.app.wait_for_output("is kept in memory").await;
    let said = tenant.app.output();
    let warning = said.lines().find(|line| line.contains("is kept in memory"));
    let warning = warning.expect("the warning");
    assert!(warning.contains("session.store = { redis = "), "{warning}");
    assert!(!said.contains("0123456789"), "claims in the log: {said}");
}
