//! Rare states that show when a run is over: in what nodes told their operators, and in the history.

use super::states::{Coverage, State};
use crate::checker::AtRest;
use crate::clock::WorldTime;
use crate::history::{Answer, History, Operation, Outcome, TopicPartition, Value, What};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What nodes tell, by a part of it.
const TOLD: &[(&str, State)] = &[
    ("no heartbeat in its session timeout", State::MemberFailed),
    ("did not rejoin in time and is removed", State::MemberGoneInRebalance),
    ("did not join with the id it was given", State::MemberIdUnused),
    (" is empty in generation ", State::GroupEmptied),
    ("its assignment could not be stored", State::AssignmentNotStored),
    ("offsets and groups have expired", State::OffsetsExpired),
    ("among them ", State::WholeBatchesCut),
    ("is out of service", State::DirOutOfService),
    ("belongs to no topic that is known", State::StrayDirectory),
];

/// NON_EMPTY_GROUP.
const NON_EMPTY_GROUP: i16 = 68;

/// Sees what a node told.
pub(super) fn told(coverage: &mut Coverage, text: &str) {
    for (part, state) in TOLD {
        coverage.see_if(text.contains(part), *state);
    }
    let cut = text.split_once(" bytes behind it").map(|(before, _)| before);
    coverage.see_if(cut.is_some_and(|before| !before.ends_with(" 0")), State::TornBatchCut);
}

/// Sees what a history shows: `ends` are the moments at which processes ended.
pub(super) fn of_history(coverage: &mut Coverage, history: &History, rest: &AtRest, ends: &[WorldTime]) {
    let polled = polled(history);
    let at_rest: BTreeSet<Value> =
        rest.logs.values().flat_map(|log| log.records.iter().map(|(_, value)| *value)).collect();
    let mut first_counts: BTreeMap<Arc<str>, i32> = BTreeMap::new();
    let mut parts: BTreeMap<(&Arc<str>, i32), BTreeSet<&Arc<str>>> = BTreeMap::new();
    for operation in history.operations() {
        match &operation.what {
            What::Produce { to, values, acks, .. } => {
                let written = values.iter().any(|value| at_rest.contains(value) || polled.contains(value));
                // Where nothing was deleted, what is not there was never written.
                let is_whole = rest.logs.get(to).is_some_and(|log| log.start == 0);
                produced(coverage, operation, *acks, written, is_whole, ends);
                let is_gone = rest.logs.get(to).is_some_and(|log| log.start > base(operation));
                coverage.see_if(is_gone && base(operation) >= 0 && !written, State::DeletedUnread);
            }
            What::CreateTopic { topic, partitions, .. } => {
                first_counts.entry(Arc::clone(topic)).or_insert(*partitions);
            }
            What::Assign { group, generation, member, partitions } => {
                coverage.see_if(partitions.is_empty(), State::MemberWithoutPart);
                let is_new =
                    |at: &TopicPartition| first_counts.get(&at.topic).is_some_and(|count| at.partition >= *count);
                coverage.see_if(partitions.iter().any(is_new), State::PartitionsAdded);
                if !partitions.is_empty() {
                    let members = parts.entry((group, *generation)).or_default();
                    members.insert(member);
                    coverage.see_if(members.len() == 2, State::GroupOfSeveral);
                }
            }
            What::DeleteRecords { before, .. } => {
                coverage.see_if(*before > 0 && is_done(operation), State::RecordsDeleted);
            }
            What::ListOffsets { of, timestamp } => {
                let end = rest.logs.get(of).map_or(0, |log| log.end);
                let found = match &operation.outcome {
                    Outcome::Done(Answer::Offsets(offsets)) => offsets.get(of).copied(),
                    _ => None,
                };
                let is_between = found.is_some_and(|offset| offset > 0 && offset < end);
                coverage.see_if(*timestamp >= 0 && is_between, State::TimestampFound);
            }
            What::DeleteGroup { .. } => {
                coverage.see_if(is_done(operation), State::GroupDeleted);
                coverage.see_if(operation.outcome == Outcome::Failed(NON_EMPTY_GROUP), State::GroupInUse);
            }
            What::Poll
            | What::Revoke { .. }
            | What::Commit { .. }
            | What::Committed { .. }
            | What::DeleteTopic { .. }
            | What::CreatePartitions { .. }
            | What::AlterConfig { .. }
            | What::DescribeConfigs { .. }
            | What::ListTopics => {}
        }
    }
}

fn produced(
    coverage: &mut Coverage,
    operation: &Operation,
    acks: i16,
    written: bool,
    is_whole: bool,
    ends: &[WorldTime],
) {
    match operation.outcome {
        Outcome::Unknown => {
            coverage.see_if(written, State::UnknownWritten);
            coverage.see_if(!written && is_whole, State::UnknownLost);
        }
        Outcome::Done(_) if acks == 0 => coverage.see_if(!written && is_whole, State::AcksZeroLost),
        Outcome::Done(_) => {
            let spans = |end: &WorldTime| operation.began < *end && operation.ended.is_some_and(|ended| *end < ended);
            coverage.see_if(ends.iter().any(spans), State::AcknowledgedAcrossEnd);
        }
        Outcome::UnderWay | Outcome::Failed(_) => {}
    }
}

const fn is_done(operation: &Operation) -> bool {
    matches!(operation.outcome, Outcome::Done(_))
}

const fn base(operation: &Operation) -> i64 {
    match operation.outcome {
        Outcome::Done(Answer::Produced { base }) => base,
        _ => -1,
    }
}

/// The values that consumers got.
fn polled(history: &History) -> BTreeSet<Value> {
    let answers = history.operations().iter().filter_map(|operation| match &operation.outcome {
        Outcome::Done(Answer::Polled(polled)) => Some(polled),
        _ => None,
    });
    answers.flatten().flat_map(|polled| polled.records.iter().map(|(_, value)| *value)).collect()
}
