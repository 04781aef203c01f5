//! Which paths lie below a protected one, however they are written. A server of files, a
//! proxy and the router may read one path in different ways, so in doubt it does.

use rocket::http::uri::Origin;
use rocket::http::uri::Segments;
use rocket::http::uri::fmt::Path;

/// A path of the app and all below it.
#[derive(Clone, Debug)]
pub(crate) struct Subtree(Vec<String>);

/// Why a path cannot be a protected one.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a path of plain ASCII segments, such as \"/private\"")]
pub(crate) struct NoSubtree;

impl Subtree {
    pub(crate) fn parse(path: &str) -> Result<Subtree, NoSubtree> {
        let is_plain = |segment: &&str| {
            segment
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        };
        let path = path.strip_prefix('/').ok_or(NoSubtree)?;
        let segments: Vec<_> = path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .collect();
        let plain = segments.iter().all(is_plain);
        let is_itself = segments
            .iter()
            .all(|segment| folded(segment) == segment.to_lowercase());
        match plain && is_itself {
            true => Ok(Subtree(segments.into_iter().map(folded).collect())),
            false => Err(NoSubtree),
        }
    }

    /// Whether `uri` is in it, or may be for somebody who reads it in another way.
    pub(crate) fn has(&self, uri: &Origin<'_>) -> bool {
        let segments = uri.path().segments();
        if is_ambiguous(uri.path().as_str(), segments.clone()) {
            return true;
        }
        let mut segments = segments.map(folded).filter(|segment| !segment.is_empty());
        self.0
            .iter()
            .all(|own| segments.next().is_some_and(|segment| segment == *own))
    }
}

/// Whether Rocket's router routes `uri` to the path `own` or below it, and nobody can read it in
/// another way. A route that is turned off has no path.
pub(crate) fn is_plainly_below(uri: &Origin<'_>, own: &str) -> bool {
    let own = own.split('/').filter(|segment| !segment.is_empty());
    let own: Vec<_> = own.collect();
    let segments = uri.path().segments();
    !own.is_empty()
        && !is_ambiguous(uri.path().as_str(), segments.clone())
        && segments.take(own.len()).eq(own)
}

/// Whether a path can be read in more than one way: as its segments stand, or after its
/// dots are resolved, a further percent-decoding, or with another separator. No browser
/// sends such a path for a link without meaning to.
fn is_ambiguous(raw: &str, mut segments: Segments<'_, Path>) -> bool {
    // What Rocket could not decode, it replaces.
    raw.contains(['\\', '\0'])
        || segments.any(|segment| {
            let bare = segment.split(';').next().unwrap_or(segment).trim();
            let is_dots = !bare.is_empty() && bare.bytes().all(|byte| byte == b'.');
            let is_odd = |c: char| {
                let of_windows = cfg!(windows) && ":~".contains(c);
                c.is_control() || "/\\%\u{fffd}".contains(c) || of_windows
            };
            is_dots || segment.contains(is_odd)
        })
}

/// The name of a file as systems take it that ignore case, dots and blanks at its end,
/// parameters, and characters that nobody sees.
fn folded(segment: &str) -> String {
    let name = segment.split(';').next().unwrap_or(segment);
    let name = name.trim_end_matches(['.', ' ']);
    let seen = name.chars().filter(|c| c.is_ascii() || c.is_alphanumeric());
    // Both ways: `ſ` is an `S` in capitals, and the Kelvin sign a `k` in small letters.
    let folded = seen.flat_map(char::to_uppercase);
    folded.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests;
