//! The four files of a log directory that keep one offset for each of its partitions.
//!
//! ```text
//! 0                  version
//! 2                  number of entries
//! orders 0 1204      topic, partition, offset
//! orders 1 7
//! ```

use super::{FileError, push, text, topic_name};
use crate::ids::{Offset, PartitionIndex};
use alloc::{string::String, vec::Vec};

/// Up to where each log is known to be flushed.
pub const RECOVERY_POINT: &str = "recovery-point-offset-checkpoint";
/// The high watermarks.
pub const REPLICATION: &str = "replication-offset-checkpoint";
/// The log start offsets that lie above the base offset of the first segment.
pub const LOG_START: &str = "log-start-offset-checkpoint";
/// Up to where compaction went.
pub const CLEANER: &str = "cleaner-offset-checkpoint";

/// One line: an offset of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The topic's name.
    pub topic: &'a str,
    /// The partition within it.
    pub partition: PartitionIndex,
    /// The offset; its meaning is the file's.
    pub offset: Offset,
}

/// The entries in the file's order. Should a partition occur twice, the later entry counts.
pub fn decode(bytes: &[u8]) -> Result<Vec<Entry<'_>>, FileError> {
    let mut entries = Vec::new();
    text::decode(
        bytes,
        "a topic, a partition and an offset",
        |fields| {
            let topic = fields.next()?;
            let partition: i32 = fields.next()?.parse().ok()?;
            let offset: i64 = fields.next()?.parse().ok()?;
            let possible = topic_name::validate(topic).is_ok() && partition >= 0 && offset >= 0;
            possible.then_some(Entry { topic, partition: PartitionIndex(partition), offset: Offset(offset) })
        },
        |entry| entries.push(entry),
    )?;
    Ok(entries)
}

/// The file with these entries.
#[must_use]
pub fn encode<'a>(entries: impl ExactSizeIterator<Item = Entry<'a>>) -> String {
    let mut text = text::start(entries.len());
    for entry in entries {
        push(&mut text, format_args!("{} {} {}\n", entry.topic, entry.partition, entry.offset));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::files::FileErrorKind;

    #[test]
    fn round_trip() {
        let text = "0\n2\norders 0 1204\n__consumer_offsets 49 7\n";
        let entries = decode(text.as_bytes()).unwrap();
        assert_eq!(entries[1], Entry { topic: "__consumer_offsets", partition: PartitionIndex(49), offset: Offset(7) });
        assert_eq!(encode(entries.into_iter()), text);
        assert_eq!(decode(b"0\n").unwrap(), []);
    }

    #[test]
    fn readers_take_any_white_space() {
        let entries = decode(b"0\r\n1\r\norders \t 3   9\r\n").unwrap();
        assert_eq!(entries, [Entry { topic: "orders", partition: PartitionIndex(3), offset: Offset(9) }]);
    }

    #[test]
    fn damage_is_placed() {
        let error = |bytes: &[u8]| decode(bytes).unwrap_err();
        assert_eq!(error(b"0\n2\norders 0 1\norders 1").position, 15);
        assert_eq!(error(b"0\n1\n../x 0 1\n").position, 4);
        assert_eq!(error(b"0\n1\norders 0 -1\n").position, 4);
        assert_eq!(error(b"0\n2147483647\n").kind, FileErrorKind::Count { announced: 2_147_483_647, found: 0 });
        assert_eq!(error(b"0\nx\n").position, 2);
    }
}
