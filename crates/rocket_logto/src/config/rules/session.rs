//! The rules about sessions.

use super::Rules;
use crate::config::keys::Raw;
use crate::config::values::{RedisTable, STORES, Store};
use crate::config::{RedisServers, SessionConfig, StoreConfig};

const KEY: &str = "session.store";

impl Rules<'_> {
    pub(super) fn session(&self, raw: &Raw) -> figment::Result<SessionConfig> {
        let (idle, absolute) = (raw.session.idle.0, raw.session.absolute.0);
        if idle > absolute {
            return Err(self.error("session.idle", "must not be longer than session.absolute"));
        }
        let max_per_user = raw.session.max_per_user.as_ref().map(|most| most.0);
        let bound = SessionConfig::MOST_PER_USER;
        if max_per_user.is_some_and(|most| most > bound) {
            let message = format!("must be a number from 1 to {bound}");
            return Err(self.error("session.max_per_user", &message));
        }
        Ok(SessionConfig {
            idle,
            absolute,
            max_ended_users: raw.session.max_ended_users.0,
            max_per_user,
        })
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
        let Store::Redis(table) = &raw.session.store else {
            return Ok(StoreConfig::Cookie);
        };
        let servers = self.redis_servers(table)?;
        if let Some(mistake) = servers.mistake() {
            return Err(self.error(KEY, mistake));
        }
        if !cfg!(feature = "redis") {
            return Err(self.error(KEY, "needs the cargo feature redis of rocket_logto"));
        }
        Ok(StoreConfig::Redis(servers))
    }

    fn redis_servers(&self, table: &RedisTable) -> figment::Result<RedisServers> {
        let mut servers = match (&table.redis, &table.redis_cluster, &table.redis_sentinel) {
            (Some(url), None, None) => RedisServers::one(url),
            (None, Some(urls), None) => RedisServers::cluster(urls),
            (None, None, Some(urls)) => {
                let service = table.service.as_ref().filter(|name| !name.is_empty());
                let service = service.ok_or_else(|| {
                    let message = "needs service beside redis_sentinel: what the Sentinels call \
                                   the master, often service = \"mymaster\"";
                    self.error(KEY, message)
                })?;
                RedisServers::sentinel(urls, service)
            }
            (None, None, None) => return Err(self.error(KEY, STORES)),
            _ => {
                let message = "must have one of redis, redis_cluster and redis_sentinel";
                return Err(self.error(KEY, message));
            }
        };
        if table.redis_sentinel.is_none() && table.service.is_some() {
            let message = "names a master for Sentinels: write redis_sentinel, or leave it out";
            return Err(self.error("session.store.service", message));
        }
        servers.user.clone_from(&table.user);
        servers.password = match (&table.password, &table.password_file) {
            (Some(_), Some(_)) => {
                let message = "cannot stand beside session.store.password";
                return Err(self.error("session.store.password_file", message));
            }
            (Some(password), None) => Some(password.0.clone()),
            (None, file) => self.read_secret(file.as_ref(), "session.store.password_file")?,
        };
        if servers.user.is_some() && servers.password.is_none() {
            let message = "needs session.store.password or session.store.password_file";
            return Err(self.error("session.store.user", message));
        }
        servers.ca_pem = self.read(table.ca_file.as_ref(), "session.store.ca_file")?;
        let certificate = table.client_cert_file.as_ref();
        let certificate = self.read(certificate, "session.store.client_cert_file")?;
        let key = table.client_key_file.as_ref();
        let key = self.read_secret(key, "session.store.client_key_file")?;
        servers.client_certificate = match (certificate, key) {
            (Some(certificate), Some(key)) => Some((certificate, key.into_bytes())),
            (None, None) => None,
            (Some(_), None) => {
                let message = "needs session.store.client_key_file beside it";
                return Err(self.error("session.store.client_cert_file", message));
            }
            (None, Some(_)) => {
                let message = "needs session.store.client_cert_file beside it";
                return Err(self.error("session.store.client_key_file", message));
            }
        };
        Ok(servers)
    }
}
