//! Kafka's consumer protocol: what members and their leader tell each other through the coordinator, which does not read it.
//!
//! Each message begins with its version as an int16. Source: `ConsumerProtocolSubscription` and
//! `ConsumerProtocolAssignment`.

use super::assignor::Subscription;
use crate::history::TopicPartition;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::messages::consumer_protocol_assignment::TopicPartition as Assigned;
use kafka_protocol::messages::consumer_protocol_subscription::TopicPartition as Owned;
use kafka_protocol::messages::{ConsumerProtocolAssignment, ConsumerProtocolSubscription, TopicName};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const VERSION: i16 = 3;

/// What a member says of itself.
pub(super) fn subscription(of: &Subscription) -> Bytes {
    let owned = by_topic(&of.owned);
    let owned = owned.into_iter().map(|(topic, indexes)| Owned::default().with_topic(topic).with_partitions(indexes));
    let message = ConsumerProtocolSubscription::default()
        .with_topics(of.topics.iter().map(|topic| text(topic)).collect())
        .with_owned_partitions(owned.collect())
        .with_generation_id(of.generation);
    encode(&message)
}

/// Reads what a member says of itself; none where it is no subscription.
pub(super) fn read_subscription(mut bytes: Bytes, instance: Option<Arc<str>>) -> Option<Subscription> {
    let version = version(&mut bytes)?;
    let message = ConsumerProtocolSubscription::decode(&mut bytes, version).ok()?;
    let owned = message.owned_partitions.iter().flat_map(|of| partitions(&of.topic, &of.partitions));
    Some(Subscription {
        instance,
        topics: message.topics.iter().map(|topic| Arc::from(topic.as_str())).collect(),
        owned: owned.collect(),
        generation: if version >= 2 { message.generation_id } else { -1 },
    })
}

/// What the leader gives a member.
pub(super) fn assignment(of: &BTreeSet<TopicPartition>) -> Bytes {
    let topics = by_topic(of);
    let topics =
        topics.into_iter().map(|(topic, indexes)| Assigned::default().with_topic(topic).with_partitions(indexes));
    encode(&ConsumerProtocolAssignment::default().with_assigned_partitions(topics.collect()))
}

/// Reads what a member was given; none where it is no assignment. No bytes at all are one: of nothing.
pub(super) fn read_assignment(mut bytes: Bytes) -> Option<BTreeSet<TopicPartition>> {
    if bytes.is_empty() {
        return Some(BTreeSet::new());
    }
    let version = version(&mut bytes)?;
    let message = ConsumerProtocolAssignment::decode(&mut bytes, version).ok()?;
    Some(message.assigned_partitions.iter().flat_map(|of| partitions(&of.topic, &of.partitions)).collect())
}

fn encode(message: &impl Encodable) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_i16(VERSION);
    message.encode(&mut bytes, VERSION).expect("what this client makes is valid");
    bytes.freeze()
}

/// The version that the bytes begin with, or the latest that is known: later ones only add to it.
fn version(bytes: &mut Bytes) -> Option<i16> {
    let version = bytes.try_get_i16().ok()?;
    (version >= 0).then_some(version.min(VERSION))
}

fn by_topic(partitions: &BTreeSet<TopicPartition>) -> BTreeMap<TopicName, Vec<i32>> {
    let mut topics: BTreeMap<TopicName, Vec<i32>> = BTreeMap::new();
    for at in partitions {
        topics.entry(TopicName(text(&at.topic))).or_default().push(at.partition);
    }
    topics
}

fn partitions(topic: &TopicName, indexes: &[i32]) -> Vec<TopicPartition> {
    let topic: Arc<str> = Arc::from(topic.as_str());
    indexes.iter().map(|&partition| TopicPartition { topic: Arc::clone(&topic), partition }).collect()
}

/// A text as the codec wants it.
pub(super) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> BTreeSet<TopicPartition> {
        [("a", 3), ("a", 0), ("b", 7)]
            .map(|(topic, partition)| TopicPartition { topic: topic.into(), partition })
            .into()
    }

    #[test]
    fn what_is_written_is_read() {
        let said = Subscription {
            instance: Some("i".into()),
            topics: ["a".into(), "c".into()].into(),
            owned: some(),
            generation: 9,
        };
        assert_eq!(read_subscription(subscription(&said), Some("i".into())), Some(said));
        assert_eq!(read_assignment(assignment(&some())), Some(some()));
        assert_eq!(read_assignment(Bytes::new()), Some(BTreeSet::new()));
    }

    #[test]
    fn what_is_cut_is_nothing() {
        let whole = assignment(&some());
        for length in 1..whole.len() {
            assert_eq!(read_assignment(whole.slice(..length)), None, "cut at {length}");
        }
    }
}
