//! The rules about the provider.

use figment::value::{Dict, Value};
use figment::{Figment, Metadata};
use url::Url;

use super::Rules;
use super::addresses::is_loopback;
use crate::config::issuer::{self, TENANT};
use crate::config::keys::{KEYS, Raw, RawDevProvider, TABLES};
use crate::config::sources::with_dev_provider_defaults;
use crate::config::{DevProviderTable, HttpHost, SigningAlg, extract};

/// Where a value is from, in as many words as an error of figment's.
fn source(metadata: &Metadata) -> String {
    match &metadata.source {
        Some(source) => source.to_string(),
        None => metadata.name.to_string(),
    }
}

impl Rules<'_> {
    /// The development provider, when it is to run.
    pub(super) fn dev_provider(&self, raw: &Raw) -> figment::Result<Option<DevProviderTable>> {
        let named = raw.endpoint.is_some() || raw.issuer.is_some();
        let (wanted, table) = match &raw.dev_provider {
            None => (
                self.is_debug() && !named && cfg!(feature = "dev-provider"),
                Dict::new(),
            ),
            Some(Value::Bool(_, on)) => (*on, Dict::new()),
            // Seeds may stand in the file while another provider is in use.
            Some(Value::Dict(_, table)) => (!named, table.clone()),
            Some(_) => {
                return Err(self.error(
                    "dev_provider",
                    "must be true, false, or a table with port, state_file, dynamic_registration, \
                     sign_in, users, machines, organizations, resources",
                ));
            }
        };
        if !wanted {
            return Ok(None);
        }
        if !self.is_debug() {
            return Err(self.error(
                "dev_provider",
                "runs in the debug profile only: it signs anybody in as anybody. Remove it here \
                 and write endpoint and app_id of your provider",
            ));
        }
        if named {
            return Err(self.error(
                "dev_provider",
                "cannot be true when endpoint or issuer names another provider: remove one",
            ));
        }
        if !cfg!(feature = "dev-provider") {
            return Err(self.error(
                "dev_provider",
                "needs the cargo feature dev-provider of rocket_logto",
            ));
        }
        let written = match &raw.dev_provider {
            Some(Value::Dict(..)) => self.figment.clone(),
            _ => Figment::new(),
        };
        let figment = with_dev_provider_defaults(written);
        let ours: RawDevProvider = extract(&figment, "logto.dev_provider")?;
        let mut seed = table;
        seed.retain(|name, _| {
            let path = format!("dev_provider.{name}");
            !KEYS.contains(&&*path) && !TABLES.contains(&&*path)
        });
        Ok(Some(DevProviderTable {
            port: ours.port.map(|port| port.0),
            state_file: ours.state_file,
            dynamic_registration: ours.dynamic_registration,
            idle: self.idle(raw),
            scopes: ours.sign_in.scopes.0,
            resources: ours.sign_in.resources.0,
            seed: seed.into(),
        }))
    }

    /// Keys that only count at a provider of one's own, each with where it is written:
    /// somebody has named an application and no provider.
    fn idle(&self, raw: &Raw) -> Vec<String> {
        let written = [
            ("app_id", raw.app_id.is_some()),
            ("app_secret", raw.app_secret.is_some()),
            ("app_secret_file", raw.app_secret_file.is_some()),
            ("app_key_file", raw.app_key_file.is_some()),
        ];
        let written = written.into_iter().filter(|(_, is_written)| *is_written);
        let shown = written.map(|(key, _)| {
            let from = self.figment.find_metadata(&format!("logto.{key}"));
            let from = from.map_or_else(String::new, |from| format!(" ({})", source(from)));
            format!("logto.{key}{from}")
        });
        shown.collect()
    }

    /// With any other algorithm than its own no sign-in could succeed.
    pub(super) fn id_token_alg(&self, raw: &Raw, dev: bool) -> figment::Result<Vec<SigningAlg>> {
        let algs = raw.id_token_alg.as_ref();
        let algs = algs.map_or(Vec::new(), |algs| algs.0.clone());
        let of_dev = [SigningAlg::ES384, SigningAlg::ES256, SigningAlg::RS256];
        match dev && !algs.is_empty() && !algs.iter().any(|alg| of_dev.contains(alg)) {
            false => Ok(algs),
            true => Err(self.error(
                "id_token_alg",
                "must be \"ES384\", \"ES256\" or \"RS256\" with the development provider, which \
                 has no other: write one of them, or endpoint and app_id of your provider",
            )),
        }
    }

    pub(super) fn trusted_audiences(&self, raw: &Raw) -> figment::Result<Vec<String>> {
        let audiences = &raw.trusted_audiences.0;
        match audiences.iter().any(String::is_empty) {
            false => Ok(audiences.clone()),
            true => Err(self.error(
                "trusted_audiences",
                "must hold ids of other clients like \"other-client\", not \"\"",
            )),
        }
    }

    pub(super) fn issuer(&self, raw: &Raw) -> figment::Result<String> {
        match (&raw.endpoint, &raw.issuer) {
            (Some(_), Some(_)) => Err(self.error(
                "issuer",
                "cannot stand beside endpoint: write endpoint for Logto, issuer for another provider",
            )),
            (Some(endpoint), None) => {
                self.provider_url("endpoint", endpoint, "https://your-tenant.logto.app")?;
                // What a console shows beside it is often pasted instead.
                let pasted = "/oidc/.well-known/openid-configuration";
                let base = endpoint.trim_end_matches('/');
                let base = base.strip_suffix(pasted).unwrap_or(base);
                let base = base.strip_suffix("/oidc").unwrap_or(base);
                Ok(format!("{}/oidc", base.trim_end_matches('/')))
            }
            (None, Some(issuer)) => {
                self.provider_url("issuer", issuer, "https://accounts.example.com")?;
                self.template(issuer)?;
                Ok(issuer.clone())
            }
            (None, None) => Err(self.missing(
                "endpoint",
                "write Logto's base URL, endpoint = \"https://your-tenant.logto.app\", or \
                 issuer = \"…\" for another OpenID provider",
            )),
        }
    }

    /// A placeholder that stood anywhere else would let a token choose the host.
    fn template(&self, issuer: &str) -> figment::Result<()> {
        if !issuer.contains(['{', '}']) {
            return Ok(());
        }
        let segments = issuer.splitn(4, '/').nth(3).unwrap_or_default().split('/');
        let tenants = segments.filter(|segment| *segment == TENANT).count();
        match tenants == 1 && issuer.matches(['{', '}']).count() == 2 {
            true => Ok(()),
            false => Err(self.error(
                "issuer",
                "may hold one placeholder, {tenantid}, as a part of its path: write \
                 \"https://login.microsoftonline.com/{tenantid}/v2.0\"",
            )),
        }
    }

    pub(super) fn tenants(&self, raw: &Raw) -> figment::Result<Vec<String>> {
        let (key, tenants) = ("tenants", &raw.tenants.0);
        let has_template = raw.issuer.as_deref().is_some_and(issuer::is_template);
        if !tenants.is_empty() && !has_template {
            return Err(self.error(
                key,
                "needs {tenantid} in issuer: without it, all tokens are of one issuer",
            ));
        }
        let is_id = |tenant: &String| issuer::of_tenant(TENANT, tenant).is_some();
        match tenants.iter().find(|tenant| !is_id(tenant)) {
            None => Ok(tenants.clone()),
            Some(odd) => Err(self.error(
                key,
                &format!(
                    "must hold ids of tenants like \"9188040d-6c67-4c5b-b112-36a304b66dad\", not \
                     \"{odd}\""
                ),
            )),
        }
    }

    pub(super) fn http_hosts(&self, raw: &Raw) -> figment::Result<Vec<HttpHost>> {
        let read = |text: &String| {
            HttpHost::parse(text).ok_or_else(|| {
                self.error(
                    "http_hosts",
                    &format!(
                        "must hold names of hosts like \"keycloak\" or \"keycloak:8080\", not \
                         \"{text}\""
                    ),
                )
            })
        };
        raw.http_hosts.0.iter().map(read).collect()
    }

    /// What is read there decides where codes and secrets are sent, so it is not read
    /// over plain http unless the host is one of `http_hosts`.
    pub(super) fn discovery_url(
        &self,
        raw: &Raw,
        issuer: &str,
        http_hosts: &[HttpHost],
    ) -> figment::Result<Option<String>> {
        let key = "discovery_url";
        let Some(value) = &raw.discovery_url else {
            return Ok(None);
        };
        if raw.endpoint.is_none() && raw.issuer.is_none() {
            return Err(self.error(
                key,
                "needs issuer beside it: write there what the metadata at this address call the \
                 provider",
            ));
        }
        let example = "https://accounts.example.com/.well-known/openid-configuration";
        let url = self.absolute_url(key, value, example)?;
        if url.fragment().is_some() {
            return Err(self.error(key, "must have no fragment"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(self.error(key, "must have no user name and no password"));
        }
        let plain = issuer.starts_with("http:") && (self.is_debug() || is_loopback(&url));
        let named = HttpHost::any_has(http_hosts, &url);
        if url.scheme() != "https" && !plain && !named {
            return Err(self.error(
                key,
                "must start with https:// unless http_hosts has its host, or the issuer is http \
                 itself",
            ));
        }
        Ok(Some(value.clone()))
    }

    /// A provider is reached over https; http only on this machine, or in the
    /// debug profile (containers on one network).
    pub(super) fn provider_url(
        &self,
        key: &str,
        value: &str,
        example: &str,
    ) -> figment::Result<Url> {
        let url = self.absolute_url(key, value, example)?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err(self.error(key, "must have no query and no fragment"));
        }
        // It would be in the log and in the browser's address bar.
        if !url.username().is_empty() || url.password().is_some() {
            return Err(self.error(key, "must have no user name and no password"));
        }
        if url.scheme() != "https" && !self.is_debug() && !is_loopback(&url) {
            return Err(self.error(
                key,
                "must start with https:// (http:// is for this machine and the debug profile)",
            ));
        }
        Ok(url)
    }
}
