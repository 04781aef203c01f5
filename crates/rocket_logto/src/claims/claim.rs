//! A claim that may be absent, null or a value, and how it is read and written.

use std::ops::Deref;

use serde::de::DeserializeOwned;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

/// A claim as the provider sent it: not at all, as `null`, or with a value.
///
/// Logto distinguishes a user without a name (`"name": null`) from a sign-in that never asked for
/// the scope `profile` (no `name`). An `Option` could not.
///
/// # Examples
///
/// In a claims type of your own, give the field these two attributes:
///
/// ```
/// use rocket_logto::Claim;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Employee {
///     #[serde(default, skip_serializing_if = "Claim::is_absent")]
///     department: Claim<String>,
/// }
///
/// for json in [r#"{}"#, r#"{"department":null}"#, r#"{"department":"Sales"}"#] {
///     let employee: Employee = serde_json::from_str(json)?;
///     assert_eq!(serde_json::to_string(&employee)?, json);
/// }
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Claim<T> {
    /// The claim was not sent.
    #[default]
    Absent,
    /// The claim was sent as `null`: it was asked for, and the provider has no value.
    Null,
    /// The claim was sent with this value.
    Value(T),
}

impl<T> Claim<T> {
    /// A reference to the value, if there is one.
    ///
    /// # Examples
    ///
    /// ```
    /// # use rocket_logto::Claim;
    /// assert_eq!(Claim::Value(true).value(), Some(&true));
    /// assert_eq!(Claim::<bool>::Null.value(), None);
    /// assert_eq!(Claim::<bool>::Absent.value(), None);
    /// ```
    pub fn value(&self) -> Option<&T> {
        match self {
            Claim::Value(value) => Some(value),
            Claim::Absent | Claim::Null => None,
        }
    }

    /// The value itself, if there is one.
    ///
    /// # Examples
    ///
    /// ```
    /// # use rocket_logto::Claim;
    /// assert_eq!(Claim::Value("Alice").into_value(), Some("Alice"));
    /// ```
    pub fn into_value(self) -> Option<T> {
        match self {
            Claim::Value(value) => Some(value),
            Claim::Absent | Claim::Null => None,
        }
    }

    /// Whether the claim was not sent.
    ///
    /// # Examples
    ///
    /// ```
    /// # use rocket_logto::Claim;
    /// assert!(Claim::<String>::Absent.is_absent());
    /// assert!(!Claim::<String>::Null.is_absent());
    /// ```
    pub fn is_absent(&self) -> bool {
        matches!(self, Claim::Absent)
    }

    /// Whether the claim was sent as `null`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use rocket_logto::Claim;
    /// assert!(Claim::<String>::Null.is_null());
    /// assert!(!Claim::<String>::Absent.is_null());
    /// ```
    pub fn is_null(&self) -> bool {
        matches!(self, Claim::Null)
    }

    /// Changes the value, if there is one; absent stays absent and null stays null.
    ///
    /// # Examples
    ///
    /// ```
    /// # use rocket_logto::Claim;
    /// assert_eq!(Claim::Value("alice").map(str::len), Claim::Value(5));
    /// assert_eq!(Claim::Null.map(str::len), Claim::Null);
    /// ```
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Claim<U> {
        match self {
            Claim::Absent => Claim::Absent,
            Claim::Null => Claim::Null,
            Claim::Value(value) => Claim::Value(change(value)),
        }
    }
}

impl<T: Deref> Claim<T> {
    /// The value as what it dereferences to: `&str` for a `String`, a slice for a `Vec`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use rocket_logto::Claim;
    /// let name = Claim::Value(String::from("Alice"));
    /// assert_eq!(name.as_deref(), Some("Alice"));
    ///
    /// let roles: Claim<Vec<String>> = Claim::Absent;
    /// assert!(roles.as_deref().unwrap_or_default().is_empty());
    /// ```
    pub fn as_deref(&self) -> Option<&T::Target> {
        self.value().map(Deref::deref)
    }
}

/// `None` becomes an absent claim.
impl<T> From<Option<T>> for Claim<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Claim::Absent, Claim::Value)
    }
}

/// An absent claim serializes as `null`; leave it out with `skip_serializing_if`.
impl<T: Serialize> Serialize for Claim<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Claim<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Claim::Null, Claim::Value))
    }
}

/// Writes the claim into a map, or nothing when it is absent.
pub(super) fn write_claim<M, T>(map: &mut M, name: &str, claim: &Claim<T>) -> Result<(), M::Error>
where
    M: SerializeMap,
    T: Serialize,
{
    if claim.is_absent() {
        return Ok(());
    }
    map.serialize_entry(name, claim)
}

/// The type of a claim that does not matter to security.
///
/// A provider that sends such a claim in another shape must not break the sign-in, so the JSON value
/// is handed back, to be kept in `extra`, instead of failing.
pub(super) trait TolerantClaim: DeserializeOwned {
    /// Converts the value, moving its parts where that is simple, or gives it back untouched.
    fn from_json(value: Value) -> Result<Self, Value> {
        Self::deserialize(&value).map_err(|_| value)
    }
}

impl TolerantClaim for bool {}

impl TolerantClaim for String {
    fn from_json(value: Value) -> Result<Self, Value> {
        match value {
            Value::String(text) => Ok(text),
            other => Err(other),
        }
    }
}

impl TolerantClaim for Vec<String> {}

impl TolerantClaim for Map<String, Value> {
    fn from_json(value: Value) -> Result<Self, Value> {
        match value {
            Value::Object(object) => Ok(object),
            other => Err(other),
        }
    }
}

/// Reads `value` as the claim `name`; a value of another type goes to `extra`.
///
/// If a claim was sent twice, the last one counts (RFC 7519 section 4), wherever the first one went.
pub(super) fn tolerate<T: TolerantClaim>(
    name: &str,
    value: Value,
    extra: &mut Map<String, Value>,
) -> Claim<T> {
    extra.remove(name);
    if value.is_null() {
        return Claim::Null;
    }
    match T::from_json(value) {
        Ok(value) => Claim::Value(value),
        Err(mistyped) => {
            extra.insert(name.to_owned(), mistyped);
            Claim::Absent
        }
    }
}
