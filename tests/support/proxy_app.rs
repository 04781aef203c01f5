//! An app with a proxy to an API that speaks bytes, and a script of the app's own page.

use std::time::Duration;

use logto_dev_provider::{DevProvider, Settings};
use reqwest::Method;
use rocket::figment::value::{Dict, Value};
use rocket::tokio::io::{AsyncReadExt, AsyncWriteExt};
use rocket::tokio::net::TcpStream;
use rocket::tokio::time::timeout;
use rocket::{Build, Rocket};
use rocket_logto::{AccessToken, Logto, LogtoFairing, OrgToken, PathOrg, Proxy};

use super::app::{ALICE, TestApp, settings};
use super::browser::{Browser, Request};
use super::clock::Clock;
use super::pages::who_is_signed_in;
use super::raw_server::{RawRequest, RawServer, Step};
use super::serve::{Served, free_port};
use super::signer;
use super::targets::{Orders, Shopping};
use super::token_app::table;

/// With a path, as APIs have it.
pub const BASE: &str = "/v1";
const PATIENCE: Duration = Duration::from_secs(20);

pub struct ProxyApp {
    pub at: TestApp,
    pub upstream: RawServer,
    pub alice: Browser,
    clock: Clock,
    keys: Dict,
}

/// `/api/shop` with a token for an API resource, and `/api/orgs/<org_id>/orders` with one within
/// an organization.
fn fairing(clock: Clock) -> LogtoFairing {
    let shop = Proxy::<AccessToken<Shopping>>::to_upstream("shop");
    let orders = Proxy::<OrgToken<PathOrg, Orders>>::to_upstream("shop");
    Logto::fairing()
        .with_clock(clock.read)
        .proxy("/api/shop", shop)
        .proxy("/api/orgs/<org_id>/orders", orders)
}

fn rocket() -> Rocket<Build> {
    let config = rocket::Config::figment()
        .merge(("secret_key", vec![7_u8; 64]))
        .merge(("limits.proxy", "1 MiB"));
    rocket::custom(config).mount("/", who_is_signed_in())
}

/// Keys of the `logto` table for an upstream at this address.
pub fn proxy_keys(address: &str, more: &[(&str, &str)]) -> Dict {
    let upstreams = Dict::from([("shop".to_owned(), Value::from(address))]);
    let mut proxy = Dict::from([("upstreams".to_owned(), Value::from(upstreams))]);
    let more = more
        .iter()
        .map(|(key, value)| ((*key).to_owned(), Value::from(*value)));
    proxy.extend(more);
    Dict::from([("proxy".to_owned(), Value::from(proxy))])
}

impl ProxyApp {
    pub async fn start(
        clock: Clock,
        script: impl Fn(&RawRequest) -> Vec<Step> + Send + Sync + 'static,
    ) -> ProxyApp {
        ProxyApp::with(clock, &[], Dict::new(), script).await
    }

    /// With these keys of `logto.proxy`, and of the `logto` table.
    pub async fn with(
        clock: Clock,
        proxy: &[(&str, &str)],
        logto: Dict,
        script: impl Fn(&RawRequest) -> Vec<Step> + Send + Sync + 'static,
    ) -> ProxyApp {
        ProxyApp::at(settings(), clock, proxy, logto, script).await
    }

    /// At a provider with these settings.
    pub async fn at(
        settings: Settings,
        clock: Clock,
        proxy: &[(&str, &str)],
        logto: Dict,
        script: impl Fn(&RawRequest) -> Vec<Step> + Send + Sync + 'static,
    ) -> ProxyApp {
        let upstream = RawServer::start(script).await;
        let mut keys = table();
        keys.extend(proxy_keys(&upstream.url(BASE), proxy));
        keys.extend(logto);
        let provider = DevProvider::start(settings).await.expect("a provider");
        let at = TestApp::joined(provider, keys.clone(), fairing(clock), rocket()).await;
        let alice = Browser::new();
        at.sign_in(&alice, "/protected", ALICE).await;
        at.provider.clear_requests();
        ProxyApp {
            at,
            upstream,
            alice,
            clock,
            keys,
        }
    }

    /// Another instance of the app, at the same provider.
    pub async fn another(&self) -> Served {
        let endpoint = self.at.provider.endpoint();
        let keys = self.keys.clone();
        TestApp::serve_with(fairing(self.clock), free_port(), &endpoint, keys, rocket()).await
    }

    /// A script's call, as the page makes it.
    pub fn call(&self, method: Method, path: &str) -> Request<'_> {
        let request = self.bare(method, path);
        request.header("X-CSRF", "1")
    }

    /// The same without the header.
    pub fn bare(&self, method: Method, path: &str) -> Request<'_> {
        let request = self.alice.request(method, self.at.url(path));
        request.fetch().initiator(self.at.url("/"))
    }

    /// The head of a script's request, to be written by hand: `more` are whole lines.
    pub fn head(&self, method: &str, target: &str, more: &str) -> String {
        let cookies = self.alice.cookie_header(self.at.url("/")).expect("cookies");
        let port = self.at.app.port();
        format!(
            "{method} {target} HTTP/1.1\r\nHost: localhost:{port}\r\nCookie: {cookies}\r\n\
             Sec-Fetch-Site: same-origin\r\nX-CSRF: 1\r\n{more}\r\n"
        )
    }

    pub async fn wire(&self) -> Wire {
        let stream = TcpStream::connect(("127.0.0.1", self.at.app.port())).await;
        Wire {
            stream: stream.expect("a connection"),
            read: Vec::new(),
        }
    }

    /// One request and all that comes back until the connection ends.
    pub async fn exchange(&self, method: &str, target: &str, more: &str, body: &str) -> String {
        let mut wire = self.wire().await;
        let head = self.head(method, target, &format!("Connection: close\r\n{more}"));
        wire.send(head + body).await;
        wire.rest().await
    }
}

/// A connection of the browser's, byte by byte.
pub struct Wire {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Wire {
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream
            .write_all(bytes.as_ref())
            .await
            .expect("it is read");
        self.stream.flush().await.expect("it is read");
    }

    /// All that has come, once `text` is in it.
    pub async fn until(&mut self, text: &str) -> String {
        let reading = async {
            loop {
                let read = String::from_utf8_lossy(&self.read).into_owned();
                if read.contains(text) {
                    return read;
                }
                let more = self.stream.read_buf(&mut self.read).await.expect("bytes");
                assert!(more > 0, "the connection ends without {text:?}: {read}");
            }
        };
        let read = timeout(PATIENCE, reading).await;
        read.unwrap_or_else(|_| panic!("{text:?} does not come"))
    }

    /// All that has come when the connection ends.
    pub async fn rest(mut self) -> String {
        // Where it ends by a reset, that is its end.
        let all = async { while self.stream.read_buf(&mut self.read).await.unwrap_or(0) > 0 {} };
        timeout(PATIENCE, all).await.expect("the connection ends");
        String::from_utf8_lossy(&self.read).into_owned()
    }
}

/// An answer with these lines in its head, whole lines each.
pub fn answer(status: &str, lines: &str, body: &str) -> Vec<Step> {
    let length = body.len();
    vec![Step::text(format!(
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{lines}\r\n{body}"
    ))]
}

/// `200 OK`, for tests that are about the request.
pub fn fine(_: &RawRequest) -> Vec<Step> {
    answer("200 OK", "Content-Type: application/json\r\n", "{}")
}

/// The claims of the token that came with a request.
pub fn claims_of(request: &RawRequest) -> serde_json::Value {
    let token = request.header("authorization").expect("a token");
    let token = token.strip_prefix("Bearer ").expect("a bearer token");
    signer::claims_of(token).into()
}
