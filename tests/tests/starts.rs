//! A broker that cannot start says why in one sentence, ends with 1, and changes nothing.

use grete_core::ids::Timestamp;
use grete_core::quorum::metadata_batch;
use grete_protocol::messages::MetadataRecord;
use grete_protocol::messages::metadata::feature_level_record::FeatureLevelRecord;
use grete_protocol::records::BatchHeader;
use grete_tests::{Broker, Scratch};
use std::net::TcpListener;
use std::path::Path;

/// Tries to start, and checks that it ends with one error that has these words.
fn refuses(dir: &Path, settings: &[&str], words: &[&str]) {
    let (code, said) = Broker::refused(dir, settings);
    let errors: Vec<&String> = said.iter().filter(|line| line.contains("ERROR")).collect();
    assert_eq!((code, errors.len()), (Some(1), 1), "{said:?}");
    assert_eq!(said.last(), errors.first().copied(), "it is the last word");
    for word in words {
        assert!(errors[0].contains(word), "{word} is not in {}", errors[0]);
    }
}

/// A directory that a broker has used and stopped on.
fn used(name: &str) -> Scratch {
    let scratch = Scratch::new(name);
    assert_eq!(Broker::start(scratch.path(), &[]).stop(), Some(0));
    scratch
}

#[test]
fn a_port_in_use() {
    let scratch = Scratch::new("port");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("it has an address").port();
    let listener = format!("listeners=PLAINTEXT://127.0.0.1:{port}");
    refuses(
        scratch.path(),
        &[&listener],
        &["cannot listen on 127.0.0.1", &port.to_string(), "in use", "another: --set listeners="],
    );
}

#[test]
fn a_directory_that_cannot_be_one() {
    let scratch = Scratch::new("unreadable");
    let file = scratch.path().join("file");
    std::fs::write(&file, "").expect("a file");
    refuses(&file.join("data"), &[], &["cannot use the log directory", "Not a directory"]);
    refuses(&file, &[], &["cannot use the log directory", "file: it is not a directory"]);
}

#[test]
fn a_directory_that_another_broker_uses() {
    let scratch = Scratch::new("locked");
    let first = Broker::start(scratch.path(), &[]);
    refuses(scratch.path(), &[], &["cannot use the log directory", "another broker is using it"]);
    assert_eq!(first.stop(), Some(0), "the first is not disturbed");
}

#[test]
fn a_directory_of_another_node_or_cluster() {
    let scratch = used("foreign");
    let meta = scratch.path().join("meta.properties");
    let text = std::fs::read_to_string(&meta).expect("it is there");
    refuses(scratch.path(), &["node.id=7"], &["belongs to the node 1, and node.id is 7"]);
    let other = "cluster.id=oTKmNSkTQUqR5jQDphgtNQ";
    refuses(scratch.path(), &[other], &["belongs to the cluster", "and cluster.id is oTKmNSkTQUqR5jQDphgtNQ"]);
    let two = format!("log.dirs={},{}/b", scratch.path().display(), scratch.path().display());
    std::fs::create_dir(scratch.path().join("b")).expect("a directory");
    std::fs::write(scratch.path().join("b/meta.properties"), text.replace("cluster.id=", "cluster.id=x"))
        .expect("written");
    refuses(scratch.path(), &[&two], &["belongs to the cluster x", "another"]);
    assert!(scratch.path().join(".kafka_cleanshutdown").exists(), "nothing was changed");
    assert_eq!(std::fs::read_to_string(&meta).expect("it is there"), text);
}

#[test]
fn a_directory_of_a_newer_version() {
    let scratch = used("newer");
    let path = |name: &str| scratch.path().join(name);
    let refuses_with = |name: &str, change: &dyn Fn(&mut Vec<u8>), words: &[&str]| {
        let before = std::fs::read(path(name)).expect("it is there");
        let mut changed = before.clone();
        change(&mut changed);
        std::fs::write(path(name), changed).expect("it can be changed");
        refuses(scratch.path(), &[], words);
        std::fs::write(path(name), before).expect("it can be changed back");
    };
    let replace = |from: &'static str, to: &'static str| {
        move |bytes: &mut Vec<u8>| {
            *bytes = String::from_utf8_lossy(bytes).replace(from, to).into_bytes();
        }
    };
    refuses_with("meta.properties", &replace("version=1", "version=2"), &["meta.properties", "version"]);
    refuses_with("grete-flushed-0", &|bytes| bytes[7] = b'3', &["grete-flushed-0", "newer version of Grete"]);
    let quorum = "__cluster_metadata-0/quorum-state";
    refuses_with(quorum, &replace("\"data_version\":1", "\"data_version\":9"), &["quorum-state", "version 9"]);
    let log = "__cluster_metadata-0/00000000000000000000.log";
    refuses_with(log, &append_newer_feature, &["metadata.version 31", "up to 30"]);
    assert_eq!(Broker::start(scratch.path(), &[]).stop(), Some(0), "and it starts again without the changes");
}

/// Finalises a level of `metadata.version` that nobody knows yet.
fn append_newer_feature(log: &mut Vec<u8>) {
    let (mut at, mut end, mut epoch) = (0, 0, 0);
    while let Some(header) = log.get(at..).and_then(|rest| rest.first_chunk()) {
        let header = BatchHeader::decode(header);
        at += header.size_bytes();
        end = header.base_offset + i64::from(header.last_offset_delta) + 1;
        epoch = header.partition_leader_epoch;
    }
    let record = FeatureLevelRecord { name: "metadata.version".into(), feature_level: 31, ..Default::default() };
    let mut batch = metadata_batch(&[(0, MetadataRecord::FeatureLevel(record))], epoch, Timestamp(0)).to_vec();
    // The base offset lies outside of the checksum.
    batch[..8].copy_from_slice(&end.to_be_bytes());
    log.extend(batch);
}
