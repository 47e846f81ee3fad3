//! Work that shards ask of this one, and what comes back from logs and jobs.

use super::Shard;
use super::groups::Wanted;
use super::message::Message;
use crate::api::message::{Call, Reply};
use crate::coordinator::AppendToken;
use crate::effect::{Effects, JobOutput, Level};
use crate::ids::{JobId, Ticket, TopicPartition};
use crate::log::LogEvent;
use crate::replica::{self, OwnAppend, Replicas, Work};
use crate::time::Now;
use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;
use grete_protocol::ErrorCode;

impl Shard {
    /// Does a piece of work.
    pub(super) fn call(&mut self, now: Now, ticket: Ticket, call: Call, effects: &mut Effects) {
        match call {
            Call::Replica(call) => self.with_replicas(now, effects, |replicas, work| replicas.call(work, ticket, call)),
            Call::Group(call) => {
                if let Some(reply) = self.coordinators.call(now, ticket, &call, &self.topics) {
                    self.tell(ticket.shard, Message::Reply(ticket, reply));
                }
            }
            Call::Controller(call) => self.controller_call(now, ticket, *call, effects),
            Call::TakeSession(id) => {
                let session = self.sessions.take(id).map(Box::new);
                self.tell(ticket.shard, Message::Reply(ticket, Reply::TakeSession(session)));
            }
            Call::Spaces => self.ask_spaces(ticket, effects),
        }
    }

    /// A job has ended.
    pub(super) fn job_done(&mut self, now: Now, job: JobId, output: JobOutput, effects: &mut Effects) {
        self.with_replicas(now, effects, |replicas, work| replicas.job_done(work, job, output));
    }

    /// Something has happened to a log.
    pub(super) fn log_event(&mut self, now: Now, event: LogEvent, effects: &mut Effects) {
        match &event {
            LogEvent::Opened { partition } => self.log_opened(now, *partition, effects),
            LogEvent::Read { ticket, result, .. } if self.head_read(now, *ticket, result, effects) => return,
            LogEvent::Read { ticket, result, .. }
                if self.coordinators.read_done(*ticket, result, now, &mut self.store, effects) =>
            {
                return;
            }
            LogEvent::DirOffline { dir, reason } => {
                self.dir_offline(*dir, reason, effects);
                self.stop_waiting_for_logs(now, effects);
            }
            LogEvent::Damaged { partition, reason } => {
                let name = self.partition_name(*partition);
                effects.notice(Level::Error, format!("{name} is damaged and set aside: {reason}"));
                self.log_opened(now, *partition, effects);
            }
            LogEvent::Flushed { partition, .. } => self.log_flushed(now, *partition, effects),
            LogEvent::Read { .. } | LogEvent::Lookup { .. } | LogEvent::RecordsDeleted { .. } => {}
            LogEvent::Closed => self.logs_closed(effects),
        }
        self.with_replicas(now, effects, |replicas, work| replicas.log_event(work, event));
    }

    /// Lets `act` work on the partitions, and sends on what comes of it.
    pub(super) fn with_replicas<T>(
        &mut self,
        now: Now,
        effects: &mut Effects,
        act: impl FnOnce(&mut Replicas, &mut Work<'_>) -> T,
    ) -> T {
        let mut replies: Vec<(Ticket, replica::Reply)> = Vec::new();
        let mut own: Vec<(TopicPartition, OwnAppend, Result<(), ErrorCode>)> = Vec::new();
        let mut work = Work { now, store: &mut self.store, effects, replies: &mut replies, own: &mut own };
        let result = act(&mut self.replicas, &mut work);
        for (ticket, reply) in replies {
            self.tell(ticket.shard, Message::Reply(ticket, Reply::Replica(reply)));
        }
        for (partition, append, outcome) in own {
            self.own_append_done(now, partition, append, outcome, effects);
        }
        result
    }

    /// What became of an append of the node's own.
    fn own_append_done(
        &mut self,
        now: Now,
        partition: TopicPartition,
        append: OwnAppend,
        outcome: Result<(), ErrorCode>,
        effects: &mut Effects,
    ) {
        if partition == TopicPartition::CLUSTER_METADATA {
            self.metadata_committed(now, outcome, effects);
            return;
        }
        match outcome {
            Ok(()) => self.coordinators.committed(now, partition, AppendToken(append.0)),
            Err(_) => self.coordinators.fail(partition),
        }
    }

    /// Does what a coordinator wants.
    pub(super) fn coordinator_wants(&mut self, now: Now, wanted: Wanted, effects: &mut Effects) {
        match wanted {
            Wanted::Answer(ticket, reply) => self.tell(ticket.shard, Message::Reply(ticket, reply)),
            Wanted::Append(partition, token, batch) => {
                let own = OwnAppend(token.0);
                let append = |replicas: &mut Replicas, work: &mut Work<'_>| {
                    replicas.append_own(work, partition, own, batch).map(|_| ())
                };
                let taken = self.with_replicas(now, effects, append);
                self.coordinators.appended(now, partition, token, taken);
            }
        }
    }

    /// A partition as people know it.
    pub(super) fn partition_name(&self, partition: TopicPartition) -> alloc::string::String {
        match self.image.topic(partition.topic) {
            Some(topic) => format!("{}-{}", topic.name, partition.partition),
            None => format!("{:?}-{}", partition.topic, partition.partition),
        }
    }
}
