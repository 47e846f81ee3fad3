//! What is reserved while attackers' payloads are inflated. A test of its own, since it counts for the whole process.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use grete_compression::{CompressionType, InflateError, compress, inflate};

/// Counts what is allocated through Rust: all but zstd's own contexts.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(now, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes reserved at the most while `payload` is inflated.
fn peak(compression_type: CompressionType, payload: &[u8], bytes_max: usize) -> (usize, Result<usize, InflateError>) {
    let before = NOW.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let result = inflate(compression_type, payload, bytes_max).map(|inflated| inflated.len());
    (PEAK.load(Ordering::Relaxed) - before, result)
}

#[test]
fn memory_follows_what_arrives_and_the_bound() {
    const BOUND: usize = 1 << 20;
    let bomb = vec![0_u8; 64 << 20];
    for compression_type in
        [CompressionType::Gzip, CompressionType::Snappy, CompressionType::Lz4, CompressionType::Zstd]
    {
        let mut payload = Vec::new();
        compress(compression_type.into(), &bomb, &mut payload);
        let (bytes, result) = peak(compression_type, &payload, BOUND);
        assert_eq!(result, Err(InflateError::TooLarge { inflated_bytes_max: BOUND }));
        // A vector that doubles holds the old and the new half at once.
        assert!(bytes <= 3 * BOUND, "{compression_type}: {bytes} bytes for a bomb");

        let mut payload = Vec::new();
        compress(compression_type.into(), &[7; 100], &mut payload);
        let (bytes, result) = peak(compression_type, &payload, usize::MAX);
        assert_eq!(result, Ok(100));
        assert!(bytes <= 128 * 1024, "{compression_type}: {bytes} bytes for 100");
    }

    // Lengths that are announced and not kept.
    let xerial = b"\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01";
    let lz4_of_4_mib = [0x04, 0x22, 0x4d, 0x18, 0x60, 0x70, 0x73, 0xff, 0xff, 0x3f, 0x00, 1, 2, 3];
    for (compression_type, payload) in [
        (CompressionType::Snappy, &[0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0][..]),
        (CompressionType::Snappy, &[&xerial[..], &[0x7f, 0xff, 0xff, 0xff, 1]].concat()),
        (CompressionType::Snappy, &[&xerial[..], &[0, 0, 0, 6, 0xff, 0xff, 0xff, 0xff, 0x0f, 0]].concat()),
        (CompressionType::Lz4, &lz4_of_4_mib),
        // A window of 128 MiB and a content of 2^62 bytes, of which nothing comes.
        (CompressionType::Zstd, &[0x28, 0xb5, 0x2f, 0xfd, 0xc0, 0x88, 0, 0, 0, 0, 0, 0, 0, 0x40, 1, 0, 0]),
        (CompressionType::Zstd, &[0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x88, 0x05, 0, 0]),
    ] {
        let (bytes, result) = peak(compression_type, payload, 1 << 30);
        result.unwrap_err();
        assert!(bytes <= 512 * 1024, "{compression_type}: {bytes} bytes for {} that lie", payload.len());
    }
}
