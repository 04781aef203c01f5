//! Dynamic client registration (RFC 7591), where the settings allow it.

use serde_json::{Value, json};

use super::ThirdParty;
use super::fetch::SIZE_MAX;
use super::metadata::{AuthMethod, ClientMetadata, Wrong};
use crate::crypto::random_token;
use crate::provider::Provider;
use crate::wire::{Received, Reply};

/// Anybody may: there is no initial access token, and no software statement counts.
pub(crate) fn register(provider: &Provider, request: &Received) -> Reply {
    let client = match read(request) {
        Ok(metadata) => ThirdParty {
            id: random_token(),
            secret: metadata.auth_method.has_secret().then(random_token),
            metadata,
        },
        Err(wrong) => {
            let body = json!({ "error": wrong.error, "error_description": wrong.why });
            return Reply::json(400, &body);
        }
    };
    let mut body = client.metadata.to_json();
    body["client_id"] = json!(client.id);
    body["client_id_issued_at"] = json!(provider.now());
    if let Some(secret) = &client.secret {
        body["client_secret"] = json!(secret);
        // It does not expire.
        body["client_secret_expires_at"] = json!(0);
    }
    let id = client.id.clone();
    provider.store().registered_clients.insert(id, client);
    Reply::json(201, &body)
}

fn read(request: &Received) -> Result<ClientMetadata, Wrong> {
    let kind = request.header("content-type").unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    // A form of another site's page has no such type.
    if !kind.eq_ignore_ascii_case("application/json") {
        return Err(Wrong::metadata("the content type must be application/json"));
    }
    if request.body.len() > SIZE_MAX {
        let why = format!("the metadata are larger than {SIZE_MAX} bytes");
        return Err(Wrong::metadata(why));
    }
    let Ok(Value::Object(object)) = serde_json::from_slice(&request.body) else {
        return Err(Wrong::metadata("the body must be a JSON object"));
    };
    let metadata = ClientMetadata::read(&object, AuthMethod::SecretBasic)?;
    match &metadata.jwks_uri {
        Some(_) => Err(Wrong::metadata(
            "jwks_uri is not fetched here: write the keys themselves, in jwks",
        )),
        None => Ok(metadata),
    }
}
