//! Records into the image. Total but for records that contradict it: those are a broken log, and said so.

use super::image::{BrokerImage, ConfigResource, Endpoint, MetadataImage, PartitionImage, TopicImage};
use super::topic_config;
use crate::ids::{LeaderEpoch, NodeId, PartitionIndex, ProducerId, TopicId};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use grete_protocol::messages::MetadataRecord;
use grete_protocol::messages::metadata::config_record::ConfigRecord;
use grete_protocol::messages::metadata::partition_change_record::PartitionChangeRecord;
use grete_protocol::messages::metadata::partition_record::PartitionRecord;
use grete_protocol::messages::metadata::register_broker_record::RegisterBrokerRecord;
use grete_protocol::messages::metadata::topic_record::TopicRecord;
use grete_protocol::wire::{BrokerId, Uuid};

/// A record that contradicts the image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the metadata log contradicts itself: {0}")]
pub struct ReplayError(pub String);

/// What PartitionChangeRecord means by "the leader does not change".
const NO_LEADER_CHANGE: i32 = -2;

impl MetadataImage {
    /// Applies a record that stands at `offset`.
    ///
    /// # Errors
    /// Where the record is about something that is not there.
    pub fn replay(&mut self, offset: i64, record: &MetadataRecord<'_>) -> Result<(), ReplayError> {
        match record {
            MetadataRecord::Topic(record) => self.replay_topic(record),
            MetadataRecord::RemoveTopic(record) => self.replay_remove_topic(TopicId(record.topic_id.0)),
            MetadataRecord::Partition(record) => self.replay_partition(record),
            MetadataRecord::PartitionChange(record) => self.replay_partition_change(record),
            MetadataRecord::Config(record) => {
                self.replay_config(record);
                Ok(())
            }
            MetadataRecord::FeatureLevel(record) => {
                self.features.epoch = offset;
                if record.feature_level == 0 {
                    self.features.levels.remove(&*record.name);
                } else {
                    self.features.levels.insert((&*record.name).into(), record.feature_level);
                }
                Ok(())
            }
            MetadataRecord::RegisterBroker(record) => {
                self.replay_register_broker(record);
                Ok(())
            }
            MetadataRecord::UnregisterBroker(record) => {
                self.brokers.remove(&NodeId(record.broker_id.0));
                Ok(())
            }
            MetadataRecord::BrokerRegistrationChange(record) => self.change_broker(record.broker_id, |broker| {
                match record.fenced {
                    -1 => broker.fenced = false,
                    1 => broker.fenced = true,
                    _ => {}
                }
                if record.in_controlled_shutdown == 1 {
                    broker.in_controlled_shutdown = true;
                }
                if !record.log_dirs.is_empty() {
                    broker.log_dirs = record.log_dirs.iter().map(|id| id.0).collect();
                }
                if let Some(cordoned) = &record.cordoned_log_dirs {
                    broker.cordoned_log_dirs = cordoned.iter().map(|id| id.0).collect();
                }
            }),
            MetadataRecord::FenceBroker(record) => self.change_broker(record.id, |broker| broker.fenced = true),
            MetadataRecord::UnfenceBroker(record) => self.change_broker(record.id, |broker| broker.fenced = false),
            MetadataRecord::ProducerIds(record) => {
                self.producer_id_next = ProducerId(record.next_producer_id);
                Ok(())
            }
            MetadataRecord::ClearElr(record) => {
                self.replay_clear_elr(record.topic_name.as_str());
                Ok(())
            }
            // A decision of ours is one batch; what reads a log goes by `Fold`.
            MetadataRecord::NoOp(_)
            | MetadataRecord::BeginTransaction(_)
            | MetadataRecord::EndTransaction(_)
            | MetadataRecord::AbortTransaction(_) => Ok(()),
            // They change nothing that a broker without their features serves; they are kept for who does.
            MetadataRecord::AccessControlEntry(_)
            | MetadataRecord::RemoveAccessControlEntry(_)
            | MetadataRecord::ClientQuota(_)
            | MetadataRecord::DelegationToken(_)
            | MetadataRecord::RemoveDelegationToken(_)
            | MetadataRecord::UserScramCredential(_)
            | MetadataRecord::RemoveUserScramCredential(_)
            | MetadataRecord::ZkMigrationState(_)
            | MetadataRecord::RegisterController(_)
            | MetadataRecord::UnregisterController(_) => {
                self.carry(record);
                Ok(())
            }
        }
    }

    fn replay_topic(&mut self, record: &TopicRecord<'_>) -> Result<(), ReplayError> {
        let id = TopicId(record.topic_id.0);
        let name: Arc<str> = record.name.as_str().into();
        if self.names.contains_key(&name) {
            return Err(ReplayError(format!("the topic {name} is there already")));
        }
        let config = self.effective(&name);
        self.names.insert(name.clone(), id);
        self.topics.insert(id, Arc::new(TopicImage { id, name, partitions: BTreeMap::new(), config }));
        Ok(())
    }

    fn replay_remove_topic(&mut self, id: TopicId) -> Result<(), ReplayError> {
        let topic = self.topics.remove(&id).ok_or_else(|| missing(id))?;
        self.names.remove(&topic.name);
        self.configs.remove(&ConfigResource::topic(&topic.name));
        Ok(())
    }

    fn replay_partition(&mut self, record: &PartitionRecord) -> Result<(), ReplayError> {
        let id = TopicId(record.topic_id.0);
        let topic = self.topics.get_mut(&id).ok_or_else(|| missing(id))?;
        let partition = PartitionImage {
            replicas: nodes(&record.replicas),
            directories: directories(&record.directories, record.replicas.len()),
            isr: record.isr.iter().map(|id| NodeId(*id)).collect(),
            removing: nodes(&record.removing_replicas),
            adding: nodes(&record.adding_replicas),
            leader: NodeId(record.leader.0),
            leader_recovery_state: record.leader_recovery_state,
            leader_epoch: LeaderEpoch(record.leader_epoch),
            partition_epoch: record.partition_epoch,
            eligible_leader_replicas: record.eligible_leader_replicas.as_deref().map(nodes).unwrap_or_default(),
            last_known_elr: record.last_known_elr.as_deref().map(nodes).unwrap_or_default(),
        };
        Arc::make_mut(topic).partitions.insert(PartitionIndex(record.partition_id), partition);
        Ok(())
    }

    fn replay_partition_change(&mut self, record: &PartitionChangeRecord) -> Result<(), ReplayError> {
        let id = TopicId(record.topic_id.0);
        let topic = Arc::make_mut(self.topics.get_mut(&id).ok_or_else(|| missing(id))?);
        let index = PartitionIndex(record.partition_id);
        let partition = topic
            .partitions
            .get_mut(&index)
            .ok_or_else(|| ReplayError(format!("partition {index} of {} is not there", topic.name)))?;
        if let Some(replicas) = &record.replicas {
            partition.replicas = nodes(replicas);
        }
        if let Some(ids) = &record.directories {
            partition.directories = ids.iter().map(|id| id.0).collect();
        }
        if let Some(isr) = &record.isr {
            partition.isr = nodes(isr);
        }
        if let Some(removing) = &record.removing_replicas {
            partition.removing = nodes(removing);
        }
        if let Some(adding) = &record.adding_replicas {
            partition.adding = nodes(adding);
        }
        if let Some(elr) = &record.eligible_leader_replicas {
            partition.eligible_leader_replicas = nodes(elr);
        }
        if let Some(elr) = &record.last_known_elr {
            partition.last_known_elr = nodes(elr);
        }
        if record.leader_recovery_state >= 0 {
            partition.leader_recovery_state = record.leader_recovery_state;
        }
        if record.leader.0 != NO_LEADER_CHANGE {
            partition.leader = NodeId(record.leader.0);
            partition.leader_epoch.0 += 1;
        }
        partition.partition_epoch += 1;
        Ok(())
    }

    fn replay_config(&mut self, record: &ConfigRecord<'_>) {
        let resource = ConfigResource { kind: record.resource_type, name: (&*record.resource_name).into() };
        let config = Arc::make_mut(self.configs.entry(resource.clone()).or_default());
        match &record.value {
            Some(value) => {
                config.insert((&*record.name).into(), (&**value).into());
            }
            None => {
                config.remove(&*record.name);
            }
        }
        if config.is_empty() {
            self.configs.remove(&resource);
        }
        if resource.kind == ConfigResource::BROKER {
            self.change_defaults();
        }
        if resource.kind == ConfigResource::TOPIC
            && let Some(id) = self.names.get(&resource.name).copied()
        {
            let config = self.effective(&resource.name);
            if let Some(topic) = self.topics.get_mut(&id) {
                Arc::make_mut(topic).config = config;
            }
        }
    }

    fn replay_register_broker(&mut self, record: &RegisterBrokerRecord<'_>) {
        let broker = BrokerImage {
            id: NodeId(record.broker_id.0),
            epoch: record.broker_epoch,
            incarnation: record.incarnation_id.0,
            endpoints: record
                .end_points
                .iter()
                .map(|endpoint| Endpoint {
                    name: (&*endpoint.name).into(),
                    host: (&*endpoint.host).into(),
                    port: endpoint.port,
                    security_protocol: endpoint.security_protocol,
                })
                .collect(),
            features: record
                .features
                .iter()
                .map(|feature| ((&*feature.name).into(), feature.min_supported_version, feature.max_supported_version))
                .collect(),
            rack: record.rack.as_deref().map(Into::into),
            fenced: record.fenced,
            in_controlled_shutdown: record.in_controlled_shutdown,
            log_dirs: record.log_dirs.iter().map(|id| id.0).collect(),
            cordoned_log_dirs: record.cordoned_log_dirs.iter().flatten().map(|id| id.0).collect(),
        };
        self.brokers.insert(broker.id, Arc::new(broker));
    }

    fn change_broker(&mut self, id: BrokerId, change: impl FnOnce(&mut BrokerImage)) -> Result<(), ReplayError> {
        let broker = self.brokers.get_mut(&NodeId(id.0));
        change(Arc::make_mut(broker.ok_or_else(|| ReplayError(format!("broker {id} is not registered")))?));
        Ok(())
    }

    /// KIP-966: eligible replicas of one topic, or of all, are no longer.
    fn replay_clear_elr(&mut self, name: &str) {
        for topic in self.topics.values_mut().filter(|topic| name.is_empty() || &*topic.name == name) {
            for partition in Arc::make_mut(topic).partitions.values_mut() {
                if !partition.eligible_leader_replicas.is_empty() || !partition.last_known_elr.is_empty() {
                    partition.eligible_leader_replicas.clear();
                    partition.last_known_elr.clear();
                    partition.partition_epoch += 1;
                }
            }
        }
    }

    /// The settings of a topic's logs, by its configuration and the defaults.
    fn effective(&self, topic: &str) -> Arc<crate::log::LogConfig> {
        match self.configs.get(&ConfigResource::topic(topic)) {
            None => self.defaults.clone(),
            Some(overrides) => Arc::new(topic_config::effective(&self.defaults, &self.layers(), overrides)),
        }
    }

    /// What holds for topics has changed.
    fn change_defaults(&mut self) {
        let defaults = topic_config::defaults(&self.static_defaults, &self.layers());
        if *self.defaults == defaults {
            return;
        }
        self.defaults = Arc::new(defaults);
        let ids: Vec<TopicId> = self.topics.keys().copied().collect();
        for id in ids {
            let Some(config) = self.topics.get(&id).map(|topic| self.effective(&topic.name)) else { continue };
            if let Some(topic) = self.topics.get_mut(&id)
                && topic.config != config
            {
                Arc::make_mut(topic).config = config;
            }
        }
    }
}

fn missing(id: TopicId) -> ReplayError {
    ReplayError(format!("the topic {} is not there", Uuid(id.0)))
}

fn nodes(ids: &[BrokerId]) -> Vec<NodeId> {
    ids.iter().map(|id| NodeId(id.0)).collect()
}

/// The directory of each replica; unassigned where a record of an old version does not say (KIP-858).
fn directories(ids: &[Uuid], replicas: usize) -> Vec<[u8; 16]> {
    if ids.len() == replicas { ids.iter().map(|id| id.0).collect() } else { alloc::vec![[0; 16]; replicas] }
}
