//! The part of Logto's Account API that concerns sessions: what users see and end of their
//! own. A call needs the opaque access token with the scope `urn:logto:scope:sessions`, and
//! the record of a verification that is no older than ten minutes.

use serde_json::{Value, json};

use crate::crypto::random_id;
use crate::management::{end_session, listed, refusal, unauthorized};
use crate::names::SESSIONS_SCOPE;
use crate::provider::Provider;
use crate::store::{AccessToken, Grant, VERIFICATION_LIFETIME, Verification};
use crate::wire::{Received, Reply};

/// The header with the id of a verification.
const VERIFICATION_ID: &str = "logto-verification-id";

/// `/api/my-account/…`.
pub(crate) fn api(provider: &Provider, request: &Received) -> Reply {
    let below = request.path.strip_prefix("/api/my-account/");
    let parts: Vec<&str> = below.unwrap_or_default().split('/').collect();
    match (request.method.as_str(), &parts[..]) {
        ("GET", ["sessions"]) => with_user(provider, request, |grant| {
            Reply::json(200, &listed(provider, &grant.user, Some(&grant.session)))
        }),
        ("DELETE", ["sessions", id]) => with_user(provider, request, |grant| {
            end_session(provider, request, &grant.user, id)
        }),
        _ => refusal(404, "entity.not_found", "The resource does not exist."),
    }
}

/// Answers whoever has proven to be the user just now, and may see sessions.
fn with_user(provider: &Provider, request: &Received, answer: impl Fn(&Grant) -> Reply) -> Reply {
    let (token, grant) = match authenticated(provider, request) {
        Ok(found) => found,
        Err(reply) => return reply,
    };
    let id = request.header(VERIFICATION_ID).unwrap_or_default();
    let is_verified = {
        let store = provider.store();
        let record = store.verifications.get(id);
        record.is_some_and(|record| record.user == grant.user && record.expires > provider.now())
    };
    if !is_verified {
        let message = "Permission denied, please verify your identity first.";
        return refusal(401, "verification_record.permission_denied", message);
    }
    if !token.scopes.iter().any(|scope| scope == SESSIONS_SCOPE) {
        return unauthorized();
    }
    answer(&grant)
}

/// `POST /api/verifications/password`. Nobody has a password here, so any will do, except
/// none.
pub(crate) fn verify_password(provider: &Provider, request: &Received) -> Reply {
    if request.method != "POST" {
        return refusal(404, "entity.not_found", "The resource does not exist.");
    }
    let (_, grant) = match authenticated(provider, request) {
        Ok(found) => found,
        Err(reply) => return reply,
    };
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    if body["password"].as_str().is_none_or(str::is_empty) {
        return refusal(400, "guard.invalid_input", "The request body is invalid.");
    }
    let (id, expires) = (random_id(), provider.now() + VERIFICATION_LIFETIME);
    let user = grant.user;
    let record = Verification { user, expires };
    provider.store().verifications.insert(id.clone(), record);
    // Logto's is a date in text.
    let body = json!({ "verificationRecordId": id, "expiresAt": date(expires) });
    Reply::json(201, &body)
}

/// The opaque access token of the request, and what it hangs on.
fn authenticated(provider: &Provider, request: &Received) -> Result<(AccessToken, Grant), Reply> {
    let Some(header) = request.header("authorization") else {
        let message = "Authorization header is missing.";
        return Err(refusal(401, "auth.authorization_header_missing", message));
    };
    let token = header.strip_prefix("Bearer ").unwrap_or_default();
    let store = provider.store();
    let found = store
        .access_tokens
        .get(token)
        .filter(|found| found.expires > provider.now());
    let found =
        found.and_then(|token| Some((token.clone(), store.grants.get(&token.grant)?.clone())));
    let lives = |(_, grant): &(_, Grant)| provider.seed().active_user(&grant.user).is_some();
    found.filter(lives).ok_or_else(unauthorized)
}

/// ISO 8601, as JavaScript writes it.
fn date(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // The civil calendar from days since 1970 (Howard Hinnant, chrono-compatible algorithms).
    let z = days + 719_468;
    let era = z / 146_097;
    let day_of_era = z % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hours, minutes, seconds) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.000Z")
}

#[cfg(test)]
mod tests {
    use super::date;

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(date(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(date(951_782_400), "2000-02-29T00:00:00.000Z");
        assert_eq!(date(1_795_722_965), "2026-11-26T19:56:05.000Z");
    }
}
