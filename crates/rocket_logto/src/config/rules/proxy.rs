//! The rules about the proxies' upstreams.

use url::Url;

use super::Rules;
use crate::config::ProxyConfig;
use crate::config::keys::Raw;

/// What an upstream's address has to be.
pub(crate) const UPSTREAM: &str = "must be the absolute URL of the API, with a path where it has \
    one, and without user, query and fragment, like \"https://shop.internal\"";

/// An upstream's address, whose path ends with a slash only where that is all of it; `None`
/// when it cannot be one.
pub(crate) fn upstream_url(text: &str) -> Option<Url> {
    let mut url = Url::parse(text).ok()?;
    let is_named = !url.username().is_empty() || url.password().is_some();
    let is_bare = url.query().is_none() && url.fragment().is_none();
    if !matches!(url.scheme(), "https" | "http") || !url.has_host() || is_named || !is_bare {
        return None;
    }
    let path = url.path().trim_end_matches('/').to_owned();
    // The parser has resolved dot segments already.
    if path.contains("//") || path.contains(['%', '\\']) {
        return None;
    }
    url.set_path(&path);
    Some(url)
}

impl Rules<'_> {
    pub(super) fn proxy(&self, raw: &Raw) -> figment::Result<ProxyConfig> {
        let upstreams = raw.proxy.upstreams.0.iter().map(|(name, text)| {
            let key = format!("proxy.upstreams.{name}");
            let url = upstream_url(text).ok_or_else(|| self.error(&key, UPSTREAM))?;
            Ok((name.clone(), url))
        });
        Ok(ProxyConfig {
            upstreams: upstreams.collect::<figment::Result<_>>()?,
            timeout: raw.proxy.timeout.0,
            idle: raw.proxy.idle.0,
        })
    }
}
