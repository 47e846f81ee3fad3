//! What a producer sends, and when.

use super::lane::{Batch, BatchState, Identity, Lane};
use super::{Asked, Attempt, BOOTSTRAP, Producer, Refresh};
use crate::actor::Context;
use crate::actor::wire::{Link, wall_ms};
use crate::client::operations::{PRODUCE_VERSION, topic_name};
use crate::history::{Answer, Outcome, TopicPartition};
use crate::node::NodeIndex;
use bytes::Bytes;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{InitProducerIdRequest, MetadataRequest, ProduceRequest};
use std::collections::BTreeSet;
use std::sync::Arc;

pub(super) const METADATA_VERSION: i16 = 12;
pub(super) const INIT_PRODUCER_ID_VERSION: i16 = 4;

/// No transaction: the time does not matter.
const TRANSACTION_TIMEOUT_MS: i32 = 60_000;

impl Producer {
    /// Does all that can be done now, and sees to it that the rest is done in its time.
    pub(super) fn pursue(&mut self, context: &mut Context<'_>) {
        self.settle_sequences(context);
        self.connect(context);
        self.ask_for_metadata(context);
        self.ask_for_identity(context);
        if !self.plan.idempotent || self.identity.is_some() {
            // Most often there is nothing to send, now or soon.
            let waits = |lane: &Lane| {
                lane.not_before > context.now || lane.batches.iter().any(|batch| batch.state == BatchState::Waiting)
            };
            if self.lanes.values().any(waits) {
                let nodes: Vec<NodeIndex> = self.links.keys().copied().collect();
                nodes.into_iter().for_each(|node| self.drain(node, context));
            }
        }
    }

    /// Begins sequences anew where that is wanted and nothing is under way.
    fn settle_sequences(&mut self, context: &mut Context<'_>) {
        if !self.plan.idempotent {
            return;
        }
        let mut wants_bump = false;
        for lane in self.lanes.values_mut() {
            if lane.is_unresolved && lane.is_unnumbered() {
                lane.is_unresolved = false;
                lane.wants_bump |= !lane.is_resolved();
            }
            wants_bump |= lane.wants_bump && !lane.is_under_way();
        }
        if wants_bump && let Some(Identity { id, epoch }) = self.identity {
            self.identity = epoch.checked_add(1).map(|epoch| Identity { id, epoch });
        }
        let Some(identity) = self.identity else {
            if self.identity_at == Refresh::Fresh && self.lanes.values().any(|lane| !lane.batches.is_empty()) {
                self.identity_at = Refresh::WantedAt(context.now);
            }
            return;
        };
        for lane in self.lanes.values_mut() {
            let is_other = lane.identity != Some(identity);
            if (lane.wants_bump && is_other && !lane.is_under_way()) || (is_other && lane.is_unnumbered()) {
                for batch in lane.begin_anew(identity) {
                    context.end(batch.operation, Outcome::Unknown);
                }
            }
        }
    }

    /// Connects to whom there is something to say.
    fn connect(&mut self, context: &mut Context<'_>) {
        let mut wanted = BTreeSet::new();
        if self.metadata != Refresh::Fresh || self.identity_at != Refresh::Fresh {
            wanted.insert(BOOTSTRAP);
        }
        // Where there is a connection to all nodes, nobody is looked for.
        let lanes = if self.links.len() == context.nodes { None } else { Some(&self.lanes) };
        for (to, lane) in lanes.into_iter().flatten() {
            if !lane.batches.is_empty()
                && let Some(leader) = self.leaders.get(to)
            {
                wanted.insert(*leader);
            }
        }
        for node in wanted {
            if self.links.contains_key(&node) {
                continue;
            }
            let at = self.reconnects.get(&node).map(|(at, _)| *at).filter(|at| *at > context.now);
            match at {
                Some(at) => self.alarm.by(at, context),
                None => {
                    self.links.insert(node, Link::open(context, node));
                    self.alarm.by(context.now.after(self.plan.request_timeout), context);
                }
            }
        }
    }

    fn ask_for_metadata(&mut self, context: &mut Context<'_>) {
        let Refresh::WantedAt(at) = self.metadata else { return };
        if at > context.now {
            return self.alarm.by(at, context);
        }
        let Some(link) = self.links.get_mut(&BOOTSTRAP).filter(|link| link.is_ready()) else { return };
        let topics = self.topics.iter().map(|name| MetadataRequestTopic::default().with_name(Some(topic_name(name))));
        let request =
            MetadataRequest::default().with_topics(Some(topics.collect())).with_allow_auto_topic_creation(false);
        link.send(context, &request, METADATA_VERSION, Asked::Metadata);
        self.metadata = Refresh::UnderWay;
        self.alarm.by(context.now.after(self.plan.request_timeout), context);
    }

    fn ask_for_identity(&mut self, context: &mut Context<'_>) {
        let Refresh::WantedAt(at) = self.identity_at else { return };
        if at > context.now {
            return self.alarm.by(at, context);
        }
        let Some(link) = self.links.get_mut(&BOOTSTRAP).filter(|link| link.is_ready()) else { return };
        let request = InitProducerIdRequest::default()
            .with_transactional_id(None)
            .with_transaction_timeout_ms(TRANSACTION_TIMEOUT_MS);
        link.send(context, &request, INIT_PRODUCER_ID_VERSION, Asked::ProducerId);
        self.identity_at = Refresh::UnderWay;
        self.alarm.by(context.now.after(self.plan.request_timeout), context);
    }

    /// Sends to a node what may be sent: requests of at most one batch for each partition.
    fn drain(&mut self, node: NodeIndex, context: &mut Context<'_>) {
        while let Some(link) = self.links.get(&node)
            && link.is_ready()
            && link.under_way() < self.plan.in_flight
        {
            let attempts = self.take_sendable(node, context);
            if attempts.is_empty() {
                return;
            }
            self.send_batches(node, attempts, context);
        }
    }

    fn take_sendable(&mut self, node: NodeIndex, context: &mut Context<'_>) -> Vec<(Attempt, Bytes)> {
        let mut attempts = Vec::new();
        let mut wake_at = None;
        let (idempotent, one_at_a_time) = (self.plan.idempotent, self.plan.in_flight == 1);
        for (to, lane) in &mut self.lanes {
            if lane.batches.is_empty() || self.leaders.get(to) != Some(&node) {
                continue;
            }
            if lane.not_before > context.now {
                wake_at = Some(wake_at.map_or(lane.not_before, |at| lane.not_before.min(at)));
            }
            let Some(at) = lane.sendable(context.now, idempotent, one_at_a_time) else { continue };
            if idempotent {
                lane.number(at);
            }
            let identity = lane.identity;
            let batch: &mut Batch = &mut lane.batches[at];
            batch.state = BatchState::UnderWay;
            if batch.may_be_written {
                batch.written_before = context.history.acknowledged_in(to);
            }
            let bytes = batch.encode(identity, wall_ms(context.now));
            let last_sequence = batch.last_sequence();
            attempts.push((Attempt { to: to.clone(), number: batch.number, last_sequence, identity }, bytes));
        }
        if let Some(at) = wake_at {
            self.alarm.by(at, context);
        }
        attempts
    }

    fn send_batches(&mut self, node: NodeIndex, attempts: Vec<(Attempt, Bytes)>, context: &mut Context<'_>) {
        let mut topics: Vec<(Arc<str>, TopicProduceData)> = Vec::new();
        let mut asked = Vec::with_capacity(attempts.len());
        for (attempt, bytes) in attempts {
            let TopicPartition { topic, partition } = &attempt.to;
            let data = PartitionProduceData::default().with_index(*partition).with_records(Some(bytes));
            // The lanes are ordered by topic.
            match topics.last_mut() {
                Some((last, topic_data)) if last == topic => topic_data.partition_data.push(data),
                Some(_) | None => {
                    let new = TopicProduceData::default().with_name(topic_name(topic)).with_partition_data(vec![data]);
                    topics.push((Arc::clone(topic), new));
                }
            }
            asked.push(attempt);
        }
        let request = ProduceRequest::default()
            .with_acks(self.plan.acks)
            .with_timeout_ms(self.plan.request_timeout.as_millis() as i32)
            .with_topic_data(topics.into_iter().map(|(_, data)| data).collect());
        let Some(link) = self.links.get_mut(&node) else { return };
        if self.plan.acks == 0 {
            // Nobody will say what came of it.
            link.send_only(context, &request, PRODUCE_VERSION);
            return asked.iter().for_each(|attempt| {
                if let Some(batch) = self.lanes.get_mut(&attempt.to).and_then(|lane| lane.remove(attempt.number)) {
                    context.end(batch.operation, Outcome::Done(Answer::Produced { base: -1 }));
                }
            });
        }
        link.send(context, &request, PRODUCE_VERSION, Asked::Produce(asked));
        self.alarm.by(context.now.after(self.plan.request_timeout), context);
    }
}
