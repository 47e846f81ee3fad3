//! Who waits for what on a shard's partitions: appends for the flush, readers for something new. Data, no callbacks.
//!
//! Invariants:
//! 1. A partition's acknowledgements wait in the order of its log, so that those which a flush completes are a prefix.
//! 2. A watch stands with its ticket and with each of its partitions, or with neither.

use super::AppendResult;
use crate::ids::{ConnectionId, Offset, ShardId, Ticket, TopicPartition};
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;

/// Appends that wait until their records are durable.
#[derive(Clone, Debug, Default)]
pub(crate) struct Acknowledgements {
    by_partition: BTreeMap<TopicPartition, VecDeque<Waiting>>,
}

/// One item of an append that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// The exclusive end of its records.
    pub(crate) end: Offset,
    /// The append.
    pub(crate) ticket: Ticket,
    /// Which of the append's items.
    pub(crate) item: usize,
    /// What the caller is told then.
    pub(crate) result: AppendResult,
}

impl Acknowledgements {
    /// An append waits until its partition is durable up to `waiting.end`.
    pub(crate) fn push(&mut self, partition: TopicPartition, waiting: Waiting) {
        let queue = self.by_partition.entry(partition).or_default();
        // A duplicate of an earlier batch waits for that one: its end may lie before the last.
        let at = queue.partition_point(|other| other.end <= waiting.end);
        queue.insert(at, waiting);
    }

    /// Takes the appends that are durable now that `end` is.
    pub(crate) fn reached(&mut self, partition: TopicPartition, end: Offset) -> Vec<Waiting> {
        let Some(queue) = self.by_partition.get_mut(&partition) else { return Vec::new() };
        let done = queue.partition_point(|waiting| waiting.end <= end);
        let done = queue.drain(..done).collect();
        if queue.is_empty() {
            self.by_partition.remove(&partition);
        }
        done
    }

    /// Takes all that wait for a partition: it can no longer become durable.
    pub(crate) fn give_up(&mut self, partition: TopicPartition) -> Vec<Waiting> {
        self.by_partition.remove(&partition).unwrap_or_default().into()
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_partition.is_empty()
    }

    /// Asserts invariant 1.
    pub(crate) fn check_invariants(&self) {
        for queue in self.by_partition.values() {
            assert!(!queue.is_empty(), "a partition without waiters has no queue");
            assert!(queue.iter().zip(queue.iter().skip(1)).all(|(a, b)| a.end <= b.end), "in the order of the log");
        }
    }
}

/// Readers that wait for something new.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watches {
    /// What each waits for: partitions, with their visible ends as the reader has seen them.
    by_ticket: BTreeMap<Ticket, Vec<(TopicPartition, Offset)>>,
    by_partition: BTreeSet<(TopicPartition, Ticket)>,
}

impl Watches {
    /// A reader waits for any of `partitions`.
    pub(crate) fn add(&mut self, ticket: Ticket, partitions: Vec<(TopicPartition, Offset)>) {
        for (partition, _) in &partitions {
            self.by_partition.insert((*partition, ticket));
        }
        self.by_ticket.insert(ticket, partitions);
    }

    /// Takes the readers that wait for a partition, with all that they wait for.
    pub(crate) fn wake(&mut self, partition: TopicPartition) -> Vec<Ticket> {
        let woken: Vec<Ticket> = self.of(partition).collect();
        woken.iter().for_each(|ticket| self.cancel(*ticket));
        woken
    }

    /// A reader no longer waits.
    pub(crate) fn cancel(&mut self, ticket: Ticket) {
        for (partition, _) in self.by_ticket.remove(&ticket).unwrap_or_default() {
            self.by_partition.remove(&(partition, ticket));
        }
    }

    fn of(&self, partition: TopicPartition) -> impl Iterator<Item = Ticket> {
        let first = Ticket { shard: ShardId(0), connection: ConnectionId(0), sequence: 0, part: 0 };
        let from = self.by_partition.range((partition, first)..);
        from.take_while(move |(of, _)| *of == partition).map(|(_, ticket)| *ticket)
    }

    /// What is waited for: partitions, with the visible ends that their readers have seen.
    pub(crate) fn awaited(&self) -> impl Iterator<Item = (TopicPartition, Offset)> + '_ {
        self.by_ticket.values().flatten().copied()
    }

    /// Whether nobody waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_ticket.is_empty()
    }

    /// Asserts invariant 2.
    pub(crate) fn check_invariants(&self) {
        for (ticket, partitions) in &self.by_ticket {
            for (partition, _) in partitions {
                let found = self.by_partition.contains(&(*partition, *ticket));
                assert!(found, "a watch stands with each of its partitions");
            }
        }
        for (partition, ticket) in &self.by_partition {
            let found = self.by_ticket.get(ticket).is_some_and(|all| all.iter().any(|(of, _)| of == partition));
            assert!(found, "a watch stands with its ticket");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{PartitionIndex, Timestamp, TopicId};

    fn partition(index: i32) -> TopicPartition {
        TopicPartition { topic: TopicId([1; 16]), partition: PartitionIndex(index) }
    }

    fn ticket(part: u32) -> Ticket {
        Ticket { shard: ShardId(0), connection: ConnectionId(1), sequence: 0, part }
    }

    #[test]
    fn a_flush_completes_what_lies_below_it() {
        let mut acks = Acknowledgements::default();
        for (end, part) in [(5, 0), (9, 1), (5, 2)] {
            let result = AppendResult::Done {
                base_offset: Offset(0),
                log_append_time: Timestamp(-1),
                log_start_offset: Offset(0),
            };
            acks.push(partition(0), Waiting { end: Offset(end), ticket: ticket(part), item: 0, result });
            acks.check_invariants();
        }
        assert!(acks.reached(partition(0), Offset(4)).is_empty());
        assert!(acks.reached(partition(1), Offset(9)).is_empty());
        let parts = |done: Vec<Waiting>| done.iter().map(|waiting| waiting.ticket.part).collect::<Vec<_>>();
        assert_eq!(parts(acks.reached(partition(0), Offset(8))), [0, 2]);
        assert_eq!(parts(acks.give_up(partition(0))), [1]);
        assert!(acks.is_empty());
    }

    #[test]
    fn a_watch_ends_with_the_first_of_its_partitions() {
        let mut watches = Watches::default();
        watches.add(ticket(0), alloc::vec![(partition(0), Offset(3)), (partition(1), Offset(4))]);
        watches.add(ticket(1), alloc::vec![(partition(1), Offset(4))]);
        assert_eq!(watches.awaited().count(), 3);
        watches.check_invariants();
        assert_eq!(watches.wake(partition(0)), [ticket(0)]);
        watches.check_invariants();
        assert_eq!(watches.wake(partition(1)), [ticket(1)]);
        watches.add(ticket(2), alloc::vec![(partition(0), Offset(3))]);
        watches.cancel(ticket(2));
        assert!(watches.is_empty());
        watches.check_invariants();
    }
}
