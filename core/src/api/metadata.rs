//! Metadata: brokers and topics, creating topics on the way where the configuration allows.
//!
//! A topic that is created for the request is answered once it is there; Kafka answers that it is unknown and lets the client
//! ask again.

use super::Begun;
use super::front::{Front, Next, Refusal, Request, encode};
use super::message::{Call, ControllerCall, Reply};
use crate::controller::{Decided, check_name};
use crate::ids::{ShardId, TopicId};
use crate::metadata::{OFFSETS_TOPIC, TopicImage, is_internal};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use grete_protocol::ErrorCode;
use grete_protocol::messages::metadata_request::{MetadataRequest, MetadataRequestTopic};
use grete_protocol::messages::metadata_response::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use grete_protocol::wire::{BrokerId, Message, TopicName, Uuid};

/// What may be done with a topic where no authorizer is configured: everything that its ACLs know.
pub(super) const TOPIC_OPERATIONS: i32 = 0b1101_1111_1000;
/// What may be done with the cluster likewise.
pub(super) const CLUSTER_OPERATIONS: i32 = 0b1_1111_1010_0000;
/// Operations that were not asked for.
pub(super) const OPERATIONS_UNASKED: i32 = i32::MIN;

/// A Metadata that waits for topics to be created.
#[derive(Clone, Debug)]
pub(crate) struct Gather {
    pub(super) request: Request,
}

/// A topic as a request names it.
enum Asked<'a> {
    Name(&'a str),
    Id(TopicId),
}

/// Begins a Metadata.
pub(crate) fn begin(front: &mut Front<'_>, request: Request) -> Begun {
    let body = MetadataRequest::decode(&mut request.decoder(), request.version)?;
    let creates = request.version < 4 || body.allow_auto_topic_creation;
    if creates && front.node.auto_create_topics {
        let named = body.topics.iter().flatten().filter_map(|topic| topic.name.as_ref());
        let missing: BTreeSet<&str> = named.map(TopicName::as_str).filter(|name| may_create(front, name)).collect();
        if !missing.is_empty() {
            let names = missing.into_iter().map(String::from).collect();
            front.call(ShardId(0), Call::Controller(Box::new(ControllerCall::EnsureTopics(names))));
            return Ok((super::Gather::Metadata(Gather { request: request.clone() }), Next::Wait));
        }
    }
    let next = answer(front, &request, &BTreeMap::new())?;
    Ok((super::Gather::Answered, next))
}

/// Whether the request creates no topic, whatever there is.
pub(super) fn only_reads(request: &Request) -> bool {
    let body = MetadataRequest::decode(&mut request.decoder(), request.version);
    body.map_or(true, |body| {
        let creates = request.version < 4 || body.allow_auto_topic_creation;
        !creates || body.topics.is_none_or(|topics| topics.is_empty())
    })
}

impl Gather {
    /// The topics are there, or cannot be created.
    pub(crate) fn reply(&mut self, front: &mut Front<'_>, reply: Reply) -> Result<Next, Refusal> {
        let Reply::Controller(Decided::Topics(results)) = reply else {
            unreachable!("topics are answered by topics, not by {reply:?}")
        };
        let failed = results.into_iter().filter_map(|(name, result)| Some((name, result.err()?))).collect();
        answer(front, &self.request, &failed)
    }
}

fn may_create(front: &Front<'_>, name: &str) -> bool {
    front.image.topic_by_name(name).is_none()
        && check_name(name).is_ok()
        && (!is_internal(name) || name == OFFSETS_TOPIC)
}

fn answer(front: &Front<'_>, request: &Request, failed: &BTreeMap<String, ErrorCode>) -> Result<Next, Refusal> {
    let body = MetadataRequest::decode(&mut request.decoder(), request.version)?;
    if let Some(refused) = refuse_whole(request, &body) {
        return Ok(Next::Answer(encode(request, &refused)?));
    }
    let operations = if body.include_topic_authorized_operations { TOPIC_OPERATIONS } else { OPERATIONS_UNASKED };
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    match asked(request.version, &body) {
        None => good.extend(front.image.topics.values().map(|topic| describe(front, topic, operations))),
        Some(asked) => {
            let mut seen = BTreeSet::new();
            for asked in asked {
                let found = match asked {
                    Asked::Name(name) => front.image.topic_by_name(name),
                    Asked::Id(id) => front.image.topic(id),
                };
                match found {
                    Some(topic) if seen.insert(topic.id) => good.push(describe(front, topic, operations)),
                    Some(_) => {}
                    None => bad.push(unknown(&asked, failed)),
                }
            }
        }
    }
    good.append(&mut bad);
    let cluster = if body.include_cluster_authorized_operations { CLUSTER_OPERATIONS } else { OPERATIONS_UNASKED };
    let response = MetadataResponse {
        brokers: brokers(front),
        cluster_id: Some((&*front.image.cluster_id).into()),
        controller_id: BrokerId(front.image.controller.0),
        topics: good,
        cluster_authorized_operations: cluster,
        ..Default::default()
    };
    Ok(Next::Answer(encode(request, &response)?))
}

/// Why nothing is answered: a topic that is named in a way that the version does not have.
fn refuse_whole(request: &Request, body: &MetadataRequest<'_>) -> Option<MetadataResponse<'static>> {
    let topics = body.topics.as_ref()?;
    if topics.iter().all(|topic| is_named(request.version, topic)) {
        return None;
    }
    let topics = topics.iter().map(|topic| MetadataResponseTopic {
        error_code: ErrorCode::InvalidRequest.code(),
        name: Some(TopicName::from(topic.name.as_ref().map_or_else(String::new, |name| String::from(name.as_str())))),
        topic_id: topic.topic_id,
        topic_authorized_operations: OPERATIONS_UNASKED,
        ..Default::default()
    });
    Some(MetadataResponse {
        error_code: ErrorCode::InvalidRequest.code(),
        topics: topics.collect(),
        controller_id: BrokerId(-1),
        cluster_id: None,
        ..Default::default()
    })
}

/// Whether a topic is named. Versions 10 and 11 have topic ids in their format, but clients must not use them yet.
fn is_named(version: i16, topic: &MetadataRequestTopic<'_>) -> bool {
    match version {
        ..12 => topic.name.is_some() && topic.topic_id == Uuid::ZERO,
        12.. => topic.name.is_some() || topic.topic_id != Uuid::ZERO,
    }
}

/// What is asked for; `None` for all topics.
fn asked<'a>(version: i16, body: &'a MetadataRequest<'_>) -> Option<Vec<Asked<'a>>> {
    let topics = body.topics.as_ref()?;
    if version == 0 && topics.is_empty() {
        return None;
    }
    let asked = topics.iter().map(|topic| match &topic.name {
        Some(name) if topic.topic_id == Uuid::ZERO => Asked::Name(name.as_str()),
        Some(_) | None => Asked::Id(TopicId(topic.topic_id.0)),
    });
    Some(asked.collect())
}

fn unknown(asked: &Asked<'_>, failed: &BTreeMap<String, ErrorCode>) -> MetadataResponseTopic<'static> {
    let mut response = MetadataResponseTopic { topic_authorized_operations: OPERATIONS_UNASKED, ..Default::default() };
    let error = match asked {
        Asked::Name(name) => {
            response.name = Some(TopicName::from(String::from(*name)));
            response.is_internal = is_internal(name);
            match check_name(name) {
                Err(refusal) => refusal.error,
                Ok(()) => failed.get(*name).copied().unwrap_or(ErrorCode::UnknownTopicOrPartition),
            }
        }
        Asked::Id(id) => {
            response.name = None;
            response.topic_id = Uuid(id.0);
            ErrorCode::UnknownTopicId
        }
    };
    response.error_code = error.code();
    response
}

fn describe<'i>(_front: &'i Front<'_>, topic: &'i TopicImage, operations: i32) -> MetadataResponseTopic<'i> {
    let partitions = topic.partitions.iter().map(|(index, partition)| MetadataResponsePartition {
        partition_index: index.0,
        leader_id: BrokerId(partition.leader.0),
        leader_epoch: partition.leader_epoch.0,
        replica_nodes: partition.replicas.iter().map(|id| BrokerId(id.0)).collect(),
        isr_nodes: partition.isr.iter().map(|id| BrokerId(id.0)).collect(),
        ..Default::default()
    });
    MetadataResponseTopic {
        name: Some(TopicName::from(&*topic.name)),
        topic_id: Uuid(topic.id.0),
        is_internal: topic.is_internal(),
        partitions: partitions.collect(),
        topic_authorized_operations: operations,
        ..Default::default()
    }
}

fn brokers<'i>(front: &'i Front<'_>) -> Vec<MetadataResponseBroker<'i>> {
    let broker = |broker: &'i crate::metadata::BrokerImage| {
        let (host, port) = front.address_of(broker);
        MetadataResponseBroker {
            node_id: BrokerId(broker.id.0),
            host,
            port: i32::from(port),
            rack: broker.rack.as_deref().map(Into::into),
            ..Default::default()
        }
    };
    front.image.brokers.values().filter(|broker| !broker.fenced).map(|at| broker(at)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_ids_have_their_versions() {
        let topic = |name: Option<&'static str>, id| MetadataRequestTopic {
            name: name.map(TopicName::from),
            topic_id: Uuid([id; 16]),
            ..Default::default()
        };
        let (by_name, by_id, by_both, by_none) =
            (topic(Some("a"), 0), topic(None, 1), topic(Some("a"), 1), topic(None, 0));
        for version in [1, 10, 11] {
            assert!(is_named(version, &by_name));
            assert!(![&by_id, &by_both, &by_none].into_iter().any(|topic| is_named(version, topic)));
        }
        assert!([&by_name, &by_id, &by_both].into_iter().all(|topic| is_named(12, topic)));
        assert!(!is_named(13, &by_none));
    }
}
