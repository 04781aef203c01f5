//! Dex as `.ci/peers` builds it: one for each test, with its password database,
//! all of it in memory.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::browser::{Browser, Response};
use super::peer_app::Registration;
use super::serve::{Process, free_port};

pub const APP_ID: &str = "rocket-logto-tests";
pub const SECRET: &str = "a secret+with:every%odd&character";
pub const ALICE: &str = "alice@example.com";
const PASSWORD: &str = "any password";
/// bcrypt of [`PASSWORD`].
const HASH: &str = "$2b$10$rocketlogtotestsalt.uen2jFWiLVHp6g1G8hntcQqzem8GlOrQm";

pub struct Dex {
    process: Process,
    port: u16,
    file: PathBuf,
}

impl Dex {
    /// With one client, whose redirect URI is that of an app at `app_port`.
    pub async fn start(app_port: u16) -> Dex {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/dex/dex");
        assert!(
            program.is_file(),
            "Dex is not built: run .ci/peers, or use tests/run"
        );
        let port = free_port();
        // JSON is YAML.
        let configuration = serde_json::json!({
            "issuer": issuer(port),
            "storage": { "type": "memory" },
            "web": { "http": format!("127.0.0.1:{port}") },
            "enablePasswordDB": true,
            "staticPasswords": [{
                "email": ALICE, "hash": HASH, "username": "alice",
                "userID": "08a8684b-db88-4b73-90a9-3cd1661f5466",
            }],
            "staticClients": [{
                "id": APP_ID, "secret": SECRET, "name": "The tests of rocket_logto",
                "redirectURIs": [format!("http://localhost:{app_port}/callback")],
            }],
        });
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("dex-{port}.yaml"));
        std::fs::write(&file, configuration.to_string()).expect("a configuration");
        let mut process = Process::spawn(Command::new(program).arg("serve").arg(&file));
        process.wait_for_port(port).await;
        Dex {
            process,
            port,
            file,
        }
    }

    pub fn issuer(&self) -> String {
        issuer(self.port)
    }

    pub fn registration(&self) -> Registration {
        Registration {
            issuer: self.issuer(),
            app_id: APP_ID.to_owned(),
            app_secret: SECRET.to_owned(),
        }
    }

    /// Goes on from an answer that redirects to this provider: signs Alice in and grants access.
    /// Gives the answer that sends the browser back to the client, not yet followed, or the page
    /// that is none of these.
    pub async fn sign_in(&self, browser: &Browser, start: &Response) -> Response {
        let mut at = browser.follow(start).await;
        for _ in 0..10 {
            at = if at.is_redirect() {
                if self.leaves(&at) {
                    return at;
                }
                browser.follow(&at).await
            } else if at.page().find("Login".into()).is_some() {
                let fill = [("login", ALICE), ("password", PASSWORD)];
                browser.submit(&at, "Login", &fill).await
            } else if at.page().find("Grant Access".into()).is_some() {
                browser.submit(&at, "Grant Access", &[]).await
            } else {
                return at;
            };
        }
        panic!("the provider's pages never end; at {}", at.url());
    }

    fn leaves(&self, response: &Response) -> bool {
        let here = format!("http://localhost:{}/", self.port);
        let target = response.location().expect("a redirect");
        !target.as_str().starts_with(&here)
    }
}

impl Drop for Dex {
    fn drop(&mut self) {
        self.process.kill();
        // What is left lies under target/.
        let _ = std::fs::remove_file(&self.file);
    }
}

fn issuer(port: u16) -> String {
    format!("http://localhost:{port}/dex")
}
