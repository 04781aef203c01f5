//! A cookie counts under the very name it was sealed for, once, byte for byte.
//! Tossed in from elsewhere, renamed, doubled or disguised it is nobody's.

use logto_dev_provider::{DevProvider, Endpoint};
use reqwest::Method;
use rocket::figment::value::Dict;
use url::Url;

use crate::support::app::{ALICE, BOB, TestApp, settings};
use crate::support::browser::{Browser, Response};
use crate::support::refusal::{NOBODY, Refusal, SESSION, TRANSACTION, Trial, app, rocket, who_is};

const PUBLIC: &str = "https://app.example.com";
const HOST_SESSION: &str = "__Host-logto_session";

/// Asks `url` with these bytes as the `Cookie` header.
async fn ask(browser: &Browser, url: &str, cookies: impl AsRef<[u8]>) -> Response {
    let request = browser.request(Method::GET, url).navigation();
    request.cookie_header_override(cookies).send().await
}

/// The value of a browser's session cookie.
fn session(browser: &Browser) -> String {
    browser.cookie(SESSION).expect("a session").value
}

/// Each of the cookies a browser may have, under each of their names
/// (CVE-2023-48309: a sign-in under way taken for a session).
#[rocket::async_test]
async fn no_cookie_counts_under_another_name() {
    let provider = DevProvider::start(settings()).await.expect("a provider");
    let app = app_at(provider, Dict::new()).await;
    let trial = Trial::new(&app, "two sign-ins and a session");
    let (done, open) = (trial.callback().await, trial.callback().await);
    let mut jar = trial.browser.cookies();
    trial.accepts_at(done.as_str(), ALICE).await;
    jar.extend(trial.browser.cookie(SESSION));
    jar.retain(|cookie| cookie.name.starts_with("logto_"));
    assert_eq!(jar.len(), 3, "{jar:?}");

    let stranger = Browser::new();
    let before = app.provider.requests_to(Endpoint::Token).len();
    for name in jar.iter().map(|cookie| &cookie.name) {
        for other in &jar {
            let pair = format!("{name}={}", other.value);
            let right = *name == other.name;
            let who = ask(&stranger, &app.url("/"), &pair).await;
            let expected = if right && name == SESSION {
                ALICE
            } else {
                NOBODY
            };
            assert_eq!((who.status(), &*who.text()), (200, expected), "{pair}");
            assert_eq!(who.set_cookies(), [""; 0], "{pair}");

            if !right && name.starts_with(TRANSACTION) {
                for callback in [&done, &open] {
                    let page = ask(&stranger, callback.as_str(), &pair).await;
                    is_not_finished(&app, &page, &pair);
                }
            }
        }
    }
    assert_eq!(app.provider.requests_to(Endpoint::Token).len(), before);

    // One of the same kind, for the name without the prefix, is none with it:
    // the key is the same, as where an app has moved from http to https.
    let (https, _) = https_app().await;
    for cookie in &jar {
        let pair = format!("__Host-{}={}", cookie.name, cookie.value);
        let who = ask(&stranger, &https.url("/"), &pair).await;
        assert_eq!((who.status(), &*who.text()), (200, NOBODY), "{pair}");
        for callback in [&done, &open] {
            let query = callback.query().expect("parameters");
            let url = https.url(&format!("/callback?{query}"));
            let page = ask(&stranger, &url, &pair).await;
            is_not_finished(&https, &page, &pair);
        }
    }

    // The right one under the right name is a sign-in under way, indeed.
    trial.accepts_at(open.as_str(), ALICE).await;
}

/// The response belongs to no sign-in that the cookies are of: another one begins.
fn is_not_finished(app: &TestApp, page: &Response, case: &str) {
    let to = page.location().expect("the provider");
    assert!(
        to.as_str().starts_with(&app.provider.issuer()),
        "{case}: {to}"
    );
    for line in page.set_cookies() {
        let begins = line.contains(TRANSACTION) && !line.contains("=; ");
        let removes = line.contains(TRANSACTION) && line.contains("; Max-Age=0");
        assert!(begins || removes, "{case}: {line}");
    }
}

/// An app whose keys are those of all others here.
async fn app_at(provider: DevProvider, logto: Dict) -> TestApp {
    provider.hooks().sign_in_as(Some(ALICE));
    let key = rocket::Config::figment().merge(("secret_key", vec![7_u8; 64]));
    TestApp::at(provider, logto, rocket().configure(key)).await
}

/// An app that the browser knows as `https://app.example.com`.
async fn https_app() -> (TestApp, Browser) {
    let provider = DevProvider::start(settings()).await.expect("a provider");
    let logto = Dict::from([("base_url".to_owned(), PUBLIC.into())]);
    let app = app_at(provider, logto).await;
    app.provider
        .set_redirect_uris([format!("{PUBLIC}/callback")]);
    let browser = Browser::new().behind_proxy(PUBLIC, &app.url("/"));
    (app, browser)
}

/// The session cookie of a new sign-in.
async fn https_session(app: &TestApp, browser: &Browser, user: &str) -> String {
    app.provider.hooks().sign_in_as(Some(user));
    let hops = browser
        .navigate_following(format!("{PUBLIC}/again"), 9)
        .await;
    assert_eq!(hops.last().map(Response::text).as_deref(), Some(user));
    assert_eq!(browser.violations(), []);
    browser.cookie(HOST_SESSION).expect("a session").value
}

/// What Rocket's own jar would fall for: it decodes names, trims Unicode space
/// and lets the last duplicate win.
#[rocket::async_test]
async fn a_disguised_name_is_another_name() {
    let (app, browser) = https_app().await;
    let attacker = browser.clone();
    let alice = https_session(&app, &browser, ALICE).await;
    let bob = https_session(&app, &attacker, BOB).await;
    assert_ne!(alice, bob);
    let name = HOST_SESSION;
    let good = format!("{name}={alice}");
    let evil = |disguise: &str| format!("{disguise}={bob}");
    let disguises = [
        "%5F%5FHost-logto_session",
        "__Host%2Dlogto_session",
        "__Host-logto%5fsession",
        "\u{2003}__Host-logto_session",
        "\u{a0}__Host-logto_session",
        "\u{feff}__Host-logto_session",
        "__host-logto_session",
        "__HOST-LOGTO_SESSION",
        "\"__Host-logto_session\"",
        "__Host-logto_session ",
        "x __Host-logto_session",
        "x, __Host-logto_session",
        "$Version=1, __Host-logto_session",
        "=__Host-logto_session",
        "logto_session",
    ];
    let ask = async |cookies: &[u8]| {
        let page = ask(&browser, &format!("{PUBLIC}/"), cookies).await;
        assert_eq!(page.status(), 200, "{}", String::from_utf8_lossy(cookies));
        page.text()
    };
    for disguise in disguises {
        let evil = evil(disguise);
        assert_eq!(ask(evil.as_bytes()).await, NOBODY, "{disguise:?} alone");
        let after = format!("{good}; {evil}");
        assert_eq!(ask(after.as_bytes()).await, ALICE, "{disguise:?} after");
        let before = format!("{evil}; {good}");
        assert_eq!(ask(before.as_bytes()).await, ALICE, "{disguise:?} before");
    }
    // Twice the name: one was tossed in, and nobody can tell which.
    let evil = evil(name);
    for twice in [
        format!("{good}; {evil}"),
        format!("{evil}; {good}"),
        format!("{good}; {good}"),
        format!("{good}; {name}="),
        format!("{name}=; {good}"),
        format!("{good};{evil}"),
        format!("{good}; \t{evil}"),
    ] {
        assert_eq!(ask(twice.as_bytes()).await, NOBODY, "{twice}");
    }
    // A byte that is no UTF-8 may cost the session, never swap or break it.
    for (before, after) in [
        (&b"x=\xff; "[..], &b""[..]),
        (b"", b"; \xff=x"),
        (b"\xff", b""),
    ] {
        let who = ask(&[before, good.as_bytes(), after].concat()).await;
        assert!(
            [ALICE, NOBODY].contains(&&*who),
            "{before:?} {after:?}: {who}"
        );
    }
    // And these are who they say.
    for right in [&good, &format!("x=1; {good}"), &format!("{good}; y")] {
        assert_eq!(ask(right.as_bytes()).await, ALICE, "{right}");
    }
    assert_eq!(ask(evil.as_bytes()).await, BOB);
}

/// The same for a sign-in under way.
#[rocket::async_test]
async fn a_disguised_transaction_is_none() {
    let (app, browser) = https_app().await;
    app.provider.hooks().sign_in_as(Some(BOB));
    let start = browser.navigate(format!("{PUBLIC}/again")).await;
    let callback = browser.follow(&start).await.location().expect("an answer");
    let cookies = browser.cookies().into_iter();
    let cookie = cookies
        .into_iter()
        .find(|cookie| cookie.name.contains(TRANSACTION));
    let cookie = cookie.expect("a transaction");
    assert!(
        cookie.name.starts_with("__Host-logto_session_txn_"),
        "{}",
        cookie.name
    );
    let victim = Browser::new().behind_proxy(PUBLIC, &app.url("/"));
    let (name, value) = (&cookie.name, &cookie.value);
    for tossed in [
        format!("{}={value}", name.replacen("__", "%5F%5F", 1)),
        format!("{}={value}", name.replacen("__Host-", "", 1)),
        format!("\u{2003}{name}={value}"),
        format!("{name} ={value}"),
        format!("{name}={value}; {name}={value}"),
        format!("{name}={value}; {name}=x"),
    ] {
        let page = ask(&victim, callback.as_str(), &tossed).await;
        is_not_finished(&app, &page, &tossed);
    }
    assert_eq!(app.provider.requests_to(Endpoint::Token).len(), 0);
    let page = ask(&victim, callback.as_str(), format!("{name}={value}")).await;
    assert_eq!(page.status(), 303, "{}", page.text());
}

/// What keeps a neighbouring host from planting cookies: the browser, because
/// of the prefix. The jar here is strict about it, as browsers are. What the
/// browser lets through has another name, and the app does not mistake it.
#[rocket::async_test]
async fn a_neighbour_cannot_plant_our_cookies() {
    let (app, browser) = https_app().await;
    let bob = https_session(&app, &browser.clone(), BOB).await;
    for (from, attributes) in [
        (
            "https://evil.example.com/",
            "; Path=/; Secure; Domain=example.com",
        ),
        ("http://app.example.com/", "; Path=/"),
        ("http://app.example.com/", "; Path=/; Secure"),
        ("https://app.example.com/", "; Path=/x; Secure"),
    ] {
        let line = format!("{HOST_SESSION}={bob}{attributes}");
        assert!(
            browser.set_cookie_raw(from, line).is_err(),
            "{from}{attributes}"
        );
    }
    for name in [
        "logto_session",
        "%5F%5FHost-logto_session",
        "%5f%5fhost-logto_session",
        "\u{2003}__Host-logto_session",
        "__Host%2Dlogto_session",
    ] {
        let line = format!("{name}={bob}; Path=/; Secure; Domain=example.com");
        let planted = browser.set_cookie_raw("https://evil.example.com/", line);
        assert_eq!(planted, Ok(()), "{name}");
        let page = browser.navigate(format!("{PUBLIC}/")).await;
        assert_eq!(page.text(), NOBODY, "{name}");
    }
    // Nor do they spoil the session of somebody who signs in beside them.
    app.provider.hooks().sign_in_as(Some(ALICE));
    let hops = browser.navigate_following(format!("{PUBLIC}/again"), 9);
    assert_eq!(
        hops.await.last().map(Response::text).as_deref(),
        Some(ALICE)
    );
}

/// Session fixation (CVE-2021-41246).
#[rocket::async_test]
async fn a_planted_session_does_not_survive_a_sign_in() {
    let app = app().await;
    let planted = ["x", "", "logged-in", &"A".repeat(300)];
    for value in planted {
        let victim = Trial::new(&app, format!("planted {value:?}"));
        let line = format!("{SESSION}={value}; Path=/");
        victim
            .browser
            .set_cookie_raw(app.url("/"), line)
            .expect("planted");
        assert_eq!(who_is(&app, &victim.browser).await, NOBODY);
        victim.accepts(ALICE).await;
        assert_ne!(session(&victim.browser), value);
        let page = ask(&Browser::new(), &app.url("/"), format!("{SESSION}={value}")).await;
        assert_eq!(page.text(), NOBODY, "{value}");
    }

    // The attacker's own, real session: a sign-in replaces it, and ends it.
    app.provider.hooks().sign_in_as(Some(BOB));
    let attacker = Trial::new(&app, "the attacker");
    attacker.accepts(BOB).await;
    let fixed = session(&attacker.browser);
    app.provider.hooks().sign_in_as(Some(ALICE));
    let victim = Trial::new(&app, "the victim");
    let line = format!("{SESSION}={fixed}; Path=/");
    victim
        .browser
        .set_cookie_raw(app.url("/"), line)
        .expect("planted");
    victim.accepts(ALICE).await;
    assert_ne!(session(&victim.browser), fixed);
    assert_eq!(who_is(&app, &attacker.browser).await, NOBODY);
}

#[rocket::async_test]
async fn every_sign_in_makes_a_new_session_and_ends_the_old_one() {
    let app = app().await;
    let trial = Trial::new(&app, "again and again");
    let mut old: Vec<String> = Vec::new();
    for round in 0..3 {
        // The old session serves until the new one is there.
        let callback = trial.callback().await;
        let before = if round == 0 { NOBODY } else { ALICE };
        assert_eq!(who_is(&app, &trial.browser).await, before, "round {round}");
        trial.accepts_at(callback.as_str(), ALICE).await;
        let new = session(&trial.browser);
        assert!(!old.contains(&new), "round {round}");
        for old in &old {
            let pair = format!("{SESSION}={old}");
            let page = ask(&Browser::new(), &app.url("/"), pair).await;
            assert_eq!(page.text(), NOBODY, "round {round}: an old cookie is good");
        }
        old.push(new);
    }
}

/// A refused sign-in takes nothing away from a signed-in user.
#[rocket::async_test]
async fn a_refused_sign_in_leaves_the_session_alone() {
    let app = app().await;
    let trial = Trial::new(&app, "refused while signed in");
    trial.accepts(ALICE).await;
    let before = session(&trial.browser);
    app.provider.hooks().sign_in_as(Some(BOB));
    app.provider.hooks().id_token(|_, claims| {
        claims.insert("aud".into(), "other".into());
    });
    trial
        .refuses(Refusal::after_exchange("id_token_aud").still(ALICE))
        .await;
    assert_eq!(session(&trial.browser), before);
    app.provider.hooks().id_token(|_, _| {});
    trial.accepts(BOB).await;
}

/// CVE-2026-25748, nextjs-auth0#2081: neither a user nor a 500.
#[rocket::async_test]
async fn a_spoiled_session_is_nobodys() {
    let (app, other) = (app().await, app().await);
    let trial = Trial::new(&app, "sign-in");
    trial.accepts(ALICE).await;
    let good = session(&trial.browser);
    let stranger = Trial::new(&other, "another app's key");
    stranger.accepts(ALICE).await;
    let mut spoiled = vec![
        String::new(),
        "x".to_owned(),
        "=".repeat(40),
        "AAAA".repeat(200),
        "{\"u\":\"alice4hy6kz2\"}".to_owned(),
        "%00%ff".to_owned(),
        "\"\"".to_owned(),
        session(&stranger.browser),
        good[1..].to_owned(),
        good[..good.len() / 2].to_owned(),
        format!("{good}{good}"),
        format!("{good}AAAA"),
        "A".repeat(7000),
    ];
    for index in (0..good.len() - 4).step_by(41) {
        let other = if good[index..].starts_with('A') {
            "B"
        } else {
            "A"
        };
        let mut changed = good.clone();
        changed.replace_range(index..=index, other);
        spoiled.push(changed);
    }
    for value in spoiled {
        let pair = format!("{SESSION}={value}");
        let short: String = pair.chars().take(60).collect();
        let page = ask(&Browser::new(), &app.url("/"), &pair).await;
        assert_eq!((page.status(), &*page.text()), (200, NOBODY), "{short}");
        let page = ask(&Browser::new(), &app.url("/protected"), &pair).await;
        let location = page.location().as_ref().map(Url::path).map(str::to_owned);
        assert_eq!(
            (page.status(), location.as_deref()),
            (303, Some("/sign-in")),
            "{short}"
        );
    }
    assert_eq!(who_is(&app, &trial.browser).await, ALICE);
}
