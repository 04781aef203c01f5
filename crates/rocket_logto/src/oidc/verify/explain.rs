//! What the log says of a refused token besides the reason: what was sent, what was
//! expected, and the key to look at.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::jws::{claims, named_alg};
use super::{KeySet, Rejection};
use crate::claims::Audience;
use crate::claims::numeric_date::NumericDate;
use crate::oidc::error::printable;

/// Of an audience so much is told.
const MAX_NAMES: usize = 8;
const MAX_NAME: usize = 100;

/// One line about a refused token, where there is more to say than its reason. What
/// comes from the token is bounded and printable.
pub(in crate::oidc) fn explain(token: &str, rejection: Rejection, keys: &KeySet) -> Option<String> {
    match rejection {
        Rejection::Algorithm | Rejection::UnannouncedAlgorithm => {
            let alg = named_alg(token).unwrap_or_default();
            Some(format!(
                "alg is \"{}\", accepted: {:?}; see logto.id_token_alg",
                printable(&alg),
                keys.algorithms()
            ))
        }
        Rejection::Claims => mistyped_time(token),
        Rejection::Audience => foreign_audience(token),
        _ => None,
    }
}

/// Whom a signed token is for.
fn foreign_audience(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        aud: Audience,
    }
    let named: Named = claims(token)?;
    let plain = |name: &str| {
        let printable = name.chars().filter(|c| !c.is_control());
        printable.take(MAX_NAME).collect::<String>()
    };
    let audiences: Vec<_> = named.aud.iter().take(MAX_NAMES).map(plain).collect();
    Some(format!(
        "aud is {audiences:?}: logto.app_id has to be there, and beside it nobody who is not in \
         logto.trusted_audiences"
    ))
}

/// The time of a signed token that is no number of seconds (RFC 7519 section 2).
fn mistyped_time(token: &str) -> Option<String> {
    let claims: Map<String, Value> = claims(token)?;
    let odd = |name: &&&str| match claims.get(**name) {
        None | Some(Value::Null) => false,
        Some(value) => NumericDate::deserialize(value).is_err(),
    };
    let name = ["exp", "iat", "nbf", "auth_time"].iter().find(odd)?;
    let found = match claims.get(*name)? {
        Value::String(_) => "text",
        Value::Number(_) => "a number beyond all times",
        _ => "of another type",
    };
    Some(format!(
        "{name} is {found}, and has to be a number of seconds (RFC 7519 section 2)"
    ))
}
