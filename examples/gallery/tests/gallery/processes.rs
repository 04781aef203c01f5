//! Each example as `cargo run` starts it, where nothing is configured: a directory with no
//! `Rocket.toml` above it, and an environment with nothing but a port. It ends in a sign-in.

use std::fs::File;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use reqwest::header::{LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Response, StatusCode};
use rocket::futures::future::join_all;
use rocket::serde::json::{self, Value};
use rocket::tokio::time::sleep;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);

/// One line for each example: its program, who signs in, a page for them and what it says then.
pub const EXAMPLES: [(&str, &str, &str, &str); 6] = [
    ("sign_in", "alice", "/me", "You are Alice Example."),
    ("own_database", "alice", "/", "Hello, you without a name."),
    ("roles", "ada", "/admin", "Ada Admin, you may"),
    (
        "organizations",
        "alice",
        "/organizations/acme5obvzg01",
        "may manage the members",
    ),
    ("api_and_spa", "alice", "/api/cart", "\"items\":[]"),
    (
        "single_page_app",
        "alice",
        "/session.json",
        "\"name\":\"Alice Example\"",
    ),
];

/// The one where nobody signs in.
pub const MACHINE_CLIENT: &str = "machine_client";

fn program(name: &str) -> &'static str {
    match name {
        "sign_in" => env!("CARGO_BIN_EXE_sign_in"),
        "own_database" => env!("CARGO_BIN_EXE_own_database"),
        "roles" => env!("CARGO_BIN_EXE_roles"),
        "organizations" => env!("CARGO_BIN_EXE_organizations"),
        "api_and_spa" => env!("CARGO_BIN_EXE_api_and_spa"),
        "single_page_app" => env!("CARGO_BIN_EXE_single_page_app"),
        MACHINE_CLIENT => env!("CARGO_BIN_EXE_machine_client"),
        _ => panic!("no example {name}"),
    }
}

#[rocket::async_test]
async fn a_user_signs_in_on_a_fresh_machine() {
    // All at once: their providers find ports of their own.
    let signed_in = EXAMPLES.map(async |(name, user, path, text)| {
        let app = Running::start(name).await;
        let front = app.get("/").await;
        assert_eq!(front.status(), StatusCode::OK, "{name}");
        let before = app.get(path).await.text().await.expect("a body");
        assert!(!before.contains(text), "{name}: {before}");

        let cookies = app.sign_in(user).await;
        let page = app.http.get(app.url(path)).header("Cookie", cookies);
        let page = page.header("Sec-Fetch-Site", "same-origin").send();
        let page = page.await.expect("a page").text().await.expect("a body");
        assert!(page.contains(text), "{name}: {page}");
    });
    join_all(signed_in).await;
}

#[rocket::async_test]
async fn the_machine_calls_the_api() {
    let app = Running::start(MACHINE_CLIENT).await;
    let expected = json::json!({ "apples": 7, "asked_by": "dev-machine" });
    // By the guard.
    assert_eq!(body(app.get("/now").await).await, expected);
    // By the task in the background.
    let end = Instant::now() + PATIENCE;
    while body(app.get("/").await).await["seen"] != expected {
        assert!(Instant::now() < end, "never seen:\n{}", app.output());
        sleep(Duration::from_millis(50)).await;
    }
    // Callers without a token get nothing.
    let refused = app.get("/api/stock").await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
}

/// Below the ports that the kernel takes for outgoing connections, and another for each call.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let of_this_process = 10_000 + (std::process::id() % 100) as u16 * 90;
    loop {
        let port = of_this_process + NEXT.fetch_add(1, Ordering::Relaxed);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

async fn body(answer: Response) -> Value {
    let body = answer.bytes().await.expect("a body");
    json::from_slice(&body).unwrap_or_else(|_| panic!("no JSON: {body:?}"))
}

/// The process of an example; it ends on drop.
struct Running {
    child: Child,
    directory: TempDir,
    port: u16,
    http: reqwest::Client,
}

impl Running {
    async fn start(name: &str) -> Running {
        let port = free_port();
        let directory = tempfile::tempdir().expect("a directory");
        let log = File::create(directory.path().join("log")).expect("a file");
        let mut command = Command::new(program(name));
        let command = command.current_dir(&directory).env_clear();
        let command = command
            .env("ROCKET_PORT", port.to_string())
            .stdin(Stdio::null());
        let command = command
            .stdout(log.try_clone().expect("a handle"))
            .stderr(log);
        let child = command.spawn().expect("the example starts");
        let http = reqwest::Client::builder()
            .redirect(Policy::none())
            .no_proxy();
        let http = http.timeout(PATIENCE).build().expect("a client");
        let mut app = Running {
            child,
            directory,
            port,
            http,
        };
        // Users can sign in from then on.
        let end = Instant::now() + PATIENCE;
        loop {
            let ready = app.http.get(app.url("/readyz")).send().await;
            if ready.is_ok_and(|answer| answer.status().is_success()) {
                return app;
            }
            let ended = app.child.try_wait().expect("its state");
            let is_well = ended.is_none() && Instant::now() < end;
            assert!(is_well, "{name} is not ready: {ended:?}\n{}", app.output());
            sleep(Duration::from_millis(50)).await;
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.port)
    }

    async fn get(&self, path: &str) -> Response {
        let answer = self.http.get(self.url(path)).send().await;
        answer.unwrap_or_else(|error| panic!("{path}: {error}\n{}", self.output()))
    }

    fn output(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// Makes the steps of a browser. The cookies that it has then.
    async fn sign_in(&self, user: &str) -> String {
        let start = self.get("/sign-in").await;
        let begun = cookies(&start);
        let page = self
            .http
            .get(location(&start))
            .send()
            .await
            .expect("the provider");
        let mut form_goes_to = page.url().clone();
        form_goes_to.set_path("/sign-in");
        form_goes_to.set_query(None);
        let page = page.text().await.expect("its page");
        let interaction = page
            .split_once(r#"name="interaction" value=""#)
            .expect("a form")
            .1;
        let interaction = interaction.split('"').next().unwrap_or_default();
        let pressed = self.http.post(form_goes_to);
        let pressed = pressed.header("Content-Type", "application/x-www-form-urlencoded");
        let pressed = pressed.body(format!("interaction={interaction}&user={user}"));
        let pressed = pressed.send().await.expect("the provider");
        let back = self.http.get(location(&pressed)).header("Cookie", begun);
        let back = back.send().await.expect("the callback");
        assert_eq!(back.status(), StatusCode::SEE_OTHER, "{}", self.output());
        cookies(&back)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn location(answer: &Response) -> String {
    let location = answer
        .headers()
        .get(LOCATION)
        .and_then(|to| to.to_str().ok());
    location.expect("a redirect").to_owned()
}

/// Those that an answer sets, as a `Cookie` header.
fn cookies(answer: &Response) -> String {
    let set = answer.headers().get_all(SET_COOKIE).iter();
    let pairs = set.filter_map(|line| line.to_str().ok()?.split(';').next());
    pairs.collect::<Vec<_>>().join("; ")
}
