//! ListConfigResources (KIP-1142), in its first version the client metrics subscriptions alone (KIP-714).

use super::Begun;
use super::front::{Front, Next, Request, encode};
use crate::metadata;
use alloc::borrow::Cow;
use alloc::string::ToString;
use alloc::vec::Vec;
use grete_protocol::ErrorCode;
use grete_protocol::messages::list_config_resources_request::ListConfigResourcesRequest;
use grete_protocol::messages::list_config_resources_response::{ConfigResource, ListConfigResourcesResponse};
use grete_protocol::wire::Message;

/// The types of resources that can be listed.
const LISTED: [i8; 5] = [
    metadata::ConfigResource::TOPIC,
    metadata::ConfigResource::BROKER,
    metadata::ConfigResource::BROKER_LOGGER,
    metadata::ConfigResource::CLIENT_METRICS,
    metadata::ConfigResource::GROUP,
];

/// Answers a ListConfigResources.
pub(crate) fn begin(front: &mut Front<'_>, request: Request) -> Begun {
    let body = ListConfigResourcesRequest::decode(&mut request.decoder(), request.version)?;
    let asked: &[i8] = match &body.resource_types {
        _ if request.version == 0 => &[metadata::ConfigResource::CLIENT_METRICS],
        types if types.is_empty() => &LISTED,
        types => types,
    };
    let response = if asked.iter().all(|kind| LISTED.contains(kind)) {
        let kinds = LISTED.iter().filter(|kind| asked.contains(kind));
        let config_resources: Vec<ConfigResource<'_>> = kinds.flat_map(|kind| names(front, *kind)).collect();
        ListConfigResourcesResponse { config_resources, ..Default::default() }
    } else {
        ListConfigResourcesResponse { error_code: ErrorCode::UnsupportedVersion.code(), ..Default::default() }
    };
    Ok((super::Gather::Answered, Next::Answer(encode(&request, &response)?)))
}

fn names<'i>(front: &'i Front<'_>, kind: i8) -> Vec<ConfigResource<'i>> {
    let image = front.image;
    let names: Vec<Cow<'i, str>> = match kind {
        metadata::ConfigResource::TOPIC => image.names.keys().map(|name| Cow::Borrowed(&**name)).collect(),
        metadata::ConfigResource::BROKER | metadata::ConfigResource::BROKER_LOGGER => {
            image.brokers.keys().map(|id| Cow::Owned(id.to_string())).collect()
        }
        _ => {
            let configured = image.configs.keys().filter(|resource| resource.kind == kind);
            configured.map(|resource| Cow::Borrowed(&*resource.name)).collect()
        }
    };
    let told = |resource_name| ConfigResource { resource_name, resource_type: kind, ..Default::default() };
    names.into_iter().map(told).collect()
}
