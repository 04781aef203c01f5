//! Launches of the app's binary with a configuration file of their own.

use std::path::PathBuf;

use super::serve::{Process, free_port};

const SECRET_KEY: &str = "hPRYyVRiMyxpw5sBB1XeCMN1kFsDCqKvBi2QJxBVHQk=";
/// Written where a secret goes: no output may hold it.
pub const HUSH: &str = "hush-hush";

/// A `Rocket.toml` of its own for each test.
pub fn file(name: &str, text: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).expect("a file");
    path
}

pub struct Launch<'a> {
    pub toml: String,
    pub env: Vec<(&'a str, &'a str)>,
}

impl Launch<'_> {
    fn process(&self, name: &str) -> (Process, String) {
        let path = file(&format!("{name}.toml"), &self.toml);
        let path = path.to_str().expect("a UTF-8 path").to_owned();
        let port = free_port().to_string();
        let mut env = vec![
            ("ROCKET_CONFIG", path.as_str()),
            ("ROCKET_CLI_COLORS", "false"),
            ("ROCKET_PORT", &port),
            ("ROCKET_SECRET_KEY", SECRET_KEY),
        ];
        env.extend(&self.env);
        (Process::app(&env), port)
    }

    /// The output of a launch that fails.
    pub async fn fails(&self, name: &str, case: &str) -> String {
        let (mut process, _) = self.process(name);
        let status = process.wait_for_exit().await;
        let output = process.output();
        assert!(!status.success(), "{case} starts:\n{output}");
        assert!(!output.contains("Rocket has launched"), "{case}:\n{output}");
        assert!(!output.contains(HUSH), "{case}:\n{output}");
        output
    }

    /// The lines in which a launch that works says what is configured.
    pub async fn announces(&self, name: &str) -> String {
        let (mut process, port) = self.process(name);
        process.wait_for_output("post sign-out URI").await;
        let output = process.output();
        process.kill();
        assert!(!output.contains(HUSH), "{name}:\n{output}");
        output.replace(&port, "PORT")
    }
}
