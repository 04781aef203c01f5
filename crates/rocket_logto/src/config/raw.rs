//! The `logto` table as written, before any rule is checked.

use std::path::PathBuf;
use std::time::Duration;

use figment::value::{Dict, Value};
use rocket::config::SecretKey;
use serde::Deserialize;
use serde::de::{self, Deserializer};

use super::{ClientAuthMethod, ResponseMode, RoutePaths, SigningAlg};
use crate::config::parameters::Prompt;

/// The table as written. Everything optional, so that the rules (`rules/`) can
/// name what is missing and what to write.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table of keys")]
pub(super) struct Raw {
    pub(super) endpoint: Option<String>,
    pub(super) issuer: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(super) app_id: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(super) app_secret: Option<String>,
    pub(super) app_secret_file: Option<PathBuf>,
    #[serde(default)]
    pub(super) machine: RawMachine,
    #[serde(default)]
    pub(super) introspect_opaque_tokens: bool,
    pub(super) base_url: Option<String>,
    pub(super) redirect_uri: Option<String>,
    pub(super) post_logout_redirect_uri: Option<String>,
    #[serde(default, deserialize_with = "list")]
    pub(super) scopes: Vec<String>,
    #[serde(default = "yes")]
    pub(super) include_reserved_scopes: bool,
    #[serde(default, deserialize_with = "list")]
    pub(super) resources: Vec<String>,
    pub(super) prompt: Option<Vec<Prompt>>,
    #[serde(default, deserialize_with = "parameters")]
    pub(super) extra_params: Vec<(String, String)>,
    #[serde(default, deserialize_with = "duration")]
    pub(super) max_age: Option<Duration>,
    #[serde(default, deserialize_with = "list")]
    pub(super) acr_values: Vec<String>,
    pub(super) id_token_alg: Option<SigningAlg>,
    pub(super) token_endpoint_auth_method: Option<ClientAuthMethod>,
    pub(super) response_mode: Option<ResponseMode>,
    #[serde(default = "yes")]
    pub(super) use_par: bool,
    #[serde(default)]
    pub(super) signed_userinfo: bool,
    pub(super) ca_file: Option<PathBuf>,
    #[serde(default, deserialize_with = "duration")]
    pub(super) clock_tolerance: Option<Duration>,
    #[serde(default, deserialize_with = "duration")]
    pub(super) http_timeout: Option<Duration>,
    #[serde(default, deserialize_with = "duration")]
    pub(super) claims_max_age: Option<Duration>,
    pub(super) max_concurrent_op_calls: Option<usize>,
    #[serde(default)]
    pub(super) session: RawSession,
    pub(super) post_sign_out: Option<String>,
    #[serde(default)]
    pub(super) routes: RoutePaths,
    pub(super) dev_provider: Option<Value>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table of keys")]
pub(super) struct RawMachine {
    #[serde(default, deserialize_with = "text")]
    pub(super) app_id: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(super) app_secret: Option<String>,
    pub(super) app_secret_file: Option<PathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table of keys")]
pub(super) struct RawSession {
    #[serde(default, deserialize_with = "duration")]
    pub(super) idle: Option<Duration>,
    #[serde(default, deserialize_with = "duration")]
    pub(super) absolute: Option<Duration>,
    #[serde(default, deserialize_with = "store")]
    pub(super) store: Option<RawStore>,
    #[serde(default, deserialize_with = "secret_keys")]
    pub(super) previous_secret_keys: Vec<SecretKey>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawStore {
    Cookie,
    Redis(String),
}

/// What is asked for at sign-in while the development provider is in use,
/// besides `scopes` and `resources`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct RawDevSignIn {
    #[serde(default, deserialize_with = "list")]
    pub(super) scopes: Vec<String>,
    #[serde(default, deserialize_with = "list")]
    pub(super) resources: Vec<String>,
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

/// Names with text, or with a number or truth value as TOML writes them.
fn parameters<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<(String, String)>, D::Error> {
    let wrong = || de::Error::custom("must be a table of texts: { name = \"value\" }");
    let table = Dict::deserialize(deserializer).map_err(|_| wrong())?;
    let text = |value: &Value| match value {
        Value::String(_, text) => Some(text.clone()),
        Value::Bool(_, truth) => Some(truth.to_string()),
        Value::Num(_, number) => number.to_u128_lossy().map(|number| number.to_string()),
        _ => None,
    };
    let parameters = table.into_iter().map(|(name, value)| {
        let value = text(&value).ok_or_else(wrong)?;
        Ok((name, value))
    });
    parameters.collect()
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
        Ok(Either::Text(text)) => match text.parse() {
            // A variable of the environment is always text.
            Ok(seconds) => Ok(Some(Duration::from_secs(seconds))),
            Err(_) => humantime::parse_duration(&text).map(Some).map_err(|_| {
                de::Error::custom(format!(
                    "\"{text}\" is not a duration: write \"90s\", \"1h\" or \"14d\""
                ))
            }),
        },
        Err(_) => Err(de::Error::custom(
            "must be a number of seconds or text like \"1h\"",
        )),
    }
}

/// A URL of Redis in the wrong place may hold a password.
fn store<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<RawStore>, D::Error> {
    let value = <Value as Deserialize>::deserialize(deserializer)?;
    let wrong = "must be \"cookie\" or { redis = \"redis://…\" }";
    let store = value.deserialize().map_err(|_| de::Error::custom(wrong))?;
    Ok(Some(store))
}

/// As Rocket reads its `secret_key`, but an error never shows the value.
fn secret_keys<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<SecretKey>, D::Error> {
    let wrong =
        "must be an array of keys as Rocket's secret_key has them: 256 bits in base64 or hex";
    let values = Vec::<Value>::deserialize(deserializer).map_err(|_| de::Error::custom(wrong))?;
    let keys = values
        .iter()
        .map(|value| value.deserialize().map_err(|_| de::Error::custom(wrong)));
    keys.collect()
}
