//! What becomes of users while the provider runs: they sign up, are suspended and
//! deleted, get other roles. The control page, the methods of
//! [`DevProvider`](crate::DevProvider) and the sign-up form all end up here.

mod change;
mod sign_up;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::provider::{Provider, lock};
use crate::seed::SeedUser;
use crate::webhooks::{Call, members};
use crate::{backchannel, management};

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
    /// of it by a webhook only.
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
        if let Some(id) = &found {
            self.tell_of_user(
                "User.SuspensionStatus.Updated",
                ("PATCH", "/users/:userId/is-suspended"),
                id,
            );
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
        let id = self.change(user, change)?;
        let route = ("PATCH", "/users/:userId/custom-data");
        self.tell_of_user("User.Data.Updated", route, &id);
        Some(merged)
    }

    /// As with a suspension, but for good.
    pub(crate) fn delete_user(&self, user: &str) -> bool {
        let deletion = |id| Change {
            deleted: true,
            ..Change::of(id)
        };
        let before = self.seed().user(user).map(management::user);
        let found = self.change(user, deletion);
        if let Some(id) = &found {
            self.store().forget_user(id);
            self.keep_sessions();
            let call = Call {
                method: "DELETE",
                route: "/users/:userId",
                user: id,
                status: 204,
                data: before.unwrap_or_default(),
            };
            self.tell("User.Deleted", call.message());
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
        let before = self.memberships(user);
        let Some(id) = self.change(user, change) else {
            return false;
        };
        // Who has which role is no event at Logto, only who is a member of what.
        let after = self.memberships(&id);
        for organization in before.symmetric_difference(&after) {
            let list = match after.contains(organization) {
                true => "addedUserIds",
                false => "removedUserIds",
            };
            let message = json!({ "organizationId": organization, list: [id] });
            self.tell("Organization.Membership.Updated", members(message));
        }
        true
    }

    /// The ids of the organizations that a user is a member of.
    fn memberships(&self, user: &str) -> BTreeSet<String> {
        let seed = self.seed();
        let Some(user) = seed.user(user) else {
            return BTreeSet::new();
        };
        let organizations = seed.organizations_of(user).into_iter();
        organizations.map(|found| found.id.clone()).collect()
    }

    /// Changes what Logto calls the data of a user. It is not kept across restarts.
    pub(crate) fn edit_user(&self, user: &str, edit: impl FnOnce(&mut SeedUser)) -> bool {
        let id = {
            let now = self.now() * 1000;
            let mut seed = self.seed_mut();
            let Some(user) = seed.user_mut(user) else {
                return false;
            };
            edit(user);
            user.updated_at = Some(now);
            user.id.clone()
        };
        self.tell_of_user("User.Data.Updated", ("PATCH", "/users/:userId"), &id);
        true
    }

    fn tell_of_user(&self, event: &str, (method, route): (&str, &str), id: &str) {
        let data = self.seed().user(id).map(management::user);
        let call = Call {
            method,
            route,
            user: id,
            status: 200,
            data: data.unwrap_or_default(),
        };
        self.tell(event, call.message());
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
