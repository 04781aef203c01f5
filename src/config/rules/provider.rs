//! The rules about the provider, and about the client it knows this app as.

use figment::value::{Dict, Value};
use rocket::config::Config as RocketConfig;
use url::Url;
use zeroize::Zeroizing;

use super::Rules;
use crate::config::raw::{Raw, RawDevSignIn};
use crate::config::{AppSecret, ClientAuthMethod, DevProviderTable};

const DEV_PORT: u16 = 3001;

impl Rules<'_> {
    /// The development provider, when it is to run.
    pub(super) fn dev_provider(&self, raw: &Raw) -> figment::Result<Option<DevProviderTable>> {
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
                    "must be true, false, or a table with port, sign_in, users, organizations, \
                     resources",
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
                .to_num()
                .and_then(|number| number.to_u128_lossy())
                .and_then(|port| u16::try_from(port).ok())
                .filter(|port| *port != 0)
                .ok_or_else(|| {
                    self.error("dev_provider.port", "must be a port number from 1 to 65535")
                })?,
        };
        let sign_in = match seed.remove("sign_in") {
            None => RawDevSignIn::default(),
            Some(_) => self.figment.extract_inner("logto.dev_provider.sign_in")?,
        };
        Ok(Some(DevProviderTable {
            port,
            scopes: sign_in.scopes,
            resources: sign_in.resources,
            seed: seed.into(),
        }))
    }

    pub(super) fn issuer(&self, raw: &Raw) -> figment::Result<String> {
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
        let debug = self.figment.profile() == RocketConfig::DEBUG_PROFILE;
        if url.scheme() != "https" && !debug && !is_loopback(&url) {
            return Err(self.error(
                key,
                "must start with https:// (http:// is for this machine and the debug profile)",
            ));
        }
        Ok(url)
    }

    pub(super) fn app_secret(&self, raw: &Raw) -> figment::Result<Option<AppSecret>> {
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

    pub(super) fn auth_method(
        &self,
        raw: &Raw,
        has_secret: bool,
    ) -> figment::Result<ClientAuthMethod> {
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
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(host)) => host == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}
