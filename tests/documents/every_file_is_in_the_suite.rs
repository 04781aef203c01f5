//! No file of tests is left out of the suite: each folder lists its modules.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;

/// Cargo finds no test file by itself here.
#[test]
fn in_every_folder() {
    let tests = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests"));
    assert!(modules_in(tests, "suite.rs") > 10);
}

/// How many modules the folder has. Its root file lists each, and no other.
fn modules_in(folder: &Path, root: &str) -> usize {
    let mut found = BTreeSet::new();
    for file in std::fs::read_dir(folder).expect("a folder") {
        let path = file.expect("a file").path();
        let is_module = match path.is_dir() {
            // A program of its own is in `Cargo.toml`.
            true if path.join("main.rs").exists() => false,
            true => has_rust(&path) && modules_in(&path, "mod.rs") > 0,
            false => is_rust(&path) && !path.ends_with(root),
        };
        if is_module {
            found.insert(path.file_stem().expect("a name").to_owned());
        }
    }
    let text = std::fs::read_to_string(folder.join(root)).expect("a root file");
    let lines = text.lines().map(|line| line.trim_start_matches("pub "));
    let listed = lines.filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'));
    assert_eq!(found, listed.map(OsString::from).collect(), "{folder:?}");
    found.len()
}

fn is_rust(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rs")
}

fn has_rust(folder: &Path) -> bool {
    let files = std::fs::read_dir(folder).expect("a folder");
    files.flatten().any(|file| is_rust(&file.path()))
}
