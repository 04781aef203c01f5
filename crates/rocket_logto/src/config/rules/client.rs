//! The rules about the clients that the provider knows this app as.

use std::path::PathBuf;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::Rules;
use crate::config::client_key::ClientKey;
use crate::config::keys::Raw;
use crate::config::values::Text;
use crate::config::{
    AppSecret, AssertionAudience, ClientAuthMethod, ClientConfig, Credentials, DEV_APP_ID,
    DEV_APP_SECRET, DEV_MACHINE_ID, DEV_MACHINE_SECRET, Profile, SigningAlg, issuer,
};

const METHOD: &str = "token_endpoint_auth_method";

/// What is written of a client, and where.
struct Written<'a> {
    /// Of the keys: nothing, or `machine.`.
    prefix: &'static str,
    secret: &'a Option<Text>,
    secret_file: Option<&'a PathBuf>,
    key_file: Option<&'a PathBuf>,
    key_id: Option<&'a Text>,
    key_alg: Option<SigningAlg>,
}

impl Written<'_> {
    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

impl Rules<'_> {
    /// Who this app is at the provider; `None` when nothing says so.
    pub(super) fn client(&self, raw: &Raw, dev: bool) -> figment::Result<Option<ClientConfig>> {
        let method = method(raw);
        if dev {
            let secret = AppSecret::new(DEV_APP_SECRET);
            return Ok(Some(ClientConfig {
                id: DEV_APP_ID.to_owned(),
                credentials: with_secret(method, secret),
            }));
        }
        let written = Written {
            prefix: "",
            secret: &raw.app_secret,
            secret_file: raw.app_secret_file.as_ref(),
            key_file: raw.app_key_file.as_ref(),
            key_id: raw.app_key_id.as_ref(),
            key_alg: raw.app_key_alg,
        };
        let (secret, key) = (self.secret(&written)?, self.client_key(raw, &written)?);
        let id = raw.app_id.as_ref().map(|id| id.0.clone());
        let Some(id) = id.filter(|id| !id.is_empty()) else {
            return match (secret, key) {
                (None, None) => Ok(None),
                _ => Err(self.app_id_is_missing()),
            };
        };
        let wants = |wanted| method == Some(wanted);
        let credentials = match (secret, key) {
            (Some(_), Some(_)) if method.is_none() => return Err(self.two_proofs(&written)),
            (Some(_), _) | (_, Some(_)) if wants(ClientAuthMethod::None) => {
                return Err(self.error(
                    METHOD,
                    "is \"none\" although app_secret or app_key_file is set: remove one of them",
                ));
            }
            (_, Some(key)) if method.is_none() || wants(ClientAuthMethod::PrivateKeyJwt) => key,
            (_, None) if wants(ClientAuthMethod::PrivateKeyJwt) => {
                return Err(self.missing(
                    "app_key_file",
                    "token_endpoint_auth_method = \"private_key_jwt\" needs a file with the \
                     private key",
                ));
            }
            (Some(secret), _) => with_secret(method, secret),
            (None, None) if method.is_none() || wants(ClientAuthMethod::None) => Credentials::None,
            (None, _) => {
                return Err(self.missing("app_secret", "token_endpoint_auth_method needs it"));
            }
        };
        Ok(Some(ClientConfig { id, credentials }))
    }

    pub(super) fn app_id_is_missing(&self) -> figment::Error {
        self.missing(
            "app_id",
            "write the App ID of your application at the provider, app_id = \"…\"",
        )
    }

    /// As whom this app gets tokens of its own: a client that can prove who it
    /// is.
    pub(super) fn machine(
        &self,
        raw: &Raw,
        dev: bool,
        client: Option<&ClientConfig>,
    ) -> figment::Result<Option<ClientConfig>> {
        let method = method(raw);
        let machine = &raw.machine;
        let written = Written {
            prefix: "machine.",
            secret: &machine.app_secret,
            secret_file: machine.app_secret_file.as_ref(),
            key_file: machine.app_key_file.as_ref(),
            key_id: machine.app_key_id.as_ref(),
            key_alg: machine.app_key_alg,
        };
        let (secret, key) = (self.secret(&written)?, self.client_key(raw, &written)?);
        // Its own credentials say how it authenticates, whatever the app itself does.
        let credentials = match (secret, key) {
            (Some(secret), Some(key)) => match method {
                None | Some(ClientAuthMethod::None) => return Err(self.two_proofs(&written)),
                Some(ClientAuthMethod::PrivateKeyJwt) => Some(key),
                Some(_) => Some(with_secret(method, secret)),
            },
            (None, Some(key)) => Some(key),
            (Some(secret), None) => Some(with_secret(method, secret)),
            (None, None) => None,
        };
        match (machine.app_id.as_ref(), credentials) {
            (Some(id), Some(credentials)) if !id.0.is_empty() => Ok(Some(ClientConfig {
                id: id.0.clone(),
                credentials,
            })),
            (None, None) if dev => Ok(Some(ClientConfig {
                id: DEV_MACHINE_ID.to_owned(),
                credentials: with_secret(method, AppSecret::new(DEV_MACHINE_SECRET)),
            })),
            (None, None) => Ok(client.filter(|client| client.is_confidential()).cloned()),
            (Some(_), None) => Err(self.missing(
                "machine.app_secret",
                "write the App secret of the machine-to-machine application, or \
                 machine.app_key_file",
            )),
            (_, Some(_)) => Err(self.missing(
                "machine.app_id",
                "write the App ID of the machine-to-machine application",
            )),
        }
    }

    /// The provider tells about tokens only to clients that prove who they are
    /// (RFC 7662 section 2.1).
    pub(super) fn introspection(
        &self,
        raw: &Raw,
        client: Option<&ClientConfig>,
    ) -> figment::Result<bool> {
        let proves = client.is_some_and(ClientConfig::is_confidential);
        match raw.introspect_opaque_tokens {
            true if !proves => Err(self.error(
                "introspect_opaque_tokens",
                "needs app_id and app_secret or app_key_file: the provider tells nobody else \
                 about tokens",
            )),
            wanted => Ok(wanted),
        }
    }

    pub(super) fn clients_without_audience(&self, raw: &Raw) -> figment::Result<Vec<String>> {
        let clients = &raw.clients_without_audience.0;
        match clients.iter().any(String::is_empty) {
            false => Ok(clients.clone()),
            true => Err(self.error(
                "clients_without_audience",
                "must hold ids of clients like \"1example23456789\", not \"\"",
            )),
        }
    }

    fn secret(&self, written: &Written<'_>) -> figment::Result<Option<AppSecret>> {
        let (key, file_key) = (written.key("app_secret"), written.key("app_secret_file"));
        if written.secret.is_some() && written.secret_file.is_some() {
            return Err(self.error(&file_key, &format!("cannot stand beside {key}: keep one")));
        }
        let from_file = self.read_secret(written.secret_file, &file_key)?;
        let text = written.secret.as_ref().map(|text| text.0.clone());
        match text.or(from_file) {
            Some(text) if text.is_empty() => Err(self.error(
                &key,
                "is empty: write the App secret, or remove the key for a public client",
            )),
            text => Ok(text.as_deref().map(AppSecret::new)),
        }
    }

    /// The private key, if one is named.
    fn client_key(&self, raw: &Raw, written: &Written<'_>) -> figment::Result<Option<Credentials>> {
        let file_key = written.key("app_key_file");
        let Some(path) = written.key_file else {
            let about_it = [
                ("app_key_id", written.key_id.is_some()),
                ("app_key_alg", written.key_alg.is_some()),
            ];
            return match about_it.iter().find(|(_, is_there)| *is_there) {
                None => Ok(None),
                Some((name, _)) => {
                    let why = format!("{} is about the key in it", written.key(name));
                    Err(self.missing(&file_key, &why))
                }
            };
        };
        if let Some(id) = written.key_id
            && id.0.is_empty()
        {
            let message = "is empty: write the \"kid\" that the provider knows the key by, or \
                           remove the key";
            return Err(self.error(&written.key("app_key_id"), message));
        }
        let text = self.read_secret(Some(path), &file_key)?.map(Zeroizing::new);
        let text = text.unwrap_or_default();
        let id = written.key_id.map(|id| &*id.0);
        let key = ClientKey::read(&text, id, written.key_alg);
        // Where the file could be read, the path is a path, and may be shown.
        let key = key.map_err(|reason| {
            let path = path.display();
            self.error(&file_key, &format!("names a file, {path}, that {reason}"))
        });
        let key = match raw.profile {
            Some(Profile::Fapi2) => self.with_fapi_algorithms(&file_key, key?)?,
            None => key?,
        };
        let audience = raw.client_assertion_audience;
        // No token of Entra ID has that issuer, and no assertion to it.
        let is_template = raw.issuer.as_deref().is_some_and(issuer::is_template);
        if audience == AssertionAudience::Issuer && is_template {
            return Err(self.error(
                "client_assertion_audience",
                "must be \"token_endpoint\" where issuer holds a {tenantid}: that issuer is nobody",
            ));
        }
        Ok(Some(Credentials::PrivateKeyJwt {
            key: Arc::new(key),
            audience,
        }))
    }

    fn two_proofs(&self, written: &Written<'_>) -> figment::Error {
        let (secret, key) = (written.key("app_secret"), written.key("app_key_file"));
        self.error(
            &key,
            &format!(
                "stands beside {secret}: remove one of them, or write {METHOD} = \
                 \"private_key_jwt\" or \"client_secret_basic\" to say which counts"
            ),
        )
    }
}

/// How the configuration says that clients authenticate, if it does.
fn method(raw: &Raw) -> Option<ClientAuthMethod> {
    raw.token_endpoint_auth_method
        .as_ref()
        .map(|method| method.0)
}

/// `method` as far as it is about secrets.
fn with_secret(method: Option<ClientAuthMethod>, secret: AppSecret) -> Credentials {
    match method {
        Some(ClientAuthMethod::ClientSecretPost) => Credentials::SecretPost(secret),
        _ => Credentials::SecretBasic(secret),
    }
}
