//! What must hold for any input of a fuzz target holds for its seeds
//! (`fuzz/corpus`). The library's unit tests try random input.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use rocket_logto::SigningAlg;
use rocket_logto::internals::{
    DpopCall, Expected, Keys, Sealer, callback_parameters, cookie_pairs, cookie_value,
    dpop_address, dpop_proof, ended_by_webhook, endpoints, kept_return_to, logout_token_of_form,
    step_up_challenge, webhook_signature,
};

#[path = "../../crates/rocket_logto/src/internals/properties.rs"]
mod properties;

/// What lies in a folder, by name.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
    let names = entries.map(|entry| name(entry).into_string().expect("a name"));
    names.collect()
}

#[test]
fn of_every_target() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let targets = properties::ALL.map(|(target, _)| target.to_owned());
    assert_eq!(names(&corpus), BTreeSet::from(targets));
    for (target, property) in properties::ALL {
        let folder = corpus.join(target);
        let seeds = names(&folder);
        assert!(!seeds.is_empty(), "{target} has no seeds");
        for seed in seeds {
            property(&fs::read(folder.join(seed)).expect("its bytes"));
        }
    }
}
