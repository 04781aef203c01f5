//! Signed answers of the userinfo endpoint (OpenID Connect Core section 5.3.2).

use super::*;

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
