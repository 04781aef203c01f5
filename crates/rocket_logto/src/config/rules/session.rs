//! The rules about sessions.

use url::Url;

use super::Rules;
use crate::config::keys::Raw;
use crate::config::values::Store;
use crate::config::{SessionConfig, StoreConfig};

impl Rules<'_> {
    pub(super) fn session(&self, raw: &Raw) -> figment::Result<SessionConfig> {
        let (idle, absolute) = (raw.session.idle.0, raw.session.absolute.0);
        match idle > absolute {
            true => Err(self.error("session.idle", "must not be longer than session.absolute")),
            false => Ok(SessionConfig { idle, absolute }),
        }
    }

    /// A token (RFC 6265 section 4.1.1), without a prefix that promises something
    /// (RFC 6265bis section 4.1.3).
    pub(super) fn cookie_name(&self, raw: &Raw) -> figment::Result<Option<String>> {
        const MAX_LENGTH: usize = 64;
        let Some(name) = &raw.session.cookie_name else {
            return Ok(None);
        };
        let is_tchar =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || name.len() > MAX_LENGTH || !name.bytes().all(is_tchar) {
            let message = format!(
                "must be a cookie's name of 1 to {MAX_LENGTH} letters, digits and !#$%&'*+-.^_`|~"
            );
            return Err(self.error("session.cookie_name", &message));
        }
        let lower = name.to_ascii_lowercase();
        if ["__host-", "__secure-", "__http-"]
            .iter()
            .any(|prefix| lower.starts_with(prefix))
        {
            return Err(self.error(
                "session.cookie_name",
                "must be without a prefix: __Host- or __Secure- is added by itself where base_url \
                 allows it",
            ));
        }
        Ok(Some(name.clone()))
    }

    pub(super) fn session_store(&self, raw: &Raw) -> figment::Result<StoreConfig> {
        let key = "session.store";
        let Store::Redis(url) = &raw.session.store else {
            return Ok(StoreConfig::Cookie);
        };
        let scheme = Url::parse(url).map(|url| url.scheme().to_owned());
        match scheme.as_deref() {
            Ok("redis" | "redis+unix" | "unix") => {}
            Ok("rediss") => {
                return Err(self.error(
                    key,
                    "cannot be a rediss:// URL, because TLS to Redis is not built in: write \
                     redis:// and reach Redis within a private network or through a tunnel",
                ));
            }
            _ => {
                return Err(self.error(
                    key,
                    "must be \"cookie\" or { redis = \"redis://host:6379\" }",
                ));
            }
        }
        if !cfg!(feature = "redis") {
            return Err(self.error(key, "needs the cargo feature redis of rocket_logto"));
        }
        Ok(StoreConfig::Redis(url.clone()))
    }
}
