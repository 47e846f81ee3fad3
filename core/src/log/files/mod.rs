//! The files of a log directory as pure codecs: bytes in, typed value out, and back. `docs/format.md` draws them.
//!
//! 1. What is decoded comes from a disk that may have rotted: nothing here panics, and nothing is reserved that the
//!    bytes at hand do not back.
//! 2. What decodes from a file that Kafka or Grete wrote encodes to the same bytes. Where readers are more lenient than
//!    writers (white space, order of keys), the value is kept and the form is not.
//! 3. Nothing here knows when a file is written, or what makes it durable.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing))]

pub mod clean_shutdown;
mod error;
mod json;
pub mod leader_epoch_checkpoint;
pub mod meta_properties;
pub mod offset_checkpoint;
pub mod offset_index;
pub mod partition_dir;
pub mod partition_metadata;
pub mod producer_snapshot;
pub mod properties;
pub mod quorum_state;
pub mod segment_name;
pub mod snapshot_name;
mod text;
pub mod time_index;
pub mod topic_name;
pub mod txn_index;

pub use error::{FileError, FileErrorKind};

use alloc::string::String;

/// CRC-32C (Castagnoli), the checksum of everything that Kafka keeps.
pub(crate) fn crc32c(bytes: &[u8]) -> u32 {
    crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, bytes) as u32
}

/// The `N` bytes at `position`, if they are there.
pub(crate) fn array_at<const N: usize>(bytes: &[u8], position: usize) -> Option<[u8; N]> {
    bytes.get(position..)?.first_chunk().copied()
}

/// A number of exactly `digits` or more ASCII digits, as Java's formatter pads it; no sign.
fn padded_number(text: &str, digits: usize) -> Option<i64> {
    let digits_only = text.len() >= digits && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits_only { text.parse().ok() } else { None }
}

/// Decimal digits as they stand in a name: no sign and no zero in front, so that one number has one name.
fn plain_number(text: &str) -> Option<i32> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

/// Appends `value`; writing to a string never fails.
fn push(text: &mut String, value: core::fmt::Arguments<'_>) {
    let written = core::fmt::write(text, value);
    assert!(written.is_ok(), "formatting a number or a name into memory succeeds");
}
