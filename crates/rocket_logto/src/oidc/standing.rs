//! `Standing`: how this app stands with the provider, as far as calls have shown. Its
//! only owner is [`Provider`](super::provider::Provider). Calls to the provider write
//! it, readiness reads it; a signed-in request does neither.
//!
//! Only what does not depend on anybody's input counts: that the provider does not know
//! the client, or does not take its secret. A code, a refresh token or a bearer token
//! that is no good says nothing about the app.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use openidconnect::http::Response;

use super::answer;
use crate::config::ClientConfig;

/// So long after the last answer nobody has found out whether it is mended. Without
/// readiness no requests may come that would.
const SILENCE: Duration = Duration::from_secs(10);

#[derive(Default)]
pub(super) struct Standing {
    refused: Mutex<Vec<Refused>>,
}

/// A client whose credentials the provider does not take.
struct Refused {
    client_id: String,
    seen: Instant,
}

impl Standing {
    /// Notes what an answer says about the credentials it was asked with. `keys` are
    /// those of the configuration that hold them.
    pub(super) fn note(&self, client: &ClientConfig, keys: &str, response: &Response<Vec<u8>>) {
        let refusal = answer::refusal(response);
        let takes = match &refusal {
            Some(refusal) => refusal.proves_credentials(),
            None => response.status().is_success(),
        };
        let mut refused = self.refused();
        let known = refused
            .iter()
            .position(|other| other.client_id == client.id);
        let refuses = refusal.is_some_and(|refusal| refusal.is_about_credentials());
        match known {
            Some(at) if refuses => refused[at].seen = Instant::now(),
            Some(at) if takes => {
                refused.remove(at);
                log::info!(
                    "logto: ready again: the provider takes the credentials of {:?}",
                    client.id
                );
            }
            None if refuses => {
                log::error!(
                    "logto: not ready: the provider does not take the credentials of {:?}: see \
                     {keys}",
                    client.id
                );
                refused.push(Refused {
                    client_id: client.id.clone(),
                    seen: Instant::now(),
                });
            }
            _ => {}
        }
    }

    /// Whether the provider takes all credentials, as far as is known.
    pub(super) fn is_good(&self) -> bool {
        self.refused().is_empty()
    }

    /// The client to ask for again: nothing was heard for a while. The next answer is
    /// that to this question.
    pub(super) fn to_ask_again(&self) -> Option<String> {
        let mut refused = self.refused();
        let silent = |other: &&mut Refused| other.seen.elapsed() >= SILENCE;
        let other = refused.iter_mut().find(silent)?;
        other.seen = Instant::now();
        Some(other.client_id.clone())
    }

    fn refused(&self) -> MutexGuard<'_, Vec<Refused>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
