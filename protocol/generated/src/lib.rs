#![no_std]
#![forbid(unsafe_code)]
#![allow(clippy::match_overlapping_arm, reason = "steps of versions read best as `..=last`")]
//! Every message of Apache Kafka 4.4: requests, responses, headers and the records of its logs.
//!
//! One module for each message, in one folder for each of Kafka's modules; made by `cargo xtask codegen` from the
//! definitions in `protocol/messages`. All of them borrow from the frame that they were decoded from.

extern crate alloc;

mod api_key;
pub mod clients;
pub mod group_coordinator;
pub mod metadata;
mod metadata_record;
pub mod raft;
pub mod share_coordinator;
pub mod storage;
pub mod transaction_coordinator;

pub use api_key::ApiKey;
pub use clients::*;
pub use metadata_record::MetadataRecord;

/// A request: a message with an API key.
pub trait Request<'a>: grete_wire::Message<'a> {
    /// Its API.
    const KEY: ApiKey;
}

/// What generated modules use.
mod prelude {
    pub(crate) use crate::Request;
    pub(crate) use alloc::borrow::Cow;
    pub(crate) use alloc::vec::Vec;
    pub(crate) use grete_wire::{
        BrokerId, DecodeError, Decoder, Element, Encoder, GroupId, Message, ProducerId, Records, TopicName,
        TransactionalId, UnknownTags, Uuid, Versions,
    };
}
