//! `LogtoConfig`: what an app has configured. Reads figment only; knows nothing
//! of requests or providers. Every key of the `logto` table stands in `keys.rs`.

// figment's own error type, at launch and nowhere else.
#![allow(clippy::result_large_err)]

mod client_key;
#[macro_use]
mod key_table;
pub(crate) mod issuer;
mod keys;
mod organizations;
pub(crate) mod parameters;
mod provider;
mod redis;
mod rules;
pub(crate) mod secret_key;
mod sources;
mod types;
mod values;

use std::path::PathBuf;
use std::time::Duration;

use figment::Figment;
use figment::value::Value;
use rocket::config::SecretKey;
use serde::Deserialize;
use url::{Position, Url};

use crate::config::parameters::Prompt;
use crate::return_to::BasePath;
pub(crate) use client_key::ClientKey;
use keys::Raw;
pub use keys::RoutePaths;
pub(crate) use organizations::ORGANIZATION;
pub(crate) use organizations::{ORGANIZATION_ROLES_SCOPE, ROLES_SCOPE};
pub use organizations::{ORGANIZATIONS_RESOURCE, ORGANIZATIONS_SCOPE};
pub(crate) use provider::{
    ApiConfig, ClientConfig, Credentials, DEV_APP_ID, DEV_APP_SECRET, DEV_MACHINE_ID,
    DEV_MACHINE_SECRET, NamedBy, ProviderConfig,
};
pub use redis::RedisServers;
#[cfg(feature = "redis")]
pub(crate) use redis::Topology;
use rules::Rules;
pub(crate) use rules::{UPSTREAM, is_open, upstream_url};
pub(crate) use secret_key::SecretBytes;
pub use types::{
    AppSecret, ClientAuthMethod, ResponseMode, SessionConfig, SigningAlg, StoreConfig,
};
pub(crate) use types::{AssertionAudience, DpopUse, EndSessionEndpoint, Profile, ProxyConfig};
pub(crate) use values::HttpHost;

/// The configuration of the fairing: the `logto` table of `Rocket.toml`, merged
/// over profiles, `ROCKET_LOGTO={…}` and the `LOGTO_*` variables.
///
/// # Keys
///
/// | key | default | variable | meaning |
/// |---|---|---|---|
#[doc = keys::key_rows!()]
///
/// Durations are a number of seconds or text like `"90s"`, `"15m"`, `"1h"`, `"14d"`.
///
/// A key that is not in this table stops the launch.
///
/// [`Logto::api()`](crate::Logto::api) needs `endpoint` or `issuer` only. Of the
/// rest it heeds what concerns the provider, tokens and `routes.healthz`,
/// `routes.readyz`, `routes.resource_metadata`.
///
/// # Environment
///
/// A variable of the third column is text: lists are separated by spaces,
/// `LOGTO_EXTRA_PARAMS` is `name=value&name=value`. An empty variable counts as not
/// set, except that of a list, which it empties: `LOGTO_SCOPES=` asks for none besides
/// the reserved ones, whatever a file says. `ROCKET_LOGTO` can say all the
/// rest: `ROCKET_LOGTO={session={idle="1h"}}`. A `LOGTO_*` variable that is not in
/// the table is warned of in the log.
///
/// Each stands for the key of its name: it wins over that key in `Rocket.toml`,
/// and loses to that key in `ROCKET_LOGTO` or in code. Where two keys are about
/// one thing, it does not matter who has set them: `post_sign_out` wins over
/// `LOGTO_POST_LOGOUT_REDIRECT_URI`, the path of `LOGTO_REDIRECT_URI` wins over
/// `routes.callback`, and `LOGTO_ISSUER` beside an `endpoint`, or
/// `LOGTO_APP_SECRET` beside an `app_secret_file`, stops the launch.
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
/// assert_eq!(config.issuer(), "https://tenant.logto.app/oidc");
/// assert_eq!(config.redirect_uri(), "https://app.example.com/callback");
/// # Ok::<(), figment::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LogtoConfig {
    pub(crate) provider: ProviderConfig,
    /// Who this app is at the provider.
    pub(crate) client: ClientConfig,
    /// The app's public address. Its path ends with a slash, and is `/` for an app that
    /// has its host for itself.
    pub base_url: Url,
    /// The app's name, as its users know it.
    pub app_name: Option<String>,
    /// The address of its icon, as browsers have it: a path, or an https URL.
    pub app_icon: Option<String>,
    /// Whether requests reach the app without the path of `base_url`.
    pub proxy_strips_path: bool,
    /// All scopes of a sign-in request, without duplicates. At a provider that `issuer`
    /// names, `offline_access` follows them if its metadata announce it.
    pub scopes: Vec<String>,
    /// Whether `offline_access` is asked for where the metadata announce it.
    pub(crate) offline_access_if_announced: bool,
    /// Whether the provider is a Logto, and not one that `issuer` names.
    pub(crate) is_logto: bool,
    /// All `resource` values of a sign-in request.
    pub resources: Vec<String>,
    /// The default `prompt` of a sign-in request.
    pub prompt: Vec<Prompt>,
    /// More parameters of every sign-in request. One that
    /// [`SignIn::param`](crate::SignIn::param) sets wins over that of the same name.
    pub extra_params: Vec<(String, String)>,
    /// The default `max_age` of a sign-in request, in seconds.
    pub max_age: Option<u32>,
    /// The default `acr_values` of a sign-in request, the best one first.
    pub acr_values: Vec<String>,
    /// Who may be in the audience of an ID token beside this client.
    pub trusted_audiences: Vec<String>,
    /// How the provider returns the authorization response.
    pub response_mode: ResponseMode,
    /// Whether authorization requests are pushed where the provider takes them.
    pub use_par: bool,
    /// Whether the userinfo endpoint answers with a signed JWT.
    pub signed_userinfo: bool,
    /// How old claims may be before `User` asks the provider again.
    pub claims_max_age: Duration,
    /// How much older they may be while the provider cannot be reached.
    pub claims_max_staleness: Duration,
    /// How long one call of a hook of the app may take.
    pub hook_timeout: Duration,
    /// How long sessions live.
    pub session: SessionConfig,
    /// Where sessions are kept.
    pub session_store: StoreConfig,
    /// Old values of Rocket's `secret_key` that still open cookies.
    pub(crate) previous_secret_keys: Vec<SecretKey>,
    /// Where the browser goes after signing out: a path of the app, or an absolute URL.
    pub post_sign_out: String,
    /// More parameters of the sign-out request. One of the library by the same name is
    /// replaced, and an empty value leaves it out.
    pub sign_out_params: Vec<(String, String)>,
    pub(crate) end_session: EndSessionEndpoint,
    /// Paths of the routes, below the path of `base_url`.
    pub routes: RoutePaths,
    /// The same as requests have them, without those that are not mounted.
    pub(crate) mounted: RoutePaths,
    /// The same as browsers have them.
    pub(crate) linked: RoutePaths,
    /// Which claims of the ID token scripts are shown.
    pub(crate) shown_claims: Vec<String>,
    pub(crate) proxy: ProxyConfig,
    /// What webhooks are signed with; none where they are not received.
    pub(crate) webhook_keys: Vec<AppSecret>,
    pub(crate) base_path: BasePath,
    /// In place of the session cookie's derived name.
    pub(crate) cookie_name: Option<String>,
    /// `Some` when the development provider is to be started.
    pub(crate) dev_provider: Option<DevProviderTable>,
}

/// The table as written, and the figment with the environment and the defaults
/// that it is from.
fn read(figment: &Figment) -> figment::Result<(Figment, Raw)> {
    // Before a variable could hide it; its text may hold a secret.
    let tables = keys::TABLES.iter().map(|table| format!("logto.{table}"));
    for path in ["logto".to_owned()].into_iter().chain(tables) {
        if let Ok(value) = figment.find_value(&path)
            && value.as_dict().is_none()
        {
            return Err(Rules { figment }.misplaced(&path));
        }
    }
    sources::warn_of_unknown_variables();
    let figment = sources::with_defaults(sources::with_environment(figment.clone()));
    let raw = extract(&figment, "logto")?;
    Rules { figment: &figment }.ranges()?;
    Ok((figment, raw))
}

/// Figment puts the path of the extraction behind that of the key in it:
/// `session.idle.logto`.
fn extract<'de, T: Deserialize<'de>>(figment: &Figment, path: &str) -> figment::Result<T> {
    figment.extract_inner(path).map_err(|mut error| {
        let parts: Vec<_> = path.split('.').map(str::to_owned).collect();
        if error.path.ends_with(&parts) {
            error.path.rotate_right(parts.len());
        }
        error
    })
}

/// Where the development provider listens if nothing says otherwise: Logto's own port.
pub(crate) const DEV_PORT: u16 = 3001;

/// The `dev_provider` table.
#[derive(Clone, Debug)]
pub(crate) struct DevProviderTable {
    /// `None`: the first free one from [`DEV_PORT`] on.
    pub port: Option<u16>,
    /// Where it keeps what is changed; `None`: nowhere.
    #[cfg_attr(not(feature = "dev-provider"), allow(dead_code))]
    pub state_file: Option<PathBuf>,
    /// Whether clients may register themselves there.
    #[cfg_attr(not(feature = "dev-provider"), allow(dead_code))]
    pub dynamic_registration: bool,
    /// Keys about an application that this provider does not know, for the log.
    pub idle: Vec<String>,
    /// Asked for at sign-in besides the `scopes` of the configuration.
    pub scopes: Vec<String>,
    /// Asked for at sign-in besides the `resources` of the configuration.
    pub resources: Vec<String>,
    /// Users, organizations and resources as written; the provider reads them.
    #[cfg_attr(not(feature = "dev-provider"), allow(dead_code))]
    pub seed: Value,
}

impl DevProviderTable {
    /// Its issuer, as far as its port is known before it listens.
    fn issuer(&self) -> String {
        format!("http://localhost:{}/oidc", self.port.unwrap_or(DEV_PORT))
    }
}

impl LogtoConfig {
    /// Takes note of the port at which the development provider listens.
    #[cfg(feature = "dev-provider")]
    pub(crate) fn dev_provider_is_at(&mut self, port: u16) {
        if let Some(table) = &mut self.dev_provider {
            table.port = Some(port);
            self.provider.issuer = table.issuer();
        }
    }

    /// Reads the `logto` table of `figment` in its selected profile, adds the
    /// `LOGTO_*` environment variables and checks all rules. Touches the
    /// network never, the disk for `app_secret_file`, `app_key_file`, `ca_file` and the like.
    ///
    /// # Errors
    ///
    /// The first mistake, with the key, where it was written, and what to
    /// write instead.
    ///
    /// At which port the development provider listens shows when it is started: in an app
    /// that runs, [`Logto::config()`](crate::Logto::config) has the issuer it got.
    pub fn from_figment(figment: &Figment) -> figment::Result<LogtoConfig> {
        let (figment, raw) = read(figment)?;
        Rules { figment: &figment }.check(&raw)
    }

    /// The provider's issuer identifier, compared byte for byte. With `{tenantid}` in
    /// it, it is what the metadata name; a token's has the id of a tenant there.
    pub fn issuer(&self) -> &str {
        &self.provider.issuer
    }

    /// Whether this is the issuer, or that of a tenant that is let in.
    pub(crate) fn is_issuer(&self, iss: &str) -> bool {
        if !issuer::is_template(self.issuer()) {
            return iss == self.issuer();
        }
        let tenant = issuer::tenant_of(self.issuer(), iss);
        tenant.is_some_and(|tenant| issuer::lets_in(&self.provider.tenants, tenant))
    }

    /// The `client_id`.
    pub fn app_id(&self) -> &str {
        &self.client.id
    }

    /// The client secret; `None` for a public client, and for one that proves itself with
    /// a key.
    pub fn app_secret(&self) -> Option<&AppSecret> {
        self.client.secret()
    }

    /// How the app authenticates at the token endpoint.
    pub fn token_endpoint_auth_method(&self) -> ClientAuthMethod {
        self.client.auth_method()
    }

    /// The accepted signature algorithms; none: those the provider announces.
    pub fn id_token_alg(&self) -> &[SigningAlg] {
        &self.provider.id_token_alg
    }

    /// Whether the provider is asked about access tokens that are no JWTs.
    pub fn introspect_opaque_tokens(&self) -> bool {
        self.provider.introspect_opaque_tokens
    }

    /// PEM bytes of an extra root certificate.
    pub fn ca_pem(&self) -> Option<&[u8]> {
        self.provider.ca_pem.as_deref()
    }

    /// Leeway for times in tokens.
    pub fn clock_tolerance(&self) -> Duration {
        self.provider.clock_tolerance
    }

    /// Deadline of one exchange with the provider.
    pub fn http_timeout(&self) -> Duration {
        self.provider.http_timeout
    }

    /// Bound on simultaneous calls to the provider.
    pub fn max_concurrent_op_calls(&self) -> usize {
        self.provider.max_concurrent_op_calls
    }

    /// `base_url` and the callback path: what to register at the provider.
    pub fn redirect_uri(&self) -> String {
        self.absolute(&self.linked.callback)
    }

    /// Where the provider sends the browser after signing out: what to
    /// register at the provider.
    pub fn post_logout_redirect_uri(&self) -> String {
        self.absolute(&self.post_sign_out)
    }

    /// The path below which the app lives, as browsers have it: that of `base_url`
    /// without its last slash, and so empty for an app that has its host for itself. To
    /// be written before paths in links, where
    /// [`proxy_strips_path`](LogtoConfig::proxy_strips_path) hides it from the app.
    ///
    /// ```rust
    /// use rocket_logto::LogtoConfig;
    ///
    /// # let figment = rocket::Config::figment()
    /// #     .merge(("logto.endpoint", "https://tenant.logto.app"))
    /// #     .merge(("logto.app_id", "my-app"));
    /// let figment = figment.merge(("logto.base_url", "https://example.com/app"));
    /// let config = LogtoConfig::from_figment(&figment)?;
    /// assert_eq!(config.base_path(), "/app");
    /// assert_eq!(config.redirect_uri(), "https://example.com/app/callback");
    /// # Ok::<(), figment::Error>(())
    /// ```
    pub fn base_path(&self) -> &str {
        self.base_path.as_str()
    }

    /// Whether cookies can be `Secure` and `__Host-`.
    pub(crate) fn is_https(&self) -> bool {
        self.base_url.scheme() == "https"
    }

    /// Whether what browsers send and get can be read on the way.
    pub(crate) fn is_open(&self) -> bool {
        rules::is_open(&self.base_url)
    }

    /// The whole address of a path as browsers have it; a URL stays as it is.
    pub(crate) fn absolute(&self, path_or_url: &str) -> String {
        match path_or_url.starts_with('/') {
            true => format!("{}{path_or_url}", &self.base_url[..Position::BeforePath]),
            false => path_or_url.to_owned(),
        }
    }
}
