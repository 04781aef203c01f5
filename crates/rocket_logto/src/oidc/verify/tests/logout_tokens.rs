//! Logout tokens (OpenID Connect Back-Channel Logout 1.0, section 2.6).

use super::*;

#[test]
fn logout_tokens_to_the_second_and_the_character() {
    let good: Vec<Changes> = vec![
        vec![],
        vec![("iat", json!(NOW + 60))],
        vec![("iat", json!(NOW - 360))],
        vec![("exp", json!(NOW - 59)), ("iat", json!(NOW - 3000))],
        vec![("exp", json!(i64::MAX)), ("iat", json!(NOW - 3659))],
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
        issued_before: NOW + TOLERANCE,
        // A second longer than it is accepted.
        good_until: NOW + 301 + TOLERANCE,
    };
    assert_eq!(logout, expected);
    let with_exp = with(&a_logout_token(), &[("exp", json!(NOW + 10))]);
    let logout = logged_out(&with_exp).expect("a good token");
    assert_eq!(logout.good_until, NOW + 10 + TOLERANCE);
    // However far away that is, an hour is all.
    for far in [NOW + 3600, NOW + 3601, Seconds::MAX / 2] {
        let far = with(&a_logout_token(), &[("exp", json!(far))]);
        let logout = logged_out(&far).expect("a good token");
        assert_eq!(logout.good_until, NOW + 3600 + TOLERANCE);
        let issued = |iat: Seconds| logged_out(&with(&far, &[("iat", json!(iat))]));
        assert!(issued(NOW - 3600 - TOLERANCE + 1).is_ok());
        let late = issued(NOW - 3600 - TOLERANCE);
        assert_eq!(late.unwrap_err(), Rejection::IssuedAt);
    }
}

/// Or it would be looked for among the sessions, and end none.
#[test]
fn an_empty_name_is_none() {
    for (empty, named) in [("sid", "sub"), ("sub", "sid")] {
        let changes = vec![(empty, json!("")), (named, json!("x"))];
        let Logout { sub, sid, .. } = logged_out(&with(&a_logout_token(), &changes)).unwrap();
        let names = |name| {
            if name == named {
                Some("x".to_owned())
            } else {
                None
            }
        };
        assert_eq!((sub, sid), (names("sub"), names("sid")));
    }
}
