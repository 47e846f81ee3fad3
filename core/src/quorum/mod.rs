//! The quorum that keeps the metadata log: for now one node, which is its own majority.
//!
//! What belongs to a log directory as a whole is made and read here, before any log is opened: `meta.properties` in each of
//! them, and in the metadata directory `__cluster_metadata-0` with its first snapshot and `quorum-state`.
//!
//! Invariants:
//! 1. All directories name the same cluster and node, or the node does not start.
//! 2. A leader's epoch is durable in `quorum-state` before anything is appended in it.
//! 3. A directory that was made ready halfway is made ready again from where it stands: each file is there whole or not.
//! 4. `.kafka_cleanshutdown` is there only while nothing runs that writes to the directory: it is removed, durably, before
//!    anything is appended, and written when everything else is durable.

mod boot;
mod records;
mod snapshot;
mod stop;

pub use boot::{Boot, BootOutcome, Booted, Directory};
pub use records::{VoterSelf, bootstrap_records, leader_change, metadata_batch, read_metadata_batch};
pub use snapshot::{SnapshotOutcome, SnapshotReader, Snapshots, Snapshotted};
pub use stop::{Stop, StopOutcome};
