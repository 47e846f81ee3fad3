//! A consumer as Java's and librdkafka's are: metadata, the classic group protocol, offsets, fetches, commits.
//!
//! ```text
//! coordinator  who coordinates the group; heartbeats, leaving, and learning that one was thrown out
//! rebalance    joining, what the leader decides, taking what it gave
//! assignor     how a leader shares partitions out
//! protocol     what members and leaders tell each other
//! topics       what there is to read
//! positions    where reading begins: committed offsets, start and end
//! fetcher      records, from the broker to the application
//! session      fetch sessions (KIP-227)
//! batches      what a Fetch answer holds
//! commits      offsets, from the application to the coordinator
//! answers      answers and the lack of them, to who asked
//! line, alarms connections and timers
//! ```
//!
//! The application is part of it: it polls as soon as there is something, but for [`ClientAct::Idle`], and has worked off a
//! poll when it polls again. Its position moves when a poll gives it records.
//!
//! Invariants:
//! 1. What a poll gives begins at the position, and the position then stands behind it.
//! 2. Nothing is polled of a partition between its [`What::Revoke`] and the next [`What::Assign`] that has it.
//! 3. A commit names only what polls gave before it began.
//! 4. One Fetch and one commit are under way at most.
//!
//! A process that crashes gives its partitions up at that moment, in the history: it has no use for them. What it had under
//! way stays so for ever.

mod alarms;
mod answers;
mod assignor;
mod batches;
mod commits;
mod coordinator;
mod fetcher;
mod line;
mod positions;
mod protocol;
mod rebalance;
mod session;
#[cfg(test)]
mod tests;
mod topics;

pub use assignor::{Assignment, Members, Subscription, cooperative_sticky, range};
pub use batches::SERVED_BYTES;
pub use coordinator::EVICTIONS;

use super::{Actor, Context, Input, TimerToken};
use crate::history::{OperationId, TopicPartition};
use crate::node::NodeIndex;
use crate::script::{ClientAct, ConsumerPlan};
use alarms::{Alarm, Alarms, Retry};
use answers::abandon;
use commits::{Commits, Committing};
use coordinator::Membership;
use core::time::Duration;
use fetcher::Fetcher;
use kafka_protocol::protocol::Request;
use line::Line;
use session::Wanted;
use std::collections::BTreeMap;
use std::sync::Arc;
use topics::Topics;

/// How long an answer may take; Java's `request.timeout.ms` is 30 s, which is half of a short run.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// How old what is known of the topics may be; Java's `metadata.max.age.ms` is five minutes.
const METADATA_AGE_MAX: Duration = Duration::from_secs(10);

/// Which client library a consumer behaves as, where they differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Library {
    /// Fetches by topic id, in sessions.
    Java,
    /// Fetches by topic name, without sessions.
    Librdkafka,
}

impl Library {
    /// The library of the client of that name: about half of the names have each.
    #[must_use]
    pub fn of_client(name: &str) -> Self {
        if xxhash_rust::xxh3::xxh3_64(name.as_bytes()) & 1 == 0 { Self::Java } else { Self::Librdkafka }
    }
}

/// A consumer.
#[derive(Clone, Debug)]
pub struct Consumer {
    plan: ConsumerPlan,
    library: Library,
    life: Life,
    /// The timer after which the application polls again, where it does not.
    idle: Option<TimerToken>,
    broker: Line,
    coordinator: Line,
    alarms: Alarms,
    topics: Topics,
    group: Option<Membership>,
    fetcher: Fetcher,
    commits: Commits,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    /// It has not begun, or has left.
    Closed,
    Running,
    /// It gives up what it has, in order.
    Leaving,
    /// There is no process.
    Crashed,
}

/// What was asked, with what it takes to understand the answer.
#[derive(Clone, Debug)]
enum Ask {
    Metadata(Vec<Arc<str>>),
    FindCoordinator,
    Join,
    /// In a generation.
    Sync(i32),
    /// In a generation.
    Heartbeat(i32),
    Leave,
    Committed(OperationId, Vec<TopicPartition>),
    /// By timestamp, each an operation.
    Offsets(BTreeMap<TopicPartition, (i64, OperationId)>),
    Commit(Committing),
    Fetch(Wanted),
}

/// One of the two connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    Broker,
    Coordinator,
}

impl Consumer {
    /// A consumer that behaves as Java's.
    #[must_use]
    pub fn new(plan: ConsumerPlan) -> Self {
        Self::of(Library::Java, plan)
    }

    /// A consumer that behaves as a library's.
    #[must_use]
    pub fn of(library: Library, plan: ConsumerPlan) -> Self {
        Self {
            group: plan.group.clone().map(Membership::new),
            fetcher: Fetcher::new(library),
            plan,
            library,
            life: Life::Closed,
            idle: None,
            broker: Line::default(),
            coordinator: Line::default(),
            alarms: Alarms::default(),
            topics: Topics::default(),
            commits: Commits::default(),
        }
    }

    /// A new process: it knows nothing, and takes no timer of an earlier one for its own.
    fn start(&mut self, context: &mut Context<'_>) {
        let mut alarms = core::mem::take(&mut self.alarms);
        alarms.clear();
        *self = Self { alarms, life: Life::Running, ..Self::of(self.library, self.plan.clone()) };
        self.topics.refresh();
        self.alarms.set(context, METADATA_AGE_MAX, Alarm::Refresh);
        if self.group.is_some() {
            self.alarms.set(context, self.heartbeat_interval(), Alarm::Heartbeat);
            if let Some(interval) = self.plan.auto_commit {
                self.alarms.set(context, interval, Alarm::AutoCommit);
            }
        }
    }

    fn crash(&mut self, context: &mut Context<'_>, down: Duration) {
        if self.life == Life::Crashed {
            return;
        }
        self.revoke_all(context);
        self.broker.close(context);
        self.coordinator.close(context);
        self.alarms.clear();
        self.idle = None;
        self.life = Life::Crashed;
        self.alarms.set(context, down, Alarm::Restart);
    }

    /// Closes everything: it has left, or may not go on.
    fn close(&mut self, context: &mut Context<'_>) {
        self.revoke_all(context);
        let mut asks = self.broker.close(context);
        asks.extend(self.coordinator.close(context));
        asks.into_iter().for_each(|ask| abandon(context, ask));
        self.alarms.clear();
        self.idle = None;
        self.life = Life::Closed;
    }

    fn act(&mut self, context: &mut Context<'_>, act: ClientAct) {
        match (act, self.life) {
            (ClientAct::Crash(down), _) => self.crash(context, down),
            (ClientAct::Join, Life::Closed) => self.start(context),
            (ClientAct::Commit, Life::Running) if self.group.is_some() => self.commits.ask(),
            (ClientAct::Seek { of, offset }, Life::Running) => self.fetcher.seek(&of, offset),
            (ClientAct::Idle(time), Life::Running) => self.idle(context, time),
            (ClientAct::Leave, Life::Running) => {
                self.life = Life::Leaving;
                self.alarms.set(context, REQUEST_TIMEOUT, Alarm::CloseAnyway);
            }
            // What it cannot do now, and what other clients do.
            _ => {}
        }
    }

    fn idle(&mut self, context: &mut Context<'_>, time: Duration) {
        // Before it goes quiet the application polls, and takes what there is.
        self.back(context);
        let over = self.alarms.set(context, time, Alarm::IdleOver);
        self.idle = Some(over);
        if time > self.poll_interval_max() && self.group.is_some() {
            self.alarms.set(context, self.poll_interval_max(), Alarm::PollInterval(over));
        }
    }

    /// The application polls again.
    fn back(&mut self, context: &mut Context<'_>) {
        self.idle = None;
        self.take_given(context);
        self.poll(context);
    }

    fn alarm(&mut self, context: &mut Context<'_>, token: TimerToken) {
        match self.alarms.fire(token) {
            None | Some(Alarm::Retry(_)) => {}
            Some(Alarm::Deadline { sent, timeout, is_patient }) => {
                for to in [To::Broker, To::Coordinator] {
                    if self.line(to).is_overdue(context, sent, timeout, is_patient) {
                        let asks = self.line(to).close(context);
                        self.disconnected(context, to, asks);
                    }
                }
            }
            Some(Alarm::Heartbeat) => {
                self.alarms.set(context, self.heartbeat_interval(), Alarm::Heartbeat);
                self.heartbeat(context);
            }
            Some(Alarm::AutoCommit) => {
                if let Some(interval) = self.plan.auto_commit {
                    self.alarms.set(context, interval, Alarm::AutoCommit);
                }
                self.commits.due();
            }
            Some(Alarm::Refresh) => {
                self.alarms.set(context, METADATA_AGE_MAX, Alarm::Refresh);
                self.topics.refresh();
            }
            Some(Alarm::IdleOver) => {
                if self.idle == Some(token) {
                    self.back(context);
                }
            }
            Some(Alarm::PollInterval(idle)) => {
                if self.idle == Some(idle) {
                    self.poll_interval_over(context);
                }
            }
            Some(Alarm::CloseAnyway) => self.close(context),
            Some(Alarm::Restart) => self.start(context),
        }
    }

    /// Does what can be done.
    fn drive(&mut self, context: &mut Context<'_>) {
        if !matches!(self.life, Life::Running | Life::Leaving) {
            return;
        }
        if self.life == Life::Leaving {
            return self.drive_leave(context);
        }
        if self.alarms.may(Retry::Broker) {
            self.connect(context, To::Broker, NodeIndex(0));
        }
        self.drive_topics(context);
        self.drive_group(context);
        self.drive_commits(context);
        self.drive_positions(context);
        self.drive_fetch(context);
    }

    /// Sends a request; nothing where there is no connection.
    fn send<R: Request>(
        &mut self,
        context: &mut Context<'_>,
        to: To,
        (request, version): (&R, i16),
        ask: Ask,
        timeout: Duration,
    ) {
        // What waits for other members takes as long as the slowest of them may take.
        let is_patient = !matches!(ask, Ask::Heartbeat(_) | Ask::Join | Ask::Sync(_));
        if let Some(sent) = self.line(to).send(context, request, version, ask) {
            self.alarms.set(context, timeout, Alarm::Deadline { sent, timeout, is_patient });
        }
    }

    /// Connects, where there is no connection.
    fn connect(&mut self, context: &mut Context<'_>, to: To, node: NodeIndex) {
        if let Some(sent) = self.line(to).connect(context, node) {
            let deadline = Alarm::Deadline { sent, timeout: REQUEST_TIMEOUT, is_patient: true };
            self.alarms.set(context, REQUEST_TIMEOUT, deadline);
        }
    }

    fn line(&mut self, to: To) -> &mut Line {
        match to {
            To::Broker => &mut self.broker,
            To::Coordinator => &mut self.coordinator,
        }
    }

    fn heartbeat_interval(&self) -> Duration {
        self.plan.session_timeout / 3
    }

    /// How long the application may go without a poll; also how long its group waits for it in a rebalance.
    fn poll_interval_max(&self) -> Duration {
        self.plan.session_timeout * 3
    }
}

impl Actor for Consumer {
    fn on(&mut self, input: Input, context: &mut Context<'_>) {
        let to = |consumer: &Self, connection| {
            [(To::Broker, &consumer.broker), (To::Coordinator, &consumer.coordinator)]
                .into_iter()
                .find_map(|(to, line)| (line.connection() == Some(connection)).then_some(to))
        };
        match input {
            Input::Start => self.start(context),
            Input::Act(act) => self.act(context, act),
            Input::Frame(connection, bytes) => {
                if let Some(to) = to(self, connection) {
                    self.frame(context, to, bytes);
                }
            }
            Input::Lost(connection) => {
                if let Some(to) = to(self, connection) {
                    let asks = self.line(to).lost();
                    self.disconnected(context, to, asks);
                }
            }
            Input::Timer(token) => self.alarm(context, token),
        }
        self.drive(context);
    }

    fn is_at_rest(&self) -> bool {
        match self.life {
            Life::Closed => true,
            Life::Crashed | Life::Leaving => false,
            Life::Running => {
                self.idle.is_none()
                    && self.group.as_ref().is_none_or(Membership::is_stable)
                    && self.commits.are_at_rest()
                    && self.topics.are_known(&self.plan.topics)
                    && self.fetcher.is_caught_up(&self.topics)
            }
        }
    }

    fn waits_for(&self) -> String {
        if self.life != Life::Running {
            return format!("it is {:?}", self.life);
        }
        let mut parts = Vec::new();
        if self.idle.is_some() {
            parts.push("its application is idle".to_owned());
        }
        parts.extend(self.group.as_ref().filter(|group| !group.is_stable()).map(Membership::tell));
        if !self.commits.are_at_rest() {
            parts.push("a commit".to_owned());
        }
        if !self.topics.are_known(&self.plan.topics) {
            parts.push("its topics".to_owned());
        }
        parts.extend(self.fetcher.behind(&self.topics));
        parts.join("; ")
    }
}
