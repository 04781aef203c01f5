//! `LogtoConfig`: every key of the `logto` table, its default, and the rules
//! between keys. Reads figment only; knows nothing of requests or providers.

use std::path::PathBuf;
use std::time::Duration;

use figment::providers::Serialized;
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider, Source};
use rocket::config::Config as RocketConfig;
use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize};
use url::Url;
use zeroize::Zeroizing;

use crate::oidc::authorize::Prompt;

/// Scopes that are asked for unless `include_reserved_scopes = false`: without
/// `offline_access` there is no refresh token, without `profile` no name.
const RESERVED_SCOPES: [&str; 3] = ["openid", "offline_access", "profile"];
const ORGANIZATIONS_SCOPE: &str = "urn:logto:scope:organizations";
const ORGANIZATIONS_RESOURCE: &str = "urn:logto:resource:organizations";

/// The client the development provider knows.
pub(crate) const DEV_APP_ID: &str = "dev-app";
pub(crate) const DEV_APP_SECRET: &str = "dev-secret-known-to-everyone";
const DEV_PORT: u16 = 3001;

/// The configuration of the fairing: the `logto` table of `Rocket.toml`, merged
/// over profiles, `ROCKET_LOGTO={…}` and the `LOGTO_*` names.
///
/// # Keys
///
/// | key | default | meaning |
/// |---|---|---|
/// | `endpoint` | – | Logto's base URL; the issuer is `{endpoint}/oidc` |
/// | `issuer` | – | instead of `endpoint`: any OpenID provider, compared byte for byte |
/// | `app_id` | – | the `client_id` |
/// | `app_secret`, `app_secret_file` | – | the client secret; none makes a public client |
/// | `base_url` | `http://localhost:<port>` in debug | the app's public origin; required in other profiles |
/// | `scopes` | `[]` | asked for besides `openid offline_access profile` |
/// | `include_reserved_scopes` | `true` | `false` leaves those three out (`openid` always stays) |
/// | `resources` | `[]` | API resource indicators (RFC 8707) |
/// | `prompt` | `["consent"]` | Logto gives a refresh token only with `consent` |
/// | `id_token_alg` | `"ES384"` | the **one** accepted signature algorithm |
/// | `token_endpoint_auth_method` | `"client_secret_basic"` | or `client_secret_post`, `none` |
/// | `response_mode` | `"query"` | or `form_post` (https only) |
/// | `ca_file` | – | PEM file with an extra root certificate for a private provider |
/// | `clock_tolerance` | `"60s"` | leeway for `exp`, `iat`, `nbf`; at most 5 minutes |
/// | `http_timeout` | `"5s"` | for one whole exchange with the provider |
/// | `max_concurrent_op_calls` | `64` | calls to the provider at the same time |
/// | `session.idle`, `session.absolute` | `"1d"`, `"14d"` | a session ends at whichever comes first |
/// | `post_sign_out` | `"/"` | where the browser goes after signing out |
/// | `routes.sign_in`, `.sign_up`, `.callback`, `.sign_out` | `/sign-in`, `/sign-up`, `/callback`, `/sign-out` | paths the fairing mounts |
/// | `dev_provider` | on in debug when no provider is named | `false`, or a table with `port`, `users`, `organizations`, `resources`; refused outside debug |
///
/// Durations are a number of seconds or text like `"90s"`, `"15m"`, `"1h"`, `"14d"`.
///
/// # Environment
///
/// `LOGTO_ENDPOINT`, `LOGTO_ISSUER`, `LOGTO_APP_ID`, `LOGTO_APP_SECRET`,
/// `LOGTO_APP_SECRET_FILE`, `LOGTO_BASE_URL`, `LOGTO_SCOPES` and
/// `LOGTO_RESOURCES` (separated by spaces), `LOGTO_ID_TOKEN_ALG`,
/// `LOGTO_CA_FILE`, and `LOGTO_REDIRECT_URI`, `LOGTO_POST_LOGOUT_REDIRECT_URI`
/// as Logto's samples spell them. They win over `Rocket.toml`; `ROCKET_LOGTO`
/// and values set in code win over them.
///
/// # Example
///
/// ```rust
/// use rocket_logto::LogtoConfig;
///
/// let figment = rocket::Config::figment()
///     .merge(("logto.endpoint", "https://tenant.logto.app"))
///     .merge(("logto.app_id", "my-app"))
///     .merge(("logto.base_url", "https://app.example.com"));
///
/// let config = LogtoConfig::from_figment(&figment)?;
/// assert_eq!(config.issuer, "https://tenant.logto.app/oidc");
/// assert_eq!(config.redirect_uri(), "https://app.example.com/callback");
/// # Ok::<(), figment::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LogtoConfig {
    /// The provider's issuer identifier, compared byte for byte.
    pub issuer: String,
    /// The `client_id`.
    pub app_id: String,
    /// The client secret; `None` for a public client.
    pub app_secret: Option<AppSecret>,
    /// The app's public origin, with path `/`.
    pub base_url: Url,
    /// All scopes of a sign-in request, without duplicates.
    pub scopes: Vec<String>,
    /// All `resource` values of a sign-in request.
    pub resources: Vec<String>,
    /// The default `prompt` of a sign-in request.
    pub prompt: Vec<Prompt>,
    /// The one accepted signature algorithm of ID tokens.
    pub id_token_alg: SigningAlg,
    /// How the app authenticates at the token endpoint.
    pub token_endpoint_auth_method: ClientAuthMethod,
    /// How the provider returns the authorization response.
    pub response_mode: ResponseMode,
    /// PEM bytes of an extra root certificate.
    pub ca_pem: Option<Vec<u8>>,
    /// Leeway for times in tokens.
    pub clock_tolerance: Duration,
    /// Deadline of one exchange with the provider.
    pub http_timeout: Duration,
    /// Bound on simultaneous calls to the provider.
    pub max_concurrent_op_calls: usize,
    /// How long sessions live.
    pub session: SessionConfig,
    /// Where the browser goes after signing out: a path of the app, or an absolute URL.
    pub post_sign_out: String,
    /// Paths of the mounted routes.
    pub routes: RoutePaths,
    /// `Some` when the development provider is to be started.
    pub(crate) dev_provider: Option<DevProviderTable>,
}

/// The `dev_provider` table.
#[derive(Clone, Debug)]
pub(crate) struct DevProviderTable {
    pub port: u16,
    /// Users, organizations and resources as written; the provider reads them.
    #[cfg_attr(not(feature = "dev-provider"), allow(dead_code))]
    pub seed: Value,
}

/// How long sessions live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionConfig {
    /// A session unused for this long is over.
    pub idle: Duration,
    /// A session older than this is over, used or not.
    pub absolute: Duration,
}

/// Paths of the routes the fairing mounts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RoutePaths {
    /// Starts a sign-in.
    pub sign_in: String,
    /// Starts a sign-in on the provider's registration screen.
    pub sign_up: String,
    /// Receives the authorization response.
    pub callback: String,
    /// Ends the session.
    pub sign_out: String,
}

impl Default for RoutePaths {
    fn default() -> Self {
        RoutePaths {
            sign_in: "/sign-in".into(),
            sign_up: "/sign-up".into(),
            callback: "/callback".into(),
            sign_out: "/sign-out".into(),
        }
    }
}

/// A client secret. Its `Debug` shows nothing of it; memory is wiped on drop.
#[derive(Clone)]
pub struct AppSecret(Zeroizing<String>);

impl AppSecret {
    /// The secret itself, for the token request and nothing else.
    pub fn secret(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for AppSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AppSecret([redacted])")
    }
}

/// A JWS signature algorithm (RFC 7518 section 3.1). `none` and the HMAC
/// family are left out: neither can prove who signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum SigningAlg {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
}

/// Client authentication at the token endpoint (OpenID Connect Core section 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthMethod {
    /// HTTP Basic, credentials form-urlencoded first (RFC 6749 section 2.3.1).
    ClientSecretBasic,
    /// In the request body.
    ClientSecretPost,
    /// No secret: a public client.
    None,
}

/// How the authorization response comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseMode {
    /// In the query of a redirect.
    Query,
    /// As a form the browser posts (OAuth 2.0 Form Post Response Mode).
    FormPost,
}

/// The table as written. Everything optional, so that the checks below can
/// name what is missing and what to write.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table of keys")]
struct Raw {
    endpoint: Option<String>,
    issuer: Option<String>,
    #[serde(default, deserialize_with = "text")]
    app_id: Option<String>,
    #[serde(default, deserialize_with = "text")]
    app_secret: Option<String>,
    app_secret_file: Option<PathBuf>,
    base_url: Option<String>,
    redirect_uri: Option<String>,
    post_logout_redirect_uri: Option<String>,
    #[serde(default, deserialize_with = "list")]
    scopes: Vec<String>,
    #[serde(default = "yes")]
    include_reserved_scopes: bool,
    #[serde(default, deserialize_with = "list")]
    resources: Vec<String>,
    prompt: Option<Vec<Prompt>>,
    id_token_alg: Option<SigningAlg>,
    token_endpoint_auth_method: Option<ClientAuthMethod>,
    response_mode: Option<ResponseMode>,
    ca_file: Option<PathBuf>,
    #[serde(default, deserialize_with = "duration")]
    clock_tolerance: Option<Duration>,
    #[serde(default, deserialize_with = "duration")]
    http_timeout: Option<Duration>,
    max_concurrent_op_calls: Option<usize>,
    #[serde(default)]
    session: RawSession,
    post_sign_out: Option<String>,
    #[serde(default)]
    routes: RoutePaths,
    dev_provider: Option<Value>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table of keys")]
struct RawSession {
    #[serde(default, deserialize_with = "duration")]
    idle: Option<Duration>,
    #[serde(default, deserialize_with = "duration")]
    absolute: Option<Duration>,
}

impl LogtoConfig {
    /// Reads the `logto` table of `figment` in its selected profile, adds the
    /// `LOGTO_*` environment variables and checks all rules. Touches the
    /// network never, the disk for `app_secret_file` and `ca_file`.
    ///
    /// # Errors
    ///
    /// The first mistake, with the key, where it was written, and what to
    /// write instead.
    pub fn from_figment(figment: &Figment) -> figment::Result<LogtoConfig> {
        let figment = with_environment(figment.clone());
        let raw: Raw = match figment.find_value("logto") {
            Ok(_) => figment.extract_inner("logto").map_err(in_order)?,
            Err(_) => Figment::new().extract()?,
        };
        Rules { figment: &figment }.check(raw)
    }

    /// `base_url` and the callback path: what to register at the provider.
    pub fn redirect_uri(&self) -> String {
        self.absolute(&self.routes.callback)
    }

    /// Where the provider sends the browser after signing out: what to
    /// register at the provider.
    pub fn post_logout_redirect_uri(&self) -> String {
        self.absolute(&self.post_sign_out)
    }

    /// Whether cookies can be `Secure` and `__Host-`.
    pub(crate) fn is_https(&self) -> bool {
        self.base_url.scheme() == "https"
    }

    fn absolute(&self, path_or_url: &str) -> String {
        match path_or_url.strip_prefix('/') {
            Some(path) => format!("{}{path}", self.base_url),
            None => path_or_url.to_owned(),
        }
    }
}

/// The rules between keys. An error names the key and where it came from.
struct Rules<'a> {
    figment: &'a Figment,
}

impl Rules<'_> {
    fn check(&self, raw: Raw) -> figment::Result<LogtoConfig> {
        let dev = self.dev_provider(&raw)?;
        let (issuer, app_id, app_secret) = match &dev {
            Some(table) => (
                format!("http://localhost:{}/oidc", table.port),
                DEV_APP_ID.to_owned(),
                Some(AppSecret(Zeroizing::new(DEV_APP_SECRET.to_owned()))),
            ),
            None => {
                let issuer = self.issuer(&raw)?;
                let app_id = raw.app_id.clone().filter(|id| !id.is_empty());
                let app_id = app_id.ok_or_else(|| {
                    self.error(
                        "app_id",
                        "is missing: write the App ID of your application at the provider, \
                         app_id = \"…\" (or set LOGTO_APP_ID)",
                    )
                })?;
                (issuer, app_id, self.app_secret(&raw)?)
            }
        };

        let base_url = self.base_url(&raw)?;
        let routes = self.routes(&raw)?;
        let response_mode = raw.response_mode.unwrap_or(ResponseMode::Query);
        if response_mode == ResponseMode::FormPost && base_url.scheme() != "https" {
            return Err(self.error(
                "response_mode",
                "\"form_post\" needs an https base_url, because the browser sends the sign-in \
                 cookie with a cross-site POST only when it is Secure: write \"query\"",
            ));
        }

        Ok(LogtoConfig {
            issuer,
            app_id,
            token_endpoint_auth_method: self.auth_method(&raw, app_secret.is_some())?,
            app_secret,
            scopes: scopes(&raw),
            resources: self.resources(&raw)?,
            prompt: self.prompt(&raw)?,
            id_token_alg: raw.id_token_alg.unwrap_or(SigningAlg::ES384),
            response_mode,
            ca_pem: self.read(raw.ca_file.as_ref(), "ca_file")?,
            clock_tolerance: self.duration("clock_tolerance", raw.clock_tolerance, 60, 0..=300)?,
            http_timeout: self.duration("http_timeout", raw.http_timeout, 5, 1..=120)?,
            max_concurrent_op_calls: match raw.max_concurrent_op_calls.unwrap_or(64) {
                0 => {
                    return Err(self.error("max_concurrent_op_calls", "must be at least 1"));
                }
                n => n,
            },
            session: self.session(&raw)?,
            post_sign_out: self.post_sign_out(&raw)?,
            routes,
            base_url,
            dev_provider: dev,
        })
    }

    /// The development provider, when it is to run.
    fn dev_provider(&self, raw: &Raw) -> figment::Result<Option<DevProviderTable>> {
        let debug = self.figment.profile() == RocketConfig::DEBUG_PROFILE;
        let named = raw.endpoint.is_some() || raw.issuer.is_some();
        let (wanted, table) = match &raw.dev_provider {
            None => (
                debug && !named && cfg!(feature = "dev-provider"),
                Dict::new(),
            ),
            Some(Value::Bool(_, on)) => (*on, Dict::new()),
            // Seeds may stand in the file while another provider is in use.
            Some(Value::Dict(_, table)) => (!named, table.clone()),
            Some(_) => {
                return Err(self.error(
                    "dev_provider",
                    "must be true, false, or a table with port, users, organizations, resources",
                ));
            }
        };
        if !wanted {
            return Ok(None);
        }
        if !debug {
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
        let mut seed = table;
        let port = match seed.remove("port") {
            None => DEV_PORT,
            Some(value) => value
                .to_u128()
                .and_then(|port| u16::try_from(port).ok())
                .filter(|port| *port != 0)
                .ok_or_else(|| {
                    self.error("dev_provider.port", "must be a port number from 1 to 65535")
                })?,
        };
        Ok(Some(DevProviderTable {
            port,
            seed: seed.into(),
        }))
    }

    fn issuer(&self, raw: &Raw) -> figment::Result<String> {
        match (&raw.endpoint, &raw.issuer) {
            (Some(_), Some(_)) => Err(self.error(
                "issuer",
                "cannot stand beside endpoint: write endpoint for Logto, issuer for another provider",
            )),
            (Some(endpoint), None) => {
                self.provider_url("endpoint", endpoint, "https://your-tenant.logto.app")?;
                Ok(format!("{}/oidc", endpoint.trim_end_matches('/')))
            }
            (None, Some(issuer)) => {
                self.provider_url("issuer", issuer, "https://accounts.example.com")?;
                Ok(issuer.clone())
            }
            (None, None) => Err(self.error(
                "endpoint",
                "is missing: write Logto's base URL, endpoint = \"https://your-tenant.logto.app\" \
                 (or set LOGTO_ENDPOINT), or issuer = \"…\" for another OpenID provider",
            )),
        }
    }

    /// A provider is reached over https; http only on this machine, or in the
    /// debug profile (containers on one network).
    fn provider_url(&self, key: &str, value: &str, example: &str) -> figment::Result<Url> {
        let url = self.absolute_url(key, value, example)?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err(self.error(key, "must have no query and no fragment"));
        }
        let debug = self.figment.profile() == RocketConfig::DEBUG_PROFILE;
        if url.scheme() != "https" && !debug && !is_loopback(&url) {
            return Err(self.error(
                key,
                "must start with https:// (http:// is for this machine and the debug profile)",
            ));
        }
        Ok(url)
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

    fn app_secret(&self, raw: &Raw) -> figment::Result<Option<AppSecret>> {
        if raw.app_secret.is_some() && raw.app_secret_file.is_some() {
            return Err(self.error(
                "app_secret_file",
                "cannot stand beside app_secret: keep one",
            ));
        }
        let from_file = match self.read(raw.app_secret_file.as_ref(), "app_secret_file")? {
            None => None,
            Some(bytes) => {
                let text = String::from_utf8(bytes)
                    .map_err(|_| self.error("app_secret_file", "must name a UTF-8 text file"))?;
                Some(text.trim_end_matches(['\r', '\n']).to_owned())
            }
        };
        match raw.app_secret.clone().or(from_file) {
            Some(secret) if secret.is_empty() => Err(self.error(
                "app_secret",
                "is empty: write the App secret, or remove the key for a public client",
            )),
            secret => Ok(secret.map(|secret| AppSecret(Zeroizing::new(secret)))),
        }
    }

    fn auth_method(&self, raw: &Raw, has_secret: bool) -> figment::Result<ClientAuthMethod> {
        match (raw.token_endpoint_auth_method, has_secret) {
            (None, true) => Ok(ClientAuthMethod::ClientSecretBasic),
            (None, false) => Ok(ClientAuthMethod::None),
            (Some(ClientAuthMethod::None), true) => Err(self.error(
                "token_endpoint_auth_method",
                "is \"none\" although app_secret is set: remove one of them",
            )),
            (Some(ClientAuthMethod::None), false) => Ok(ClientAuthMethod::None),
            (Some(_), false) => Err(self.error(
                "app_secret",
                "is missing: token_endpoint_auth_method needs it (or set LOGTO_APP_SECRET)",
            )),
            (Some(method), true) => Ok(method),
        }
    }

    fn base_url(&self, raw: &Raw) -> figment::Result<Url> {
        let example = "https://app.example.com";
        let (key, url) = match (&raw.base_url, &raw.redirect_uri) {
            (Some(base_url), _) => (
                "base_url",
                self.absolute_url("base_url", base_url, example)?,
            ),
            (None, Some(uri)) => {
                let mut url = self.absolute_url("redirect_uri", uri, example)?;
                url.set_path("/");
                ("redirect_uri", url)
            }
            (None, None) if self.figment.profile() == RocketConfig::DEBUG_PROFILE => {
                let port: u16 = self.figment.extract_inner("port").unwrap_or(8000);
                let tls = self.figment.find_value("tls").is_ok();
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

    fn routes(&self, raw: &Raw) -> figment::Result<RoutePaths> {
        let mut routes = raw.routes.clone();
        if let Some(uri) = &raw.redirect_uri {
            let url = self.absolute_url("redirect_uri", uri, "https://app.example.com/callback")?;
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

    fn resources(&self, raw: &Raw) -> figment::Result<Vec<String>> {
        let mut resources = Vec::new();
        for resource in &raw.resources {
            let url = Url::parse(resource).map_err(|_| {
                self.error(
                    "resources",
                    &format!(
                        "must hold absolute URIs like \"https://api.example.com\", not \"{resource}\""
                    ),
                )
            })?;
            // RFC 8707 section 2 forbids the fragment; Logto splits at commas.
            if url.fragment().is_some() || resource.contains([',', ' ']) {
                return Err(self.error(
                    "resources",
                    &format!("\"{resource}\" must hold no comma, no space and no #fragment"),
                ));
            }
            push_new(&mut resources, resource);
        }
        if raw.scopes.iter().any(|scope| scope == ORGANIZATIONS_SCOPE) {
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

    fn session(&self, raw: &Raw) -> figment::Result<SessionConfig> {
        let year = 365 * 86_400;
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
            Err(error) => Err(self.error(key, &format!("{}: {error}", path.display()))),
        }
    }

    /// An error at `logto.{key}`, with the source of the value where there is
    /// one; a missing value is laid to the selected profile.
    fn error(&self, key: &str, message: &str) -> figment::Error {
        let path = format!("logto.{key}");
        let mut error = figment::Error::from(format!("logto.{key} {message}")).with_path(&path);
        error.profile = Some(self.figment.profile().clone());
        error.metadata = self.figment.find_metadata(&path).cloned().or_else(|| {
            Some(Metadata::named(
                "the configuration (Rocket.toml, ROCKET_LOGTO or LOGTO_* variables)",
            ))
        });
        error
    }
}

/// Figment puts the path of the extraction behind that of the key in it:
/// `session.idle.logto`.
fn in_order(mut error: figment::Error) -> figment::Error {
    if error.path.last().is_some_and(|last| last == "logto") {
        error.path.rotate_right(1);
    }
    error
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(host)) => host == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

fn scopes(raw: &Raw) -> Vec<String> {
    let mut scopes = vec!["openid".to_owned()];
    if raw.include_reserved_scopes {
        for scope in RESERVED_SCOPES {
            push_new(&mut scopes, scope);
        }
    }
    for scope in &raw.scopes {
        push_new(&mut scopes, scope);
    }
    scopes
}

fn push_new(list: &mut Vec<String>, item: &str) {
    if !list.iter().any(|existing| existing == item) {
        list.push(item.to_owned());
    }
}

/// The names Logto's samples use, and their `logto` keys.
const ENVIRONMENT: [(&str, &str); 12] = [
    ("LOGTO_ENDPOINT", "endpoint"),
    ("LOGTO_ISSUER", "issuer"),
    ("LOGTO_APP_ID", "app_id"),
    ("LOGTO_APP_SECRET", "app_secret"),
    ("LOGTO_APP_SECRET_FILE", "app_secret_file"),
    ("LOGTO_BASE_URL", "base_url"),
    ("LOGTO_SCOPES", "scopes"),
    ("LOGTO_RESOURCES", "resources"),
    ("LOGTO_ID_TOKEN_ALG", "id_token_alg"),
    ("LOGTO_CA_FILE", "ca_file"),
    ("LOGTO_REDIRECT_URI", "redirect_uri"),
    ("LOGTO_POST_LOGOUT_REDIRECT_URI", "post_logout_redirect_uri"),
];

/// Adds the environment: it wins over files, and loses to `ROCKET_LOGTO` and
/// to values set in code, as Rocket's own precedence has it.
fn with_environment(figment: Figment) -> Figment {
    ENVIRONMENT.iter().fold(figment, |figment, (name, key)| {
        let Ok(value) = std::env::var(name) else {
            return figment;
        };
        if value.is_empty() {
            return figment;
        }
        let path = format!("logto.{key}");
        let from_file = |md: &Metadata| matches!(md.source, Some(Source::File(_)));
        match figment.find_metadata(&path) {
            Some(metadata) if !from_file(metadata) => figment,
            _ => figment.merge(Variable { name, path, value }),
        }
    })
}

/// One environment variable as a figment provider, so that an error can say
/// its name. The value stays text: an id of digits is no number.
struct Variable {
    name: &'static str,
    path: String,
    value: String,
}

impl Provider for Variable {
    fn metadata(&self) -> Metadata {
        Metadata::named(format!("`{}` environment variable", self.name))
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        Serialized::global(&self.path, &self.value).data()
    }
}

fn yes() -> bool {
    true
}

/// Text that may have been written as a number: ids and secrets of digits.
/// A mistyped secret must not be printed by a type error.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Text {
        Text(String),
        Number(u64),
    }
    match Text::deserialize(deserializer) {
        Ok(Text::Text(text)) => Ok(Some(text)),
        Ok(Text::Number(number)) => Ok(Some(number.to_string())),
        Err(_) => Err(de::Error::custom("must be text in quotes")),
    }
}

/// An array of strings, or one string separated by spaces.
fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum List {
        Array(Vec<String>),
        Text(String),
    }
    match List::deserialize(deserializer) {
        Ok(List::Array(items)) => Ok(items),
        Ok(List::Text(text)) => Ok(text.split_whitespace().map(str::to_owned).collect()),
        Err(_) => Err(de::Error::custom("must be an array of strings")),
    }
}

/// Seconds, or text like `"14d"`.
fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Seconds(u64),
        Text(String),
    }
    match Either::deserialize(deserializer) {
        Ok(Either::Seconds(seconds)) => Ok(Some(Duration::from_secs(seconds))),
        Ok(Either::Text(text)) => humantime::parse_duration(&text).map(Some).map_err(|_| {
            de::Error::custom(format!(
                "\"{text}\" is not a duration: write \"90s\", \"1h\" or \"14d\""
            ))
        }),
        Err(_) => Err(de::Error::custom(
            "must be a number of seconds or text like \"1h\"",
        )),
    }
}
