//! Which address at the upstream a request is for. One that could be read in more than one way
//! is for none.

use rocket::Request;
use url::Url;

use super::failure::{Failure, Kind, Refusal};
use super::upstream::Upstream;
use crate::config::LogtoConfig;
use crate::request::subtree::has_ambiguous_path;

/// Where a proxy is mounted.
#[derive(Debug)]
pub(super) struct Mount {
    /// The path as requests have it, with `<names>`.
    path: String,
    segments: usize,
    /// What stands before it in a browser, where a proxy in front of the app takes it off.
    hidden: String,
}

/// Where a request goes.
pub(super) struct Target {
    pub url: Url,
    /// The path of the mount as the browser has it: `/api/orgs/acme/orders`.
    pub prefix: String,
}

impl Mount {
    pub(super) fn new(path: &str, config: &LogtoConfig) -> Result<Mount, &'static str> {
        const WRONG: &str = "the path must be like \"/api/shop\" or \"/api/orgs/<org_id>/orders\"";
        let rest = path.strip_prefix('/').ok_or(WRONG)?;
        let is_plain = |text: &str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
            !text.is_empty() && text.bytes().all(plain)
        };
        let is_segment = |segment: &str| {
            let name = segment
                .strip_prefix('<')
                .and_then(|rest| rest.strip_suffix('>'));
            match name {
                Some(name) => {
                    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
                    name.starts_with(|first: char| first.is_ascii_alphabetic())
                        && name.bytes().all(is_word)
                }
                None => is_plain(segment) && !segment.bytes().all(|byte| byte == b'.'),
            }
        };
        // With a parameter in the first place, it would take over the whole app.
        if !rest.split('/').all(is_segment) || rest.starts_with('<') {
            return Err(WRONG);
        }
        let (below, hidden) = match config.proxy_strips_path {
            true => ("", config.base_path()),
            false => (config.base_path(), ""),
        };
        let path = format!("{below}{path}");
        Ok(Mount {
            segments: path.split('/').skip(1).count(),
            path,
            hidden: hidden.to_owned(),
        })
    }

    /// As that of a route.
    pub(super) fn pattern(&self) -> String {
        format!("{}/<_path..>", self.path)
    }

    /// The address at the upstream: what comes behind the mount, byte for byte, and the query.
    pub(super) fn target(
        &self,
        request: &Request<'_>,
        upstream: &Upstream,
    ) -> Result<Target, Refusal> {
        let uri = request.uri();
        let path = uri.path().as_str();
        let query = uri.query().map(|query| query.as_str());
        let odd = |why: &str| Refusal::from(Failure::of_client(Kind::Address, why));
        if has_ambiguous_path(uri) || path.contains("//") {
            return Err(odd("has a path that can be read in more than one way"));
        }
        let mut slashes = path
            .match_indices('/')
            .map(|(at, _)| at)
            .skip(self.segments);
        let (prefix, rest) = path.split_at(slashes.next().unwrap_or(path.len()));
        let base = upstream.url().path().trim_end_matches('/');
        let wanted = match format!("{base}{rest}") {
            empty if empty.is_empty() => "/".to_owned(),
            path => path,
        };
        let mut url = upstream.url().clone();
        url.set_path(&wanted);
        url.set_query(query);
        // The parser that browsers follow (WHATWG URL) has the last word: what it would change
        // does not arrive as it was meant.
        if url.path() != wanted || url.query() != query {
            return Err(odd("has characters that no browser leaves as they are"));
        }
        Ok(Target {
            url,
            prefix: format!("{}{prefix}", self.hidden),
        })
    }
}

impl Target {
    /// The address of the upstream's `location`, for the browser: below the mount what is the
    /// upstream's own, and what is elsewhere as it is. `None` for what the browser has no
    /// address for.
    pub(super) fn seen_by_browser(&self, location: &str, upstream: &Url) -> Option<String> {
        let url = self.url.join(location).ok()?;
        if url.host_str() != upstream.host_str() {
            return matches!(url.scheme(), "https" | "http").then(|| url.into());
        }
        if url.origin() != upstream.origin() {
            return None;
        }
        let rest = url
            .path()
            .strip_prefix(upstream.path().trim_end_matches('/'))?;
        if !rest.is_empty() && !rest.starts_with('/') {
            return None;
        }
        let behind = &url[url::Position::AfterPath..];
        Some(format!("{}{rest}{behind}", self.prefix))
    }
}
