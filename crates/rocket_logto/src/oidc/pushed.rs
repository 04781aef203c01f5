//! Pushed authorization requests (RFC 9126): the request goes to the provider
//! itself, and through the browser goes a reference to it, which nobody on the
//! way can read or change.

use openidconnect::http::StatusCode;
use serde::Deserialize;
use url::Url;

use super::client::OidcClient;
use super::credentials;
use super::metadata::Metadata;
use super::object;
use super::tokens::TokenError;
use crate::config::ClientAuthMethod;

/// Longer than any reference, short enough for an address.
const MAX_REQUEST_URI: usize = 2048;

/// Section 2.2. The reference is used at once, so when it ends is no matter.
#[derive(Deserialize)]
struct Pushed {
    request_uri: String,
}

impl OidcClient {
    /// Where to push requests to, when they are to be pushed: as `use_par`
    /// says, else whenever the provider takes them.
    pub(super) fn push_endpoint<'m>(&self, metadata: &'m Metadata) -> Option<&'m Url> {
        let offered = metadata.pushed_authorization_request_endpoint.as_ref();
        offered.filter(|_| self.config.use_par)
    }

    /// Pushes the parameters of `request`, an authorization request as it would
    /// go through the browser; the address that refers to them. One call,
    /// never repeated.
    pub(super) async fn push(
        &self,
        metadata: &Metadata,
        endpoint: &Url,
        request: &Url,
    ) -> Result<Url, TokenError> {
        // Credentials in the body name the client already.
        let named = self.config.token_endpoint_auth_method != ClientAuthMethod::ClientSecretBasic;
        let pairs: Vec<_> = request.query_pairs().collect();
        let fields: Vec<_> = pairs
            .iter()
            .filter(|(name, _)| !(named && name == "client_id"))
            .map(|(name, value)| (&**name, &**value))
            .collect();
        let _turn = self.service.turn_for_a_stranger().await?;
        let response = self
            .http
            .send(credentials::form(
                self.service.client()?,
                endpoint,
                &fields,
            )?)
            .await
            .map_err(TokenError::Http)?;
        match response.status() {
            StatusCode::CREATED | StatusCode::OK => {}
            status => {
                let what = "pushed_authorization_request";
                return Err(TokenError::refused(what, status, response.body()));
            }
        }
        let unusable = || TokenError::Malformed("pushed_authorization_response".into());
        let Pushed { request_uri } = object(response.body()).map_err(|_| unusable())?;
        if request_uri.is_empty() || request_uri.len() > MAX_REQUEST_URI {
            return Err(unusable());
        }
        let mut url = metadata.authorization_endpoint.clone();
        url.query_pairs_mut()
            .append_pair("client_id", &self.config.app_id)
            .append_pair("request_uri", &request_uri);
        Ok(url)
    }
}
