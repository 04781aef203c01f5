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

/// RFC 8725 section 3.12: the same keys sign all kinds of tokens of a provider, and where
/// an API is called like a client, they have the same audience.
#[test]
fn no_other_token_is_an_access_token() {
    let read = |typ: Option<&str>, members: &Value| {
        let mut claims = an_access_token();
        let members = members.as_object().cloned().expect("an object");
        claims.as_object_mut().expect("an object").extend(members);
        read_access_token(&sign(&header(typ), &claims.to_string())).map(drop)
    };
    let none = || json!({});
    for (members, reason) in [
        (json!({ "nonce": "n" }), Rejection::IdToken),
        (json!({ "at_hash": "h" }), Rejection::IdToken),
        (json!({ "c_hash": "h" }), Rejection::IdToken),
        (json!({ "token_use": "id" }), Rejection::IdToken),
        (json!({ "token_use": "refresh" }), Rejection::Type),
        (json!({ "typ": "ID" }), Rejection::Type),
        (json!({ "typ": "ID", "nonce": "n" }), Rejection::Type),
        (json!({ "typ": "Refresh" }), Rejection::Type),
        (json!({ "typ": "Logout" }), Rejection::Type),
        (json!({ "events": { EVENT: {} } }), Rejection::Type),
    ] {
        for typ in [None, Some("JWT")] {
            assert_eq!(read(typ, &members), Err(reason), "{typ:?} {members}");
        }
        // RFC 9068: its header says what it is.
        for typ in ["at+jwt", "application/at+jwt", "AT+JWT"] {
            assert_eq!(read(Some(typ), &members), Ok(()), "{typ} {members}");
        }
    }
    for members in [
        none(),
        json!({ "token_use": "access" }),
        json!({ "typ": "Bearer", "nonce": "n" }),
        json!({ "token_use": "access", "nonce": "n" }),
        json!({ "typ": "whatever" }),
        json!({ "azp": "app", "sid": "s", "auth_time": 1, "acr": "1" }),
        json!({ "nonce": null, "at_hash": null, "events": null }),
    ] {
        for typ in [None, Some("JWT"), Some("at+jwt")] {
            assert_eq!(read(typ, &members), Ok(()), "{typ:?} {members}");
        }
    }
}

/// Whatever else stands in its header, and that nobody needs.
#[test]
fn a_header_with_odd_members_says_what_its_token_is() {
    let claims = with(&an_access_token(), &[("nonce", json!("n"))]).to_string();
    let header = json!({ "alg": "EdDSA", "typ": "at+jwt", "x5c": "text", "x5t": null });
    assert!(read_access_token(&sign(&header.to_string(), &claims)).is_ok());
}

/// AWS Cognito's.
#[test]
fn a_token_without_audience_needs_a_client_that_may() {
    let cognito = || {
        let claims = without(&an_access_token(), "aud");
        let members = [
            ("client_id", json!("cognito")),
            ("token_use", json!("access")),
        ];
        with(&claims, &members)
    };
    assert!(access(&cognito()).is_ok());
    for (name, value, reason) in [
        ("client_id", json!("another"), Rejection::Missing("aud")),
        ("client_id", json!(null), Rejection::Missing("aud")),
        ("client_id", json!(["cognito"]), Rejection::Claims),
        ("client_id", json!("Cognito"), Rejection::Missing("aud")),
        ("token_use", json!("id"), Rejection::IdToken),
        ("aud", json!([]), Rejection::Missing("aud")),
        ("aud", json!(null), Rejection::Claims),
    ] {
        let claims = with(&cognito(), &[(name, value)]);
        assert_eq!(access(&claims).unwrap_err(), reason, "{claims}");
    }
    // Its other names are not those of the list.
    let azp = with(
        &without(&cognito(), "client_id"),
        &[("azp", json!("cognito"))],
    );
    assert_eq!(access(&azp).unwrap_err(), Rejection::Missing("aud"));
}
