//! The records that a quorum itself writes, and how metadata records stand in batches.

use crate::ids::Timestamp;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;
use grete_protocol::messages::MetadataRecord;
use grete_protocol::messages::kraft_version_record::KRaftVersionRecord;
use grete_protocol::messages::leader_change_message::{LeaderChangeMessage, Voter as LeaderVoter};
use grete_protocol::messages::metadata::begin_transaction_record::BeginTransactionRecord;
use grete_protocol::messages::metadata::config_record::ConfigRecord;
use grete_protocol::messages::metadata::end_transaction_record::EndTransactionRecord;
use grete_protocol::messages::metadata::feature_level_record::FeatureLevelRecord;
use grete_protocol::messages::snapshot_footer_record::SnapshotFooterRecord;
use grete_protocol::messages::snapshot_header_record::SnapshotHeaderRecord;
use grete_protocol::messages::voters_record::{Endpoint, KRaftVersionFeature, Voter, VotersRecord};
use grete_protocol::record_frame::{decode_metadata_record, encode_metadata_record};
use grete_protocol::records::{BatchBuilder, BatchOptions, BatchView, ControlRecordType, RecordReader, control_batch};
use grete_protocol::wire::{BrokerId, Encoder, Message, Uuid};

/// What a log of metadata records may inflate to, in a batch.
const INFLATED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// One batch of metadata records. The log gives it its offsets.
#[must_use]
pub fn metadata_batch(records: &[(i16, MetadataRecord<'_>)], epoch: i32, now: Timestamp) -> Bytes {
    let (batch, taken) = batch_at(0, records, epoch, now, usize::MAX);
    assert_eq!(taken, records.len(), "a decision is one batch");
    batch
}

/// A batch of the first of these records, from `base_offset` on: of those that fit into `bytes_max`, and of at least one.
/// Gives their number, too.
pub(super) fn batch_at(
    base_offset: i64,
    records: &[(i16, MetadataRecord<'_>)],
    epoch: i32,
    now: Timestamp,
    bytes_max: usize,
) -> (Bytes, usize) {
    let mut builder = BatchBuilder::new(options_at(base_offset, epoch));
    let mut taken = 0;
    for (version, record) in records {
        let mut encoder = Encoder::new();
        encode_metadata_record(&mut encoder, record, *version).expect("the controller writes what its version can say");
        let value = encoder.finish().to_contiguous();
        if taken > 0 && builder.size_bytes() + value.len() > bytes_max {
            break;
        }
        builder
            .try_append(now.0, None, Some(&value), core::iter::empty())
            .expect("what one decision says fits into a batch");
        taken += 1;
    }
    (builder.build(), taken)
}

fn options_at(base_offset: i64, epoch: i32) -> BatchOptions {
    BatchOptions { base_offset, partition_leader_epoch: epoch, ..BatchOptions::default() }
}

/// Hands each metadata record of a batch to `take`, with its offset. Control records are passed over.
///
/// # Errors
/// What is wrong with the batch, in a sentence.
pub fn read_metadata_batch(
    bytes: &[u8],
    mut take: impl FnMut(i64, &MetadataRecord<'_>) -> Result<(), String>,
) -> Result<(), String> {
    let batch = BatchView::parse(bytes).map_err(|error| error.to_string())?;
    if batch.header().attributes.is_control() {
        return Ok(());
    }
    let base = batch.header().base_offset;
    let mut reader = RecordReader::new(&batch, INFLATED_BYTES_MAX).map_err(|error| error.to_string())?;
    while let Some(record) = reader.next().map_err(|error| error.to_string())? {
        let offset = base + i64::from(record.offset_delta);
        let value = record.value.ok_or("a metadata record has no value")?;
        let (record, _) = decode_metadata_record(value).map_err(|error| error.to_string())?;
        take(offset, &record)?;
    }
    Ok(())
}

/// The first records of a new cluster: its features, in one metadata transaction (KIP-868), as Kafka's controller writes
/// them.
#[must_use]
pub fn bootstrap_records() -> Vec<MetadataRecord<'static>> {
    let feature = |name: &'static str, level: i16| {
        let record = FeatureLevelRecord { name: name.into(), feature_level: level, ..Default::default() };
        MetadataRecord::FeatureLevel(record)
    };
    // KIP-966: with eligible leader replicas the minimum is the cluster's to say.
    let minimum = ConfigRecord {
        resource_type: 4,
        resource_name: "".into(),
        name: "min.insync.replicas".into(),
        value: Some("1".into()),
        ..Default::default()
    };
    let begin = BeginTransactionRecord { name: Some("Bootstrap records".into()), ..Default::default() };
    vec![
        MetadataRecord::BeginTransaction(begin),
        feature("metadata.version", 30),
        feature("eligible.leader.replicas.version", 1),
        MetadataRecord::Config(minimum),
        MetadataRecord::EndTransaction(EndTransactionRecord::default()),
    ]
}

/// The control batch that begins a leader's epoch. The first one of a cluster (`is_first`) brings the voters of
/// `0-0.checkpoint` into the log, as Kafka's leader does.
#[must_use]
pub fn leader_change(voter: &VoterSelf, epoch: i32, is_first: bool, now: Timestamp) -> Bytes {
    // Kafka reads this record in version 0, whatever the version of the quorum is: without directories.
    let leader_voter = || vec![LeaderVoter { voter_id: voter.node, ..Default::default() }];
    let message = LeaderChangeMessage {
        leader_id: BrokerId(voter.node),
        voters: leader_voter(),
        granting_voters: leader_voter(),
        ..Default::default()
    };
    let (message, version, voters) = (encode(&message, 0), encode(&kraft_version(), 0), encode(&voters(voter), 0));
    let records: [(ControlRecordType, &[u8]); 3] = [
        (ControlRecordType::LeaderChange, &message),
        (ControlRecordType::KRaftVersion, &version),
        (ControlRecordType::KRaftVoters, &voters),
    ];
    let count = if is_first { records.len() } else { 1 };
    control_batch(options_at(0, epoch), now.0, &records[..count])
}

/// The one voter of the quorum: this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoterSelf {
    /// `node.id`.
    pub node: i32,
    /// The id of the directory that holds the metadata.
    pub directory: Uuid,
    /// Where its controller is reached: listener, host and port.
    pub endpoint: (String, String, u16),
}

fn kraft_version() -> KRaftVersionRecord {
    KRaftVersionRecord { kraft_version: 1, ..Default::default() }
}

fn voters(voter: &VoterSelf) -> VotersRecord<'_> {
    let (name, host, port) = &voter.endpoint;
    let endpoint =
        Endpoint { name: name.as_str().into(), host: host.as_str().into(), port: *port, ..Default::default() };
    let supported = KRaftVersionFeature { min_supported_version: 0, max_supported_version: 1, ..Default::default() };
    let voter = Voter {
        voter_id: BrokerId(voter.node),
        voter_directory_id: voter.directory,
        endpoints: vec![endpoint],
        kraft_version_feature: supported,
        ..Default::default()
    };
    VotersRecord { voters: vec![voter], ..Default::default() }
}

/// The snapshot that a new quorum begins with: `0-0.checkpoint` names its one voter.
#[must_use]
pub(super) fn first_snapshot(voter: &VoterSelf, now: Timestamp) -> Bytes {
    let (head, records) = snapshot_head(voter, 0, now);
    [head, snapshot_foot(records, 0, now)].concat().into()
}

/// The batch that a snapshot begins with, and the number of its records.
pub(super) fn snapshot_head(voter: &VoterSelf, epoch: i32, now: Timestamp) -> (Bytes, i64) {
    let header = SnapshotHeaderRecord { last_contained_log_timestamp: now.0, ..Default::default() };
    let (header, version, voters) = (encode(&header, 0), encode(&kraft_version(), 0), encode(&voters(voter), 0));
    let records: [(ControlRecordType, &[u8]); 3] = [
        (ControlRecordType::SnapshotHeader, &header),
        (ControlRecordType::KRaftVersion, &version),
        (ControlRecordType::KRaftVoters, &voters),
    ];
    (control_batch(options_at(0, epoch), now.0, &records), records.len() as i64)
}

/// The batch that a snapshot of so many records ends with.
pub(super) fn snapshot_foot(records: i64, epoch: i32, now: Timestamp) -> Bytes {
    let footer = encode(&SnapshotFooterRecord::default(), 0);
    control_batch(options_at(records, epoch), now.0, &[(ControlRecordType::SnapshotFooter, &footer)])
}

fn encode<'m>(message: &impl Message<'m>, version: i16) -> Vec<u8> {
    let mut encoder = Encoder::new();
    message.encode(&mut encoder, version).expect("a record of ours fits its version");
    encoder.finish().to_contiguous()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records_of(batch: &[u8]) -> Vec<(ControlRecordType, Vec<u8>)> {
        let batch = BatchView::parse(batch).unwrap();
        batch.check_crc().unwrap();
        assert!(batch.header().attributes.is_control());
        let records = batch.records().unwrap().map(Result::unwrap);
        let of = |key: Option<&[u8]>| ControlRecordType::from_key(key.unwrap()).unwrap();
        records.map(|record| (of(record.key), record.value.unwrap().to_vec())).collect()
    }

    /// What Kafka 4.3.1 writes after `storage format --standalone`, but for the directory's id.
    #[test]
    fn an_epoch_begins_as_kafkas_do() {
        let voter =
            VoterSelf { node: 1, directory: Uuid([7; 16]), endpoint: ("CONTROLLER".into(), "127.0.0.1".into(), 9193) };
        let change = [0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 1, 0, 2, 0, 0, 0, 1, 0, 0];
        let mut voters = vec![0, 0, 2, 0, 0, 0, 1];
        voters.extend([7; 16]);
        voters.extend(*b"\x02\x0bCONTROLLER\x0a127.0.0.1\x23\xe9\0\0\0\0\x01\0\0\0");
        let later = records_of(&leader_change(&voter, 5, false, Timestamp(9)));
        assert_eq!(later, [(ControlRecordType::LeaderChange, change.to_vec())]);
        let first = records_of(&leader_change(&voter, 1, true, Timestamp(9)));
        assert_eq!(first[0], later[0]);
        assert_eq!(first[1], (ControlRecordType::KRaftVersion, vec![0, 0, 0, 1, 0]));
        assert_eq!(first[2], (ControlRecordType::KRaftVoters, voters));
    }
}
