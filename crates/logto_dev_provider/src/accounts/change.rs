//! What differs from the seed the provider was started with. Only this is kept: the
//! seed itself stands in `Rocket.toml` or a file, and may have changed by the next start.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::seed::{Seed, SeedUser};

/// All changes, in the order in which users were first changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Changes(Vec<Change>);

/// What has changed of one user. What is `None` has not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    pub(crate) id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) signed_up: Option<Made>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) deleted: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) suspended: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) no_access: Option<bool>,
    /// As the Management API has merged it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) custom_data: Option<Map<String, Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) roles: Option<Vec<String>>,
    /// All memberships: organizations by id, with the roles there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) organizations: Option<BTreeMap<String, Vec<String>>>,
}

/// A user who was made at sign-up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Made {
    pub(crate) username: String,
    pub(crate) name: Option<String>,
    pub(crate) email: Option<String>,
    /// In milliseconds.
    pub(crate) created_at: u64,
}

fn is_false(value: &bool) -> bool {
    !value
}

impl Changes {
    /// Takes note of a change, over earlier ones of the same user.
    pub(crate) fn add(&mut self, change: Change) {
        let Some(index) = self.0.iter().position(|known| known.id == change.id) else {
            self.0.push(change);
            return;
        };
        let known = &mut self.0[index];
        // Nobody in the seed has to be kept out.
        if change.deleted && known.signed_up.is_some() {
            self.0.remove(index);
            return;
        }
        known.deleted |= change.deleted;
        known.signed_up = change.signed_up.or(known.signed_up.take());
        known.suspended = change.suspended.or(known.suspended);
        known.no_access = change.no_access.or(known.no_access);
        known.custom_data = change.custom_data.or(known.custom_data.take());
        known.roles = change.roles.or(known.roles.take());
        known.organizations = change.organizations.or(known.organizations.take());
    }

    /// How many users were made at sign-up.
    pub(crate) fn made(&self) -> usize {
        let made = self.0.iter().filter(|change| change.signed_up.is_some());
        made.count()
    }

    /// Makes all of them again.
    pub(crate) fn apply(&self, seed: &mut Seed) {
        for change in &self.0 {
            change.apply(seed);
        }
    }
}

impl Change {
    /// None yet.
    pub(crate) fn of(id: String) -> Change {
        Change {
            id,
            ..Change::default()
        }
    }

    /// Changes the seed. Of users it no longer has, and of roles that organizations no
    /// longer have, there is nothing to change.
    pub(crate) fn apply(&self, seed: &mut Seed) {
        if let Some(made) = &self.signed_up {
            make(seed, &self.id, made);
        }
        let Some(index) = seed.users.iter().position(|user| user.id == self.id) else {
            return;
        };
        if self.deleted {
            let user = seed.users.remove(index);
            for organization in &mut seed.organizations {
                organization.members.retain(|key, _| !user.is(key));
            }
            return;
        }
        let user = &mut seed.users[index];
        if let Some(suspended) = self.suspended {
            user.suspended = suspended;
        }
        if let Some(no_access) = self.no_access {
            user.no_access = no_access;
        }
        if let Some(custom_data) = &self.custom_data {
            user.custom_data.clone_from(custom_data);
        }
        if let Some(roles) = &self.roles {
            user.roles.clone_from(roles);
        }
        let Some(memberships) = &self.organizations else {
            return;
        };
        for organization in &mut seed.organizations {
            organization.members.retain(|key, _| !user.is(key));
            if let Some(roles) = memberships.get(&organization.id) {
                let known = |role: &&String| organization.roles.contains_key(*role);
                let roles = roles.iter().filter(known).cloned().collect();
                organization.members.insert(user.id.clone(), roles);
            }
        }
    }
}

fn make(seed: &mut Seed, id: &str, made: &Made) {
    let taken = [id, &made.username]
        .into_iter()
        .find(|key| seed.user(key).is_some());
    if let Some(taken) = taken {
        log::warn!(
            "development provider: {taken:?} of the state file is another user of the seed now, \
             and left out"
        );
        return;
    }
    let mut user = SeedUser::new(id);
    user.username = Some(made.username.clone());
    user.name.clone_from(&made.name);
    user.email.clone_from(&made.email);
    user.created_at = made.created_at;
    user.updated_at = Some(made.created_at);
    seed.users.push(user);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dora() -> Change {
        Change {
            signed_up: Some(Made {
                username: "dora".into(),
                name: None,
                email: Some("dora@example.com".into()),
                created_at: 5,
            }),
            ..Change::of("dora8x2k1m0c".into())
        }
    }

    #[test]
    fn changes_add_up_and_are_made_again() {
        let mut changes = Changes::default();
        let mut seed = Seed::default();
        let alice = || Change::of("alice4hy6kz2".into());
        for change in [
            dora(),
            Change {
                suspended: Some(true),
                ..alice()
            },
            Change {
                roles: Some(vec!["reader".into()]),
                organizations: Some([("acme5obvzg01".into(), vec!["member".into()])].into()),
                ..alice()
            },
            Change {
                deleted: true,
                ..Change::of("bob7d4dc6y32".into())
            },
        ] {
            change.apply(&mut seed);
            changes.add(change);
        }
        let mut again = Seed::default();
        changes.apply(&mut again);
        for seed in [&seed, &again] {
            let alice = seed.user("alice").unwrap();
            assert!(alice.suspended);
            assert_eq!(alice.roles, ["reader"]);
            assert_eq!(seed.organizations[0].roles_of(alice).unwrap(), ["member"]);
            assert!(seed.organizations[1].roles_of(alice).is_none());
            assert_eq!(seed.user("dora").unwrap().created_at, 5);
            assert!(seed.user("bob").is_none());
            seed.check().unwrap();
        }
        assert_eq!(changes.made(), 1);
        changes.add(Change {
            deleted: true,
            ..Change::of("dora8x2k1m0c".into())
        });
        assert_eq!(changes.made(), 0);
        assert_eq!(
            changes.0.len(),
            2,
            "nobody of the seed, nothing to remember"
        );
    }

    #[test]
    fn a_seed_that_is_another_one_now_goes_first() {
        let text = "[[users]]\nid = \"x\"\nusername = \"dora\"\n[[organizations]]\nid = \"o\"\n\
            name = \"O\"\nroles = { a = [] }";
        let mut seed = Seed::from_toml(text).unwrap();
        let gone = Change {
            suspended: Some(true),
            ..Change::of("alice4hy6kz2".into())
        };
        let roles = vec!["a".to_owned(), "b".to_owned()];
        let member = Change {
            organizations: Some([("o".into(), roles), ("p".into(), vec![])].into()),
            ..Change::of("x".into())
        };
        for change in [dora(), gone, member] {
            change.apply(&mut seed);
        }
        assert_eq!(seed.users.len(), 1);
        assert_eq!(
            seed.organizations[0].roles_of(&seed.users[0]).unwrap(),
            ["a"]
        );
        seed.check().unwrap();
    }
}
