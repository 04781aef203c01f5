//! Logto's webhooks as messages: whether one is really from Logto, how old it is, and
//! what it says. What follows from it is decided in `session` and `routes`.

mod error;
mod event;
#[cfg(test)]
mod tests;

use aws_lc_rs::hmac;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::clock::{Seconds, has_expired};
use crate::config::AppSecret;
pub use error::{WebhookError, WebhookErrorKind};
pub(crate) use event::{Effect, Whose};
pub use event::{WebhookEvent, WebhookInteraction, WebhookMembership, WebhookUser};

/// The header with the signature.
pub(crate) const SIGNATURE: &str = "logto-signature-sha-256";
/// Logto tries four times within ten seconds. The rest is for proxies that have a queue.
const MAX_AGE: Seconds = 300;
/// In hexadecimal digits.
const SIGNATURE_LENGTH: usize = 64;

/// A webhook of Logto: its signature is good, it is not old, and it has not come before.
///
/// As a data guard it takes the whole body of a request. `E` is what the body is read into:
/// [`WebhookEvent`], or a type of your own with the members that you need.
///
/// The body must be signed with one of the `webhook.signing_keys`: HMAC-SHA256 over its
/// bytes, in the header `logto-signature-sha-256`, compared in constant time. It may be as
/// long as Rocket's limit `webhook`, 1 MiB unless that is set, and five minutes old
/// (`createdAt`), with `clock_tolerance` added.
///
/// Each message counts once. Where instances share a session store, that holds for all of
/// them. When the handler answers with a status from 500 on, or panics, the message counts
/// as not received, so that Logto's next attempt gets through.
///
/// # Network
///
/// One round trip to the session store, for a message whose signature is good. None for
/// others, and none without a store.
///
/// # Errors
///
/// [`WebhookError`] says which. The response has no body; the log says what was wrong. To
/// answer yourself, take `Result<Webhook<E>, WebhookError>`.
///
/// | what was wrong | status |
/// |---|---|
/// | no signature, or not with a key of ours | 401 |
/// | longer than the limit | 413 |
/// | signed, but too old, from the future, or does not fit `E` | 400 |
/// | it has come before | 200, and the handler is not called |
/// | the session store cannot be asked | 503, and Logto tries again |
///
/// # Examples
///
/// The route that [`Logto::fairing()`](crate::Logto::fairing) mounts needs no handler, and
/// [`on_webhook`](crate::LogtoFairing::on_webhook) hears what arrives there. With a route of
/// your own, and a type of your own:
///
/// ```rust
/// use rocket::post;
/// use rocket::http::Status;
/// use rocket::serde::Deserialize;
/// use rocket_logto::Webhook;
///
/// #[derive(Deserialize)]
/// #[serde(crate = "rocket::serde")]
/// struct UserChanged {
///     data: Data,
/// }
///
/// #[derive(Deserialize)]
/// #[serde(crate = "rocket::serde", rename_all = "camelCase")]
/// struct Data {
///     id: String,
///     primary_email: Option<String>,
/// }
///
/// #[post("/logto/users", data = "<webhook>")]
/// async fn users(webhook: Webhook<UserChanged>) -> Status {
///     let user = &webhook.event().data;
///     println!("{}: {} is now {:?}", webhook.name(), user.id, user.primary_email);
///     Status::NoContent
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Webhook<E = WebhookEvent> {
    envelope: Envelope,
    event: E,
}

/// What every webhook has.
#[derive(Clone, Debug)]
struct Envelope {
    hook_id: String,
    name: String,
    created_at: OffsetDateTime,
}

impl<E> Webhook<E> {
    /// What it says.
    pub fn event(&self) -> &E {
        &self.event
    }

    /// The same, owned.
    pub fn into_event(self) -> E {
        self.event
    }

    /// Logto's name of the event: `User.Data.Updated`, say.
    pub fn name(&self) -> &str {
        &self.envelope.name
    }

    /// The id of the webhook at Logto.
    pub fn hook_id(&self) -> &str {
        &self.envelope.hook_id
    }

    /// When it happened, by Logto's clock.
    pub fn created_at(&self) -> OffsetDateTime {
        self.envelope.created_at
    }

    /// The same message with its body read into another type. `None` when it does not fit.
    pub(crate) fn read_as<T: DeserializeOwned>(&self, body: &[u8]) -> Option<Webhook<T>> {
        Some(Webhook {
            envelope: self.envelope.clone(),
            event: serde_json::from_slice(body).ok()?,
        })
    }
}

impl Webhook {
    /// What follows from it here.
    pub(crate) fn effect(&self) -> Effect<'_> {
        self.event.effect(self.name())
    }
}

/// The signature in the only header of its name. Logto writes the digits and nothing else;
/// older texts of its documentation have `sha256=` before them.
pub(crate) fn signature<'h>(
    mut headers: impl Iterator<Item = &'h str>,
) -> Result<[u8; SIGNATURE_LENGTH / 2], WebhookErrorKind> {
    let text = headers.next().ok_or(WebhookErrorKind::Unsigned)?;
    if headers.next().is_some() {
        return Err(WebhookErrorKind::BadSignature);
    }
    let digits = text.strip_prefix("sha256=").unwrap_or(text).as_bytes();
    if digits.len() != SIGNATURE_LENGTH {
        return Err(WebhookErrorKind::BadSignature);
    }
    let mut signature = [0; SIGNATURE_LENGTH / 2];
    for (byte, pair) in signature.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |at: usize| match pair[at] {
            digit @ b'0'..=b'9' => Some(digit - b'0'),
            digit @ b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        };
        let (high, low) = digit(0)
            .zip(digit(1))
            .ok_or(WebhookErrorKind::BadSignature)?;
        *byte = high << 4 | low;
    }
    Ok(signature)
}

/// Whether one of the keys has signed the body (RFC 2104, with SHA-256). The comparison
/// takes the same time whatever differs.
pub(crate) fn is_signed(keys: &[AppSecret], body: &[u8], signature: &[u8]) -> bool {
    keys.iter().any(|key| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key.secret().as_bytes());
        hmac::verify(&key, body, signature).is_ok()
    })
}

/// Reads a body whose signature is good, and until when it counts.
pub(crate) fn read<E: DeserializeOwned>(
    body: &[u8],
    now: Seconds,
    tolerance: Seconds,
) -> Result<(Webhook<E>, Seconds), WebhookErrorKind> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Written {
        hook_id: String,
        event: String,
        created_at: String,
    }
    let unreadable = |error: serde_json::Error| WebhookErrorKind::Unreadable(place_of(&error));
    let written: Written = serde_json::from_slice(body).map_err(unreadable)?;
    let created_at = OffsetDateTime::parse(&written.created_at, &Rfc3339)
        .map_err(|_| WebhookErrorKind::Unreadable("createdAt is no time of RFC 3339".into()))?;
    let created = created_at.unix_timestamp();
    if created > now.saturating_add(tolerance) {
        return Err(WebhookErrorKind::FromTheFuture);
    }
    let good_until = created.saturating_add(MAX_AGE);
    if has_expired(good_until, now, tolerance) {
        return Err(WebhookErrorKind::TooOld);
    }
    let event = serde_json::from_slice(body).map_err(unreadable)?;
    let envelope = Envelope {
        hook_id: written.hook_id,
        name: written.event,
        created_at,
    };
    Ok((
        Webhook { envelope, event },
        good_until.saturating_add(tolerance),
    ))
}

/// Where JSON does not fit. The text of the error may hold what stands there.
fn place_of(error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    match error.classify() {
        serde_json::error::Category::Data => {
            format!("it does not fit the type it is read into, at line {line} column {column}")
        }
        _ => format!("it is no JSON, at line {line} column {column}"),
    }
}
