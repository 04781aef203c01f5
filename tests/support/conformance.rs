//! The OpenID Foundation's relying-party suite as an app meets it: a provider
//! that is right in all but what a module is about, and what a module asks for.
//!
//! The issuer has a path that ends in `/`, made up for each run as the key
//! set's is; nothing is offered or sent that the suite does not offer or send
//! (no `iss` in the authorization response, no `expires_in`, no revocation);
//! tokens hold every printable character.

use std::sync::{Arc, Mutex};

use logto_dev_provider::{DevProvider, Endpoint, Hooks, Settings, SigningAlg};
use reqwest::Method;
use rocket::figment::value::{Dict, Value};
use rocket::http::Status;
use rocket::{Build, Rocket, post, routes};
use rocket_logto::{Error, ResponseMode, User};
use serde_json::{Map, Value as Json};

use super::app::{ALICE, CLIENT_SECRET, TestApp, absent, keys};
use super::browser::{Browser, Response};
use super::log::reason_of;
use super::pages::{NOBODY, pages_and_again};
use super::refusal::{SESSION, reference};
use super::serve::{Served, free_port};
use super::signer::base64url;

/// Credentials for HTTP Basic are form-urlencoded first, so the id may hold the
/// separator (RFC 6749 section 2.3.1).
pub const CLIENT_ID: &str = "client:1 +%&=";
/// Every character that a token may hold (RFC 6749 appendix A).
pub const PRINTABLE: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|} ~";
/// An app that gets form posts is on https.
const PUBLIC: &str = "https://app.example.com";

/// All that one sign-in and a look at userinfo ask of the provider.
pub const ONE_SIGN_IN: [Endpoint; 5] = [
    Endpoint::Discovery,
    Endpoint::Jwks,
    Endpoint::Auth,
    Endpoint::Token,
    Endpoint::UserInfo,
];

/// How a module is run.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub mode: ResponseMode,
    pub alg: SigningAlg,
}

impl Plan {
    /// The suite's RS256, and ES384, which Logto uses.
    pub fn runs(mode: ResponseMode) -> [Plan; 2] {
        [SigningAlg::Rs256, SigningAlg::Es384].map(|alg| Plan { mode, alg })
    }
}

/// Makes a test of each module, in one response mode.
macro_rules! modules {
    ($mode:expr, $($module:ident),+ $(,)?) => {
        $(
            #[rocket::async_test]
            async fn $module() {
                for plan in $crate::support::conformance::Plan::runs($mode) {
                    $crate::support::basic_modules::$module(plan).await;
                }
            }
        )+
    };
}
pub(crate) use modules;

/// The button of the session page. Says the reference of a failure.
#[post("/refresh")]
async fn refresh(user: User) -> Result<String, (Status, String)> {
    let failed = |error: Error| (error.status(), error.reference().to_owned());
    Ok(user.refresh().await.map_err(failed)?.sub().to_owned())
}

fn rocket() -> Rocket<Build> {
    pages_and_again().mount("/", routes![refresh])
}

/// One run of one module.
pub struct Suite {
    pub provider: DevProvider,
    pub browser: Browser,
    plan: Plan,
    app: Served,
    origin: String,
    issued: Arc<Mutex<Vec<Json>>>,
}

impl Suite {
    pub async fn start(plan: Plan) -> Suite {
        Suite::prepared(plan, |_| {}).await
    }

    /// With a provider that something is done to before the app asks it anything.
    pub async fn prepared(plan: Plan, prepare: impl FnOnce(&Hooks)) -> Suite {
        let provider = DevProvider::start(settings(plan.alg)).await;
        let provider = provider.expect("a provider");
        let issued = Arc::default();
        behave(provider.hooks(), &issued);
        prepare(provider.hooks());

        let port = free_port();
        let local = format!("http://localhost:{port}");
        let (origin, browser) = match plan.mode {
            ResponseMode::Query => (local, Browser::new()),
            ResponseMode::FormPost => {
                let browser = Browser::new().behind_proxy(PUBLIC, &local);
                (PUBLIC.to_owned(), browser)
            }
            other => panic!("no plan has {other:?}"),
        };
        provider.set_redirect_uris([format!("{origin}/callback")]);
        provider.set_post_logout_redirect_uris([format!("{origin}/")]);
        let logto = logto_table(plan, &provider, &origin);
        let app = TestApp::serve(port, &provider.endpoint(), logto, rocket()).await;
        Suite {
            provider,
            browser,
            plan,
            app,
            origin,
            issued,
        }
    }

    pub fn hooks(&self) -> &Hooks {
        self.provider.hooks()
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// An answer of the token endpoint, by number.
    pub fn issued(&self, number: usize) -> Json {
        self.issued.lock().expect("no panic")[number].clone()
    }

    /// What the provider was asked since the last call, in order.
    pub fn calls(&self) -> Vec<Endpoint> {
        let calls = self.provider.requests().into_iter();
        let calls = calls.map(|call| call.endpoint).collect();
        self.provider.clear_requests();
        calls
    }

    pub async fn who(&self) -> String {
        self.browser.navigate(self.url("/")).await.text()
    }

    /// Signs in up to the authorization response, which the browser has not
    /// passed on yet.
    pub async fn response(&self) -> Response {
        let start = self.browser.navigate(self.url("/again")).await;
        self.browser.follow(&start).await
    }

    /// Passes it on; what the app answers.
    pub async fn pass_on(&self, response: &Response) -> Response {
        match self.plan.mode {
            ResponseMode::Query => self.browser.follow(response).await,
            ResponseMode::FormPost => self.browser.submit(response, 0, &[]).await,
            other => panic!("no plan has {other:?}"),
        }
    }

    /// The app takes the response and then knows Alice from userinfo.
    pub async fn accepts_response(&self, response: &Response) {
        let plan = self.plan;
        let answer = self.pass_on(response).await;
        assert_eq!(answer.status(), 303, "{plan:?}: {}", answer.text());
        assert_eq!(self.userinfo().await["sub"], ALICE, "{plan:?}");
        assert_eq!(self.browser.violations(), [], "{plan:?}");
    }

    /// A whole sign-in that is accepted.
    pub async fn accepts(&self) {
        let response = self.response().await;
        self.accepts_response(&response).await;
    }

    /// What the app knows from userinfo.
    pub async fn userinfo(&self) -> Map<String, Json> {
        let page = self.browser.navigate(self.url("/userinfo")).await;
        assert_eq!(page.status(), 200, "{:?}: {}", self.plan, page.text());
        page.json()
    }

    /// A whole sign-in that is refused: the log has one line that says why,
    /// nobody is signed in, and the provider hears nothing more of it.
    pub async fn rejects(&self, reason: &str) {
        self.rejects_as(400, reason).await;
    }

    /// The same, with a page of this status.
    pub async fn rejects_as(&self, status: u16, reason: &str) {
        let plan = self.plan;
        let response = self.response().await;
        let page = self.pass_on(&response).await;
        assert_eq!(page.status(), status, "{plan:?}: {}", page.text());
        assert_eq!(reason_of(&reference(&page)), reason, "{plan:?}");
        assert_eq!(page.header("cache-control"), Some("no-store"), "{plan:?}");
        self.is_nobody().await;
        assert_eq!(self.browser.violations(), [], "{plan:?}");
    }

    /// No session, and nobody asks userinfo however hard the user tries.
    pub async fn is_nobody(&self) {
        let plan = self.plan;
        let cookies = self.browser.cookies().into_iter();
        let sessions: Vec<_> = cookies
            .map(|cookie| cookie.name)
            .filter(|name| name.contains(SESSION))
            .collect();
        assert_eq!(sessions, [""; 0], "{plan:?}");
        assert_eq!(self.who().await, NOBODY, "{plan:?}");
        let page = self.browser.navigate(self.url("/userinfo")).await;
        let to = page.location().map(|to| to.path().to_owned());
        assert_eq!(to.as_deref(), Some("/sign-in"), "{plan:?}");
        let asked = self.provider.requests_to(Endpoint::UserInfo).len();
        assert_eq!(asked, 0, "{plan:?}: userinfo calls");
    }

    /// The user asks for a refresh.
    pub async fn refresh(&self) -> Response {
        self.browser.post_form(self.url("/refresh"), &[]).await
    }

    /// The button "Sign out": where it leads.
    pub async fn sign_out(&self) -> Response {
        self.browser.post_form(self.url("/sign-out"), &[]).await
    }

    /// Sends a form to the back channel, as the provider does: without cookies.
    pub async fn send_back_channel(&self, form: &[(&str, &str)]) -> Response {
        let provider = Browser::new();
        let url = self.app.url("/backchannel-logout");
        let request = provider.request(Method::POST, url);
        let answer = request.form(form).send().await;
        let (plan, no_store) = (self.plan, answer.header("cache-control"));
        assert_eq!(no_store, Some("no-store"), "{plan:?}");
        assert_eq!(answer.set_cookies(), [""; 0], "{plan:?}");
        answer
    }
}

fn settings(alg: SigningAlg) -> Settings {
    let mut settings = Settings::new(CLIENT_ID, CLIENT_SECRET);
    settings.signing_alg = alg;
    settings.issuer_path = format!("/test/a/{}/", made_up());
    settings.jwks_path = format!("/{}", made_up());
    settings.response_iss = false;
    settings.sid = true;
    settings
}

/// A word of its own for each run.
fn made_up() -> String {
    let mut bytes = [0; 9];
    aws_lc_rs::rand::fill(&mut bytes).expect("randomness");
    base64url(bytes)
}

/// As the suite's own provider.
fn behave(hooks: &Hooks, issued: &Arc<Mutex<Vec<Json>>>) {
    hooks.sign_in_as(Some(ALICE));
    hooks.token_prefix(PRINTABLE);
    hooks.rotate_refresh_tokens(true);
    offer(hooks, |_| {});
    let keep = issued.clone();
    hooks.respond(Endpoint::Token, move |_, reply| {
        reply.edit_json(|body| {
            body.as_object_mut().map(|body| body.remove("expires_in"));
            keep.lock().expect("no panic").push(body.clone());
        });
    });
}

/// Metadata without what the suite does not offer, and with one change.
pub fn offer(hooks: &Hooks, change: impl Fn(&mut Json) + Send + Sync + 'static) {
    hooks.respond(Endpoint::Discovery, move |_, reply| {
        reply.edit_json(|metadata| {
            let members = metadata.as_object_mut().expect("metadata");
            for name in [
                "pushed_authorization_request_endpoint",
                "revocation_endpoint",
                "introspection_endpoint",
                "authorization_response_iss_parameter_supported",
            ] {
                members.remove(name);
            }
            change(metadata);
        });
    });
}

fn logto_table(plan: Plan, provider: &DevProvider, origin: &str) -> Dict {
    let mode = match plan.mode {
        ResponseMode::Query => "query",
        ResponseMode::FormPost => "form_post",
        other => panic!("no plan has {other:?}"),
    };
    keys([
        ("endpoint", absent()),
        ("issuer", provider.issuer().into()),
        // The stand-in is Logto's, which gives no refresh token without.
        ("prompt", Value::from(vec!["consent"])),
        ("app_id", CLIENT_ID.into()),
        ("app_secret", CLIENT_SECRET.into()),
        ("base_url", origin.into()),
        ("scopes", Value::from(vec!["email", "phone", "address"])),
        ("id_token_alg", plan.alg.name().into()),
        ("response_mode", mode.into()),
    ])
}

/// Other people's keys: of each of eight kinds, three. None has a `kid`.
fn strangers() -> Vec<Json> {
    let text = include_str!("../fixtures/conformance/keys.json");
    serde_json::from_str(text).expect("keys")
}

/// Publishes `each` keys of each of eight kinds, the signing one among them,
/// and none with a `kid`.
pub fn publish_without_kid(hooks: &Hooks, alg: SigningAlg, each: usize) {
    let mut published: Vec<Json> = strangers().into_iter().take(8 * each).collect();
    let own = published.iter().position(|key| key["alg"] == alg.name());
    published.remove(own.expect("a key of this kind"));
    // The signing key comes last, so that all others are looked at first.
    hooks.publish(published);
    hooks.hide_kid(true);
    hooks.respond(Endpoint::Jwks, move |_, reply| {
        let document: Json = serde_json::from_slice(&reply.body).expect("JSON");
        let keys = document["keys"].as_array().expect("keys");
        assert_eq!(keys.len(), 8 * each);
        assert!(keys.iter().all(|key| key.get("kid").is_none()));
    });
}
