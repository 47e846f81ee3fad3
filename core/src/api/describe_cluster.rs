//! DescribeCluster (KIP-700, KIP-919, KIP-1073).

use super::Begun;
use super::front::{Front, Next, Request, encode};
use super::metadata::{CLUSTER_OPERATIONS, OPERATIONS_UNASKED};
use crate::metadata::BrokerImage;
use crate::node::ListenerRole;
use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use grete_protocol::ErrorCode;
use grete_protocol::messages::describe_cluster_request::DescribeClusterRequest;
use grete_protocol::messages::describe_cluster_response::{DescribeClusterBroker, DescribeClusterResponse};
use grete_protocol::wire::{BrokerId, Message};

/// The kinds of endpoints, by Kafka's numbers: a broker's listener tells of those of brokers, a controller's of those of
/// controllers.
const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

/// Answers a DescribeCluster.
pub(crate) fn begin(front: &mut Front<'_>, request: Request) -> Begun {
    let body = DescribeClusterRequest::decode(&mut request.decoder(), request.version)?;
    let is_controller = front.role() == ListenerRole::Controller;
    let (own, other) = if is_controller { ("CONTROLLER", "BROKER") } else { ("BROKER", "CONTROLLER") };
    // Version 0 knows neither kinds of endpoints nor errors of them: it always asks for brokers.
    let of_kinds = |error| if request.version == 0 { ErrorCode::InvalidRequest } else { error };
    let response = match body.endpoint_type {
        BROKERS if !is_controller => describe_brokers(front, &body),
        CONTROLLERS if is_controller => describe_controllers(front, &body),
        BROKERS | CONTROLLERS => refused(
            of_kinds(ErrorCode::MismatchedEndpointType),
            format!("The request was sent to an endpoint of type {own}, but we wanted an endpoint of type {other}"),
        ),
        unknown => {
            refused(of_kinds(ErrorCode::UnsupportedEndpointType), format!("Unsupported endpoint type {unknown}"))
        }
    };
    Ok((super::Gather::Answered, Next::Answer(encode(&request, &response)?)))
}

/// KIP-919: of a quorum of one, its leader.
fn describe_controllers<'i>(front: &'i Front<'_>, body: &DescribeClusterRequest) -> DescribeClusterResponse<'i> {
    let id = BrokerId(front.image.controller.0);
    let (_, host, port) = front.controller_endpoint();
    let controller = DescribeClusterBroker { broker_id: id, host, port: i32::from(port), ..Default::default() };
    let asked = body.include_cluster_authorized_operations;
    DescribeClusterResponse {
        endpoint_type: CONTROLLERS,
        cluster_id: Cow::Borrowed(&front.image.cluster_id),
        controller_id: id,
        brokers: vec![controller],
        cluster_authorized_operations: if asked { CLUSTER_OPERATIONS } else { OPERATIONS_UNASKED },
        ..Default::default()
    }
}

fn describe_brokers<'i>(front: &'i Front<'_>, body: &DescribeClusterRequest) -> DescribeClusterResponse<'i> {
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
