//! `Provider`: the connection to the provider. It owns the HTTP client, the metadata
//! and keys, and the clients that this app is registered as; every call goes through
//! it. `ServiceClient` and `OidcClient` say what to ask for.

use std::sync::Arc;

use openidconnect::AccessToken;
use openidconnect::http::{HeaderValue, Request, Response, header};
use url::Url;

use super::authentication::Measure;
use super::discovery::{Discovery, Sender};
use super::dpop::{self, ProofKey, Prover};
use super::error::{ProviderError, Sent, TokenError};
use super::http::{Caller, HttpClient, HttpError};
use super::metadata::Metadata;
use super::standing::Standing;
use super::verify::{AccessExpectations, KeySet, Refused, Rejection, TokenExpectations};
use super::{answer, client_authentication};
use crate::clock::{Clock, Seconds, seconds};
use crate::config::{ClientConfig, ProviderConfig};
use crate::measure::Endpoint;

/// Why nobody can sign in.
pub(crate) struct Unready {
    /// Somebody has to change something.
    pub is_lasting: bool,
    /// For the log and for programs.
    pub reason: &'static str,
}

pub(crate) struct Provider {
    config: ProviderConfig,
    client: Option<ClientConfig>,
    http: Arc<HttpClient>,
    clock: Clock,
    discovery: Arc<Discovery>,
    standing: Standing,
    prover: Prover,
}

/// A token as it is shown to whom it is for.
#[derive(Clone, Copy)]
pub(crate) struct Credential<'a> {
    pub token: &'a AccessToken,
    /// The key that it is bound to.
    pub key: Option<&'a ProofKey>,
}

impl Provider {
    pub(super) fn new(
        config: ProviderConfig,
        client: Option<ClientConfig>,
        prover: Prover,
        clock: Clock,
    ) -> Result<Provider, reqwest::Error> {
        let http = Arc::new(HttpClient::new(&config)?);
        Ok(Provider {
            discovery: Arc::new(Discovery::new(&config, http.clone())),
            http,
            clock,
            config,
            client,
            standing: Standing::default(),
            prover,
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

    /// The keys that this app proves to have.
    pub(crate) fn prover(&self) -> &Prover {
        &self.prover
    }

    /// The key to prove possession of in a request for tokens to the provider of this
    /// metadata. `None` where no proof is sent.
    pub(super) fn proof_key(
        &self,
        metadata: &Metadata,
    ) -> Result<Option<&Arc<ProofKey>>, TokenError> {
        let proves = self.prover.proves_to(metadata);
        let proves = proves.map_err(|error| TokenError::SetUp(error.to_string()))?;
        Ok(self.prover.keys().current().filter(|_| proves))
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
        endpoint: Endpoint,
        request: Request<Vec<u8>>,
        caller: Caller,
    ) -> Result<Response<Vec<u8>>, HttpError> {
        self.http.send(endpoint, request, caller).await
    }

    /// Makes one call to an endpoint of this provider that requires client
    /// authentication, never repeated.
    pub(super) async fn post(
        &self,
        client: &ClientConfig,
        metadata: &Metadata,
        (endpoint, url): (Endpoint, &Url),
        params: &[(&str, &str)],
        caller: Caller,
    ) -> Result<Response<Vec<u8>>, TokenError> {
        let request = self.authenticated(client, metadata, url, params)?;
        let response = self.send(endpoint, request, caller).await?;
        self.prover.note(url, &response);
        Ok(self.noted(client, params, response))
    }

    /// The same, with a proof of possession of `key`. Where the provider wants a nonce in it,
    /// and gives one, there is a second call: it has looked at nothing else of the first, so
    /// a code in it is not used up (RFC 9449 section 8).
    pub(super) async fn post_proving(
        &self,
        key: &ProofKey,
        client: &ClientConfig,
        metadata: &Metadata,
        (endpoint, url): (Endpoint, &Url),
        params: &[(&str, &str)],
        caller: Caller,
    ) -> Result<Response<Vec<u8>>, TokenError> {
        let mut is_second = false;
        loop {
            let mut request = self.authenticated(client, metadata, url, params)?;
            self.add_proof(&mut request, key, None)?;
            let response = self.send(endpoint, request, caller).await?;
            let has_nonce = self.prover.note(url, &response);
            if dpop::asks_for_nonce(&response) {
                if has_nonce && !is_second {
                    is_second = true;
                    continue;
                }
                return Err(nonce_refused());
            }
            let response = self.noted(client, params, response);
            return match answer::refusal(&response) {
                // It is about the app, and would else be taken for one about the user.
                Some(body) if body.error == "invalid_dpop_proof" => {
                    Err(proof_refused(body.message().as_deref()))
                }
                _ => Ok(response),
            };
        }
    }

    /// Makes one call with a token, and a second one where a nonce is demanded first (RFC 9449
    /// section 9).
    pub(super) async fn send_with(
        &self,
        endpoint: Endpoint,
        request: Request<Vec<u8>>,
        Credential { token, key }: Credential<'_>,
        caller: Caller,
    ) -> Result<Response<Vec<u8>>, TokenError> {
        let url = Url::parse(&request.uri().to_string());
        let mut is_second = false;
        loop {
            let mut request = request.clone();
            let scheme = if key.is_some() { "DPoP" } else { "Bearer" };
            let value = HeaderValue::try_from(format!("{scheme} {}", token.secret()));
            let mut value = value
                .map_err(|_| TokenError::Malformed("the access token fits no header".into()))?;
            value.set_sensitive(true);
            request.headers_mut().insert(header::AUTHORIZATION, value);
            let (Some(key), Ok(url)) = (key, &url) else {
                return Ok(self.send(endpoint, request, caller).await?);
            };
            self.add_proof(&mut request, key, Some(token.secret()))?;
            let response = self.send(endpoint, request, caller).await?;
            let has_nonce = self.prover.note(url, &response);
            match dpop::asks_for_nonce(&response) {
                true if has_nonce && !is_second => is_second = true,
                true => return Err(nonce_refused()),
                false => return Ok(response),
            }
        }
    }

    fn add_proof(
        &self,
        request: &mut Request<Vec<u8>>,
        key: &ProofKey,
        token: Option<&str>,
    ) -> Result<(), TokenError> {
        let proof = self.prover.prove(key, request, token);
        let proof = proof.and_then(|proof| HeaderValue::try_from(proof).ok());
        let proof = proof.ok_or_else(|| TokenError::Malformed("no proof can be made".into()))?;
        request.headers_mut().insert("dpop", proof);
        Ok(())
    }

    fn authenticated(
        &self,
        client: &ClientConfig,
        metadata: &Metadata,
        url: &Url,
        params: &[(&str, &str)],
    ) -> Result<Request<Vec<u8>>, TokenError> {
        let now = (self.clock)() + self.config.ahead();
        client_authentication::request(client, metadata, url, params, now)
    }

    /// With what was sent, and what it says about the client.
    fn noted(
        &self,
        client: &ClientConfig,
        params: &[(&str, &str)],
        mut response: Response<Vec<u8>>,
    ) -> Response<Vec<u8>> {
        let own = [("client_id", client.id.as_str())];
        let sent = Sent::new(own.into_iter().chain(params.iter().copied()));
        let secret = client.secret().map(|secret| secret.secret());
        response.extensions_mut().insert(sent.with_secret(secret));
        self.standing.note(client, self.keys_of(client), &response);
        response
    }

    /// The keys that hold the credentials of one of this app's clients.
    fn keys_of(&self, client: &ClientConfig) -> &'static str {
        let is = |other: &Option<ClientConfig>| other.as_ref().is_some_and(|o| o.id == client.id);
        match is(&self.config.machine) && !is(&self.client) {
            true => "logto.machine.app_id and logto.machine.app_secret",
            false => "logto.app_id, logto.app_secret and logto.token_endpoint_auth_method",
        }
    }

    /// Whether users can sign in and callers can be verified, as far as is known.
    /// Waits for no call to the provider; what may be mended by now is asked for in the
    /// background, which the next answer here shows.
    pub(crate) fn readiness(self: &Arc<Self>) -> Result<(), Unready> {
        self.discovery.readiness()?;
        if let Some(client_id) = self.standing.to_ask_again() {
            rocket::tokio::spawn(self.clone().ask_again(client_id));
        }
        match self.standing.is_good() {
            true => Ok(()),
            false => Err(Unready {
                is_lasting: true,
                reason: "invalid_client",
            }),
        }
    }

    /// Asks whether the provider takes a client's credentials now. With them right,
    /// the answer is that there is no such refresh token.
    async fn ask_again(self: Arc<Self>, client_id: String) {
        let clients = [&self.client, &self.config.machine];
        let mut clients = clients.into_iter().flatten();
        let client = clients.find(|client| client.id == client_id);
        if let (Some(client), Some(metadata)) = (client, self.metadata_if_loaded()) {
            let token = openidconnect::CsrfToken::new_random();
            let params = [
                ("grant_type", "refresh_token"),
                ("refresh_token", token.secret().as_str()),
            ];
            let endpoint = (Endpoint::Token, &metadata.token_endpoint);
            let _ = self
                .post(client, &metadata, endpoint, &params, Caller::Stranger)
                .await;
        }
    }

    /// Verifies a token by the provider's keys, which are fetched again, once, when
    /// the token's key is not among them.
    pub(super) async fn verify<T>(
        &self,
        sender: Sender,
        token: &str,
        verify: impl Fn(&KeySet) -> Result<T, Rejection>,
    ) -> Result<Result<T, Refused>, ProviderError> {
        self.discovery.with_keys(sender, token, verify).await
    }

    pub(super) fn expected_access(&self, now: Seconds) -> AccessExpectations<'_> {
        AccessExpectations {
            token: self.expected(now),
            clients_without_audience: &self.config.clients_without_audience,
            takes_id_tokens: self.config.bearer_takes_id_tokens,
        }
    }

    pub(super) fn measure(&self, now: Seconds) -> Measure<'_> {
        Measure {
            now,
            tolerance: self.tolerance(),
            acr_order: &self.config.acr_order,
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

fn nonce_refused() -> TokenError {
    TokenError::Malformed(
        "use_dpop_nonce: the provider demands a nonce that it does not give, or does not take the \
         one it has given"
            .into(),
    )
}

fn proof_refused(said: Option<&str>) -> TokenError {
    let said = said.map_or_else(String::new, |said| format!(" ({said})"));
    TokenError::SetUp(format!(
        "invalid_dpop_proof: the provider does not take this app's proof{said}: see logto.dpop, and \
         whether the clocks agree"
    ))
}
