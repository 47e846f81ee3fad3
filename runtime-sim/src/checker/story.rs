//! Histories that are made by hand, for the tests of checkers.

use super::{AtRest, Checker, LogAtRest, Seen};
use crate::clock::WorldTime;
use crate::history::{Answer, ClientIndex, History, OperationId, Outcome, Polled, TopicPartition, Value, What};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A history and what is left, step by step: each begins and ends at a moment of its own.
#[derive(Default)]
pub(super) struct Story {
    pub(super) history: History,
    pub(super) rest: AtRest,
    now: u64,
}

/// It was done; a batch lies at this offset.
pub(super) fn done(base: i64) -> Outcome {
    Outcome::Done(if base < 0 { Answer::Nothing } else { Answer::Produced { base } })
}

pub(super) fn failed() -> Outcome {
    Outcome::Failed(1)
}

pub(super) fn unknown() -> Outcome {
    Outcome::Unknown
}

impl Story {
    pub(super) fn at(place: &str) -> TopicPartition {
        let (topic, partition) = place.split_once('/').expect("TOPIC/PARTITION");
        TopicPartition { topic: topic.into(), partition: partition.parse().expect("a number") }
    }

    pub(super) fn batch(to: &str, values: &[u64]) -> What {
        What::Produce {
            to: Self::at(to),
            values: values.iter().copied().map(Value).collect(),
            idempotent: true,
            acks: -1,
        }
    }

    fn tick(&mut self) -> WorldTime {
        self.now += 1;
        WorldTime(self.now)
    }

    pub(super) fn begin(&mut self, client: usize, what: What) -> OperationId {
        let now = self.tick();
        self.history.begin(ClientIndex(client), now, what)
    }

    pub(super) fn end(&mut self, id: OperationId, outcome: Outcome) {
        let now = self.tick();
        self.history.end(id, now, outcome);
    }

    pub(super) fn op(&mut self, client: usize, what: What, outcome: Outcome) -> OperationId {
        let id = self.begin(client, what);
        self.end(id, outcome);
        id
    }

    pub(super) fn produce(&mut self, client: usize, to: &str, values: &[u64], outcome: Outcome) -> OperationId {
        self.op(client, Self::batch(to, values), outcome)
    }

    pub(super) fn produce_plain(
        &mut self,
        client: usize,
        to: &str,
        values: &[u64],
        acks: i16,
        outcome: Outcome,
    ) -> OperationId {
        let values = values.iter().copied().map(Value).collect();
        self.op(client, What::Produce { to: Self::at(to), values, idempotent: false, acks }, outcome)
    }

    pub(super) fn create(&mut self, topic: &str, partitions: i32, outcome: Outcome) -> OperationId {
        self.op(9, What::CreateTopic { topic: topic.into(), partitions, configs: BTreeMap::new() }, outcome)
    }

    pub(super) fn delete(&mut self, topic: &str, outcome: Outcome) -> OperationId {
        self.op(9, What::DeleteTopic { topic: topic.into() }, outcome)
    }

    /// A poll that goes on from `position`, and shows a high watermark behind its last record.
    pub(super) fn poll(&mut self, client: usize, from: &str, position: i64, records: &[(i64, u64)]) -> OperationId {
        let end = records.last().map_or(position, |(offset, _)| offset + 1);
        self.poll_with(client, from, position, records, end, 0)
    }

    pub(super) fn poll_with(
        &mut self,
        client: usize,
        from: &str,
        position: i64,
        records: &[(i64, u64)],
        high_watermark: i64,
        log_start: i64,
    ) -> OperationId {
        let records = records.iter().map(|(offset, value)| (*offset, Value(*value))).collect();
        let polled = Polled { from: Self::at(from), position, continues: true, records, high_watermark, log_start };
        self.op(client, What::Poll, Outcome::Done(Answer::Polled(vec![polled])))
    }

    /// What a partition holds at the end.
    pub(super) fn log(&mut self, at: &str, start: i64, values: &[u64]) {
        let records: Vec<_> = (start..).zip(values.iter().copied().map(Value)).collect();
        let end = start + values.len() as i64;
        self.rest.logs.insert(Self::at(at), LogAtRest { start, end, records, ..LogAtRest::default() });
    }

    pub(super) fn offsets(offsets: &[(&str, i64)]) -> BTreeMap<TopicPartition, i64> {
        offsets.iter().map(|(at, offset)| (Self::at(at), *offset)).collect()
    }

    pub(super) fn names(pairs: &[(&str, &str)]) -> BTreeMap<Arc<str>, Arc<str>> {
        pairs.iter().map(|(key, value)| (Arc::from(*key), Arc::from(*value))).collect()
    }

    /// Nothing is wrong for this checker.
    #[track_caller]
    pub(super) fn passes(&self, checker: &Checker) {
        let found = (checker.check)(&Seen { history: &self.history, rest: &self.rest });
        assert_eq!(found, None, "{}", checker.name);
    }

    /// This checker finds something, and names these operations.
    #[track_caller]
    pub(super) fn fails(&self, checker: &Checker, operations: &[OperationId]) {
        let found = (checker.check)(&Seen { history: &self.history, rest: &self.rest });
        let found = found.unwrap_or_else(|| panic!("{} finds nothing", checker.name));
        assert_eq!(found.checker, checker.name);
        assert_eq!(found.operations, operations, "{}", found.what);
    }
}
