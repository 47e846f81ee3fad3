//! All messages in all versions, from the definitions that the codec was generated from.
//!
//! `filler` writes canonical bytes of a message straight from its definition, with no help from the code under test.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod allocator;
mod bounds;
mod encoding;
mod faults;
mod filler;
mod kafka_protocol;
mod round_trip;
mod table;
mod theirs;
