//! DescribeConfigs (KIP-133, KIP-226, KIP-569): what is in force for topics, brokers, groups and client metrics, and why.

use super::Begun;
use super::front::{Front, Next, Request, encode_by};
use crate::config::{Described, Layers};
use crate::controller::check_name;
use crate::limits::ANSWER_CONFIGS_BYTES_MAX;
use crate::metadata::ConfigResource;
use alloc::borrow::Cow;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use grete_protocol::ErrorCode;
use grete_protocol::messages::describe_configs_request::{DescribeConfigsRequest, DescribeConfigsResource};
use grete_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResponse, DescribeConfigsResult, DescribeConfigsSynonym,
};
use grete_protocol::wire::{Element as _, Encoder, Message as _, UnknownTags};

type Refused = (ErrorCode, Cow<'static, str>);

/// Answers a DescribeConfigs. Results are written as they are made: all together would hold many times as much. What stands
/// twice is answered once.
pub(crate) fn begin(front: &mut Front<'_>, request: Request) -> Begun {
    let body = DescribeConfigsRequest::decode(&mut request.decoder(), request.version)?;
    let mut seen = BTreeSet::new();
    let resources = body.resources.iter();
    let resources: Vec<_> =
        resources.filter(|resource| seen.insert((resource.resource_type, &*resource.resource_name))).collect();
    let write = |encoder: &mut Encoder| {
        encoder.i32(0);
        encoder.array_length("results", resources.len());
        for resource in &resources {
            let has_room = encoder.len() <= ANSWER_CONFIGS_BYTES_MAX;
            answer_one(front, &body, resource, has_room).write(encoder, request.version);
        }
        encoder.unknown_tags(&UnknownTags::default());
    };
    let answer = encode_by::<DescribeConfigsResponse<'_>>(&request, write)?;
    Ok((super::Gather::Answered, Next::Answer(answer)))
}

/// What is told of one resource; not its configuration where the answer has no room for it.
fn answer_one<'b>(
    front: &Front<'_>,
    body: &DescribeConfigsRequest<'_>,
    resource: &'b DescribeConfigsResource<'_>,
    has_room: bool,
) -> DescribeConfigsResult<'b> {
    let described = if has_room {
        describe(front, resource)
    } else {
        Err((ErrorCode::PolicyViolation, "The answer would be too large: ask for fewer resources.".into()))
    };
    let (error, message, configs) = match described {
        Ok(described) => {
            let wanted = described.into_iter().filter(|one| is_wanted(resource, &one.name));
            let told = wanted.map(|one| told(one, body.include_synonyms, body.include_documentation));
            (ErrorCode::None, Cow::Borrowed(""), told.collect())
        }
        Err((error, message)) => (error, message, Vec::new()),
    };
    DescribeConfigsResult {
        error_code: error.code(),
        error_message: Some(message),
        resource_type: resource.resource_type,
        resource_name: Cow::Borrowed(&resource.resource_name),
        configs,
        ..Default::default()
    }
}

fn describe(front: &Front<'_>, resource: &DescribeConfigsResource<'_>) -> Result<Vec<Described>, Refused> {
    let name = &*resource.resource_name;
    let own = front.node.node_id;
    let layers = front.image.layers();
    let config = front.image.config(&ConfigResource { kind: resource.resource_type, name: name.into() });
    let bad = |text: String| Err((ErrorCode::InvalidRequest, Cow::Owned(text)));
    match resource.resource_type {
        ConfigResource::TOPIC => {
            if let Err(refusal) = check_name(name) {
                return Err((refusal.error, refusal.message.unwrap_or_default().into()));
            }
            if front.image.topic_by_name(name).is_none() {
                return Err((ErrorCode::UnknownTopicOrPartition, "".into()));
            }
            Ok(layers.describe_topic(config))
        }
        ConfigResource::BROKER if name.is_empty() => Ok(layers.describe_cluster()),
        ConfigResource::BROKER => match name.parse::<i32>() {
            Err(_) => bad(format!("Broker id must be an integer, but it is: {name}")),
            Ok(id) if id != own.0 => {
                bad(format!("Unexpected broker id, expected {own} or empty string, but received {name}"))
            }
            Ok(_) => Ok(layers.describe_broker()),
        },
        ConfigResource::BROKER_LOGGER if name.is_empty() => bad("Broker id must not be empty".into()),
        ConfigResource::BROKER_LOGGER => match name.parse::<i32>() {
            Err(_) => bad(format!("Broker id must be an integer, but it is: {name}")),
            Ok(id) if id != own.0 => bad(format!("Unexpected broker id, expected {own} but received {name}")),
            // There are no loggers of Kafka's kind, by class, here.
            Ok(_) => Ok(Vec::new()),
        },
        ConfigResource::CLIENT_METRICS if name.is_empty() => {
            bad("Client metrics subscription name must not be empty".into())
        }
        ConfigResource::CLIENT_METRICS => Ok(Layers::describe_client_metrics(config)),
        ConfigResource::GROUP if name.is_empty() => bad("Group name must not be empty".into()),
        ConfigResource::GROUP => Ok(layers.describe_group(config)),
        _ => Err((ErrorCode::InvalidRequest, ErrorCode::InvalidRequest.message().into())),
    }
}

fn is_wanted(resource: &DescribeConfigsResource<'_>, name: &str) -> bool {
    let keys = resource.configuration_keys.as_deref().unwrap_or_default();
    keys.is_empty() || keys.iter().any(|key| key == name)
}

fn told(described: Described, with_synonyms: bool, with_documentation: bool) -> DescribeConfigsResourceResult<'static> {
    let synonyms = described.synonyms.into_iter().filter(|_| with_synonyms).map(|one| DescribeConfigsSynonym {
        name: one.name.into(),
        value: one.value.map(Into::into),
        source: one.source as i8,
        ..Default::default()
    });
    DescribeConfigsResourceResult {
        name: described.name.into(),
        value: described.value.map(Into::into),
        read_only: described.is_read_only,
        config_source: described.source as i8,
        is_sensitive: described.is_sensitive,
        synonyms: synonyms.collect(),
        config_type: described.kind.map_or(0, |kind| kind as i8),
        documentation: with_documentation.then_some(Cow::Borrowed(described.documentation)),
        ..Default::default()
    }
}
