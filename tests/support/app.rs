//! The app under test beside a development provider, each on a port of its own.

use logto_dev_provider::{DevProvider, Settings};
use rocket::figment::Figment;
use rocket::figment::value::{Dict, Empty, Value};
use rocket::{Build, Rocket};
use rocket_logto::{Logto, LogtoFairing};

use super::browser::{Browser, Response};
use super::leaks;
use super::serve::{Served, free_port};

pub const CLIENT_ID: &str = "test-app";
/// Holds every kind of character that has to be form-urlencoded first.
pub const CLIENT_SECRET: &str = "s3cret +:%&=/ü";

/// Most tests need not know what the derived name is; those that are about it take this
/// one away.
pub const SESSION_COOKIE: &str = "logto_session";

/// Seeded users of the development provider. Alice has everything, Bob has
/// neither name nor e-mail address, Zoë's name is full of markup.
pub const ALICE: &str = "alice4hy6kz2";
pub const BOB: &str = "bob7d4dc6y32";
pub const ZOE: &str = "zoe9rsidux5q";

/// An app with a provider to sign in at. Both stop when it is dropped.
pub struct TestApp {
    pub app: Served,
    pub provider: DevProvider,
}

impl TestApp {
    /// The routes of `rocket`, configured for a fresh provider.
    pub async fn start(rocket: Rocket<Build>) -> TestApp {
        TestApp::with(Dict::new(), rocket).await
    }

    /// The same, with more keys of the `logto` table.
    pub async fn with(logto: Dict, rocket: Rocket<Build>) -> TestApp {
        TestApp::with_fairing(logto, Logto::fairing(), rocket).await
    }

    /// The same, with a fairing that has another clock, say.
    pub async fn with_fairing(
        logto: Dict,
        fairing: LogtoFairing,
        rocket: Rocket<Build>,
    ) -> TestApp {
        let provider = DevProvider::start(settings()).await.expect("a provider");
        TestApp::joined(provider, logto, fairing, rocket).await
    }

    /// The same, with a provider of other settings.
    pub async fn with_settings(settings: Settings, logto: Dict, rocket: Rocket<Build>) -> TestApp {
        let provider = DevProvider::start(settings).await.expect("a provider");
        TestApp::at(provider, logto, rocket).await
    }

    /// The same, at a provider that was prepared first.
    pub async fn at(provider: DevProvider, logto: Dict, rocket: Rocket<Build>) -> TestApp {
        TestApp::joined(provider, logto, Logto::fairing(), rocket).await
    }

    /// Both.
    pub async fn joined(
        provider: DevProvider,
        logto: Dict,
        fairing: LogtoFairing,
        rocket: Rocket<Build>,
    ) -> TestApp {
        let (port, endpoint) = (free_port(), provider.endpoint());
        let app = TestApp::serve_with(fairing, port, &endpoint, logto, rocket).await;
        provider.set_redirect_uris([app.url("/callback")]);
        provider.set_post_logout_redirect_uris([app.url("/")]);
        TestApp { app, provider }
    }

    /// An app that signs in at `endpoint`, whatever is there.
    pub async fn serve(port: u16, endpoint: &str, logto: Dict, rocket: Rocket<Build>) -> Served {
        TestApp::serve_with(Logto::fairing(), port, endpoint, logto, rocket).await
    }

    /// The same, with a fairing made by the test.
    pub async fn serve_with(
        fairing: LogtoFairing,
        port: u16,
        endpoint: &str,
        logto: Dict,
        rocket: Rocket<Build>,
    ) -> Served {
        let figment = configuration(rocket.figment(), port, endpoint, logto);
        Served::start_on(port, rocket.configure(figment).attach(fairing)).await
    }

    /// Another app in place of this one, on the same port at the same provider.
    pub async fn restart(&mut self, logto: Dict, rocket: Rocket<Build>) {
        let port = self.app.port();
        self.app.halt().await;
        self.app = TestApp::serve(port, &self.provider.endpoint(), logto, rocket).await;
    }

    pub fn url(&self, path: &str) -> String {
        self.app.url(path)
    }

    /// Signs `user` (a `sub`) in, from `path` of the app; the last page of the way.
    pub async fn sign_in(&self, browser: &Browser, path: &str, user: &str) -> Response {
        let page = browser.navigate_following(self.url(path), 10).await.pop();
        let page = page.expect("the provider's page");
        let button = browser.submit(&page, user, &[]).await;
        browser.follow_all(button, 10).await.pop().expect("a page")
    }

    /// A browser in which `user` has signed in at the provider, and the provider's answer, which
    /// leads to the callback and then to `/protected`.
    pub async fn on_the_way_back(&self, user: &str) -> (Browser, Response) {
        self.provider.hooks().sign_in_as(Some(user));
        let browser = Browser::new();
        let start = self.url("/sign-in?return_to=/protected");
        let start = browser.navigate(start).await;
        let answer = browser.follow(&start).await;
        (browser, answer)
    }
}

/// Pushed requests are for the tests that are about them: most want to see the
/// whole authorization request on its way through the browser.
pub fn settings() -> Settings {
    let mut settings = Settings::new(CLIENT_ID, CLIENT_SECRET);
    settings.offers_par = false;
    settings.observer = Some(leaks::observe);
    settings
}

/// Keys of the `logto` table.
pub fn keys<const N: usize>(keys: [(&str, Value); N]) -> Dict {
    Dict::from(keys.map(|(key, value)| (key.to_owned(), value)))
}

/// A value that takes a key away.
pub fn absent() -> Value {
    Value::from(Empty::None)
}

/// A figment with a `logto` table of its own: of `base` counts what Rocket
/// itself understands, not what this repository's `Rocket.toml` says.
pub fn configuration(base: &Figment, port: u16, endpoint: &str, logto: Dict) -> Figment {
    let mut table = Dict::from([
        ("endpoint".to_owned(), Value::from(endpoint)),
        ("app_id".to_owned(), Value::from(CLIENT_ID)),
        ("app_secret".to_owned(), Value::from(CLIENT_SECRET)),
        (
            "base_url".to_owned(),
            Value::from(format!("http://localhost:{port}")),
        ),
    ]);
    table.extend(logto);
    table.retain(|_, value| !matches!(value, Value::Empty(..)));
    let base = rocket::Config::try_from(base).expect("a configuration of Rocket");
    Figment::from(base)
        .merge(("log_level", "critical"))
        .merge(("logto", table))
        .join(("logto.session.cookie_name", SESSION_COOKIE))
        .select("debug")
}
