//! What others ask about logs and is known at once.

use super::files::producer_snapshot::ProducerEntry;
use super::outcome::{PartitionSize, ProducerDescription, Unavailable};
use super::store::LogStore;
use crate::ids::{LeaderEpoch, LogDirIndex, Offset, ProducerId, TopicPartition};
use alloc::vec::Vec;

/// Between which offsets a log is read. Ends are exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogBounds {
    /// The first offset.
    pub log_start: Offset,
    /// The end that counts for acknowledgements.
    pub durable_end: Offset,
    /// The offset that the next record will get.
    pub log_end: Offset,
    /// The first offset of the oldest transaction that is open. `None` where none is.
    pub first_unstable: Option<Offset>,
}

impl LogStore {
    /// The end that counts for acknowledgements.
    ///
    /// # Errors
    /// Says why where the log cannot be used, as all of these do.
    pub fn durable_end(&self, partition: TopicPartition) -> Result<Offset, Unavailable> {
        self.usable_log(partition).map(|log| log.durable_end)
    }

    /// The offset that the next record will get.
    pub fn log_end(&self, partition: TopicPartition) -> Result<Offset, Unavailable> {
        self.usable_log(partition).map(|log| log.log_end)
    }

    /// The first offset.
    pub fn log_start(&self, partition: TopicPartition) -> Result<Offset, Unavailable> {
        self.usable_log(partition).map(|log| log.log_start)
    }

    /// The offsets between which a log is read, all by one look-up: reads ask for them again and again.
    pub fn bounds(&self, partition: TopicPartition) -> Result<LogBounds, Unavailable> {
        self.usable_log(partition).map(|log| LogBounds {
            log_start: log.log_start,
            durable_end: log.durable_end,
            log_end: log.log_end,
            first_unstable: log.producers.first_unstable_offset(),
        })
    }

    /// Where an epoch ends in a log whose leader has the epoch `current` (KIP-101): the greatest epoch that is not above the
    /// one asked for, and its end. `None` where nothing is known of it.
    pub fn epoch_end(
        &self,
        partition: TopicPartition,
        asked: LeaderEpoch,
        current: LeaderEpoch,
    ) -> Result<Option<(LeaderEpoch, Offset)>, Unavailable> {
        let log = self.usable_log(partition)?;
        if asked == current {
            return Ok(Some((current, log.log_end)));
        }
        if let Some(end) = log.epochs.end_offset_for(asked, log.log_end) {
            return Ok(Some((end.epoch, end.end_offset)));
        }
        // The leader's own epoch began at the end of the log, though it has no record yet.
        let before = asked != LeaderEpoch(-1) && asked < current;
        let known = log.epochs.latest().map_or(asked, |latest| latest.epoch);
        Ok(before.then_some((known, log.log_end)))
    }

    /// The epoch of the record at an offset; of the last one where there is none yet.
    #[must_use]
    pub fn epoch_of(&self, partition: TopicPartition, offset: Offset) -> Option<LeaderEpoch> {
        self.usable_log(partition).ok()?.epochs.epoch_for_offset(offset)
    }

    /// The transactions with records in a range of offsets that were aborted: producer and first offset.
    #[must_use]
    pub fn aborted_transactions(
        &self,
        partition: TopicPartition,
        from: Offset,
        to: Offset,
    ) -> Vec<(ProducerId, Offset)> {
        let Ok(log) = self.usable_log(partition) else { return Vec::new() };
        log.producers.aborted_in(from, to).map(|aborted| (aborted.producer, aborted.first_offset)).collect()
    }

    /// The first offset of the oldest transaction that is open. `None` where none is.
    #[must_use]
    pub fn first_unstable_offset(&self, partition: TopicPartition) -> Option<Offset> {
        self.usable_log(partition).ok()?.producers.first_unstable_offset()
    }

    /// The producers that a log remembers.
    pub fn producers(&self, partition: TopicPartition) -> Result<Vec<ProducerDescription>, Unavailable> {
        let log = self.usable_log(partition)?;
        let describe = |entry: ProducerEntry| ProducerDescription {
            producer_id: entry.producer,
            producer_epoch: entry.epoch,
            last_sequence: entry.last_sequence,
            last_timestamp: entry.timestamp,
            coordinator_epoch: entry.coordinator_epoch,
            current_transaction_start: entry.current_txn_first_offset.unwrap_or(Offset(-1)),
        };
        Ok(log.producers.entries().map(describe).collect())
    }

    /// The sizes of all logs that can be used.
    #[must_use]
    pub fn sizes(&self) -> Vec<PartitionSize> {
        let usable = self.logs.values().filter(|log| log.usable().is_ok());
        usable
            .map(|log| PartitionSize {
                partition: log.partition,
                topic: log.topic.clone(),
                index: log.partition.partition,
                dir: log.dir,
                size_bytes: log.bytes(),
            })
            .collect()
    }

    /// The logs in a directory.
    #[must_use]
    pub fn partitions_in(&self, dir: LogDirIndex) -> Vec<TopicPartition> {
        self.logs.values().filter(|log| log.dir == dir).map(|log| log.partition).collect()
    }

    fn usable_log(&self, partition: TopicPartition) -> Result<&super::log::Log, Unavailable> {
        let log = self.logs.get(&partition).ok_or(Unavailable::Unknown)?;
        log.usable().map(|()| log)
    }
}
