//! What values of the configuration are in code.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use url::Url;
use zeroize::Zeroizing;

use super::redis::RedisServers;

/// How long sessions live, how many, and what is kept of those that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionConfig {
    /// A session unused for this long is over.
    pub idle: Duration,
    /// A session older than this is over, used or not.
    pub absolute: Duration,
    /// The most users of whom ended sessions are remembered, with sessions in cookies.
    pub max_ended_users: usize,
    /// At a sign-in beyond so many, the oldest session of the user ends.
    pub max_per_user: Option<usize>,
}

impl SessionConfig {
    /// The most that `max_per_user` may be.
    pub(crate) const MOST_PER_USER: usize = 100;
}

/// Where sessions are kept (`session.store`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreConfig {
    /// In the browser's cookies, encrypted: no database.
    #[default]
    Cookie,
    /// In Redis.
    Redis(RedisServers),
}

/// A client secret. Its `Debug` shows nothing of it; memory is wiped on drop.
#[derive(Clone)]
pub struct AppSecret(Zeroizing<String>);

impl AppSecret {
    pub(crate) fn new(text: &str) -> AppSecret {
        AppSecret(Zeroizing::new(text.to_owned()))
    }

    /// The secret itself, for the token request and nothing else.
    pub fn secret(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for AppSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AppSecret([redacted])")
    }
}

/// A JWS signature algorithm (RFC 7518 section 3.1). `none` and the HMAC
/// family are left out: neither can prove who signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
#[non_exhaustive]
pub enum SigningAlg {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
}

impl SigningAlg {
    pub(crate) const ALL: [SigningAlg; 9] = [
        SigningAlg::RS256,
        SigningAlg::RS384,
        SigningAlg::RS512,
        SigningAlg::PS256,
        SigningAlg::PS384,
        SigningAlg::PS512,
        SigningAlg::ES256,
        SigningAlg::ES384,
        SigningAlg::EdDSA,
    ];

    /// What a caller's proof of possession may be signed with (RFC 9449 section 4.2), of which
    /// FAPI 2.0 section 5.4.1 has the first three.
    pub(crate) const OF_PROOFS: [SigningAlg; 5] = [
        SigningAlg::ES256,
        SigningAlg::PS256,
        SigningAlg::EdDSA,
        SigningAlg::ES384,
        SigningAlg::RS256,
    ];

    /// The algorithm of exactly this name.
    pub(crate) fn named(name: &str) -> Option<SigningAlg> {
        let mut all = SigningAlg::ALL.into_iter();
        all.find(|alg| format!("{alg:?}") == name)
    }
}

/// Client authentication at the token endpoint (OpenID Connect Core section 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ClientAuthMethod {
    /// HTTP Basic, credentials form-urlencoded first (RFC 6749 section 2.3.1).
    ClientSecretBasic,
    /// In the request body.
    ClientSecretPost,
    /// A JWT signed with a private key (RFC 7523 section 2.2).
    PrivateKeyJwt,
    /// No secret: a public client.
    None,
}

/// Whom the JWT of `private_key_jwt` is for (RFC 7523 section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AssertionAudience {
    /// The issuer identifier, as OAuth and FAPI 2.0 have it by now.
    Issuer,
    /// The address of the token endpoint, at every endpoint.
    TokenEndpoint,
}

/// Whether the app's tokens are to be bound to a key of its own (DPoP, RFC 9449).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DpopUse {
    /// No.
    Off,
    /// Where the provider announces it.
    Auto,
    /// Yes, and a token that is not is refused.
    Required,
}

/// A set of demands that go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Profile {
    /// FAPI 2.0 Security Profile (OpenID Foundation, final of February 2025).
    Fapi2,
}

/// How the authorization response comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ResponseMode {
    /// In the query of a redirect.
    Query,
    /// As a form the browser posts (OAuth 2.0 Form Post Response Mode).
    FormPost,
}

/// What all proxies have in common.
#[derive(Clone, Debug)]
pub(crate) struct ProxyConfig {
    /// By name. Their paths do not end with a slash, unless that is all.
    pub upstreams: Vec<(String, Url)>,
    /// Until the head of an answer is there, from the last byte that was sent.
    pub timeout: Duration,
    /// Between two bytes of its body.
    pub idle: Duration,
}

/// Where the browser goes to sign out at the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EndSessionEndpoint {
    /// Where the provider's metadata say.
    Announced,
    /// Nowhere: signing out happens here only.
    Off,
    At(Url),
}
