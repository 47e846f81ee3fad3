//! A thing with one value, written by operations of which each takes effect at some moment between its beginning and its
//! end, or at any later one where nobody knows.

use super::sent::NEVER;
use crate::clock::WorldTime;
use crate::history::{Operation, OperationId, Outcome};
use std::collections::BTreeMap;

/// All writes to a thing.
#[derive(Clone, Debug)]
pub(super) struct Register<V> {
    writes: BTreeMap<V, Vec<Write>>,
    /// The ends of those that were done for sure, with the latest beginning among those that ended until then.
    sure: Vec<(WorldTime, WorldTime)>,
    /// The last of those that were done for sure, in the order of the history.
    last: Option<OperationId>,
    is_sorted: bool,
}

#[derive(Clone, Copy, Debug)]
struct Write {
    began: WorldTime,
    /// The last moment of its effect.
    until: WorldTime,
}

impl<V: Ord> Register<V> {
    /// One that holds a value from the beginning.
    pub(super) fn holding(value: V) -> Self {
        let mut register = Self { writes: BTreeMap::new(), sure: Vec::new(), last: None, is_sorted: true };
        register.add(value, WorldTime(0), Some(WorldTime(0)));
        register
    }

    /// An operation writes a value, or did not where it failed.
    pub(super) fn write(&mut self, value: V, id: OperationId, operation: &Operation) {
        match operation.outcome {
            Outcome::Failed(_) => {}
            Outcome::Done(_) => {
                self.last = self.last.max(Some(id));
                self.add(value, operation.began, operation.ended);
            }
            Outcome::Unknown | Outcome::UnderWay => self.add(value, operation.began, None),
        }
    }

    /// A value may be written at any moment from `began` on, or never.
    pub(super) fn may_write(&mut self, value: V, began: WorldTime) {
        self.add(value, began, None);
    }

    fn add(&mut self, value: V, began: WorldTime, ended: Option<WorldTime>) {
        let until = ended.unwrap_or(NEVER);
        self.writes.entry(value).or_default().push(Write { began, until });
        if let Some(ended) = ended {
            self.sure.push((ended, began));
            self.is_sorted = false;
        }
    }

    fn sort(&mut self) {
        if !self.is_sorted {
            // The beginnings are put right again: each is the latest of all that ended before.
            self.sure.sort();
            let mut latest = WorldTime(0);
            for (_, began) in &mut self.sure {
                latest = latest.max(*began);
                *began = latest;
            }
            self.is_sorted = true;
        }
    }

    /// Whether it may have held a value at some moment of a span.
    pub(super) fn allows(&mut self, value: &V, from: WorldTime, until: WorldTime) -> bool {
        self.sort();
        let before = self.sure.partition_point(|(ended, _)| *ended < from);
        // A write that began when another had ended has overwritten it.
        let overwritten = before.checked_sub(1).map_or(WorldTime(0), |place| self.sure[place].1);
        let writes = self.writes.get(value).map_or(&[][..], Vec::as_slice);
        writes.iter().any(|write| write.began <= until && write.until >= overwritten)
    }

    /// The last operation that wrote for sure.
    pub(super) const fn last(&self) -> Option<OperationId> {
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Answer, ClientIndex, What};

    fn write(register: &mut Register<u8>, value: u8, began: u64, ended: u64, outcome: Outcome) {
        let ended = (ended > 0).then_some(WorldTime(ended));
        let operation =
            Operation { client: ClientIndex(0), began: WorldTime(began), ended, what: What::ListTopics, outcome };
        register.write(value, OperationId(value.into()), &operation);
    }

    #[test]
    fn a_read_sees_the_last_write_or_one_beside_it() {
        let done = || Outcome::Done(Answer::Nothing);
        let mut register = Register::holding(0);
        write(&mut register, 1, 10, 20, done());
        write(&mut register, 2, 30, 50, done());
        write(&mut register, 3, 40, 60, done());
        let seen = |register: &mut Register<u8>, from, until| -> Vec<u8> {
            (0..10).filter(|value| register.allows(value, WorldTime(from), WorldTime(until))).collect()
        };
        assert_eq!(seen(&mut register, 5, 6), [0]);
        assert_eq!(seen(&mut register, 15, 16), [0, 1]);
        assert_eq!(seen(&mut register, 25, 26), [1]);
        assert_eq!(seen(&mut register, 25, 45), [1, 2, 3]);
        assert_eq!(seen(&mut register, 70, 80), [2, 3], "those two were beside each other");
        write(&mut register, 4, 65, 0, Outcome::Unknown);
        write(&mut register, 5, 70, 75, done());
        write(&mut register, 6, 77, 78, Outcome::Failed(3));
        assert_eq!(seen(&mut register, 80, 90), [4, 5], "what is unknown may come ever after");
        assert_eq!(seen(&mut register, NEVER.0, NEVER.0), [4, 5], "at rest");
        assert_eq!(register.last(), Some(OperationId(5)));
    }
}
