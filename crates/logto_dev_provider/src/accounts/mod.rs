//! What becomes of users while the provider runs: they sign up, are suspended and
//! deleted, get other roles. The control page, the methods of
//! [`DevProvider`](crate::DevProvider) and the sign-up form all end up here.

mod change;
mod sign_up;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::backchannel;
use crate::provider::{Provider, lock};

pub(crate) use change::{Change, Changes, Made};
pub(crate) use sign_up::{Refused, SignUp, USERS_MAX};

impl Provider {
    /// Changes a user (id or username), and keeps it where it is to be kept. Gives the
    /// user's id; `None` when there is no such user.
    fn change(&self, user: &str, change: impl FnOnce(String) -> Change) -> Option<String> {
        let mut changes = lock(&self.changes);
        let id = {
            let mut seed = self.seed_mut();
            let id = seed.user(user)?.id.clone();
            let change = change(id.clone());
            change.apply(&mut seed);
            changes.add(change);
            id
        };
        self.keep(&changes);
        Some(id)
    }

    /// Logto ends the sessions and tokens of whom it suspends, and tells the application
    /// nothing of it, but by a webhook.
    pub(crate) fn suspend(&self, user: &str, suspended: bool) -> bool {
        let suspension = |id| Change {
            suspended: Some(suspended),
            ..Change::of(id)
        };
        let found = self.change(user, suspension);
        if let Some(id) = found.as_deref().filter(|_| suspended) {
            self.store().forget_user(id);
            self.keep_sessions();
        }
        found.is_some()
    }

    /// Opens the application to a user, or closes it. As at Logto nobody is told, and what
    /// was issued before stays good.
    pub(crate) fn set_access(&self, user: &str, has_access: bool) -> bool {
        let change = |id| Change {
            no_access: Some(!has_access),
            ..Change::of(id)
        };
        self.change(user, change).is_some()
    }

    /// Merges members into the custom data of a user, and gives the result.
    pub(crate) fn merge_custom_data(
        &self,
        user: &str,
        members: Map<String, Value>,
    ) -> Option<Map<String, Value>> {
        let mut merged = self.seed().user(user)?.custom_data.clone();
        merged.extend(members);
        let change = |id| Change {
            custom_data: Some(merged.clone()),
            ..Change::of(id)
        };
        self.change(user, change).map(|_| merged)
    }

    /// As with a suspension, but for good.
    pub(crate) fn delete_user(&self, user: &str) -> bool {
        let deletion = |id| Change {
            deleted: true,
            ..Change::of(id)
        };
        let found = self.change(user, deletion);
        if let Some(id) = &found {
            self.store().forget_user(id);
            self.keep_sessions();
        }
        found.is_some()
    }

    /// Gives a user exactly these roles, and these memberships with their roles.
    pub(crate) fn set_roles(
        &self,
        user: &str,
        roles: Vec<String>,
        organizations: BTreeMap<String, Vec<String>>,
    ) -> bool {
        let change = |id| Change {
            roles: Some(roles),
            organizations: Some(organizations),
            ..Change::of(id)
        };
        self.change(user, change).is_some()
    }

    /// Ends the sessions a user (id or username) has here, as if they had signed out in
    /// each browser, and tells the application.
    pub(crate) fn end_sessions_of(&self, user: &str) -> bool {
        let Some(id) = self.seed().user(user).map(|user| user.id.clone()) else {
            return false;
        };
        {
            let mut store = self.store();
            let of_user = store.sessions.keys_where(|session| session.user == id);
            for session in of_user {
                store.end_session(&session);
            }
        }
        self.keep_sessions();
        backchannel::notify(self, &id, None);
        true
    }
}
