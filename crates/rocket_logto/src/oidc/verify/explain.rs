//! What the log says of a refused token besides the reason: what was sent, what was
//! expected, and the key to look at.

use std::fmt;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::jws::{self, claims, header_text};
use super::{KeySet, Rejection};
use crate::claims::numeric_date::NumericDate;
use crate::claims::{AccessTokenClaims, Audience, IdTokenClaims};
use crate::config::issuer;
use crate::oidc::error::{one_line, printable};

/// Of an audience, and of the keys, so many names are told.
const MAX_NAMES: usize = 8;
const MAX_NAME: usize = 100;

/// A refused token: the reason for it, and what there is to say about that. `Display`
/// gives the reason only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub reason: Rejection,
    /// For the log. What comes from the token is bounded and printable.
    pub explanation: Option<String>,
    /// Whether it is about how the app is configured or registered, so that the next
    /// token will be refused, too.
    pub is_set_up: bool,
}

impl Refused {
    /// The reason alone, for those who are answered in a word. The log has the rest.
    pub(in crate::oidc) fn told(self) -> Rejection {
        if let Some(explanation) = &self.explanation {
            log::warn!("logto: token rejected, {explanation}");
        }
        self.reason
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)
    }
}

impl From<Rejection> for Refused {
    fn from(reason: Rejection) -> Refused {
        Refused {
            reason,
            explanation: None,
            is_set_up: false,
        }
    }
}

pub(in crate::oidc) fn explain(token: &str, reason: Rejection, keys: &KeySet) -> Refused {
    let (explanation, is_set_up) = match reason {
        Rejection::Algorithm | Rejection::UnannouncedAlgorithm => {
            let alg = header_text(token, "alg").unwrap_or_default();
            let told = format!(
                "alg is \"{}\", accepted: {:?}; see logto.id_token_alg",
                printable(&alg),
                keys.algorithms()
            );
            // An unsigned token is never right.
            (Some(told), !alg.eq_ignore_ascii_case("none"))
        }
        Rejection::UnknownKey => (Some(unknown_key(token, keys)), keys.len() == 0),
        Rejection::Claims => (mistyped(token), false),
        Rejection::Audience => (foreign_audience(token), false),
        Rejection::Issuer => (foreign_issuer(token, keys.issuer()), false),
        Rejection::Missing("tid") => {
            let told = format!(
                "tid is missing, the tenant that {:?} needs; see logto.issuer",
                keys.issuer()
            );
            (Some(told), false)
        }
        Rejection::Tenant => {
            let told = jws::tenant(token).map(|tid| {
                format!(
                    "tid is {:?}, which logto.tenants does not let in",
                    plain(&tid)
                )
            });
            (told, false)
        }
        Rejection::KeyIssuer => {
            let told = "its key is published for another issuer than the token's; see logto.issuer";
            (Some(told.to_owned()), false)
        }
        Rejection::AuthorizedParty => {
            let azp = claim(token, "azp").unwrap_or_default();
            let told = format!("azp is {azp:?}: it has to be logto.app_id");
            (Some(told), false)
        }
        Rejection::Type => {
            let typ = header_text(token, "typ").unwrap_or_default();
            (Some(format!("typ is {:?}", plain(&typ))), false)
        }
        Rejection::Expired | Rejection::IssuedAt | Rejection::NotYetValid => {
            let told = "the clocks of this machine and of the provider differ by more than \
                        logto.clock_tolerance, or the token was kept for too long";
            (Some(told.to_owned()), false)
        }
        Rejection::Nonce => {
            let told = match claim(token, "nonce") {
                Some(_) => "nonce is not that of this sign-in",
                None => "nonce is missing: the provider has to send the one of the request back",
            };
            (Some(told.to_owned()), false)
        }
        _ => (None, false),
    };
    Refused {
        reason,
        explanation,
        is_set_up,
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

/// Text from a token, as far as it may be logged.
fn plain(text: &str) -> String {
    one_line(text).chars().take(MAX_NAME).collect()
}

/// A claim that is text.
fn claim(token: &str, name: &str) -> Option<String> {
    let claims: Map<String, Value> = claims(token)?;
    claims.get(name)?.as_str().map(plain)
}

fn unknown_key(token: &str, keys: &KeySet) -> String {
    let kid = header_text(token, "kid").map(|kid| plain(&kid));
    let kids: Vec<_> = keys.kids().take(MAX_NAMES).map(plain).collect();
    format!(
        "kid is {kid:?}, published for {:?} are {kids:?}: see logto.id_token_alg",
        keys.algorithms()
    )
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

/// The claim that is not of its type.
fn mistyped(token: &str) -> Option<String> {
    mistyped_time(token).or_else(|| {
        let claims: Value = claims(token)?;
        let names = [
            mistyped_member::<IdTokenClaims>(&claims),
            mistyped_member::<AccessTokenClaims>(&claims),
        ];
        let mut names = names.into_iter().flatten();
        let name = names.find(|name| claims.get(name).is_some())?;
        let found = match &claims[&name] {
            Value::Null => "null",
            Value::Bool(_) => "a truth value",
            Value::Number(_) => "a number",
            Value::String(text) if text.is_empty() => "empty",
            Value::String(_) => "text of another form",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        };
        Some(format!("{} is {found}", printable(&name)))
    })
}

fn mistyped_member<C: serde::de::DeserializeOwned>(claims: &Value) -> Option<String> {
    let error = serde_path_to_error::deserialize::<_, C>(claims).err()?;
    Some(error.path().to_string()).filter(|path| path != ".")
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
