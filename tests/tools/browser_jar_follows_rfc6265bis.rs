//! The tests' own cookie jar is right: otherwise no test of cookies means anything.
//! `chromium_works` runs [`CASES`] through Chromium as well.

use rocket::time::{Duration, OffsetDateTime};
use url::Url;

use crate::support::browser::{Browser, same_site};
use crate::support::cookie_date;
use crate::support::cookie_jar::{CookieJar, CookieRequest, SameSite};

/// What `http://localhost/set` sends, and the `Cookie` header that then goes to `path`.
pub struct Case {
    pub about: &'static str,
    pub set_cookies: &'static [&'static str],
    pub path: &'static str,
    pub cookie_header: Option<&'static str>,
}

const fn case(
    about: &'static str,
    set_cookies: &'static [&'static str],
    path: &'static str,
    cookie_header: Option<&'static str>,
) -> Case {
    Case {
        about,
        set_cookies,
        path,
        cookie_header,
    }
}

pub const CASES: &[Case] = &[
    case("plain", &["a=1"], "/", Some("a=1")),
    case("value with =", &["a=b=c"], "/", Some("a=b=c")),
    case(
        "spaces around",
        &["  a =  1 2 ; Path=/"],
        "/",
        Some("a=1 2"),
    ),
    case("quotes stay", &["a=\"1\""], "/", Some("a=\"1\"")),
    case("no name", &["=1"], "/", Some("1")),
    case("no equals sign", &["lonely"], "/", Some("lonely")),
    case("nothing at all", &["=", ""], "/", None),
    case("no value", &["a="], "/", Some("a=")),
    case(
        "names are case-sensitive",
        &["a=1", "A=2"],
        "/",
        Some("a=1; A=2"),
    ),
    case("the later one wins", &["a=1", "a=2"], "/", Some("a=2")),
    case("order of creation", &["b=1", "a=1"], "/", Some("b=1; a=1")),
    case(
        "a new value goes to the end",
        &["b=1", "a=1", "b=2"],
        "/",
        Some("a=1; b=2"),
    ),
    case(
        "the same value keeps its place",
        &["b=1", "a=1", "b=1"],
        "/",
        Some("b=1; a=1"),
    ),
    case(
        "longer path first",
        &["a=1; Path=/", "a=2; Path=/deep"],
        "/deep",
        Some("a=2; a=1"),
    ),
    case(
        "path is a prefix in whole segments",
        &["a=1; Path=/de"],
        "/deep",
        None,
    ),
    case(
        "path covers what is below",
        &["a=1; Path=/deep"],
        "/deep/er",
        Some("a=1"),
    ),
    case("path ends in a slash", &["a=1; Path=/deep/"], "/deep", None),
    case(
        "a relative path is ignored",
        &["a=1; Path=deep"],
        "/",
        Some("a=1"),
    ),
    case(
        "the last path counts",
        &["a=1; Path=/deep; Path=/"],
        "/",
        Some("a=1"),
    ),
    case(
        "Max-Age of zero deletes",
        &["a=1", "a=2; Max-Age=0"],
        "/",
        None,
    ),
    case(
        "a negative Max-Age deletes",
        &["a=1", "a=2; Max-Age=-1"],
        "/",
        None,
    ),
    case(
        "Expires in the past deletes",
        &["a=1", "a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT"],
        "/",
        None,
    ),
    case(
        "deleting needs the same path",
        &["a=1; Path=/", "a=; Path=/deep; Max-Age=0"],
        "/",
        Some("a=1"),
    ),
    case(
        "Max-Age goes before Expires",
        &["a=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT"],
        "/",
        Some("a=1"),
    ),
    case(
        "a malformed Max-Age is ignored",
        &["a=1; Max-Age=soon"],
        "/",
        Some("a=1"),
    ),
    case(
        "a malformed Expires is ignored",
        &["a=1; Expires=yesterday"],
        "/",
        Some("a=1"),
    ),
    case(
        "attribute names in any case",
        &["a=1; mAX-aGE=0"],
        "/",
        None,
    ),
    case(
        "unknown attributes",
        &["a=1; Colour=red; =; ;"],
        "/",
        Some("a=1"),
    ),
    case("Secure on localhost", &["a=1; Secure"], "/", Some("a=1")),
    case("HttpOnly", &["a=1; HttpOnly"], "/", Some("a=1")),
    case(
        "SameSite=Strict",
        &["a=1; SameSite=Strict"],
        "/",
        Some("a=1"),
    ),
    case(
        "SameSite=None with Secure",
        &["a=1; SameSite=None; Secure"],
        "/",
        Some("a=1"),
    ),
    case(
        "SameSite=None without Secure",
        &["a=1; SameSite=None"],
        "/",
        None,
    ),
    case("own domain", &["a=1; Domain=localhost"], "/", Some("a=1")),
    case("foreign domain", &["a=1; Domain=example.com"], "/", None),
    case("__Secure- without Secure", &["__Secure-a=1"], "/", None),
    case(
        "__Secure- on localhost",
        &["__Secure-a=1; Secure"],
        "/",
        Some("__Secure-a=1"),
    ),
    case("__Host- without Secure", &["__Host-a=1; Path=/"], "/", None),
    case(
        "__Host- on localhost",
        &["__Host-a=1; Secure; Path=/"],
        "/",
        Some("__Host-a=1"),
    ),
    case(
        "a prefix in small letters",
        &["__host-a=1; Path=/"],
        "/",
        None,
    ),
    case(
        "a prefix smuggled into a value",
        &["=__Host-a=1; Path=/"],
        "/",
        None,
    ),
    case("tab around a value", &["a=\t1\t"], "/", Some("a=1")),
    case("tab within a value", &["a=1\t2"], "/", None),
];

fn url(url: &str) -> Url {
    Url::parse(url).unwrap()
}

/// The header of a same-site navigation.
fn header_to(jar: &CookieJar, target: &str, now: OffsetDateTime) -> Option<String> {
    let request = CookieRequest {
        url: &url(target),
        safe_method: true,
        same_site: true,
        top_level_navigation: true,
    };
    jar.header(request, now)
}

#[test]
fn the_table_holds() {
    for case in CASES {
        let (mut jar, now) = (CookieJar::default(), OffsetDateTime::now_utc());
        for set_cookie in case.set_cookies {
            let _ = jar.store(&url("http://localhost/set"), set_cookie.as_bytes(), now);
        }
        let target = format!("http://localhost{}", case.path);
        let header = header_to(&jar, &target, now);
        assert_eq!(
            header.as_deref(),
            case.cookie_header,
            "{}: {:?}",
            case.about,
            jar.violations()
        );
    }
}

#[test]
fn each_refusal_is_kept_with_its_reason() {
    let long = "x".repeat(4096);
    let fits = format!("a={}", &long[..4095]);
    let table = [
        (
            "https://app.example.com/",
            "__Host-a=1; Secure; Path=/",
            None,
        ),
        (
            "https://app.example.com/",
            "__Host-a=1; Path=/",
            Some("__Host- needs Secure"),
        ),
        (
            "https://app.example.com/",
            "__Host-a=1; Secure; Path=/x",
            Some("__Host- needs Path=/"),
        ),
        (
            "https://app.example.com/",
            "__Host-a=1; Secure; Path=/; Domain=app.example.com",
            Some("__Host- allows no Domain"),
        ),
        (
            "https://app.example.com/deep/page",
            "__Host-a=1; Secure",
            Some("__Host- needs Path=/"),
        ),
        (
            "https://app.example.com/",
            "__Secure-a=1; Secure; Path=/x",
            None,
        ),
        (
            "http://app.example.com/",
            "a=1; Secure",
            Some("Secure from an insecure origin"),
        ),
        ("http://127.0.0.1/", "a=1; Secure", None),
        (
            "https://app.example.com/",
            "a=1; SameSite=None",
            Some("SameSite=None without Secure"),
        ),
        ("https://app.example.com/", "a=1; Domain=example.com", None),
        (
            "https://app.example.com/",
            "a=1; Domain=com",
            Some("Domain is a public suffix"),
        ),
        (
            "https://app.example.com/",
            "a=1; Domain=le.com",
            Some("Domain does not match the host"),
        ),
        ("https://app.example.com/", &fits, None),
        (
            "https://app.example.com/",
            &format!("a={long}"),
            Some("name and value longer than 4096 bytes"),
        ),
        (
            "https://app.example.com/",
            "a=\u{1}",
            Some("control character"),
        ),
    ];
    for (from, set_cookie, refusal) in table {
        let browser = Browser::new();
        let stored = browser.set_cookie_raw(from, set_cookie);
        assert_eq!(stored.err().map(|v| v.reason), refusal, "{set_cookie:.80}");
        assert_eq!(
            browser.violations().len(),
            usize::from(refusal.is_some()),
            "{set_cookie:.80}"
        );
        assert_eq!(
            browser.cookies().len(),
            usize::from(refusal.is_none()),
            "{set_cookie:.80}"
        );
    }
    let not_utf8 = Browser::new().set_cookie_raw("https://app.example.com/", b"a=\xff");
    assert_eq!(not_utf8.unwrap_err().reason, "not UTF-8");
}

#[test]
fn hosts_share_cookies_over_ports_but_not_over_names() {
    let (mut jar, now) = (CookieJar::default(), OffsetDateTime::now_utc());
    jar.store(&url("http://localhost:3000/"), b"host=1", now)
        .unwrap();
    jar.store(
        &url("https://app.example.com/"),
        b"domain=1; Domain=example.com",
        now,
    )
    .unwrap();
    let table = [
        ("http://localhost:3001/", Some("host=1")),
        ("http://127.0.0.1:3000/", None),
        ("http://sub.localhost:3000/", None),
        ("https://example.com/", Some("domain=1")),
        ("https://other.example.com:8443/", Some("domain=1")),
        ("https://badexample.com/", None),
    ];
    for (target, header) in table {
        assert_eq!(header_to(&jar, target, now).as_deref(), header, "{target}");
    }
}

#[test]
fn secure_cookies_stay_off_plain_http_and_cannot_be_overwritten_from_there() {
    let (mut jar, now) = (CookieJar::default(), OffsetDateTime::now_utc());
    jar.store(
        &url("https://app.example.com/"),
        b"a=1; Secure; Path=/",
        now,
    )
    .unwrap();
    assert_eq!(header_to(&jar, "http://app.example.com/", now), None);
    assert_eq!(
        header_to(&jar, "https://app.example.com/", now).as_deref(),
        Some("a=1")
    );
    let overwritten = jar.store(&url("http://app.example.com/"), b"a=2; Path=/", now);
    assert!(overwritten.is_err());
    assert_eq!(
        header_to(&jar, "https://app.example.com/", now).as_deref(),
        Some("a=1")
    );
}

#[test]
fn cookies_end_in_time_and_never_outlive_400_days() {
    let (mut jar, now) = (CookieJar::default(), OffsetDateTime::now_utc());
    let app = url("http://localhost/");
    jar.store(&app, b"short=1; Max-Age=60", now).unwrap();
    jar.store(&app, b"long=1; Max-Age=99999999999999999999", now)
        .unwrap();
    jar.store(&app, b"session=1", now).unwrap();
    let at = |after| header_to(&jar, "http://localhost/", now + after);
    assert_eq!(
        at(Duration::seconds(59)).as_deref(),
        Some("short=1; long=1; session=1")
    );
    assert_eq!(
        at(Duration::seconds(60)).as_deref(),
        Some("long=1; session=1")
    );
    assert_eq!(at(Duration::days(400)).as_deref(), Some("session=1"));
    let lifetimes: Vec<_> = jar
        .cookies(now)
        .iter()
        .map(|cookie| cookie.lifetime())
        .collect();
    let (minute, longest) = (Duration::minutes(1), Duration::days(400));
    assert_eq!(lifetimes, [Some(minute), Some(longest), None]);
}

#[test]
fn same_site_decides_what_goes_with_cross_site_requests() {
    let (mut jar, now) = (CookieJar::default(), OffsetDateTime::now_utc());
    let app = url("https://app.example.com/");
    for set_cookie in [
        "strict=1; SameSite=Strict",
        "lax=1; SameSite=Lax",
        "none=1; SameSite=None; Secure",
        "unset=1",
    ] {
        jar.store(&app, set_cookie.as_bytes(), now).unwrap();
    }
    let cross_site = |safe_method, top_level_navigation, after: Duration| {
        let request = CookieRequest {
            url: &app,
            safe_method,
            same_site: false,
            top_level_navigation,
        };
        jar.header(request, now + after).unwrap_or_default()
    };
    let (at_once, later) = (Duration::ZERO, Duration::minutes(3));
    assert_eq!(
        cross_site(true, true, at_once),
        "lax=1; none=1; unset=1",
        "a link"
    );
    assert_eq!(
        cross_site(false, true, at_once),
        "none=1; unset=1",
        "a form, at once"
    );
    assert_eq!(
        cross_site(false, true, later),
        "none=1",
        "a form, after two minutes"
    );
    assert_eq!(cross_site(true, false, at_once), "none=1", "a script");
    let same_sites: Vec<_> = jar
        .cookies(now)
        .iter()
        .map(|cookie| cookie.same_site)
        .collect();
    assert_eq!(
        same_sites,
        [
            SameSite::Strict,
            SameSite::Lax,
            SameSite::None,
            SameSite::Unset
        ]
    );
}

#[test]
fn sites_are_registrable_domains_without_ports() {
    let table = [
        ("http://localhost:3000", "http://localhost:3001", true),
        ("http://localhost", "http://127.0.0.1", false),
        ("http://127.0.0.1:1", "http://127.0.0.1:2", true),
        ("https://a.example.com", "https://b.example.com", true),
        ("https://a.example.com", "https://a.example.org", false),
        ("https://a.example.com", "http://a.example.com", false),
    ];
    for (a, b, expected) in table {
        assert_eq!(same_site(&url(a), &url(b)), expected, "{a} {b}");
    }
}

#[test]
fn dates_are_read_in_the_many_ways_servers_write_them() {
    let table = [
        ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
        ("Sunday, 06-Nov-94 08:49:37 GMT", Some(784_111_777)),
        ("Sun Nov  6 08:49:37 1994", Some(784_111_777)),
        ("08:49:37 6 november 1994", Some(784_111_777)),
        ("1 Jan 69 00:00:00", Some(3_124_224_000)),
        ("1 Jan 1600 00:00:00", None),
        ("31 Feb 2024 00:00:00", None),
        ("1 Jan 2024 24:00:00", None),
        ("1 Jan 2024", None),
        ("", None),
    ];
    for (text, seconds) in table {
        assert_eq!(
            cookie_date::parse(text).map(|date| date.unix_timestamp()),
            seconds,
            "{text}"
        );
    }
}
