//! Back-channel logout (OpenID Connect Back-Channel Logout 1.0): tells the
//! application that a user has signed out, or has been suspended.

use serde_json::{Map, Value, json};
use tokio::runtime::Handle;

use crate::crypto::random_token;
use crate::keys::LOGOUT_TOKEN_TYP;
use crate::provider::{Provider, read};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// How long a logout token lasts at Logto since 1.42, in seconds; before that they had no `exp`.
const LIFETIME: u64 = 120;

/// The claims of a proper logout token (section 2.4).
pub(crate) fn claims(
    provider: &Provider,
    sub: Option<&str>,
    sid: Option<&str>,
) -> Map<String, Value> {
    let mut claims = Map::new();
    claims.insert("iss".into(), json!(provider.issuer()));
    claims.insert("aud".into(), json!(provider.settings.client_id));
    let now = provider.now();
    claims.insert("iat".into(), json!(now));
    if provider.hooks.logout_tokens_expire() {
        claims.insert("exp".into(), json!(now + LIFETIME));
    }
    claims.insert("jti".into(), json!(random_token()));
    claims.insert("events".into(), json!({ EVENT: {} }));
    claims.extend(sub.map(|sub| ("sub".to_owned(), json!(sub))));
    claims.extend(sid.map(|sid| ("sid".to_owned(), json!(sid))));
    claims
}

/// Sends a logout token for the user, once, without waiting: as Logto does.
/// `sid` is named only where ID tokens carry it.
pub(crate) fn notify(provider: &Provider, user: &str, sid: Option<&str>) {
    let Some(uri) = read(&provider.registered).backchannel_logout_uri.clone() else {
        return;
    };
    let sid = sid.filter(|_| provider.settings.sid);
    let claims = claims(provider, Some(user), sid);
    let token = provider.sign(LOGOUT_TOKEN_TYP, claims);
    let Ok(runtime) = Handle::try_current() else {
        return;
    };
    runtime.spawn(async move {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("logout_token", &token)
            .finish();
        let client = reqwest::Client::builder().no_proxy().build();
        let sent = match client {
            Ok(client) => {
                let request = client.post(&uri).body(body);
                request
                    .header("content-type", "application/x-www-form-urlencoded")
                    .send()
                    .await
            }
            Err(error) => Err(error),
        };
        match sent {
            Ok(answer) if answer.status().is_success() => {}
            Ok(answer) => log::warn!("development provider: {uri} answered {}", answer.status()),
            Err(_) => log::warn!("development provider: {uri} cannot be reached"),
        }
    });
}
