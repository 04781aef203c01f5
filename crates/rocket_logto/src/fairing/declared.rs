//! Permissions that no guard in the signature of a handler names, as the app declares them.

use rocket::{Orbit, Rocket};

use super::LogtoFairing;
use crate::guards::{Permission, declare};

#[derive(Default)]
pub(super) struct Declared(Vec<fn(&Rocket<Orbit>) -> bool>);

impl Declared {
    pub(super) fn add<P: Permission>(&mut self) {
        self.0.push(declare::<P, Orbit>);
    }

    /// Not before: another fairing may manage what an audience is read from.
    pub(super) fn lift_off(&self, rocket: &Rocket<Orbit>) {
        for declare in &self.0 {
            declare(rocket);
        }
    }
}

impl LogtoFairing {
    /// Declares that something in this app demands the permission `P`, so that the metadata of
    /// its API resource name its scopes.
    ///
    /// [`Bearer<P>`](crate::Bearer) in the signature of a handler declares it already. This is
    /// for permissions that are asked for on the way: by
    /// [`Bearer::require`](crate::Bearer::require), or by a guard of your own, which else is met
    /// only when it refuses somebody.
    ///
    /// The metadata (RFC 9728) are at `/.well-known/oauth-protected-resource` and the path of the
    /// resource, such as `/.well-known/oauth-protected-resource/api`: which provider issues
    /// tokens for it, and which scopes there are. A refusal of `Bearer` tells where they are, so
    /// a client finds its way from there. Resources that are no address of the web have none.
    ///
    /// # Network
    ///
    /// None.
    ///
    /// # Standards
    ///
    /// RFC 9728 sections 2, 3.1 and 5.1.
    ///
    /// # Examples
    ///
    /// ```rust,no_run
    /// use rocket_logto::{Logto, Permission, Resource};
    ///
    /// struct Notes;
    /// impl Resource for Notes {
    ///     const INDICATOR: &'static str = "https://notes.your-app.com/mcp";
    /// }
    ///
    /// struct WriteNotes;
    /// impl Permission for WriteNotes {
    ///     type Audience = Notes;
    ///     const SCOPES: &'static [&'static str] = &["notes:write"];
    /// }
    ///
    /// let rocket = rocket::build().attach(Logto::fairing().protects::<WriteNotes>());
    /// ```
    pub fn protects<P: Permission>(mut self) -> LogtoFairing {
        self.declared.add::<P>();
        self
    }
}
