//! Whatever an endpoint of the provider answers, and however slowly: a page
//! that says so in time, and the app goes on. (What the token endpoint can do
//! beside this is in `sign_in::a_broken_exchange_signs_nobody_in`.)

use std::time::Duration;

use logto_dev_provider::{DevProvider, Endpoint};
use rocket::futures::StreamExt;
use rocket::futures::stream;
use rocket::tokio::time::timeout;
use serde_json::json;

use crate::support::app::{ALICE, TestApp, keys, settings};
use crate::support::browser::{Browser, Response};
use crate::support::pages::{own_cookies, pages};
use crate::support::raw_server::{RawRequest, RawServer, Step, response};
use crate::support::serve::free_port;

/// Longer than the app waits at most, for a busy machine. A deadline for each
/// read instead of one for all would be longer still.
const IN_TIME: Duration = Duration::from_secs(40);

/// The endpoints that the app itself calls.
#[derive(Clone, Copy, Debug, PartialEq)]
enum At {
    Discovery,
    Jwks,
    Token,
    UserInfo,
}

/// What the answer is, and what the app makes of it where a person waits for
/// tokens or claims. (Without metadata and keys it is always 503.)
struct Case {
    name: &'static str,
    steps: Vec<Step>,
    status: u16,
}

fn case(name: &'static str, steps: Vec<Step>, status: u16) -> Case {
    Case {
        name,
        steps,
        status,
    }
}

fn json_text(name: &'static str, body: impl AsRef<[u8]>) -> Case {
    let answer = response("200 OK", "application/json", body.as_ref());
    case(name, vec![Step::Send(answer)], 502)
}

fn cases(elsewhere: &RawServer) -> Vec<Case> {
    let head = |more: &str| {
        Step::text(format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{more}\r\n"
        ))
    };
    let good_looking = br#"{"access_token":"a","sub":"b","keys":[]}"#;
    let bytes = |byte: u8| vec![byte; 65_536];
    let deep = [vec![b'['; 200_000], vec![b']'; 200_000]].concat();
    let deep_member = format!(r#"{{"keys":{0}{1}}}"#, "[".repeat(5000), "]".repeat(5000));
    let chunk = [b"10000\r\n".to_vec(), bytes(b' '), b"\r\n".to_vec()].concat();
    let redirect = |status: u16| {
        let to = elsewhere.url("/");
        Step::text(format!(
            "HTTP/1.1 {status} X\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"
        ))
    };
    let gzip = gzip_bomb();
    let compressed = format!(
        "Content-Encoding: gzip\r\nContent-Length: {}\r\n",
        gzip.len()
    );
    let mut cases = vec![
        case(
            "an answer that comes too late",
            vec![
                Step::Pause(Duration::from_secs(20)),
                Step::Send(response("200 OK", "application/json", good_looking)),
            ],
            504,
        ),
        case("no answer", vec![Step::Hang], 504),
        case(
            "a byte now and then",
            vec![
                head(""),
                Step::Trickle {
                    bytes: bytes(b' '),
                    pause: Duration::from_millis(200),
                },
            ],
            504,
        ),
        case(
            "a header now and then",
            vec![
                Step::text("HTTP/1.1 200 OK\r\n"),
                Step::Trickle {
                    bytes: b"X: y\r\n".repeat(1000),
                    pause: Duration::from_millis(200),
                },
            ],
            504,
        ),
        case(
            "headers without end",
            vec![
                Step::text("HTTP/1.1 200 OK\r\n"),
                Step::SendForever(b"X-More: of them\r\n".repeat(100)),
            ],
            502,
        ),
        case(
            "a body without end",
            vec![head(""), Step::SendForever(bytes(b' '))],
            502,
        ),
        case(
            "chunks without end",
            vec![
                head("Transfer-Encoding: chunked\r\n"),
                Step::SendForever(chunk),
            ],
            502,
        ),
        case(
            "1 GB",
            vec![
                head("Content-Length: 1073741824\r\n"),
                Step::SendForever(bytes(b' ')),
            ],
            502,
        ),
        case(
            "a gzip bomb",
            vec![head(&compressed), Step::Send(gzip)],
            502,
        ),
        case("a reset", vec![Step::Reset], 502),
        case(
            "a reset within the body",
            vec![
                head("Content-Length: 500\r\n"),
                Step::text("{"),
                Step::Pause(Duration::from_millis(50)),
                Step::Reset,
            ],
            502,
        ),
        case(
            "a half-closed connection",
            vec![head("Content-Length: 500\r\n"), Step::HalfClose],
            502,
        ),
        case("a closed connection", vec![], 502),
        case("no HTTP", vec![Step::text("SSH-2.0-OpenSSH\r\n")], 502),
        case(
            "204",
            vec![Step::text("HTTP/1.1 204 No Content\r\n\r\n")],
            502,
        ),
        case(
            "304",
            vec![Step::text("HTTP/1.1 304 Not Modified\r\n\r\n")],
            502,
        ),
        case(
            "404",
            vec![Step::Send(response("404 Not Found", "text/plain", b"no"))],
            502,
        ),
        case(
            "500",
            vec![Step::Send(response("500 Oops", "text/html", b"<h1>"))],
            502,
        ),
        case(
            "429",
            vec![Step::text(
                "HTTP/1.1 429 Slow Down\r\nRetry-After: 17\r\nContent-Length: 0\r\n\r\n",
            )],
            503,
        ),
        case(
            "HTML",
            vec![Step::Send(response(
                "200 OK",
                "text/html",
                b"<!doctype html><title>Maintenance</title>",
            ))],
            502,
        ),
        json_text(
            "not UTF-8",
            b"{\"access_token\":\"\xff\xfe\",\"sub\":\"\xff\"}",
        ),
        json_text(
            "two byte order marks",
            [b"\xef\xbb\xbf\xef\xbb\xbf", &good_looking[..]].concat(),
        ),
        json_text("UTF-16", b"\xff\xfe{\0}\0"),
        json_text("JSON as deep as it is long", deep),
        json_text("a deep member", deep_member),
        json_text(
            "every member twice",
            r#"{"issuer":"a","issuer":"a","keys":[],"keys":[],"sub":"a","sub":"a",
                "access_token":"a","access_token":"a","token_type":"Bearer"}"#,
        ),
        json_text("an empty body", ""),
        json_text("half of it", "{\"access_token\":\"a\",\"sub"),
        json_text("a list", "[]"),
        json_text("null", "null"),
        json_text(
            "numbers",
            r#"{"issuer":1e999,"keys":1,"sub":7,"access_token":7}"#,
        ),
        json_text(
            "more after it",
            r#"{"keys":[],"sub":"a","access_token":"a"} {}"#,
        ),
    ];
    for status in [301, 302, 303, 307, 308] {
        cases.push(case("a redirect", vec![redirect(status)], 502));
    }
    cases
}

/// Some 100 MB of zeros in 400 kB of gzip: one literal, then copies of 258
/// bytes each in 13 bits (RFC 1951 section 3.2.6).
fn gzip_bomb() -> Vec<u8> {
    let mut bits: Vec<bool> = Vec::new();
    // The last block, of fixed codes; the literal 0.
    bits.extend([
        true, true, false, false, false, true, true, false, false, false, false,
    ]);
    // Length 258 is code 285, distance 1 is code 0.
    let copy = [true, true, false, false, false, true, false, true].into_iter();
    let copy: Vec<bool> = copy.chain([false; 5]).collect();
    for _ in 0..400_000 * 8 / 13 {
        bits.extend(&copy);
    }
    let bytes = bits.chunks(8).map(|byte| {
        let bits = byte.iter().enumerate();
        bits.fold(0, |byte, (index, bit)| byte | (u8::from(*bit) << index))
    });
    let header = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    header.into_iter().chain(bytes).collect()
}

/// A provider as it should be, but for one endpoint; and what a person sees.
async fn answer_of_the_app(at: At, steps: Vec<Step>, http_timeout: &str) -> (Browser, Response) {
    let hostile = RawServer::start(move |_| steps.clone()).await;
    let provider = DevProvider::start(settings()).await.expect("a provider");
    let member = match at {
        At::Discovery => "",
        At::Jwks => "jwks_uri",
        At::Token => "token_endpoint",
        At::UserInfo => "userinfo_endpoint",
    };
    let address = hostile.url("/there");
    provider
        .hooks()
        .respond(Endpoint::Discovery, move |_, reply| {
            reply.edit_json(|metadata| metadata[member] = json!(address));
        });
    let endpoint = match at {
        At::Discovery => hostile.url(""),
        _ => provider.endpoint(),
    };
    let logto = keys([("http_timeout", http_timeout.into())]);
    let app = TestApp::serve(free_port(), &endpoint, logto, pages()).await;
    provider.set_redirect_uris([app.url("/callback")]);
    let browser = Browser::new();
    let app = TestApp { app, provider };
    let page = match at {
        At::Discovery | At::Jwks => browser.navigate(app.url("/sign-in")).await,
        At::Token => {
            app.provider.hooks().sign_in_as(Some(ALICE));
            let hops = browser.navigate_following(app.url("/sign-in"), 10).await;
            hops.into_iter().last().expect("a page")
        }
        At::UserInfo => {
            app.sign_in(&browser, "/protected", ALICE).await;
            browser.navigate(app.url("/userinfo")).await
        }
    };
    let asked = hostile.requests();
    assert!(!asked.is_empty(), "{at:?} was asked");
    let unpacks = |asked: &RawRequest| asked.header("accept-encoding").is_some();
    assert!(
        !asked.iter().any(unpacks),
        "{at:?}: a bomb would be unpacked"
    );
    // Nobody else notices.
    let home = Browser::new().navigate(app.url("/")).await;
    assert_eq!(home.status(), 200);
    if at == At::UserInfo {
        let protected = browser.navigate(app.url("/protected")).await;
        assert_eq!(protected.text(), ALICE, "still signed in");
    }
    (browser, page)
}

async fn is_told(at: At, case: Case) {
    let name = format!("{} at {at:?}", case.name);
    // Who expects another answer than a time-out has time for it.
    let http_timeout = if case.status == 504 { "2s" } else { "20s" };
    let answer = timeout(IN_TIME, answer_of_the_app(at, case.steps, http_timeout)).await;
    let (browser, page) = answer.unwrap_or_else(|_| panic!("{name}: no answer in time"));
    let status = match at {
        At::Discovery | At::Jwks => 503,
        At::Token | At::UserInfo => case.status,
    };
    assert_eq!(page.status(), status, "{name}: {}", page.text());
    assert_eq!(page.header("cache-control"), Some("no-store"), "{name}");
    assert!(page.text().contains("Reference"), "{name}: {}", page.text());
    let retry = page.header("retry-after");
    match (status, case.name, at) {
        (503, "429", At::Token | At::UserInfo) => assert_eq!(retry, Some("17"), "{name}"),
        // Over by itself, or once somebody has changed something.
        (503, ..) => {
            let waits = page.text().contains("in a moment");
            assert_eq!(retry, Some(if waits { "5" } else { "60" }), "{name}");
            let help = page.text().contains("Trying again will not help");
            assert_eq!(help, !waits, "{name}: {}", page.text());
            match case.name {
                "304" | "404" | "a redirect" | "a list" | "null" => assert!(help, "{name}"),
                "429" | "500" | "204" | "HTML" | "no answer" | "a reset" | "an empty body"
                | "half of it" => assert!(waits, "{name}"),
                _ => {}
            }
        }
        _ => assert_eq!(retry, None, "{name}"),
    }
    if at != At::UserInfo {
        assert_eq!(own_cookies(&browser), [""; 0], "{name}");
    }
}

async fn all_are_told(at: At) {
    let elsewhere = RawServer::start(|_| vec![Step::text("HTTP/1.1 200 OK\r\n\r\n")]).await;
    let all = stream::iter(cases(&elsewhere)).map(|case| is_told(at, case));
    all.buffer_unordered(6).collect::<Vec<()>>().await;
    assert_eq!(elsewhere.connections(), 0, "a redirect was followed");
}

#[rocket::async_test]
async fn of_discovery() {
    all_are_told(At::Discovery).await;
}

#[rocket::async_test]
async fn of_the_key_set() {
    all_are_told(At::Jwks).await;
}

#[rocket::async_test]
async fn of_the_token_endpoint() {
    all_are_told(At::Token).await;
}

#[rocket::async_test]
async fn of_the_userinfo_endpoint() {
    all_are_told(At::UserInfo).await;
}
