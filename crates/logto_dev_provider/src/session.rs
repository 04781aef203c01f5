//! The end of things: sign-out at the provider (RP-Initiated Logout 1.0),
//! revocation (RFC 7009) and introspection (RFC 7662).

use serde_json::{Value, json};
use url::Url;

use crate::backchannel;
use crate::client_auth::authenticate;
use crate::clients::Client;
use crate::issue::token_type;
use crate::oidc_error::OidcError;
use crate::pages;
use crate::provider::Provider;
use crate::store::{REFRESH_TOKEN_LIFETIME, Store};
use crate::wire::{Received, Reply, first};

pub(crate) fn end_session(provider: &Provider, request: &Received) -> Reply {
    match check(provider, request.params()) {
        Ok(logout) => {
            let session = provider.session(request);
            // A hint that names the user who is signed in here counts as consent;
            // without it the user must be asked (section 2).
            let asks = match (&session, &logout.subject) {
                (Some((_, session)), subject) => subject.as_deref() != Some(session.user.as_str()),
                (None, _) => false,
            };
            if asks {
                let target = logout.post_logout_redirect_uri.as_deref();
                return pages::confirm_sign_out(provider, &logout.params(), target);
            }
            finish(provider, session.map(|(id, _)| id), &logout)
        }
        Err(error) => pages::refused(provider, request, request.params(), &error, error.reply()),
    }
}

/// The answer to "sign out?".
pub(crate) fn confirm(provider: &Provider, request: &Received) -> Reply {
    if !provider.is_same_origin(request) {
        return pages::cross_site();
    }
    match check(provider, &request.form) {
        Ok(logout) => finish(
            provider,
            provider.session(request).map(|(id, _)| id),
            &logout,
        ),
        Err(error) => pages::refused(provider, request, &request.form, &error, error.reply()),
    }
}

struct Logout {
    subject: Option<String>,
    client_id: Option<String>,
    post_logout_redirect_uri: Option<String>,
    state: Option<String>,
}

impl Logout {
    /// To be sent again with the confirmation.
    fn params(&self) -> Vec<(&'static str, &str)> {
        let params = [
            ("client_id", self.client_id.as_deref()),
            (
                "post_logout_redirect_uri",
                self.post_logout_redirect_uri.as_deref(),
            ),
            ("state", self.state.as_deref()),
        ];
        params
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }
}

fn check(provider: &Provider, params: &[(String, String)]) -> Result<Logout, OidcError> {
    let invalid = OidcError::invalid_request;
    let given_client = first(params, "client_id");
    let (subject, hinted_client) = match first(params, "id_token_hint") {
        None => (None, None),
        Some(hint) => {
            if hint.split('.').count() != 3 {
                return Err(invalid("could not decode id_token_hint"));
            }
            let claims = provider.keys().verified_claims(hint);
            let claims = claims.ok_or_else(|| invalid("could not validate id_token_hint"))?;
            let text = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
            (text("sub"), text("aud"))
        }
    };
    if let (Some(given), Some(hinted)) = (given_client, hinted_client.as_deref())
        && given != hinted
    {
        return Err(invalid(
            "client_id does not match the provided id_token_hint",
        ));
    }
    let client_id = given_client.map(str::to_owned).or(hinted_client);
    let client = client_id.as_deref().map(|id| provider.client(id));
    let client = client.transpose()?;
    // Without a client the URI is not looked at: nobody registered it.
    let uri = first(params, "post_logout_redirect_uri").filter(|_| client_id.is_some());
    let post_logout_redirect_uri = match uri {
        None => None,
        Some(uri) => {
            let takes = |client: &Client| client.takes_post_logout_redirect_uri(provider, uri);
            if !client.as_ref().is_some_and(takes) || Url::parse(uri).is_err() {
                return Err(invalid("post_logout_redirect_uri not registered"));
            }
            Some(uri.to_owned())
        }
    };
    let state = first(params, "state").map(str::to_owned);
    Ok(Logout {
        subject,
        client_id,
        post_logout_redirect_uri,
        state,
    })
}

fn finish(provider: &Provider, session: Option<String>, logout: &Logout) -> Reply {
    if let Some(id) = session {
        let ended = provider.store().sessions.get(&id).cloned();
        provider.store().end_session(&id);
        if let Some(session) = ended {
            backchannel::notify(provider, &session.user, Some(&session.sid));
        }
    }
    let uri = logout
        .post_logout_redirect_uri
        .as_deref()
        .and_then(|uri| Url::parse(uri).ok());
    let reply = match uri {
        None => pages::signed_out(),
        Some(mut uri) => {
            if let Some(state) = &logout.state {
                uri.query_pairs_mut().append_pair("state", state);
            }
            Reply::redirect(uri.as_str())
        }
    };
    let gone = format!(
        "{}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax",
        provider.cookie_name()
    );
    reply.with("set-cookie", &gone)
}

/// The `token` that an authenticated client asks about, and the client's id.
fn token_of<'r>(
    provider: &Provider,
    request: &'r Received,
) -> Result<(&'r str, String), OidcError> {
    let client = authenticate(provider, request)?;
    let token = request.form_value("token");
    let token =
        token.ok_or_else(|| OidcError::invalid_request("missing required parameter 'token'"))?;
    Ok((token, client))
}

/// Whether a token is another client's.
fn is_of_another(store: &Store, token: &str, client: &str) -> bool {
    let access_token = store.access_tokens.get(token).map(|found| &found.grant);
    let refresh_token = store.refresh_tokens.get(token).map(|found| &found.grant);
    let grant = access_token
        .or(refresh_token)
        .and_then(|grant| store.grants.get(grant));
    grant.is_some_and(|grant| grant.client != client)
}

/// Whether anybody may say that they are this client.
fn is_public(provider: &Provider, client: &str) -> bool {
    let found = provider.client(client);
    found.is_ok_and(|client| client.is_public(provider))
}

/// Unknown tokens are fine, JWTs cannot be revoked: both are 200 (RFC 7009, section 2.2).
pub(crate) fn revoke(provider: &Provider, request: &Received) -> Reply {
    let (token, client) = match token_of(provider, request) {
        Ok(found) => found,
        Err(error) => return error.reply(),
    };
    let is_public = is_public(provider, &client);
    let mut store = provider.store();
    // Section 2.1. Who proves nothing does not learn either which tokens there are.
    let is_foreign = is_of_another(&store, token, &client);
    if is_foreign && !is_public {
        let description = "client is not authorized to revoke the presented token";
        return OidcError::invalid_request(description).reply();
    }
    let token = if is_foreign { "" } else { token };
    store.access_tokens.remove(token);
    if let Some(refresh_token) = store.refresh_tokens.remove(token) {
        store.grants.remove(&refresh_token.grant);
    }
    let mut reply = Reply::new(200, "text/plain; charset=utf-8", "");
    reply.remove_header("cache-control");
    reply
}

/// Opaque tokens only, as at Logto: a JWT says everything itself, and is no longer
/// answered since 1.42.
pub(crate) fn introspect(provider: &Provider, request: &Received) -> Reply {
    let (token, client) = match token_of(provider, request) {
        Ok(found) => found,
        Err(error) => return error.reply(),
    };
    if token.split('.').count() == 3 {
        let description =
            "Structured JWT Tokens cannot be introspected via the introspection_endpoint";
        return OidcError::new(400, "unsupported_token_type", description).reply();
    }
    // Who proves nothing may ask about tokens of their own (RFC 7662, section 4).
    let is_hidden =
        is_public(provider, &client) && is_of_another(&provider.store(), token, &client);
    let active = active_token(provider, token).filter(|_| !is_hidden);
    let body = active.unwrap_or_else(|| json!({ "active": false }));
    Reply::json(200, &body)
}

fn active_token(provider: &Provider, token: &str) -> Option<Value> {
    let store = provider.store();
    let (grant_id, scope, issued, expires, token_type, key) = match (
        store.access_tokens.get(token),
        store.refresh_tokens.get(token),
    ) {
        (Some(found), _) => {
            let scope = found.scopes.join(" ");
            (
                &found.grant,
                Some(scope),
                found.issued,
                found.expires,
                Some(token_type(found.key.as_deref())),
                found.key.as_deref(),
            )
        }
        (None, Some(found)) if found.rotated.is_none() => (
            &found.grant,
            None,
            found.issued,
            found.issued + REFRESH_TOKEN_LIFETIME,
            None,
            None,
        ),
        _ => return None,
    };
    let grant = store.grants.get(grant_id)?;
    if expires <= provider.now() || provider.seed().active_user(&grant.user).is_none() {
        return None;
    }
    let mut body = json!({
        "active": true,
        "sub": grant.user,
        "client_id": grant.client,
        "exp": expires,
        "iat": issued,
        "iss": provider.issuer(),
        "scope": scope.unwrap_or_else(|| grant.scopes.join(" ")),
    });
    for (name, value) in grant.authentication() {
        body[name] = value;
    }
    if let Some(key) = key {
        // RFC 9449, section 6.2.
        body["cnf"] = json!({ "jkt": key });
    }
    if let Some(token_type) = token_type {
        body["token_type"] = json!(token_type);
        if provider.settings.sid {
            body["sid"] = json!(grant.sid);
        }
    }
    Some(body)
}
