//! Each check of each kind of token, at its boundary: one second, one
//! character, one type away from a token that is accepted.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::access_token::{self, access_token};
use super::keys::KeySet;
use super::logout::{self, Logout, logout_token};
use super::userinfo::{self, signed};
use super::verify::{self, Nonce, Rejection, Seconds, id_token};
use crate::claims::{AccessTokenClaims, IdTokenClaims};
use crate::config::SigningAlg;

const ISSUER: &str = "https://id.example/oidc";
const CLIENT_ID: &str = "app";
const NOW: Seconds = 1_800_000_000;
const TOLERANCE: Seconds = 60;
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
    KeySet::parse(document.as_bytes(), SigningAlg::EdDSA).expect("a key set")
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
    let expected = verify::Expected {
        issuer: ISSUER,
        client_id: CLIENT_ID,
        alg: SigningAlg::EdDSA,
        nonce,
        access_token: Some("access"),
        now: NOW,
        tolerance: TOLERANCE,
    };
    id_token(token, keys, &expected)
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
    let expected = logout::Expected {
        issuer: ISSUER,
        client_id: CLIENT_ID,
        alg: SigningAlg::EdDSA,
        now: NOW,
        tolerance: TOLERANCE,
    };
    logout_token(token, &keys(&[key("k")]), &expected)
}

fn access(claims: &Value) -> Result<AccessTokenClaims, Rejection> {
    read_access_token(&sign(&header(None), &claims.to_string()))
}

fn read_access_token(token: &str) -> Result<AccessTokenClaims, Rejection> {
    let expected = access_token::Expected {
        issuer: ISSUER,
        alg: SigningAlg::EdDSA,
        now: NOW,
        tolerance: TOLERANCE,
    };
    access_token(token, &keys(&[key("k")]), &expected)
}

fn read_user_info(token: &str) -> Result<Value, Rejection> {
    let expected = userinfo::Expected {
        issuer: ISSUER,
        client_id: CLIENT_ID,
        alg: SigningAlg::EdDSA,
        now: NOW,
        tolerance: TOLERANCE,
    };
    let claims = signed(token, &keys(&[key("k")]), &expected)?;
    Ok(serde_json::from_slice(&claims).expect("JSON, as it was signed"))
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

#[test]
fn id_tokens_to_the_second_and_the_character() {
    let good: Vec<Changes> = vec![
        vec![],
        vec![("exp", json!(NOW - 59))],
        vec![("exp", json!(i64::MAX))],
        vec![("iat", json!(NOW + 60))],
        vec![("iat", json!(NOW - 660))],
        vec![("nbf", json!(NOW + 60))],
        vec![("nbf", Value::Null)],
        vec![("aud", json!(["app"]))],
        vec![("aud", json!(["app", "app"]))],
        vec![("azp", json!("app"))],
        vec![("sub", json!("u".repeat(255)))],
        vec![("at_hash", Value::Null)],
    ];
    for changes in good {
        let claims = with(&an_id_token(), &changes);
        assert!(id(&claims).is_ok(), "{claims}: {:?}", id(&claims));
    }
    let bad: Vec<(Rejection, Changes)> = vec![
        (
            Rejection::Issuer,
            vec![("iss", json!("https://id.example/oidc/"))],
        ),
        (
            Rejection::Issuer,
            vec![("iss", json!("https://id.example/oid"))],
        ),
        (
            Rejection::Issuer,
            vec![("iss", json!("HTTPS://id.example/oidc"))],
        ),
        (Rejection::Claims, vec![("iss", json!([ISSUER]))]),
        (Rejection::Audience, vec![("aud", json!("other"))]),
        (Rejection::Audience, vec![("aud", json!([]))]),
        (Rejection::Audience, vec![("aud", json!(["other"]))]),
        (Rejection::Audience, vec![("aud", json!(["app", "other"]))]),
        (
            Rejection::Audience,
            vec![("aud", json!(["other", "app"])), ("azp", json!("app"))],
        ),
        (Rejection::Claims, vec![("aud", json!(7))]),
        (Rejection::AuthorizedParty, vec![("azp", json!("other"))]),
        (Rejection::AuthorizedParty, vec![("azp", json!(""))]),
        (Rejection::Expired, vec![("exp", json!(NOW - 60))]),
        (Rejection::Expired, vec![("exp", json!(NOW - 61))]),
        (Rejection::Expired, vec![("exp", json!(i64::MIN))]),
        (Rejection::Claims, vec![("exp", json!(1_800_003_600.5))]),
        (Rejection::Claims, vec![("exp", json!("1800003600"))]),
        (Rejection::IssuedAt, vec![("iat", json!(NOW + 61))]),
        (Rejection::IssuedAt, vec![("iat", json!(NOW - 661))]),
        (Rejection::IssuedAt, vec![("iat", json!(i64::MIN))]),
        (Rejection::IssuedAt, vec![("iat", json!(i64::MAX))]),
        (Rejection::NotYetValid, vec![("nbf", json!(NOW + 61))]),
        (Rejection::Nonce, vec![("nonce", json!("m"))]),
        (Rejection::Nonce, vec![("nonce", json!(""))]),
        (Rejection::Claims, vec![("sub", json!("u".repeat(256)))]),
        (Rejection::Claims, vec![("sub", json!("\u{fc}"))]),
        (Rejection::AccessTokenHash, vec![("at_hash", json!(""))]),
    ];
    for (reason, changes) in bad {
        let claims = with(&an_id_token(), &changes);
        assert_eq!(id(&claims).unwrap_err(), reason, "{claims}");
    }
    for name in ["iss", "aud", "sub", "exp", "iat"] {
        let claims = without(&an_id_token(), name);
        assert_eq!(
            id(&claims).unwrap_err(),
            Rejection::Missing(name),
            "{claims}"
        );
    }
    let claims = without(&an_id_token(), "nonce");
    assert_eq!(id(&claims).unwrap_err(), Rejection::Nonce);
}

#[test]
fn at_hash_is_the_left_half_by_the_algorithm() {
    let hash = |algorithm, half: usize| {
        let hash = aws_lc_rs::digest::digest(algorithm, b"access");
        URL_SAFE_NO_PAD.encode(&hash.as_ref()[..half])
    };
    use aws_lc_rs::digest::{SHA256, SHA384, SHA512};
    let right = with(&an_id_token(), &[("at_hash", json!(hash(&SHA512, 32)))]);
    assert!(id(&right).is_ok(), "{:?}", id(&right));
    for wrong in [
        hash(&SHA512, 64),
        hash(&SHA512, 31),
        hash(&SHA256, 16),
        hash(&SHA384, 24),
    ] {
        let claims = with(&an_id_token(), &[("at_hash", json!(wrong))]);
        assert_eq!(id(&claims).unwrap_err(), Rejection::AccessTokenHash);
    }
}

#[test]
fn the_nonce_after_a_refresh_is_the_old_one_or_none() {
    let keys = keys(&[key("k")]);
    let without = without(&an_id_token(), "nonce").to_string();
    let with = an_id_token().to_string();
    let read = |claims: &str, before| {
        let token = sign(&header(None), claims);
        read_id_token(&token, &keys, Nonce::IsNoneOr(before)).map(drop)
    };
    assert_eq!(read(&without, None), Ok(()));
    assert_eq!(read(&without, Some("n")), Ok(()));
    assert_eq!(read(&with, Some("n")), Ok(()));
    assert_eq!(read(&with, Some("m")), Err(Rejection::Nonce));
    assert_eq!(read(&with, None), Err(Rejection::Nonce));
}

#[test]
fn logout_tokens_to_the_second_and_the_character() {
    let good: Vec<Changes> = vec![
        vec![],
        vec![("iat", json!(NOW + 60))],
        vec![("iat", json!(NOW - 360))],
        vec![("exp", json!(NOW - 59)), ("iat", json!(NOW - 100_000))],
        vec![("exp", json!(i64::MAX)), ("iat", json!(0))],
        vec![("exp", Value::Null)],
        vec![("aud", json!(["other", "app"]))],
        vec![("sub", Value::Null)],
        vec![("sub", json!(""))],
        vec![("sid", Value::Null)],
        vec![("sid", json!(""))],
        vec![("jti", json!("j".repeat(255)))],
        vec![("events", json!({ EVENT: { "more": 1 }, "other": 7 }))],
    ];
    for changes in good {
        let claims = with(&a_logout_token(), &changes);
        let verdict = logged_out(&claims);
        assert!(verdict.is_ok(), "{claims}: {verdict:?}");
    }
    let bad: Vec<(Rejection, Changes)> = vec![
        (
            Rejection::Issuer,
            vec![("iss", json!("https://id.example/oidc/"))],
        ),
        (Rejection::Audience, vec![("aud", json!("other"))]),
        (Rejection::Audience, vec![("aud", json!([]))]),
        (Rejection::IssuedAt, vec![("iat", json!(NOW + 61))]),
        (Rejection::IssuedAt, vec![("iat", json!(NOW - 361))]),
        (
            Rejection::IssuedAt,
            vec![("iat", json!(NOW + 61)), ("exp", json!(NOW + 3600))],
        ),
        (Rejection::Expired, vec![("exp", json!(NOW - 60))]),
        (Rejection::Expired, vec![("exp", json!(i64::MIN))]),
        (
            Rejection::NobodyNamed,
            vec![("sub", Value::Null), ("sid", Value::Null)],
        ),
        (
            Rejection::NobodyNamed,
            vec![("sub", json!("")), ("sid", json!(""))],
        ),
        (Rejection::Events, vec![("events", json!({}))]),
        (Rejection::Events, vec![("events", json!({ EVENT: [] }))]),
        (Rejection::Claims, vec![("events", json!([EVENT]))]),
        (Rejection::Nonce, vec![("nonce", json!("n"))]),
        (Rejection::Nonce, vec![("nonce", Value::Null)]),
        (Rejection::Claims, vec![("jti", json!(""))]),
        (Rejection::Claims, vec![("jti", json!("j".repeat(256)))]),
        (Rejection::Claims, vec![("sid", json!(7))]),
    ];
    for (reason, changes) in bad {
        let claims = with(&a_logout_token(), &changes);
        assert_eq!(logged_out(&claims).unwrap_err(), reason, "{claims}");
    }
    for name in ["iss", "aud", "iat", "jti", "events"] {
        let claims = without(&a_logout_token(), name);
        assert_eq!(
            logged_out(&claims).unwrap_err(),
            Rejection::Missing(name),
            "{name}"
        );
    }
}

#[test]
fn a_logout_token_says_whom_and_until_when_it_counts_once() {
    let logout = logged_out(&a_logout_token()).expect("a good token");
    let expected = Logout {
        sub: Some("user".into()),
        sid: Some("session".into()),
        jti: "id".into(),
        issued_at: NOW,
        // A second longer than it is accepted.
        good_until: NOW + 301 + TOLERANCE,
    };
    assert_eq!(logout, expected);
    let with_exp = with(&a_logout_token(), &[("exp", json!(NOW + 10))]);
    let logout = logged_out(&with_exp).expect("a good token");
    assert_eq!(logout.good_until, NOW + 10 + TOLERANCE);
}

#[test]
fn access_tokens_to_the_second_and_the_character() {
    let good: Vec<Changes> = vec![
        vec![],
        vec![("exp", json!(NOW - 59))],
        vec![("exp", json!(i64::MAX))],
        vec![("iat", json!(NOW + 60))],
        vec![("iat", json!(0))],
        vec![("nbf", json!(NOW + 60))],
        vec![("sub", json!("u".repeat(255)))],
        vec![("sub", json!("u"))],
    ];
    for changes in good {
        let claims = with(&an_access_token(), &changes);
        assert!(access(&claims).is_ok(), "{claims}: {:?}", access(&claims));
    }
    let bad: Vec<(Rejection, Changes)> = vec![
        (
            Rejection::Issuer,
            vec![("iss", json!("https://id.example/oidc/"))],
        ),
        (Rejection::Claims, vec![("sub", json!(""))]),
        (Rejection::Claims, vec![("sub", json!("u".repeat(256)))]),
        (Rejection::Expired, vec![("exp", json!(NOW - 60))]),
        (Rejection::Expired, vec![("exp", json!(i64::MIN))]),
        (Rejection::IssuedAt, vec![("iat", json!(NOW + 61))]),
        (Rejection::NotYetValid, vec![("nbf", json!(NOW + 61))]),
    ];
    for (reason, changes) in bad {
        let claims = with(&an_access_token(), &changes);
        assert_eq!(access(&claims).unwrap_err(), reason, "{claims}");
    }
    for name in ["iss", "aud", "sub", "exp", "iat"] {
        let claims = without(&an_access_token(), name);
        assert_eq!(access(&claims).unwrap_err(), Rejection::Missing(name));
    }
    let claims = access(&an_access_token()).expect("a good token");
    assert!(!access_token::is_over(&claims, NOW + 3600 + 59, TOLERANCE));
    assert!(access_token::is_over(&claims, NOW + 3600 + 60, TOLERANCE));
}

/// RFC 8725 section 3.11: which `typ` is for which kind.
#[test]
fn signed_user_info_to_the_second_and_the_character() {
    let good = json!({ "iss": ISSUER, "aud": CLIENT_ID, "sub": "alice", "name": "Alice" });
    let read = |claims: &Value| read_user_info(&sign(&header(Some("JWT")), &claims.to_string()));
    assert_eq!(read(&good), Ok(good.clone()));
    let among_others = with(&good, &[("aud", json!(["other", CLIENT_ID]))]);
    assert_eq!(read(&among_others), Ok(among_others.clone()));

    for (name, value, reason) in [
        ("iss", json!(format!("{ISSUER}/")), Rejection::Issuer),
        ("aud", json!("other"), Rejection::Audience),
        ("aud", json!([]), Rejection::Audience),
        ("exp", json!(NOW - TOLERANCE), Rejection::Expired),
        ("iss", json!(7), Rejection::Claims),
    ] {
        let bad = with(&good, &[(name, value)]);
        assert_eq!(read(&bad), Err(reason), "{bad}");
    }
    let in_time = with(&good, &[("exp", json!(NOW - TOLERANCE + 1))]);
    assert_eq!(read(&in_time), Ok(in_time.clone()));
    for name in ["iss", "aud"] {
        assert_eq!(read(&without(&good, name)), Err(Rejection::Missing(name)));
    }
    // An access token is no answer of the userinfo endpoint.
    let other_type = sign(&header(Some("at+jwt")), &good.to_string());
    assert_eq!(read_user_info(&other_type), Err(Rejection::Type));
    let foreign = sign(&json!({ "alg": "none" }).to_string(), &good.to_string());
    assert_eq!(read_user_info(&foreign), Err(Rejection::Algorithm));
}

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
        (Some("application/JWT"), [NO, OK, OK]),
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
        (Rejection::UnknownKey, r#"{"alg":"EdDSA","kid":""}"#),
    ] {
        assert_eq!(read(header, &ours), Err(reason), "{header}");
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
    let claims = an_id_token();
    assert_eq!(verify::claims::<Value>(&good), Some(claims));
    assert_eq!(verify::claims::<Value>("a.!.c"), None);
}
