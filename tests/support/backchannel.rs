//! An app and a provider that sends logout tokens, right ones and others.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use logto_dev_provider::{DevProvider, Hooks, Signing};
use rocket::figment::value::Dict;
use rocket_logto::Logto;
use serde_json::{Map, Value, json};

use super::app::{TestApp, configuration, settings};
use super::browser::{Browser, Request, Response};
use super::serve::{Served, free_port};
use super::sessions::{rocket, signed_in, who};

pub type Json = Map<String, Value>;
pub type Clock = fn() -> i64;

pub fn system() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("a clock").as_secs() as i64
}

/// Stands still, so that limits can be met to the second.
pub fn frozen() -> i64 {
    static NOW: OnceLock<i64> = OnceLock::new();
    *NOW.get_or_init(system)
}

pub struct Provided {
    pub app: TestApp,
    /// The `sid` of each ID token issued, in order.
    sids: Arc<Mutex<Vec<String>>>,
    clock: Clock,
    /// ID tokens are issued without `sid`.
    leaves_sid_out: Arc<AtomicBool>,
}

impl Provided {
    pub async fn start(clock: Clock) -> Provided {
        Provided::with(Dict::new(), clock, 0).await
    }

    /// `padding` bytes of claims are added to each ID token.
    pub async fn with(logto: Dict, clock: Clock, padding: usize) -> Provided {
        let mut settings = settings();
        settings.sid = true;
        let provider = DevProvider::start(settings).await.expect("a provider");
        let port = free_port();
        let base = rocket();
        let figment = configuration(base.figment(), port, &provider.endpoint(), logto);
        let fairing = Logto::fairing().with_clock(clock);
        let app = Served::start_on(port, base.configure(figment).attach(fairing)).await;
        provider.set_redirect_uris([app.url("/callback")]);
        provider.set_post_logout_redirect_uris([app.url("/")]);
        let sids = Arc::<Mutex<Vec<String>>>::default();
        let seen = sids.clone();
        let leaves_sid_out = Arc::<AtomicBool>::default();
        let leaves_out = leaves_sid_out.clone();
        provider.hooks().id_token(move |_, claims| {
            claims.insert("padding".into(), json!("x".repeat(padding)));
            // The provider's clock runs while that of the app may stand still.
            claims.insert("iat".into(), json!(clock()));
            claims.insert("exp".into(), json!(clock() + 3600));
            let sid = claims["sid"].as_str().expect("a sid").to_owned();
            seen.lock().expect("no panic").push(sid);
            if leaves_out.load(Ordering::Relaxed) {
                claims.remove("sid");
            }
        });
        let app = TestApp { app, provider };
        Provided {
            app,
            sids,
            clock,
            leaves_sid_out,
        }
    }

    pub fn hooks(&self) -> &Hooks {
        self.app.provider.hooks()
    }

    /// Signs in at a session of its own at the provider; the `sid` too.
    pub async fn sign_in(&self, user: &str) -> (Browser, String) {
        let browser = signed_in(&self.app, user).await;
        let sid = self.sids.lock().expect("no panic").last().cloned();
        (browser, sid.expect("a sid"))
    }

    /// The same at a provider that puts no `sid` into ID tokens; only its logout tokens
    /// have it.
    pub async fn sign_in_without_sid(&self, user: &str) -> (Browser, String) {
        self.leaves_sid_out.store(true, Ordering::Relaxed);
        let signed_in = self.sign_in(user).await;
        self.leaves_sid_out.store(false, Ordering::Relaxed);
        signed_in
    }

    pub async fn who(&self, browser: &Browser) -> Option<String> {
        who(browser, self.app.url("/protected")).await
    }

    pub fn claims(&self, sub: Option<&str>, sid: Option<&str>) -> Json {
        let mut claims = self.app.provider.logout_claims(sub, sid);
        claims.insert("iat".into(), json!((self.clock)()));
        // As at Logto before 1.42. A test that is about `exp` adds one.
        claims.remove("exp");
        claims
    }

    pub fn token(&self, claims: Json) -> String {
        self.hooks()
            .forge(&Signing::Key, "logout+jwt", claims, |_, _| {})
    }

    pub fn post(&self) -> Request<'static> {
        // A provider has no cookies.
        let nobody: &'static Browser = Box::leak(Box::new(Browser::new()));
        nobody.request(reqwest::Method::POST, self.app.url("/backchannel-logout"))
    }

    pub async fn send(&self, token: &str) -> Response {
        self.post().form(&[("logout_token", token)]).send().await
    }
}

pub fn status_of(answer: &Response, case: &str) -> u16 {
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{case}");
    assert_eq!(answer.set_cookies(), [""; 0], "{case}");
    answer.status()
}
