//! Sign-ins that are only begun, however many, leave nothing on the server. And
//! what sessions do take, in figures.

use logto_dev_provider::DevProvider;
use rocket::futures::future::join_all;
use rocket::tokio::io::{AsyncReadExt, AsyncWriteExt};
use rocket::tokio::net::TcpStream;

use crate::support::app::{ALICE, settings};
use crate::support::browser::Browser;
use crate::support::instances::{Instance, RedisServer};
use crate::support::pages::session_cookie;
use crate::support::serve::free_port;

const MIB: u64 = 1 << 20;
const WHO: &str = "/protected/no-redirect";

/// An app of its own process, so that its memory is nobody else's.
async fn app(redis: Option<&RedisServer>) -> (DevProvider, Instance, String) {
    let provider = DevProvider::start(settings()).await.expect("a provider");
    let port = free_port();
    let base_url = format!("http://localhost:{port}");
    provider.set_redirect_uris([format!("{base_url}/callback")]);
    let instance = Instance::start(port, &base_url, &provider, redis).await;
    (provider, instance, base_url)
}

/// Sends `count` anonymous `GET /sign-in` down four connections, many at once,
/// and counts the redirects to the provider.
async fn start_sign_ins(port: u16, count: usize) -> usize {
    let connection = |count: usize| async move {
        const BATCH: usize = 50;
        const REQUEST: &str = "GET /sign-in?return_to=/protected HTTP/1.1\r\nHost: localhost\r\n\
                               Accept: text/html\r\n\r\n";
        const REDIRECT: &[u8] = b"HTTP/1.1 303 ";
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let batch = REQUEST.repeat(BATCH);
        let mut redirects = 0;
        for _ in 0..count / BATCH {
            stream.write_all(batch.as_bytes()).await.unwrap();
            let (mut answers, mut found) = (Vec::with_capacity(1 << 18), 0);
            let mut buffer = vec![0; 1 << 16];
            while found < BATCH {
                let read = stream.read(&mut buffer).await.unwrap();
                let from = answers.len().saturating_sub(REDIRECT.len() - 1);
                answers.extend_from_slice(&buffer[..read]);
                let new = &answers[from..];
                found += new
                    .windows(REDIRECT.len())
                    .filter(|&window| window == REDIRECT)
                    .count();
                assert!(read > 0, "{}", String::from_utf8_lossy(&answers));
            }
            redirects += found;
        }
        redirects
    };
    let counts = join_all((0..4).map(|_| connection(count / 4))).await;
    counts.into_iter().sum()
}

#[rocket::async_test]
async fn a_hundred_thousand_starts_leave_nothing() {
    const STARTS: usize = 100_000;
    let redis = RedisServer::start().await;
    let (provider, app, _) = app(Some(&redis)).await;
    assert_eq!(start_sign_ins(app.port, 4_000).await, 4_000);
    let before = app.resident_memory();
    let asked = provider.requests().len();
    let began = std::time::Instant::now();
    assert_eq!(start_sign_ins(app.port, STARTS).await, STARTS);
    let grown = app.resident_memory().saturating_sub(before);
    println!(
        "{STARTS} sign-ins started in {:?}: the app has grown by {} KiB",
        began.elapsed(),
        grown / 1024
    );
    // 40 bytes for each would be 4 MB.
    assert!(grown < 4 * MIB, "it has grown by {grown} bytes");
    assert_eq!(redis.keys(), 0, "keys in Redis");
    assert_eq!(provider.requests().len(), asked, "calls to the provider");
}

/// Signs `count` people in, eight at a time, and looks at a page with one in a
/// hundred of them.
async fn sign_in(base_url: &str, count: usize) {
    let fresh = Browser::new();
    let person = |number: usize| {
        let browser = fresh.clone();
        async move {
            let start = browser.navigate(format!("{base_url}/sign-in")).await;
            let provider = browser.follow(&start).await;
            let callback = browser.follow(&provider).await;
            assert_eq!(callback.status(), 303, "{}", callback.text());
            assert!(session_cookie(&browser).is_some(), "no session");
            if number.is_multiple_of(100) {
                let page = browser.get(format!("{base_url}{WHO}")).await;
                assert_eq!(page.status(), 200, "{}", page.text());
            }
        }
    };
    for numbers in (0..count).collect::<Vec<_>>().chunks(8) {
        join_all(numbers.iter().map(|&number| person(number))).await;
    }
}

/// Ten thousand people in each store. The figures are those of the production guide.
async fn ten_thousand_sessions(store: &str, redis: Option<&RedisServer>) {
    const SESSIONS: u64 = 10_000;
    let (provider, app, base_url) = app(redis).await;
    provider.hooks().sign_in_as(Some(ALICE));
    sign_in(&base_url, 400).await;
    let (app_before, redis_before) = (app.resident_memory(), redis.map(RedisServer::used_memory));
    let keys_before = redis.map(RedisServer::keys);
    let began = std::time::Instant::now();
    sign_in(&base_url, 10_000).await;
    let app_grown = app.resident_memory().saturating_sub(app_before);
    println!(
        "{store}: {SESSIONS} sessions in {:?}: the app takes {} KiB more, {} bytes each",
        began.elapsed(),
        app_grown / 1024,
        app_grown / SESSIONS
    );
    assert!(app_grown < 100 * MIB, "{store}: {app_grown} bytes");
    if let (Some(redis), Some(before), Some(keys)) = (redis, redis_before, keys_before) {
        let grown = redis.used_memory().saturating_sub(before);
        println!(
            "{store}: Redis takes {} KiB more, {} bytes each",
            grown / 1024,
            grown / SESSIONS
        );
        assert!(redis.keys() >= keys + SESSIONS, "sessions are in Redis");
        assert!(grown < 200 * MIB, "{store}: {grown} bytes");
    }
}

#[rocket::async_test]
async fn ten_thousand_sessions_in_cookies() {
    ten_thousand_sessions("cookies", None).await;
}

#[rocket::async_test]
async fn ten_thousand_sessions_in_redis() {
    let redis = RedisServer::start().await;
    ten_thousand_sessions("Redis", Some(&redis)).await;
}
