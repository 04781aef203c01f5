//! Access tokens (RFC 9068 section 4).

use super::*;
use crate::clock::has_expired;

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
    assert!(!has_expired(claims.exp, NOW + 3600 + 59, TOLERANCE));
    assert!(has_expired(claims.exp, NOW + 3600 + 60, TOLERANCE));
}
