//! A clock that stands still until a test moves it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use logto_dev_provider::DevProvider;
use rocket::time::OffsetDateTime;

/// Made by [`clock!`](crate::support::clock::clock): `with_clock` takes a bare
/// function, so each test has statics of its own.
#[derive(Clone, Copy)]
pub struct Clock {
    pub now: &'static AtomicI64,
    pub read: fn() -> i64,
}

macro_rules! clock {
    () => {{
        static NOW: std::sync::atomic::AtomicI64 = std::sync::atomic::AtomicI64::new(0);
        $crate::support::clock::Clock::start(&NOW, || NOW.load(std::sync::atomic::Ordering::SeqCst))
    }};
}
pub(crate) use clock;

impl Clock {
    pub fn start(now: &'static AtomicI64, read: fn() -> i64) -> Clock {
        now.store(OffsetDateTime::now_utc().unix_timestamp(), Ordering::SeqCst);
        Clock { now, read }
    }

    pub fn now(&self) -> i64 {
        (self.read)()
    }

    /// Puts the app's clock and the provider's forward.
    pub fn advance(&self, provider: &DevProvider, seconds: u32) {
        self.now.fetch_add(seconds.into(), Ordering::SeqCst);
        provider.advance_clock(Duration::from_secs(seconds.into()));
    }
}
