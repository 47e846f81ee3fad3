//! What a leader takes from a producer, and what it answers otherwise. The error codes are those that Apache Kafka
//! 4.3.1 answered to the same bytes, apart from the cases that `records::validate` lists.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::iter::empty;

use grete_compression::compress;
use grete_protocol::records::{
    Attributes, BatchBuilder, BatchError, BatchHeader, BatchOptions, BatchView, Compression, CompressionType,
    HEADER_BYTES, HeaderPatch, InflateError, InvalidBatch, InvalidRecord, InvalidRecordKind, NO_TIMESTAMP,
    ProduceRules, Producer, RECORD_ERRORS_MAX, RecordError, RecordReader, RecordsError, Storing, TimestampType,
    recompress, validate,
};

const NOW: i64 = 1_700_000_000_000;
const HOUR: i64 = 3_600_000;

fn rules() -> ProduceRules {
    ProduceRules {
        batch_bytes_max: 1_048_588,
        inflated_bytes_max: 1 << 20,
        timestamp_type: TimestampType::CreateTime,
        timestamp_before_max_ms: i64::MAX,
        timestamp_after_max_ms: HOUR,
        is_compacted: false,
        compression_type: None,
    }
}

/// A batch of records with these offset deltas and timestamps, all with a key.
fn batch(options: BatchOptions, records: &[(i32, i64)]) -> Vec<u8> {
    let mut builder = BatchBuilder::new(options);
    for &(offset_delta, timestamp) in records {
        builder.try_append_at(offset_delta, timestamp, Some(b"k"), Some(b"v"), empty()).unwrap();
    }
    builder.build().to_vec()
}

fn plain() -> Vec<u8> {
    batch(BatchOptions::default(), &[(0, NOW), (1, NOW + 1)])
}

/// `bytes` with another header, the CRC made right.
fn with_header(bytes: &[u8], change: impl Fn(&mut BatchHeader)) -> Vec<u8> {
    let (header, payload) = bytes.split_first_chunk::<HEADER_BYTES>().unwrap();
    with_payload(header, payload, change)
}

fn with_payload(header: &[u8; HEADER_BYTES], payload: &[u8], change: impl Fn(&mut BatchHeader)) -> Vec<u8> {
    let mut header = BatchHeader::decode(header);
    header.batch_length = (HEADER_BYTES - 12 + payload.len()) as i32;
    change(&mut header);
    let mut bytes = header.encode().to_vec();
    bytes.extend_from_slice(payload);
    if let Err(BatchError::Crc { computed, .. }) = BatchView::parse(&bytes).map_or(Ok(()), |batch| batch.check_crc()) {
        bytes[17..21].copy_from_slice(&computed.to_be_bytes());
    }
    bytes
}

fn refused(bytes: &[u8], rules: &ProduceRules) -> (i16, InvalidBatch) {
    let error = validate(bytes, rules, NOW).unwrap_err();
    (error.error_code(), error)
}

#[test]
fn a_good_batch_is_taken_in_place() {
    let bytes = plain();
    let (batch, valid) = validate(&bytes, &rules(), NOW).unwrap();
    assert_eq!(batch.bytes(), bytes);
    assert_eq!((valid.records_count, valid.max_timestamp, valid.max_timestamp_offset_delta), (2, NOW + 1, 1));
    assert_eq!(valid.inflated_bytes, bytes.len() - HEADER_BYTES);
    assert_eq!(valid.storing, Storing::InPlace);
    let patch = valid.header_patch(40, 3);
    assert_eq!(
        patch,
        HeaderPatch {
            base_offset: 40,
            partition_leader_epoch: 3,
            max_timestamp: Some((TimestampType::CreateTime, NOW + 1))
        }
    );
    assert_eq!(batch.header().patched(patch).crc, batch.header().crc, "nothing under the CRC changes");
}

#[test]
fn frames_that_are_no_single_batch_are_refused() {
    let bytes = plain();
    let rules = rules();
    let size = bytes.len();
    let twice = [&bytes[..], &bytes].concat();
    assert_eq!(refused(&[], &rules), (87, InvalidBatch::Empty));
    assert_eq!(refused(&twice, &rules), (87, InvalidBatch::MoreThanOne(size)));
    let followed = |by: &[u8]| [&bytes[..], by].concat();
    for rest in [&[0; 11][..], &bytes[..size - 1]] {
        let with_rest = followed(rest);
        assert_eq!(validate(&with_rest, &rules, NOW).unwrap().0.bytes(), &bytes[..], "a piece of a batch is none");
    }
    assert_eq!(refused(&followed(&[0; 12]), &rules), (2, BatchError::Length(0).into()));
    let legacy = [&[0; 8][..], &40_i32.to_be_bytes(), &[0; 40]].concat();
    assert_eq!(refused(&followed(&legacy), &rules), (87, InvalidBatch::MoreThanOne(legacy.len())));
    let incomplete = BatchError::Incomplete { bytes: size - 1, bytes_needed: size };
    assert_eq!(refused(&bytes[..size - 1], &rules), (87, incomplete.into()));
    for (magic, code, error) in [
        (0, 87, BatchError::LegacyMagic(0)),
        (1, 87, BatchError::LegacyMagic(1)),
        (3, 2, BatchError::Magic(3)),
        (-1, 2, BatchError::Magic(-1)),
    ] {
        assert_eq!(refused(&with_header(&bytes, |header| header.magic = magic), &rules), (code, error.into()));
    }
    let short = with_header(&bytes, |header| header.batch_length = 20);
    assert_eq!(refused(&short, &rules), (2, BatchError::Length(20).into()));
    let mut damaged = bytes.clone();
    damaged[size - 1] ^= 1;
    assert_eq!(refused(&damaged, &rules).0, 2);
    let at_limit = ProduceRules { batch_bytes_max: size, ..rules };
    assert!(validate(&bytes, &at_limit, NOW).is_ok());
    let below = ProduceRules { batch_bytes_max: size - 1, ..rules };
    assert_eq!(refused(&bytes, &below), (10, InvalidBatch::TooLarge { size_bytes: size, batch_bytes_max: size - 1 }));
}

#[test]
fn headers_that_no_producer_may_send_are_refused() {
    let bytes = plain();
    let change = |change: fn(&mut BatchHeader)| refused(&with_header(&bytes, change), &rules());
    let range = |records_count, last_offset_delta| (87, InvalidBatch::OffsetRange { records_count, last_offset_delta });
    assert_eq!(change(|header| header.base_offset = 5), (87, InvalidBatch::BaseOffset(5)));
    assert_eq!(change(|header| header.records_count = 3), range(3, 1));
    assert_eq!(change(|header| header.records_count = i32::MIN), range(i32::MIN, 1));
    assert_eq!(change(|header| header.last_offset_delta = 5), range(2, 5));
    assert_eq!(change(|header| (header.records_count, header.last_offset_delta) = (0, -1)), range(0, -1));
    assert_eq!(change(|header| header.attributes = Attributes(32)), (87, InvalidBatch::Control));
    assert_eq!(change(|header| header.attributes = Attributes(16)), (87, InvalidBatch::Transactional));
    assert_eq!(change(|header| (header.producer_id, header.producer_epoch) = (5, 0)), (87, InvalidBatch::Sequence(-1)));
    assert_eq!(
        change(|header| (header.producer_id, header.base_sequence) = (5, 0)),
        (87, InvalidBatch::ProducerEpoch(-1))
    );
    assert_eq!(change(|header| header.attributes = Attributes(5)), (76, RecordsError::UnknownCompression(5).into()));
}

#[test]
fn records_must_be_as_many_as_counted_and_well_formed() {
    let bytes = plain();
    let counted =
        |count| with_header(&bytes, |header| (header.records_count, header.last_offset_delta) = (count, count - 1));
    assert_eq!(
        refused(&counted(i32::MAX), &rules()),
        (87, RecordsError::Missing { records: 2, records_count: i32::MAX }.into())
    );
    assert_eq!(refused(&counted(1), &rules()), (87, RecordsError::Trailing.into()));
    let header = bytes.first_chunk().unwrap();
    for (payload, error) in [
        (&[0x0e, 0, 0, 0, 5, 0, 0, 0][..], RecordError::Length(-3)),
        (&[0x10, 0, 0, 0, 2, b'k', 2, b'v', 1], RecordError::HeadersCount(-1)),
        (&[0x12, 0, 0, 0, 2, b'k', 2, b'v', 0, 9], RecordError::Trailing(1)),
        (&[0x10, 0, 0, 0, 0xc6, 1, b'k', 0, 0], RecordError::Truncated),
    ] {
        for compression_type in CompressionType::ALL {
            let mut compressed = Vec::new();
            compress(compression_type.into(), payload, &mut compressed);
            let attributes = Attributes::default().with_compression_type(compression_type);
            let bytes = with_payload(header, &compressed, |header| header.attributes = attributes);
            assert_eq!(refused(&bytes, &rules()), (87, RecordsError::Record { index: 0, error }.into()));
        }
    }
    for compression_type in &CompressionType::ALL[1..] {
        let attributes = Attributes::default().with_compression_type(*compression_type);
        let bytes = with_payload(header, b"garbage", |header| header.attributes = attributes);
        let (code, error) = refused(&bytes, &rules());
        assert_eq!(code, 87);
        assert!(matches!(error, InvalidBatch::Records(RecordsError::Inflate(_))), "{error:?}");
    }
}

#[test]
fn a_bomb_is_refused_as_too_large_so_that_the_producer_splits_it() {
    for compression_type in &CompressionType::ALL[1..] {
        let mut builder =
            BatchBuilder::new(BatchOptions { compression: (*compression_type).into(), ..BatchOptions::default() });
        builder.try_append(NOW, None, Some(&vec![0; 16 << 20]), empty()).unwrap();
        let bytes = builder.build();
        assert!(bytes.len() < rules().batch_bytes_max, "{compression_type}");
        let error = InflateError::TooLarge { inflated_bytes_max: 1 << 20 };
        assert_eq!(refused(&bytes, &rules()), (10, RecordsError::Inflate(error).into()));
    }
}

#[test]
fn a_wrong_maximum_timestamp_is_put_right() {
    for wrong in [-1, NOW + 500] {
        let bytes = with_header(&plain(), |header| header.max_timestamp = wrong);
        let (batch, valid) = validate(&bytes, &rules(), NOW).unwrap();
        let mut stored = bytes.clone();
        stored[..HEADER_BYTES].copy_from_slice(&batch.patched_header(valid.header_patch(0, -1)));
        assert_eq!(stored, plain());
    }
    let none = batch(BatchOptions::default(), &[(0, NO_TIMESTAMP), (1, NO_TIMESTAMP)]);
    assert_eq!(validate(&none, &rules(), NOW).unwrap().1.max_timestamp, NO_TIMESTAMP);
}

#[test]
fn log_append_time_replaces_the_producers() {
    let rules = ProduceRules { timestamp_type: TimestampType::LogAppendTime, ..rules() };
    // The bounds are for CreateTime only.
    let mut bytes = batch(BatchOptions::default(), &[(0, NOW + 9 * HOUR), (1, 0)]);
    let (view, valid) = validate(&bytes, &rules, NOW).unwrap();
    assert_eq!((valid.max_timestamp, valid.max_timestamp_offset_delta), (NOW, 0));
    let header = view.patched_header(valid.header_patch(8, 2));
    bytes[..HEADER_BYTES].copy_from_slice(&header);
    let view = BatchView::parse(&bytes).unwrap();
    assert!(view.crc_is_valid());
    assert_eq!(view.header().attributes.timestamp_type(), TimestampType::LogAppendTime);
    assert_eq!(view.header().timestamp(-5), NOW);
}

#[test]
fn records_to_blame_are_named() {
    let kinds = |bytes: &[u8], rules: &ProduceRules| {
        let (code, error) = refused(bytes, rules);
        (code, error.record_errors().to_vec())
    };
    let late = NOW + HOUR + 1;
    let timestamp = |index, timestamp| InvalidRecord {
        index,
        kind: InvalidRecordKind::Timestamp { timestamp, earliest: NOW - HOUR, latest: NOW + HOUR },
    };
    let bounded = ProduceRules { timestamp_before_max_ms: HOUR, ..rules() };
    let bytes = batch(
        BatchOptions::default(),
        &[(0, NOW + HOUR), (1, late), (2, NOW - HOUR), (3, NOW - HOUR - 1), (4, NO_TIMESTAMP)],
    );
    assert_eq!(kinds(&bytes, &bounded), (32, vec![timestamp(1, late), timestamp(3, NOW - HOUR - 1)]));
    let extreme = batch(BatchOptions::default(), &[(0, i64::MIN + 1), (1, i64::MAX)]);
    assert_eq!(kinds(&extreme, &bounded).1.len(), 2);

    let compacted = ProduceRules { is_compacted: true, ..rules() };
    let keyless = |timestamps: [i64; 3]| {
        let mut builder = BatchBuilder::new(BatchOptions::default());
        for (timestamp, key) in timestamps.into_iter().zip([None, Some(&b""[..]), None]) {
            builder.try_append(timestamp, key, None, empty()).unwrap();
        }
        builder.build()
    };
    let no_key = |index| InvalidRecord { index, kind: InvalidRecordKind::NoKey };
    assert_eq!(kinds(&keyless([NOW; 3]), &compacted), (87, vec![no_key(0), no_key(2)]));
    let (code, errors) = kinds(&keyless([NOW, late, NOW]), &compacted);
    assert_eq!((code, errors.len()), (32, 3), "one timestamp among the reasons decides");

    let appended = batch(BatchOptions { log_append_time_ms: Some(NOW), ..BatchOptions::default() }, &[(0, NOW)]);
    let kind = InvalidRecordKind::LogAppendTime;
    let by_broker = ProduceRules { timestamp_type: TimestampType::LogAppendTime, ..rules() };
    assert_eq!(kinds(&appended, &by_broker), (32, vec![InvalidRecord { index: 0, kind }]));
    let taken = validate(&appended, &rules(), NOW).unwrap().1;
    assert_eq!((taken.timestamp_type, taken.max_timestamp), (TimestampType::CreateTime, NOW), "it is not believed");
}

#[test]
fn records_to_blame_are_bounded_and_all_counted() {
    let late: Vec<_> = (0..RECORD_ERRORS_MAX as i32 + 1).map(|index| (index, NOW + 2 * HOUR)).collect();
    let (_, error) = refused(&batch(BatchOptions::default(), &late), &rules());
    assert_eq!(error.record_errors().len(), RECORD_ERRORS_MAX);
    assert!(matches!(error, InvalidBatch::RecordErrors { count, .. } if count == RECORD_ERRORS_MAX + 1));
}

#[test]
fn another_compression_type_or_disordered_offsets_lead_to_a_new_batch() {
    const CREATE_TIME: TimestampType = TimestampType::CreateTime;
    let producer = Producer { id: 9, epoch: 2, base_sequence: 77 };
    let options = BatchOptions { producer, is_transactional: true, ..BatchOptions::default() };
    for (source, target) in [
        (CompressionType::None, CompressionType::Zstd),
        (CompressionType::Gzip, CompressionType::None),
        (CompressionType::Snappy, CompressionType::Lz4),
    ] {
        let bytes = batch(BatchOptions { compression: source.into(), ..options }, &[(0, NOW), (1, NOW - 4)]);
        let rules = ProduceRules { compression_type: Some(target), ..rules() };
        let (view, valid) = validate(&bytes, &rules, NOW).unwrap();
        assert_eq!(valid.storing, Storing::Rebuild(target));
        let rebuilt =
            recompress(&view, target.into(), CREATE_TIME, rules.inflated_bytes_max, rules.batch_bytes_max).unwrap();
        assert_eq!(rebuilt, batch(BatchOptions { compression: target.into(), ..options }, &[(0, NOW), (1, NOW - 4)]));
        assert_eq!(validate(&rebuilt, &rules, NOW).unwrap().1.storing, Storing::InPlace);
        assert!(recompress(&view, target.into(), CREATE_TIME, rules.inflated_bytes_max, rebuilt.len() - 1).is_err());
    }
    let bytes = batch(BatchOptions::default(), &[(0, NOW), (7, NOW)]);
    let bytes = with_header(&bytes, |header| header.last_offset_delta = 1);
    let (view, valid) = validate(&bytes, &rules(), NOW).unwrap();
    assert_eq!(valid.storing, Storing::Rebuild(CompressionType::None));
    let rebuilt = recompress(&view, Compression::NONE, CREATE_TIME, 1 << 20, 1 << 20).unwrap();
    assert_eq!(rebuilt, batch(BatchOptions::default(), &[(0, NOW), (1, NOW)]));
    let view = BatchView::parse(&rebuilt).unwrap();
    assert_eq!(RecordReader::new(&view, 1 << 20).unwrap().next().unwrap().unwrap().offset_delta, 0);
    let impossible = with_header(&bytes, |header| header.last_offset_delta = 0);
    assert!(
        recompress(&BatchView::parse(&impossible).unwrap(), Compression::NONE, CREATE_TIME, 1 << 20, 1 << 20).is_err()
    );
}
