//! Guards are types on routes, so no spelling of a path, no method and no
//! header lets anybody in who is not signed in. And an app that could not tell
//! does not start.

use std::time::Duration;

use rocket::error::ErrorKind;
use rocket::serde::Deserialize;
use rocket::tokio::io::{AsyncReadExt, AsyncWriteExt};
use rocket::tokio::net::TcpStream;
use rocket::tokio::time::timeout;
use rocket::{Route, get, post, routes};
use rocket_logto::{Error, SignIn, SignOut, User, UserInfo};

use crate::support::app::{ALICE, TestApp};
use crate::support::browser::Browser;

const SECRET: &str = "for users only";

#[get("/protected")]
fn page(_user: User) -> &'static str {
    SECRET
}
#[get("/protected/<_..>", rank = 2)]
fn below(_user: User) -> &'static str {
    SECRET
}
#[post("/protected")]
fn change(_user: User) -> &'static str {
    SECRET
}
#[get("/protected/admin")]
fn admin(_info: UserInfo) -> &'static str {
    SECRET
}

/// Sends the request line as it is: no client in between tidies the path.
pub async fn send(port: u16, method: &str, path: &str, headers: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n{headers}\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await;
    read.expect("an answer").expect("an answer");
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
    (status.unwrap_or(0), answer)
}

pub const PATHS: [&str; 34] = [
    "/protected",
    "/protected/",
    "//protected",
    "///protected//",
    "/protected//",
    "/protected/.",
    "/protected/..",
    "/./protected",
    "/x/../protected",
    "/protected/x/..",
    "/sign-in/../protected",
    "/sign-in/..%2fprotected",
    "/protected;a=b",
    "/protected;/sign-in",
    "/;/protected",
    "/protected%2f",
    "/%2fprotected",
    "/%70rotected",
    "/protected%20",
    "/protected%00",
    "/protected%0d%0a",
    "/protected%23",
    "/protected%3f",
    "/protected.",
    "/protected.json",
    "/PROTECTED",
    "/protected?",
    "/protected?/sign-in",
    "/protected?return_to=/sign-in&user=alice",
    "/protected/admin",
    "/protected/admin?sub=alice4hy6kz2",
    "/protected/%2e%2e/admin",
    "/protected#/sign-in",
    "http://localhost/protected",
];

pub const METHODS: [&str; 11] = [
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get", "PROPFIND", "FOO",
];

const HEADERS: [&str; 12] = [
    "",
    "X-Forwarded-Uri: /sign-in\r\n",
    "X-Forwarded-For: 127.0.0.1\r\nX-Real-IP: 127.0.0.1\r\nForwarded: for=127.0.0.1\r\n",
    "X-Forwarded-Host: localhost\r\nX-Forwarded-Proto: https\r\n",
    "X-Original-URL: /\r\nX-Rewrite-URL: /\r\n",
    "X-Original-URL: /protected\r\nX-Rewrite-URL: /protected\r\n",
    "X-HTTP-Method-Override: GET\r\nX-Method-Override: GET\r\n",
    "X-User: alice4hy6kz2\r\nX-Remote-User: alice\r\nRemote-User: alice\r\n",
    "X-Forwarded-User: alice\r\nX-Auth-Request-User: alice\r\nX-Forwarded-Email: a@b\r\n",
    "User-Agent: GoogleHC/1.0 kube-probe/1.30 ELB-HealthChecker/2.0\r\n",
    "Authorization: Bearer none\r\nCookie: logto_session=true\r\n",
    "Authorization: Basic YWxpY2U6YWxpY2U=\r\nAccept: application/json\r\n",
];

#[rocket::async_test]
async fn no_spelling_method_or_header_lets_in() {
    let rocket = rocket::build().mount("/", routes![page, below, change, admin]);
    let app = TestApp::start(rocket).await;
    let port = app.app.port();
    let check = async |method: &str, path: &str, headers: &str| {
        let (status, answer) = send(port, method, path, headers).await;
        let case = format!("{method} {path} {headers:?}: {answer}");
        assert!((300..500).contains(&status), "{case}");
        assert!(!answer.contains(SECRET), "{case}");
    };
    for path in PATHS {
        for method in METHODS {
            check(method, path, "").await;
        }
        for headers in HEADERS {
            check("GET", path, headers).await;
        }
    }
    for headers in HEADERS {
        check(
            "POST",
            "/protected",
            &format!("{headers}Content-Length: 0\r\n"),
        )
        .await;
        check("HEAD", "/protected", headers).await;
    }

    // The same with a session shows that there was something to find.
    let browser = Browser::new();
    app.sign_in(&browser, "/protected", ALICE).await;
    let cookies = browser.cookie_header(app.url("/")).expect("cookies");
    let headers = format!("Cookie: {cookies}\r\n");
    for path in [
        "/protected",
        "//protected",
        "/protected/admin",
        "/%70rotected",
    ] {
        let (status, answer) = send(port, "GET", path, &headers).await;
        assert!(status == 200 && answer.contains(SECRET), "{path}: {answer}");
    }
}

#[derive(Deserialize)]
#[serde(crate = "rocket::serde")]
struct Mine {}

#[get("/")]
fn user(_user: User) {}
#[get("/")]
fn optional(_user: Option<User>) {}
#[get("/")]
fn fallible(_user: Result<User, Error>) {}
#[get("/")]
fn typed(_user: User<Mine>) {}
#[get("/")]
fn user_info(_info: UserInfo) {}
#[get("/")]
fn optional_info(_info: Option<UserInfo<Mine>>) {}
#[get("/")]
fn sign_in() -> SignIn {
    SignIn::new()
}
#[get("/")]
fn sign_out() -> Option<SignOut> {
    None
}
#[get("/")]
fn unguarded() {}

#[rocket::async_test]
async fn a_guard_without_the_fairing_stops_the_launch() {
    let guarded: [(&str, Vec<Route>); 8] = [
        ("User", routes![user]),
        ("Option<User>", routes![optional]),
        ("Result<User, Error>", routes![fallible]),
        ("User<Mine>", routes![typed]),
        ("UserInfo", routes![user_info]),
        ("Option<UserInfo<Mine>>", routes![optional_info]),
        ("-> SignIn", routes![sign_in]),
        ("-> Option<SignOut>", routes![sign_out]),
    ];
    for (case, routes) in guarded {
        let rocket = rocket::custom(quiet()).mount("/", routes);
        let error = rocket.ignite().await.expect_err(case);
        let aborted = matches!(error.kind(), ErrorKind::SentinelAborts(all) if all.len() == 1);
        assert!(aborted, "{case}: {:?}", error.kind());
    }
    let rocket = rocket::custom(quiet()).mount("/", routes![unguarded]);
    assert!(
        rocket.ignite().await.is_ok(),
        "it is the guards that stop it"
    );
}

fn quiet() -> rocket::figment::Figment {
    rocket::Config::figment()
        .merge(("profile", "debug"))
        .merge(("log_level", "off"))
}
