//! Each codec there and back, with what other writers make, and with what attackers make.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write;

use grete_compression::{Compression, CompressionType, InflateError, compress, inflate};
use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};
use proptest::prelude::*;
use zstd_safe::{CCtx, CParameter, InBuffer, OutBuffer, zstd_sys::ZSTD_EndDirective};

const CODECS: [CompressionType; 4] =
    [CompressionType::Gzip, CompressionType::Snappy, CompressionType::Lz4, CompressionType::Zstd];

fn compressed(compression: impl Into<Compression>, input: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    compress(compression.into(), input, &mut out);
    out
}

/// Bytes that compress, but not to nothing.
fn text(bytes: usize) -> Vec<u8> {
    (0..bytes as u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 27) as u8 ^ (index / 1000) as u8).collect()
}

/// Bytes that do not compress.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..bytes).map(|_| next()).collect()
}

#[test]
fn all_sizes_come_back_within_exactly_their_bound() {
    for compression_type in CompressionType::ALL {
        for bytes in [0, 1, 100, 32_767, 32_768, 32_769, 65_535, 65_536, 65_537, 300_000] {
            for input in [text(bytes), noise(bytes), vec![0; bytes]] {
                let payload = compressed(compression_type, &input);
                assert_eq!(inflate(compression_type, &payload, bytes).unwrap(), input);
                if let Some(inflated_bytes_max) = bytes.checked_sub(1) {
                    let error = InflateError::TooLarge { inflated_bytes_max };
                    assert_eq!(inflate(compression_type, &payload, inflated_bytes_max), Err(error));
                }
            }
        }
    }
}

#[test]
fn all_levels_come_back() {
    let input = text(100_000);
    for (compression_type, levels) in [
        (CompressionType::Gzip, vec![-1, 1, 6, 9]),
        (CompressionType::Lz4, vec![1, 9, 17]),
        (CompressionType::Zstd, vec![-131_072, -5, 1, 3, 19, 22]),
    ] {
        for level in levels {
            let payload = compressed(Compression::with_level(compression_type, level).unwrap(), &input);
            assert_eq!(inflate(compression_type, &payload, 1 << 20).unwrap(), input);
        }
    }
    let size = |level| compressed(Compression::with_level(CompressionType::Gzip, level).unwrap(), &input).len();
    assert!(size(9) < size(1), "levels have an effect");
}

/// Contexts are kept from one payload to the next, which must not show: simulated runs are compared byte by byte.
#[test]
fn what_was_compressed_before_does_not_matter() {
    let inputs = [text(100_000), noise(5000), text(10), vec![1; 70_000], text(99_999), text(400_000)];
    for compression_type in CODECS {
        for input in inputs.iter().chain(&inputs) {
            let here = compressed(compression_type, input);
            let fresh = std::thread::scope(|scope| scope.spawn(|| compressed(compression_type, input)).join().unwrap());
            assert!(here == fresh, "{compression_type}, {} bytes", input.len());
        }
    }
}

#[test]
fn a_payload_that_is_cut_is_never_taken_for_whole() {
    let input = text(200_000);
    for compression_type in CODECS {
        let payload = compressed(compression_type, &input);
        let step = if payload.len() > 20_000 { 97 } else { 1 };
        for end in (0..payload.len()).step_by(step) {
            match inflate(compression_type, &payload[..end], 1 << 20) {
                Err(_) => {}
                // Framed snappy has no end mark: a cut between blocks shows only in the records.
                Ok(inflated) => {
                    assert_eq!(compression_type, CompressionType::Snappy);
                    assert!(inflated.len() < input.len() && input.starts_with(&inflated));
                }
            }
        }
    }
}

#[test]
fn gzip_that_ends_early_is_told_from_gzip_that_is_wrong() {
    let payload = compressed(CompressionType::Gzip, &text(1000));
    let cut = inflate(CompressionType::Gzip, &payload[..payload.len() - 9], 1 << 20);
    assert_eq!(cut, Err(InflateError::Truncated { compression_type: CompressionType::Gzip }));
    let mut wrong = payload;
    // The checksum, which four bytes of length follow.
    let checksum = wrong.len() - 8;
    wrong[checksum] ^= 1;
    let wrong = inflate(CompressionType::Gzip, &wrong, 1 << 20);
    assert!(matches!(wrong, Err(InflateError::Corrupt { .. })), "{wrong:?}");
}

#[test]
fn what_other_writers_put_one_behind_the_other_is_read_as_one() {
    let (first, second) = (text(70_000), noise(3000));
    for compression_type in [CompressionType::Gzip, CompressionType::Snappy, CompressionType::Zstd] {
        let payload = [compressed(compression_type, &first), compressed(compression_type, &second)].concat();
        assert_eq!(inflate(compression_type, &payload, 1 << 20).unwrap(), [&first[..], &second].concat());
    }
    for compression_type in [CompressionType::Gzip, CompressionType::Lz4, CompressionType::Zstd] {
        let payload = [&compressed(compression_type, &first)[..], b"junk behind the end"].concat();
        let error = inflate(compression_type, &payload, 1 << 20).unwrap_err();
        assert!(!matches!(error, InflateError::TooLarge { .. }), "{error}");
    }
}

#[test]
fn bare_snappy_is_read() {
    let input = text(100_000);
    let payload = snap::raw::Encoder::new().compress_vec(&input).unwrap();
    assert_eq!(inflate(CompressionType::Snappy, &payload, input.len()).unwrap(), input);
    let error = InflateError::TooLarge { inflated_bytes_max: 99_999 };
    assert_eq!(inflate(CompressionType::Snappy, &payload, 99_999), Err(error));
}

fn lz4_frame(info: FrameInfo, input: &[u8]) -> Vec<u8> {
    let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(input).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn lz4_frames_follow_kafkas_rules() {
    let input = [text(300_000), noise(70_000)].concat();
    let independent = FrameInfo::new().block_mode(BlockMode::Independent);
    for block_size in [BlockSize::Max64KB, BlockSize::Max256KB, BlockSize::Max1MB, BlockSize::Max4MB] {
        for checksums in [false, true] {
            let info = independent
                .clone()
                .block_size(block_size)
                .block_checksums(checksums)
                .content_checksum(checksums)
                .content_size(checksums.then_some(input.len() as u64));
            let payload = lz4_frame(info, &input);
            assert_eq!(inflate(CompressionType::Lz4, &payload, 1 << 20).unwrap(), input);
        }
    }
    let corrupt = |payload: &[u8]| match inflate(CompressionType::Lz4, payload, 1 << 20) {
        Err(InflateError::Corrupt { reason, .. }) => reason,
        other => panic!("{other:?}"),
    };
    let linked = lz4_frame(FrameInfo::new().block_mode(BlockMode::Linked), &input);
    assert_eq!(corrupt(&linked), "its blocks depend on each other");
    let mut checked = lz4_frame(independent.clone().block_checksums(true).content_checksum(true), &input);
    let last = checked.len() - 1;
    checked[last] ^= 1;
    assert_eq!(inflate(CompressionType::Lz4, &checked, 1 << 20).unwrap(), input, "Kafka passes over it");
    checked[20] ^= 1;
    assert_eq!(corrupt(&checked), "the checksum of a block is wrong");
    let mut descriptor = lz4_frame(independent, &input);
    descriptor[6] ^= 1;
    assert_eq!(corrupt(&descriptor), "the checksum of its descriptor is wrong");
}

/// A frame whose writer did not know the content's size, as Java's clients write them.
fn zstd_stream(window_log: u32, input: &[u8]) -> Vec<u8> {
    let mut context = CCtx::create();
    context.set_parameter(CParameter::WindowLog(window_log)).unwrap();
    let mut out = Vec::with_capacity(zstd_safe::compress_bound(input.len()) + 64);
    for (part, directive) in [(input, ZSTD_EndDirective::ZSTD_e_flush), (&[][..], ZSTD_EndDirective::ZSTD_e_end)] {
        let written = out.len();
        let mut input = InBuffer::around(part);
        assert_eq!(
            context.compress_stream2(&mut OutBuffer::around_pos(&mut out, written), &mut input, directive),
            Ok(0)
        );
    }
    out
}

#[test]
fn zstd_windows_larger_than_granted_are_inflated_all_the_same() {
    for window_log in [10, 23, 24, 27] {
        for bytes in [0, 10, 262_144, 262_145, 1_000_000] {
            let input = text(bytes);
            let payload = zstd_stream(window_log, &input);
            assert_eq!(inflate(CompressionType::Zstd, &payload, bytes).unwrap(), input);
            if let Some(inflated_bytes_max) = bytes.checked_sub(1) {
                let error = InflateError::TooLarge { inflated_bytes_max };
                assert_eq!(inflate(CompressionType::Zstd, &payload, inflated_bytes_max), Err(error));
            }
            // A frame with a small window may come before.
            let both = [zstd_stream(10, &input), payload].concat();
            assert_eq!(inflate(CompressionType::Zstd, &both, 2 * bytes).unwrap(), [&input[..], &input].concat());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damage_and_nonsense_never_panic_nor_exceed_the_bound(
        compression_type in prop::sample::select(CODECS.to_vec()),
        bytes in 0..90_000_usize,
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1..=255_u8), 1..4),
        nonsense in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let mut payload = compressed(compression_type, &text(bytes));
        let length = payload.len();
        for (index, mask) in flips {
            payload[index.index(length)] ^= mask;
        }
        if let Ok(inflated) = inflate(compression_type, &payload, 100_000) {
            prop_assert!(inflated.len() <= 100_000);
        }
        let _ = inflate(compression_type, &nonsense, 100_000);
        // The same behind a proper start.
        payload.truncate(20);
        payload.extend_from_slice(&nonsense);
        let _ = inflate(compression_type, &payload, 100_000);
    }
}
