//! The one seam between the provider and those who make it misbehave.
//!
//! The tests of the repository build it with the cargo feature `_hooks`: wrong
//! signatures, late answers, a clock of their own. That is not an interface and
//! changes without notice. Without the feature [`Hooks`] is empty, and the
//! provider does what it should.
//!
//! | file | what |
//! |---|---|
//! | `none.rs` | the seam without the feature |
//! | `seam.rs` | the seam with the feature: what the provider asks |
//! | `switches.rs` | what tests can set |
//! | `signing.rs` | tokens that are signed in a wrong way |
//! | `record.rs` | what tests read of the requests that arrived |

#[cfg(not(feature = "_hooks"))]
mod none;
#[cfg(feature = "_hooks")]
mod record;
#[cfg(feature = "_hooks")]
mod seam;
#[cfg(feature = "_hooks")]
mod signing;
#[cfg(feature = "_hooks")]
mod switches;

#[cfg(not(feature = "_hooks"))]
pub(crate) use none::Hooks;
#[cfg(feature = "_hooks")]
pub use {
    signing::Signing,
    switches::{Held, Hooks},
};
