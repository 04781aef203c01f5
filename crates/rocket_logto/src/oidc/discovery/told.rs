//! Warnings that would otherwise be repeated every few seconds for as long as the
//! provider is down.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A line is told again after this.
const AGAIN: Duration = Duration::from_secs(600);
/// The most lines remembered: what differs each time is told each time.
const REMEMBERED: usize = 16;

#[derive(Default)]
pub(super) struct Told(Mutex<Vec<(String, Instant)>>);

impl Told {
    /// Logs the line, unless it was logged a short while ago.
    pub(super) fn warn(&self, line: String) {
        if self.is_news(&line, Instant::now()) {
            log::warn!("logto: {line}");
        }
    }

    fn is_news(&self, line: &str, now: Instant) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|(_, at)| now.saturating_duration_since(*at) < AGAIN);
        if told.iter().any(|(known, _)| known == line) {
            return false;
        }
        if told.len() == REMEMBERED {
            told.remove(0);
        }
        told.push((line.to_owned(), now));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_told_once_and_again_much_later() {
        let (told, start) = (Told::default(), Instant::now());
        let at = |line: &str, seconds| told.is_news(line, start + Duration::from_secs(seconds));
        assert!(at("down", 0));
        for second in 1..600 {
            assert!(!at("down", second), "{second}");
        }
        assert!(at("slow", 5), "another trouble");
        assert!(at("down", 600));
        for number in 0..100 {
            assert!(at(&number.to_string(), 601));
        }
        assert_eq!(told.0.lock().unwrap().len(), REMEMBERED);
    }
}
