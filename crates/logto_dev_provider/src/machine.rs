//! Tokens for machines: the client credentials grant (RFC 6749 section 4.4), for
//! an API resource, an organization, or both, as Logto has it.

use serde_json::{Value, json};

use crate::issue::{bind, jwt_claims, token_type};
use crate::keys::ACCESS_TOKEN_TYP;
use crate::names::organization_audience;
use crate::oidc_error::OidcError;
use crate::provider::Provider;
use crate::token::{asked_scopes, single_resource};
use crate::wire::Received;

pub(crate) fn client_credentials(
    provider: &Provider,
    request: &Received,
    client: &str,
    key: Option<&str>,
) -> Result<Value, OidcError> {
    let invalid_target = |description| OidcError::new(400, "invalid_target", description);
    let resource = single_resource(request).map_err(|_| {
        invalid_target("only a single resource indicator value is supported for this grant type")
    })?;
    let organization = request.form_value("organization_id");
    let organization = organization.filter(|id| !id.is_empty());

    let seed = provider.seed();
    let roles = seed.machine(client).map(|machine| machine.roles.clone());
    let associated = |id: &str| {
        let found = seed.organizations.iter().find(|found| found.id == id);
        let organization = found.filter(|found| found.machines.contains_key(client));
        organization.ok_or_else(|| {
            let description = "app has not associated with the organization";
            OidcError::new(403, "access_denied", description)
        })
    };
    let within = organization.map(associated).transpose()?;
    let organization_roles = within.map(|found| found.machines[client].as_slice());

    let (audience, given) = match (resource, within) {
        (Some(indicator), _) if !seed.has_resource(indicator) => {
            return Err(OidcError::invalid_target());
        }
        (Some(indicator), within) => {
            // Within an organization only what its roles give counts.
            let roles = roles.filter(|_| within.is_none()).unwrap_or_default();
            let organization_roles = organization_roles.unwrap_or_default();
            let given = seed.scopes_of_roles(indicator, &roles, organization_roles);
            (indicator.to_owned(), given.into_iter().collect())
        }
        (None, Some(found)) => {
            let given = found.scopes_of_roles(organization_roles.unwrap_or_default());
            (organization_audience(&found.id), given)
        }
        (None, None) => {
            return Err(invalid_target(
                "both `resource` and `organization_id` are not provided",
            ));
        }
    };
    // Nothing is given that was not asked for.
    let mut scopes = asked_scopes(request);
    scopes.retain(|scope| given.contains(scope));
    let scope = scopes.join(" ");

    let mut claims = jwt_claims(provider, client, client, &audience, &scope);
    if let (Some(_), Some(id)) = (resource, organization) {
        claims.insert("organization_id".into(), json!(id));
    }
    bind(&mut claims, key);
    Ok(json!({
        "access_token": provider.sign(ACCESS_TOKEN_TYP, claims),
        "expires_in": provider.token_lifetime(),
        "token_type": token_type(key),
        "scope": scope,
    }))
}
