//! The part of Logto's Management API that a development setup calls: the list
//! of users, what an operator changes of one, and tokens for acting as one of them. A call needs an access token
//! for [`MANAGEMENT_API`] with the scope `all`.

use serde_json::{Value, json};

use crate::crypto::random_token;
use crate::names::{MANAGEMENT_API, MANAGEMENT_SCOPE};
use crate::provider::Provider;
use crate::seed::SeedUser;
use crate::store::{SUBJECT_TOKEN_LIFETIME, SubjectToken};
use crate::wire::{Received, Reply};

const DEFAULT_PAGE_SIZE: usize = 20;
/// What the path of one user begins with.
pub(crate) const USER: &str = "/api/users/";

/// `GET /api/users`: a page of users. How many there are stands in
/// `Total-Number`.
pub(crate) fn users(provider: &Provider, request: &Received) -> Reply {
    if let Err(reply) = authorize(provider, request) {
        return reply;
    }
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
    let users: Vec<Value> = seed.users.iter().skip(first).take(size).map(user).collect();
    Reply::json(200, &users.into()).with("total-number", &seed.users.len().to_string())
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
        "isSuspended": user.suspended,
    })
}

/// `PATCH /api/users/{id}`, `PATCH /api/users/{id}/is-suspended` and
/// `DELETE /api/users/{id}`: what an operator changes of a user.
pub(crate) fn change_user(provider: &Provider, request: &Received) -> Reply {
    if let Err(reply) = authorize(provider, request) {
        return reply;
    }
    let path = request.path.strip_prefix(USER).unwrap_or_default();
    let (id, of_user) = path.split_once('/').unwrap_or((path, ""));
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let wrong = || refusal(400, "guard.invalid_input", "The request body is invalid.");
    let is_known = match (request.method.as_str(), of_user) {
        ("DELETE", "") if provider.delete_user(id) => return Reply::new(204, "text/plain", ""),
        ("DELETE", "") => false,
        ("PATCH", "is-suspended") => match body["isSuspended"].as_bool() {
            Some(suspended) => provider.suspend(id, suspended),
            None => return wrong(),
        },
        ("PATCH", "") if body.is_object() => provider.edit_user(id, |user| edit(user, &body)),
        ("PATCH", "") => return wrong(),
        _ => return refusal(404, "entity.not_found", "The resource does not exist."),
    };
    let shown = provider.seed().user(id).map(user);
    match shown.filter(|_| is_known) {
        Some(user) => Reply::json(200, &user),
        None => refusal(404, "entity.not_found", "The resource does not exist."),
    }
}

/// What is named and is of the right type.
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

/// `POST /api/subject-tokens` with `{"userId": …}`: a token to be exchanged for
/// an access token of that user.
pub(crate) fn create_subject_token(provider: &Provider, request: &Received) -> Reply {
    if let Err(reply) = authorize(provider, request) {
        return reply;
    }
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let Some(id) = body["userId"].as_str() else {
        return refusal(400, "guard.invalid_input", "The request body is invalid.");
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
    let Some(claims) = claims else {
        let message = "Unauthorized. Please check credentials and its scope.";
        return Err(refusal(401, "auth.unauthorized", message));
    };
    let mut scopes = claims["scope"].as_str().unwrap_or_default().split(' ');
    match scopes.any(|scope| scope == MANAGEMENT_SCOPE) {
        true => Ok(()),
        false => {
            let message = "Forbidden. Please check your user roles and permissions.";
            Err(refusal(403, "auth.forbidden", message))
        }
    }
}

fn refusal(status: u16, code: &str, message: &str) -> Reply {
    Reply::json(status, &json!({ "code": code, "message": message }))
}
