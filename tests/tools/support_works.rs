//! The tests' own tools do what they say: forms, redirects, the byte-level
//! server, servers in this process, child processes.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rocket::http::{CookieJar, Status};
use rocket::response::Redirect;
use rocket::tokio::io::{AsyncReadExt, AsyncWriteExt};
use rocket::tokio::net::TcpStream;
use rocket::{Build, Rocket, get, post, routes};
use serde_json::json;

use crate::support::browser::{Browser, Response};
use crate::support::html::{Link, Page};
use crate::support::raw_server::{RawServer, Step, json_response, response};
use crate::support::serve::{Process, Served, free_port};

/// Cargo finds no test file by itself here.
#[test]
fn every_file_of_tests_is_in_the_suite() {
    let tests = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests"));
    assert!(modules_in(tests, "suite.rs") > 10);
}

/// How many modules the folder has. Its root file lists each, and no other.
fn modules_in(folder: &Path, root: &str) -> usize {
    let mut found = BTreeSet::new();
    for file in std::fs::read_dir(folder).expect("a folder") {
        let path = file.expect("a file").path();
        let is_module = match path.is_dir() {
            true => has_rust(&path) && modules_in(&path, "mod.rs") > 0,
            false => is_rust(&path) && !path.ends_with(root),
        };
        if is_module {
            found.insert(path.file_stem().expect("a name").to_owned());
        }
    }
    let text = std::fs::read_to_string(folder.join(root)).expect("a root file");
    let lines = text.lines().map(|line| line.trim_start_matches("pub "));
    let listed = lines.filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'));
    assert_eq!(found, listed.map(OsString::from).collect(), "{folder:?}");
    found.len()
}

fn is_rust(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rs")
}

fn has_rust(folder: &Path) -> bool {
    let files = std::fs::read_dir(folder).expect("a folder");
    files.flatten().any(|file| is_rust(&file.path()))
}

#[test]
fn a_page_is_read_as_a_browser_reads_it() {
    let page = Page::parse(
        "<!doctype html><title> Sign&amp;in </title><script>'<form action=/no>'</script>
         <a href=/about>About <b>us</b></a>
         <form id=f method=POST action='/go?a=1&amp;b=2'>
           <input type=hidden name=csrf value='&quot;x&quot;'>
           <input name=who value=alice><input name=off value=1 disabled>
           <input type=checkbox name=no value=1><input type=checkbox name=yes checked>
           <select name=colour><option>red<option value=g selected>green</select>
           <textarea name=note><b>raw</b></textarea>
           <button name=do value=it>Sign <i>in</i></button><button type=button>Help</button>
         </form>
         <p>After</p><button form=f formaction=/stop>Stop</button><input name=lost value=1>
         <form><input type=submit value=Search></form>",
    );
    assert_eq!(page.title, "Sign&in");
    assert_eq!(
        page.links,
        [Link {
            text: "About us".into(),
            href: "/about".into()
        }]
    );
    assert!(page.text.ends_with("After Stop"), "{}", page.text);
    assert_eq!(page.forms.len(), 2);

    let (form, button) = page.find("Sign in".into()).unwrap();
    assert_eq!((form.action.as_str(), form.is_post), ("/go?a=1&b=2", true));
    let submitted = form.submission(button, &[("who", "bob"), ("new", "1")]);
    let expected = [
        ("csrf", "\"x\""),
        ("who", "bob"),
        ("yes", "on"),
        ("colour", "g"),
        ("note", "<b>raw</b>"),
        ("new", "1"),
        ("do", "it"),
    ];
    assert_eq!(
        submitted,
        expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );

    let (_, stop) = page.find("Stop".into()).unwrap();
    assert_eq!(stop.unwrap().formaction.as_deref(), Some("/stop"));
    assert!(!page.find("Search".into()).unwrap().0.is_post);
    assert!(page.find("Help".into()).is_none());
    assert!(page.find(2.into()).is_none());
}

/// Answers each request with what it was asked, as text.
async fn echo() -> RawServer {
    RawServer::start(|request| {
        let told = [
            "cookie",
            "origin",
            "accept",
            "host",
            "x-forwarded-proto",
            "sec-fetch-site",
        ]
        .into_iter()
        .filter_map(|name| Some(format!("{name}: {}", request.header(name)?)));
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let text: Vec<_> = [request.line.clone()]
            .into_iter()
            .chain(told)
            .chain([body])
            .collect();
        vec![Step::Send(response(
            "200 OK",
            "text/plain",
            text.join("\n").as_bytes(),
        ))]
    })
    .await
}

fn redirect(status: &str, location: &str) -> Vec<Step> {
    let head = format!("HTTP/1.1 {status}\r\nLocation: {location}\r\nSet-Cookie: hop=1\r\n");
    vec![Step::text(format!(
        "{head}Content-Length: 0\r\nConnection: close\r\n\r\n"
    ))]
}

#[rocket::async_test]
async fn redirects_change_the_method_as_fetch_says() {
    let echo = echo().await;
    let table = [
        ("301 Moved Permanently", "GET"),
        ("302 Found", "GET"),
        ("303 See Other", "GET"),
        ("307 Temporary Redirect", "POST"),
        ("308 Permanent Redirect", "POST"),
    ];
    for (status, method) in table {
        let target = echo.url("/target");
        let server = RawServer::start(move |_| redirect(status, &target)).await;
        let browser = Browser::new();
        let first = browser
            .post_form(server.url("/start"), &[("a", "1 2")])
            .await;
        assert_eq!(first.set_cookies(), ["hop=1"]);
        let last = browser.follow(&first).await;
        let text = last.text();
        assert!(
            text.starts_with(&format!("{method} /target ")),
            "{status}: {text}"
        );
        assert_eq!(text.contains("a=1+2"), method == "POST", "{status}: {text}");
        assert!(text.contains("cookie: hop=1"), "{status}: {text}");
        assert!(
            text.contains("sec-fetch-site: same-site"),
            "{status}: {text}"
        );
    }
}

#[rocket::async_test]
async fn chains_are_kept_and_bounded() {
    let server = RawServer::start(|request| match request.path() {
        "/end" => vec![Step::Send(response("200 OK", "text/plain", b"here"))],
        "/second" => redirect("303 See Other", "/end"),
        _ => redirect("303 See Other", "/second"),
    })
    .await;
    let hops = Browser::new()
        .navigate_following(server.url("/first"), 2)
        .await;
    let statuses: Vec<_> = hops.iter().map(Response::status).collect();
    assert_eq!(statuses, [303, 303, 200]);
    assert_eq!(hops[2].text(), "here");
    assert_eq!(server.count("/second"), 1);

    let endless = RawServer::start(|_| redirect("303 See Other", "/again")).await;
    let url = endless.url("/");
    let given_up = rocket::tokio::spawn(async move {
        Browser::new().navigate_following(url, 5).await;
    });
    assert!(given_up.await.is_err());
    assert_eq!(endless.connections(), 6);
}

#[rocket::async_test]
async fn a_browser_says_who_asks() {
    let echo = echo().await;
    let browser = Browser::new();
    browser
        .set_cookie_raw(echo.url("/"), "lax=1; SameSite=Lax")
        .unwrap();

    let typed = browser.navigate(echo.url("/")).await.text();
    assert!(typed.contains("accept: text/html"), "{typed}");
    assert!(typed.contains("sec-fetch-site: none"), "{typed}");
    assert!(!typed.contains("origin:"), "{typed}");

    let own = browser.post_form(echo.url("/"), &[]).await.text();
    assert!(own.contains("sec-fetch-site: same-origin"), "{own}");
    assert!(
        own.contains(&format!("origin: http://localhost:{}", echo.port())),
        "{own}"
    );
    assert!(own.contains("cookie: lax=1"), "{own}");

    let foreign = browser.cross_site_post(echo.url("/"), &[]).await.text();
    assert!(foreign.contains("sec-fetch-site: cross-site"), "{foreign}");
    assert!(
        foreign.contains("origin: https://cross-site.example"),
        "{foreign}"
    );
    assert!(!foreign.contains("cookie:"), "{foreign}");

    let script = browser.fetch_json(echo.url("/")).await.text();
    assert!(script.contains("accept: application/json"), "{script}");

    let bare = browser.get(echo.url("/")).await.text();
    assert!(!bare.contains("sec-fetch"), "{bare}");
    assert!(bare.contains("cookie: lax=1"), "{bare}");

    let raw = browser.request(reqwest::Method::GET, echo.url("/"));
    let raw = raw.cookie_header_override(b"x=y; x=z").send().await.text();
    assert!(raw.contains("cookie: x=y; x=z\n"), "{raw}");
}

#[rocket::async_test]
async fn a_proxy_makes_plain_http_look_like_https() {
    let echo = echo().await;
    let browser = Browser::new().behind_proxy("https://app.example.com", &echo.url(""));
    browser
        .set_cookie_raw("https://app.example.com/", "__Host-a=1; Secure; Path=/")
        .unwrap();
    let answer = browser
        .navigate("https://app.example.com/page?q=1")
        .await
        .text();
    assert!(answer.starts_with("GET /page?q=1 "), "{answer}");
    assert!(answer.contains("host: app.example.com\n"), "{answer}");
    assert!(answer.contains("x-forwarded-proto: https"), "{answer}");
    assert!(answer.contains("cookie: __Host-a=1"), "{answer}");
}

#[rocket::async_test]
async fn a_clone_is_a_copy() {
    let browser = Browser::new();
    browser
        .set_cookie_raw("http://localhost/", "a=1; HttpOnly")
        .unwrap();
    let thief = browser.clone();
    browser.edit_cookies(|cookies| cookies[0].value = "2".to_owned());
    assert_eq!(
        browser.cookie_header("http://localhost/").as_deref(),
        Some("a=2")
    );
    assert_eq!(
        thief.cookie_header("http://localhost/").as_deref(),
        Some("a=1")
    );
    assert!(thief.cookie("a").unwrap().http_only);
    assert!(thief.cookie("b").is_none());
}

async fn bare_get(url: String) -> Result<Response, reqwest::Error> {
    Browser::new()
        .request(reqwest::Method::GET, url)
        .try_send()
        .await
}

/// Everything the error says, its causes too.
fn causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

#[rocket::async_test]
async fn the_raw_server_misbehaves_on_demand() {
    let whole = json_response("200 OK", &json!({ "a": 1 }));
    let cut = whole[..whole.len() - 2].to_vec();
    let endless = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    let pause = Duration::from_millis(2);
    let server = RawServer::start(move |request| match request.path() {
        "/trickle" => vec![Step::Trickle {
            bytes: whole.clone(),
            pause,
        }],
        "/late" => vec![
            Step::Pause(Duration::from_millis(300)),
            Step::Send(whole.clone()),
        ],
        "/cut" => vec![Step::Send(cut.clone())],
        "/half-close" => vec![Step::Send(cut.clone()), Step::HalfClose],
        "/reset" => vec![Step::Reset],
        "/reset-in-body" => vec![
            Step::Send(cut.clone()),
            Step::Pause(pause * 20),
            Step::Reset,
        ],
        "/endless" => vec![
            Step::Send(endless.clone()),
            Step::SendForever(b"1\r\nx\r\n".to_vec()),
        ],
        "/silent" => vec![],
        _ => vec![Step::Hang],
    })
    .await;

    let trickled = bare_get(server.url("/trickle")).await.unwrap();
    assert_eq!(trickled.json::<serde_json::Value>(), json!({ "a": 1 }));
    let start = Instant::now();
    bare_get(server.url("/late")).await.unwrap();
    assert!(start.elapsed() >= Duration::from_millis(300));

    let table = [
        ("/cut", "end of file before message length reached"),
        ("/half-close", "end of file before message length reached"),
        ("/reset", "reset by peer"),
        ("/reset-in-body", "reset by peer"),
        ("/silent", "connection closed before message completed"),
    ];
    for (path, expected) in table {
        let error = causes(&bare_get(server.url(path)).await.unwrap_err());
        assert!(error.contains(expected), "{path}: {error}");
    }
    for path in ["/endless", "/hang"] {
        let limit = Duration::from_millis(300);
        let answer = rocket::tokio::time::timeout(limit, bare_get(server.url(path))).await;
        assert!(answer.is_err(), "{path} ended");
    }
    assert_eq!(server.connections(), 9);
    assert_eq!(server.request_lines()[0], "GET /trickle HTTP/1.1");
    assert_eq!(server.count("/cut"), 1);
}

#[rocket::async_test]
async fn the_raw_server_need_not_listen() {
    let deaf = RawServer::on_connect(vec![Step::Reset]).await;
    assert!(bare_get(deaf.url("/")).await.is_err());
    assert!(deaf.connections() > 0);
    assert_eq!(deaf.requests().len(), 0);
}

#[rocket::async_test]
async fn the_raw_server_keeps_connections_when_told() {
    let kept = RawServer::start(|_| {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        vec![Step::text(head), Step::KeepAlive]
    })
    .await;
    // By hand: an HTTP client may open a second connection before the first one
    // is back in its pool.
    let mut stream = TcpStream::connect(("127.0.0.1", kept.port()))
        .await
        .unwrap();
    for _ in 0..3 {
        let request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut answer = [0; "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".len()];
        stream.read_exact(&mut answer).await.unwrap();
        assert!(answer.ends_with(b"\r\n\r\nok"));
    }
    assert_eq!((kept.connections(), kept.requests().len()), (1, 3));
}

#[get("/visits")]
fn visits(jar: &CookieJar<'_>) -> String {
    let count = jar
        .get("visits")
        .and_then(|cookie| cookie.value().parse::<u32>().ok());
    let count = count.unwrap_or(0) + 1;
    jar.add(("visits", count.to_string()));
    count.to_string()
}

#[post("/visits")]
fn reset_visits(jar: &CookieJar<'_>) -> Redirect {
    jar.remove("visits");
    Redirect::to("/visits")
}

fn counter() -> Rocket<Build> {
    let figment = rocket::Config::figment().merge(("log_level", "off"));
    rocket::custom(figment).mount("/", routes![visits, reset_visits])
}

#[rocket::async_test]
async fn a_rocket_is_served_and_stopped_and_served_again_on_its_port() {
    let port = free_port();
    let browser = Browser::new();
    for round in 0..2 {
        let server = Served::start_on(port, counter()).await;
        assert_eq!(server.port(), port);
        let expected = (2 * round + 1, 2 * round + 2);
        for count in [expected.0, expected.1] {
            assert_eq!(
                browser.navigate(server.url("/visits")).await.text(),
                count.to_string()
            );
        }
        server.stop().await;
        TcpListener::bind(("127.0.0.1", port)).expect("the port is free again");
    }
    let server = Served::start(counter()).await;
    let hops = browser.post_form(server.url("/visits"), &[]).await;
    let hops = browser.follow_all(hops, 1).await;
    assert_eq!(hops[0].status(), Status::SeeOther.code);
    assert_eq!(hops[1].text(), "1");
    assert_eq!(browser.violations(), []);
}

#[test]
fn free_ports_are_free_and_all_different() {
    let mut ports: Vec<_> = (0..50).map(|_| free_port()).collect();
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), 50);
}

#[rocket::async_test]
async fn a_process_is_heard_and_its_end_seen() {
    let mut failing = Command::new("sh");
    failing.args(["-c", "echo said; echo complained >&2; exit 3"]);
    let mut failing = Process::spawn(&mut failing);
    assert_eq!(failing.wait_for_exit().await.code(), Some(3));
    let output = failing.output();
    assert!(
        output.contains("said\n") && output.contains("complained\n"),
        "{output}"
    );

    let mut lasting = Command::new("sh");
    lasting.args(["-c", "echo ready; exec sleep 600"]);
    let mut lasting = Process::spawn(&mut lasting);
    lasting.wait_for_output("ready").await;
    let proc = format!("/proc/{}", lasting.id());
    assert!(Path::new(&proc).exists());
    drop(lasting);
    assert!(!Path::new(&proc).exists());
}

#[rocket::async_test]
async fn a_process_that_ends_too_soon_fails_the_test_with_its_output() {
    let waiting = rocket::tokio::spawn(async {
        let mut command = Command::new("sh");
        let mut process = Process::spawn(command.args(["-c", "echo no such luck"]));
        process.wait_for_output("ready").await;
    });
    let panic = waiting.await.unwrap_err().into_panic();
    let message = panic.downcast_ref::<String>().unwrap();
    assert!(message.contains("no such luck"), "{message}");
}
