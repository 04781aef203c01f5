//! The rules about addresses of the app: its base and the paths below it; and where
//! signing out goes.

use figment::value::{Dict, Value};
use rocket::config::Config as RocketConfig;
use url::Url;

use super::Rules;
use crate::config::keys::Raw;
use crate::config::values::EndSession;
use crate::config::{EndSessionEndpoint, HttpHost, ProviderConfig, RoutePaths};
use crate::return_to::{BasePath, ReturnTo};

/// The routes without which nobody could sign in or out.
const NEEDED: [&str; 3] = ["sign_in", "callback", "sign_out"];

/// In characters: more would fill a phone.
const MAX_NAME: usize = 60;

impl Rules<'_> {
    /// The app's public address.
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
        let bare = url.query().is_none() && url.fragment().is_none();
        if !bare || !url.username().is_empty() || url.password().is_some() {
            return Err(self.error(
                key,
                &format!(
                    "must be scheme, host and port, and the path where the app lives below one, \
                     without anything else, like \"{example}\""
                ),
            ));
        }
        let url = self.with_plain_path(key, url)?;
        let may_be_open = self.is_debug() || raw.allow_insecure_base_url;
        if is_open(&url) && !may_be_open {
            return Err(self.error(
                key,
                "must start with https:// (http:// is for this machine and the debug profile), \
                 also behind a proxy that ends TLS: over http anybody on the way reads the \
                 session's cookies. On a network of your own write \
                 allow_insecure_base_url = true",
            ));
        }
        Ok(url)
    }

    /// With a path that ends with a slash, and that no proxy, browser or cookie reads
    /// differently from another.
    fn with_plain_path(&self, key: &str, mut url: Url) -> figment::Result<Url> {
        let path = url.path().strip_suffix('/').unwrap_or(url.path());
        let segments = path.split('/').skip(1);
        // The parser has resolved dot segments already.
        let is_plain = |segment: &str| !segment.is_empty() && segment.chars().all(is_plain);
        if !segments.into_iter().all(is_plain) {
            return Err(self.error(
                key,
                &format!(
                    "has the path \"{path}\", which must be like \"/app\": letters, digits and \
                     -._~ between single slashes"
                ),
            ));
        }
        let path = format!("{path}/");
        url.set_path(&path);
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
    pub(super) fn routes(&self, raw: &Raw, base: &BasePath) -> figment::Result<RoutePaths> {
        let mut routes = raw.routes.clone();
        if let Some(url) = self.redirect_uri(raw)? {
            let base_url = self.base_url(raw)?;
            if url.origin() != base_url.origin() {
                return Err(self.error("redirect_uri", "must be on the origin of base_url"));
            }
            let below = base.strip(url.path());
            routes.callback = below.map(str::to_owned).ok_or_else(|| {
                let message = format!("must be below base_url, like \"{base_url}callback\"");
                self.error("redirect_uri", &message)
            })?;
        }
        let mut seen = Vec::new();
        for (name, path) in Value::serialize(&routes)?.into_dict().unwrap_or_default() {
            let key = format!("routes.{name}");
            let path = path.into_string().unwrap_or_default();
            if path.is_empty() && !NEEDED.contains(&name.as_str()) {
                // Turned off.
                continue;
            }
            if path.is_empty() {
                return Err(self.error(
                    &key,
                    "cannot be turned off, because users come through it: give it a path of your \
                     choice",
                ));
            }
            let plain = |c: char| c == '/' || is_plain(c);
            if !path.starts_with('/') || path.len() < 2 || !path.chars().all(plain) {
                return Err(self.error(&key, "must be a path like \"/sign-in\""));
            }
            // What is below it is open to everybody, also where the app is protected.
            if name == "resource_metadata" && !path.starts_with("/.well-known/") {
                return Err(self.error(
                    &key,
                    "must be a path like \"/.well-known/oauth-protected-resource\", or false",
                ));
            }
            if seen.contains(&path) {
                return Err(self.error(&key, "must differ from the other routes"));
            }
            seen.push(path);
        }
        Ok(routes)
    }

    /// Where the browser goes after signing out.
    pub(super) fn post_sign_out(&self, raw: &Raw, base: &BasePath) -> figment::Result<String> {
        let (key, value) = match (&raw.post_sign_out, &raw.post_logout_redirect_uri) {
            (Some(value), _) => ("post_sign_out", value.clone()),
            (None, Some(value)) => ("post_logout_redirect_uri", value.clone()),
            (None, None) => ("post_sign_out", "/".to_owned()),
        };
        if value.starts_with('/') && ReturnTo::parse(&value).is_some() {
            return Ok(match base.contains(&value) {
                true => value,
                false => base.prepend(&value),
            });
        }
        self.absolute_url(key, &value, "https://app.example.com/")?;
        Ok(value)
    }

    /// What the pages of the library call the app.
    pub(super) fn app_name(&self, raw: &Raw) -> figment::Result<Option<String>> {
        let Some(name) = &raw.app_name else {
            return Ok(None);
        };
        let name = name.trim();
        let is_short = (1..=MAX_NAME).contains(&name.chars().count());
        match is_short && !name.chars().any(char::is_control) {
            true => Ok(Some(name.to_owned())),
            false => Err(self.error(
                "app_name",
                &format!(
                    "must be one line of 1 to {MAX_NAME} characters, like \"Team notes\"; left \
                     out, the pages show the host of base_url"
                ),
            )),
        }
    }

    /// The picture beside it.
    pub(super) fn app_icon(&self, raw: &Raw, base: &BasePath) -> figment::Result<Option<String>> {
        let Some(icon) = &raw.app_icon else {
            return Ok(None);
        };
        if let Some(path) = ReturnTo::parse(icon) {
            let path = path.as_str();
            return Ok(Some(match base.contains(path) {
                true => path.to_owned(),
                false => base.prepend(path),
            }));
        }
        let url = Url::parse(icon).ok().filter(|url| {
            let is_named = !url.username().is_empty() || url.password().is_some();
            url.scheme() == "https" && url.has_host() && !is_named
        });
        match url {
            Some(url) => Ok(Some(url.into())),
            None => Err(self.error(
                "app_icon",
                "must be a path of the app like \"/static/icon.svg\", or a URL that starts with \
                 https://",
            )),
        }
    }

    /// The provider's sign-out, held to the rules that hold for an announced one.
    pub(super) fn end_session(
        &self,
        raw: &Raw,
        provider: &ProviderConfig,
    ) -> figment::Result<EndSessionEndpoint> {
        let key = "end_session_endpoint";
        let url = match &raw.end_session_endpoint {
            None => return Ok(EndSessionEndpoint::Announced),
            Some(EndSession::Off) => return Ok(EndSessionEndpoint::Off),
            Some(EndSession::At(url)) => {
                self.absolute_url(key, url, "https://tenant.example.com/logout")?
            }
        };
        let named = !url.username().is_empty() || url.password().is_some();
        if named || url.fragment().is_some() {
            return Err(self.error(key, "must be without user, password and #fragment"));
        }
        let named = HttpHost::any_has(&provider.http_hosts, &url);
        if url.scheme() != "https" && provider.issuer.starts_with("https:") && !named {
            return Err(self.error(
                key,
                "must start with https://, as the issuer does, unless http_hosts has its host",
            ));
        }
        Ok(EndSessionEndpoint::At(url))
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

impl RoutePaths {
    /// The same paths below `base`, which is empty or a path without a last slash.
    pub(super) fn below(&self, base: &str) -> figment::Result<RoutePaths> {
        let paths = Value::serialize(self)?.into_dict().unwrap_or_default();
        let below = paths.into_iter().map(|(name, path)| {
            let path = path.into_string().unwrap_or_default();
            let path = match path.is_empty() {
                true => Value::from(false),
                false => Value::from(format!("{base}{path}")),
            };
            (name, path)
        });
        Value::from(below.collect::<Dict>()).deserialize()
    }
}

/// Nothing that would have to be encoded in a path, or that separates.
fn is_plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || "-._~".contains(character)
}

/// The key that says what the origin is.
fn base_url_key(raw: &Raw) -> &'static str {
    match (&raw.base_url, &raw.redirect_uri) {
        (None, Some(_)) => "redirect_uri",
        _ => "base_url",
    }
}

/// Whether what is sent there and back can be read on the way.
pub(crate) fn is_open(url: &Url) -> bool {
    url.scheme() != "https" && !is_loopback(url)
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
