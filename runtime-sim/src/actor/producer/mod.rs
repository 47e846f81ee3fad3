//! A producer that behaves as Kafka's own: it finds leaders by Metadata, keeps batches of a partition in order, tries again
//! what may succeed, and, where it is idempotent, numbers its records so that the broker writes each batch once.
//!
//! Invariants:
//! 1. An operation ends as `Failed` only where no attempt can have been written or be written later; where one may have been,
//!    it ends as `Unknown`.
//! 2. A batch keeps its sequence number over all attempts; it gets another one only in another epoch, and only where no
//!    attempt may have been written.
//! 3. At most `in_flight` requests are under way on a connection.
//! 4. No attempt is begun after the delivery timeout.

mod answers;
mod lane;
mod sending;

use super::alarm::{Alarm, Rang};
use super::wire::{Link, Taken};
use super::{Actor, Context, Input};
use crate::clock::WorldTime;
use crate::history::{Outcome, TopicPartition, Value, What};
use crate::node::NodeIndex;
use crate::run::State;
use crate::script::{ClientAct, ProducerPlan};
use bytes::Bytes;
use core::time::Duration;
use grete_core::ids::ConnectionId;
use lane::{Batch, Identity, Lane};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The node of which a producer asks what is not about a partition.
const BOOTSTRAP: NodeIndex = NodeIndex(0);

/// `retry.backoff.ms`.
const RETRY_BACKOFF: Duration = Duration::from_millis(100);

/// `reconnect.backoff.ms` and `reconnect.backoff.max.ms`.
const RECONNECT_BACKOFF: Duration = Duration::from_millis(50);
const RECONNECT_BACKOFF_MAX: Duration = Duration::from_secs(1);

/// Kafka's error codes that a producer tells of by itself.
const NETWORK_EXCEPTION: i16 = 13;
const REQUEST_TIMED_OUT: i16 = 7;
const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;

/// A producer of a run.
#[derive(Clone, Debug)]
pub struct Producer {
    plan: ProducerPlan,
    /// Counts what the script wants sent: names batches and their values.
    sends: u64,
    identity: Option<Identity>,
    /// A producer id is to be asked for, or is being asked for.
    identity_at: Refresh,
    topics: BTreeSet<Arc<str>>,
    leaders: BTreeMap<TopicPartition, NodeIndex>,
    metadata: Refresh,
    links: BTreeMap<NodeIndex, Link<Asked>>,
    /// When a node may be connected to again, and how long the next wait is.
    reconnects: BTreeMap<NodeIndex, (WorldTime, Duration)>,
    lanes: BTreeMap<TopicPartition, Lane>,
    alarm: Alarm,
}

/// The state of something that is asked for again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refresh {
    Fresh,
    WantedAt(WorldTime),
    UnderWay,
}

/// What is under way on a connection.
#[derive(Clone, Debug)]
enum Asked {
    Metadata,
    ProducerId,
    Produce(Vec<Attempt>),
}

/// One batch in a request.
#[derive(Clone, Debug)]
struct Attempt {
    to: TopicPartition,
    number: u64,
    last_sequence: Option<i32>,
    identity: Option<Identity>,
}

impl Producer {
    /// A producer as planned.
    #[must_use]
    pub fn new(plan: ProducerPlan) -> Self {
        Self {
            plan,
            sends: 0,
            identity: None,
            identity_at: Refresh::Fresh,
            topics: BTreeSet::new(),
            leaders: BTreeMap::new(),
            metadata: Refresh::Fresh,
            links: BTreeMap::new(),
            reconnects: BTreeMap::new(),
            lanes: BTreeMap::new(),
            alarm: Alarm::default(),
        }
    }

    fn act(&mut self, act: ClientAct, context: &mut Context<'_>) {
        match act {
            // The number counts acts that nobody carries out, too: the values of the others do not depend on it.
            ClientAct::Send { .. } if self.alarm.is_gone() => self.sends += 1,
            ClientAct::Send { to, records, bytes } => self.accept(to, records, bytes, context),
            ClientAct::Crash(time) if !self.alarm.is_gone() => self.crash(time, context),
            // What only consumers and administrators do.
            _ => {}
        }
    }

    fn accept(&mut self, to: TopicPartition, records: u32, bytes: u32, context: &mut Context<'_>) {
        self.sends += 1;
        let first = (context.client.0 as u64 + 1) << 48 | self.sends << 16;
        let values: Vec<Value> = (0..u64::from(records)).map(|record| Value(first | record)).collect();
        let (idempotent, acks) = (self.plan.idempotent, self.plan.acks);
        let operation = context.begin(What::Produce { to: to.clone(), values: values.clone(), idempotent, acks });
        let deadline = context.now.after(self.plan.delivery_timeout);
        self.alarm.by(deadline, context);
        if !self.leaders.contains_key(&to) {
            self.topics.insert(Arc::clone(&to.topic));
            self.want_metadata(context.now);
        }
        self.lanes.entry(to).or_default().batches.push_back(Batch::new(self.sends, operation, values, bytes, deadline));
    }

    /// The process is gone without a word, and another begins later with nothing of what this one knew.
    fn crash(&mut self, time: Duration, context: &mut Context<'_>) {
        for (_, link) in std::mem::take(&mut self.links) {
            link.close(context).for_each(drop);
        }
        for lane in std::mem::take(&mut self.lanes).into_values() {
            for batch in lane.batches {
                let was_sent = batch.may_be_written || batch.state == lane::BatchState::UnderWay;
                let outcome = if was_sent { Outcome::Unknown } else { Outcome::Failed(NETWORK_EXCEPTION) };
                context.end(batch.operation, outcome);
            }
        }
        *self = Self { sends: self.sends, alarm: Alarm::gone(time, context), ..Self::new(self.plan.clone()) };
    }

    fn frame(&mut self, connection: ConnectionId, frame: Bytes, context: &mut Context<'_>) {
        let Some(node) = self.node_of(connection) else { return };
        let Some(link) = self.links.get_mut(&node) else { return };
        match link.take(context, frame) {
            Taken::Ready => {
                self.reconnects.remove(&node);
            }
            Taken::Answer(answered) => self.answered(answered, context),
            Taken::Wrong => self.disconnect(node, context),
        }
    }

    fn node_of(&self, connection: ConnectionId) -> Option<NodeIndex> {
        self.links.iter().find(|(_, link)| link.connection() == connection).map(|(node, _)| *node)
    }

    fn disconnect(&mut self, node: NodeIndex, context: &mut Context<'_>) {
        if let Some(link) = self.links.remove(&node) {
            let lost: Vec<Asked> = link.close(context).collect();
            self.lose(node, lost, context);
        }
    }

    fn lost(&mut self, connection: ConnectionId, context: &mut Context<'_>) {
        if let Some(node) = self.node_of(connection)
            && let Some(link) = self.links.remove(&node)
        {
            let lost: Vec<Asked> = link.lost().collect();
            self.lose(node, lost, context);
        }
    }

    /// A connection is gone, with what was under way on it.
    fn lose(&mut self, node: NodeIndex, lost: Vec<Asked>, context: &mut Context<'_>) {
        let wait = self.reconnects.get(&node).map_or(RECONNECT_BACKOFF, |(_, wait)| *wait);
        self.reconnects.insert(node, (context.now.after(wait), (wait * 2).min(RECONNECT_BACKOFF_MAX)));
        let again_at = context.now.after(RETRY_BACKOFF);
        for asked in lost {
            match asked {
                Asked::Metadata => self.metadata = Refresh::WantedAt(again_at),
                Asked::ProducerId => self.identity_at = Refresh::WantedAt(again_at),
                Asked::Produce(attempts) => {
                    context.see(State::ProduceLostAnswer);
                    attempts.iter().for_each(|attempt| self.try_again(attempt, None, context));
                }
            }
        }
        // Whoever leads now may be another.
        self.want_metadata(again_at);
    }

    fn want_metadata(&mut self, at: WorldTime) {
        if self.metadata == Refresh::Fresh {
            self.metadata = Refresh::WantedAt(at);
        }
    }

    /// Does what is due: gives up what has had its time, and connections that do not answer.
    fn wake(&mut self, context: &mut Context<'_>) {
        self.expire(context);
        let timeout = self.plan.request_timeout;
        let overdue = self.links.iter().filter(|(_, link)| link.is_overdue(context, timeout)).map(|(node, _)| *node);
        for node in overdue.collect::<Vec<_>>() {
            context.see(State::ProduceOverdue);
            self.disconnect(node, context);
        }
        self.pursue(context);
        let links = self.links.values().filter_map(Link::oldest_sent).map(|sent| sent.after(timeout));
        let batches = self.lanes.values().filter_map(|lane| lane.batches.iter().map(|batch| batch.deadline).min());
        if let Some(at) = links.chain(batches).min() {
            self.alarm.by(at, context);
        }
    }

    fn expire(&mut self, context: &mut Context<'_>) {
        let now = context.now;
        for (to, lane) in &mut self.lanes {
            let expired = lane.batches.iter().filter(|batch| batch.deadline <= now).map(|batch| batch.number);
            for number in expired.collect::<Vec<_>>() {
                let Some(batch) = lane.remove(number) else { continue };
                lane.is_unresolved |= batch.sequence.is_some();
                let is_known = !batch.may_be_written && batch.state == lane::BatchState::Waiting;
                let missing = !self.leaders.contains_key(to);
                let code = if missing { UNKNOWN_TOPIC_OR_PARTITION } else { REQUEST_TIMED_OUT };
                let failed = Outcome::Failed(batch.error.unwrap_or(code));
                if !is_known {
                    context.see(State::ProduceGivenUp);
                }
                context.end(batch.operation, if is_known { failed } else { Outcome::Unknown });
            }
        }
    }
}

impl Actor for Producer {
    fn on(&mut self, input: Input, context: &mut Context<'_>) {
        match input {
            Input::Start => {}
            Input::Act(act) => self.act(act, context),
            Input::Frame(connection, frame) => self.frame(connection, frame, context),
            Input::Lost(connection) => self.lost(connection, context),
            Input::Timer(token) => match self.alarm.rings(token, context.now) {
                Rang::Returned => {}
                Rang::Due => return self.wake(context),
                Rang::Stale => return,
            },
        }
        if !self.alarm.is_gone() {
            self.pursue(context);
        }
    }

    fn is_at_rest(&self) -> bool {
        !self.alarm.is_gone()
            && self.lanes.values().all(|lane| lane.batches.is_empty())
            && self.links.values().all(|link| link.under_way() == 0)
    }

    fn waits_for(&self) -> String {
        let lanes = self.lanes.iter().filter(|(_, lane)| !lane.batches.is_empty());
        let unsent: Vec<String> = lanes
            .map(|(to, lane)| format!("{} batches to {}-{}", lane.batches.len(), to.topic, to.partition))
            .collect();
        let under_way: usize = self.links.values().map(Link::under_way).sum();
        format!("{under_way} answers; {}", unsent.join(", "))
    }
}
