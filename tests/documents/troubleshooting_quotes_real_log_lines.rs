//! The guide on troubleshooting shows lines of the log. Each of them is still
//! what the sources can print.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const GUIDE: &str = include_str!("../../crates/rocket_logto/src/guide/troubleshooting.md");
/// What stands in the guide for text that differs from case to case.
const ANYTHING: &str = "…";
/// Shorter pieces would fit anywhere.
const SHORTEST: usize = 3;

/// The lines that the guide quotes, as they begin in the log.
fn quoted() -> Vec<&'static str> {
    let mut lines = Vec::new();
    for line in GUIDE.lines() {
        // A quotation with backticks in it has two of them on each side.
        let doubled = line.split("``").skip(1).step_by(2);
        lines.extend(doubled.map(str::trim));
        let single = line.split("``").step_by(2);
        lines.extend(single.flat_map(|text| text.split('`').skip(1).step_by(2)));
    }
    lines.retain(|line| line.starts_with("logto: ") || line.starts_with("logto."));
    lines
}

/// The string literals of the sources, cut at each placeholder, and the names
/// of the kinds of errors, which `{:?}` prints.
fn pieces() -> BTreeSet<String> {
    let mut pieces = BTreeSet::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates");
    // The development provider has Logto's own error codes.
    read(&root.join("rocket_logto/src"), &mut pieces);
    read(&root.join("logto_dev_provider/src"), &mut pieces);
    pieces
}

fn read(directory: &Path, pieces: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            if !path.ends_with("tests") {
                read(&path, pieces);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source file");
            let (text, _) = text
                .split_once("#[cfg(test)]\nmod tests {")
                .unwrap_or((&text, ""));
            literals(text, pieces);
            let names = text.split("Kind::").skip(1);
            let name = |rest: &str| rest.chars().take_while(|c| c.is_alphanumeric()).collect();
            let names = names
                .map(name)
                .filter(|name: &String| name.len() >= SHORTEST);
            pieces.extend(names);
        }
    }
}

fn literals(text: &str, pieces: &mut BTreeSet<String>) {
    for line in text.lines().map(str::trim_start) {
        // Comments have apostrophes and lone quotation marks.
        if line.starts_with("//") {
            continue;
        }
        // A literal that goes on in the next line is two pieces.
        for part in line.replace("\\\"", "\u{1}").split('"') {
            let part = part.trim_end_matches('\\').replace('\u{1}', "\"");
            let part = part.replace("{{", "\u{2}").replace("}}", "\u{3}");
            for piece in part.split(['{', '}']) {
                let piece = piece.replace('\u{2}', "{").replace('\u{3}', "}");
                if piece.len() >= SHORTEST {
                    pieces.insert(piece);
                }
            }
        }
    }
}

/// Whether `line` can be put together from pieces, the last one cut short.
fn is_made_of(line: &str, pieces: &BTreeSet<String>) -> bool {
    let line = line.trim_end();
    if line.is_empty() {
        return true;
    }
    if let Some(rest) = line.strip_prefix(ANYTHING) {
        return is_made_of(rest, pieces);
    }
    let free = |c: char| c.is_ascii_digit() || " .:[\"".contains(c);
    if line.starts_with(free) && is_made_of(&line[1..], pieces) {
        return true;
    }
    pieces.iter().any(|piece| {
        let whole = |rest: &str| is_made_of(rest, pieces);
        piece.starts_with(line) || line.strip_prefix(piece.as_str()).is_some_and(whole)
    })
}

#[test]
fn each_line_in_the_guide_can_stand_in_the_log() {
    let (lines, pieces) = (quoted(), pieces());
    assert!(lines.len() > 50, "{lines:#?}");
    let unknown: Vec<_> = lines
        .into_iter()
        .filter(|line| !is_made_of(line, &pieces))
        .collect();
    assert_eq!(unknown, [""; 0]);
}

#[test]
fn a_line_that_no_source_prints_is_noticed() {
    let pieces = pieces();
    for line in [
        "logto: SignInRejected reason=unknown_state",
        "logto: SignInDeclined reason=state_unknown",
        "logto: provider not yet ready, metadata: answered 404",
    ] {
        assert!(!is_made_of(line, &pieces), "{line}");
    }
}
