//! `ProviderConfig`: what concerns the provider, and this app as its client.
//! All that a service needs which signs nobody in.

use std::time::Duration;

use figment::Figment;

use super::rules::Rules;
use super::{AppSecret, ClientAuthMethod, LogtoConfig, RoutePaths, SigningAlg};

#[derive(Clone, Debug)]
pub(crate) struct ProviderConfig {
    pub issuer: String,
    /// Who this app is at the provider; an API need not be anybody.
    pub client: Option<ClientConfig>,
    /// As whom it gets tokens of its own.
    pub machine: Option<ClientConfig>,
    pub introspect_opaque_tokens: bool,
    pub id_token_alg: SigningAlg,
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

impl From<&LogtoConfig> for ProviderConfig {
    fn from(config: &LogtoConfig) -> ProviderConfig {
        ProviderConfig {
            issuer: config.issuer.clone(),
            client: Some(ClientConfig {
                id: config.app_id.clone(),
                secret: config.app_secret.clone(),
                auth_method: config.token_endpoint_auth_method,
            }),
            machine: config.machine.clone(),
            introspect_opaque_tokens: config.introspect_opaque_tokens,
            id_token_alg: config.id_token_alg,
            ca_pem: config.ca_pem.clone(),
            clock_tolerance: config.clock_tolerance,
            http_timeout: config.http_timeout,
            max_concurrent_op_calls: config.max_concurrent_op_calls,
        }
    }
}
