//! DescribeCluster (KIP-700, KIP-919, KIP-1073).

use super::Begun;
use super::front::{Front, Next, Request, encode};
use super::metadata::{CLUSTER_OPERATIONS, OPERATIONS_UNASKED};
use crate::metadata::BrokerImage;
use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use grete_protocol::ErrorCode;
use grete_protocol::messages::describe_cluster_request::DescribeClusterRequest;
use grete_protocol::messages::describe_cluster_response::{DescribeClusterBroker, DescribeClusterResponse};
use grete_protocol::wire::{BrokerId, Message};

/// The endpoints that a broker tells of: those of brokers.
const BROKERS: i8 = 1;
/// Those of controllers, which only a controller's listener tells.
const CONTROLLERS: i8 = 2;

/// Answers a DescribeCluster.
pub(crate) fn begin(front: &mut Front<'_>, request: Request) -> Begun {
    let body = DescribeClusterRequest::decode(&mut request.decoder(), request.version)?;
    let response = match body.endpoint_type {
        BROKERS => describe(front, &body),
        CONTROLLERS => refused(
            ErrorCode::MismatchedEndpointType,
            "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER".into(),
        ),
        other => refused(ErrorCode::UnsupportedEndpointType, format!("Unsupported endpoint type {other}")),
    };
    Ok((super::Gather::Answered, Next::Answer(encode(&request, &response)?)))
}

fn describe<'i>(front: &'i Front<'_>, body: &DescribeClusterRequest) -> DescribeClusterResponse<'i> {
    let told = |broker: &'i BrokerImage| {
        let (host, port) = front.address_of(broker);
        DescribeClusterBroker {
            broker_id: BrokerId(broker.id.0),
            host,
            port: i32::from(port),
            rack: broker.rack.as_deref().map(Cow::Borrowed),
            is_fenced: broker.fenced,
            ..Default::default()
        }
    };
    let brokers = front.image.brokers.values().filter(|broker| body.include_fenced_brokers || !broker.fenced);
    let asked = body.include_cluster_authorized_operations;
    DescribeClusterResponse {
        endpoint_type: BROKERS,
        cluster_id: Cow::Borrowed(&front.image.cluster_id),
        controller_id: BrokerId(front.image.controller.0),
        brokers: brokers.map(|broker| told(broker)).collect(),
        cluster_authorized_operations: if asked { CLUSTER_OPERATIONS } else { OPERATIONS_UNASKED },
        ..Default::default()
    }
}

fn refused(error: ErrorCode, message: String) -> DescribeClusterResponse<'static> {
    DescribeClusterResponse {
        error_code: error.code(),
        error_message: Some(message.into()),
        endpoint_type: BROKERS,
        controller_id: BrokerId(-1),
        cluster_authorized_operations: OPERATIONS_UNASKED,
        ..Default::default()
    }
}
