//! Workloads as scripts: what a node is, and what is done to it, in lines of text.
//!
//! A seed makes a script ([`Script::draw`]), and the script is what runs. So a failing run can be read, made shorter and
//! kept, and does not rot when the way in which scripts are drawn changes.
//!
//! ```text
//! node shards 2 dirs 1 segment-bytes 2048 record-ms 50
//! create a 2 retention.bytes=4000
//! send a 0 records 2 bytes 40 acks -1 producer 0
//! settle
//! power-loss 7 drawn shards 1
//! consume a 0
//! ```

mod draw;
mod minimise;
mod node;
mod run;
mod text;

use crate::disk::OpKind;

pub use minimise::minimise;
pub use node::NodeShape;
pub use run::{Trial, run};

/// A node, and what is done to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// The seed of the world in which it runs.
    pub seed: u64,
    /// The node.
    pub node: NodeShape,
    /// What is done, one after the other.
    pub acts: Vec<Act>,
}

/// Something that is done. Each is a line of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// `create TOPIC PARTITIONS [KEY=VALUE ...]`
    Create {
        /// Its name.
        topic: String,
        /// The number of its partitions.
        partitions: usize,
        /// What it is configured with.
        configs: Vec<(String, String)>,
    },
    /// `delete TOPIC`
    Delete {
        /// Its name.
        topic: String,
    },
    /// `grow TOPIC PARTITIONS`
    Grow {
        /// Its name.
        topic: String,
        /// The number of its partitions from now on.
        partitions: usize,
    },
    /// `configure TOPIC KEY=VALUE`
    Configure {
        /// Its name.
        topic: String,
        /// The key and its value.
        config: (String, String),
    },
    /// `send TOPIC PARTITION records N bytes N acks N [producer N]`: without waiting for an answer
    Send {
        /// To which topic.
        topic: String,
        /// To which of its partitions.
        partition: i32,
        /// The records of the batch.
        records: usize,
        /// The bytes of each value.
        bytes: usize,
        /// What has to have them before the answer.
        acks: i16,
        /// Which idempotent producer sends; none for one that is not.
        producer: Option<u32>,
    },
    /// `settle`: waits for the answers to all that was sent
    Settle,
    /// `consume TOPIC PARTITION`
    Consume {
        /// Of which topic.
        topic: String,
        /// Which of its partitions.
        partition: i32,
    },
    /// `delete-records TOPIC PARTITION QUARTERS`
    DeleteRecords {
        /// Of which topic.
        topic: String,
        /// Which of its partitions.
        partition: i32,
        /// How much of what it shows.
        quarters: i64,
    },
    /// `commit GROUP TOPIC PARTITION OFFSET`
    Commit {
        /// Which group.
        group: String,
        /// For which topic.
        topic: String,
        /// For which of its partitions.
        partition: i32,
        /// The offset.
        offset: i64,
    },
    /// `join GROUP`
    Join {
        /// Which group.
        group: String,
    },
    /// `leave GROUP`
    Leave {
        /// Which group.
        group: String,
    },
    /// `delete-group GROUP`: its member leaves it before
    DeleteGroup {
        /// Which group.
        group: String,
    },
    /// `delete-offset GROUP TOPIC PARTITION`
    DeleteOffset {
        /// Which group.
        group: String,
        /// For which topic.
        topic: String,
        /// For which of its partitions.
        partition: i32,
    },
    /// `clock MILLISECONDS`: sets the wall clock so far ahead of the world's
    Clock {
        /// How far; negative where it is behind.
        ahead_ms: i64,
    },
    /// `break DIR OPERATION FAULT NTH`: from then on what is done may fail, until the power is lost
    Break {
        /// Which log directory.
        dir: usize,
        /// The number of the operation that fails among [`BROKEN`].
        op: usize,
        /// Whether there is no space, or else the disk fails.
        no_space: bool,
        /// Which of these operations fails, counted from 1.
        nth: u64,
    },
    /// `wait MICROSECONDS`
    Wait {
        /// How long.
        micros: u64,
    },
    /// `stop shards N`, `kill shards N`, `power-loss SEED PROFILE shards N`
    Restart {
        /// How the process ends.
        end: EndOf,
        /// The shards of the next.
        shards: u16,
    },
}

/// The operations that fail in a script.
pub(crate) const BROKEN: [OpKind; 6] =
    [OpKind::Write, OpKind::Sync, OpKind::SyncDir, OpKind::Create, OpKind::Rename, OpKind::Truncate];

/// How a process ends in a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndOf {
    /// In order.
    Stop,
    /// At once.
    Kill,
    /// With the power.
    PowerLoss {
        /// Decides what survives.
        seed: u64,
        /// The number of the profile among [`Profile::ALL`](crate::disk::Profile::ALL).
        profile: usize,
    },
}
