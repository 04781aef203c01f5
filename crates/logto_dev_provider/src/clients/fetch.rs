//! Fetches what an unknown client names: little, soon, from where it says and nowhere else,
//! and from no address that only this machine or its network can reach. An address on this
//! machine itself is taken while this provider is reachable from nowhere else either.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use std::{io, sync::Arc};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{ACCEPT, AGE, CACHE_CONTROL, CONTENT_TYPE, HeaderMap};
use reqwest::redirect::Policy;
use serde_json::{Map, Value};
use url::{Host, Url};

use crate::provider::is_loopback;

/// What the draft recommends.
pub(super) const SIZE_MAX: usize = 5 * 1024;
/// For all of it.
const DEADLINE: Duration = Duration::from_secs(5);

/// How long a document counts that says nothing about it, in seconds: it is being worked on.
const LIFETIME: u64 = 60;
/// However long it says.
const LIFETIME_MAX: u64 = 60 * 60;

/// A JSON object, and for how many seconds it may be kept.
pub(super) struct Fetched {
    pub(super) object: Map<String, Value>,
    pub(super) lifetime: u64,
}

/// Fetches an object, from this machine where that is allowed. The error is for people, and
/// says nothing of what was there.
pub(super) async fn object(url: &Url, from_this_machine: bool) -> Result<Fetched, String> {
    let http = client(url, from_this_machine)?;
    let unreachable = |error: reqwest::Error| format!("{url} {}", why(&error));
    let request = http.get(url.clone()).header(ACCEPT, "application/json");
    let mut response = request.send().await.map_err(unreachable)?;
    let status = response.status();
    if status.is_redirection() {
        return Err(format!(
            "{url} answers with a redirect ({}), which is not followed",
            status.as_u16()
        ));
    }
    if status != 200 {
        return Err(format!("{url} answers {}, not 200", status.as_u16()));
    }
    if !is_json(response.headers()) {
        return Err(format!("{url} is not of the type application/json"));
    }
    let lifetime = lifetime(response.headers());
    let mut body = Vec::new();
    while let Some(data) = response.chunk().await.map_err(unreachable)? {
        if body.len() + data.len() > SIZE_MAX {
            return Err(format!("{url} is larger than {SIZE_MAX} bytes"));
        }
        body.extend_from_slice(&data);
    }
    match serde_json::from_slice(&body) {
        Ok(Value::Object(object)) => Ok(Fetched { object, lifetime }),
        _ => Err(format!("{url} has no JSON object")),
    }
}

/// One that connects to where it may.
fn client(url: &Url, from_this_machine: bool) -> Result<reqwest::Client, String> {
    let http = reqwest::Client::builder();
    // A proxy would look up the name again, and ask whom it likes.
    let http = http.no_proxy().redirect(Policy::none()).timeout(DEADLINE);
    let http = match (is_loopback(url.as_str()), url.host()) {
        (true, _) if !from_this_machine => {
            return Err(format!(
                "{url} is on this machine, and this provider is reached, or was asked, from \
                 elsewhere"
            ));
        }
        (true, _) => {
            // Whatever a hosts file says.
            let own: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
            let own = own.map(|address| SocketAddr::new(address, 0));
            http.resolve_to_addrs("localhost", &own)
        }
        (false, _) if url.scheme() != "https" => {
            return Err(format!("{url} is not https"));
        }
        (false, Some(Host::Ipv4(address))) if !is_public(address.into()) => {
            return Err(format!("{url} {NOT_PUBLIC}"));
        }
        (false, Some(Host::Ipv6(address))) if !is_public(address.into()) => {
            return Err(format!("{url} {NOT_PUBLIC}"));
        }
        (false, _) => http.dns_resolver(Arc::new(PublicOnly)),
    };
    http.build().map_err(|error| format!("{url}: {error}"))
}

const NOT_PUBLIC: &str = "is at an address that is not public, where nothing is fetched";

/// In few words.
fn why(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        return "does not answer in time";
    }
    let mut cause = error.source();
    while let Some(found) = cause {
        if found.to_string() == NOT_PUBLIC {
            return NOT_PUBLIC;
        }
        cause = found.source();
    }
    "cannot be reached"
}

/// Looks up names, and drops the addresses that are not public. The connection is made to
/// what is left, so no second look-up can say something else.
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|at| is_public(at.ip())).collect();
            match public.is_empty() {
                true => Err(io::Error::other(NOT_PUBLIC).into()),
                false => Ok(Box::new(public.into_iter()) as Addrs),
            }
        })
    }
}

/// Whether an address is for no special use (RFC 6890).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            let is_special = v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_documentation()
                || v4.is_multicast()
                || a == 0
                || a >= 240
                || (a, b & 0xc0) == (100, 64)
                || (a, b, c) == (192, 0, 0)
                || (a, b, c) == (192, 88, 99)
                || (a, b & 0xfe) == (198, 18);
            !is_special
        }
        // Global unicast, without the parts of it that are for something else, or that
        // another network is behind.
        IpAddr::V6(v6) => {
            let [a, b, ..] = v6.segments();
            let is_special = (a == 0x2001 && b < 0x200)
                || (a, b) == (0x2001, 0xdb8)
                || a == 0x2002
                || (a == 0x3fff && b < 0x1000);
            a & 0xe000 == 0x2000 && !is_special
        }
    }
}

/// `application/json`, or something that ends in `+json`.
fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next());
    let kind = kind.unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || kind.starts_with("application/") && kind.ends_with("+json")
}

/// For how long an answer is fresh, in seconds (RFC 9111, section 4.2.1), within our bounds.
fn lifetime(headers: &HeaderMap) -> u64 {
    let lines = headers.get_all(CACHE_CONTROL).iter();
    let lines: Vec<&str> = lines.filter_map(|line| line.to_str().ok()).collect();
    let directives = lines.iter().flat_map(|line| line.split(','));
    let directives: Vec<String> = directives
        .map(|directive| directive.trim().to_ascii_lowercase())
        .collect();
    if directives
        .iter()
        .any(|it| it == "no-store" || it.starts_with("no-cache"))
    {
        return 0;
    }
    let told = directives.iter().find_map(|it| it.strip_prefix("max-age="));
    let told = told.map(|seconds| seconds.trim_matches('"').parse().unwrap_or(0));
    let age = headers.get(AGE).and_then(|age| age.to_str().ok());
    let age: u64 = age.and_then(|age| age.parse().ok()).unwrap_or(0);
    let left = told.map_or(LIFETIME, |told: u64| told.saturating_sub(age));
    left.min(LIFETIME_MAX)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[test]
    fn only_public_addresses_are_public() {
        for address in [
            "93.184.216.34",
            "1.1.1.1",
            "100.128.0.1",
            "2606:4700::1111",
            "2a00::1",
        ] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
        for address in [
            "127.0.0.1",
            "127.1.2.3",
            "0.0.0.0",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "192.0.0.8",
            "192.0.2.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:93.184.216.34",
            "64:ff9b::7f00:1",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "2002:7f00:1::1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_leads_nowhere() {
        let found = PublicOnly.resolve("localhost".parse().unwrap()).await;
        let error = found.err().expect("an error");
        assert_eq!(error.to_string(), NOT_PUBLIC);
    }

    /// Without a connection to anywhere.
    #[tokio::test]
    async fn addresses_of_other_machines_here_are_not_asked() {
        for (url, expected) in [
            ("https://10.0.0.1/client", NOT_PUBLIC),
            ("https://169.254.169.254/latest/meta-data", NOT_PUBLIC),
            ("https://0x0a000001/client", NOT_PUBLIC),
            ("https://[fd00::1]/client", NOT_PUBLIC),
            ("https://[::ffff:10.0.0.1]/client", NOT_PUBLIC),
            ("http://app.example/client", "is not https"),
        ] {
            let error = object(&Url::parse(url).unwrap(), true).await.err();
            let error = error.unwrap_or_else(|| panic!("{url} is fetched"));
            assert!(error.contains(expected), "{url}: {error}");
        }
        for url in [
            "http://127.0.0.1:1/x",
            "https://localhost:1/x",
            "https://0x7f000001:1/x",
        ] {
            let error = object(&Url::parse(url).unwrap(), false).await.err();
            let error = error.unwrap_or_else(|| panic!("{url} is fetched"));
            assert!(error.contains("on this machine"), "{url}: {error}");
        }
    }

    /// One that sends a little now and then does not hold it up either.
    #[tokio::test]
    async fn who_is_slow_is_not_waited_for() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = format!("http://{}/client", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await;
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{";
            let mut sent = stream.write_all(head.as_bytes()).await;
            while sent.is_ok() {
                tokio::time::sleep(Duration::from_millis(200)).await;
                sent = stream.write_all(b" ").await;
            }
        });
        let url = Url::parse(&at).unwrap();
        let asked = tokio::time::timeout(DEADLINE * 3, object(&url, true)).await;
        let error = asked.expect("it ends").err().expect("an error");
        assert!(error.ends_with("does not answer in time"), "{error}");
    }

    #[test]
    fn freshness_is_what_the_answer_says_within_bounds() {
        for (lines, expected) in [
            (&[][..], LIFETIME),
            (&[("cache-control", "public")], LIFETIME),
            (&[("cache-control", "max-age=300")], 300),
            (&[("cache-control", "public, Max-Age=300")], 300),
            (&[("cache-control", "max-age=300"), ("age", "100")], 200),
            (&[("cache-control", "max-age=300"), ("age", "400")], 0),
            (&[("cache-control", "max-age=99999999")], LIFETIME_MAX),
            (&[("cache-control", "max-age=soon")], 0),
            (&[("cache-control", "max-age=300, no-store")], 0),
            (&[("cache-control", "no-cache")], 0),
            (
                &[
                    ("cache-control", "max-age=9"),
                    ("cache-control", "no-store"),
                ],
                0,
            ),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                headers.append(*name, value.parse().unwrap());
            }
            assert_eq!(lifetime(&headers), expected, "{lines:?}");
        }
    }
}
