//! `ProviderConfig`: what concerns the provider. A service that signs nobody in
//! needs this, and a client of its own only for some calls.

use std::time::Duration;

use figment::Figment;

use super::rules::Rules;
use super::{AppSecret, ClientAuthMethod, RoutePaths, SigningAlg};

/// The client the development provider knows.
pub(crate) const DEV_APP_ID: &str = "dev-app";
pub(crate) const DEV_APP_SECRET: &str = "dev-secret-known-to-everyone";
/// The machine its built-in seed knows.
pub(crate) const DEV_MACHINE_ID: &str = "dev-machine";
pub(crate) const DEV_MACHINE_SECRET: &str = "dev-machine-secret-known-to-everyone";

/// The provider, and how it is spoken to.
#[derive(Clone, Debug)]
pub(crate) struct ProviderConfig {
    pub issuer: String,
    /// As whom the app gets tokens of its own.
    pub machine: Option<ClientConfig>,
    pub introspect_opaque_tokens: bool,
    /// The accepted signature algorithms; none: those the provider announces.
    pub id_token_alg: Vec<SigningAlg>,
    pub ca_pem: Option<Vec<u8>>,
    pub clock_tolerance: Duration,
    pub http_timeout: Duration,
    pub max_concurrent_op_calls: usize,
}

/// An application registered at the provider, and how it authenticates there.
#[derive(Clone, Debug)]
pub(crate) struct ClientConfig {
    pub id: String,
    pub secret: Option<AppSecret>,
    pub auth_method: ClientAuthMethod,
}

/// What `Logto::api()` reads of the `logto` table.
#[derive(Clone, Debug)]
pub(crate) struct ApiConfig {
    pub provider: ProviderConfig,
    /// An API need not be anybody at the provider.
    pub client: Option<ClientConfig>,
    pub routes: RoutePaths,
    /// The development provider is meant, which the web app runs.
    pub dev_provider: bool,
}

impl ApiConfig {
    pub(crate) fn from_figment(figment: &Figment) -> figment::Result<ApiConfig> {
        let (figment, raw) = super::read(figment)?;
        Rules { figment: &figment }.check_api(&raw)
    }
}
