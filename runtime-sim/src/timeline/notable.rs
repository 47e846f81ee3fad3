//! What stands out in a run, for a reader to begin with: ends and offsets that went back, what was acknowledged before it was
//! flushed, what nodes complained of. It is where a cause is often found, and proves nothing by itself.

use super::Told;
use super::facts::{Ends, Facts, Fall, falls};
use crate::clock::WorldTime;
use crate::history::{Answer, OperationId, Outcome, What};
use crate::node::NodeIndex;
use crate::trace::{Fact, tell_id, tell_partition};
use grete_core::group::GroupView;
use grete_core::group::names::GroupId;
use std::collections::{BTreeMap, BTreeSet};

/// The things that are told of at most.
const TOLD_MAX: usize = 100;

/// Something that stands out.
pub(super) struct Notable {
    pub(super) at: WorldTime,
    pub(super) event: usize,
    pub(super) what: String,
}

/// What stands out, in its order.
pub(super) fn find(told: &Told<'_>, facts: &Facts) -> Vec<Notable> {
    let mut found = Vec::new();
    ends_that_went_back(facts, &mut found);
    if told.script.nodes.len() == 1 {
        too_early(told, facts, &mut found);
    }
    complaints(told, &mut found);
    groups_that_went_back(told, &mut found);
    found.sort_by_key(|notable| notable.event);
    found.truncate(TOLD_MAX);
    found
}

fn ends_that_went_back(facts: &Facts, found: &mut Vec<Notable>) {
    for ((node, name), points) in &facts.logs {
        for Fall { point, from, to } in falls(points) {
            let Ends { at, event, .. } = points[point];
            let what = format!("{name} on n{}: the visible end went back from {from} to {to}", node.0);
            found.push(Notable { at, event, what });
        }
    }
}

/// Batches that clients knew to be acknowledged while the log was not flushed as far.
fn too_early(told: &Told<'_>, facts: &Facts, found: &mut Vec<Notable>) {
    let operations = told.history.operations().iter().enumerate();
    for (place, operation) in operations {
        let (What::Produce { to, values, .. }, Outcome::Done(Answer::Produced { base: base @ 0.. })) =
            (&operation.what, &operation.outcome)
        else {
            continue;
        };
        let relaxed =
            told.script.topics.iter().any(|topic| topic.name == to.topic && topic.configs.contains_key("durability"));
        let Some(event) = facts.ended.get(&OperationId(place)).copied().filter(|_| !relaxed) else { continue };
        let points = facts.logs.get(&(NodeIndex(0), tell_partition(to)));
        let before =
            |points: &Vec<Ends>| points.iter().rev().find(|point| point.event < event).and_then(|point| point.ends);
        let (Some(ends), end) = (points.and_then(before), base + values.len() as i64) else { continue };
        if ends[1] < end {
            let what = format!(
                "{}: {} was acknowledged up to offset {end} while only what is below {} was flushed",
                tell_id(OperationId(place)),
                tell_partition(to),
                ends[1]
            );
            found.push(Notable { at: told.trace.entries()[event].at, event, what });
        }
    }
}

/// What nodes told their operators as errors, and nodes that gave up.
fn complaints(told: &Told<'_>, found: &mut Vec<Notable>) {
    for (event, entry) in told.trace.entries().iter().enumerate() {
        let complaint = ["notice   Error: ", "failed   "];
        let what = complaint.iter().find_map(|prefix| entry.text.strip_prefix(prefix));
        found.extend(what.map(|what| Notable { at: entry.at, event, what: format!("the node says: {what}") }));
    }
}

/// Groups that a restart took back: what is different when they are loaded from what they were before.
fn groups_that_went_back(told: &Told<'_>, found: &mut Vec<Notable>) {
    let mut last: BTreeMap<(NodeIndex, GroupId), &GroupView> = BTreeMap::new();
    let mut restarted = BTreeSet::new();
    for (event, entry) in told.trace.entries().iter().enumerate() {
        let (node, view) = match &entry.fact {
            Fact::State(node, state) if state.starts_with("Down") => {
                restarted.extend(last.keys().filter(|(of, _)| of == node).cloned());
                continue;
            }
            Fact::Group(node, view) => (*node, view),
            Fact::Nothing
            | Fact::Hop(_)
            | Fact::Began(_)
            | Fact::Ended(_)
            | Fact::Act(_)
            | Fact::State(..)
            | Fact::Log(..)
            | Fact::LogGone(..) => continue,
        };
        let key = (node, view.group.clone());
        let is_loaded = restarted.remove(&key);
        let before = last.insert(key, view).filter(|_| is_loaded);
        for what in before.into_iter().flat_map(|before| taken_back(before, view)) {
            found.push(Notable { at: entry.at, event, what: format!("group {} on n{}: {what}", view.group, node.0) });
        }
    }
}

fn taken_back(before: &GroupView, now: &GroupView) -> Vec<String> {
    let mut told = Vec::new();
    if now.generation < before.generation {
        told.push(format!("the generation went back from {} to {}", before.generation.0, now.generation.0));
    }
    for (key, offset) in &before.offsets {
        let (topic, partition) = key;
        match now.offsets.get(key) {
            Some(now) if now < offset => {
                told.push(format!("the offset of {topic}/{partition} went back from {offset} to {now}"));
            }
            Some(_) => {}
            None => told.push(format!("the offset of {topic}/{partition}, {offset}, is gone")),
        }
    }
    told
}
