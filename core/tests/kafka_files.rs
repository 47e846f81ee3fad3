//! The codecs against files that Apache Kafka wrote (`data/kafka-4.3.1`): what is decoded is what Kafka meant, and encodes
//! to the same bytes. And against the same files damaged.

use grete_core::ids::{LeaderEpoch, NodeId, Offset, PartitionIndex, ProducerEpoch, ProducerId, Timestamp};
use grete_core::log::files::leader_epoch_checkpoint::EpochEntry;
use grete_core::log::files::offset_index::OffsetIndex;
use grete_core::log::files::partition_dir::PartitionDir;
use grete_core::log::files::producer_snapshot::ProducerEntry;
use grete_core::log::files::quorum_state::{QuorumState, Version};
use grete_core::log::files::segment_name::{SegmentFile, SegmentName, Stage};
use grete_core::log::files::snapshot_name::SnapshotName;
use grete_core::log::files::time_index::TimeIndex;
use grete_core::log::files::txn_index::TxnIndex;
use grete_core::log::files::{
    clean_shutdown, leader_epoch_checkpoint, meta_properties, offset_checkpoint, partition_metadata, producer_snapshot,
    quorum_state,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/kafka-4.3.1")
}

fn read(path: &str) -> Vec<u8> {
    std::fs::read(data().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All files below the data directory, by their path there, except for what a human or git put there.
fn files() -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut dirs = vec![data()];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else if path.extension().is_none_or(|extension| extension != "java") {
                let name = path.strip_prefix(data()).unwrap().to_str().unwrap().to_string();
                found.push((name, std::fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// The kind of a file, and its content decoded and encoded again: `None` if it does not decode.
fn again(path: &str, bytes: &[u8]) -> (&'static str, Option<Vec<u8>>) {
    let name = path.rsplit('/').next().unwrap();
    if let Some(segment) = SegmentName::parse(name) {
        assert_eq!(segment.format(), name);
        let base = segment.base_offset;
        return match segment.file {
            SegmentFile::Log => ("log", Some(bytes.to_vec())),
            SegmentFile::OffsetIndex => {
                let index = OffsetIndex::decode(bytes, base).ok();
                let encode =
                    |index: OffsetIndex<'_>| index.iter().flat_map(|entry| entry.encode(base).unwrap()).collect();
                ("offset index", index.map(encode))
            }
            SegmentFile::TimeIndex => {
                let index = TimeIndex::decode(bytes, base).ok();
                let encode =
                    |index: TimeIndex<'_>| index.iter().flat_map(|entry| entry.encode(base).unwrap()).collect();
                ("time index", index.map(encode))
            }
            SegmentFile::TxnIndex => {
                let index = TxnIndex::decode(bytes, base).ok();
                ("txn index", index.map(|index| index.iter().flat_map(|txn| txn.encode()).collect()))
            }
            SegmentFile::ProducerSnapshot => {
                let entries = producer_snapshot::decode(bytes).ok();
                ("producer snapshot", entries.map(|entries| producer_snapshot::encode(entries.into_iter())))
            }
        };
    }
    if let Some(snapshot) = SnapshotName::parse(name) {
        assert_eq!(snapshot.format(), name);
        return ("metadata snapshot", Some(bytes.to_vec()));
    }
    match name {
        meta_properties::NAME => {
            let meta = meta_properties::MetaProperties::decode(bytes).ok();
            ("meta.properties", meta.map(|meta| meta.encode().into_bytes()))
        }
        quorum_state::NAME => {
            ("quorum state", QuorumState::decode(bytes).ok().map(|state| state.encode().into_bytes()))
        }
        clean_shutdown::NAME => {
            let epoch = clean_shutdown::decode(bytes).ok().and_then(|shutdown| shutdown.broker_epoch);
            ("clean shutdown", epoch.map(|epoch| clean_shutdown::encode(epoch).into_bytes()))
        }
        partition_metadata::NAME => {
            let topic = partition_metadata::decode(bytes).ok();
            ("partition metadata", topic.map(|topic| partition_metadata::encode(topic).into_bytes()))
        }
        leader_epoch_checkpoint::NAME => {
            let entries = leader_epoch_checkpoint::decode(bytes).ok();
            ("leader epochs", entries.map(|entries| leader_epoch_checkpoint::encode(&entries).into_bytes()))
        }
        offset_checkpoint::RECOVERY_POINT
        | offset_checkpoint::REPLICATION
        | offset_checkpoint::LOG_START
        | offset_checkpoint::CLEANER => {
            let entries = offset_checkpoint::decode(bytes).ok();
            ("offset checkpoint", entries.map(|entries| offset_checkpoint::encode(entries.into_iter()).into_bytes()))
        }
        _ => panic!("{path} is no file of a log directory"),
    }
}

#[test]
fn every_file_decodes_and_encodes_to_the_same_bytes() {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for (path, bytes) in files() {
        let (kind, encoded) = again(&path, &bytes);
        assert_eq!(encoded.as_ref(), Some(&bytes), "{path}");
        *kinds.entry(kind).or_default() += 1;
        if let Some((dir, _)) = path.split_once('/').filter(|(dir, _)| *dir != "voters-in-log") {
            assert_eq!(PartitionDir::parse(dir).unwrap().format(), dir);
        }
    }
    let known: Vec<&str> = kinds.into_keys().collect();
    assert_eq!(
        known,
        [
            "clean shutdown",
            "leader epochs",
            "log",
            "meta.properties",
            "metadata snapshot",
            "offset checkpoint",
            "offset index",
            "partition metadata",
            "producer snapshot",
            "quorum state",
            "time index",
            "txn index",
        ]
    );
}

#[test]
fn damaged_files_never_panic_and_what_still_decodes_encodes() {
    for (path, bytes) in files() {
        let (kind, _) = again(&path, &bytes);
        for length in 0..bytes.len().min(2048) {
            let (_, encoded) = again(&path, &bytes[..length]);
            // What has a count or a checksum does not decode when it is cut.
            if kind == "producer snapshot" || (kind == "offset checkpoint" && length > 2 && bytes.len() > 4) {
                let line_end_alone_is_missing = length + 1 == bytes.len() && kind == "offset checkpoint";
                assert!(
                    encoded.is_none() || line_end_alone_is_missing || cut_digits(&bytes, length),
                    "{path} {length}"
                );
            }
        }
        for position in 0..bytes.len().min(2048) {
            for flip in [0x01, 0x10, 0x80, 0xff] {
                let mut damaged = bytes.clone();
                damaged[position] ^= flip;
                let (_, encoded) = again(&path, &damaged);
                if kind == "producer snapshot" {
                    assert_eq!(encoded, None, "{path} {position}");
                }
            }
        }
    }
}

/// Whether the bytes are cut within the digits of the last line, which nobody can notice.
fn cut_digits(bytes: &[u8], length: usize) -> bool {
    bytes[..length].last().is_some_and(u8::is_ascii_digit) && !bytes[length..bytes.len() - 1].contains(&b'\n')
}

#[test]
fn producers_and_their_open_transactions() {
    let name = SegmentName::live(Offset(60), SegmentFile::ProducerSnapshot).format();
    let entries = producer_snapshot::decode(&read(&format!("fixture-0/{name}"))).unwrap();
    let idle = |producer, last_offset, timestamp| ProducerEntry {
        producer: ProducerId(producer),
        epoch: ProducerEpoch(0),
        last_sequence: 6,
        last_offset: Offset(last_offset),
        offset_delta: 0,
        timestamp: Timestamp(timestamp),
        coordinator_epoch: -1,
        current_txn_first_offset: None,
    };
    let open = |producer, last_offset, timestamp, coordinator_epoch| ProducerEntry {
        epoch: ProducerEpoch(6),
        last_sequence: 1,
        coordinator_epoch,
        current_txn_first_offset: Some(Offset(last_offset - 1)),
        ..idle(producer, last_offset, timestamp)
    };
    // As kafka-dump-log shows them.
    let expected = [
        open(0, 22, 1_795_510_690_146, 0),
        idle(1, 29, 1_795_510_690_203),
        open(1000, 52, 1_795_510_725_924, 2),
        idle(1001, 59, 1_795_510_726_004),
    ];
    assert_eq!(entries, expected);
}

#[test]
fn aborted_transactions() {
    let bytes = read("fixture-0/00000000000000000000.txnindex");
    let index = TxnIndex::decode(&bytes, Offset(0)).unwrap();
    let all: Vec<_> =
        index.iter().map(|t| (t.producer.0, t.first_offset.0, t.last_offset.0, t.last_stable_offset.0)).collect();
    let expected =
        [(0, 4, 6, 7), (0, 11, 13, 14), (0, 18, 20, 21), (1000, 34, 36, 21), (1000, 41, 43, 21), (1000, 48, 50, 21)];
    assert_eq!(all, expected);
    let first_offsets =
        |from, to| -> Vec<i64> { index.overlapping(Offset(from), Offset(to)).map(|txn| txn.first_offset.0).collect() };
    assert_eq!(first_offsets(0, 12), [4, 11]);
    assert_eq!(first_offsets(14, 21), [18]);
    assert_eq!(first_offsets(37, 60), [41, 48]);
}

#[test]
fn indexes() {
    let offsets = read("fixture-2/00000000000000000104.index");
    let index = OffsetIndex::decode(&offsets, Offset(104)).unwrap();
    // One batch of one record of 10000 bytes for each entry.
    assert_eq!(index.iter().len(), 103);
    let entry = index.lookup(Offset(150)).unwrap();
    assert_eq!((entry.offset, entry.position.0), (Offset(150), 46 * 10_077));
    let times = read("fixture-2/00000000000000000104.timeindex");
    let index = TimeIndex::decode(&times, Offset(104)).unwrap();
    let last = index.last().unwrap();
    assert_eq!(index.lookup(last.timestamp), Some(last));
    assert_eq!(last.offset, Offset(207));
    // A live index is preallocated: it is closed by cutting its zeros.
    let mut preallocated = offsets.clone();
    preallocated.resize(10 * 1024 * 1024, 0);
    assert!(OffsetIndex::decode(&preallocated, Offset(104)).is_err());
    assert_eq!(grete_core::log::files::offset_index::used_bytes(&preallocated), offsets.len());
}

#[test]
fn the_directory_itself() {
    let meta = meta_properties::MetaProperties::decode(&read("meta.properties")).unwrap();
    assert_eq!((meta.cluster_id.as_str(), meta.node_id), ("oTKmNSkTQUqR5jQDphgtNQ", NodeId(0)));
    assert_eq!(meta.directory_id.unwrap().to_string(), "JvJqaCAfpdslRSKOgRZHdw");
    let shutdown = clean_shutdown::decode(&read(".kafka_cleanshutdown")).unwrap();
    assert_eq!(shutdown.broker_epoch, Some(205));

    let state = QuorumState::decode(&read("__cluster_metadata-0/quorum-state")).unwrap();
    assert_eq!((state.leader, state.leader_epoch, state.voted), (Some(NodeId(0)), LeaderEpoch(2), None));
    assert!(matches!(state.version, Version::V0 { voters: Some(voters), .. } if voters == [NodeId(0)]));
    let state = QuorumState::decode(&read("voters-in-log/quorum-state")).unwrap();
    assert_eq!((state.leader, state.leader_epoch, state.version), (Some(NodeId(0)), LeaderEpoch(1), Version::V1));

    let ends = read(offset_checkpoint::REPLICATION);
    let ends = offset_checkpoint::decode(&ends).unwrap();
    let end = |topic: &str, partition| {
        let entry = ends.iter().find(|e| e.topic == topic && e.partition == PartitionIndex(partition));
        entry.unwrap().offset
    };
    assert_eq!([end("fixture", 0), end("fixture", 1), end("fixture", 2)], [Offset(60), Offset(18), Offset(480)]);
    let cleaned = read(offset_checkpoint::CLEANER);
    assert_eq!(offset_checkpoint::decode(&cleaned).unwrap()[0].offset, Offset(100));
}

#[test]
fn epochs_and_leftovers_of_compaction() {
    let epochs = leader_epoch_checkpoint::decode(&read("fixture-2/leader-epoch-checkpoint")).unwrap();
    let entry = |epoch, start| EpochEntry { epoch: LeaderEpoch(epoch), start_offset: Offset(start) };
    assert_eq!(epochs, [entry(0, 0), entry(2, 240)]);
    let deleted = files().into_iter().filter_map(|(path, _)| SegmentName::parse(path.rsplit('/').next()?));
    assert!(deleted.filter(|name| name.stage == Stage::Deleted && name.file == SegmentFile::Log).count() > 0);
}
