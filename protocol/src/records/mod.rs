//! Record batches: the unit that producers send, logs keep and consumers fetch (message format v2, KIP-98).
//!
//! ```text
//! batch  = header (61 bytes, see `header`) | records, compressed as one payload
//! record = length varint | attributes i8 | timestamp delta varlong | offset delta varint
//!        | key length varint | key | value length varint | value | headers count varint | headers
//! header = key length varint | key | value length varint | value          (a length of -1 is null)
//! ```
//!
//! Invariants:
//! 1. No input panics, and no count or length reserves memory before the bytes behind it are there.
//! 2. Base offset and partition leader epoch lie outside the CRC: giving a batch its place in a log patches the header
//!    and leaves the rest of the bytes where they are.
//! 3. A batch whose bytes are damaged never gets a matching CRC here: patches derive the new CRC from the old one
//!    instead of computing it afresh over bytes that may be wrong.
//!
//! Offsets, epochs and timestamps are plain integers here, as in the generated messages: this is the wire, and what
//! stands above gives them their types.

mod attributes;
mod batch;
mod builder;
mod control;
mod crc;
mod header;
mod reader;
mod recompress;
mod record;
mod validate;

pub use attributes::{Attributes, TimestampType};
pub use batch::{BatchError, BatchView, Batches, BatchesError, batches};
pub use builder::{BatchBuilder, BatchOptions, BatchTooLarge, Producer};
pub use control::{ControlRecordError, ControlRecordType, EndTxnMarker, control_batch};
pub use grete_compression::{Compression, CompressionType, InflateError};
pub use header::{BatchHeader, HEADER_BYTES, HeaderPatch, layout, sequence_decrement, sequence_increment};
pub use reader::{RecordReader, Records, RecordsError};
pub use recompress::{RecompressError, recompress};
pub use record::{Header, Headers, RecordError, RecordView};
pub use validate::{
    InvalidBatch, InvalidRecord, InvalidRecordKind, LEGACY_LENGTH_MIN, ProduceRules, RECORD_ERRORS_MAX, Storing,
    ValidBatch, frame, validate, validate_records,
};

/// No offset is known, or an offset is to be assigned.
pub const NO_OFFSET: i64 = -1;
/// A record or batch without a timestamp.
pub const NO_TIMESTAMP: i64 = -1;
/// A batch whose producer is not idempotent.
pub const NO_PRODUCER_ID: i64 = -1;
/// The epoch that goes with [`NO_PRODUCER_ID`].
pub const NO_PRODUCER_EPOCH: i16 = -1;
/// The sequence that goes with [`NO_PRODUCER_ID`], and that of control batches.
pub const NO_SEQUENCE: i32 = -1;
/// A batch that no leader has taken yet.
pub const NO_PARTITION_LEADER_EPOCH: i32 = -1;
