//! The rules about the provider.

use figment::value::{Dict, Value};
use rocket::config::Config as RocketConfig;
use url::Url;

use super::Rules;
use crate::config::raw::{Raw, RawDevSignIn};
use crate::config::{DevProviderTable, SigningAlg};

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
                    "must be true, false, or a table with port, sign_in, users, machines, \
                     organizations, resources",
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

    /// With any other algorithm than its own no sign-in could succeed.
    pub(super) fn id_token_alg(&self, raw: &Raw, dev: bool) -> figment::Result<SigningAlg> {
        let alg = raw.id_token_alg.unwrap_or(SigningAlg::ES384);
        let of_dev = [SigningAlg::ES384, SigningAlg::ES256, SigningAlg::RS256];
        match dev && !of_dev.contains(&alg) {
            false => Ok(alg),
            true => Err(self.error(
                "id_token_alg",
                "must be \"ES384\", \"ES256\" or \"RS256\" with the development provider, which \
                 has no other: write one of them, or endpoint and app_id of your provider",
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
        // It would be in the log and in the browser's address bar.
        if !url.username().is_empty() || url.password().is_some() {
            return Err(self.error(key, "must have no user name and no password"));
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
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(host)) => host == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}
