//! Signed JWTs (RFC 7515): the header, the signature and the JSON, for every kind of
//! token. Each kind checks its own claims.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::Rejection;
use super::keys::KeySet;
use crate::claims::Claim;
use crate::config::SigningAlg;
use crate::oidc::tolerance;

/// The claims of a token with a good signature by an accepted algorithm, which is
/// told, and of one of these types, if it names any; nothing else is checked.
pub(super) fn jws<C: DeserializeOwned>(
    token: &str,
    keys: &KeySet,
    types: &[&str],
) -> Result<(SigningAlg, C), Rejection> {
    let header: Header = decoded(token).ok_or(Rejection::Malformed)?;
    let alg = keys.accepted(&header.alg)?;
    // RFC 7515 section 3.1.
    if token.split('.').count() != 3 {
        return Err(Rejection::Malformed);
    }
    if header.asks_for_extensions() {
        return Err(Rejection::Critical);
    }
    if !header.is_of(types) {
        return Err(Rejection::Type);
    }
    let claims = signature(token, keys, header.kid(), alg)?;
    header.name_odd_members();
    Ok((alg, claims))
}

/// The claims of a token, read into `C` without any check; for tokens that were
/// verified before.
pub(crate) fn claims<C: DeserializeOwned>(token: &str) -> Option<C> {
    let payload = token.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

/// The tenant that a token names, in its claim `tid` (Entra ID).
pub(super) fn tenant(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        tid: String,
    }
    claims(token).map(|named: Named| named.tid)
}

/// A member of a token's header that is text. It says nothing by itself.
pub(super) fn header_text(token: &str, name: &str) -> Option<String> {
    let header: Map<String, Value> = decoded(token)?;
    header.get(name)?.as_str().map(str::to_owned)
}

/// Whether a token says that it is of this type.
pub(super) fn says_it_is(token: &str, right: &str) -> bool {
    header_text(token, "typ").is_some_and(|typ| is_one_of(&typ, &[right]))
}

/// What a token says of itself (RFC 7515 section 4.1). Keys that it brings along
/// (`jwk`, `jku`, `x5c`, `x5u`) are never looked at, so they may be anything.
#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    typ: Claim<Value>,
    #[serde(default)]
    kid: Claim<Value>,
    /// There at all: `null` asks for nothing that could be understood, either.
    #[serde(default)]
    crit: Claim<Value>,
    #[serde(default)]
    b64: Claim<Value>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

fn decoded<T: DeserializeOwned>(token: &str) -> Option<T> {
    let encoded = token.split('.').next().unwrap_or_default();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(encoded).ok()?).ok()
}

impl Header {
    /// The key's name. Of another type it is none: then each key that fits is tried,
    /// as for a token that names none (OpenID Connect Core section 10.1).
    fn kid(&self) -> Option<&str> {
        let kid = self.kid.value().and_then(Value::as_str);
        kid.filter(|kid| !kid.is_empty())
    }

    /// RFC 7515 section 4.1.11 and RFC 7797 section 6: none is understood here.
    fn asks_for_extensions(&self) -> bool {
        !self.crit.is_absent() || !self.b64.is_absent()
    }

    /// RFC 8725 section 3.11: other kinds of tokens say so in `typ`.
    fn is_of(&self, types: &[&str]) -> bool {
        match self.typ.value() {
            None => true,
            Some(typ) => typ.as_str().is_some_and(|typ| is_one_of(typ, types)),
        }
    }

    /// Names what is not of its type (RFC 7515 section 4.1), once.
    fn name_odd_members(&self) {
        let name = |name, is_odd| {
            if is_odd {
                tolerance::name(name, "in the header of a token");
            }
        };
        let is_text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
        let is_list = |value: &Value| {
            let list = value.as_array().filter(|list| !list.is_empty());
            list.is_some_and(|list| list.iter().all(is_text))
        };
        let is_other = |name: &str, right: &dyn Fn(&Value) -> bool| {
            self.others.get(name).is_some_and(|value| !right(value))
        };
        for text in ["jku", "x5u", "x5t", "x5t#S256", "cty"] {
            name(text, is_other(text, &is_text));
        }
        name("x5c", is_other("x5c", &is_list));
        name("jwk", is_other("jwk", &Value::is_object));
        name("kid", !self.kid.is_absent() && self.kid().is_none());
        name("typ", self.typ.is_null());
    }
}

/// Whether `typ` is this type.
pub(in crate::oidc) fn typ_is(typ: &str, right: &str) -> bool {
    is_one_of(typ, &[right])
}

/// Whether `typ`, a media type that may omit `application/` (RFC 7515 section 4.1.9), is
/// one of these.
fn is_one_of(typ: &str, types: &[&str]) -> bool {
    let typ = typ.strip_prefix("application/").unwrap_or(typ);
    types.iter().any(|right| right.eq_ignore_ascii_case(typ))
}

fn signature<C: DeserializeOwned>(
    token: &str,
    keys: &KeySet,
    kid: Option<&str>,
    alg: SigningAlg,
) -> Result<C, Rejection> {
    let mut rejection = Rejection::UnknownKey;
    for key in keys.candidates(kid, alg) {
        if !keys.is_for_issuer_of(key, token) {
            rejection = Rejection::KeyIssuer;
            continue;
        }
        match decode(token, key.verifying(), alg.to_jws()) {
            // Without a `kid` the right key may be one of the others, or new.
            Err(Rejection::Signature) if kid.is_none() => {}
            Err(Rejection::Signature) => rejection = Rejection::Signature,
            result => return result,
        }
    }
    Err(rejection)
}

/// Only the signature is left to `jsonwebtoken`: its own reader of headers refuses
/// members that nobody needs, and the claims are checked here, on our own types.
fn decode<C: DeserializeOwned>(
    token: &str,
    key: &DecodingKey,
    alg: Algorithm,
) -> Result<C, Rejection> {
    let (message, signature) = token.rsplit_once('.').ok_or(Rejection::Malformed)?;
    let (_, payload) = message.split_once('.').ok_or(Rejection::Malformed)?;
    match jsonwebtoken::crypto::verify(signature, message.as_bytes(), key, alg) {
        Ok(true) => {}
        _ => return Err(Rejection::Signature),
    }
    let payload = URL_SAFE_NO_PAD.decode(payload);
    let payload = payload.map_err(|_| Rejection::Malformed)?;
    let text = std::str::from_utf8(&payload).map_err(|_| Rejection::Claims)?;
    serde_json::from_str(text).map_err(|error| unreadable(&error))
}

/// Names the claim if one is missing. The text of any other error may hold a claim's
/// value.
pub(in crate::oidc) fn unreadable(error: &serde_json::Error) -> Rejection {
    let text = error.to_string();
    let missing = |name: &&&str| text.starts_with(&format!("missing field `{name}`"));
    let names = ["iss", "sub", "aud", "exp", "iat", "jti", "events"];
    let name = names.iter().find(missing);
    name.map_or(Rejection::Claims, |name| Rejection::Missing(name))
}
