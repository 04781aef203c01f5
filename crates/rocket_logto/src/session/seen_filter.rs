//! `SeenFilter`: whether something was seen before, in memory that does not grow.

use std::sync::atomic::{AtomicU64, Ordering};

/// A lossy set of hashes. One half of a hash selects a place, the other half is stored
/// there. A newcomer takes over the place, and whatever was there counts as never
/// seen.
pub(super) struct SeenFilter(Box<[AtomicU64]>);

impl SeenFilter {
    pub(super) fn with_places(count: usize) -> SeenFilter {
        SeenFilter((0..count.max(1)).map(|_| AtomicU64::new(0)).collect())
    }

    /// Whether it was seen before. From now on it counts as seen.
    pub(super) fn was_here(&self, hash: &[u8; 16]) -> bool {
        let (place, mark) = self.place(hash);
        place.swap(mark, Ordering::Relaxed) == mark
    }

    /// Makes it count as never seen.
    pub(super) fn forget(&self, hash: &[u8; 16]) {
        let (place, mark) = self.place(hash);
        // If this fails, another hash has the place, and there is nothing to forget.
        let _ = place.compare_exchange(mark, 0, Ordering::Relaxed, Ordering::Relaxed);
    }

    fn place(&self, hash: &[u8; 16]) -> (&AtomicU64, u64) {
        let bits = u128::from_ne_bytes(*hash);
        let [place, mark] = [bits as u64, (bits >> 64) as u64];
        let place = place % self.0.len() as u64;
        (&self.0[usize::try_from(place).unwrap_or_default()], mark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(place: u64, mark: u64) -> [u8; 16] {
        (u128::from(place) | u128::from(mark) << 64).to_ne_bytes()
    }

    #[test]
    fn what_was_here_is_known_until_another_takes_its_place() {
        let filter = SeenFilter::with_places(8);
        assert!(!filter.was_here(&hash(1, 7)) && filter.was_here(&hash(1, 7)));
        // The same place, but another half.
        assert!(!filter.was_here(&hash(2, 7)));
        assert!(filter.was_here(&hash(1, 7)));
        assert!(!filter.was_here(&hash(9, 8)), "the same place");
        assert!(!filter.was_here(&hash(1, 7)), "it was taken");
    }

    #[test]
    fn what_is_forgotten_was_never_here() {
        let filter = SeenFilter::with_places(8);
        filter.was_here(&hash(1, 7));
        filter.forget(&hash(1, 7));
        assert!(!filter.was_here(&hash(1, 7)));
        filter.forget(&hash(9, 8));
        assert!(filter.was_here(&hash(1, 7)), "another at the same place");
    }

    #[test]
    fn of_many_at_once_exactly_one_is_the_first() {
        let filter = SeenFilter::with_places(8);
        let ask = || filter.was_here(&hash(3, 4));
        let firsts = std::thread::scope(|scope| {
            let all = [(); 8].map(|()| scope.spawn(ask));
            all.map(|one| one.join().unwrap())
        });
        assert_eq!(firsts.iter().filter(|was_here| !**was_here).count(), 1);
    }
}
