//! Clients whose id is the address of the document that describes them
//! (draft-ietf-oauth-client-id-metadata-document).

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde_json::{Map, Value};
use url::Url;

use super::fetch::{self, Fetched};
use super::metadata::{self, AuthMethod, ClientMetadata};
use super::{THIRD_PARTIES_MAX, ThirdParty};
use crate::client_assertion;
use crate::provider::{Provider, is_loopback, lock};
use crate::wire::{Endpoint, Received, first};

/// Longer ones are refused: users have to read them.
const URL_MAX: usize = 500;

/// What came of looking at documents, by their addresses.
#[derive(Default)]
pub(crate) struct Documents(Mutex<HashMap<String, Outcome>>);

struct Outcome {
    /// When it came.
    at: u64,
    /// Until when it is as good as the document; a failure is looked at anew each time.
    fresh_until: u64,
    client: Result<Arc<ThirdParty>, String>,
}

impl Documents {
    /// The client of a document, as it was found last.
    pub(super) fn client(&self, id: &str) -> Result<Arc<ThirdParty>, String> {
        let documents = lock(&self.0);
        let outcome = documents.get(id);
        outcome.map_or_else(
            || Err("it was not fetched".to_owned()),
            |outcome| outcome.client.clone(),
        )
    }

    fn is_fresh(&self, id: &str, now: u64) -> bool {
        let documents = lock(&self.0);
        documents
            .get(id)
            .is_some_and(|outcome| outcome.fresh_until > now)
    }

    fn insert(&self, id: String, outcome: Outcome) {
        let mut documents = lock(&self.0);
        if documents.len() >= THIRD_PARTIES_MAX && !documents.contains_key(&id) {
            let oldest = documents.iter().min_by_key(|(_, outcome)| outcome.at);
            let oldest = oldest.map(|(id, _)| id.clone()).unwrap_or_default();
            documents.remove(&oldest);
        }
        documents.insert(id, outcome);
    }
}

/// Whether a client id is to be the address of a document.
pub(crate) fn is_document_url(id: &str) -> bool {
    id.starts_with("https://") || id.starts_with("http://")
}

/// Fetches the document of the client that a request names, unless it was fetched a short
/// time ago. What is wrong with it is told when the request is answered.
pub(crate) async fn look_up(provider: &Provider, request: &Received) {
    let is_registered = |id: &String| *id == provider.settings.client_id;
    let id = named(request).filter(|id| is_document_url(id) && !is_registered(id));
    let Some(id) = id else {
        return;
    };
    let now = provider.now();
    if provider.documents.is_fresh(&id, now) {
        return;
    }
    // Elsewhere a page of any site may read what is answered: it shall not learn what there is
    // on this machine. A client with a code or a token was seen here before.
    let begins = matches!(request.endpoint, Endpoint::Auth | Endpoint::PushedAuth);
    let is_known = || provider.store().grants.any(|grant| grant.client == id);
    if !begins && !is_known() {
        return;
    }
    let found = fetch_client(provider, request, &id).await;
    if let Err(why) = &found {
        log::warn!("development provider: the document of a client cannot be used: {why}");
    }
    let lifetime = found.as_ref().map_or(0, |(_, lifetime)| *lifetime);
    let outcome = Outcome {
        at: now,
        fresh_until: now + lifetime,
        client: found.map(|(client, _)| Arc::new(client)),
    };
    provider.documents.insert(id, outcome);
}

/// The id that a request names.
fn named(request: &Received) -> Option<String> {
    let id = match request.endpoint {
        Endpoint::Auth | Endpoint::EndSession => first(request.params(), "client_id"),
        Endpoint::PushedAuth | Endpoint::Token | Endpoint::Revocation | Endpoint::Introspection => {
            request.form_value("client_id")
        }
        _ => return None,
    };
    let by_assertion = || {
        let assertion = request.form_value("client_assertion")?;
        client_assertion::subject(assertion).ok()
    };
    id.map(str::to_owned).or_else(by_assertion)
}

async fn fetch_client(
    provider: &Provider,
    request: &Received,
    id: &str,
) -> Result<(ThirdParty, u64), String> {
    let url = check_url(provider, id)?;
    let from_this_machine = reads_this_machine(provider, request);
    let Fetched { object, lifetime } = fetch::object(&url, from_this_machine).await?;
    let mut metadata = read(&object, id)?;
    let mut lifetime = lifetime;
    if let Some(uri) = metadata.jwks_uri.take() {
        let url = Url::parse(&uri).map_err(|_| format!("jwks_uri {uri:?} is no URL"))?;
        let keys = fetch::object(&url, from_this_machine).await?;
        lifetime = lifetime.min(keys.lifetime);
        metadata.jwks = metadata::public_keys(&Value::Object(keys.object))
            .map_err(|wrong| format!("jwks_uri: {}", wrong.why))?;
        // Without one it would have nothing to prove, and would be let through.
        if metadata.jwks.is_empty() {
            return Err(format!("jwks_uri {uri:?} has no keys"));
        }
    }
    let client = ThirdParty {
        id: id.to_owned(),
        secret: None,
        metadata,
    };
    Ok((client, lifetime))
}

/// Whether addresses on this machine may be fetched: this provider must be on this machine
/// for everybody (the draft, on server-side request forgery), and the request must not come
/// from a page of another site, which may not reach what is here by itself.
fn reads_this_machine(provider: &Provider, request: &Received) -> bool {
    let is_cross_site = request.header("sec-fetch-site") == Some("cross-site");
    is_loopback(&provider.endpoint()) && !is_cross_site
}

/// What the draft wants of a client identifier URL (section 3).
fn check_url(provider: &Provider, id: &str) -> Result<Url, String> {
    let wrong = |why: &str| Err(format!("the client_id {why}"));
    if id.len() > URL_MAX {
        return wrong("is longer than 500 characters");
    }
    let is_plain = id.chars().all(|c| c.is_ascii_graphic() && c != '\\');
    let Some(url) = Url::parse(id).ok().filter(|_| is_plain) else {
        return wrong("is no URL");
    };
    if id.contains('#') {
        return wrong("must not have a fragment");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return wrong("must not have a user name or a password");
    }
    let after_scheme = id.split_once("://").map_or("", |(_, rest)| rest);
    let before_query = after_scheme.split('?').next().unwrap_or_default();
    let Some((_, path)) = before_query.split_once('/') else {
        return wrong("must have a path");
    };
    // A parser has taken `.` and `..` out, in all their spellings.
    if url.path().strip_prefix('/') != Some(path) {
        return wrong("must not have . or .. in its path");
    }
    if is_loopback(id) && url.port_or_known_default() == Some(provider.port()) {
        return wrong("is an address of this provider itself");
    }
    Ok(url)
}

/// Reads a document, which has to be about this client and hold nothing that is secret.
fn read(object: &Map<String, Value>, id: &str) -> Result<ClientMetadata, String> {
    match object.get("client_id") {
        Some(Value::String(own)) if own == id => {}
        Some(Value::String(own)) => {
            return Err(format!("its client_id is {own:?}, not {id:?}"));
        }
        _ => return Err("it has no client_id".to_owned()),
    }
    // Anybody can read it.
    for name in ["client_secret", "client_secret_expires_at"] {
        if object.contains_key(name) {
            return Err(format!("it has a {name}: everybody can read it"));
        }
    }
    // RFC 7591 takes a secret for granted where no method is named: here there can be none.
    let metadata = ClientMetadata::read(object, AuthMethod::None).map_err(|wrong| wrong.why)?;
    match metadata.auth_method.has_secret() {
        true => Err(
            "its token_endpoint_auth_method needs a secret, which cannot be shared: write none \
             or private_key_jwt"
                .to_owned(),
        ),
        false => Ok(metadata),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_of_too_many_is_forgotten() {
        let documents = Documents::default();
        let id = |n: u64| format!("https://client.example/{n}");
        let insert = |n: u64, at: u64| {
            let outcome = Outcome {
                at,
                fresh_until: at + 1000,
                client: Err("x".into()),
            };
            documents.insert(id(n), outcome);
        };
        let most = THIRD_PARTIES_MAX as u64;
        (0..most).for_each(|n| insert(n, n));
        // Looked at anew, and so not the oldest any more.
        insert(0, most);
        insert(most, most + 1);
        assert!(documents.is_fresh(&id(0), 0) && documents.is_fresh(&id(most), 0));
        assert!(!documents.is_fresh(&id(1), 0));
        assert_eq!(lock(&documents.0).len(), THIRD_PARTIES_MAX);
    }
}
