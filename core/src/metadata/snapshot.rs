//! The image as records: what a snapshot of the metadata log holds. In an order that depends on the image alone.

use super::image::{BrokerImage, ConfigResource, MetadataImage, PartitionImage};
use crate::ids::{NodeId, PartitionIndex, TopicId};
use alloc::vec::Vec;
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
/// newest that is defined, since older brokers could not read that.
#[must_use]
pub fn record_version(record: &MetadataRecord<'_>) -> i16 {
    match record {
        MetadataRecord::RegisterBroker(_) => 3,
        MetadataRecord::Partition(_) | MetadataRecord::PartitionChange(_) => 2,
        MetadataRecord::BrokerRegistrationChange(_) => 1,
        _ => 0,
    }
}

impl MetadataImage {
    /// The records whose replay gives this image.
    #[must_use]
    pub fn to_records(&self) -> Vec<MetadataRecord<'_>> {
        let mut records = Vec::new();
        // metadata.version comes first: it says how the others are read.
        let version = "metadata.version";
        let (first, others): (Vec<_>, Vec<_>) = self.features.levels.iter().partition(|(name, _)| &***name == version);
        for (name, level) in first.into_iter().chain(others) {
            let record = FeatureLevelRecord { name: (&**name).into(), feature_level: *level, ..Default::default() };
            records.push(MetadataRecord::FeatureLevel(record));
        }
        records.extend(self.brokers.values().map(|broker| MetadataRecord::RegisterBroker(register(broker))));
        for topic in self.topics.values() {
            let record = TopicRecord { name: (&*topic.name).into(), topic_id: Uuid(topic.id.0), ..Default::default() };
            records.push(MetadataRecord::Topic(record));
            for (index, partition) in &topic.partitions {
                records.push(MetadataRecord::Partition(partition_record(topic.id, *index, partition)));
            }
        }
        for (ConfigResource { kind, name }, config) in &self.configs {
            for (key, value) in &**config {
                records.push(MetadataRecord::Config(ConfigRecord {
                    resource_type: *kind,
                    resource_name: (&**name).into(),
                    name: (&**key).into(),
                    value: Some((&**value).into()),
                    ..Default::default()
                }));
            }
        }
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
