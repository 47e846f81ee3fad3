//! The topics that the members of a consumer group subscribe to, as their join metadata says.
//!
//! The metadata is the clients' own business except for this: offsets of topics that a stable group subscribes to are
//! neither deleted nor expired. Only what all versions of the embedded consumer protocol begin with is read: version
//! (int16), then an array of topics.

use super::member::Roster;
use super::names::{ProtocolName, TopicName};
use alloc::collections::BTreeSet;

/// The protocol type of groups whose metadata this module understands.
pub const CONSUMER: &str = "consumer";

/// The topics that the members subscribe to; `None` where the metadata of any of them cannot be read.
#[must_use]
pub fn topics(roster: &Roster, protocol: &ProtocolName) -> Option<BTreeSet<TopicName>> {
    let mut topics = BTreeSet::new();
    for (_, member) in roster.iter() {
        read(&member.metadata(protocol), &mut topics)?;
    }
    Some(topics)
}

fn read(metadata: &[u8], topics: &mut BTreeSet<TopicName>) -> Option<()> {
    let (version, rest) = metadata.split_first_chunk::<2>()?;
    // Version 0 is a prefix of all others; a negative one is no version.
    if i16::from_be_bytes(*version) < 0 {
        return None;
    }
    let (count, mut rest) = rest.split_first_chunk::<4>()?;
    let count = u32::try_from(i32::from_be_bytes(*count)).ok()?;
    // Each topic takes two bytes or more, so that a false count ends at the end of the bytes.
    for _ in 0..count {
        let (length, after) = rest.split_first_chunk::<2>()?;
        let length = usize::try_from(i16::from_be_bytes(*length)).ok()?;
        let (name, after) = after.split_at_checked(length)?;
        topics.insert(core::str::from_utf8(name).ok()?.into());
        rest = after;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn parse(bytes: &[u8]) -> Option<Vec<TopicName>> {
        let mut topics = BTreeSet::new();
        read(bytes, &mut topics).map(|()| topics.into_iter().collect())
    }

    #[test]
    fn topics_are_what_every_version_begins_with() {
        let two = b"\0\x03\0\0\0\x02\0\x01b\0\x02aaand whatever follows";
        assert_eq!(parse(two), Some(alloc::vec!["aa".into(), "b".into()]));
        assert_eq!(parse(b"\0\0\0\0\0\0"), Some(Vec::new()));
    }

    #[test]
    fn what_is_cut_or_false_is_unknown() {
        let one = b"\0\0\0\0\0\x01\0\x02aa";
        for length in 0..one.len() {
            assert_eq!(parse(&one[..length]), None, "cut at {length}");
        }
        assert_eq!(parse(b"\xff\xff\0\0\0\0"), None, "a negative version");
        assert_eq!(parse(b"\0\0\xff\xff\xff\xff"), None, "a negative count");
        assert_eq!(parse(b"\0\0\x7f\xff\xff\xff\0\x01a"), None, "a count beyond the bytes");
        assert_eq!(parse(b"\0\0\0\0\0\x01\xff\xff"), None, "a null name");
        assert_eq!(parse(b"\0\0\0\0\0\x01\0\x01\xff"), None, "not text");
    }
}
