//! Canaille as `.ci/peers` installs it: one for each test, with one user, all of
//! it in memory. See `tests/canaille/server.py`.

use std::path::Path;
use std::process::Command;

use super::browser::{Browser, Response};
use super::peer_app::{Registration, origin};
use super::serve::{Process, free_port};

const APP_ID: &str = "rocket-logto-tests";
/// Letters and digits, as those that Canaille makes itself: it does not decode what is form-urlencoded
/// in HTTP Basic (RFC 6749 section 2.3.1), so an odd one would need `client_secret_post`.
const SECRET: &str = "BNQkXcRm4pTzLw7yVhGs2DfJ8uKe3aQo";
pub const ALICE: &str = "alice";
const PASSWORD: &str = "any password";

pub struct Canaille {
    /// Ends with the value.
    _process: Process,
    port: u16,
}

impl Canaille {
    /// With one client, whose addresses are those of an app at `app_port`.
    pub async fn start(app_port: u16) -> Canaille {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = root.join("target/tools/canaille/bin/python");
        assert!(
            python.is_file(),
            "Canaille is not installed: run .ci/peers, or use tests/run"
        );
        let port = free_port();
        let app = origin(app_port);
        let mut command = Command::new(python);
        command
            .arg(root.join("tests/canaille/server.py"))
            .env("PORT", port.to_string())
            .env("REDIRECT_URI", format!("{app}/callback"))
            .env("POST_LOGOUT_REDIRECT_URI", format!("{app}/"))
            .env("CLIENT_ID", APP_ID)
            .env("CLIENT_SECRET", SECRET)
            .env("USER", ALICE)
            .env("PASSWORD", PASSWORD);
        let mut process = Process::spawn(&mut command);
        process.wait_for_output("ready").await;
        Canaille {
            _process: process,
            port,
        }
    }

    pub fn issuer(&self) -> String {
        origin(self.port)
    }

    pub fn registration(&self) -> Registration {
        Registration {
            issuer: self.issuer(),
            app_id: APP_ID.to_owned(),
            app_secret: SECRET.to_owned(),
        }
    }

    /// Goes on from an answer that redirects to this provider: signs Alice in, first her name, then
    /// her password, and accepts. Gives the answer that sends the browser back to the client, not yet
    /// followed, or the page that is none of these.
    pub async fn walk(&self, browser: &Browser, start: &Response) -> Response {
        let mut at = browser.follow(start).await;
        for _ in 0..15 {
            let page = at.page();
            let has = |name: &str| {
                let mut forms = page.forms.iter();
                forms.position(|form| form.fields.iter().any(|(field, _)| field == name))
            };
            at = if at.is_redirect() {
                if self.leaves(&at) {
                    return at;
                }
                browser.follow(&at).await
            } else if let Some(form) = has("password") {
                browser.submit(&at, form, &[("password", PASSWORD)]).await
            } else if let Some(form) = has("login") {
                browser.submit(&at, form, &[("login", ALICE)]).await
            } else if page.find("accept".into()).is_some() {
                browser.submit(&at, "accept", &[]).await
            } else {
                return at;
            };
        }
        panic!("the provider's pages never end; at {}", at.url());
    }

    fn leaves(&self, response: &Response) -> bool {
        let here = format!("{}/", self.issuer());
        let target = response.location().expect("a redirect");
        !target.as_str().starts_with(&here)
    }
}
