//! Names of the files in a partition's directory that belong to one segment.
//!
//! ```text
//! 00000000000000001204.log            records from offset 1204 on
//! 00000000000000001204.index.swap     about to replace the file of the same name without the suffix
//! ```

use super::{padded_number, push};
use crate::ids::Offset;
use alloc::string::String;

/// The name of a segment's file. Compaction writes `Cleaned` files, renames them to `Swap` when all are complete, marks
/// the segments that they replace as `Deleted` and then drops the suffix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentName {
    /// The segment's base offset. For a producer snapshot the offset that it goes up to, exclusive.
    pub base_offset: Offset,
    /// What the file is.
    pub file: SegmentFile,
    /// Where it stands in its life.
    pub stage: Stage,
}

/// The files of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SegmentFile {
    /// The record batches.
    Log,
    /// File positions by offset.
    OffsetIndex,
    /// Offsets by timestamp.
    TimeIndex,
    /// Aborted transactions.
    TxnIndex,
    /// The producer state of all records before the offset that names it.
    ProducerSnapshot,
}

/// Where a segment's file stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Part of the log.
    Live,
    /// Being written by compaction; worth nothing after a restart.
    Cleaned,
    /// Complete, and replaces live files.
    Swap,
    /// No longer part of the log; removed after `file.delete.delay.ms`, and at a start.
    Deleted,
}

const OFFSET_DIGITS: usize = 20;

const FILES: [(SegmentFile, &str); 5] = [
    (SegmentFile::Log, ".log"),
    (SegmentFile::OffsetIndex, ".index"),
    (SegmentFile::TimeIndex, ".timeindex"),
    (SegmentFile::TxnIndex, ".txnindex"),
    (SegmentFile::ProducerSnapshot, ".snapshot"),
];

const STAGES: [(Stage, &str); 3] = [(Stage::Cleaned, ".cleaned"), (Stage::Swap, ".swap"), (Stage::Deleted, ".deleted")];

impl SegmentName {
    /// The name of a live file.
    #[must_use]
    pub fn live(base_offset: Offset, file: SegmentFile) -> Self {
        Self { base_offset, file, stage: Stage::Live }
    }

    /// The name, if it is one: the offset with exactly 20 digits, as Kafka pads it.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let (digits, rest) = name.split_at_checked(OFFSET_DIGITS)?;
        let base_offset = Offset(padded_number(digits, OFFSET_DIGITS)?);
        let staged = STAGES.iter().find_map(|&(stage, suffix)| Some((stage, rest.strip_suffix(suffix)?)));
        let (stage, suffix) = staged.unwrap_or((Stage::Live, rest));
        let (file, _) = FILES.iter().find(|(_, known)| *known == suffix)?;
        Some(Self { base_offset, file: *file, stage })
    }

    /// The name as text.
    ///
    /// # Panics
    /// If the base offset is negative.
    #[must_use]
    pub fn format(self) -> String {
        assert!(self.base_offset.0 >= 0, "a segment begins at an offset");
        let mut name = String::with_capacity(OFFSET_DIGITS + 20);
        push(&mut name, format_args!("{:020}", self.base_offset.0));
        name.push_str(match self.file {
            SegmentFile::Log => ".log",
            SegmentFile::OffsetIndex => ".index",
            SegmentFile::TimeIndex => ".timeindex",
            SegmentFile::TxnIndex => ".txnindex",
            SegmentFile::ProducerSnapshot => ".snapshot",
        });
        name.push_str(match self.stage {
            Stage::Live => "",
            Stage::Cleaned => ".cleaned",
            Stage::Swap => ".swap",
            Stage::Deleted => ".deleted",
        });
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_of_every_name() {
        for offset in [0, 1204, i64::MAX] {
            for (file, _) in FILES {
                for stage in [Stage::Live, Stage::Cleaned, Stage::Swap, Stage::Deleted] {
                    let name = SegmentName { base_offset: Offset(offset), file, stage };
                    assert_eq!(SegmentName::parse(&name.format()), Some(name));
                }
            }
        }
        let name = SegmentName { base_offset: Offset(1204), file: SegmentFile::TimeIndex, stage: Stage::Swap };
        assert_eq!(name.format(), "00000000000000001204.timeindex.swap");
    }

    #[test]
    fn other_names_are_not_segments() {
        for name in [
            "",
            "0.log",
            "00000000000000001204",
            "00000000000000001204.lo",
            "00000000000000001204.log.cleaned.swap",
            "0000000000000001204.log",
            "000000000000000001204.log",
            "-0000000000000001204.log",
            "99999999999999999999.log",
            "0000000000000000120é.log",
            "leader-epoch-checkpoint",
        ] {
            assert_eq!(SegmentName::parse(name), None, "{name}");
        }
    }
}
