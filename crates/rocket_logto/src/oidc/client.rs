//! `OidcClient`: the calls to the provider, one method each. Built on
//! `openidconnect`; its generics end here.

use std::sync::Arc;
use std::time::Duration;

use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreGenderClaim, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreRevocableToken, CoreRevocationErrorResponse,
    CoreTokenIntrospectionResponse,
};
use openidconnect::http::StatusCode;
use openidconnect::{
    AccessToken, AuthType, AuthUrl, AuthenticationContextClass, AuthorizationCode, Client,
    ClientId, ClientSecret, CsrfToken, EmptyAdditionalClaims, EndpointNotSet, EndpointSet,
    IssuerUrl, JsonWebKeySet, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RefreshToken,
    Scope, TokenUrl,
};
use rocket::tokio::sync::Semaphore;
use url::Url;

use super::authentication::RequestedAuthentication;
use super::authorize::AuthorizeOptions;
use super::credentials;
use super::http::{HttpClient, turn};
use super::logout::{self, Logout};
use super::metadata::{Metadata, ProviderError};
use super::provider::{ProviderState, Sender};
use super::service::ServiceClient;
use super::tokens::{RawIdToken, TokenError, TokenErrorBody, TokenSet};
use super::verify::{self, ForClient, Nonce, Rejection};
use crate::claims::IdTokenClaims;
use crate::clock::Seconds;
use crate::config::parameters::Prompt;
use crate::config::{ClientAuthMethod, LogtoConfig, ResponseMode};

type Protocol = Client<
    EmptyAdditionalClaims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    TokenErrorBody,
    TokenSet,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
    EndpointNotSet,
>;

/// The longest `id_token_hint` that still fits into an address.
const MAX_HINT: usize = 6000;

pub(crate) struct OidcClient {
    pub(super) config: Arc<LogtoConfig>,
    pub(super) http: Arc<HttpClient>,
    pub(crate) provider: Arc<ProviderState>,
    pub(super) service: Arc<ServiceClient>,
    turns_for_codes: Semaphore,
}

/// One started sign-in: where the browser goes, and what must come back.
pub(crate) struct Authorization {
    pub url: Url,
    pub state: String,
    pub nonce: String,
    pub code_verifier: String,
    pub asked: RequestedAuthentication,
}

/// Why a sign-in could not be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthorizeError {
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The provider did not take the pushed request.
    #[error("{0}")]
    Push(TokenError),
}

impl OidcClient {
    pub(crate) fn new(config: Arc<LogtoConfig>, service: Arc<ServiceClient>) -> OidcClient {
        OidcClient {
            turns_for_codes: Semaphore::new(config.max_concurrent_op_calls.div_ceil(2)),
            config,
            http: service.http.clone(),
            provider: service.provider.clone(),
            service,
        }
    }

    /// The authorization request (OpenID Connect Core section 3.1.2.1) with
    /// `state`, `nonce` and PKCE S256 (RFC 7636). Touches the network to push
    /// the request (RFC 9126), and when metadata was never loaded.
    pub(crate) async fn authorize(
        &self,
        options: &AuthorizeOptions,
        now: Seconds,
    ) -> Result<Authorization, AuthorizeError> {
        let metadata = self.provider.metadata().await?;
        let protocol = self.protocol(&metadata)?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let mut request = protocol
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                openidconnect::Nonce::new_random,
            )
            .set_pkce_challenge(challenge)
            .add_scopes(
                // `openid` is added by the crate itself.
                self.config
                    .scopes
                    .iter()
                    .filter(|scope| *scope != "openid")
                    .cloned()
                    .map(Scope::new),
            );
        let prompt = options.prompt.as_ref().unwrap_or(&self.config.prompt);
        for prompt in prompt {
            request = request.add_prompt(match prompt {
                Prompt::None => CoreAuthPrompt::None,
                Prompt::Login => CoreAuthPrompt::Login,
                Prompt::Consent => CoreAuthPrompt::Consent,
                Prompt::SelectAccount => CoreAuthPrompt::SelectAccount,
            });
        }
        let mut asked = options.asked();
        asked.max_age = asked.max_age.or(self.config.max_age);
        if asked.acr_values.is_empty() {
            asked.acr_values = self.config.acr_values.clone();
        }
        asked.since = prompt.contains(&Prompt::Login).then_some(now);
        if let Some(max_age) = asked.max_age {
            request = request.set_max_age(Duration::from_secs(max_age.into()));
        }
        for acr in &asked.acr_values {
            request = request.add_auth_context_value(AuthenticationContextClass::new(acr.clone()));
        }
        for resource in &self.config.resources {
            request = request.add_extra_param("resource", resource);
        }
        if self.config.response_mode == ResponseMode::FormPost {
            request = request.add_extra_param("response_mode", "form_post");
        }
        let own = options.extra_params();
        let configured = self.config.extra_params.iter();
        let configured = configured.filter(|(name, _)| own.iter().all(|(known, _)| known != name));
        for (name, value) in configured.chain(&own) {
            request = request.add_extra_param(name, value);
        }
        let (url, state, nonce) = request.url();
        let url = match self.push_endpoint(&metadata) {
            Some(endpoint) => {
                let pushed = self.push(&metadata, endpoint, &url).await;
                pushed.map_err(AuthorizeError::Push)?
            }
            None => url,
        };
        Ok(Authorization {
            url,
            asked,
            state: state.into_secret(),
            nonce: nonce.secret().clone(),
            code_verifier: verifier.into_secret(),
        })
    }

    /// Exchanges a code for tokens: one request, never repeated. Anybody can
    /// make a code up, so turns are left for those who are signed in.
    pub(crate) async fn redeem_code(
        &self,
        metadata: &Metadata,
        code: String,
        code_verifier: String,
    ) -> Result<TokenSet, TokenError> {
        let protocol = self.protocol(metadata).map_err(configuration)?;
        let turn = turn(&self.turns_for_codes).await;
        let _turn = turn.map_err(TokenError::Http)?;
        protocol
            .exchange_code(AuthorizationCode::new(code))
            .set_pkce_verifier(PkceCodeVerifier::new(code_verifier))
            .request_async(&*self.http)
            .await
            .map_err(TokenError::from)
    }

    /// Exchanges a refresh token for new tokens (RFC 6749 section 6), for what
    /// `params` name: a `resource`, an `organization_id`, a narrower `scope`.
    pub(crate) async fn refresh(
        &self,
        refresh_token: &RefreshToken,
        params: &[(&'static str, String)],
    ) -> Result<TokenSet, TokenError> {
        let metadata = self.provider.metadata().await.map_err(TokenError::from)?;
        let protocol = self.protocol(&metadata).map_err(configuration)?;
        let mut request = protocol.exchange_refresh_token(refresh_token);
        for (name, value) in params {
            request = request.add_extra_param(*name, value);
        }
        request
            .request_async(&*self.http)
            .await
            .map_err(TokenError::from)
    }

    /// Revokes a refresh token (RFC 7009). Nothing to do for a provider that
    /// offers no revocation.
    pub(crate) async fn revoke(&self, refresh_token: &RefreshToken) -> Result<(), TokenError> {
        let metadata = self.provider.metadata().await.map_err(TokenError::from)?;
        let Some(endpoint) = &metadata.revocation_endpoint else {
            return Ok(());
        };
        let form = [
            ("token", refresh_token.secret().as_str()),
            ("token_type_hint", "refresh_token"),
        ];
        let client = self.service.client()?;
        let request = credentials::form(client, endpoint, &form)?;
        let response = self.http.send(request).await.map_err(TokenError::Http)?;
        match response.status() {
            StatusCode::OK => Ok(()),
            status => Err(TokenError::Malformed(format!(
                "revocation answered {status}"
            ))),
        }
    }

    /// Verifies an ID token; fetches keys anew, once, when the token's key is
    /// not known.
    pub(crate) async fn verify_id_token(
        &self,
        token: &RawIdToken,
        nonce: Nonce<'_>,
        access_token: &AccessToken,
        now: Seconds,
    ) -> Result<Result<IdTokenClaims, Rejection>, ProviderError> {
        let expected = self.expected(now);
        let access_token = Some(access_token.secret().as_str());
        self.provider
            .with_keys(Sender::Provider, |keys| {
                verify::id_token(token.as_str(), keys, &expected, nonce, access_token)
            })
            .await
    }

    /// Verifies a logout token in the same way.
    pub(crate) async fn verify_logout_token(
        &self,
        token: &str,
        now: Seconds,
    ) -> Result<Result<Logout, Rejection>, ProviderError> {
        let expected = self.expected(now);
        self.provider
            .with_keys(Sender::Stranger, |keys| {
                logout::logout_token(token, keys, &expected)
            })
            .await
    }

    pub(super) fn expected(&self, now: Seconds) -> ForClient<'_> {
        ForClient {
            issuer: &self.config.issuer,
            client_id: &self.config.app_id,
            alg: self.config.id_token_alg,
            now,
            tolerance: self.tolerance(),
        }
    }

    pub(crate) fn tolerance(&self) -> Seconds {
        self.service.tolerance()
    }

    /// The end-session request (OpenID Connect RP-Initiated Logout 1.0 section
    /// 2); `None` when the provider has no such endpoint or is not known yet.
    pub(crate) async fn end_session_url(&self, id_token: &RawIdToken) -> Option<Url> {
        let metadata = self.provider.metadata().await.ok()?;
        let mut url = metadata.end_session_endpoint.clone()?;
        // Longer addresses are refused on the way; without the hint the
        // provider asks the person.
        if id_token.as_str().len() <= MAX_HINT {
            url.query_pairs_mut()
                .append_pair("id_token_hint", id_token.as_str());
        }
        url.query_pairs_mut()
            .append_pair("client_id", &self.config.app_id)
            .append_pair(
                "post_logout_redirect_uri",
                &self.config.post_logout_redirect_uri(),
            )
            .append_pair("state", CsrfToken::new_random().secret());
        Some(url)
    }

    fn protocol(&self, metadata: &Metadata) -> Result<Protocol, ProviderError> {
        let malformed = |error: url::ParseError| ProviderError::Malformed {
            what: "configuration",
            error: error.to_string(),
        };
        let issuer = IssuerUrl::new(self.config.issuer.clone()).map_err(malformed)?;
        let redirect_uri = RedirectUrl::new(self.config.redirect_uri()).map_err(malformed)?;
        let client_id = ClientId::new(self.config.app_id.clone());
        let mut protocol = Client::new(client_id, issuer, JsonWebKeySet::new(Vec::new()))
            .set_auth_uri(AuthUrl::from_url(metadata.authorization_endpoint.clone()))
            .set_token_uri(TokenUrl::from_url(metadata.token_endpoint.clone()))
            .set_redirect_uri(redirect_uri)
            .set_auth_type(match self.config.token_endpoint_auth_method {
                ClientAuthMethod::ClientSecretBasic => AuthType::BasicAuth,
                ClientAuthMethod::ClientSecretPost | ClientAuthMethod::None => {
                    AuthType::RequestBody
                }
            });
        if let Some(secret) = &self.config.app_secret {
            protocol = protocol.set_client_secret(ClientSecret::new(secret.secret().to_owned()));
        }
        Ok(protocol)
    }
}

/// Metadata that cannot be had is a failure of the exchange that needed it.
impl From<ProviderError> for TokenError {
    fn from(error: ProviderError) -> Self {
        match error {
            ProviderError::Http { error, .. } => TokenError::Http(error),
            ProviderError::Pausing(error) => TokenError::from(*error),
            other => TokenError::Malformed(other.to_string()),
        }
    }
}

fn configuration(error: ProviderError) -> TokenError {
    TokenError::Malformed(error.to_string())
}

impl std::fmt::Debug for OidcClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OidcClient").finish_non_exhaustive()
    }
}
