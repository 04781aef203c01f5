//! A new `secret_key` signs nobody out, as long as the old one is named in
//! `session.previous_secret_keys`.

use logto_dev_provider::DevProvider;
use rocket::error::ErrorKind;
use rocket::figment::value::Dict;
use rocket_logto::Logto;

use crate::support::app::{ALICE, TestApp, configuration, settings};
use crate::support::browser::Browser;
use crate::support::serve::{Process, Served, free_port};
use crate::support::sessions::{rocket, rocket_with_key, session_table, who};

/// 256 bits in hex, as `openssl rand -hex 32` makes them.
fn key(letter: char) -> String {
    letter.to_string().repeat(64)
}

fn previous(letters: &str) -> Dict {
    let keys: Vec<String> = letters.chars().map(key).collect();
    session_table("previous_secret_keys", keys)
}

/// One provider, and an app that is started anew at the same address.
struct Restarting {
    provider: DevProvider,
    port: u16,
    app: Option<Served>,
}

impl Restarting {
    async fn start(current: char, old: &str) -> Restarting {
        let provider = DevProvider::start(settings()).await.expect("a provider");
        let port = free_port();
        provider.set_redirect_uris([format!("http://localhost:{port}/callback")]);
        let mut this = Restarting {
            provider,
            port,
            app: None,
        };
        this.restart(current, old).await;
        this
    }

    async fn restart(&mut self, current: char, old: &str) {
        if let Some(app) = self.app.take() {
            app.stop().await;
        }
        let endpoint = self.provider.endpoint();
        let rocket = rocket_with_key(&key(current));
        self.app = Some(TestApp::serve(self.port, &endpoint, previous(old), rocket).await);
    }

    fn url(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.port)
    }

    /// As far as the provider's page.
    async fn begin(&self, browser: &Browser) -> crate::support::browser::Response {
        let hops = browser.navigate_following(self.url("/protected"), 10).await;
        hops.into_iter().last().expect("the provider's page")
    }

    async fn sign_in(&self, browser: &Browser) {
        let page = self.begin(browser).await;
        let button = browser.submit(&page, ALICE, &[]).await;
        let page = browser.follow_all(button, 10).await.pop();
        assert_eq!(page.expect("a page").text(), ALICE);
    }

    async fn who(&self, browser: &Browser) -> Option<String> {
        who(browser, self.url("/protected")).await
    }
}

#[rocket::async_test]
async fn a_rotation_signs_nobody_out_and_seals_cookies_anew() {
    let mut app = Restarting::start('a', "").await;
    let browser = Browser::new();
    app.sign_in(&browser).await;
    let before = browser.cookie("logto_session").expect("a cookie").value;
    let untouched = browser.clone();

    // The same key: nothing to write.
    app.restart('a', "").await;
    let page = browser.navigate(app.url("/protected")).await;
    assert_eq!((page.status(), page.set_cookies().len()), (200, 0));

    app.restart('b', "ca").await;
    let page = browser.navigate(app.url("/protected")).await;
    assert_eq!((page.status(), page.text().as_str()), (200, ALICE));
    let after = browser.cookie("logto_session").expect("a cookie").value;
    assert_ne!(before, after, "not sealed anew");
    assert_eq!(page.header("cache-control"), Some("no-store"));
    // Once is enough.
    let page = browser.navigate(app.url("/protected")).await;
    assert_eq!(page.set_cookies(), [""; 0]);

    // The old key goes: people who came by in the meantime stay, a cookie that
    // is still sealed with it says nothing, which is no error.
    app.restart('b', "").await;
    assert_eq!(app.who(&browser).await.as_deref(), Some(ALICE));
    assert_eq!(app.who(&untouched).await, None);
    assert_eq!(untouched.navigate(app.url("/")).await.text(), "nobody");
    // The provider still knows the person.
    let page = app.begin(&untouched).await;
    assert_eq!(page.text(), ALICE);
    for browser in [&browser, &untouched] {
        assert_eq!(browser.violations(), []);
    }
}

#[rocket::async_test]
async fn what_is_sealed_anew_has_not_become_younger() {
    let mut app = Restarting::start('a', "").await;
    let browser = Browser::new();
    app.sign_in(&browser).await;
    let copy = browser.clone();
    app.restart('b', "a").await;
    assert_eq!(app.who(&browser).await.as_deref(), Some(ALICE));
    // The copy under the old key is the same session: it ends with the other.
    let page = browser.post_form(app.url("/sign-out"), &[]).await;
    assert_eq!(page.status(), 303);
    assert_eq!(app.who(&copy).await, None);
}

#[rocket::async_test]
async fn a_sign_in_begun_before_the_rotation_is_finished_after_it() {
    for (old, works) in [("a", true), ("", false)] {
        let mut app = Restarting::start('a', "").await;
        let browser = Browser::new();
        let page = app.begin(&browser).await;
        app.restart('b', old).await;
        let button = browser.submit(&page, ALICE, &[]).await;
        let page = browser.follow_all(button, 10).await.pop().expect("a page");
        if works {
            assert_eq!(page.text(), ALICE, "with the old key");
        } else {
            // It is not known any more, so another one began, which ends at the home page.
            assert_eq!(page.url().path(), "/", "without the old key");
            assert_eq!(app.who(&browser).await.as_deref(), Some(ALICE));
        }
        assert_eq!(browser.violations(), []);
    }
}

#[rocket::async_test]
async fn a_key_that_is_none_ends_the_launch_and_is_not_shown() {
    const CANARY: &str = "canary-9dc1-in-a-key";
    let wrong = [
        ("text", Vec::new()),
        ("no key", vec![CANARY.to_owned()]),
        ("one of two", vec![key('a'), CANARY.to_owned()]),
    ];
    for (case, keys) in wrong {
        let table = match case {
            "text" => session_table("previous_secret_keys", CANARY),
            _ => session_table("previous_secret_keys", keys.clone()),
        };
        let base = rocket();
        let figment = configuration(base.figment(), 1, "http://localhost:1", table);
        let launch = base.configure(figment).attach(Logto::fairing()).ignite();
        let error = launch.await.expect_err(case);
        assert!(
            matches!(error.kind(), ErrorKind::FailedFairings(_)),
            "{case}: {error}"
        );

        let keys = match case {
            "text" => format!("{CANARY:?}"),
            _ => format!("{keys:?}"),
        };
        let table = format!(
            "{{endpoint=\"http://localhost:1\",app_id=\"a\",base_url=\"http://localhost:1\",\
             session={{previous_secret_keys={keys}}}}}"
        );
        let mut process = Process::app(&[
            ("ROCKET_PORT", &free_port().to_string()),
            ("ROCKET_CLI_COLORS", "false"),
            ("ROCKET_LOGTO", &table),
        ]);
        assert!(!process.wait_for_exit().await.success(), "{case}");
        let said = process.output();
        // The environment's names come in capitals.
        let key = said.to_lowercase().contains("previous_secret_keys");
        assert!(key, "{case}: {said}");
        assert!(said.contains("256 bits in base64 or hex"), "{case}: {said}");
        assert!(!said.contains("canary"), "{case}: {said}");
    }
}
