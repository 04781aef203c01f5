//! Discovery (OpenID Connect Discovery 1.0, RFC 8414) and the key set.

use serde_json::json;

use crate::claims;
use crate::client_assertion;
use crate::dpop;
use crate::exchange;
use crate::provider::Provider;
use crate::wire::{Received, Reply};

pub(crate) const PATH: &str = "/.well-known/openid-configuration";
const OAUTH_PATH: &str = "/.well-known/oauth-authorization-server";

/// Whether the metadata of the issuer are there. Clients try several places: below the issuer
/// (OpenID Connect Discovery 1.0, section 4), and before its path, under either name (RFC 8414,
/// sections 3.1 and 5).
pub(crate) fn is_at(path: &str, issuer_path: &str) -> bool {
    let issuer_path = issuer_path.trim_end_matches('/');
    [PATH, OAUTH_PATH].iter().any(|name| {
        path.strip_prefix(issuer_path) == Some(name) || path.strip_prefix(name) == Some(issuer_path)
    })
}

/// Only what is there: clients believe it.
pub(crate) fn discovery(provider: &Provider, _: &Received) -> Reply {
    let issuer = provider.issuer();
    let endpoint = provider.endpoint();
    let at = |path: &str| format!("{endpoint}{}", provider.path(path));
    let methods = [
        "client_secret_basic",
        "client_secret_post",
        "private_key_jwt",
        "none",
    ];
    let mut metadata = json!({
        "issuer": issuer,
        "authorization_endpoint": at("/auth"),
        "token_endpoint": at("/token"),
        "userinfo_endpoint": at("/me"),
        "jwks_uri": at(&provider.settings.jwks_path),
        "end_session_endpoint": at("/session/end"),
        "revocation_endpoint": at("/token/revocation"),
        "introspection_endpoint": at("/token/introspection"),
        "authorization_response_iss_parameter_supported": provider.settings.response_iss,
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
        "claim_types_supported": ["normal"],
        "claims_parameter_supported": false,
        "claims_supported": claims::SUPPORTED,
        "code_challenge_methods_supported": ["S256"],
        "grant_types_supported": [
            "authorization_code",
            "refresh_token",
            "client_credentials",
            exchange::GRANT_TYPE,
        ],
        "id_token_signing_alg_values_supported": provider.keys().algs(),
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "response_modes_supported": ["form_post", "fragment", "query"],
        "response_types_supported": ["code"],
        "scopes_supported": claims::SCOPES,
        "subject_types_supported": ["public"],
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": client_assertion::ALGORITHMS,
    });
    if provider.settings.offers_par {
        metadata["pushed_authorization_request_endpoint"] = at("/request").into();
    }
    if provider.listens() {
        metadata["client_id_metadata_document_supported"] = true.into();
    }
    if provider.settings.dynamic_registration {
        metadata["registration_endpoint"] = at("/register").into();
    }
    if provider.settings.offers_dpop {
        metadata["dpop_signing_alg_values_supported"] = json!(dpop::ALGORITHMS);
    }
    let mut reply = Reply::json(200, &metadata);
    reply.remove_header("cache-control");
    reply
}

pub(crate) fn jwks(provider: &Provider, _: &Received) -> Reply {
    let keys = provider.keys().jwks().to_string();
    let mut reply = Reply::new(200, "application/jwk-set+json; charset=utf-8", keys);
    reply.set_header("cache-control", "no-cache, max-age=0, must-revalidate");
    reply
}
