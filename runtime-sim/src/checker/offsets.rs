//! **Offsets of groups.** Proves that the offset that a group has committed for a partition, each time when somebody asks
//! and at the end, is that of the last commit that was acknowledged, or of one beside or after it of which nobody knows;
//! and that no offset is there that was never committed, and none gone unless the group or its topic was deleted.
//!
//! Time: each (group, partition) is a register; a read looks among the writes of its value: near linear.
//!
//! Kafka's week of `offsets.retention.minutes` does not pass in a run. A script that lets offsets expire leaves this out.
//!
//! Finds: a commit that is acknowledged before it is durable, a coordinator that loads half of its log (G4, G5), expiry of
//! a live group (50), commits of a dead generation that are taken.

use super::register::Register;
use super::sent::{NEVER, effect_until, first, operations, violation};
use super::{Checker, Seen, Violation};
use crate::clock::WorldTime;
use crate::history::{Answer, ClientIndex, History, OperationId, Outcome, TopicPartition, What};
use std::collections::BTreeMap;
use std::sync::Arc;

const NAME: &str = "group-offsets";

/// See the module.
pub const GROUP_OFFSETS: Checker =
    Checker { name: NAME, promise: "a group's offset is that of its last commit", check };

type Registers = BTreeMap<Arc<str>, BTreeMap<TopicPartition, Register<Option<i64>>>>;

fn check(seen: &Seen<'_>) -> Option<Violation> {
    let mut registers = registers(seen.history);
    for (id, operation) in operations(seen.history) {
        let (What::Committed { group, partitions }, Outcome::Done(Answer::Offsets(offsets)), Some(ended)) =
            (&operation.what, &operation.outcome, operation.ended)
        else {
            continue;
        };
        // Who names no partitions asks for all of them.
        for of in partitions.iter().chain(offsets.keys()) {
            let read = Read { group, of, shown: offsets.get(of).copied(), from: operation.began, until: ended };
            if let Some(violation) = judge(&mut registers, &read, Some((id, operation.client))) {
                return Some(violation);
            }
        }
    }
    let groups: Vec<Arc<str>> = registers.keys().chain(seen.rest.committed.keys()).cloned().collect();
    let none = BTreeMap::new();
    let mut found = Vec::new();
    for group in &groups {
        let offsets = seen.rest.committed.get(group).unwrap_or(&none);
        let written = registers.get(group).into_iter().flat_map(BTreeMap::keys);
        let known: Vec<TopicPartition> = written.chain(offsets.keys()).cloned().collect();
        found.extend(known.iter().filter_map(|of| {
            let read = Read { group, of, shown: offsets.get(of).copied(), from: NEVER, until: NEVER };
            judge(&mut registers, &read, None)
        }));
    }
    first(found)
}

struct Read<'a> {
    group: &'a str,
    of: &'a TopicPartition,
    shown: Option<i64>,
    from: WorldTime,
    until: WorldTime,
}

fn judge(registers: &mut Registers, read: &Read<'_>, by: Option<(OperationId, ClientIndex)>) -> Option<Violation> {
    let register = registers.get_mut(read.group).and_then(|group| group.get_mut(read.of));
    let (is_allowed, last) = match register {
        Some(register) => (register.allows(&read.shown, read.from, read.until), register.last()),
        None => (read.shown.is_none(), None),
    };
    let operations: Vec<OperationId> = last.into_iter().chain(by.map(|(id, _)| id)).collect();
    let what = match read.shown {
        Some(offset) => format!("group {} shows offset {offset}, which is not its last commit", read.group),
        None => format!("group {} has lost its offset", read.group),
    };
    (!is_allowed).then(|| violation(NAME, read.of, by.map(|(_, client)| client), &operations, what))
}

fn registers(history: &History) -> Registers {
    let mut registers = Registers::new();
    for (id, operation) in operations(history) {
        if let What::Commit { group, offsets, .. } = &operation.what {
            let group = registers.entry(Arc::clone(group)).or_default();
            for (of, offset) in offsets {
                let register = group.entry(of.clone()).or_insert_with(|| Register::holding(None));
                register.write(Some(*offset), id, operation);
            }
        }
    }
    for (id, operation) in operations(history).filter(|(_, operation)| effect_until(operation).is_some()) {
        match &operation.what {
            What::DeleteGroup { group } => {
                let offsets = registers.get_mut(group).into_iter().flat_map(BTreeMap::values_mut);
                offsets.for_each(|register| register.write(None, id, operation));
            }
            // Offsets of a topic go with it, at some time.
            What::DeleteTopic { topic } => {
                let all = registers.values_mut().flatten().filter(|(of, _)| of.topic == *topic);
                all.for_each(|(_, register)| register.may_write(None, operation.began));
            }
            _ => {}
        }
    }
    registers
}

#[cfg(test)]
mod tests {
    use super::super::story::{Story, done, failed, unknown};
    use super::*;

    fn commit(story: &mut Story, offset: i64, outcome: Outcome) -> OperationId {
        let offsets = Story::offsets(&[("a/0", offset)]);
        story.op(1, What::Commit { group: "g".into(), generation: 1, offsets }, outcome)
    }

    fn committed(story: &mut Story, offsets: &[(&str, i64)]) -> OperationId {
        let what = What::Committed { group: "g".into(), partitions: vec![Story::at("a/0")] };
        story.op(2, what, Outcome::Done(Answer::Offsets(Story::offsets(offsets))))
    }

    fn rest(story: &mut Story, offsets: &[(&str, i64)]) {
        story.rest.committed.insert("g".into(), Story::offsets(offsets));
    }

    #[test]
    fn the_last_commit_is_shown_and_one_of_which_nobody_knows_may_be() {
        let mut story = Story::default();
        committed(&mut story, &[]);
        commit(&mut story, 5, done(-1));
        committed(&mut story, &[("a/0", 5)]);
        commit(&mut story, 7, unknown());
        commit(&mut story, 6, failed());
        for offset in [5, 7] {
            committed(&mut story, &[("a/0", offset)]);
            rest(&mut story, &[("a/0", offset)]);
            story.passes(&GROUP_OFFSETS);
        }
    }

    #[test]
    fn an_older_commit_is_told_whenever_it_is_shown() {
        let mut story = Story::default();
        commit(&mut story, 5, done(-1));
        let last = commit(&mut story, 6, done(-1));
        rest(&mut story, &[("a/0", 5)]);
        story.fails(&GROUP_OFFSETS, &[last]);
        rest(&mut story, &[("a/0", 6)]);
        story.passes(&GROUP_OFFSETS);
        let read = committed(&mut story, &[("a/0", 5)]);
        story.fails(&GROUP_OFFSETS, &[last, read]);
    }

    #[test]
    fn what_was_never_committed_is_told() {
        let mut story = Story::default();
        let refused = commit(&mut story, 5, failed());
        assert_eq!(refused, OperationId(0));
        rest(&mut story, &[("a/0", 5)]);
        story.fails(&GROUP_OFFSETS, &[]);
        let mut story = Story::default();
        rest(&mut story, &[("a/0", 5)]);
        story.fails(&GROUP_OFFSETS, &[]);
    }

    #[test]
    fn an_offset_is_gone_only_with_its_group_or_its_topic() {
        let mut story = Story::default();
        let last = commit(&mut story, 5, done(-1));
        story.fails(&GROUP_OFFSETS, &[last]);
        let mut deleted = Story::default();
        commit(&mut deleted, 5, done(-1));
        deleted.op(3, What::DeleteGroup { group: "g".into() }, done(-1));
        deleted.passes(&GROUP_OFFSETS);
        story.delete("a", done(-1));
        story.passes(&GROUP_OFFSETS);
    }
}
