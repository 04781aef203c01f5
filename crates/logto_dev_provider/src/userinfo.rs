//! The userinfo endpoint (OpenID Connect Core 5.3).

use serde_json::{Map, Value};

use crate::claims::{Place, claims};
use crate::dpop;
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
    let Some((scheme, token)) = credentials(request) else {
        let error = OidcError::invalid_request("no access token provided");
        return Err(error.bare_challenge(&issuer));
    };
    let invalid = || match scheme {
        Scheme::Bearer => OidcError::invalid_token(&issuer),
        Scheme::Dpop => {
            let error = OidcError::new(401, "invalid_token", "invalid token provided");
            error.challenged("DPoP", &issuer)
        }
    };

    // JWT access tokens are for API resources. They are not in the store, so
    // they are refused like any other unknown token.
    let found = provider.store().access_tokens.get(token).cloned();
    let found = found.ok_or_else(invalid)?;
    // RFC 9449, section 7.1.
    match (scheme, &found.key) {
        (Scheme::Bearer, None) => {}
        (Scheme::Dpop, Some(key)) => {
            let proven = dpop::verify(provider, request, Some(token));
            let proven = proven.map_err(|error| {
                let error = error.of_resource();
                error.challenged("DPoP", &issuer)
            })?;
            if proven != *key {
                return Err(invalid());
            }
        }
        _ => return Err(invalid()),
    }
    let store = provider.store();
    let grant = store.grants.get(&found.grant).ok_or_else(invalid)?;
    if found.expires <= provider.now() {
        return Err(invalid());
    }
    let seed = provider.seed();
    let user = seed.active_user(&grant.user).ok_or_else(invalid)?;
    Ok(claims(&seed, user, &found.scopes, Place::UserInfo))
}

#[derive(Clone, Copy)]
enum Scheme {
    Bearer,
    Dpop,
}

/// The token from the header, or from the body of a POST (RFC 6750, sections 2.1 and 2.2).
fn credentials(request: &Received) -> Option<(Scheme, &str)> {
    let header = request
        .header("authorization")
        .and_then(|value| value.split_once(' '));
    match header {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
            Some((Scheme::Bearer, token.trim()))
        }
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("dpop") => {
            Some((Scheme::Dpop, token.trim()))
        }
        _ => Some((Scheme::Bearer, request.form_value("access_token")?)),
    }
}
