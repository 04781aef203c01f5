//! An app whose routes do nothing but what a guard does, behind Rocket's local
//! client, and a provider for it: no socket is on the way that is measured.

use cookie::{Cookie, CookieJar, Key};
use logto_dev_provider::{DevProvider, Settings, Signing};
use reqwest::redirect::Policy;
use rocket::figment::Figment;
use rocket::http::{Header, Status};
use rocket::local::asynchronous::Client;
use rocket::serde::Deserialize;
use rocket::tokio::runtime::{Builder, Runtime};
use rocket::{get, routes};
use rocket_logto::internals::Keys;
use rocket_logto::{AccessToken, Bearer, ConstOrg, Logto, OrgToken, SigningAlg, User};
use serde_json::{Map, Value, json};

#[path = "../../tests/support/targets.rs"]
mod targets;

use targets::{Acme, ORGANIZATIONS, Read, SHOPPING, Shopping};

const ALICE: &str = "alice4hy6kz2";
const CLIENT_ID: &str = "bench";
const SESSION: &str = "logto_session";

#[derive(Deserialize)]
#[serde(crate = "rocket::serde")]
struct Person {
    name: String,
}

#[get("/")]
fn nobody() -> &'static str {
    ALICE
}

#[get("/user")]
fn user(user: User) -> String {
    user.sub().to_owned()
}

#[get("/person")]
fn person(user: User<Person>) -> String {
    user.claims().name.clone()
}

#[get("/token")]
fn token(token: AccessToken<Shopping>) -> String {
    token.expires_at().to_string()
}

#[get("/organization")]
fn organization(token: OrgToken<ConstOrg<Acme>>) -> String {
    token.expires_at().to_string()
}

#[get("/bearer")]
fn bearer(caller: Bearer<Read>) -> String {
    caller.sub().to_owned()
}

#[get("/claims")]
fn claims(user: User) -> String {
    serde_json::to_string(user.claims()).expect("claims are JSON")
}

/// The app, with Alice signed in.
pub struct Bench {
    runtime: Runtime,
    client: Client,
    provider: DevProvider,
    /// Her `Cookie` header.
    pub session: String,
}

impl Bench {
    pub fn start() -> Bench {
        // One thread, so that what is counted in it is all there is.
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let (provider, client, session) = runtime.block_on(async {
            let mut settings = Settings::new(CLIENT_ID, "secret");
            settings.sid = true;
            let provider = DevProvider::start(settings).await.expect("a provider");
            provider.hooks().sign_in_as(Some(ALICE));
            let client = client(&provider).await;
            let session = sign_in(&client).await;
            (provider, client, session)
        });
        Bench {
            runtime,
            client,
            provider,
            session,
        }
    }

    /// Asks for a page that must be there.
    pub fn get(&self, path: &'static str, header: &'static str, value: &str) -> Vec<u8> {
        self.runtime.block_on(async {
            let header = Header::new(header, value.to_owned());
            let answer = self.client.get(path).header(header).dispatch().await;
            assert_eq!(answer.status(), Status::Ok, "{path}");
            answer.into_bytes().await.unwrap_or_default()
        })
    }

    /// A page for whoever is signed in.
    pub fn page(&self, path: &'static str) -> Vec<u8> {
        self.get(path, "Cookie", &self.session)
    }

    /// The page of whoever brings `token`.
    pub fn with_bearer(&self, token: &str) -> Vec<u8> {
        self.get("/bearer", "Authorization", &format!("Bearer {token}"))
    }

    /// A `Cookie` header nobody has seen: a copy of Alice's session with
    /// another id, sealed with the app's key.
    pub fn another_session(&self, number: usize) -> String {
        let key = Key::from(&[7; 64]);
        let value = self.session.strip_prefix(SESSION).expect("her cookie");
        let sealed = Cookie::new(SESSION, value[1..].to_owned());
        let opened = CookieJar::new().private(&key).decrypt(sealed);
        let opened = opened.expect("sealed with this key");
        let mut session: Value = serde_json::from_str(opened.value()).expect("a session");
        session["i"] = format!("{number:043}").into();
        let mut jar = CookieJar::new();
        jar.private_mut(&key)
            .add(Cookie::new(SESSION, session.to_string()));
        let value = jar.get(SESSION).expect("a cookie").value();
        format!("{SESSION}={value}")
    }

    /// An access token that nobody has seen.
    pub fn access_token(&self, number: usize) -> String {
        let now = now();
        self.forge(
            "at+jwt",
            json!({
                "iss": self.issuer(), "sub": ALICE, "aud": SHOPPING, "scope": "read write",
                "client_id": CLIENT_ID, "iat": now, "exp": now + 3600, "jti": number.to_string(),
            }),
        )
    }

    pub fn logout_token(&self) -> String {
        let claims = self.provider.logout_claims(Some(ALICE), Some("sid"));
        self.forge("logout+jwt", Value::Object(claims))
    }

    /// An ID token like Alice's, with the nonce `nonce`.
    pub fn id_token(&self) -> String {
        let mut claims: Value = serde_json::from_slice(&self.page("/claims")).expect("claims");
        claims["nonce"] = "nonce".into();
        self.forge("JWT", claims)
    }

    fn forge(&self, typ: &str, claims: Value) -> String {
        let claims: Map<String, Value> = serde_json::from_value(claims).expect("an object");
        let hooks = self.provider.hooks();
        hooks.forge(&Signing::Key, typ, claims, |_, _| ())
    }

    /// The provider's keys as the crate keeps them.
    pub fn keys(&self) -> Keys {
        let url = format!("{}/jwks", self.issuer());
        let document = self.runtime.block_on(async {
            let answer = reqwest::get(url).await.expect("the keys");
            answer.bytes().await.expect("a document")
        });
        Keys::parse(&document, SigningAlg::ES384).expect("a key set")
    }

    pub fn issuer(&self) -> String {
        self.provider.issuer()
    }
}

/// What a token of `issuer` for this app must match.
pub fn expected(issuer: &str) -> rocket_logto::internals::Expected<'_> {
    rocket_logto::internals::Expected {
        issuer,
        client_id: CLIENT_ID,
        nonce: "nonce",
        now: now(),
        tolerance: 60,
    }
}

fn now() -> i64 {
    rocket::time::OffsetDateTime::now_utc().unix_timestamp()
}

async fn client(provider: &DevProvider) -> Client {
    let logto = json!({
        "endpoint": provider.endpoint(),
        "app_id": CLIENT_ID,
        "app_secret": "secret",
        "base_url": "http://localhost:8000",
        "resources": [SHOPPING],
        "scopes": ["email", "roles", "read", "view:reports", ORGANIZATIONS],
    });
    let figment = Figment::from(rocket::Config::default())
        .merge(("log_level", "off"))
        .merge(("secret_key", vec![7_u8; 64]))
        .merge(("logto", logto))
        .merge(("logto.session.cookie_name", SESSION));
    provider.set_redirect_uris(["http://localhost:8000/callback"]);
    let rocket = rocket::custom(figment)
        .attach(Logto::fairing())
        .mount("/", routes![nobody, user, person, token, organization])
        .mount("/", routes![bearer, claims]);
    Client::untracked(rocket).await.expect("an app")
}

/// Start, provider, callback: the `Cookie` header of the session.
async fn sign_in(client: &Client) -> String {
    let set_cookies = |answer: &rocket::local::asynchronous::LocalResponse<'_>| {
        let lines = answer.headers().get("Set-Cookie");
        let pairs = lines.filter(|line| !line.contains("Max-Age=0"));
        let pairs = pairs.filter_map(|line| line.split(';').next());
        pairs.map(str::to_owned).collect::<Vec<_>>().join("; ")
    };
    let start = client.get("/sign-in").dispatch().await;
    let to_provider = start.headers().get_one("Location").expect("a redirect");
    let http = reqwest::Client::builder().redirect(Policy::none()).build();
    let answer = http.expect("a client").get(to_provider).send().await;
    let answer = answer.expect("the provider's answer");
    let back = answer.headers()["Location"].to_str().expect("an address");
    let back = back.trim_start_matches("http://localhost:8000").to_owned();
    let transaction = Header::new("Cookie", set_cookies(&start));
    let done = client.get(back).header(transaction).dispatch().await;
    let session = set_cookies(&done);
    // The first token changes the session; a browser has the new one then.
    let cookie = Header::new("Cookie", session);
    let refreshed = client.get("/token").header(cookie).dispatch().await;
    let cookie = Header::new("Cookie", set_cookies(&refreshed));
    let refreshed = client.get("/organization").header(cookie).dispatch().await;
    let session = set_cookies(&refreshed);
    assert!(session.starts_with(SESSION), "{}", refreshed.status());
    session
}
