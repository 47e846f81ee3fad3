//! What checkers look up in a history: which batch a value belongs to, and which life of a topic an operation met.

use super::{Seen, Violation};
use crate::clock::WorldTime;
use crate::history::{
    Answer, ClientIndex, History, Operation, OperationId, Outcome, Polled, TopicPartition, Value, What,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A moment after all others.
pub(super) const NEVER: WorldTime = WorldTime(u64::MAX);

/// All operations with their names.
pub(super) fn operations(history: &History) -> impl Iterator<Item = (OperationId, &Operation)> {
    history.operations().iter().enumerate().map(|(place, operation)| (OperationId(place), operation))
}

/// The last moment at which an operation may have taken effect. `None` where it did not and never will.
pub(super) fn effect_until(operation: &Operation) -> Option<WorldTime> {
    match operation.outcome {
        Outcome::Done(_) => Some(operation.ended.unwrap_or(NEVER)),
        Outcome::Unknown | Outcome::UnderWay => Some(NEVER),
        Outcome::Failed(_) => None,
    }
}

/// A batch that was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Batch<'a> {
    pub(super) id: OperationId,
    pub(super) operation: &'a Operation,
    pub(super) to: &'a TopicPartition,
    pub(super) values: &'a [Value],
    pub(super) idempotent: bool,
    pub(super) acks: i16,
}

impl Batch<'_> {
    /// Where its first record was said to lie. `None` where nothing was said.
    pub(super) fn base(&self) -> Option<i64> {
        match self.operation.outcome {
            Outcome::Done(Answer::Produced { base }) if base >= 0 => Some(base),
            _ => None,
        }
    }

    /// Whether it was acknowledged by a broker that had it.
    pub(super) fn is_acknowledged(&self) -> bool {
        self.acks != 0 && matches!(self.operation.outcome, Outcome::Done(_))
    }
}

/// All batches, in the order in which they began.
pub(super) fn batches(history: &History) -> impl Iterator<Item = Batch<'_>> {
    operations(history).filter_map(|(id, operation)| batch(id, operation))
}

fn batch(id: OperationId, operation: &Operation) -> Option<Batch<'_>> {
    match &operation.what {
        What::Produce { to, values, idempotent, acks } => {
            Some(Batch { id, operation, to, values, idempotent: *idempotent, acks: *acks })
        }
        _ => None,
    }
}

/// Where each value was sent.
pub(super) struct Sent<'a> {
    history: &'a History,
    /// In the order of the values: the batch of each, and its place in that.
    places: Vec<(Value, OperationId, usize)>,
}

impl<'a> Sent<'a> {
    pub(super) fn of(history: &'a History) -> Self {
        let placed =
            |batch: Batch<'a>| batch.values.iter().zip(0..).map(move |(value, place)| (*value, batch.id, place));
        let mut places: Vec<_> = batches(history).flat_map(placed).collect();
        places.sort_unstable();
        Self { history, places }
    }

    pub(super) fn get(&self, value: Value) -> Option<(Batch<'a>, usize)> {
        let at = self.places.binary_search_by_key(&value, |(value, ..)| *value).ok()?;
        let (_, id, place) = *self.places.get(at)?;
        Some((batch(id, self.history.operations().get(id.0)?)?, place))
    }
}

/// The lives of topics: one that is deleted and created again is another log.
pub(super) struct Lives(BTreeMap<Arc<str>, Vec<(WorldTime, WorldTime)>>);

/// A life of a topic: how many deletions came before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Life(usize);

impl Lives {
    pub(super) fn of(history: &History) -> Self {
        let mut deletions: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (_, operation) in operations(history) {
            if let (What::DeleteTopic { topic }, Some(until)) = (&operation.what, effect_until(operation)) {
                deletions.entry(Arc::clone(topic)).or_default().push((operation.began, until));
            }
        }
        Self(deletions)
    }

    /// The life that something met which happened within a span. `None` where a deletion may have come in between.
    pub(super) fn within(&self, topic: &str, from: WorldTime, until: WorldTime) -> Option<Life> {
        let deletions = self.0.get(topic).map_or(&[][..], Vec::as_slice);
        let apart = deletions.iter().all(|(began, end)| *end < from || until < *began);
        apart.then(|| Life(deletions.iter().filter(|(_, end)| *end < from).count()))
    }

    /// The life in which an operation took effect.
    pub(super) fn of_operation(&self, topic: &str, operation: &Operation) -> Option<Life> {
        self.within(topic, operation.began, effect_until(operation)?)
    }

    /// Whether what an operation did is there at the end for sure: nothing may have deleted the topic since.
    pub(super) fn is_final(&self, topic: &str, operation: &Operation) -> bool {
        let deletions = self.0.get(topic).map_or(&[][..], Vec::as_slice);
        deletions.iter().all(|(_, end)| *end < operation.began)
    }
}

/// Something that a client was given of a partition.
#[derive(Clone, Copy, Debug)]
pub(super) struct Given<'a> {
    pub(super) id: OperationId,
    pub(super) client: ClientIndex,
    /// A consumer asks when it has given away all that came before: not before its last poll.
    pub(super) asked: WorldTime,
    pub(super) ended: WorldTime,
    pub(super) polled: &'a Polled,
}

/// All that was polled, in its order.
pub(super) fn polls(history: &History) -> impl Iterator<Item = Given<'_>> {
    let mut last: BTreeMap<ClientIndex, WorldTime> = BTreeMap::new();
    let given = operations(history).filter_map(move |(id, operation)| match (&operation.outcome, operation.ended) {
        (Outcome::Done(Answer::Polled(polled)), Some(ended)) => {
            let asked = last.insert(operation.client, ended).unwrap_or_default();
            Some(polled.iter().map(move |polled| Given { id, client: operation.client, asked, ended, polled }))
        }
        _ => None,
    });
    given.flatten()
}

/// The records of the log at the end from an offset on. Empty where there are none.
pub(super) fn records_from<'a>(seen: &Seen<'a>, of: &TopicPartition, offset: i64) -> &'a [(i64, Value)] {
    let records = seen.rest.logs.get(of).map_or(&[][..], |log| log.records.as_slice());
    &records[records.partition_point(|(at, _)| *at < offset)..]
}

/// What the log holds at an offset at the end.
pub(super) fn record_at(seen: &Seen<'_>, of: &TopicPartition, offset: i64) -> Option<Value> {
    records_from(seen, of, offset).first().filter(|(at, _)| *at == offset).map(|(_, value)| *value)
}

/// A violation at a partition.
pub(super) fn violation(
    checker: &'static str,
    at: &TopicPartition,
    client: Option<ClientIndex>,
    operations: &[OperationId],
    what: String,
) -> Violation {
    Violation {
        checker,
        what: format!("{at}: {what}"),
        operations: operations.to_vec(),
        partition: Some(at.clone()),
        client,
    }
}

/// The one that shows first in the order of the history; of those without operations, any.
pub(super) fn first(violations: impl IntoIterator<Item = Violation>) -> Option<Violation> {
    violations.into_iter().min_by_key(|violation| violation.operations.iter().max().copied())
}
