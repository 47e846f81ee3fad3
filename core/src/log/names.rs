//! The names of a partition's files, as Kafka has them.

use crate::ids::{FileName, LogDirIndex, Offset, PartitionIndex};
use alloc::format;
use alloc::sync::Arc;

/// The files of a segment, and the others that are named by an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum FileKind {
    Log,
    OffsetIndex,
    TimeIndex,
    TransactionIndex,
    ProducerSnapshot,
}

impl FileKind {
    pub(super) const ALL: [Self; 5] =
        [Self::Log, Self::OffsetIndex, Self::TimeIndex, Self::TransactionIndex, Self::ProducerSnapshot];

    /// The end of the file's name, with its dot.
    pub(super) const fn suffix(self) -> &'static str {
        match self {
            Self::Log => ".log",
            Self::OffsetIndex => ".index",
            Self::TimeIndex => ".timeindex",
            Self::TransactionIndex => ".txnindex",
            Self::ProducerSnapshot => ".snapshot",
        }
    }
}

pub(super) const PARTITION_METADATA: &str = "partition.metadata";
pub(super) const LEADER_EPOCHS: &str = "leader-epoch-checkpoint";

/// The longest name that file systems take.
const NAME_BYTES_MAX: usize = 255;

/// The directory of a partition: `topic-N`.
pub(super) fn home(topic: &str, partition: PartitionIndex) -> Arc<str> {
    format!("{topic}-{partition}").into()
}

/// The name that a partition's directory gets when it is on its way out: `topic-N.<id>-delete`, the topic cut short where
/// the name would be too long.
pub(super) fn departing(topic: &str, partition: PartitionIndex, id: u128, why: &str) -> Arc<str> {
    let rest = format!("-{partition}.{id:032x}-{why}");
    let kept = topic.len().min(NAME_BYTES_MAX - rest.len());
    // Topic names are ASCII; a name that is not is cut at a character.
    let kept = (0..=kept).rev().find(|&at| topic.is_char_boundary(at)).unwrap_or(0);
    format!("{}{rest}", &topic[..kept]).into()
}

/// A file that is named by an offset.
pub(super) fn file(dir: LogDirIndex, home: &str, base: Offset, kind: FileKind) -> FileName {
    FileName::new(dir, &format!("{home}/{:020}{}", base.0, kind.suffix()))
}

/// A file of a partition with a fixed name.
pub(super) fn fixed(dir: LogDirIndex, home: &str, name: &str) -> FileName {
    FileName::new(dir, &format!("{home}/{name}"))
}

/// What an offset-named file is: its offset and kind. `None` for any other name.
pub(super) fn parse_file(name: &str) -> Option<(Offset, FileKind)> {
    let (digits, suffix) = name.split_at_checked(20)?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let kind = FileKind::ALL.into_iter().find(|kind| kind.suffix() == suffix)?;
    Some((Offset(digits.parse().ok()?), kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kafkas_and_parse_back() {
        let home = home("orders", PartitionIndex(3));
        let name = file(LogDirIndex(0), &home, Offset(42), FileKind::TimeIndex);
        assert_eq!(&*name.path, "orders-3/00000000000000000042.timeindex");
        assert_eq!(parse_file("00000000000000000042.timeindex"), Some((Offset(42), FileKind::TimeIndex)));
        for odd in ["", "42.log", "0000000000000000004x.log", "00000000000000000042.logs", "99999999999999999999.log"] {
            assert_eq!(parse_file(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_departing_name_fits_into_a_directory() {
        let topic = "t".repeat(249);
        let name = departing(&topic, PartitionIndex(12), 0xab, "delete");
        assert_eq!(name.len(), 255);
        assert!(name.ends_with("-12.000000000000000000000000000000ab-delete"));
    }
}
