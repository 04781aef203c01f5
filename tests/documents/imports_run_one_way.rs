//! The modules of the library stand in an order, and each imports what stands
//! below it and nothing else: no circle, and nothing that only the top may know.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// From the top down. Those on one line know nothing of each other.
const ORDER: [&[&str]; 12] = [
    &["fairing"],
    &["routes", "guards"],
    &["logto"],
    &["management"],
    &["session", "service"],
    &["tokens", "hooks"],
    &["oidc", "response", "webhook"],
    &["measure"],
    &["claims", "error", "config", "request"],
    &["return_to", "authentication", "resource_metadata"],
    &["transport"],
    &["clock", "sha256"],
];
/// What may see everything: the facade, and what only this repository uses.
const ABOVE_ALL: [&str; 4] = ["lib", "internals", "testing", "guide"];

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/rocket_logto/src")
}

fn ranks() -> BTreeMap<&'static str, usize> {
    let lines = ORDER.iter().enumerate();
    lines
        .flat_map(|(rank, names)| names.iter().map(move |name| (*name, rank)))
        .collect()
}

/// Every Rust file, with its path from the root of the crate: `session/refresh.rs`.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The module at the top of the crate that `path` is of.
fn module(path: &Path) -> String {
    let first = path.iter().next().expect("a name");
    let name = Path::new(first).file_stem().expect("a name");
    name.to_string_lossy().into_owned()
}

/// Blanks out comments and string literals, and keeps the lines.
fn code(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(character) = rest.chars().next() {
        let end = match character {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |at| at + 2),
            '"' => {
                let mut escaped = false;
                let closing = rest.char_indices().skip(1).find(|(_, character)| {
                    let closes = *character == '"' && !escaped;
                    escaped = *character == '\\' && !escaped;
                    closes
                });
                closing.map_or(rest.len(), |(at, _)| at + 1)
            }
            '\'' if rest.starts_with("'\"'") => 3,
            _ => {
                code.push(character);
                rest = &rest[character.len_utf8()..];
                continue;
            }
        };
        code.extend(rest[..end].chars().filter(|character| *character == '\n'));
        rest = &rest[end..];
    }
    code
}

/// The modules at the top of the crate that `code` names, each with its line.
/// `depth` is how many modules deep its file is.
fn imports(code: &str, depth: usize) -> Vec<(String, usize)> {
    let above = "super::".repeat(depth);
    let mut found = Vec::new();
    for prefix in ["crate::", &above] {
        if prefix.is_empty() {
            continue;
        }
        for (at, _) in code.match_indices(prefix) {
            let before = code[..at].chars().next_back();
            // `$crate::`, `pub(in crate::…)`, and the end of a longer path.
            if before.is_some_and(|before| before.is_alphanumeric() || "_$:".contains(before)) {
                continue;
            }
            let line = code[..at].matches('\n').count() + 1;
            let rest = &code[at + prefix.len()..];
            found.extend(first_names(rest).map(|name| (name, line)));
        }
    }
    found
}

/// What comes first in a path, or in each path of a group: `a::b`, `{a, b::{c, d}}`.
fn first_names(rest: &str) -> impl Iterator<Item = String> {
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    let word = move |text: &str| text.split(|c| !is_word(c)).next().unwrap_or("").to_owned();
    let names = match rest.strip_prefix('{') {
        None => vec![word(rest)],
        Some(group) => {
            let (mut depth, mut names, mut start) = (1, Vec::new(), 0);
            for (at, character) in group.char_indices() {
                match character {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    _ => {}
                }
                if depth == 0 || (depth == 1 && character == ',') {
                    names.push(word(group[start..at].trim_start()));
                    start = at + 1;
                }
                if depth == 0 {
                    break;
                }
            }
            names
        }
    };
    names.into_iter().filter(|name| !name.is_empty())
}

/// Each import against the order, as `file:line: from -> to`.
fn violations(path: &Path, source: &str) -> Vec<String> {
    let ranks = ranks();
    let from = module(path);
    if ABOVE_ALL.contains(&from.as_str()) {
        return Vec::new();
    }
    let shown = path.display();
    let Some(rank) = ranks.get(from.as_str()) else {
        return vec![format!(
            "{shown}: the module {from} has no place in the order"
        )];
    };
    let is_mod = path.file_name().is_some_and(|name| name == "mod.rs");
    let depth = path.iter().count() - usize::from(is_mod);
    let imports = imports(&code(source), depth);
    let wrong = imports
        .into_iter()
        .filter(|(to, _)| match ranks.get(to.as_str()) {
            Some(other) => *to != from && other <= rank,
            // An item of the facade: its module has another name.
            None => true,
        });
    wrong
        .map(|(to, line)| format!("{shown}:{line}: {from} -> {to}"))
        .collect()
}

#[test]
fn in_the_library() {
    let root = sources();
    let mut paths = Vec::new();
    files(&root, &mut paths);
    assert!(paths.len() > 60, "only {} files", paths.len());
    let mut wrong = Vec::new();
    let mut seen = BTreeMap::new();
    for path in &paths {
        let source = std::fs::read_to_string(path).expect("a source file");
        let path = path.strip_prefix(&root).expect("a file of the library");
        *seen.entry(module(path)).or_insert(0) += 1;
        wrong.extend(violations(path, &source));
    }
    assert_eq!(wrong, [""; 0], "\n{}", wrong.join("\n"));
    for name in ranks().keys() {
        assert!(seen.contains_key(*name), "there is no module {name}");
    }
}

#[test]
fn an_import_against_the_order_is_found() {
    let source = "//! use crate::guards::User;\nuse crate::{\n    clock::Seconds,\n    \
                  session::{self, Sessions},\n};\nfn f() { let _ = \"crate::routes::x\"; \
                  crate::User::new(); super::super::routes::all(); }\n";
    let found = violations(Path::new("oidc/tokens/mod.rs"), source);
    assert_eq!(
        found,
        [
            "oidc/tokens/mod.rs:2: oidc -> session",
            "oidc/tokens/mod.rs:6: oidc -> User",
            "oidc/tokens/mod.rs:6: oidc -> routes",
        ]
    );
    let same_line = violations(Path::new("error/mod.rs"), "use crate::config::LogtoConfig;");
    assert_eq!(same_line, ["error/mod.rs:1: error -> config"]);
    let stranger = violations(Path::new("stranger.rs"), "");
    assert_eq!(stranger.len(), 1);
    assert!(violations(Path::new("oidc/mod.rs"), "use crate::clock::Seconds;").is_empty());
}
