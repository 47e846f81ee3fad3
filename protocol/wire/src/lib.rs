#![no_std]
#![forbid(unsafe_code)]
//! The primitives of Kafka's wire format.

extern crate alloc;

pub mod varint;
