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
    heap: BinaryHeap<Reverse<(WorldTime, u64, u32)>>,
    slots: Vec<Option<Occurrence>>,
    free: Vec<u32>,
    scheduled: u64,
}

impl Agenda {
    /// Lets something happen at that moment.
    pub(super) fn schedule(&mut self, at: WorldTime, occurrence: Occurrence) {
        self.scheduled += 1;
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = Some(occurrence);
                slot
            }
            None => {
                self.slots.push(Some(occurrence));
                u32::try_from(self.slots.len() - 1).expect("what is to happen is bounded")
            }
        };
        self.heap.push(Reverse((at, self.scheduled, slot)));
    }

    /// When something happens next.
    pub(super) fn next_at(&self) -> Option<WorldTime> {
        self.heap.peek().map(|Reverse((at, ..))| *at)
    }

    /// Takes what happens next, with its moment.
    pub(super) fn pop(&mut self) -> Option<(WorldTime, Occurrence)> {
        let Reverse((at, _, slot)) = self.heap.pop()?;
        let occurrence = self.slots[slot as usize].take().expect("what is in the heap has its place");
        self.free.push(slot);
        Some((at, occurrence))
    }

    /// Forgets what is not to happen.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&Occurrence) -> bool) {
        let Self { heap, slots, free, .. } = self;
        heap.retain(|Reverse((_, _, slot))| {
            let kept = slots[*slot as usize].as_ref().is_some_and(&mut keep);
            if !kept {
                slots[*slot as usize] = None;
                free.push(*slot);
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
