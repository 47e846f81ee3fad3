//! The partitions that this shard owns, as their leader: what is appended, what is visible, who waits for what.
//!
//! Invariants:
//! 1. The high watermark is the log's durable end: nothing unflushed is shown or acknowledged.
//! 2. Appends to a partition take effect in the order in which they came, whatever their validation takes.
//! 3. Every item of an append gets one result, and the append one answer, after all of its items have one.
//! 4. A read's answer has whole batches below the visible end only.
//! 5. Who waits for something new has seen all that is there.
//!
//! Absent here: connections, requests and their versions, groups, topics by name.

mod append;
mod call;
mod loader;
mod lookup;
mod purgatory;
mod read;

pub use call::{
    AppendItem, AppendResult, Call, DeleteRecordsItem, EpochEndItem, FoundOffset, ListOffsetsItem, PartitionSize,
    ProducerDescription, ReadCall, ReadItem, ReadResult, Reply, WatchItem,
};

pub use loader::{Loaded, Loader};

use crate::effect::Effects;
use crate::ids::{JobId, LeaderEpoch, Offset, Ticket, TopicPartition};
use crate::log::{LogConfig, LogEvent, LogStore, ReadTicket, Unavailable};
use crate::time::Now;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;
use grete_protocol::ErrorCode;
use purgatory::{Acknowledgements, Watches};

/// The partitions of a shard.
#[derive(Clone, Debug, Default)]
pub struct Replicas {
    partitions: BTreeMap<TopicPartition, Partition>,
    appends: BTreeMap<Ticket, append::Operation>,
    /// The jobs that validate an append, with where it stands.
    validating: BTreeMap<JobId, TopicPartition>,
    jobs: u64,
    acknowledgements: Acknowledgements,
    reads: BTreeMap<Ticket, read::Operation>,
    reading: BTreeMap<ReadTicket, Ticket>,
    lookups: BTreeMap<Ticket, lookup::Operation>,
    looking: BTreeMap<ReadTicket, (Ticket, usize)>,
    deletions: BTreeMap<Ticket, lookup::Deletion>,
    watches: Watches,
}

/// A partition that this node leads.
#[derive(Clone, Debug)]
struct Partition {
    leader_epoch: LeaderEpoch,
    config: Arc<LogConfig>,
    /// Appends that have come and have not taken effect, oldest first.
    queue: VecDeque<append::Queued>,
    /// Appends of the node itself that wait to be durable, by their end.
    own: VecDeque<(Offset, OwnAppend)>,
}

/// Names an append that the node made itself: a coordinator's or the controller's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OwnAppend(pub u64);

/// What a call or an event works with, and where it leaves what it brings about.
pub struct Work<'a> {
    /// The moment of the step.
    pub now: Now,
    /// The logs.
    pub store: &'a mut LogStore,
    /// What the runtime is to do.
    pub effects: &'a mut Effects,
    /// Answers to calls.
    pub replies: &'a mut Vec<(Ticket, Reply)>,
    /// What became of the node's own appends: durable, or not to be.
    pub own: &'a mut Vec<(TopicPartition, OwnAppend, Result<(), ErrorCode>)>,
}

impl Replicas {
    /// Leads a partition from now on, or under another configuration or epoch.
    pub fn lead(&mut self, partition: TopicPartition, leader_epoch: LeaderEpoch, config: Arc<LogConfig>) {
        match self.partitions.get_mut(&partition) {
            Some(led) => {
                led.leader_epoch = leader_epoch;
                led.config = config;
            }
            None => {
                let led = Partition { leader_epoch, config, queue: VecDeque::new(), own: VecDeque::new() };
                self.partitions.insert(partition, led);
            }
        }
    }

    /// Leads a partition no longer: it was deleted. Whoever waits for it is told.
    pub fn resign(&mut self, work: &mut Work<'_>, partition: TopicPartition) {
        self.give_up(work, partition, ErrorCode::UnknownTopicOrPartition);
        self.partitions.remove(&partition);
    }

    /// Whether this shard leads the partition.
    #[must_use]
    pub fn leads(&self, partition: TopicPartition) -> bool {
        self.partitions.contains_key(&partition)
    }

    /// Does a piece of work; the answer comes at once or later, by `work.replies`.
    pub fn call(&mut self, work: &mut Work<'_>, ticket: Ticket, call: Call) {
        match call {
            Call::Append(items) => self.append(work, ticket, items),
            Call::Read(call) => self.read(work, ticket, call),
            Call::Watch(items) => self.watch(work, ticket, &items),
            Call::CancelWatch => self.watches.cancel(ticket),
            Call::ListOffsets(items) => self.list_offsets(work, ticket, items),
            Call::EpochEnd(items) => {
                let results = items.into_iter().map(|item| self.epoch_end(work.store, item)).collect();
                work.replies.push((ticket, Reply::EpochEnd(results)));
            }
            Call::DeleteRecords(items) => self.delete_records(work, ticket, items),
            Call::Producers(partitions) => {
                let results = partitions.into_iter().map(|at| self.producers(work.store, at)).collect();
                work.replies.push((ticket, Reply::Producers(results)));
            }
            Call::Sizes => work.replies.push((ticket, Reply::Sizes(work.store.sizes()))),
        }
    }

    /// Takes note of what happened to the logs.
    pub fn log_event(&mut self, work: &mut Work<'_>, event: LogEvent) {
        match event {
            LogEvent::Flushed { partition, durable_end } => self.flushed(work, partition, durable_end),
            LogEvent::Read { ticket, result, .. } => self.read_done(work, ticket, result),
            LogEvent::Lookup { ticket, result, .. } => self.looked_up(work, ticket, result),
            LogEvent::RecordsDeleted { partition, log_start } => self.records_deleted(work, partition, log_start),
            LogEvent::DirOffline { dir, .. } => {
                for partition in work.store.partitions_in(dir) {
                    self.give_up(work, partition, ErrorCode::KafkaStorageError);
                }
            }
            LogEvent::Damaged { partition, .. } => self.give_up(work, partition, ErrorCode::KafkaStorageError),
            LogEvent::Opened { .. } | LogEvent::Closed => {}
        }
    }

    /// The exclusive end of what is visible of a partition.
    pub fn high_watermark(store: &LogStore, partition: TopicPartition) -> Result<Offset, ErrorCode> {
        store.durable_end(partition).map_err(unavailable)
    }

    /// Tells whoever waits for a partition that it need not any more.
    fn give_up(&mut self, work: &mut Work<'_>, partition: TopicPartition, error: ErrorCode) {
        self.fail_appends(work, partition, error);
        self.fail_deletions(work, partition, error);
        for ticket in self.watches.wake(partition) {
            work.replies.push((ticket, Reply::Woken));
        }
    }

    /// The partition, where the client's idea of its leader epoch is not at odds with it (KIP-320).
    fn led(&self, partition: TopicPartition, current_leader_epoch: i32) -> Result<&Partition, ErrorCode> {
        let led = self.partitions.get(&partition).ok_or(ErrorCode::UnknownTopicOrPartition)?;
        match current_leader_epoch {
            -1 => Ok(led),
            epoch if epoch < led.leader_epoch.0 => Err(ErrorCode::FencedLeaderEpoch),
            epoch if epoch > led.leader_epoch.0 => Err(ErrorCode::UnknownLeaderEpoch),
            _ => Ok(led),
        }
    }

    /// Asserts the invariants over all partitions.
    pub fn check_invariants(&self, store: &LogStore) {
        self.check_waits(store);
        self.acknowledgements.check_invariants();
        self.watches.check_invariants();
        self.check_appends();
    }

    /// Whether nothing is under way.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.appends.is_empty()
            && self.reads.is_empty()
            && self.lookups.is_empty()
            && self.deletions.is_empty()
            && self.watches.is_empty()
            && self.acknowledgements.is_empty()
    }
}

/// What a client is told of a log that cannot be used.
const fn unavailable(why: Unavailable) -> ErrorCode {
    match why {
        Unavailable::Unknown => ErrorCode::UnknownTopicOrPartition,
        // The client comes back: recovery does not take long.
        Unavailable::Opening => ErrorCode::NotLeaderOrFollower,
        Unavailable::Offline | Unavailable::Damaged => ErrorCode::KafkaStorageError,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{PartitionIndex, TopicId};

    #[test]
    fn an_epoch_that_a_client_knows_is_the_leaders_or_none() {
        let partition = TopicPartition { topic: TopicId([7; 16]), partition: PartitionIndex(0) };
        let mut replicas = Replicas::default();
        replicas.lead(partition, LeaderEpoch(3), Arc::default());
        let judged = |epoch| replicas.led(partition, epoch).err();
        assert_eq!([-1, 3].map(judged), [None, None]);
        assert_eq!([-2, 0, 2].map(judged), [Some(ErrorCode::FencedLeaderEpoch); 3], "only -1 says nothing");
        assert_eq!(judged(4), Some(ErrorCode::UnknownLeaderEpoch));
        let other = TopicPartition { partition: PartitionIndex(1), ..partition };
        assert_eq!(replicas.led(other, -1).err(), Some(ErrorCode::UnknownTopicOrPartition));
    }
}
