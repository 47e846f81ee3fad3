//! FindCoordinator: which broker keeps a group (KIP-699: several at once). The offsets topic is created by the first one
//! who asks.

use super::Begun;
use super::front::{Front, Next, Refusal, Request, encode};
use super::group::partition_of;
use super::message::{Call, ControllerCall, Reply};
use crate::ids::ShardId;
use crate::metadata::OFFSETS_TOPIC;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use grete_protocol::ErrorCode;
use grete_protocol::messages::find_coordinator_request::FindCoordinatorRequest;
use grete_protocol::messages::find_coordinator_response::{Coordinator, FindCoordinatorResponse};
use grete_protocol::wire::{BrokerId, Message};

const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;

/// A FindCoordinator that waits for the offsets topic.
#[derive(Clone, Debug)]
pub(crate) struct Gather {
    pub(super) request: Request,
}

/// Begins a FindCoordinator.
pub(crate) fn begin(front: &mut Front<'_>, request: Request) -> Begun {
    let body = FindCoordinatorRequest::decode(&mut request.decoder(), request.version)?;
    if body.key_type == GROUP && front.image.topic_by_name(OFFSETS_TOPIC).is_none() {
        let names = vec![String::from(OFFSETS_TOPIC)];
        front.call(ShardId(0), Call::Controller(Box::new(ControllerCall::EnsureTopics(names))));
        return Ok((super::Gather::FindCoordinator(Gather { request: request.clone() }), Next::Wait));
    }
    let next = answer(front, &request)?;
    Ok((super::Gather::Answered, next))
}

impl Gather {
    /// The offsets topic is there, or cannot be created.
    pub(crate) fn reply(&mut self, front: &mut Front<'_>, _reply: Reply) -> Result<Next, Refusal> {
        answer(front, &self.request)
    }
}

fn answer(front: &Front<'_>, request: &Request) -> Result<Next, Refusal> {
    let body = FindCoordinatorRequest::decode(&mut request.decoder(), request.version)?;
    let keys: Vec<&str> =
        if request.version >= 4 { body.coordinator_keys.iter().map(|key| &**key).collect() } else { vec![&*body.key] };
    let found = keys.iter().map(|key| find(front, request.version, body.key_type, key));
    let mut response = FindCoordinatorResponse::default();
    if request.version >= 4 {
        response.coordinators = found.collect();
    } else {
        for coordinator in found {
            response.error_code = coordinator.error_code;
            response.error_message = coordinator.error_message;
            response.node_id = coordinator.node_id;
            response.host = coordinator.host;
            response.port = coordinator.port;
        }
    }
    Ok(Next::Answer(encode(request, &response)?))
}

fn find(front: &Front<'_>, version: i16, key_type: i8, key: &str) -> Coordinator<'static> {
    let refused = |error: ErrorCode, message: &'static str| Coordinator {
        key: String::from(key).into(),
        node_id: BrokerId(-1),
        host: "".into(),
        port: -1,
        error_code: error.code(),
        error_message: Some(message.into()),
        ..Default::default()
    };
    match key_type {
        GROUP => {}
        TRANSACTION => {
            let text = "Transactions are not supported by this broker yet";
            return refused(ErrorCode::TransactionalIdAuthorizationFailed, text);
        }
        _ => {
            let error = ErrorCode::InvalidRequest;
            return refused(error, if version >= 4 && key_type == 2 { "" } else { error.message() });
        }
    }
    let leader = partition_of(front.image, key)
        .and_then(|partition| front.image.partition(partition))
        .and_then(|partition| front.image.brokers.get(&partition.leader));
    let Some(broker) = leader else {
        let error = ErrorCode::CoordinatorNotAvailable;
        return refused(error, error.message());
    };
    let (host, port) = front.address_of(broker);
    Coordinator {
        key: String::from(key).into(),
        node_id: BrokerId(broker.id.0),
        host: String::from(host).into(),
        port: i32::from(port),
        error_message: Some(if version >= 4 { "" } else { "NONE" }.into()),
        ..Default::default()
    }
}
