//! The rules about addresses of the app: its origin and the paths on it.

use figment::value::Value;
use rocket::config::Config as RocketConfig;
use url::Url;

use super::Rules;
use crate::config::RoutePaths;
use crate::config::keys::Raw;
use crate::return_to::ReturnTo;

impl Rules<'_> {
    /// The app's public origin.
    pub(super) fn base_url(&self, raw: &Raw) -> figment::Result<Url> {
        let example = "https://app.example.com";
        let key = base_url_key(raw);
        let url = match (&raw.base_url, self.redirect_uri(raw)?) {
            (Some(base_url), _) => self.absolute_url(key, base_url, example)?,
            (None, Some(mut url)) => {
                url.set_path("/");
                url
            }
            (None, None) if self.is_debug() => {
                let port: u16 = self.figment.extract_inner("port").unwrap_or(8000);
                // Built with `tls`, Rocket has an empty value where none is configured.
                let tls = self.figment.find_value("tls");
                let tls = tls.is_ok_and(|value| !matches!(value, Value::Empty(..)));
                let scheme = if tls { "https" } else { "http" };
                let url = format!("{scheme}://localhost:{port}");
                self.absolute_url(key, &url, example)?
            }
            (None, None) => {
                return Err(self.error(
                    key,
                    &format!(
                        "is required outside the debug profile: write the app's public address, \
                         base_url = \"{example}\" (it is never taken from a request)"
                    ),
                ));
            }
        };
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        if !bare || !url.username().is_empty() || url.password().is_some() {
            return Err(self.error(
                key,
                &format!("must be scheme, host and port only, like \"{example}\""),
            ));
        }
        if url.scheme() != "https" && !self.is_debug() && !is_loopback(&url) {
            return Err(self.error(
                key,
                "must start with https:// (http:// is for this machine and the debug profile), \
                 also behind a proxy that ends TLS: over http anybody on the way reads the \
                 session's cookies",
            ));
        }
        Ok(url)
    }

    /// There anybody could sign in as anybody.
    pub(super) fn not_public(&self, raw: &Raw, base_url: &Url) -> figment::Result<()> {
        if base_url.scheme() != "https" || is_loopback(base_url) {
            return Ok(());
        }
        Err(self.error(
            base_url_key(raw),
            "is a public address, where the development provider would sign anybody in as \
             anybody: write endpoint and app_id of your provider, or an address on this machine",
        ))
    }

    /// Only its origin and its path have a use: what else is in it would be
    /// missing from the redirect URI that the provider sees.
    fn redirect_uri(&self, raw: &Raw) -> figment::Result<Option<Url>> {
        let (key, example) = ("redirect_uri", "https://app.example.com/callback");
        let Some(uri) = &raw.redirect_uri else {
            return Ok(None);
        };
        let url = self.absolute_url(key, uri, example)?;
        let named = !url.username().is_empty() || url.password().is_some();
        if named || url.query().is_some() || url.fragment().is_some() {
            return Err(self.error(
                key,
                &format!(
                    "must be scheme, host, port and path only, without query and fragment, like \
                     \"{example}\""
                ),
            ));
        }
        Ok(Some(url))
    }

    /// The paths the fairing mounts.
    pub(super) fn routes(&self, raw: &Raw) -> figment::Result<RoutePaths> {
        let mut routes = raw.routes.clone();
        if let Some(url) = self.redirect_uri(raw)? {
            if url.origin() != self.base_url(raw)?.origin() {
                return Err(self.error("redirect_uri", "must be on the origin of base_url"));
            }
            routes.callback = url.path().to_owned();
        }
        let mut seen = Vec::new();
        for (name, path) in Value::serialize(&routes)?.into_dict().unwrap_or_default() {
            let key = format!("routes.{name}");
            let path = path.into_string().unwrap_or_default();
            let plain = |c: char| c.is_ascii_alphanumeric() || "-._~/".contains(c);
            if !path.starts_with('/') || path.len() < 2 || !path.chars().all(plain) {
                return Err(self.error(&key, "must be a path like \"/sign-in\""));
            }
            if seen.contains(&path) {
                return Err(self.error(&key, "must differ from the other routes"));
            }
            seen.push(path);
        }
        Ok(routes)
    }

    /// Where the browser goes after signing out.
    pub(super) fn post_sign_out(&self, raw: &Raw) -> figment::Result<String> {
        let (key, value) = match (&raw.post_sign_out, &raw.post_logout_redirect_uri) {
            (Some(value), _) => ("post_sign_out", value.clone()),
            (None, Some(value)) => ("post_logout_redirect_uri", value.clone()),
            (None, None) => ("post_sign_out", "/".to_owned()),
        };
        if value.starts_with('/') && ReturnTo::parse(&value).is_some() {
            return Ok(value);
        }
        self.absolute_url(key, &value, "https://app.example.com/")?;
        Ok(value)
    }

    pub(super) fn absolute_url(
        &self,
        key: &str,
        value: &str,
        example: &str,
    ) -> figment::Result<Url> {
        match Url::parse(value) {
            Ok(url) if matches!(url.scheme(), "https" | "http") && url.has_host() => Ok(url),
            _ => Err(self.error(
                key,
                &format!("must be an absolute URL like \"{example}\", not \"{value}\""),
            )),
        }
    }

    pub(super) fn is_debug(&self) -> bool {
        self.figment.profile() == RocketConfig::DEBUG_PROFILE
    }
}

/// The key that says what the origin is.
fn base_url_key(raw: &Raw) -> &'static str {
    match (&raw.base_url, &raw.redirect_uri) {
        (None, Some(_)) => "redirect_uri",
        _ => "base_url",
    }
}

/// Whether it is on this machine. Names below `localhost` are, too (RFC 6761
/// section 6.3).
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(host)) => host == "localhost" || host.ends_with(".localhost"),
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}
