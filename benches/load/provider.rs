//! The development provider, apps beside it, and people who sign in there.

use std::process::Stdio;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use logto_dev_provider::{DevProvider, Endpoint, Settings, Signing};
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use serde_json::{Map, Value, json};

use crate::Outcome;
use crate::mint::SECRET_KEY;
use crate::process::{Process, free_port, on_one_processor};
use crate::targets::SHOPPING;

const ALICE: &str = "alice4hy6kz2";
pub const CLIENT: (&str, &str) = ("load", "load-secret");
const SCOPES: &str = r#"["email","roles","read","write","view:reports","urn:logto:scope:organizations","urn:logto:scope:organization_roles"]"#;

/// The provider, in this process, where everybody is Alice.
pub struct Provider(DevProvider);

/// One app with its address.
pub struct App {
    pub process: Process,
    pub url: String,
}

impl Provider {
    pub async fn start() -> Outcome<Provider> {
        Provider::start_with(Settings::new(CLIENT.0, CLIENT.1)).await
    }

    pub async fn start_with(settings: Settings) -> Outcome<Provider> {
        let provider = DevProvider::start(settings).await?;
        provider.hooks().sign_in_as(Some(ALICE));
        Ok(Provider(provider))
    }

    /// Starts an app that is ready to sign people in, with sessions in `store`, as
    /// `session.store` has it, or in cookies, and with more variables.
    pub async fn app(&self, store: Option<&str>, more: &[(&str, &str)]) -> Outcome<App> {
        let (mut process, url) = spawn(&self.0.endpoint(), store, more)?;
        process.wait_for(&format!("{url}/readyz")).await?;
        let app = App { process, url };
        self.send_back_to(&app);
        Ok(app)
    }

    /// Whoever signs in comes back to this app, and to no other.
    pub fn send_back_to(&self, app: &App) {
        self.send_back(format!("{}/callback", app.url));
    }

    /// The one redirect URI.
    pub fn send_back(&self, address: String) {
        self.0.set_redirect_uris([address]);
    }

    /// What a Logto SDK is told.
    pub fn endpoint(&self) -> String {
        self.0.endpoint()
    }

    /// How many calls the provider has had, of which kind ever.
    pub fn calls(&self) -> usize {
        self.0.requests().len()
    }

    pub fn forget_calls(&self) {
        self.0.clear_requests();
    }

    /// From now on the token endpoint answers nobody.
    pub fn hang(&self) {
        let hooks = self.0.hooks();
        hooks.delay(Endpoint::Token, Duration::from_secs(3600));
    }

    pub fn recover(&self) {
        self.0.hooks().behave(Endpoint::Token);
    }

    /// An access token that nobody has brought before.
    pub fn access_token(&self, number: usize) -> Outcome<String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let claims = json!({
            "iss": self.0.issuer(), "sub": ALICE, "aud": SHOPPING, "scope": "read write",
            "client_id": CLIENT.0, "iat": now, "exp": now + 3600, "jti": number.to_string(),
        });
        let claims: Map<String, Value> = serde_json::from_value(claims)?;
        Ok(self
            .0
            .hooks()
            .forge(&Signing::Key, "at+jwt", claims, |_, _| ()))
    }
}

/// Starts an app whose provider is, or will be, at `endpoint`.
pub fn spawn(
    endpoint: &str,
    store: Option<&str>,
    more: &[(&str, &str)],
) -> Outcome<(Process, String)> {
    let port = free_port()?;
    let url = format!("http://127.0.0.1:{port}");
    let store = store.map_or_else(String::new, |store| format!(",session={{store={store}}}"));
    let mut command = on_one_processor(std::env::current_exe()?);
    command
        .arg("serve")
        .stderr(Stdio::inherit())
        .env("ROCKET_PROFILE", "release")
        .env("ROCKET_PORT", port.to_string())
        .env("ROCKET_WORKERS", "1")
        .env("ROCKET_LOG_LEVEL", "off")
        .env("ROCKET_SECRET_KEY", SECRET_KEY)
        .env(
            "ROCKET_TEMPLATE_DIR",
            concat!(env!("CARGO_MANIFEST_DIR"), "/benches/templates"),
        )
        .env("LOGTO_BASE_URL", &url)
        .env("LOGTO_ENDPOINT", endpoint)
        .env("LOGTO_APP_ID", CLIENT.0)
        .env("LOGTO_APP_SECRET", CLIENT.1)
        .env(
            "ROCKET_LOGTO",
            format!(r#"{{resources=["{SHOPPING}"],scopes={SCOPES}{store}}}"#),
        );
    command.envs(more.iter().copied());
    Ok((Process::spawn(&mut command)?, url))
}

/// Signs Alice in: the `Cookie` header of her session.
pub async fn sign_in(http: &reqwest::Client, app: &str) -> Outcome<String> {
    Ok(cookie_header(&jar_of(http, app).await?))
}

/// What a browser has: names and values of cookies.
pub type Jar = Vec<(String, String)>;

/// Asks for a page as a browser does, which takes the cookies that come with it.
pub async fn fetch(http: &reqwest::Client, jar: &mut Jar, url: &str) -> Outcome {
    let request = http.get(url).header(COOKIE, cookie_header(jar));
    for line in request
        .send()
        .await?
        .error_for_status()?
        .headers()
        .get_all(SET_COOKIE)
    {
        remember(jar, line.to_str()?);
    }
    Ok(())
}

/// The same, once the app has fetched the tokens it needs: each refresh has
/// changed the session.
pub async fn with_tokens(http: &reqwest::Client, app: &str) -> Outcome<String> {
    let mut jar = jar_of(http, app).await?;
    for path in ["/json/token", "/json/org"] {
        fetch(http, &mut jar, &format!("{app}{path}")).await?;
    }
    Ok(cookie_header(&jar))
}

/// The same at an app of another kind, where a sign-in begins at `start` and leads to `end`.
pub async fn signed_in_at(
    http: &reqwest::Client,
    app: &str,
    start: &str,
    end: &str,
) -> Outcome<String> {
    Ok(cookie_header(&jar_at(http, app, start, end).await?))
}

pub async fn jar_of(http: &reqwest::Client, app: &str) -> Outcome<Jar> {
    jar_at(http, app, "/sign-in?return_to=/json", "/json").await
}

async fn jar_at(http: &reqwest::Client, app: &str, start: &str, end: &str) -> Outcome<Jar> {
    let mut jar = Jar::new();
    let mut address = format!("{app}{start}");
    // No sign-in has as many steps.
    for _ in 0..20 {
        let mut request = http.get(&address);
        if address.starts_with(app) {
            request = request.header(COOKIE, cookie_header(&jar));
        }
        let answer = request.send().await?;
        if address.starts_with(app) {
            for line in answer.headers().get_all(SET_COOKIE) {
                remember(&mut jar, line.to_str()?);
            }
        }
        let Some(location) = answer.headers().get(LOCATION) else {
            return Err(format!("{address} answers {}", answer.status()).into());
        };
        address = answer.url().join(location.to_str()?)?.into();
        if address == format!("{app}{end}") {
            return Ok(jar);
        }
    }
    Err(format!("a sign-in at {app} leads on and on, to {address}").into())
}

fn remember(jar: &mut Jar, line: &str) {
    let pair = line.split(';').next().unwrap_or_default();
    let (name, value) = pair.split_once('=').unwrap_or_default();
    jar.retain(|(other, _)| other != name);
    if !line.contains("Max-Age=0") {
        jar.push((name.to_owned(), value.to_owned()));
    }
}

pub fn cookie_header(jar: &[(String, String)]) -> String {
    let pairs: Vec<_> = jar
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join("; ")
}
