//! What Logto sends in a webhook, signed as it signs, right and otherwise.

use std::sync::atomic::{AtomicU64, Ordering};

use logto_dev_provider::Webhook;
use rocket::figment::value::{Dict, Value};
use rocket::time::OffsetDateTime;
use rocket::time::format_description::well_known::Rfc3339;
use serde_json::json;

use super::app::keys;
use super::leaks;

pub const KEY: &str = "4JFhZkFDJ8QNKVcZbgYkDPzx5gc7wfMK";
pub const PREVIOUS: &str = "pRevi0usKeyOfThisWebhook12345678";
pub const SIGNATURE: &str = "logto-signature-sha-256";
pub const PATH: &str = "/webhooks/logto";

/// The `logto.webhook` table with both keys.
pub fn webhook_table() -> Value {
    for key in [KEY, PREVIOUS] {
        leaks::keep("signing_key", key);
    }
    Value::from(keys([("signing_keys", vec![KEY, PREVIOUS].into())]))
}

/// The `logto` table with it.
pub fn table() -> Dict {
    keys([("webhook", webhook_table())])
}

pub fn sign(key: &str, body: &[u8]) -> String {
    Webhook::new("http://localhost/", key).sign(body)
}

/// Made at this time, in seconds since 1970. No two are the same.
pub fn message_at(seconds: i64, event: &str, rest: serde_json::Value) -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let made = OffsetDateTime::from_unix_timestamp(seconds).expect("a time");
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let mut message = json!({
        "event": event,
        "createdAt": made.format(&Rfc3339).expect("text"),
        "userAgent": format!("number {number}"),
        "ip": "203.0.113.5",
        "hookId": "nwR6fp1gLKs0Rjj8Qr5ry",
    });
    let members = message.as_object_mut().expect("an object");
    members.extend(rest.as_object().expect("an object").clone());
    message.to_string()
}

pub fn message(event: &str, rest: serde_json::Value) -> String {
    message_at(OffsetDateTime::now_utc().unix_timestamp(), event, rest)
}

pub fn suspension(user: &str) -> String {
    let data = json!({ "data": { "id": user, "isSuspended": true } });
    message("User.SuspensionStatus.Updated", data)
}

/// What came back: the status. Nothing else may.
pub struct Answer {
    pub status: u16,
}

/// Posts a body with these signatures.
pub async fn post(url: &str, signatures: &[&str], body: impl Into<Vec<u8>>) -> Answer {
    let mut request = reqwest::Client::new().post(url);
    for signature in signatures {
        request = request.header(SIGNATURE, *signature);
    }
    let request = request.header("content-type", "application/json");
    let answer = request.body(body.into()).send().await.expect("an answer");
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let text = answer.text().await.expect("a body");
    assert_eq!(text, "", "{status}");
    assert!(!headers.contains_key("set-cookie"), "{headers:?}");
    assert_eq!(headers["cache-control"], "no-store", "{headers:?}");
    Answer { status }
}

/// The same, signed with the key of now.
pub async fn tell(url: &str, body: &str) -> u16 {
    post(url, &[&sign(KEY, body.as_bytes())], body).await.status
}
