//! What a producer makes of answers: which errors mean that nothing was written, which may be tried again, and which say
//! that its sequence numbers count no more.

use super::lane::{Batch, BatchState, Identity};
use super::{Asked, Attempt, Producer, RETRY_BACKOFF, Refresh};
use crate::actor::Context;
use crate::actor::wire::{Answered, node_at};
use crate::history::{Answer, Outcome, TopicPartition};
use crate::run::State;
use kafka_protocol::messages::{
    BrokerId, InitProducerIdRequest, MetadataRequest, MetadataResponse, ProduceRequest, ProduceResponse,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What an error of a partition means to a producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// It was not written; later it may be.
    Again,
    /// It was not written, because this is not the leader, or has no such partition any more.
    Elsewhere,
    /// It may have been written, and is tried again.
    AgainUnknown,
    /// The batch was written before.
    Duplicate,
    /// The sequence numbers are not what the broker expects.
    Sequence,
    /// It was not written and never will be.
    Never,
    /// The broker does not say what came of it.
    Unknown,
}

const fn meaning(code: i16) -> Meaning {
    match code {
        // UNKNOWN_TOPIC_OR_PARTITION, LEADER_NOT_AVAILABLE, NOT_LEADER_OR_FOLLOWER, REPLICA_NOT_AVAILABLE,
        // FENCED_LEADER_EPOCH, LISTENER_NOT_FOUND, UNKNOWN_LEADER_EPOCH, UNKNOWN_TOPIC_ID
        3 | 5 | 6 | 9 | 72 | 74 | 76 | 100 => Meaning::Elsewhere,
        // REQUEST_TIMED_OUT, NETWORK_EXCEPTION, NOT_ENOUGH_REPLICAS_AFTER_APPEND, KAFKA_STORAGE_ERROR
        7 | 13 | 20 | 56 => Meaning::AgainUnknown,
        // CORRUPT_MESSAGE, COORDINATOR_LOAD_IN_PROGRESS, NOT_ENOUGH_REPLICAS, THROTTLING_QUOTA_EXCEEDED
        2 | 14 | 19 | 89 => Meaning::Again,
        // OUT_OF_ORDER_SEQUENCE_NUMBER, INVALID_PRODUCER_EPOCH, UNKNOWN_PRODUCER_ID
        45 | 47 | 59 => Meaning::Sequence,
        // DUPLICATE_SEQUENCE_NUMBER
        46 => Meaning::Duplicate,
        // UNKNOWN_SERVER_ERROR
        -1 => Meaning::Unknown,
        _ => Meaning::Never,
    }
}

impl Producer {
    pub(super) fn answered(&mut self, answered: Answered<Asked>, context: &mut Context<'_>) {
        match &answered.asked {
            Asked::Metadata => {
                let (_, response) = answered.decode::<MetadataRequest>(context);
                self.metadata_came(response.as_ref(), context);
            }
            Asked::ProducerId => {
                let (_, response) = answered.decode::<InitProducerIdRequest>(context);
                self.identity_at = Refresh::WantedAt(context.now.after(RETRY_BACKOFF));
                if let Some(response) = response.filter(|response| response.error_code == 0) {
                    self.identity = Some(Identity { id: response.producer_id.0, epoch: response.producer_epoch });
                    self.identity_at = Refresh::Fresh;
                }
            }
            Asked::Produce(_) => {
                let (asked, response) = answered.decode::<ProduceRequest>(context);
                let Asked::Produce(attempts) = asked else { return };
                for attempt in &attempts {
                    match response.as_ref().and_then(|response| found(response, &attempt.to)) {
                        Some((0, base)) => self.done(attempt, base, context),
                        Some((code, _)) => self.refused(attempt, code, context),
                        None => {
                            if response.is_some() {
                                let what = format!("Produce is answered without {:?}", attempt.to);
                                context.accuse(crate::actor::wire::ANSWER_ORDER, what);
                            }
                            self.try_again(attempt, None, context);
                        }
                    }
                }
            }
        }
    }

    fn done(&mut self, attempt: &Attempt, base: i64, context: &mut Context<'_>) {
        let Some(lane) = self.lanes.get_mut(&attempt.to) else { return };
        if let Some(last) = attempt.last_sequence
            && lane.identity == attempt.identity
        {
            lane.acknowledged(last);
        }
        if let Some(batch) = lane.remove(attempt.number) {
            // What lies before what was acknowledged when it was sent again was written by an earlier attempt.
            if batch.written_before.is_some_and(|end| (0..=end).contains(&base)) {
                context.see(State::DuplicateAnswered);
            }
            context.end(batch.operation, Outcome::Done(Answer::Produced { base }));
        }
    }

    fn refused(&mut self, attempt: &Attempt, code: i16, context: &mut Context<'_>) {
        match code {
            3 | 100 => context.see(State::ProduceTopicGone),
            45 => context.see(State::SequenceRefused),
            46 => context.see(State::DuplicateAnswered),
            56 => context.see(State::ProduceStorageError),
            _ => {}
        }
        match meaning(code) {
            Meaning::Duplicate => self.done(attempt, -1, context),
            Meaning::Again => self.try_again(attempt, Some(code), context),
            Meaning::Elsewhere => {
                self.try_again(attempt, Some(code), context);
                self.want_metadata(context.now);
            }
            Meaning::AgainUnknown => self.try_again(attempt, None, context),
            Meaning::Sequence => {
                self.sequence_refused(attempt);
                self.try_again(attempt, Some(code), context);
            }
            Meaning::Never => self.fail(attempt, context, |batch| match batch.may_be_written {
                true => Outcome::Unknown,
                false => Outcome::Failed(code),
            }),
            Meaning::Unknown => self.fail(attempt, context, |_| Outcome::Unknown),
        }
    }

    /// A batch is not the next that the broker expects. Where one before it is still to come, that one is expected; where
    /// none is, there is a gap that nobody will fill, and sequences begin anew in the next epoch.
    fn sequence_refused(&mut self, attempt: &Attempt) {
        let Some(lane) = self.lanes.get_mut(&attempt.to) else { return };
        if lane.identity == attempt.identity && lane.position(attempt.number) == Some(0) {
            lane.wants_bump = true;
        }
    }

    /// A batch waits for its next attempt. With a code, this one was not written.
    pub(super) fn try_again(&mut self, attempt: &Attempt, code: Option<i16>, context: &mut Context<'_>) {
        let Some(lane) = self.lanes.get_mut(&attempt.to) else { return };
        let again_at = context.now.after(RETRY_BACKOFF);
        if let Some(at) = lane.position(attempt.number) {
            let batch = &mut lane.batches[at];
            batch.state = BatchState::Waiting;
            batch.may_be_written |= code.is_none();
            batch.error = code.or(batch.error);
            lane.not_before = again_at;
            self.alarm.by(again_at, context);
        }
    }

    fn fail(&mut self, attempt: &Attempt, context: &mut Context<'_>, outcome: impl FnOnce(&Batch) -> Outcome) {
        let Some(lane) = self.lanes.get_mut(&attempt.to) else { return };
        if let Some(batch) = lane.remove(attempt.number) {
            // The next batch would leave a gap.
            lane.wants_bump |= batch.sequence.is_some();
            context.end(batch.operation, outcome(&batch));
        }
    }

    fn metadata_came(&mut self, response: Option<&MetadataResponse>, context: &mut Context<'_>) {
        self.metadata = Refresh::Fresh;
        if let Some(response) = response {
            let nodes: BTreeMap<BrokerId, _> =
                response.brokers.iter().filter_map(|broker| Some((broker.node_id, node_at(broker.port)?))).collect();
            self.leaders.clear();
            for topic in response.topics.iter().filter(|topic| topic.error_code == 0) {
                let Some(name) = &topic.name else { continue };
                let Some(name) = self.topics.get(name.0.as_str()) else { continue };
                for partition in &topic.partitions {
                    if let Some(node) = nodes.get(&partition.leader_id) {
                        let to = TopicPartition { topic: Arc::clone(name), partition: partition.partition_index };
                        self.leaders.insert(to, *node);
                    }
                }
            }
        }
        if self.lanes.iter().any(|(to, lane)| !lane.batches.is_empty() && !self.leaders.contains_key(to)) {
            self.want_metadata(context.now.after(RETRY_BACKOFF));
        }
    }
}

/// What a response says of a partition: its error code and base offset.
fn found(response: &ProduceResponse, of: &TopicPartition) -> Option<(i16, i64)> {
    let topic = response.responses.iter().find(|topic| topic.name.0.as_str() == &*of.topic)?;
    let partition = topic.partition_responses.iter().find(|partition| partition.index == of.partition)?;
    Some((partition.error_code, partition.base_offset))
}
