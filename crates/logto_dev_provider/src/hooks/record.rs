//! What tests read of a provider, beside what any client can see.

use serde_json::{Map, Value};

use super::switches::Hooks;
use crate::DevProvider;
use crate::backchannel;
use crate::provider::lock;
use crate::wire::{Endpoint, Received};

#[doc(hidden)]
impl DevProvider {
    /// Switches that make it misbehave.
    pub fn hooks(&self) -> &Hooks {
        &self.provider.hooks
    }

    /// All requests received so far, oldest first; the last few thousand of them.
    pub fn requests(&self) -> Vec<Received> {
        lock(&self.hooks().requests).iter().cloned().collect()
    }

    /// The requests received so far at one endpoint.
    pub fn requests_to(&self, endpoint: Endpoint) -> Vec<Received> {
        let requests = lock(&self.hooks().requests);
        let found = requests
            .iter()
            .filter(|request| request.endpoint == endpoint);
        found.cloned().collect()
    }

    /// Forgets the requests received so far.
    pub fn clear_requests(&self) {
        lock(&self.hooks().requests).clear();
    }

    /// The claims of a right logout token for this client (Back-Channel Logout
    /// 1.0, section 2.4), to be signed or missigned by [`Hooks::forge`] as
    /// `logout+jwt`.
    pub fn logout_claims(&self, sub: Option<&str>, sid: Option<&str>) -> Map<String, Value> {
        backchannel::claims(&self.provider, sub, sid)
    }
}
