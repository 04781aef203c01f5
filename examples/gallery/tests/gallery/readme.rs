//! `examples/README.md` says what is so.

use std::path::Path;

use super::processes::{EXAMPLES, MACHINE_CLIENT};

const README: &str = include_str!("../../../README.md");
const MANIFEST: &str = include_str!("../../Cargo.toml");

#[test]
fn every_example_is_listed_and_started() {
    let programs = MANIFEST.split("[[bin]]").skip(1);
    let programs: Vec<_> = programs.filter_map(|bin| bin.split('"').nth(1)).collect();
    let started = EXAMPLES.iter().map(|(name, ..)| *name);
    assert_eq!(
        programs,
        started.chain([MACHINE_CLIENT]).collect::<Vec<_>>()
    );
    for name in programs {
        assert!(
            README.contains(&format!("| [`{name}`](gallery/{name}")),
            "{name}"
        );
    }
}

#[test]
fn what_it_points_to_is_there() {
    let examples = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let links: Vec<_> = README.split("](").skip(1).collect();
    assert!(links.len() > 10);
    for link in links {
        let file = link.split([')', '#']).next().unwrap_or_default();
        assert!(examples.join(file).exists(), "{file}");
    }
    let mut tests = 0;
    for row in README.lines().filter(|line| line.contains("`: `")) {
        let names: Vec<_> = row.split('`').skip(1).step_by(2).collect();
        let (_, of_file) = row
            .rsplit_once('|')
            .and_then(|(row, _)| row.rsplit_once("| `"))
            .expect("a row");
        let file = of_file.split('`').next().unwrap_or_default();
        let file = [
            format!("gallery/{file}.rs"),
            format!("gallery/{file}/main.rs"),
        ];
        let text = file
            .iter()
            .find_map(|file| std::fs::read_to_string(examples.join(file)).ok());
        let text = text.unwrap_or_else(|| panic!("no {file:?}"));
        for name in names.iter().filter(|name| name.matches('_').count() > 2) {
            assert!(text.contains(&format!("fn {name}()")), "{file:?}: {name}");
            tests += 1;
        }
    }
    assert!(tests > 5);
}

/// What it says of itself, without the tests and the comments.
#[test]
fn sign_in_is_in_30_lines() {
    let (app, _) = include_str!("../../sign_in.rs")
        .split_once("#[cfg(test)]")
        .expect("tests");
    let lines = app.lines().map(str::trim_start);
    let code = lines.filter(|line| !line.is_empty() && !line.starts_with("//"));
    assert!(code.count() <= 30);
}
