//! What the log says of a refused token besides the reason: what was sent, what was
//! expected, and the key to look at.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::jws::{self, claims, named_alg};
use super::{KeySet, Rejection};
use crate::claims::Audience;
use crate::claims::numeric_date::NumericDate;
use crate::config::issuer;
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
        Rejection::Issuer => foreign_issuer(token, keys.issuer()),
        Rejection::Missing("tid") => Some(format!(
            "tid is missing, the tenant that {:?} needs; see logto.issuer",
            keys.issuer()
        )),
        Rejection::Tenant => jws::tenant(token).map(|tid| {
            format!(
                "tid is {:?}, which logto.tenants does not let in",
                plain(&tid)
            )
        }),
        Rejection::KeyIssuer => Some(
            "its key is published for another issuer than the token's; see logto.issuer".to_owned(),
        ),
        _ => None,
    }
}

/// Who issued a signed token.
fn foreign_issuer(token: &str, configured: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        iss: String,
    }
    let named: Named = claims(token)?;
    let of_tenant = match jws::tenant(token) {
        Some(tid) if issuer::is_template(configured) => format!(" and tid {:?}", plain(&tid)),
        _ => String::new(),
    };
    Some(format!(
        "iss is {:?}{of_tenant}, configured is {configured:?}; see logto.issuer",
        plain(&named.iss)
    ))
}

/// As one line of bounded length.
fn plain(name: &str) -> String {
    let printable = name.chars().filter(|c| !c.is_control());
    printable.take(MAX_NAME).collect()
}

/// Whom a signed token is for.
fn foreign_audience(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        aud: Audience,
    }
    let named: Named = claims(token)?;
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
