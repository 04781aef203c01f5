//! Access tokens that are bound to a key of the caller's (DPoP, RFC 9449): they count with a
//! proof for this very request, once, and without one they do not count at all.

use std::collections::BTreeSet;

use logto_dev_provider::{DevProvider, Signing};
use reqwest::Method;
use rocket::figment::value::{Dict, Value};
use rocket::serde::json::serde_json::{Map, Value as Json, json};
use rocket::{Build, Rocket, get, head, post, routes};
use rocket_logto::{Bearer, BearerError, Logto, Permission};

use crate::support::api_app::{ApiApp, configured};
use crate::support::app::{ALICE, TestApp, absent, configuration, keys, settings};
use crate::support::bearer_api::{forge, now, plain};
use crate::support::browser::{Browser, Response};
use crate::support::dpop::{CallerKey, PROOF_ALGORITHMS};
use crate::support::log::reason_of;
use crate::support::redis::Redis;
use crate::support::serve::{Served, free_port};
use crate::support::targets::{Read, SHOPPING, Shopping};

const METADATA: &str = "/.well-known/oauth-protected-resource/api";

type Members = Map<String, Json>;

/// A permission that wants more than the token.
struct Pay;

impl Permission for Pay {
    type Audience = Shopping;
    const SCOPES: &'static [&'static str] = &["read"];
    const REQUIRES_DPOP: bool = true;
}

#[get("/cart")]
fn cart(caller: Bearer<Read>) -> String {
    caller.sub().to_owned()
}

#[post("/cart")]
fn add(caller: Bearer<Read>) -> String {
    caller.sub().to_owned()
}

#[get("/a~b/<_>")]
fn odd_path(caller: Bearer<Read>) -> String {
    caller.sub().to_owned()
}

/// Two guards, and a route that Rocket tries before.
#[get("/twice")]
fn twice(
    caller: Bearer<Read>,
    again: Result<Bearer<Pay>, BearerError>,
) -> Result<String, BearerError> {
    Ok(format!("{} {}", caller.sub(), again?.sub()))
}

#[head("/cart", rank = 1)]
fn cart_head(_caller: Bearer<NothingHas>) {}

struct NothingHas;

impl Permission for NothingHas {
    type Audience = Shopping;
    const SCOPES: &'static [&'static str] = &["nobody-has-it"];
}

#[get("/pay")]
fn pay(caller: Bearer<Pay>) -> String {
    caller.sub().to_owned()
}

fn rocket() -> Rocket<Build> {
    let handlers = routes![cart, add, twice, pay];
    rocket::build().mount("/", handlers)
}

struct Api {
    api: ApiApp,
    browser: Browser,
}

impl Api {
    async fn start() -> Api {
        Api::with(Dict::new()).await
    }

    async fn with(logto: Dict) -> Api {
        Api::of(logto, rocket()).await
    }

    async fn of(logto: Dict, rocket: Rocket<Build>) -> Api {
        let provider = DevProvider::start(settings()).await.expect("a provider");
        let port = free_port();
        let mut table = keys([("base_url", format!("http://localhost:{port}").into())]);
        table.extend(logto);
        let rocket = configured(rocket.attach(Logto::api()), &provider.endpoint(), table);
        let app = Served::start_on(port, rocket).await;
        Api {
            api: ApiApp { app, provider },
            browser: Browser::new(),
        }
    }

    fn url(&self, path: &str) -> String {
        self.api.url(path)
    }

    /// A token with this `cnf`; none where it is null.
    fn token(&self, cnf: Json) -> String {
        forge(&self.api, &Signing::Key, |_, claims| {
            claims.insert("cnf".into(), cnf);
        })
    }

    fn bound_to(&self, key: &CallerKey) -> String {
        self.token(json!({ "jkt": key.thumbprint() }))
    }

    async fn send(&self, path: &str, authorization: &str, proof: Option<&str>) -> Response {
        let mut request = self.browser.request(Method::GET, self.url(path));
        request = request.header("authorization", authorization);
        if let Some(proof) = proof {
            request = request.header("dpop", proof);
        }
        request.send().await
    }

    async fn call(&self, path: &str, token: &str, proof: &str) -> Response {
        self.send(path, &format!("DPoP {token}"), Some(proof)).await
    }
}

/// Turned away: status, challenge, body and log line agree.
fn refused(answer: &Response, case: &str, error: &str, reason: &str) {
    assert_eq!(answer.status(), 401, "{case}: {}", answer.text());
    let body: Json = answer.json();
    assert_eq!(body["error"], error, "{case}");
    let challenge = answer.header("www-authenticate").unwrap_or_default();
    let begin = format!("DPoP error=\"{error}\"");
    assert!(challenge.starts_with(&begin), "{case}: {challenge}");
    let algs = ", algs=\"ES256 PS256 EdDSA ES384 RS256\"";
    assert!(challenge.contains(algs), "{case}: {challenge}");
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{case}");
    let reference = body["reference"].as_str().expect("a reference");
    assert_eq!(reason_of(reference), reason, "{case}");
}

#[rocket::async_test]
async fn with_a_proof_by_each_algorithm() {
    let api = Api::start().await;
    for alg in PROOF_ALGORITHMS {
        let key = CallerKey::make(alg);
        let (token, url) = (api.bound_to(&key), api.url("/cart"));
        for scheme in ["DPoP", "dpop", "DPOP"] {
            let proof = key.proof("GET", &url, &token);
            let authorization = format!("{scheme} {token}");
            let answer = api.send("/cart", &authorization, Some(&proof)).await;
            assert_eq!(answer.status(), 200, "{alg} {scheme}: {}", answer.text());
            assert_eq!(answer.text(), ALICE);
        }
    }
}

/// RFC 9449 section 4.3, in its order.
#[rocket::async_test]
async fn each_condition_of_a_proof_is_checked() {
    fn set(name: &'static str, value: Json) -> impl Fn(&mut Members) {
        move |members| drop(members.insert(name.into(), value.clone()))
    }
    fn unset(name: &'static str) -> impl Fn(&mut Members) {
        move |members| drop(members.remove(name))
    }
    type Edit = Box<dyn Fn(&mut Members)>;
    let api = Api::start().await;
    let (key, other) = (CallerKey::make("ES256"), CallerKey::make("ES256"));
    let (token, url) = (api.bound_to(&key), api.url("/cart"));
    let mut private = key.jwk();
    private["d"] = json!("AA");
    let mut padded = key.jwk();
    padded["x"] = format!("{}=", padded["x"].as_str().expect("x")).into();
    let headers: [(Edit, &str); 13] = [
        (Box::new(unset("typ")), "proof_typ"),
        (Box::new(set("typ", json!("JWT"))), "proof_typ"),
        (Box::new(set("typ", json!("at+jwt"))), "proof_typ"),
        (Box::new(set("alg", json!("none"))), "proof_alg"),
        (Box::new(set("alg", json!("HS256"))), "proof_alg"),
        (Box::new(set("alg", json!("ES512"))), "proof_alg"),
        (Box::new(set("alg", json!("RS256"))), "proof_jwk"),
        (Box::new(set("crit", json!([]))), "proof_crit"),
        (Box::new(unset("jwk")), "proof_jwk"),
        (Box::new(set("jwk", json!("x"))), "proof_jwk"),
        (Box::new(set("jwk", private)), "proof_jwk_private"),
        (Box::new(set("jwk", padded)), "proof_jwk"),
        (Box::new(set("jwk", other.jwk())), "proof_signature"),
    ];
    let claims: [(Edit, &str); 19] = [
        (Box::new(unset("jti")), "proof_claims"),
        (Box::new(set("jti", json!(""))), "proof_claims"),
        (Box::new(unset("htm")), "proof_claims"),
        (Box::new(unset("htu")), "proof_claims"),
        (Box::new(unset("iat")), "proof_claims"),
        (Box::new(set("iat", json!("now"))), "proof_claims"),
        (Box::new(set("htm", json!("POST"))), "proof_htm"),
        (Box::new(set("htm", json!("get"))), "proof_htm"),
        (Box::new(set("htu", json!(api.url("/car")))), "proof_htu"),
        (Box::new(set("htu", json!(api.url("/cart/")))), "proof_htu"),
        (
            Box::new(set("htu", json!(url.replace("localhost", "127.0.0.1")))),
            "proof_htu",
        ),
        (
            Box::new(set("htu", json!(url.replace("http:", "https:")))),
            "proof_htu",
        ),
        (Box::new(set("htu", json!("/cart"))), "proof_htu"),
        (Box::new(set("iat", json!(now() - 130))), "proof_iat"),
        (Box::new(set("iat", json!(now() + 70))), "proof_iat"),
        (Box::new(set("iat", json!(0))), "proof_iat"),
        (Box::new(unset("ath")), "proof_ath"),
        (Box::new(set("ath", json!(""))), "proof_ath"),
        (Box::new(set("ath", json!(token.clone()))), "proof_ath"),
    ];
    let call = ("GET", &*url, &*token);
    let headers =
        headers.map(|(edit, reason)| (key.edited(call, |header, _| edit(header)), reason));
    let claims = claims.map(|(edit, reason)| (key.edited(call, |_, claims| edit(claims)), reason));
    let good = key.proof("GET", &url, &token);
    let (message, _) = good.rsplit_once('.').expect("a signature");
    let (header, payload) = message.split_once('.').expect("claims");
    let broken = [
        (String::new(), "proof_malformed"),
        ("x".to_owned(), "proof_malformed"),
        (message.to_owned(), "proof_malformed"),
        (format!("{good}.x"), "proof_malformed"),
        (format!("{header}x.{payload}.AA"), "proof_malformed"),
        (format!("{message}.{}", "A".repeat(86)), "proof_signature"),
        (format!("{message}.{}", "A".repeat(9000)), "proof_malformed"),
        // A good one, of somebody else, and for the same token.
        (other.proof("GET", &url, &token), "proof_jkt"),
    ];
    for (proof, reason) in headers.into_iter().chain(claims).chain(broken) {
        let answer = api.call("/cart", &token, &proof).await;
        refused(&answer, reason, "invalid_dpop_proof", reason);
    }
    // None of them has used the good one up.
    assert_eq!(api.call("/cart", &token, &good).await.status(), 200);
    let within = |iat: i64| key.edited(call, |_, claims| set("iat", json!(iat))(claims));
    for iat in [now() - 110, now() + 50] {
        let answer = api.call("/cart", &token, &within(iat)).await;
        assert_eq!(answer.status(), 200, "{iat}: {}", answer.text());
    }
}

/// RFC 9449 section 4.3, 9, and RFC 3986 section 6.2.
#[rocket::async_test]
async fn the_address_counts_however_it_is_written() {
    let api = Api::of(Dict::new(), rocket().mount("/", routes![odd_path])).await;
    let key = CallerKey::make("ES256");
    let token = api.bound_to(&key);
    for (path, told) in [
        ("/cart?size=1", "/cart"),
        ("/cart", "/cart?other=2#fragment"),
        ("/cart", "/x/../cart"),
        ("/cart", "/%63art"),
        ("/%63art", "/cart"),
        ("/a~b/%c3%a9", "/a%7Eb/%C3%A9"),
    ] {
        let proof = key.proof("GET", &api.url(told), &token);
        let answer = api.call(path, &token, &proof).await;
        assert_eq!(answer.status(), 200, "{path} {told}: {}", answer.text());
    }
    let upper = api
        .url("/cart")
        .replace("http://localhost", "HTTP://LOCALHOST");
    let proof = key.proof("GET", &upper, &token);
    assert_eq!(api.call("/cart", &token, &proof).await.status(), 200);
}

/// Below a path, whether or not the proxy takes it off, the address is the one callers have.
#[rocket::async_test]
async fn an_app_below_a_path_has_its_whole_address() {
    for strips in [true, false] {
        let logto = keys([
            ("base_url", "https://example.com/shop".into()),
            ("proxy_strips_path", strips.into()),
        ]);
        let at = if strips { "/" } else { "/shop" };
        let api = Api::of(logto, rocket::build().mount(at, routes![cart])).await;
        let key = CallerKey::make("ES256");
        let token = api.bound_to(&key);
        let path = if strips { "/cart" } else { "/shop/cart" };
        let proof = key.proof("GET", "https://example.com/shop/cart", &token);
        let answer = api.call(path, &token, &proof).await;
        assert_eq!(answer.status(), 200, "{strips}: {}", answer.text());
        for wrong in ["https://example.com/cart", &api.url(path)] {
            let proof = key.proof("GET", wrong, &token);
            let answer = api.call(path, &token, &proof).await;
            refused(&answer, wrong, "invalid_dpop_proof", "proof_htu");
        }
    }
}

#[rocket::async_test]
async fn a_proof_counts_once() {
    let api = Api::start().await;
    let key = CallerKey::make("ES256");
    let (token, url) = (api.bound_to(&key), api.url("/cart"));
    let proof = key.proof("GET", &url, &token);
    assert_eq!(api.call("/cart", &token, &proof).await.status(), 200);
    let answer = api.call("/cart", &token, &proof).await;
    refused(&answer, "again", "invalid_dpop_proof", "proof_replayed");
    // The same number of another key is another proof.
    let other = CallerKey::make("ES256");
    let its_token = api.bound_to(&other);
    for (key, token) in [(&key, &token), (&other, &its_token)] {
        let proof = key.edited(("GET", &url, token), |_, claims| {
            claims.insert("jti".into(), json!("1"));
        });
        assert_eq!(api.call("/cart", token, &proof).await.status(), 200);
    }
}

/// It is one request, however many guards look at it and however many routes Rocket tries.
#[rocket::async_test]
async fn one_request_uses_its_proof_once() {
    let api = Api::of(Dict::new(), rocket().mount("/", routes![cart_head])).await;
    let key = CallerKey::make("ES256");
    let (token, url) = (api.bound_to(&key), api.url("/twice"));
    let proof = key.proof("GET", &url, &token);
    let answer = api.call("/twice", &token, &proof).await;
    assert_eq!(answer.text(), format!("{ALICE} {ALICE}"));

    // `HEAD`, which Rocket turns into a `GET`, is what was sent.
    for (api, status) in [(&Api::start().await, 200), (&api, 403)] {
        let token = api.bound_to(&key);
        let proof = key.proof("HEAD", &api.url("/cart"), &token);
        let head = api.browser.request(Method::HEAD, api.url("/cart"));
        let head = head.header("authorization", format!("DPoP {token}"));
        let answer = head.header("dpop", proof).send().await;
        assert_eq!(answer.status(), status);
    }
    let post = |proof: String| {
        let request = api.browser.request(Method::POST, api.url("/cart"));
        let request = request.header("authorization", format!("DPoP {token}"));
        request.header("dpop", proof).send()
    };
    let proof = key.proof("POST", &api.url("/cart"), &token);
    assert_eq!(post(proof).await.status(), 200);
    let proof = key.proof("GET", &api.url("/cart"), &token);
    refused(&post(proof).await, "GET", "invalid_dpop_proof", "proof_htm");
}

#[rocket::async_test]
async fn there_is_exactly_one_proof() {
    let api = Api::start().await;
    let key = CallerKey::make("ES256");
    let (token, url) = (api.bound_to(&key), api.url("/cart"));
    let authorization = format!("DPoP {token}");
    let answer = api.send("/cart", &authorization, None).await;
    refused(&answer, "none", "invalid_dpop_proof", "no_proof");
    let mut call = reqwest::Client::new()
        .get(&url)
        .header("authorization", &authorization);
    for _ in 0..2 {
        call = call.header("dpop", key.proof("GET", &url, &token));
    }
    let answer = call.send().await.expect("an answer");
    assert_eq!(answer.status(), 401);
    let text = answer.text().await.expect("a body");
    let body: Json = rocket::serde::json::from_str(&text).expect("JSON");
    assert_eq!(body["error"], "invalid_dpop_proof");
    let reference = body["reference"].as_str().expect("a reference");
    assert_eq!(reason_of(reference), "two_proofs");
}

/// RFC 9449 section 7.2: a stolen token would be good after all.
#[rocket::async_test]
async fn a_bound_token_is_no_bearer_token_and_the_other_way_round() {
    let api = Api::start().await;
    let key = CallerKey::make("ES256");
    let (bound, url) = (api.bound_to(&key), api.url("/cart"));
    for proof in [None, Some(key.proof("GET", &url, &bound))] {
        let bearer = format!("Bearer {bound}");
        let answer = api.send("/cart", &bearer, proof.as_deref()).await;
        refused(&answer, "downgrade", "invalid_token", "cnf");
    }
    let free = forge(&api.api, &Signing::Key, plain);
    let proof = key.proof("GET", &url, &free);
    let answer = api.call("/cart", &free, &proof).await;
    refused(&answer, "unbound", "invalid_token", "no_cnf");
    // A proof beside a plain token says nothing about it.
    let bearer = format!("Bearer {free}");
    let answer = api.send("/cart", &bearer, Some(&proof)).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    // What is bound in another way, or in two, is not looked at: refused either way.
    for cnf in [
        json!({ "x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2" }),
        json!({ "jkt": key.thumbprint(), "x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2" }),
        json!({ "jkt": 7 }),
        json!({ "jkt": "" }),
        json!({}),
    ] {
        let token = api.token(cnf.clone());
        let proof = key.proof("GET", &url, &token);
        let answer = api.call("/cart", &token, &proof).await;
        refused(&answer, &cnf.to_string(), "invalid_token", "cnf");
    }
}

#[rocket::async_test]
async fn a_permission_or_a_key_demands_it() {
    let of_all = keys([("bearer_requires_dpop", true.into())]);
    for (logto, path) in [(Dict::new(), "/pay"), (of_all, "/cart")] {
        let api = Api::with(logto).await;
        let key = CallerKey::make("ES256");
        let token = api.bound_to(&key);
        let proof = key.proof("GET", &api.url(path), &token);
        let answer = api.call(path, &token, &proof).await;
        assert_eq!(answer.status(), 200, "{path}: {}", answer.text());
        let free = forge(&api.api, &Signing::Key, plain);
        let answer = api.send(path, &format!("Bearer {free}"), None).await;
        refused(&answer, path, "invalid_token", "no_cnf");
        let answer = api.browser.request(Method::GET, api.url(path)).send().await;
        assert_eq!(answer.status(), 401);
        let challenge = answer.header("www-authenticate").unwrap_or_default();
        let algs = "DPoP algs=\"ES256 PS256 EdDSA ES384 RS256\", scope=\"";
        assert!(challenge.starts_with(algs), "{challenge}");
        let told: Json = api.browser.fetch_json(api.url(METADATA)).await.json();
        let is_required = told["dpop_bound_access_tokens_required"] == true;
        assert_eq!(is_required, path == "/cart");
        assert_eq!(told["dpop_signing_alg_values_supported"][0], "ES256");
    }
    // Without either, whoever has no token is told of the plain scheme.
    let api = Api::start().await;
    let answer = api
        .browser
        .request(Method::GET, api.url("/cart"))
        .send()
        .await;
    let challenge = answer.header("www-authenticate").unwrap_or_default();
    assert!(challenge.starts_with("Bearer scope="), "{challenge}");
}

/// The scopes and the audience count as ever.
#[rocket::async_test]
async fn a_proof_makes_no_token_better() {
    let api = Api::start().await;
    let key = CallerKey::make("ES256");
    let cnf = json!({ "jkt": key.thumbprint() });
    for (name, value, status) in [
        ("scope", "write", 403),
        ("aud", "https://other.example", 401),
    ] {
        let cnf = cnf.clone();
        let token = forge(&api.api, &Signing::Key, move |_, claims| {
            claims.insert("cnf".into(), cnf);
            claims.insert(name.into(), value.into());
        });
        let proof = key.proof("GET", &api.url("/cart"), &token);
        let answer = api.call("/cart", &token, &proof).await;
        assert_eq!(answer.status(), status, "{name}: {}", answer.text());
        let challenge = answer.header("www-authenticate").unwrap_or_default();
        assert!(challenge.starts_with("DPoP error="), "{challenge}");
    }
    let token = forge(&api.api, &Signing::Corrupt, |_, claims| {
        claims.insert("cnf".into(), cnf);
    });
    let proof = key.proof("GET", &api.url("/cart"), &token);
    let answer = api.call("/cart", &token, &proof).await;
    refused(&answer, "forged", "invalid_token", "signature");
}

#[rocket::async_test]
async fn a_nonce_is_demanded_where_the_configuration_says_so() {
    let api = Api::with(keys([("dpop_nonces", true.into())])).await;
    let key = CallerKey::make("ES256");
    let (token, url) = (api.bound_to(&key), api.url("/cart"));
    let with = |nonce: Json| {
        key.edited(("GET", &url, &token), |_, claims| {
            claims.insert("nonce".into(), nonce);
        })
    };
    let mut given = BTreeSet::new();
    for proof in [key.proof("GET", &url, &token), with(json!("made up"))] {
        let answer = api.call("/cart", &token, &proof).await;
        assert_eq!(answer.status(), 401, "{}", answer.text());
        let challenge = answer.header("www-authenticate").unwrap_or_default();
        assert!(
            challenge.starts_with("DPoP error=\"use_dpop_nonce\""),
            "{challenge}"
        );
        let nonce = answer.header("dpop-nonce").expect("a nonce");
        assert!(nonce.len() >= 22, "{nonce}");
        given.insert(nonce.to_owned());
        // The same proof with the nonce is a new one.
        let answer = api.call("/cart", &token, &with(json!(nonce))).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
    }
    assert!(given.len() <= 2, "the same for some time");
}

/// A proof that was used at one instance is used up at the others.
#[rocket::async_test]
async fn instances_know_of_each_others_proofs() {
    let redis = Redis::start().await;
    let provider = DevProvider::start(settings()).await.expect("a provider");
    let base = "https://app.example.com";
    let mut instances = Vec::new();
    for _ in 0..2 {
        let (port, mut table) = (free_port(), redis.table());
        table.insert("base_url".into(), base.into());
        let rocket = rocket().attach(Logto::fairing());
        let figment = configuration(rocket.figment(), port, &provider.endpoint(), table);
        let figment = figment.merge(("secret_key", vec![7_u8; 64]));
        instances.push(Served::start_on(port, rocket.configure(figment)).await);
    }
    let second = instances.pop().expect("two");
    let api = Api {
        api: ApiApp {
            app: instances.pop().expect("one"),
            provider,
        },
        browser: Browser::new(),
    };
    let key = CallerKey::make("ES256");
    let token = api.bound_to(&key);
    let proof = key.proof("GET", &format!("{base}/cart"), &token);
    assert_eq!(api.call("/cart", &token, &proof).await.status(), 200);
    let replayed = api.browser.request(Method::GET, second.url("/cart"));
    let replayed = replayed.header("authorization", format!("DPoP {token}"));
    let answer = replayed.header("dpop", &proof).send().await;
    refused(&answer, "elsewhere", "invalid_dpop_proof", "proof_replayed");
    // Redis keeps no proof for longer than it could be used.
    let kept = redis.keys();
    assert!(!kept.is_empty());
    for key in kept {
        assert!(
            (1..=181_000).contains(&redis.ttl(&key)),
            "{key}: {}",
            redis.ttl(&key)
        );
    }
}

/// Where nobody says what address callers have, a bound token cannot be checked: so it does
/// not pass, and the log names the key.
#[rocket::async_test]
async fn without_an_address_nothing_is_taken_for_proven() {
    let provider = DevProvider::start(settings()).await.expect("a provider");
    let port = free_port();
    let rocket = rocket::build().mount("/", routes![cart]);
    let rocket = configured(
        rocket.attach(Logto::api()),
        &provider.endpoint(),
        keys([("base_url", absent())]),
    );
    let figment = rocket.figment().clone().select("release");
    let figment = figment.merge(("secret_key", vec![7_u8; 64]));
    let app = Served::start_on(port, rocket.configure(figment)).await;
    let api = Api {
        api: ApiApp { app, provider },
        browser: Browser::new(),
    };
    let key = CallerKey::make("ES256");
    let token = api.bound_to(&key);
    let proof = key.proof("GET", &api.url("/cart"), &token);
    let answer = api.call("/cart", &token, &proof).await;
    assert_eq!(answer.status(), 503, "{}", answer.text());
    let body: Json = answer.json();
    let reference = body["reference"].as_str().expect("a reference");
    let lines = crate::support::log::lines_with(reference);
    assert!(lines[0].contains("logto.base_url"), "{lines:?}");
    let told: Json = api.browser.fetch_json(api.url(METADATA)).await.json();
    assert_eq!(told["resource"], SHOPPING);
    let promised = told.get("dpop_signing_alg_values_supported");
    assert_eq!(promised, None, "nothing is promised");
    let free = forge(&api.api, &Signing::Key, plain);
    let answer = api.send("/cart", &format!("Bearer {free}"), None).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
}

/// What the app itself has got for its own API comes back to it.
#[rocket::async_test]
async fn an_apps_own_tokens_are_good_at_its_own_api() {
    #[get("/own?<url>")]
    async fn own(
        token: rocket_logto::AccessToken<Shopping>,
        url: &str,
    ) -> rocket::serde::json::Json<Json> {
        let proof = token.dpop_proof("GET", url, None);
        rocket::serde::json::Json(json!([token.authorization(), proof]))
    }
    let mut settings = settings();
    settings.offers_dpop = true;
    let logto = keys([
        ("dpop", "required".into()),
        (
            "resources",
            Value::from(vec![crate::support::targets::SHOPPING]),
        ),
        ("scopes", Value::from(vec!["read"])),
    ]);
    let app = TestApp::with_settings(settings, logto, rocket().mount("/", routes![own])).await;
    app.provider.hooks().sign_in_as(Some(ALICE));
    let browser = Browser::new();
    let cart = app.url("/cart");
    let page = browser
        .navigate_following(app.url(&format!("/own?url={cart}")), 10)
        .await;
    let shown: Json = page.last().expect("a page").json();
    let call = browser.request(Method::GET, &cart);
    let call = call.header("authorization", shown[0].as_str().expect("text"));
    let answer = call
        .header("dpop", shown[1].as_str().expect("a proof"))
        .send()
        .await;
    assert_eq!((answer.status(), &*answer.text()), (200, ALICE));
}
