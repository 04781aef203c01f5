//! The list of mutants, as `mutants.toml` has it.

use std::path::Path;

use figment::Figment;
use figment::providers::{Format, Toml};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct List {
    pub mutant: Vec<Mutant>,
    /// Rows of SECURITY.md that no change of the code can show.
    #[serde(default)]
    pub without: Vec<Without>,
}

/// A defence, and the code without it.
#[derive(Deserialize)]
pub struct Mutant {
    pub name: String,
    /// The first cell of its row in SECURITY.md.
    pub row: String,
    #[serde(flatten)]
    pub edit: Edit,
    /// Where it takes more than one.
    #[serde(default)]
    pub also: Vec<Edit>,
    /// Each of them must fail.
    pub tests: Vec<String>,
    #[serde(default)]
    pub how: How,
    /// Why no test notices, where that is accepted.
    pub survives: Option<String>,
}

/// A place in the code, and what stands there without the defence.
#[derive(Deserialize)]
pub struct Edit {
    pub file: String,
    /// An expression, or statements that end with `;` or `}`.
    pub find: String,
    pub replace: String,
    /// What `find` is in, where that alone is not unique. Once in the file.
    pub within: Option<String>,
}

/// How a mutant gets into the program.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// As a branch, chosen when the program runs: one build for all of them.
    #[default]
    Branch,
    /// As a text of its own, for what is no expression, or no code: the file is
    /// changed, built if need be, and changed back.
    Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Without {
    pub row: String,
    pub reason: String,
}

impl List {
    pub fn read(root: &Path) -> List {
        let path = root.join("tests/mutants/mutants.toml");
        Figment::from(Toml::file_exact(path))
            .extract()
            .unwrap_or_else(|error| panic!("mutants.toml: {error}"))
    }
}

impl Edit {
    /// Where `find` is in the text of its file.
    pub fn place(&self, text: &str) -> Result<usize, String> {
        let context = self.within.as_deref().unwrap_or(&self.find);
        let start = self.only(text, context)?;
        Ok(start + self.only(context, &self.find)?)
    }

    fn only(&self, text: &str, part: &str) -> Result<usize, String> {
        let mut places = text.match_indices(part).map(|(place, _)| place);
        match (places.next(), places.next()) {
            (Some(place), None) => Ok(place),
            (None, _) => Err(format!("{} has no {part:?}", self.file)),
            _ => Err(format!("{} has {part:?} more than once", self.file)),
        }
    }
}

impl Mutant {
    pub fn edits(&self) -> impl Iterator<Item = &Edit> {
        std::iter::once(&self.edit).chain(&self.also)
    }
}

/// Whether a test is one of the library's own, and not one over the wire.
pub fn is_unit_test(path: &str) -> bool {
    path.split("::").any(|part| part == "tests")
}
