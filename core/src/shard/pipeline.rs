//! The requests of one connection that are under way, in the order they came.
//!
//! Invariants:
//! 1. Answers leave in the order of the requests.
//! 2. A Produce begins once every earlier request is a Produce that has taken effect; any other request begins once every
//!    earlier one is answered. So requests take effect in their order, and Produce is pipelined: it does not wait for the
//!    flush before it.
//! 3. A request takes effect before it is answered.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use bytes::Bytes;

/// Counts the requests of one connection.
pub(crate) type Sequence = u64;

/// The bytes of an answer; `None` where the request wants none (`acks=0`).
pub(crate) type Answer = Option<Vec<Bytes>>;

/// The requests of one connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pipeline {
    /// The sequence of the front slot.
    first: Sequence,
    slots: VecDeque<Slot>,
}

#[derive(Clone, Debug)]
struct Slot {
    produce: bool,
    /// What the request is charged in bytes: its share of the request budget.
    charged: usize,
    stage: Stage,
}

#[derive(Clone, Debug)]
enum Stage {
    /// It has not begun.
    Waiting(Bytes),
    /// It has begun and may still be anywhere.
    Begun,
    /// It has taken effect.
    Applied,
    /// Its answer waits for those before it.
    Answered(Answer),
}

impl Pipeline {
    /// Adds a request that has arrived.
    pub(crate) fn push(&mut self, frame: Bytes, produce: bool, charged: usize) {
        self.slots.push_back(Slot { produce, charged, stage: Stage::Waiting(frame) });
    }

    /// Takes the next request that may begin, by invariant 2.
    pub(crate) fn begin(&mut self) -> Option<(Sequence, Bytes)> {
        for (index, slot) in self.slots.iter_mut().enumerate() {
            match &slot.stage {
                Stage::Applied if slot.produce => {}
                // An answer that waits is behind a Produce: only another Produce may pass the flush.
                Stage::Answered(_) if slot.produce => {}
                Stage::Applied | Stage::Begun | Stage::Answered(_) => return None,
                Stage::Waiting(frame) => {
                    if index > 0 && !slot.produce {
                        return None;
                    }
                    let frame = frame.clone();
                    slot.stage = Stage::Begun;
                    return Some((self.first + index as u64, frame));
                }
            }
        }
        None
    }

    /// The request holds its frame no longer; gives what it was charged.
    pub(crate) fn release(&mut self, sequence: Sequence) -> usize {
        self.slot(sequence).map_or(0, |slot| core::mem::take(&mut slot.charged))
    }

    /// The request has taken effect; a request that is not there any more is none of ours.
    pub(crate) fn applied(&mut self, sequence: Sequence) {
        if let Some(slot) = self.slot(sequence) {
            assert!(matches!(slot.stage, Stage::Begun), "a request takes effect once, after it began");
            slot.stage = Stage::Applied;
        }
    }

    /// The request is answered.
    pub(crate) fn answered(&mut self, sequence: Sequence, answer: Answer) {
        if let Some(slot) = self.slot(sequence) {
            assert!(matches!(slot.stage, Stage::Begun | Stage::Applied), "a request is answered once, after it began");
            slot.stage = Stage::Answered(answer);
        }
    }

    /// Takes the next answer that may leave, with what its request is still charged.
    pub(crate) fn pop_answer(&mut self) -> Option<(usize, Answer)> {
        if !matches!(self.slots.front()?.stage, Stage::Answered(_)) {
            return None;
        }
        self.first += 1;
        let slot = self.slots.pop_front()?;
        match slot.stage {
            Stage::Answered(answer) => Some((slot.charged, answer)),
            Stage::Waiting(_) | Stage::Begun | Stage::Applied => None,
        }
    }

    /// The sequences of the requests that have begun and are not answered.
    pub(crate) fn open(&self) -> impl Iterator<Item = Sequence> + '_ {
        let open = |slot: &Slot| matches!(slot.stage, Stage::Begun | Stage::Applied);
        self.slots.iter().enumerate().filter(move |(_, slot)| open(slot)).map(|(index, _)| self.first + index as u64)
    }

    /// Whether a request has begun, is not answered, and may still be overtaken: a Produce that has not taken effect.
    pub(crate) fn is_to_be_applied(&self, sequence: Sequence) -> bool {
        self.peek(sequence).is_some_and(|slot| slot.produce && matches!(slot.stage, Stage::Begun))
    }

    /// Whether a request has begun and is not answered.
    pub(crate) fn is_open(&self, sequence: Sequence) -> bool {
        self.peek(sequence).is_some_and(|slot| matches!(slot.stage, Stage::Begun | Stage::Applied))
    }

    /// The number of requests under way.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// What all requests under way are charged, in bytes.
    pub(crate) fn charged(&self) -> usize {
        self.charges().sum()
    }

    /// What each request under way that still holds its frame is charged, in bytes.
    pub(crate) fn charges(&self) -> impl Iterator<Item = usize> + Clone + '_ {
        self.slots.iter().map(|slot| slot.charged).filter(|charged| *charged > 0)
    }

    /// Whether the request is still charged for its frame.
    pub(crate) fn is_charged(&self, sequence: Sequence) -> bool {
        self.peek(sequence).is_some_and(|slot| slot.charged > 0)
    }

    /// Whether whatever comes next waits for Produces at most.
    pub(crate) fn is_all_produce(&self) -> bool {
        self.slots.iter().all(|slot| slot.produce)
    }

    /// What requests are charged that wait for one before them that is no Produce, or to begin at all, in bytes.
    pub(crate) fn stuck_bytes(&self) -> usize {
        let is_stuck = self.slots.front().is_some_and(|slot| !slot.produce || matches!(slot.stage, Stage::Waiting(_)));
        let waiting = self.slots.iter().filter(|slot| is_stuck && matches!(slot.stage, Stage::Waiting(_)));
        waiting.map(|slot| slot.charged).sum()
    }

    fn peek(&self, sequence: Sequence) -> Option<&Slot> {
        let index = sequence.checked_sub(self.first)?;
        self.slots.get(usize::try_from(index).ok()?)
    }

    fn slot(&mut self, sequence: Sequence) -> Option<&mut Slot> {
        let index = sequence.checked_sub(self.first)?;
        self.slots.get_mut(usize::try_from(index).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRODUCE: bool = true;
    const OTHER: bool = false;

    fn pipeline(kinds: &[bool]) -> Pipeline {
        let mut pipeline = Pipeline::default();
        for (index, &produce) in kinds.iter().enumerate() {
            pipeline.push(Bytes::from(alloc::vec![index as u8; index + 1]), produce, index + 1);
        }
        pipeline
    }

    fn begin(pipeline: &mut Pipeline) -> Option<Sequence> {
        pipeline.begin().map(|(sequence, _)| sequence)
    }

    #[test]
    fn a_produce_follows_a_produce_that_has_taken_effect() {
        let mut pipeline = pipeline(&[PRODUCE, PRODUCE, PRODUCE]);
        assert_eq!(begin(&mut pipeline), Some(0));
        assert_eq!(begin(&mut pipeline), None, "the first has not taken effect");
        pipeline.applied(0);
        assert_eq!(begin(&mut pipeline), Some(1));
        pipeline.applied(1);
        pipeline.answered(1, Some(Vec::new()));
        assert!(pipeline.pop_answer().is_none(), "the first is not answered");
        assert_eq!(begin(&mut pipeline), Some(2), "an answer that waits holds up no Produce");
        pipeline.answered(0, None);
        assert_eq!(pipeline.pop_answer(), Some((1, None)));
        assert_eq!(pipeline.pop_answer(), Some((2, Some(Vec::new()))));
        assert_eq!(pipeline.open().collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn any_other_request_waits_for_every_answer_before_it() {
        let mut pipeline = pipeline(&[PRODUCE, OTHER, PRODUCE]);
        assert_eq!(begin(&mut pipeline), Some(0));
        pipeline.applied(0);
        assert_eq!(begin(&mut pipeline), None, "a fetch sees what was flushed before it");
        pipeline.answered(0, None);
        assert_eq!(begin(&mut pipeline), None, "the answer has not left");
        assert!(pipeline.pop_answer().is_some());
        assert_eq!(begin(&mut pipeline), Some(1));
        assert_eq!(begin(&mut pipeline), None);
        pipeline.answered(1, None);
        assert!(pipeline.pop_answer().is_some());
        assert_eq!(begin(&mut pipeline), Some(2));
    }

    #[test]
    fn what_waits_behind_a_request_that_may_take_long_is_stuck() {
        let mut pipeline = pipeline(&[PRODUCE, PRODUCE, OTHER, PRODUCE]);
        begin(&mut pipeline);
        assert_eq!(pipeline.stuck_bytes(), 0, "a Produce goes its way");
        assert!(!pipeline.is_all_produce());
        for sequence in 0..2 {
            pipeline.applied(sequence);
            begin(&mut pipeline);
            pipeline.answered(sequence, None);
            pipeline.pop_answer();
        }
        assert_eq!(pipeline.stuck_bytes(), 3 + 4, "nothing has begun");
        assert_eq!(begin(&mut pipeline), Some(2));
        assert_eq!(pipeline.stuck_bytes(), 4);
        pipeline.answered(2, None);
        pipeline.pop_answer();
        assert!(pipeline.is_all_produce());
        assert_eq!(pipeline.charges().collect::<Vec<_>>(), [4]);
    }

    #[test]
    fn an_answer_for_a_request_that_is_gone_is_dropped() {
        let mut pipeline = pipeline(&[OTHER]);
        begin(&mut pipeline);
        pipeline.answered(0, None);
        pipeline.pop_answer();
        pipeline.answered(0, None);
        pipeline.applied(7);
        assert_eq!(pipeline.len(), 0);
    }
}
