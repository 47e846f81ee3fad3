//! What is checked of a run: one file for each question, each beginning with what it proves, why it can be checked in that
//! time, and which bugs it finds.
//!
//! Checkers of histories see nothing but what clients saw. They are pure functions of a [`Seen`]; each returns the first
//! violation in the order of the history, or none.

mod agree;
mod assignments;
mod duplicates;
mod list_offsets;
mod lost;
mod metadata;
mod offsets;
mod order;
mod phantom;
mod polls;
mod producers;
mod register;
mod restart;
mod retention;
mod sent;
#[cfg(test)]
mod story;

pub use agree::POLLS_AGREE;
pub use assignments::ASSIGNMENTS;
pub use duplicates::DUPLICATES;
pub use list_offsets::LIST_OFFSETS;
pub use lost::LOST_WRITES;
pub use metadata::METADATA;
pub use offsets::GROUP_OFFSETS;
pub use order::ORDER;
pub use phantom::PHANTOMS;
pub use polls::{MONOTONIC_POLLS, POLL_SKIPS, WATERMARKS_STAY};
pub use producers::PRODUCERS;
pub use restart::{RESTART, unlike};
pub use retention::RETENTION;

use crate::history::{ClientIndex, History, OperationId, TopicPartition, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a checker of histories is given.
#[derive(Debug)]
pub struct Seen<'a> {
    /// What the clients did while things went wrong, and after.
    pub history: &'a History,
    /// What the broker holds at the end, when all is well again.
    pub rest: &'a AtRest,
}

/// What an auditor reads when a run is over: everything that is there.
#[derive(Clone, Debug, Default)]
pub struct AtRest {
    /// The topics, with ids and numbers of partitions.
    pub topics: BTreeMap<Arc<str>, (u128, i32)>,
    /// The whole log of each partition.
    pub logs: BTreeMap<TopicPartition, LogAtRest>,
    /// The committed offsets of each group.
    pub committed: BTreeMap<Arc<str>, BTreeMap<TopicPartition, i64>>,
    /// The configurations that are set for each topic.
    pub configs: BTreeMap<Arc<str>, BTreeMap<Arc<str>, Arc<str>>>,
    /// The epoch of the quorum's leader.
    pub quorum_epoch: i32,
    /// The producer id that the auditor was given.
    pub producer_id: i64,
}

/// The log of a partition at the end of a run.
#[derive(Clone, Debug, Default)]
pub struct LogAtRest {
    /// Where it starts.
    pub start: i64,
    /// Where it ends.
    pub end: i64,
    /// Offsets and values, as they were read from the start to the end.
    pub records: Vec<(i64, Value)>,
    /// The timestamps of the records, in milliseconds, where their producers gave them.
    pub times: Vec<Option<i64>>,
    /// The bytes of their batches.
    pub bytes: u64,
    /// What the records say of their producers.
    pub folded: BTreeMap<i64, Known>,
    /// What the broker says of them.
    pub producers: BTreeMap<i64, Known>,
}

/// What is known of a producer: its last batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its epoch.
    pub epoch: i32,
    /// The sequence number of its last record.
    pub sequence: i32,
}

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The checker's name.
    pub checker: &'static str,
    /// In one line: what was seen, and what was expected.
    pub what: String,
    /// The operations that show it.
    pub operations: Vec<OperationId>,
    /// Where it shows, if at one partition.
    pub partition: Option<TopicPartition>,
    /// Whose client saw it, if one did.
    pub client: Option<ClientIndex>,
}

/// A checker of histories.
#[derive(Clone, Copy, Debug)]
pub struct Checker {
    /// The name by which it can be left out, and by which a violation tells of it.
    pub name: &'static str,
    /// The promise, in one line.
    pub promise: &'static str,
    /// Looks for a violation.
    pub check: fn(&Seen<'_>) -> Option<Violation>,
}

/// All checkers of histories.
pub const ALL: &[Checker] = &[
    LOST_WRITES,
    DUPLICATES,
    PHANTOMS,
    ORDER,
    POLLS_AGREE,
    POLL_SKIPS,
    MONOTONIC_POLLS,
    WATERMARKS_STAY,
    GROUP_OFFSETS,
    ASSIGNMENTS,
    METADATA,
    LIST_OFFSETS,
    PRODUCERS,
    RETENTION,
];
