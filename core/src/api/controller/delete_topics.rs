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
