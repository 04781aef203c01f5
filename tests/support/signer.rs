//! A second holder of keys: an attacker with a key pair and a web server of
//! their own, or, once its key is published, a way to sign any text at all.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use logto_dev_provider::{DevProvider, Endpoint, Signing, SigningAlg};
use rocket::serde::json::Value;
use rocket::serde::json::serde_json::{Map, from_slice, from_str, json, to_string};

use super::app::{TestApp, settings};

#[derive(Clone)]
pub struct Signer {
    provider: Arc<DevProvider>,
    alg: SigningAlg,
}

impl Signer {
    pub async fn start(alg: SigningAlg) -> Signer {
        let mut settings = settings();
        settings.signing_alg = alg;
        let provider = DevProvider::start(settings).await.expect("a signer");
        Signer {
            provider: Arc::new(provider),
            alg,
        }
    }

    /// The app's provider publishes this key from now on.
    pub fn publish_at(&self, app: &TestApp) {
        app.provider.hooks().publish(vec![self.jwk()]);
    }

    pub fn jwk(&self) -> Value {
        self.provider.hooks().public_key_jwk(self.alg)
    }

    pub fn der(&self) -> Vec<u8> {
        self.provider.hooks().public_key_der(self.alg)
    }

    pub fn kid(&self) -> String {
        self.provider.hooks().kid()
    }

    /// An address of the signer's own web server.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.provider.endpoint())
    }

    /// The address of the signer's own key set.
    pub fn jwks_uri(&self) -> String {
        self.url("/oidc/jwks")
    }

    /// Paths of its web server that somebody asked for.
    pub fn visits(&self) -> Vec<String> {
        let requests = self.provider.requests().into_iter();
        requests.map(|request| request.path).collect()
    }

    pub fn visits_to(&self, endpoint: Endpoint) -> usize {
        self.provider.requests_to(endpoint).len()
    }

    /// ID tokens signed with this key; `edit` has the last word on header and claims.
    pub fn signing(
        &self,
        edit: impl Fn(&mut Map<String, Value>, &mut Map<String, Value>) + Send + Sync + 'static,
    ) -> Signing {
        self.signing_text(move |header, claims| {
            let read = |text: &str| from_str(text).expect("an object");
            let (mut header, mut claims) = (read(header), read(claims));
            edit(&mut header, &mut claims);
            let write = |object: &Map<String, Value>| to_string(object).expect("JSON");
            (write(&header).into_bytes(), write(&claims).into_bytes())
        })
    }

    /// A whole token with these claims.
    pub fn sign(&self, claims: &Map<String, Value>) -> String {
        let Signing::Raw(sign) = self.signing(|_, _| {}) else {
            unreachable!("the signer makes whole tokens");
        };
        sign("", &Value::from(claims.clone()).to_string())
    }

    /// The same for what is not even JSON.
    pub fn signing_text(
        &self,
        edit: impl Fn(&str, &str) -> (Vec<u8>, Vec<u8>) + Send + Sync + 'static,
    ) -> Signing {
        let provider = self.provider.clone();
        let (alg, kid) = (self.alg.name(), self.kid());
        Signing::raw(move |_, claims| {
            let header = json!({ "alg": alg, "typ": "JWT", "kid": kid }).to_string();
            let (header, claims) = edit(&header, claims);
            let input = format!("{}.{}", base64url(&header), base64url(&claims));
            let signature = provider.hooks().sign(input.as_bytes());
            format!("{input}.{}", base64url(&signature))
        })
    }
}

pub fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The claims of a token, unverified.
pub fn claims_of(token: &str) -> Map<String, Value> {
    part_of(token, 1)
}

/// The header of a token.
pub fn header_of(token: &str) -> Map<String, Value> {
    part_of(token, 0)
}

fn part_of(token: &str, part: usize) -> Map<String, Value> {
    let part = token.split('.').nth(part).unwrap_or_default();
    let part = URL_SAFE_NO_PAD.decode(part).expect("base64url");
    from_slice(&part).expect("an object")
}
