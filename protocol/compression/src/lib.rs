#![forbid(unsafe_code)]
//! Kafka's compression codecs, for bytes that nobody may trust.
//!
//! Two directions: [`Inflater`] gives what a compressed payload inflates to, chunk by chunk, and [`compress`] makes
//! such a payload. The crate stands apart from `grete-protocol` because the codecs' own interfaces need `std`.
//!
//! The codecs are `flate2` over zlib-rs (Rust, several times faster than miniz_oxide), `snap` and the block functions of
//! `lz4_flex` (Rust, safe; the framings around the blocks are here, for exact bounds and Kafka's own rules), and the
//! reference implementation of Zstandard through `zstd-safe` (no Rust implementation compresses as well).
//!
//! Invariants:
//! 1. An inflater never gives more than its bound, and never holds more than the bound plus one chunk.
//! 2. Memory is reserved for what arrives, never for what a length announces, unless the compressed bytes at hand
//!    could really inflate to it.
//! 3. Every payload ends as its format says: one that stops early, or goes on behind its end, is an error.

mod compress;
mod compression;
mod gzip;
mod inflate;
mod lz4;
mod snappy;
mod zstandard;

pub use compress::compress;
pub use compression::{Compression, CompressionType, LevelOutOfRange, UnknownCompressionType};
pub use inflate::{InflateError, Inflater, inflate};
