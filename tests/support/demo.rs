//! The web app of this repository as `cargo run` starts it: its own binary, with
//! the development provider inside, on free ports.

use super::serve::{Process, free_port};

pub struct Demo {
    process: Process,
    port: u16,
    provider_port: u16,
}

impl Demo {
    pub async fn start() -> Demo {
        let (port, provider_port) = (free_port(), free_port());
        let mut process = Process::app(&[
            ("ROCKET_PORT", &port.to_string()),
            ("ROCKET_CLI_COLORS", "false"),
            (
                "ROCKET_LOGTO",
                &format!("{{dev_provider={{port={provider_port}}}}}"),
            ),
        ]);
        process.wait_for_port(port).await;
        Demo {
            process,
            port,
            provider_port,
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.port)
    }

    pub fn provider_url(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.provider_port)
    }

    /// All the app has logged.
    pub fn output(&self) -> String {
        self.process.output()
    }
}
