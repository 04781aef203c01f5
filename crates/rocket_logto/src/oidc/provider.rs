//! `Provider`: the conversation with the provider. It owns the HTTP client, the
//! metadata and keys, and the clients this app is registered as; every call goes
//! through it. `ServiceClient` and `OidcClient` say what is asked.

use std::sync::Arc;

use openidconnect::http::{Request, Response};
use url::Url;

use super::client_authentication;
use super::discovery::{Discovery, Sender};
use super::error::{ProviderError, TokenError};
use super::http::{Caller, HttpClient, HttpError};
use super::metadata::Metadata;
use super::verify::{KeySet, Rejection, TokenExpectations};
use crate::clock::{Seconds, seconds};
use crate::config::{ClientConfig, ProviderConfig};

pub(crate) struct Provider {
    config: ProviderConfig,
    client: Option<ClientConfig>,
    http: Arc<HttpClient>,
    discovery: Arc<Discovery>,
}

impl Provider {
    pub(super) fn new(
        config: ProviderConfig,
        client: Option<ClientConfig>,
    ) -> Result<Provider, reqwest::Error> {
        let http = Arc::new(HttpClient::new(&config)?);
        Ok(Provider {
            discovery: Arc::new(Discovery::new(&config, http.clone())),
            http,
            config,
            client,
        })
    }

    pub(crate) fn config(&self) -> &ProviderConfig {
        &self.config
    }

    /// Leeway for times in tokens.
    pub(crate) fn tolerance(&self) -> Seconds {
        seconds(self.config.clock_tolerance)
    }

    /// The metadata, fetched now if it never was.
    pub(crate) async fn metadata(&self) -> Result<Arc<Metadata>, ProviderError> {
        self.discovery.metadata().await
    }

    /// The metadata if it is here already; never the network.
    pub(crate) fn metadata_if_loaded(&self) -> Option<Arc<Metadata>> {
        self.discovery.metadata_if_loaded()
    }

    /// Tries until metadata and keys are here, at lift-off.
    pub(crate) async fn warm_up(self: Arc<Self>) {
        self.discovery.warm_up().await;
    }

    /// The client this app is at the provider.
    pub(super) fn client(&self) -> Result<&ClientConfig, TokenError> {
        self.client.as_ref().ok_or(TokenError::NoCredentials)
    }

    /// The client that gets tokens for the app itself.
    pub(super) fn machine(&self) -> Result<&ClientConfig, TokenError> {
        let machine = self.config.machine.as_ref();
        machine.ok_or(TokenError::NoCredentials)
    }

    /// One call as it stands, never repeated.
    pub(super) async fn send(
        &self,
        request: Request<Vec<u8>>,
        caller: Caller,
    ) -> Result<Response<Vec<u8>>, HttpError> {
        self.http.send(request, caller).await
    }

    /// One call of an endpoint that wants to know who asks, never repeated.
    pub(super) async fn post(
        &self,
        client: &ClientConfig,
        endpoint: &Url,
        params: &[(&str, &str)],
        caller: Caller,
    ) -> Result<Response<Vec<u8>>, TokenError> {
        let request = client_authentication::request(client, endpoint, params)?;
        Ok(self.send(request, caller).await?)
    }

    /// A verdict on a token by the provider's keys; they are fetched anew, once,
    /// when the token's key is not among them.
    pub(super) async fn verify<T>(
        &self,
        sender: Sender,
        verify: impl Fn(&KeySet) -> Result<T, Rejection>,
    ) -> Result<Result<T, Rejection>, ProviderError> {
        self.discovery.with_keys(sender, verify).await
    }

    pub(super) fn expected(&self, now: Seconds) -> TokenExpectations<'_> {
        TokenExpectations {
            issuer: &self.config.issuer,
            alg: self.config.id_token_alg,
            now,
            tolerance: self.tolerance(),
        }
    }
}
