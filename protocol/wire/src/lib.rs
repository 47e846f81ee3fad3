#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing))]
//! The primitives of Kafka's wire format: what the generated messages are made of.
//!
//! 1. Decoding borrows from the frame and never panics, whatever the bytes are.
//! 2. Nothing is reserved before a count was compared with the bytes that remain, and all that decoding one frame
//!    reserves is at most [`BUDGET_FACTOR`] times its length plus 4 KiB.
//! 3. Encoding never copies [`Records`] given as parts; a message that its version cannot express is an
//!    [`EncodeError`] and leaves the encoder as it was.

extern crate alloc;

mod decode_error;
mod decoder;
mod element;
mod encode_error;
mod encoder;
mod ids;
mod message;
mod parts;
mod records;
mod tags;
mod uuid;
pub mod varint;

pub use decode_error::{DecodeError, DecodeErrorKind, PathStep};
pub use decoder::{BUDGET_FACTOR, Decoder};
pub use element::Element;
pub use encode_error::{EncodeError, EncodeErrorKind};
pub use encoder::Encoder;
pub use ids::{BrokerId, GroupId, ProducerId, TopicName, TransactionalId};
pub use message::{Message, Versions};
pub use parts::{Part, Parts};
pub use records::Records;
pub use tags::{TagReader, TagWriter, UnknownTags};
pub use uuid::{ParseUuidError, Uuid};

/// The longest string that Kafka writes or reads, in bytes, in flexible versions too.
pub const STRING_LENGTH_MAX: usize = 0x7fff;
