//! The same records under another codec: what a leader does where a topic's `compression.type` is not the producer's.

use bytes::Bytes;

use super::{
    BatchBuilder, BatchOptions, BatchTooLarge, BatchView, Compression, Producer, RecordReader, RecordsError,
    TimestampType,
};

/// Why a batch cannot be made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecompressError {
    /// The records cannot be read.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// The new batch is larger than allowed.
    #[error(transparent)]
    TooLarge(#[from] BatchTooLarge),
    /// There are more records than offsets.
    #[error("{records_count} records do not fit a last offset delta of {last_offset_delta}")]
    OffsetRange {
        /// Records in the batch.
        records_count: i32,
        /// As the header has it.
        last_offset_delta: i32,
    },
}

/// Makes a batch of the records of `batch`, compressed as given, of at most `size_bytes_max` bytes. Its records' times are
/// those that `timestamp_type` says; a batch of `LogAppendTime` keeps the header's.
///
/// Offsets, epoch, producer, timestamps and flags are kept. As in Kafka, offset deltas are put in order (they are in
/// all batches that went through a leader before, apart from compaction, which does not come here), the base timestamp
/// becomes that of the first record, and record attributes, which have no meaning, become 0. The records may inflate
/// to `inflated_bytes_max` bytes, which is about what is held in memory.
pub fn recompress(
    batch: &BatchView<'_>,
    compression: Compression,
    timestamp_type: TimestampType,
    inflated_bytes_max: usize,
    size_bytes_max: usize,
) -> Result<Bytes, RecompressError> {
    let header = batch.header();
    let mut builder = BatchBuilder::new(BatchOptions {
        base_offset: header.base_offset,
        partition_leader_epoch: header.partition_leader_epoch,
        compression,
        log_append_time_ms: match timestamp_type {
            TimestampType::CreateTime => None,
            TimestampType::LogAppendTime => Some(header.max_timestamp),
        },
        producer: Producer {
            id: header.producer_id,
            epoch: header.producer_epoch,
            base_sequence: header.base_sequence,
        },
        is_transactional: header.attributes.is_transactional(),
        is_control: header.attributes.is_control(),
        delete_horizon_ms: header.delete_horizon_ms(),
        ..BatchOptions::default()
    });
    let mut reader = RecordReader::new(batch, inflated_bytes_max)?;
    while let Some(record) = reader.next()? {
        let timestamp = header.base_timestamp.wrapping_add(record.timestamp_delta);
        builder.try_append(timestamp, record.key, record.value, record.headers())?;
    }
    let (records_count, last_offset_delta) = (builder.records_count(), header.last_offset_delta);
    // A batch that was validated has as many of the ones as of the others.
    if last_offset_delta < records_count - 1 {
        return Err(RecompressError::OffsetRange { records_count, last_offset_delta });
    }
    let bytes = builder.build_to_offset(last_offset_delta);
    let size_bytes = bytes.len();
    if size_bytes > size_bytes_max { Err(BatchTooLarge { size_bytes, size_bytes_max }.into()) } else { Ok(bytes) }
}
