//! What time takes away: offsets that nobody has renewed, and then groups that have nothing left.
//!
//! Invariants:
//! 1. An offset expires `offsets.retention.minutes` after its commit, or, in a group that members have left, after the
//!    group became empty; sooner or later only where the client that committed it said so.
//! 2. The offsets that the members of a group may be using do not expire: not while the group rebalances, not for the
//!    topics that its members subscribe to, and not where that cannot be told.
//! 3. A group goes when it is empty, waits for nobody and has no offsets left.

use super::names::GroupId;
use super::records::{CommittedOffset, Record};
use super::replay::Recorded;
use super::state::{Group, State};
use crate::ids::Timestamp;
use alloc::vec::Vec;

/// The tombstones of all of a group that has expired.
#[must_use]
pub fn expired(recorded: &Recorded, id: &GroupId, group: &Group, now: Timestamp, retention_ms: i64) -> Vec<Record> {
    let mut records = Vec::new();
    let mut all = true;
    for (topic, partitions) in recorded.offsets(id).into_iter().flatten() {
        for (partition, offset) in partitions {
            if !group.is_subscribed_to(topic) && is_expired(group, offset, now, retention_ms) {
                let (group, topic) = (id.clone(), topic.clone());
                records.push(Record::Offset { group, topic, partition: *partition, value: None });
            } else {
                all = false;
            }
        }
    }
    if all && group.is_idle() {
        records.push(Record::Group { group: id.clone(), value: None });
    }
    records
}

fn is_expired(group: &Group, offset: &CommittedOffset, now: Timestamp, retention_ms: i64) -> bool {
    let Some(since) = retained_since(group, offset) else { return false };
    match offset.expire_timestamp {
        Some(at) => now >= at,
        None => now.0.saturating_sub(since.0) >= retention_ms,
    }
}

/// From when on the retention of an offset counts; none where it does not count at all.
fn retained_since(group: &Group, offset: &CommittedOffset) -> Option<Timestamp> {
    if group.protocol_type.is_none() {
        return Some(offset.commit_timestamp);
    }
    match group.state {
        // Records of old do not say since when.
        State::Empty if group.since.0 < 0 => Some(offset.commit_timestamp),
        State::Empty => Some(group.since),
        State::Stable(_) if group.is_consumer() && group.subscribed.is_some() => Some(offset.commit_timestamp),
        State::PreparingRebalance(_) | State::CompletingRebalance(_) | State::Stable(_) => None,
    }
}
