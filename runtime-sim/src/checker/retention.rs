//! **Retention.** Proves that a log from which only `retention.bytes` has taken something still has as many bytes as that: what
//! goes is what lies before them (S3).
//!
//! Time: one pass over the history for what topics were configured with, one look at each log.
//!
//! A log that may have been shortened otherwise (by time, by DeleteRecords) is left out. The least value that a topic ever
//! had counts.
//!
//! Finds: retention that takes a segment too much, the active one, or all.

use super::sent::{effect_until, operations, violation};
use super::{Checker, Seen, Violation};
use crate::history::What;
use std::collections::{BTreeMap, BTreeSet};

const NAME: &str = "retention";
const BYTES: &str = "retention.bytes";
const TIME: &str = "retention.ms";

/// See the module.
pub const RETENTION: Checker = Checker { name: NAME, promise: "retention leaves what it is told to leave", check };

fn check(seen: &Seen<'_>) -> Option<Violation> {
    let mut least: BTreeMap<&str, u64> = BTreeMap::new();
    let mut otherwise = BTreeSet::new();
    let mut deleted = BTreeSet::new();
    for (_, operation) in operations(seen.history).filter(|(_, operation)| effect_until(operation).is_some()) {
        let mut configured = |topic, key: &str, value: &str| match key {
            BYTES => {
                let bytes = value.parse().unwrap_or(0);
                let known = least.entry(topic).or_insert(bytes);
                *known = bytes.min(*known);
            }
            TIME => drop(otherwise.insert(topic)),
            _ => {}
        };
        match &operation.what {
            What::CreateTopic { topic, configs, .. } => {
                configs.iter().for_each(|(key, value)| configured(topic, key, value));
            }
            What::AlterConfig { topic, key, value } => configured(topic, key, value),
            What::DeleteRecords { of, .. } => drop(deleted.insert(of)),
            _ => {}
        }
    }
    seen.rest.logs.iter().find_map(|(at, log)| {
        let bytes = *least.get(&*at.topic)?;
        if log.start == 0 || otherwise.contains(&*at.topic) || deleted.contains(at) {
            return None;
        }
        let what = format!("the log starts at {} and has {} bytes; {bytes} were to be left", log.start, log.bytes);
        (log.bytes < bytes).then(|| violation(NAME, at, None, &[], what))
    })
}

#[cfg(test)]
mod tests {
    use super::super::story::{Story, done};
    use super::*;

    fn story(start: i64, bytes: u64) -> Story {
        let mut story = Story::default();
        let what = What::AlterConfig { topic: "a".into(), key: BYTES.into(), value: "1000".into() };
        story.op(9, what, done(-1));
        story.log("a/0", start, &[1]);
        story.rest.logs.get_mut(&Story::at("a/0")).expect("it is there").bytes = bytes;
        story
    }

    #[test]
    fn as_much_is_left_as_was_said() {
        story(5, 1000).passes(&RETENTION);
        story(0, 10).passes(&RETENTION);
        story(5, 999).fails(&RETENTION, &[]);
    }

    #[test]
    fn what_else_takes_records_excuses() {
        let mut deleted = story(5, 10);
        deleted.op(9, What::DeleteRecords { of: Story::at("a/0"), before: 5 }, done(-1));
        deleted.passes(&RETENTION);
        let mut timed = story(5, 10);
        timed.op(9, What::AlterConfig { topic: "a".into(), key: TIME.into(), value: "5".into() }, done(-1));
        timed.passes(&RETENTION);
    }
}
