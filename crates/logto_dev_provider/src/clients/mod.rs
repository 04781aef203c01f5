//! Who may sign users in: the application of the settings, and clients that nobody has
//! registered by hand. Those describe themselves, by a document at their client id or by
//! dynamic registration, and are somebody else's: their users are asked for consent.

mod document;
mod fetch;
mod metadata;
mod redirect_uris;
mod registration;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use crate::oidc_error::OidcError;
use crate::provider::Provider;
use metadata::{AuthMethod, ClientMetadata};

pub(crate) use document::{Documents, is_document_url, look_up};
pub(crate) use registration::register;

/// Registered clients and fetched documents; the oldest are forgotten.
pub(crate) const THIRD_PARTIES_MAX: usize = 100;

/// A client that signs users in.
#[derive(Clone, Debug)]
pub(crate) enum Client {
    /// The one of the settings.
    App,
    /// Somebody else's.
    ThirdParty(Arc<ThirdParty>),
}

/// A client that has described itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ThirdParty {
    id: String,
    secret: Option<String>,
    metadata: ClientMetadata,
}

impl Provider {
    /// The client with this id. A document must have been [looked up](look_up) before.
    pub(crate) fn client(&self, id: &str) -> Result<Client, OidcError> {
        if id == self.settings.client_id {
            return Ok(Client::App);
        }
        if is_document_url(id) {
            let client = self.documents.client(id);
            return client.map(Client::ThirdParty).map_err(|why| {
                let description = format!("the client's document cannot be used: {why}");
                OidcError::new(400, "invalid_client", &description)
            });
        }
        let registered = self.store().registered_clients.get(id).cloned();
        let client = registered.ok_or_else(|| OidcError::unknown_client(id))?;
        Ok(Client::ThirdParty(Arc::new(client)))
    }
}

impl Client {
    fn third_party(&self) -> Option<&ThirdParty> {
        match self {
            Client::App => None,
            Client::ThirdParty(client) => Some(client),
        }
    }

    pub(crate) fn is_third_party(&self) -> bool {
        self.third_party().is_some()
    }

    pub(crate) fn id<'a>(&'a self, provider: &'a Provider) -> &'a str {
        let id = self.third_party().map(|client| client.id.as_str());
        id.unwrap_or(&provider.settings.client_id)
    }

    pub(crate) fn secret(&self, provider: &Provider) -> Option<String> {
        match self.third_party() {
            None => provider.settings.client_secret.clone(),
            Some(client) => client.secret.clone(),
        }
    }

    /// Its public keys, as JWKs.
    pub(crate) fn keys(&self, provider: &Provider) -> Vec<Value> {
        match self.third_party() {
            None => provider.settings.client_jwks.clone(),
            Some(client) => client.metadata.jwks.clone(),
        }
    }

    /// Whether it has nothing to prove itself with.
    pub(crate) fn is_public(&self, provider: &Provider) -> bool {
        match self.third_party() {
            None => provider.settings.is_public(),
            Some(client) => client.metadata.auth_method == AuthMethod::None,
        }
    }

    /// Public clients must use PKCE (RFC 9700, section 2.1.1), and all of OAuth 2.1's.
    pub(crate) fn needs_pkce(&self, provider: &Provider) -> bool {
        self.is_third_party() || provider.settings.is_public()
    }

    /// Whether it is registered for the refresh token grant.
    pub(crate) fn may_refresh(&self) -> bool {
        let third_party = self.third_party();
        third_party.is_none_or(|client| client.metadata.may_refresh())
    }

    /// Whether it may ask for this scope: those it has declared, if it has. Whether there
    /// are refresh tokens is said by its grant types.
    pub(crate) fn may_ask_for(&self, scope: &str) -> bool {
        let declared = self.third_party().map(|client| &client.metadata.scopes);
        let is_declared = |scopes: &Vec<String>| scopes.iter().any(|known| known == scope);
        let always = ["openid", "offline_access"].contains(&scope);
        always || declared.is_none_or(|scopes| scopes.as_ref().is_none_or(is_declared))
    }

    /// Whether a user may be sent back to this address after a sign-in.
    pub(crate) fn takes_redirect_uri(&self, provider: &Provider, uri: &str) -> bool {
        match self.third_party() {
            None => provider.takes_redirect_uri(uri),
            Some(client) => {
                let mut registered = client.metadata.redirect_uris.iter();
                registered.any(|known| redirect_uris::is_same(known, uri))
            }
        }
    }

    /// Whether the browser may be sent to this address after a sign-out.
    pub(crate) fn takes_post_logout_redirect_uri(&self, provider: &Provider, uri: &str) -> bool {
        match self.third_party() {
            None => provider.takes_post_logout_redirect_uri(uri),
            Some(client) => {
                let mut registered = client.metadata.post_logout_redirect_uris.iter();
                registered.any(|known| redirect_uris::is_same(known, uri))
            }
        }
    }

    /// The redirect URIs it has named itself.
    pub(crate) fn own_redirect_uris(&self) -> &[String] {
        let client = self.third_party();
        client.map_or(&[], |client| &client.metadata.redirect_uris)
    }

    /// What it calls itself.
    pub(crate) fn name(&self) -> Option<&str> {
        self.third_party()?.metadata.name.as_deref()
    }

    /// The host of the document that describes it: all that is known for certain. With the
    /// port, where one is written.
    pub(crate) fn host(&self) -> Option<String> {
        let id = &self.third_party()?.id;
        let url = Url::parse(id).ok().filter(|_| is_document_url(id))?;
        let host = url.host_str()?;
        Some(match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        })
    }
}
