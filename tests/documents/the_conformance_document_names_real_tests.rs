//! `docs/conformance.md` names every module, once a plan, and each has a test
//! of its name in the file that the document says, which expects the reason in
//! the log that the document says.

struct Module {
    name: String,
    /// What the log says; empty where nothing is refused.
    reason: String,
}

/// The file of tests and the modules of each plan, as the document has them.
fn plans() -> Vec<(String, Vec<Module>)> {
    let mut plans: Vec<(String, Vec<Module>)> = Vec::new();
    for line in include_str!("../../docs/conformance.md").lines() {
        let quoted: Vec<_> = line.split('`').collect();
        match quoted[..] {
            ["Plan ", _, ". Tests: ", file, "."] => plans.push((file.to_owned(), Vec::new())),
            ["| ", module, ..] if is_module(module) => {
                let (_, modules) = plans.last_mut().expect("a plan before its modules");
                let reason = line.split('|').nth(4).expect("a fourth column");
                modules.push(Module {
                    name: module.to_owned(),
                    reason: reason.trim().trim_matches('`').to_owned(),
                });
            }
            _ => {}
        }
    }
    plans
}

fn is_module(name: &str) -> bool {
    let plans = [
        "oidcc-client-test",
        "fapi2-security-profile-final-client-test",
    ];
    plans.iter().any(|plan| name.starts_with(plan))
}

/// The text of one function.
fn body<'a>(file: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = file.split_once(&format!("async fn {name}("))?;
    rest.split("\n}\n").next()
}

#[test]
fn each_module_of_the_document_has_its_test_and_the_reason_that_it_expects() {
    let shared = include_str!("../support/basic_modules.rs");
    let plans = plans();
    let sizes: Vec<_> = plans.iter().map(|(_, modules)| modules.len()).collect();
    assert_eq!(sizes, [14, 6, 14, 3, 3, 8, 1, 22]);
    for (file, modules) in plans {
        let path = format!("{}/{file}", env!("CARGO_MANIFEST_DIR"));
        let tests =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
        let mut known = std::collections::BTreeSet::new();
        for Module { name, reason } in modules {
            let name = name.replace('-', "_");
            let is_listed = tests.contains(&format!("    {name},\n"));
            let test = body(&tests, &name).or_else(|| body(shared, &name).filter(|_| is_listed));
            let test = test.unwrap_or_else(|| panic!("{file} has no {name}"));
            // Up to the first value in it.
            let expected = reason.split('"').next().unwrap_or_default();
            let expects = expected.is_empty() || test.contains(&format!("\"{expected}\""));
            assert!(expects, "{name} does not expect {reason:?}");
            assert!(known.insert(name.clone()), "{name} is twice");
        }
    }
}

/// Modules that are named beside the plans have a test of their name, too.
#[test]
fn each_module_beside_the_plans_has_its_test() {
    let document = include_str!("../../docs/conformance.md");
    let (_, beside) = document
        .split_once("## Beside the plans")
        .expect("a section");
    let tests = [
        include_str!("../conformance/basic.rs"),
        include_str!("../conformance/form_post_basic.rs"),
        include_str!("../support/basic_modules.rs"),
    ];
    let modules: Vec<_> = beside
        .split('`')
        .filter(|text| text.starts_with("oidcc-client-test-"))
        .map(|module| module.replace('-', "_"))
        .collect();
    assert_eq!(modules.len(), 6, "{modules:?}");
    for module in modules {
        assert!(
            tests.iter().any(|file| body(file, &module).is_some()),
            "{module}"
        );
    }
}
