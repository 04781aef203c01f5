//! Each check of each kind of token, at its boundary: one second, one
//! character, one type away from a token that is accepted.

mod access_tokens;
mod id_tokens;
mod logout_tokens;
mod user_infos;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{
    AccessExpectations, Algorithms, ClientExpectations, KeySet, Logout, Nonce, Rejection,
    TokenExpectations, access_token, claims, id_token, logout_token, user_info,
};
use crate::claims::{AccessTokenClaims, IdTokenClaims};
use crate::clock::Seconds;
use crate::config::SigningAlg;

const ISSUER: &str = "https://id.example/oidc";
const CLIENT_ID: &str = "app";
const NOW: Seconds = 1_800_000_000;
const TOLERANCE: Seconds = 60;
const EXPECTED: TokenExpectations<'_> = TokenExpectations {
    issuer: ISSUER,
    tenants: &[],
    now: NOW,
    tolerance: TOLERANCE,
};
const FOR_CLIENT: ClientExpectations<'_> = ClientExpectations {
    client_id: CLIENT_ID,
    trusted_audiences: &[],
    token: EXPECTED,
};
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

fn pair() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a key")
}

fn key(kid: &str) -> Value {
    let x = URL_SAFE_NO_PAD.encode(pair().public_key().as_ref());
    json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid })
}

fn other_key(kid: &str) -> Value {
    let other = Ed25519KeyPair::from_seed_unchecked(&[8; 32]).expect("a key");
    let x = URL_SAFE_NO_PAD.encode(other.public_key().as_ref());
    json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid })
}

fn keys(keys: &[Value]) -> KeySet {
    let document = json!({ "keys": keys }).to_string();
    KeySet::parse(
        document.as_bytes(),
        Algorithms::Pinned(vec![SigningAlg::EdDSA]),
    )
    .expect("a key set")
}

fn sign(header: &str, claims: &str) -> String {
    let encode = |part: &str| URL_SAFE_NO_PAD.encode(part);
    let input = format!("{}.{}", encode(header), encode(claims));
    let signature = pair().sign(input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
}

fn header(typ: Option<&str>) -> String {
    let mut header = json!({ "alg": "EdDSA", "kid": "k" });
    if let Some(typ) = typ {
        header["typ"] = typ.into();
    }
    header.to_string()
}

fn with(claims: &Value, changes: &[(&str, Value)]) -> Value {
    let mut changed = claims.clone();
    for (name, value) in changes {
        changed[*name] = value.clone();
    }
    changed
}

fn without(claims: &Value, name: &str) -> Value {
    let mut changed = claims.clone();
    changed.as_object_mut().expect("an object").remove(name);
    changed
}

fn read_id_token(token: &str, keys: &KeySet, nonce: Nonce<'_>) -> Result<IdTokenClaims, Rejection> {
    id_token(token, keys, &FOR_CLIENT, nonce, Some("access"))
}

fn id(claims: &Value) -> Result<IdTokenClaims, Rejection> {
    let token = sign(&header(None), &claims.to_string());
    read_id_token(&token, &keys(&[key("k")]), Nonce::Is("n"))
}

fn logged_out(claims: &Value) -> Result<Logout, Rejection> {
    let token = sign(&header(None), &claims.to_string());
    read_logout_token(&token)
}

fn read_logout_token(token: &str) -> Result<Logout, Rejection> {
    logout_token(token, &keys(&[key("k")]), &FOR_CLIENT)
}

fn access(claims: &Value) -> Result<AccessTokenClaims, Rejection> {
    read_access_token(&sign(&header(None), &claims.to_string()))
}

fn read_access_token(token: &str) -> Result<AccessTokenClaims, Rejection> {
    let expected = AccessExpectations {
        token: EXPECTED,
        clients_without_audience: &["cognito".to_owned()],
        takes_id_tokens: false,
    };
    access_token(token, &keys(&[key("k")]), &expected)
}

fn read_user_info(token: &str) -> Result<Value, Rejection> {
    let read = user_info(token, &keys(&[key("k")]), &FOR_CLIENT)?;
    Ok(serde_json::from_slice(&read).expect("JSON, as it was signed"))
}

fn an_id_token() -> Value {
    json!({
        "iss": ISSUER, "aud": CLIENT_ID, "sub": "user", "nonce": "n",
        "iat": NOW, "exp": NOW + 3600,
    })
}

fn a_logout_token() -> Value {
    json!({
        "iss": ISSUER, "aud": CLIENT_ID, "sub": "user", "sid": "session", "jti": "id",
        "iat": NOW, "events": { EVENT: {} },
    })
}

fn an_access_token() -> Value {
    json!({
        "iss": ISSUER, "aud": "https://api.example", "sub": "user",
        "iat": NOW, "exp": NOW + 3600,
    })
}

type Changes = Vec<(&'static str, Value)>;

/// RFC 8725 section 3.11: which `typ` is for which kind.
#[test]
fn types_of_other_kinds_are_refused() {
    let all = |typ: Option<&str>| {
        let header = header(typ);
        let token = |claims: Value| sign(&header, &claims.to_string());
        let keys = keys(&[key("k")]);
        [
            read_id_token(&token(an_id_token()), &keys, Nonce::Is("n")).map(drop),
            read_logout_token(&token(a_logout_token())).map(drop),
            read_access_token(&token(an_access_token())).map(drop),
        ]
    };
    const OK: Result<(), Rejection> = Ok(());
    const NO: Result<(), Rejection> = Err(Rejection::Type);
    for (typ, verdicts) in [
        (None, [OK, OK, OK]),
        (Some("JWT"), [OK, OK, OK]),
        (Some("jwt"), [OK, OK, OK]),
        (Some("application/JWT"), [OK, OK, OK]),
        (Some("logout+jwt"), [NO, OK, NO]),
        (Some("Application/LOGOUT+jwt"), [NO, NO, NO]),
        (Some("application/logout+jwt"), [NO, OK, NO]),
        (Some("at+jwt"), [NO, NO, OK]),
        (Some("application/at+JWT"), [NO, NO, OK]),
        (Some("secevent+jwt"), [NO, NO, NO]),
        (Some(""), [NO, NO, NO]),
    ] {
        assert_eq!(all(typ), verdicts, "{typ:?}");
    }
}

#[test]
fn the_header_chooses_neither_algorithm_nor_key() {
    let claims = an_id_token().to_string();
    let read = |header: &str, keys: &KeySet| {
        read_id_token(&sign(header, &claims), keys, Nonce::Is("n")).map(drop)
    };
    let ours = keys(&[key("k")]);
    for (reason, header) in [
        (Rejection::Algorithm, r#"{"alg":"none"}"#),
        (Rejection::Algorithm, r#"{"alg":"HS256","kid":"k"}"#),
        (Rejection::Algorithm, r#"{"alg":"ES256","kid":"k"}"#),
        (Rejection::Algorithm, r#"{"alg":"eddsa","kid":"k"}"#),
        (
            Rejection::Critical,
            r#"{"alg":"EdDSA","kid":"k","crit":["exp"]}"#,
        ),
        (
            Rejection::Critical,
            r#"{"alg":"EdDSA","kid":"k","b64":true}"#,
        ),
        (Rejection::Malformed, r#"{"kid":"k"}"#),
        (Rejection::Malformed, "[]"),
        (Rejection::UnknownKey, r#"{"alg":"EdDSA","kid":"K"}"#),
        (Rejection::UnknownKey, r#"{"alg":"EdDSA","kid":"null"}"#),
        (
            Rejection::Critical,
            r#"{"alg":"EdDSA","kid":"k","crit":null}"#,
        ),
        (
            Rejection::Critical,
            r#"{"alg":"EdDSA","kid":"k","crit":"exp"}"#,
        ),
        (Rejection::Type, r#"{"alg":"EdDSA","kid":"k","typ":7}"#),
        (Rejection::Type, r#"{"alg":"EdDSA","kid":"k","typ":""}"#),
        (Rejection::Malformed, r#"{"alg":7,"kid":"k"}"#),
        (
            Rejection::Malformed,
            r#"{"alg":"EdDSA","alg":"EdDSA","kid":"k"}"#,
        ),
        (
            Rejection::Malformed,
            r#"{"alg":"EdDSA","kid":"k","kid":"k"}"#,
        ),
    ] {
        assert_eq!(read(header, &ours), Err(reason), "{header}");
    }
    // Nobody needs these, so they may be anything.
    for name in [
        "kid", "jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256", "cty", "p2c",
    ] {
        for value in ["null", "\"\"", "7", "true", "[7]", "[]", "{}", "{\"a\":[]}"] {
            let header = format!(r#"{{"alg":"EdDSA","{name}":{value}}}"#);
            assert_eq!(read(&header, &ours), Ok(()), "{header}");
        }
    }
    // With a name, the one key of that name; without, whichever fits.
    let named = r#"{"alg":"EdDSA","kid":"k"}"#;
    let nameless = r#"{"alg":"EdDSA"}"#;
    let both = keys(&[other_key("other"), key("k")]);
    let twice = keys(&[other_key("k"), key("k")]);
    let other = keys(&[other_key("k")]);
    assert_eq!(read(named, &both), Ok(()));
    assert_eq!(read(nameless, &both), Ok(()));
    assert_eq!(
        read(named, &twice),
        Ok(()),
        "a key that came again by its name"
    );
    assert_eq!(read(named, &other), Err(Rejection::Signature));
    assert_eq!(read(nameless, &other), Err(Rejection::UnknownKey));
}

#[test]
fn claims_that_are_no_json_are_refused_as_such() {
    let keys = keys(&[key("k")]);
    for claims in ["", "null", "[]", "{", "\u{fc}"] {
        let token = sign(&header(None), claims);
        let verdict = read_id_token(&token, &keys, Nonce::Is("n"));
        assert_eq!(verdict.unwrap_err(), Rejection::Claims, "{claims:?}");
    }
    let good = sign(&header(None), &an_id_token().to_string());
    for token in ["", ".", "..", "...", &format!("{good}.x")] {
        let verdict = read_id_token(token, &keys, Nonce::Is("n"));
        assert_eq!(verdict.unwrap_err(), Rejection::Malformed, "{token:?}");
    }
    assert_eq!(claims::<Value>(&good), Some(an_id_token()));
    assert_eq!(claims::<Value>("a.!.c"), None);
}
