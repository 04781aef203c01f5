//! `ProviderConfig`: what concerns the provider. A service that signs nobody in
//! needs this, and a client of its own only for some calls.

use std::sync::Arc;
use std::time::Duration;

use figment::Figment;
use url::Url;

use super::client_key::ClientKey;
use super::rules::Rules;
use super::values::HttpHost;
use super::{
    AppSecret, AssertionAudience, ClientAuthMethod, DpopUse, Profile, RoutePaths, SigningAlg,
};
use crate::clock::Seconds;
use crate::return_to::BasePath;
#[cfg(all(feature = "testing", debug_assertions))]
use crate::transport::InPlaceOfNetwork;

/// The client the development provider knows.
pub(crate) const DEV_APP_ID: &str = "dev-app";
pub(crate) const DEV_APP_SECRET: &str = "dev-secret-known-to-everyone";
/// The machine its built-in seed knows.
pub(crate) const DEV_MACHINE_ID: &str = "dev-machine";
pub(crate) const DEV_MACHINE_SECRET: &str = "dev-machine-secret-known-to-everyone";

/// The provider, and how it is spoken to.
#[derive(Clone, Debug)]
pub(crate) struct ProviderConfig {
    /// As it is configured: perhaps the template of many tenants.
    pub issuer: String,
    /// With a template: whose users are let in; none: all.
    pub tenants: Vec<String>,
    /// Which key names the provider, and so what it does by itself.
    pub named_by: NamedBy,
    /// Where its metadata are, if not where the issuer says.
    pub discovery_url: Option<String>,
    /// Where its endpoints may be plain http although the issuer is https.
    pub http_hosts: Vec<HttpHost>,
    /// As whom the app gets tokens of its own.
    pub machine: Option<ClientConfig>,
    pub introspect_opaque_tokens: bool,
    /// Clients whose access tokens need no audience.
    pub clients_without_audience: Vec<String>,
    pub bearer_takes_id_tokens: bool,
    pub profile: Option<Profile>,
    /// Whether this app's own tokens are bound to a key.
    pub dpop: DpopUse,
    /// Whether those of callers have to be.
    pub bearer_requires_dpop: bool,
    /// Whether their proofs need a nonce.
    pub dpop_nonces: bool,
    /// The accepted signature algorithms; none: those the provider announces.
    pub id_token_alg: Vec<SigningAlg>,
    /// Which `acr` is stronger than which: the weakest first.
    pub acr_order: Vec<String>,
    pub ca_pem: Option<Vec<u8>>,
    pub clock_tolerance: Duration,
    pub http_timeout: Duration,
    pub max_concurrent_op_calls: usize,
    #[cfg(all(feature = "testing", debug_assertions))]
    pub transport: Option<InPlaceOfNetwork>,
}

impl ProviderConfig {
    /// By how much tests have put the clock forward.
    #[cfg(all(feature = "testing", debug_assertions))]
    pub(crate) fn ahead(&self) -> Seconds {
        let ahead = self.transport.as_ref().map(InPlaceOfNetwork::ahead);
        ahead.unwrap_or_default()
    }

    #[cfg(not(all(feature = "testing", debug_assertions)))]
    pub(crate) fn ahead(&self) -> Seconds {
        0
    }
}

/// The key that names the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NamedBy {
    /// `endpoint`, or no key at all: it is a Logto, perhaps the development provider.
    Endpoint,
    /// `issuer`: it does what OpenID Connect says, and nothing more is known of it.
    Issuer,
}

/// An application registered at the provider, and how it authenticates there.
#[derive(Clone, Debug)]
pub(crate) struct ClientConfig {
    pub id: String,
    pub credentials: Credentials,
}

/// What a client proves itself with (OpenID Connect Core section 9).
#[derive(Clone, Debug)]
pub(crate) enum Credentials {
    /// Nothing: a public client.
    None,
    SecretBasic(AppSecret),
    SecretPost(AppSecret),
    PrivateKeyJwt {
        key: Arc<ClientKey>,
        audience: AssertionAudience,
    },
}

impl ClientConfig {
    /// Whether the provider can tell this client from somebody who knows its id.
    pub(crate) fn is_confidential(&self) -> bool {
        !matches!(self.credentials, Credentials::None)
    }

    pub(crate) fn secret(&self) -> Option<&AppSecret> {
        match &self.credentials {
            Credentials::SecretBasic(secret) | Credentials::SecretPost(secret) => Some(secret),
            Credentials::None | Credentials::PrivateKeyJwt { .. } => None,
        }
    }

    pub(crate) fn auth_method(&self) -> ClientAuthMethod {
        match self.credentials {
            Credentials::None => ClientAuthMethod::None,
            Credentials::SecretBasic(_) => ClientAuthMethod::ClientSecretBasic,
            Credentials::SecretPost(_) => ClientAuthMethod::ClientSecretPost,
            Credentials::PrivateKeyJwt { .. } => ClientAuthMethod::PrivateKeyJwt,
        }
    }
}

/// What `Logto::api()` reads of the `logto` table.
#[derive(Clone, Debug)]
pub(crate) struct ApiConfig {
    pub provider: ProviderConfig,
    /// An API need not be anybody at the provider.
    pub client: Option<ClientConfig>,
    pub routes: RoutePaths,
    /// The address that callers have, where it is configured or the debug profile knows it:
    /// proofs (RFC 9449) are for an address.
    pub base_url: Option<Url>,
    pub base_path: BasePath,
    /// The development provider is meant, which the web app runs.
    pub dev_provider: bool,
}

impl ApiConfig {
    pub(crate) fn from_figment(figment: &Figment) -> figment::Result<ApiConfig> {
        let (figment, raw) = super::read(figment)?;
        Rules { figment: &figment }.check_api(&raw)
    }
}
