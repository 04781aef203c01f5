//! Which claims a scope gives, absent and null exactly as Logto has them.

use serde_json::{Map, Value, json};

use crate::names::{ORGANIZATION_ROLES_SCOPE, ORGANIZATIONS_SCOPE, SESSIONS_SCOPE};
use crate::seed::{Seed, SeedAddress, SeedUser};

/// Where claims go. The ID token has fewer of them by Logto's default.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    IdToken,
    UserInfo,
}

/// The OIDC scopes Logto knows, in discovery's order.
pub(crate) const SCOPES: [&str; 12] = [
    "openid",
    "offline_access",
    "profile",
    "email",
    "phone",
    "address",
    "custom_data",
    "identities",
    "roles",
    ORGANIZATIONS_SCOPE,
    ORGANIZATION_ROLES_SCOPE,
    SESSIONS_SCOPE,
];

pub(crate) const SUPPORTED: &[&str] = &[
    "sub",
    "name",
    "family_name",
    "given_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "updated_at",
    "username",
    "created_at",
    "email",
    "email_verified",
    "phone_number",
    "phone_number_verified",
    "address",
    "custom_data",
    "identities",
    "sso_identities",
    "roles",
    "organizations",
    "organization_data",
    "organization_roles",
    "sid",
    "acr",
    "amr",
    "auth_time",
    "iss",
];

pub(crate) fn claims(
    seed: &Seed,
    user: &SeedUser,
    scopes: &[String],
    place: Place,
) -> Map<String, Value> {
    let mut claims = Map::new();
    claims.insert("sub".into(), json!(user.id));
    for scope in scopes {
        match scope.as_str() {
            "profile" => profile(user, &mut claims),
            "email" => {
                claims.insert("email".into(), json!(user.email));
                claims.insert("email_verified".into(), json!(user.email.is_some()));
            }
            "phone" => {
                claims.insert("phone_number".into(), json!(user.phone_number));
                claims.insert(
                    "phone_number_verified".into(),
                    json!(user.phone_number.is_some()),
                );
            }
            "address" => {
                if let Some(found) = &user.profile.address {
                    claims.insert("address".into(), address(found));
                }
            }
            "roles" => {
                claims.insert("roles".into(), json!(user.roles));
            }
            "custom_data" if place == Place::UserInfo => {
                claims.insert("custom_data".into(), json!(user.custom_data));
            }
            "identities" if place == Place::UserInfo => {
                claims.insert("identities".into(), json!(user.identities));
                claims.insert("sso_identities".into(), json!(user.sso_identities));
            }
            ORGANIZATIONS_SCOPE => organizations(seed, user, place, &mut claims),
            ORGANIZATION_ROLES_SCOPE => {
                claims.insert("organization_roles".into(), organization_roles(seed, user));
            }
            _ => {}
        }
    }
    claims.extend(user.claims.clone());
    claims
}

fn profile(user: &SeedUser, claims: &mut Map<String, Value>) {
    // Null when empty, never absent.
    claims.insert("name".into(), json!(user.name));
    claims.insert("picture".into(), json!(user.picture));
    claims.insert("username".into(), json!(user.username));
    // Milliseconds, where OpenID Connect Core 5.1 says seconds.
    claims.insert("created_at".into(), json!(user.created_at));
    claims.insert(
        "updated_at".into(),
        json!(user.updated_at.unwrap_or(user.created_at)),
    );

    let profile = &user.profile;
    let preferred_username = profile
        .preferred_username
        .as_ref()
        .or(user.username.as_ref());
    let absent_when_empty = [
        ("preferred_username", preferred_username),
        ("family_name", profile.family_name.as_ref()),
        ("given_name", profile.given_name.as_ref()),
        ("middle_name", profile.middle_name.as_ref()),
        ("nickname", profile.nickname.as_ref()),
        ("profile", profile.profile.as_ref()),
        ("website", profile.website.as_ref()),
        ("gender", profile.gender.as_ref()),
        ("birthdate", profile.birthdate.as_ref()),
        ("zoneinfo", profile.zoneinfo.as_ref()),
        ("locale", profile.locale.as_ref()),
    ];
    insert_present(claims, absent_when_empty);
}

fn address(address: &SeedAddress) -> Value {
    let mut claim = Map::new();
    let members = [
        ("formatted", address.formatted.as_ref()),
        ("streetAddress", address.street_address.as_ref()),
        ("locality", address.locality.as_ref()),
        ("region", address.region.as_ref()),
        ("postalCode", address.postal_code.as_ref()),
        ("country", address.country.as_ref()),
    ];
    insert_present(&mut claim, members);
    Value::Object(claim)
}

fn insert_present<const N: usize>(
    claims: &mut Map<String, Value>,
    members: [(&str, Option<&String>); N],
) {
    for (name, value) in members {
        if let Some(value) = value {
            claims.insert(name.into(), json!(value));
        }
    }
}

fn organizations(seed: &Seed, user: &SeedUser, place: Place, claims: &mut Map<String, Value>) {
    let organizations = seed.organizations_of(user);
    let ids: Vec<&String> = organizations
        .iter()
        .map(|organization| &organization.id)
        .collect();
    claims.insert("organizations".into(), json!(ids));
    if place == Place::UserInfo {
        let data = organizations.iter().map(|organization| {
            json!({
                "id": organization.id,
                "name": organization.name,
                "description": organization.description,
            })
        });
        claims.insert("organization_data".into(), data.collect());
    }
}

fn organization_roles(seed: &Seed, user: &SeedUser) -> Value {
    let all = seed
        .organizations_of(user)
        .into_iter()
        .flat_map(|organization| {
            let roles = organization.roles_of(user).unwrap_or_default();
            roles
                .iter()
                .map(|role| json!(format!("{}:{role}", organization.id)))
        });
    all.collect()
}
