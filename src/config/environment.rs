//! The `LOGTO_*` environment variables.

use figment::providers::Serialized;
use figment::value::{Dict, Map};
use figment::{Figment, Metadata, Profile, Provider, Source};

/// The names Logto's samples use, and their `logto` keys.
const ENVIRONMENT: [(&str, &str); 15] = [
    ("LOGTO_ENDPOINT", "endpoint"),
    ("LOGTO_ISSUER", "issuer"),
    ("LOGTO_APP_ID", "app_id"),
    ("LOGTO_APP_SECRET", "app_secret"),
    ("LOGTO_APP_SECRET_FILE", "app_secret_file"),
    ("LOGTO_MACHINE_APP_ID", "machine.app_id"),
    ("LOGTO_MACHINE_APP_SECRET", "machine.app_secret"),
    ("LOGTO_MACHINE_APP_SECRET_FILE", "machine.app_secret_file"),
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
pub(super) fn with_environment(figment: Figment) -> Figment {
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
