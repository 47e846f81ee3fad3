//! Validating what a producer sent: pure work, done in the step where it is little and as a job where it is not.

use crate::ids::Timestamp;
use crate::limits::{INFLATED_BYTES_MAX, VALIDATE_INLINE_BYTES_MAX};
use crate::log::{LogConfig, TimestampType, TopicCompression};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bytes::Bytes;
use grete_protocol::ErrorCode;
use grete_protocol::records::{
    self, BatchError, BatchHeader, Compression, CompressionType, InvalidBatch, InvalidRecord, ProduceRules, Storing,
    recompress, validate,
};

/// One batch to be validated.
#[derive(Clone, Debug)]
pub struct Validation {
    /// The batch as the producer sent it.
    pub records: Bytes,
    /// The size of the buffer that it is a slice of.
    pub backing_bytes: usize,
    /// What its topic demands.
    pub rules: Rules,
}

/// What a topic demands of a batch, at a time.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    produce: ProduceRules,
    compression: TopicCompression,
    now: Timestamp,
}

/// A batch that may be appended.
#[derive(Clone, Debug)]
pub struct Validated {
    /// The batch: as it came, or written anew where the topic wants it otherwise.
    pub records: Bytes,
    /// The size of the buffer that it is a slice of.
    pub backing_bytes: usize,
}

/// Why a batch is refused.
#[derive(Clone, Debug)]
pub struct Rejected {
    /// Kafka's code.
    pub error: ErrorCode,
    /// What to tell people.
    pub message: Option<String>,
    /// The records at fault.
    pub record_errors: RecordErrors,
    /// Whether Kafka has its log refuse such a batch, and not what comes before it.
    pub by_log: bool,
}

/// Records at fault: the first of them, and how many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordErrors {
    /// The first ones.
    pub first: Vec<InvalidRecord>,
    /// All of them.
    pub count: usize,
}

impl Rules {
    /// What a topic with this configuration demands now.
    #[must_use]
    pub fn new(config: &LogConfig, now: Timestamp) -> Self {
        let compression_type = match config.compression {
            TopicCompression::Producer => None,
            TopicCompression::None => Some(CompressionType::None),
            TopicCompression::Gzip(_) => Some(CompressionType::Gzip),
            TopicCompression::Snappy => Some(CompressionType::Snappy),
            TopicCompression::Lz4(_) => Some(CompressionType::Lz4),
            TopicCompression::Zstd(_) => Some(CompressionType::Zstd),
        };
        let produce = ProduceRules {
            batch_bytes_max: config.max_message_bytes as usize,
            inflated_bytes_max: INFLATED_BYTES_MAX,
            timestamp_type: match config.timestamp_type {
                TimestampType::CreateTime => records::TimestampType::CreateTime,
                TimestampType::LogAppendTime => records::TimestampType::LogAppendTime,
            },
            timestamp_before_max_ms: config.timestamp_before_max_ms,
            timestamp_after_max_ms: config.timestamp_after_max_ms,
            is_compacted: config.cleanup.compact,
            compression_type,
        };
        Self { produce, compression: config.compression, now }
    }

    fn compression(&self, kind: CompressionType) -> Compression {
        match (kind, self.compression) {
            (CompressionType::Gzip, TopicCompression::Gzip(level))
            | (CompressionType::Lz4, TopicCompression::Lz4(level))
            | (CompressionType::Zstd, TopicCompression::Zstd(level)) => {
                // The level was checked when it was configured.
                Compression::with_level(kind, level).unwrap_or(Compression::new(kind))
            }
            (kind, _) => Compression::new(kind),
        }
    }
}

impl Validation {
    /// Whether it is little enough work for a step: nothing to inflate or to write anew, or not much of it.
    #[must_use]
    pub fn is_quick(&self) -> bool {
        let header = self.records.first_chunk().map(BatchHeader::decode);
        let plain = header.is_some_and(|header| {
            let compression = header.attributes.compression_type();
            compression == Some(CompressionType::None)
                && self.rules.produce.compression_type.is_none_or(|wanted| Some(wanted) == compression)
        });
        plain || self.records.len() <= VALIDATE_INLINE_BYTES_MAX
    }

    /// Does the work.
    pub fn run(self) -> Result<Validated, Rejected> {
        let (batch, valid) = validate(&self.records, &self.rules.produce, self.rules.now.0).map_err(Rejected::from)?;
        match valid.storing {
            Storing::InPlace
                if batch.header().max_timestamp == valid.max_timestamp
                    && batch.header().attributes.timestamp_type() == valid.timestamp_type =>
            {
                let records = self.records.slice(..batch.size_bytes());
                Ok(Validated { records, backing_bytes: self.backing_bytes })
            }
            // The header says something else than the records: it is put right, which takes a copy.
            Storing::InPlace => {
                let header = batch.header();
                let patch = valid.header_patch(header.base_offset, header.partition_leader_epoch);
                let mut bytes = batch.patched_header(patch).to_vec();
                bytes.extend_from_slice(batch.payload());
                Ok(Validated { backing_bytes: bytes.len(), records: bytes.into() })
            }
            Storing::Rebuild(kind) => {
                let compression = self.rules.compression(kind);
                let rebuilt = recompress(
                    &batch,
                    compression,
                    valid.timestamp_type,
                    INFLATED_BYTES_MAX,
                    self.rules.produce.batch_bytes_max,
                )
                .map_err(|error| Rejected::with(ErrorCode::MessageTooLarge, error.to_string()))?;
                Ok(Validated { backing_bytes: rebuilt.len(), records: rebuilt })
            }
        }
    }
}

impl Rejected {
    fn with(error: ErrorCode, message: String) -> Self {
        Self { error, message: Some(message), record_errors: RecordErrors::default(), by_log: true }
    }
}

impl From<InvalidBatch> for Rejected {
    fn from(invalid: InvalidBatch) -> Self {
        let error = ErrorCode::from_code(invalid.error_code()).unwrap_or(ErrorCode::InvalidRecord);
        let by_log = match &invalid {
            InvalidBatch::Empty
            | InvalidBatch::MoreThanOne(_)
            | InvalidBatch::Batch(_)
            | InvalidBatch::TooLarge { .. } => false,
            InvalidBatch::BaseOffset(_)
            | InvalidBatch::OffsetRange { .. }
            | InvalidBatch::Control
            | InvalidBatch::Sequence(_)
            | InvalidBatch::ProducerEpoch(_)
            | InvalidBatch::Transactional
            | InvalidBatch::Records(_)
            | InvalidBatch::RecordErrors { .. } => true,
        };
        let message = Some(match &invalid {
            // Where Kafka says something, it is that.
            InvalidBatch::Batch(BatchError::Magic(magic)) => format!("Invalid magic found in record: {magic}"),
            InvalidBatch::Batch(BatchError::Length(length)) if *length < records::LEGACY_LENGTH_MIN => format!(
                "Record size {length} is less than the minimum record overhead ({})",
                records::LEGACY_LENGTH_MIN
            ),
            other => other.to_string(),
        });
        let record_errors = match invalid {
            InvalidBatch::RecordErrors { errors, count, .. } => RecordErrors { first: errors, count },
            _ => RecordErrors::default(),
        };
        Self { error, message, record_errors, by_log }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use grete_protocol::records::RecordsError;

    #[test]
    fn what_is_no_batch_does_not_reach_the_log() {
        let by_log = |invalid: InvalidBatch| Rejected::from(invalid).by_log;
        assert!(!by_log(InvalidBatch::Empty));
        assert!(!by_log(InvalidBatch::MoreThanOne(1)));
        assert!(!by_log(InvalidBatch::Batch(BatchError::Length(-1))));
        assert!(!by_log(InvalidBatch::TooLarge { size_bytes: 2, batch_bytes_max: 1 }));
        assert!(by_log(InvalidBatch::Control));
        assert!(by_log(InvalidBatch::Records(RecordsError::Count(1))));
    }
}
