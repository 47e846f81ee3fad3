#![no_std]
#![forbid(unsafe_code)]
//! Every message of Apache Kafka, generated.
