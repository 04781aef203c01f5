//! The token endpoint: client authentication, codes, refresh tokens, and
//! tokens for API resources and organizations as Logto issues them.

use std::collections::BTreeSet;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::Provider;
use super::claims::{self, Place};
use super::error::OidcError;
use super::keys::{base64url, random_token};
use super::seed::SeedUser;
use super::store::{AccessToken, Grant, REFRESH_TOKEN_LIFETIME, REUSE_WINDOW, RefreshToken};
use super::wire::{Received, Reply};

pub(super) fn token(provider: &Provider, request: &Received) -> Reply {
    let answer =
        authenticate(provider, request).and_then(|()| match request.form_value("grant_type") {
            Some("authorization_code") => exchange_code(provider, request),
            Some("refresh_token") => refresh(provider, request),
            Some(_) => {
                let description = "unsupported grant_type requested";
                Err(OidcError::new(400, "unsupported_grant_type", description))
            }
            None => Err(OidcError::invalid_request(
                "missing required parameter 'grant_type'",
            )),
        });
    match answer {
        Ok(body) => Reply::json(200, &body),
        Err(error) => error.reply(),
    }
}

/// Client authentication by header or by body, never both (RFC 6749, section 2.3).
pub(super) fn authenticate(provider: &Provider, request: &Received) -> Result<(), OidcError> {
    let invalid = OidcError::invalid_request;
    for (index, (name, _)) in request.form.iter().enumerate() {
        let earlier = &request.form[..index];
        if name != "resource" && earlier.iter().any(|(n, _)| n == name) {
            return Err(invalid(&format!(
                "'{name}' parameter must not be provided twice"
            )));
        }
    }
    let in_body = request.form_value("client_secret");
    let (id, secret, is_basic) = match request.header("authorization") {
        Some(header) => {
            let (id, secret) = basic_credentials(header)
                .ok_or_else(|| invalid("invalid authorization header value format"))?;
            if in_body.is_some() {
                return Err(invalid(
                    "client authentication must only be provided using one mechanism",
                ));
            }
            if request
                .form_value("client_id")
                .is_some_and(|in_body| in_body != id)
            {
                return Err(invalid("mismatch in body and authorization client ids"));
            }
            (id, Some(secret), true)
        }
        None => match request.form_value("client_id") {
            Some(id) => (id.to_owned(), in_body.map(str::to_owned), false),
            None => return Err(invalid("no client authentication mechanism provided")),
        },
    };
    if id != provider.settings.client_id {
        return Err(OidcError::new(
            400,
            "invalid_client",
            &format!("invalid client {id}"),
        ));
    }
    let expected = provider.settings.client_secret.as_deref();
    let same = match (expected, secret.as_deref()) {
        (Some(expected), Some(secret)) => {
            verify_slices_are_equal(expected.as_bytes(), secret.as_bytes()).is_ok()
        }
        (None, None) => true,
        _ => false,
    };
    match (same, is_basic) {
        (true, _) => Ok(()),
        (false, true) => Err(OidcError::invalid_client().challenged("Basic", &provider.issuer())),
        (false, false) => Err(OidcError::invalid_client()),
    }
}

/// Both halves are form-urlencoded before they are joined (RFC 6749, section 2.3.1).
fn basic_credentials(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    Some((form_decoded(id), form_decoded(secret)))
}

fn form_decoded(text: &str) -> String {
    // A stray `&` or `=` can only come unencoded; it would split the pair.
    let safe = text.replace('&', "%26").replace('=', "%3D");
    let mut pairs = url::form_urlencoded::parse(safe.as_bytes());
    pairs
        .next()
        .map(|(name, _)| name.into_owned())
        .unwrap_or_default()
}

/// What an access token is for.
enum Target {
    UserInfo,
    Resource {
        indicator: String,
        organization: Option<String>,
    },
    Organization(String),
}

fn exchange_code(provider: &Provider, request: &Received) -> Result<Value, OidcError> {
    let code = required(request, "code")?;
    let now = provider.now();
    let grant_id = {
        let mut store = provider.store();
        let entry = store
            .codes
            .get_mut(code)
            .ok_or_else(|| OidcError::invalid_grant("unknown code"))?;
        let grant_id = entry.grant.clone();
        if entry.used {
            // What the first use gave dies with the second (RFC 6749, section 4.1.2).
            store.grants.remove(&grant_id);
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
        entry.used = true;
        grant_id
    };
    let grant = live_grant(provider, &grant_id)?;
    let user = active_user(provider, &grant)?;
    // `organization_id` is ignored here: Logto wants a refresh for that.
    let target = match requested_resource(request, &grant)? {
        Some(indicator) => Target::Resource {
            indicator,
            organization: None,
        },
        None => Target::UserInfo,
    };
    let refresh_token = grant.is_offline().then(|| {
        let token = random_token();
        let entry = RefreshToken {
            grant: grant_id.clone(),
            issued: now,
            rotated: None,
        };
        provider.store().refresh_tokens.insert(token.clone(), entry);
        token
    });
    let issue = Issue {
        provider,
        grant_id: &grant_id,
        grant: &grant,
        user: &user,
    };
    Ok(issue.tokens(&grant.scopes, target, refresh_token))
}

/// RFC 7636, section 4.6.
fn check_verifier(challenge: Option<&str>, verifier: Option<&str>) -> Result<(), OidcError> {
    match (challenge, verifier) {
        (None, None) => Ok(()),
        (Some(challenge), Some(verifier)) => {
            let hash = base64url(digest(&SHA256, verifier.as_bytes()).as_ref());
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

fn refresh(provider: &Provider, request: &Received) -> Result<Value, OidcError> {
    let token = required(request, "refresh_token")?;
    let now = provider.now();
    let (grant_id, issued, rotated) = {
        let store = provider.store();
        let entry = store.refresh_tokens.get(token);
        let entry = entry.ok_or_else(|| OidcError::invalid_grant("refresh token not found"))?;
        (entry.grant.clone(), entry.issued, entry.rotated)
    };
    if issued + REFRESH_TOKEN_LIFETIME <= now {
        return Err(OidcError::invalid_grant("refresh token is expired"));
    }
    let grant = live_grant(provider, &grant_id)?;
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
    let target = match (requested_resource(request, &grant)?, organization) {
        (Some(indicator), organization) => Target::Resource {
            indicator,
            organization,
        },
        (None, Some(organization)) => Target::Organization(organization),
        (None, None) => Target::UserInfo,
    };

    let refresh_token = if rotates(provider, issued) {
        rotate(provider, token, &grant_id)
    } else {
        token.to_owned()
    };
    let issue = Issue {
        provider,
        grant_id: &grant_id,
        grant: &grant,
        user: &user,
    };
    Ok(issue.tokens(&scopes, target, Some(refresh_token)))
}

fn required<'r>(request: &'r Received, name: &str) -> Result<&'r str, OidcError> {
    let value = request.form_value(name).filter(|value| !value.is_empty());
    value.ok_or_else(|| OidcError::invalid_request(&format!("missing required parameter '{name}'")))
}

fn live_grant(provider: &Provider, id: &str) -> Result<Grant, OidcError> {
    let grant = provider.store().grants.get(id).cloned();
    grant.ok_or_else(|| OidcError::invalid_grant("grant is gone"))
}

fn active_user(provider: &Provider, grant: &Grant) -> Result<SeedUser, OidcError> {
    let user = provider.seed().active_user(&grant.user).cloned();
    user.ok_or_else(|| OidcError::invalid_grant("user is suspended or deleted"))
}

/// `scope` may narrow what was granted, never widen it (RFC 6749, section 6).
fn narrowed(request: &Received, grant: &Grant) -> Result<Vec<String>, OidcError> {
    let asked = request.form_value("scope").unwrap_or_default();
    let asked: Vec<String> = asked
        .split(' ')
        .filter(|s| !s.is_empty())
        .map(str::to_owned)
        .collect();
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
    const SCOPE: &str = "urn:logto:scope:organizations";
    let is_member = {
        let seed = provider.seed();
        seed.organizations_of(user)
            .iter()
            .any(|found| found.id == organization)
    };
    if !is_member {
        let description = "user is not a member of the organization";
        return Err(OidcError::new(403, "access_denied", description));
    }
    if !grant.scopes.iter().any(|scope| scope == SCOPE) {
        let description = "refresh token missing required scope";
        return Err(OidcError::new(403, "insufficient_scope", description).scope(SCOPE));
    }
    Ok(())
}

/// The one resource asked for; it must have been asked for at sign-in (RFC 8707, section 2.2).
fn requested_resource(request: &Received, grant: &Grant) -> Result<Option<String>, OidcError> {
    let mut asked = request.form.iter().filter(|(name, _)| name == "resource");
    let Some((_, indicator)) = asked.next() else {
        return Ok(None);
    };
    if asked.next().is_some() {
        let description = "only a single resource indicator value must be requested";
        return Err(OidcError::new(400, "invalid_target", description));
    }
    if !grant.resources.contains_key(indicator) {
        return Err(OidcError::invalid_target());
    }
    Ok(Some(indicator.clone()))
}

/// Confidential clients keep a refresh token until 70 % of its life has passed.
fn rotates(provider: &Provider, issued: u64) -> bool {
    let is_public = provider.settings.client_secret.is_none();
    let age = provider.now().saturating_sub(issued);
    let is_old = age * 10 >= REFRESH_TOKEN_LIFETIME * 7;
    provider
        .hooks
        .rotates_refresh_tokens()
        .unwrap_or(is_public || is_old)
}

fn rotate(provider: &Provider, token: &str, grant_id: &str) -> String {
    let now = provider.now();
    let mut store = provider.store();
    if let Some(entry) = store.refresh_tokens.get_mut(token) {
        // The window runs from the first rotation, however often it is used in it.
        entry.rotated.get_or_insert(now);
    }
    let new = random_token();
    let entry = RefreshToken {
        grant: grant_id.to_owned(),
        issued: now,
        rotated: None,
    };
    store.refresh_tokens.insert(new.clone(), entry);
    new
}

/// All that is needed to issue tokens.
struct Issue<'a> {
    provider: &'a Provider,
    grant_id: &'a str,
    grant: &'a Grant,
    user: &'a SeedUser,
}

impl Issue<'_> {
    fn tokens(&self, scopes: &[String], target: Target, refresh_token: Option<String>) -> Value {
        let (access_token, scope) = match &target {
            Target::UserInfo => self.opaque_token(scopes),
            Target::Resource {
                indicator,
                organization,
            } => self.resource_token(scopes, indicator, organization.as_deref()),
            Target::Organization(id) => self.organization_token(scopes, id),
        };
        let mut body = json!({
            "access_token": access_token,
            "expires_in": self.provider.hooks.lifetime(),
            "scope": scope,
            "token_type": "Bearer",
        });
        if scopes.iter().any(|scope| scope == "openid") {
            body["id_token"] = json!(self.id_token(scopes, &access_token));
        }
        if let Some(token) = refresh_token {
            body["refresh_token"] = json!(token);
        }
        body
    }

    fn opaque_token(&self, scopes: &[String]) -> (String, String) {
        let known = scopes
            .iter()
            .filter(|scope| claims::SCOPES.contains(&scope.as_str()));
        let scopes: Vec<String> = known.cloned().collect();
        let scope = scopes.join(" ");
        let token = random_token();
        let issued = self.provider.now();
        let entry = AccessToken {
            grant: self.grant_id.to_owned(),
            scopes,
            issued,
            expires: issued + self.provider.hooks.lifetime(),
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
                None if self.grants("urn:logto:scope:organizations") => {}
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
        (self.provider.hooks.sign_access_token(claims), scope)
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
        let claims = self.jwt_claims(&format!("urn:logto:organization:{id}"), &scope);
        (self.provider.hooks.sign_access_token(claims), scope)
    }

    fn grants(&self, scope: &str) -> bool {
        self.grant.scopes.iter().any(|granted| granted == scope)
    }

    fn jwt_claims(&self, audience: &str, scope: &str) -> Map<String, Value> {
        let now = self.provider.now();
        let claims = json!({
            "jti": random_token(),
            "sub": self.user.id,
            "iat": now,
            "exp": now + self.provider.hooks.lifetime(),
            "scope": scope,
            "client_id": self.provider.settings.client_id,
            "iss": self.provider.issuer(),
            "aud": audience,
        });
        claims.as_object().cloned().unwrap_or_default()
    }

    fn id_token(&self, scopes: &[String], access_token: &str) -> String {
        let provider = self.provider;
        let now = provider.now();
        let mut claims = claims::claims(&provider.seed(), self.user, scopes, Place::IdToken);
        if let Some(auth_time) = self.grant.auth_time {
            claims.insert("auth_time".into(), json!(auth_time));
        }
        // Echoed in refreshed ID tokens too, as Logto does.
        if let Some(nonce) = &self.grant.nonce {
            claims.insert("nonce".into(), json!(nonce));
        }
        if provider.hooks.includes_sid() {
            claims.insert("sid".into(), json!(self.grant.sid));
        }
        claims.insert("aud".into(), json!(provider.settings.client_id));
        claims.insert("exp".into(), json!(now + provider.hooks.lifetime()));
        claims.insert("iat".into(), json!(now));
        claims.insert("iss".into(), json!(provider.issuer()));
        provider.hooks.sign_id_token(access_token, claims)
    }
}
