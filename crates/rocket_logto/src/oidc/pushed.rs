//! Pushed authorization requests (RFC 9126): the request goes straight to the
//! provider, and only a reference to it goes through the browser, where no one can
//! read or change the request.

use openidconnect::http::StatusCode;
use serde::Deserialize;
use url::Url;

use super::answer;
use super::error::TokenError;
use super::http::Caller;
use super::metadata::Metadata;
use super::provider::Provider;
use crate::config::ClientConfig;
use crate::measure::Endpoint;

/// In bytes: longer than any reference, short enough for an address.
const MAX_REQUEST_URI: usize = 2048;

/// Section 2.2. The reference is used at once, so `expires_in` does not matter.
#[derive(Deserialize)]
struct Pushed {
    request_uri: String,
}

/// Pushes the parameters of `request`, an authorization request as it would go
/// through the browser, to `endpoint`, and returns the address that refers to them.
/// One call, never repeated.
pub(super) async fn push(
    provider: &Provider,
    metadata: &Metadata,
    client: &ClientConfig,
    endpoint: &Url,
    request: &Url,
) -> Result<Url, TokenError> {
    let pairs: Vec<_> = request.query_pairs().collect();
    let params: Vec<_> = pairs
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    let endpoint = (Endpoint::PushedAuthorization, endpoint);
    // Anyone can start a sign-in without meaning to finish it.
    let response = provider
        .post(client, metadata, endpoint, &params, Caller::Stranger)
        .await?;
    let statuses = [StatusCode::CREATED, StatusCode::OK];
    let response = answer::success("pushed_authorization_request", &statuses, response)?;
    // A 200 with an error in it is that error.
    let unusable =
        |what: &str| TokenError::Malformed(format!("pushed_authorization_response: {what}"));
    let Pushed { request_uri } = answer::json(&response).map_err(|error| match error {
        TokenError::Malformed(what) => unusable(&what),
        error => error,
    })?;
    if request_uri.is_empty() || request_uri.len() > MAX_REQUEST_URI {
        return Err(unusable("at \"request_uri\""));
    }
    let mut url = metadata.authorization_endpoint.clone();
    url.query_pairs_mut()
        .append_pair("client_id", &client.id)
        .append_pair("request_uri", &request_uri);
    Ok(url)
}
