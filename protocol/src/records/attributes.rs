//! The attributes of a batch: a bit field.
//!
//! ```text
//! bits 0-2 compression | 3 timestamp type | 4 transactional | 5 control | 6 delete horizon | 7-15 unused
//! ```

use grete_compression::CompressionType;

const COMPRESSION_MASK: i16 = 0x07;
const LOG_APPEND_TIME: i16 = 0x08;
const TRANSACTIONAL: i16 = 0x10;
const CONTROL: i16 = 0x20;
const DELETE_HORIZON: i16 = 0x40;

/// What the timestamps of a batch tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimestampType {
    /// When the producer made each record.
    #[default]
    CreateTime,
    /// When the broker appended the batch: the batch's maximum timestamp counts for each record.
    LogAppendTime,
}

/// A batch's attributes, bit by bit; unused bits are kept as they came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attributes(pub i16);

impl Attributes {
    /// How the records are compressed; `None` where the number is not one that Kafka defines.
    pub const fn compression_type(self) -> Option<CompressionType> {
        CompressionType::from_id(self.compression_id())
    }

    /// The number of the compression type, 0 to 7.
    pub const fn compression_id(self) -> u8 {
        (self.0 & COMPRESSION_MASK) as u8
    }

    /// What the timestamps tell.
    pub const fn timestamp_type(self) -> TimestampType {
        if self.0 & LOG_APPEND_TIME == 0 { TimestampType::CreateTime } else { TimestampType::LogAppendTime }
    }

    /// Whether the batch belongs to a transaction.
    pub const fn is_transactional(self) -> bool {
        self.0 & TRANSACTIONAL != 0
    }

    /// Whether the batch holds control records, which consumers do not see.
    pub const fn is_control(self) -> bool {
        self.0 & CONTROL != 0
    }

    /// Whether the base timestamp is the time from which on compaction may drop the batch's tombstones (KIP-534).
    pub const fn has_delete_horizon(self) -> bool {
        self.0 & DELETE_HORIZON != 0
    }

    /// These attributes with another compression type.
    #[must_use]
    pub const fn with_compression_type(self, compression_type: CompressionType) -> Self {
        Self(self.0 & !COMPRESSION_MASK | compression_type.id() as i16)
    }

    /// These attributes with another timestamp type.
    #[must_use]
    pub const fn with_timestamp_type(self, timestamp_type: TimestampType) -> Self {
        self.with(LOG_APPEND_TIME, matches!(timestamp_type, TimestampType::LogAppendTime))
    }

    /// These attributes, transactional or not.
    #[must_use]
    pub const fn with_transactional(self, is: bool) -> Self {
        self.with(TRANSACTIONAL, is)
    }

    /// These attributes, for control records or not.
    #[must_use]
    pub const fn with_control(self, is: bool) -> Self {
        self.with(CONTROL, is)
    }

    /// These attributes, with a delete horizon or without.
    #[must_use]
    pub const fn with_delete_horizon(self, has: bool) -> Self {
        self.with(DELETE_HORIZON, has)
    }

    const fn with(self, bit: i16, set: bool) -> Self {
        Self(if set { self.0 | bit } else { self.0 & !bit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bit_is_its_own() {
        let none = Attributes::default();
        assert_eq!(none.with_compression_type(CompressionType::Zstd).0, 4);
        assert_eq!(none.with_timestamp_type(TimestampType::LogAppendTime).0, 8);
        assert_eq!(none.with_transactional(true).0, 16);
        assert_eq!(none.with_control(true).0, 32);
        assert_eq!(none.with_delete_horizon(true).0, 64);
        let all = Attributes(-1);
        assert_eq!(all.with_compression_type(CompressionType::Gzip).compression_type(), Some(CompressionType::Gzip));
        assert_eq!(all.with_timestamp_type(TimestampType::CreateTime).0, !8);
        assert!(!all.with_transactional(false).is_transactional());
        assert!(!all.with_control(false).is_control());
        assert!(!all.with_delete_horizon(false).has_delete_horizon());
        assert_eq!(all.compression_type(), None);
    }
}
