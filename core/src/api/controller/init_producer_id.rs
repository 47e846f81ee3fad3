//! InitProducerId, for idempotent producers (KIP-98, KIP-360). Transactions are not served yet.

use super::Gather;
use crate::api::Begun;
use crate::api::front::{Front, Next, Refusal, Request, encode};
use crate::api::message::{Call, ControllerCall};
use crate::ids::ShardId;
use alloc::boxed::Box;
use grete_protocol::ErrorCode;
use grete_protocol::messages::init_producer_id_request::InitProducerIdRequest;
use grete_protocol::messages::init_producer_id_response::InitProducerIdResponse;
use grete_protocol::wire::{Message, ProducerId};

/// Begins an InitProducerId.
pub(crate) fn begin(front: &mut Front<'_>, request: Request) -> Begun {
    let body = InitProducerIdRequest::decode(&mut request.decoder(), request.version)?;
    let refused = match &body.transactional_id {
        Some(id) if id.is_empty() => Some(ErrorCode::InvalidRequest),
        // The error that every client takes as final.
        Some(_) => Some(ErrorCode::TransactionalIdAuthorizationFailed),
        None if (body.producer_id.0 == -1) != (body.producer_epoch == -1) => Some(ErrorCode::InvalidRequest),
        None => None,
    };
    if let Some(error) = refused {
        let response = InitProducerIdResponse {
            error_code: error.code(),
            producer_id: ProducerId(-1),
            producer_epoch: -1,
            ..Default::default()
        };
        return Ok((super::super::Gather::Answered, Next::Answer(encode(&request, &response)?)));
    }
    front.call(ShardId(0), Call::Controller(Box::new(ControllerCall::ProducerId)));
    Ok((super::super::Gather::Controller(Gather::ProducerId(request.without_frame())), Next::Wait))
}

/// Answers with the id that was taken.
pub(super) fn answer(request: &Request, id: i64) -> Result<Next, Refusal> {
    let response = InitProducerIdResponse { producer_id: ProducerId(id), producer_epoch: 0, ..Default::default() };
    Ok(Next::Answer(encode(request, &response)?))
}
