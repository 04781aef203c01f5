use serde_json::{Value, json};

use super::*;

const NOW: Seconds = 1_800_000_000;
const TOLERANCE: Seconds = 60;
const KEY: &str = "4JFhZkFDJ8QNKVcZbgYkDPzx5gc7wfMK";

fn at(seconds: Seconds) -> String {
    let time = OffsetDateTime::from_unix_timestamp(seconds).unwrap();
    time.format(&Rfc3339).unwrap()
}

fn message(event: &str, rest: Value) -> Vec<u8> {
    let mut message = json!({ "hookId": "hook", "event": event, "createdAt": at(NOW) });
    let members = message.as_object_mut().unwrap();
    members.extend(rest.as_object().unwrap().clone());
    serde_json::to_vec(&message).unwrap()
}

fn webhook(event: &str, rest: Value) -> Webhook {
    let read = read(&message(event, rest), NOW, TOLERANCE);
    read.unwrap().0
}

fn one(header: &str) -> Result<[u8; 32], WebhookErrorKind> {
    signature([header].into_iter())
}

/// Made with `openssl dgst -sha256 -hmac`.
#[test]
fn a_signature_is_that_of_rfc_2104() {
    let keys = [AppSecret::new(&"x".repeat(32)), AppSecret::new(KEY)];
    let body = br#"{"event":"PostSignIn"}"#;
    let signed = one(GOOD).unwrap();
    assert!(is_signed(&keys, body, &signed));
    assert!(!is_signed(&keys[..1], body, &signed));
    assert!(!is_signed(&keys, br#"{"event":"PostSignIn" }"#, &signed));
    assert!(!is_signed(&keys, body, &[0; 32]));
    assert!(!is_signed(&[], body, &signed));
}

const GOOD: &str = "61a771a50c7c2329df14825939ada47528b967879d02781f9dcb97e11ede898d";

#[test]
fn a_signature_is_64_lower_case_digits_in_one_header() {
    assert!(one(GOOD).is_ok());
    assert_eq!(one(&format!("sha256={GOOD}")), one(GOOD));
    assert_eq!(one(&"0f".repeat(32)).unwrap(), [15; 32]);
    assert_eq!(signature([].into_iter()), Err(WebhookErrorKind::Unsigned));
    let bad = Err(WebhookErrorKind::BadSignature);
    assert_eq!(signature([GOOD, GOOD].into_iter()), bad);
    for other in [
        "",
        "sha256=",
        &GOOD[1..],
        &format!("{GOOD}0"),
        &format!(" {GOOD}"),
        &format!("sha1={GOOD}"),
        &GOOD.to_uppercase(),
        &"g".repeat(64),
        &"é".repeat(32),
    ] {
        assert_eq!(one(other), bad, "{other:?}");
    }
}

#[test]
fn a_message_counts_for_five_minutes() {
    let body = message("PostSignIn", json!({}));
    let read = |now| read::<WebhookEvent>(&body, now, TOLERANCE).map(|(_, until)| until);
    let until = NOW + MAX_AGE + TOLERANCE;
    for now in [NOW - TOLERANCE, NOW, until - 1] {
        assert_eq!(read(now), Ok(until), "{now}");
    }
    assert_eq!(read(until), Err(WebhookErrorKind::TooOld));
    let early = NOW - TOLERANCE - 1;
    assert_eq!(read(early), Err(WebhookErrorKind::FromTheFuture));
}

#[test]
fn what_is_signed_and_no_webhook_is_unreadable() {
    let twice = format!(
        r#"{{"hookId":"h","event":"a","event":"User.Deleted","createdAt":"{}"}}"#,
        at(NOW)
    );
    for body in [
        &b""[..],
        b"{",
        b"[]",
        b"null",
        b"\xff",
        br#"{"hookId":"h","event":"e"}"#,
        br#"{"hookId":"h","event":"e","createdAt":"yesterday"}"#,
        br#"{"hookId":"h","event":"e","createdAt":1800000000000}"#,
        twice.as_bytes(),
    ] {
        let read = read::<WebhookEvent>(body, NOW, TOLERANCE).map(drop);
        let text = String::from_utf8_lossy(body);
        assert!(
            matches!(read, Err(WebhookErrorKind::Unreadable(_))),
            "{text}"
        );
    }
    // The log says where it does not fit, and not what stands there.
    let body = message("User.Created", json!({ "data": "alice@example.com" }));
    #[derive(Debug, Deserialize)]
    struct Other {
        #[serde(rename = "data")]
        _data: u8,
    }
    let misfit = read::<Other>(&body, NOW, TOLERANCE).unwrap_err();
    assert!(!misfit.to_string().contains("alice"), "{misfit}");
}

#[test]
fn what_is_not_known_is_kept() {
    let unknown = webhook("Quota.Exceeded", json!({ "data": { "limit": 3 } }));
    let WebhookEvent::Other(message) = unknown.event() else {
        panic!("{unknown:?}");
    };
    assert_eq!(message["data"]["limit"], 3);
    assert_eq!(unknown.name(), "Quota.Exceeded");
    assert_eq!(unknown.created_at().unix_timestamp(), NOW);
    // What the test button of Logto's console sends.
    let data = json!({ "params": { "id": "fake-id" }, "data": { "result": "success" } });
    for event in ["User.Deleted", "User.SuspensionStatus.Updated"] {
        let test = webhook(event, data.clone());
        assert!(matches!(test.event(), WebhookEvent::Other(_)), "{event}");
        assert_eq!(test.effect(), Effect::Nothing, "{event}");
    }
}

#[test]
fn who_is_deleted_or_suspended_has_no_session() {
    for (event, rest) in [
        ("User.Deleted", json!({ "data": { "id": "alice" } })),
        (
            "User.Deleted",
            json!({ "data": null, "params": { "userId": "alice" } }),
        ),
        (
            "User.SuspensionStatus.Updated",
            json!({ "data": { "id": "alice", "isSuspended": true } }),
        ),
    ] {
        assert_eq!(
            webhook(event, rest).effect(),
            Effect::Ends("alice"),
            "{event}"
        );
    }
    for suspended in [json!(false), json!(null), json!("true"), json!(1)] {
        let data = json!({ "data": { "id": "alice", "isSuspended": suspended } });
        let back = webhook("User.SuspensionStatus.Updated", data);
        assert_eq!(back.effect(), Effect::Nothing, "{suspended}");
    }
}

#[test]
fn what_has_changed_is_asked_for_anew() {
    let these = |ids: &[&'static str]| Effect::Outdates(Whose::These(ids.to_vec()));
    let updated = webhook("User.Data.Updated", json!({ "data": { "id": "alice" } }));
    assert_eq!(updated.effect(), these(&["alice"]));
    let everybodys = || Effect::Outdates(Whose::Everybodys);
    for event in [
        "Role.Deleted",
        "Role.Data.Updated",
        "Role.Scopes.Updated",
        "Scope.Deleted",
        "Scope.Data.Updated",
        "Organization.Deleted",
        "Organization.Data.Updated",
        "OrganizationRole.Deleted",
        "OrganizationRole.Data.Updated",
        "OrganizationRole.Scopes.Updated",
        "OrganizationScope.Deleted",
        "OrganizationScope.Data.Updated",
    ] {
        assert_eq!(webhook(event, json!({})).effect(), everybodys(), "{event}");
    }
    for event in [
        "Role.Created",
        "Scope.Created",
        "Organization.Created",
        "User.Created",
    ] {
        let data = json!({ "data": { "id": "x" } });
        assert_eq!(webhook(event, data).effect(), Effect::Nothing, "{event}");
    }
    let members = |rest: Value| {
        let mut all = json!({ "organizationId": "acme" });
        all.as_object_mut()
            .unwrap()
            .extend(rest.as_object().unwrap().clone());
        webhook("Organization.Membership.Updated", all)
    };
    let named = members(json!({ "addedUserIds": ["b", "a"], "removedUserIds": ["a"] }));
    assert_eq!(named.effect(), these(&["a", "b"]));
    assert_eq!(
        members(json!({})).effect(),
        everybodys(),
        "older versions name nobody"
    );
    let cut: Vec<_> = (0..5000).map(|id| id.to_string()).collect();
    let cut = members(json!({ "removedApplicationIds": cut, "addedUserIds": ["a"] }));
    assert_eq!(cut.effect(), everybodys(), "others may have been cut off");
    let machines = members(json!({ "addedApplicationIds": ["machine"] }));
    assert_eq!(machines.effect(), Effect::Nothing);
}
