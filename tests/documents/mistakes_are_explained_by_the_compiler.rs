//! One mistake, one message that says what to write: `#[diagnostic::on_unimplemented]`
//! on the traits that an app implements. The programs below are given to the compiler that
//! the suite was built with, beside the crates that it has built: no crate is built again.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Declarations of a program, what is wrong with them, and what to write.
const MISTAKES: &[(&str, &str, &str)] = &[
    (
        "struct Shop; #[get(\"/\")] fn of(_guard: AccessToken<Shop>) {}",
        "`Shop` names no API resource",
        "impl Resource for Shop { const INDICATOR: &'static str",
    ),
    (
        "struct ReadCart; #[get(\"/\")] fn of(_guard: Bearer<ReadCart>) {}",
        "`ReadCart` does not say what a caller must be allowed to do",
        "impl Permission for ReadCart { type Audience",
    ),
    (
        "struct Shop; struct Read; impl Permission for Read { type Audience = Shop; const SCOPES: &'static [&'static str] = &[]; }",
        "`Shop` does not say what a token must be for",
        "impl Resource for Shop { const INDICATOR: &'static str",
    ),
    (
        "struct Tenant; #[get(\"/\")] fn of(_guard: OrgToken<Tenant>) {}",
        "`Tenant` does not say which organization a request is about",
        "write `PathOrg` for the `<org_id>` of the route",
    ),
    (
        "struct Tenant; #[get(\"/\")] fn of(_guard: OrgToken<PathOrg<Tenant>>) {}",
        "`Tenant` is no name of a parameter",
        "impl ParameterName for Tenant { const NAME: &'static str = \"org_id\"; }",
    ),
    (
        "struct Recent; #[get(\"/\")] fn of(_guard: StepUp<Recent>) {}",
        "`Recent` does not say how a user must have authenticated",
        "impl StepUpPolicy for Recent { const MAX_AGE: Option<Duration>",
    ),
    (
        "struct Editor; #[get(\"/\")] fn of(_guard: Allowed<Editor>) {}",
        "`Editor` does not say what a user must be",
        "impl Requirement for Editor { const ROLES: &'static [&'static str]",
    ),
    (
        "fn of() -> LogtoFairing { Logto::fairing().on_sign_out::<(), _>(\"hook\") }",
        "`&str` is not a hook for sign-outs",
        "write `async fn hook(event: SignOutEvent) -> HookResult { … }`",
    ),
    (
        "struct Store; fn of() -> LogtoFairing { Logto::fairing().session_store(Store) }",
        "`Store` is no store that sessions can be kept in",
        "implement `SessionStore`, `SessionIndex`, `TokenStore` and `LockStore` for `Store`",
    ),
];

#[test]
fn each_mistake_is_told_with_what_to_write() {
    let crates = crates();
    let mut wrong = Vec::new();
    for (program, mistake, remedy) in MISTAKES {
        let output = compile(&crates, program);
        let said = String::from_utf8_lossy(&output.stderr);
        let times = said.matches(&format!("error[E0277]: {mistake}")).count();
        if output.status.success() || times == 0 || !said.contains(remedy) {
            wrong.push(format!("{program}\n{said}"));
        }
        // One per trait that is missing, and none about anything else.
        let errors = said.matches("error[E").count();
        let bound = if mistake.contains("Store") { 4 } else { 1 };
        if errors > bound {
            wrong.push(format!(
                "{errors} errors for one mistake: {program}\n{said}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The library as it was built last, and the Rocket that it was built with.
fn crates() -> [PathBuf; 2] {
    let all = |name: &str| {
        let start = format!("lib{name}-");
        let files = std::fs::read_dir(deps()).expect("the folder of the suite");
        let is_it = |path: &PathBuf| {
            let file = path.file_name().and_then(|file| file.to_str());
            file.is_some_and(|file| file.starts_with(&start) && file.ends_with(".rlib"))
        };
        let paths = files.flatten().map(|file| file.path());
        let mut found: Vec<_> = paths.filter(is_it).collect();
        found.sort_by_key(|path| path.metadata().and_then(|file| file.modified()).ok());
        found.reverse();
        found
    };
    // Other shapes of both, or what another compiler has built, may lie beside them.
    let rockets = all("rocket");
    for library in all("rocket_logto") {
        for rocket in &rockets {
            let crates = [library.clone(), rocket.clone()];
            let works = "#[get(\"/\")] fn of(_guard: AccessToken) {}";
            if compile(&crates, works).status.success() {
                return crates;
            }
        }
    }
    panic!("no library that the compiler takes");
}

fn deps() -> PathBuf {
    let suite = std::env::current_exe().expect("the suite");
    suite.parent().expect("its folder").to_owned()
}

fn compile([library, rocket]: &[PathBuf; 2], program: &str) -> Output {
    let source = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mistake.rs");
    let program =
        format!("#![allow(dead_code)]\nuse rocket::get;\nuse rocket_logto::*;\n{program}\n");
    std::fs::write(&source, program).expect("a file");
    let named = |name: &str, path: &Path| {
        let mut named = std::ffi::OsString::from(name);
        named.push("=");
        named.push(path);
        named
    };
    Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
        .args([
            "--edition=2024",
            "--crate-type=lib",
            "--emit=metadata",
            "-Awarnings",
        ])
        .arg("--extern")
        .arg(named("rocket_logto", library))
        .arg("--extern")
        .arg(named("rocket", rocket))
        .arg("-L")
        .arg(named("dependency", &deps()))
        .arg("--out-dir")
        .arg(env!("CARGO_TARGET_TMPDIR"))
        .arg(&source)
        .output()
        .expect("a compiler")
}
