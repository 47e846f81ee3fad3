//! The crate `kafka-protocol`, an implementation that is not ours: each reads what the other builds.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use grete_protocol::records::{
    BatchBuilder, BatchOptions, BatchView, CompressionType, Header, Producer, RecordReader, batches,
};
use kafka_protocol::indexmap::IndexMap;
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records as theirs;
use proptest::prelude::*;

fn compression(compression_type: CompressionType) -> theirs::Compression {
    match compression_type {
        CompressionType::None => theirs::Compression::None,
        CompressionType::Gzip => theirs::Compression::Gzip,
        CompressionType::Snappy => theirs::Compression::Snappy,
        CompressionType::Lz4 => theirs::Compression::Lz4,
        CompressionType::Zstd => theirs::Compression::Zstd,
    }
}

/// Timestamp, key, value and headers of a record.
type Fields = (i64, Option<Bytes>, Option<Bytes>, BTreeMap<String, Option<Vec<u8>>>);

/// Records of one batch. Header keys are unique and UTF-8, since the other side can have no others.
fn records() -> impl Strategy<Value = Vec<theirs::Record>> {
    let bytes = || {
        prop::option::of(prop_oneof![
            prop::collection::vec(any::<u8>(), 0..60).prop_map(Bytes::from),
            (0..100_000_usize)
                .prop_map(|length| (0..length).map(|index| (index / 99) as u8).collect::<Vec<_>>().into()),
        ])
    };
    let headers =
        prop::collection::btree_map("[a-zé]{0,5}", prop::option::of(prop::collection::vec(any::<u8>(), 0..9)), 0..4);
    let record = (0..1_i64 << 41, bytes(), bytes(), headers);
    let producer = prop_oneof![Just((-1, -1, -1)), (0..i64::MAX, 0..i16::MAX, 0..1_000_000_i32)];
    (prop::collection::vec(record, 1..9), producer, any::<bool>(), 0..i64::MAX / 2, any::<i32>()).prop_map(
        |(records, (producer_id, producer_epoch, sequence), transactional, offset, partition_leader_epoch)| {
            let record = |(index, (timestamp, key, value, headers)): (usize, Fields)| theirs::Record {
                transactional,
                control: false,
                delete_horizon: false,
                partition_leader_epoch,
                producer_id,
                producer_epoch,
                timestamp_type: theirs::TimestampType::Creation,
                offset: offset + index as i64,
                // They count on from -1 where there is no sequence.
                sequence: sequence + index as i32,
                timestamp,
                key,
                value,
                headers: headers
                    .into_iter()
                    .map(|(key, value)| (StrBytes::from_string(key), value.map(Bytes::from)))
                    .collect::<IndexMap<_, _>>(),
            };
            records.into_iter().enumerate().map(record).collect()
        },
    )
}

fn ours(records: &[theirs::Record], compression_type: CompressionType) -> Bytes {
    let first = records.first().unwrap();
    let mut builder = BatchBuilder::new(BatchOptions {
        base_offset: first.offset,
        partition_leader_epoch: first.partition_leader_epoch,
        compression: compression_type.into(),
        producer: Producer { id: first.producer_id, epoch: first.producer_epoch, base_sequence: first.sequence },
        is_transactional: first.transactional,
        ..BatchOptions::default()
    });
    for record in records {
        let headers: Vec<_> =
            record.headers.iter().map(|(key, value)| Header { key: key.as_bytes(), value: value.as_deref() }).collect();
        builder
            .try_append(record.timestamp, record.key.as_deref(), record.value.as_deref(), headers.iter().copied())
            .unwrap();
    }
    builder.build()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn they_read_what_we_build(
        records in records(), compression_type in prop::sample::select(CompressionType::ALL.to_vec()),
    ) {
        let mut bytes = ours(&records, compression_type);
        let decoded = theirs::RecordBatchDecoder::decode(&mut bytes).unwrap();
        prop_assert_eq!(decoded.compression, compression(compression_type));
        prop_assert_eq!(decoded.records, records);
    }

    #[test]
    fn we_read_what_they_build(
        records in records(), compression_type in prop::sample::select(CompressionType::ALL.to_vec()),
    ) {
        let options = theirs::RecordEncodeOptions { version: 2, compression: compression(compression_type) };
        let mut bytes = BytesMut::new();
        theirs::RecordBatchEncoder::encode(&mut bytes, records.iter(), &options).unwrap();
        let mut rest = records.iter();
        for batch in batches(&bytes) {
            let batch: BatchView<'_> = batch.unwrap();
            prop_assert!(batch.crc_is_valid());
            let header = batch.header();
            let mut reader = RecordReader::new(&batch, 1 << 24).unwrap();
            while let Some(record) = reader.next().unwrap() {
                let expected = rest.next().unwrap();
                prop_assert_eq!(header.base_offset + i64::from(record.offset_delta), expected.offset);
                prop_assert_eq!(header.timestamp(record.timestamp_delta), expected.timestamp);
                prop_assert_eq!((header.producer_id, header.producer_epoch), (expected.producer_id, expected.producer_epoch));
                prop_assert_eq!((record.key, record.value), (expected.key.as_deref(), expected.value.as_deref()));
                let headers: Vec<_> = record.headers().map(|each| (each.key, each.value)).collect();
                let expected: Vec<_> = expected.headers.iter().map(|(key, value)| (key.as_bytes(), value.as_deref())).collect();
                prop_assert_eq!(headers, expected);
            }
        }
        prop_assert!(rest.next().is_none());
    }
}
