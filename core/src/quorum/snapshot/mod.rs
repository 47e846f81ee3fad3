//! Snapshots of the metadata (KIP-630): files beside the metadata log that say all that the records before an offset say.
//!
//! ```text
//! control batch   SnapshotHeader, KRaftVersion, KRaftVoters
//! data batches    metadata records that give the image
//! control batch   SnapshotFooter
//! ```
//!
//! The records of a snapshot are numbered from 0, which has nothing to do with offsets in the log; the file's name says
//! where the snapshot ends there.
//!
//! Invariants:
//! 1. A file with a snapshot's name is complete and durable: it is written under another one.
//! 2. The log starts at or before the end of the oldest snapshot that is kept, so that either of them can be gone on from.
//! 3. A snapshot is written and read in pieces: a step has a bounded share in it.
//! 4. At most one operation is under way.

mod read;
mod write;

pub use read::{SnapshotOutcome, SnapshotReader};

use super::records::VoterSelf;
use crate::effect::IoOp;
use crate::event::{FoundDir, IoError, IoErrorKind, IoOutput};
use crate::ids::{FileName, LeaderEpoch, LogDirIndex, Offset, Timestamp};
use crate::limits::SNAPSHOTS_KEPT;
use crate::log::files::snapshot_name::{SnapshotId, SnapshotName, SnapshotStage};
use crate::metadata::MetadataImage;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use write::SnapshotWriter;

/// The directory of the metadata log.
pub(super) const METADATA_DIR: &str = "__cluster_metadata-0";

/// The end of the name under which a snapshot is written.
const BESIDE: &str = ".tmp";

/// The snapshots of a node.
#[derive(Clone, Debug)]
pub struct Snapshots {
    /// The complete ones, with their length in bytes as it was found.
    kept: BTreeMap<SnapshotId, u64>,
    /// Files that nobody needs.
    leftovers: VecDeque<FileName>,
    writing: Option<SnapshotWriter>,
    asked: Option<Asked>,
    /// What was appended to the log since the newest snapshot.
    log_bytes: u64,
    log_bytes_max: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Write,
    Remove,
}

/// What came of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Snapshotted {
    /// A step is done.
    Step,
    /// A snapshot is complete, and the log may start at this offset.
    Complete(SnapshotId, Offset),
    /// There was no room for it; it is tried again later.
    NoSpace,
    /// The disk has failed.
    Failed(IoError),
}

impl Snapshots {
    /// What was found in the directory of the metadata. A new snapshot is due after each `log_bytes_max` bytes of log.
    #[must_use]
    pub fn new(found: Option<&FoundDir>, log_bytes_max: u64) -> Self {
        let mut kept = BTreeMap::new();
        let mut leftovers = VecDeque::new();
        for entry in found.iter().flat_map(|dir| dir.entries.iter().flatten()) {
            let Some(name) = entry.path.strip_prefix(METADATA_DIR).and_then(|path| path.strip_prefix('/')) else {
                continue;
            };
            let Some(length) = entry.length else { continue };
            let file = || FileName { dir: LogDirIndex(0), path: entry.path.clone() };
            let beside = name.strip_suffix(BESIDE).and_then(SnapshotName::parse).is_some();
            match SnapshotName::parse(name).map(|name| (name.id, name.stage)) {
                Some((id, SnapshotStage::Live)) => drop(kept.insert(id, length)),
                Some((_, SnapshotStage::Partial | SnapshotStage::Deleted)) => leftovers.push_back(file()),
                None if beside => leftovers.push_back(file()),
                None => {}
            }
        }
        Self { kept, leftovers, writing: None, asked: None, log_bytes: 0, log_bytes_max }
    }

    /// Reads the newest snapshot that is whole, onto an image of nothing.
    #[must_use]
    pub fn reader(&self, empty: MetadataImage) -> SnapshotReader {
        // The snapshot that a quorum begins with holds voters and no metadata.
        let candidates = self.kept.iter().filter(|(id, _)| id.end_offset > Offset::ZERO);
        SnapshotReader::new(candidates.map(|(id, length)| (*id, *length)).collect(), empty)
    }

    /// A snapshot that was read is not whole: it does not count.
    pub fn set_aside(&mut self, damaged: &[SnapshotId]) {
        self.kept.retain(|id, _| !damaged.contains(id));
    }

    /// The log has grown.
    pub fn appended(&mut self, bytes: usize) {
        self.log_bytes += bytes as u64;
    }

    /// Begins a snapshot of a committed image, where one is due.
    pub fn begin_if_due(&mut self, now: Timestamp, image: &Arc<MetadataImage>, voter: &VoterSelf) {
        let id = SnapshotId { end_offset: image.end, epoch: LeaderEpoch(image.epoch) };
        let newer = self.kept.keys().next_back().is_none_or(|newest| *newest < id);
        if self.log_bytes < self.log_bytes_max || self.writing.is_some() || !newer {
            return;
        }
        self.log_bytes = 0;
        self.writing = Some(SnapshotWriter::new(id, image.clone(), voter.clone(), now));
    }

    /// The next operation, where none is under way.
    pub fn next_op(&mut self) -> Option<IoOp> {
        if self.asked.is_some() {
            return None;
        }
        // What is left over may stand where the next one is written.
        if let Some(file) = self.leftovers.front() {
            self.asked = Some(Asked::Remove);
            return Some(IoOp::Remove { file: file.clone() });
        }
        let op = self.writing.as_mut()?.next()?;
        self.asked = Some(Asked::Write);
        Some(op)
    }

    /// The operation under way has ended.
    pub fn completed(&mut self, result: Result<IoOutput, IoError>) -> Snapshotted {
        let asked = self.asked.take().expect("an operation is under way");
        match (asked, result) {
            (Asked::Remove, Err(error)) if error.kind != IoErrorKind::NotFound => Snapshotted::Failed(error),
            (Asked::Remove, _) => {
                self.leftovers.pop_front();
                Snapshotted::Step
            }
            (Asked::Write, Ok(_)) => self.written(),
            (Asked::Write, Err(error)) if error.kind == IoErrorKind::NoSpace => {
                let writer = self.writing.take().expect("a snapshot is being written");
                self.leftovers.push_back(writer.beside().clone());
                Snapshotted::NoSpace
            }
            (Asked::Write, Err(error)) => Snapshotted::Failed(error),
        }
    }

    fn written(&mut self) -> Snapshotted {
        let Some(writer) = self.writing.take_if(|writer| writer.is_complete()) else { return Snapshotted::Step };
        let id = writer.id();
        self.kept.insert(id, writer.bytes());
        while self.kept.len() > SNAPSHOTS_KEPT
            && let Some((old, _)) = self.kept.pop_first()
        {
            self.leftovers.push_back(file_of(old));
        }
        let oldest = self.kept.keys().next().map_or(Offset::ZERO, |oldest| oldest.end_offset);
        Snapshotted::Complete(id, oldest)
    }

    /// The snapshots that are complete, oldest first.
    #[must_use]
    pub fn kept(&self) -> Vec<SnapshotId> {
        self.kept.keys().copied().collect()
    }
}

/// The file of a complete snapshot. The metadata are in the first log directory.
fn file_of(id: SnapshotId) -> FileName {
    let name = SnapshotName { id, stage: SnapshotStage::Live }.format();
    FileName::new(LogDirIndex(0), &format!("{METADATA_DIR}/{name}"))
}
