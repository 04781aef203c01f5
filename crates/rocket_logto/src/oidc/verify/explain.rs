//! What the log says of a refused token besides the reason: what was sent, what was
//! expected, and the key to look at.

use super::jws::named_alg;
use super::{KeySet, Rejection};
use crate::oidc::error::printable;

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
        _ => None,
    }
}
