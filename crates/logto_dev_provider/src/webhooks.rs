//! Logto's webhooks: tells the application what has happened to users and organizations,
//! with a signature (`logto-signature-sha-256`), and again when it answers 5xx.

use std::fmt;
use std::time::Duration;

use aws_lc_rs::hmac;
use serde_json::{Map, Value, json};
use tokio::runtime::Handle;
use tokio::time::sleep;

use crate::provider::{Provider, read};

/// As ky, with which Logto sends them, waits before each further attempt.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(300),
    Duration::from_millis(600),
    Duration::from_millis(1200),
];
/// For all attempts together.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Where webhooks are sent, and what signs them: what Logto's console calls *Endpoint URL*
/// and *Signing key*.
///
/// Its `Debug` does not show the key.
///
/// ```
/// use logto_dev_provider::Webhook;
///
/// let webhook = Webhook::new("http://localhost:8000/webhooks/logto", "a key for development");
/// assert!(!format!("{webhook:?}").contains("a key"));
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Webhook {
    /// The address.
    pub url: String,
    /// The key.
    pub signing_key: String,
    /// `hookId` of the messages.
    pub id: String,
}

impl Webhook {
    /// One with an id like those of Logto.
    pub fn new(url: impl Into<String>, signing_key: impl Into<String>) -> Webhook {
        Webhook {
            url: url.into(),
            signing_key: signing_key.into(),
            id: "dev0provider0webhook0".into(),
        }
    }

    /// The signature of a body, as it goes into `logto-signature-sha-256`.
    pub fn sign(&self, body: &[u8]) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.signing_key.as_bytes());
        let tag = hmac::sign(&key, body);
        tag.as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook")
            .field("url", &self.url)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// A call to Logto's Management API, as messages about data show it.
pub(crate) struct Call<'a> {
    pub(crate) method: &'a str,
    /// The route, with `:userId` for the user.
    pub(crate) route: &'a str,
    pub(crate) user: &'a str,
    pub(crate) status: u16,
    /// What it has answered.
    pub(crate) data: Value,
}

impl Call<'_> {
    /// The members of the message.
    pub(crate) fn message(self) -> Map<String, Value> {
        let path = format!("/api{}", self.route.replace(":userId", self.user));
        let message = json!({
            "path": path,
            "method": self.method,
            "status": self.status,
            "params": { "userId": self.user },
            "matchedRoute": self.route,
            "data": self.data,
        });
        members(message)
    }
}

pub(crate) fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

impl Provider {
    /// Sends a message about data, without waiting.
    pub(crate) fn tell(&self, event: &str, about: Map<String, Value>) {
        let mut message = members(json!({
            "event": event,
            "createdAt": self.moment(),
            "userAgent": concat!("logto_dev_provider/", env!("CARGO_PKG_VERSION")),
            "ip": "127.0.0.1",
        }));
        message.extend(about);
        self.send(message);
    }

    /// Sends a message about somebody who has signed in (`PostSignIn`) or up
    /// (`PostRegister`), without waiting.
    pub(crate) fn tell_interaction(&self, event: &str, user: Value, session: &str) {
        let client = &self.settings.client_id;
        let interaction = match event {
            "PostRegister" => "Register",
            _ => "SignIn",
        };
        self.send(members(json!({
            "event": event,
            "interactionEvent": interaction,
            "createdAt": self.moment(),
            "sessionId": session,
            "applicationId": client,
            "userAgent": concat!("logto_dev_provider/", env!("CARGO_PKG_VERSION")),
            "userId": user["id"],
            "userIp": "127.0.0.1",
            "user": user,
            "application": {
                "id": client,
                "type": "Traditional",
                "name": client,
                "description": null,
            },
        })));
    }

    fn send(&self, mut message: Map<String, Value>) {
        let Some(webhook) = read(&self.registered).webhook.clone() else {
            return;
        };
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let event = message["event"].as_str().unwrap_or_default().to_owned();
        message.insert("hookId".into(), json!(webhook.id));
        let body = Value::Object(message).to_string();
        runtime.spawn(async move {
            let sent = tokio::time::timeout(TIMEOUT, deliver(&webhook, body)).await;
            let url = &webhook.url;
            match sent {
                Ok(Ok(status)) if (200..300).contains(&status) => {}
                Ok(Ok(status)) => {
                    log::warn!("development provider: {url} answered {status} to {event}");
                }
                Ok(Err(_)) | Err(_) => {
                    log::warn!("development provider: {url} cannot be reached to tell {event}");
                }
            }
        });
    }

    /// Now, as Logto's messages have it: `2026-11-28T04:30:00.000Z`.
    fn moment(&self) -> String {
        let now = self.now();
        let (year, month, day) = date(now / 86_400);
        let (hour, minute, second) = (now / 3600 % 24, now / 60 % 60, now % 60);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.000Z")
    }
}

/// The last status.
async fn deliver(webhook: &Webhook, body: String) -> Result<u16, reqwest::Error> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let mut pauses = PAUSES.into_iter();
    loop {
        let request = client.post(&webhook.url).body(body.clone());
        let request = request
            .header("content-type", "application/json")
            .header("user-agent", "Logto (https://logto.io/)")
            .header("logto-signature-sha-256", webhook.sign(body.as_bytes()));
        // What cannot be reached is not tried again, as at Logto.
        let status = request.send().await?.status().as_u16();
        match pauses.next().filter(|_| status >= 500) {
            Some(pause) => sleep(pause).await,
            None => return Ok(status),
        }
    }
}

/// Year, month and day of a day since 1970 (proleptic Gregorian calendar), by counting
/// years from March on, so that the leap day comes last.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_dates() {
        for (days, expected) in [
            (0, (1970, 1, 1)),
            (11_016, (2000, 2, 29)),
            (11_017, (2000, 3, 1)),
            (19_782, (2024, 2, 29)),
            (20_785, (2026, 11, 28)),
            (47_541, (2100, 3, 1)),
        ] {
            assert_eq!(date(days), expected, "{days}");
        }
    }

    /// Made with `openssl dgst -sha256 -hmac`.
    #[test]
    fn the_signature_is_bare_hexadecimal() {
        let webhook = Webhook::new("http://localhost/", "4JFhZkFDJ8QNKVcZbgYkDPzx5gc7wfMK");
        assert_eq!(
            webhook.sign(br#"{"event":"PostSignIn"}"#),
            "61a771a50c7c2329df14825939ada47528b967879d02781f9dcb97e11ede898d"
        );
    }
}
