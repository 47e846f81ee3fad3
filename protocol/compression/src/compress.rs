//! Making compressed payloads.

use crate::{Compression, CompressionType, gzip, lz4, snappy, zstandard};

/// Appends `input` to `out` as a payload of `compression`, in the framing that Kafka's own clients write.
pub fn compress(compression: Compression, input: &[u8], out: &mut Vec<u8>) {
    match compression.compression_type() {
        CompressionType::None => out.extend_from_slice(input),
        CompressionType::Gzip => gzip::compress(compression, input, out),
        CompressionType::Snappy => snappy::compress(input, out),
        CompressionType::Lz4 => lz4::compress(input, out),
        CompressionType::Zstd => zstandard::compress(compression, input, out),
    }
}
