//! Who and what exists at the provider: users, machines, organizations and API
//! resources. The built-in seed is the file `seed.toml` beside this one.

mod check;
mod lookup;
mod types;

use serde::Deserialize;

use crate::error::SeedError;

pub use types::{SeedAddress, SeedMachine, SeedOrganization, SeedProfile, SeedResource, SeedUser};

const BUILT_IN: &str = include_str!("seed.toml");

/// Everything the provider starts with.
///
/// ```
/// use logto_dev_provider::Seed;
///
/// let seed = Seed::from_toml(r#"
///     [[users]]
///     id = "dora8x2k1m0c"
///     username = "dora"
///     name = "Dora Example"
///     email = "dora@example.com"
///     roles = ["shopper"]
/// "#)?;
/// assert_eq!(seed.user("dora").unwrap().id, "dora8x2k1m0c");
/// # Ok::<(), logto_dev_provider::SeedError>(())
/// ```
///
/// It can be deserialized from any format. A list that is left out is the
/// built-in one, without members of organizations who are not there.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "Lists")]
#[non_exhaustive]
pub struct Seed {
    /// The users, in the order of the sign-in page.
    pub users: Vec<SeedUser>,
    /// The applications that call APIs in their own name.
    pub machines: Vec<SeedMachine>,
    /// The organizations, their roles and members.
    pub organizations: Vec<SeedOrganization>,
    /// The API resources, their scopes and the roles that give them.
    pub resources: Vec<SeedResource>,
}

/// A seed as it is written.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Lists {
    users: Option<Vec<SeedUser>>,
    machines: Option<Vec<SeedMachine>>,
    organizations: Option<Vec<SeedOrganization>>,
    resources: Option<Vec<SeedResource>>,
}

impl Default for Seed {
    /// The built-in seed: Alice has everything, Bob next to nothing, and Zoë a
    /// name that needs escaping.
    fn default() -> Seed {
        Lists::default().into()
    }
}

impl Seed {
    /// The built-in seed as TOML, with comments: something to start from.
    pub fn built_in_toml() -> &'static str {
        BUILT_IN
    }

    /// Reads a seed. Its format is that of [`Seed::built_in_toml`].
    ///
    /// # Errors
    ///
    /// When it is not TOML, has a key that is not known, or names users,
    /// machines or roles that do not exist. The error says where and what to
    /// write.
    pub fn from_toml(text: &str) -> Result<Seed, SeedError> {
        let seed: Seed = toml::from_str(text).map_err(|error| {
            let text = error.to_string();
            SeedError::new(text.trim_end())
        })?;
        seed.check()?;
        Ok(seed)
    }
}

impl From<Lists> for Seed {
    fn from(lists: Lists) -> Seed {
        let built_in = built_in();
        let mut seed = Seed {
            users: lists.users.or(built_in.users).unwrap_or_default(),
            machines: lists.machines.or(built_in.machines).unwrap_or_default(),
            organizations: Vec::new(),
            resources: lists.resources.or(built_in.resources).unwrap_or_default(),
        };
        let mut organizations = built_in.organizations.unwrap_or_default();
        for organization in &mut organizations {
            organization
                .members
                .retain(|user, _| seed.user(user).is_some());
            organization
                .machines
                .retain(|id, _| seed.machine(id).is_some());
        }
        seed.organizations = lists.organizations.unwrap_or(organizations);
        seed
    }
}

fn built_in() -> Lists {
    toml::from_str(BUILT_IN).unwrap_or_else(|error| {
        log::error!("development provider: the built-in seed cannot be read: {error}");
        Lists::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_seed_fits_together() {
        let lists: Lists = toml::from_str(BUILT_IN).unwrap();
        assert_eq!(lists.users.unwrap().len(), 3);
        assert_eq!(lists.machines.unwrap().len(), 1);
        assert_eq!(lists.organizations.unwrap().len(), 2);
        assert_eq!(lists.resources.unwrap().len(), 2);
        Seed::default().check().unwrap();
    }

    #[test]
    fn a_list_that_is_left_out_is_the_built_in_one() {
        let seed = Seed::from_toml("[[users]]\nid = \"x\"").unwrap();
        assert_eq!((seed.users.len(), seed.organizations.len()), (1, 2));
        assert!(seed.organizations.iter().all(|o| o.members.is_empty()));
        assert!(!seed.organizations[0].machines.is_empty());
        let seed = Seed::from_toml("machines = []").unwrap();
        assert!(seed.organizations[0].machines.is_empty());
        assert!(!seed.organizations[0].members.is_empty());
    }

    #[test]
    fn a_wrong_seed_says_where_and_what_to_write() {
        let organization = "[[organizations]]\nid = \"o\"\nname = \"O\"\nroles = { a = [] }\n";
        for (text, words) in [
            ("user = []", ["unknown field `user`", "`users`"]),
            ("users = []", ["`users` is empty", "at least one"]),
            ("[[users]]\nname = \"x\"", ["line 1", "missing field `id`"]),
            ("[[users]]\nid = 1", ["line 2", "expected a string"]),
            (
                "[[users]]\nid = \"x\"\n[[users]]\nid = \"y\"\nusername = \"x\"",
                ["two users", "\"x\""],
            ),
            (
                "[[machines]]\nid = \"m\"\nsecret = \"\"\n[[machines]]\nid = \"m\"\nsecret = \"\"",
                ["two machines", "\"m\""],
            ),
            (
                &format!("{organization}members = {{ nobody = [] }}"),
                [
                    "`members` of organization \"o\"",
                    "id or username of one of the `users`",
                ],
            ),
            (
                &format!("{organization}machines = {{ robot = [] }}"),
                ["there is no \"robot\"", "one of the `machines`"],
            ),
            (
                &format!("{organization}members = {{ alice = [\"b\"] }}"),
                ["the role \"b\"", "write one of [\"a\"]"],
            ),
        ] {
            let error = Seed::from_toml(text).unwrap_err().to_string();
            for word in words {
                assert!(error.contains(word), "{text}\n{error}");
            }
        }
    }
}
