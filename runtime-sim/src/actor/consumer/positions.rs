//! Where reading begins: what the group has committed, or the start or end of a partition.

use super::alarms::Retry;
use super::coordinator::{COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR};
use super::fetcher::{At, EARLIEST};
use super::protocol::text;
use super::{Ask, Consumer, REQUEST_TIMEOUT, To};
use crate::actor::Context;
use crate::history::{Answer, OperationId, Outcome, TopicPartition, What};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use kafka_protocol::messages::{
    BrokerId, GroupId, ListOffsetsRequest, ListOffsetsResponse, OffsetFetchRequest, OffsetFetchResponse, TopicName,
};
use std::collections::BTreeMap;
use std::sync::Arc;

const OFFSET_FETCH_VERSION: i16 = 8;
const LIST_OFFSETS_VERSION: i16 = 7;

impl Consumer {
    pub(super) fn drive_positions(&mut self, context: &mut Context<'_>) {
        let reachable = self.coordinator.is_ready() && self.alarms.may(Retry::Committed);
        if let Some(group) = &self.group
            && reachable
            && group.has_assignment()
        {
            let name = Arc::clone(group.name());
            let unknown = self.fetcher.ask_for(|at| matches!(at, At::Committed).then_some(()));
            if !unknown.is_empty() {
                self.ask_committed(context, &name, unknown.into_keys().collect());
            }
        }
        if self.broker.is_ready() {
            let unknown = self.fetcher.ask_for(|at| if let At::Timestamp(time) = at { Some(*time) } else { None });
            if !unknown.is_empty() {
                self.ask_offsets(context, unknown);
            }
        }
    }

    fn ask_committed(&mut self, context: &mut Context<'_>, group: &Arc<str>, partitions: Vec<TopicPartition>) {
        let topics = by_topic(partitions.iter().map(|at| (at, at.partition)));
        let topics = topics.into_iter().map(|(topic, indexes)| {
            OffsetFetchRequestTopics::default().with_name(topic).with_partition_indexes(indexes)
        });
        let asked =
            OffsetFetchRequestGroup::default().with_group_id(GroupId(text(group))).with_topics(Some(topics.collect()));
        let request = OffsetFetchRequest::default().with_groups(vec![asked]).with_require_stable(true);
        let what = What::Committed { group: Arc::clone(group), partitions: partitions.clone() };
        let ask = Ask::Committed(context.begin(what), partitions);
        self.send(context, To::Coordinator, (&request, OFFSET_FETCH_VERSION), ask, REQUEST_TIMEOUT);
    }

    pub(super) fn take_committed(
        &mut self,
        context: &mut Context<'_>,
        response: &OffsetFetchResponse,
        operation: OperationId,
        asked: &[TopicPartition],
    ) {
        self.fetcher.unasked(asked.iter());
        let Some(group) = response.groups.first() else {
            context.end(operation, Outcome::Unknown);
            return self.alarms.back_off(context, Retry::Committed);
        };
        let mut found = BTreeMap::new();
        let mut code = group.error_code;
        for topic in &group.topics {
            let name: Arc<str> = Arc::from(topic.name.as_str());
            for partition in &topic.partitions {
                let at = TopicPartition { topic: Arc::clone(&name), partition: partition.partition_index };
                match partition.error_code {
                    0 => drop(found.insert(at, partition.committed_offset)),
                    error => code = error,
                }
            }
        }
        if code != 0 {
            context.end(operation, Outcome::Failed(code));
            self.see_refusal(context, code);
            self.alarms.back_off(context, Retry::Committed);
            if matches!(code, COORDINATOR_NOT_AVAILABLE | NOT_COORDINATOR) {
                self.coordinator_is_unknown();
            }
            return;
        }
        self.alarms.succeed(Retry::Committed);
        for at in asked {
            let committed = found.get(at).copied().filter(|offset| *offset >= 0);
            self.fetcher.found(at, &At::Committed, committed.map_or(At::Timestamp(EARLIEST), At::Offset));
            self.fetcher.committed(at, committed);
        }
        found.retain(|_, offset| *offset >= 0);
        context.end(operation, Outcome::Done(Answer::Offsets(found)));
    }

    fn ask_offsets(&mut self, context: &mut Context<'_>, asked: BTreeMap<TopicPartition, i64>) {
        let partitions = asked.iter().map(|(at, timestamp)| {
            let partition = ListOffsetsPartition::default()
                .with_partition_index(at.partition)
                .with_current_leader_epoch(-1)
                .with_timestamp(*timestamp);
            (at, partition)
        });
        let topics = by_topic(partitions)
            .into_iter()
            .map(|(topic, partitions)| ListOffsetsTopic::default().with_name(topic).with_partitions(partitions));
        let request =
            ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(topics.collect::<Vec<_>>());
        let asked = asked
            .into_iter()
            .map(|(of, timestamp)| {
                let operation = context.begin(What::ListOffsets { of: of.clone(), timestamp });
                (of, (timestamp, operation))
            })
            .collect();
        self.send(context, To::Broker, (&request, LIST_OFFSETS_VERSION), Ask::Offsets(asked), REQUEST_TIMEOUT);
    }

    pub(super) fn take_offsets(
        &mut self,
        context: &mut Context<'_>,
        response: &ListOffsetsResponse,
        mut asked: BTreeMap<TopicPartition, (i64, OperationId)>,
    ) {
        self.fetcher.unasked(asked.keys());
        for topic in &response.topics {
            let name: Arc<str> = Arc::from(topic.name.as_str());
            for partition in &topic.partitions {
                let at = TopicPartition { topic: Arc::clone(&name), partition: partition.partition_index };
                let Some((timestamp, operation)) = asked.remove(&at) else { continue };
                if partition.error_code == 0 {
                    self.fetcher.found(&at, &At::Timestamp(timestamp), At::Offset(partition.offset));
                    let offsets = [(at, partition.offset)].into();
                    context.end(operation, Outcome::Done(Answer::Offsets(offsets)));
                } else {
                    self.fetcher.block(&at);
                    self.topics.refresh();
                    context.end(operation, Outcome::Failed(partition.error_code));
                }
            }
        }
        // What the answer does not tell of.
        for (at, (_, operation)) in asked {
            self.fetcher.block(&at);
            self.topics.refresh();
            context.end(operation, Outcome::Unknown);
        }
    }
}

/// Sorts what stands for partitions by their topics, as requests have it.
pub(super) fn by_topic<'a, T>(
    partitions: impl Iterator<Item = (&'a TopicPartition, T)>,
) -> BTreeMap<TopicName, Vec<T>> {
    let mut topics: BTreeMap<TopicName, Vec<T>> = BTreeMap::new();
    for (at, what) in partitions {
        topics.entry(TopicName(text(&at.topic))).or_default().push(what);
    }
    topics
}
