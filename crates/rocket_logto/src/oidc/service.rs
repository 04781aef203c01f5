//! `ServiceClient`: what an API asks of the provider, and what an app asks for
//! itself, without anybody signed in.

use std::sync::Arc;

use openidconnect::http::StatusCode;
use rocket::tokio::sync::{Semaphore, SemaphorePermit};

use super::access_token::{self, Expected};
use super::credentials;
use super::http::{HttpClient, turn};
use super::introspection;
use super::metadata::ProviderError;
use super::object;
use super::provider::{ProviderState, Sender};
use super::tokens::{TokenError, TokenSet};
use super::verify::Rejection;
use crate::claims::AccessTokenClaims;
use crate::clock::{Seconds, seconds};
use crate::config::{ClientConfig, ProviderConfig};

pub(crate) struct ServiceClient {
    config: ProviderConfig,
    pub(super) http: Arc<HttpClient>,
    pub(crate) provider: Arc<ProviderState>,
    /// For what anybody can make this app ask: about opaque tokens, and for
    /// sign-ins that nobody means to finish.
    turns_for_strangers: Semaphore,
}

impl ServiceClient {
    pub(crate) fn new(config: ProviderConfig) -> Result<ServiceClient, reqwest::Error> {
        let http = Arc::new(HttpClient::new(&config)?);
        let provider = Arc::new(ProviderState::new(&config, http.clone()));
        Ok(ServiceClient {
            turns_for_strangers: Semaphore::new(config.max_concurrent_op_calls.div_ceil(4)),
            config,
            http,
            provider,
        })
    }

    pub(crate) fn config(&self) -> &ProviderConfig {
        &self.config
    }

    pub(crate) fn tolerance(&self) -> Seconds {
        seconds(self.config.clock_tolerance)
    }

    /// The client this app is at the provider.
    pub(super) fn client(&self) -> Result<&ClientConfig, TokenError> {
        self.config.client.as_ref().ok_or(TokenError::NoCredentials)
    }

    /// Verifies the access token of a caller; fetches keys anew, once, when the
    /// token's key is not known.
    pub(crate) async fn verify_access_token(
        &self,
        token: &str,
        now: Seconds,
    ) -> Result<Result<AccessTokenClaims, Rejection>, ProviderError> {
        let expected = self.expected(now);
        self.provider
            .with_keys(Sender::Stranger, |keys| {
                access_token::access_token(token, keys, &expected)
            })
            .await
    }

    /// Asks the provider about a token that is no JWT (RFC 7662 section 2).
    pub(crate) async fn introspect(
        &self,
        token: &str,
        now: Seconds,
    ) -> Result<Result<AccessTokenClaims, Rejection>, TokenError> {
        let metadata = self.provider.metadata().await?;
        let endpoint = metadata.introspection_endpoint.as_ref().ok_or_else(|| {
            TokenError::Malformed("metadata names no introspection_endpoint".into())
        })?;
        let _turn = self.turn_for_a_stranger().await?;
        let form = [("token", token), ("token_type_hint", "access_token")];
        let request = credentials::form(self.client()?, endpoint, &form)?;
        let response = self.http.send(request).await.map_err(TokenError::Http)?;
        match response.status() {
            StatusCode::OK => introspection::claims(response.body(), &self.expected(now)),
            status => Err(TokenError::Malformed(format!(
                "introspection answered {status}"
            ))),
        }
    }

    /// A turn that leaves others for those who are on their way back, or signed
    /// in.
    pub(super) async fn turn_for_a_stranger(&self) -> Result<SemaphorePermit<'_>, TokenError> {
        let turn = turn(&self.turns_for_strangers).await;
        turn.map_err(TokenError::Http)
    }

    /// A token for this app itself (RFC 6749 section 4.4), for what `params`
    /// name: a `resource`, an `organization_id`, a `scope`.
    pub(crate) async fn client_credentials(
        &self,
        params: &[(&'static str, String)],
    ) -> Result<TokenSet, TokenError> {
        let machine = self.config.machine.as_ref();
        let machine = machine.ok_or(TokenError::NoCredentials)?;
        self.token(machine, "client_credentials", params).await
    }

    /// An access token for another token (RFC 8693 section 2).
    pub(crate) async fn exchange(
        &self,
        params: &[(&'static str, String)],
    ) -> Result<TokenSet, TokenError> {
        let client = self.config.client.as_ref().or(self.config.machine.as_ref());
        let client = client.ok_or(TokenError::NoCredentials)?;
        let grant_type = "urn:ietf:params:oauth:grant-type:token-exchange";
        self.token(client, grant_type, params).await
    }

    /// One token request, never repeated.
    async fn token(
        &self,
        client: &ClientConfig,
        grant_type: &str,
        params: &[(&'static str, String)],
    ) -> Result<TokenSet, TokenError> {
        let metadata = self.provider.metadata().await?;
        let mut form = vec![("grant_type", grant_type)];
        form.extend(params.iter().map(|(name, value)| (*name, value.as_str())));
        let request = credentials::form(client, &metadata.token_endpoint, &form)?;
        let response = self.http.send(request).await.map_err(TokenError::Http)?;
        match response.status() {
            StatusCode::OK => object(response.body()).map_err(|_| TokenError::unreadable()),
            status => Err(TokenError::refused(grant_type, status, response.body())),
        }
    }

    fn expected(&self, now: Seconds) -> Expected<'_> {
        Expected {
            issuer: &self.config.issuer,
            alg: self.config.id_token_alg,
            now,
            tolerance: self.tolerance(),
        }
    }
}
