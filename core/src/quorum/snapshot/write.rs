//! Writing a snapshot, one operation after the other.

use super::super::records::{VoterSelf, batch_at, snapshot_foot, snapshot_head};
use super::{BESIDE, file_of};
use crate::effect::IoOp;
use crate::ids::{FileName, FilePosition, Timestamp};
use crate::limits::{SNAPSHOT_BATCH_BYTES_MAX, SNAPSHOT_RECORDS_PER_WRITE};
use crate::log::files::snapshot_name::SnapshotId;
use crate::metadata::{MetadataImage, SnapshotCursor, record_version};
use alloc::format;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;

/// A snapshot being written.
#[derive(Clone, Debug)]
pub(super) struct SnapshotWriter {
    id: SnapshotId,
    file: FileName,
    beside: FileName,
    image: Arc<MetadataImage>,
    voter: VoterSelf,
    now: Timestamp,
    stage: Stage,
    /// The number of the next record.
    record_next: i64,
    position: u64,
}

/// What is written next.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stage {
    Create,
    Head,
    Records(SnapshotCursor),
    Foot,
    Sync,
    Rename,
    SyncDir,
    Complete,
}

impl SnapshotWriter {
    pub(super) fn new(id: SnapshotId, image: Arc<MetadataImage>, voter: VoterSelf, now: Timestamp) -> Self {
        let file = file_of(id);
        let beside = FileName::new(file.dir, &format!("{}{BESIDE}", file.path));
        Self { id, file, beside, image, voter, now, stage: Stage::Create, record_next: 0, position: 0 }
    }

    pub(super) fn id(&self) -> SnapshotId {
        self.id
    }

    pub(super) fn beside(&self) -> &FileName {
        &self.beside
    }

    pub(super) fn bytes(&self) -> u64 {
        self.position
    }

    /// Whether everything has been asked for.
    pub(super) fn is_complete(&self) -> bool {
        self.stage == Stage::Complete
    }

    /// The next operation, once the one before it is complete; none once the snapshot is there for good.
    pub(super) fn next(&mut self) -> Option<IoOp> {
        let epoch = self.id.epoch.0;
        let (op, next) = match &self.stage {
            Stage::Create => (IoOp::Create { file: self.beside.clone() }, Stage::Head),
            Stage::Head => {
                let (head, records) = snapshot_head(&self.voter, epoch, self.now);
                self.record_next = records;
                (self.write(vec![head]), Stage::Records(SnapshotCursor::START))
            }
            Stage::Records(cursor) => {
                let image = self.image.clone();
                let (records, next) = image.snapshot_records(cursor, SNAPSHOT_RECORDS_PER_WRITE);
                let records: Vec<_> = records.into_iter().map(|record| (record_version(&record), record)).collect();
                let mut parts = Vec::new();
                let mut rest = &records[..];
                while !rest.is_empty() {
                    let (batch, taken) = batch_at(self.record_next, rest, epoch, self.now, SNAPSHOT_BATCH_BYTES_MAX);
                    parts.push(batch);
                    self.record_next += taken as i64;
                    rest = &rest[taken..];
                }
                (self.write(parts), next.map_or(Stage::Foot, Stage::Records))
            }
            Stage::Foot => {
                let foot = snapshot_foot(self.record_next, epoch, self.now);
                (self.write(vec![foot]), Stage::Sync)
            }
            Stage::Sync => (IoOp::Sync { file: self.beside.clone() }, Stage::Rename),
            Stage::Rename => (IoOp::Rename { from: self.beside.clone(), to: self.file.clone() }, Stage::SyncDir),
            Stage::SyncDir => (IoOp::SyncDir { dir: self.file.parent() }, Stage::Complete),
            Stage::Complete => return None,
        };
        self.stage = next;
        Some(op)
    }

    fn write(&mut self, parts: Vec<Bytes>) -> IoOp {
        let position = FilePosition(self.position);
        self.position += parts.iter().map(|part| part.len() as u64).sum::<u64>();
        IoOp::Write { file: self.beside.clone(), position, parts }
    }
}
