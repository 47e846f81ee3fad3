//! `partition.metadata`: which topic a partition's directory belongs to (KIP-516).
//!
//! ```text
//! version: 0
//! topic_id: baGwtIRcSQWdC-BlX8NhdA
//! ```
//! Without a line's end behind the id.

use super::{FileError, FileErrorKind, push, text::Lines};
use crate::ids::TopicId;
use alloc::string::String;
use grete_protocol::wire::Uuid;

/// The file's name in a partition's directory.
pub const NAME: &str = "partition.metadata";

const VERSION: i32 = 0;

/// The topic's id. As Kafka does, later versions are read too, for they only add lines.
pub fn decode(bytes: &[u8]) -> Result<TopicId, FileError> {
    let mut lines = Lines::new(bytes)?;
    let mut value = |name: &'static str, expected: &'static str| {
        let (position, line) = lines.next().ok_or(FileError::new(bytes.len(), FileErrorKind::Truncated(name)))?;
        let value = line.strip_prefix(name).and_then(|rest| rest.strip_prefix(':'));
        let value = value.map(str::trim_ascii).ok_or(FileError::new(position, FileErrorKind::Expected(expected)))?;
        Ok((position, value))
    };
    let (position, version) = value("version", "version: <number>")?;
    let version: i32 =
        version.parse().map_err(|_| FileError::new(position, FileErrorKind::Expected("version: <number>")))?;
    if version < VERSION {
        return Err(FileError::new(position, FileErrorKind::Version(version.into())));
    }
    let (position, id) = value("topic_id", "topic_id: <id>")?;
    let id: Uuid = id.parse().map_err(|_| FileError::new(position, FileErrorKind::Expected("topic_id: <id>")))?;
    if id.is_zero() {
        return Err(FileError::new(position, FileErrorKind::Value("topic_id")));
    }
    Ok(TopicId(id.0))
}

/// The file of a topic's partition.
#[must_use]
pub fn encode(topic: TopicId) -> String {
    let mut text = String::new();
    push(&mut text, format_args!("version: {VERSION}\ntopic_id: {}", Uuid(topic.0)));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        assert_eq!(encode(TopicId::CLUSTER_METADATA), "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ");
        for id in [TopicId::CLUSTER_METADATA, TopicId([0xfe; 16])] {
            assert_eq!(decode(encode(id).as_bytes()), Ok(id));
        }
        assert_eq!(decode(b"version: 1\r\ntopic_id:  AAAAAAAAAAAAAAAAAAAAAQ\r\nmore\n"), Ok(TopicId::CLUSTER_METADATA));
    }

    #[test]
    fn damage_is_placed() {
        let error = |bytes: &[u8]| decode(bytes).unwrap_err();
        assert_eq!(error(b""), FileError { position: 0, kind: FileErrorKind::Truncated("version") });
        assert_eq!(error(b"version: 0\n"), FileError { position: 11, kind: FileErrorKind::Truncated("topic_id") });
        assert_eq!(error(b"version: -1\n").kind, FileErrorKind::Version(-1));
        assert_eq!(error(b"version: 0\ntopic_id: AAAA").position, 11);
        assert_eq!(error(b"version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAA").kind, FileErrorKind::Value("topic_id"));
    }
}
