//! The APIs that the controller decides on: handed whole to shard 0, where they are decoded, decided and encoded.

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
use alloc::boxed::Box;
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
        ApiKey::CreatePartitions => create_partitions::decide(controller, request),
        other => {
            let _ = now;
            Err(Refusal::Close(alloc::format!("{other} is not the controller's")))
        }
    }
}

/// An answer that leaves once the decision is committed.
fn answered<'m>(request: &Request, response: &impl Message<'m>) -> Result<Decided, Refusal> {
    let parts: Vec<Bytes> = encode(request, response)?.into_vec();
    Ok(Decided::Answer(parts))
}
