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
