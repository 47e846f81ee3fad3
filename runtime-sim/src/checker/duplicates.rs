//! **Duplicates.** Proves that no record of an idempotent batch lies at two offsets, and no record at all in two partitions;
//! in the logs at the end and in all that was polled.
//!
//! Time: one entry of a map for each record that was seen: n log n. Batches that are not idempotent may be written as
//! often as they are sent, and a history does not tell how often that was.
//!
//! Finds: sequence windows that are too short or forgotten by recovery (28, 35), wrong error codes that make clients send
//! again (69, 72).

use super::sent::{Lives, Sent, first, polls, violation};
use super::{Checker, Seen, Violation};
use crate::history::{OperationId, TopicPartition, Value};
use std::collections::BTreeMap;

const NAME: &str = "duplicate";

/// See the module.
pub const DUPLICATES: Checker =
    Checker { name: NAME, promise: "a record of an idempotent producer is written once", check };

fn check(seen: &Seen<'_>) -> Option<Violation> {
    let sent = Sent::of(seen.history);
    let lives = Lives::of(seen.history);
    let mut places: BTreeMap<Value, (&TopicPartition, i64, Option<OperationId>)> = BTreeMap::new();
    let polled = polls(seen.history).flat_map(|given| {
        let records = given.polled.records.iter();
        records.map(move |(offset, value)| (*value, (&given.polled.from, *offset, Some(given.id))))
    });
    let kept = seen
        .rest
        .logs
        .iter()
        .flat_map(|(at, log)| log.records.iter().map(move |(offset, value)| (*value, (at, *offset, None))));
    let found = polled.chain(kept).filter_map(|(value, (at, offset, by))| {
        let (before, old, by_before) = *places.entry(value).or_insert((at, offset, by));
        if (before, old) == (at, offset) {
            return None;
        }
        let (batch, _) = sent.get(value)?;
        // A producer may send to the next topic of the name what the one before had taken.
        lives.of_operation(&at.topic, batch.operation)?;
        let twice = batch.idempotent || before != at;
        let operations: Vec<OperationId> = [Some(batch.id), by_before, by].into_iter().flatten().collect();
        let what = format!("record {} is at offset {offset} and at {old} of {before}", value.0);
        twice.then(|| violation(NAME, at, Some(batch.operation.client), &operations, what))
    });
    first(found.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::super::story::{Story, done};
    use super::*;

    #[test]
    fn records_that_are_there_once_are_no_duplicates() {
        let mut story = Story::default();
        story.produce(0, "a/0", &[1, 2], done(0));
        story.poll(1, "a/0", 0, &[(0, 1), (1, 2)]);
        story.poll(2, "a/0", 0, &[(0, 1), (1, 2)]);
        story.log("a/0", 0, &[1, 2]);
        story.passes(&DUPLICATES);
    }

    #[test]
    fn a_record_at_two_offsets_is_one() {
        let mut story = Story::default();
        let batch = story.produce(0, "a/0", &[1], done(0));
        story.log("a/0", 0, &[1, 1]);
        story.fails(&DUPLICATES, &[batch]);
        story.log("a/0", 0, &[1]);
        let poll = story.poll(1, "a/0", 0, &[(1, 1)]);
        story.fails(&DUPLICATES, &[batch, poll]);
    }

    #[test]
    fn a_batch_that_is_not_idempotent_may_lie_twice_in_one_partition_only() {
        let mut story = Story::default();
        let batch = story.produce_plain(0, "a/0", &[1], 1, done(0));
        story.log("a/0", 0, &[1, 1]);
        story.passes(&DUPLICATES);
        story.log("a/1", 0, &[1]);
        story.fails(&DUPLICATES, &[batch]);
    }
}
