//! What is canonical comes back as it was.

use crate::filler::{self, Style};
use crate::table::messages;
use grete_definitions::Kind;
use grete_messages::{
    GroupRecordKey, GroupRecordValue, MetadataRecord, RemoteLogRecord, ShareRecordKey, ShareRecordValue,
    TransactionRecordKey, TransactionRecordValue,
};
use grete_protocol::ApiKey;
use grete_protocol::wire::{Decoder, Encoder};

const SEEDS: u64 = 40;

#[test]
fn every_message_and_version_comes_back_byte_for_byte() {
    let mut count = 0;
    for (definition, codec) in messages() {
        for version in codec.versions.iter() {
            for seed in 0..SEEDS {
                let bytes = filler::message(&definition, version, Style::Any, seed);
                let again = (codec.repeat)(&bytes, version)
                    .unwrap_or_else(|error| panic!("seed {seed}: {error}: {bytes:02x?}"))
                    .unwrap_or_else(|error| panic!("seed {seed}: {error}: {bytes:02x?}"));
                assert_eq!(again, bytes, "{} v{version}, seed {seed}", codec.name);
                count += 1;
            }
        }
    }
    assert!(count > 600 * SEEDS, "{count} messages only");
}

#[test]
fn defaults_come_back_byte_for_byte() {
    for (_, codec) in messages() {
        for version in codec.versions.iter() {
            let bytes = (codec.encode_default)(version).unwrap();
            assert_eq!((codec.repeat)(&bytes, version).unwrap().unwrap(), bytes, "{} v{version}", codec.name);
        }
    }
}

#[test]
fn versions_are_those_of_the_definitions() {
    for (definition, codec) in messages() {
        let (min, max) = (codec.versions.min, codec.versions.max);
        assert_eq!((min, max), (definition.valid.min, definition.valid.max), "{}", codec.name);
        assert_eq!(codec.flexible_from, definition.flexible_from, "{}", codec.name);
        for version in [min - 1, max + 1, i16::MIN, i16::MAX] {
            assert!((codec.decode)(&[0; 64], version).is_err(), "{} v{version}", codec.name);
            assert!((codec.encode_default)(version).is_err(), "{} v{version}", codec.name);
        }
    }
}

#[test]
fn apis_are_those_of_the_definitions() {
    let messages = messages();
    let requests: Vec<_> = messages.iter().filter(|(definition, _)| definition.kind == Kind::Request).collect();
    assert_eq!(requests.len(), ApiKey::ALL.len());
    assert!(ApiKey::ALL.is_sorted());
    for (definition, codec) in requests {
        let api = ApiKey::from_key(definition.key.unwrap()).unwrap();
        assert!(ApiKey::ALL.contains(&api));
        assert_eq!(format!("{api}Request"), codec.name);
        assert_eq!(api.versions(), codec.versions);
        assert_eq!(api.latest_version_unstable(), definition.latest_version_unstable);
        let listens = |name: &str| definition.listeners.iter().any(|listener| listener == name);
        assert_eq!((api.is_broker(), api.is_controller()), (listens("broker"), listens("controller")));
        for version in codec.versions.iter() {
            let flexible = definition.is_flexible(version);
            assert_eq!(api.request_header_version(version), 1 + i16::from(flexible));
            let answer = i16::from(flexible && api != ApiKey::ApiVersions);
            assert_eq!(api.response_header_version(version), answer);
        }
    }
    for removed in [4, 5, 6, 7, -1, i16::MAX] {
        assert_eq!(ApiKey::from_key(removed), None);
    }
}

/// Sends each definition of a family through the family's enum.
macro_rules! family {
    ($family:ident, $folder:literal, $kind:ident) => {
        let messages = messages();
        let family = messages.iter().filter(|(each, _)| each.folder == $folder && each.kind == Kind::$kind);
        let mut count = 0;
        for (definition, codec) in family {
            let key = definition.key.unwrap();
            assert_eq!($family::versions(key), Some(codec.versions), "{}", codec.name);
            for version in codec.versions.iter() {
                let bytes = filler::message(definition, version, Style::Any, 7);
                let mut decoder = Decoder::new(&bytes);
                let record = $family::decode(key, version, &mut decoder).unwrap().unwrap();
                decoder.finish().unwrap();
                assert_eq!(record.key(), key);
                let mut encoder = Encoder::new();
                record.encode(&mut encoder, version).unwrap();
                assert_eq!(encoder.finish().to_contiguous(), bytes, "{} v{version}", codec.name);
            }
            count += 1;
        }
        assert!(count > 0);
        assert_eq!($family::versions(i16::MAX), None);
        assert_eq!($family::decode(i16::MAX, 0, &mut Decoder::new(&[])), Ok(None));
    };
}

#[test]
fn records_are_found_by_their_keys() {
    family!(MetadataRecord, "metadata", Metadata);
    family!(RemoteLogRecord, "storage", Metadata);
    family!(GroupRecordKey, "group-coordinator", CoordinatorKey);
    family!(GroupRecordValue, "group-coordinator", CoordinatorValue);
    family!(ShareRecordKey, "share-coordinator", CoordinatorKey);
    family!(ShareRecordValue, "share-coordinator", CoordinatorValue);
    family!(TransactionRecordKey, "transaction-coordinator", CoordinatorKey);
    family!(TransactionRecordValue, "transaction-coordinator", CoordinatorValue);
}
