//! The FAPI 2.0 suite as an app with `profile = "fapi2"` meets it: a provider with pushed
//! requests, `private_key_jwt`, tokens bound by DPoP and `iss` in its responses, and a resource
//! that takes nothing but such tokens.

use logto_dev_provider::{DevProvider, Endpoint, Hooks, Settings, SigningAlg};
use reqwest::Method;
use rocket::figment::value::{Dict, Value};
use rocket::{Build, Rocket, get, routes};
use rocket_logto::{AccessToken, Bearer, Logto};
use serde_json::{Value as Json, json};

use super::api_app::configured;
use super::app::{ALICE, absent, configuration, keys};
use super::browser::{Browser, Response};
use super::client_key::ClientKey;
use super::leaks;
use super::log::reason_of;
use super::pages::{NOBODY, pages_and_again};
use super::refusal::{SESSION, reference};
use super::serve::{Served, free_port};
use super::targets::{Read, SHOPPING, Shopping};

pub const CLIENT_ID: &str = "fapi-client";

/// What one sign-in asks of the provider.
pub const ONE_SIGN_IN: [Endpoint; 5] = [
    Endpoint::Discovery,
    Endpoint::Jwks,
    Endpoint::PushedAuth,
    Endpoint::Auth,
    Endpoint::Token,
];

/// The accounts at the resource, which demands a nonce: the call is made once more with it.
#[get("/accounts?<at>")]
async fn accounts(token: AccessToken<Shopping>, at: &str) -> String {
    let mut nonce: Option<String> = None;
    for _ in 0..2 {
        let proof = token.dpop_proof("GET", at, nonce.as_deref());
        let request = Browser::new();
        let request = request
            .request(Method::GET, at)
            .header("authorization", token.authorization())
            .header("dpop", proof.unwrap_or_default());
        let answer = request.send().await;
        match answer.header("dpop-nonce") {
            Some(given) if answer.status() == 401 => nonce = Some(given.to_owned()),
            _ => return format!("{} {}", answer.status(), answer.text()),
        }
    }
    "nonces without end".to_owned()
}

#[get("/accounts")]
fn resource(caller: Bearer<Read>) -> String {
    caller.sub().to_owned()
}

fn rocket() -> Rocket<Build> {
    pages_and_again().mount("/", routes![accounts])
}

/// One run of one module.
pub struct Fapi {
    pub provider: DevProvider,
    pub browser: Browser,
    app: Served,
    _key: ClientKey,
}

impl Fapi {
    pub async fn start() -> Fapi {
        Fapi::prepared(|_| {}).await
    }

    pub async fn prepared(prepare: impl FnOnce(&Hooks)) -> Fapi {
        Fapi::of(|_| rocket().attach(Logto::fairing()), prepare).await
    }

    /// The same with an app that is made for the provider of this issuer.
    pub async fn of(
        rocket: impl FnOnce(&str) -> Rocket<Build>,
        prepare: impl FnOnce(&Hooks),
    ) -> Fapi {
        let key = ClientKey::make("PS256");
        let mut settings = Settings::new(CLIENT_ID, "");
        settings.client_secret = None;
        settings.client_jwks = vec![key.public_jwk()];
        settings.signing_alg = SigningAlg::Es256;
        settings.issuer_path = "/test/a/rocket-logto/".to_owned();
        settings.offers_dpop = true;
        settings.observer = Some(leaks::observe);
        let provider = DevProvider::start(settings).await.expect("a provider");
        provider.hooks().sign_in_as(Some(ALICE));
        let other = key.public_jwk();
        provider.hooks().respond(Endpoint::Jwks, move |_, reply| {
            reply.edit_json(|jwks| add_decoys(jwks, &other));
        });
        prepare(provider.hooks());

        let port = free_port();
        let origin = format!("http://localhost:{port}");
        provider.set_redirect_uris([format!("{origin}/callback")]);
        provider.set_post_logout_redirect_uris([format!("{origin}/")]);
        let table = keys([
            ("endpoint", absent()),
            ("app_secret", absent()),
            ("issuer", provider.issuer().into()),
            ("profile", "fapi2".into()),
            ("app_id", CLIENT_ID.into()),
            ("app_key_file", key.pkcs8().into()),
            ("prompt", Value::from(vec!["consent"])),
            ("scopes", Value::from(vec!["read"])),
            ("resources", Value::from(vec![SHOPPING])),
        ]);
        let rocket = rocket(&provider.issuer());
        let figment = configuration(rocket.figment(), port, &provider.endpoint(), table);
        let own = rocket.figment().find_value("accounts_url").ok();
        let figment = match own {
            Some(url) => figment.merge(("accounts_url", url)),
            None => figment,
        };
        let app = Served::start_on(port, rocket.configure(figment)).await;
        Fapi {
            provider,
            browser: Browser::new(),
            app,
            _key: key,
        }
    }

    pub fn hooks(&self) -> &Hooks {
        self.provider.hooks()
    }

    pub fn url(&self, path: &str) -> String {
        self.app.url(path)
    }

    /// What the provider was asked since the last call, in order.
    pub fn calls(&self) -> Vec<Endpoint> {
        let calls = self.provider.requests().into_iter();
        let calls = calls.map(|call| call.endpoint).collect();
        self.provider.clear_requests();
        calls
    }

    pub async fn begin(&self) -> Response {
        self.browser.navigate(self.url("/again")).await
    }

    /// Signs in; what the app answers to the authorization response.
    pub async fn sign_in(&self) -> Response {
        let response = self.browser.follow(&self.begin().await).await;
        self.browser.follow(&response).await
    }

    /// A sign-in that is accepted, userinfo, and a call of the resource.
    pub async fn accepts(&self) {
        let answer = self.sign_in().await;
        assert_eq!(answer.status(), 303, "{}", answer.text());
        let info = self.browser.navigate(self.url("/userinfo")).await;
        assert_eq!(info.status(), 200, "{}", info.text());
        assert_eq!(info.json::<serde_json::Value>()["sub"], ALICE);
        let resource = resource_at(&self.provider).await;
        let at = resource.url("/accounts");
        let page = self
            .browser
            .navigate(self.url(&format!("/accounts?at={at}")))
            .await;
        assert_eq!(page.text(), format!("200 {ALICE}"));
    }

    /// A sign-in that is refused: the log says why, nobody is signed in, and the provider hears
    /// nothing more of it after `calls`.
    pub async fn rejects(&self, reason: &str, calls: &[Endpoint]) {
        let page = self.sign_in().await;
        assert_eq!(page.status(), 400, "{}", page.text());
        assert_eq!(reason_of(&reference(&page)), reason);
        assert_eq!(self.calls(), calls);
        let cookies = self.browser.cookies().into_iter();
        let names = cookies.map(|cookie| cookie.name);
        assert!(!names.into_iter().any(|name| name == SESSION));
        assert_eq!(self.browser.navigate(self.url("/")).await.text(), NOBODY);
    }
}

/// As the suite does, surrounds the key that signs with keys of other types and algorithms that
/// have its `kid`.
fn add_decoys(jwks: &mut Json, rsa: &Json) {
    let keys = jwks["keys"].as_array_mut().expect("keys");
    let real = keys.iter().position(|key| key["alg"] == "ES256");
    let real = real.expect("the key that signs");
    let kid = &keys[real]["kid"];
    let decoy = |key: &Json, alg: &str| {
        let mut key = key.clone();
        key["kid"] = kid.clone();
        key["alg"] = alg.into();
        key["use"] = "sig".into();
        key
    };
    let ed25519 = json!({ "kty": "OKP", "crv": "Ed25519",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    let (before, after) = (decoy(&ed25519, "EdDSA"), decoy(rsa, "PS256"));
    keys.insert(real, before);
    keys.insert(real + 2, after);
}

/// An API that takes bound tokens only, and demands a nonce.
async fn resource_at(provider: &DevProvider) -> Served {
    let port = free_port();
    let table: Dict = keys([
        ("endpoint", absent()),
        ("issuer", provider.issuer().into()),
        ("base_url", format!("http://localhost:{port}").into()),
        ("bearer_requires_dpop", true.into()),
        ("dpop_nonces", true.into()),
    ]);
    let rocket = rocket::build().mount("/", routes![resource]);
    let rocket = configured(rocket.attach(Logto::api()), &provider.endpoint(), table);
    Served::start_on(port, rocket).await
}
