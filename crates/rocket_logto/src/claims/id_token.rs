//! The claims of an ID token.

use std::fmt;
use std::ops::Deref;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::Audience;
use super::claim::{Claim, TolerantClaim, tolerate, write_claim};
use super::numeric_date::NumericDate;
use super::standard::{ClaimName, StandardClaims};

/// The claims of an ID token.
///
/// Derefs to [`StandardClaims`], the claims about the user, `sub` among them. The type by itself
/// does not mean that a signature was verified; the guards give only verified claims.
///
/// A claim that verification rests on must have its standard type and must not occur twice, or
/// reading fails; nor must `sid` and `acr`. `sid`, `acr`, `amr` and the claims about the user are
/// read tolerantly, as [`StandardClaims`] says. A time that is no whole number is rounded down.
///
/// # Standards
///
/// OpenID Connect Core section 2.
///
/// # Examples
///
/// ```
/// use rocket_logto::IdTokenClaims;
///
/// let claims: IdTokenClaims = serde_json::from_str(
///     r#"{"iss":"http://localhost:3001/oidc","sub":"qcw1a16z5jxs","aud":"sz2oitlz9q69",
///         "exp":1795337006,"iat":1795333406,"email":"alice@example.com"}"#,
/// )?;
/// assert!(claims.aud.contains("sz2oitlz9q69"));
/// assert_eq!(claims.sub, "qcw1a16z5jxs");
/// assert_eq!(claims.email.as_deref(), Some("alice@example.com"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct IdTokenClaims {
    /// The provider that issued the token.
    pub iss: String,
    /// The ids of the clients it is for.
    pub aud: Audience,
    /// When it expires, in seconds since 1970.
    pub exp: i64,
    /// When it was issued, in seconds since 1970.
    pub iat: i64,
    /// When it becomes valid, in seconds since 1970 (RFC 7519 section 4.1.5).
    pub nbf: Claim<i64>,
    /// When the user last authenticated, in seconds since 1970.
    pub auth_time: Claim<i64>,
    /// The `nonce` of the authorization request.
    pub nonce: Claim<String>,
    /// A hash of the access token that came with it (section 3.1.3.6).
    pub at_hash: Claim<String>,
    /// The id of the session at the provider; logout tokens name it.
    pub sid: Claim<String>,
    /// The client the token was issued to.
    pub azp: Claim<String>,
    /// How strongly the user authenticated (authentication context class).
    pub acr: Claim<String>,
    /// The methods the user authenticated with (RFC 8176).
    pub amr: Claim<Vec<String>>,
    /// The claims about the user; `extra` has all that are not fields.
    pub standard: StandardClaims,
}

impl Deref for IdTokenClaims {
    type Target = StandardClaims;

    fn deref(&self) -> &StandardClaims {
        &self.standard
    }
}

impl Serialize for IdTokenClaims {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("iss", &self.iss)?;
        map.serialize_entry("aud", &self.aud)?;
        map.serialize_entry("exp", &self.exp)?;
        map.serialize_entry("iat", &self.iat)?;
        write_claim(&mut map, "nbf", &self.nbf)?;
        write_claim(&mut map, "auth_time", &self.auth_time)?;
        write_claim(&mut map, "nonce", &self.nonce)?;
        write_claim(&mut map, "at_hash", &self.at_hash)?;
        write_claim(&mut map, "sid", &self.sid)?;
        write_claim(&mut map, "azp", &self.azp)?;
        write_claim(&mut map, "acr", &self.acr)?;
        write_claim(&mut map, "amr", &self.amr)?;
        self.standard.write(&mut map)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for IdTokenClaims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ClaimsVisitor;

        impl<'de> Visitor<'de> for ClaimsVisitor {
            type Value = IdTokenClaims;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("the claims of an ID token")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let (mut iss, mut aud, mut exp, mut iat) = (None, None, None, None);
                let mut nbf: Option<Claim<NumericDate>> = None;
                let mut auth_time: Option<Claim<NumericDate>> = None;
                let (mut nonce, mut at_hash) = (None, None);
                let (mut sid, mut azp) = (None, None);
                let (mut acr, mut amr) = (None, Claim::Absent);
                let mut standard = StandardClaims::unread();
                let seconds = |date: Option<NumericDate>| date.map(|NumericDate(seconds)| seconds);

                while let Some(ClaimName(name)) = map.next_key()? {
                    match &*name {
                        "iss" => read_once(&mut iss, "iss", &mut map)?,
                        "aud" => read_once(&mut aud, "aud", &mut map)?,
                        "exp" => read_once(&mut exp, "exp", &mut map)?,
                        "iat" => read_once(&mut iat, "iat", &mut map)?,
                        "nbf" => read_once(&mut nbf, "nbf", &mut map)?,
                        "auth_time" => read_once(&mut auth_time, "auth_time", &mut map)?,
                        "nonce" => read_once(&mut nonce, "nonce", &mut map)?,
                        "at_hash" => read_once(&mut at_hash, "at_hash", &mut map)?,
                        "sid" => tolerate_once(&mut sid, "sid", &mut map, &mut standard.extra)?,
                        "azp" => read_once(&mut azp, "azp", &mut map)?,
                        "acr" => tolerate_once(&mut acr, "acr", &mut map, &mut standard.extra)?,
                        "amr" => amr = tolerate("amr", map.next_value()?, &mut standard.extra),
                        _ => standard.read(name, &mut map)?,
                    }
                }

                Ok(IdTokenClaims {
                    iss: iss.ok_or_else(|| A::Error::missing_field("iss"))?,
                    aud: aud.ok_or_else(|| A::Error::missing_field("aud"))?,
                    exp: seconds(exp).ok_or_else(|| A::Error::missing_field("exp"))?,
                    iat: seconds(iat).ok_or_else(|| A::Error::missing_field("iat"))?,
                    nbf: nbf.unwrap_or_default().map(|NumericDate(seconds)| seconds),
                    auth_time: auth_time
                        .unwrap_or_default()
                        .map(|NumericDate(seconds)| seconds),
                    nonce: nonce.unwrap_or_default(),
                    at_hash: at_hash.unwrap_or_default(),
                    sid: sid.unwrap_or_default(),
                    azp: azp.unwrap_or_default(),
                    acr: acr.unwrap_or_default(),
                    amr,
                    standard: standard.require_sub()?,
                })
            }
        }

        deserializer.deserialize_map(ClaimsVisitor)
    }
}

/// Reads a claim that must not occur twice: the code that verified the token may have read the
/// other one (RFC 7519 section 4).
fn read_once<'de, T, A>(
    slot: &mut Option<T>,
    name: &'static str,
    map: &mut A,
) -> Result<(), A::Error>
where
    T: Deserialize<'de>,
    A: MapAccess<'de>,
{
    if slot.is_some() {
        return Err(A::Error::duplicate_field(name));
    }
    *slot = Some(map.next_value()?);
    Ok(())
}

/// The same for a claim that may have any type.
fn tolerate_once<'de, T, A>(
    slot: &mut Option<Claim<T>>,
    name: &'static str,
    map: &mut A,
    extra: &mut Map<String, Value>,
) -> Result<(), A::Error>
where
    T: TolerantClaim,
    A: MapAccess<'de>,
{
    if slot.is_some() {
        return Err(A::Error::duplicate_field(name));
    }
    *slot = Some(tolerate(name, map.next_value()?, extra));
    Ok(())
}
