//! ElectLeaders (KIP-183, KIP-460). With one node, each partition that can have a leader has it.

use super::Begun;
use super::front::{Front, Next, Request, encode};
use crate::ids::{NodeId, PartitionIndex};
use crate::metadata::TopicImage;
use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use grete_protocol::ErrorCode;
use grete_protocol::messages::elect_leaders_request::ElectLeadersRequest;
use grete_protocol::messages::elect_leaders_response::{ElectLeadersResponse, PartitionResult, ReplicaElectionResult};
use grete_protocol::wire::{Message, TopicName};

/// The kinds of election: Kafka's numbers.
const PREFERRED: i8 = 0;
const UNCLEAN: i8 = 1;

type Outcome = (ErrorCode, Option<Cow<'static, str>>);

/// Answers an ElectLeaders.
pub(crate) fn begin(front: &mut Front<'_>, request: Request) -> Begun {
    let body = ElectLeadersRequest::decode(&mut request.decoder(), request.version)?;
    let refused: Option<Outcome> = if body.timeout_ms <= 0 {
        // Kafka's controller drops what has timed out before it gets to it.
        Some((ErrorCode::RequestTimedOut, None))
    } else if ![PREFERRED, UNCLEAN].contains(&body.election_type) {
        let text = format!("Unknown election type {}", body.election_type);
        Some((ErrorCode::InvalidRequest, Some(text.into())))
    } else {
        None
    };
    let results: Vec<ReplicaElectionResult<'static>> = match (&body.topic_partitions, &refused) {
        (None, Some(_)) => Vec::new(),
        // Of all partitions, only those are told for which something would have to be done.
        (None, None) => front.image.topics.values().map(|topic| all_of(topic, body.election_type)).collect(),
        (Some(asked), refused) => asked
            .iter()
            .map(|of| {
                let topic = front.image.topic_by_name(of.topic.as_str());
                let outcome = |index: i32| match refused {
                    Some(outcome) => outcome.clone(),
                    None => elect(topic.map(|topic| &**topic), of.topic.as_str(), index, body.election_type),
                };
                result(of.topic.as_str(), of.partitions.iter().map(|index| (*index, outcome(*index))))
            })
            .collect(),
    };
    let response = ElectLeadersResponse {
        error_code: refused.filter(|_| request.version > 0).map_or(ErrorCode::None, |(error, _)| error).code(),
        replica_election_results: results,
        ..Default::default()
    };
    Ok((super::Gather::Answered, Next::Answer(encode(&request, &response)?)))
}

fn all_of(topic: &TopicImage, election_type: i8) -> ReplicaElectionResult<'static> {
    let outcomes = topic.partitions.keys().map(|index| {
        let outcome = elect(Some(topic), &topic.name, index.0, election_type);
        (index.0, outcome)
    });
    result(&topic.name, outcomes.filter(|(_, (error, _))| *error != ErrorCode::ElectionNotNeeded))
}

fn result(topic: &str, outcomes: impl Iterator<Item = (i32, Outcome)>) -> ReplicaElectionResult<'static> {
    let results = outcomes.map(|(partition_id, (error, error_message))| PartitionResult {
        partition_id,
        error_code: error.code(),
        error_message,
        ..Default::default()
    });
    ReplicaElectionResult {
        topic: TopicName::from(String::from(topic)),
        partition_result: results.collect(),
        ..Default::default()
    }
}

fn elect(topic: Option<&TopicImage>, name: &str, index: i32, election_type: i8) -> Outcome {
    let Some(topic) = topic else {
        return (ErrorCode::UnknownTopicOrPartition, Some(format!("No such topic as {name}").into()));
    };
    let Some(partition) = topic.partitions.get(&PartitionIndex(index)) else {
        return (ErrorCode::UnknownTopicOrPartition, Some(format!("No such partition as {name}-{index}").into()));
    };
    if partition.leader != NodeId(-1) {
        let text = "Leader election not needed for topic partition.";
        return (ErrorCode::ElectionNotNeeded, Some(text.into()));
    }
    // Its only replica is out of order: nobody else could lead it.
    if election_type == PREFERRED {
        (ErrorCode::PreferredLeaderNotAvailable, Some(ErrorCode::PreferredLeaderNotAvailable.message().into()))
    } else {
        (ErrorCode::EligibleLeadersNotAvailable, Some(ErrorCode::EligibleLeadersNotAvailable.message().into()))
    }
}
