//! What the API resources of this app are, for clients that find their way by themselves: the
//! metadata of RFC 9728, and where they are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use serde_json::{Value, json};
use url::{Position, Url};

/// The API resources of this app, for refusals and for the documents. The launch meets almost
/// all of them; one that only a guard of the app's own asks for is met when it refuses somebody.
#[derive(Debug)]
pub(crate) struct ProtectedResources {
    /// What stands before the path of the resource; empty where there are no documents.
    well_known: String,
    known: RwLock<BTreeMap<String, Known>>,
}

#[derive(Debug)]
struct Known {
    /// The indicator, read as an address.
    url: Url,
    /// What people call it.
    name: Option<&'static str>,
    scopes: BTreeSet<&'static str>,
}

impl ProtectedResources {
    pub(crate) fn at(well_known: &str) -> ProtectedResources {
        ProtectedResources {
            well_known: well_known.to_owned(),
            known: RwLock::default(),
        }
    }

    fn known(&self) -> RwLockReadGuard<'_, BTreeMap<String, Known>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds what one permission demands; whether that was new. Nothing is, where there are no
    /// documents, and an indicator that is no address of the web has no place for one.
    pub(crate) fn declare(
        &self,
        indicator: &str,
        name: Option<&'static str>,
        scopes: &[&'static str],
    ) -> bool {
        let has = |known: &Known| {
            let is_named = name.is_none() || known.name.is_some();
            is_named && scopes.iter().all(|scope| known.scopes.contains(scope))
        };
        if self.well_known.is_empty() || self.known().get(indicator).is_some_and(has) {
            return false;
        }
        let Some(url) = address(indicator) else {
            return false;
        };
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let resource = known.entry(indicator.to_owned()).or_insert_with(|| Known {
            url,
            name: None,
            scopes: BTreeSet::new(),
        });
        resource.name = resource.name.or(name);
        resource.scopes.extend(scopes);
        true
    }

    /// The address of the document about this resource (RFC 9728 section 3.1), if it has one:
    /// the well-known path stands between the host and the rest.
    pub(crate) fn address_of(&self, indicator: &str) -> Option<String> {
        let known = self.known();
        let url = &known.get(indicator)?.url;
        let origin = &url[..Position::BeforePath];
        Some(format!("{origin}{}{}", self.well_known, place(url)))
    }

    /// The document at `asked`, which is a path and maybe a query, for the host and port that
    /// the request names.
    ///
    /// Nothing after the well-known path means the resource that has no path. Where there is
    /// one resource only, it means that one: clients that were not told look there, too.
    pub(crate) fn document(&self, asked: &str, host: Option<&str>, issuer: &str) -> Option<Value> {
        let place_asked = asked.strip_prefix(&self.well_known)?;
        let known = self.known();
        let at = |wanted: &str| {
            let there = || {
                known
                    .iter()
                    .filter(|(_, known)| place(&known.url) == wanted)
            };
            // Of two on one path, that of the host.
            let of_host = there().find(|(_, known)| host == Some(authority(&known.url)));
            of_host.or_else(|| there().next())
        };
        let only = || known.iter().next().filter(|_| known.len() == 1);
        let (indicator, resource) = match place_asked {
            "" | "/" => at("").or_else(only)?,
            place => at(place).or_else(|| at(place.strip_suffix('/')?))?,
        };
        let mut document = json!({
            "resource": indicator,
            "authorization_servers": [issuer],
            "bearer_methods_supported": ["header"],
        });
        if let Some(name) = resource.name {
            document["resource_name"] = name.into();
        }
        // Not an empty list: what supports none says nothing (RFC 9728 section 3.2).
        if !resource.scopes.is_empty() {
            document["scopes_supported"] = json!(resource.scopes);
        }
        Some(document)
    }
}

/// The indicator as an address of the web. A fragment could not be asked for.
fn address(indicator: &str) -> Option<Url> {
    let url = Url::parse(indicator).ok()?;
    let is_web = matches!(url.scheme(), "https" | "http");
    (is_web && url.fragment().is_none()).then_some(url)
}

/// Host and port, the port as a client sends it.
fn authority(url: &Url) -> &str {
    &url[Position::BeforeHost..Position::AfterPort]
}

/// What comes after the well-known path. A slash and nothing else is left out (RFC 9728
/// section 3.1).
fn place(url: &Url) -> &str {
    match &url[Position::BeforePath..] {
        "/" => "",
        place => place,
    }
}

#[cfg(test)]
mod tests;
