//! `ServiceClient`: the calls to the provider for an API, and for the app itself.
//! It needs no signed-in user and no configuration of sign-ins.

use std::sync::Arc;

use openidconnect::http::StatusCode;

use super::authentication::Measure;
use super::discovery::Sender;
use super::dpop::Prover;
use super::error::{ProviderError, TokenError};
use super::http::Caller;
use super::provider::Provider;
use super::token_endpoint::{Grant, tokens};
use super::tokens::TokenSet;
use super::verify::{self, Refused, Rejection};
use super::{Param, answer, introspection};
use crate::claims::AccessTokenClaims;
use crate::clock::{Clock, Seconds};
use crate::config::{ClientConfig, ProviderConfig};
use crate::measure::Endpoint;

pub(crate) struct ServiceClient {
    provider: Arc<Provider>,
}

impl ServiceClient {
    pub(crate) fn new(
        config: ProviderConfig,
        client: Option<ClientConfig>,
        prover: Prover,
        clock: Clock,
    ) -> Result<ServiceClient, reqwest::Error> {
        Ok(ServiceClient {
            provider: Arc::new(Provider::new(config, client, prover, clock)?),
        })
    }

    pub(crate) fn provider(&self) -> &Arc<Provider> {
        &self.provider
    }

    pub(crate) fn config(&self) -> &ProviderConfig {
        self.provider.config()
    }

    pub(crate) fn tolerance(&self) -> Seconds {
        self.provider.tolerance()
    }

    /// By what a caller's authentication is measured at this moment.
    pub(crate) fn measure(&self, now: Seconds) -> Measure<'_> {
        self.provider.measure(now)
    }

    /// Verifies a caller's access token.
    pub(crate) async fn verify_access_token(
        &self,
        token: &str,
        now: Seconds,
    ) -> Result<Result<AccessTokenClaims, Rejection>, ProviderError> {
        let expected = self.provider.expected_access(now);
        let verdict = self
            .provider
            .verify(Sender::Stranger, token, |keys| {
                verify::access_token(token, keys, &expected)
            })
            .await?;
        Ok(verdict.map_err(Refused::told))
    }

    /// Asks the provider about a token that is not a JWT (RFC 7662 section 2).
    pub(crate) async fn introspect(
        &self,
        token: &str,
        now: Seconds,
    ) -> Result<Result<AccessTokenClaims, Rejection>, TokenError> {
        let (provider, metadata) = (&self.provider, self.provider.metadata().await?);
        let endpoint = metadata.introspection_endpoint.as_ref().ok_or_else(|| {
            TokenError::SetUp(
                "metadata names no introspection_endpoint: see logto.introspect_opaque_tokens"
                    .into(),
            )
        })?;
        let params = [("token", token), ("token_type_hint", "access_token")];
        let response = provider
            .post(
                provider.client()?,
                &metadata,
                (Endpoint::Introspection, endpoint),
                &params,
                Caller::Stranger,
            )
            .await?;
        let response = match answer::success("introspection", &[StatusCode::OK], response) {
            // RFC 7662 has only "not active" for it; oidc-provider tells tokens of a form
            // that it does not introspect.
            Err(TokenError::Denied(body)) if body.error == "unsupported_token_type" => {
                return Ok(Err(Rejection::Type));
            }
            answer => answer?,
        };
        let introspection = answer::json(&response)?;
        Ok(introspection::claims(
            introspection,
            &provider.expected_access(now),
        ))
    }

    /// A token for this app itself (RFC 6749 section 4.4), for what `params`
    /// name: a `resource`, an `organization_id`, a `scope`.
    pub(crate) async fn client_credentials(
        &self,
        params: &[Param],
    ) -> Result<TokenSet, TokenError> {
        let machine = self.provider.machine()?;
        let metadata = self.provider.metadata().await?;
        let grant = Grant::ClientCredentials { params };
        let key = self.provider.proof_key(&metadata)?;
        tokens(&self.provider, &metadata, machine, grant, key).await
    }

    /// An access token in exchange for another token (RFC 8693 section 2).
    pub(crate) async fn exchange_token(&self, params: &[Param]) -> Result<TokenSet, TokenError> {
        let client = self
            .provider
            .client()
            .or_else(|_| self.provider.machine())?;
        let metadata = self.provider.metadata().await?;
        let grant = Grant::TokenExchange { params };
        let key = self.provider.proof_key(&metadata)?;
        tokens(&self.provider, &metadata, client, grant, key).await
    }
}
