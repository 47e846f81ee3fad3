//! Texts that people and files set keys with: properties files, values of keys, and the small files of a log directory.
#![no_main]

use grete::settings::Given;
use grete_core::config::Table;
use grete_core::ids::Offset;
use grete_core::log::epochs::LeaderEpochs;
use grete_core::log::files::leader_epoch_checkpoint;
use grete_core::log::files::meta_properties::MetaProperties;
use grete_core::log::files::offset_index::OffsetIndex;
use grete_core::log::files::partition_dir::PartitionDir;
use grete_core::log::files::properties::Properties;
use grete_core::log::files::quorum_state::QuorumState;
use grete_core::log::files::segment_name::SegmentName;
use grete_core::log::files::snapshot_name::SnapshotName;
use grete_core::log::files::time_index::TimeIndex;
use grete_core::log::files::txn_index::TxnIndex;
use grete_core::log::files::{clean_shutdown, offset_checkpoint, partition_metadata, producer_snapshot, topic_name};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((&what, bytes)) = input.split_first() else { return };
    if what >= 8 {
        return file(what, bytes);
    }
    if what < 4 {
        drop(Given::parse(bytes, "a test").and_then(|given| given.resolve()));
        return;
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if what < 6 { key(text) } else { names(text) }
});

/// A key's name and a value: what is taken is printed as Kafka prints it, and that is taken again.
fn key(text: &str) {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    for table in [Table::Broker, Table::Topic, Table::Group, Table::ClientMetrics] {
        if let Some(key) = table.find(name)
            && let Ok(printed) = key.parse(value)
        {
            assert_eq!(key.parse(&printed).as_ref(), Ok(&printed), "{name} is {value}");
        }
        assert!(table.nearest(name).is_none_or(|near| table.find(near).is_some()));
    }
}

fn names(text: &str) {
    assert!(SegmentName::parse(text).is_none_or(|name| name.format() == text));
    assert!(PartitionDir::parse(text).is_none_or(|dir| dir.format() == text));
    assert!(SnapshotName::parse(text).is_none_or(|name| SnapshotName::parse(&name.format()) == Some(name)));
    let _ = topic_name::validate(text);
}

/// What is read from a file is written so that it reads the same.
fn file(what: u8, bytes: &[u8]) {
    match what % 10 {
        0 => {
            if let Ok(properties) = Properties::decode(bytes) {
                let text = properties.encode();
                assert_eq!(Properties::decode(text.as_bytes()).expect("written by us").encode(), text);
            }
        }
        1 => {
            if let Ok(meta) = MetaProperties::decode(bytes) {
                let text = meta.encode();
                assert_eq!(MetaProperties::decode(text.as_bytes()).expect("written by us").encode(), text);
            }
        }
        2 => {
            if let Ok(state) = QuorumState::decode(bytes) {
                assert_eq!(QuorumState::decode(state.encode().as_bytes()), Ok(state));
            }
        }
        3 => {
            if let Ok(entries) = leader_epoch_checkpoint::decode(bytes) {
                let text = leader_epoch_checkpoint::encode(&entries);
                assert_eq!(leader_epoch_checkpoint::decode(text.as_bytes()), Ok(entries.clone()));
                LeaderEpochs::restore(entries).check_invariants();
            }
        }
        4 => {
            if let Ok(entries) = offset_checkpoint::decode(bytes) {
                let text = offset_checkpoint::encode(entries.iter().copied());
                assert_eq!(offset_checkpoint::decode(text.as_bytes()), Ok(entries));
            }
        }
        5 => {
            if let Ok(topic) = partition_metadata::decode(bytes) {
                assert_eq!(partition_metadata::decode(partition_metadata::encode(topic).as_bytes()), Ok(topic));
            }
            let _ = clean_shutdown::decode(bytes);
        }
        6 => {
            if let Ok(entries) = producer_snapshot::decode(bytes) {
                assert_eq!(producer_snapshot::decode(&producer_snapshot::encode(entries.iter().copied())), Ok(entries));
            }
        }
        _ => indexes(bytes),
    }
}

fn indexes(bytes: &[u8]) {
    for base in [Offset(0), Offset(i64::MAX)] {
        let index = OffsetIndex::trusted(bytes, base);
        assert!(index.truncated_bytes(Offset(5)) <= bytes.len());
        let _ = (index.lookup(Offset(i64::MAX)), OffsetIndex::decode(bytes, base).map(|index| index.iter().count()));
        let index = TimeIndex::trusted(bytes, base);
        assert!(index.truncated_bytes(Offset(5)) <= bytes.len());
        let _ = TimeIndex::decode(bytes, base).map(|index| index.iter().count());
        assert!(TxnIndex::trusted(bytes).overlapping(Offset(0), Offset(i64::MAX)).count() <= bytes.len() / 34);
        let _ = TxnIndex::decode(bytes, base).map(|index| index.iter().count());
    }
}
