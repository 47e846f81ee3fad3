//! The APIs that the controller decides on: handed whole to shard 0, where they are decoded, decided and encoded.

mod alter_configs;
mod create_partitions;
mod create_topics;
mod delete_topics;
mod init_producer_id;

pub(crate) use init_producer_id::begin as begin_init_producer_id;

use super::Begun;
use super::front::{Front, Next, Refusal, Request, encode};
use super::message::{Call, ControllerCall};
use crate::controller::{Controller, Decided, Decision};
use crate::ids::ShardId;
use crate::time::Now;
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;
use grete_protocol::ApiKey;
use grete_protocol::wire::Message;

/// A request that the controller has.
#[derive(Clone, Debug)]
pub(crate) enum Gather {
    /// The controller's answer is the client's.
    Whole,
    /// The client waits for a producer id.
    ProducerId(Request),
}

/// Hands a request to the controller.
pub(crate) fn begin(front: &mut Front<'_>, request: Request) -> Begun {
    front.call(ShardId(0), Call::Controller(Box::new(ControllerCall::Request(request))));
    Ok((super::Gather::Controller(Gather::Whole), Next::Wait))
}

impl Gather {
    /// Whether it holds the request's frame.
    pub(super) const fn holds_frame(&self) -> bool {
        match self {
            Self::Whole => false,
            Self::ProducerId(request) => request.holds_frame(),
        }
    }

    /// Takes the controller's answer.
    pub(crate) fn reply(&mut self, decided: Decided) -> Result<Next, Refusal> {
        match (self, decided) {
            (Self::Whole, Decided::Answer(parts)) => Ok(Next::Answer(parts.into_iter().collect())),
            (Self::ProducerId(request), Decided::ProducerIds(id)) => init_producer_id::answer(request, id),
            (_, Decided::Refused(reason)) => Err(Refusal::Close(reason)),
            (gather, decided) => unreachable!("{gather:?} is not answered by {decided:?}"),
        }
    }
}

/// Decides on a request that was handed over.
pub(crate) fn decide(controller: &mut Controller, now: Now, request: &Request) -> Result<Decision, Refusal> {
    match request.api {
        ApiKey::CreateTopics => create_topics::decide(controller, request),
        ApiKey::DeleteTopics => delete_topics::decide(controller, request),
        ApiKey::AlterConfigs => alter_configs::decide(controller, request),
        ApiKey::IncrementalAlterConfigs => alter_configs::decide_incremental(controller, request),
        ApiKey::CreatePartitions => create_partitions::decide(controller, request),
        other => {
            let _ = now;
            Err(Refusal::Close(alloc::format!("{other} is not the controller's")))
        }
    }
}

/// What people are told, which may quote what the client sent: cut where it is longer than a string of the protocol.
fn text(mut message: String) -> Cow<'static, str> {
    message.truncate(message.floor_char_boundary(i16::MAX as usize));
    message.into()
}

/// An answer that leaves once the decision is committed.
fn answered<'m>(request: &Request, response: &impl Message<'m>) -> Result<Decided, Refusal> {
    let parts: Vec<Bytes> = encode(request, response)?.into_vec();
    Ok(Decided::Answer(parts))
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn what_is_too_long_for_a_string_is_cut_between_letters() {
        assert_eq!(text("x".repeat(32_767)).len(), 32_767);
        assert_eq!(text("x".repeat(32_768)).len(), 32_767);
        assert_eq!(text("ä".repeat(16_384)).len(), 32_766);
    }
}
