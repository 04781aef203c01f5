//! For tests of what is built on this crate: the feature `testing`.
//!
//! ```toml
//! [dev-dependencies]
//! rocket_logto = { version = "0.1", features = ["testing"] }
//! ```
//!
//! # In release builds
//!
//! What is here today checks stores. It can sign nobody in, so it compiles in every
//! profile, for `cargo test --release` and benchmarks too. What will be able to sign
//! somebody in without a provider will not: it will need `debug_assertions`, as
//! the development provider does, whatever features are on.

mod conformance;

pub use self::conformance::{session_store_conformance, session_store_conformance_without_tokens};
