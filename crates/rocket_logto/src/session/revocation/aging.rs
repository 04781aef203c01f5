//! `Aging`: entries by hash, of which the oldest can be dropped.

use std::collections::{HashMap, VecDeque};

use crate::clock::Seconds;

/// Entries by a keyed hash, each with the time at which it was last touched.
pub(super) struct Aging<T> {
    entries: HashMap<u64, (Seconds, T)>,
    /// Each entry once, in the order of when it was touched; the time may have become
    /// later since.
    order: VecDeque<(Seconds, u64)>,
}

impl<T> Default for Aging<T> {
    fn default() -> Aging<T> {
        Aging {
            entries: HashMap::new(),
            order: VecDeque::new(),
        }
    }
}

impl<T: Default> Aging<T> {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn get(&self, hash: u64) -> Option<&T> {
        self.entries.get(&hash).map(|(_, value)| value)
    }

    /// The entry, touched now. A new one has the default value.
    pub(super) fn entry(&mut self, hash: u64, now: Seconds) -> &mut T {
        let (touched, value) = self.entries.entry(hash).or_insert_with(|| {
            self.order.push_back((now, hash));
            (now, T::default())
        });
        *touched = now.max(*touched);
        value
    }

    /// Takes out the entry that was not touched for the longest time.
    pub(super) fn pop_oldest(&mut self) -> Option<(u64, T)> {
        self.pop_if(|_| true)
    }

    /// Drops the entries that were last touched before `time`.
    pub(super) fn drop_before(&mut self, time: Seconds) {
        while self.pop_if(|touched| touched < time).is_some() {}
    }

    fn pop_if(&mut self, is_due: impl Fn(Seconds) -> bool) -> Option<(u64, T)> {
        // An entry that was touched again goes to the end, once for each time.
        while let Some(&(then, hash)) = self.order.front()
            && is_due(then)
        {
            self.order.pop_front();
            match self.entries.get(&hash) {
                Some(&(touched, _)) if touched > then => self.order.push_back((touched, hash)),
                _ => return self.entries.remove(&hash).map(|(_, value)| (hash, value)),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_the_one_that_was_not_touched_for_longest() {
        let mut aging = Aging::<u8>::default();
        for (hash, now) in [(1, 10), (2, 11), (3, 12), (1, 13)] {
            *aging.entry(hash, now) += 1;
        }
        assert_eq!(aging.len(), 3);
        assert_eq!(aging.pop_oldest(), Some((2, 1)));
        assert_eq!(aging.pop_oldest(), Some((3, 1)));
        assert_eq!(aging.get(1), Some(&2));
        assert_eq!(aging.pop_oldest(), Some((1, 2)));
        assert_eq!(aging.pop_oldest(), None);
    }

    #[test]
    fn drops_what_is_too_old_and_nothing_else() {
        let mut aging = Aging::<u8>::default();
        for (hash, now) in [(1, 10), (2, 11), (1, 20)] {
            aging.entry(hash, now);
        }
        aging.drop_before(11);
        assert_eq!(aging.len(), 2);
        aging.drop_before(12);
        assert!(aging.get(2).is_none() && aging.get(1).is_some());
        aging.drop_before(21);
        assert_eq!((aging.len(), aging.order.len()), (0, 0));
    }

    #[test]
    fn an_entry_takes_one_place_however_often_it_is_touched() {
        let mut aging = Aging::<u8>::default();
        for now in 0..100_000 {
            aging.entry(7, now);
            aging.drop_before(now - 10);
        }
        assert_eq!((aging.len(), aging.order.len()), (1, 1));
    }
}
