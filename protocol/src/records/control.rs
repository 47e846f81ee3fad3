//! Control records: what logs tell brokers and consumers between the lines.
//!
//! Key: version `i16` = 0, type `i16`. The value's format follows from the type: [`EndTxnMarker`] for the end of a
//! transaction, Kafka's generated `LeaderChangeMessage`, `SnapshotHeaderRecord`, `SnapshotFooterRecord`,
//! `KRaftVersionRecord` and `VotersRecord` for the rest, which only metadata logs and snapshots have.

use bytes::Bytes;

use super::{BatchBuilder, BatchOptions};

/// What a control record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ControlRecordType {
    /// The producer's transaction is aborted.
    Abort,
    /// The producer's transaction is committed.
    Commit,
    /// A leader of the quorum begins its epoch.
    LeaderChange,
    /// A snapshot begins.
    SnapshotHeader,
    /// A snapshot ends.
    SnapshotFooter,
    /// The version of the quorum's protocol (KIP-853).
    KRaftVersion,
    /// The quorum's voters (KIP-853).
    KRaftVoters,
    /// Something later than this program; to be passed over.
    Unknown(i16),
}

/// A control record's key or value is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ControlRecordError {
    /// Shorter than its format.
    #[error("{bytes} bytes are too few for a control record's {part}")]
    Truncated {
        /// "key" or "value".
        part: &'static str,
        /// Bytes that are there.
        bytes: usize,
    },
    /// A negative version, which nothing writes.
    #[error("a control record has version {0}")]
    Version(i16),
    /// Not a marker of a transaction's end.
    #[error("a control record of type {0} ends no transaction")]
    NoEndTxnMarker(i16),
}

impl ControlRecordType {
    /// The type with this number.
    pub const fn from_id(id: i16) -> Self {
        match id {
            0 => Self::Abort,
            1 => Self::Commit,
            2 => Self::LeaderChange,
            3 => Self::SnapshotHeader,
            4 => Self::SnapshotFooter,
            5 => Self::KRaftVersion,
            6 => Self::KRaftVoters,
            other => Self::Unknown(other),
        }
    }

    /// The type's number.
    pub const fn id(self) -> i16 {
        match self {
            Self::Abort => 0,
            Self::Commit => 1,
            Self::LeaderChange => 2,
            Self::SnapshotHeader => 3,
            Self::SnapshotFooter => 4,
            Self::KRaftVersion => 5,
            Self::KRaftVoters => 6,
            Self::Unknown(id) => id,
        }
    }

    /// Reads a control record's key. Later versions may add fields behind, so that more bytes are fine.
    pub fn from_key(key: &[u8]) -> Result<Self, ControlRecordError> {
        let &[a, b, c, d, ..] = key else {
            return Err(ControlRecordError::Truncated { part: "key", bytes: key.len() });
        };
        match i16::from_be_bytes([a, b]) {
            version @ ..0 => Err(ControlRecordError::Version(version)),
            0.. => Ok(Self::from_id(i16::from_be_bytes([c, d]))),
        }
    }

    /// A control record's key.
    pub const fn key(self) -> [u8; 4] {
        let [c, d] = self.id().to_be_bytes();
        [0, 0, c, d]
    }
}

/// The end of a transaction in one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndTxnMarker {
    /// Committed, or aborted.
    pub is_commit: bool,
    /// Epoch of the transaction coordinator that wrote it.
    pub coordinator_epoch: i32,
}

impl EndTxnMarker {
    /// Reads the marker from a control record.
    pub fn from_record(key: &[u8], value: &[u8]) -> Result<Self, ControlRecordError> {
        let is_commit = match ControlRecordType::from_key(key)? {
            ControlRecordType::Commit => true,
            ControlRecordType::Abort => false,
            other => return Err(ControlRecordError::NoEndTxnMarker(other.id())),
        };
        let &[a, b, c, d, e, f, ..] = value else {
            return Err(ControlRecordError::Truncated { part: "value", bytes: value.len() });
        };
        match i16::from_be_bytes([a, b]) {
            version @ ..0 => Err(ControlRecordError::Version(version)),
            0.. => Ok(Self { is_commit, coordinator_epoch: i32::from_be_bytes([c, d, e, f]) }),
        }
    }

    /// The marker's type.
    pub const fn control_record_type(self) -> ControlRecordType {
        if self.is_commit { ControlRecordType::Commit } else { ControlRecordType::Abort }
    }

    /// The marker's value.
    pub const fn value(self) -> [u8; 6] {
        let [c, d, e, f] = self.coordinator_epoch.to_be_bytes();
        [0, 0, c, d, e, f]
    }

    /// The batch that ends the transaction of `options.producer`: transactional, of one control record, without a
    /// sequence. `timestamp` is in milliseconds since 1970.
    pub fn batch(self, options: BatchOptions, timestamp: i64) -> Bytes {
        let options = BatchOptions { is_transactional: true, ..options };
        control_batch(options, timestamp, &[(self.control_record_type(), &self.value())])
    }
}

/// A batch of control records, each with its value. `timestamp` is in milliseconds since 1970.
///
/// # Panics
/// If there are none, or they do not fit into `options.size_bytes_max`.
pub fn control_batch(options: BatchOptions, timestamp: i64, records: &[(ControlRecordType, &[u8])]) -> Bytes {
    let mut builder = BatchBuilder::new(BatchOptions { is_control: true, ..options });
    for (control_record_type, value) in records {
        builder
            .try_append(timestamp, Some(&control_record_type.key()), Some(value), core::iter::empty())
            .expect("control records are few and small");
    }
    builder.build()
}
