//! ID tokens (OpenID Connect Core sections 3.1.3.7 and 12.2).

use super::*;

#[test]
fn id_tokens_to_the_second_and_the_character() {
    let good: Vec<Changes> = vec![
        vec![],
        vec![("exp", json!(NOW - 59))],
        vec![("exp", json!(i64::MAX))],
        vec![("exp", json!(1_800_003_600.5))],
        vec![("iat", json!(NOW as f64 - 0.5))],
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
        (Rejection::Expired, vec![("exp", json!(NOW as f64 - 60.0))]),
        (Rejection::Claims, vec![("exp", json!(1e19))]),
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
        (Rejection::Claims, vec![("sub", json!("u\0"))]),
        (Rejection::Claims, vec![("sub", json!("\u{7f}"))]),
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
