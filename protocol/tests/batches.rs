//! Batches that are built here, read back, placed in a log, and damaged.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use grete_protocol::records::{
    BatchBuilder, BatchError, BatchOptions, BatchView, CompressionType, ControlRecordType, EndTxnMarker, HEADER_BYTES,
    Header, HeaderPatch, NO_TIMESTAMP, Producer, RecordReader, RecordsError, TimestampType, batches,
};
use proptest::prelude::*;

/// A record, owned. Builders assign the offset delta.
#[derive(Clone, Debug, PartialEq)]
struct Owned {
    offset_delta: i32,
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

fn build(options: BatchOptions, records: &[Owned]) -> Vec<u8> {
    let mut builder = BatchBuilder::new(options);
    for record in records {
        let headers = record.headers.iter().map(|(key, value)| Header { key, value: value.as_deref() });
        builder.try_append(record.timestamp, record.key.as_deref(), record.value.as_deref(), headers).unwrap();
    }
    builder.build().to_vec()
}

fn read(batch: &BatchView<'_>, inflated_bytes_max: usize) -> Result<Vec<Owned>, RecordsError> {
    let mut reader = RecordReader::new(batch, inflated_bytes_max)?;
    let mut records = Vec::new();
    while let Some(record) = reader.next()? {
        records.push(Owned {
            offset_delta: record.offset_delta,
            timestamp: batch.header().timestamp(record.timestamp_delta),
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers: record.headers().map(|each| (each.key.to_vec(), each.value.map(<[u8]>::to_vec))).collect(),
        });
    }
    Ok(records)
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        // Long and repetitive, so that records cross the chunks of every codec.
        (any::<u8>(), 0..120_000_usize).prop_map(|(byte, length)| (0..length).map(|i| byte ^ (i / 7) as u8).collect()),
    ]
}

fn record() -> impl Strategy<Value = Owned> {
    let nullable = || prop::option::of(bytes());
    let header = (prop::collection::vec(any::<u8>(), 0..6), prop::option::of(prop::collection::vec(any::<u8>(), 0..9)));
    (0..1_i64 << 41, nullable(), nullable(), prop::collection::vec(header, 0..4))
        .prop_map(|(timestamp, key, value, headers)| Owned { offset_delta: 0, timestamp, key, value, headers })
}

fn compression_type() -> impl Strategy<Value = CompressionType> {
    prop::sample::select(CompressionType::ALL.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_built_is_read_back(
        compression_type in compression_type(), records in prop::collection::vec(record(), 1..12),
    ) {
        let options = BatchOptions { compression: compression_type.into(), base_offset: 7, ..BatchOptions::default() };
        let bytes = build(options, &records);
        let batch = BatchView::parse(&bytes).unwrap();
        prop_assert!(batch.crc_is_valid());
        prop_assert_eq!(batch.size_bytes(), bytes.len());
        prop_assert_eq!(batch.header().next_offset(), 7 + records.len() as i64);
        prop_assert_eq!(batch.header().max_timestamp, records.iter().map(|each| each.timestamp).max().unwrap());
        let mut expected = records;
        for (index, record) in expected.iter_mut().enumerate() {
            record.offset_delta = index as i32;
        }
        prop_assert_eq!(read(&batch, usize::MAX).unwrap(), expected);
    }

    #[test]
    fn a_placed_batch_is_valid_and_its_payload_untouched(
        compression_type in compression_type(), records in prop::collection::vec(record(), 1..4),
        base_offset in 0..i64::MAX / 2, partition_leader_epoch in any::<i32>(), time in prop::option::of(any::<i64>()),
    ) {
        let options = BatchOptions { compression: compression_type.into(), ..BatchOptions::default() };
        let mut bytes = build(options, &records);
        let max_timestamp = time.map(|time| (TimestampType::LogAppendTime, time));
        let patch = HeaderPatch { base_offset, partition_leader_epoch, max_timestamp };
        let patched = BatchView::parse(&bytes).unwrap().patched_header(patch);
        bytes[..HEADER_BYTES].copy_from_slice(&patched);
        let batch = BatchView::parse(&bytes).unwrap();
        prop_assert!(batch.crc_is_valid());
        prop_assert_eq!(batch.header().base_offset, base_offset);
        prop_assert_eq!(batch.header().partition_leader_epoch, partition_leader_epoch);
        if let Some(time) = time {
            prop_assert_eq!(batch.header().timestamp(99), time);
        }
    }

    #[test]
    fn damage_is_found_and_never_panics(
        compression_type in compression_type(), records in prop::collection::vec(record(), 1..6),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1..=255_u8), 1..4),
    ) {
        let options = BatchOptions { compression: compression_type.into(), ..BatchOptions::default() };
        let whole = build(options, &records);
        let mut bytes = whole.clone();
        for (index, mask) in flips {
            bytes[index.index(whole.len())] ^= mask;
        }
        for batch in batches(&bytes) {
            let Ok(batch) = batch else { break };
            // Base offset and leader epoch are not under the CRC; the length is, by what it makes the CRC cover.
            let covered = |bytes: &[u8]| [&bytes[8..12], &bytes[17..]].concat();
            prop_assert_eq!(batch.crc_is_valid(), covered(&bytes) == covered(&whole));
            // Whoever forgot to look at the CRC gets an error or other records, nothing worse.
            let _ = read(&batch, 4 << 20);
        }
    }

    #[test]
    fn bytes_that_are_no_batches_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for batch in batches(&bytes) {
            let Ok(batch) = batch else { break };
            let _ = read(&batch, 1 << 20);
        }
        // The same as the payload of a batch of each type.
        for compression_type in CompressionType::ALL {
            let mut batch = build(BatchOptions::default(), &[Owned { offset_delta: 0, timestamp: 1, key: None, value: None, headers: vec![] }]);
            batch.truncate(HEADER_BYTES);
            batch[22] = compression_type.id();
            batch.extend_from_slice(&bytes);
            let length = (batch.len() - 12) as i32;
            batch[8..12].copy_from_slice(&length.to_be_bytes());
            let _ = read(&BatchView::parse(&batch).unwrap(), 1 << 20);
        }
    }
}

fn small(count: usize) -> Vec<u8> {
    let record = Owned { offset_delta: 0, timestamp: 5, key: None, value: Some(b"value".to_vec()), headers: vec![] };
    build(BatchOptions::default(), &vec![record; count])
}

#[test]
fn a_torn_tail_and_rot_are_told_apart() {
    let mut log = small(1);
    let first = log.len();
    log.extend_from_slice(&small(3));
    assert_eq!(batches(&log).map(|batch| batch.unwrap().size_bytes()).sum::<usize>(), log.len());
    for end in first + 1..log.len() {
        let error = batches(&log[..end]).nth(1).unwrap().unwrap_err();
        assert_eq!(error.position, first);
        let bytes_needed = if end - first < 12 { HEADER_BYTES } else { log.len() - first };
        assert_eq!(error.error, BatchError::Incomplete { bytes: end - first, bytes_needed });
        assert!(error.error.is_incomplete());
    }
    for (place, byte, expected) in [
        (16, 1, BatchError::LegacyMagic(1)),
        (16, 0, BatchError::LegacyMagic(0)),
        (16, 3, BatchError::Magic(3)),
        (16, 0xff, BatchError::Magic(-1)),
        (11, 48, BatchError::Length(48)),
        (8, 0x80, BatchError::Length(i32::from_be_bytes([0x80, 0, 0, log[first + 11]]))),
    ] {
        let mut log = log.clone();
        log[first + place] = byte;
        let error = batches(&log).nth(1).unwrap().unwrap_err();
        assert_eq!((error.position, error.error), (first, expected));
        assert!(!error.error.is_incomplete());
        assert!(batches(&log).nth(2).is_none(), "nothing follows an error");
    }
    // A length beyond the end cannot be told from a torn tail by the header alone.
    log[first + 8] = 1;
    assert!(batches(&log).nth(1).unwrap().unwrap_err().error.is_incomplete());
}

#[test]
fn a_wrong_records_count_is_found_without_reserving_for_it() {
    for (count, expected) in [
        (i32::MAX, RecordsError::Missing { records: 3, records_count: i32::MAX }),
        (2, RecordsError::Trailing),
        (0, RecordsError::Trailing),
        (-1, RecordsError::Count(-1)),
    ] {
        let mut bytes = small(3);
        bytes[57..61].copy_from_slice(&count.to_be_bytes());
        let batch = BatchView::parse(&bytes).unwrap();
        assert_eq!(read(&batch, usize::MAX), Err(expected));
        assert_eq!(batch.records().unwrap().last(), Some(Err(expected)));
    }
}

#[test]
fn a_builder_is_full_at_its_limit_and_unchanged_by_what_does_not_fit() {
    let mut builder = BatchBuilder::new(BatchOptions { size_bytes_max: small(2).len(), ..BatchOptions::default() });
    for _ in 0..2 {
        builder.try_append(5, None, Some(b"value"), std::iter::empty()).unwrap();
    }
    assert_eq!(builder.size_bytes(), small(2).len());
    let error = builder.try_append(5, None, None, std::iter::empty()).unwrap_err();
    assert_eq!(error.size_bytes_max, small(2).len());
    assert_eq!((builder.records_count(), builder.next_offset()), (2, 2));
    assert_eq!(builder.build(), small(2));
}

#[test]
fn gaps_and_emptied_batches_keep_the_last_offset() {
    let producer = Producer { id: 4, epoch: 1, base_sequence: i32::MAX };
    let mut builder =
        BatchBuilder::new(BatchOptions { producer, delete_horizon_ms: Some(77), ..BatchOptions::default() });
    builder.try_append_at(3, 100, Some(b"k"), None, std::iter::empty()).unwrap();
    let bytes = builder.build_to_offset(9);
    let batch = BatchView::parse(&bytes).unwrap();
    assert_eq!((batch.header().last_offset(), batch.header().last_sequence()), (9, 8));
    assert_eq!(batch.header().delete_horizon_ms(), Some(77));
    let record = batch.records().unwrap().next().unwrap().unwrap();
    assert_eq!((record.offset_delta, batch.header().timestamp(record.timestamp_delta)), (3, 100));

    let empty = BatchBuilder::new(BatchOptions { producer, ..BatchOptions::default() }).build_to_offset(9);
    let batch = BatchView::parse(&empty).unwrap();
    assert!(batch.crc_is_valid());
    assert_eq!((batch.header().records_count, batch.header().max_timestamp), (0, NO_TIMESTAMP));
    assert_eq!(batch.records().unwrap().count(), 0);
}

#[test]
fn markers_come_back_as_they_were_written() {
    let marker = EndTxnMarker { is_commit: true, coordinator_epoch: 12 };
    let producer = Producer { id: 4, epoch: 1, base_sequence: -1 };
    let bytes = marker.batch(BatchOptions { producer, ..BatchOptions::default() }, 1000);
    let batch = BatchView::parse(&bytes).unwrap();
    assert!(batch.header().attributes.is_control() && batch.header().attributes.is_transactional());
    assert_eq!(batch.header().last_sequence(), -1);
    let record = batch.records().unwrap().next().unwrap().unwrap();
    assert_eq!(EndTxnMarker::from_record(record.key.unwrap(), record.value.unwrap()), Ok(marker));
    for id in -1..9 {
        let control_record_type = ControlRecordType::from_id(id);
        assert_eq!(ControlRecordType::from_key(&control_record_type.key()), Ok(control_record_type));
    }
}
