//! What is wrong with forged tokens, whatever kind they are of: ID tokens and
//! access tokens are held against the same tables.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use logto_dev_provider::{Hooks, SigningAlg};
use rocket::serde::json::serde_json::{Map, Value, from_str, json};
use url::Url;

use super::app::CLIENT_SECRET;
use super::signer::Signer;

/// Says that a claim is left out.
pub const ABSENT: &str = "(absent)";

/// Spellings of `alg` for no signature.
pub const UNSIGNED: [&str; 5] = ["none", "None", "nOnE", "NONE", ""];

/// What is no signature by the current key: missing, empty, cut, all zero
/// (CVE-2022-21449), of another message.
pub fn signatures(hooks: &Hooks) -> Vec<(&'static str, Vec<u8>)> {
    let elsewhere = hooks.sign(b"another message");
    let size = elsewhere.len();
    vec![
        ("empty", Vec::new()),
        ("zeros", vec![0; size]),
        ("ones", vec![0xff; size]),
        ("of another message", elsewhere.clone()),
        ("cut", elsewhere[..size - 1].to_vec()),
        ("too long", [&elsewhere[..], &[0]].concat()),
    ]
}

/// CVE-2022-29217, CVE-2024-33663: what might be taken for an HMAC secret.
pub fn hmac_secrets(hooks: &Hooks, alg: SigningAlg) -> Vec<(&'static str, Vec<u8>)> {
    let pem = hooks.public_key_pem(alg);
    let jwk = hooks.public_key_jwk(alg);
    vec![
        ("PEM", pem.clone().into_bytes()),
        ("PEM without its last newline", pem.trim_end().into()),
        ("DER", hooks.public_key_der(alg)),
        ("JWK", jwk.to_string().into_bytes()),
        ("JWKS", json!({ "keys": [jwk] }).to_string().into_bytes()),
        ("client secret", CLIENT_SECRET.into()),
        ("empty", Vec::new()),
    ]
}

/// Nearly `ES384`.
pub fn misspelt_algs() -> [Value; 4] {
    [
        json!("es384"),
        json!(" ES384"),
        json!("ES384\0"),
        json!("ES512"),
    ]
}

pub fn mistyped_algs() -> [Value; 4] {
    [
        json!(null),
        json!(["ES384"]),
        json!(384),
        json!({ "ES384": 1 }),
    ]
}

/// CVE-2018-0114, CVE-2026-27962: headers that bring the attacker's key along,
/// or say where to find it.
pub fn key_injections(attacker: &Signer) -> [Value; 5] {
    let certificate = STANDARD.encode(attacker.der());
    [
        json!({ "jwk": attacker.jwk() }),
        json!({ "jku": attacker.jwks_uri() }),
        json!({ "x5u": attacker.url("/certificate.pem") }),
        json!({ "x5c": [certificate] }),
        json!({ "jwk": attacker.jwk(), "jku": attacker.jwks_uri(),
                "x5u": attacker.url("/certificate.pem"), "x5c": [certificate] }),
    ]
}

/// Whose `kid` goes with them, and why that is refused.
pub fn kids_for_injections(
    attacker: &Signer,
    real: &str,
) -> [(&'static str, Value, &'static str); 4] {
    [
        ("the provider's", json!(real), "signature"),
        ("the attacker's", json!(attacker.kid()), "unknown_key"),
        ("no", json!(null), "unknown_key"),
        ("an address as", json!(attacker.jwks_uri()), "unknown_key"),
    ]
}

/// A `kid` that finds no key.
pub fn odd_kids(kid: &str, issuer: &str) -> Vec<Value> {
    vec![
        json!("../../"),
        json!("../../../../dev/null"),
        json!("/etc/passwd"),
        json!("file:///dev/null"),
        json!(format!("{issuer}/unknown")),
        json!("' OR 1=1 --"),
        json!("x' UNION SELECT 'c2VjcmV0"),
        json!("$(id)"),
        json!("\0"),
        json!(format!("{kid}\0")),
        json!(format!(" {kid}")),
        json!(kid.to_lowercase() + "x"),
        json!(&kid[..kid.len() - 1]),
        json!("k".repeat(600_000)),
    ]
}

/// These name no key at all.
pub fn mistyped_kids(kid: &str) -> [Value; 6] {
    [
        json!(7),
        json!([kid]),
        json!({ "kid": kid }),
        json!(true),
        json!(null),
        json!(""),
    ]
}

/// CVE-2025-59420, CVE-2026-32597, RFC 7797: extensions that must be
/// understood, and why they are refused.
pub fn extensions() -> [(Value, &'static str); 10] {
    [
        (json!({ "crit": ["exp"] }), "crit"),
        (json!({ "crit": ["b64"], "b64": false }), "crit"),
        (json!({ "crit": ["b64"], "b64": true }), "crit"),
        (json!({ "crit": ["x"], "x": 1 }), "crit"),
        (json!({ "crit": [] }), "crit"),
        (json!({ "crit": null }), "crit"),
        (json!({ "crit": "b64" }), "crit"),
        (json!({ "crit": { "b64": 1 } }), "crit"),
        (json!({ "b64": false }), "crit"),
        (json!({ "b64": true }), "crit"),
    ]
}

/// CVE-2026-25537: values of every type for one claim.
pub fn values(audience: &str, later: i64) -> Vec<Value> {
    vec![
        json!(ABSENT),
        json!(null),
        json!(true),
        json!(false),
        json!(0),
        json!(-1),
        json!(u64::MAX),
        json!(1.5),
        json!(later as f64),
        json!(""),
        json!("text"),
        json!(later.to_string()),
        json!([]),
        json!([audience]),
        json!([later]),
        json!({}),
        json!({ "value": later }),
    ]
}

/// CVE-2024-53861: nearly `issuer`, which is `http://localhost:<port>/oidc`.
pub fn near_issuers(issuer: &str) -> Vec<String> {
    let url = Url::parse(issuer).expect("an issuer");
    let port = url.port().expect("a port");
    vec![
        String::new(),
        issuer[..issuer.len() - 1].to_owned(),
        format!("{issuer}x"),
        format!("{issuer}/"),
        format!("{issuer}//"),
        format!("{issuer}?"),
        format!("{issuer}#"),
        format!(" {issuer}"),
        format!("{issuer}\n"),
        format!("{issuer}\0"),
        format!("{issuer},https://evil.example"),
        format!("https://evil.example/{issuer}"),
        issuer.trim_end_matches("/oidc").to_owned(),
        issuer.to_uppercase(),
        issuer.replace("http:", "HTTP:"),
        issuer.replace("http:", "https:"),
        issuer.replace("localhost", "LocalHost"),
        issuer.replace("localhost", "localhost."),
        issuer.replace("localhost", "127.0.0.1"),
        issuer.replace("localhost", "user@localhost"),
        issuer.replace("localhost", "localhost@evil.example"),
        issuer.replace("localhost", "localhost.evil.example"),
        issuer.replace("/oidc", "/OIDC"),
        issuer.replace("/oidc", "/%6Fidc"),
        issuer.replace("/oidc", "//oidc"),
        issuer.replace("/oidc", "/x/../oidc"),
        issuer.replace(&format!(":{port}"), ""),
        issuer.replace(&format!(":{port}"), &format!(":{}", port - 1)),
        issuer.replace(&format!(":{port}"), &format!(":0{port}")),
    ]
}

/// From the claims as JSON text to a payload.
type Edit = fn(&str) -> Vec<u8>;

/// Payloads that are no object with each claim once, of its type.
pub const PAYLOADS: [(&str, Edit); 19] = [
    ("exp 1e400", |c| without(c, "exp", r#""exp":1e400"#)),
    ("exp -1e400", |c| without(c, "exp", r#""exp":-1e400"#)),
    ("exp 4e19", |c| without(c, "exp", r#""exp":4e19"#)),
    ("exp of 400 digits", |c| {
        without(c, "exp", &format!(r#""exp":{}"#, "9".repeat(400)))
    }),
    ("exp 2^63", |c| {
        without(c, "exp", r#""exp":9223372036854775808"#)
    }),
    ("exp NaN", |c| without(c, "exp", r#""exp":NaN"#)),
    ("exp Infinity", |c| without(c, "exp", r#""exp":Infinity"#)),
    ("exp 0x7fffffff", |c| {
        without(c, "exp", r#""exp":0x7fffffff"#)
    }),
    ("iat 1e400", |c| without(c, "iat", r#""iat":1e400"#)),
    ("nbf 1e400", |c| with(c, r#""nbf":1e400"#)),
    ("sub twice", |c| with(c, r#""sub":"admin""#)),
    ("sub twice, escaped", |c| with(c, r#""\u0073ub":"admin""#)),
    ("iss twice", |c| with(c, r#""iss":"https://evil.example""#)),
    ("aud twice", |c| with(c, r#""aud":"test-app""#)),
    ("nonce twice", |c| with(c, r#""nonce":"n""#)),
    ("a list", |c| format!("[{c}]").into_bytes()),
    ("null", |_| b"null".into()),
    ("two objects", |c| format!("{c}{c}").into_bytes()),
    ("no UTF-8", |c| {
        [&with(c, r#""x":""#)[..c.len() + 5], b"\xff\"}"].concat()
    }),
];

/// The claims and one member more.
pub fn with(claims: &str, more: &str) -> Vec<u8> {
    format!("{},{more}}}", &claims[..claims.len() - 1]).into_bytes()
}

/// The claims with another `name`, as this text.
pub fn without(claims: &str, name: &str, more: &str) -> Vec<u8> {
    let mut object: Map<String, Value> = from_str(claims).expect("claims");
    object.remove(name);
    with(&Value::from(object).to_string(), more)
}
