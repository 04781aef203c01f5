//! The part of Logto's Management API that a development setup calls: users, what an operator
//! changes of one, their organizations and sessions, tokens for acting as one of them, magic
//! links, and the rotation of keys. A call needs an access token for [`MANAGEMENT_API`] with
//! the scope `all`.

use serde_json::{Map, Value, json};

use crate::crypto::{random_id, random_token};
use crate::keys::SigningAlg;
use crate::names::{MANAGEMENT_API, MANAGEMENT_SCOPE};
use crate::provider::Provider;
use crate::seed::{SeedOrganization, SeedUser};
use crate::store::{ONE_TIME_TOKEN_LIFETIME, SUBJECT_TOKEN_LIFETIME, SubjectToken};
use crate::wire::{Received, Reply};

/// `/api/…`.
pub(crate) fn api(provider: &Provider, request: &Received) -> Reply {
    let below = request.path.strip_prefix("/api/").unwrap_or_default();
    let decoded = |part: &str| percent_decoded(part);
    let parts: Vec<String> = below.split('/').map(decoded).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let handle = || -> Reply {
        match (request.method.as_str(), &parts[..]) {
            ("GET", ["users"]) => users(provider, request),
            ("GET", ["users", id]) => of_user(provider, id, user),
            ("PATCH", ["users", id]) => change(provider, request, id),
            ("DELETE", ["users", id]) => delete(provider, id),
            ("PATCH", ["users", id, "is-suspended"]) => suspend(provider, request, id),
            ("PATCH", ["users", id, "custom-data"]) => custom_data(provider, request, id),
            ("GET", ["users", id, "organizations"]) => organizations(provider, id),
            // As Logto: of a user who is not there, there are none.
            ("GET", ["users", id, "sessions"]) => Reply::json(200, &listed(provider, id, None)),
            ("DELETE", ["users", id, "sessions", session]) => {
                end_session(provider, request, id, session)
            }
            ("POST", ["users", id, "personal-access-tokens"]) => {
                create_personal_access_token(provider, request, id)
            }
            ("POST", ["subject-tokens"]) => create_subject_token(provider, request),
            ("POST", ["one-time-tokens"]) => create_one_time_token(provider, request),
            ("POST", ["configs", "oidc", "private-keys", "rotate"]) => rotate(provider, request),
            _ => refusal(404, "entity.not_found", "The resource does not exist."),
        }
    };
    match authorize(provider, request) {
        Ok(()) => handle(),
        Err(reply) => reply,
    }
}

/// The path is a URL's, so `%40` in it is `@`.
fn percent_decoded(part: &str) -> String {
    // A `+` is itself in a path.
    let form = part
        .replace('+', "%2B")
        .replace('&', "%26")
        .replace('=', "%3D");
    let mut pairs = url::form_urlencoded::parse(form.as_bytes());
    pairs
        .next()
        .map(|(name, _)| name.into_owned())
        .unwrap_or_default()
}

const DEFAULT_PAGE_SIZE: usize = 20;

/// `GET /api/users`: a page of users. How many there are stands in
/// `Total-Number`.
fn users(provider: &Provider, request: &Received) -> Reply {
    let number = |name: &str, default| {
        let value = request.query_value(name).map_or(Ok(default), str::parse);
        value.ok().filter(|number| *number > 0)
    };
    let (Some(page), Some(size)) = (number("page", 1), number("page_size", DEFAULT_PAGE_SIZE))
    else {
        return refusal(
            400,
            "guard.invalid_pagination",
            "The request pagination is invalid.",
        );
    };
    let seed = provider.seed();
    let first = (page - 1).saturating_mul(size);
    let found: Vec<&SeedUser> = {
        let all = seed.users.iter();
        all.filter(|user| is_searched(request, user)).collect()
    };
    let total = found.len().to_string();
    let users = found.into_iter().skip(first).take(size).map(user);
    Reply::json(200, &users.collect::<Vec<_>>().into()).with("total-number", &total)
}

/// Logto's search: `search.<field>` with `%` for anything, or with `mode.<field>=exact` the
/// very value; one of the fields is enough. Letters are letters, large or small.
fn is_searched(request: &Received, user: &SeedUser) -> bool {
    let mut conditions = request.query.iter().filter_map(|(name, value)| {
        let field = name.strip_prefix("search.")?;
        let found = match field {
            "id" => Some(&user.id),
            "username" => user.username.as_ref(),
            "primaryEmail" => user.email.as_ref(),
            "primaryPhone" => user.phone_number.as_ref(),
            "name" => user.name.as_ref(),
            _ => None,
        };
        let is_exact = request.query_value(&format!("mode.{field}")) == Some("exact");
        let (found, wanted) = (found.map(|text| text.to_lowercase()), value.to_lowercase());
        Some(found.is_some_and(|found| match is_exact {
            true => found == wanted,
            false => is_like(&found, &wanted),
        }))
    });
    match conditions.next() {
        None => true,
        Some(first) => first || conditions.any(|holds| holds),
    }
}

/// SQL's `LIKE`, with `%` only.
fn is_like(text: &str, pattern: &str) -> bool {
    match pattern.split_once('%') {
        None => text == pattern,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            ends.into_iter().any(|at| is_like(&text[at..], rest))
        }),
    }
}

/// The answer about a user, who has to be there.
fn of_user(provider: &Provider, id: &str, answer: impl Fn(&SeedUser) -> Value) -> Reply {
    let seed = provider.seed();
    match seed.users.iter().find(|user| user.id == id) {
        Some(user) => Reply::json(200, &answer(user)),
        None => no_such_user(id),
    }
}

fn no_such_user(id: &str) -> Reply {
    let message = format!("The user with ID `{id}` does not exist.");
    refusal(404, "entity.not_exists_with_id", &message)
}

/// `PATCH /api/users/{id}`: what is named and is of the right type.
fn change(provider: &Provider, request: &Received, id: &str) -> Reply {
    let body = json_body(request);
    if !body.is_object() {
        return invalid_input();
    }
    match provider.edit_user(id, |user| edit(user, &body)) {
        true => of_user(provider, id, user),
        false => no_such_user(id),
    }
}

fn edit(user: &mut SeedUser, body: &Value) {
    for (name, field) in [
        ("name", &mut user.name),
        ("avatar", &mut user.picture),
        ("primaryEmail", &mut user.email),
    ] {
        match &body[name] {
            Value::String(text) => *field = Some(text.clone()),
            Value::Null if body.get(name).is_some() => *field = None,
            _ => {}
        }
    }
    if let Value::Object(data) = &body["customData"] {
        user.custom_data.clone_from(data);
    }
}

fn delete(provider: &Provider, id: &str) -> Reply {
    match provider.delete_user(id) {
        true => empty(),
        false => no_such_user(id),
    }
}

/// `PATCH /api/users/{id}/is-suspended` with `{"isSuspended": …}`.
fn suspend(provider: &Provider, request: &Received, id: &str) -> Reply {
    let Some(suspended) = json_body(request)["isSuspended"].as_bool() else {
        return invalid_input();
    };
    match provider.suspend(id, suspended) {
        true => of_user(provider, id, user),
        false => no_such_user(id),
    }
}

/// `PATCH /api/users/{id}/custom-data` with `{"customData": {…}}`: its members replace those
/// of the same names.
fn custom_data(provider: &Provider, request: &Received, id: &str) -> Reply {
    let mut body = json_body(request);
    let Some(members) = body["customData"].as_object_mut().map(std::mem::take) else {
        return invalid_input();
    };
    let known = provider.seed().users.iter().any(|user| user.id == id);
    match known
        .then(|| provider.merge_custom_data(id, members))
        .flatten()
    {
        Some(merged) => Reply::json(200, &merged.into()),
        None => no_such_user(id),
    }
}

fn organizations(provider: &Provider, id: &str) -> Reply {
    let seed = provider.seed();
    let Some(user) = seed.users.iter().find(|user| user.id == id) else {
        return no_such_user(id);
    };
    let of = |organization: &SeedOrganization| {
        let roles = organization.roles_of(user)?.iter();
        let roles: Vec<Value> = roles
            .map(|name| json!({ "id": name, "name": name }))
            .collect();
        Some(json!({
            "tenantId": "default",
            "id": organization.id,
            "name": organization.name,
            "description": organization.description,
            "customData": {},
            "isMfaRequired": false,
            "createdAt": user.created_at,
            "organizationRoles": roles,
        }))
    };
    let organizations: Vec<Value> = seed.organizations.iter().filter_map(of).collect();
    Reply::json(200, &organizations.into())
}

/// The sessions of a user, as the Management API and the Account API list them. `current` is
/// the one of who asks.
pub(crate) fn listed(provider: &Provider, user: &str, current: Option<&str>) -> Value {
    let now = provider.now();
    let store = provider.store();
    let mut ids = store
        .sessions
        .keys_where(|session| session.user == user && session.expires > now);
    ids.sort();
    let sessions = ids.iter().filter_map(|id| {
        let session = store.sessions.get(id)?;
        let client = provider.settings.client_id.as_str();
        // Not the id in the cookie, which is a secret.
        let uid = session.sid.as_str();
        let mut authorizations = Map::new();
        let authorization = json!({ "sid": uid, "persistsLogout": false });
        authorizations.insert(client.to_owned(), authorization);
        let mut listed = json!({
            "payload": {
                "exp": session.expires,
                "iat": session.auth_time,
                "jti": uid,
                "uid": uid,
                "kind": "Session",
                "loginTs": session.auth_time,
                "accountId": user,
                "authorizations": authorizations,
            },
            "lastSubmission": null,
            "clientId": client,
            "accountId": user,
            "expiresAt": session.expires * 1000,
        });
        if let Some(current) = current {
            listed["isCurrent"] = json!(id == current);
        }
        Some(listed)
    });
    json!({ "sessions": sessions.collect::<Vec<_>>() })
}

/// Ends one of a user's sessions. As at Logto no logout token is sent, and grants with
/// `offline_access` stay unless `revokeGrantsTarget` names them.
pub(crate) fn end_session(provider: &Provider, request: &Received, user: &str, uid: &str) -> Reply {
    let target = request.query_value("revokeGrantsTarget");
    if target.is_some_and(|target| !["all", "firstParty"].contains(&target)) {
        return invalid_input();
    }
    let mut store = provider.store();
    let found = store
        .sessions
        .keys_where(|session| session.user == user && session.sid == uid);
    let Some(id) = found.first() else {
        return refusal(404, "oidc.session_not_found", "Session not found.");
    };
    match target {
        Some(_) => store.end_session_and_grants(id),
        None => store.end_session(id),
    }
    empty()
}

/// `POST /api/users/{id}/personal-access-tokens` with `{"name": …}`.
fn create_personal_access_token(provider: &Provider, request: &Received, id: &str) -> Reply {
    let body = json_body(request);
    let Some(name) = body["name"].as_str().filter(|name| !name.is_empty()) else {
        return invalid_input();
    };
    let token = format!("pat_{}", random_token());
    {
        let mut seed = provider.seed_mut();
        let Some(user) = seed.users.iter_mut().find(|user| user.id == id) else {
            return no_such_user(id);
        };
        user.personal_access_tokens.push(token.clone());
    }
    let body = json!({
        "tenantId": "default",
        "userId": id,
        "name": name,
        "value": token,
        "createdAt": provider.now() * 1000,
        "expiresAt": body["expiresAt"],
    });
    Reply::json(201, &body)
}

/// `POST /api/one-time-tokens` with `{"email": …}`: the token of a magic link. Whoever signs
/// in here is believed anyway, so the sign-in page asks for none.
fn create_one_time_token(provider: &Provider, request: &Received) -> Reply {
    let body = json_body(request);
    let Some(email) = body["email"].as_str().filter(|email| email.contains('@')) else {
        return invalid_input();
    };
    let lifetime = match &body["expiresIn"] {
        Value::Null => Some(ONE_TIME_TOKEN_LIFETIME),
        seconds => seconds.as_u64().filter(|seconds| *seconds > 0),
    };
    let Some(lifetime) = lifetime else {
        return invalid_input();
    };
    let context = match &body["context"] {
        Value::Null => json!({}),
        context => context.clone(),
    };
    let now = provider.now() * 1000;
    let body = json!({
        "tenantId": "default",
        "id": random_id(),
        "email": email,
        "token": random_token(),
        "context": context,
        "status": "active",
        "createdAt": now,
        "expiresAt": now + lifetime * 1000,
    });
    Reply::json(201, &body)
}

/// `POST /api/configs/oidc/private-keys/rotate`: the console's button.
fn rotate(provider: &Provider, request: &Received) -> Reply {
    let alg = match json_body(request)["signingKeyAlgorithm"].as_str() {
        Some("RSA") => SigningAlg::Rs256,
        Some("EC") | None => SigningAlg::Es384,
        Some(_) => return invalid_input(),
    };
    provider.rotate_keys(alg);
    let published = provider.keys().jwks();
    let keys = published["keys"]
        .as_array()
        .into_iter()
        .flatten()
        .enumerate();
    let now = provider.now();
    let keys = keys.map(|(index, key)| {
        json!({
            "id": key["kid"],
            "createdAt": now,
            "signingKeyAlgorithm": key["kty"],
            "status": if index == 0 { "Current" } else { "Previous" },
        })
    });
    Reply::json(200, &keys.collect::<Vec<_>>().into())
}

fn json_body(request: &Received) -> Value {
    serde_json::from_slice(&request.body).unwrap_or_default()
}

fn invalid_input() -> Reply {
    refusal(400, "guard.invalid_input", "The request body is invalid.")
}

/// 204.
fn empty() -> Reply {
    let mut reply = Reply::new(204, "text/plain", "");
    reply.remove_header("content-type");
    reply
}

/// As Logto shows users, also in webhooks.
pub(crate) fn user(user: &SeedUser) -> Value {
    json!({
        "id": user.id,
        "username": user.username,
        "primaryEmail": user.email,
        "primaryPhone": user.phone_number,
        "name": user.name,
        "avatar": user.picture,
        "customData": user.custom_data,
        "identities": user.identities,
        "createdAt": user.created_at,
        "updatedAt": user.updated_at.unwrap_or(user.created_at),
        "lastSignInAt": null,
        "applicationId": null,
        "profile": profile(user),
        "hasPassword": false,
        "isSuspended": user.suspended,
    })
}

/// What is there of it, in the spelling of the Management API.
fn profile(user: &SeedUser) -> Value {
    let profile = &user.profile;
    let members = [
        ("familyName", &profile.family_name),
        ("givenName", &profile.given_name),
        ("middleName", &profile.middle_name),
        ("nickname", &profile.nickname),
        ("preferredUsername", &profile.preferred_username),
        ("profile", &profile.profile),
        ("website", &profile.website),
        ("gender", &profile.gender),
        ("birthdate", &profile.birthdate),
        ("zoneinfo", &profile.zoneinfo),
        ("locale", &profile.locale),
    ];
    let known = members.into_iter();
    let known = known.filter_map(|(name, value)| Some((name.to_owned(), json!(value.as_ref()?))));
    Value::Object(known.collect())
}

/// `POST /api/subject-tokens` with `{"userId": …}`: a token to be exchanged for
/// an access token of that user.
fn create_subject_token(provider: &Provider, request: &Received) -> Reply {
    let body = json_body(request);
    let Some(id) = body["userId"].as_str() else {
        return invalid_input();
    };
    let Some(user) = provider.seed().active_user(id).map(|user| user.id.clone()) else {
        return refusal(404, "entity.not_found", "The resource does not exist.");
    };
    let token = format!("sub_{}", random_token());
    let expires = provider.now() + SUBJECT_TOKEN_LIFETIME;
    let entry = SubjectToken { user, expires };
    provider.store().subject_tokens.insert(token.clone(), entry);
    let body = json!({ "subjectToken": token, "expiresIn": SUBJECT_TOKEN_LIFETIME });
    Reply::json(201, &body)
}

fn authorize(provider: &Provider, request: &Received) -> Result<(), Reply> {
    let Some(header) = request.header("authorization") else {
        let message = "Authorization header is missing.";
        return Err(refusal(401, "auth.authorization_header_missing", message));
    };
    let Some(("Bearer", token)) = header.split_once(' ') else {
        let message = "Authorization type is not supported.";
        let code = "auth.authorization_token_type_not_supported";
        return Err(refusal(401, code, message));
    };
    let claims = provider.keys().verified_claims(token);
    let claims = claims.map(Value::from).filter(|claims| {
        let lasts = claims["exp"]
            .as_u64()
            .is_some_and(|exp| exp > provider.now());
        lasts && claims["iss"] == provider.issuer() && claims["aud"] == MANAGEMENT_API
    });
    let claims = claims.ok_or_else(unauthorized)?;
    let mut scopes = claims["scope"].as_str().unwrap_or_default().split(' ');
    match scopes.any(|scope| scope == MANAGEMENT_SCOPE) {
        true => Ok(()),
        false => {
            let message = "Forbidden. Please check your user roles and permissions.";
            Err(refusal(403, "auth.forbidden", message))
        }
    }
}

pub(crate) fn unauthorized() -> Reply {
    let message = "Unauthorized. Please check credentials and its scope.";
    refusal(401, "auth.unauthorized", message)
}

pub(crate) fn refusal(status: u16, code: &str, message: &str) -> Reply {
    Reply::json(status, &json!({ "code": code, "message": message }))
}
