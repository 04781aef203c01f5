//! The documented nginx writes no code, token, hint or e-mail address into a log,
//! whatever becomes of the request, and bounds what one address may ask for.

use std::io::{Read, Write};
use std::net::TcpStream;

use reqwest::Method;
use rocket::futures::future::join_all;

use crate::support::app::ALICE;
use crate::support::browser::Browser;
use crate::support::eventually::eventually;
use crate::support::instances::Pair;

const SECRET: &str = "aSecretOfSomebody-0123456789";

/// `/callback` with a secret wherever one can be.
fn callback() -> String {
    format!("/callback?code={SECRET}&state={SECRET}&iss=https://op.example")
}

/// A request as it stands, without a library that would mend it.
fn raw(port: u16, head: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("nginx listens");
    let sent = stream.write_all(format!("{head}\r\n\r\n").as_bytes());
    sent.expect("nginx reads");
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

#[rocket::async_test]
async fn whatever_becomes_of_a_request() {
    let mut pair = Pair::start(None).await;
    let browser = pair.nginx.browser();
    let mut secrets = vec![SECRET.to_owned(), "alice%40".into(), "alice@".into()];

    // What goes well.
    let steps = pair.sign_in(&browser, ALICE).await;
    let answered = steps.iter().find(|step| step.url().path() == "/callback");
    let query = answered.expect("a callback").url().query_pairs();
    secrets.extend(
        query
            .filter(|(name, _)| name != "iss")
            .map(|(_, value)| value.into()),
    );
    let hinted = format!("/sign-in?one_time_token={SECRET}&login_hint=alice@example.com");
    let other = pair.nginx.browser();
    other.navigate(pair.url(&hinted)).await;
    let signed_out = browser.post_form(pair.url("/sign-out"), &[]).await;
    assert_eq!(signed_out.status(), 303);

    // What does not.
    let asked = other.navigate(pair.url(&callback())).await;
    assert_eq!(asked.status(), 303, "it begins a sign-in");
    let again = callback().replace("state=", "state=again.");
    let asked = other.navigate(pair.url(&again)).await;
    assert_eq!(asked.status(), 400);
    for method in ["PROPFIND", "BREW", "TRACE"] {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let sent = other.request(method, pair.url(&callback())).send().await;
        assert_eq!(sent.status(), 405);
        assert_eq!(sent.header("x-instance"), None, "no instance is asked");
    }
    let from = format!("https://mail.example/?token={SECRET}");
    let request = other
        .request(Method::GET, pair.url("/"))
        .header("referer", &from);
    assert_eq!(request.send().await.status(), 200);
    let long = format!("{}&more={}", callback(), "x".repeat(20_000));
    assert_eq!(other.navigate(pair.url(&long)).await.status(), 414);

    // Without TLS.
    let plain = Browser::new().get(pair.nginx.plain_url(&callback())).await;
    assert_eq!(plain.status(), 308);
    let port = pair.nginx.plain_port();
    let target = callback();
    for head in [
        format!("PROPFIND {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close"),
        format!("GET {target} HTTP/9.9\r\nHost: localhost"),
        format!("GET {target} HTTP/1.1"),
        format!("G\u{e9}T {target} HTTP/1.1\r\nHost: localhost"),
        format!(
            "GET {target} HTTP/1.1\r\nHost: localhost\r\nX: {}",
            "x".repeat(70_000)
        ),
    ] {
        let answer = raw(port, &head);
        let refused = answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.1 308");
        assert!(refused || answer.contains(" 505 "), "{answer}");
    }

    // Too much of it, and nobody there to answer.
    let answers = join_all((0..400).map(|_| other.navigate(pair.url(&callback())))).await;
    assert!(answers.iter().any(|answer| answer.status() == 429));
    for instance in &mut pair.instances {
        instance.kill();
    }
    let another = pair.nginx.browser();
    let down = another
        .navigate(pair.url("/backchannel-logout?code=1"))
        .await;
    assert_eq!(down.status(), 502);

    let lines = [
        " GET /callback 303 ",
        " GET /callback 400 ",
        " GET /callback 308 ",
        " GET /callback 429 ",
        " PROPFIND /callback 405 ",
        " GET /sign-in 303 ",
        " POST /sign-out 303 ",
        " GET /backchannel-logout 502 ",
    ];
    // A line is written once the answer is out.
    eventually("all of it is in the log", async || {
        let log = pair.nginx.log();
        lines.iter().all(|line| log.contains(line))
    })
    .await;
    let all = pair.nginx.all_logs();
    for secret in secrets {
        assert!(!all.contains(&secret), "{secret} is in the log:\n{all}");
    }
}

/// The limit is for who starts sign-ins, not for who uses the app.
#[rocket::async_test]
async fn who_begins_too_many_sign_ins_is_told_to_wait() {
    let pair = Pair::start(None).await;
    let alice = pair.nginx.browser();
    pair.sign_in(&alice, ALICE).await;

    let stranger = pair.nginx.browser();
    let starts = join_all((0..400).map(|_| stranger.get(pair.url("/sign-in")))).await;
    let refused = starts.iter().filter(|start| start.status() == 429).count();
    assert!((1..=300).contains(&refused), "{refused} of 400");

    let pages = join_all((0..200).map(|_| alice.fetch_json(pair.url("/protected/no-redirect"))));
    for page in pages.await {
        assert_eq!(page.status(), 200, "{}", page.text());
    }
}
