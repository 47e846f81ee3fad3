//! `partition.metadata`: which topic a partition's directory belongs to.

use crate::ids::TopicId;
use alloc::format;
use alloc::string::String;

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The content of the file for a topic.
pub(super) fn encode(topic: TopicId) -> String {
    format!("version: 0\ntopic_id: {}", base64(topic))
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
    }
}
