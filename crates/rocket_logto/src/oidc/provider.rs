//! `Provider`: the connection to the provider. It owns the HTTP client, the metadata
//! and keys, and the clients that this app is registered as; every call goes through
//! it. `ServiceClient` and `OidcClient` say what to ask for.

use std::sync::Arc;

use openidconnect::http::{Request, Response};
use url::Url;

use super::client_authentication;
use super::discovery::{Discovery, Sender};
use super::error::{ProviderError, TokenError};
use super::http::{Caller, HttpClient, HttpError};
use super::metadata::Metadata;
use super::verify::{AccessExpectations, KeySet, Rejection, TokenExpectations};
use crate::clock::{Clock, Seconds, seconds};
use crate::config::{ClientConfig, ProviderConfig};

pub(crate) struct Provider {
    config: ProviderConfig,
    client: Option<ClientConfig>,
    http: Arc<HttpClient>,
    clock: Clock,
    discovery: Arc<Discovery>,
}

impl Provider {
    pub(super) fn new(
        config: ProviderConfig,
        client: Option<ClientConfig>,
        clock: Clock,
    ) -> Result<Provider, reqwest::Error> {
        let http = Arc::new(HttpClient::new(&config)?);
        Ok(Provider {
            discovery: Arc::new(Discovery::new(&config, http.clone())),
            http,
            clock,
            config,
            client,
        })
    }

    pub(crate) fn config(&self) -> &ProviderConfig {
        &self.config
    }

    /// The leeway for times in tokens, in seconds.
    pub(crate) fn tolerance(&self) -> Seconds {
        seconds(self.config.clock_tolerance)
    }

    /// The metadata, fetched now if it was never loaded.
    pub(crate) async fn metadata(&self) -> Result<Arc<Metadata>, ProviderError> {
        self.discovery.metadata().await
    }

    /// The metadata if it is loaded already; never touches the network.
    pub(crate) fn metadata_if_loaded(&self) -> Option<Arc<Metadata>> {
        self.discovery.metadata_if_loaded()
    }

    /// Tries until metadata and keys are loaded; for lift-off.
    pub(crate) async fn warm_up(self: Arc<Self>) {
        self.discovery.warm_up().await;
    }

    /// The client that this app is at the provider.
    pub(super) fn client(&self) -> Result<&ClientConfig, TokenError> {
        self.client.as_ref().ok_or(TokenError::NoCredentials)
    }

    /// The client that gets tokens for the app itself.
    pub(super) fn machine(&self) -> Result<&ClientConfig, TokenError> {
        let machine = self.config.machine.as_ref();
        machine.ok_or(TokenError::NoCredentials)
    }

    /// Makes one call as it is, never repeated.
    pub(super) async fn send(
        &self,
        request: Request<Vec<u8>>,
        caller: Caller,
    ) -> Result<Response<Vec<u8>>, HttpError> {
        self.http.send(request, caller).await
    }

    /// Makes one call to an endpoint of this provider that requires client
    /// authentication, never repeated.
    pub(super) async fn post(
        &self,
        client: &ClientConfig,
        metadata: &Metadata,
        endpoint: &Url,
        params: &[(&str, &str)],
        caller: Caller,
    ) -> Result<Response<Vec<u8>>, TokenError> {
        let now = (self.clock)();
        let request = client_authentication::request(client, metadata, endpoint, params, now)?;
        Ok(self.send(request, caller).await?)
    }

    /// Verifies a token by the provider's keys, which are fetched again, once, when
    /// the token's key is not among them.
    pub(super) async fn verify<T>(
        &self,
        sender: Sender,
        token: &str,
        verify: impl Fn(&KeySet) -> Result<T, Rejection>,
    ) -> Result<Result<T, Rejection>, ProviderError> {
        self.discovery.with_keys(sender, token, verify).await
    }

    pub(super) fn expected_access(&self, now: Seconds) -> AccessExpectations<'_> {
        AccessExpectations {
            token: self.expected(now),
            clients_without_audience: &self.config.clients_without_audience,
            takes_id_tokens: self.config.bearer_takes_id_tokens,
        }
    }

    pub(super) fn expected(&self, now: Seconds) -> TokenExpectations<'_> {
        TokenExpectations {
            issuer: &self.config.issuer,
            tenants: &self.config.tenants,
            now,
            tolerance: self.tolerance(),
        }
    }
}
