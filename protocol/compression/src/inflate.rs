//! What a compressed payload inflates to, chunk by chunk.

use crate::{CompressionType, gzip, lz4, snappy, zstandard};

/// Why a payload cannot be inflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InflateError {
    /// The payload breaks the rules of its format.
    #[error("the {compression_type} payload is corrupt: {reason}")]
    Corrupt {
        /// The codec that the payload claims.
        compression_type: CompressionType,
        /// The rule that it breaks.
        reason: &'static str,
    },
    /// The payload ends before its format says that it may.
    #[error("the {compression_type} payload ends early")]
    Truncated {
        /// The codec that the payload claims.
        compression_type: CompressionType,
    },
    /// The payload inflates to more than the bound.
    #[error("the payload inflates to more than {inflated_bytes_max} bytes")]
    TooLarge {
        /// The bound.
        inflated_bytes_max: usize,
    },
}

/// A codec's side of an [`Inflater`]: one chunk after the other.
pub(crate) trait ChunkSource<'a> {
    /// The next chunk, at most `bytes_max` long; `None` at the proper end of the payload. A chunk may be empty. Where
    /// the payload holds more than `bytes_max`, the answer is [`InflateError::TooLarge`] with any number in it.
    fn next_chunk(&mut self, buffer: &mut Vec<u8>, bytes_max: usize) -> Result<Option<Chunk<'a>>, InflateError>;
}

/// Where a chunk lies.
pub(crate) enum Chunk<'a> {
    /// In the compressed payload itself, where it was stored as it is.
    Stored(&'a [u8]),
    /// It is the whole buffer that was passed in.
    Buffered,
}

/// Reads what a compressed payload inflates to, like a `BufRead` with typed errors.
///
/// Not compressed payloads pass through without a copy, so that a reader of records needs one path for all.
pub struct Inflater<'a> {
    source: Source<'a>,
    /// Holds the present chunk where that is not `stored`.
    buffer: Vec<u8>,
    /// The present chunk where it needs no buffer.
    stored: Option<&'a [u8]>,
    /// Bytes of the present chunk that are consumed.
    position: usize,
    /// Bytes of all chunks so far, the present one included.
    inflated_bytes: usize,
    inflated_bytes_max: usize,
}

enum Source<'a> {
    End,
    Gzip(Box<gzip::Gzip<'a>>),
    Snappy(snappy::Snappy<'a>),
    Lz4(lz4::Lz4<'a>),
    Zstd(Box<zstandard::Zstd<'a>>),
}

impl<'a> Inflater<'a> {
    /// Starts to read `payload`, which may inflate to `inflated_bytes_max` bytes.
    pub fn new(
        compression_type: CompressionType,
        payload: &'a [u8],
        inflated_bytes_max: usize,
    ) -> Result<Self, InflateError> {
        let mut stored = None;
        let mut inflated_bytes = 0;
        let source = match compression_type {
            CompressionType::None => {
                if payload.len() > inflated_bytes_max {
                    return Err(InflateError::TooLarge { inflated_bytes_max });
                }
                stored = Some(payload);
                inflated_bytes = payload.len();
                Source::End
            }
            CompressionType::Gzip => Source::Gzip(Box::new(gzip::Gzip::new(payload))),
            CompressionType::Snappy => Source::Snappy(snappy::Snappy::new(payload)),
            CompressionType::Lz4 => Source::Lz4(lz4::Lz4::new(payload)?),
            CompressionType::Zstd => Source::Zstd(Box::new(zstandard::Zstd::new(payload))),
        };
        Ok(Self { source, buffer: Vec::new(), stored, position: 0, inflated_bytes, inflated_bytes_max })
    }

    /// The rest of the present chunk, or the next one; empty only at the end of the payload.
    pub fn fill(&mut self) -> Result<&[u8], InflateError> {
        while self.position == self.chunk().len() {
            let bytes_max = self.inflated_bytes_max - self.inflated_bytes;
            let next = match &mut self.source {
                Source::End => Ok(None),
                Source::Gzip(source) => source.next_chunk(&mut self.buffer, bytes_max),
                Source::Snappy(source) => source.next_chunk(&mut self.buffer, bytes_max),
                Source::Lz4(source) => source.next_chunk(&mut self.buffer, bytes_max),
                Source::Zstd(source) => source.next_chunk(&mut self.buffer, bytes_max),
            };
            let next = next.map_err(|error| self.with_whole_bound(error))?;
            let Some(chunk) = next else {
                self.source = Source::End;
                return Ok(&[]);
            };
            self.stored = match chunk {
                Chunk::Stored(bytes) => Some(bytes),
                Chunk::Buffered => None,
            };
            self.position = 0;
            self.inflated_bytes += self.chunk().len();
            assert!(self.inflated_bytes <= self.inflated_bytes_max);
        }
        Ok(self.rest())
    }

    /// The rest of the present chunk, which is what [`Self::fill`] gave last less what was consumed since.
    pub fn rest(&self) -> &[u8] {
        self.chunk().get(self.position..).unwrap_or_default()
    }

    /// Marks the first `bytes` of [`Self::rest`] as read.
    ///
    /// # Panics
    /// When that is more than there is.
    pub fn consume(&mut self, bytes: usize) {
        assert!(bytes <= self.rest().len(), "only what was given can be consumed");
        self.position += bytes;
    }

    /// Bytes that the payload has inflated to so far, whether consumed or not.
    pub fn inflated_bytes(&self) -> usize {
        self.inflated_bytes
    }

    fn chunk(&self) -> &[u8] {
        self.stored.unwrap_or(&self.buffer)
    }

    fn with_whole_bound(&self, error: InflateError) -> InflateError {
        match error {
            InflateError::TooLarge { .. } => InflateError::TooLarge { inflated_bytes_max: self.inflated_bytes_max },
            InflateError::Corrupt { .. } | InflateError::Truncated { .. } => error,
        }
    }
}

/// All that `payload` inflates to, at most `inflated_bytes_max` bytes. The answer grows as bytes arrive, so that at
/// most about twice what really arrived is reserved.
pub fn inflate(
    compression_type: CompressionType,
    payload: &[u8],
    inflated_bytes_max: usize,
) -> Result<Vec<u8>, InflateError> {
    let mut inflater = Inflater::new(compression_type, payload, inflated_bytes_max)?;
    let mut out = Vec::new();
    loop {
        let chunk = inflater.fill()?;
        if chunk.is_empty() {
            return Ok(out);
        }
        out.extend_from_slice(chunk);
        let bytes = chunk.len();
        inflater.consume(bytes);
    }
}
