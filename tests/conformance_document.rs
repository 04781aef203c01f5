//! `docs/conformance.md` names every module, once a plan, and each has a test
//! of its name in the file that the document says.

/// The file of tests and the modules of each plan, as the document has them.
fn plans() -> Vec<(String, Vec<String>)> {
    let mut plans: Vec<(String, Vec<String>)> = Vec::new();
    for line in include_str!("../docs/conformance.md").lines() {
        let quoted: Vec<_> = line.split('`').collect();
        match quoted[..] {
            ["Plan ", _, ". Tests: ", file, "."] => plans.push((file.to_owned(), Vec::new())),
            ["| ", module, ..] if module.starts_with("oidcc-client-test") => {
                let (_, modules) = plans.last_mut().expect("a plan before its modules");
                modules.push(module.to_owned());
            }
            _ => {}
        }
    }
    plans
}

#[test]
fn each_module_of_the_document_has_its_test() {
    let plans = plans();
    let sizes: Vec<_> = plans.iter().map(|(_, modules)| modules.len()).collect();
    assert_eq!(sizes, [14, 6, 14, 3, 3, 8, 1]);
    for (file, modules) in plans {
        let path = format!("{}/{file}", env!("CARGO_MANIFEST_DIR"));
        let tests =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
        let mut known = std::collections::BTreeSet::new();
        for module in modules {
            let name = module.replace('-', "_");
            let is_test = tests.contains(&format!("async fn {name}() {{"));
            let is_listed = tests.contains(&format!("    {name},\n"));
            assert!(is_test || is_listed, "{file} has no {name}");
            assert!(known.insert(module), "{name} is twice");
        }
    }
}
