//! The `aud` claim.

use serde::{Deserialize, Serialize};

/// What a token is for (`aud`): one name or a list of names.
///
/// # Standards
///
/// RFC 7519 section 4.1.3.
///
/// # Examples
///
/// ```
/// use rocket_logto::Audience;
///
/// let audience: Audience = serde_json::from_str(r#""https://shopping.example.com/api""#)?;
/// assert!(audience.contains("https://shopping.example.com/api"));
/// assert_eq!(audience.iter().count(), 1);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "`aud` must be a string or an array of strings")]
pub enum Audience {
    /// Sent as a string.
    One(String),
    /// Sent as an array, which may be empty.
    Many(Vec<String>),
}

/// Nobody.
impl Default for Audience {
    fn default() -> Audience {
        Audience::Many(Vec::new())
    }
}

impl Audience {
    /// Whether `audience` is among the names, byte for byte.
    pub fn contains(&self, audience: &str) -> bool {
        self.iter().any(|name| name == audience)
    }

    /// The names, in the order they were sent.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        match self {
            Audience::One(name) => std::slice::from_ref(name),
            Audience::Many(names) => names.as_slice(),
        }
        .iter()
        .map(String::as_str)
    }
}
