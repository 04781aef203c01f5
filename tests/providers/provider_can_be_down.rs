//! A provider that is down costs nobody more than a sign-in: the app starts,
//! says what is wrong, and recovers by itself.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use logto_dev_provider::{DevProvider, Endpoint};
use rocket::tokio::time::sleep;
use serde_json::{Value as Json, json};

use crate::support::app::{ALICE, TestApp, keys, settings};
use crate::support::browser::Browser;
use crate::support::eventually::{asked, eventually};
use crate::support::log::lines_with;
use crate::support::pages::{NOBODY, own_cookies, pages};
use crate::support::serve::free_port;

#[rocket::async_test]
async fn the_app_starts_without_it_and_recovers_by_itself() {
    let provider_port = free_port();
    let endpoint = format!("http://localhost:{provider_port}");
    let port = free_port();
    let app = TestApp::serve(port, &endpoint, keys([]), pages()).await;
    let browser = Browser::new();
    assert_eq!(browser.navigate(app.url("/")).await.text(), NOBODY);
    let guarded = browser.navigate(app.url("/protected")).await;
    assert_eq!(guarded.status(), 303);

    for path in ["/sign-in?return_to=/protected", "/sign-up"] {
        let page = browser.navigate(app.url(path)).await;
        assert_eq!(page.status(), 503, "{path}");
        let seconds = page.header("retry-after").expect("Retry-After");
        assert!(seconds.parse::<u32>().is_ok_and(|s| s > 0), "{seconds}");
        assert!(page.page().title.contains("not possible right now"));
        assert_eq!(page.header("cache-control"), Some("no-store"));
        let links = page.page().links;
        let retry = links.iter().find(|link| link.text == "Try again");
        assert_eq!(retry.map(|link| link.href.as_str()), Some(path));
        let program = browser.fetch_json(app.url(path)).await;
        assert_eq!(program.status(), 204, "a program begins no sign-in: {path}");
    }
    assert_eq!(own_cookies(&browser), [""; 0], "nothing was started");

    let mut settings = settings();
    settings.port = provider_port;
    settings.redirect_uris = vec![app.url("/callback")];
    let provider = DevProvider::start(settings).await.expect("a provider");
    // Nobody asks the app for anything until then.
    asked(&provider, Endpoint::Jwks, 1).await;
    let app = TestApp { app, provider };
    let page = app.sign_in(&browser, "/protected", ALICE).await;
    assert_eq!(page.text(), ALICE);
}

#[rocket::async_test]
async fn who_is_signed_in_needs_no_provider() {
    let app = TestApp::start(pages()).await;
    let browser = Browser::new();
    app.sign_in(&browser, "/protected", ALICE).await;
    app.provider.clear_requests();
    for _ in 0..3 {
        let page = browser.navigate(app.url("/protected")).await;
        assert_eq!(page.text(), ALICE);
    }
    assert_eq!(app.provider.requests().len(), 0);

    let TestApp { app, provider } = app;
    provider.stop().await;
    for (path, text) in [("/", ALICE), ("/protected", ALICE)] {
        let page = browser.navigate(app.url(path)).await;
        assert_eq!((page.status(), page.text()), (200, text.into()), "{path}");
    }
    let page = browser.navigate(app.url("/userinfo")).await;
    assert_eq!(page.status(), 502);
    assert!(page.page().title.contains("cannot be reached"));
    let program = browser.fetch_json(app.url("/userinfo")).await;
    assert_eq!(program.status(), 502);
    assert_eq!(program.json::<Json>()["error"], "Provider unreachable");
    // The metadata is known, so a sign-in still begins; it is the browser
    // that meets the provider next.
    let start = Browser::new().navigate(app.url("/sign-in")).await;
    assert_eq!(start.status(), 303);
    let page = browser.navigate(app.url("/protected")).await;
    assert_eq!(page.text(), ALICE, "nobody was signed out");
}

#[rocket::async_test]
async fn metadata_that_is_no_good_is_as_good_as_none() {
    const OTHER: &str = "http://localhost:1/oidc";
    type Edit = fn(&mut Json);
    let edits: [(&str, Edit); 6] = [
        ("another issuer", |m| m["issuer"] = json!(OTHER)),
        ("a slash more", |m| {
            m["issuer"] = json!(format!("{}/", m["issuer"].as_str().unwrap()));
        }),
        ("no token endpoint", |m| m["token_endpoint"] = Json::Null),
        ("a relative endpoint", |m| m["jwks_uri"] = json!("/jwks")),
        ("file:", |m| m["jwks_uri"] = json!("file:///etc/passwd")),
        ("javascript:", |m| {
            m["authorization_endpoint"] = json!("javascript:alert(1)");
        }),
    ];
    for (case, edit) in edits {
        let provider = DevProvider::start(settings()).await.expect("a provider");
        provider
            .hooks()
            .respond(Endpoint::Discovery, move |_, reply| {
                let mut metadata = serde_json::from_slice(&reply.body).expect("JSON");
                edit(&mut metadata);
                reply.body = metadata.to_string().into_bytes();
            });
        let app = TestApp::serve(free_port(), &provider.endpoint(), keys([]), pages()).await;
        let browser = Browser::new();
        let page = browser.navigate(app.url("/sign-in")).await;
        assert_eq!(page.status(), 503, "{case}: {}", page.text());
        assert_eq!(browser.navigate(app.url("/")).await.status(), 200, "{case}");
        // Once it is right the app notices by itself.
        provider.hooks().behave(Endpoint::Discovery);
        eventually(case, async || {
            browser.navigate(app.url("/sign-in")).await.status() == 303
        })
        .await;
    }
}

#[rocket::async_test]
async fn many_who_wait_make_one_call_for_metadata() {
    let seen = Arc::new(Mutex::new(0));
    let count = seen.clone();
    let provider = DevProvider::start(settings()).await.expect("a provider");
    provider.hooks().respond(Endpoint::Discovery, move |_, _| {
        *count.lock().unwrap() += 1;
    });
    provider
        .hooks()
        .delay(Endpoint::Discovery, Duration::from_millis(300));
    let app = TestApp::serve(free_port(), &provider.endpoint(), keys([]), pages()).await;
    let browser = Browser::new();
    let sign_in = app.url("/sign-in");
    let waiting: Vec<_> = (0..20)
        .map(|_| {
            let (browser, url) = (browser.clone(), sign_in.clone());
            rocket::tokio::spawn(async move { browser.navigate(url).await.status() })
        })
        .collect();
    for one in waiting {
        assert_eq!(one.await.expect("an answer"), 303);
    }
    assert_eq!(*seen.lock().unwrap(), 1);
    assert_eq!(provider.requests_to(Endpoint::Jwks).len(), 1);
}

/// Nobody mends it by being asked: in ten seconds an app that nobody uses asks once, and
/// one that is used all the time a handful of times.
#[rocket::async_test]
async fn metadata_that_are_wrong_are_not_asked_for_again_and_again() {
    let wrong: [(&str, Json); 3] = [
        ("issuer", json!("https://other.example")),
        ("jwks_uri", json!("ftp://localhost/jwks")),
        ("token_endpoint", Json::Null),
    ];
    for used in [false, true] {
        let mut apps = Vec::new();
        for (member, value) in wrong.clone() {
            let provider = DevProvider::start(settings()).await.expect("a provider");
            provider
                .hooks()
                .respond(Endpoint::Discovery, move |_, reply| {
                    reply.edit_json(|metadata| metadata[member] = value.clone());
                });
            let app = TestApp::serve(free_port(), &provider.endpoint(), keys([]), pages()).await;
            asked(&provider, Endpoint::Discovery, 1).await;
            apps.push((member, app, provider));
        }
        let end = Instant::now() + Duration::from_secs(10);
        while Instant::now() < end {
            if used {
                for (_, app, _) in &apps {
                    let page = Browser::new().navigate(app.url("/sign-in")).await;
                    assert_eq!(page.status(), 503);
                }
            }
            sleep(Duration::from_millis(200)).await;
        }
        for (member, app, provider) in &apps {
            let times = provider.requests_to(Endpoint::Discovery).len();
            match used {
                false => assert_eq!(times, 1, "{member}"),
                // Pauses that double from a quarter of a second.
                true => assert!((2..=7).contains(&times), "{member}: {times}"),
            }
            if used {
                let ready = Browser::new().navigate(app.url("/readyz")).await;
                assert_eq!(ready.status(), 503, "{member}");
            }
        }
    }
}

/// While it is asked every few seconds, so that it is noticed when it is back.
#[rocket::async_test]
async fn the_log_says_once_that_it_is_down() {
    let provider = DevProvider::start(settings()).await.expect("a provider");
    provider.hooks().respond(Endpoint::Discovery, |_, reply| {
        *reply = logto_dev_provider::Reply::json(418, &json!({}));
    });
    let app = TestApp::serve(free_port(), &provider.endpoint(), keys([]), pages()).await;
    asked(&provider, Endpoint::Discovery, 5).await;
    let lines = lines_with("provider not ready, metadata: answered 418");
    assert_eq!(lines.len(), 1, "{lines:#?}");
    drop(app);
}
