//! `profile = "fapi2"`: what the FAPI 2.0 Security Profile (final of February 2025) demands of
//! a client, in section 5.3.3 and where that refers to. What it sets by itself is where the
//! other rules are; here is what cannot stand beside it, each with its section.

use url::Url;

use super::Rules;
use super::addresses::is_loopback;
use crate::config::keys::Raw;
use crate::config::values::EndSession;
use crate::config::{AssertionAudience, ClientConfig, ClientKey, Credentials, DpopUse, SigningAlg};

/// Section 5.4.1.
pub(super) const ALGORITHMS: [SigningAlg; 3] =
    [SigningAlg::PS256, SigningAlg::ES256, SigningAlg::EdDSA];

impl Rules<'_> {
    /// Refuses what contradicts the profile.
    pub(super) fn fapi2(
        &self,
        raw: &Raw,
        dev: bool,
        client: Option<&ClientConfig>,
        machine: Option<&ClientConfig>,
    ) -> figment::Result<()> {
        if dev {
            let message = "is for a provider of your own: the development provider is none of that \
                           profile. Write endpoint or issuer, app_id and app_key_file";
            return Err(self.error("profile", message));
        }
        self.proves_itself("app_key_file", "app_secret", client)?;
        self.proves_itself("machine.app_key_file", "machine.app_secret", machine)?;
        if raw.client_assertion_audience != AssertionAudience::Issuer {
            return Err(self.against("client_assertion_audience", "must be \"issuer\"", "5.3.3.1"));
        }
        if !matches!(raw.dpop, None | Some(DpopUse::Required)) {
            return Err(self.against("dpop", "must be \"required\", or left out", "5.3.3.1"));
        }
        if raw.bearer_requires_dpop == Some(false) {
            let message = "must be true, or left out";
            return Err(self.against("bearer_requires_dpop", message, "5.3.4"));
        }
        if !raw.use_par {
            return Err(self.against("use_par", "must be true", "5.3.3.2"));
        }
        let algs = raw.id_token_alg.as_ref().map(|algs| &algs.0);
        let is_other = |alg: &&SigningAlg| !ALGORITHMS.contains(alg);
        if let Some(alg) = algs.and_then(|algs| algs.iter().find(is_other)) {
            let message = format!("may hold PS256, ES256 and EdDSA, not {alg:?}");
            return Err(self.against("id_token_alg", &message, "5.4.1"));
        }
        if let Some(EndSession::At(_)) = &raw.end_session_endpoint {
            let message = "must be left out, or false: an endpoint counts only where the metadata \
                           name it";
            return Err(self.against("end_session_endpoint", message, "5.3.3.1"));
        }
        self.reached_over_tls(raw)
    }

    /// By `private_key_jwt`: mutual TLS, the other way, is not built in.
    fn proves_itself(
        &self,
        key: &str,
        secret: &str,
        client: Option<&ClientConfig>,
    ) -> figment::Result<()> {
        let Some(client) = client else {
            return Ok(());
        };
        if let Credentials::PrivateKeyJwt { .. } = &client.credentials {
            return Ok(());
        }
        let message = format!(
            "must name the client's private key, and {secret} be left out: it proves itself by \
             private_key_jwt"
        );
        Err(self.against(key, &message, "5.3.3.1"))
    }

    /// The key for such a client, limited to what it may sign with.
    pub(super) fn with_fapi_algorithms(
        &self,
        file_key: &str,
        key: ClientKey,
    ) -> figment::Result<ClientKey> {
        key.limited_to(&ALGORITHMS).ok_or_else(|| {
            let message = "must be of a key that signs with PS256, ES256 or EdDSA, and app_key_alg \
                           beside it, where it is set, one of them";
            self.against(file_key, message, "5.4.1")
        })
    }

    /// Section 5.2.1. In the debug profile, this machine is exempt: nobody is on the way.
    fn reached_over_tls(&self, raw: &Raw) -> figment::Result<()> {
        const SECTION: &str = "5.2.1";
        if !raw.http_hosts.0.is_empty() {
            return Err(self.against("http_hosts", "must be left out", SECTION));
        }
        if raw.allow_insecure_base_url {
            let message = "must be left out";
            return Err(self.against("allow_insecure_base_url", message, SECTION));
        }
        let addresses = [
            ("endpoint", &raw.endpoint),
            ("issuer", &raw.issuer),
            ("discovery_url", &raw.discovery_url),
            ("base_url", &raw.base_url),
            ("redirect_uri", &raw.redirect_uri),
        ];
        for (key, address) in addresses {
            let url = address.as_deref().and_then(|text| Url::parse(text).ok());
            let is_secure =
                |url: &Url| url.scheme() == "https" || (self.is_debug() && is_loopback(url));
            if url.is_some_and(|url| !is_secure(&url)) {
                return Err(self.against(key, "must start with https://", SECTION));
            }
        }
        Ok(())
    }

    fn against(&self, key: &str, message: &str, section: &str) -> figment::Error {
        let message = format!(
            "{message}: logto.profile = \"fapi2\" demands it (FAPI 2.0 Security Profile section \
             {section})"
        );
        self.error(key, &message)
    }
}
