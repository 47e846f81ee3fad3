//! Snapshots say all that an image says, and are read again whatever became of the newest of them.

use grete_core::effect::{Effect, Effects, IoOp};
use grete_core::event::{FoundDir, FoundEntry, IoError, IoErrorKind, IoOutput};
use grete_core::ids::{FileName, LeaderEpoch, LogDirIndex, Offset, Timestamp};
use grete_core::log::LogConfig;
use grete_core::log::files::snapshot_name::SnapshotId;
use grete_core::metadata::{Fold, MetadataImage, SnapshotCursor, record_version};
use grete_core::quorum::{SnapshotOutcome, Snapshots, Snapshotted, VoterSelf};
use grete_protocol::messages::MetadataRecord;
use grete_protocol::messages::metadata::abort_transaction_record::AbortTransactionRecord;
use grete_protocol::messages::metadata::access_control_entry_record::AccessControlEntryRecord;
use grete_protocol::messages::metadata::begin_transaction_record::BeginTransactionRecord;
use grete_protocol::messages::metadata::broker_registration_change_record::BrokerRegistrationChangeRecord;
use grete_protocol::messages::metadata::clear_elr_record::ClearElrRecord;
use grete_protocol::messages::metadata::client_quota_record::{ClientQuotaRecord, EntityData};
use grete_protocol::messages::metadata::config_record::ConfigRecord;
use grete_protocol::messages::metadata::end_transaction_record::EndTransactionRecord;
use grete_protocol::messages::metadata::feature_level_record::FeatureLevelRecord;
use grete_protocol::messages::metadata::partition_change_record::PartitionChangeRecord;
use grete_protocol::messages::metadata::partition_record::PartitionRecord;
use grete_protocol::messages::metadata::producer_ids_record::ProducerIdsRecord;
use grete_protocol::messages::metadata::register_broker_record::RegisterBrokerRecord;
use grete_protocol::messages::metadata::register_controller_record::RegisterControllerRecord;
use grete_protocol::messages::metadata::remove_access_control_entry_record::RemoveAccessControlEntryRecord;
use grete_protocol::messages::metadata::remove_topic_record::RemoveTopicRecord;
use grete_protocol::messages::metadata::topic_record::TopicRecord;
use grete_protocol::messages::metadata::unregister_broker_record::UnregisterBrokerRecord;
use grete_protocol::messages::metadata::user_scram_credential_record::UserScramCredentialRecord;
use grete_protocol::wire::{BrokerId, Decoder, Encoder, TopicName, Uuid};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

fn empty() -> MetadataImage {
    MetadataImage::new("cluster", Arc::new(LogConfig::default()))
}

/// A thing that may happen to a cluster: what is drawn is made legal by the image that it happens to.
#[derive(Clone, Debug)]
enum Happening {
    Topic(u8, u8),
    RemoveTopic(u8),
    Change { topic: u8, partition: u8, leader: Option<i8>, isr: Option<Vec<u8>>, elr: Option<Vec<u8>> },
    Config { kind: u8, name: u8, key: u8, value: Option<u8> },
    Feature(u8, u8),
    Broker(u8, Vec<u8>),
    ChangeBroker(u8, i8, bool, Option<Vec<u8>>),
    Unregister(u8),
    ProducerIds(u8),
    Quota(u8, Option<u8>, bool),
    Entry(u8, bool),
    Credential(u8),
    Controller(u8),
    ClearElr(u8),
}

fn happening() -> impl Strategy<Value = Happening> {
    let ids = || proptest::collection::vec(0..4_u8, 0..3);
    prop_oneof![
        4 => (0..6_u8, 1..4_u8).prop_map(|(topic, partitions)| Happening::Topic(topic, partitions)),
        1 => (0..6_u8).prop_map(Happening::RemoveTopic),
        4 => (0..6_u8, 0..4_u8, proptest::option::of(-1..4_i8), proptest::option::of(ids()), proptest::option::of(ids()))
            .prop_map(|(topic, partition, leader, isr, elr)| Happening::Change { topic, partition, leader, isr, elr }),
        4 => (0..5_u8, 0..6_u8, 0..4_u8, proptest::option::of(0..9_u8))
            .prop_map(|(kind, name, key, value)| Happening::Config { kind, name, key, value }),
        1 => (0..3_u8, 0..3_u8).prop_map(|(feature, level)| Happening::Feature(feature, level)),
        2 => (0..4_u8, ids()).prop_map(|(broker, dirs)| Happening::Broker(broker, dirs)),
        2 => (0..4_u8, -1..2_i8, any::<bool>(), proptest::option::of(ids()))
            .prop_map(|(broker, fenced, stopping, cordoned)| Happening::ChangeBroker(broker, fenced, stopping, cordoned)),
        1 => (0..4_u8).prop_map(Happening::Unregister),
        1 => any::<u8>().prop_map(Happening::ProducerIds),
        1 => (0..3_u8, proptest::option::of(0..3_u8), any::<bool>()).prop_map(|(t, n, r)| Happening::Quota(t, n, r)),
        1 => (0..4_u8, any::<bool>()).prop_map(|(id, remove)| Happening::Entry(id, remove)),
        1 => (0..3_u8).prop_map(Happening::Credential),
        1 => (0..3_u8).prop_map(Happening::Controller),
        1 => (0..7_u8).prop_map(Happening::ClearElr),
    ]
}

fn id(number: u8) -> Uuid {
    Uuid([number + 1; 16])
}

fn nodes(ids: &[u8]) -> Vec<BrokerId> {
    ids.iter().map(|id| BrokerId(i32::from(*id))).collect()
}

/// The records of what happens, as far as it is legal.
fn records(image: &MetadataImage, happening: &Happening) -> Vec<MetadataRecord<'static>> {
    use MetadataRecord as R;
    let topic_of = |number: u8| image.topic_by_name(&format!("topic-{number}"));
    let broker = |number: u8| image.brokers.contains_key(&grete_core::ids::NodeId(i32::from(number)));
    match happening {
        Happening::Topic(number, partitions) => {
            if topic_of(*number).is_some() {
                return Vec::new();
            }
            let name = TopicName::from(format!("topic-{number}"));
            let topic = R::Topic(TopicRecord { name, topic_id: id(*number), ..Default::default() });
            let partition = |index: u8| {
                R::Partition(PartitionRecord {
                    partition_id: i32::from(index),
                    topic_id: id(*number),
                    replicas: nodes(&[0, 1, 2]),
                    isr: vec![0, 2],
                    leader: BrokerId(2),
                    directories: vec![id(40), id(41), id(42)],
                    ..Default::default()
                })
            };
            std::iter::once(topic).chain((0..*partitions).map(partition)).collect()
        }
        Happening::RemoveTopic(number) => match topic_of(*number) {
            Some(_) => vec![R::RemoveTopic(RemoveTopicRecord { topic_id: id(*number), ..Default::default() })],
            None => Vec::new(),
        },
        Happening::Change { topic, partition, leader, isr, elr } => {
            let there = topic_of(*topic).is_some_and(|found| {
                found.partitions.contains_key(&grete_core::ids::PartitionIndex(i32::from(*partition)))
            });
            if !there {
                return Vec::new();
            }
            vec![R::PartitionChange(PartitionChangeRecord {
                partition_id: i32::from(*partition),
                topic_id: id(*topic),
                isr: isr.as_deref().map(nodes),
                leader: BrokerId(leader.map_or(-2, i32::from)),
                eligible_leader_replicas: elr.as_deref().map(nodes),
                last_known_elr: elr.as_deref().map(nodes),
                ..Default::default()
            })]
        }
        Happening::Config { kind, name, key, value } => {
            let name = match kind {
                0 if topic_of(*name).is_none() => return Vec::new(),
                0 => format!("topic-{name}"),
                1 => String::new(),
                _ => format!("{name}"),
            };
            let key = ["retention.ms", "segment.ms", "flush.ms", "of.a.later.version"][usize::from(*key)];
            vec![R::Config(ConfigRecord {
                resource_type: [2, 4, 4, 16, 32][usize::from(*kind)],
                resource_name: name.into(),
                name: key.into(),
                value: value.map(|value| (i32::from(value) + 1).to_string().into()),
                ..Default::default()
            })]
        }
        Happening::Feature(feature, level) => {
            let name = ["metadata.version", "eligible.leader.replicas.version", "group.version"][usize::from(*feature)];
            let feature_level = i16::from(*level);
            vec![R::FeatureLevel(FeatureLevelRecord { name: name.into(), feature_level, ..Default::default() })]
        }
        Happening::Broker(number, dirs) => vec![R::RegisterBroker(RegisterBrokerRecord {
            broker_id: BrokerId(i32::from(*number)),
            incarnation_id: id(60 + number),
            broker_epoch: image.end.0,
            rack: (number % 2 == 0).then(|| "rack".into()),
            fenced: true,
            log_dirs: dirs.iter().map(|dir| id(70 + dir)).collect(),
            ..Default::default()
        })],
        Happening::ChangeBroker(number, fenced, stopping, cordoned) if broker(*number) => {
            vec![R::BrokerRegistrationChange(BrokerRegistrationChangeRecord {
                broker_id: BrokerId(i32::from(*number)),
                fenced: *fenced,
                in_controlled_shutdown: i8::from(*stopping),
                cordoned_log_dirs: cordoned.as_ref().map(|dirs| dirs.iter().map(|dir| id(70 + dir)).collect()),
                ..Default::default()
            })]
        }
        Happening::Unregister(number) if broker(*number) => {
            let broker_id = BrokerId(i32::from(*number));
            vec![R::UnregisterBroker(UnregisterBrokerRecord { broker_id, ..Default::default() })]
        }
        Happening::ChangeBroker(..) | Happening::Unregister(_) => Vec::new(),
        Happening::ProducerIds(blocks) => vec![R::ProducerIds(ProducerIdsRecord {
            next_producer_id: image.producer_id_next.0 + i64::from(*blocks) * 1000,
            ..Default::default()
        })],
        Happening::Quota(kind, name, remove) => vec![R::ClientQuota(ClientQuotaRecord {
            entity: vec![EntityData {
                entity_type: ["user", "client-id", "ip"][usize::from(*kind)].into(),
                entity_name: name.map(|name| name.to_string().into()),
                ..Default::default()
            }],
            key: "producer_byte_rate".into(),
            value: 1000.5,
            remove: *remove,
            ..Default::default()
        })],
        Happening::Entry(number, true) => {
            vec![R::RemoveAccessControlEntry(RemoveAccessControlEntryRecord { id: id(*number), ..Default::default() })]
        }
        Happening::Entry(number, false) => vec![R::AccessControlEntry(AccessControlEntryRecord {
            id: id(*number),
            resource_type: 2,
            resource_name: "orders".into(),
            principal: "User:me".into(),
            host: "*".into(),
            ..Default::default()
        })],
        Happening::Credential(name) => vec![R::UserScramCredential(UserScramCredentialRecord {
            name: name.to_string().into(),
            mechanism: 1,
            salt: vec![*name].into(),
            iterations: 4096,
            ..Default::default()
        })],
        Happening::Controller(number) => vec![R::RegisterController(RegisterControllerRecord {
            controller_id: i32::from(*number),
            incarnation_id: id(*number),
            ..Default::default()
        })],
        Happening::ClearElr(number) => {
            let topic_name = if *number == 6 { String::new() } else { format!("topic-{number}") };
            vec![R::ClearElr(ClearElrRecord { topic_name: TopicName::from(topic_name), ..Default::default() })]
        }
    }
}

/// The image after all that happens, each record as it comes back from its bytes.
fn image_of(happenings: &[Happening]) -> MetadataImage {
    let mut image = empty();
    for happening in happenings {
        for record in records(&image, happening) {
            let offset = image.end.0;
            through_bytes(&record, |record| image.replay(offset, record).unwrap());
            image.end = image.end.plus(1);
            image.check_invariants();
        }
    }
    image
}

fn through_bytes(record: &MetadataRecord<'_>, take: impl FnOnce(&MetadataRecord<'_>)) {
    let version = record_version(record);
    let mut encoder = Encoder::new();
    record.encode(&mut encoder, version).unwrap();
    let bytes = encoder.finish().to_contiguous();
    let mut decoder = Decoder::new(&bytes);
    take(&MetadataRecord::decode(record.key(), version, &mut decoder).unwrap().unwrap());
}

/// A snapshot does not say which record set a feature.
fn without_history(mut image: MetadataImage) -> MetadataImage {
    image.features.epoch = 0;
    image
}

proptest! {
    #[test]
    fn a_snapshot_replayed_is_the_image(happenings in proptest::collection::vec(happening(), 0..60), piece in 1_usize..20) {
        let image = image_of(&happenings);
        let mut again = empty();
        let mut cursor = Some(SnapshotCursor::START);
        let mut pieces = 0;
        while let Some(at) = cursor {
            let (records, next) = image.snapshot_records(&at, piece);
            prop_assert!(pieces == 0 || records.len() <= piece);
            for record in &records {
                through_bytes(record, |record| again.replay(0, record).unwrap());
            }
            (cursor, pieces) = (next, pieces + 1);
        }
        again.end = image.end;
        again.check_invariants();
        prop_assert_eq!(without_history(again), without_history(image));
    }

    #[test]
    fn a_file_says_what_the_image_says(happenings in proptest::collection::vec(happening(), 0..60)) {
        let mut image = image_of(&happenings);
        image.end = Offset(77);
        image.epoch = 5;
        let mut disk = Disk::default();
        let mut snapshots = disk.snapshots();
        disk.write(&mut snapshots, &image);
        let (id, read, notices) = disk.read();
        prop_assert_eq!(id, Some(SnapshotId { end_offset: Offset(77), epoch: LeaderEpoch(5) }));
        prop_assert_eq!(without_history(read), without_history(image));
        prop_assert_eq!(notices, 0);
    }
}

#[test]
fn a_transaction_counts_as_a_whole_or_not_at_all() {
    let begin = MetadataRecord::BeginTransaction(BeginTransactionRecord::default());
    let end = MetadataRecord::EndTransaction(EndTransactionRecord::default());
    let abort = MetadataRecord::AbortTransaction(AbortTransactionRecord::default());
    let topic = records(&empty(), &Happening::Topic(1, 2));
    let fold_of = |records: &[&MetadataRecord<'_>]| {
        let mut fold = Fold::new(empty());
        for (offset, record) in records.iter().enumerate() {
            fold.replay(offset as i64, record)?;
            fold.set_end(Offset(offset as i64 + 1));
        }
        let (image, is_open) = fold.finish();
        Ok::<_, grete_core::metadata::ReplayError>((image.topics.len(), image.end.0, is_open))
    };
    assert_eq!(fold_of(&[&begin, &topic[0], &topic[1], &end]).unwrap(), (1, 4, false));
    assert_eq!(fold_of(&[&begin, &topic[0], &topic[1], &abort]).unwrap(), (0, 4, false));
    assert_eq!(fold_of(&[&begin, &topic[0], &topic[1]]).unwrap(), (0, 3, true));
    assert_eq!(fold_of(&[&begin, &topic[0], &abort, &topic[0], &topic[1]]).unwrap(), (1, 5, false));
    assert!(fold_of(&[&begin, &begin]).is_err());
    assert!(fold_of(&[&end]).is_err());
    assert!(fold_of(&[&abort]).is_err());
}

/// The directory of the metadata, and nothing else.
#[derive(Clone, Default)]
struct Disk {
    files: BTreeMap<String, Vec<u8>>,
}

impl Disk {
    fn found(&self) -> FoundDir {
        let entry = |(path, bytes): (&String, &Vec<u8>)| FoundEntry {
            path: path.as_str().into(),
            length: Some(bytes.len() as u64),
        };
        FoundDir { dir: LogDirIndex(0), path: "/data".into(), entries: Ok(self.files.iter().map(entry).collect()) }
    }

    fn snapshots(&self) -> Snapshots {
        Snapshots::new(Some(&self.found()), 100)
    }

    fn carry_out(&mut self, op: IoOp) -> Result<IoOutput, IoError> {
        let missing = || IoError { kind: IoErrorKind::NotFound, message: "no such file".into() };
        let name = |file: &FileName| file.path.to_string();
        match op {
            IoOp::Create { file } => {
                assert!(self.files.insert(name(&file), Vec::new()).is_none(), "{file:?} is there already");
            }
            IoOp::Write { file, position, parts } => {
                let content = self.files.get_mut(&name(&file)).ok_or_else(missing)?;
                assert_eq!(content.len() as u64, position.0, "a snapshot is written in order");
                parts.iter().for_each(|part| content.extend_from_slice(part));
            }
            IoOp::Rename { from, to } => {
                let content = self.files.remove(&name(&from)).ok_or_else(missing)?;
                self.files.insert(name(&to), content);
            }
            IoOp::Remove { file } => drop(self.files.remove(&name(&file)).ok_or_else(missing)?),
            IoOp::Read { file, position, length } => {
                let content = self.files.get(&name(&file)).ok_or_else(missing)?;
                let from = content.len().min(position.0 as usize);
                let to = content.len().min(from + length as usize);
                return Ok(IoOutput::Read(content[from..to].to_vec().into()));
            }
            IoOp::Sync { .. } | IoOp::SyncDir { .. } => {}
            other => panic!("a snapshot has no use for {other:?}"),
        }
        Ok(IoOutput::Done)
    }

    /// Writes a snapshot, and does what else is to be done; gives what was complete.
    fn write(&mut self, snapshots: &mut Snapshots, image: &MetadataImage) -> Vec<Snapshotted> {
        snapshots.appended(100);
        let voter = VoterSelf { node: 1, directory: id(1), endpoint: ("CONTROLLER".into(), "localhost".into(), 9093) };
        snapshots.begin_if_due(Timestamp(5), &Arc::new(image.clone()), &voter);
        let mut complete = Vec::new();
        while let Some(op) = snapshots.next_op() {
            let result = self.carry_out(op);
            match snapshots.completed(result) {
                Snapshotted::Step => {}
                other => complete.push(other),
            }
        }
        complete
    }

    /// Reads what a node that starts reads; gives the number of notices, too.
    fn read(&mut self) -> (Option<SnapshotId>, MetadataImage, usize) {
        let mut reader = self.snapshots().reader(empty());
        let mut effects = Effects::new();
        let mut completed = None;
        loop {
            match reader.advance(completed.take(), &mut effects) {
                SnapshotOutcome::Ask(op) => completed = Some(self.carry_out(op)),
                SnapshotOutcome::Loaded(id, image, damaged) => {
                    let notices = effects.drain().filter(|effect| matches!(effect, Effect::Notice(_))).count();
                    assert_eq!(damaged.len(), notices, "each damaged snapshot is reported");
                    return (id, *image, notices);
                }
            }
        }
    }

    fn names(&self) -> Vec<&str> {
        self.files.keys().map(|path| path.strip_prefix("__cluster_metadata-0/").unwrap()).collect()
    }
}

fn image_at(end: i64, topics: u8) -> MetadataImage {
    let happenings: Vec<Happening> = (0..topics).map(|number| Happening::Topic(number, 3)).collect();
    let mut image = image_of(&happenings);
    image.end = Offset(end);
    image.epoch = 1;
    image
}

#[test]
fn two_snapshots_are_kept_and_the_log_may_start_at_the_older() {
    let mut disk = Disk::default();
    let mut snapshots = disk.snapshots();
    let id = |end| SnapshotId { end_offset: Offset(end), epoch: LeaderEpoch(1) };
    assert_eq!(disk.write(&mut snapshots, &image_at(10, 1)), [Snapshotted::Complete(id(10), Offset(10))]);
    assert_eq!(disk.write(&mut snapshots, &image_at(20, 2)), [Snapshotted::Complete(id(20), Offset(10))]);
    assert_eq!(disk.write(&mut snapshots, &image_at(30, 3)), [Snapshotted::Complete(id(30), Offset(20))]);
    let names = ["00000000000000000020-0000000001.checkpoint", "00000000000000000030-0000000001.checkpoint"];
    assert_eq!(disk.names(), names);
    // The same end is not written twice.
    assert_eq!(disk.write(&mut snapshots, &image_at(30, 3)), []);
    assert_eq!(disk.read().0, Some(id(30)));
}

#[test]
fn any_damage_is_seen_and_an_older_snapshot_taken() {
    let mut disk = Disk::default();
    let mut snapshots = disk.snapshots();
    disk.write(&mut snapshots, &image_at(10, 1));
    disk.write(&mut snapshots, &image_at(20, 2));
    let newest = disk.files.keys().next_back().unwrap().clone();
    let whole = disk.files[&newest].clone();
    let mut damaged: Vec<Vec<u8>> = (0..whole.len()).map(|length| whole[..length].to_vec()).collect();
    for at in 8..whole.len() {
        // The base offset of a batch and its leader epoch are outside its CRC, and nobody reads them here.
        let mut flipped = whole.clone();
        flipped[at] ^= 0x10;
        damaged.push(flipped);
    }
    damaged.push([&whole[..], &whole[..]].concat());
    let mut unseen = 0;
    for bytes in damaged {
        disk.files.insert(newest.clone(), bytes);
        let (id, image, notices) = disk.read();
        match notices {
            0 => {
                unseen += 1;
                assert_eq!(without_history(image), without_history(image_at(20, 2)));
            }
            _ => {
                assert_eq!(id.unwrap().end_offset, Offset(10));
                assert_eq!(without_history(image), without_history(image_at(10, 1)));
            }
        }
    }
    // Three batches, each with 8 bytes of base offset and 4 of leader epoch; the first base offset was left alone.
    assert_eq!(unseen, 3 * 12 - 8, "all other bytes count");
}

#[test]
fn what_a_crash_left_is_removed_before_a_snapshot_is_written() {
    let mut disk = Disk::default();
    for name in ["10-0000000001.checkpoint.tmp", "20-0000000001.checkpoint.part", "05-0000000001.checkpoint.deleted"] {
        disk.files.insert(format!("__cluster_metadata-0/000000000000000000{name}"), b"half".to_vec());
    }
    disk.files.insert("__cluster_metadata-0/quorum-state".into(), b"{}".to_vec());
    let mut snapshots = disk.snapshots();
    assert_eq!(disk.read().0, None, "none of them is a snapshot");
    disk.write(&mut snapshots, &image_at(10, 1));
    assert_eq!(disk.names(), ["00000000000000000010-0000000001.checkpoint", "quorum-state"]);
}

#[test]
fn a_full_disk_is_no_failure_and_the_snapshot_is_taken_later() {
    let mut disk = Disk::default();
    let mut snapshots = disk.snapshots();
    snapshots.appended(100);
    let voter = VoterSelf { node: 1, directory: id(1), endpoint: ("CONTROLLER".into(), "localhost".into(), 9093) };
    snapshots.begin_if_due(Timestamp(5), &Arc::new(image_at(10, 1)), &voter);
    disk.carry_out(snapshots.next_op().unwrap()).unwrap();
    assert_eq!(snapshots.next_op(), None, "one operation at a time");
    assert_eq!(snapshots.completed(Ok(IoOutput::Done)), Snapshotted::Step);
    snapshots.next_op().unwrap();
    let full = IoError { kind: IoErrorKind::NoSpace, message: "no space".into() };
    assert_eq!(snapshots.completed(Err(full)), Snapshotted::NoSpace);
    assert_eq!(disk.write(&mut snapshots, &image_at(20, 1)).len(), 1);
    assert_eq!(disk.names(), ["00000000000000000020-0000000001.checkpoint"]);
    let failed = IoError { kind: IoErrorKind::Failed, message: "gone".into() };
    snapshots.appended(100);
    snapshots.begin_if_due(Timestamp(5), &Arc::new(image_at(30, 1)), &voter);
    snapshots.next_op().unwrap();
    assert_eq!(snapshots.completed(Err(failed.clone())), Snapshotted::Failed(failed));
}
