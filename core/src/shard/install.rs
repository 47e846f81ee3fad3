//! A new image of the metadata: what this shard leads by it, and no longer.

use super::message::Message;
use super::{Shard, Stage};
use crate::effect::{Effect, Effects};
use crate::ids::{LeaderEpoch, LogDirIndex, PartitionIndex, ShardId, TopicPartition};
use crate::metadata::{MetadataImage, OFFSETS_TOPIC, PartitionImage, TopicImage};
use crate::quorum::Directory;
use crate::time::Now;
use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Stands for a directory that this node has not.
const NOT_IN_USE: LogDirIndex = LogDirIndex(u16::MAX);

/// Whether an id stands for no directory in particular: Kafka's `DirectoryId.reserved`, the first hundred ids.
fn is_reserved(id: &[u8; 16]) -> bool {
    u128::from_be_bytes(*id) < 100
}

impl Shard {
    /// Goes by this image from now on.
    pub(super) fn install(&mut self, now: Now, image: Arc<MetadataImage>, effects: &mut Effects) {
        let before = core::mem::replace(&mut self.image, image.clone());
        for (id, topic) in &image.topics {
            // What is shared with the image before has not changed.
            if before.topics.get(id).is_some_and(|known| Arc::ptr_eq(known, topic)) {
                continue;
            }
            self.connections.allow_batches(topic.config.max_message_bytes);
            Arc::make_mut(&mut self.topics).set(&topic.name, *id, topic.partitions.len() as i32);
            for (index, partition) in &topic.partitions {
                self.lead(now, topic, *index, partition, effects);
            }
        }
        let gone: Vec<TopicPartition> = before
            .topics
            .iter()
            .filter(|(id, _)| !image.topics.contains_key(id))
            .flat_map(|(id, topic)| {
                topic.partitions.keys().map(|index| TopicPartition { topic: *id, partition: *index })
            })
            .filter(|partition| self.replicas.leads(*partition))
            .collect();
        for partition in gone {
            self.with_replicas(now, effects, |replicas, work| replicas.resign(work, partition));
            self.store.delete(now, partition, effects);
        }
        let removed: BTreeSet<Arc<str>> = before
            .names
            .iter()
            .filter(|(name, id)| image.names.get(*name) != Some(*id))
            .map(|(name, _)| name.clone())
            .collect();
        before
            .topics
            .keys()
            .filter(|id| !image.topics.contains_key(id))
            .for_each(|id| Arc::make_mut(&mut self.topics).remove(*id));
        if !removed.is_empty() {
            self.coordinators.topics_deleted(now, &removed);
        }
        self.lead_coordinators(now, effects);
        self.tell(ShardId(0), Message::Installed(image.end));
    }

    fn lead(
        &mut self,
        now: Now,
        topic: &TopicImage,
        index: PartitionIndex,
        image: &PartitionImage,
        effects: &mut Effects,
    ) {
        let partition = TopicPartition { topic: topic.id, partition: index };
        let place = image.replicas.iter().position(|replica| *replica == self.node.node_id);
        let Some(place) = place.filter(|_| partition.shard(self.shards) == self.shard) else { return };
        if self.replicas.leads(partition) {
            // There is nothing to tell a log that is not there.
            let _ = self.store.configure(partition, topic.config.clone());
        } else {
            let dir = self.home_dir(partition, &topic.name, image.directories.get(place));
            self.store.open(now, partition, &topic.name, dir, topic.config.clone(), effects);
            let waits = !self.is_settled(partition);
            if let Stage::Opening(waiting) = &mut self.stage
                && waits
            {
                waiting.insert(partition);
            }
        }
        self.replicas.lead(partition, image.leader_epoch, topic.config.clone());
    }

    /// Keeps the groups of the offsets partitions that are led here and open.
    fn lead_coordinators(&mut self, now: Now, effects: &mut Effects) {
        let Some(topic) = self.image.topic_by_name(OFFSETS_TOPIC).cloned() else { return };
        for index in topic.partitions.keys() {
            let partition = TopicPartition { topic: topic.id, partition: *index };
            if self.replicas.leads(partition) && self.store.state(partition).is_ok() && self.is_settled(partition) {
                self.coordinators.lead(partition, now, &mut self.store, effects);
            }
        }
    }

    /// The log directory of a partition. One that is not among those in use is out of service, and the log with it: to
    /// begin anew elsewhere would forget what was acknowledged.
    fn home_dir(&self, partition: TopicPartition, topic: &str, assigned: Option<&[u8; 16]>) -> LogDirIndex {
        match assigned.filter(|id| !is_reserved(id)) {
            Some(id) => self.directory(id).unwrap_or(NOT_IN_USE),
            // Metadata of before KIP-858 does not say: it is where its files are.
            None => self.store.dir_with(topic, partition.partition).unwrap_or(LogDirIndex(0)),
        }
    }

    fn directory(&self, id: &[u8; 16]) -> Option<LogDirIndex> {
        let found = self.directories.iter().find(|directory| directory.id.as_ref().is_ok_and(|own| own.0 == *id));
        found.map(|directory| directory.dir)
    }

    /// A directory is out of service: its logs are not waited for any more.
    pub(super) fn stop_waiting_for_logs(&mut self, now: Now, effects: &mut Effects) {
        let Stage::Opening(waiting) = &self.stage else { return };
        let settled: Vec<TopicPartition> = waiting.iter().copied().filter(|at| self.is_settled(*at)).collect();
        for partition in settled {
            self.log_opened(now, partition, effects);
        }
        self.opened_logs(now, effects);
    }

    /// A log can be used, or will not be.
    pub(super) fn log_opened(&mut self, now: Now, partition: TopicPartition, effects: &mut Effects) {
        if partition == TopicPartition::CLUSTER_METADATA {
            self.metadata_opened(now, effects);
            return;
        }
        if !self.is_settled(partition) {
            return;
        }
        if let Stage::Opening(waiting) = &mut self.stage {
            waiting.remove(&partition);
        }
        self.lead_coordinators(now, effects);
        self.opened_logs(now, effects);
    }

    /// More of a log is durable: for one that was recovered it may be all that was found of it.
    pub(super) fn log_flushed(&mut self, now: Now, partition: TopicPartition, effects: &mut Effects) {
        let waits = match &self.stage {
            Stage::Booting => partition == TopicPartition::CLUSTER_METADATA,
            Stage::Opening(waiting) => waiting.contains(&partition),
            Stage::Serving | Stage::Stopping | Stage::Stopped => false,
        };
        if waits {
            self.log_opened(now, partition, effects);
        }
    }

    /// Whether all of a log is durable, or it will not be used. After a crash its end may have to be made durable again
    /// first: until then it would show less than it has shown before.
    pub(super) fn is_settled(&self, partition: TopicPartition) -> bool {
        match self.store.state(partition) {
            Ok(state) => state.durable_end == state.log_end,
            Err(why) => why != crate::log::Unavailable::Opening,
        }
    }

    /// What lies in the directories and belongs to no partition of the image is put aside.
    fn put_strays_aside(&mut self, now: Now, effects: &mut Effects) {
        let mut known: BTreeSet<(Arc<str>, TopicPartition)> = BTreeSet::new();
        known.insert(("__cluster_metadata".into(), TopicPartition::CLUSTER_METADATA));
        for topic in self.image.topics.values() {
            let partition = |index: &PartitionIndex| TopicPartition { topic: topic.id, partition: *index };
            known.extend(topic.partitions.keys().map(|index| (topic.name.clone(), partition(index))));
        }
        self.store.strays(now, &known, effects);
    }

    /// Tells the logs what the boot of the directories has found out.
    pub(super) fn start_store(
        &mut self,
        now: Now,
        since: LeaderEpoch,
        directories: &[Directory],
        effects: &mut Effects,
    ) {
        let clean = directories.iter().filter(|directory| directory.clean).map(|directory| directory.dir);
        self.store.start(now, since, &clean.collect::<Vec<_>>(), effects);
        for directory in directories {
            if let Err(reason) = &directory.id {
                self.store.take_offline(directory.dir, reason);
            }
        }
    }

    /// Serves, once all logs are open and recorded in a file of ours.
    pub(super) fn opened_logs(&mut self, now: Now, effects: &mut Effects) {
        let open = matches!(&self.stage, Stage::Opening(waiting) if waiting.is_empty());
        if open && self.store.is_proven() {
            self.stage = Stage::Serving;
            self.put_strays_aside(now, effects);
            self.tell(ShardId(0), Message::Serving(self.store.proven_dirs()));
            effects.push(Effect::Ready);
        }
    }
}
