//! The rules between keys: what must be there, what cannot stand together, and
//! what to write instead.

mod addresses;
mod client;
mod files;
mod provider;
mod session;
mod sign_in;
mod webhook;

pub(super) use addresses::is_open;

use figment::{Figment, Metadata};

use crate::config::keys::{RANGES, Raw, VARIABLES};
use crate::config::values::Span;
use crate::config::{
    ApiConfig, ClientConfig, DevProviderTable, LogtoConfig, NamedBy, ProviderConfig, ResponseMode,
    RoutePaths, extract,
};
use crate::return_to::BasePath;

/// The key that names the provider.
fn named_by(raw: &Raw) -> NamedBy {
    match raw.issuer {
        Some(_) => NamedBy::Issuer,
        None => NamedBy::Endpoint,
    }
}

/// The rules between keys. An error names the key and where it came from.
pub(super) struct Rules<'a> {
    pub(super) figment: &'a Figment,
}

impl Rules<'_> {
    /// The configuration of an app that signs people in.
    pub(super) fn check(&self, raw: &Raw) -> figment::Result<LogtoConfig> {
        let dev = self.dev_provider(raw)?;
        let (provider, client) = self.provider(raw, dev.as_ref())?;
        let client = client.ok_or_else(|| self.app_id_is_missing())?;

        let base_url = self.base_url(raw)?;
        if dev.is_some() {
            self.not_public(raw, &base_url)?;
        }
        if raw.response_mode == ResponseMode::FormPost && base_url.scheme() != "https" {
            return Err(self.error(
                "response_mode",
                "\"form_post\" needs an https base_url, because the browser sends the sign-in \
                 cookie with a cross-site POST only when it is Secure: write \"query\"",
            ));
        }

        let base_path = BasePath::new(base_url.path(), raw.proxy_strips_path);
        let routes = self.routes(raw, &base_path)?;
        let webhook_keys = self.webhook_keys(raw, &provider, dev.is_some())?;
        let reached = RoutePaths {
            webhooks: match webhook_keys.is_empty() {
                true => String::new(),
                false => routes.webhooks.clone(),
            },
            ..routes.clone()
        };
        let mount_point = match raw.proxy_strips_path {
            true => "",
            false => base_path.as_str(),
        };

        Ok(LogtoConfig {
            sign_out_params: self.sign_out_params(raw)?,
            end_session: self.end_session(raw, &provider)?,
            app_name: self.app_name(raw)?,
            app_icon: self.app_icon(raw, &base_path)?,
            proxy_strips_path: raw.proxy_strips_path,
            cookie_name: self.cookie_name(raw)?,
            mounted: RoutePaths {
                // Clients look for it at the root of the host, wherever the app is.
                resource_metadata: reached.resource_metadata.clone(),
                ..reached.below(mount_point)?
            },
            linked: reached.below(base_path.as_str())?,
            webhook_keys,
            post_sign_out: self.post_sign_out(raw, &base_path)?,
            routes,
            base_path,
            provider,
            client,
            scopes: sign_in::scopes(raw, dev.as_ref()),
            is_logto: !sign_in::is_named_by_issuer(raw),
            offline_access_if_announced: sign_in::offline_access_if_announced(raw),
            resources: self.resources(raw, dev.as_ref())?,
            prompt: self.prompt(raw)?,
            extra_params: self.extra_params(raw)?,
            max_age: self.max_age(raw)?,
            acr_values: self.acr_values(raw)?,
            trusted_audiences: self.trusted_audiences(raw)?,
            response_mode: raw.response_mode,
            use_par: raw.use_par,
            signed_userinfo: raw.signed_userinfo,
            claims_max_age: raw.claims_max_age.0,
            claims_max_staleness: raw.claims_max_staleness.0,
            hook_timeout: raw.hook_timeout.0,
            session: self.session(raw)?,
            session_store: self.session_store(raw)?,
            previous_secret_keys: raw.session.previous_secret_keys.0.clone(),
            base_url,
            dev_provider: dev,
        })
    }

    /// The configuration of a service that is an API only.
    pub(super) fn check_api(&self, raw: &Raw) -> figment::Result<ApiConfig> {
        let dev = self.dev_provider(raw)?;
        if dev.as_ref().is_some_and(|table| table.port == Some(0)) {
            return Err(self.error(
                "dev_provider.port",
                "cannot be 0 with Logto::api(), which starts no provider and has to know where \
                 that of the other app is: write the same number in both",
            ));
        }
        let (provider, client) = self.provider(raw, dev.as_ref())?;
        Ok(ApiConfig {
            provider,
            client,
            // Only those for health checks, which no browser asks for.
            routes: self.routes(raw, &BasePath::default())?,
            dev_provider: dev.is_some(),
        })
    }

    /// What concerns the provider, and who this app is there.
    fn provider(
        &self,
        raw: &Raw,
        dev: Option<&DevProviderTable>,
    ) -> figment::Result<(ProviderConfig, Option<ClientConfig>)> {
        let issuer = match dev {
            Some(table) => table.issuer(),
            None => self.issuer(raw)?,
        };
        let client = self.client(raw, dev.is_some())?;
        let http_hosts = self.http_hosts(raw)?;
        let provider = ProviderConfig {
            tenants: self.tenants(raw)?,
            named_by: named_by(raw),
            discovery_url: self.discovery_url(raw, &issuer, &http_hosts)?,
            http_hosts,
            issuer,
            machine: self.machine(raw, dev.is_some(), client.as_ref())?,
            introspect_opaque_tokens: self.introspection(raw, client.as_ref())?,
            clients_without_audience: self.clients_without_audience(raw)?,
            bearer_takes_id_tokens: raw.bearer_takes_id_tokens,
            id_token_alg: self.id_token_alg(raw, dev.is_some())?,
            acr_order: self.acr_order(raw)?,
            ca_pem: self.read(raw.ca_file.as_ref(), "ca_file")?,
            clock_tolerance: raw.clock_tolerance.0,
            http_timeout: raw.http_timeout.0,
            max_concurrent_op_calls: raw.max_concurrent_op_calls.0,
            #[cfg(all(feature = "testing", debug_assertions))]
            transport: None,
        };
        Ok((provider, client))
    }

    /// Durations that are too short or too long.
    pub(super) fn ranges(&self) -> figment::Result<()> {
        for (key, min, max) in RANGES {
            let path = format!("logto.{key}");
            if self.figment.find_value(&path).is_err() {
                continue;
            }
            let value: Span = extract(self.figment, &path)?;
            let bound = |text| Span::parse(text).map_err(|error| self.error(key, &error));
            if value < bound(min)? || value > bound(max)? {
                return Err(self.error(key, &format!("must be from \"{min}\" to \"{max}\"")));
            }
        }
        Ok(())
    }

    /// For what should be a table, and may be a secret in the wrong place: it is
    /// not shown.
    pub(super) fn misplaced(&self, path: &str) -> figment::Error {
        self.error_at(path, "must be a table, like { key = \"value\" }")
    }

    /// A key that is missing, with the variable that could say it, too.
    fn missing(&self, key: &str, message: &str) -> figment::Error {
        let variable = VARIABLES.iter().find(|(_, stands_for)| *stands_for == key);
        let or_set = variable.map_or(String::new(), |(name, _)| format!(" (or set {name})"));
        self.error(key, &format!("is missing: {message}{or_set}"))
    }

    /// An error at `logto.{key}`, with the source of the value where there is
    /// one; a missing value is laid to the selected profile.
    fn error(&self, key: &str, message: &str) -> figment::Error {
        self.error_at(&format!("logto.{key}"), message)
    }

    fn error_at(&self, path: &str, message: &str) -> figment::Error {
        let mut error = figment::Error::from(format!("{path} {message}")).with_path(path);
        error.profile = Some(self.figment.profile().clone());
        error.metadata = self.figment.find_metadata(path).cloned().or_else(|| {
            Some(Metadata::named(
                "the configuration (Rocket.toml, ROCKET_LOGTO or LOGTO_* variables)",
            ))
        });
        error
    }
}
