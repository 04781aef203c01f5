//! `LogtoConfig`: every key of the `logto` table and its default. Reads figment
//! only; knows nothing of requests or providers.

// figment's own error type, at launch and nowhere else.
#![allow(clippy::result_large_err)]

mod environment;
pub(crate) mod parameters;
mod provider;
mod raw;
mod rules;

use std::time::Duration;

use figment::Figment;
use figment::value::Value;
use rocket::config::SecretKey;
use serde::{Deserialize, Serialize};
use url::Url;
use zeroize::Zeroizing;

use crate::config::parameters::Prompt;
pub(crate) use provider::{ApiConfig, ClientConfig, ProviderConfig};
use raw::Raw;
use rules::Rules;

/// With it a sign-in is about organizations, too; without it Logto gives no
/// organization token.
pub(crate) const ORGANIZATIONS_SCOPE: &str = "urn:logto:scope:organizations";

/// The client the development provider knows.
pub(crate) const DEV_APP_ID: &str = "dev-app";
pub(crate) const DEV_APP_SECRET: &str = "dev-secret-known-to-everyone";
/// The machine its built-in seed knows.
pub(crate) const DEV_MACHINE_ID: &str = "dev-machine";
pub(crate) const DEV_MACHINE_SECRET: &str = "dev-machine-secret-known-to-everyone";

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
/// | `machine.app_id`, `machine.app_secret`, `machine.app_secret_file` | `app_id`, `app_secret` | the client that gets tokens for this app itself ([`MachineToken`](crate::MachineToken)); at Logto an application of the type *Machine-to-machine* |
/// | `introspect_opaque_tokens` | `false` | `true`: [`Bearer`](crate::Bearer) asks the provider about tokens that are no JWTs (RFC 7662) |
/// | `base_url` | `http://localhost:<port>` in the debug profile, `https` with Rocket's `tls` | the app's public origin; required in other profiles |
/// | `redirect_uri` | – | as Logto's samples have it, without query and fragment: its path takes the place of `routes.callback`, even where that is set; its origin stands in for `base_url`, and must be that of a `base_url` that is set |
/// | `scopes` | `[]` | asked for besides `openid offline_access profile` |
/// | `include_reserved_scopes` | `true` | `false` leaves those three out (`openid` always stays) |
/// | `resources` | `[]` | API resource indicators (RFC 8707) |
/// | `prompt` | `["consent"]` | Logto gives a refresh token only with `consent` |
/// | `extra_params` | `{}` | more parameters of every authorization request, by name: `{ audience = "…" }` |
/// | `max_age` | – | how long ago the user may have authenticated at the provider, at most a year; the ID token's `auth_time` is checked, with `clock_tolerance` added |
/// | `acr_values` | `[]` | in what ways; the ID token's `acr` must be one of them |
/// | `id_token_alg` | `"ES384"` | the **one** accepted signature algorithm; the development provider has `ES384`, `ES256` and `RS256` |
/// | `token_endpoint_auth_method` | `"client_secret_basic"`, without a secret `"none"` | or `client_secret_post` |
/// | `response_mode` | `"query"` | or `form_post` (https only) |
/// | `use_par` | `true` | pushed authorization requests (RFC 9126) when the provider offers them; `false`: never |
/// | `signed_userinfo` | `false` | `true`: the userinfo endpoint must answer with a JWT signed by `id_token_alg` |
/// | `ca_file` | – | PEM file with an extra root certificate for a private provider |
/// | `clock_tolerance` | `"60s"` | leeway for `exp`, `iat`, `nbf` and `auth_time`; at most 5 minutes |
/// | `http_timeout` | `"5s"` | for one whole exchange with the provider; from 1 second to 120 |
/// | `max_concurrent_op_calls` | `64` | calls to the provider at the same time; at least 1 |
/// | `claims_max_age` | `"1h"` | after it `User` refreshes first, so that a suspended user is out within that time, if the sign-in gave a refresh token; from 1 second to 14 days |
/// | `session.idle`, `session.absolute` | `"1d"`, `"14d"` | a session ends at whichever comes first; from 1 second to a year, and `idle` not longer than `absolute` |
/// | `session.store` | `"cookie"` | or `{ redis = "redis://…" }` (cargo feature `redis`): several instances share sessions; `unix:///path/of/the/socket` on one machine, no `rediss://` |
/// | `session.previous_secret_keys` | `[]` | old values of Rocket's `secret_key` that still open cookies |
/// | `post_sign_out` | `"/"` | where the browser goes after signing out: a path of the app, or an absolute URL |
/// | `post_logout_redirect_uri` | – | as Logto's samples have it: stands in for `post_sign_out` where that is not set |
/// | `routes.sign_in`, `.sign_up`, `.callback`, `.sign_out`, `.initiate_login`, `.backchannel_logout`, `.healthz`, `.readyz` | `/sign-in`, `/sign-up`, `/callback`, `/sign-out`, `/initiate-login`, `/backchannel-logout`, `/healthz`, `/readyz` | paths the fairing mounts |
/// | `dev_provider` | on in the debug profile when no provider is named | `false`, or a table with `port`, `sign_in`, `users`, `machines`, `organizations`, `resources`; refused in other profiles |
/// | `dev_provider.sign_in` | `{}` | `scopes` and `resources` to ask for, too, while the development provider is in use: a real tenant may not know them |
///
/// Durations are a number of seconds or text like `"90s"`, `"15m"`, `"1h"`, `"14d"`.
///
/// [`Logto::api()`](crate::Logto::api) needs `endpoint` or `issuer` only. Of the
/// rest it heeds what concerns the provider, tokens and `routes.healthz`,
/// `routes.readyz`.
///
/// # Environment
///
/// `LOGTO_ENDPOINT`, `LOGTO_ISSUER`, `LOGTO_APP_ID`, `LOGTO_APP_SECRET`,
/// `LOGTO_APP_SECRET_FILE`, `LOGTO_MACHINE_APP_ID`, `LOGTO_MACHINE_APP_SECRET`,
/// `LOGTO_MACHINE_APP_SECRET_FILE`, `LOGTO_BASE_URL`, `LOGTO_SCOPES` and
/// `LOGTO_RESOURCES` (separated by spaces), `LOGTO_PROMPT` (the same),
/// `LOGTO_ACR_VALUES` (the same), `LOGTO_MAX_AGE`, `LOGTO_EXTRA_PARAMS`
/// (`name=value&name=value`), `LOGTO_ID_TOKEN_ALG`,
/// `LOGTO_TOKEN_ENDPOINT_AUTH_METHOD`, `LOGTO_RESPONSE_MODE`, `LOGTO_CA_FILE`,
/// `LOGTO_CLOCK_TOLERANCE`, `LOGTO_HTTP_TIMEOUT`, and `LOGTO_REDIRECT_URI`,
/// `LOGTO_POST_LOGOUT_REDIRECT_URI` as Logto's samples spell them.
/// `ROCKET_LOGTO` can say all the rest: `ROCKET_LOGTO={session={idle="1h"}}`.
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
    /// More parameters of every sign-in request. One that
    /// [`SignIn::param`](crate::SignIn::param) sets wins over that of the same name.
    pub extra_params: Vec<(String, String)>,
    /// The default `max_age` of a sign-in request, in seconds.
    pub max_age: Option<u32>,
    /// The default `acr_values` of a sign-in request, the best one first.
    pub acr_values: Vec<String>,
    /// The one accepted signature algorithm of ID tokens.
    pub id_token_alg: SigningAlg,
    /// How the app authenticates at the token endpoint.
    pub token_endpoint_auth_method: ClientAuthMethod,
    /// As whom the app gets tokens of its own.
    pub(crate) machine: Option<ClientConfig>,
    /// Whether the provider is asked about access tokens that are no JWTs.
    pub introspect_opaque_tokens: bool,
    /// How the provider returns the authorization response.
    pub response_mode: ResponseMode,
    /// Whether authorization requests are pushed where the provider takes them.
    pub use_par: bool,
    /// Whether the userinfo endpoint answers with a signed JWT.
    pub signed_userinfo: bool,
    /// PEM bytes of an extra root certificate.
    pub ca_pem: Option<Vec<u8>>,
    /// Leeway for times in tokens.
    pub clock_tolerance: Duration,
    /// Deadline of one exchange with the provider.
    pub http_timeout: Duration,
    /// Bound on simultaneous calls to the provider.
    pub max_concurrent_op_calls: usize,
    /// How old claims may be before `User` asks the provider again.
    pub claims_max_age: Duration,
    /// How long sessions live.
    pub session: SessionConfig,
    /// Where sessions are kept.
    pub session_store: StoreConfig,
    /// Old values of Rocket's `secret_key` that still open cookies.
    pub(crate) previous_secret_keys: Vec<SecretKey>,
    /// Where the browser goes after signing out: a path of the app, or an absolute URL.
    pub post_sign_out: String,
    /// Paths of the mounted routes.
    pub routes: RoutePaths,
    /// `Some` when the development provider is to be started.
    pub(crate) dev_provider: Option<DevProviderTable>,
}

/// The table as written, and the figment with the environment that it is from.
fn read(figment: &Figment) -> figment::Result<(Figment, Raw)> {
    // Its text may hold a secret, and a variable of the environment would hide it.
    if let Ok(value) = figment.find_value("logto")
        && value.as_dict().is_none()
    {
        let rules = Rules { figment };
        return Err(rules.misplaced("logto", "{ app_id = \"…\", app_secret = \"…\" }"));
    }
    let figment = environment::with_environment(figment.clone());
    for table in ["session", "machine"] {
        let path = format!("logto.{table}");
        if figment
            .find_value(&path)
            .is_ok_and(|value| value.as_dict().is_none())
        {
            let rules = Rules { figment: &figment };
            return Err(rules.misplaced(&path, "{ key = \"value\" }"));
        }
    }
    let raw = match figment.find_value("logto") {
        Ok(_) => figment.extract_inner("logto").map_err(in_order)?,
        Err(_) => Figment::new().extract()?,
    };
    Ok((figment, raw))
}

/// Figment puts the path of the extraction behind that of the key in it:
/// `session.idle.logto`.
fn in_order(mut error: figment::Error) -> figment::Error {
    if error.path.last().is_some_and(|last| last == "logto") {
        error.path.rotate_right(1);
    }
    error
}

/// The `dev_provider` table.
#[derive(Clone, Debug)]
pub(crate) struct DevProviderTable {
    pub port: u16,
    /// RequestedAuthentication for at sign-in besides the `scopes` of the configuration.
    pub scopes: Vec<String>,
    /// RequestedAuthentication for at sign-in besides the `resources` of the configuration.
    pub resources: Vec<String>,
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

/// Where sessions are kept (`session.store`).
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreConfig {
    /// In the browser's cookies, encrypted: no database.
    #[default]
    Cookie,
    /// In Redis, at this URL.
    Redis(String),
}

/// The URL may hold a password.
impl std::fmt::Debug for StoreConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            StoreConfig::Cookie => "Cookie",
            StoreConfig::Redis(_) => "Redis([redacted])",
        })
    }
}

/// Paths of the routes the fairing mounts; each field begins with its default.
/// What they do is told at [`Logto::fairing()`](crate::Logto::fairing).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RoutePaths {
    /// `/sign-in`: starts a sign-in.
    pub sign_in: String,
    /// `/sign-up`: starts a sign-in on the provider's registration screen.
    pub sign_up: String,
    /// `/callback`: receives the authorization response.
    pub callback: String,
    /// `/sign-out`: ends the session.
    pub sign_out: String,
    /// `/initiate-login`: starts a sign-in that somebody else began.
    pub initiate_login: String,
    /// `/backchannel-logout`: receives logout tokens from the provider.
    pub backchannel_logout: String,
    /// `/healthz`: whether the process is alive.
    pub healthz: String,
    /// `/readyz`: whether people can sign in.
    pub readyz: String,
}

impl Default for RoutePaths {
    fn default() -> Self {
        RoutePaths {
            sign_in: "/sign-in".into(),
            sign_up: "/sign-up".into(),
            callback: "/callback".into(),
            sign_out: "/sign-out".into(),
            initiate_login: "/initiate-login".into(),
            backchannel_logout: "/backchannel-logout".into(),
            healthz: "/healthz".into(),
            readyz: "/readyz".into(),
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
        let (figment, raw) = read(figment)?;
        Rules { figment: &figment }.check(&raw)
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
