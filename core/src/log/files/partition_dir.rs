//! Names of partitions' directories.
//!
//! ```text
//! orders-3                                           partition 3 of the topic "orders"
//! orders-3.9f8e7d6c5b4a39281706f5e4d3c2b1a0-delete   renamed, to be removed
//! ```

use super::{plain_number, push, topic_name};
use crate::ids::PartitionIndex;
use alloc::string::String;

/// The longest name of a file or directory, in bytes, on the file systems in use.
pub const NAME_LENGTH_MAX: usize = 255;

/// The digits of the unique part of the name of a directory that is not live.
const UNIQUE_DIGITS: usize = 32;

/// The name of a partition's directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionDir<'a> {
    /// The topic's name. Cut, for a directory that is to be removed or was set aside, where the whole name would be too
    /// long.
    pub topic: &'a str,
    /// The partition within it.
    pub partition: PartitionIndex,
    /// What the directory is.
    pub kind: DirKind,
}

/// What a partition's directory is. The number in those that are not live makes their names unique, so that a topic may
/// be deleted, created and deleted again before the first directory is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DirKind {
    /// The partition's log.
    Live,
    /// The topic was deleted; removed after `file.delete.delay.ms`, and at a start.
    Delete(u128),
    /// A copy that will replace the log in another log directory of this node (KIP-113).
    Future(u128),
    /// Not this node's according to the metadata; kept for a human to look at.
    Stray(u128),
}

impl<'a> PartitionDir<'a> {
    /// The name of a live directory.
    #[must_use]
    pub fn live(topic: &'a str, partition: PartitionIndex) -> Self {
        Self { topic, partition, kind: DirKind::Live }
    }

    /// The name, if it is one.
    #[must_use]
    pub fn parse(name: &'a str) -> Option<Self> {
        let suffixed = |suffix: &str| {
            let (log, unique) = name.strip_suffix(suffix)?.rsplit_once('.')?;
            let hex = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
            let unique = Some(unique).filter(|unique| unique.len() == UNIQUE_DIGITS && unique.bytes().all(hex))?;
            Some((log, u128::from_str_radix(unique, 16).ok()?))
        };
        let (log, kind) = if let Some((log, unique)) = suffixed("-delete") {
            (log, DirKind::Delete(unique))
        } else if let Some((log, unique)) = suffixed("-future") {
            (log, DirKind::Future(unique))
        } else if let Some((log, unique)) = suffixed("-stray") {
            (log, DirKind::Stray(unique))
        } else {
            (name, DirKind::Live)
        };
        let (topic, partition) = log.rsplit_once('-')?;
        topic_name::validate(topic).ok()?;
        Some(Self { topic, partition: PartitionIndex(plain_number(partition)?), kind })
    }

    /// The name as text. As Kafka does, the topic's name is cut in names of directories to be removed or set aside, so
    /// that they are not longer than [`NAME_LENGTH_MAX`]; the others have their whole name, for their topic is read from
    /// it.
    #[must_use]
    pub fn format(self) -> String {
        let mut suffix = String::new();
        push(&mut suffix, format_args!("-{}", self.partition));
        let topic_length_max = match self.kind {
            DirKind::Live => usize::MAX,
            DirKind::Future(unique) => {
                push(&mut suffix, format_args!(".{unique:032x}-future"));
                usize::MAX
            }
            DirKind::Delete(unique) => {
                push(&mut suffix, format_args!(".{unique:032x}-delete"));
                NAME_LENGTH_MAX - suffix.len()
            }
            DirKind::Stray(unique) => {
                push(&mut suffix, format_args!(".{unique:032x}-stray"));
                NAME_LENGTH_MAX - suffix.len()
            }
        };
        // A topic's name is ASCII, so that every byte is a boundary.
        let topic = self.topic.get(..topic_length_max).unwrap_or(self.topic);
        let mut name = String::with_capacity(topic.len() + suffix.len());
        name.push_str(topic);
        name.push_str(&suffix);
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        for topic in ["orders", "a-1", "a.b-delete", "x.9f8e7d6c5b4a39281706f5e4d3c2b1a0-delete", "__cluster_metadata"]
        {
            for kind in [DirKind::Live, DirKind::Delete(7), DirKind::Future(u128::MAX), DirKind::Stray(0)] {
                for partition in [0, 3, i32::MAX] {
                    let dir = PartitionDir { topic, partition: PartitionIndex(partition), kind };
                    let name = dir.format();
                    assert_eq!(PartitionDir::parse(&name), Some(dir), "{name}");
                }
            }
        }
        let dir = PartitionDir { topic: "orders", partition: PartitionIndex(3), kind: DirKind::Delete(0xa0) };
        assert_eq!(dir.format(), "orders-3.000000000000000000000000000000a0-delete");
    }

    #[test]
    fn long_names_are_cut() {
        let topic: String = core::iter::repeat_n('a', topic_name::LENGTH_MAX).collect();
        let partition = PartitionIndex(12);
        for kind in [DirKind::Delete(1), DirKind::Stray(1)] {
            let name = PartitionDir { topic: &topic, partition, kind }.format();
            assert_eq!(name.len(), NAME_LENGTH_MAX);
            let parsed = PartitionDir::parse(&name).unwrap();
            assert_eq!((parsed.partition, parsed.kind), (partition, kind));
            assert!(topic.starts_with(parsed.topic));
        }
        assert_eq!(PartitionDir { topic: &topic, partition, kind: DirKind::Future(1) }.format().len(), 292);
    }

    #[test]
    fn other_names_are_not_partitions() {
        for name in ["", "orders", "orders-", "-3", "orders-03", "orders-+3", "orders--3x", "orders-2147483648", "..-1"]
        {
            assert_eq!(PartitionDir::parse(name), None, "{name}");
        }
        // Neither live nor well-formed otherwise: "delete" is no partition.
        assert_eq!(PartitionDir::parse("orders-3.9f8e-delete"), None);
        assert_eq!(PartitionDir::parse("a/b-3"), None);
    }
}
