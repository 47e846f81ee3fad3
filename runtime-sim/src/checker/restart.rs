//! **Restart.** Proves that a loss of power at rest, with all that was not synced, changes nothing that anybody could have
//! seen: each log with its end and its records, topics, configurations, what is known of producers. Offsets are judged again by
//! the checkers of histories. And that what has to be new after a start is: the quorum's epoch (Q6) and producer ids (Q12).
//!
//! Time: two states side by side, once for each run.
//!
//! What is known but not written stands out here (51, 55, 81, 84); what was not synced, too (30, 86).

use super::{AtRest, Violation};
use std::fmt::Debug;

/// See the module.
pub const RESTART: &str = "restart";

/// What a restart has changed and should not have, or has not and should.
#[must_use]
pub fn unlike(before: &AtRest, after: &AtRest) -> Option<Violation> {
    let changed = differs("topics", &before.topics, &after.topics)
        .or_else(|| differs("configurations", &before.configs, &after.configs))
        .or_else(|| renewed(before, after));
    if let Some(what) = changed {
        return Some(Violation { checker: RESTART, what, operations: Vec::new(), partition: None, client: None });
    }
    before.logs.iter().find_map(|(at, log)| {
        let later = after.logs.get(at)?;
        // Retention goes on; all else stays.
        let left = log.records.iter().filter(|(offset, _)| *offset >= later.start);
        let what = if later.start < log.start {
            format!("the log starts at {}, and at {} before", later.start, log.start)
        } else if later.end != log.end {
            format!("the log ends at {}, and at {} before", later.end, log.end)
        } else if !left.eq(&later.records) {
            "the log has other records than before".to_owned()
        } else {
            differs("producers", &log.producers, &later.producers)?
        };
        let partition = Some(at.clone());
        Some(Violation { checker: RESTART, what, operations: Vec::new(), partition, client: None })
    })
}

fn differs<T: PartialEq + Debug>(name: &str, before: &T, after: &T) -> Option<String> {
    (before != after).then(|| format!("{name} are {after:?}, and were {before:?} before a loss of power at rest"))
}

fn renewed(before: &AtRest, after: &AtRest) -> Option<String> {
    if after.quorum_epoch <= before.quorum_epoch {
        return Some(format!("a start leads in epoch {}, after {}", after.quorum_epoch, before.quorum_epoch));
    }
    let mut folded = before.logs.values().flat_map(|log| log.folded.keys());
    let is_used = after.producer_id == before.producer_id || folded.any(|id| *id == after.producer_id);
    is_used.then(|| format!("producer id {} is handed out again", after.producer_id))
}

#[cfg(test)]
mod tests {
    use super::super::Known;
    use super::super::story::Story;
    use super::*;

    fn rests() -> (AtRest, AtRest) {
        let mut story = Story::default();
        story.log("a/0", 1, &[5, 6]);
        let before = AtRest { quorum_epoch: 3, producer_id: 10, ..story.rest };
        let after = AtRest { quorum_epoch: 4, producer_id: 11, ..before.clone() };
        (before, after)
    }

    fn told(before: &AtRest, after: &AtRest) -> String {
        unlike(before, after).map_or("nothing".into(), |violation| violation.what)
    }

    #[test]
    fn what_stays_the_same_is_nothing() {
        let (before, mut after) = rests();
        assert_eq!(told(&before, &after), "nothing");
        let log = after.logs.get_mut(&Story::at("a/0")).expect("it is there");
        (log.start, log.records) = (2, log.records.split_off(1));
        assert_eq!(told(&before, &after), "nothing", "retention goes on");
    }

    #[test]
    fn what_has_changed_is_told() {
        for (change, expected) in [(0, "starts at 0"), (1, "ends at 2"), (2, "other records"), (3, "producers are")] {
            let (before, mut after) = rests();
            let log = after.logs.get_mut(&Story::at("a/0")).expect("it is there");
            match change {
                0 => log.start = 0,
                1 => log.end = 2,
                2 => log.records.truncate(1),
                _ => drop(log.producers.insert(7, Known { epoch: 0, sequence: 1 })),
            }
            assert!(told(&before, &after).contains(expected), "{}", told(&before, &after));
        }
        let (mut before, after) = rests();
        before.topics.insert("b".into(), (7, 1));
        assert!(told(&before, &after).starts_with("topics are"));
    }

    #[test]
    fn what_has_to_be_new_and_is_not_is_told() {
        let (before, mut after) = rests();
        after.quorum_epoch = 3;
        assert!(told(&before, &after).contains("epoch 3"));
        let (mut before, after) = rests();
        let log = before.logs.get_mut(&Story::at("a/0")).expect("it is there");
        log.folded.insert(11, Known { epoch: 0, sequence: 1 });
        assert!(told(&before, &after).contains("producer id 11"));
    }
}
