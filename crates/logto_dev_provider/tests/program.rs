//! The program, as somebody sees it who starts it in a terminal.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

fn program(options: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_logto_dev_provider"));
    command.args(options);
    command
}

/// Runs it to its end.
fn output(options: &[&str]) -> Output {
    let output = program(options).stdin(Stdio::null()).output();
    output.expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// It ends with this status, and standard error has these words.
#[track_caller]
fn ends(options: &[&str], status: i32, words: &[&str]) -> String {
    let output = output(options);
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{options:?}: {error}");
    assert!(output.stdout.is_empty(), "{}", text(&output.stdout));
    for word in words {
        assert!(error.contains(word), "{word:?} is not in: {error}");
    }
    error
}

/// A file that only this test writes.
fn file(name: &str, content: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, content).expect("a file");
    path
}

/// The program while it runs.
struct Running {
    process: Child,
    /// What it said when it listened.
    banner: String,
}

impl Running {
    fn start(options: &[&str]) -> Running {
        let mut command = program(&[&["--port", "0"], options].concat());
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().expect("the program starts");
        let mut lines = BufReader::new(process.stdout.as_mut().expect("a pipe")).lines();
        let mut banner = String::new();
        while !banner.contains("Ctrl-C") {
            let line = lines.next().expect("it is not over").expect("UTF-8");
            banner.push_str(&line);
            banner.push('\n');
        }
        Running { process, banner }
    }

    /// What the banner says behind a label.
    #[track_caller]
    fn says(&self, label: &str) -> String {
        let line = self
            .banner
            .lines()
            .find_map(|line| line.strip_prefix(label));
        let line = line.unwrap_or_else(|| panic!("no {label:?} in {}", self.banner));
        line.trim().to_owned()
    }

    async fn discovery(&self) -> Value {
        let url = format!("{}/.well-known/openid-configuration", self.says("Issuer"));
        let body = get(&url).await.text().await.expect("a body");
        serde_json::from_str(&body).expect("JSON")
    }

    /// Status of an authorization request.
    async fn authorize(&self, redirect_uri: &str) -> u16 {
        let mut url = url::Url::parse(&format!("{}/auth", self.says("Issuer"))).expect("a URL");
        url.query_pairs_mut().extend_pairs([
            ("client_id", self.says("Client id").as_str()),
            ("redirect_uri", redirect_uri),
            ("response_type", "code"),
            ("scope", "openid"),
        ]);
        get(url.as_str()).await.status().as_u16()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn get(url: &str) -> reqwest::Response {
    let client = reqwest::Client::builder().no_proxy().build();
    let client = client.expect("a client");
    client.get(url).send().await.expect("an answer")
}

#[tokio::test]
async fn it_says_where_it_is_and_answers_there() {
    let running = Running::start(&[]);
    assert!(running.banner.contains("anybody signs in as anybody"));
    assert!(running.banner.contains("Never use it in production"));
    let address = running.says("Address");
    assert!(address.starts_with("http://localhost:"), "{address}");
    assert_eq!(running.says("Issuer"), format!("{address}/oidc"));
    let control = running.says("Control page");
    assert_eq!(control, format!("{address}/ (users, roles, keys)"));
    assert!(!running.banner.contains("kept"), "{}", running.banner);
    assert_eq!(running.says("Client id"), "dev-app");
    assert_eq!(
        running.says("Client secret"),
        "dev-secret-known-to-everyone"
    );
    assert_eq!(running.says("Users"), "alice, bob, zoe");
    assert!(running.says("Redirect URIs").starts_with("any http"));

    let metadata = running.discovery().await;
    assert_eq!(metadata["issuer"], running.says("Issuer"));
    let algs = &metadata["id_token_signing_alg_values_supported"];
    assert_eq!(algs[0], "ES384");
    let port = address.rsplit(':').next().expect("a port");
    let page = get(&format!("http://127.0.0.1:{port}/")).await;
    assert_eq!(page.status(), 200);
}

#[tokio::test]
async fn it_sends_people_back_to_this_machine_only() {
    let running = Running::start(&[]);
    assert_eq!(
        running.authorize("http://localhost:8000/callback").await,
        200
    );
    assert_eq!(running.authorize("http://127.0.0.1/cb").await, 200);
    assert_eq!(running.authorize("http://[::1]:5000/").await, 200);
    assert_eq!(running.authorize("https://app.example/callback").await, 400);
}

#[tokio::test]
async fn registered_redirect_uris_are_the_only_ones() {
    const OWN: &str = "http://localhost:8000/callback";
    const OTHER: &str = "https://app.example/callback";
    let running = Running::start(&[
        "--redirect-uri",
        OWN,
        "--redirect-uri",
        OTHER,
        "--post-logout-redirect-uri=http://localhost:8000/",
        "--client-id=shop",
        "--client-secret=s3cret",
        "--signing-alg=RS256",
    ]);
    assert_eq!(running.says("Client id"), "shop");
    assert_eq!(running.says("Client secret"), "s3cret");
    assert_eq!(running.says("Redirect URIs"), OWN);
    assert!(running.banner.contains(OTHER));
    assert_eq!(running.says("After sign-out"), "http://localhost:8000/");
    assert_eq!(running.authorize(OWN).await, 200);
    assert_eq!(running.authorize(OTHER).await, 200);
    assert_eq!(
        running.authorize("http://localhost:8001/callback").await,
        400
    );
    let metadata = running.discovery().await;
    let algs = &metadata["id_token_signing_alg_values_supported"];
    // At Logto an RSA key might sign in two ways.
    assert_eq!(*algs, serde_json::json!(["PS256", "RS256"]));
}

#[tokio::test]
async fn clients_register_themselves_where_that_is_asked_for() {
    let register = async |running: &Running| {
        let client = reqwest::Client::builder().no_proxy().build();
        let request = client
            .expect("a client")
            .post(format!("{}/register", running.says("Issuer")));
        let request = request.header("content-type", "application/json");
        let body = r#"{"redirect_uris":["http://127.0.0.1/callback"]}"#;
        request.body(body).send().await.expect("an answer").status()
    };
    let running = Running::start(&["--dynamic-registration"]);
    let at = format!("{}/register", running.says("Issuer"));
    assert_eq!(running.says("Registration"), at);
    assert_eq!(running.discovery().await["registration_endpoint"], at);
    assert_eq!(register(&running).await, 201);
    let running = Running::start(&[]);
    assert!(
        !running.banner.contains("Registration"),
        "{}",
        running.banner
    );
    assert_eq!(register(&running).await, 404);
}

#[cfg(unix)]
#[tokio::test]
async fn ctrl_c_ends_it_cleanly_and_frees_the_port() {
    for signal in ["-INT", "-TERM"] {
        let mut running = Running::start(&[]);
        // A connection that stays open must not hold it up.
        let _metadata = running.discovery().await;
        let address = running.says("Address");
        let id = running.process.id().to_string();
        let kill = Command::new("kill").args([signal, &id]).status();
        assert!(kill.expect("kill runs").success());
        let status = running.process.wait().expect("it ends");
        assert_eq!(status.code(), Some(0), "{signal}");
        let mut error = String::new();
        let stderr = running.process.stderr.as_mut().expect("a pipe");
        stderr.read_to_string(&mut error).expect("UTF-8");
        let line = "GET /oidc/.well-known/openid-configuration -> 200";
        assert!(error.contains(line), "{error}");
        let port = address.rsplit(':').next().expect("a port");
        TcpListener::bind(format!("127.0.0.1:{port}")).expect("the port is free");
    }
}

#[test]
fn help_names_every_option() {
    for option in ["--help", "-h"] {
        let output = output(&[option]);
        assert_eq!(output.status.code(), Some(0));
        let help = text(&output.stdout);
        for word in [
            "--port",
            "--client-id",
            "--client-secret",
            "--public-client",
            "--redirect-uri",
            "--post-logout-redirect-uri",
            "--backchannel-logout-uri",
            "--dynamic-registration",
            "--seed",
            "--print-seed",
            "--state-file",
            "--signing-alg",
            "--help",
            "--version",
            "NEVER FOR PRODUCTION",
            "http://localhost:3001/oidc",
        ] {
            assert!(help.contains(word), "{word}");
        }
        assert!(help.lines().all(|line| line.len() <= 80), "{help}");
    }
    let version = output(&["--version"]);
    assert_eq!(text(&version.stdout).trim(), env!("CARGO_PKG_VERSION"));
}

#[test]
fn wrong_options_are_told_and_end_with_2() {
    let hint = "logto_dev_provider --help";
    ends(&["--prot", "3002"], 2, &["--prot", hint]);
    ends(&["serve"], 2, &["serve", hint]);
    ends(&["--port"], 2, &["--port", hint]);
    ends(
        &["--port", "70000"],
        2,
        &["--port must be from 0 to 65535", "70000", hint],
    );
    ends(
        &["--redirect-uri", "/callback"],
        2,
        &["--redirect-uri must be an absolute URI", hint],
    );
    ends(
        &["--redirect-uri", "http://localhost/#x"],
        2,
        &["without #fragment", hint],
    );
    ends(
        &["--signing-alg", "HS256"],
        2,
        &["HS256", "ES384, ES256 or RS256", hint],
    );
    ends(
        &["--public-client", "--client-secret", "x"],
        2,
        &["--public-client", hint],
    );
}

#[test]
fn a_taken_port_is_named_with_its_option() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let error = ends(
        &["--port", &port],
        1,
        &["another program listens", "--port"],
    );
    assert!(error.contains(&format!("port {port} already")), "{error}");
}

#[test]
fn a_wrong_seed_is_named_with_its_key() {
    let path = |name, content| file(name, content).display().to_string();
    let unknown = path("unknown.toml", "[[users]]\nid = \"1\"\nnme = \"Dora\"\n");
    ends(
        &["--seed", &unknown],
        1,
        &[&unknown, "line 3", "`nme`", "`name`", "--print-seed"],
    );
    let dangling = path(
        "dangling.toml",
        "[[organizations]]\nid = \"o\"\nname = \"O\"\nmembers = { nobody = [] }\n",
    );
    ends(
        &["--seed", &dangling],
        1,
        &[&dangling, "`members`", "\"nobody\"", "id or username"],
    );
    ends(
        &["--seed", "no-such-file.toml"],
        1,
        &["no-such-file.toml", "--print-seed"],
    );
}

#[tokio::test]
async fn a_printed_seed_is_a_seed() {
    let printed = output(&["--print-seed"]);
    assert_eq!(printed.status.code(), Some(0));
    let edited = text(&printed.stdout)
        .replace("\"bob\"", "\"bertha\"")
        .replace("bob =", "bertha =");
    let path = file("printed.toml", &edited).display().to_string();
    let running = Running::start(&["--seed", &path]);
    assert_eq!(running.says("Users"), "alice, bertha, zoe");
}

#[tokio::test]
async fn a_state_file_is_made_and_a_broken_one_is_named() {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("state.json");
    let _ = std::fs::remove_file(&path);
    let shown = path.display().to_string();
    let kid = async |running: &Running| {
        let keys = get(&format!("{}/jwks", running.says("Issuer"))).await;
        let keys = keys.text().await.expect("a body");
        let keys: Value = serde_json::from_str(&keys).expect("JSON");
        keys["keys"][0]["kid"].clone()
    };
    let running = Running::start(&["--state-file", &shown]);
    assert_eq!(running.says("Changes kept in"), shown);
    let first = kid(&running).await;
    drop(running);
    let again = Running::start(&["--state-file", &shown]);
    assert_eq!(kid(&again).await, first, "the same keys");
    drop(again);

    std::fs::write(&path, "{\n\"version\": \"x\"}").expect("a file");
    let words = [&*shown, "line 2", "delete it to start afresh"];
    ends(&["--port", "0", "--state-file", &shown], 1, &words);
}
