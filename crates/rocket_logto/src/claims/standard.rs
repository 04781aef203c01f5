//! The claims about a user, which the ID token and the userinfo endpoint share.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error as _, MapAccess, Unexpected, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::claim::{Claim, tolerate, write_claim};
use super::{Address, Identity, OrganizationData, SsoIdentity, Timestamp};

/// The claims from the userinfo endpoint (OpenID Connect Core section 5.3.2), which are just
/// [`StandardClaims`].
pub type UserInfoClaims = StandardClaims;

/// Defines [`StandardClaims`] and how its claims are read and written, from one table.
macro_rules! standard_claims {
    ($($(#[$doc:meta])* $claim:ident: $Type:ty,)*) => {
        /// The claims about a user: OpenID Connect's and Logto's.
        ///
        /// [`IdTokenClaims`](crate::IdTokenClaims) derefs to it, so all fields and methods are
        /// available there, too. Which claims are sent depends on the scopes asked for.
        ///
        /// Only `sub` is required. A claim of another type than its field, such as an
        /// `email_verified` sent as a string, must not break the sign-in: it is kept untouched in
        /// `extra`, and its field is absent.
        ///
        /// # Standards
        ///
        /// OpenID Connect Core section 5.1.
        ///
        /// # Examples
        ///
        /// ```
        /// use rocket_logto::UserInfoClaims;
        ///
        /// let claims: UserInfoClaims = serde_json::from_str(
        ///     r#"{"sub":"kmd7d4dc6y32","name":null,"username":"bob","plan":"pro"}"#,
        /// )?;
        /// assert!(claims.name.is_null());
        /// assert!(claims.email.is_absent());
        /// assert_eq!(claims.display_name(), "bob");
        /// assert_eq!(claims.extra["plan"], "pro");
        /// # Ok::<(), serde_json::Error>(())
        /// ```
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub struct StandardClaims {
            /// The user's id at the provider. Never empty in claims that were read from JSON.
            pub sub: String,
            $($(#[$doc])* pub $claim: Claim<$Type>,)*
            /// Every other claim, and those above that were sent with another type.
            ///
            /// Claims in a certain language, such as `name#ja`, are here too.
            pub extra: Map<String, Value>,
        }

        impl StandardClaims {
            /// The claims that have a field, but for `sub`.
            pub(crate) const NAMES: &[&str] = &[$(stringify!($claim)),*];

            /// Claims that have a `sub` and nothing else, for instance for tests.
            pub fn new(sub: impl Into<String>) -> Self {
                StandardClaims {
                    sub: sub.into(),
                    $($claim: Claim::Absent,)*
                    extra: Map::new(),
                }
            }

            /// Reads the value of the claim `name`.
            pub(super) fn read<'de, A: MapAccess<'de>>(
                &mut self,
                name: Cow<'de, str>,
                map: &mut A,
            ) -> Result<(), A::Error> {
                match &*name {
                    "sub" => self.read_sub(map)?,
                    $(stringify!($claim) => {
                        self.$claim = tolerate(&name, map.next_value()?, &mut self.extra);
                    })*
                    _ => {
                        self.extra.insert(name.into_owned(), map.next_value()?);
                    }
                }
                Ok(())
            }

            /// Writes every claim that is not absent.
            pub(super) fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
                map.serialize_entry("sub", &self.sub)?;
                $(write_claim(map, stringify!($claim), &self.$claim)?;)*
                for (name, value) in &self.extra {
                    map.serialize_entry(name, value)?;
                }
                Ok(())
            }
        }
    };
}

standard_claims! {
    /// Full name, ready to display. Logto: null when the user has none.
    name: String,
    /// Surname.
    family_name: String,
    /// First name.
    given_name: String,
    /// Middle name.
    middle_name: String,
    /// Casual name.
    nickname: String,
    /// What the user likes to be called. May change and is not unique: do not use it as a key.
    preferred_username: String,
    /// URL of the user's profile page.
    profile: String,
    /// URL of a picture of the user. Logto: null when there is none.
    picture: String,
    /// URL of the user's website.
    website: String,
    /// Gender.
    gender: String,
    /// Date of birth: `YYYY-MM-DD`, `0000-MM-DD` or `YYYY`.
    birthdate: String,
    /// Time zone, such as `Europe/Berlin`.
    zoneinfo: String,
    /// Language and country, such as `de-DE`.
    locale: String,
    /// When the profile last changed.
    updated_at: Timestamp,
    /// Logto: the unique name the user signs in with, or null.
    username: String,
    /// Logto: when the account was created.
    created_at: Timestamp,
    /// E-mail address (scope `email`). Logto: null when the user has none.
    email: String,
    /// Whether the provider has verified that the e-mail address is the user's.
    email_verified: bool,
    /// Telephone number (scope `phone`). Logto: null when the user has none.
    phone_number: String,
    /// Whether the provider has verified that the telephone number is the user's.
    phone_number_verified: bool,
    /// Postal address (scope `address`).
    address: Address,
    /// Logto: what applications have stored with the user (scope `custom_data`).
    custom_data: Map<String, Value>,
    /// Logto: linked social identities by their connector's target (scope `identities`).
    identities: BTreeMap<String, Identity>,
    /// Logto: enterprise single sign-on identities (scope `identities`).
    sso_identities: Vec<SsoIdentity>,
    /// Logto: names of the user's roles (scope `roles`).
    roles: Vec<String>,
    /// Logto: ids of the user's organizations (scope `urn:logto:scope:organizations`).
    organizations: Vec<String>,
    /// Logto: the user's organizations (scope `urn:logto:scope:organizations`, userinfo).
    organization_data: Vec<OrganizationData>,
    /// Logto: `<organization id>:<role>` (scope `urn:logto:scope:organization_roles`); see
    /// [`organization_role_pairs`](StandardClaims::organization_role_pairs).
    organization_roles: Vec<String>,
}

impl StandardClaims {
    /// What to call the user on a page: the first of name, preferred username, username, e-mail
    /// address and id that is not blank.
    ///
    /// # Examples
    ///
    /// ```
    /// use rocket_logto::{Claim, StandardClaims};
    ///
    /// let mut claims = StandardClaims::new("qcw1a16z5jxs");
    /// assert_eq!(claims.display_name(), "qcw1a16z5jxs");
    /// claims.email = Claim::Value("alice@example.com".into());
    /// assert_eq!(claims.display_name(), "alice@example.com");
    /// ```
    pub fn display_name(&self) -> &str {
        [
            &self.name,
            &self.preferred_username,
            &self.username,
            &self.email,
        ]
        .into_iter()
        .filter_map(Claim::as_deref)
        .find(|name| !name.trim().is_empty())
        .unwrap_or(&self.sub)
    }

    /// The user's roles in organizations, as (organization id, role).
    ///
    /// # Examples
    ///
    /// ```
    /// use rocket_logto::{Claim, StandardClaims};
    ///
    /// let mut claims = StandardClaims::new("qcw1a16z5jxs");
    /// claims.organization_roles = Claim::Value(vec!["5inncy8obvzg:admin".into()]);
    /// assert!(claims.organization_role_pairs().eq([("5inncy8obvzg", "admin")]));
    /// ```
    pub fn organization_role_pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        // A role's name may hold a colon, an organization's id cannot.
        self.organization_roles
            .as_deref()
            .unwrap_or_default()
            .iter()
            .filter_map(|pair| pair.split_once(':'))
    }

    /// Empty claims to read into; [`require_sub`](Self::require_sub) must follow.
    pub(super) fn unread() -> Self {
        StandardClaims::new(String::new())
    }

    fn read_sub<'de, A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<(), A::Error> {
        if !self.sub.is_empty() {
            return Err(A::Error::duplicate_field("sub"));
        }
        self.sub = subject(map.next_value()?)?;
        Ok(())
    }

    pub(super) fn require_sub<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.sub.is_empty() {
            return Err(E::missing_field("sub"));
        }
        Ok(self)
    }
}

/// Refuses an empty `sub`: it names no one, and would equal any other empty one.
pub(super) fn subject<E: serde::de::Error>(sub: String) -> Result<String, E> {
    if sub.is_empty() {
        return Err(E::invalid_value(
            Unexpected::Str(&sub),
            &"a `sub` that is not empty",
        ));
    }
    Ok(sub)
}

impl Serialize for StandardClaims {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.write(&mut map)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for StandardClaims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ClaimsVisitor;

        impl<'de> Visitor<'de> for ClaimsVisitor {
            type Value = StandardClaims;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("an object of claims about a user")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut claims = StandardClaims::unread();
                while let Some(ClaimName(name)) = map.next_key()? {
                    claims.read(name, &mut map)?;
                }
                claims.require_sub()
            }
        }

        deserializer.deserialize_map(ClaimsVisitor)
    }
}

/// A claim's name, borrowed from the input where that is possible.
pub(super) struct ClaimName<'de>(pub(super) Cow<'de, str>);

impl<'de> Deserialize<'de> for ClaimName<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;

        impl<'de> Visitor<'de> for NameVisitor {
            type Value = ClaimName<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("the name of a claim")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
                Ok(ClaimName(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
                Ok(ClaimName(Cow::Owned(name.to_owned())))
            }

            fn visit_string<E>(self, name: String) -> Result<Self::Value, E> {
                Ok(ClaimName(Cow::Owned(name)))
            }
        }

        deserializer.deserialize_str(NameVisitor)
    }
}
