#![no_std]
#![forbid(unsafe_code)]
//! Kafka's wire protocol.

extern crate alloc;

pub mod records;

pub use grete_messages as messages;
pub use grete_wire as wire;
