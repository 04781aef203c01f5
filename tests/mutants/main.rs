//! Takes out the defences that SECURITY.md names, one at a time, and shows that the
//! tests named there fail: `tests/run --test mutants`, or with names of mutants
//! `tests/run --test mutants -- crit nonce`. With `--check` they are only compiled, without
//! their tests.
//!
//! In a copy of the repository, `target/mutants/tree`, each of them is a branch that
//! a file chooses when the program starts, so that one build is enough for all.

#[allow(dead_code)]
mod list;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use list::{Edit, How, List, Mutant, is_unit_test};

/// For the tests of one mutant. Some wait for what no longer comes.
const PATIENCE: Duration = Duration::from_secs(240);
const LIBRARY: &str = "crates/rocket_logto";

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let chosen: Vec<_> = std::env::args().skip(1).collect();
    let list = List::read(root);
    if chosen == ["--check"] {
        return Tree::copied(root, &list).check(root);
    }
    let is_chosen = |mutant: &&Mutant| chosen.is_empty() || chosen.contains(&mutant.name);
    let mutants: Vec<_> = list.mutant.iter().filter(is_chosen).collect();
    if mutants.is_empty() {
        eprintln!("none of {chosen:?} is in mutants.toml");
        return ExitCode::FAILURE;
    }

    let tree = Tree::copied(root, &list);
    tree.take_dependencies(root);
    let programs = tree.build();
    tree.choose("");
    let tests: BTreeSet<_> = mutants.iter().flat_map(|mutant| &mutant.tests).collect();
    println!("{} tests without any mutant", tests.len());
    let tests: Vec<_> = tests.into_iter().map(String::as_str).collect();
    let passed = programs.passed(&tests, PATIENCE * 4);
    let others = tests.into_iter().filter(|test| !passed.contains(test));
    // On a busy machine some need it for themselves.
    let broken: Vec<_> = others
        .filter(|test| programs.passed(&[test], PATIENCE).is_empty())
        .collect();
    if !broken.is_empty() {
        eprintln!("these fail although nothing is taken out: {broken:#?}");
        return ExitCode::FAILURE;
    }

    let mut unnoticed = 0;
    for mutant in &mutants {
        let begun = Instant::now();
        let tests: Vec<_> = mutant.tests.iter().map(String::as_str).collect();
        let passed = match mutant.how {
            How::Branch => {
                tree.choose(&mutant.name);
                programs.passed(&tests, PATIENCE)
            }
            How::Text => {
                tree.choose("");
                tree.with_text(mutant, || tree.build().passed(&tests, PATIENCE))
            }
        };
        let took = begun.elapsed().as_secs();
        let verdict = match (&mutant.survives, passed.is_empty()) {
            (None, true) => "noticed",
            (Some(_), false) => "survives, as stated",
            (Some(_), true) => "NOTICED BY NOW: take `survives` out",
            (None, false) => "SURVIVES",
        };
        unnoticed += u32::from(mutant.survives.is_some() == passed.is_empty());
        println!("{took:4} s  {:<44} {verdict}", mutant.name);
        for test in passed {
            println!("             passes without it: {test}");
        }
        if let Some(reason) = &mutant.survives {
            println!("             {reason}");
        }
    }
    tree.choose("");
    println!("{} mutants, {unnoticed} not as stated", mutants.len());
    match unnoticed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// The one that has started this.
fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// The copy.
struct Tree {
    path: PathBuf,
    /// Its files by name, as they are with all branches.
    files: BTreeMap<String, Vec<u8>>,
}

impl Tree {
    fn copied(root: &Path, list: &List) -> Tree {
        let path = root.join("target/mutants/tree");
        fs::create_dir_all(path.join("target")).expect("a folder for the copy");
        let listed = Command::new("git")
            .args([
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
            ])
            .current_dir(root)
            .output()
            .expect("git");
        let listed = String::from_utf8(listed.stdout).expect("names of files");
        let names = listed.split('\0').filter(|name| !name.is_empty());
        let read = |name: &str| Some((name.to_owned(), fs::read(root.join(name)).ok()?));
        let mut files: BTreeMap<_, _> = names.filter_map(read).collect();
        with_branches(&mut files, list);

        let tree = Tree { path, files };
        let before = tree.path.join("target/files");
        let known = fs::read_to_string(&before).unwrap_or_default();
        for gone in known.lines().filter(|name| !tree.files.contains_key(*name)) {
            let _ = fs::remove_file(tree.path.join(gone));
        }
        for (name, content) in &tree.files {
            tree.write(name, content);
            let mode = fs::metadata(root.join(name)).expect("a file").permissions();
            fs::set_permissions(tree.path.join(name), mode).expect("its permissions");
        }
        let names: Vec<_> = tree.files.keys().map(String::as_str).collect();
        fs::write(before, names.join("\n")).expect("the list of files");

        for name in listed.split('\0') {
            let here = tree.path.join(name);
            if let Ok(target) = fs::read_link(root.join(name))
                && !here.exists()
            {
                symlink(target, here).expect("a link");
            }
        }
        // What the tests need beside the repository.
        for other in [
            "target/tools",
            "tests/oidc_provider/node_modules",
            "tests/mcp_client/node_modules",
        ] {
            let here = tree.path.join(other);
            if root.join(other).exists() && !here.exists() {
                symlink(root.join(other), here).expect("a link");
            }
        }
        tree
    }

    /// Unless it is so already, which spares a build.
    fn write(&self, name: &str, content: &[u8]) {
        let path = self.path.join(name);
        if fs::read(&path).is_ok_and(|is| is == content) {
            return;
        }
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, content).expect("a file of the copy");
    }

    /// Those that are built. The libraries as hard links: nobody writes to them again.
    fn take_dependencies(&self, root: &Path) {
        let (from, to) = (root.join("target/debug"), self.path.join("target/debug"));
        if to.exists() {
            return;
        }
        fs::create_dir_all(&to).expect("a folder");
        for (part, how) in [
            ("deps", "--link"),
            ("build", "--archive"),
            (".fingerprint", "--archive"),
        ] {
            let _ = Command::new("cp")
                .args(["--archive", how])
                .args([from.join(part), to.clone()])
                .status();
            // What is built here belongs to nobody else.
            let ours = [
                "rocket_logto",
                "logto_dev_provider",
                "sqlite_store",
                "suite",
                "mutants",
            ];
            let Ok(entries) = fs::read_dir(to.join(part)) else {
                continue;
            };
            for entry in entries.flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                let name = name.strip_prefix("lib").unwrap_or(&name);
                if ours.iter().any(|ours| name.starts_with(ours)) {
                    let _ = fs::remove_file(entry.path());
                    let _ = fs::remove_dir_all(entry.path());
                }
            }
        }
    }

    /// Which mutant the programs are from now on.
    fn choose(&self, name: &str) {
        fs::write(self.path.join("target/mutant"), name).expect("the choice");
    }

    fn with_text<T>(&self, mutant: &Mutant, act: impl FnOnce() -> T) -> T {
        let mut changed: BTreeMap<&str, String> = BTreeMap::new();
        for edit in mutant.edits() {
            let text = || String::from_utf8_lossy(&self.files[&edit.file]).into_owned();
            let text = changed.entry(&edit.file).or_insert_with(text);
            let place = edit.place(text).unwrap_or_else(|error| panic!("{error}"));
            text.replace_range(place..place + edit.find.len(), &edit.replace);
        }
        for (file, text) in &changed {
            self.write(file, text.as_bytes());
        }
        let result = act();
        for file in changed.keys() {
            self.write(file, &self.files[*file]);
        }
        result
    }

    /// Whether the branches compile, in the folder where dependencies have been checked.
    fn check(&self, root: &Path) -> ExitCode {
        let checked = Command::new(cargo())
            .args(["check", "--locked", "--workspace", "--all-features"])
            .env("CARGO_TARGET_DIR", root.join("target"))
            .current_dir(&self.path)
            .status()
            .expect("cargo");
        match checked.success() {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        }
    }

    fn build(&self) -> Programs {
        let built = Command::new(cargo())
            .args(["test", "--locked", "--all-features", "--no-run"])
            .args([
                "-p",
                "rocket_logto",
                "--lib",
                "-p",
                "rocket_logto_web",
                "--test",
                "suite",
            ])
            .args(["--message-format", "json-render-diagnostics"])
            .env_remove("CARGO_TARGET_DIR")
            .current_dir(&self.path)
            .stderr(Stdio::inherit())
            .output()
            .expect("cargo");
        assert!(built.status.success(), "the mutants do not compile");
        let program = |name: &str| {
            let lines = built.stdout.split(|byte| *byte == b'\n');
            let mut messages = lines.filter_map(|line| {
                let message: serde_json::Value = serde_json::from_slice(line).ok()?;
                let is_it = message["target"]["name"] == name;
                let path = message["executable"].as_str().filter(|_| is_it)?;
                Some(PathBuf::from(path))
            });
            messages
                .next()
                .unwrap_or_else(|| panic!("no program {name}"))
        };
        Programs {
            suite: (program("suite"), self.path.clone()),
            library: (program("rocket_logto"), self.path.join(LIBRARY)),
        }
    }
}

/// Where mutants are in a file, each by its name.
type Places<'a> = BTreeMap<usize, Vec<(&'a str, &'a Edit)>>;

/// Makes each mutant a branch of the code.
fn with_branches(files: &mut BTreeMap<String, Vec<u8>>, list: &List) {
    let branches = list
        .mutant
        .iter()
        .filter(|mutant| mutant.how == How::Branch);
    let edits = branches.flat_map(|mutant| mutant.edits().map(|edit| (mutant.name.as_str(), edit)));
    let mut places: BTreeMap<&str, Places<'_>> = BTreeMap::new();
    for (name, edit) in edits {
        let text = files
            .get(&edit.file)
            .map(|file| String::from_utf8_lossy(file));
        let place = edit.place(&text.unwrap_or_default());
        let place = place.unwrap_or_else(|error| panic!("{name}: {error}"));
        let in_file = places.entry(&edit.file).or_default();
        in_file.entry(place).or_default().push((name, edit));
    }
    for (file, places) in places {
        let text = String::from_utf8(files[file].clone()).expect("text");
        let chosen = match file.starts_with(LIBRARY) {
            true => "crate::mutant",
            false => "rocket_logto::mutant",
        };
        let (mut changed, mut end) = (String::new(), 0);
        for (place, edits) in places {
            let (first, Edit { find, .. }) = edits[0];
            assert!(place >= end, "{first} is within another mutant");
            assert!(
                edits.iter().all(|(_, edit)| edit.find == *find),
                "{first} begins like another"
            );
            let mut branch = String::new();
            for (name, edit) in edits {
                branch += &format!("if {chosen}(\"{name}\") {{ {} }} else ", edit.replace);
            }
            branch += &format!("{{ {find} }}");
            if !find.ends_with([';', '}']) {
                branch = format!("({branch})");
            }
            changed += &text[end..place];
            changed += &branch;
            end = place + find.len();
        }
        changed += &text[end..];
        files.insert(file.to_owned(), changed.into_bytes());
    }
    for root in [format!("{LIBRARY}/src/lib.rs"), "src/main.rs".to_owned()] {
        let root = files.get_mut(&root).expect("the root of a crate");
        // The branches are not written as a person would.
        root.splice(0..0, b"#![allow(warnings)]\n".iter().copied());
    }
    let facade = files.get_mut(&format!("{LIBRARY}/src/lib.rs"));
    facade
        .expect("the library")
        .extend_from_slice(CHOICE.as_bytes());
}

/// Read once a process. Not from the environment, which some tests clear.
const CHOICE: &str = r#"
/// Whether this process is to do without the defence of this name.
#[doc(hidden)]
pub fn mutant(name: &str) -> bool {
    static CHOSEN: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/mutant");
        std::fs::read_to_string(path).unwrap_or_default()
    });
    *CHOSEN == name
}
"#;

struct Programs {
    /// Each with the folder it runs in.
    suite: (PathBuf, PathBuf),
    library: (PathBuf, PathBuf),
}

impl Programs {
    /// Which of these tests pass.
    fn passed<'a>(&self, tests: &[&'a str], patience: Duration) -> BTreeSet<&'a str> {
        let (units, wire): (Vec<_>, Vec<_>) = tests.iter().partition(|test| is_unit_test(test));
        let mut passed = BTreeSet::new();
        for (program, tests) in [(&self.library, units), (&self.suite, wire)] {
            if tests.is_empty() {
                continue;
            }
            let (output, is_success) = output_of(program, &tests, patience);
            // A secret in a log fails the run, and none of its tests.
            if !is_success && !output.contains("... FAILED") {
                continue;
            }
            let is_ok = |test: &&&str| output.contains(&format!("test {test} ... ok\n"));
            passed.extend(tests.iter().filter(is_ok));
        }
        passed
    }
}

/// What the tests say until they end, or until they have taken too long; and whether all
/// was well.
fn output_of(
    (program, folder): &(PathBuf, PathBuf),
    tests: &[&str],
    patience: Duration,
) -> (String, bool) {
    let mut child = Command::new(program)
        .arg("--exact")
        .args(tests)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("the tests");
    let mut stdout = child.stdout.take().expect("their output");
    let reader = std::thread::spawn(move || {
        let mut output = Vec::new();
        let _ = stdout.read_to_end(&mut output);
        String::from_utf8_lossy(&output).into_owned()
    });
    let end = Instant::now() + patience;
    let status = loop {
        if let Some(status) = child.try_wait().expect("their end") {
            break status;
        }
        if Instant::now() > end {
            let group = format!("-{}", child.id());
            let _ = Command::new("kill").args(["-9", "--", &group]).status();
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    // Of servers that the tests have started and not stopped.
    let group = format!("-{}", child.id());
    let _ = Command::new("kill")
        .args(["-9", "--", &group])
        .stderr(Stdio::null())
        .status();
    (reader.join().unwrap_or_default(), status.success())
}
