//! Batches that Apache Kafka wrote (see `data/README.md`): what is in them, and that the same is built here.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use grete_compression::inflate;
use grete_protocol::records::{
    Attributes, BatchBuilder, BatchHeader, BatchOptions, BatchView, Compression, CompressionType, ControlRecordType,
    EndTxnMarker, HEADER_BYTES, Header, Producer, RecordReader, batches, control_batch, recompress,
};

const GZIP: &[u8] = include_bytes!("data/gzip.log");
const SNAPPY: &[u8] = include_bytes!("data/snappy.log");
const LZ4: &[u8] = include_bytes!("data/lz4.log");
const ZSTD: &[u8] = include_bytes!("data/zstd.log");
const TRANSACTIONS: &[u8] = include_bytes!("data/transactions.log");
const LEADER_CHANGE: &[u8] = include_bytes!("data/leader-change.log");
const BOOTSTRAP: &[u8] = include_bytes!("data/bootstrap.checkpoint");

const COMPRESSED: [(CompressionType, &[u8]); 4] = [
    (CompressionType::Gzip, GZIP),
    (CompressionType::Snappy, SNAPPY),
    (CompressionType::Lz4, LZ4),
    (CompressionType::Zstd, ZSTD),
];
const T: i64 = 1_700_000_000_000;

type Record<'a> = (i64, Option<&'a [u8]>, Option<&'a [u8]>, Vec<Header<'a>>);

/// What `Fixtures.java` sends.
fn sent(large: &[u8]) -> [Record<'_>; 5] {
    let header = |key: &'static str, value: Option<&'static str>| Header {
        key: key.as_bytes(),
        value: value.map(str::as_bytes),
    };
    let headers = vec![
        header("trace", Some("one")),
        header("trace", Some("two")),
        header("empty", Some("")),
        header("null", None),
    ];
    [
        (T, Some(b"key"), Some(b"value"), headers),
        (T + 7, None, Some(b"no key"), vec![]),
        (T - 1, Some(b"tombstone"), None, vec![]),
        (T + 3, Some(b""), Some(b""), vec![]),
        (T + 5, Some(b"large"), Some(large), vec![]),
    ]
}

fn large() -> Vec<u8> {
    (0..150_000).map(|index| (index / 1000) as u8).collect()
}

fn built(producer_id: i64) -> Vec<u8> {
    let producer = Producer { id: producer_id, epoch: 0, base_sequence: 0 };
    let mut builder =
        BatchBuilder::new(BatchOptions { partition_leader_epoch: 0, producer, ..BatchOptions::default() });
    for (timestamp, key, value, headers) in sent(&large()) {
        builder.try_append(timestamp, key, value, headers.iter().copied()).unwrap();
    }
    builder.build().to_vec()
}

#[test]
fn the_uncompressed_batch_is_kafkas_byte_for_byte() {
    let bytes = built(0);
    let header = BatchHeader {
        base_offset: 0,
        batch_length: 150_149,
        partition_leader_epoch: 0,
        magic: 2,
        crc: 4_282_352_469,
        attributes: Attributes(0),
        last_offset_delta: 4,
        base_timestamp: T,
        max_timestamp: T + 7,
        producer_id: 0,
        producer_epoch: 0,
        base_sequence: 0,
        records_count: 5,
    };
    assert_eq!(*BatchView::parse(&bytes).unwrap().header(), header);
    assert_eq!(bytes.len(), 150_161);
}

#[test]
fn each_codec_of_kafkas_gives_the_records_that_were_sent() {
    for (compression_type, file) in COMPRESSED {
        let mut found = batches(file);
        let batch = found.next().unwrap().unwrap();
        assert!(found.next().is_none());
        assert!(batch.crc_is_valid());
        assert_eq!(batch.header().attributes.compression_type(), Some(compression_type));
        let plain = built(batch.header().producer_id);
        assert_eq!(inflate(compression_type, batch.payload(), 1 << 20).unwrap(), plain[HEADER_BYTES..]);

        let large = large();
        let mut reader = RecordReader::new(&batch, 1 << 20).unwrap();
        for (index, (timestamp, key, value, headers)) in sent(&large).into_iter().enumerate() {
            let record = reader.next().unwrap().unwrap();
            assert_eq!(record.offset_delta, index as i32);
            assert_eq!(batch.header().timestamp(record.timestamp_delta), timestamp);
            assert_eq!((record.key, record.value), (key, value));
            assert_eq!(record.headers().collect::<Vec<_>>(), headers);
        }
        assert_eq!(reader.next(), Ok(None));
    }
}

#[test]
fn recompressing_between_all_codecs_keeps_the_records() {
    for (_, file) in COMPRESSED {
        let batch = BatchView::parse(file).unwrap();
        let plain = built(batch.header().producer_id);
        for target in CompressionType::ALL {
            let bytes = recompress(&batch, target.into(), batch.header().attributes.timestamp_type(), 1 << 20, 1 << 20)
                .unwrap();
            let again = BatchView::parse(&bytes).unwrap();
            assert!(again.crc_is_valid());
            assert_eq!(again.header().attributes.compression_type(), Some(target));
            assert_eq!(
                recompress(&again, Compression::NONE, again.header().attributes.timestamp_type(), 1 << 20, 1 << 20)
                    .unwrap(),
                plain
            );
        }
    }
}

#[test]
fn transactions_and_their_markers_are_built_as_kafka_builds_them() {
    let all: Vec<_> = batches(TRANSACTIONS).map(Result::unwrap).collect();
    assert_eq!(all.len(), 4);
    for (index, batch) in all.iter().enumerate() {
        let header = batch.header();
        assert!(batch.crc_is_valid());
        assert_eq!(header.base_offset, index as i64);
        assert!(header.attributes.is_transactional());
        let record = batch.records().unwrap().next().unwrap().unwrap();
        let producer =
            Producer { id: header.producer_id, epoch: header.producer_epoch, base_sequence: header.base_sequence };
        let options = BatchOptions {
            base_offset: header.base_offset,
            partition_leader_epoch: 0,
            producer,
            is_transactional: true,
            ..BatchOptions::default()
        };
        if header.attributes.is_control() {
            let marker = EndTxnMarker::from_record(record.key.unwrap(), record.value.unwrap()).unwrap();
            assert_eq!(marker, EndTxnMarker { is_commit: index == 1, coordinator_epoch: 0 });
            assert_eq!(marker.batch(options, header.base_timestamp), batch.bytes());
        } else {
            let mut builder = BatchBuilder::new(options);
            builder.try_append(T, Some(b"k"), Some(b"v"), std::iter::empty()).unwrap();
            assert_eq!(builder.build(), batch.bytes());
        }
    }
}

#[test]
fn control_records_of_the_metadata_log_are_built_as_kafka_builds_them() {
    let snapshot: Vec<_> = batches(BOOTSTRAP).map(Result::unwrap).collect();
    assert_eq!(snapshot.len(), 3);
    for (batch, expected) in [
        (BatchView::parse(LEADER_CHANGE).unwrap(), ControlRecordType::LeaderChange),
        (snapshot[0], ControlRecordType::SnapshotHeader),
        (snapshot[2], ControlRecordType::SnapshotFooter),
    ] {
        let header = batch.header();
        assert!(batch.crc_is_valid() && header.attributes.is_control());
        let record = batch.records().unwrap().next().unwrap().unwrap();
        let found = ControlRecordType::from_key(record.key.unwrap()).unwrap();
        assert_eq!(found, expected);
        let options = BatchOptions {
            base_offset: header.base_offset,
            partition_leader_epoch: header.partition_leader_epoch,
            ..BatchOptions::default()
        };
        assert_eq!(control_batch(options, header.base_timestamp, &[(found, record.value.unwrap())]), batch.bytes());
    }
}
