//! Which path is which endpoint, and who answers there.

use crate::provider::Provider;
use crate::wire::{Endpoint, Received, Reply};
use crate::{
    account, authorize, clients, consent, console, cors, discovery, management, pages,
    second_factor, session, token, userinfo,
};

/// Answers a request of one endpoint.
pub(crate) type Handler = fn(&Provider, &Received) -> Reply;

pub(crate) struct Route {
    pub(crate) endpoint: Endpoint,
    pub(crate) handler: Handler,
}

/// The route of a request. What is unknown has one too, so that tests can see
/// calls the provider did not expect.
pub(crate) fn find(provider: &Provider, method: &str, path: &str) -> Route {
    // The server leaves out the body of an answer to HEAD.
    let method = if method == "HEAD" { "GET" } else { method };
    if method == "OPTIONS" {
        let asked = ["GET", "POST"].map(|method| find(provider, method, path).endpoint);
        if asked.into_iter().any(cors::is_open) {
            return Route {
                endpoint: Endpoint::Preflight,
                handler: cors::preflight,
            };
        }
    }
    if method == "GET" && discovery::is_at(path, &provider.settings.issuer_path) {
        return Route {
            endpoint: Endpoint::Discovery,
            handler: discovery::discovery,
        };
    }
    let issuer_path = provider.settings.issuer_path.trim_end_matches('/');
    let below_issuer = path.strip_prefix(issuer_path);
    let (endpoint, handler) = below_issuer
        .and_then(|path| oidc(provider, method, path))
        .unwrap_or_else(|| elsewhere(method, path));
    Route { endpoint, handler }
}

/// What is below the issuer.
fn oidc(provider: &Provider, method: &str, path: &str) -> Option<(Endpoint, Handler)> {
    Some(match (method, path) {
        ("GET", path) if path == provider.settings.jwks_path => (Endpoint::Jwks, discovery::jwks),
        ("GET" | "POST", "/auth") => (Endpoint::Auth, authorize::authorize),
        ("POST", "/request") => (Endpoint::PushedAuth, authorize::push),
        ("POST", "/token") => (Endpoint::Token, token::token),
        ("GET" | "POST", "/me") => (Endpoint::UserInfo, userinfo::userinfo),
        ("POST", "/token/revocation") => (Endpoint::Revocation, session::revoke),
        ("POST", "/token/introspection") => (Endpoint::Introspection, session::introspect),
        ("GET" | "POST", "/session/end") => (Endpoint::EndSession, session::end_session),
        ("POST", "/register") if provider.settings.dynamic_registration => {
            (Endpoint::Registration, clients::register)
        }
        ("POST", "/session/end/confirm") => (Endpoint::EndSession, session::confirm),
        _ => return None,
    })
}

/// Pages, the Account API and the Management API.
fn elsewhere(method: &str, path: &str) -> (Endpoint, Handler) {
    match (method, path) {
        ("GET", "/") => (Endpoint::Page, pages::users),
        ("GET", "/user") => (Endpoint::Page, pages::user),
        ("GET", "/sign-in") => (Endpoint::Page, authorize::show_sign_in),
        ("POST", "/sign-in") => (Endpoint::Page, authorize::submit),
        ("POST", "/consent") => (Endpoint::Page, consent::submit),
        ("POST", "/second-factor") => (Endpoint::Page, second_factor::second_factor),
        ("GET", "/sign-up") => (Endpoint::Page, authorize::show_sign_up),
        ("POST", "/sign-up") => (Endpoint::Page, authorize::sign_up),
        ("POST", "/suspend") => (Endpoint::Page, console::suspend),
        ("POST", "/delete") => (Endpoint::Page, console::delete),
        ("POST", "/roles") => (Endpoint::Page, console::roles),
        ("POST", "/end-sessions") => (Endpoint::Page, console::end_sessions),
        ("POST", "/keys") => (Endpoint::Page, console::keys),
        ("GET", "/assets/dev-provider.css") => (Endpoint::Page, pages::style),
        ("POST", "/access") => (Endpoint::Page, console::access),
        ("GET", path) if path.starts_with("/account/") => (Endpoint::Page, pages::account),
        (_, "/api/verifications/password") => (Endpoint::Account, account::verify_password),
        (_, path) if path.starts_with("/api/my-account/") => (Endpoint::Account, account::api),
        (_, path) if path.starts_with("/api/") => (Endpoint::Management, management::api),
        _ => (Endpoint::Unknown, pages::not_found),
    }
}
