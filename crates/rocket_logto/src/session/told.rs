//! Who is told of the begin and the end of a session: the log, the metrics and the app.
//! The lines are those of the guide to operation. They say nothing of who the user is.

use std::borrow::Cow;

use super::manager::SessionManager;
use super::model::Session;
use super::overview::handle;
use crate::hooks::{Ended, SignOutCause};
use crate::measure::{self, SignIn};

impl SessionManager {
    /// Tells of a session that has begun. The app was asked before.
    pub(super) fn tell_signed_in(&self, session: &Session) {
        measure::sign_in(SignIn::Ok);
        let session = handle(&session.id);
        log::info!(
            event = "sign_in", session = session.as_str();
            "logto: signed in, event=sign_in session={session}"
        );
    }

    /// Tells of a session that has ended, and why.
    pub(crate) fn tell_signed_out(
        &self,
        session: &Session,
        cause: SignOutCause,
        reason: Option<String>,
    ) {
        let (why, handle) = (measure::Ended::from(cause), handle(&session.id));
        measure::session_ended(why);
        log::info!(
            event = "sign_out", cause = why.name(), session = handle.as_str();
            "logto: signed out, event=sign_out cause={} session={handle}", why.name()
        );
        let ended = || Ended {
            cause,
            sub: Some(session.unique_sub().into_owned()),
            sid: session.unique_sid().map(Cow::into_owned),
            id_token: Some(session.id_token.clone()),
            data: session.data.clone(),
            reason,
        };
        self.hooks.signed_out(ended, self.config.hook_timeout);
    }

    /// The same of sessions that are not known, but by whose they are.
    pub(crate) fn tell_unknown_signed_out(
        &self,
        sub: Option<&str>,
        sid: Option<&str>,
        cause: SignOutCause,
    ) {
        let why = measure::Ended::from(cause);
        measure::session_ended(why);
        log::info!(
            event = "sign_out", cause = why.name();
            "logto: signed out, event=sign_out cause={}", why.name()
        );
        let ended = || Ended {
            cause,
            sub: sub.map(str::to_owned),
            sid: sid.map(str::to_owned),
            id_token: None,
            data: None,
            reason: None,
        };
        self.hooks.signed_out(ended, self.config.hook_timeout);
    }
}
