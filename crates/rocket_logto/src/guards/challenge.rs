//! What an API demands of the user's authentication, turned into a sign-in.

use super::user::User;
use crate::clock::Seconds;
use crate::error::{Error, ErrorKind};
use crate::oidc::authentication::RequestedAuthentication;
use crate::oidc::challenge::StepUpChallenge;
use crate::oidc::failure::unmet;
use crate::session::ActiveSession;

/// In seconds. Who comes back from a sign-in calls the API at once, with a token that can be
/// no better: a browser that goes in circles does not take as long.
const JUST_SIGNED_IN: u32 = 10;

impl<C> User<C> {
    /// The error for an API which has refused the user's token by this `challenge`: as the
    /// answer of a handler it sends a page to a sign-in with what the API demands, and back; a
    /// program gets a 401 with `acr_values` and `max_age`. The new session has new tokens: none
    /// of those that the API has refused is used again.
    ///
    /// It does not go in circles. Where the user has just signed in, as the challenge demands,
    /// and the API is not content all the same, the answer is a page, or 403 JSON
    /// ([`ErrorKind::UnmetAuthentication`]), and the log says what the provider has said of the
    /// authentication.
    ///
    /// # Network
    ///
    /// None.
    ///
    /// # Standards
    ///
    /// RFC 9470 sections 3 and 4.
    ///
    /// # Examples
    ///
    /// See [`StepUpChallenge`].
    #[must_use = "return it from the handler"]
    pub fn step_up(&self, challenge: &StepUpChallenge) -> Error {
        step_up(self.active(), challenge)
    }
}

/// The same for a session at hand.
pub(crate) fn step_up(active: &ActiveSession, challenge: &StepUpChallenge) -> Error {
    let demanded = challenge.demanded();
    let params = demanded.params();
    // However short the time that the API allows: a new sign-in would be no sooner.
    let soon = RequestedAuthentication {
        max_age: demanded.max_age.map(|seconds| seconds.max(JUST_SIGNED_IN)),
        ..demanded.clone()
    };
    if active.age() < Seconds::from(JUST_SIGNED_IN) && active.satisfies(&soon) {
        let error = Error::new(ErrorKind::UnmetAuthentication, "api_is_not_content");
        let facts = format!(
            "the user has just signed in so, and the API refuses the token all the same: of the \
             authentication {}. Do the provider's access tokens carry acr and auth_time?",
            active.session().authenticated.told()
        );
        return unmet(error, demanded).with_facts(facts);
    }
    if !active.satisfies(demanded) {
        return Error::insufficient_authentication().asking(params);
    }
    // The session would do here, so without it nobody would be asked.
    let again = ("prompt", "login".to_owned());
    Error::insufficient_authentication().asking(params.chain([again]))
}
