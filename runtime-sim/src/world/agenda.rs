//! What is to happen, by moment and then by the order in which it was scheduled.
//!
//! Invariants:
//! 1. Each entry of the heap names one occurrence in `slots`, and each occurrence there is named once.
//! 2. What was scheduled for the same moment comes in the order in which it was scheduled.
//!
//! Occurrences are large, and moving them about in a heap would cost more than most of them do: the heap holds their places.

use super::Occurrence;
use crate::clock::WorldTime;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// An ordered agenda.
#[derive(Clone, Debug, Default)]
pub(super) struct Agenda {
    heap: BinaryHeap<Reverse<Entry>>,
    slots: Vec<Option<Occurrence>>,
    free: Vec<usize>,
    scheduled: u64,
}

/// What is to happen, as one number, so that two are compared at once: when, the how manieth it is of all that were scheduled,
/// and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry(u128);

/// The bits of a place, and of the order of scheduling.
const SLOT_BITS: u32 = 24;
const SCHEDULED_BITS: u32 = u64::BITS - SLOT_BITS;

impl Entry {
    fn new(at: WorldTime, scheduled: u64, slot: usize) -> Self {
        assert!(slot < 1 << SLOT_BITS, "what is to happen is bounded");
        assert!(scheduled < 1 << SCHEDULED_BITS, "a run ends");
        Self(u128::from(at.0) << u64::BITS | u128::from(scheduled << SLOT_BITS | slot as u64))
    }

    const fn at(self) -> WorldTime {
        WorldTime((self.0 >> u64::BITS) as u64)
    }

    const fn slot(self) -> usize {
        self.0 as usize & ((1 << SLOT_BITS) - 1)
    }
}

impl Agenda {
    /// Lets something happen at that moment.
    pub(super) fn schedule(&mut self, at: WorldTime, occurrence: Occurrence) {
        self.scheduled += 1;
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot] = Some(occurrence);
                slot
            }
            None => {
                self.slots.push(Some(occurrence));
                self.slots.len() - 1
            }
        };
        self.heap.push(Reverse(Entry::new(at, self.scheduled, slot)));
    }

    /// When something happens next.
    pub(super) fn next_at(&self) -> Option<WorldTime> {
        self.heap.peek().map(|Reverse(entry)| entry.at())
    }

    /// Takes what happens next, with its moment.
    pub(super) fn pop(&mut self) -> Option<(WorldTime, Occurrence)> {
        let Reverse(entry) = self.heap.pop()?;
        let occurrence = self.slots[entry.slot()].take().expect("what is in the heap has its place");
        self.free.push(entry.slot());
        Some((entry.at(), occurrence))
    }

    /// Forgets what is not to happen.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&Occurrence) -> bool) {
        let Self { heap, slots, free, .. } = self;
        heap.retain(|Reverse(entry)| {
            let slot = &mut slots[entry.slot()];
            let kept = slot.as_ref().is_some_and(&mut keep);
            if !kept {
                *slot = None;
                free.push(entry.slot());
            }
            kept
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timer(token: u64) -> Occurrence {
        Occurrence::ClientTimer { client: 0, token }
    }

    fn tokens(agenda: &mut Agenda) -> Vec<(u64, u64)> {
        std::iter::from_fn(|| agenda.pop())
            .map(|(at, occurrence)| match occurrence {
                Occurrence::ClientTimer { token, .. } => (at.0, token),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn what_happens_is_in_the_order_of_moments_and_then_of_scheduling() {
        let mut agenda = Agenda::default();
        for (at, token) in [(5, 1), (3, 2), (5, 3), (3, 4), (4, 5)] {
            agenda.schedule(WorldTime(at), timer(token));
        }
        assert_eq!(agenda.next_at(), Some(WorldTime(3)));
        assert_eq!(tokens(&mut agenda), [(3, 2), (3, 4), (4, 5), (5, 1), (5, 3)]);
        assert_eq!(agenda.next_at(), None);
    }

    #[test]
    fn what_is_forgotten_leaves_its_place_to_others() {
        let mut agenda = Agenda::default();
        (0..6).for_each(|token| agenda.schedule(WorldTime(9 - token), timer(token)));
        agenda.retain(|occurrence| matches!(occurrence, Occurrence::ClientTimer { token, .. } if token % 2 == 0));
        (6..9).for_each(|token| agenda.schedule(WorldTime(7), timer(token)));
        assert_eq!(agenda.slots.len(), 6);
        assert_eq!(tokens(&mut agenda), [(5, 4), (7, 2), (7, 6), (7, 7), (7, 8), (9, 0)]);
    }
}
