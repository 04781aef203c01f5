//! SECURITY.md says for each class of failure which test would notice: those tests
//! exist, and there is a mutant for each row, whose place in the code is still there.

#[allow(dead_code)]
#[path = "../mutants/list.rs"]
mod list;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use list::{How, List, is_unit_test};

const POLICY: &str = include_str!("../../SECURITY.md");

/// `module::name` of each test that is named.
fn named() -> BTreeSet<&'static str> {
    let codes = POLICY.split('`').skip(1).step_by(2);
    codes.filter(|code| is_path(code)).collect()
}

fn is_path(code: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    code.contains("::") && code.chars().all(is_word)
}

/// The text of the module, of a test over the wire (`folder::module`) or a unit
/// test of the library.
fn source(module: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = match is_unit_test(module) {
        true => "crates/rocket_logto/src",
        false => "tests",
    };
    let path = format!("{folder}/{}", module.replace("::", "/"));
    let places = [format!("{path}.rs"), format!("{path}/mod.rs")];
    let read = |place: &String| std::fs::read_to_string(root.join(place)).ok();
    let source = places.iter().find_map(read);
    source.unwrap_or_else(|| panic!("there is none of {places:?}"))
}

#[test]
fn each_of_them() {
    let named = named();
    assert!(named.len() > 80, "only {} tests are named", named.len());
    for test in named {
        let (module, name) = test.rsplit_once("::").expect("a module");
        let source = source(module);
        let here = source
            .find(&format!("fn {name}("))
            .unwrap_or_else(|| panic!("no test {test}"));
        // Right above it, but for comments; or within `proptest!`.
        let above = source[..here].trim_end_matches("async ").trim_end();
        assert!(above.ends_with("test]"), "{test} is no test");
    }
    for test in self::named().iter().filter(|test| !is_unit_test(test)) {
        let parts: Vec<_> = test.split("::").collect();
        let [folder, module, _] = parts[..] else {
            panic!("{test} is no folder::module::test");
        };
        let lists = [
            ("suite.rs".to_owned(), folder),
            (format!("{folder}/mod.rs"), module),
        ];
        for (list, name) in lists {
            let path = format!("{}/tests/{list}", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(path).expect("a list of modules");
            let is_listed = text.lines().any(|line| line == format!("mod {name};"));
            assert!(is_listed, "{name} is not in {list}");
        }
    }
}

/// The rows that name tests: the first cell, and the tests in the others.
fn rows() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let cells = |line: &'static str| {
        line.strip_prefix("| ")?
            .strip_suffix(" |")?
            .split_once(" | ")
    };
    let tests = |rest: &'static str| -> BTreeSet<_> {
        let codes = rest.split('`').skip(1).step_by(2);
        codes.filter(|code| is_path(code)).collect()
    };
    let rows = POLICY.lines().filter_map(cells);
    let rows = rows.map(|(first, rest)| (first, tests(rest)));
    rows.filter(|(_, tests)| !tests.is_empty()).collect()
}

#[test]
fn and_each_row_has_a_mutant() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let list = List::read(root);
    let mut wrong = Vec::new();
    let mut rows = rows();
    rows.retain(|row, _| !is_requirement(row));
    let mut names = BTreeSet::new();
    for mutant in &list.mutant {
        let name = &mutant.name;
        if !names.insert(name) {
            wrong.push(format!("{name}: twice"));
        }
        let tests = rows.get(mutant.row.as_str());
        if tests.is_none() {
            wrong.push(format!("{name}: no row {:?}", mutant.row));
        }
        for test in &mutant.tests {
            if !tests.is_some_and(|tests| tests.contains(test.as_str())) {
                wrong.push(format!("{name}: {test} is not in its row"));
            }
        }
        if mutant.tests.is_empty() {
            wrong.push(format!("{name}: no test"));
        }
        for edit in mutant.edits() {
            // What it binds would be gone after the branch.
            if mutant.how == How::Branch && edit.find.trim_start().starts_with("let ") {
                wrong.push(format!("{name}: {:?} is no expression", edit.find));
            }
            let text = std::fs::read_to_string(root.join(&edit.file)).unwrap_or_default();
            if let Err(error) = edit.place(&text) {
                wrong.push(format!("{name}: {error}"));
            }
        }
    }
    let mutated = list.mutant.iter().map(|mutant| mutant.row.as_str());
    let excused = list.without.iter().map(|without| without.row.as_str());
    let known: BTreeSet<_> = mutated.chain(excused).collect();
    let without = rows.keys().filter(|row| !known.contains(**row));
    wrong.extend(without.map(|row| format!("no mutant, and no reason, for {row:?}")));
    for without in &list.without {
        if !rows.contains_key(without.row.as_str()) || without.reason.is_empty() {
            wrong.push(format!("no row or no reason: {:?}", without.row));
        }
    }
    assert!(wrong.is_empty(), "mutants.toml:\n{}", wrong.join("\n"));
}

/// Of the table for ASVS: `7.1.1`.
fn is_requirement(cell: &str) -> bool {
    cell.chars().all(|c| c.is_ascii_digit() || c == '.')
}

/// The table of limits says what the code has: `file`: `NAME = value`.
#[test]
fn and_the_limits_are_those_of_the_code() {
    let (_, limits) = POLICY.split_once("## Limits").expect("the limits");
    let (limits, _) = limits.split_once("\n## ").expect("what follows");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/rocket_logto/src");
    let mut count = 0;
    for line in limits.lines() {
        let codes: Vec<_> = line.split('`').skip(1).step_by(2).collect();
        let [.., file, limit] = codes[..] else {
            continue;
        };
        let Some((name, value)) = limit.split_once(" = ") else {
            continue;
        };
        let text = std::fs::read_to_string(root.join(file)).unwrap_or_default();
        let of_it = |line: &&str| line.contains(&format!("const {name}: "));
        let line = text.lines().find(of_it);
        let line = line.unwrap_or_else(|| panic!("{file} has no {name}"));
        assert!(line.ends_with(&format!(" = {value};")), "{limit}: {line}");
        count += 1;
    }
    assert!(count > 15, "{count}");
}
