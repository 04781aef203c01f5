//! The tokens themselves: opaque ones for userinfo, JWTs for API resources and
//! organizations, ID tokens.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::claims::{self, Place};
use crate::crypto::random_token;
use crate::keys::{ACCESS_TOKEN_TYP, ID_TOKEN_TYP};
use crate::names::{ORGANIZATIONS_SCOPE, organization_audience};
use crate::provider::Provider;
use crate::seed::SeedUser;
use crate::store::{AccessToken, Grant};

/// What an access token is for.
pub(crate) enum Target {
    UserInfo,
    Resource {
        indicator: String,
        organization: Option<String>,
    },
    Organization(String),
}

impl Target {
    /// What a request is for that names these.
    pub(crate) fn of(resource: Option<String>, organization: Option<String>) -> Target {
        match (resource, organization) {
            (Some(indicator), organization) => Target::Resource {
                indicator,
                organization,
            },
            (None, Some(id)) => Target::Organization(id),
            (None, None) => Target::UserInfo,
        }
    }
}

/// All that is needed to issue tokens.
pub(crate) struct Issue<'a> {
    pub(crate) provider: &'a Provider,
    pub(crate) grant_id: &'a str,
    pub(crate) grant: &'a Grant,
    pub(crate) user: &'a SeedUser,
    /// The key that access tokens are bound to, by its thumbprint.
    pub(crate) key: Option<String>,
}

impl Issue<'_> {
    /// The answer with all tokens of a sign-in.
    pub(crate) fn tokens(
        &self,
        scopes: &[String],
        target: Target,
        refresh_token: Option<String>,
    ) -> Value {
        let mut body = self.access_token(scopes, target);
        if scopes.iter().any(|scope| scope == "openid") {
            let access_token = body["access_token"].as_str().unwrap_or_default();
            body["id_token"] = json!(self.id_token(scopes, access_token));
        }
        if let Some(token) = refresh_token {
            body["refresh_token"] = json!(token);
        }
        body
    }

    /// The answer with an access token and nothing else.
    pub(crate) fn access_token(&self, scopes: &[String], target: Target) -> Value {
        let (access_token, scope) = match &target {
            Target::UserInfo => self.opaque_token(scopes),
            Target::Resource {
                indicator,
                organization,
            } => self.resource_token(scopes, indicator, organization.as_deref()),
            Target::Organization(id) => self.organization_token(scopes, id),
        };
        json!({
            "access_token": access_token,
            "expires_in": self.provider.token_lifetime(),
            "scope": scope,
            "token_type": token_type(self.key.as_deref()),
        })
    }

    fn opaque_token(&self, scopes: &[String]) -> (String, String) {
        let known = scopes
            .iter()
            .filter(|scope| claims::SCOPES.contains(&scope.as_str()));
        let scopes: Vec<String> = known.cloned().collect();
        let scope = scopes.join(" ");
        let token = self.provider.opaque_token();
        let issued = self.provider.now();
        let entry = AccessToken {
            grant: self.grant_id.to_owned(),
            scopes,
            issued,
            expires: issued + self.provider.token_lifetime(),
            key: self.key.clone(),
        };
        self.provider
            .store()
            .access_tokens
            .insert(token.clone(), entry);
        (token, scope)
    }

    /// Scopes: asked for, granted at sign-in, and given by a role even now.
    fn resource_token(
        &self,
        scopes: &[String],
        indicator: &str,
        organization: Option<&str>,
    ) -> (String, String) {
        let live = {
            let seed = self.provider.seed();
            let mut organizations = seed.organizations_of(self.user);
            match organization {
                Some(id) => organizations.retain(|found| found.id == id),
                None if self.grants(ORGANIZATIONS_SCOPE) => {}
                None => organizations.clear(),
            }
            seed.resource_scopes(self.user, indicator, &organizations)
        };
        let granted = self.grant.resources.get(indicator);
        let issued = scopes.iter().filter(|scope| {
            live.contains(*scope) && granted.is_some_and(|granted| granted.contains(*scope))
        });
        let scope = issued.map(String::as_str).collect::<Vec<_>>().join(" ");
        let mut claims = self.jwt_claims(indicator, &scope);
        if let Some(id) = organization {
            claims.insert("organization_id".into(), json!(id));
        }
        (self.provider.sign(ACCESS_TOKEN_TYP, claims), scope)
    }

    /// Scopes: those of the member's roles as they are now, as far as asked for.
    fn organization_token(&self, scopes: &[String], id: &str) -> (String, String) {
        let live = {
            let seed = self.provider.seed();
            let found = seed
                .organizations
                .iter()
                .find(|organization| organization.id == id);
            found
                .map(|organization| organization.scopes_of(self.user))
                .unwrap_or_default()
        };
        let asked: BTreeSet<&String> = scopes.iter().collect();
        let issued = live.iter().filter(|scope| asked.contains(scope));
        let scope = issued.map(String::as_str).collect::<Vec<_>>().join(" ");
        let claims = self.jwt_claims(&organization_audience(id), &scope);
        (self.provider.sign(ACCESS_TOKEN_TYP, claims), scope)
    }

    fn grants(&self, scope: &str) -> bool {
        self.grant.scopes.iter().any(|granted| granted == scope)
    }

    fn jwt_claims(&self, audience: &str, scope: &str) -> Map<String, Value> {
        let (sub, client) = (&self.user.id, &self.grant.client);
        let mut claims = jwt_claims(self.provider, sub, client, audience, scope);
        claims.extend(self.grant.authentication());
        bind(&mut claims, self.key.as_deref());
        claims
    }

    fn id_token(&self, scopes: &[String], access_token: &str) -> String {
        let provider = self.provider;
        let now = provider.now();
        let mut claims = self.grant.authentication();
        // A user's own claims replace these.
        claims.extend(claims::claims(
            &provider.seed(),
            self.user,
            scopes,
            Place::IdToken,
        ));
        // Echoed in refreshed ID tokens too, as Logto does.
        if let Some(nonce) = &self.grant.nonce {
            claims.insert("nonce".into(), json!(nonce));
        }
        if provider.settings.sid {
            claims.insert("sid".into(), json!(self.grant.sid));
        }
        claims.insert("aud".into(), json!(self.grant.client));
        claims.insert("exp".into(), json!(now + provider.token_lifetime()));
        claims.insert("iat".into(), json!(now));
        claims.insert("iss".into(), json!(provider.issuer()));
        let alg = provider.hooks.id_token_alg();
        let alg = alg.unwrap_or_else(|| provider.keys().active);
        claims.insert("at_hash".into(), json!(alg.at_hash(access_token)));
        provider.sign(ID_TOKEN_TYP, claims)
    }
}

/// The claims of a JWT access token, as Logto has them.
pub(crate) fn jwt_claims(
    provider: &Provider,
    sub: &str,
    client_id: &str,
    audience: &str,
    scope: &str,
) -> Map<String, Value> {
    let now = provider.now();
    let claims = json!({
        "jti": random_token(),
        "sub": sub,
        "iat": now,
        "exp": now + provider.token_lifetime(),
        "scope": scope,
        "client_id": client_id,
        "iss": provider.issuer(),
        "aud": audience,
    });
    claims.as_object().cloned().unwrap_or_default()
}

/// What an access token is, bound to this key or to none (RFC 9449, section 5).
pub(crate) fn token_type(key: Option<&str>) -> &'static str {
    match key {
        Some(_) => "DPoP",
        None => "Bearer",
    }
}

/// RFC 9449, section 6.1.
pub(crate) fn bind(claims: &mut Map<String, Value>, key: Option<&str>) {
    if let Some(key) = key {
        claims.insert("cnf".into(), json!({ "jkt": key }));
    }
}
