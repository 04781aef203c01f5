//! Browsers keep cookies by host, not by port: two apps on one host name, with one key or
//! two, leave each other's sessions and sign-ins alone. What an app itself has left under
//! a former name goes away.

use logto_dev_provider::{DevProvider, Settings};
use rocket::figment::value::{Dict, Value};

use crate::support::app::{ALICE, BOB, CLIENT_SECRET, TestApp, absent, keys, settings};
use crate::support::browser::{Browser, Response};
use crate::support::cookie_jar::StoredCookie;
use crate::support::pages::own_cookies;
use crate::support::redis::Redis;
use crate::support::serve::{Served, free_port};
use crate::support::sessions::{rocket_with_key, session_table, sign_out, who};

/// The name as it is where nobody sets one.
fn derived() -> Dict {
    session_table("cookie_name", absent())
}

fn named(name: &str) -> Dict {
    session_table("cookie_name", name)
}

async fn app(logto: Dict, key: &str) -> TestApp {
    let rocket = rocket_with_key(&key.repeat(64));
    TestApp::with(logto, rocket).await
}

async fn is(browser: &Browser, app: &TestApp, user: Option<&str>, case: &str) {
    let is = who(browser, app.url("/protected")).await;
    assert_eq!(is.as_deref(), user, "{case}");
}

/// As far as the provider's response.
async fn begin(app: &TestApp, browser: &Browser) -> String {
    let start = browser.navigate(app.url("/sign-in")).await;
    let back = browser.follow(&start).await;
    back.location().expect("the callback").into()
}

#[rocket::async_test]
async fn two_apps_sign_in_and_out_beside_each_other() {
    for (case, one, other, key) in [
        ("derived names, one key", derived(), derived(), "a"),
        ("derived names, two keys", derived(), derived(), "b"),
        (
            "names of their own",
            named("staging"),
            named("production"),
            "a",
        ),
    ] {
        let (one, other) = (app(one, "a").await, app(other, key).await);
        for app in [&one, &other] {
            app.provider.hooks().sign_in_as(Some(ALICE));
        }
        let browser = Browser::new();
        // Both have sign-ins under way.
        let (mut of_one, mut of_other) = (Vec::new(), Vec::new());
        for _ in 0..10 {
            of_one.push(begin(&one, &browser).await);
            of_other.push(begin(&other, &browser).await);
        }
        assert_eq!(own_cookies_of_both(&browser), 20, "{case}");
        let header = browser.cookie_header(one.url("/")).expect("cookies");
        assert!(header.len() < 8 * 1024, "{case}: {}", header.len());
        for callback in [&of_one[0], &of_other[0]] {
            assert_eq!(browser.navigate(callback).await.status(), 303, "{case}");
        }
        is(&browser, &one, Some(ALICE), case).await;
        is(&browser, &other, Some(ALICE), case).await;

        // Somebody else at one of them.
        one.provider.hooks().sign_in_as(Some(BOB));
        sign_out(&browser, &one).await;
        is(&browser, &one, None, case).await;
        is(&browser, &other, Some(ALICE), case).await;
        browser.navigate_following(one.url("/protected"), 9).await;
        is(&browser, &one, Some(BOB), case).await;
        is(&browser, &other, Some(ALICE), case).await;

        // And the sign-ins that were under way end as they should.
        for callback in [&of_one[9], &of_other[9]] {
            assert_eq!(browser.navigate(callback).await.status(), 303, "{case}");
        }
        sign_out(&browser, &other).await;
        is(&browser, &other, None, case).await;
        is(&browser, &one, Some(ALICE), case).await;
        assert_eq!(browser.violations(), [], "{case}");
    }
}

fn own_cookies_of_both(browser: &Browser) -> usize {
    let cookies = browser.cookies().into_iter();
    cookies
        .filter(|cookie| cookie.name.contains("_txn_"))
        .count()
}

/// Nothing that one app sets has a name of the other's.
#[rocket::async_test]
async fn the_names_say_which_app_they_are_of() {
    let one = app(derived(), "a").await;
    one.provider.hooks().sign_in_as(Some(ALICE));
    let names = async |app: &TestApp| {
        let browser = Browser::new();
        app.provider.hooks().sign_in_as(Some(ALICE));
        let hops = browser.navigate_following(app.url("/protected"), 9).await;
        let lines = hops
            .iter()
            .filter(|hop| hop.url().port() == Some(app.app.port()))
            .flat_map(Response::set_cookies);
        let mut names: Vec<String> = lines
            .map(|line| line.split('=').next().expect("a name").to_owned())
            .map(|name| match name.contains("_txn_") {
                // Without the hash and what parts it from the rest.
                true => name[..name.len() - 17].to_owned(),
                false => name,
            })
            .collect();
        names.sort();
        names.dedup();
        names
    };
    let of_one = names(&one).await;
    assert_eq!(of_one.len(), 2, "{of_one:?}");
    assert!(of_one[0].starts_with("logto_session_"), "{of_one:?}");
    assert!(of_one[1].starts_with("logto_txn_"), "{of_one:?}");
    assert_eq!(names(&one).await, of_one, "always the same");
    let of_other = names(&app(derived(), "a").await).await;
    assert!(
        of_other.iter().all(|name| !of_one.contains(name)),
        "{of_other:?}"
    );
    let chosen = names(&app(named("my.app"), "a").await).await;
    assert_eq!(chosen, ["my.app", "my.app_txn"]);
}

async fn provider(client_id: &str, port: u16) -> DevProvider {
    let mut settings = Settings::new(client_id, CLIENT_SECRET);
    settings.offers_par = false;
    settings.observer = self::settings().observer;
    let provider = DevProvider::start(settings).await.expect("a provider");
    provider.set_redirect_uris([format!("http://localhost:{port}/callback")]);
    provider.hooks().sign_in_as(Some(ALICE));
    // Two cookies' worth.
    provider.hooks().id_token(|_, claims| {
        claims.insert("padding".into(), "x".repeat(2500).into());
    });
    provider
}

async fn serve(port: u16, at: &DevProvider, client_id: &str, more: &Dict) -> Served {
    let mut logto = keys([("app_id", client_id.into())]);
    logto.extend(more.clone());
    TestApp::serve(
        port,
        &at.endpoint(),
        logto,
        rocket_with_key(&"a".repeat(64)),
    )
    .await
}

/// The cookies of sessions, by name.
fn sessions(browser: &Browser) -> Vec<StoredCookie> {
    let cookies = browser.cookies().into_iter();
    cookies
        .filter(|cookie| cookie.name.starts_with("logto_session"))
        .collect()
}

#[rocket::async_test]
async fn what_a_former_registration_has_left_does_not_pile_up() {
    let redis = Redis::start().await;
    for (store, chunks) in [(None, 2), (Some(&redis), 1)] {
        let mut more = derived();
        if let Some(redis) = store {
            more = redis.table();
            let Some(Value::Dict(_, session)) = more.get_mut("session") else {
                panic!("a table");
            };
            session.insert("cookie_name".into(), absent());
        }
        let port = free_port();
        let browser = Browser::new();
        // Another app with the same key is at another port.
        let neighbour = app(derived(), "a").await;
        neighbour.provider.hooks().sign_in_as(Some(BOB));
        browser
            .navigate_following(neighbour.url("/protected"), 9)
            .await;
        let of_neighbour = sessions(&browser);
        assert_eq!(of_neighbour.len(), 1);

        let mut before: Vec<StoredCookie> = Vec::new();
        for client_id in ["first", "second", "third", "fourth"] {
            let at = provider(client_id, port).await;
            let app = serve(port, &at, client_id, &more).await;
            let url = format!("http://localhost:{port}/protected");
            let page = browser.navigate_following(&url, 9).await.pop();
            assert_eq!(page.expect("a page").text(), ALICE, "{client_id}");
            let now: Vec<_> = sessions(&browser)
                .into_iter()
                .filter(|cookie| !of_neighbour.iter().any(|other| other.name == cookie.name))
                .collect();
            assert_eq!(now.len(), chunks, "{client_id}: {now:?}");
            let is_new = |cookie: &StoredCookie| before.iter().all(|old| old.name != cookie.name);
            assert!(now.iter().all(is_new), "{client_id}");
            before = now;
            app.stop().await;
        }
        is(&browser, &neighbour, Some(BOB), "the neighbour").await;
        assert_eq!(browser.violations(), []);
    }
}

/// And what it has left under another `session.cookie_name`.
#[rocket::async_test]
async fn a_new_cookie_name_replaces_the_old_one() {
    let port = free_port();
    let at = provider("client", port).await;
    let browser = Browser::new();
    for name in ["one", "two", "three"] {
        let app = serve(port, &at, "client", &named(name)).await;
        let url = format!("http://localhost:{port}/protected");
        let page = browser.navigate_following(&url, 9).await.pop();
        assert_eq!(page.expect("a page").text(), ALICE, "{name}");
        let cookies = browser.cookies().into_iter();
        let mut names: Vec<_> = cookies
            .map(|cookie| cookie.name)
            .filter(|cookie| {
                ["one", "two", "three"]
                    .iter()
                    .any(|n| cookie.starts_with(n))
            })
            .collect();
        names.sort();
        assert_eq!(names, [name.to_owned(), format!("{name}-1")]);
        assert_eq!(own_cookies(&browser), [""; 0]);
        app.stop().await;
    }
}
