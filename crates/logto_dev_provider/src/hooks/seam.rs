//! What the provider asks its hooks while it works.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::sleep;

use super::signing::Signing;
use super::switches::{Hooks, State};
use crate::keys::{ACCESS_TOKEN_TYP, ID_TOKEN_TYP, KeyRing, SigningAlg};
use crate::provider::{Provider, lock};
use crate::settings::Settings;
use crate::wire::{Endpoint, Received, Reply};

/// How many requests are remembered.
const REMEMBERED_REQUESTS: usize = 5_000;

impl Hooks {
    pub(crate) fn new(settings: &Settings, keys: Arc<Mutex<KeyRing>>) -> Hooks {
        Hooks {
            default_alg: settings.signing_alg,
            observer: settings.observer,
            keys,
            unpublished: Mutex::default(),
            requests: Mutex::default(),
            state: Mutex::new(State::default()),
        }
    }

    /// Records a request that arrives at this moment, and waits as long as it
    /// has to.
    pub(crate) fn arrive(&self, request: &Received) -> impl Future<Output = ()> + use<> {
        // Looked up before anybody can see the request, and set the hooks for
        // the next one.
        let (gate, delay) = {
            let state = self.state();
            let gate = state.gates.get(&request.endpoint).cloned();
            (gate, state.delays.get(&request.endpoint).copied())
        };
        {
            let mut requests = lock(&self.requests);
            if requests.len() == REMEMBERED_REQUESTS {
                requests.pop_front();
            }
            requests.push_back(request.clone());
        }
        async move {
            if let Some(mut gate) = gate {
                // Nothing is ever sent: this ends, with an error, when the gate is dropped.
                let _ = gate.changed().await;
            }
            if let Some(delay) = delay {
                sleep(delay).await;
            }
        }
    }

    /// What becomes of an answer before it is sent.
    pub(crate) fn edit_reply(&self, provider: &Provider, request: &Received, reply: &mut Reply) {
        match request.endpoint {
            Endpoint::Jwks => self.edit_key_set(reply),
            Endpoint::UserInfo => self.sign_userinfo_reply(provider, reply),
            _ => {}
        }
        let edit = self.state().replies.get(&request.endpoint).cloned();
        if let Some(edit) = edit {
            edit(request, reply);
        }
        if let Some(observe) = self.observer {
            observe(request, reply);
        }
    }

    fn edit_key_set(&self, reply: &mut Reply) {
        let state = self.state();
        reply.edit_json(|body| {
            let Some(keys) = body["keys"].as_array_mut() else {
                return;
            };
            if state.hide_kid {
                for key in keys.iter_mut().filter_map(Value::as_object_mut) {
                    key.remove("kid");
                }
            }
            keys.splice(0..0, state.published.iter().cloned());
        });
    }

    /// A signed answer says who issued it, and for whom (OpenID Connect Core 5.3.2).
    fn sign_userinfo_reply(&self, provider: &Provider, reply: &mut Reply) {
        let Some((signing, edit)) = self.state().userinfo.clone() else {
            return;
        };
        if reply.status != 200 {
            return;
        }
        let mut claims: Map<String, Value> =
            serde_json::from_slice(&reply.body).unwrap_or_default();
        claims.insert("iss".into(), provider.issuer().into());
        claims.insert("aud".into(), provider.settings.client_id.clone().into());
        let token = self.forge(&signing, ID_TOKEN_TYP, claims, &*edit);
        *reply = Reply::new(200, "application/jwt", token);
    }

    pub(crate) fn edit_authorization_response(&self, params: &mut Vec<(String, String)>) {
        let edit = self.state().authorization_response.clone();
        if let Some(edit) = edit {
            edit(params);
        }
    }

    pub(crate) fn rotates_refresh_tokens(&self) -> Option<bool> {
        self.state().rotate_refresh_tokens
    }

    pub(crate) fn lifetime(&self) -> Option<Duration> {
        self.state().token_lifetime
    }

    pub(crate) fn signs_in_as(&self) -> Option<String> {
        self.state().sign_in_as.clone()
    }

    pub(crate) fn knows_acr_values(&self) -> bool {
        !self.state().ignores_acr_values
    }

    pub(crate) fn logout_tokens_expire(&self) -> bool {
        !self.state().logout_tokens_without_exp
    }

    pub(crate) fn dpop_nonce(&self) -> Option<String> {
        self.state().dpop_nonce.clone()
    }

    pub(crate) fn opaque_prefix(&self) -> String {
        self.state().token_prefix.clone()
    }

    /// The algorithm that the next ID token should be taken to have.
    pub(crate) fn id_token_alg(&self) -> Option<SigningAlg> {
        match self.state().signing {
            Signing::Alg(alg) => Some(alg),
            Signing::Hmac(_) => Some(SigningAlg::Es256),
            _ => None,
        }
    }

    /// A JWT of this `typ`, with its header and claims edited.
    pub(crate) fn sign_jwt(
        &self,
        typ: &str,
        claims: Map<String, Value>,
    ) -> Result<String, Map<String, Value>> {
        let (signing, edit) = {
            let state = self.state();
            match typ {
                ID_TOKEN_TYP => (state.signing.clone(), state.id_token.clone()),
                ACCESS_TOKEN_TYP => (Signing::Key, state.access_token.clone()),
                _ => (Signing::Key, None),
            }
        };
        Ok(self.forge(&signing, typ, claims, |header, claims| {
            if let Some(edit) = edit {
                edit(header, claims);
            }
        }))
    }
}
