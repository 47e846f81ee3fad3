//! `partition.metadata`: which topic a partition's directory belongs to.

use crate::ids::TopicId;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The content of the file for a topic.
pub(super) fn encode(topic: TopicId) -> String {
    format!("version: 0\ntopic_id: {}", base64(topic))
}

/// The topic that a file names; `None` where it does not.
pub(super) fn decode(bytes: &[u8]) -> Option<TopicId> {
    let text = core::str::from_utf8(bytes).ok()?;
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':').map(str::trim));
    let version: i32 = value("version")?.parse().ok()?;
    (version == 0).then_some(())?;
    let digits = value("topic_id")?;
    decode_digits(digits.as_bytes())
}

fn decode_digits(digits: &[u8]) -> Option<TopicId> {
    let mut bytes = Vec::with_capacity(18);
    for group in digits.chunks(4) {
        let mut bits = 0_u32;
        for at in 0..4 {
            let digit = match group.get(at) {
                Some(digit) => DIGITS.iter().position(|known| known == digit)? as u32,
                None => 0,
            };
            bits = bits << 6 | digit;
        }
        bytes.extend_from_slice(&bits.to_be_bytes()[1..]);
    }
    // 22 digits are 16 bytes and a few bits of nothing.
    (digits.len() == 22).then_some(())?;
    bytes.first_chunk().copied().map(TopicId)
}

/// The id in base64url without padding, as Kafka writes it.
fn base64(topic: TopicId) -> String {
    let mut text = String::with_capacity(22);
    for chunk in topic.0.chunks(3) {
        let mut group = [0; 4];
        group[1..=chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes(group);
        for digit in 0..=chunk.len() {
            text.push(char::from(DIGITS[(bits >> (18 - 6 * digit)) as usize & 63]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metadata_topics_id_is_kafkas() {
        let text = encode(TopicId::CLUSTER_METADATA);
        assert_eq!(text, "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ");
        for topic in [TopicId::CLUSTER_METADATA, TopicId([0xff; 16]), TopicId(*b"0123456789abcdef")] {
            assert_eq!(decode(encode(topic).as_bytes()), Some(topic));
        }
        for bad in ["", "version: 1\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ", "version: 0\ntopic_id: AAAA", "version: 0"] {
            assert_eq!(decode(bad.as_bytes()), None, "{bad}");
        }
    }
}
