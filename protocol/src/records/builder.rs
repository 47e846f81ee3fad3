//! Building batches.

use alloc::vec::Vec;

use bytes::Bytes;
use grete_compression::compress;
use grete_wire::varint;

use super::crc::crc32c;
use super::header::MAGIC;
use super::{
    Attributes, BatchHeader, Compression, HEADER_BYTES, Header, NO_PARTITION_LEADER_EPOCH, NO_PRODUCER_EPOCH,
    NO_PRODUCER_ID, NO_SEQUENCE, NO_TIMESTAMP, TimestampType, layout,
};

/// Bytes of the largest batch: its length field must hold them.
const SIZE_BYTES_MAX: usize = i32::MAX as usize;

/// Who wrote a batch, for idempotence and transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Producer {
    /// The producer, or -1.
    pub id: i64,
    /// The producer's epoch, or -1.
    pub epoch: i16,
    /// The sequence of the batch's first record, or -1.
    pub base_sequence: i32,
}

impl Producer {
    /// A producer that is not idempotent.
    pub const NONE: Self = Self { id: NO_PRODUCER_ID, epoch: NO_PRODUCER_EPOCH, base_sequence: NO_SEQUENCE };
}

/// What a batch is, apart from its records. The default is what a plain producer sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchOptions {
    /// Offset of the first record; 0 in a batch that is sent to a leader.
    pub base_offset: i64,
    /// Epoch of the leader; -1 in a batch that is sent to a leader.
    pub partition_leader_epoch: i32,
    /// How the records are compressed.
    pub compression: Compression,
    /// When the batch is appended, in milliseconds since 1970, where that is to count for every record.
    pub log_append_time_ms: Option<i64>,
    /// Who writes.
    pub producer: Producer,
    /// Whether the batch belongs to a transaction.
    pub is_transactional: bool,
    /// Whether the records are control records.
    pub is_control: bool,
    /// When compaction may drop the batch's tombstones, in milliseconds since 1970.
    pub delete_horizon_ms: Option<i64>,
    /// Bytes that the batch may take, counted before compression.
    pub size_bytes_max: usize,
}

impl Default for BatchOptions {
    fn default() -> Self {
        Self {
            base_offset: 0,
            partition_leader_epoch: NO_PARTITION_LEADER_EPOCH,
            compression: Compression::NONE,
            log_append_time_ms: None,
            producer: Producer::NONE,
            is_transactional: false,
            is_control: false,
            delete_horizon_ms: None,
            size_bytes_max: SIZE_BYTES_MAX,
        }
    }
}

/// A record does not fit into the batch any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the batch would take {size_bytes} bytes of at most {size_bytes_max}")]
pub struct BatchTooLarge {
    /// Bytes of the batch with the record, before compression.
    pub size_bytes: usize,
    /// Bytes that it may take.
    pub size_bytes_max: usize,
}

/// Collects records and makes a batch of them.
#[derive(Clone, Debug)]
pub struct BatchBuilder {
    options: BatchOptions,
    /// Room for the header, and the records behind it.
    bytes: Vec<u8>,
    records_count: i32,
    next_offset_delta: i32,
    base_timestamp: Option<i64>,
    max_timestamp: i64,
}

impl BatchBuilder {
    /// A batch without records.
    pub fn new(options: BatchOptions) -> Self {
        Self {
            options,
            bytes: [0; HEADER_BYTES].to_vec(),
            records_count: 0,
            next_offset_delta: 0,
            base_timestamp: options.delete_horizon_ms,
            max_timestamp: NO_TIMESTAMP,
        }
    }

    /// Appends a record behind the last one. If it does not fit, nothing changes.
    ///
    /// `timestamp` is in milliseconds since 1970, or [`NO_TIMESTAMP`].
    pub fn try_append<'h>(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: impl ExactSizeIterator<Item = Header<'h>> + Clone,
    ) -> Result<(), BatchTooLarge> {
        self.try_append_at(self.next_offset_delta, timestamp, key, value, headers)
    }

    /// Like [`Self::try_append`], but leaves a gap: the record's offset is `offset_delta` behind the base offset.
    ///
    /// # Panics
    /// If that is not behind the last record.
    pub fn try_append_at<'h>(
        &mut self,
        offset_delta: i32,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: impl ExactSizeIterator<Item = Header<'h>> + Clone,
    ) -> Result<(), BatchTooLarge> {
        assert!(offset_delta >= self.next_offset_delta, "offsets increase within a batch");
        let base_timestamp = self.base_timestamp.unwrap_or(timestamp);
        let timestamp_delta = timestamp.wrapping_sub(base_timestamp);
        let mut body_bytes = 1 + varint::len_i64(timestamp_delta) + varint::len_i32(offset_delta);
        body_bytes += nullable_bytes(key) + nullable_bytes(value) + varint::len_i32(headers.len() as i32);
        for header in headers.clone() {
            body_bytes += nullable_bytes(Some(header.key)) + nullable_bytes(header.value);
        }
        let size_bytes_max = self.options.size_bytes_max.min(SIZE_BYTES_MAX);
        // The sum is too large long before a length could overflow its varint.
        let size_bytes = self.bytes.len() + varint::len_i32(body_bytes as i32) + body_bytes;
        if size_bytes > size_bytes_max {
            return Err(BatchTooLarge { size_bytes, size_bytes_max });
        }

        varint::put_i32(&mut self.bytes, body_bytes as i32);
        self.bytes.push(0);
        varint::put_i64(&mut self.bytes, timestamp_delta);
        varint::put_i32(&mut self.bytes, offset_delta);
        self.put_nullable(key);
        self.put_nullable(value);
        varint::put_i32(&mut self.bytes, headers.len() as i32);
        for header in headers {
            self.put_nullable(Some(header.key));
            self.put_nullable(header.value);
        }
        assert_eq!(self.bytes.len(), size_bytes, "a record takes what was computed for it");
        self.records_count += 1;
        self.next_offset_delta = offset_delta.checked_add(1).expect("a record takes more bytes than one offset");
        self.base_timestamp = Some(base_timestamp);
        self.max_timestamp = self.max_timestamp.max(timestamp);
        Ok(())
    }

    /// Records so far.
    pub fn records_count(&self) -> i32 {
        self.records_count
    }

    /// Whether no record was appended.
    pub fn is_empty(&self) -> bool {
        self.records_count == 0
    }

    /// Bytes of the batch so far, before compression.
    pub fn size_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The offset that the next record gets.
    pub fn next_offset(&self) -> i64 {
        self.options.base_offset + i64::from(self.next_offset_delta)
    }

    /// The batch.
    ///
    /// # Panics
    /// If there are no records: such a batch has a meaning only where compaction emptied it, see
    /// [`Self::build_to_offset`].
    pub fn build(self) -> Bytes {
        assert!(!self.is_empty(), "a batch has records");
        let last_offset_delta = self.next_offset_delta - 1;
        self.build_to_offset(last_offset_delta)
    }

    /// The batch, reaching to `last_offset_delta` even if the record with that offset is gone: compaction keeps the
    /// last offset, and with it the last sequence, of every batch of an active producer.
    ///
    /// # Panics
    /// If a record lies behind it.
    pub fn build_to_offset(self, last_offset_delta: i32) -> Bytes {
        assert!(last_offset_delta >= self.next_offset_delta - 1, "no record lies behind the last offset");
        let options = self.options;
        let timestamp_type =
            if options.log_append_time_ms.is_some() { TimestampType::LogAppendTime } else { TimestampType::CreateTime };
        let attributes = Attributes::default()
            .with_compression_type(options.compression.compression_type())
            .with_timestamp_type(timestamp_type)
            .with_transactional(options.is_transactional)
            .with_control(options.is_control)
            .with_delete_horizon(options.delete_horizon_ms.is_some());
        let mut bytes = self.bytes;
        if options.compression != Compression::NONE {
            let (header, records) = bytes.split_at(HEADER_BYTES);
            let mut compressed = header.to_vec();
            compress(options.compression, records, &mut compressed);
            bytes = compressed;
        }
        let mut header = BatchHeader {
            base_offset: options.base_offset,
            batch_length: i32::try_from(bytes.len() - layout::LOG_OVERHEAD)
                .expect("no codec lets a batch within the limits outgrow its length field"),
            partition_leader_epoch: options.partition_leader_epoch,
            magic: MAGIC,
            crc: 0,
            attributes,
            last_offset_delta,
            base_timestamp: self.base_timestamp.unwrap_or(NO_TIMESTAMP),
            max_timestamp: options.log_append_time_ms.unwrap_or(self.max_timestamp),
            producer_id: options.producer.id,
            producer_epoch: options.producer.epoch,
            base_sequence: options.producer.base_sequence,
            records_count: self.records_count,
        };
        put_header(&mut bytes, &header);
        header.crc = crc32c(bytes.get(layout::ATTRIBUTES..).unwrap_or_default());
        put_header(&mut bytes, &header);
        Bytes::from(bytes)
    }

    fn put_nullable(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            None => varint::put_i32(&mut self.bytes, -1),
            Some(bytes) => {
                varint::put_i32(&mut self.bytes, bytes.len() as i32);
                self.bytes.extend_from_slice(bytes);
            }
        }
    }
}

fn put_header(batch: &mut [u8], header: &BatchHeader) {
    batch.first_chunk_mut().map(|place| *place = header.encode()).expect("a batch starts with its header");
}

fn nullable_bytes(bytes: Option<&[u8]>) -> usize {
    match bytes {
        None => varint::len_i32(-1),
        Some(bytes) => varint::len_i32(bytes.len() as i32) + bytes.len(),
    }
}
