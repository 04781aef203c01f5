//! The README, done as it says by somebody who has only this repository: `cargo run` in a
//! fresh clone, and an app of their own from its code. Both end in a sign-in.
//!
//! CI starts it on what the other steps have built, since the crates of others are the same
//! there. With `NEWCOMER_FROM_NOTHING=1` it downloads and builds those, too, in folders of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::app::ALICE;
use crate::support::browser::Browser;
use crate::support::serve::{Process, free_port};

const README: &str = include_str!("../../README.md");

/// The first block of code in this language after the heading.
fn block(heading: &str, language: &str) -> &'static str {
    let (_, section) = README.split_once(heading).expect("the heading");
    let (_, block) = section
        .split_once(&format!("```{language}\n"))
        .expect("a block");
    let (block, _) = block.split_once("```").expect("its end");
    block
}

/// A folder that nobody has been in, outside every workspace.
struct Fresh(PathBuf);

impl Fresh {
    fn folder() -> Fresh {
        let folder = std::env::temp_dir().join(format!("newcomer-{}", std::process::id()));
        std::fs::create_dir(&folder).expect("a folder");
        Fresh(folder)
    }

    /// `cargo` below this folder, in an environment with nothing of ours in it.
    fn cargo(&self, below: &str) -> Command {
        let mut cargo = Command::new("cargo");
        cargo.current_dir(self.0.join(below)).env_clear();
        let keep = |name| std::env::var_os(name).map(|value| (name, value));
        cargo.envs(
            ["PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME"]
                .into_iter()
                .filter_map(keep),
        );
        if std::env::var_os("NEWCOMER_FROM_NOTHING").is_some() {
            cargo.env("CARGO_HOME", self.0.join("cargo"));
        } else {
            // The folder and the profile of the workspace, so that what is built is found.
            let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("..");
            cargo.env("CARGO_TARGET_DIR", target);
            cargo.env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only");
            cargo.env("CARGO_INCREMENTAL", "0");
        }
        cargo
    }

    /// `cargo run` there, and the address that the launch prints last.
    async fn run(&self, below: &str) -> (Process, String) {
        succeeds(self.cargo(below).arg("build"));
        let port = free_port().to_string();
        let mut command = self.cargo(below);
        command.args(["run", "--quiet"]).env("ROCKET_PORT", &port);
        let mut process = Process::spawn(&mut command);
        let address = format!("http://localhost:{port}");
        process
            .wait_for_output(&format!("logto: open {address}"))
            .await;
        (process, address)
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn succeeds(command: &mut Command) {
    let status = command.stdin(Stdio::null()).status();
    assert!(status.expect("it starts").success(), "{command:?}");
}

/// Opens a page that needs a user, picks Alice, and is back there.
async fn signs_in(page: String) -> String {
    let browser = Browser::new();
    let hops = browser.navigate_following(&page, 10).await;
    let provider = hops.last().expect("the provider's page");
    let button = browser.submit(provider, ALICE, &[]).await;
    let hops = browser.follow_all(button, 10).await;
    let last = hops.last().expect("a page");
    assert_eq!(last.url().as_str(), page, "{}", last.text());
    last.text()
}

#[rocket::async_test]
#[ignore = "builds two apps from nothing: .ci/run starts it"]
async fn from_nothing_to_a_user_who_is_signed_in() {
    let fresh = Fresh::folder();

    let clone = fresh.0.join("rocket_logto");
    let mut git = Command::new("git");
    git.args(["clone", "--quiet", env!("CARGO_MANIFEST_DIR")]);
    succeeds(git.arg(&clone));
    assert_eq!(block("## Try it", "console"), "$ cargo run\n");
    let (app, address) = fresh.run("rocket_logto").await;
    let text = signs_in(format!("{address}/notes")).await;
    assert!(text.contains("Only you can read what is here."), "{text}");
    drop(app);

    let own = fresh.0.join("my_app");
    succeeds(
        fresh
            .cargo("")
            .args(["init", "--quiet", "--vcs=none", "my_app"]),
    );
    let path = "path = \"../rocket_logto/crates/rocket_logto\"";
    assert!(
        README.contains(path),
        "it says what to write until it is published"
    );
    let dependencies = block("## Add it to your app", "toml");
    let dependencies = dependencies.replace(
        "rocket_logto = { version = \"0.1\"",
        &format!("rocket_logto = {{ {path}"),
    );
    let manifest = std::fs::read_to_string(own.join("Cargo.toml")).expect("a manifest");
    let manifest = manifest.replace("[dependencies]\n", &dependencies);
    std::fs::write(own.join("Cargo.toml"), manifest).expect("it is written");
    let code = block("## Add it to your app", "rust,no_run");
    std::fs::write(own.join("src/main.rs"), code).expect("it is written");
    // The versions that this repository is tested with.
    std::fs::copy(clone.join("Cargo.lock"), own.join("Cargo.lock")).expect("it is copied");
    let (_app, address) = fresh.run("my_app").await;
    let text = signs_in(format!("{address}/me")).await;
    assert!(text.contains(ALICE), "{text}");
}
