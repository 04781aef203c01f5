//! Tests of the development provider over HTTP, compared with recordings of a
//! real Logto in `tests/fixtures/logto` and `tests/fixtures/logto-1.42`.

mod assertions;
mod authorization;
mod client_keys;
mod clients;
mod codes;
mod consent;
mod control;
mod documents;
mod html;
mod kept;
mod keys;
mod machines;
mod metadata;
mod misbehaviour;
mod proofs;
mod recordings;
mod refresh;
mod refusals;
mod registration;
mod sign_out;
mod sign_up;
mod step_up;
mod third_parties;
mod tokens;

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::header::{AUTHORIZATION, COOKIE, HeaderMap};
use serde_json::Value;
use url::Url;

use crate::crypto::{base64url, sha256};
use crate::*;

const CALLBACK: &str = "http://localhost:3000/callback";
const SHOPPING: &str = "https://shopping.your-app.com/api";
const ORDERS: &str = "https://orders.your-app.com/api";
const ORGANIZATIONS: &str = "urn:logto:resource:organizations";
const VERIFIER: &str = "EEcGM1O23fr4l2mrYI9sfYTaDUrHi_jh33_Sx4MBC6Uhc3VxX_VSUGuYlRauZinu";
const ALL_SCOPES: &str = "openid offline_access profile email phone address custom_data identities \
    roles urn:logto:scope:organizations urn:logto:scope:organization_roles read write orders:read \
    orders:write manage:members view:reports";

struct Answer {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map(|v| v.to_str().unwrap())
            .unwrap_or_default()
    }

    fn location(&self) -> Url {
        Url::parse(self.header("location")).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    fn location_params(&self) -> HashMap<String, String> {
        self.location().query_pairs().into_owned().collect()
    }

    /// Name and value of the cookie that was set.
    fn cookie(&self) -> String {
        self.header("set-cookie")
            .split(';')
            .next()
            .unwrap()
            .to_owned()
    }

    /// Status, error fields and challenge are what Logto sent.
    #[track_caller]
    fn assert_like(&self, fixture: &str) {
        let recorded = recorded(fixture);
        assert_eq!(self.status, recorded["status"], "{}", self.text);
        let ours = self.json();
        for name in [
            "code",
            "message",
            "error",
            "error_description",
            "error_uri",
            "scope",
        ] {
            assert_eq!(
                ours.get(name),
                recorded["body"].get(name),
                "{name} of {fixture}"
            );
        }
        assert_eq!(
            self.header("cache-control"),
            recorded["headers"]["cache-control"]
        );
        let challenge = recorded["headers"]["www-authenticate"]
            .as_str()
            .unwrap_or_default();
        let realm = Url::parse(challenge.split('"').nth(1).unwrap_or("x:")).unwrap();
        let ours = self.header("www-authenticate");
        let our_realm = Url::parse(ours.split('"').nth(1).unwrap_or("x:")).unwrap();
        assert_eq!(
            ours.replace(our_realm.as_str(), "R"),
            challenge.replace(realm.as_str(), "R")
        );
    }
}

/// A recording of what a real Logto sent.
fn recording(fixture: &str) -> Value {
    let manifest = env!("CARGO_MANIFEST_DIR");
    let mut paths = FOLDERS
        .iter()
        .map(|folder| format!("{manifest}/fixtures/{folder}/{fixture}.json"));
    let text = paths.find_map(|path| std::fs::read_to_string(path).ok());
    serde_json::from_str(&text.unwrap_or_else(|| panic!("no recording {fixture}"))).unwrap()
}

/// Of Logto 1.41, and what is new or different in 1.42.
const FOLDERS: [&str; 2] = ["logto", "logto-1.42"];

/// The response of a recording.
fn recorded(fixture: &str) -> Value {
    let recording = recording(fixture);
    let steps = recording["steps"].as_array().cloned();
    let exchange = steps
        .and_then(|s| s.into_iter().next())
        .unwrap_or(recording);
    exchange["response"].clone()
}

/// Header and claims of a JWT, unchecked.
fn decoded(token: &str) -> (Value, Value) {
    let mut parts = token
        .split('.')
        .map(|part| URL_SAFE_NO_PAD.decode(part).unwrap());
    let mut json = || serde_json::from_slice(&parts.next().unwrap()).unwrap();
    (json(), json())
}

struct World {
    provider: DevProvider,
    http: reqwest::Client,
}

impl World {
    async fn new() -> World {
        World::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Settings)) -> World {
        let mut settings = Settings::new("the-app", "s3cret: +%&");
        settings.redirect_uris = vec![CALLBACK.into()];
        settings.post_logout_redirect_uris = vec!["http://localhost:3000/".into()];
        change(&mut settings);
        let provider = DevProvider::start(settings).await.unwrap();
        let policy = reqwest::redirect::Policy::none();
        let http = reqwest::Client::builder().redirect(policy).build().unwrap();
        World { provider, http }
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.text().await.unwrap(),
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(self.http.get(format!("{}{path}", self.provider.endpoint())))
            .await
    }

    async fn get_with_cookie(&self, path: &str, cookie: &str) -> Answer {
        let url = format!("{}{path}", self.provider.endpoint());
        self.send(self.http.get(url).header(COOKIE, cookie)).await
    }

    fn form(&self, path: &str, pairs: &[(&str, &str)]) -> reqwest::RequestBuilder {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        let body = body.extend_pairs(pairs).finish();
        let url = format!("{}{path}", self.provider.endpoint());
        let request = self.http.post(url).body(body);
        request.header("content-type", "application/x-www-form-urlencoded")
    }

    async fn post(&self, path: &str, pairs: &[(&str, &str)]) -> Answer {
        self.send(self.form(path, pairs)).await
    }

    /// Posts as the client, authenticated by Basic.
    async fn client_post(&self, path: &str, pairs: &[(&str, &str)]) -> Answer {
        self.send(
            self.form(path, pairs)
                .header(AUTHORIZATION, basic("the-app", "s3cret: +%&")),
        )
        .await
    }

    /// Asks for a token as the seeded machine.
    async fn machine(&self, form: &[(&str, &str)]) -> Answer {
        let secret = "dev-machine-secret-known-to-everyone";
        self.send(
            self.form("/oidc/token", form)
                .header(AUTHORIZATION, basic("dev-machine", secret)),
        )
        .await
    }

    async fn userinfo(&self, token: &str) -> Answer {
        let url = format!("{}/oidc/me", self.provider.endpoint());
        self.send(self.http.get(url).bearer_auth(token)).await
    }

    /// The path of an authorization request: the usual one with changes; an
    /// empty value leaves a parameter out.
    fn auth_path(&self, changes: &[(&str, &str)]) -> String {
        let challenge = base64url(sha256(VERIFIER.as_bytes()));
        let usual = [
            ("client_id", "the-app"),
            ("redirect_uri", CALLBACK),
            ("response_type", "code"),
            ("scope", ALL_SCOPES),
            ("state", "the-state"),
            ("nonce", "the-nonce"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("prompt", "consent"),
        ];
        let changed = |name: &str| changes.iter().any(|(n, _)| *n == name);
        let kept = usual.into_iter().filter(|(name, _)| !changed(name));
        let added = changes
            .iter()
            .copied()
            .filter(|(_, value)| !value.is_empty());
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(kept.chain(added));
        format!("/oidc/auth?{}", query.finish())
    }

    /// Presses `user`'s button on the sign-in page of this request.
    async fn sign_in(&self, user: &str, changes: &[(&str, &str)]) -> Answer {
        let page = self.get(&self.auth_path(changes)).await;
        assert_eq!(page.status, 200, "{}", page.text);
        let interaction = interaction(&page.text);
        let user = self.provider.provider.seed().user(user).unwrap().id.clone();
        self.post(
            "/sign-in",
            &[("interaction", &interaction), ("user", &user)],
        )
        .await
    }

    async fn code(&self, user: &str, changes: &[(&str, &str)]) -> String {
        let answer = self.sign_in(user, changes).await;
        answer
            .location_params()
            .remove("code")
            .unwrap_or_else(|| panic!("{}", answer.text))
    }

    async fn exchange(&self, code: &str) -> Answer {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        self.client_post("/oidc/token", &form).await
    }

    /// Signs in with everything and gives the token response.
    async fn tokens(&self, user: &str) -> Value {
        let resources = [
            ("resource", SHOPPING),
            ("resource", ORDERS),
            ("resource", ORGANIZATIONS),
        ];
        self.tokens_for(user, &resources).await
    }

    async fn tokens_for(&self, user: &str, changes: &[(&str, &str)]) -> Value {
        let code = self.code(user, changes).await;
        let answer = self.exchange(&code).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    }

    async fn refresh(&self, token: &Value, more: &[(&str, &str)]) -> Answer {
        let mut form = vec![
            ("grant_type", "refresh_token"),
            ("refresh_token", token.as_str().unwrap()),
        ];
        form.extend(more);
        self.client_post("/oidc/token", &form).await
    }
}

fn interaction(page: &str) -> String {
    let (_, rest) = page
        .split_once(r#"name="interaction" value=""#)
        .expect("a sign-in page");
    rest.split('"').next().unwrap().to_owned()
}

fn basic(id: &str, secret: &str) -> String {
    let encode =
        |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!(
        "Basic {}",
        STANDARD.encode(format!("{}:{}", encode(id), encode(secret)))
    )
}

/// The names in an object and the JSON type of each: what of a claim set does
/// not depend on who the user is.
fn shape(object: &Value) -> Vec<(String, &'static str)> {
    let kind = |value: &Value| match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let mut shape: Vec<_> = object
        .as_object()
        .unwrap()
        .iter()
        .map(|(n, v)| (n.clone(), kind(v)))
        .collect();
    shape.sort();
    shape
}
