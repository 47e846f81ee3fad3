//! TEMPORARY: questions about logs.
use super::outcome::*;
use super::store::LogStore;
use crate::effect::Effects;
use crate::ids::*;
use crate::replica::{PartitionSize, ProducerDescription};
use alloc::vec::Vec;
impl LogStore {
    pub fn durable_end(&self, p: TopicPartition) -> Result<Offset, Unavailable> {
        self.state(p).map(|s| s.durable_end)
    }
    pub fn log_end(&self, p: TopicPartition) -> Result<Offset, Unavailable> {
        self.state(p).map(|s| s.log_end)
    }
    pub fn log_start(&self, p: TopicPartition) -> Result<Offset, Unavailable> {
        self.state(p).map(|s| s.log_start)
    }
    pub fn epoch_end(
        &self,
        p: TopicPartition,
        asked: LeaderEpoch,
        current: LeaderEpoch,
    ) -> Result<Option<(LeaderEpoch, Offset)>, Unavailable> {
        let s = self.state(p)?;
        Ok((asked == current).then_some((current, s.log_end)))
    }
    pub fn epoch_of(&self, _p: TopicPartition, _o: Offset) -> Option<LeaderEpoch> {
        Some(LeaderEpoch(0))
    }
    pub fn aborted_transactions(&self, _p: TopicPartition, _from: Offset, _to: Offset) -> Vec<(ProducerId, Offset)> {
        Vec::new()
    }
    pub fn first_unstable_offset(&self, _p: TopicPartition) -> Option<Offset> {
        None
    }
    pub fn producers(&self, p: TopicPartition) -> Result<Vec<ProducerDescription>, Unavailable> {
        self.state(p)?;
        Ok(Vec::new())
    }
    pub fn find_timestamp(&mut self, p: TopicPartition, _q: TimestampQuery, _e: &mut Effects) -> LookupOutcome {
        match self.state(p) {
            Ok(_) => LookupOutcome::Ready(None),
            Err(e) => LookupOutcome::Failed(ReadError::Unavailable(e)),
        }
    }
    pub fn delete_records(
        &mut self,
        p: TopicPartition,
        _to: Offset,
        _e: &mut Effects,
    ) -> Result<(Offset, bool), Unavailable> {
        let s = self.state(p)?;
        Ok((s.log_start, true))
    }
    pub fn sizes(&self) -> Vec<PartitionSize> {
        self.logs
            .values()
            .map(|l| PartitionSize {
                partition: l.partition,
                topic: l.topic.clone(),
                index: l.partition.partition,
                dir: l.dir,
                size_bytes: l.bytes(),
            })
            .collect()
    }
    pub fn partitions_in(&self, dir: LogDirIndex) -> Vec<TopicPartition> {
        self.logs.values().filter(|l| l.dir == dir).map(|l| l.partition).collect()
    }
    pub fn delete(&mut self, _p: TopicPartition, _e: &mut Effects) {}
}
