//! The provider, two instances of one app, and a browser that is sent to either, as by a
//! balancer in front of them.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use logto_dev_provider::{DevProvider, Endpoint, Settings, Signing};
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, COOKIE, HOST, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use rocket::tokio::sync::Mutex;

use crate::Outcome;
use crate::ledger::Ledger;
use crate::process::{Process, free_port};
use crate::targets::SHOPPING;

const CLIENT: (&str, &str) = ("soak", "soak-secret");
/// 64 bytes, so that none are derived.
const SECRET_KEY: &str =
    "c29hay1zb2FrLXNvYWstc29hay1zb2FrLXNvYWstc29hay1zb2FrLXNvYWstc29hay1zb2FrLXNvYWstc29hay0=";
const SCOPES: &str = r#"["email","roles","read","write","urn:logto:scope:organizations"]"#;
/// In seconds. Everybody's claims are fetched anew after this.
const CLAIMS_MAX_AGE: u32 = 10;
/// In seconds. What instances remember of a session that has ended elsewhere goes after
/// this, and so within the time before memory is first measured.
pub const IDLE: u64 = 120;
const NAMES: [&str; 2] = ["first", "second"];

pub struct World {
    pub ledger: Arc<Ledger>,
    http: reqwest::Client,
    provider: DevProvider,
    /// Who signs in is set for the whole provider.
    turn: Mutex<()>,
    /// `host:port` of the balancer, which nothing listens at.
    host: String,
    instances: Vec<(Process, u16)>,
}

pub struct Answer {
    pub status: u16,
    pub location: String,
    pub set_cookies: Vec<String>,
    pub body: String,
}

/// One request of one browser.
pub struct Ask<'a> {
    pub instance: usize,
    pub method: Method,
    pub path: &'a str,
    pub cookie: &'a str,
    pub headers: &'a [(&'static str, &'a str)],
    /// Of a form.
    pub body: Option<String>,
}

impl<'a> Ask<'a> {
    pub fn get(instance: usize, path: &'a str, cookie: &'a str) -> Ask<'a> {
        Ask {
            instance,
            method: Method::GET,
            path,
            cookie,
            headers: &[],
            body: None,
        }
    }
}

impl World {
    pub async fn start(redis: u16, ledger: Arc<Ledger>) -> Outcome<World> {
        let mut settings = Settings::new(CLIENT.0, CLIENT.1);
        settings.sid = true;
        let provider = DevProvider::start(settings).await?;
        let host = format!("127.0.0.1:{}", free_port()?);
        provider.set_redirect_uris([format!("http://{host}/callback")]);
        provider.set_post_logout_redirect_uris([format!("http://{host}/")]);
        provider.hooks().rotate_refresh_tokens(true);
        let seen = ledger.clone();
        provider
            .hooks()
            .respond(Endpoint::Token, move |request, reply| {
                let is_refresh = |(name, value): &(String, String)| {
                    name == "grant_type" && value == "refresh_token"
                };
                if request.form.iter().any(is_refresh) {
                    seen.count("refreshes");
                    if reply.status != 200 {
                        seen.count("refreshes refused by the provider");
                    }
                }
            });
        let mut instances = Vec::new();
        for _ in NAMES {
            instances.push(spawn(&provider.endpoint(), &host, redis)?);
        }
        for (process, port) in &mut instances {
            let ready = format!("http://127.0.0.1:{port}/readyz");
            process.wait_for(&ready).await?;
        }
        let http = reqwest::Client::builder()
            .redirect(Policy::none())
            .timeout(Duration::from_secs(20))
            .build()?;
        Ok(World {
            ledger,
            http,
            provider,
            turn: Mutex::default(),
            host,
            instances,
        })
    }

    pub fn name(&self, instance: usize) -> &'static str {
        NAMES[instance % NAMES.len()]
    }

    /// Memory of both that is really there, in bytes.
    pub fn resident(&self) -> Outcome<[u64; 2]> {
        let of = |index: usize| self.instances[index].0.resident();
        Ok([of(0)?, of(1)?])
    }

    /// Forgets what the provider keeps for tests.
    pub fn tidy(&self) {
        self.provider.clear_requests();
    }

    pub async fn ask(&self, ask: Ask<'_>) -> Outcome<Answer> {
        let (_, port) = &self.instances[ask.instance % self.instances.len()];
        let url = format!("http://127.0.0.1:{port}{}", ask.path);
        let mut request = self.http.request(ask.method, url).header(HOST, &self.host);
        if !ask.cookie.is_empty() {
            request = request.header(COOKIE, ask.cookie);
        }
        for (name, value) in ask.headers {
            request = request.header(*name, *value);
        }
        if let Some(form) = ask.body {
            let form_type = "application/x-www-form-urlencoded";
            request = request.header(CONTENT_TYPE, form_type).body(form);
        }
        read(request).await
    }

    /// What a program gets that brings this cookie.
    pub async fn json(&self, instance: usize, path: &str, cookie: &str) -> Outcome<Answer> {
        let mut ask = Ask::get(instance, path, cookie);
        ask.headers = &[(ACCEPT_JSON.0, ACCEPT_JSON.1)];
        self.ask(ask).await
    }

    /// Signs `user` in: the `Cookie` header of the session; nothing while Redis is away.
    /// The response of the provider comes to another instance than the request.
    pub async fn sign_in(&self, user: &str, instance: usize) -> Outcome<Option<String>> {
        let began = Instant::now();
        let start = Ask::get(instance, "/sign-in?return_to=/json", "");
        let start = self.ask(start).await?;
        if start.status != 303 {
            return self.refused(began, "sign-in", start.status);
        }
        let pending = cookies_after("", &start.set_cookies);
        let back = {
            let _turn = self.turn.lock().await;
            self.provider.hooks().sign_in_as(Some(user));
            read(self.http.get(&start.location)).await?
        };
        let own = format!("http://{}", self.host);
        let Some(path) = back.location.strip_prefix(&own) else {
            return Err(format!("the provider goes on to {:?}", back.location).into());
        };
        let end = self.ask(Ask::get(instance + 1, path, &pending)).await?;
        if end.status != 303 {
            return self.refused(began, "callback", end.status);
        }
        self.ledger.count("sign-ins");
        Ok(Some(cookies_after(&pending, &end.set_cookies)))
    }

    /// Nothing; and a fault, unless Redis was away and that was the answer.
    pub fn refused<T>(&self, since: Instant, what: &str, status: u16) -> Outcome<Option<T>> {
        match status == 503 && self.ledger.is_excused(since) {
            true => self.ledger.count("requests refused while Redis was away"),
            false => self
                .ledger
                .fault("unexpected answers", format!("{what}: {status}")),
        }
        Ok(None)
    }

    /// A right logout token.
    pub fn logout_token(&self, sub: Option<&str>, sid: Option<&str>) -> String {
        let claims = self.provider.logout_claims(sub, sid);
        let hooks = self.provider.hooks();
        hooks.forge(&Signing::Key, "logout+jwt", claims, |_, _| ())
    }

    /// Sends it as the provider does.
    pub async fn send_logout_token(&self, instance: usize, token: &str) -> Outcome<Answer> {
        let mut ask = Ask::get(instance, "/backchannel-logout", "");
        ask.method = Method::POST;
        ask.body = Some(format!("logout_token={token}"));
        self.ask(ask).await
    }
}

const ACCEPT_JSON: (&str, &str) = ("accept", "application/json");

async fn read(request: reqwest::RequestBuilder) -> Outcome<Answer> {
    let answer = request.send().await?;
    let headers = answer.headers();
    let text = |value: &reqwest::header::HeaderValue| value.to_str().unwrap_or_default().to_owned();
    Ok(Answer {
        status: answer.status().as_u16(),
        location: headers.get(LOCATION).map(text).unwrap_or_default(),
        set_cookies: headers.get_all(SET_COOKIE).iter().map(text).collect(),
        body: answer.text().await?,
    })
}

/// The `Cookie` header of a browser that had `header` and was sent `lines`.
pub fn cookies_after(header: &str, lines: &[String]) -> String {
    let mut jar: Vec<(&str, &str)> = header
        .split("; ")
        .filter_map(|pair| pair.split_once('='))
        .collect();
    for line in lines {
        let pair = line.split(';').next().unwrap_or_default();
        let (name, value) = pair.split_once('=').unwrap_or_default();
        jar.retain(|(other, _)| *other != name);
        if !line.contains("Max-Age=0") {
            jar.push((name, value));
        }
    }
    let pairs: Vec<_> = jar
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join("; ")
}

fn spawn(endpoint: &str, host: &str, redis: u16) -> Outcome<(Process, u16)> {
    let port = free_port()?;
    let session = format!(r#"session={{idle={IDLE},store={{redis="redis://127.0.0.1:{redis}"}}}}"#);
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg("serve")
        .stderr(Stdio::inherit())
        .env("ROCKET_PROFILE", "release")
        .env("ROCKET_PORT", port.to_string())
        .env("ROCKET_WORKERS", "2")
        .env("ROCKET_LOG_LEVEL", "off")
        .env("ROCKET_SECRET_KEY", SECRET_KEY)
        .env(
            "ROCKET_TEMPLATE_DIR",
            concat!(env!("CARGO_MANIFEST_DIR"), "/benches/templates"),
        )
        .env("LOGTO_BASE_URL", format!("http://{host}"))
        .env("LOGTO_ENDPOINT", endpoint)
        .env("LOGTO_APP_ID", CLIENT.0)
        .env("LOGTO_APP_SECRET", CLIENT.1)
        .env(
            "ROCKET_LOGTO",
            format!(
                r#"{{resources=["{SHOPPING}"],scopes={SCOPES},claims_max_age={CLAIMS_MAX_AGE},{session}}}"#
            ),
        );
    Ok((Process::spawn(&mut command)?, port))
}
