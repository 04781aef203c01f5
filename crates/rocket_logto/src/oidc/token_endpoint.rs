//! Requests to the token endpoint (RFC 6749 section 3.2): one path for all grants,
//! which differ only in their parameters.
//!
//! `openidconnect` supplies the types of secrets. Its own calls cannot be that path:
//! it has none for token exchange, it authenticates clients by secret only, and its
//! response type parses the ID token before anything has verified it.

use std::sync::Arc;

use openidconnect::http::StatusCode;
use openidconnect::{AuthorizationCode, PkceCodeVerifier, RefreshToken};

use super::dpop::ProofKey;
use super::error::TokenError;
use super::http::Caller;
use super::metadata::Metadata;
use super::provider::Provider;
use super::tokens::{TokenAnswer, TokenSet, TokenType};
use super::{Param, answer};
use crate::config::ClientConfig;
use crate::measure::Endpoint;

/// A grant, with the parameters that narrow it down (`resource`, `organization_id`,
/// `scope`).
pub(super) enum Grant<'a> {
    /// Section 4.1.3, RFC 7636 section 4.5.
    AuthorizationCode {
        code: &'a AuthorizationCode,
        redirect_uri: &'a str,
        code_verifier: &'a PkceCodeVerifier,
    },
    /// Section 6.
    RefreshToken {
        refresh_token: &'a RefreshToken,
        params: &'a [Param],
    },
    /// Section 4.4.
    ClientCredentials { params: &'a [Param] },
    /// RFC 8693 section 2.1.
    TokenExchange { params: &'a [Param] },
}

impl Grant<'_> {
    fn grant_type(&self) -> &'static str {
        match self {
            Grant::AuthorizationCode { .. } => "authorization_code",
            Grant::RefreshToken { .. } => "refresh_token",
            Grant::ClientCredentials { .. } => "client_credentials",
            Grant::TokenExchange { .. } => "urn:ietf:params:oauth:grant-type:token-exchange",
        }
    }

    fn params(&self) -> Vec<(&str, &str)> {
        let mut all = vec![("grant_type", self.grant_type())];
        let more: &[Param] = match self {
            Grant::AuthorizationCode {
                code,
                redirect_uri,
                code_verifier,
            } => {
                all.push(("code", code.secret()));
                all.push(("redirect_uri", redirect_uri));
                all.push(("code_verifier", code_verifier.secret()));
                &[]
            }
            Grant::RefreshToken {
                refresh_token,
                params,
            } => {
                all.push(("refresh_token", refresh_token.secret()));
                params
            }
            Grant::ClientCredentials { params } | Grant::TokenExchange { params } => params,
        };
        all.extend(more.iter().map(|(name, value)| (*name, value.as_str())));
        all
    }

    /// Anyone can make up a code.
    fn caller(&self) -> Caller {
        match self {
            Grant::AuthorizationCode { .. } => Caller::Returning,
            _ => Caller::Known,
        }
    }
}

/// The tokens for a grant: one request, never repeated but for a nonce (RFC 9449 section 8).
/// With `key`, they are to be bound to it.
pub(super) async fn tokens(
    provider: &Provider,
    metadata: &Metadata,
    client: &ClientConfig,
    grant: Grant<'_>,
    key: Option<&Arc<ProofKey>>,
) -> Result<TokenSet, TokenError> {
    let endpoint = (Endpoint::Token, &metadata.token_endpoint);
    let (params, caller) = (grant.params(), grant.caller());
    let response = match key {
        Some(key) => {
            let post = provider.post_proving(key, client, metadata, endpoint, &params, caller);
            Box::pin(post).await?
        }
        None => {
            let post = provider.post(client, metadata, endpoint, &params, caller);
            post.await?
        }
    };
    let response = answer::success(grant.grant_type(), &[StatusCode::OK], response)?;
    let mut tokens: TokenSet = answer::json(&response)?;
    tokens.key = bound_to(&tokens, key, provider.prover().is_required())?;
    if let Grant::AuthorizationCode { .. } = grant {
        tokens.answer = TokenAnswer::new(response.into_body());
    }
    Ok(tokens)
}

/// The key that the access token is bound to, as its type says (RFC 9449 section 5).
fn bound_to(
    tokens: &TokenSet,
    key: Option<&Arc<ProofKey>>,
    is_required: bool,
) -> Result<Option<Arc<ProofKey>>, TokenError> {
    match (tokens.token_type, key) {
        (TokenType::Dpop, Some(key)) => Ok(Some(key.clone())),
        (TokenType::Dpop, None) => Err(TokenError::SetUp(
            "token_type is DPoP, and the request had no proof: the provider binds the tokens of \
             this client to a key, see logto.dpop"
                .into(),
        )),
        (TokenType::Bearer, _) if is_required => Err(TokenError::SetUp(
            "token_type is Bearer, although the request had a proof: the provider does not bind \
             the tokens of this client to its key, which logto.dpop = \"required\" and \
             logto.profile = \"fapi2\" ask for"
                .into(),
        )),
        (TokenType::Bearer, _) => Ok(None),
    }
}
