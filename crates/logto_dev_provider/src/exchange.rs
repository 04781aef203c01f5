//! Token exchange (RFC 8693) as Logto has it: the token of the Management API
//! for acting as a user, or a personal access token, for an access token of
//! that user.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::crypto::random_token;
use crate::issue::{Issue, Target};
use crate::oidc_error::OidcError;
use crate::provider::Provider;
use crate::seed::SeedUser;
use crate::store::Grant;
use crate::token::{asked_scopes, is_member, may_use_app, required, single_resource};
use crate::wire::Received;

pub(crate) const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// Since Logto 1.38; before that, such tokens went by [`ACCESS_TOKEN`], and still may.
const IMPERSONATION_TOKEN: &str = "urn:logto:token-type:impersonation_token";
const PERSONAL_ACCESS_TOKEN: &str = "urn:logto:token-type:personal_access_token";

pub(crate) fn token_exchange(
    provider: &Provider,
    request: &Received,
    client: &str,
    key: Option<String>,
) -> Result<Value, OidcError> {
    let subject_token = required(request, "subject_token")?;
    let subject_token_type = required(request, "subject_token_type")?;
    let user = match subject_token_type {
        IMPERSONATION_TOKEN => impersonated(provider, subject_token)?,
        ACCESS_TOKEN => match impersonated(provider, subject_token) {
            Ok(user) => user,
            Err(error) => of_access_token(provider, subject_token).ok_or(error)?,
        },
        PERSONAL_ACCESS_TOKEN => {
            let owner = provider.seed().owner_of(subject_token).cloned();
            owner.ok_or_else(|| OidcError::invalid_grant("subject token not found"))?
        }
        _ => return Err(OidcError::invalid_grant("unsupported subject token type")),
    };
    may_use_app(&user)?;
    let scopes = asked_scopes(request);
    let resource = single_resource(request)?.map(str::to_owned);
    if let Some(indicator) = &resource
        && !provider.seed().has_resource(indicator)
    {
        return Err(OidcError::invalid_target());
    }
    let organization = request.form_value("organization_id").map(str::to_owned);
    if let Some(id) = &organization {
        is_member(provider, id, &user)?;
    }
    if subject_token_type != PERSONAL_ACCESS_TOKEN {
        provider.store().subject_tokens.remove(subject_token);
    }

    // No sign-in has limited what may be asked for.
    let resources = resource.iter().map(|indicator| {
        let asked = scopes.iter().cloned().collect();
        (indicator.clone(), asked)
    });
    let grant_id = random_token();
    let grant = Grant {
        user: user.id.clone(),
        client: client.to_owned(),
        session: String::new(),
        sid: String::new(),
        scopes: scopes.clone(),
        resources: resources.collect::<BTreeMap<_, _>>(),
        nonce: None,
        auth_time: None,
        level: None,
    };
    provider
        .store()
        .grants
        .insert(grant_id.clone(), grant.clone());
    let target = Target::of(resource, organization);
    let issue = Issue {
        provider,
        grant_id: &grant_id,
        grant: &grant,
        user: &user,
        key,
    };
    Ok(issue.access_token(&scopes, target))
}

/// The user of a token from the Management API, which is good once.
fn impersonated(provider: &Provider, subject_token: &str) -> Result<SeedUser, OidcError> {
    let user = {
        let store = provider.store();
        let found = store.subject_tokens.get(subject_token);
        let found = found.filter(|found| found.expires > provider.now());
        found.map(|found| found.user.clone())
    };
    let user = user.and_then(|id| provider.seed().active_user(&id).cloned());
    user.ok_or_else(|| OidcError::invalid_grant("subject token not found, used or expired"))
}

/// The user of an access token that the application itself has got.
fn of_access_token(provider: &Provider, token: &str) -> Option<SeedUser> {
    let user = {
        let store = provider.store();
        let opaque = store.access_tokens.get(token);
        let opaque = opaque.filter(|found| found.expires > provider.now());
        let grant = opaque.and_then(|found| store.grants.get(&found.grant));
        let own = grant.filter(|grant| grant.client == provider.settings.client_id);
        own.map(|grant| grant.user.clone())
    };
    let of_jwt = || {
        let claims = Value::from(provider.keys().verified_claims(token)?);
        let lasts = claims["exp"].as_u64()? > provider.now();
        let is_own = claims["client_id"] == provider.settings.client_id.as_str();
        let user = claims["sub"].as_str()?;
        (lasts && is_own).then(|| user.to_owned())
    };
    let user = user.or_else(of_jwt)?;
    provider.seed().active_user(&user).cloned()
}
