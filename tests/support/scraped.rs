//! The web app as a process of its own, so that its counters are nobody else's, and what
//! it tells a Prometheus.

use std::collections::BTreeMap;

use logto_dev_provider::DevProvider;
use reqwest::header::HeaderMap;

use super::app::{CLIENT_ID, CLIENT_SECRET, settings};
use super::browser::{Browser, Response};
use super::leaks;
use super::serve::{Process, free_port};

/// Each series with its value.
pub type Series = BTreeMap<String, f64>;

pub struct Scraped {
    pub provider: DevProvider,
    process: Process,
    port: u16,
    metrics: u16,
}

impl Scraped {
    /// At a provider of its own, with metrics on a port of their own.
    pub async fn start() -> Scraped {
        let metrics = free_port();
        Scraped::with(metrics, &format!("{{port={metrics}}}"), None, "").await
    }

    /// Configured for a provider at a port where nobody answers.
    pub async fn without_provider() -> Scraped {
        let (metrics, nobody) = (free_port(), free_port());
        let table = format!("{{port={metrics}}}");
        let nobody = format!("http://localhost:{nobody}");
        Scraped::with(metrics, &table, Some(nobody), "").await
    }

    /// With `web.metrics` like this.
    pub async fn showing(metrics: u16, table: &str) -> Scraped {
        Scraped::with(metrics, table, None, "").await
    }

    /// As [`Scraped::start`], with more keys of the `logto` table.
    pub async fn with_keys(keys: &str) -> Scraped {
        let metrics = free_port();
        Scraped::with(metrics, &format!("{{port={metrics}}}"), None, keys).await
    }

    async fn with(metrics: u16, table: &str, elsewhere: Option<String>, keys: &str) -> Scraped {
        let mut settings = settings();
        settings.sid = true;
        let provider = DevProvider::start(settings).await.expect("a provider");
        let endpoint = elsewhere.unwrap_or_else(|| provider.endpoint());
        let port = free_port();
        let base_url = format!("http://localhost:{port}");
        provider.set_redirect_uris([format!("{base_url}/callback")]);
        provider.set_post_logout_redirect_uris([format!("{base_url}/")]);
        let secret = CLIENT_SECRET;
        let logto = format!(
            "{{base_url=\"{base_url}\",endpoint=\"{endpoint}\",app_id=\"{CLIENT_ID}\",\
             app_secret=\"{secret}\"{keys}}}"
        );
        let web = match table {
            "" => "{database=\"\"}".to_owned(),
            table => format!("{{database=\"\",metrics={table}}}"),
        };
        let mut process = Process::app(&[
            ("ROCKET_PORT", &port.to_string()),
            ("ROCKET_CLI_COLORS", "false"),
            ("ROCKET_LOGTO", &logto),
            ("ROCKET_WEB", &web),
        ]);
        process.wait_for_port(port).await;
        leaks::app(port, false);
        Scraped {
            provider,
            process,
            port,
            metrics,
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.port)
    }

    pub fn metrics_url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.metrics)
    }

    /// All the app has logged.
    pub fn output(&self) -> String {
        self.process.output()
    }

    /// Signs `user` in; the last page of the way.
    pub async fn sign_in(&self, user: &str) -> (Browser, Response) {
        self.provider.hooks().sign_in_as(Some(user));
        let browser = Browser::new();
        let hops = browser.navigate_following(self.url("/sign-in"), 10).await;
        let page = hops.into_iter().next_back().expect("a page");
        (browser, page)
    }

    pub async fn scrape(&self) -> Series {
        let text = Browser::new().get(self.metrics_url("/metrics")).await;
        assert_eq!(text.status(), 200, "{}", text.text());
        series(&text.text())
    }
}

pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

/// Asks for an address with these `Authorization` headers, be they as many as they may.
pub async fn get_with(url: String, authorization: &[&str]) -> Answer {
    let client = reqwest::Client::builder().no_proxy().build();
    let mut request = client.expect("an HTTP client").get(url);
    for value in authorization {
        request = request.header("Authorization", *value);
    }
    let answer = request.send().await.expect("an answer");
    Answer {
        status: answer.status().as_u16(),
        headers: answer.headers().clone(),
        text: answer.text().await.expect("a text"),
    }
}

/// What Prometheus' text format has.
pub fn series(text: &str) -> Series {
    let lines = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (series, value) = line.rsplit_once(' ').expect("a value");
            (series.to_owned(), value.parse().expect("a number"))
        })
        .collect()
}

/// The series of these metrics that have grown, and by how much.
pub fn grown(before: &Series, after: &Series, of: &[&str]) -> Vec<(String, f64)> {
    let is_meant = |series: &str| of.iter().any(|name| series.starts_with(name));
    let grown = after.iter().filter(|(series, _)| is_meant(series));
    grown
        .map(|(series, now)| (series.clone(), now - before.get(series).unwrap_or(&0.0)))
        .filter(|(_, by)| *by != 0.0)
        .collect()
}
