//! The rules about what a sign-in asks of the provider.

use url::Url;

use super::{Rules, named_by};
use crate::authentication::{LOGTO_ORDER, is_name};
use crate::config::keys::Raw;
use crate::config::parameters::{OFFLINE_ACCESS, Prompt, is_reserved};
use crate::config::values::TextList;
use crate::config::{DevProviderTable, NamedBy, ORGANIZATIONS_RESOURCE, ORGANIZATIONS_SCOPE};

/// Scopes that are asked for unless `include_reserved_scopes = false`: without
/// `offline_access` there is no refresh token, without `profile` no name.
const RESERVED_SCOPES: [&str; 3] = ["openid", OFFLINE_ACCESS, "profile"];

impl Rules<'_> {
    pub(super) fn resources(
        &self,
        raw: &Raw,
        dev: Option<&DevProviderTable>,
    ) -> figment::Result<Vec<String>> {
        const DEV_KEY: &str = "dev_provider.sign_in.resources";
        let configured = raw.resources.0.iter();
        let configured = configured.map(|resource| ("resources", resource));
        let of_dev = dev.into_iter().flat_map(|table| &table.resources);
        let mut resources = Vec::new();
        for (key, resource) in configured.chain(of_dev.map(|resource| (DEV_KEY, resource))) {
            let url = Url::parse(resource).map_err(|_| {
                self.error(
                    key,
                    &format!(
                        "must hold absolute URIs like \"https://api.example.com\", not \"{resource}\""
                    ),
                )
            })?;
            // RFC 8707 section 2 forbids the fragment; Logto splits at commas.
            if url.fragment().is_some() || resource.contains([',', ' ']) {
                return Err(self.error(
                    key,
                    &format!("\"{resource}\" must hold no comma, no space and no #fragment"),
                ));
            }
            push_new(&mut resources, resource);
        }
        let asked = |scope: &String| scope == ORGANIZATIONS_SCOPE;
        if scopes(raw, dev).iter().any(asked) {
            push_new(&mut resources, ORGANIZATIONS_RESOURCE);
        }
        Ok(resources)
    }

    pub(super) fn prompt(&self, raw: &Raw) -> figment::Result<Vec<Prompt>> {
        match &raw.prompt {
            Some(prompt) if prompt.contains(&Prompt::None) && prompt.len() > 1 => {
                Err(self.error("prompt", "\"none\" must stand alone"))
            }
            Some(prompt) => Ok(prompt.clone()),
            // Logto gives no refresh token without. Elsewhere it would make everybody
            // consent at each sign-in, and those who may not consent for themselves, as in
            // many a tenant of Entra ID, could not sign in at all. A provider that follows
            // OpenID Connect Core section 11 to the letter then gives no refresh token: the
            // log says so.
            None => Ok(match named_by(raw) {
                NamedBy::Endpoint => vec![Prompt::Consent],
                NamedBy::Issuer => Vec::new(),
            }),
        }
    }

    pub(super) fn extra_params(&self, raw: &Raw) -> figment::Result<Vec<(String, String)>> {
        for (name, _) in &raw.extra_params.0 {
            if is_reserved(name) {
                return Err(self.error(
                    &format!("extra_params.{name}"),
                    "cannot be set here: remove it, because the app sets it itself, from a key of \
                     its own or for each sign-in anew",
                ));
            }
        }
        Ok(raw.extra_params.0.clone())
    }

    pub(super) fn sign_out_params(&self, raw: &Raw) -> figment::Result<Vec<(String, String)>> {
        let params = &raw.sign_out_params.0;
        match params.iter().any(|(name, _)| name.is_empty()) {
            true => Err(self.error("sign_out_params", "has a parameter without a name")),
            false => Ok(params.clone()),
        }
    }

    pub(super) fn max_age(&self, raw: &Raw) -> figment::Result<Option<u32>> {
        let seconds = raw
            .max_age
            .map(|max_age| u32::try_from(max_age.0.as_secs()));
        let seconds = seconds.transpose();
        seconds.map_err(|_| self.error("max_age", "is longer than a provider can be told"))
    }

    /// They are sent as one text, separated by spaces.
    pub(super) fn acr_values(&self, raw: &Raw) -> figment::Result<Vec<String>> {
        match raw.acr_values.0.iter().all(|value| is_name(value)) {
            true => Ok(raw.acr_values.0.clone()),
            false => Err(self.error(
                "acr_values",
                "must hold names without spaces, like [\"urn:example:mfa\"]",
            )),
        }
    }

    pub(super) fn acr_order(&self, raw: &Raw) -> figment::Result<Vec<String>> {
        let Some(TextList(order)) = &raw.acr_order else {
            return Ok(LOGTO_ORDER.map(str::to_owned).to_vec());
        };
        if !order.iter().all(|name| is_name(name)) {
            return Err(self.error(
                "acr_order",
                "must hold names without spaces, the weakest first, like [\"urn:example:pwd\", \
                 \"urn:example:mfa\"]",
            ));
        }
        let is_again =
            |(at, name): (usize, &String)| order[..at].contains(name).then(|| name.clone());
        match order.iter().enumerate().find_map(is_again) {
            None => Ok(order.clone()),
            Some(name) => Err(self.error(
                "acr_order",
                &format!("has \"{name}\" twice: it can have one place only"),
            )),
        }
    }
}

/// All scopes to ask for, each once.
pub(super) fn scopes(raw: &Raw, dev: Option<&DevProviderTable>) -> Vec<String> {
    let mut scopes = vec!["openid".to_owned()];
    if raw.include_reserved_scopes {
        for scope in RESERVED_SCOPES {
            if scope != OFFLINE_ACCESS || named_by(raw) == NamedBy::Endpoint {
                push_new(&mut scopes, scope);
            }
        }
    }
    let of_dev = dev.into_iter().flat_map(|table| &table.scopes);
    for scope in raw.scopes.0.iter().chain(of_dev) {
        push_new(&mut scopes, scope);
    }
    scopes
}

/// Of a provider that `issuer` names, only its metadata tell whether it knows
/// `offline_access`: Google and GitLab refuse a sign-in that asks for it.
pub(super) fn offline_access_if_announced(raw: &Raw) -> bool {
    raw.include_reserved_scopes && is_named_by_issuer(raw)
}

/// Whether the provider may be any, and not a Logto.
pub(super) fn is_named_by_issuer(raw: &Raw) -> bool {
    named_by(raw) == NamedBy::Issuer
}

fn push_new(list: &mut Vec<String>, item: &str) {
    if !list.iter().any(|existing| existing == item) {
        list.push(item.to_owned());
    }
}
