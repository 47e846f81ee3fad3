//! Names of metadata snapshots, in the directory of the metadata log.
//!
//! ```text
//! 00000000000000001204-0000000003.checkpoint     what records before offset 1204 say, the last of them of epoch 3
//! ```

use super::{padded_number, push};
use crate::ids::{LeaderEpoch, Offset};
use alloc::string::String;

/// What a snapshot covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SnapshotId {
    /// The end of the records that it stands for, exclusive.
    pub end_offset: Offset,
    /// The leader epoch of the last of them.
    pub epoch: LeaderEpoch,
}

/// The name of a snapshot's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SnapshotName {
    /// What the snapshot covers.
    pub id: SnapshotId,
    /// Where the file stands in its life.
    pub stage: SnapshotStage,
}

/// Where a snapshot's file stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SnapshotStage {
    /// Complete.
    Live,
    /// Being written or fetched; worth nothing after a restart. Kafka puts a number of its own into such a name, Grete
    /// does not, since it writes at most one snapshot of an id at a time.
    Partial,
    /// To be removed.
    Deleted,
}

const OFFSET_DIGITS: usize = 20;
const EPOCH_DIGITS: usize = 10;

impl SnapshotName {
    /// The name, if it is one.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let (offset, rest) = name.split_at_checked(OFFSET_DIGITS)?;
        let (epoch, suffix) = rest.strip_prefix('-')?.split_at_checked(EPOCH_DIGITS)?;
        let stage = match suffix {
            ".checkpoint" => SnapshotStage::Live,
            ".checkpoint.deleted" => SnapshotStage::Deleted,
            // Between the id and the suffix Kafka has "-" and a random number.
            _ if suffix.ends_with(".checkpoint.part") => SnapshotStage::Partial,
            _ => return None,
        };
        let end_offset = Offset(padded_number(offset, OFFSET_DIGITS)?);
        let epoch = LeaderEpoch(i32::try_from(padded_number(epoch, EPOCH_DIGITS)?).ok()?);
        Some(Self { id: SnapshotId { end_offset, epoch }, stage })
    }

    /// The name as text.
    ///
    /// # Panics
    /// If the offset or the epoch is negative.
    #[must_use]
    pub fn format(self) -> String {
        let SnapshotId { end_offset, epoch } = self.id;
        assert!(end_offset.0 >= 0, "a snapshot ends at an offset");
        assert!(epoch.0 >= 0, "a snapshot has an epoch");
        let suffix = match self.stage {
            SnapshotStage::Live => "",
            SnapshotStage::Partial => ".part",
            SnapshotStage::Deleted => ".deleted",
        };
        let mut name = String::new();
        push(&mut name, format_args!("{:020}-{:010}.checkpoint{suffix}", end_offset.0, epoch.0));
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        for stage in [SnapshotStage::Live, SnapshotStage::Partial, SnapshotStage::Deleted] {
            for (offset, epoch) in [(0, 0), (1204, 3), (i64::MAX, i32::MAX)] {
                let id = SnapshotId { end_offset: Offset(offset), epoch: LeaderEpoch(epoch) };
                let name = SnapshotName { id, stage };
                assert_eq!(SnapshotName::parse(&name.format()), Some(name));
            }
        }
        let partial = SnapshotName::parse("00000000000000001204-0000000003-8812304718235.checkpoint.part").unwrap();
        assert_eq!((partial.id.end_offset, partial.stage), (Offset(1204), SnapshotStage::Partial));
    }

    #[test]
    fn other_names_are_not_snapshots() {
        for name in [
            "bootstrap.checkpoint",
            "00000000000000001204-000000003.checkpoint",
            "00000000000000001204-9999999999.checkpoint",
            "00000000000000001204-0000000003.checkpoint.tmp",
            "00000000000000001204.log",
        ] {
            assert_eq!(SnapshotName::parse(name), None, "{name}");
        }
    }
}
