//! A process and what Linux says it has used.

use std::ffi::OsStr;
use std::fs;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Outcome;

/// Linux counts processor time in these: `getconf CLK_TCK`.
const TICK: Duration = Duration::from_millis(10);
const PAGE: u64 = 4096;

/// Ends with the value.
pub struct Process(Child);

/// A program on the one processor that everything measured shares: waking
/// another one costs more than a guard does, in a virtual machine above all,
/// and the slower of two routes more often.
pub fn on_one_processor(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", "0"]).arg(program);
    command
}

impl Process {
    pub fn spawn(command: &mut Command) -> Outcome<Process> {
        command.stdin(Stdio::null()).stdout(Stdio::null());
        Ok(Process(command.spawn()?))
    }

    /// Processor time so far, of all threads, in user mode and in the kernel.
    pub fn cpu(&self) -> Outcome<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id()))?;
        // The name of the program, in parentheses, may hold anything.
        let (_, rest) = stat.rsplit_once(") ").ok_or("stat")?;
        let field =
            |index| -> Outcome<u32> { Ok(rest.split(' ').nth(index).ok_or("stat")?.parse()?) };
        Ok(TICK * (field(11)? + field(12)?))
    }

    /// Memory of the process that is really there, in bytes.
    pub fn resident(&self) -> Outcome<u64> {
        let statm = fs::read_to_string(format!("/proc/{}/statm", self.0.id()))?;
        let pages: u64 = statm.split(' ').nth(1).ok_or("statm")?.parse()?;
        Ok(pages * PAGE)
    }

    /// Waits until `url` answers 200; how long that took.
    pub async fn wait_for(&mut self, url: &str) -> Outcome<Duration> {
        let began = Instant::now();
        let http = reqwest::Client::new();
        // An app that fills its store first takes a minute or more.
        while began.elapsed() < Duration::from_secs(600) {
            if let Ok(answer) = http.get(url).send().await
                && answer.status() == 200
            {
                return Ok(began.elapsed());
            }
            if let Some(status) = self.0.try_wait()? {
                return Err(format!("the process ended with {status}").into());
            }
            rocket::tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Err(format!("{url} does not answer").into())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn free_port() -> Outcome<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
