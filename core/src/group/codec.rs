//! The bytes of a coordinator's records: Kafka's `OffsetCommit` and `GroupMetadata`, in batches.
//!
//! A key is its type (int16) and then its fields; a value is its version (int16) and then its fields. What Kafka 4.3
//! writes is written: `OffsetCommitValue` in version 4, or 1 where the client asked for an expiry of its own, which no
//! other version holds; `GroupMetadataValue` in version 3. All versions there are can be read.

use super::names::GenerationId;
use super::records::{CommittedOffset, GroupMetadata, MemberRecord, Record};
use crate::ids::{LeaderEpoch, Offset, PartitionIndex, Timestamp, TopicId};
use alloc::borrow::Cow;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;
use grete_protocol::messages::group_coordinator::group_metadata_key::GroupMetadataKey;
use grete_protocol::messages::group_coordinator::group_metadata_value::{GroupMetadataValue, MemberMetadata};
use grete_protocol::messages::group_coordinator::offset_commit_key::OffsetCommitKey;
use grete_protocol::messages::group_coordinator::offset_commit_value::OffsetCommitValue;
use grete_protocol::records::{
    BatchBuilder, BatchOptions, BatchView, BatchesError, RecordReader, RecordsError, batches,
};
use grete_protocol::wire::{DecodeError, Decoder, Encoder, Message, Uuid};

/// The types of keys that this coordinator knows. It passes over others: those of groups of another kind.
const OFFSET_COMMIT: i16 = 1;
const GROUP_METADATA: i16 = 2;
/// The key type of Kafka before 0.9, which had the same fields.
const LEGACY_OFFSET_COMMIT: i16 = 0;

/// The only version of the keys' fields.
const KEY_VERSION: i16 = 0;
const OFFSET_COMMIT_VERSION: i16 = 4;
/// The last version with an expiry of the offset's own.
const OFFSET_COMMIT_VERSION_EXPIRING: i16 = 1;
const GROUP_METADATA_VERSION: i16 = 3;

/// What a batch of the offsets topic may inflate to: its compression is the operator's, not a client's.
const INFLATED_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Why the contents of an offsets partition cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// There is something else than batches.
    #[error("what should be batches is not: {0}")]
    Batches(BatchesError),
    /// The records of a batch cannot be told apart.
    #[error("the records of the batch at offset {offset} cannot be read: {error}")]
    Records {
        /// The base offset of the batch.
        offset: Offset,
        /// Why not.
        error: RecordsError,
    },
    /// A record of a known type does not have the fields of its version, or its version is not known.
    #[error("the record at offset {offset} is none of Kafka's: {error}")]
    Fields {
        /// The offset of the record.
        offset: Offset,
        /// Why not.
        error: DecodeError,
    },
    /// Offsets were committed in a transaction, which this coordinator cannot tell the end of.
    #[error("the batch at offset {offset} is part of a transaction, and those are not supported yet")]
    Transactional {
        /// The base offset of the batch.
        offset: Offset,
    },
}

/// A batch of the first of `records`, as many as fit into `size_bytes_max`, and how many these are; no bytes where not even
/// the first does.
#[must_use]
pub fn batch(records: &[Record], now: Timestamp, size_bytes_max: usize) -> (Bytes, usize) {
    let mut builder = BatchBuilder::new(BatchOptions { size_bytes_max, ..BatchOptions::default() });
    let mut count = 0;
    for record in records {
        let Some((key, value)) = key(record).zip(value(record)) else { break };
        if builder.try_append(now.0, Some(&key), value.as_deref(), [].into_iter()).is_err() {
            break;
        }
        count += 1;
    }
    (if builder.is_empty() { Bytes::new() } else { builder.build() }, count)
}

/// Reads whole batches and hands over each record that concerns this coordinator.
///
/// # Errors
/// Where something cannot be read; what was handed over before came before it.
pub fn read(bytes: &[u8], mut replay: impl FnMut(Record)) -> Result<(), RecordError> {
    for batch in batches(bytes) {
        let batch = batch.map_err(RecordError::Batches)?;
        read_batch(&batch, &mut replay)?;
    }
    Ok(())
}

fn read_batch(batch: &BatchView<'_>, replay: &mut impl FnMut(Record)) -> Result<(), RecordError> {
    let header = batch.header();
    let offset = Offset(header.base_offset);
    if header.attributes.is_transactional() {
        return Err(RecordError::Transactional { offset });
    }
    if header.attributes.is_control() {
        return Ok(());
    }
    let cannot = |error| RecordError::Records { offset, error };
    let mut records = RecordReader::new(batch, INFLATED_BYTES_MAX).map_err(cannot)?;
    while let Some(record) = records.next().map_err(cannot)? {
        let at = offset.plus(i64::from(record.offset_delta));
        let decoded = decode(record.key.unwrap_or_default(), record.value);
        if let Some(record) = decoded.map_err(|error| RecordError::Fields { offset: at, error })? {
            replay(record);
        }
    }
    Ok(())
}

fn key(record: &Record) -> Option<Vec<u8>> {
    match record {
        Record::Offset { group, topic, partition, .. } => {
            let key = OffsetCommitKey { group: text(group), topic: text(topic), partition: partition.0 };
            encode(OFFSET_COMMIT, &key, KEY_VERSION)
        }
        Record::Group { group, .. } => encode(GROUP_METADATA, &GroupMetadataKey { group: text(group) }, KEY_VERSION),
    }
}

/// The value, which may be none.
fn value(record: &Record) -> Option<Option<Vec<u8>>> {
    let value = match record {
        Record::Offset { value: Some(offset), .. } => {
            let version =
                if offset.expire_timestamp.is_some() { OFFSET_COMMIT_VERSION_EXPIRING } else { OFFSET_COMMIT_VERSION };
            encode(version, &offset_value(offset), version)
        }
        Record::Group { value: Some(group), .. } => {
            encode(GROUP_METADATA_VERSION, &group_value(group), GROUP_METADATA_VERSION)
        }
        Record::Offset { value: None, .. } | Record::Group { value: None, .. } => return Some(None),
    };
    value.map(Some)
}

/// A number that says what follows, and that; none where a field is longer than the version can hold.
fn encode<'a>(prefix: i16, message: &impl Message<'a>, version: i16) -> Option<Vec<u8>> {
    let mut encoder = Encoder::new();
    encoder.i16(prefix);
    message.encode(&mut encoder, version).ok()?;
    Some(encoder.finish().to_contiguous())
}

fn offset_value(offset: &CommittedOffset) -> OffsetCommitValue<'_> {
    OffsetCommitValue {
        offset: offset.offset.0,
        leader_epoch: offset.leader_epoch.0,
        metadata: Cow::Borrowed(&offset.metadata),
        commit_timestamp: offset.commit_timestamp.0,
        expire_timestamp: offset.expire_timestamp.map_or(-1, |at| at.0),
        topic_id: Uuid(offset.topic_id.0),
        ..OffsetCommitValue::default()
    }
}

fn group_value(group: &GroupMetadata) -> GroupMetadataValue<'_> {
    GroupMetadataValue {
        protocol_type: text(group.protocol_type.as_deref().unwrap_or("")),
        generation: group.generation.0,
        protocol: group.protocol_name.as_deref().map(text),
        leader: group.leader.as_deref().map(text),
        current_state_timestamp: group.current_state_timestamp.0,
        members: group.members.iter().map(member_value).collect(),
        ..GroupMetadataValue::default()
    }
}

fn member_value(member: &MemberRecord) -> MemberMetadata<'_> {
    MemberMetadata {
        member_id: text(&member.member),
        group_instance_id: member.instance.as_deref().map(text),
        client_id: text(&member.client_id),
        client_host: text(&member.client_host),
        rebalance_timeout: member.rebalance_timeout_ms,
        session_timeout: member.session_timeout_ms,
        subscription: Cow::Borrowed(&member.subscription),
        assignment: Cow::Borrowed(&member.assignment),
        ..MemberMetadata::default()
    }
}

const fn text(text: &str) -> Cow<'_, str> {
    Cow::Borrowed(text)
}

/// The record of a key and a value; none where it is of a type that this coordinator does not know.
fn decode(key: &[u8], value: Option<&[u8]>) -> Result<Option<Record>, DecodeError> {
    let mut decoder = Decoder::new(key);
    match decoder.i16("type")? {
        OFFSET_COMMIT | LEGACY_OFFSET_COMMIT => {
            let key = OffsetCommitKey::decode(&mut decoder, KEY_VERSION)?;
            decoder.finish()?;
            Ok(Some(Record::Offset {
                group: (&*key.group).into(),
                topic: (&*key.topic).into(),
                partition: PartitionIndex(key.partition),
                value: value.map(decode_offset).transpose()?,
            }))
        }
        GROUP_METADATA => {
            let key = GroupMetadataKey::decode(&mut decoder, KEY_VERSION)?;
            decoder.finish()?;
            let value = value.map(decode_group).transpose()?.map(Arc::new);
            Ok(Some(Record::Group { group: (&*key.group).into(), value }))
        }
        _ => Ok(None),
    }
}

fn decode_offset(value: &[u8]) -> Result<CommittedOffset, DecodeError> {
    let mut decoder = Decoder::new(value);
    let version = decoder.i16("version")?;
    let value = OffsetCommitValue::decode(&mut decoder, version)?;
    decoder.finish()?;
    Ok(CommittedOffset {
        offset: Offset(value.offset),
        leader_epoch: LeaderEpoch(value.leader_epoch),
        metadata: (&*value.metadata).into(),
        commit_timestamp: Timestamp(value.commit_timestamp),
        expire_timestamp: (value.expire_timestamp != -1).then_some(Timestamp(value.expire_timestamp)),
        topic_id: TopicId(value.topic_id.0),
    })
}

fn decode_group(value: &[u8]) -> Result<GroupMetadata, DecodeError> {
    let mut decoder = Decoder::new(value);
    let version = decoder.i16("version")?;
    let value = GroupMetadataValue::decode(&mut decoder, version)?;
    decoder.finish()?;
    Ok(GroupMetadata {
        protocol_type: (!value.protocol_type.is_empty()).then(|| (&*value.protocol_type).into()),
        generation: GenerationId(value.generation),
        protocol_name: value.protocol.map(|name| (&*name).into()),
        leader: value.leader.map(|leader| (&*leader).into()),
        current_state_timestamp: Timestamp(value.current_state_timestamp),
        members: value.members.iter().map(decode_member).collect(),
    })
}

fn decode_member(member: &MemberMetadata<'_>) -> MemberRecord {
    MemberRecord {
        member: (&*member.member_id).into(),
        instance: member.group_instance_id.as_deref().map(Into::into),
        client_id: (&*member.client_id).into(),
        client_host: (&*member.client_host).into(),
        // Version 0 knew one timeout for both.
        rebalance_timeout_ms: if member.rebalance_timeout == -1 {
            member.session_timeout
        } else {
            member.rebalance_timeout
        },
        session_timeout_ms: member.session_timeout,
        subscription: Bytes::copy_from_slice(&member.subscription),
        assignment: Bytes::copy_from_slice(&member.assignment),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    const NOW: Timestamp = Timestamp(1_795_511_709_679);

    fn offset(expire_timestamp: Option<Timestamp>, metadata: &str) -> Record {
        Record::Offset {
            group: "adm".into(),
            topic: "orders".into(),
            partition: PartitionIndex(1),
            value: Some(CommittedOffset {
                offset: Offset(7),
                leader_epoch: LeaderEpoch(if expire_timestamp.is_some() { -1 } else { 2 }),
                metadata: metadata.into(),
                commit_timestamp: NOW,
                expire_timestamp,
                // An expiry is only held by a version that holds neither the epoch nor the topic's id.
                topic_id: if expire_timestamp.is_some() { TopicId::ZERO } else { TopicId([3; 16]) },
            }),
        }
    }

    fn group() -> Record {
        let member = MemberRecord {
            member: "c-1".into(),
            instance: Some("i".into()),
            client_id: "c".into(),
            client_host: "/127.0.0.1".into(),
            rebalance_timeout_ms: 300_000,
            session_timeout_ms: 45_000,
            subscription: Bytes::from_static(b"sub"),
            assignment: Bytes::from_static(b"ass"),
        };
        let value = GroupMetadata {
            protocol_type: Some("consumer".into()),
            generation: GenerationId(1),
            protocol_name: Some("range".into()),
            leader: Some("c-1".into()),
            current_state_timestamp: NOW,
            members: vec![member],
        };
        Record::Group { group: "g1".into(), value: Some(Arc::new(value)) }
    }

    fn tombstones() -> [Record; 2] {
        let gone = Record::Offset { group: "g".into(), topic: "t".into(), partition: PartitionIndex(0), value: None };
        [gone, Record::Group { group: "g".into(), value: None }]
    }

    fn read_all(bytes: &[u8]) -> Result<Vec<Record>, RecordError> {
        let mut records = Vec::new();
        read(bytes, |record| records.push(record)).map(|()| records)
    }

    fn hex(bytes: &[u8]) -> alloc::string::String {
        bytes.iter().map(|byte| alloc::format!("{byte:02x}")).collect()
    }

    #[test]
    fn bytes_are_those_that_kafka_writes() {
        // As Apache Kafka 4.3.1 wrote them, but for the offset, the epoch and the topic's id.
        let record = offset(None, "");
        assert_eq!(hex(&key(&record).unwrap()), "0001000361646d00066f726465727300000001");
        let written = "00040000000000000007000000020100000 1a20cd66fef010010".replace(' ', "") + &"03".repeat(16);
        assert_eq!(hex(&value(&record).unwrap().unwrap()), written);
        let record = group();
        assert_eq!(hex(&key(&record).unwrap()), "000200026731");
        assert!(hex(&value(&record).unwrap().unwrap()).starts_with("00030008636f6e73756d657200000001000572616e6765"));
    }

    #[test]
    fn what_is_written_is_read() {
        let mut records = vec![offset(None, "note"), offset(Some(Timestamp(5)), "note"), group()];
        records.extend(tombstones());
        let (bytes, count) = batch(&records, NOW, 10_000);
        assert_eq!(count, records.len());
        assert_eq!(read_all(&bytes), Ok(records));
    }

    #[test]
    fn a_batch_takes_what_fits() {
        let records = [group(), offset(None, ""), offset(None, &"x".repeat(500))];
        let (whole, _) = batch(&records, NOW, 10_000);
        let (bytes, count) = batch(&records, NOW, whole.len());
        assert_eq!((bytes.len(), count), (whole.len(), 3));
        let (bytes, count) = batch(&records, NOW, whole.len() - 1);
        assert_eq!((read_all(&bytes), count), (Ok(records[..2].to_vec()), 2));
        let (bytes, count) = batch(&records, NOW, 70);
        assert_eq!((bytes.len(), count), (0, 0));
    }

    #[test]
    fn what_a_version_cannot_hold_fits_nowhere() {
        let long = "x".repeat(40_000);
        assert_eq!(batch(&[offset(None, &long)], NOW, 1 << 20).1, 0);
        assert_eq!(batch(&[offset(Some(NOW), &long)], NOW, 1 << 20).1, 0);
        assert_eq!(batch(&[Record::Group { group: long.into(), value: None }], NOW, 1 << 20).1, 0);
    }

    #[test]
    fn old_records_are_read_and_those_of_other_kinds_passed_over() {
        // Key type 0 and value version 0, of Kafka 0.8: offset, metadata, timestamp.
        let key = b"\0\0\0\x01g\0\x01t\0\0\0\x04";
        let value = b"\0\0\0\0\0\0\0\0\0\x09\0\x01m\0\0\0\0\0\0\0\x05";
        let record = decode(key, Some(value)).unwrap().unwrap();
        let Record::Offset { partition: PartitionIndex(4), value: Some(offset), .. } = record else {
            panic!("{record:?}")
        };
        assert_eq!((offset.offset, offset.leader_epoch), (Offset(9), LeaderEpoch(-1)));
        assert_eq!((offset.expire_timestamp, offset.topic_id), (None, TopicId::ZERO));
        // A group of version 0 has neither rebalance timeouts nor a timestamp.
        let value = b"\0\0\0\x01c\0\0\0\x02\0\x01r\0\x01m\0\0\0\x01\0\x01m\0\x01c\0\x01h\0\0\0\x07\0\0\0\0\0\0\0\0";
        let record = decode(b"\0\x02\0\x01g", Some(value)).unwrap().unwrap();
        let Record::Group { value: Some(group), .. } = record else { panic!("{record:?}") };
        assert_eq!((group.members[0].rebalance_timeout_ms, group.current_state_timestamp), (7, Timestamp(-1)));
        // A consumer group of the newer protocol.
        assert_eq!(decode(b"\0\x03\0\x01g", Some(b"whatever")), Ok(None));
    }

    #[test]
    fn what_is_none_of_kafkas_is_an_error() {
        assert!(decode(b"", None).is_err());
        assert!(decode(b"\0\x02\0\x05g", None).is_err(), "the key is cut");
        assert!(decode(b"\0\x02\0\x01gg", None).is_err(), "the key has more");
        assert!(decode(b"\0\x02\0\x01g", Some(b"\0\x09")).is_err(), "a version to come");
        let whole = value(&group()).flatten().unwrap();
        for length in 0..whole.len() {
            assert!(decode(b"\0\x02\0\x01g", Some(&whole[..length])).is_err(), "cut at {length}");
        }
        assert!(matches!(read_all(b"no batch"), Err(RecordError::Batches(_))));
        let mut builder = BatchBuilder::new(BatchOptions { is_transactional: true, ..BatchOptions::default() });
        builder.try_append(0, Some(b"\0\x02\0\x01g"), None, [].into_iter()).unwrap();
        assert!(matches!(read_all(&builder.build()), Err(RecordError::Transactional { .. })));
    }
}
