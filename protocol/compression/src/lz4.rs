//! LZ4: the frame format, by the rules of Kafka's own reader: one frame, independent blocks, the checksums of the
//! descriptor and of the blocks verified. The checksum over the content is passed over as Kafka passes over it: the
//! batch's CRC covers the same bytes, and some clients never got it right.
//!
//! ```text
//! 04 22 4d 18 | FLG | BD | content size u64? | header checksum u8 | blocks | 00 00 00 00 | content checksum u32?
//! block: length u32 (highest bit: stored, not compressed) | bytes | block checksum u32?     all little-endian
//! ```

use lz4_flex::block::{compress_into, decompress_into, get_maximum_output_size};
use twox_hash::XxHash32;

use crate::CompressionType;
use crate::inflate::{Chunk, ChunkSource, InflateError};

const MAGIC: [u8; 4] = 0x184D_2204_u32.to_le_bytes();
const FLG_VERSION_MASK: u8 = 0b1100_0000;
const FLG_VERSION: u8 = 0b0100_0000;
const FLG_INDEPENDENT: u8 = 0b0010_0000;
const FLG_BLOCK_CHECKSUM: u8 = 0b0001_0000;
const FLG_CONTENT_SIZE: u8 = 0b0000_1000;
const FLG_CONTENT_CHECKSUM: u8 = 0b0000_0100;
const FLG_RESERVED_MASK: u8 = 0b0000_0011;
/// 64 KiB, the block size of Java's clients.
const BD_64_KIB: u8 = 4 << 4;
const BLOCK_BYTES: usize = 64 * 1024;
const STORED: u32 = 0x8000_0000;
/// A byte of a block stands for at most this many: the longest match is spelt in steps of 255.
const EXPANSION_MAX: usize = 255;

pub(crate) struct Lz4<'a> {
    rest: &'a [u8],
    block_bytes_max: usize,
    has_block_checksums: bool,
    has_content_checksum: bool,
    ended: bool,
}

impl<'a> Lz4<'a> {
    pub(crate) fn new(payload: &'a [u8]) -> Result<Self, InflateError> {
        let (magic, descriptor) = payload.split_first_chunk::<4>().ok_or(TRUNCATED)?;
        if *magic != MAGIC {
            return Err(corrupt("it is no LZ4 frame"));
        }
        let &[flg, bd, ..] = descriptor else {
            return Err(TRUNCATED);
        };
        if flg & FLG_VERSION_MASK != FLG_VERSION || flg & FLG_RESERVED_MASK != 0 {
            return Err(corrupt("its frame version is not known"));
        }
        if flg & FLG_INDEPENDENT == 0 {
            return Err(corrupt("its blocks depend on each other"));
        }
        let block_bytes_max = match (bd & 0b1000_1111, bd >> 4) {
            (0, size @ 4..=7) => 1 << (2 * size + 8),
            _ => return Err(corrupt("its block size is not known")),
        };
        let descriptor_bytes = if flg & FLG_CONTENT_SIZE != 0 { 10 } else { 2 };
        let (descriptor, rest) = descriptor.split_at_checked(descriptor_bytes).ok_or(TRUNCATED)?;
        let (&checksum, rest) = rest.split_first().ok_or(TRUNCATED)?;
        if checksum != header_checksum(descriptor) {
            return Err(corrupt("the checksum of its descriptor is wrong"));
        }
        Ok(Self {
            rest,
            block_bytes_max,
            has_block_checksums: flg & FLG_BLOCK_CHECKSUM != 0,
            has_content_checksum: flg & FLG_CONTENT_CHECKSUM != 0,
            ended: false,
        })
    }

    fn take_u32(&mut self) -> Result<u32, InflateError> {
        let (bytes, rest) = self.rest.split_first_chunk::<4>().ok_or(TRUNCATED)?;
        self.rest = rest;
        Ok(u32::from_le_bytes(*bytes))
    }

    fn end(&mut self) -> Result<(), InflateError> {
        self.ended = true;
        if self.has_content_checksum {
            self.take_u32()?;
        }
        if self.rest.is_empty() { Ok(()) } else { Err(corrupt("bytes follow its end mark")) }
    }
}

impl<'a> ChunkSource<'a> for Lz4<'a> {
    fn next_chunk(&mut self, buffer: &mut Vec<u8>, bytes_max: usize) -> Result<Option<Chunk<'a>>, InflateError> {
        if self.ended {
            return Ok(None);
        }
        let length = self.take_u32()?;
        let (stored, length) = (length & STORED != 0, (length & !STORED) as usize);
        if length == 0 {
            self.end()?;
            return Ok(None);
        }
        if length > self.block_bytes_max {
            return Err(corrupt("a block is longer than its frame allows"));
        }
        let (block, rest) = self.rest.split_at_checked(length).ok_or(TRUNCATED)?;
        self.rest = rest;
        if self.has_block_checksums && self.take_u32()? != XxHash32::oneshot(0, block) {
            return Err(corrupt("the checksum of a block is wrong"));
        }
        if stored {
            return if length > bytes_max { Err(TOO_LARGE) } else { Ok(Some(Chunk::Stored(block))) };
        }
        let bytes_possible = self.block_bytes_max.min(length.saturating_mul(EXPANSION_MAX));
        buffer.resize(bytes_possible, 0);
        let bytes = decompress_into(block, buffer).map_err(|_| corrupt("a block does not decode"))?;
        buffer.truncate(bytes);
        if bytes > bytes_max { Err(TOO_LARGE) } else { Ok(Some(Chunk::Buffered)) }
    }
}

const TRUNCATED: InflateError = InflateError::Truncated { compression_type: CompressionType::Lz4 };
/// The bound is filled in by the inflater, which knows it.
const TOO_LARGE: InflateError = InflateError::TooLarge { inflated_bytes_max: 0 };

const fn corrupt(reason: &'static str) -> InflateError {
    InflateError::Corrupt { compression_type: CompressionType::Lz4, reason }
}

/// The second byte of the hash of the descriptor behind the magic. (Batches before v2 hashed the magic too.)
fn header_checksum(descriptor: &[u8]) -> u8 {
    (XxHash32::oneshot(0, descriptor) >> 8) as u8
}

pub(crate) fn compress(input: &[u8], out: &mut Vec<u8>) {
    let descriptor = [FLG_VERSION | FLG_INDEPENDENT, BD_64_KIB];
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&descriptor);
    out.push(header_checksum(&descriptor));
    let mut compressed = vec![0; get_maximum_output_size(input.len().min(BLOCK_BYTES))];
    for block in input.chunks(BLOCK_BYTES) {
        let bytes = compress_into(block, &mut compressed).expect("the room is the format's maximum");
        match compressed.get(..bytes) {
            Some(compressed) if bytes < block.len() => {
                out.extend_from_slice(&(bytes as u32).to_le_bytes());
                out.extend_from_slice(compressed);
            }
            _ => {
                out.extend_from_slice(&(block.len() as u32 | STORED).to_le_bytes());
                out.extend_from_slice(block);
            }
        }
    }
    out.extend_from_slice(&[0; 4]);
}
