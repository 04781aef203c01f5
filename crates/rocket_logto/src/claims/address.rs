//! The `address` claim.

use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::claim::{Claim, TolerantClaim, tolerate, write_claim};

/// A postal address.
///
/// Logto spells two of the names in camel case, `streetAddress` and `postalCode`. Both spellings are
/// read, and each name is serialized as it came. If both were sent, the standard one counts and the
/// other stays in `extra`.
///
/// # Standards
///
/// OpenID Connect Core section 5.1.1.
///
/// # Examples
///
/// ```
/// use rocket_logto::Address;
///
/// let logto: Address = serde_json::from_str(r#"{"postalCode":"10115"}"#)?;
/// let standard: Address = serde_json::from_str(r#"{"postal_code":"10115"}"#)?;
/// assert_eq!(logto.postal_code, standard.postal_code);
/// assert_eq!(serde_json::to_string(&logto)?, r#"{"postalCode":"10115"}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Address {
    /// The whole address, ready to print; may have several lines.
    pub formatted: Claim<String>,
    /// Street, house number or post office box; may have several lines.
    pub street_address: Claim<String>,
    /// City.
    pub locality: Claim<String>,
    /// State, province or prefecture.
    pub region: Claim<String>,
    /// Postal code.
    pub postal_code: Claim<String>,
    /// Country.
    pub country: Claim<String>,
    /// Everything else in the object, and those members above that were not strings.
    pub extra: Map<String, Value>,
    camel_case_street_address: bool,
    camel_case_postal_code: bool,
}

impl Address {
    fn from_object(mut extra: Map<String, Value>) -> Self {
        let (street_address, camel_case_street_address) =
            take_either(&mut extra, "street_address", "streetAddress");
        let (postal_code, camel_case_postal_code) =
            take_either(&mut extra, "postal_code", "postalCode");
        Address {
            formatted: take(&mut extra, "formatted"),
            street_address,
            locality: take(&mut extra, "locality"),
            region: take(&mut extra, "region"),
            postal_code,
            country: take(&mut extra, "country"),
            extra,
            camel_case_street_address,
            camel_case_postal_code,
        }
    }
}

fn take(object: &mut Map<String, Value>, name: &str) -> Claim<String> {
    match object.remove(name) {
        Some(value) => tolerate(name, value, object),
        None => Claim::Absent,
    }
}

/// The member under its standard name, or else under Logto's; and whether it was Logto's.
fn take_either(
    object: &mut Map<String, Value>,
    standard: &str,
    camel_case: &str,
) -> (Claim<String>, bool) {
    let claim = take(object, standard);
    if !claim.is_absent() {
        return (claim, false);
    }
    let claim = take(object, camel_case);
    let found = !claim.is_absent();
    (claim, found)
}

impl TolerantClaim for Address {
    fn from_json(value: Value) -> Result<Self, Value> {
        Map::from_json(value).map(Address::from_object)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Map::deserialize(deserializer).map(Address::from_object)
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let street_address = if self.camel_case_street_address {
            "streetAddress"
        } else {
            "street_address"
        };
        let postal_code = if self.camel_case_postal_code {
            "postalCode"
        } else {
            "postal_code"
        };

        let mut map = serializer.serialize_map(None)?;
        write_claim(&mut map, "formatted", &self.formatted)?;
        write_claim(&mut map, street_address, &self.street_address)?;
        write_claim(&mut map, "locality", &self.locality)?;
        write_claim(&mut map, "region", &self.region)?;
        write_claim(&mut map, postal_code, &self.postal_code)?;
        write_claim(&mut map, "country", &self.country)?;
        for (name, value) in &self.extra {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}
