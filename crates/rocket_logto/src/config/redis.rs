//! Which Redis keeps the sessions, and how it is reached.

use url::Url;

/// Which Redis or Valkey keeps the sessions, and how it is reached: what
/// `session.store` says as a value. Nothing is checked before a
/// [`RedisStore`](crate::RedisStore) is made of it.
///
/// ```rust
/// use rocket_logto::RedisServers;
///
/// let one = RedisServers::one("rediss://app:password@redis.example:6379");
/// let cluster = RedisServers::cluster(["redis://10.0.0.5", "redis://10.0.0.6"]);
/// let sentinels = ["redis://10.0.0.5:26379", "redis://10.0.0.6:26379", "redis://10.0.0.7:26379"];
/// let watched = RedisServers::sentinel(sentinels, "mymaster").with_password("password");
/// assert_eq!(format!("{watched:?}"), "RedisServers([redacted])");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct RedisServers {
    pub(crate) urls: Vec<String>,
    pub(crate) topology: Topology,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) ca_pem: Option<Vec<u8>>,
    /// The certificate and its key, both PEM.
    pub(crate) client_certificate: Option<(Vec<u8>, Vec<u8>)>,
}

/// What stands at the URLs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Topology {
    One,
    Cluster,
    /// Sentinels, which know where the master of this service is.
    Sentinel(String),
}

/// A URL may hold a password.
impl std::fmt::Debug for RedisServers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RedisServers([redacted])")
    }
}

impl RedisServers {
    /// One server: `redis://[user:password@]host[:port][/database]`, `rediss://…`
    /// with TLS, the same with `valkey://` and `valkeys://`, or
    /// `unix:///path/of/the/socket`.
    pub fn one(url: impl Into<String>) -> RedisServers {
        RedisServers::at([url], Topology::One)
    }

    /// A Redis Cluster. One of its nodes is enough, and several are better: the
    /// others are found through the first that answers. All URLs have the same user
    /// and password, and TLS or not.
    pub fn cluster<U: Into<String>>(urls: impl IntoIterator<Item = U>) -> RedisServers {
        RedisServers::at(urls, Topology::Cluster)
    }

    /// The master of `service`, wherever these Sentinels say that it is. A user or
    /// password in their URLs is for the Sentinels, the database in the first of them
    /// is the one of the servers. With `rediss://`, the servers have TLS, too.
    pub fn sentinel<U: Into<String>>(
        urls: impl IntoIterator<Item = U>,
        service: impl Into<String>,
    ) -> RedisServers {
        RedisServers::at(urls, Topology::Sentinel(service.into()))
    }

    fn at<U: Into<String>>(urls: impl IntoIterator<Item = U>, topology: Topology) -> RedisServers {
        RedisServers {
            urls: urls.into_iter().map(Into::into).collect(),
            topology,
            user: None,
            password: None,
            ca_pem: None,
            client_certificate: None,
        }
    }

    /// The user of the servers (an ACL user of Redis 6 or later), in the place of one
    /// in a URL.
    pub fn with_user(self, user: impl Into<String>) -> RedisServers {
        let user = Some(user.into());
        RedisServers { user, ..self }
    }

    /// The password of the servers, in the place of one in a URL.
    pub fn with_password(self, password: impl Into<String>) -> RedisServers {
        let password = Some(password.into());
        RedisServers { password, ..self }
    }

    /// The certificates (PEM) that the servers' own must be signed by. Those of the
    /// system do not count then.
    pub fn with_ca(self, pem: impl Into<Vec<u8>>) -> RedisServers {
        let ca_pem = Some(pem.into());
        RedisServers { ca_pem, ..self }
    }

    /// A client certificate and its key (PEM), for servers that ask for one.
    pub fn with_client_certificate(
        self,
        certificate: impl Into<Vec<u8>>,
        key: impl Into<Vec<u8>>,
    ) -> RedisServers {
        let client_certificate = Some((certificate.into(), key.into()));
        RedisServers {
            client_certificate,
            ..self
        }
    }

    /// Why none of it can be a Redis, in words without a URL.
    pub(crate) fn mistake(&self) -> Option<&'static str> {
        if self.urls.is_empty() {
            return Some("must name at least one server");
        }
        let mut schemes = Vec::new();
        for text in &self.urls {
            let Ok(url) = Url::parse(text) else {
                return Some("must be a URL like redis://host:6379");
            };
            if let Some(mistake) = self.mistake_in(&url) {
                return Some(mistake);
            }
            schemes.push(is_tls(&url));
        }
        let tls = schemes[0];
        if schemes.iter().any(|other| *other != tls) {
            return Some("must have TLS (rediss://) in all of its URLs or in none");
        }
        if !tls && (self.ca_pem.is_some() || self.client_certificate.is_some()) {
            return Some("has certificates, which only a rediss:// URL uses");
        }
        None
    }

    fn mistake_in(&self, url: &Url) -> Option<&'static str> {
        match url.scheme() {
            "redis" | "rediss" | "valkey" | "valkeys" => {
                let database = url.path().trim_matches('/');
                if !url.has_host() || url.host_str().is_some_and(str::is_empty) {
                    return Some("must be a URL with a host, like redis://host:6379");
                }
                if url.fragment().is_some() {
                    return Some(
                        "must not have a # in its URL: a certificate is always checked, and in a \
                         password # is written %23",
                    );
                }
                if !database.is_empty() && database.parse::<u32>().is_err() {
                    return Some("must name a database by its number: redis://host:6379/0");
                }
                if self.topology == Topology::Cluster && !matches!(database, "" | "0") {
                    return Some("names a database, and a Redis Cluster has only number 0");
                }
                None
            }
            "unix" | "redis+unix" | "valkey+unix" if self.topology != Topology::One => {
                Some("cannot be a unix socket: the servers name each other by address")
            }
            "unix" | "redis+unix" | "valkey+unix" => None,
            _ => Some("must be a URL like redis://host:6379"),
        }
    }
}

fn is_tls(url: &Url) -> bool {
    matches!(url.scheme(), "rediss" | "valkeys")
}
