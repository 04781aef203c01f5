//! The npm package `oidc-provider` as a real OpenID provider: started, asked to
//! sign a user in on its own pages, stopped. See `tests/oidc_provider/server.mjs`.

use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rocket::figment::Figment;
use rocket_logto::{Permission, Resource};
use serde::Deserialize;
use serde_json::Value;

use super::browser::{Browser, Response};
use super::client_key::Proven;
use super::serve::Process;

pub const CLIENT_ID: &str = "rocket-logto-tests";
/// Each odd character changes when it is form-urlencoded (RFC 6749, 2.3.1).
pub const CLIENT_SECRET: &str = "a secret+with:every%odd&character";
/// The one API resource, its access tokens are JWTs. Its scopes: `read:cart`, `write:cart`.
pub const RESOURCE: &str = "https://shopping.example.com/api";

/// The application that calls APIs in nobody's name.
pub const MACHINE_ID: &str = "rocket-logto-machine";
pub const MACHINE_SECRET: &str = "another secret+with:every%odd&character";
/// Another API resource; its access tokens are opaque. Its scope: `read:orders`.
pub const OPAQUE_RESOURCE: &str = "https://orders.example.com/api";

/// [`RESOURCE`].
pub struct Shopping;

impl Resource for Shopping {
    const INDICATOR: &'static str = RESOURCE;
}

/// [`OPAQUE_RESOURCE`].
pub struct Orders;

impl Resource for Orders {
    const INDICATOR: &'static str = OPAQUE_RESOURCE;
}

pub struct ReadCart;

impl Permission for ReadCart {
    type Audience = Shopping;
    const SCOPES: &'static [&'static str] = &["read:cart"];
}

/// How the provider is set up beyond its defaults.
#[derive(Debug, Clone, Copy, Default)]
pub struct Settings<'s> {
    pub redirect_uri: &'s str,
    pub post_logout_redirect_uri: &'s str,
    pub backchannel_logout_uri: Option<&'s str>,
    /// `RS256` when `None`, or `ES384`.
    pub id_token_alg: Option<&'s str>,
    /// Seconds; an hour when `None`.
    pub access_token_ttl: Option<u32>,
    /// Whether it keeps to the FAPI 2.0 profile, and demands nonces.
    pub is_fapi: bool,
    /// Public keys of the app and of the machine, which then have no secret.
    pub client_jwk: Option<&'s Value>,
    pub machine_jwk: Option<&'s Value>,
}

/// The provider of an app that listens at `port`, and what the app has to know of it, but
/// for how it proves itself.
pub async fn provider_of_app_at(port: u16, settings: Settings<'_>) -> (NpmProvider, Figment) {
    let origin = format!("http://localhost:{port}");
    let provider = NpmProvider::start(Settings {
        redirect_uri: &format!("{origin}/callback"),
        post_logout_redirect_uri: &format!("{origin}/"),
        ..settings
    })
    .await;
    let figment = Figment::from(rocket::Config::debug_default())
        .merge(("log_level", "critical"))
        .merge(("logto.issuer", provider.issuer()))
        .merge(("logto.app_id", CLIENT_ID))
        .merge(("logto.base_url", origin))
        // It follows OpenID Connect Core section 11: no refresh token without.
        .merge(("logto.prompt", ["consent"]));
    (provider, figment)
}

#[derive(Deserialize)]
struct Announcement {
    issuer: String,
    port: u16,
}

pub struct NpmProvider {
    process: Process,
    issuer: String,
    port: u16,
}

impl NpmProvider {
    pub async fn start(settings: Settings<'_>) -> NpmProvider {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oidc_provider");
        assert!(
            std::path::Path::new(folder)
                .join("node_modules/oidc-provider")
                .is_dir(),
            "oidc-provider is not installed: run `npm ci` in tests/oidc_provider, or use tests/run"
        );
        let mut node = Command::new("node");
        node.current_dir(folder)
            .arg("server.mjs")
            .env("REDIRECT_URI", settings.redirect_uri)
            .env(
                "POST_LOGOUT_REDIRECT_URI",
                settings.post_logout_redirect_uri,
            );
        if let Some(uri) = settings.backchannel_logout_uri {
            node.env("BACKCHANNEL_LOGOUT_URI", uri);
        }
        if let Some(alg) = settings.id_token_alg {
            node.env("ID_TOKEN_ALG", alg);
        }
        if let Some(seconds) = settings.access_token_ttl {
            node.env("ACCESS_TOKEN_TTL", seconds.to_string());
        }
        if settings.is_fapi {
            node.env("FAPI", "2.0");
        }
        for (name, jwk) in [
            ("CLIENT_JWK", settings.client_jwk),
            ("MACHINE_JWK", settings.machine_jwk),
        ] {
            if let Some(jwk) = jwk {
                node.env(name, jwk.to_string());
            }
        }
        let mut process = Process::spawn(&mut node);
        process.wait_for_output("}\n").await;
        let output = process.output();
        let announcement = output
            .lines()
            .find_map(|line| serde_json::from_str::<Announcement>(line).ok())
            .unwrap_or_else(|| panic!("no announcement in:\n{output}"));
        NpmProvider {
            process,
            issuer: announcement.issuer,
            port: announcement.port,
        }
    }

    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Everything it has written: its warnings, and the errors it answered with.
    pub fn output(&self) -> String {
        self.process.output()
    }

    /// What clients with keys have posted to the endpoints that authenticate them.
    pub fn posted(&self) -> Vec<Proven> {
        let output = self.output();
        let posted = output.lines().filter_map(|line| {
            let posted = STANDARD.decode(line.strip_prefix("posted ")?).ok()?;
            let posted: Value = serde_json::from_slice(&posted).ok()?;
            let pairs = posted["form"].as_array()?.iter();
            let text = |value: &Value| value.as_str().map(str::to_owned);
            Some(Proven {
                path: text(&posted["path"])?,
                authorization: text(&posted["authorization"]),
                form: pairs
                    .map(|pair| Some((text(&pair[0])?, text(&pair[1])?)))
                    .collect::<Option<_>>()?,
            })
        });
        posted.collect()
    }

    /// Goes on from an answer that redirects to this provider: signs `login` in and
    /// consents, whichever of the two it asks. Gives the answer that sends the
    /// browser back to the client, not yet followed: a redirect, or with
    /// `response_mode=form_post` the page with the form.
    pub async fn sign_in(&self, browser: &Browser, start: &Response, login: &str) -> Response {
        let mut at = browser.follow(start).await;
        for _ in 0..20 {
            at = if at.is_redirect() {
                if self.leaves(&at) {
                    return at;
                }
                browser.follow(&at).await
            } else if at.page().find("Sign-in".into()).is_some() {
                let fill = [("login", login), ("password", "any password")];
                browser.submit(&at, "Sign-in", &fill).await
            } else if at.page().find("Continue".into()).is_some() {
                browser.submit(&at, "Continue", &[]).await
            } else {
                return at;
            };
        }
        panic!("the provider's pages never end; at {}", at.url());
    }

    /// Goes on from an answer that redirects to its end-session endpoint: confirms
    /// there. Gives the answer that sends the browser back to the client.
    pub async fn sign_out(&self, browser: &Browser, start: &Response) -> Response {
        let mut at = browser.follow(start).await;
        for _ in 0..10 {
            at = if at.is_redirect() && !self.leaves(&at) {
                browser.follow(&at).await
            } else if at.page().find("Yes, sign me out".into()).is_some() {
                browser.submit(&at, "Yes, sign me out", &[]).await
            } else {
                return at;
            };
        }
        panic!("the provider's pages never end; at {}", at.url());
    }

    fn leaves(&self, response: &Response) -> bool {
        let here = url::Url::parse(&self.issuer).expect("the issuer");
        response
            .location()
            .is_some_and(|target| target.origin() != here.origin())
    }
}
