//! Several instances of the app as they are deployed: its own binary in the
//! release profile, two processes with one `secret_key` behind nginx, and a
//! Redis server for them to share.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use logto_dev_provider::DevProvider;
use rocket::tokio::time;

use super::app::{CLIENT_ID, CLIENT_SECRET, settings};
use super::browser::{Browser, Response};
use super::nginx::Nginx;
use super::serve::{Process, free_port};

const SECRET_KEY: &str = "jZ5UVGHpnLmCZf0oBC9l9bKGqyA1oHSTsJoXcIyGEuw=";

/// A Redis server that keeps nothing on disk. Ends with the value.
pub struct RedisServer {
    port: u16,
    _process: Process,
}

impl RedisServer {
    pub async fn start() -> RedisServer {
        let port = free_port();
        let mut command = Command::new("redis-server");
        command.current_dir(env!("CARGO_TARGET_TMPDIR"));
        command.args(["--bind", "127.0.0.1", "--port", &port.to_string()]);
        command.args(["--save", "", "--appendonly", "no"]);
        let mut process = Process::spawn(&mut command);
        process.wait_for_port(port).await;
        RedisServer {
            port,
            _process: process,
        }
    }

    /// What the server answers to a command, undecoded.
    fn ask(&self, command: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("Redis answers");
        let text = format!("{command}\r\nQUIT\r\n");
        stream.write_all(text.as_bytes()).expect("Redis listens");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("Redis answers");
        answer
    }

    /// How many keys there are.
    pub fn keys(&self) -> u64 {
        let answer = self.ask("DBSIZE");
        let digits = answer.trim_start_matches(':').lines().next();
        digits.and_then(|digits| digits.parse().ok()).expect(":<n>")
    }

    /// Memory that the data takes, in bytes.
    pub fn used_memory(&self) -> u64 {
        let answer = self.ask("INFO memory");
        let line = answer
            .lines()
            .find_map(|line| line.strip_prefix("used_memory:"));
        line.and_then(|bytes| bytes.parse().ok())
            .expect("used_memory")
    }
}

/// One instance of the app.
pub struct Instance {
    pub port: u16,
    env: Vec<(String, String)>,
    process: Process,
}

impl Instance {
    /// Listens on `port` for a proxy at `base_url`; waits until it is ready.
    pub async fn start(
        port: u16,
        base_url: &str,
        provider: &DevProvider,
        redis: Option<&RedisServer>,
    ) -> Instance {
        let mut env = vec![
            ("ROCKET_PROFILE", "release".to_owned()),
            ("ROCKET_PORT", port.to_string()),
            ("ROCKET_CLI_COLORS", "false".to_owned()),
            ("ROCKET_LOG_LEVEL", "critical".to_owned()),
            ("ROCKET_SECRET_KEY", SECRET_KEY.to_owned()),
            ("LOGTO_BASE_URL", base_url.to_owned()),
            ("LOGTO_ENDPOINT", provider.endpoint()),
            ("LOGTO_APP_ID", CLIENT_ID.to_owned()),
            ("LOGTO_APP_SECRET", CLIENT_SECRET.to_owned()),
        ];
        if let Some(redis) = redis {
            let url = format!("redis://127.0.0.1:{}", redis.port);
            let logto = format!("{{session={{store={{redis=\"{url}\"}}}}}}");
            env.push(("ROCKET_LOGTO", logto));
        }
        let env: Vec<_> = env
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        let process = spawn(&env);
        let mut instance = Instance { port, env, process };
        instance.wait_until_ready().await;
        instance
    }

    /// Kills the process, without a word to anybody.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Asks it to stop, as whoever deploys does, and waits until it has.
    pub async fn stop(&mut self) -> ExitStatus {
        self.process.signal("TERM");
        self.process.wait_for_exit().await
    }

    /// Starts it anew, as it was.
    pub async fn restart(&mut self) {
        self.process = spawn(&self.env);
        self.wait_until_ready().await;
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Memory of the process that is really there, in bytes.
    pub fn resident_memory(&self) -> u64 {
        let statm = std::fs::read_to_string(format!("/proc/{}/statm", self.process.id()));
        let statm = statm.expect("Linux tells");
        let pages = statm.split(' ').nth(1).and_then(|text| text.parse().ok());
        pages.map(|pages: u64| pages * 4096).expect("a number")
    }

    async fn wait_until_ready(&mut self) {
        self.process.wait_for_port(self.port).await;
        let browser = Browser::new();
        let end = Instant::now() + Duration::from_secs(30);
        while browser.get(self.url("/readyz")).await.status() != 200 {
            let said = self.process.output();
            assert!(Instant::now() < end, "it does not get ready: {said}");
            time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn spawn(env: &[(String, String)]) -> Process {
    let env: Vec<_> = env
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    Process::app(&env)
}

/// Two instances behind nginx, and a provider.
pub struct Pair {
    pub nginx: Nginx,
    pub instances: [Instance; 2],
    pub provider: DevProvider,
}

impl Pair {
    pub async fn start(redis: Option<&RedisServer>) -> Pair {
        let provider = DevProvider::start(settings()).await.expect("a provider");
        let [port, one, two] = [free_port(), free_port(), free_port()];
        let base_url = format!("https://localhost:{port}");
        provider.set_redirect_uris([format!("{base_url}/callback")]);
        provider.set_post_logout_redirect_uris([format!("{base_url}/")]);
        let (nginx, one, two) = rocket::tokio::join!(
            Nginx::start(port, [one, two]),
            Instance::start(one, &base_url, &provider, redis),
            Instance::start(two, &base_url, &provider, redis),
        );
        Pair {
            nginx,
            instances: [one, two],
            provider,
        }
    }

    pub fn url(&self, path: &str) -> String {
        self.nginx.url(path)
    }

    /// Signs `user` (a `sub`) in through nginx; all steps of the way.
    pub async fn sign_in(&self, browser: &Browser, user: &str) -> Vec<Response> {
        let mut steps = browser
            .navigate_following(self.url("/sign-in?return_to=/protected/no-redirect"), 10)
            .await;
        let page = steps.last().expect("the provider's page");
        let button = browser.submit(page, user, &[]).await;
        steps.extend(browser.follow_all(button, 10).await);
        steps
    }

    /// A copy of the browser that reaches one of the instances, past nginx.
    pub fn straight_to(&self, browser: &Browser, instance: usize) -> Browser {
        let target = self.instances[instance].url("");
        browser.clone().behind_proxy(&self.url(""), &target)
    }

    /// Tells one instance that `sub` has signed out at the provider.
    pub async fn log_out_at(&self, instance: usize, sub: &str) -> u16 {
        let claims = self.provider.logout_claims(Some(sub), None);
        let token = self.provider.hooks().forge(
            &logto_dev_provider::Signing::Key,
            "logout+jwt",
            claims,
            |_, _| {},
        );
        let browser = Browser::new();
        let url = self.instances[instance].url("/backchannel-logout");
        let request = browser.request(reqwest::Method::POST, url);
        let sent = request.form(&[("logout_token", token)]).send().await;
        sent.status()
    }
}

/// Which instance has answered, by nginx's word: `127.0.0.1:<port>`, the last
/// one when several were tried.
pub fn answered_by(response: &Response) -> Option<u16> {
    let tried = response.header("x-instance")?;
    tried.rsplit(':').next()?.parse().ok()
}
