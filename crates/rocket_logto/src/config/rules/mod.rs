//! The rules between keys: what must be there, what cannot stand together, and
//! what to write instead.

mod client;
mod provider;

use std::path::PathBuf;
use std::time::Duration;

use figment::value::Value;
use figment::{Figment, Metadata};
use rocket::config::Config as RocketConfig;
use url::Url;

use crate::config::parameters::{Prompt, RESERVED};
use crate::config::raw::{Raw, RawStore};
use crate::config::{
    ApiConfig, DevProviderTable, LogtoConfig, ORGANIZATIONS_SCOPE, ProviderConfig, ResponseMode,
    RoutePaths, SessionConfig, StoreConfig,
};

/// Scopes that are asked for unless `include_reserved_scopes = false`: without
/// `offline_access` there is no refresh token, without `profile` no name.
const RESERVED_SCOPES: [&str; 3] = ["openid", "offline_access", "profile"];
/// In seconds.
const YEAR: u32 = 365 * 86_400;
const ORGANIZATIONS_RESOURCE: &str = "urn:logto:resource:organizations";

/// The rules between keys. An error names the key and where it came from.
pub(super) struct Rules<'a> {
    pub(super) figment: &'a Figment,
}

impl Rules<'_> {
    /// The configuration of an app that signs people in.
    pub(super) fn check(&self, raw: &Raw) -> figment::Result<LogtoConfig> {
        let dev = self.dev_provider(raw)?;
        let provider = self.provider(raw, dev.as_ref())?;
        let client = provider.client.ok_or_else(|| self.app_id_is_missing())?;

        let base_url = self.base_url(raw)?;
        let routes = self.routes(raw)?;
        let response_mode = raw.response_mode.unwrap_or(ResponseMode::Query);
        if response_mode == ResponseMode::FormPost && base_url.scheme() != "https" {
            return Err(self.error(
                "response_mode",
                "\"form_post\" needs an https base_url, because the browser sends the sign-in \
                 cookie with a cross-site POST only when it is Secure: write \"query\"",
            ));
        }

        Ok(LogtoConfig {
            issuer: provider.issuer,
            app_id: client.id,
            token_endpoint_auth_method: client.auth_method,
            app_secret: client.secret,
            machine: provider.machine,
            introspect_opaque_tokens: provider.introspect_opaque_tokens,
            scopes: scopes(raw, dev.as_ref()),
            resources: self.resources(raw, dev.as_ref())?,
            prompt: self.prompt(raw)?,
            extra_params: self.extra_params(raw)?,
            max_age: self.max_age(raw)?,
            acr_values: self.acr_values(raw)?,
            id_token_alg: provider.id_token_alg,
            response_mode,
            use_par: raw.use_par,
            signed_userinfo: raw.signed_userinfo,
            ca_pem: provider.ca_pem,
            clock_tolerance: provider.clock_tolerance,
            http_timeout: provider.http_timeout,
            max_concurrent_op_calls: provider.max_concurrent_op_calls,
            claims_max_age: self.duration(
                "claims_max_age",
                raw.claims_max_age,
                3600,
                1..=14 * 86_400,
            )?,
            session: self.session(raw)?,
            session_store: self.session_store(raw)?,
            previous_secret_keys: raw.session.previous_secret_keys.clone(),
            post_sign_out: self.post_sign_out(raw)?,
            routes,
            base_url,
            dev_provider: dev,
        })
    }

    /// The configuration of a service that is an API only.
    pub(super) fn check_api(&self, raw: &Raw) -> figment::Result<ApiConfig> {
        let dev = self.dev_provider(raw)?;
        Ok(ApiConfig {
            provider: self.provider(raw, dev.as_ref())?,
            routes: self.routes(raw)?,
            dev_provider: dev.is_some(),
        })
    }

    /// What concerns the provider, and this app as its client.
    fn provider(
        &self,
        raw: &Raw,
        dev: Option<&DevProviderTable>,
    ) -> figment::Result<ProviderConfig> {
        let issuer = match dev {
            Some(table) => format!("http://localhost:{}/oidc", table.port),
            None => self.issuer(raw)?,
        };
        let client = self.client(raw, dev.is_some())?;
        Ok(ProviderConfig {
            issuer,
            machine: self.machine(raw, dev.is_some(), client.as_ref())?,
            introspect_opaque_tokens: self.introspection(raw, client.as_ref())?,
            client,
            id_token_alg: self.id_token_alg(raw, dev.is_some())?,
            ca_pem: self.read(raw.ca_file.as_ref(), "ca_file")?,
            clock_tolerance: self.duration("clock_tolerance", raw.clock_tolerance, 60, 0..=300)?,
            http_timeout: self.duration("http_timeout", raw.http_timeout, 5, 1..=120)?,
            max_concurrent_op_calls: match raw.max_concurrent_op_calls.unwrap_or(64) {
                0 => {
                    return Err(self.error("max_concurrent_op_calls", "must be at least 1"));
                }
                n => n,
            },
        })
    }

    fn absolute_url(&self, key: &str, value: &str, example: &str) -> figment::Result<Url> {
        match Url::parse(value) {
            Ok(url) if matches!(url.scheme(), "https" | "http") && url.has_host() => Ok(url),
            _ => Err(self.error(
                key,
                &format!("must be an absolute URL like \"{example}\", not \"{value}\""),
            )),
        }
    }

    fn base_url(&self, raw: &Raw) -> figment::Result<Url> {
        let example = "https://app.example.com";
        let (key, url) = match (&raw.base_url, self.redirect_uri(raw)?) {
            (Some(base_url), _) => (
                "base_url",
                self.absolute_url("base_url", base_url, example)?,
            ),
            (None, Some(mut url)) => {
                url.set_path("/");
                ("redirect_uri", url)
            }
            (None, None) if self.figment.profile() == RocketConfig::DEBUG_PROFILE => {
                let port: u16 = self.figment.extract_inner("port").unwrap_or(8000);
                // With its feature `tls` on, Rocket says what it has not.
                let tls = self.figment.find_value("tls");
                let tls = tls.is_ok_and(|value| !matches!(value, Value::Empty(..)));
                let scheme = if tls { "https" } else { "http" };
                let url = format!("{scheme}://localhost:{port}");
                ("base_url", self.absolute_url("base_url", &url, example)?)
            }
            (None, None) => {
                return Err(self.error(
                    "base_url",
                    &format!(
                        "is required outside the debug profile: write the app's public address, \
                         base_url = \"{example}\" (it is never taken from a request)"
                    ),
                ));
            }
        };
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        if !bare || !url.username().is_empty() || url.password().is_some() {
            return Err(self.error(
                key,
                &format!("must be scheme, host and port only, like \"{example}\""),
            ));
        }
        Ok(url)
    }

    /// Only its origin and its path have a use: what else is in it would be
    /// missing from the redirect URI that the provider sees.
    fn redirect_uri(&self, raw: &Raw) -> figment::Result<Option<Url>> {
        let (key, example) = ("redirect_uri", "https://app.example.com/callback");
        let Some(uri) = &raw.redirect_uri else {
            return Ok(None);
        };
        let url = self.absolute_url(key, uri, example)?;
        let named = !url.username().is_empty() || url.password().is_some();
        if named || url.query().is_some() || url.fragment().is_some() {
            return Err(self.error(
                key,
                &format!(
                    "must be scheme, host, port and path only, without query and fragment, like \
                     \"{example}\""
                ),
            ));
        }
        Ok(Some(url))
    }

    fn routes(&self, raw: &Raw) -> figment::Result<RoutePaths> {
        let mut routes = raw.routes.clone();
        if let Some(url) = self.redirect_uri(raw)? {
            if url.origin() != self.base_url(raw)?.origin() {
                return Err(self.error("redirect_uri", "must be on the origin of base_url"));
            }
            routes.callback = url.path().to_owned();
        }
        let named = [
            ("sign_in", &routes.sign_in),
            ("sign_up", &routes.sign_up),
            ("callback", &routes.callback),
            ("sign_out", &routes.sign_out),
            ("initiate_login", &routes.initiate_login),
            ("backchannel_logout", &routes.backchannel_logout),
            ("healthz", &routes.healthz),
            ("readyz", &routes.readyz),
        ];
        for (index, (name, path)) in named.iter().enumerate() {
            let key = format!("routes.{name}");
            let plain = |c: char| c.is_ascii_alphanumeric() || "-._~/".contains(c);
            if !path.starts_with('/') || path.len() < 2 || !path.chars().all(plain) {
                return Err(self.error(&key, "must be a path like \"/sign-in\""));
            }
            if named[..index].iter().any(|(_, other)| other == path) {
                return Err(self.error(&key, "must differ from the other routes"));
            }
        }
        Ok(routes)
    }

    fn resources(&self, raw: &Raw, dev: Option<&DevProviderTable>) -> figment::Result<Vec<String>> {
        const DEV_KEY: &str = "dev_provider.sign_in.resources";
        let configured = raw.resources.iter().map(|resource| ("resources", resource));
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

    fn prompt(&self, raw: &Raw) -> figment::Result<Vec<Prompt>> {
        let prompt = raw.prompt.clone().unwrap_or_else(|| vec![Prompt::Consent]);
        if prompt.contains(&Prompt::None) && prompt.len() > 1 {
            return Err(self.error("prompt", "\"none\" must stand alone"));
        }
        Ok(prompt)
    }

    fn extra_params(&self, raw: &Raw) -> figment::Result<Vec<(String, String)>> {
        for (name, _) in &raw.extra_params {
            if RESERVED.contains(&name.as_str()) {
                return Err(self.error(
                    &format!("extra_params.{name}"),
                    "cannot be set here: remove it, because the app sets it itself, from a key of \
                     its own or for each sign-in anew",
                ));
            }
        }
        Ok(raw.extra_params.clone())
    }

    fn max_age(&self, raw: &Raw) -> figment::Result<Option<u32>> {
        let Some(max_age) = raw.max_age else {
            return Ok(None);
        };
        match u32::try_from(max_age.as_secs()) {
            Ok(seconds) if seconds <= YEAR => Ok(Some(seconds)),
            _ => Err(self.error("max_age", "must be at most a year, like \"1h\"")),
        }
    }

    /// They are sent as one text, separated by spaces.
    fn acr_values(&self, raw: &Raw) -> figment::Result<Vec<String>> {
        let proper =
            |value: &String| !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic());
        match raw.acr_values.iter().all(proper) {
            true => Ok(raw.acr_values.clone()),
            false => Err(self.error(
                "acr_values",
                "must hold names without spaces, like [\"urn:example:mfa\"]",
            )),
        }
    }

    fn session(&self, raw: &Raw) -> figment::Result<SessionConfig> {
        let year = u64::from(YEAR);
        let idle = self.duration("session.idle", raw.session.idle, 86_400, 1..=year)?;
        let absolute = self.duration(
            "session.absolute",
            raw.session.absolute,
            14 * 86_400,
            1..=year,
        )?;
        if idle > absolute {
            return Err(self.error("session.idle", "must not be longer than session.absolute"));
        }
        Ok(SessionConfig { idle, absolute })
    }

    fn session_store(&self, raw: &Raw) -> figment::Result<StoreConfig> {
        let url = match &raw.session.store {
            None | Some(RawStore::Cookie) => return Ok(StoreConfig::Cookie),
            Some(RawStore::Redis(url)) => url,
        };
        let scheme = Url::parse(url).map(|url| url.scheme().to_owned());
        match scheme.as_deref() {
            Ok("redis" | "redis+unix" | "unix") => {}
            Ok("rediss") => {
                return Err(self.error(
                    "session.store",
                    "cannot be a rediss:// URL, because TLS to Redis is not built in: write \
                     redis:// and reach Redis within a private network or through a tunnel",
                ));
            }
            _ => {
                return Err(self.error(
                    "session.store",
                    "must be \"cookie\" or { redis = \"redis://host:6379\" }",
                ));
            }
        }
        if !cfg!(feature = "redis") {
            return Err(self.error(
                "session.store",
                "needs the cargo feature redis of rocket_logto",
            ));
        }
        Ok(StoreConfig::Redis(url.clone()))
    }

    fn post_sign_out(&self, raw: &Raw) -> figment::Result<String> {
        let (key, value) = match (&raw.post_sign_out, &raw.post_logout_redirect_uri) {
            (Some(value), _) => ("post_sign_out", value.clone()),
            (None, Some(value)) => ("post_logout_redirect_uri", value.clone()),
            (None, None) => ("post_sign_out", "/".to_owned()),
        };
        if value.starts_with('/') && crate::return_to::ReturnTo::parse(&value).is_some() {
            return Ok(value);
        }
        self.absolute_url(key, &value, "https://app.example.com/")?;
        Ok(value)
    }

    fn duration(
        &self,
        key: &str,
        value: Option<Duration>,
        default: u64,
        allowed: std::ops::RangeInclusive<u64>,
    ) -> figment::Result<Duration> {
        let value = value.unwrap_or(Duration::from_secs(default));
        let (min, max) = (allowed.start(), allowed.end());
        if value < Duration::from_secs(*min) || value > Duration::from_secs(*max) {
            return Err(self.error(
                key,
                &format!("must be from {min} to {max} seconds, like \"{default}s\""),
            ));
        }
        Ok(value)
    }

    fn read(&self, path: Option<&PathBuf>, key: &str) -> figment::Result<Option<Vec<u8>>> {
        let Some(path) = path else { return Ok(None) };
        match std::fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            // The path is not shown: somebody may have written the secret itself.
            Err(error) => {
                Err(self.error(key, &format!("names a file that cannot be read: {error}")))
            }
        }
    }

    /// For what should be a table, and may be a secret in the wrong place: it is
    /// not shown.
    pub(super) fn misplaced(&self, path: &str, example: &str) -> figment::Error {
        self.error_at(path, &format!("must be a table, like {example}"))
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

fn scopes(raw: &Raw, dev: Option<&DevProviderTable>) -> Vec<String> {
    let mut scopes = vec!["openid".to_owned()];
    if raw.include_reserved_scopes {
        for scope in RESERVED_SCOPES {
            push_new(&mut scopes, scope);
        }
    }
    let of_dev = dev.into_iter().flat_map(|table| &table.scopes);
    for scope in raw.scopes.iter().chain(of_dev) {
        push_new(&mut scopes, scope);
    }
    scopes
}

fn push_new(list: &mut Vec<String>, item: &str) {
    if !list.iter().any(|existing| existing == item) {
        list.push(item.to_owned());
    }
}
