//! `examples/README.md` says what is so.

use std::path::Path;

use super::processes::{EXAMPLES, MACHINE_CLIENT};

const README: &str = include_str!("../../../README.md");
const SOURCES: [&str; 6] = [
    include_str!("../../api_and_spa/main.rs"),
    include_str!("../../machine_client.rs"),
    include_str!("../../organizations.rs"),
    include_str!("../../own_database.rs"),
    include_str!("../../roles.rs"),
    include_str!("../../single_page_app/main.rs"),
];
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
    let quoted = README.split('`').skip(1).step_by(2);
    let tests: Vec<_> = quoted
        .filter(|name| name.matches('_').count() > 2)
        .collect();
    assert!(tests.len() > 5);
    for name in tests {
        let function = format!("fn {name}()");
        assert!(
            SOURCES.iter().any(|text| text.contains(&function)),
            "{name}"
        );
    }
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
