//! The MCP server of the examples beside a development provider, and the official MCP client
//! as a process, see `tests/mcp_client/client.mjs`.

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use logto_dev_provider::{DevProvider, Seed};
use reqwest::Method;
use rocket::fairing::AdHoc;
use rocket::figment::value::Dict;
use rocket::serde::json::Json;
use rocket::tokio::time;
use rocket::{State, get, routes};
use serde_json::{Map, Value, json};

use super::api_app::configured;
use super::app::{ALICE, settings};
use super::browser::{Browser, Response};
use super::serve::{Process, Served, free_port};

const PATIENCE: Duration = Duration::from_secs(30);

/// What the example's first lines hand to the provider. The address is that of the example.
const SEED: &str = include_str!("../../examples/mcp_server/seed.toml");
const ADDRESS_IN_SEED: &str = "http://localhost:3002/mcp";

/// A request that the MCP server has had, and its answer.
#[derive(Clone, Debug)]
pub struct Exchange {
    pub request: String,
    pub session: Option<String>,
    pub status: u16,
    pub challenge: Option<String>,
}

pub struct McpServer {
    app: Served,
    pub provider: DevProvider,
    /// Where the document is that describes the client.
    host: Served,
    exchanges: Arc<Mutex<Vec<Exchange>>>,
}

impl McpServer {
    pub async fn start(dynamic_registration: bool, logto: Dict) -> McpServer {
        let port = free_port();
        let url = format!("http://localhost:{port}/mcp");
        assert!(SEED.contains(ADDRESS_IN_SEED));
        let seed = SEED.replace(ADDRESS_IN_SEED, &url);
        let mut settings = settings();
        settings.seed = Seed::from_toml(&seed).expect("a seed");
        settings.dynamic_registration = dynamic_registration;
        let provider = DevProvider::start(settings).await.expect("a provider");
        let rocket = configured(mcp_server::rocket(), &provider.endpoint(), logto);
        let figment = rocket.figment().clone().merge(("mcp.url", url));
        let exchanges = Arc::<Mutex<Vec<Exchange>>>::default();
        let kept = exchanges.clone();
        let keep = AdHoc::on_response("what was said", move |request, response| {
            let of_request = |name| request.headers().get_one(name).map(str::to_owned);
            let challenge = response.headers().get_one("WWW-Authenticate");
            kept.lock().expect("no panic").push(Exchange {
                request: format!("{} {}", request.method(), request.uri().path()),
                session: of_request("Mcp-Session-Id"),
                status: response.status().code,
                challenge: challenge.map(str::to_owned),
            });
            Box::pin(async {})
        });
        let app = Served::start_on(port, rocket.configure(figment).attach(keep)).await;
        McpServer {
            app,
            provider,
            host: host().await,
            exchanges,
        }
    }

    /// As its users give it to their clients.
    pub fn url(&self) -> String {
        self.app.url("/mcp")
    }

    /// The id of the client that has a document.
    pub fn document(&self) -> String {
        self.host.url("/client.json")
    }

    pub fn exchanges(&self) -> Vec<Exchange> {
        self.exchanges.lock().expect("no panic").clone()
    }

    /// A message of somebody who has a token of Alice's with this scope, without any client.
    pub async fn post(&self, scope: &str, headers: &[(&str, &str)], message: &Value) -> Response {
        let url = self.url();
        let token = self.provider.access_token(ALICE, &url, scope, Map::new());
        let browser = Browser::new();
        let request = browser.request(Method::POST, url);
        let request = request.body("application/json", message.to_string());
        let mut request = request.header("authorization", format!("Bearer {token}"));
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        request.send().await
    }

    /// A client that does this, with what its environment says.
    pub fn client(&self, environment: &[(&str, &str)], steps: &[&str]) -> McpClient {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mcp_client");
        assert!(
            folder
                .join("node_modules/@modelcontextprotocol/sdk")
                .is_dir(),
            "the MCP client is not installed: run `npm ci` in tests/mcp_client, or use tests/run"
        );
        let mut node = Command::new("node");
        node.current_dir(folder).arg("client.mjs").args(steps);
        node.env("SERVER_URL", self.url());
        node.envs(environment.iter().copied());
        McpClient {
            process: Process::spawn(&mut node),
            seen: 0,
        }
    }

    /// `user` opens the address of the client's `authorize` event in this browser, signs in, and
    /// allows what it asks for; the text of the page that says what that is.
    pub async fn allow(&self, browser: &Browser, authorize: &Value, user: &str) -> String {
        let url = authorize["url"].as_str().expect("an address");
        let mut page = last(browser.navigate_following(url, 10).await);
        if !is_consent(&page) {
            let chosen = browser.submit(&page, user, &[]).await;
            page = last(browser.follow_all(chosen, 10).await);
        }
        assert!(is_consent(&page), "{}: {}", page.url(), page.text());
        let allowed = browser.submit(&page, "Allow", &[]).await;
        let back = last(browser.follow_all(allowed, 10).await);
        assert_eq!(back.status(), 200, "{}", back.text());
        let at = (back.url().host_str(), back.url().path());
        assert_eq!(at, (Some("127.0.0.1"), "/callback"), "{}", back.text());
        page.text()
    }
}

fn is_consent(page: &Response) -> bool {
    page.text().contains("<h1>Allow access?</h1>")
}

fn last(hops: Vec<Response>) -> Response {
    hops.into_iter().next_back().expect("a page")
}

/// Where the client's owner has put its document.
async fn host() -> Served {
    #[get("/client.json")]
    fn document(address: &State<String>) -> Json<Value> {
        Json(json!({
            "client_id": address.inner(),
            "client_name": "Test client",
            // With any port (RFC 8252 section 7.3).
            "redirect_uris": ["http://127.0.0.1/callback"],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        }))
    }
    let port = free_port();
    let figment = rocket::Config::figment().merge(("log_level", "critical"));
    let rocket = rocket::custom(figment)
        .manage(format!("http://localhost:{port}/client.json"))
        .mount("/", routes![document]);
    Served::start_on(port, rocket).await
}

pub struct McpClient {
    process: Process,
    seen: usize,
}

impl McpClient {
    /// The next thing that it prints, which is about this.
    pub async fn next(&mut self, about: &str) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let has_ended = self.process.has_ended();
            let output = self.process.output();
            // The last line may be in the making.
            let lines: Vec<_> = output.split_inclusive('\n').collect();
            let next = lines.get(self.seen).filter(|line| line.ends_with('\n'));
            if let Some(line) = next {
                self.seen += 1;
                let event: Value = serde_json::from_str(line)
                    .unwrap_or_else(|error| panic!("{line}: {error}, in\n{output}"));
                assert_eq!(event["event"], about, "{output}");
                return event;
            }
            assert!(!has_ended, "no {about}, but the end:\n{output}");
            assert!(Instant::now() < end, "no {about} in time:\n{output}");
            time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// All of these, one after the other; the last one.
    pub async fn next_of<const N: usize>(&mut self, about: [&str; N]) -> Value {
        let mut last = Value::Null;
        for about in about {
            last = self.next(about).await;
        }
        last
    }
}
