//! What the Management API is asked and answers.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use crate::claims::Timestamp;

/// A user, as the Management API has them. What Logto has beside it is in `extra`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ManagedUser {
    /// `sub` in the user's tokens.
    pub id: String,
    /// Unique at Logto, and may change.
    #[serde(default)]
    pub username: Option<String>,
    /// Unique and verified at Logto, and may change.
    #[serde(default)]
    pub primary_email: Option<String>,
    /// Digits only. Unique and verified at Logto, and may change.
    #[serde(default)]
    pub primary_phone: Option<String>,
    /// The display name.
    #[serde(default)]
    pub name: Option<String>,
    /// The address of a picture.
    #[serde(default)]
    pub avatar: Option<String>,
    /// What apps keep there; see
    /// [`set_custom_data`](crate::Management::set_custom_data).
    #[serde(default)]
    pub custom_data: Map<String, Value>,
    /// Whether the user cannot sign in.
    #[serde(default)]
    pub is_suspended: bool,
    /// When the user was created.
    #[serde(default)]
    pub created_at: Option<Timestamp>,
    /// When the user last signed in at Logto.
    #[serde(default)]
    pub last_sign_in_at: Option<Timestamp>,
    /// The rest.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// By what a user is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UserKey<'a> {
    /// The primary e-mail address.
    Email(&'a str),
    /// The user name.
    Username(&'a str),
    /// The primary phone number, digits only, with the country's.
    Phone(&'a str),
}

impl<'a> UserKey<'a> {
    pub(super) fn field(self) -> (&'static str, &'a str) {
        match self {
            UserKey::Email(email) => ("primaryEmail", email),
            UserKey::Username(username) => ("username", username),
            UserKey::Phone(phone) => ("primaryPhone", phone),
        }
    }

    pub(super) fn is_of(self, user: &ManagedUser) -> bool {
        let (found, value) = match self {
            UserKey::Email(email) => (&user.primary_email, email),
            UserKey::Username(username) => (&user.username, username),
            UserKey::Phone(phone) => (&user.primary_phone, phone),
        };
        let found = found.as_deref().map(str::to_lowercase);
        found.is_some_and(|found| found == value.to_lowercase())
    }
}

/// An organization, and what the user is there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ManagedOrganization {
    /// As in `organizations` of the user's tokens.
    pub id: String,
    /// The display name.
    pub name: String,
    /// What it is.
    #[serde(default)]
    pub description: Option<String>,
    /// What apps keep there.
    #[serde(default)]
    pub custom_data: Map<String, Value>,
    /// The user's roles in it.
    #[serde(default)]
    pub organization_roles: Vec<OrganizationRole>,
    /// The rest.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A role in an organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OrganizationRole {
    /// Logto's own id of it.
    pub id: String,
    /// As in `organization_roles` of the user's tokens, after the colon.
    pub name: String,
}

/// Which one-time token is to be made; see
/// [`one_time_token`](crate::Management::one_time_token).
///
/// # Examples
///
/// ```rust
/// use std::time::Duration;
/// use rocket_logto::OneTimeTokenRequest;
///
/// let request = OneTimeTokenRequest::new("ada@example.com")
///     .lasting(Duration::from_secs(3600))
///     .organization("acme5obvzg01");
/// # let _ = request;
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct OneTimeTokenRequest {
    email: String,
    lasting: Option<Duration>,
    organizations: Vec<String>,
}

impl OneTimeTokenRequest {
    /// For the owner of this e-mail address. Who has no account gets one, where Logto lets
    /// people sign up.
    pub fn new(email: impl Into<String>) -> OneTimeTokenRequest {
        OneTimeTokenRequest {
            email: email.into(),
            lasting: None,
            organizations: Vec::new(),
        }
    }

    /// For how long it is good, in whole seconds; ten minutes unless set.
    pub fn lasting(mut self, time: Duration) -> OneTimeTokenRequest {
        self.lasting = Some(time);
        self
    }

    /// Makes who uses it a member of this organization. Others may be added in the same way.
    pub fn organization(mut self, id: impl Into<String>) -> OneTimeTokenRequest {
        self.organizations.push(id.into());
        self
    }

    pub(super) fn body(self) -> Value {
        let mut body = json!({ "email": self.email });
        if let Some(time) = self.lasting {
            body["expiresIn"] = json!(time.as_secs());
        }
        if !self.organizations.is_empty() {
            body["context"] = json!({ "jitOrganizationIds": self.organizations });
        }
        body
    }
}

/// A one-time token. `Debug` does not show the token, and its memory is wiped on drop.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct OneTimeToken {
    /// Whom it signs in.
    pub email: String,
    #[serde(deserialize_with = "secret")]
    token: Zeroizing<String>,
    /// Until when.
    pub expires_at: Timestamp,
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Zeroizing<String>, D::Error> {
    String::deserialize(deserializer).map(Zeroizing::new)
}

impl OneTimeToken {
    /// The token itself: for a link to this e-mail address, and for nothing else.
    pub fn secret(&self) -> &str {
        &self.token
    }
}

impl fmt::Debug for OneTimeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OneTimeToken")
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}
