//! The rules about the clients that the provider knows this app as.

use std::path::PathBuf;

use super::Rules;
use crate::config::keys::Raw;
use crate::config::values::Text;
use crate::config::{
    AppSecret, ClientAuthMethod, ClientConfig, DEV_APP_ID, DEV_APP_SECRET, DEV_MACHINE_ID,
    DEV_MACHINE_SECRET,
};

impl Rules<'_> {
    /// Who this app is at the provider; `None` when nothing says so.
    pub(super) fn client(&self, raw: &Raw, dev: bool) -> figment::Result<Option<ClientConfig>> {
        let (id, secret) = match dev {
            true => (
                Some(DEV_APP_ID.to_owned()),
                Some(AppSecret::new(DEV_APP_SECRET)),
            ),
            false => (
                raw.app_id
                    .as_ref()
                    .map(|id| id.0.clone())
                    .filter(|id| !id.is_empty()),
                self.secret("app_secret", &raw.app_secret, raw.app_secret_file.as_ref())?,
            ),
        };
        match (id, secret) {
            (Some(id), secret) => Ok(Some(ClientConfig {
                id,
                auth_method: self.auth_method(raw, secret.is_some())?,
                secret,
            })),
            (None, Some(_)) => Err(self.app_id_is_missing()),
            (None, None) => Ok(None),
        }
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
        let auth_method = match raw.token_endpoint_auth_method {
            Some(ClientAuthMethod::ClientSecretPost) => ClientAuthMethod::ClientSecretPost,
            _ => ClientAuthMethod::ClientSecretBasic,
        };
        let machine = |id: &str, secret| ClientConfig {
            id: id.to_owned(),
            secret: Some(secret),
            auth_method,
        };
        let key = "machine.app_secret";
        let given = self.secret(
            key,
            &raw.machine.app_secret,
            raw.machine.app_secret_file.as_ref(),
        )?;
        match (raw.machine.app_id.as_ref(), given) {
            (Some(id), Some(given)) if !id.0.is_empty() => Ok(Some(machine(&id.0, given))),
            (None, None) if dev => Ok(Some(machine(
                DEV_MACHINE_ID,
                AppSecret::new(DEV_MACHINE_SECRET),
            ))),
            (None, None) => Ok(client.filter(|client| client.secret.is_some()).cloned()),
            (Some(_), None) => Err(self.missing(
                key,
                "write the App secret of the machine-to-machine application",
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
        let proves = client.is_some_and(|client| client.secret.is_some());
        match raw.introspect_opaque_tokens {
            true if !proves => Err(self.error(
                "introspect_opaque_tokens",
                "needs app_id and app_secret: the provider tells nobody else about tokens",
            )),
            wanted => Ok(wanted),
        }
    }

    fn secret(
        &self,
        key: &str,
        value: &Option<Text>,
        file: Option<&PathBuf>,
    ) -> figment::Result<Option<AppSecret>> {
        let file_key = format!("{key}_file");
        if value.is_some() && file.is_some() {
            return Err(self.error(&file_key, &format!("cannot stand beside {key}: keep one")));
        }
        let from_file = self.read_secret(file, &file_key)?;
        match value.as_ref().map(|text| text.0.clone()).or(from_file) {
            Some(text) if text.is_empty() => Err(self.error(
                key,
                "is empty: write the App secret, or remove the key for a public client",
            )),
            text => Ok(text.as_deref().map(AppSecret::new)),
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
            (Some(_), false) => {
                Err(self.missing("app_secret", "token_endpoint_auth_method needs it"))
            }
            (Some(method), true) => Ok(method),
        }
    }
}
