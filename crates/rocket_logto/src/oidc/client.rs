//! `OidcClient`: the calls to the provider for signing in, staying signed in and
//! signing out, one method each.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use openidconnect::http::StatusCode;
use openidconnect::{AccessToken, AuthorizationCode, CsrfToken, PkceCodeVerifier, RefreshToken};
use url::Url;

use super::attempt::Attempt;
use super::authentication::Measure;
use super::authorize::{self, Authorization, AuthorizeOptions};
use super::discovery::Sender;
use super::dpop::{KeyName, ProofKey};
use super::error::{AuthorizeError, ProviderError, Sent, TokenError, TokenErrorBody};
use super::http::Caller;
use super::metadata::Metadata;
use super::provider::{Credential, Provider};
use super::token_endpoint::{Grant, tokens};
use super::tokens::{RawIdToken, TokenSet};
use super::verify::{self, ClientExpectations, Logout, Nonce, Refused, Rejection};
use super::{Param, answer, pushed, userinfo};
use crate::claims::IdTokenClaims;
use crate::clock::Seconds;
use crate::config::parameters::OFFLINE_ACCESS;
use crate::config::{EndSessionEndpoint, LogtoConfig};
use crate::measure::Endpoint;

/// In bytes: the longest `id_token_hint` that still fits an address.
const MAX_HINT: usize = 6000;

pub(crate) struct OidcClient {
    config: Arc<LogtoConfig>,
    provider: Arc<Provider>,
    told_of_no_refresh_token: AtomicBool,
}

impl OidcClient {
    pub(crate) fn new(config: Arc<LogtoConfig>, provider: Arc<Provider>) -> OidcClient {
        OidcClient {
            config,
            provider,
            told_of_no_refresh_token: AtomicBool::new(false),
        }
    }

    pub(crate) fn provider(&self) -> &Arc<Provider> {
        &self.provider
    }

    /// By what an authentication is measured at this moment.
    pub(crate) fn measure(&self, now: Seconds) -> Measure<'_> {
        self.provider.measure(now)
    }

    pub(crate) fn tolerance(&self) -> Seconds {
        self.provider.tolerance()
    }

    /// Starts a sign-in. Touches the network to push the request (RFC 9126), and
    /// if the metadata was never loaded.
    pub(crate) async fn authorize(
        &self,
        options: &AuthorizeOptions,
        attempt: Attempt,
        now: Seconds,
    ) -> Result<Authorization, AuthorizeError> {
        let metadata = self.provider.metadata().await?;
        let key = self.provider.proof_key(&metadata);
        let key = key.map_err(AuthorizeError::Push)?;
        let mut authorization =
            authorize::request(&self.config, &metadata, options, attempt, key, now)?;
        let endpoint = metadata.pushed_authorization_request_endpoint.as_ref();
        if let Some(endpoint) = endpoint.filter(|_| self.config.use_par) {
            let url = self.push(&metadata, endpoint, &authorization.url).await;
            authorization.url = url.map_err(AuthorizeError::Push)?;
        }
        Ok(authorization)
    }

    async fn push(
        &self,
        metadata: &Metadata,
        endpoint: &Url,
        request: &Url,
    ) -> Result<Url, TokenError> {
        pushed::push(
            &self.provider,
            metadata,
            &self.config.client,
            endpoint,
            request,
        )
        .await
    }

    /// Redeems a code for tokens: one request, never repeated, but for a nonce in the proof
    /// (RFC 9449 section 8). `key` is the one that the authorization request named.
    pub(crate) async fn redeem_code(
        &self,
        metadata: &Metadata,
        code: String,
        code_verifier: String,
        key: Option<&KeyName>,
    ) -> Result<TokenSet, TokenError> {
        let grant = Grant::AuthorizationCode {
            code: &AuthorizationCode::new(code),
            redirect_uri: &self.config.redirect_uri(),
            code_verifier: &PkceCodeVerifier::new(code_verifier),
        };
        let key = self.key_or_current(metadata, key)?;
        let tokens = tokens(&self.provider, metadata, &self.config.client, grant, key).await?;
        if tokens.refresh_token.is_none() {
            self.tell_of_no_refresh_token(metadata);
        }
        Ok(tokens)
    }

    /// Once: it is about how the app is configured. OpenID Connect Core section 11 has a
    /// provider ignore `offline_access` without `prompt=consent`, unless it has its own
    /// reasons to give a refresh token.
    fn tell_of_no_refresh_token(&self, metadata: &Metadata) {
        let asked = authorize::scopes(&self.config, metadata).any(|scope| scope == OFFLINE_ACCESS);
        if asked && !self.told_of_no_refresh_token.swap(true, Ordering::Relaxed) {
            log::warn!(
                "logto: a sign-in asked for offline_access and got no refresh token, so claims \
                 stay as they were at the sign-in, whatever claims_max_age says. Some providers \
                 give one only with logto.prompt = [\"consent\"]"
            );
        }
    }

    /// New tokens for a refresh token, for what `params` name: a `resource`, an
    /// `organization_id`, a narrower `scope`.
    pub(crate) async fn refresh(
        &self,
        refresh_token: &RefreshToken,
        params: &[Param],
        key: Option<&KeyName>,
    ) -> Result<TokenSet, TokenError> {
        let metadata = self.provider.metadata().await?;
        let grant = Grant::RefreshToken {
            refresh_token,
            params,
        };
        let client = &self.config.client;
        // RFC 9449 section 5: only a public client's refresh token is bound to a key.
        let key = self.key_or_current(&metadata, key.filter(|_| !client.is_confidential()))?;
        tokens(&self.provider, &metadata, client, grant, key).await
    }

    /// The key of this name, or where the app does not have it, the one it has now. `None`
    /// where no proof is sent.
    fn key_or_current(
        &self,
        metadata: &Metadata,
        name: Option<&KeyName>,
    ) -> Result<Option<&Arc<ProofKey>>, TokenError> {
        let current = self.provider.proof_key(metadata)?;
        let named = name.and_then(|name| self.provider.prover().keys().named(name));
        Ok(current.map(|current| named.unwrap_or(current)))
    }

    /// Revokes a refresh token (RFC 7009). Does nothing at a provider without a
    /// revocation endpoint.
    pub(crate) async fn revoke(&self, refresh_token: &RefreshToken) -> Result<(), TokenError> {
        self.revoke_token(refresh_token.secret(), "refresh_token")
            .await
    }

    /// The same of an access token, where the provider gave nothing else.
    pub(crate) async fn revoke_access(&self, token: &AccessToken) -> Result<(), TokenError> {
        self.revoke_token(token.secret(), "access_token").await
    }

    async fn revoke_token(&self, token: &str, hint: &str) -> Result<(), TokenError> {
        let (provider, metadata) = (&self.provider, self.provider.metadata().await?);
        let Some(endpoint) = &metadata.revocation_endpoint else {
            return Ok(());
        };
        let params = [("token", token), ("token_type_hint", hint)];
        let response = provider
            .post(
                &self.config.client,
                &metadata,
                (Endpoint::Revocation, endpoint),
                &params,
                Caller::Known,
            )
            .await?;
        answer::success("revocation", &[StatusCode::OK], response).map(drop)
    }

    /// Verifies an ID token, and that it belongs to this access token.
    pub(crate) async fn verify_id_token(
        &self,
        token: &RawIdToken,
        nonce: Nonce<'_>,
        access_token: &AccessToken,
        now: Seconds,
    ) -> Result<Result<IdTokenClaims, Refused>, ProviderError> {
        let expected = self.expected(now);
        let access_token = Some(access_token.secret().as_str());
        self.provider
            .verify(Sender::Provider, token.as_str(), |keys| {
                verify::id_token(token.as_str(), keys, &expected, nonce, access_token)
            })
            .await
    }

    pub(crate) async fn verify_logout_token(
        &self,
        token: &str,
        now: Seconds,
    ) -> Result<Result<Logout, Rejection>, ProviderError> {
        let expected = self.expected(now);
        let verdict = self
            .provider
            .verify(Sender::Stranger, token, |keys| {
                verify::logout_token(token, keys, &expected)
            })
            .await?;
        Ok(verdict.map_err(Refused::told))
    }

    /// The claims from the userinfo endpoint, as JSON text. The caller must compare
    /// their `sub`. Signed, they must be of the very `issuer` of the session. `None` when
    /// the provider does not accept the token.
    pub(crate) async fn user_info(
        &self,
        credential: Credential<'_>,
        issuer: &str,
        now: Seconds,
    ) -> Result<Option<Vec<u8>>, TokenError> {
        if !self.config.signed_userinfo {
            return userinfo::user_info(&self.provider, credential, "application/json").await;
        }
        let signed = userinfo::user_info(&self.provider, credential, "application/jwt").await?;
        let Some(signed) = signed else {
            return Ok(None);
        };
        let rejected =
            |reason: Rejection| TokenError::Malformed(format!("signed_userinfo_{reason}"));
        let signed = std::str::from_utf8(&signed).map_err(|_| rejected(Rejection::Malformed))?;
        let mut expected = self.expected(now);
        expected.token.issuer = issuer;
        let verify = |keys: &_| verify::user_info(signed, keys, &expected);
        let verdict = self
            .provider
            .verify(Sender::Provider, signed, verify)
            .await?;
        verdict
            .map(Some)
            .map_err(|refused| rejected(refused.told()))
    }

    /// The end-session request (OpenID Connect RP-Initiated Logout 1.0 section
    /// 2), with the parameters that the configuration adds, replaces or leaves out;
    /// `None` when there is no such endpoint, or none is wanted. An error when the
    /// provider is not known yet.
    pub(crate) async fn end_session_url(
        &self,
        id_token: &RawIdToken,
    ) -> Result<Option<Url>, ProviderError> {
        let mut url = match &self.config.end_session {
            EndSessionEndpoint::Off => return Ok(None),
            EndSessionEndpoint::At(url) => url.clone(),
            EndSessionEndpoint::Announced => {
                let metadata = self.provider.metadata().await?;
                let Some(url) = metadata.end_session_endpoint.clone() else {
                    return Ok(None);
                };
                url
            }
        };
        let back = self.config.post_logout_redirect_uri();
        let state = CsrfToken::new_random();
        let mut params = vec![
            ("client_id", self.config.app_id()),
            ("post_logout_redirect_uri", &back),
            ("state", state.secret()),
        ];
        // Proxies refuse longer addresses. Without the hint the provider asks the
        // user to confirm.
        if id_token.as_str().len() <= MAX_HINT {
            params.insert(0, ("id_token_hint", id_token.as_str()));
        }
        let configured = &self.config.sign_out_params;
        // No parameter may occur twice, and the endpoint may have some of its own.
        let in_url: Vec<_> = url.query_pairs().map(|(name, _)| name.into()).collect();
        params.retain(|(name, _)| {
            configured.iter().all(|(known, _)| known != name)
                && in_url.iter().all(|known: &String| known != name)
        });
        let configured = configured.iter().filter(|(_, value)| !value.is_empty());
        params.extend(configured.map(|(name, value)| (&**name, &**value)));
        if !params.is_empty() {
            url.query_pairs_mut().extend_pairs(params);
        }
        Ok(Some(url))
    }

    /// An error in the authorization response, with what the request said. `secrets`
    /// are left out of the provider's text.
    pub(crate) fn error_response(
        &self,
        error: &str,
        description: Option<&str>,
        uri: Option<&str>,
        secrets: &[&str],
    ) -> TokenErrorBody {
        let (redirect_uri, scope) = (self.config.redirect_uri(), self.config.scopes.join(" "));
        let told = [
            ("client_id", self.config.app_id()),
            ("redirect_uri", &redirect_uri),
            ("scope", &scope),
        ];
        let resources = self.config.resources.iter();
        let told = told
            .into_iter()
            .chain(resources.map(|resource| ("resource", resource.as_str())))
            .chain(secrets.iter().map(|secret| ("state", *secret)));
        TokenErrorBody::in_response(error, description, uri, &Sent::new(told))
    }

    fn expected(&self, now: Seconds) -> ClientExpectations<'_> {
        ClientExpectations {
            client_id: self.config.app_id(),
            trusted_audiences: &self.config.trusted_audiences,
            token: self.provider.expected(now),
        }
    }
}
