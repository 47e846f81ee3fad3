//! Tests of the logs of a shard on a disk in memory.

mod append;
mod deletion;
mod disk;
mod journal;
mod left_by_kafka;
mod model;
mod producer_model;
mod producers;
mod read;
mod recovery;
mod rot;
mod rounds;
mod search;
mod shutdown;

use super::files::crc32c;
use super::{
    AppendError, AppendInfo, AppendOrigin, Appending, LogConfig, LogEvent, LogStore, LogStoreConfig, ReadError,
    ReadOutcome, ReadRequest, Records,
};
use crate::effect::Effects;
use crate::ids::{LeaderEpoch, LogDirIndex, Offset, PartitionIndex, Timestamp, TopicId, TopicPartition};
use crate::time::{Instant, Now};
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;
use disk::Disk;

const NOW: Now = Now { instant: Instant(0), wall: Timestamp(1_000_000) };

/// A store and its disk.
#[derive(Clone, Debug)]
struct World {
    store: LogStore,
    disk: Disk,
    effects: Effects,
    now: Now,
    events: Vec<LogEvent>,
    config: LogStoreConfig,
    /// Since when only Grete has written here, and the directories that were left in order.
    since: LeaderEpoch,
    clean: Vec<LogDirIndex>,
}

impl World {
    fn new() -> Self {
        Self::with(LogStoreConfig::default())
    }

    fn with(config: LogStoreConfig) -> Self {
        let disk = Disk::default();
        let mut effects = Effects::new();
        let mut world = Self {
            store: LogStore::boot(config.clone(), &disk.found(), NOW, &mut effects),
            disk,
            effects,
            now: NOW,
            events: Vec::new(),
            config,
            since: LeaderEpoch(1),
            clean: Vec::new(),
        };
        world.start();
        world.settle();
        world.disk.counts.clear();
        world
    }

    /// Only Grete has been here, but for tests that say otherwise.
    fn start(&mut self) {
        self.store.start(self.now, self.since, &self.clean, &mut self.effects);
    }

    fn open(&mut self, partition: TopicPartition, config: &LogConfig) {
        let config = Arc::new(config.clone());
        self.store.open(self.now, partition, "orders", LogDirIndex(0), config, &mut self.effects);
    }

    /// The process ends and another begins on what the disk has.
    fn restart(&mut self) {
        self.disk.completions.clear();
        self.disk.counts.clear();
        self.events.clear();
        self.effects = Effects::new();
        self.store = LogStore::boot(self.config.clone(), &self.disk.found(), self.now, &mut self.effects);
        self.start();
    }

    /// Time goes by.
    fn wait_ms(&mut self, ms: u64) {
        self.now.instant = Instant(self.now.instant.0 + ms * 1000);
        self.now.wall = Timestamp(self.now.wall.0 + ms as i64);
        self.store.tick(self.now, &mut self.effects);
        self.settle();
    }

    fn append(&mut self, partition: TopicPartition, records: &Bytes) -> Result<AppendInfo, AppendError> {
        let appending = Appending {
            records: records.clone(),
            backing_bytes: records.len(),
            leader_epoch: LeaderEpoch(4),
            origin: AppendOrigin::Client,
        };
        self.store.append(self.now, partition, &appending)
    }

    /// Ends a step: what the store asked for is carried out, and nothing completes yet.
    fn end_step(&mut self) {
        self.store.end_step(self.now, &mut self.effects);
        self.disk.carry_out(&mut self.effects);
        self.store.check_invariants();
        while let Some(event) = self.store.next_event() {
            self.events.push(event);
        }
    }

    /// Hands over the oldest completion in a step of its own.
    fn complete_one(&mut self) -> bool {
        let Some((io, result)) = self.disk.completions.pop_front() else { return false };
        self.store.on_io(self.now, io, result, &mut self.effects);
        self.end_step();
        true
    }

    /// Goes on until nothing is under way.
    fn settle(&mut self) {
        self.end_step();
        while self.complete_one() {}
    }

    /// Appends and goes on until it is durable.
    fn commit(&mut self, partition: TopicPartition, records: &Bytes) -> AppendInfo {
        let info = self.append(partition, records).expect("the records are appended");
        self.settle();
        info
    }

    fn read(&mut self, partition: TopicPartition, request: ReadRequest) -> Result<Records, ReadError> {
        match self.store.read(partition, request, &mut self.effects) {
            ReadOutcome::Ready(records) => Ok(records),
            ReadOutcome::Failed(error) => Err(error),
            ReadOutcome::Pending(ticket) => {
                self.settle();
                let result = self.events.iter().find_map(|event| match event {
                    LogEvent::Read { ticket: found, result, .. } if *found == ticket => Some(result.clone()),
                    _ => None,
                });
                result.expect("a read ends")
            }
        }
    }

    /// All records from `offset` to the durable end, by as many reads as it takes.
    fn read_all(&mut self, partition: TopicPartition, mut offset: Offset, bytes_max: u32) -> Vec<u8> {
        let end = self.store.state(partition).expect("the log is open").durable_end;
        let mut bytes = Vec::new();
        while offset < end {
            let records = self.read(partition, request(offset, end, bytes_max)).expect("the records are there");
            let last = records.batches.last().expect("at least one batch comes");
            offset = last.last_offset.plus(1);
            for batch in &records.batches {
                bytes.extend_from_slice(&batch.parts[0]);
                bytes.extend_from_slice(&batch.parts[1]);
            }
        }
        bytes
    }

    fn flushed(&self) -> Vec<i64> {
        let ends = self.events.iter().filter_map(|event| match event {
            LogEvent::Flushed { durable_end, .. } => Some(durable_end.0),
            _ => None,
        });
        ends.collect()
    }
}

fn request(offset: Offset, end: Offset, bytes_max: u32) -> ReadRequest {
    ReadRequest { offset, end, bytes_max, at_least_one: true }
}

fn partition(number: i32) -> TopicPartition {
    TopicPartition { topic: TopicId([7; 16]), partition: PartitionIndex(number) }
}

/// What a batch of a test has.
#[derive(Clone, Copy, Debug)]
pub(super) struct BatchSpec {
    records: i32,
    /// The bytes behind the header: not records that could be decoded, which a log does not do.
    payload: usize,
    fill: u8,
    timestamp: i64,
    /// The producer, its epoch and the first sequence number.
    producer: (i64, i16, i32),
}

impl BatchSpec {
    pub(super) const fn new(records: i32, payload: usize) -> Self {
        Self { records, payload, fill: 0x5a, timestamp: 1_000_000, producer: (-1, -1, -1) }
    }

    pub(super) fn build(self) -> Bytes {
        let mut batch = Vec::new();
        batch.extend_from_slice(&0_i64.to_be_bytes());
        batch.extend_from_slice(&((49 + self.payload) as i32).to_be_bytes());
        batch.extend_from_slice(&(-1_i32).to_be_bytes());
        batch.push(2);
        batch.extend_from_slice(&[0; 4]);
        batch.extend_from_slice(&0_i16.to_be_bytes());
        batch.extend_from_slice(&(self.records - 1).to_be_bytes());
        batch.extend_from_slice(&self.timestamp.to_be_bytes());
        batch.extend_from_slice(&self.timestamp.to_be_bytes());
        batch.extend_from_slice(&self.producer.0.to_be_bytes());
        batch.extend_from_slice(&self.producer.1.to_be_bytes());
        batch.extend_from_slice(&self.producer.2.to_be_bytes());
        batch.extend_from_slice(&self.records.to_be_bytes());
        batch.resize(61 + self.payload, self.fill);
        let crc = crc32c(&batch[21..]);
        batch[17..21].copy_from_slice(&crc.to_be_bytes());
        batch.into()
    }
}
