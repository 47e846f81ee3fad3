//! How fast batches are read, checked, inflated and made: `cargo run --release -p grete-protocol --example throughput`.
//!
//! One thread, data that compress about 3:1, the best of several runs; throughput counts inflated bytes.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement for people to read")]

use std::array;
use std::hint::black_box;
use std::iter::empty;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use bytes::Bytes;
use grete_compression::inflate;
use grete_protocol::records::{
    BatchBuilder, BatchOptions, BatchView, Compression, CompressionType, HeaderPatch, ProduceRules, TimestampType,
    recompress, validate_records,
};

const NOW: i64 = 1_700_000_000_000;
const VALUE_BYTES: usize = 100;

fn main() {
    for size_bytes_max in [1 << 10, 16 << 10, 1 << 20] {
        println!("batches of {size_bytes_max} bytes, records with values of {VALUE_BYTES}");
        let plain = batch(size_bytes_max, Compression::NONE);
        let records = BatchView::parse(&plain).unwrap().header().records_count;
        report("parse and CRC", plain.len(), 1, || BatchView::parse(&plain).unwrap().crc_is_valid());
        let view = BatchView::parse(&plain).unwrap();
        let max_timestamp = Some((TimestampType::LogAppendTime, NOW + 1));
        let patch = HeaderPatch { base_offset: 1, partition_leader_epoch: 1, max_timestamp };
        report("patch the timestamp", plain.len(), 1, || view.patched_header(patch));
        report("walk over records", plain.len(), records, || view.records().unwrap().map(Result::unwrap).count());
        report("validate records", plain.len(), records, || validate_records(&view, &rules(), NOW).unwrap());
        report("build", plain.len(), records, || batch(size_bytes_max, Compression::NONE));
        for compression_type in &CompressionType::ALL[1..] {
            let compressed = batch(size_bytes_max, (*compression_type).into());
            let view = BatchView::parse(&compressed).unwrap();
            println!("  {compression_type}, {:.2}:1", plain.len() as f64 / compressed.len() as f64);
            report("inflate", plain.len(), 1, || inflate(*compression_type, view.payload(), 1 << 30).unwrap());
            report("validate records", plain.len(), records, || validate_records(&view, &rules(), NOW).unwrap());
            let plain_view = BatchView::parse(&plain).unwrap();
            report("recompress to it", plain.len(), records, || {
                recompress(
                    &plain_view,
                    (*compression_type).into(),
                    plain_view.header().attributes.timestamp_type(),
                    1 << 30,
                    1 << 30,
                )
                .unwrap()
            });
        }
    }
}

fn rules() -> ProduceRules {
    ProduceRules {
        batch_bytes_max: 1 << 30,
        inflated_bytes_max: 1 << 30,
        timestamp_type: TimestampType::CreateTime,
        timestamp_before_max_ms: i64::MAX,
        timestamp_after_max_ms: 3_600_000,
        is_compacted: true,
        compression_type: None,
    }
}

fn batch(size_bytes_max: usize, compression: Compression) -> Bytes {
    let values = VALUES.get_or_init(values);
    let mut builder = BatchBuilder::new(BatchOptions { size_bytes_max, compression, ..BatchOptions::default() });
    for value in values.iter().cycle() {
        if builder.try_append(NOW, Some(b"a key"), Some(value), empty()).is_err() {
            break;
        }
    }
    builder.build()
}

static VALUES: OnceLock<Vec<[u8; VALUE_BYTES]>> = OnceLock::new();

fn values() -> Vec<[u8; VALUE_BYTES]> {
    let mut state = 1_u64;
    let mut byte = |index: usize| {
        if index.is_multiple_of(3) {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        }
        b'a' + (state >> 60) as u8
    };
    (0..10_000).map(|_| array::from_fn(&mut byte)).collect()
}

fn report<T>(what: &str, bytes: usize, records: i32, mut run: impl FnMut() -> T) {
    let rounds = (8_usize << 20).div_ceil(bytes).min(2000) as u32;
    let best = (0..7)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..rounds {
                black_box(run());
            }
            start.elapsed() / rounds
        })
        .min()
        .unwrap_or(Duration::MAX);
    let gigabytes = bytes as f64 / best.as_secs_f64() / 1e9;
    let each = best.as_nanos() as f64 / f64::from(records);
    println!("    {what:20} {best:>10.1?}  {gigabytes:8.2} GB/s  {each:9.1} ns each");
}
