//! **Polls agree.** Proves that an offset of a log has one record, for all consumers, at any time, and at the end; and that
//! a record that a consumer got is there at the end, unless the log begins behind it by then: nothing unflushed is shown.
//!
//! Time: one entry of a map for each record that was polled, one look-up in the log at the end: n log n.
//!
//! Finds: reads of what a crash takes back (75), wrong bytes, index entries that point elsewhere, fetch sessions that mix
//! partitions, logs of an earlier topic of the name (27).

use super::sent::{Life, Lives, Sent, first, polls, record_at, violation};
use super::{Checker, Seen, Violation};
use crate::history::{OperationId, TopicPartition, Value};
use std::collections::BTreeMap;

const NAME: &str = "polls-agree";

/// See the module.
pub const POLLS_AGREE: Checker =
    Checker { name: NAME, promise: "an offset has one record, and what was read stays", check };

fn check(seen: &Seen<'_>) -> Option<Violation> {
    let sent = Sent::of(seen.history);
    let lives = Lives::of(seen.history);
    let mut known: BTreeMap<(&TopicPartition, Life, i64), (Value, OperationId)> = BTreeMap::new();
    let found = polls(seen.history).filter_map(|given| {
        let at = &given.polled.from;
        given.polled.records.iter().find_map(|(offset, value)| {
            // The batch says which log of that name it was; the consumer may have asked long before.
            let (batch, _) = sent.get(*value)?;
            let life = lives.of_operation(&at.topic, batch.operation)?;
            let (other, by) = *known.entry((at, life, *offset)).or_insert((*value, given.id));
            if other != *value {
                let what = format!("offset {offset} is record {}, and was record {} before", value.0, other.0);
                return Some(violation(NAME, at, Some(given.client), &[by, given.id], what));
            }
            let start = seen.rest.logs.get(at).map_or(i64::MIN, |log| log.start);
            let left = record_at(seen, at, *offset);
            if *offset < start || !lives.is_final(&at.topic, batch.operation) || left == Some(*value) {
                return None;
            }
            let left = left.map_or("nothing".to_owned(), |left| format!("record {}", left.0));
            let what = format!("record {} was read at offset {offset}; at the end there is {left}", value.0);
            Some(violation(NAME, at, Some(given.client), &[given.id], what))
        })
    });
    first(found.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::super::story::{Story, done, unknown};
    use super::*;

    fn story() -> Story {
        let mut story = Story::default();
        story.produce(0, "a/0", &[1, 2], done(0));
        story.produce(0, "a/0", &[3], unknown());
        story
    }

    #[test]
    fn consumers_that_see_the_same_agree() {
        let mut story = story();
        story.poll(1, "a/0", 0, &[(0, 1), (1, 2)]);
        story.poll(2, "a/0", 1, &[(1, 2), (2, 3)]);
        story.log("a/0", 1, &[2, 3]);
        story.passes(&POLLS_AGREE);
    }

    #[test]
    fn two_records_at_an_offset_are_told() {
        let mut story = story();
        let one = story.poll(1, "a/0", 0, &[(0, 1)]);
        let other = story.poll(2, "a/0", 0, &[(0, 3)]);
        story.log("a/0", 5, &[]);
        story.fails(&POLLS_AGREE, &[one, other]);
    }

    #[test]
    fn what_was_read_stays() {
        let mut story = story();
        let poll = story.poll(1, "a/0", 2, &[(2, 3)]);
        story.log("a/0", 0, &[1, 2]);
        story.fails(&POLLS_AGREE, &[poll]);
        story.log("a/0", 3, &[]);
        story.passes(&POLLS_AGREE);
    }

    #[test]
    fn another_topic_of_the_name_is_another_log() {
        let mut story = story();
        story.poll(1, "a/0", 0, &[(0, 1)]);
        story.delete("a", done(-1));
        story.produce(0, "a/0", &[7], done(0));
        story.poll(1, "a/0", 0, &[(0, 7)]);
        story.log("a/0", 0, &[7]);
        story.passes(&POLLS_AGREE);
    }
}
