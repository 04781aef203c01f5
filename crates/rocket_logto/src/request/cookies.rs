//! The cookies of a request, byte for byte: names are compared before anything is
//! decoded.

use rocket::Request;

/// All cookies of a request as they are in the header: nothing is decoded, and only
/// the spaces of the syntax are trimmed. Rocket's own jar decodes names and lets the
/// last duplicate win, so `%5F%5FHost-…` could pass for `__Host-…`.
pub(crate) fn raw_cookies<'r>(request: &'r Request<'_>) -> Vec<(&'r str, &'r str)> {
    let mut headers = request.headers().get("Cookie").peekable();
    if headers.peek().is_none() {
        // Rocket's local client hands cookies over without a header.
        let cookies = request.cookies().iter();
        return cookies.map(|cookie| cookie.name_value()).collect();
    }
    headers.flat_map(parse_header).collect()
}

pub(crate) fn parse_header(header: &str) -> impl Iterator<Item = (&str, &str)> {
    // A header is mostly one long value, and `str::split` would look at each byte.
    let ends = memchr::memchr_iter(b';', header.as_bytes()).chain([header.len()]);
    let pairs = ends.scan(0, move |start, end| {
        header.get(std::mem::replace(start, end + 1)..end)
    });
    pairs.filter_map(|pair| pair.trim_matches([' ', '\t']).split_once('='))
}

/// The value of the only cookie with this name. If there are two, another site has
/// planted one (cookie tossing), and neither counts.
pub(crate) fn only<'a>(cookies: &[(&'a str, &'a str)], name: &str) -> Option<&'a str> {
    let mut found = cookies.iter().filter(|(other, _)| *other == name);
    match (found.next(), found.next()) {
        (Some((_, value)), None) => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_byte_for_byte_and_refuses_duplicates() {
        let read = |header: &'static str| {
            let cookies: Vec<_> = parse_header(header).collect();
            only(&cookies, "__Host-x").map(str::to_owned)
        };
        assert_eq!(read("a=1; __Host-x=good; b=2").as_deref(), Some("good"));
        assert_eq!(
            read("__Host-x=good; %5F%5FHost-x=evil").as_deref(),
            Some("good")
        );
        assert_eq!(read("%5F%5FHost-x=evil"), None);
        assert_eq!(read("\u{2003}__Host-x=evil"), None);
        assert_eq!(read("__host-x=evil"), None);
        assert_eq!(read("__Host-x=good; __Host-x=evil"), None);
        assert_eq!(read("__Host-x=good; __Host-x=good"), None);
        assert_eq!(read("__Host-x"), None);
        assert_eq!(read("__Host-x =evil"), None);
        assert_eq!(read("__Host-x=a=b").as_deref(), Some("a=b"));
    }
}
