//! Gzip: RFC 1952, any number of members one behind the other, as Java's `GZIPInputStream` reads them.

use std::io::{ErrorKind, Read};

use flate2::bufread::MultiGzDecoder;

use crate::inflate::{Chunk, ChunkSource, InflateError};
use crate::{Compression, CompressionType};

/// Inflated bytes in one chunk, at most.
const CHUNK_BYTES: usize = 32 * 1024;

pub(crate) struct Gzip<'a> {
    decoder: MultiGzDecoder<&'a [u8]>,
}

impl<'a> Gzip<'a> {
    pub(crate) fn new(payload: &'a [u8]) -> Self {
        Self { decoder: MultiGzDecoder::new(payload) }
    }
}

impl<'a> ChunkSource<'a> for Gzip<'a> {
    fn next_chunk(&mut self, buffer: &mut Vec<u8>, bytes_max: usize) -> Result<Option<Chunk<'a>>, InflateError> {
        read_chunk(&mut self.decoder, buffer, CHUNK_BYTES, bytes_max, CompressionType::Gzip)
    }
}

/// Reads at most `chunk_bytes` from `reader` into `buffer`; one byte above `bytes_max` is an error.
pub(crate) fn read_chunk<'a>(
    reader: &mut impl Read,
    buffer: &mut Vec<u8>,
    chunk_bytes: usize,
    bytes_max: usize,
    compression_type: CompressionType,
) -> Result<Option<Chunk<'a>>, InflateError> {
    // With room for one byte more than allowed, "exactly as much as allowed" and "more" look different.
    buffer.resize(chunk_bytes.min(bytes_max.saturating_add(1)), 0);
    let bytes = loop {
        match reader.read(buffer) {
            Ok(bytes) => break bytes,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                return Err(InflateError::Truncated { compression_type });
            }
            Err(_) => {
                return Err(InflateError::Corrupt { compression_type, reason: "the decoder refuses it" });
            }
        }
    };
    buffer.truncate(bytes);
    if bytes == 0 {
        Ok(None)
    } else if bytes > bytes_max {
        Err(InflateError::TooLarge { inflated_bytes_max: bytes_max })
    } else {
        Ok(Some(Chunk::Buffered))
    }
}

pub(crate) fn compress(compression: Compression, input: &[u8], out: &mut Vec<u8>) {
    let level = match u32::try_from(compression.level()) {
        Ok(level) => flate2::Compression::new(level),
        Err(_) => flate2::Compression::default(),
    };
    flate2::bufread::GzEncoder::new(input, level).read_to_end(out).expect("a slice as the source cannot fail");
}
