#![no_std]
#![forbid(unsafe_code)]
//! Kafka's wire protocol.

extern crate alloc;

mod error_code;
pub mod frame;
pub mod record_frame;
pub mod records;

pub use error_code::ErrorCode;
pub use grete_messages as messages;
pub use grete_messages::ApiKey;
pub use grete_wire as wire;
