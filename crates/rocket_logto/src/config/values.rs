//! How a value of the `logto` table is written. What is wrong with it is told
//! without showing the value where it may be a secret.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use figment::value::{Dict, Value};
use rocket::config::SecretKey;
use serde::Deserialize;
use serde::de::{Deserializer, Error, IntoDeserializer};
use url::Url;

use super::{ClientAuthMethod, SigningAlg};

/// Text that may have been written as a number: ids and secrets of digits.
/// A mistyped secret must not be printed by a type error.
pub(super) struct Text(pub(super) String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Text, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Text(String),
            Number(u64),
        }
        match Either::deserialize(deserializer) {
            Ok(Either::Text(text)) => Ok(Text(text)),
            Ok(Either::Number(number)) => Ok(Text(number.to_string())),
            Err(_) => Err(D::Error::custom("must be text in quotes")),
        }
    }
}

/// An array of strings, or one string separated by spaces.
pub(super) struct TextList(pub(super) Vec<String>);

impl<'de> Deserialize<'de> for TextList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<TextList, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Array(Vec<String>),
            Text(String),
        }
        match Either::deserialize(deserializer) {
            Ok(Either::Array(items)) => Ok(TextList(items)),
            Ok(Either::Text(text)) => Ok(TextList(
                text.split_whitespace().map(str::to_owned).collect(),
            )),
            Err(_) => Err(D::Error::custom("must be an array of strings")),
        }
    }
}

/// How a client authenticates. A registered method that is not built in says so.
pub(super) struct AuthMethod(pub(super) ClientAuthMethod);

impl<'de> Deserialize<'de> for AuthMethod {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<AuthMethod, D::Error> {
        let name = String::deserialize(deserializer)?;
        match &*name {
            "client_secret_jwt" | "tls_client_auth" | "self_signed_tls_client_auth" => {
                Err(D::Error::custom(format!(
                    "\"{name}\" is not supported: write \"private_key_jwt\" with app_key_file, or \
                     \"client_secret_basic\" with app_secret"
                )))
            }
            name => ClientAuthMethod::deserialize(name.into_deserializer()).map(AuthMethod),
        }
    }
}

/// One signature algorithm or a list of them.
pub(super) struct SigningAlgs(pub(super) Vec<SigningAlg>);

impl<'de> Deserialize<'de> for SigningAlgs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<SigningAlgs, D::Error> {
        let TextList(names) = TextList::deserialize(deserializer)?;
        let mut algs = Vec::new();
        for name in names {
            let alg = SigningAlg::deserialize(name.into_deserializer())?;
            if !algs.contains(&alg) {
                algs.push(alg);
            }
        }
        Ok(SigningAlgs(algs))
    }
}

/// Names with text, or with a number or truth value as TOML writes them.
pub(super) struct Parameters(pub(super) Vec<(String, String)>);

impl<'de> Deserialize<'de> for Parameters {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Parameters, D::Error> {
        let wrong = || D::Error::custom("must be a table of texts: { name = \"value\" }");
        let value = <Value as Deserialize>::deserialize(deserializer).map_err(|_| wrong())?;
        let table = match value {
            Value::Dict(_, table) => table,
            Value::Array(_, items) if items.is_empty() => Dict::new(),
            _ => return Err(wrong()),
        };
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
        parameters.collect::<Result<_, _>>().map(Parameters)
    }
}

/// A host at which plain http is allowed, at one port or at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HttpHost {
    host: String,
    port: Option<u16>,
}

impl HttpHost {
    /// Reads `keycloak`, `keycloak:8080`, `10.0.0.7` or `[fd00::7]:8080`.
    pub(super) fn parse(text: &str) -> Option<HttpHost> {
        // Neither is refused by the parser of URLs.
        if text.contains(['*', '/', '\\', '@', '?', '#', '%']) || text.contains(char::is_whitespace)
        {
            return None;
        }
        // 80 is not the usual port of this scheme's, so it is kept when it is written.
        let url = Url::parse(&format!("https://{text}/")).ok()?;
        let port = match text.ends_with(":443") {
            true => Some(443),
            false => url.port(),
        };
        Some(HttpHost {
            host: url.host_str()?.to_owned(),
            port,
        })
    }

    /// Whether one of `hosts` is that of `url`.
    pub(crate) fn any_has(hosts: &[HttpHost], url: &Url) -> bool {
        hosts.iter().any(|host| host.has(url))
    }

    fn has(&self, url: &Url) -> bool {
        let port = self.port.is_none() || self.port == url.port_or_known_default();
        url.host_str() == Some(&self.host) && port
    }
}

/// Where signing out at the provider happens.
pub(super) enum EndSession {
    /// Not at all.
    Off,
    At(String),
}

impl<'de> Deserialize<'de> for EndSession {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<EndSession, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Truth(bool),
            Text(String),
        }
        match Either::deserialize(deserializer) {
            Ok(Either::Truth(false)) => Ok(EndSession::Off),
            // A variable of the environment is always text.
            Ok(Either::Text(text)) if text == "false" => Ok(EndSession::Off),
            Ok(Either::Text(url)) => Ok(EndSession::At(url)),
            _ => Err(D::Error::custom("must be a URL or false")),
        }
    }
}

/// The path of a route, or nothing for `false`.
pub(super) fn path_or_off<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Truth(bool),
        Text(String),
    }
    match Either::deserialize(deserializer) {
        Ok(Either::Truth(false)) => Ok(String::new()),
        // A variable of the environment is always text.
        Ok(Either::Text(text)) if text == "false" => Ok(String::new()),
        Ok(Either::Text(path)) if !path.is_empty() => Ok(path),
        _ => Err(D::Error::custom(
            "must be a path like \"/healthz\", or false",
        )),
    }
}

/// A duration: seconds, or text like `"14d"`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(super) struct Span(pub(super) Duration);

impl Span {
    pub(super) fn parse(text: &str) -> Result<Span, String> {
        // A variable of the environment is always text.
        if let Ok(seconds) = text.parse() {
            return Ok(Span(Duration::from_secs(seconds)));
        }
        humantime::parse_duration(text)
            .map(Span)
            .map_err(|_| format!("\"{text}\" is not a duration: write \"90s\", \"1h\" or \"14d\""))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Seconds(u64),
            Text(String),
        }
        match Either::deserialize(deserializer) {
            Ok(Either::Seconds(seconds)) => Ok(Span(Duration::from_secs(seconds))),
            Ok(Either::Text(text)) => Span::parse(&text).map_err(D::Error::custom),
            Err(_) => Err(D::Error::custom(
                "must be a number of seconds or text like \"1h\"",
            )),
        }
    }
}

/// A number from 1.
pub(super) struct AtLeastOne(pub(super) usize);

impl<'de> Deserialize<'de> for AtLeastOne {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<AtLeastOne, D::Error> {
        let number = NonZeroUsize::deserialize(deserializer);
        let number = number.map_err(|_| D::Error::custom("must be a number, at least 1"))?;
        Ok(AtLeastOne(number.get()))
    }
}

/// The number of a TCP port to listen on.
pub(super) struct Port(pub(super) u16);

impl<'de> Deserialize<'de> for Port {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Port, D::Error> {
        let port = u16::deserialize(deserializer).map(Port);
        port.map_err(|_| D::Error::custom("must be a port number from 0 to 65535"))
    }
}

/// Where sessions are kept, as it is written. A URL of Redis in the wrong place may
/// hold a password.
pub(super) enum Store {
    Cookie,
    Redis(Box<RedisTable>),
}

/// The table `session.store`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RedisTable {
    pub(super) redis: Option<String>,
    pub(super) redis_cluster: Option<Vec<String>>,
    pub(super) redis_sentinel: Option<Vec<String>>,
    pub(super) service: Option<String>,
    pub(super) user: Option<String>,
    pub(super) password: Option<Text>,
    pub(super) password_file: Option<PathBuf>,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) client_cert_file: Option<PathBuf>,
    pub(super) client_key_file: Option<PathBuf>,
}

/// What `session.store` may be.
pub(super) const STORES: &str = "must be \"cookie\", { redis = \"redis://…\" }, \
    { redis_cluster = [\"redis://…\"] } or { redis_sentinel = [\"redis://…\"], \
    service = \"mymaster\" }; with Redis also user, password, password_file, ca_file, \
    client_cert_file and client_key_file";

impl<'de> Deserialize<'de> for Store {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Store, D::Error> {
        let value = <Value as Deserialize>::deserialize(deserializer)?;
        match &value {
            Value::String(_, text) if text == "cookie" => Ok(Store::Cookie),
            Value::Dict(..) => match value.deserialize() {
                Ok(table) => Ok(Store::Redis(table)),
                Err(_) => Err(D::Error::custom(STORES)),
            },
            _ => Err(D::Error::custom(STORES)),
        }
    }
}

/// As Rocket reads its `secret_key`, but an error never shows the value.
pub(super) struct SecretKeys(pub(super) Vec<SecretKey>);

impl<'de> Deserialize<'de> for SecretKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<SecretKeys, D::Error> {
        let wrong =
            "must be an array of keys as Rocket's secret_key has them: 256 bits in base64 or hex";
        let values =
            Vec::<Value>::deserialize(deserializer).map_err(|_| D::Error::custom(wrong))?;
        let keys = values
            .iter()
            .map(|value| value.deserialize().map_err(|_| D::Error::custom(wrong)));
        keys.collect::<Result<_, _>>().map(SecretKeys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_one_host_and_its_port_one_port() {
        let has = |text: &str, url: &str| {
            let host = HttpHost::parse(text).unwrap_or_else(|| panic!("{text}"));
            host.has(&Url::parse(url).expect("a URL"))
        };
        for (text, url) in [
            ("keycloak", "http://keycloak/a"),
            ("keycloak", "http://keycloak:8080/a"),
            ("Keycloak:8080", "http://KEYCLOAK:8080/a?b"),
            ("keycloak:80", "http://keycloak/"),
            ("10.0.0.7", "http://10.0.0.7:1/"),
            ("[fd00::7]", "http://[fd00::7]:8080/"),
            ("[fd00::7]:80", "http://[fd00:0::7]/"),
        ] {
            assert!(has(text, url), "{text} {url}");
        }
        for (text, url) in [
            ("keycloak", "http://keycloak.evil.example/"),
            ("keycloak", "http://evil.example/keycloak"),
            ("keycloak", "http://keycloak@evil.example/"),
            ("example.com", "http://www.example.com/"),
            ("keycloak:8080", "http://keycloak/"),
            ("keycloak:80", "http://keycloak:8080/"),
            ("keycloak:443", "http://keycloak/"),
        ] {
            assert!(!has(text, url), "{text} {url}");
        }
        for odd in [
            "",
            "*",
            "*.example.com",
            "http://a",
            "a/b",
            "a b",
            "u@a",
            "a:b",
            "a:99999",
            "::1",
            ":80",
            "a?b",
        ] {
            assert_eq!(HttpHost::parse(odd), None, "{odd}");
        }
    }
}
