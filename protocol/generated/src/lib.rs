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
mod for_each_message;
pub mod group_coordinator;
mod group_record_key;
mod group_record_value;
pub mod metadata;
mod metadata_record;
pub mod raft;
mod remote_log_record;
pub mod share_coordinator;
mod share_record_key;
mod share_record_value;
pub mod storage;
pub mod transaction_coordinator;
mod transaction_record_key;
mod transaction_record_value;

pub use api_key::ApiKey;
pub use clients::*;
pub use group_record_key::GroupRecordKey;
pub use group_record_value::GroupRecordValue;
pub use metadata_record::MetadataRecord;
pub use remote_log_record::RemoteLogRecord;
pub use share_record_key::ShareRecordKey;
pub use share_record_value::ShareRecordValue;
pub use transaction_record_key::TransactionRecordKey;
pub use transaction_record_value::TransactionRecordValue;

/// A request: a message with an API key.
pub trait Request<'a>: grete_wire::Message<'a> {
    /// Its API.
    const KEY: ApiKey;
    /// Its answer, in the same version.
    type Response<'r>: grete_wire::Message<'r>;
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
