//! DeleteTopics, by name or by id (KIP-516).

use super::{answered, text};
use crate::api::front::{Refusal, Request};
use crate::controller::{Controller, Decision, TopicRefusal};
use crate::ids::TopicId;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use grete_protocol::ErrorCode;
use grete_protocol::messages::delete_topics_request::DeleteTopicsRequest;
use grete_protocol::messages::delete_topics_response::{DeletableTopicResult, DeleteTopicsResponse};
use grete_protocol::wire::{Message, TopicName, Uuid};

/// The first version that knows the error of topics that may not be deleted (KIP-322).
const DISABLED_FROM: i16 = 3;

/// A topic as a request names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Named {
    name: Option<String>,
    id: TopicId,
}

/// Decides on a DeleteTopics.
pub(super) fn decide(controller: &mut Controller, request: &Request) -> Result<Decision, Refusal> {
    let body = DeleteTopicsRequest::decode(&mut request.decoder(), request.version)?;
    let by_name =
        body.topic_names.iter().map(|name| Named { name: Some(String::from(name.as_str())), id: TopicId::ZERO });
    let by_state = body.topics.iter().map(|topic| Named {
        name: topic.name.as_ref().map(|name| String::from(name.as_str())),
        id: TopicId(topic.topic_id.0),
    });
    let asked: Vec<Named> = by_name.chain(by_state).collect();
    if !controller.deletes_topics() {
        let response = disabled(asked, request.version);
        return Ok(Decision { records: Vec::new(), decided: answered(request, &response)? });
    }
    let mut records = Vec::new();
    let mut responses = Vec::new();
    for (named, result) in judge(controller, &asked, body.timeout_ms) {
        let result = result.and_then(|id| controller.delete_topic(id).map(|record| (id, record)));
        let deleted = result.map(|(id, record)| {
            records.push(record);
            id
        });
        responses.push(answer(controller, named, deleted));
    }
    let response = DeleteTopicsResponse { responses, ..Default::default() };
    Ok(Decision { records, decided: answered(request, &response)? })
}

/// Where no topic may be deleted, nothing else is looked at: whether there is such a topic, or whether it is named twice.
fn disabled(asked: Vec<Named>, version: i16) -> DeleteTopicsResponse<'static> {
    let error = if version < DISABLED_FROM { ErrorCode::InvalidRequest } else { ErrorCode::TopicDeletionDisabled };
    let responses = asked.into_iter().map(|named| DeletableTopicResult {
        name: named.name.map(TopicName::from),
        topic_id: Uuid(named.id.0),
        error_code: error.code(),
        ..Default::default()
    });
    DeleteTopicsResponse { responses: responses.collect(), ..Default::default() }
}

type Judged = (Named, Result<TopicId, TopicRefusal>);

/// Which topics are meant, each once, and why others are not deleted.
fn judge(controller: &Controller, asked: &[Named], timeout_ms: i32) -> Vec<Judged> {
    let refuse = |error: ErrorCode, text: Option<&str>| TopicRefusal { error, message: text.map(ToString::to_string) };
    let mut times: BTreeMap<&Named, u32> = BTreeMap::new();
    asked.iter().for_each(|named| *times.entry(named).or_default() += 1);
    let ids: BTreeSet<TopicId> = asked.iter().filter(|n| n.name.is_none()).map(|named| named.id).collect();
    let mut judged: Vec<Judged> = Vec::new();
    let mut shadowed = BTreeSet::new();
    for (asked, times) in times {
        let mut named = asked.clone();
        let result = if timeout_ms <= 0 {
            Err(refuse(ErrorCode::RequestTimedOut, None))
        } else {
            match (&asked.name, asked.id) {
                (Some(_), id) if id != TopicId::ZERO => {
                    Err(refuse(ErrorCode::InvalidRequest, Some("You may not specify both topic name and topic id.")))
                }
                (None, TopicId::ZERO) => {
                    Err(refuse(ErrorCode::InvalidRequest, Some("Neither topic name nor id were specified.")))
                }
                (Some(_), _) if times > 1 => Err(refuse(ErrorCode::InvalidRequest, Some("Duplicate topic name."))),
                (None, _) if times > 1 => Err(refuse(ErrorCode::InvalidRequest, Some("Duplicate topic id."))),
                (None, id) => Ok(id),
                (Some(name), _) => match controller.appended().topic_by_name(name) {
                    Some(topic) if ids.contains(&topic.id) => {
                        named.id = topic.id;
                        shadowed.insert(topic.id);
                        let text = "The provided topic name maps to an ID that was already supplied.";
                        Err(refuse(ErrorCode::InvalidRequest, Some(text)))
                    }
                    Some(topic) => Ok(topic.id),
                    None => {
                        let error = ErrorCode::UnknownTopicOrPartition;
                        Err(refuse(error, Some(error.message())))
                    }
                },
            }
        };
        judged.push((named, result));
    }
    judged.retain(|(named, _)| named.name.is_some() || !shadowed.contains(&named.id));
    judged
}

fn answer(
    controller: &Controller,
    named: Named,
    deleted: Result<TopicId, TopicRefusal>,
) -> DeletableTopicResult<'static> {
    let mut response = DeletableTopicResult::default();
    match deleted {
        Ok(id) => {
            let name = controller.appended().topic(id).map(|topic| String::from(&*topic.name));
            response.name = name.map(TopicName::from);
            response.topic_id = Uuid(id.0);
        }
        Err(refusal) => {
            let default = || match refusal.error {
                ErrorCode::RequestTimedOut => None,
                error => Some(error.message().to_string()),
            };
            response.name = named.name.map(TopicName::from);
            response.topic_id = Uuid(named.id.0);
            response.error_code = refusal.error.code();
            response.error_message = refusal.message.clone().or_else(default).map(text);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::Defaults;
    use crate::ids::NodeId;
    use crate::metadata::MetadataImage;
    use crate::rng::Seed;
    use grete_protocol::messages::MetadataRecord;
    use grete_protocol::messages::metadata::topic_record::TopicRecord;

    const ID: TopicId = TopicId([7; 16]);

    fn controller() -> Controller {
        let mut image = MetadataImage::new("cluster", Default::default());
        let topic = TopicRecord { name: TopicName::from("a"), topic_id: Uuid(ID.0), ..Default::default() };
        image.replay(0, &MetadataRecord::Topic(topic)).expect("a topic may be the first record");
        let defaults = Defaults {
            num_partitions: 1,
            replication_factor: 1,
            delete_topics: true,
            offsets_partitions: 50,
            offsets_segment_bytes: 1 << 20,
            offsets_replication_factor: None,
        };
        Controller::new(NodeId(1), 1, Seed(0), defaults, image)
    }

    fn judged(asked: &[(Option<&str>, TopicId)]) -> Vec<(Option<String>, TopicId, ErrorCode)> {
        let asked: Vec<_> = asked.iter().map(|(name, id)| Named { name: name.map(String::from), id: *id }).collect();
        let judged = judge(&controller(), &asked, 1).into_iter();
        judged
            .map(|(named, result)| (named.name, named.id, result.err().map_or(ErrorCode::None, |r| r.error)))
            .collect()
    }

    #[test]
    fn a_topic_that_is_named_twice_is_not_deleted() {
        let invalid = ErrorCode::InvalidRequest;
        let (a, zero) = (Some("a"), TopicId::ZERO);
        assert_eq!(judged(&[(a, zero)]), [(a.map(String::from), zero, ErrorCode::None)]);
        assert_eq!(judged(&[(a, zero), (a, zero)]), [(a.map(String::from), zero, invalid)]);
        assert_eq!(judged(&[(None, ID), (None, ID)]), [(None, ID, invalid)]);
        assert_eq!(judged(&[(a, zero), (None, ID)]), [(a.map(String::from), ID, invalid)], "one answer, with the id");
        assert_eq!(judged(&[(a, ID)]), [(a.map(String::from), ID, invalid)], "one of both is enough");
        assert_eq!(judged(&[(None, zero)]), [(None, zero, invalid)]);
    }
}
