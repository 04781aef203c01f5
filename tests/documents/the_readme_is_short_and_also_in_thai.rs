//! The README stays short, what it links to exists, and `README.th.md` is in
//! step with it: the same headings, the same code, the same links.

use std::collections::BTreeSet;
use std::path::Path;

const ENGLISH: &str = include_str!("../../README.md");
const THAI: &str = include_str!("../../README.th.md");
const LONGEST: usize = 1300;

/// A document taken apart, as far as no language is needed.
#[derive(Default)]
struct Outline<'a> {
    /// How deep each heading is.
    headings: Vec<usize>,
    /// Each block with its fences.
    code: Vec<Vec<&'a str>>,
    /// How many cells each row of a table has.
    rows: Vec<usize>,
    links: BTreeSet<&'a str>,
}

fn outline(text: &str) -> Outline<'_> {
    let mut outline = Outline::default();
    let mut in_code = false;
    for line in text.lines() {
        let fence = line.trim_start().starts_with("```");
        if fence && !in_code {
            outline.code.push(Vec::new());
        }
        if fence || in_code {
            let block = outline.code.last_mut().expect("it has begun");
            block.push(line);
            in_code ^= fence;
            continue;
        }
        if line.starts_with('#') {
            let level = line.chars().take_while(|c| *c == '#').count();
            outline.headings.push(level);
        }
        if line.trim_start().starts_with('|') {
            outline.rows.push(line.matches('|').count());
        }
        let targets = line.split("](").skip(1);
        let targets = targets.filter_map(|rest| Some(rest.split_once(')')?.0));
        outline.links.extend(targets);
    }
    assert!(!in_code, "the last block has no end");
    outline
}

#[test]
fn the_thai_readme_says_the_same_as_the_english_one() {
    let (english, thai) = (outline(ENGLISH), outline(THAI));
    assert_eq!(thai.headings, english.headings);
    assert_eq!(thai.code, english.code);
    assert_eq!(thai.rows, english.rows);
    // Each names the other at the top.
    let (mut of_thai, mut of_english) = (thai.links, english.links);
    assert!(of_english.remove("README.th.md"));
    assert!(of_thai.remove("README.md"));
    assert_eq!(of_thai, of_english);
}

#[test]
fn the_readme_takes_five_minutes() {
    let words = ENGLISH.split_whitespace().count();
    assert!(words <= LONGEST, "{words} words");
}

#[test]
fn what_the_readme_links_to_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for link in outline(ENGLISH).links {
        if link.starts_with("https://") {
            continue;
        }
        let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
        let path = root.join(path);
        assert!(path.exists(), "{link}");
        if !anchor.is_empty() {
            let text = std::fs::read_to_string(path).expect("text");
            let headings = text.lines().filter_map(|line| line.strip_prefix("## "));
            let mut anchors = headings.map(|heading| heading.to_lowercase().replace(' ', "-"));
            assert!(anchors.any(|known| known == anchor), "{link}");
        }
    }
}

#[test]
fn the_readme_runs_the_tests_as_ci_does() {
    let ci = include_str!("../../.ci/run");
    assert!(ci.contains(" tests/run\n"));
    assert!(ENGLISH.contains("\n$ tests/run\n"));
}
