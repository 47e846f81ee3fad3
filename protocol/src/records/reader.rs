//! Records one after the other: in place where nothing is compressed, else as they come out of the codec.

use alloc::vec::Vec;

use grete_compression::{InflateError, Inflater};
use grete_wire::varint::{self, VarintError};

use super::{BatchView, RecordError, RecordView};

/// Why the records of a batch cannot be read to their end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordsError {
    /// The attributes name a compression type that Kafka does not define.
    #[error("unknown compression type {0}")]
    UnknownCompression(u8),
    /// Records were to be read in place, but are compressed.
    #[error("the records are compressed")]
    Compressed,
    /// The records count of the header is negative.
    #[error("the batch counts {0} records")]
    Count(i32),
    /// The payload does not inflate.
    #[error(transparent)]
    Inflate(#[from] InflateError),
    /// A record is malformed.
    #[error("record {index}: {error}")]
    Record {
        /// The record's place in the batch.
        index: i32,
        /// What is wrong with it.
        error: RecordError,
    },
    /// The records end before the header's count.
    #[error("the batch ends after {records} of {records_count} records")]
    Missing {
        /// Records that are there.
        records: i32,
        /// Records that the header counts.
        records_count: i32,
    },
    /// Bytes follow the last record that the header counts.
    #[error("bytes follow the last record")]
    Trailing,
}

/// Records that are not compressed, in place; nothing is allocated. The first error is the last item, and so is the
/// finding that the records are more or fewer than counted.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    rest: &'a [u8],
    records: i32,
    records_count: i32,
    ended: bool,
}

impl<'a> Records<'a> {
    /// The `records_count` records that fill `bytes`.
    pub fn new(bytes: &'a [u8], records_count: i32) -> Self {
        Self { rest: bytes, records: 0, records_count, ended: false }
    }

    fn take(&mut self) -> Result<Option<RecordView<'a>>, RecordsError> {
        if !check_progress(self.records, self.records_count, self.rest.is_empty())? {
            return Ok(None);
        }
        let index = self.records;
        let record = RecordView::take(&mut self.rest).map_err(|error| RecordsError::Record { index, error })?;
        self.records += 1;
        Ok(Some(record))
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<RecordView<'a>, RecordsError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.take();
        self.ended = !matches!(next, Ok(Some(_)));
        next.transpose()
    }
}

/// Reads the records of any batch, compressed or not, one at a time.
///
/// Compressed records are inflated as they are read. Held at once are the present chunk of the codec and, where a
/// record crosses chunks, that record.
pub struct RecordReader<'a> {
    inflater: Inflater<'a>,
    /// The record given last, where it lies at the front of the chunk: it is consumed when the next one is asked for.
    given_bytes: usize,
    /// A record that crosses chunks.
    crossing: Vec<u8>,
    records: i32,
    records_count: i32,
}

impl<'a> RecordReader<'a> {
    /// Starts to read the records of `batch`, which may inflate to `inflated_bytes_max` bytes.
    pub fn new(batch: &BatchView<'a>, inflated_bytes_max: usize) -> Result<Self, RecordsError> {
        let header = batch.header();
        let compression_type = header
            .attributes
            .compression_type()
            .ok_or(RecordsError::UnknownCompression(header.attributes.compression_id()))?;
        let inflater = Inflater::new(compression_type, batch.payload(), inflated_bytes_max)?;
        Ok(Self { inflater, given_bytes: 0, crossing: Vec::new(), records: 0, records_count: header.records_count })
    }

    /// The next record; `None` after as many as the header counts, if nothing follows them. After an error the reader
    /// is of no more use.
    #[expect(clippy::should_implement_trait, reason = "a record lives until the next one is asked for")]
    pub fn next(&mut self) -> Result<Option<RecordView<'_>>, RecordsError> {
        self.inflater.consume(core::mem::take(&mut self.given_bytes));
        let chunk = self.inflater.fill()?;
        if !check_progress(self.records, self.records_count, chunk.is_empty())? {
            return Ok(None);
        }
        let index = self.records;
        let at = |error| RecordsError::Record { index, error };
        let size_bytes = record_size_bytes(chunk);
        self.records += 1;
        let mut bytes = match size_bytes {
            Ok(size_bytes) if size_bytes <= chunk.len() => {
                self.given_bytes = size_bytes;
                self.inflater.rest()
            }
            Ok(_) | Err(RecordError::Varint(VarintError::Truncated)) => {
                self.gather().map_err(|error| match error {
                    GatherError::Inflate(error) => RecordsError::Inflate(error),
                    GatherError::Record(error) => at(error),
                })?;
                &self.crossing[..]
            }
            Err(error) => return Err(at(error)),
        };
        RecordView::take(&mut bytes).map(Some).map_err(at)
    }

    /// Bytes that the payload has inflated to so far.
    pub fn inflated_bytes(&self) -> usize {
        self.inflater.inflated_bytes()
    }

    /// Collects the next record from as many chunks as it takes.
    fn gather(&mut self) -> Result<(), GatherError> {
        self.crossing.clear();
        loop {
            let missing = match record_size_bytes(&self.crossing) {
                Ok(size_bytes) if size_bytes <= self.crossing.len() => return Ok(()),
                Ok(size_bytes) => size_bytes - self.crossing.len(),
                Err(RecordError::Varint(VarintError::Truncated)) => 1,
                Err(error) => return Err(GatherError::Record(error)),
            };
            let chunk = self.inflater.fill().map_err(GatherError::Inflate)?;
            if chunk.is_empty() {
                return Err(GatherError::Record(RecordError::Truncated));
            }
            let (taken, _) = chunk.split_at(missing.min(chunk.len()));
            self.crossing.extend_from_slice(taken);
            let bytes = taken.len();
            self.inflater.consume(bytes);
        }
    }
}

enum GatherError {
    Inflate(InflateError),
    Record(RecordError),
}

/// Whether another record is due; an error if records and count disagree.
fn check_progress(records: i32, records_count: i32, at_end: bool) -> Result<bool, RecordsError> {
    match (records < records_count, at_end) {
        _ if records_count < 0 => Err(RecordsError::Count(records_count)),
        (true, false) => Ok(true),
        (true, true) => Err(RecordsError::Missing { records, records_count }),
        (false, true) => Ok(false),
        (false, false) => Err(RecordsError::Trailing),
    }
}

/// Bytes of the record at the front of `bytes`, its length field included.
fn record_size_bytes(bytes: &[u8]) -> Result<usize, RecordError> {
    let mut rest = bytes;
    let length = varint::take_i32(&mut rest)?;
    let length = usize::try_from(length).map_err(|_| RecordError::Length(length))?;
    Ok(bytes.len() - rest.len() + length)
}
