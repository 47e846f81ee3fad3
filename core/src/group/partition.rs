//! Which offsets partition a group belongs to.

use crate::ids::PartitionIndex;

/// The partition of `__consumer_offsets`, of `partitions`, whose coordinator has the group: by the hash code of Java's
/// strings, as all of Kafka's brokers and tools reckon it.
#[must_use]
pub fn partition_for(group: &str, partitions: u32) -> PartitionIndex {
    assert!(partitions > 0, "a topic has partitions");
    let hash = group.encode_utf16().fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    // The one number without a positive counterpart counts as 0.
    let positive = hash.checked_abs().unwrap_or(0).unsigned_abs();
    PartitionIndex((positive % partitions) as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_javas() {
        assert_eq!(partition_for("", 50), PartitionIndex(0));
        // "a".hashCode() is 97, "my-group".hashCode() is -1906497762, "ä" is one UTF-16 unit, 228.
        assert_eq!(partition_for("a", 50), PartitionIndex(47));
        assert_eq!(partition_for("my-group", 50), PartitionIndex(12));
        assert_eq!(partition_for("ä", 50), PartitionIndex(28));
        // "polygenelubricants".hashCode() is the smallest of all numbers.
        assert_eq!(partition_for("polygenelubricants", 50), PartitionIndex(0));
    }
}
