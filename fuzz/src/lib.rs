//! What the fuzz targets share: the codecs of all messages by name, a bound on memory, and a broker to talk to.

pub mod agreement;
#[path = "../../protocol/tests/messages/allocator.rs"]
mod allocator;
pub mod broker;
pub mod codecs;
pub mod script;
#[path = "../../protocol/tests/messages/theirs.rs"]
mod theirs;

use grete_protocol::records::{BatchError, BatchView, HEADER_BYTES, layout};

/// Runs `work`; gives, beside its result, the most memory in bytes that it held at once.
pub fn peak_of<T>(work: impl FnOnce() -> T) -> (T, usize) {
    allocator::peak_of(work)
}

/// Makes length, format and checksum of the batch that fills `bytes` right, so that what lies behind them is looked at.
pub fn mend_batch(bytes: &mut [u8]) {
    if bytes.len() < HEADER_BYTES {
        return;
    }
    let length = i32::try_from(bytes.len() - layout::LOG_OVERHEAD).unwrap_or(i32::MAX);
    bytes[layout::BATCH_LENGTH..][..4].copy_from_slice(&length.to_be_bytes());
    bytes[layout::MAGIC] = 2;
    mend_checksum(bytes);
}

/// Makes the checksum of the batch at the front of `bytes` right.
pub fn mend_checksum(bytes: &mut [u8]) {
    if let Err(BatchError::Crc { computed, .. }) = BatchView::parse(bytes).map_or(Ok(()), |batch| batch.check_crc()) {
        bytes[layout::CRC..][..4].copy_from_slice(&computed.to_be_bytes());
    }
}
