//! The token endpoint: codes and refresh tokens, and who may have which token,
//! as Logto decides it.

use serde_json::Value;

use crate::client_auth::authenticate;
use crate::clients::Client;
use crate::crypto::{base64url, sha256};
use crate::dpop;
use crate::issue::{Issue, Target};
use crate::names::ORGANIZATIONS_SCOPE;
use crate::oidc_error::OidcError;
use crate::provider::Provider;
use crate::seed::SeedUser;
use crate::store::{Grant, REFRESH_TOKEN_LIFETIME, REUSE_WINDOW, RefreshToken, Store};
use crate::wire::{Received, Reply};
use crate::{exchange, machine};

pub(crate) fn token(provider: &Provider, request: &Received) -> Reply {
    let answer =
        authenticate(provider, request).and_then(|client| answer_to(provider, request, &client));
    match answer {
        Ok(body) => Reply::json(200, &body),
        Err(error) => error.reply(),
    }
}

fn answer_to(provider: &Provider, request: &Received, client: &str) -> Result<Value, OidcError> {
    let grant_type = required(request, "grant_type")?;
    let key = dpop::of_token_request(provider, request)?;
    // At Logto a machine has no users, and an app that has users is no machine.
    let signs_in = provider.client(client).ok();
    match (grant_type, &signs_in) {
        ("authorization_code", Some(found)) => redeem_code(provider, request, found, key),
        ("refresh_token", Some(found)) if found.may_refresh() => {
            refresh(provider, request, found, key)
        }
        ("client_credentials", None) => {
            machine::client_credentials(provider, request, client, key.as_deref())
        }
        // Of the operator's own applications only, as at Logto.
        (exchange::GRANT_TYPE, Some(found))
            if found.is_third_party() || !provider.settings.allow_token_exchange =>
        {
            Err(OidcError::grant_not_allowed())
        }
        (exchange::GRANT_TYPE, _) => exchange::token_exchange(provider, request, client, key),
        ("authorization_code" | "refresh_token" | "client_credentials", _) => {
            Err(OidcError::grant_not_allowed())
        }
        _ => {
            let description = "unsupported grant_type requested";
            Err(OidcError::new(400, "unsupported_grant_type", description))
        }
    }
}

fn redeem_code(
    provider: &Provider,
    request: &Received,
    client: &Client,
    key: Option<String>,
) -> Result<Value, OidcError> {
    let code = required(request, "code")?;
    let now = provider.now();
    let grant_id = {
        let mut store = provider.store();
        let Store { codes, grants, .. } = &mut *store;
        let entry = codes.get_mut(code);
        let entry = entry.ok_or_else(|| OidcError::invalid_grant("unknown code"))?;
        let grant_id = entry.grant.clone();
        let grant = grants.get(&grant_id);
        // Not a use of it: whose code it is must not suffer (RFC 6749, section 4.1.3).
        if grant.is_some_and(|grant| grant.client != client.id(provider)) {
            return Err(OidcError::invalid_grant("code of another client"));
        }
        if entry.used {
            // What the first use gave dies with the second (RFC 6749, section 4.1.2).
            grants.remove(&grant_id);
            return Err(OidcError::invalid_grant("code already used"));
        }
        if entry.expires <= now {
            return Err(OidcError::invalid_grant("code expired"));
        }
        if request.form_value("redirect_uri") != Some(&entry.redirect_uri) {
            return Err(OidcError::invalid_grant("redirect_uri mismatch"));
        }
        let verifier = request.form_value("code_verifier");
        check_verifier(entry.code_challenge.as_deref(), verifier)?;
        if entry.dpop_jkt.is_some() && entry.dpop_jkt != key {
            return Err(OidcError::invalid_grant("dpop_jkt is that of another key"));
        }
        entry.used = true;
        grant_id
    };
    let grant = live_grant(provider, &grant_id)?;
    let user = active_user(provider, &grant)?;
    // `organization_id` is ignored here: Logto wants a refresh for that.
    let target = Target::of(requested_resource(request, &grant)?, None);
    let refresh_token = grant.is_offline().then(|| {
        let token = provider.opaque_token();
        let entry = RefreshToken {
            grant: grant_id.clone(),
            issued: now,
            rotated: None,
            // What a client authenticates for is bound to it by that (RFC 9449, section 5).
            key: key.clone().filter(|_| client.is_public(provider)),
        };
        provider.store().refresh_tokens.insert(token.clone(), entry);
        token
    });
    let issue = Issue {
        provider,
        grant_id: &grant_id,
        grant: &grant,
        user: &user,
        key,
    };
    Ok(issue.tokens(&grant.scopes, target, refresh_token))
}

/// RFC 7636, section 4.6.
fn check_verifier(challenge: Option<&str>, verifier: Option<&str>) -> Result<(), OidcError> {
    match (challenge, verifier) {
        (None, None) => Ok(()),
        (Some(challenge), Some(verifier)) => {
            let hash = base64url(sha256(verifier.as_bytes()));
            let wrong_length = !(43..=128).contains(&verifier.len());
            if hash != challenge || wrong_length {
                return Err(OidcError::invalid_grant("PKCE verification failed"));
            }
            Ok(())
        }
        // A verifier without a challenge is a downgrade (RFC 9700, section 4.8.2).
        _ => Err(OidcError::invalid_grant("PKCE verification failed")),
    }
}

fn refresh(
    provider: &Provider,
    request: &Received,
    client: &Client,
    key: Option<String>,
) -> Result<Value, OidcError> {
    let token = required(request, "refresh_token")?;
    let now = provider.now();
    let (grant_id, issued, rotated, bound_to) = {
        let store = provider.store();
        let entry = store.refresh_tokens.get(token);
        let entry = entry.ok_or_else(|| OidcError::invalid_grant("refresh token not found"))?;
        let key = entry.key.clone();
        (entry.grant.clone(), entry.issued, entry.rotated, key)
    };
    // RFC 9449, section 5.
    if bound_to.is_some() && bound_to != key {
        return Err(OidcError::invalid_grant("it is bound to another key"));
    }
    if issued + REFRESH_TOKEN_LIFETIME <= now {
        return Err(OidcError::invalid_grant("refresh token is expired"));
    }
    let grant = live_grant(provider, &grant_id)?;
    // RFC 6749, section 6.
    if grant.client != client.id(provider) {
        return Err(OidcError::invalid_grant("refresh token of another client"));
    }
    let scopes = narrowed(request, &grant)?;
    let user = active_user(provider, &grant)?;
    if rotated.is_some_and(|rotated| now > rotated + REUSE_WINDOW) {
        provider.store().grants.remove(&grant_id);
        return Err(OidcError::invalid_grant("refresh token already used"));
    }

    let organization = request.form_value("organization_id").map(str::to_owned);
    if let Some(organization) = &organization {
        check_membership(provider, organization, &user, &grant)?;
    }
    let target = Target::of(requested_resource(request, &grant)?, organization);

    let refresh_token = if rotates(provider, client, issued) {
        rotate(provider, token, &grant_id, bound_to)
    } else {
        token.to_owned()
    };
    let issue = Issue {
        provider,
        grant_id: &grant_id,
        grant: &grant,
        user: &user,
        key,
    };
    Ok(issue.tokens(&scopes, target, Some(refresh_token)))
}

pub(crate) fn required<'r>(request: &'r Received, name: &str) -> Result<&'r str, OidcError> {
    let value = request.form_value(name).filter(|value| !value.is_empty());
    value.ok_or_else(|| OidcError::invalid_request(&format!("missing required parameter '{name}'")))
}

fn live_grant(provider: &Provider, id: &str) -> Result<Grant, OidcError> {
    let grant = provider.store().grants.get(id).cloned();
    grant.ok_or_else(|| OidcError::invalid_grant("grant is gone"))
}

fn active_user(provider: &Provider, grant: &Grant) -> Result<SeedUser, OidcError> {
    let user = provider.seed().active_user(&grant.user).cloned();
    let user = user.ok_or_else(|| OidcError::invalid_grant("user is suspended or deleted"))?;
    may_use_app(&user)?;
    Ok(user)
}

/// Access control for applications, whatever token is asked for.
pub(crate) fn may_use_app(user: &SeedUser) -> Result<(), OidcError> {
    match user.no_access {
        true => Err(OidcError::no_access()),
        false => Ok(()),
    }
}

/// `scope` may narrow what was granted, never widen it (RFC 6749, section 6).
fn narrowed(request: &Received, grant: &Grant) -> Result<Vec<String>, OidcError> {
    let asked = asked_scopes(request);
    if asked.is_empty() {
        return Ok(grant.scopes.clone());
    }
    let missing: Vec<&str> = asked
        .iter()
        .filter(|s| !grant.scopes.contains(s))
        .map(String::as_str)
        .collect();
    if missing.is_empty() {
        return Ok(asked);
    }
    let plural = if missing.len() > 1 { "scopes" } else { "scope" };
    let description = format!("refresh token missing requested {plural}");
    Err(OidcError::new(400, "invalid_scope", &description).scope(&missing.join(" ")))
}

fn check_membership(
    provider: &Provider,
    organization: &str,
    user: &SeedUser,
    grant: &Grant,
) -> Result<(), OidcError> {
    is_member(provider, organization, user)?;
    if !grant
        .scopes
        .iter()
        .any(|scope| scope == ORGANIZATIONS_SCOPE)
    {
        let description = "refresh token missing required scope";
        return Err(
            OidcError::new(403, "insufficient_scope", description).scope(ORGANIZATIONS_SCOPE)
        );
    }
    Ok(())
}

/// Whether the organization has this user.
pub(crate) fn is_member(
    provider: &Provider,
    organization: &str,
    user: &SeedUser,
) -> Result<(), OidcError> {
    let seed = provider.seed();
    let organizations = seed.organizations_of(user);
    if organizations.iter().any(|found| found.id == organization) {
        return Ok(());
    }
    let description = "user is not a member of the organization";
    Err(OidcError::new(403, "access_denied", description))
}

/// The one resource asked for; it must have been asked for at sign-in (RFC 8707, section 2.2).
fn requested_resource(request: &Received, grant: &Grant) -> Result<Option<String>, OidcError> {
    match single_resource(request)? {
        Some(indicator) if !grant.resources.contains_key(indicator) => {
            Err(OidcError::invalid_target())
        }
        indicator => Ok(indicator.map(str::to_owned)),
    }
}

/// The one resource asked for, if any.
pub(crate) fn single_resource(request: &Received) -> Result<Option<&str>, OidcError> {
    let mut asked = request.form.iter().filter(|(name, _)| name == "resource");
    let indicator = asked.next().map(|(_, indicator)| indicator.as_str());
    if asked.next().is_some() {
        let description = "only a single resource indicator value must be requested";
        return Err(OidcError::new(400, "invalid_target", description));
    }
    Ok(indicator)
}

/// The scopes of the request, each once.
pub(crate) fn asked_scopes(request: &Received) -> Vec<String> {
    let asked = request.form_value("scope").unwrap_or_default();
    let mut scopes: Vec<String> = Vec::new();
    for scope in asked.split(' ').filter(|scope| !scope.is_empty()) {
        if !scopes.iter().any(|other| other == scope) {
            scopes.push(scope.to_owned());
        }
    }
    scopes
}

/// Confidential clients keep a refresh token until 70 % of its life has passed; those of
/// public ones are good once (RFC 9700, section 4.14.2).
fn rotates(provider: &Provider, client: &Client, issued: u64) -> bool {
    let is_public = client.is_public(provider);
    let age = provider.now().saturating_sub(issued);
    let is_old = age * 10 >= REFRESH_TOKEN_LIFETIME * 7;
    provider
        .hooks
        .rotates_refresh_tokens()
        .unwrap_or(is_public || is_old)
}

fn rotate(provider: &Provider, token: &str, grant_id: &str, key: Option<String>) -> String {
    let now = provider.now();
    let mut store = provider.store();
    if let Some(entry) = store.refresh_tokens.get_mut(token) {
        // The window runs from the first rotation, however often it is used in it.
        entry.rotated.get_or_insert(now);
    }
    let new = provider.opaque_token();
    let entry = RefreshToken {
        grant: grant_id.to_owned(),
        issued: now,
        rotated: None,
        key,
    };
    store.refresh_tokens.insert(new.clone(), entry);
    new
}
