//! Why the provider does not start.

use std::path::PathBuf;

use thiserror::Error;

/// Why the provider did not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// Something else listens on the port, or this process may not.
    #[error("the development provider cannot listen on {address}:{port}: {source}")]
    Bind {
        /// The loopback address: `127.0.0.1` or `[::1]`.
        address: &'static str,
        /// The port.
        port: u16,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// `issuer_path` or `jwks_path` is not a path.
    #[error(
        "the development provider's issuer_path and jwks_path must be paths like \"/oidc\", not \
         {0:?}"
    )]
    Path(String),
    /// The seed contradicts itself.
    #[error("the development provider's seed: {0}")]
    Seed(#[from] SeedError),
    /// [`Settings::state_file`](crate::Settings::state_file) cannot be read or written.
    #[error(
        "the development provider's state file {}{}: {why}. Mend it, or delete it to start afresh",
        path.display(),
        line.map_or_else(String::new, |line| format!(", line {line}"))
    )]
    State {
        /// The file.
        path: PathBuf,
        /// The line of it, where there is one to name.
        line: Option<usize>,
        /// What is wrong.
        why: String,
    },
    /// No signing key could be made.
    #[error("the development provider cannot make a signing key")]
    Keys,
}

/// What is wrong with a [`Seed`](crate::Seed): the key, and what to write
/// instead.
///
/// ```
/// # use logto_dev_provider::Seed;
/// let error = Seed::from_toml("[[users]]\nid = \"1\"\nnme = \"Dora\"").unwrap_err();
/// assert!(error.to_string().contains("unknown field `nme`"));
/// ```
#[derive(Clone, Debug, Error)]
#[error("{0}")]
pub struct SeedError(String);

impl SeedError {
    pub(crate) fn new(what: impl Into<String>) -> SeedError {
        SeedError(what.into())
    }
}
