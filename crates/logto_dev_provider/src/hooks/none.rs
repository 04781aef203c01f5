//! The seam of a provider that cannot be made to misbehave.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Map, Value};

use crate::keys::{KeyRing, SigningAlg};
use crate::provider::Provider;
use crate::settings::Settings;
use crate::wire::{Received, Reply};

pub(crate) struct Hooks;

impl Hooks {
    pub(crate) fn new(_: &Settings, _: Arc<Mutex<KeyRing>>) -> Hooks {
        Hooks
    }

    pub(crate) async fn arrive(&self, _: &Received) {}

    pub(crate) fn edit_reply(&self, _: &Provider, _: &Received, _: &mut Reply) {}

    pub(crate) fn edit_authorization_response(&self, _: &mut Vec<(String, String)>) {}

    pub(crate) fn rotates_refresh_tokens(&self) -> Option<bool> {
        None
    }

    pub(crate) fn lifetime(&self) -> Option<Duration> {
        None
    }

    pub(crate) fn signs_in_as(&self) -> Option<String> {
        None
    }

    pub(crate) fn knows_acr_values(&self) -> bool {
        true
    }

    pub(crate) fn logout_tokens_expire(&self) -> bool {
        true
    }

    pub(crate) fn opaque_prefix(&self) -> String {
        String::new()
    }

    pub(crate) fn id_token_alg(&self) -> Option<SigningAlg> {
        None
    }

    pub(crate) fn dpop_nonce(&self) -> Option<String> {
        None
    }

    /// Gives the claims back: they are signed the ordinary way.
    pub(crate) fn sign_jwt(
        &self,
        _: &str,
        claims: Map<String, Value>,
    ) -> Result<String, Map<String, Value>> {
        Err(claims)
    }
}
