//! **Lost writes.** Proves that each record that was acknowledged (acks 1 or all) lies at the end at the offset that was
//! told, unless something that was asked for took it away: DeleteRecords, retention, the deletion of its topic. With
//! acks=0 nothing is promised.
//!
//! Time: one look-up by offset for each acknowledged record: n log n.
//!
//! Retention counts where a topic is configured with it; Kafka's week does not pass in a run. So a log that begins later
//! than anybody asked for has lost its beginning, too.
//!
//! Finds: an acknowledgement before the flush, recovery that cuts too much (31), a lost name (86), the wrong directory after
//! a topic was created again (27), appends after an error (32), a checkpoint ahead of the log.

use super::sent::{Lives, batches, effect_until, first, operations, record_at, violation};
use super::{Checker, Seen, Violation};
use crate::history::{History, TopicPartition, What};
use std::collections::BTreeSet;

const NAME: &str = "lost-write";

/// See the module.
pub const LOST_WRITES: Checker =
    Checker { name: NAME, promise: "what was acknowledged is there at the end, at its offset", check };

fn check(seen: &Seen<'_>) -> Option<Violation> {
    let lives = Lives::of(seen.history);
    let shortened = Shortened::of(seen.history);
    let acknowledged = batches(seen.history).filter(|batch| batch.is_acknowledged());
    let lost = acknowledged.filter_map(|batch| {
        let base = batch.base()?;
        if !lives.is_final(&batch.to.topic, batch.operation) {
            return None;
        }
        let log = seen.rest.logs.get(batch.to);
        let start = log.filter(|_| shortened.may_be(batch.to)).map_or(i64::MIN, |log| log.start);
        let missing = batch
            .values
            .iter()
            .zip(base..)
            .find(|(value, offset)| *offset >= start && record_at(seen, batch.to, *offset) != Some(**value));
        missing.map(|(value, offset)| {
            let found = match (record_at(seen, batch.to, offset), log) {
                (Some(other), _) => format!("record {} lies there", other.0),
                (None, Some(log)) => format!("the log has {} to {} and nothing there", log.start, log.end),
                (None, None) => "there is no log".to_owned(),
            };
            let what = format!("record {} was acknowledged at offset {offset}; {found}", value.0);
            violation(NAME, batch.to, Some(batch.operation.client), &[batch.id], what)
        })
    });
    first(lost)
}

/// The logs whose beginning may have been deleted by somebody's wish.
struct Shortened {
    topics: BTreeSet<std::sync::Arc<str>>,
    partitions: BTreeSet<TopicPartition>,
}

impl Shortened {
    fn of(history: &History) -> Self {
        let mut shortened = Self { topics: BTreeSet::new(), partitions: BTreeSet::new() };
        for (_, operation) in operations(history) {
            match &operation.what {
                _ if effect_until(operation).is_none() => {}
                What::CreateTopic { topic, configs, .. } if configs.keys().any(|key| key.starts_with("retention.")) => {
                    shortened.topics.insert(topic.clone());
                }
                What::AlterConfig { topic, key, .. } if key.starts_with("retention.") => {
                    shortened.topics.insert(topic.clone());
                }
                What::DeleteRecords { of, .. } => {
                    shortened.partitions.insert(of.clone());
                }
                _ => {}
            }
        }
        shortened
    }

    fn may_be(&self, partition: &TopicPartition) -> bool {
        self.topics.contains(&partition.topic) || self.partitions.contains(partition)
    }
}

#[cfg(test)]
mod tests {
    use super::super::story::{Story, done, failed, unknown};
    use super::*;

    #[test]
    fn what_is_there_is_not_lost() {
        let mut story = Story::default();
        story.produce(0, "a/0", &[1, 2], done(0));
        story.produce(0, "a/0", &[3], failed());
        story.produce(0, "a/0", &[4], unknown());
        story.log("a/0", 0, &[1, 2]);
        story.passes(&LOST_WRITES);
    }

    #[test]
    fn a_record_that_is_missing_or_elsewhere_is_lost() {
        let mut story = Story::default();
        story.produce(0, "a/0", &[1], done(0));
        let second = story.produce(0, "a/0", &[2, 3], done(1));
        story.log("a/0", 0, &[1, 2]);
        story.fails(&LOST_WRITES, &[second]);
        story.log("a/0", 0, &[1, 3, 2]);
        story.fails(&LOST_WRITES, &[second]);
    }

    #[test]
    fn a_beginning_is_missing_only_where_somebody_wished_it() {
        let mut story = Story::default();
        let first = story.produce(0, "a/0", &[1, 2], done(0));
        story.log("a/0", 2, &[]);
        story.fails(&LOST_WRITES, &[first]);
        story.op(1, What::DeleteRecords { of: Story::at("a/0"), before: 2 }, unknown());
        story.passes(&LOST_WRITES);
    }

    #[test]
    fn what_went_with_its_topic_is_not_lost_and_what_came_after_is() {
        let mut story = Story::default();
        story.create("a", 1, done(-1));
        story.produce(0, "a/0", &[1], done(0));
        story.delete("a", done(-1));
        story.create("a", 1, done(-1));
        story.passes(&LOST_WRITES);
        let later = story.produce(0, "a/0", &[2], done(0));
        story.fails(&LOST_WRITES, &[later]);
        story.delete("a", unknown());
        story.passes(&LOST_WRITES);
    }
}
