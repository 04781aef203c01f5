//! SECURITY.md says for each class of failure which test would notice: those
//! tests exist.

use std::collections::BTreeSet;
use std::path::Path;

const POLICY: &str = include_str!("../../SECURITY.md");

/// `module::name` of each test that is named.
fn named() -> BTreeSet<&'static str> {
    let codes = POLICY.split('`').skip(1).step_by(2);
    codes.filter(|code| code.contains("::")).collect()
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

fn is_unit_test(path: &str) -> bool {
    path.split("::").any(|part| part == "tests")
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
