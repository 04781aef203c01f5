//! Every recorded exchange is read in full and written again unchanged.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{recording, recordings, round_trip};
use crate::claims::{AccessTokenClaims, Audience, Claim, IdTokenClaims, Timestamp, UserInfoClaims};

fn id_token(recording: &Value) -> Option<&Value> {
    let decoded = recording.get("id_token_decoded").unwrap_or(recording);
    (decoded["header"]["typ"] == "JWT").then(|| &decoded["payload"])
}

fn userinfo(recording: &Value) -> Option<&Value> {
    let asked = recording["request"]["url"].as_str()?.ends_with("/oidc/me");
    (asked && recording["response"]["status"] == 200).then(|| &recording["response"]["body"])
}

#[test]
fn recorded_id_tokens_round_trip() {
    let recordings = recordings();
    let read: Vec<&str> = recordings
        .iter()
        .filter_map(|(name, recording)| id_token(recording).map(|payload| (name, payload)))
        .map(|(name, payload)| {
            let claims: IdTokenClaims = round_trip(payload);
            assert!(claims.extra.is_empty(), "{name}: {:?}", claims.extra);
            name.as_str()
        })
        .collect();
    for name in [
        "05-id-token-decoded.json",
        "08-token-for-api-resource.json",
        "11-bob-token-no-email-no-name.json",
        "13c-id-token-with-max_age.json",
        "19a-id-token-of-backchannel-client.json",
    ] {
        assert!(read.contains(&name), "{name} is not among {read:?}");
    }
}

#[test]
fn recorded_userinfo_round_trips() {
    let recordings = recordings();
    let read: Vec<&str> = recordings
        .iter()
        .filter_map(|(name, recording)| userinfo(recording).map(|body| (name, body)))
        .map(|(name, body)| {
            let claims: UserInfoClaims = round_trip(body);
            assert!(claims.extra.is_empty(), "{name}: {:?}", claims.extra);
            name.as_str()
        })
        .collect();
    for name in [
        "06-userinfo-full-alice.json",
        "06b-userinfo-post.json",
        "07c-userinfo-downscoped.json",
        "11b-userinfo-bob-no-email-no-name.json",
        "12b-userinfo-openid-only.json",
    ] {
        assert!(read.contains(&name), "{name} is not among {read:?}");
    }
    assert!(
        !read.contains(&"08b-userinfo-with-resource-jwt.json"),
        "that was an error"
    );
}

#[test]
fn recorded_access_tokens_round_trip() {
    let recordings = recordings();
    let mut read = 0;
    for (name, recording) in &recordings {
        // An opaque token has no payload.
        let payload = &recording["access_token_decoded"]["payload"];
        if payload.is_null() {
            continue;
        }
        let claims: AccessTokenClaims = round_trip(payload);
        let scope = payload["scope"].as_str().expect("scope");
        assert_eq!(
            claims.scopes().collect::<Vec<_>>().join(" "),
            scope,
            "{name}"
        );
        assert_eq!(
            claims.organization_id.as_deref(),
            payload["organization_id"].as_str()
        );
        assert!(claims.extra.is_empty(), "{name}: {:?}", claims.extra);
        read += 1;
    }
    assert!(read >= 16, "{read} recordings");
}

#[test]
fn alice_is_read_in_full() {
    let claims: UserInfoClaims =
        round_trip(&recording("06-userinfo-full-alice.json")["response"]["body"]);
    assert_eq!(claims.sub, "qcw1a16z5jxs");
    assert_eq!(claims.display_name(), "Alice Example");
    assert_eq!(claims.email_verified, Claim::Value(true));
    assert_eq!(
        claims.updated_at.value().map(Timestamp::seconds),
        Some(1795333406)
    );
    let address = claims.address.value().expect("address");
    assert_eq!(address.street_address.as_deref(), Some("Musterstr. 1"));
    assert_eq!(address.postal_code.as_deref(), Some("10115"));
    assert!(address.region.is_absent());
    assert_eq!(
        claims.custom_data.value().expect("custom data")["cart"]["items"],
        3
    );
    assert_eq!(claims.identities.value().map(BTreeMap::len), Some(0));
    assert_eq!(claims.roles.as_deref(), Some(&["shopper".to_owned()][..]));
    let acme = &claims.organization_data.as_deref().expect("organizations")[0];
    assert_eq!(acme.name, "Acme GmbH");
    assert_eq!(acme.description.as_deref(), Some("Acme GmbH description"));
    assert!(
        claims
            .organization_role_pairs()
            .eq([("5inncy8obvzg", "admin"), ("zphqtmfrcji1", "member")])
    );
}

#[test]
fn bob_has_null_and_absent_claims() {
    let body = &recording("11b-userinfo-bob-no-email-no-name.json")["response"]["body"];
    let claims: UserInfoClaims = round_trip(body);
    assert!(claims.name.is_null());
    assert!(claims.email.is_null());
    assert_eq!(claims.email_verified, Claim::Value(false));
    assert!(claims.family_name.is_absent());
    assert!(claims.address.is_absent());
    assert_eq!(claims.organization_roles, Claim::Value(vec![]));
    assert_eq!(claims.display_name(), "bob");
}

#[test]
fn an_id_token_is_read_in_full() {
    let claims: IdTokenClaims =
        round_trip(&recording("19a-id-token-of-backchannel-client.json")["payload"]);
    assert_eq!(claims.iss, "http://localhost:3001/oidc");
    assert_eq!(claims.aud, Audience::One("wphlb2hpvrb860t0a2iu3".into()));
    assert_eq!((claims.exp, claims.iat), (1795337200, 1795333600));
    assert_eq!(claims.nonce.as_deref(), Some("qbU3FMrkPdW7ADkvETApfw"));
    assert_eq!(
        claims.at_hash.as_deref(),
        Some("yQ8_SuG9S8V36y4bbG8MOMk4NplbooVq")
    );
    assert_eq!(claims.sid.as_deref(), Some("k9JLBBeVrrZRpH8_uSsel"));
    assert!(claims.auth_time.is_absent());
    assert_eq!(claims.given_name.as_deref(), Some("Alice"));

    let claims: IdTokenClaims =
        round_trip(&recording("13c-id-token-with-max_age.json")["id_token_decoded"]["payload"]);
    assert_eq!(claims.auth_time, Claim::Value(1795333531));
    assert!(claims.sid.is_absent());
}

/// How an application adds claims of its own to the standard ones.
#[test]
fn claims_can_be_part_of_an_applications_own_type() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Employee {
        #[serde(default, skip_serializing_if = "Claim::is_absent")]
        department: Claim<String>,
        #[serde(flatten)]
        claims: IdTokenClaims,
    }

    for department in [None, Some(json!(null)), Some(json!("Sales"))] {
        let mut json = recording("05-id-token-decoded.json")["payload"].clone();
        if let Some(department) = &department {
            json["department"] = department.clone();
        }
        let employee: Employee = round_trip(&json);
        assert_eq!(employee.department.is_absent(), department.is_none());
        assert_eq!(employee.claims.username.as_deref(), Some("alice"));
        assert!(employee.claims.extra.is_empty());
    }
}
