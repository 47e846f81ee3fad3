#![no_std]
#![forbid(unsafe_code)]
//! A Kafka broker as a deterministic state machine without IO.
