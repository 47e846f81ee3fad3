//! The image as records: what a snapshot of the metadata log holds. In an order that depends on the image alone.

use super::carried::Subject;
use super::image::{BrokerImage, ConfigResource, MetadataImage, PartitionImage};
use crate::ids::{NodeId, PartitionIndex, TopicId};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Bound::{self, Excluded, Unbounded};
use grete_protocol::messages::MetadataRecord;
use grete_protocol::messages::metadata::config_record::ConfigRecord;
use grete_protocol::messages::metadata::feature_level_record::FeatureLevelRecord;
use grete_protocol::messages::metadata::partition_record::PartitionRecord;
use grete_protocol::messages::metadata::producer_ids_record::ProducerIdsRecord;
use grete_protocol::messages::metadata::register_broker_record::{BrokerEndpoint, BrokerFeature, RegisterBrokerRecord};
use grete_protocol::messages::metadata::topic_record::TopicRecord;
use grete_protocol::wire::{BrokerId, Uuid};

/// A record with the version that it is written in.
pub type VersionedRecord<'a> = (MetadataRecord<'a>, i16);

/// The version in which a record is written at metadata.version 4.3-IV0 (level 30), which new clusters have: not the
/// newest that is defined, since older brokers could not read that. A change of a registration is written in the lowest
/// version that can say it, as Kafka does.
#[must_use]
pub fn record_version(record: &MetadataRecord<'_>) -> i16 {
    match record {
        MetadataRecord::RegisterBroker(_) => 4,
        MetadataRecord::Partition(_) | MetadataRecord::PartitionChange(_) => 2,
        MetadataRecord::BrokerRegistrationChange(change) if change.cordoned_log_dirs.is_some() => 3,
        MetadataRecord::BrokerRegistrationChange(change) if !change.log_dirs.is_empty() => 2,
        MetadataRecord::BrokerRegistrationChange(change) if change.in_controlled_shutdown != 0 => 1,
        MetadataRecord::BrokerRegistrationChange(_)
        | MetadataRecord::UnregisterBroker(_)
        | MetadataRecord::Topic(_)
        | MetadataRecord::Config(_)
        | MetadataRecord::FenceBroker(_)
        | MetadataRecord::UnfenceBroker(_)
        | MetadataRecord::RemoveTopic(_)
        | MetadataRecord::DelegationToken(_)
        | MetadataRecord::UserScramCredential(_)
        | MetadataRecord::FeatureLevel(_)
        | MetadataRecord::ClientQuota(_)
        | MetadataRecord::ProducerIds(_)
        | MetadataRecord::AccessControlEntry(_)
        | MetadataRecord::RemoveAccessControlEntry(_)
        | MetadataRecord::NoOp(_)
        | MetadataRecord::ZkMigrationState(_)
        | MetadataRecord::RemoveUserScramCredential(_)
        | MetadataRecord::BeginTransaction(_)
        | MetadataRecord::EndTransaction(_)
        | MetadataRecord::AbortTransaction(_)
        | MetadataRecord::RemoveDelegationToken(_)
        | MetadataRecord::RegisterController(_)
        | MetadataRecord::ClearElr(_)
        | MetadataRecord::UnregisterController(_) => 0,
    }
}

/// Where the writing of a snapshot stands: an image is written in pieces, since it may be large.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotCursor(Position);

/// The last thing that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Position {
    Nothing,
    Brokers,
    Topic(TopicId),
    Partition(TopicId, PartitionIndex),
    Config(ConfigResource, Arc<str>),
    Carried(Subject),
}

impl SnapshotCursor {
    /// Before everything.
    pub const START: Self = Self(Position::Nothing);
}

impl MetadataImage {
    /// The records whose replay gives this image, from `cursor` on: some `records_max` of them, and where it goes on.
    #[must_use]
    pub fn snapshot_records(
        &self,
        cursor: &SnapshotCursor,
        records_max: usize,
    ) -> (Vec<MetadataRecord<'_>>, Option<SnapshotCursor>) {
        let mut records = Vec::new();
        let mut at = cursor.0.clone();
        if at == Position::Nothing {
            records = self.first_records();
            at = Position::Brokers;
        }
        while records.len() < records_max {
            let Some((record, next)) = self.record_after(&at) else { return (records, None) };
            records.push(record);
            at = next;
        }
        (records, Some(SnapshotCursor(at)))
    }

    /// The features, the brokers and the next producer id: there are few of them.
    fn first_records(&self) -> Vec<MetadataRecord<'_>> {
        let mut records = Vec::new();
        // metadata.version comes first: it says how the others are read.
        let version = "metadata.version";
        let (first, others): (Vec<_>, Vec<_>) = self.features.levels.iter().partition(|(name, _)| &***name == version);
        for (name, level) in first.into_iter().chain(others) {
            let record = FeatureLevelRecord { name: (&**name).into(), feature_level: *level, ..Default::default() };
            records.push(MetadataRecord::FeatureLevel(record));
        }
        records.extend(self.brokers.values().map(|broker| MetadataRecord::RegisterBroker(register(broker))));
        if self.producer_id_next.0 > 0 {
            records.push(MetadataRecord::ProducerIds(ProducerIdsRecord {
                broker_id: BrokerId(-1),
                broker_epoch: -1,
                next_producer_id: self.producer_id_next.0,
                ..Default::default()
            }));
        }
        records
    }

    fn record_after(&self, at: &Position) -> Option<(MetadataRecord<'_>, Position)> {
        let after_topics = || self.config_after(Unbounded).or_else(|| self.carried_after(Unbounded));
        match at {
            Position::Nothing | Position::Brokers => self.topic_after(Unbounded).or_else(after_topics),
            Position::Topic(id) => {
                self.partition_after(*id, Unbounded).or_else(|| self.topic_after(Excluded(id))).or_else(after_topics)
            }
            Position::Partition(id, index) => self
                .partition_after(*id, Excluded(index))
                .or_else(|| self.topic_after(Excluded(id)))
                .or_else(after_topics),
            Position::Config(resource, key) => {
                let same = self.configs.get_key_value(resource).and_then(|(resource, config)| {
                    let (key, value) = config.range::<Arc<str>, _>(from(Excluded(key))).next()?;
                    Some(config_record(resource, key, value))
                });
                same.or_else(|| self.config_after(Excluded(resource))).or_else(|| self.carried_after(Unbounded))
            }
            Position::Carried(subject) => self.carried_after(Excluded(subject)),
        }
    }

    fn topic_after(&self, bound: Bound<&TopicId>) -> Option<(MetadataRecord<'_>, Position)> {
        let (id, topic) = self.topics.range(from(bound)).next()?;
        let record = TopicRecord { name: (&*topic.name).into(), topic_id: Uuid(id.0), ..Default::default() };
        Some((MetadataRecord::Topic(record), Position::Topic(*id)))
    }

    fn partition_after(&self, id: TopicId, bound: Bound<&PartitionIndex>) -> Option<(MetadataRecord<'_>, Position)> {
        let (index, partition) = self.topics.get(&id)?.partitions.range(from(bound)).next()?;
        let record = partition_record(id, *index, partition);
        Some((MetadataRecord::Partition(record), Position::Partition(id, *index)))
    }

    fn config_after(&self, bound: Bound<&ConfigResource>) -> Option<(MetadataRecord<'_>, Position)> {
        let (resource, config) = self.configs.range(from(bound)).next()?;
        let (key, value) = config.iter().next().expect("a resource has a configuration or is not there");
        Some(config_record(resource, key, value))
    }

    fn carried_after(&self, bound: Bound<&Subject>) -> Option<(MetadataRecord<'_>, Position)> {
        let (subject, carried) = self.carried.range(from(bound)).next()?;
        Some((carried.record(), Position::Carried(subject.clone())))
    }
}

fn from<T>(bound: Bound<T>) -> (Bound<T>, Bound<T>) {
    (bound, Unbounded)
}

fn config_record<'i>(
    resource: &'i ConfigResource,
    key: &'i Arc<str>,
    value: &'i Arc<str>,
) -> (MetadataRecord<'i>, Position) {
    let record = ConfigRecord {
        resource_type: resource.kind,
        resource_name: (&*resource.name).into(),
        name: (&**key).into(),
        value: Some((&**value).into()),
        ..Default::default()
    };
    (MetadataRecord::Config(record), Position::Config(resource.clone(), key.clone()))
}

fn register(broker: &BrokerImage) -> RegisterBrokerRecord<'_> {
    RegisterBrokerRecord {
        broker_id: BrokerId(broker.id.0),
        incarnation_id: Uuid(broker.incarnation),
        broker_epoch: broker.epoch,
        end_points: broker
            .endpoints
            .iter()
            .map(|endpoint| BrokerEndpoint {
                name: (&*endpoint.name).into(),
                host: (&*endpoint.host).into(),
                port: endpoint.port,
                security_protocol: endpoint.security_protocol,
                ..Default::default()
            })
            .collect(),
        features: broker
            .features
            .iter()
            .map(|(name, min, max)| BrokerFeature {
                name: (&**name).into(),
                min_supported_version: *min,
                max_supported_version: *max,
                ..Default::default()
            })
            .collect(),
        rack: broker.rack.as_deref().map(Into::into),
        fenced: broker.fenced,
        in_controlled_shutdown: broker.in_controlled_shutdown,
        log_dirs: broker.log_dirs.iter().map(|id| Uuid(*id)).collect(),
        cordoned_log_dirs: Some(broker.cordoned_log_dirs.iter().map(|id| Uuid(*id)).collect()),
        ..Default::default()
    }
}

/// The record that makes a partition.
pub(crate) fn partition_record(topic: TopicId, index: PartitionIndex, partition: &PartitionImage) -> PartitionRecord {
    let ids = |nodes: &[NodeId]| nodes.iter().map(|node| BrokerId(node.0)).collect::<Vec<_>>();
    let some = |nodes: &[NodeId]| (!nodes.is_empty()).then(|| ids(nodes));
    PartitionRecord {
        partition_id: index.0,
        topic_id: Uuid(topic.0),
        replicas: ids(&partition.replicas),
        isr: partition.isr.iter().map(|node| node.0).collect(),
        removing_replicas: ids(&partition.removing),
        adding_replicas: ids(&partition.adding),
        leader: BrokerId(partition.leader.0),
        leader_recovery_state: partition.leader_recovery_state,
        leader_epoch: partition.leader_epoch.0,
        partition_epoch: partition.partition_epoch,
        directories: partition.directories.iter().map(|id| Uuid(*id)).collect(),
        eligible_leader_replicas: some(&partition.eligible_leader_replicas),
        last_known_elr: some(&partition.last_known_elr),
        ..Default::default()
    }
}
