//! A headless Chromium, driven through Debian's chromedriver by `fantoccini`,
//! for what only a real browser can show: cookie rules, scripts, looks.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use reqwest::Method;
use serde_json::{Value, json};
use url::Url;

use super::serve::{Process, free_port};

/// Chromium talks to this machine and to nobody else.
const ARGUMENTS: [&str; 10] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
];

#[derive(Debug, Clone, Copy)]
pub struct Look {
    pub width: u32,
    pub height: u32,
    /// What `prefers-color-scheme` says.
    pub dark: bool,
}

impl Default for Look {
    fn default() -> Self {
        Look {
            width: 1280,
            height: 900,
            dark: false,
        }
    }
}

/// A browser with a fresh profile; derefs to fantoccini's `Client`. Ended on drop.
pub struct Chromium {
    client: Client,
    port: u16,
    driver: Process,
    profile: PathBuf,
}

impl Deref for Chromium {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Chromium {
    pub async fn start(look: Look) -> Chromium {
        Chromium::start_with(look, &[]).await
    }

    /// With more command-line arguments for Chromium.
    pub async fn start_with(look: Look, more: &[&str]) -> Chromium {
        let port = free_port();
        let mut driver = Process::spawn(Command::new("chromedriver").arg(format!("--port={port}")));
        driver.wait_for_port(port).await;

        let profile = fresh_profile();
        let mut arguments: Vec<String> = ARGUMENTS.map(str::to_owned).to_vec();
        arguments.push(format!("--user-data-dir={}", profile.display()));
        arguments.push(format!("--window-size={},{}", look.width, look.height));
        arguments.extend(more.iter().map(|argument| (*argument).to_owned()));
        let capabilities = json!({
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let Value::Object(capabilities) = capabilities else {
            unreachable!("an object was just written")
        };
        let connected = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://localhost:{port}"))
            .await;
        let client = match connected {
            Ok(client) => client,
            Err(error) => panic!("Chromium does not start: {error}\n{}", driver.output()),
        };
        let chromium = Chromium {
            client,
            port,
            driver,
            profile,
        };
        chromium.set_look(look).await;
        chromium
    }

    /// Sets the size of the page (not of the window) and the colour scheme.
    pub async fn set_look(&self, look: Look) {
        let size = json!({
            "width": look.width, "height": look.height, "deviceScaleFactor": 1, "mobile": false,
        });
        self.cdp("Emulation.setDeviceMetricsOverride", size).await;
        let scheme = if look.dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.cdp(
            "Emulation.setEmulatedMedia",
            json!({ "features": features }),
        )
        .await;
    }

    /// A command of the Chrome DevTools Protocol.
    pub async fn cdp(&self, method: &str, parameters: Value) -> Value {
        let command = Driver {
            path: "goog/cdp/execute",
            body: json!({ "cmd": method, "params": parameters }),
        };
        let answer = self.client.issue_cmd(command).await;
        answer.unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// What the console said since the last call: errors of scripts, blocked requests.
    pub async fn console(&self) -> Vec<String> {
        let command = Driver {
            path: "se/log",
            body: json!({ "type": "browser" }),
        };
        let answer = self
            .client
            .issue_cmd(command)
            .await
            .expect("the browser's log");
        let entries = answer.as_array().cloned().unwrap_or_default();
        entries
            .iter()
            .map(|entry| entry["message"].to_string())
            .collect()
    }

    /// Writes what is seen now to `target/screenshots/<name>.png`.
    pub async fn screenshot(&self, name: &str) -> PathBuf {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
        std::fs::create_dir_all(&folder).expect("a folder for screenshots");
        let file = folder.join(format!("{name}.png"));
        let png = self.client.screenshot().await.expect("a screenshot");
        std::fs::write(&file, png).expect("the screenshot is written");
        file
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // Chromium is chromedriver's child, not ours: the driver ends it when asked to shut down.
        let _ = ask_to_shut_down(self.port);
        self.driver.kill();
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}

/// Without async, since `drop` has none.
fn ask_to_shut_down(port: u16) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    write!(
        stream,
        "GET /shutdown HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n"
    )?;
    stream.read_to_end(&mut Vec::new())?;
    Ok(())
}

fn fresh_profile() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("rocket_logto-chromium-{}-{count}", std::process::id());
    std::env::temp_dir().join(name)
}

/// A command that chromedriver has beside WebDriver's own.
#[derive(Debug)]
struct Driver {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Driver {
    fn endpoint(&self, base: &Url, session_id: Option<&str>) -> Result<Url, url::ParseError> {
        base.join(&format!(
            "session/{}/{}",
            session_id.unwrap_or_default(),
            self.path
        ))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}
