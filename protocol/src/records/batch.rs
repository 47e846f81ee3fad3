//! Batches in place: one at the front of some bytes, or many one behind the other.

use super::crc::crc32c;
use super::header::{BATCH_LENGTH_MIN, MAGIC};
use super::reader::{Records, RecordsError};
use super::{BatchHeader, CompressionType, HEADER_BYTES, HeaderPatch, layout};

/// Why bytes are no batch of the v2 format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// The bytes end inside the batch. In a file that was being written this is a torn tail; what is there is not
    /// known to be wrong.
    #[error("the batch needs {bytes_needed} bytes and has {bytes}")]
    Incomplete {
        /// Bytes that are there.
        bytes: usize,
        /// Bytes that the batch takes, or at least takes where its length is not there yet.
        bytes_needed: usize,
    },
    /// The length field holds less than a header takes.
    #[error("the batch has a length of {0}")]
    Length(i32),
    /// A message set of the formats before v2, which Kafka 4 does not take any more (KIP-724).
    #[error("message format v{0} is not supported any more")]
    LegacyMagic(i8),
    /// A format that nobody knows.
    #[error("unknown message format {0}")]
    Magic(i8),
    /// The bytes are not those that the CRC was computed over.
    #[error("the batch's CRC is {stored:#010x}, its bytes give {computed:#010x}")]
    Crc {
        /// As the header has it.
        stored: u32,
        /// As the bytes have it.
        computed: u32,
    },
}

impl BatchError {
    /// Whether more bytes could make a batch of it.
    pub const fn is_incomplete(&self) -> bool {
        matches!(self, Self::Incomplete { .. })
    }
}

/// A batch, whole and in place: its length and format are right, its CRC need not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchView<'a> {
    header: BatchHeader,
    bytes: &'a [u8],
}

impl<'a> BatchView<'a> {
    /// The batch at the front of `bytes`. What follows it does not matter.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, BatchError> {
        let incomplete = |bytes_needed| BatchError::Incomplete { bytes: bytes.len(), bytes_needed };
        // Magic and length are judged as soon as they are there, so that rot at the end does not pass for a torn tail.
        match bytes.get(layout::MAGIC).map(|&magic| magic as i8) {
            None => {}
            Some(MAGIC) => {}
            Some(magic @ 0..=1) => return Err(BatchError::LegacyMagic(magic)),
            Some(magic) => return Err(BatchError::Magic(magic)),
        }
        let length = bytes.get(layout::BATCH_LENGTH..).and_then(<[u8]>::first_chunk);
        let length = i32::from_be_bytes(*length.ok_or(incomplete(HEADER_BYTES))?);
        if length < BATCH_LENGTH_MIN {
            return Err(BatchError::Length(length));
        }
        let size_bytes = layout::LOG_OVERHEAD + length as usize;
        let batch = bytes.get(..size_bytes).ok_or(incomplete(size_bytes))?;
        let header = batch.first_chunk().ok_or(incomplete(size_bytes))?;
        Ok(Self { header: BatchHeader::decode(header), bytes: batch })
    }

    /// The header.
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// The whole batch.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Bytes of the whole batch.
    pub fn size_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// What follows the header: the records, compressed if the attributes say so.
    pub fn payload(&self) -> &'a [u8] {
        self.bytes.get(HEADER_BYTES..).unwrap_or_default()
    }

    /// Whether the bytes are those that the CRC was computed over.
    pub fn crc_is_valid(&self) -> bool {
        self.check_crc().is_ok()
    }

    /// [`BatchError::Crc`] unless the bytes are those that the CRC was computed over.
    pub fn check_crc(&self) -> Result<(), BatchError> {
        let computed = crc32c(self.bytes.get(layout::ATTRIBUTES..).unwrap_or_default());
        let stored = self.header.crc;
        if stored == computed { Ok(()) } else { Err(BatchError::Crc { stored, computed }) }
    }

    /// The records of a batch that is not compressed, in place. [`super::RecordReader`] reads all batches.
    pub fn records(&self) -> Result<Records<'a>, RecordsError> {
        match self.header.attributes.compression_type() {
            Some(CompressionType::None) => Ok(Records::new(self.payload(), self.header.records_count)),
            Some(_) => Err(RecordsError::Compressed),
            None => Err(RecordsError::UnknownCompression(self.header.attributes.compression_id())),
        }
    }

    /// The header to write in front of the untouched [`Self::payload`] when the batch gets its place in a log.
    pub fn patched_header(&self, patch: HeaderPatch) -> [u8; HEADER_BYTES] {
        self.header.patched(patch).encode()
    }
}

/// Where and why a sequence of batches breaks off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at byte {position}: {error}")]
pub struct BatchesError {
    /// Where the batch starts that is none; everything before it is batches.
    pub position: usize,
    /// What is wrong with it.
    pub error: BatchError,
}

/// Walks over batches one behind the other. CRCs are not looked at: who needs them checks each batch.
pub fn batches(bytes: &[u8]) -> Batches<'_> {
    Batches { rest: bytes, position: 0 }
}

/// See [`batches`]. After an error there is nothing more.
#[derive(Clone, Debug)]
pub struct Batches<'a> {
    rest: &'a [u8],
    position: usize,
}

impl Batches<'_> {
    /// Bytes of the batches so far.
    pub fn position(&self) -> usize {
        self.position
    }
}

impl<'a> Iterator for Batches<'a> {
    type Item = Result<BatchView<'a>, BatchesError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        match BatchView::parse(self.rest) {
            Ok(batch) => {
                self.rest = self.rest.get(batch.size_bytes()..).unwrap_or_default();
                self.position += batch.size_bytes();
                Some(Ok(batch))
            }
            Err(error) => {
                self.rest = &[];
                Some(Err(BatchesError { position: self.position, error }))
            }
        }
    }
}
