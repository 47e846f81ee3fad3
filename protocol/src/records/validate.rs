//! What a leader checks before it takes a producer's batch, by the rules of Kafka's `LogValidator`.
//!
//! Two halves, so that the second can run elsewhere: [`frame`] costs a CRC, [`validate_records`] looks at each record
//! and inflates compressed ones, one chunk at a time.
//!
//! Where this is stricter than Apache Kafka 4.3 (tried):
//! - Lengths below -1 are refused; Kafka reads them as null.
//! - A producer id goes with a producer epoch.
//!
//! `LogAppendTime` set by a producer for a topic with `CreateTime` is taken and not believed: the batch gets the times of
//! its records. (Kafka takes it, too, and the header's maximum timestamp with it.)
//!
//! Where it is kinder: offset deltas that are not 0, 1, 2, ... lead to a rebuilt batch; Kafka stores them as they are
//! or, if compressed, fails. A payload that does not inflate is `INVALID_RECORD`, and one that inflates to too much
//! `MESSAGE_TOO_LARGE`, upon which producers split the batch; Kafka says `UNKNOWN_SERVER_ERROR`, or has no bound.

use alloc::vec::Vec;
use core::fmt;

use super::header::MAGIC;
use super::{
    BatchError, BatchView, CompressionType, HeaderPatch, InflateError, NO_TIMESTAMP, RecordReader, RecordView,
    RecordsError, TimestampType, layout,
};

/// The least length of a batch of any format: that of a message of the first.
pub const LEGACY_LENGTH_MIN: i32 = 14;

/// Invalid records that are reported one by one; the batch is refused for the others as well.
pub const RECORD_ERRORS_MAX: usize = 128;

/// What a topic asks of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProduceRules {
    /// `max.message.bytes`.
    pub batch_bytes_max: usize,
    /// Bytes that compressed records may inflate to.
    pub inflated_bytes_max: usize,
    /// `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`: how far a record's timestamp may lie behind the broker's.
    pub timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`: how far a record's timestamp may lie ahead of the broker's.
    pub timestamp_after_max_ms: i64,
    /// Whether `cleanup.policy` has `compact`, so that each record needs a key.
    pub is_compacted: bool,
    /// `compression.type`; `None` is "producer": however the batch comes.
    pub compression_type: Option<CompressionType>,
}

/// What there is to know about a batch that may be appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValidBatch {
    /// Records in the batch, at least 1.
    pub records_count: i32,
    /// The topic's timestamp type, which the batch gets.
    pub timestamp_type: TimestampType,
    /// The maximum timestamp that the batch gets, in milliseconds since 1970: of its records, whatever the header
    /// says, or when it is appended; [`NO_TIMESTAMP`] where no record has one.
    pub max_timestamp: i64,
    /// Offset delta of the first record that has the maximum timestamp.
    pub max_timestamp_offset_delta: i32,
    /// Bytes of the records, inflated.
    pub inflated_bytes: usize,
    /// How the batch goes to the log.
    pub storing: Storing,
}

/// How a valid batch goes to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storing {
    /// As it is, behind a patched header.
    InPlace,
    /// Through [`super::recompress`], with the compression given: the topic asks for another one than the batch has,
    /// or offset deltas have to be put right. The header is patched afterwards.
    Rebuild(CompressionType),
}

impl ValidBatch {
    /// What the batch's header gets when the batch is appended at `base_offset`.
    pub fn header_patch(&self, base_offset: i64, partition_leader_epoch: i32) -> HeaderPatch {
        let max_timestamp = Some((self.timestamp_type, self.max_timestamp));
        HeaderPatch { base_offset, partition_leader_epoch, max_timestamp }
    }
}

/// Why a batch is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBatch {
    /// The partition's records are empty or null.
    #[error("there is no batch")]
    Empty,
    /// Something follows the batch: a produce request has one for each partition.
    #[error("{0} bytes follow the batch")]
    MoreThanOne(usize),
    /// It is no batch, or damaged.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// The batch is larger than the topic allows.
    #[error("the batch has {size_bytes} bytes of at most {batch_bytes_max}")]
    TooLarge {
        /// Bytes of the batch.
        size_bytes: usize,
        /// `max.message.bytes`.
        batch_bytes_max: usize,
    },
    /// Offsets are for the leader to assign.
    #[error("the base offset must be 0, not {0}")]
    BaseOffset(i64),
    /// The records count is not positive, or not the number of offsets that the batch takes.
    #[error("{records_count} records do not fit a last offset delta of {last_offset_delta}")]
    OffsetRange {
        /// As the header has it.
        records_count: i32,
        /// As the header has it.
        last_offset_delta: i32,
    },
    /// Control records are for brokers to write.
    #[error("producers must not write control records")]
    Control,
    /// The batch has a producer id, but no sequence.
    #[error("an idempotent producer's sequence must not be {0}")]
    Sequence(i32),
    /// The batch has a producer id, but no producer epoch.
    #[error("an idempotent producer's epoch must not be {0}")]
    ProducerEpoch(i16),
    /// The batch is transactional, but has no producer id.
    #[error("transactional records need a producer id")]
    Transactional,
    /// The records cannot be read.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// Records can be read, but not taken.
    #[error("{count} of the records are refused, the first as {}", FirstOf(.errors))]
    RecordErrors {
        /// The first of them, at most [`RECORD_ERRORS_MAX`].
        errors: Vec<InvalidRecord>,
        /// All of them.
        count: usize,
        /// Whether a timestamp is among the reasons, which then decides about the error code.
        has_timestamps: bool,
    },
}

/// A record that is refused: an element of a produce response's `RecordErrors` (KIP-467).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("record {index}: {kind}")]
pub struct InvalidRecord {
    /// The record's place in the batch: `BatchIndex`.
    pub index: i32,
    /// Why; its text is the `BatchIndexErrorMessage`.
    pub kind: InvalidRecordKind,
}

/// Why a record is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRecordKind {
    /// Compaction needs keys.
    #[error("a compacted topic needs records with keys")]
    NoKey,
    /// Too far from the broker's time.
    #[error("the timestamp {timestamp} is not within {earliest} to {latest}")]
    Timestamp {
        /// As the record has it, in milliseconds since 1970.
        timestamp: i64,
        /// The earliest that would be taken.
        earliest: i64,
        /// The latest that would be taken.
        latest: i64,
    },
    /// `LogAppendTime` is for brokers to set.
    #[error("producers must not set LogAppendTime")]
    LogAppendTime,
}

/// Kafka's numbers for the ways to refuse a batch.
mod error_code {
    pub(super) const CORRUPT_MESSAGE: i16 = 2;
    pub(super) const MESSAGE_TOO_LARGE: i16 = 10;
    pub(super) const INVALID_TIMESTAMP: i16 = 32;
    pub(super) const UNSUPPORTED_COMPRESSION_TYPE: i16 = 76;
    pub(super) const INVALID_RECORD: i16 = 87;
}

impl InvalidBatch {
    /// Kafka's error code for the partition.
    pub fn error_code(&self) -> i16 {
        match self {
            Self::Batch(BatchError::Length(_) | BatchError::Magic(_) | BatchError::Crc { .. }) => {
                error_code::CORRUPT_MESSAGE
            }
            Self::TooLarge { .. } | Self::Records(RecordsError::Inflate(InflateError::TooLarge { .. })) => {
                error_code::MESSAGE_TOO_LARGE
            }
            Self::Records(RecordsError::UnknownCompression(_)) => error_code::UNSUPPORTED_COMPRESSION_TYPE,
            Self::RecordErrors { has_timestamps: true, .. } => error_code::INVALID_TIMESTAMP,
            Self::Batch(BatchError::Incomplete { .. } | BatchError::LegacyMagic(_))
            | Self::Records(
                RecordsError::Compressed
                | RecordsError::Count(_)
                | RecordsError::Inflate(InflateError::Corrupt { .. } | InflateError::Truncated { .. })
                | RecordsError::Record { .. }
                | RecordsError::Missing { .. }
                | RecordsError::Trailing,
            )
            | Self::Empty
            | Self::MoreThanOne(_)
            | Self::BaseOffset(_)
            | Self::OffsetRange { .. }
            | Self::Control
            | Self::Sequence(_)
            | Self::ProducerEpoch(_)
            | Self::Transactional
            | Self::RecordErrors { has_timestamps: false, .. } => error_code::INVALID_RECORD,
        }
    }

    /// The records that are to blame, where it is single ones.
    pub fn record_errors(&self) -> &[InvalidRecord] {
        match self {
            Self::RecordErrors { errors, .. } => errors,
            _ => &[],
        }
    }
}

struct FirstOf<'a>(&'a [InvalidRecord]);

impl fmt::Display for FirstOf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.first().map_or(Ok(()), |first| first.fmt(f))
    }
}

/// Both halves: the batch that fills `bytes` and what there is to know about it. `now_ms` is the broker's time, in
/// milliseconds since 1970.
pub fn validate<'a>(
    bytes: &'a [u8],
    rules: &ProduceRules,
    now_ms: i64,
) -> Result<(BatchView<'a>, ValidBatch), InvalidBatch> {
    let batch = frame(bytes, rules.batch_bytes_max)?;
    let valid = validate_records(&batch, rules, now_ms)?;
    Ok((batch, valid))
}

/// The first half: the batch that fills `bytes`, its CRC and its header in order.
pub fn frame(bytes: &[u8], batch_bytes_max: usize) -> Result<BatchView<'_>, InvalidBatch> {
    if bytes.is_empty() {
        return Err(InvalidBatch::Empty);
    }
    let batch = BatchView::parse(bytes)?;
    let header = batch.header();
    check_rest(bytes.get(batch.size_bytes()..).unwrap_or_default())?;
    if header.base_offset != 0 {
        return Err(InvalidBatch::BaseOffset(header.base_offset));
    }
    if batch.size_bytes() > batch_bytes_max {
        return Err(InvalidBatch::TooLarge { size_bytes: batch.size_bytes(), batch_bytes_max });
    }
    batch.check_crc()?;
    let (records_count, last_offset_delta) = (header.records_count, header.last_offset_delta);
    if records_count <= 0 || records_count - 1 != last_offset_delta {
        return Err(InvalidBatch::OffsetRange { records_count, last_offset_delta });
    }
    if header.attributes.is_control() {
        return Err(InvalidBatch::Control);
    }
    if header.has_producer_id() {
        if header.base_sequence < 0 {
            return Err(InvalidBatch::Sequence(header.base_sequence));
        }
        if header.producer_epoch < 0 {
            return Err(InvalidBatch::ProducerEpoch(header.producer_epoch));
        }
    } else if header.attributes.is_transactional() {
        return Err(InvalidBatch::Transactional);
    }
    Ok(batch)
}

/// What follows a batch. As in Kafka, the beginning of another batch is dropped, and what cannot be one is refused.
fn check_rest(rest: &[u8]) -> Result<(), InvalidBatch> {
    let Some(length) = rest.get(layout::BATCH_LENGTH..).and_then(<[u8]>::first_chunk) else { return Ok(()) };
    let length = i32::from_be_bytes(*length);
    if length < LEGACY_LENGTH_MIN {
        return Err(BatchError::Length(length).into());
    }
    match rest.get(layout::MAGIC).map(|&magic| magic as i8) {
        Some(0..=MAGIC) if rest.len() - layout::LOG_OVERHEAD >= length as usize => {
            Err(InvalidBatch::MoreThanOne(rest.len()))
        }
        Some(0..=MAGIC) | None => Ok(()),
        Some(magic) => Err(BatchError::Magic(magic).into()),
    }
}

/// The second half: each record of a batch that came through [`frame`]. `now_ms` is the broker's time, in
/// milliseconds since 1970.
pub fn validate_records(batch: &BatchView<'_>, rules: &ProduceRules, now_ms: i64) -> Result<ValidBatch, InvalidBatch> {
    let header = batch.header();
    let source = header
        .attributes
        .compression_type()
        .ok_or(RecordsError::UnknownCompression(header.attributes.compression_id()))?;
    let target = rules.compression_type.unwrap_or(source);
    let mut reader = RecordReader::new(batch, rules.inflated_bytes_max)?;
    let mut refused = Refused::default();
    let (mut max_timestamp, mut max_timestamp_offset_delta) = (NO_TIMESTAMP, 0);
    let mut offsets_in_order = true;
    let mut index = 0;
    while let Some(record) = reader.next()? {
        let timestamp = header.timestamp(record.timestamp_delta);
        if let Err(kind) = check_record(&record, timestamp, header.attributes.timestamp_type(), rules, now_ms) {
            refused.add(InvalidRecord { index, kind });
        }
        if timestamp > max_timestamp {
            (max_timestamp, max_timestamp_offset_delta) = (timestamp, index);
        }
        offsets_in_order &= record.offset_delta == index;
        index += 1;
    }
    refused.into_result()?;
    if rules.timestamp_type == TimestampType::LogAppendTime {
        (max_timestamp, max_timestamp_offset_delta) = (now_ms, 0);
    }
    Ok(ValidBatch {
        records_count: index,
        timestamp_type: rules.timestamp_type,
        max_timestamp,
        max_timestamp_offset_delta,
        inflated_bytes: reader.inflated_bytes(),
        storing: if source == target && offsets_in_order { Storing::InPlace } else { Storing::Rebuild(target) },
    })
}

fn check_record(
    record: &RecordView<'_>,
    timestamp: i64,
    timestamp_type: TimestampType,
    rules: &ProduceRules,
    now_ms: i64,
) -> Result<(), InvalidRecordKind> {
    if rules.is_compacted && record.key.is_none() {
        return Err(InvalidRecordKind::NoKey);
    }
    if rules.timestamp_type == TimestampType::CreateTime && timestamp != NO_TIMESTAMP {
        let earliest = now_ms.saturating_sub(rules.timestamp_before_max_ms);
        let latest = now_ms.saturating_add(rules.timestamp_after_max_ms);
        if !(earliest..=latest).contains(&timestamp) {
            return Err(InvalidRecordKind::Timestamp { timestamp, earliest, latest });
        }
    } else if timestamp_type == TimestampType::LogAppendTime {
        return Err(InvalidRecordKind::LogAppendTime);
    }
    Ok(())
}

/// Collects refused records within the limit.
#[derive(Default)]
struct Refused {
    errors: Vec<InvalidRecord>,
    count: usize,
    has_timestamps: bool,
}

impl Refused {
    fn add(&mut self, error: InvalidRecord) {
        self.count += 1;
        self.has_timestamps |= match error.kind {
            InvalidRecordKind::NoKey => false,
            InvalidRecordKind::Timestamp { .. } | InvalidRecordKind::LogAppendTime => true,
        };
        if self.errors.len() < RECORD_ERRORS_MAX {
            self.errors.push(error);
        }
    }

    fn into_result(self) -> Result<(), InvalidBatch> {
        let Self { errors, count, has_timestamps } = self;
        if count == 0 { Ok(()) } else { Err(InvalidBatch::RecordErrors { errors, count, has_timestamps }) }
    }
}
