//! **Phantoms.** Proves that every record that was polled, or lies in a log at the end, was sent there, before it was seen,
//! by a batch of which nobody was told that it failed.
//!
//! Time: one look-up for each record that was seen: n log n.
//!
//! Finds: bytes of another partition or file, torn batches that are taken for whole, answers that say "failed" of what was
//! written (72), aborted reads (70).

use super::sent::{Batch, Sent, first, polls, violation};
use super::{Checker, Seen, Violation};
use crate::clock::WorldTime;
use crate::history::{ClientIndex, OperationId, Outcome, TopicPartition, Value};

const NAME: &str = "phantom";

/// See the module.
pub const PHANTOMS: Checker =
    Checker { name: NAME, promise: "only what was sent is there, and nothing that was said to have failed", check };

fn check(seen: &Seen<'_>) -> Option<Violation> {
    let sent = Sent::of(seen.history);
    let judge = |at: &TopicPartition, offset: i64, value: Value, by: Option<(OperationId, ClientIndex, WorldTime)>| {
        let batch = sent.get(value).map(|(batch, _)| batch);
        let wrong = wrong(batch, at, by.map(|(_, _, time)| time))?;
        let operations: Vec<OperationId> =
            batch.map(|batch| batch.id).into_iter().chain(by.map(|(id, ..)| id)).collect();
        let what = format!("record {} at offset {offset} {wrong}", value.0);
        Some(violation(NAME, at, by.map(|(_, client, _)| client), &operations, what))
    };
    let polled = polls(seen.history).find_map(|given| {
        let by = (given.id, given.client, given.ended);
        let mut records = given.polled.records.iter();
        records.find_map(|(offset, value)| judge(&given.polled.from, *offset, *value, Some(by)))
    });
    let kept = seen
        .rest
        .logs
        .iter()
        .find_map(|(at, log)| log.records.iter().find_map(|(offset, value)| judge(at, *offset, *value, None)));
    first(polled.into_iter().chain(kept))
}

fn wrong(batch: Option<Batch<'_>>, at: &TopicPartition, polled: Option<WorldTime>) -> Option<String> {
    let Some(batch) = batch else { return Some("was never sent".to_owned()) };
    if batch.to != at {
        return Some(format!("was sent to {}", batch.to));
    }
    if let Outcome::Failed(code) = batch.operation.outcome {
        return Some(format!("is of a batch that failed with {code}"));
    }
    let too_early = polled.is_some_and(|time| time < batch.operation.began);
    too_early.then(|| "was polled before it was sent".to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::story::{Story, done, failed, unknown};
    use super::*;

    #[test]
    fn what_was_sent_may_be_there() {
        let mut story = Story::default();
        story.produce(0, "a/0", &[1], done(0));
        story.produce(0, "a/0", &[2], unknown());
        story.poll(1, "a/0", 0, &[(0, 1), (1, 2)]);
        story.log("a/0", 0, &[1, 2]);
        story.passes(&PHANTOMS);
    }

    #[test]
    fn what_was_never_sent_is_a_phantom() {
        let mut story = Story::default();
        let poll = story.poll(1, "a/0", 0, &[(0, 9)]);
        story.fails(&PHANTOMS, &[poll]);
        let mut story = Story::default();
        story.log("a/0", 0, &[9]);
        story.fails(&PHANTOMS, &[]);
    }

    #[test]
    fn what_failed_or_was_sent_elsewhere_is_a_phantom() {
        let mut story = Story::default();
        let batch = story.produce(0, "a/0", &[1], failed());
        story.log("a/0", 0, &[1]);
        story.fails(&PHANTOMS, &[batch]);
        let mut story = Story::default();
        let batch = story.produce(0, "a/0", &[1], done(0));
        let poll = story.poll(1, "a/1", 0, &[(0, 1)]);
        story.fails(&PHANTOMS, &[batch, poll]);
    }

    #[test]
    fn what_is_seen_before_it_is_sent_is_a_phantom() {
        let mut story = Story::default();
        let poll = story.poll(1, "a/0", 0, &[(0, 1)]);
        let batch = story.produce(0, "a/0", &[1], done(0));
        story.fails(&PHANTOMS, &[batch, poll]);
    }
}
