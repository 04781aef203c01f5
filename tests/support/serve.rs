//! Runs servers for tests: a Rocket in this process, over real TCP, or the
//! app's own binary as a child process.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use rocket::config::Shutdown as ShutdownConfig;
use rocket::error::ErrorKind;
use rocket::tokio::net::TcpStream;
use rocket::tokio::{task, time};
use rocket::{Build, Rocket, Shutdown};

use super::leaks;

const PATIENCE: Duration = Duration::from_secs(30);

/// A port nobody listens on. It lies below the range that the kernel takes for
/// outgoing connections, and no two calls in this process get the same one.
pub fn free_port() -> u16 {
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 12_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Another test process on the machine starts elsewhere.
    let start = (std::process::id() % 97) as u16 * 120;
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = FIRST + (start + step % COUNT) % COUNT;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port");
}

/// A Rocket that runs in this process until it is dropped.
pub struct Served {
    port: u16,
    shutdown: Shutdown,
    running: Option<task::JoinHandle<()>>,
}

impl Served {
    /// Launches on a port of its own choice.
    pub async fn start(rocket: Rocket<Build>) -> Served {
        Served::start_on(free_port(), rocket).await
    }

    /// Launches on this port, for apps whose configuration must name it before.
    pub async fn start_on(port: u16, rocket: Rocket<Build>) -> Served {
        let figment = rocket
            .figment()
            .clone()
            .merge(("address", "127.0.0.1"))
            .merge(("port", port))
            .merge((
                "shutdown",
                ShutdownConfig {
                    ctrlc: false,
                    signals: Default::default(),
                    grace: 0,
                    mercy: 0,
                    ..ShutdownConfig::default()
                },
            ));
        let rocket = rocket
            .configure(figment)
            .ignite()
            .await
            .expect("the Rocket ignites");
        leaks::app(port, false);
        let shutdown = rocket.shutdown();
        let mut running = task::spawn(async move {
            let Err(error) = rocket.launch().await else {
                return;
            };
            // It cuts off those who are still connected when it stops.
            let stopped = matches!(error.kind(), ErrorKind::Shutdown(..));
            assert!(stopped, "the Rocket runs: {error}");
        });
        rocket::tokio::select! {
            () = wait_for_port(port) => {}
            ended = &mut running => panic!("the Rocket ended at launch: {ended:?}"),
        }
        Served {
            port,
            shutdown,
            running: Some(running),
        }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// `http://localhost:<port>` followed by `path`.
    pub fn url(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.port)
    }

    /// Shuts down and waits until the port is free again.
    pub async fn stop(mut self) {
        self.halt().await;
    }

    /// As [`Served::stop`], for a field of something that lives on.
    pub async fn halt(&mut self) {
        self.shutdown.clone().notify();
        if let Some(running) = self.running.take() {
            running.await.expect("the Rocket stops in peace");
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.shutdown.clone().notify();
    }
}

/// A child process with everything it says. Killed, by its own id, on drop.
pub struct Process {
    child: Child,
    /// Both streams in one: what it wrote before it answered can be read as soon as the answer is
    /// here, and stands in the order in which it was written.
    output: File,
}

impl Process {
    /// The app's binary, in an empty environment but for `env`.
    pub fn app(env: &[(&str, &str)]) -> Process {
        Process::app_with(&[], env)
    }

    /// With these arguments.
    pub fn app_with(arguments: &[&str], env: &[(&str, &str)]) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rocket_logto_web"));
        command.current_dir(env!("CARGO_MANIFEST_DIR"));
        // Each with notes of its own.
        command.env_clear().env("ROCKET_WEB", "{database=\"\"}");
        Process::spawn(command.args(arguments).envs(env.iter().copied()))
    }

    pub fn spawn(command: &mut Command) -> Process {
        Process::with_input(command, Stdio::null())
    }

    /// For what all tests share and so nobody drops. `program` ends with this process, however that
    /// ends: then the pipe is closed, and the shell sends TERM. Afterwards `directory` is removed.
    pub fn shared(program: &Command, directory: &Path) -> Process {
        const TIED: &str = r#"
            directory=$1; shift
            exec 3<&0
            "$@" </dev/null 3<&- & program=$!
            (cat <&3 >/dev/null; kill -TERM "$program" 2>/dev/null) & exec 3<&-
            wait "$program"; status=$?
            rm -rf "$directory"
            exit "$status""#;
        let mut command = Command::new("sh");
        command.args(["-c", TIED, "sh"]).arg(directory);
        command.arg(program.get_program()).args(program.get_args());
        let set = program.get_envs();
        command.envs(set.filter_map(|(name, value)| Some((name, value?))));
        Process::with_input(&mut command, Stdio::piped())
    }

    fn with_input(command: &mut Command, input: Stdio) -> Process {
        let output = nameless_file();
        let stream = || Stdio::from(output.try_clone().expect("a second handle"));
        let redirected = command.stdin(input).stdout(stream()).stderr(stream());
        let child = redirected.spawn().unwrap_or_else(|error| {
            panic!("{:?} cannot be started: {error}", redirected.get_program())
        });
        Process { child, output }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends `TERM`, `STOP` or another signal. The shell has a `kill` of its
    /// own; a program of that name is not everywhere.
    pub fn signal(&self, signal: &str) {
        let kill = format!("kill -{signal} {}", self.id());
        let sent = Command::new("sh").args(["-c", &kill]).status();
        assert!(sent.expect("a shell").success(), "{kill}");
    }

    /// All of stdout and stderr so far.
    pub fn output(&self) -> String {
        let length = self.output.metadata().expect("its length").len();
        let mut bytes = vec![0; usize::try_from(length).expect("fits")];
        let read = self.output.read_exact_at(&mut bytes, 0);
        read.expect("the output is read");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits until something listens on the port; panics when the process ends first.
    pub async fn wait_for_port(&mut self, port: u16) {
        let answers = |_: &str| std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
        self.wait_until(answers).await;
    }

    /// Waits until the output holds `text`; panics when the process ends without.
    pub async fn wait_for_output(&mut self, text: &str) {
        self.wait_until(|output| output.contains(text)).await;
    }

    async fn wait_until(&mut self, is_so: impl Fn(&str) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !is_so(&self.output()) {
            if let Some(status) = self.child.try_wait().expect("the process's state") {
                if is_so(&self.output()) {
                    return;
                }
                panic!("the process ended with {status}:\n{}", self.output());
            }
            assert!(Instant::now() < end, "waited too long:\n{}", self.output());
            time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until the process ends by itself, as after a failed launch. Its output is complete then.
    pub async fn wait_for_exit(&mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("the process's state") {
                return status;
            }
            assert!(Instant::now() < end, "it does not end:\n{}", self.output());
            time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub fn has_ended(&mut self) -> bool {
        let state = self.child.try_wait().expect("the process's state");
        state.is_some()
    }

    /// Ends the process now.
    pub fn kill(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        leaks::printed(&self.output());
    }
}

/// A file to append to that nobody else can find, gone with its last handle.
fn nameless_file() -> File {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("output-{}-{number}", std::process::id());
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let mut options = File::options();
    let file = options.read(true).append(true).create_new(true).open(&path);
    let file = file.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    fs::remove_file(&path).expect("its name goes");
    file
}

/// Waits until `127.0.0.1:port` accepts connections.
pub async fn wait_for_port(port: u16) {
    let end = Instant::now() + PATIENCE;
    while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        assert!(Instant::now() < end, "nothing listens on port {port}");
        time::sleep(Duration::from_millis(20)).await;
    }
}
