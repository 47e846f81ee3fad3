//! Any bytes as record batches: read in place and streamed, in each codec, validated, written anew.
//!
//! The first byte says what the rest is: batches as they are, one batch whose length and checksum are made right, or
//! records that are put into a batch; its upper half says in which codec.
#![no_main]

use bytes::Bytes;
use grete_compression::{Compression, CompressionType, compress, inflate};
use grete_fuzz::{mend_batch, peak_of};
use grete_protocol::records::{
    BatchHeader, BatchView, HEADER_BYTES, ProduceRules, RecordReader, Storing, TimestampType, batches, recompress,
    validate,
};
use libfuzzer_sys::fuzz_target;

const INFLATED_BYTES_MAX: usize = 1 << 20;
/// What the codecs' own tables and windows take, whatever the input is.
const CODEC_BYTES: usize = 12 << 20;
const NOW_MS: i64 = 1_700_000_000_000;

fuzz_target!(|input: &[u8]| {
    let Some((&what, bytes)) = input.split_first() else { return };
    let codec = CompressionType::ALL[usize::from(what >> 4) % CompressionType::ALL.len()];
    match what & 3 {
        0 => look_at(bytes),
        1 => {
            let mut bytes = bytes.to_vec();
            mend_batch(&mut bytes);
            look_at(&bytes);
        }
        2 => {
            // The codec is the batch's own, the payload is compressed by it.
            let Some((header, records)) = bytes.split_first_chunk::<HEADER_BYTES>() else { return };
            let mut batch = header.to_vec();
            batch[22] = batch[22] & !7 | codec.id();
            compress(Compression::new(codec), records, &mut batch);
            mend_batch(&mut batch);
            look_at(&batch);
        }
        _ => payload(codec, bytes),
    }
});

fn payload(codec: CompressionType, bytes: &[u8]) {
    let (inflated, peak) = peak_of(|| inflate(codec, bytes, INFLATED_BYTES_MAX));
    assert!(peak <= 2 * INFLATED_BYTES_MAX + CODEC_BYTES, "{codec} held {peak} bytes");
    if let Ok(inflated) = inflated {
        let mut again = Vec::new();
        compress(Compression::new(codec), &inflated, &mut again);
        assert_eq!(inflate(codec, &again, INFLATED_BYTES_MAX).as_ref(), Ok(&inflated), "{codec}");
    }
}

fn look_at(bytes: &[u8]) {
    let mut position = 0;
    for batch in batches(bytes) {
        let Ok(batch) = batch else { break };
        assert_eq!(&bytes[position..][..batch.size_bytes()], batch.bytes(), "batches lie one behind the other");
        position += batch.size_bytes();
        assert_eq!(batch.header(), &BatchHeader::decode(batch.bytes().first_chunk().expect("a whole batch")));
        read(&batch);
    }
    for (is_compacted, compression_type) in [(false, None), (true, Some(CompressionType::Lz4))] {
        let rules = ProduceRules {
            batch_bytes_max: 1 << 20,
            inflated_bytes_max: INFLATED_BYTES_MAX,
            timestamp_type: TimestampType::CreateTime,
            timestamp_before_max_ms: i64::MAX,
            timestamp_after_max_ms: 3_600_000,
            is_compacted,
            compression_type,
        };
        let Ok((batch, valid)) = validate(bytes, &rules, NOW_MS) else { continue };
        let patched = batch.patched_header(valid.header_patch(77, 3));
        let appended = [&patched[..], batch.payload()].concat();
        let appended = BatchView::parse(&appended).expect("a patch leaves a batch");
        appended.check_crc().expect("a patch leaves a valid checksum");
        assert_eq!(appended.header().base_offset, 77);
        if let Storing::Rebuild(kind) = valid.storing {
            rebuild(&batch, Compression::new(kind));
        }
        for kind in CompressionType::ALL {
            rebuild(&batch, Compression::new(kind));
        }
    }
}

/// Streaming and reading in place agree on what is there.
fn read(batch: &BatchView<'_>) {
    let mut streamed = Vec::new();
    let ended = stream(batch, |record| streamed.push(record));
    if let Ok(records) = batch.records() {
        let mut count = 0;
        let mut failed = false;
        for record in records {
            let Ok(record) = record else {
                failed = true;
                break;
            };
            let expected = streamed.get(count).expect("both read as many");
            assert_eq!((record.key, record.value), (expected.1.as_deref(), expected.2.as_deref()));
            count += 1;
        }
        assert_eq!((count, failed), (streamed.len(), ended.is_err()));
    }
}

type Record = (i64, Option<Bytes>, Option<Bytes>, usize);

fn stream(batch: &BatchView<'_>, mut each: impl FnMut(Record)) -> Result<(), ()> {
    let mut reader = RecordReader::new(batch, INFLATED_BYTES_MAX).map_err(drop)?;
    while let Some(record) = reader.next().map_err(drop)? {
        let copy = |bytes: Option<&[u8]>| bytes.map(Bytes::copy_from_slice);
        each((record.timestamp_delta, copy(record.key), copy(record.value), record.headers().count()));
    }
    Ok(())
}

/// A batch that was valid has the same records in another codec.
fn rebuild(batch: &BatchView<'_>, compression: Compression) {
    let times = batch.header().attributes.timestamp_type();
    let rebuilt =
        recompress(batch, compression, times, INFLATED_BYTES_MAX, usize::MAX).expect("a valid batch can be rebuilt");
    let rebuilt = BatchView::parse(&rebuilt).expect("a batch");
    rebuilt.check_crc().expect("with its checksum");
    let (mut before, mut after) = (Vec::new(), Vec::new());
    stream(batch, |record| before.push((batch.header().timestamp(record.0), record.1, record.2, record.3)))
        .expect("valid");
    stream(&rebuilt, |record| after.push((rebuilt.header().timestamp(record.0), record.1, record.2, record.3)))
        .expect("rebuilt");
    assert_eq!(before, after);
}
