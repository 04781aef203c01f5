//! What pages of other origins may read (CORS, in the Fetch Standard): single-page apps and
//! clients in a browser call these endpoints from where they are. None of them looks at
//! cookies, so there is nobody whose name a page could misuse.

use crate::provider::Provider;
use crate::wire::{Endpoint, Received, Reply};

/// Whether the answers of an endpoint are for pages of any origin.
pub(crate) fn is_open(endpoint: Endpoint) -> bool {
    matches!(
        endpoint,
        Endpoint::Discovery
            | Endpoint::Jwks
            | Endpoint::Token
            | Endpoint::UserInfo
            | Endpoint::Revocation
            | Endpoint::Registration
    )
}

pub(crate) fn opened(reply: Reply) -> Reply {
    reply
        .with("access-control-allow-origin", "*")
        .with("access-control-expose-headers", "WWW-Authenticate")
}

/// The answer to a browser that asks first. `*` stands for no `Authorization`.
pub(crate) fn preflight(_: &Provider, _: &Received) -> Reply {
    let mut reply = opened(Reply::new(204, "", ""))
        .with("access-control-allow-methods", "GET, POST")
        .with("access-control-allow-headers", "*, Authorization")
        .with("access-control-max-age", "600");
    reply.remove_header("content-type");
    reply
}
