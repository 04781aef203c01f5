//! How often keys are fetched again because of tokens with an unknown key.

use std::time::{Duration, Instant};

/// This many at once, then one per interval. So key rotation works immediately, and
/// a flood of made-up `kid`s is of no use.
const BURST: u32 = 3;
const INTERVAL: Duration = Duration::from_secs(30);

/// Who sent the token to verify.
#[derive(Clone, Copy)]
pub(in crate::oidc) enum Sender {
    /// The provider, in response to a request.
    Provider,
    /// Anyone.
    Stranger,
}

/// Strangers have a bucket of their own, or made-up tokens could keep users from
/// signing in right after a rotation.
pub(super) struct Refetches {
    provider: Bucket,
    strangers: Bucket,
}

/// A token bucket.
struct Bucket {
    tokens: u32,
    filled: Instant,
}

impl Refetches {
    pub(super) fn new() -> Refetches {
        Refetches {
            provider: Bucket::full(),
            strangers: Bucket::full(),
        }
    }

    /// Whether a token from this sender may cause another refetch.
    pub(super) fn allows(&mut self, sender: Sender) -> bool {
        match sender {
            Sender::Provider => self.provider.take(),
            Sender::Stranger => self.strangers.take(),
        }
    }
}

impl Bucket {
    fn full() -> Bucket {
        Bucket {
            tokens: BURST,
            filled: Instant::now(),
        }
    }

    fn take(&mut self) -> bool {
        let earned = self.filled.elapsed().as_secs() / INTERVAL.as_secs();
        if earned > 0 {
            let earned = u32::try_from(earned).unwrap_or(BURST);
            self.tokens = self.tokens.saturating_add(earned).min(BURST);
            self.filled = Instant::now();
        }
        match self.tokens.checked_sub(1) {
            Some(left) => {
                self.tokens = left;
                true
            }
            None => false,
        }
    }
}
