//! The userinfo endpoint (OpenID Connect Core 5.3).

use serde_json::{Map, Value};

use crate::claims::{Place, claims};
use crate::oidc_error::OidcError;
use crate::provider::Provider;
use crate::wire::{Received, Reply};

pub(crate) fn userinfo(provider: &Provider, request: &Received) -> Reply {
    match find(provider, request) {
        Ok(claims) => Reply::json(200, &Value::Object(claims)),
        Err(error) => error.reply(),
    }
}

fn find(provider: &Provider, request: &Received) -> Result<Map<String, Value>, OidcError> {
    let issuer = provider.issuer();
    let Some(token) = bearer(request) else {
        let error = OidcError::invalid_request("no access token provided");
        return Err(error.bare_challenge(&issuer));
    };
    let invalid = || OidcError::invalid_token(&issuer);

    // JWT access tokens are for API resources. They are not in the store, so
    // they are refused like any other unknown token.
    let store = provider.store();
    let token = store.access_tokens.get(token).ok_or_else(invalid)?;
    let grant = store.grants.get(&token.grant).ok_or_else(invalid)?;
    if token.expires <= provider.now() {
        return Err(invalid());
    }
    let seed = provider.seed();
    let user = seed.active_user(&grant.user).ok_or_else(invalid)?;
    Ok(claims(&seed, user, &token.scopes, Place::UserInfo))
}

/// The token from the header, or from the body of a POST (RFC 6750, sections 2.1 and 2.2).
fn bearer(request: &Received) -> Option<&str> {
    let header = request
        .header("authorization")
        .and_then(|value| value.split_once(' '));
    match header {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Some(token.trim()),
        _ => request.form_value("access_token"),
    }
}
