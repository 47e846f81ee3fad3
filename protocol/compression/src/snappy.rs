//! Snappy: blocks in the framing of snappy-java, which Java's clients write, or one bare block, which librdkafka and
//! others write. Kafka's brokers and clients read both.
//!
//! The framing: `82 "SNAPPY" 00`, version and lowest compatible version as big-endian `i32`, and then blocks, each
//! behind its compressed length as big-endian `i32`. Streams may follow each other, each with its own header.

use snap::raw::{Decoder, Encoder, decompress_len, max_compress_len};

use crate::CompressionType;
use crate::inflate::{Chunk, ChunkSource, InflateError};

const MAGIC: [u8; 8] = *b"\x82SNAPPY\x00";
/// Magic and the two versions.
const HEADER_BYTES: usize = 16;
/// The version that snappy-java writes, and the lowest that it reads.
const VERSION: i32 = 1;
/// Bytes in a block that we write: snappy-java's default.
const BLOCK_BYTES: usize = 32 * 1024;
/// No element of the format yields more than this many bytes for each of its own (a copy of 64 in three).
const EXPANSION_MAX: usize = 22;

pub(crate) struct Snappy<'a> {
    rest: &'a [u8],
    framed: bool,
    ended: bool,
}

impl<'a> Snappy<'a> {
    pub(crate) fn new(payload: &'a [u8]) -> Self {
        Self { rest: payload, framed: payload.starts_with(&MAGIC), ended: false }
    }

    /// The next block, behind any headers; `None` at the end.
    fn next_block(&mut self) -> Result<Option<&'a [u8]>, InflateError> {
        if self.ended {
            return Ok(None);
        }
        if !self.framed {
            self.ended = true;
            return Ok(Some(self.rest));
        }
        while self.rest.starts_with(&MAGIC) {
            let (header, rest) = self.rest.split_first_chunk::<HEADER_BYTES>().ok_or(TRUNCATED)?;
            let &[_, _, _, _, _, _, _, _, a, b, c, d, ..] = header;
            if i32::from_be_bytes([a, b, c, d]) < VERSION {
                return Err(corrupt("its version is not known"));
            }
            self.rest = rest;
        }
        if self.rest.is_empty() {
            self.ended = true;
            return Ok(None);
        }
        let (length, rest) = self.rest.split_first_chunk::<4>().ok_or(TRUNCATED)?;
        let length =
            usize::try_from(i32::from_be_bytes(*length)).map_err(|_| corrupt("a block's length is negative"))?;
        let (block, rest) = rest.split_at_checked(length).ok_or(TRUNCATED)?;
        self.rest = rest;
        Ok(Some(block))
    }
}

impl<'a> ChunkSource<'a> for Snappy<'a> {
    fn next_chunk(&mut self, buffer: &mut Vec<u8>, bytes_max: usize) -> Result<Option<Chunk<'a>>, InflateError> {
        let Some(block) = self.next_block()? else {
            return Ok(None);
        };
        let bytes = decompress_len(block).map_err(|_| corrupt("a block announces no length"))?;
        if block.is_empty() {
            return Err(TRUNCATED);
        }
        if bytes > block.len().saturating_mul(EXPANSION_MAX) {
            return Err(corrupt("a block announces more than it can hold"));
        }
        if bytes > bytes_max {
            return Err(InflateError::TooLarge { inflated_bytes_max: bytes_max });
        }
        buffer.resize(bytes, 0);
        let written = Decoder::new().decompress(block, buffer).map_err(|_| corrupt("a block does not decode"))?;
        buffer.truncate(written);
        Ok(Some(Chunk::Buffered))
    }
}

const TRUNCATED: InflateError = InflateError::Truncated { compression_type: CompressionType::Snappy };

const fn corrupt(reason: &'static str) -> InflateError {
    InflateError::Corrupt { compression_type: CompressionType::Snappy, reason }
}

pub(crate) fn compress(input: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&VERSION.to_be_bytes());
    out.extend_from_slice(&VERSION.to_be_bytes());
    let mut encoder = Encoder::new();
    let mut compressed = vec![0; max_compress_len(input.len().min(BLOCK_BYTES))];
    for block in input.chunks(BLOCK_BYTES) {
        let bytes = encoder.compress(block, &mut compressed).expect("the room is the format's maximum");
        out.extend_from_slice(&(bytes as i32).to_be_bytes());
        out.extend_from_slice(compressed.get(..bytes).unwrap_or_default());
    }
}
