//! CreatePartitions (KIP-195).

use super::{answered, text};
use crate::api::front::{Refusal, Request};
use crate::controller::{Controller, Decision, TopicRefusal};
use crate::ids::NodeId;
use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use grete_protocol::ErrorCode;
use grete_protocol::messages::create_partitions_request::{CreatePartitionsRequest, CreatePartitionsTopic};
use grete_protocol::messages::create_partitions_response::{CreatePartitionsResponse, CreatePartitionsTopicResult};
use grete_protocol::wire::{Message, TopicName};

/// Decides on a CreatePartitions.
pub(super) fn decide(controller: &mut Controller, request: &Request) -> Result<Decision, Refusal> {
    let body = CreatePartitionsRequest::decode(&mut request.decoder(), request.version)?;
    let mut records = Vec::new();
    let (mut twice, mut once) = (Vec::new(), Vec::new());
    let mut seen = BTreeSet::new();
    for topic in &body.topics {
        if !seen.insert(topic.name.as_str()) {
            continue;
        }
        if body.topics.iter().filter(|other| other.name == topic.name).count() > 1 {
            let message = Some("Duplicate topic name.".into());
            twice.push(answer(topic, Err(TopicRefusal { error: ErrorCode::InvalidRequest, message })));
            continue;
        }
        let result = if body.timeout_ms <= 0 {
            Err(TopicRefusal { error: ErrorCode::RequestTimedOut, message: None })
        } else {
            let assignments: Option<Vec<Vec<NodeId>>> = topic.assignments.as_ref().map(|assignments| {
                let brokers = assignments.iter().map(|given| given.broker_ids.iter().map(|id| NodeId(id.0)).collect());
                brokers.collect()
            });
            controller.create_partitions(topic.name.as_str(), topic.count, assignments.as_deref())
        };
        once.push(answer(topic, result.map(|new| records.extend(new))));
    }
    twice.append(&mut once);
    let response = CreatePartitionsResponse { results: twice, ..Default::default() };
    Ok(Decision {
        records: if body.validate_only { Vec::new() } else { records },
        decided: answered(request, &response)?,
    })
}

fn answer(topic: &CreatePartitionsTopic<'_>, result: Result<(), TopicRefusal>) -> CreatePartitionsTopicResult<'static> {
    let (error, message) = match result {
        Ok(()) => (ErrorCode::None, None),
        Err(refusal) => (refusal.error, refusal.message),
    };
    CreatePartitionsTopicResult {
        name: TopicName::from(String::from(topic.name.as_str())),
        error_code: error.code(),
        error_message: message.map(text),
        ..Default::default()
    }
}
