//! The app of this repository as its operator runs it beside a real tenant.

use logto_dev_provider::{DevProvider, Endpoint};

use super::app::{CLIENT_ID, CLIENT_SECRET, settings};
use super::browser::{Browser, Response};
use super::serve::{Process, free_port};

/// The app's own binary, told of a provider by `LOGTO_ENDPOINT` and its two
/// friends.
pub struct Tenant {
    pub provider: DevProvider,
    pub app: Process,
    pub port: u16,
}

impl Tenant {
    /// With more environment variables.
    pub async fn start(more: &[(&str, &str)]) -> Tenant {
        let provider = DevProvider::start(settings()).await.expect("a provider");
        Tenant::at(provider, more).await
    }

    /// The same, at a provider that was prepared first.
    pub async fn at(provider: DevProvider, more: &[(&str, &str)]) -> Tenant {
        let port = free_port();
        let (port_text, endpoint) = (port.to_string(), provider.endpoint());
        let mut env = vec![
            ("ROCKET_PORT", port_text.as_str()),
            ("LOGTO_ENDPOINT", &endpoint),
            ("LOGTO_APP_ID", CLIENT_ID),
            ("LOGTO_APP_SECRET", CLIENT_SECRET),
        ];
        env.extend(more);
        let mut app = Process::app(&env);
        app.wait_for_port(port).await;
        let tenant = Tenant {
            provider,
            app,
            port,
        };
        let own = [tenant.url("/callback")];
        tenant.provider.set_redirect_uris(own);
        tenant
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.port)
    }

    /// A browser in which `user` (a `sub`) is signed in.
    pub async fn signed_in(&self, user: &str) -> Browser {
        let browser = Browser::new();
        self.provider.hooks().sign_in_as(Some(user));
        let hops = browser.navigate_following(self.url("/session"), 10).await;
        let page = hops.last().expect("a page");
        assert_eq!(page.url().path(), "/session", "{}", page.text());
        browser
    }

    /// What a person reads at `path`, with the status.
    pub async fn read(&self, browser: &Browser, path: &str) -> (u16, String) {
        let page = browser.navigate(self.url(path)).await;
        (page.status(), page.page().text)
    }

    /// Presses a button of the session page. Only what follows is recorded.
    pub async fn press(&self, browser: &Browser, button: &str) -> Response {
        let page = browser.navigate(self.url("/session")).await;
        self.provider.clear_requests();
        browser.submit(&page, button, &[]).await
    }

    pub fn token_calls(&self) -> usize {
        self.provider.requests_to(Endpoint::Token).len()
    }
}
