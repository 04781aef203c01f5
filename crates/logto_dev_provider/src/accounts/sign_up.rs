//! Who signs up: what Logto takes for a user name, and how many there may be.

use serde_json::json;

use super::{Change, Made};
use crate::crypto::random_id;
use crate::management;
use crate::provider::{Provider, lock};
use crate::seed::{Seed, SeedUser};
use crate::webhooks::members;
use crate::wire::Received;

/// How many users can be made at sign-up: nobody fills the memory.
pub(crate) const USERS_MAX: usize = 1000;

/// The longest of Logto's columns for these.
const LONGEST: usize = 128;

/// The form, as it was sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct SignUp {
    pub(crate) username: String,
    pub(crate) name: String,
    pub(crate) email: String,
}

/// Why nobody was made.
#[derive(Debug)]
pub(crate) enum Refused {
    /// What is wrong with which field.
    Fields(Vec<(&'static str, String)>),
    /// There are [`USERS_MAX`] already.
    Full,
}

impl SignUp {
    pub(crate) fn of(request: &Received) -> SignUp {
        let text = |name| {
            let text = request.form_value(name).unwrap_or_default();
            text.trim().to_owned()
        };
        SignUp {
            username: text("username"),
            name: text("name"),
            email: text("email"),
        }
    }

    /// With what the application has said of the user in `login_hint`.
    pub(crate) fn hinted(hint: Option<&str>) -> SignUp {
        let hint = hint.unwrap_or_default().to_owned();
        match hint.contains('@') {
            true => SignUp {
                email: hint,
                ..SignUp::default()
            },
            false => SignUp {
                username: hint,
                ..SignUp::default()
            },
        }
    }

    fn check(&self, seed: &Seed) -> Vec<(&'static str, String)> {
        let username = username(&self.username).map(str::to_owned).or_else(|| {
            let taken = seed.user(&self.username)?;
            Some(format!("{} has this user name already.", taken.label()))
        });
        let name = text(&self.name).map(str::to_owned);
        let email = email(&self.email).map(str::to_owned).or_else(|| {
            let has = |user: &&SeedUser| {
                let known = user.email.as_deref().filter(|known| !known.is_empty());
                known.is_some_and(|known| known.eq_ignore_ascii_case(&self.email))
            };
            let taken = seed.users.iter().find(has)?;
            Some(format!("{} has this address already.", taken.label()))
        });
        let wrong = [("username", username), ("name", name), ("email", email)];
        let wrong = wrong.into_iter();
        wrong
            .filter_map(|(field, why)| Some((field, why?)))
            .collect()
    }
}

/// Logto's `^[A-Z_a-z]\w*$`.
fn username(text: &str) -> Option<&'static str> {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if text.is_empty() {
        Some("Write a user name.")
    } else if text.len() > LONGEST {
        Some("At most 128 characters.")
    } else if text.starts_with(|c: char| c.is_ascii_digit()) {
        Some("It cannot begin with a digit.")
    } else if !text.chars().all(part) {
        Some("Only the letters a to z, digits and _, as at Logto.")
    } else {
        None
    }
}

fn text(text: &str) -> Option<&'static str> {
    if text.chars().count() > LONGEST {
        Some("At most 128 characters.")
    } else if text.chars().any(char::is_control) {
        Some("It holds a control character.")
    } else {
        None
    }
}

/// Logto's `^\S+@\S+\.\S+$`.
fn email(email: &str) -> Option<&'static str> {
    let is_one = email.split_once('@').is_some_and(|(local, domain)| {
        let dot = domain.char_indices().any(|(index, c)| {
            let is_inside = index > 0 && index + 1 < domain.len();
            c == '.' && is_inside
        });
        !local.is_empty() && dot && !email.contains(char::is_whitespace)
    });
    match email.is_empty() || is_one {
        true => text(email),
        false => Some("Write an address like dora@example.com, or nothing."),
    }
}

impl Provider {
    /// Makes a user, and gives their id.
    pub(crate) fn sign_up(&self, form: &SignUp) -> Result<String, Refused> {
        let mut changes = lock(&self.changes);
        if changes.made() >= USERS_MAX {
            return Err(Refused::Full);
        }
        let filled = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let id = {
            let mut seed = self.seed_mut();
            let wrong = form.check(&seed);
            if !wrong.is_empty() {
                return Err(Refused::Fields(wrong));
            }
            let change = Change {
                signed_up: Some(Made {
                    username: form.username.clone(),
                    name: filled(&form.name),
                    email: filled(&form.email),
                    created_at: self.now() * 1000,
                }),
                ..Change::of(random_id())
            };
            let id = change.id.clone();
            change.apply(&mut seed);
            changes.add(change);
            id
        };
        self.keep(&changes);
        let user = self.seed().user(&id).map(management::user);
        let message = json!({ "data": user });
        self.tell("User.Created", members(message));
        Ok(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_as_logto_takes_them() {
        for good in ["d", "dora", "_dora_9", "D0RA", &"d".repeat(128)] {
            assert_eq!(username(good), None, "{good}");
        }
        for bad in ["", "9dora", "do ra", "dora@x", "döra", &"d".repeat(129)] {
            assert!(username(bad).is_some(), "{bad}");
        }
        for good in ["", "dora@example.com", "a+b@x.y.z"] {
            assert_eq!(email(good), None, "{good}");
        }
        let long = format!("{}@example.com", "d".repeat(128));
        for bad in [
            "dora",
            "@example.com",
            "dora@com",
            "do ra@x.y",
            "d@.y",
            "d@x.",
            &long,
        ] {
            assert!(email(bad).is_some(), "{bad}");
        }
        assert!(text("a\u{0}b").is_some());
        assert!(text(&"ü".repeat(128)).is_none());
    }

    #[test]
    fn another_users_id_name_and_address_are_taken() {
        let seed = Seed::default();
        let form = SignUp {
            username: "alice4hy6kz2".into(),
            name: String::new(),
            email: "ALICE@example.com".into(),
        };
        let wrong = form.check(&seed);
        let fields: Vec<_> = wrong.iter().map(|(field, _)| *field).collect();
        assert_eq!(fields, ["username", "email"]);
    }
}
