//! The app's own binary beside a provider in this process, one endpoint of
//! which does as a test tells it.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use logto_dev_provider::{DevProvider, Endpoint};
use rocket::futures::future::join_all;
use rocket::tokio::time::timeout;
use serde_json::json;

use super::app::{ALICE, settings};
use super::browser::Browser;
use super::leaks;
use super::raw_server::{RawServer, Step};
use super::tenant::Tenant;

/// The demo app, at a provider whose userinfo endpoint does as it is told.
pub struct Beside {
    tenant: Tenant,
    pub hostile: RawServer,
    steps: Arc<Mutex<Vec<Step>>>,
    /// Alice is signed in here.
    pub browser: Browser,
}

impl Beside {
    pub async fn start(http_timeout: &str) -> Beside {
        let steps = Arc::<Mutex<Vec<Step>>>::default();
        let script = steps.clone();
        let hostile = RawServer::start(move |_| script.lock().expect("no panic").clone()).await;
        let provider = DevProvider::start(settings()).await.expect("a provider");
        let userinfo = hostile.url("/me");
        provider
            .hooks()
            .respond(Endpoint::Discovery, move |_, reply| {
                reply.edit_json(|metadata| metadata["userinfo_endpoint"] = json!(userinfo));
            });
        provider.hooks().sign_in_as(Some(ALICE));
        let logto = format!("{{http_timeout=\"{http_timeout}\"}}");
        let more = [("ROCKET_LOG_LEVEL", "critical"), ("ROCKET_LOGTO", &logto)];
        let tenant = Tenant::at(provider, &more).await;
        leaks::app(tenant.port, true);
        let browser = Browser::new();
        let hops = browser.navigate_following(tenant.url("/sign-in"), 10).await;
        let home = hops.last().expect("a page");
        assert_eq!(home.url().path(), "/", "{}", home.text());
        Beside {
            tenant,
            hostile,
            steps,
            browser,
        }
    }

    pub fn url(&self, path: &str) -> String {
        self.tenant.url(path)
    }

    pub fn provider_url(&self) -> String {
        self.tenant.provider.endpoint()
    }

    /// What the userinfo endpoint does from now on.
    pub fn answers(&self, steps: Vec<Step>) {
        *self.steps.lock().expect("no panic") = steps;
    }

    /// The status of so many pages that need the provider, asked for at once.
    pub async fn userinfo(&self, count: usize) -> Vec<u16> {
        let url = self.url("/protected/userinfo");
        let pages = (0..count).map(|_| self.browser.navigate(&url));
        let pages = join_all(pages).await;
        pages.into_iter().map(|page| page.status()).collect()
    }

    /// Bytes of the process that are in memory (proc(5), `statm`).
    pub fn resident(&self) -> usize {
        let statm = format!("/proc/{}/statm", self.tenant.app.id());
        let statm = std::fs::read_to_string(statm).expect("a process");
        let pages = statm.split(' ').nth(1).expect("a second number");
        pages.parse::<usize>().expect("a number") * 4096
    }

    /// How long `/` takes, so many times one after the other; sorted.
    pub async fn home(&self, count: usize) -> Vec<Duration> {
        let (browser, url) = (Browser::new(), self.url("/"));
        let mut times = Vec::new();
        for _ in 0..count {
            let start = Instant::now();
            let page = timeout(Duration::from_secs(5), browser.navigate(&url)).await;
            assert_eq!(page.expect("an answer at all").status(), 200);
            times.push(start.elapsed());
        }
        times.sort();
        times
    }
}
