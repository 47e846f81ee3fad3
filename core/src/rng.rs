//! Addressed randomness: every draw is a hash of the boot seed, a purpose, the entity it is for and a counter.
//!
//! There is no stream to draw from, so that a draw added in one place does not shift another. The boot seed is fresh for
//! each incarnation of a node, or a restart would hand out the same ids again.

use xxhash_rust::xxh3::xxh3_128_with_seed;

/// The seed of one incarnation of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(pub u64);

/// What a draw is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Purpose {
    /// `cluster.id` of a new cluster.
    ClusterId = 1,
    /// `directory.id` of a new log directory.
    DirectoryId = 2,
    /// The id of a new topic.
    TopicId = 3,
    /// The incarnation id of a registering broker.
    IncarnationId = 4,
    /// The id of a new group member.
    MemberId = 5,
    /// The id of a new fetch session.
    FetchSessionId = 6,
    /// The placement of a new topic's first replica.
    Placement = 7,
    /// Which of several equal candidates is taken.
    Choice = 8,
}

impl Seed {
    /// 128 random bits for the `counter`-th draw of `purpose` about `entity`.
    #[must_use]
    pub fn draw(self, purpose: Purpose, entity: &[u8], counter: u64) -> u128 {
        let mut head = [0; 9];
        head[0] = purpose as u8;
        head[1..].copy_from_slice(&counter.to_be_bytes());
        // Two rounds: the entity is hashed under a seed that already depends on purpose and counter.
        let folded = xxh3_128_with_seed(&head, self.0);
        let low = xxh3_128_with_seed(entity, folded as u64);
        low ^ xxh3_128_with_seed(entity, (folded >> 64) as u64).rotate_left(64)
    }

    /// As [`draw`](Self::draw), as a version 4 UUID (RFC 9562), as Kafka draws its ids.
    #[must_use]
    pub fn uuid(self, purpose: Purpose, entity: &[u8], counter: u64) -> [u8; 16] {
        let mut bytes = self.draw(purpose, entity, counter).to_be_bytes();
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_depend_on_each_part_of_their_address() {
        let draw = Seed(7).draw(Purpose::TopicId, b"orders", 0);
        assert_eq!(draw, Seed(7).draw(Purpose::TopicId, b"orders", 0));
        assert_ne!(draw, Seed(8).draw(Purpose::TopicId, b"orders", 0));
        assert_ne!(draw, Seed(7).draw(Purpose::MemberId, b"orders", 0));
        assert_ne!(draw, Seed(7).draw(Purpose::TopicId, b"order", 0));
        assert_ne!(draw, Seed(7).draw(Purpose::TopicId, b"orders", 1));
    }
}
