//! Typed timers: one ordered map from a moment to what is due then.
//!
//! Invariants:
//! 1. A timer is set at most once; setting it again moves it.
//! 2. Timers come due in the order of their moment, then of their key: the same for the same state.

use crate::time::Instant;
use alloc::collections::{BTreeMap, BTreeSet};

/// Timers named by `K`.
#[derive(Clone, Debug)]
pub struct Timers<K> {
    by_moment: BTreeSet<(Instant, K)>,
    by_key: BTreeMap<K, Instant>,
}

impl<K> Default for Timers<K> {
    fn default() -> Self {
        Self { by_moment: BTreeSet::new(), by_key: BTreeMap::new() }
    }
}

impl<K: Ord + Clone> Timers<K> {
    /// Sets the timer `key` to come due at `at`, moving it where it was set.
    pub fn set(&mut self, key: K, at: Instant) {
        if let Some(before) = self.by_key.insert(key.clone(), at) {
            self.by_moment.remove(&(before, key.clone()));
        }
        self.by_moment.insert((at, key));
    }

    /// Clears the timer `key`; nothing happens where it is not set.
    pub fn clear(&mut self, key: &K) {
        if let Some(at) = self.by_key.remove(key) {
            self.by_moment.remove(&(at, key.clone()));
        }
    }

    /// When the timer `key` comes due, where it is set.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<Instant> {
        self.by_key.get(key).copied()
    }

    /// When the next timer comes due.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        self.by_moment.first().map(|&(at, _)| at)
    }

    /// Takes the next timer that is due at `now`.
    pub fn pop_due(&mut self, now: Instant) -> Option<K> {
        if self.next()? > now {
            return None;
        }
        let (_, key) = self.by_moment.pop_first()?;
        self.by_key.remove(&key);
        Some(key)
    }

    /// The number of timers that are set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether no timer is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// Asserts invariant 1 over all timers.
    pub fn check_invariants(&self) {
        assert_eq!(self.by_moment.len(), self.by_key.len(), "each timer stands in both maps");
        for (key, at) in &self.by_key {
            assert!(self.by_moment.contains(&(*at, key.clone())), "a timer is found by its moment");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_come_due_in_order_and_move() {
        let mut timers = Timers::default();
        timers.set('b', Instant(5));
        timers.set('a', Instant(5));
        timers.set('c', Instant(1));
        timers.set('c', Instant(9));
        timers.check_invariants();
        assert_eq!(timers.next(), Some(Instant(5)));
        assert_eq!(timers.pop_due(Instant(4)), None);
        assert_eq!(timers.pop_due(Instant(5)), Some('a'));
        timers.clear(&'b');
        assert_eq!(timers.pop_due(Instant(8)), None);
        assert_eq!(timers.pop_due(Instant(9)), Some('c'));
        assert!(timers.is_empty());
        timers.check_invariants();
    }
}
