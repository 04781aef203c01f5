//! What has happened, and what must not.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Within this of its return, Redis may still be missing for an instance.
pub const GRACE: Duration = Duration::from_secs(5);
/// Lines that are kept of one kind of fault.
const MAX_LINES: usize = 5;

pub struct Ledger {
    began: Instant,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    counts: BTreeMap<&'static str, u64>,
    faults: BTreeMap<&'static str, (u64, Vec<String>)>,
    /// `Cookie` headers of sessions that have ended, and how.
    ended: Vec<(String, &'static str)>,
    /// Without an end while Redis is away.
    outages: Vec<(Instant, Option<Instant>)>,
    /// The longest time after its return for which an instance missed it.
    slowest: Duration,
}

impl Ledger {
    pub fn new() -> Ledger {
        Ledger {
            began: Instant::now(),
            inner: Mutex::default(),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    pub fn count(&self, what: &'static str) {
        *self.inner().counts.entry(what).or_default() += 1;
    }

    pub fn counted(&self, what: &str) -> u64 {
        self.inner().counts.get(what).copied().unwrap_or_default()
    }

    pub fn counts(&self) -> Vec<(&'static str, u64)> {
        let counts = &self.inner().counts;
        counts.iter().map(|(what, count)| (*what, *count)).collect()
    }

    pub fn fault(&self, kind: &'static str, what: String) {
        let at = self.elapsed().as_secs_f64();
        let mut inner = self.inner();
        let (count, lines) = inner.faults.entry(kind).or_default();
        *count += 1;
        if lines.len() < MAX_LINES {
            lines.push(format!("after {at:.1} s: {what}"));
        }
    }

    pub fn faults(&self, kind: &str) -> (u64, Vec<String>) {
        self.inner().faults.get(kind).cloned().unwrap_or_default()
    }

    pub fn ended(&self, cookie: String, how: &'static str) {
        self.inner().ended.push((cookie, how));
    }

    /// The one of this number, counted in a circle.
    pub fn ended_one(&self, number: usize) -> Option<(String, &'static str)> {
        let ended = &self.inner().ended;
        let index = number.checked_rem(ended.len())?;
        ended.get(index).cloned()
    }

    pub fn ended_count(&self) -> usize {
        self.inner().ended.len()
    }

    pub fn redis_is_away(&self) {
        self.inner().outages.push((Instant::now(), None));
    }

    pub fn redis_is_back(&self) {
        if let Some(last) = self.inner().outages.last_mut() {
            last.1 = Some(Instant::now());
        }
    }

    pub fn outages(&self) -> usize {
        self.inner().outages.len()
    }

    /// Whether a request that began then and was refused just now has an excuse.
    pub fn is_excused(&self, since: Instant) -> bool {
        let mut inner = self.inner();
        let Some((_, back)) = inner.outages.last().copied() else {
            return false;
        };
        match back {
            None => true,
            Some(back) if since < back + GRACE => {
                let late = since.saturating_duration_since(back);
                inner.slowest = inner.slowest.max(late);
                true
            }
            Some(_) => false,
        }
    }

    pub fn slowest(&self) -> Duration {
        self.inner().slowest
    }
}
