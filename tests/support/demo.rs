//! The web app of this repository as `cargo run` starts it: its own binary, with
//! the development provider inside, on free ports.

use std::path::Path;

use super::browser::Browser;
use super::leaks;
use super::serve::{Process, free_port};

pub struct Demo {
    process: Process,
    host: &'static str,
    port: u16,
    provider_port: u16,
}

impl Demo {
    pub async fn start() -> Demo {
        Demo::start_at("localhost").await
    }

    /// The app at `localhost`, which is one site with the provider whatever the
    /// port, or at `127.0.0.1`, which is another site.
    pub async fn start_at(host: &'static str) -> Demo {
        Demo::with_provider(host, "").await
    }

    /// With these keys of the `logto` table, too.
    pub async fn configured(keys: &str) -> Demo {
        Demo::with_provider("localhost", &format!(",{keys}")).await
    }

    /// With a provider that keeps in this file what is changed there.
    pub async fn keeping(state_file: &Path) -> Demo {
        let provider_port = free_port();
        let more = format!("dev_provider={{port={provider_port},state_file={state_file:?}}}");
        Demo::launch("localhost", &more, provider_port).await
    }

    /// With a provider at which clients may register themselves.
    pub async fn open_to_clients() -> Demo {
        let provider_port = free_port();
        let more = format!("dev_provider={{port={provider_port},dynamic_registration=true}}");
        Demo::launch("localhost", &more, provider_port).await
    }

    async fn with_provider(host: &'static str, keys: &str) -> Demo {
        let provider_port = free_port();
        let more = format!("dev_provider={{port={provider_port}}}{keys}");
        Demo::launch(host, &more, provider_port).await
    }

    /// Configured for a Logto at a port where nobody answers.
    pub async fn without_provider(provider_port: u16) -> Demo {
        let endpoint = format!("http://localhost:{provider_port}");
        let more = format!("endpoint=\"{endpoint}\",app_id=\"demo\"");
        Demo::launch("localhost", &more, provider_port).await
    }

    async fn launch(host: &'static str, more: &str, provider_port: u16) -> Demo {
        let port = free_port();
        let logto = format!("{{base_url=\"http://{host}:{port}\",{more}}}");
        let mut process = Process::app(&[
            ("ROCKET_PORT", &port.to_string()),
            ("ROCKET_CLI_COLORS", "false"),
            ("ROCKET_LOGTO", &logto),
        ]);
        process.wait_for_port(port).await;
        leaks::app(port, true);
        Demo {
            process,
            host,
            port,
            provider_port,
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}:{}{path}", self.host, self.port)
    }

    pub fn provider_url(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.provider_port)
    }

    /// All the app has logged.
    pub fn output(&self) -> String {
        self.process.output()
    }

    /// Signs `user` (a `sub`) in and ends at the front page.
    pub async fn sign_in(&self, browser: &Browser, user: &str) {
        let hops = browser.navigate_following(self.url("/sign-in"), 10).await;
        let page = hops.last().expect("the provider's page");
        let button = browser.submit(page, user, &[]).await;
        let hops = browser.follow_all(button, 10).await;
        let home = hops.last().expect("a page");
        assert_eq!(home.url().as_str(), self.url("/"), "{}", home.text());
    }
}
