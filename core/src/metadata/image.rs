//! What the image holds.

use super::carried::{Carried, Subject};
use crate::config::{Layers, Properties};
use crate::ids::{LeaderEpoch, NodeId, Offset, PartitionIndex, ProducerId, TopicId, TopicPartition};
use crate::log::LogConfig;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use grete_protocol::messages::api_versions_response::{ApiVersionsResponse, FinalizedFeatureKey, SupportedFeatureKey};

/// The metadata of a cluster, up to an offset of its log.
#[derive(Clone, Debug, PartialEq)]
pub struct MetadataImage {
    /// `cluster.id`.
    pub cluster_id: Arc<str>,
    /// The offset after the last record that is in the image.
    pub end: Offset,
    /// The epoch of the controller that appended it.
    pub epoch: i32,
    /// The controller, and leader of the metadata log; -1 before there is one.
    pub controller: NodeId,
    /// The id of the directory where the controller has the metadata log.
    pub controller_directory: [u8; 16],
    /// The finalised features.
    pub features: Features,
    /// The brokers that are registered.
    pub brokers: BTreeMap<NodeId, Arc<BrokerImage>>,
    /// The topics.
    pub topics: BTreeMap<TopicId, Arc<TopicImage>>,
    /// Their ids by name.
    pub names: BTreeMap<Arc<str>, TopicId>,
    /// What is configured for each resource.
    pub configs: BTreeMap<ConfigResource, Arc<Configs>>,
    /// The first producer id that no block has been taken of.
    pub producer_id_next: ProducerId,
    /// What is kept for others.
    pub(super) carried: BTreeMap<Subject, Carried>,
    /// The node that looks at it.
    pub(super) node: NodeId,
    /// What the node was started with.
    pub(super) started_with: Arc<Properties>,
    /// What that says of topics.
    pub(super) static_defaults: Arc<LogConfig>,
    /// What holds for a topic that says nothing else, on this node.
    pub(super) defaults: Arc<LogConfig>,
}

/// Keys and values of one resource.
pub type Configs = Properties;

/// The finalised features and their levels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// The offset of the record that changed them last; -1 before there is one.
    pub epoch: i64,
    /// The levels; a feature at level 0 is not there.
    pub levels: BTreeMap<Arc<str>, i16>,
}

/// The features that this broker knows, with the levels that it can serve.
pub const SUPPORTED_FEATURES: [(&str, i16, i16); 3] =
    [("eligible.leader.replicas.version", 0, 1), ("kraft.version", 0, 1), ("metadata.version", 7, 30)];

/// A broker as it registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerImage {
    /// Its node id.
    pub id: NodeId,
    /// The offset of its registration, which fences its earlier incarnations.
    pub epoch: i64,
    /// The id of its incarnation.
    pub incarnation: [u8; 16],
    /// Where it is reached.
    pub endpoints: Vec<Endpoint>,
    /// The features that it supports: name, lowest and highest level.
    pub features: Vec<(Arc<str>, i16, i16)>,
    /// Its rack.
    pub rack: Option<Arc<str>>,
    /// Whether it may lead partitions.
    pub fenced: bool,
    /// Whether it is about to stop.
    pub in_controlled_shutdown: bool,
    /// The ids of its log directories.
    pub log_dirs: Vec<[u8; 16]>,
    /// Those of them that take no new partitions (KIP-1066).
    pub cordoned_log_dirs: Vec<[u8; 16]>,
}

/// Where a broker is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The listener's name.
    pub name: Arc<str>,
    /// The host.
    pub host: Arc<str>,
    /// The port.
    pub port: u16,
    /// The security protocol, by Kafka's number.
    pub security_protocol: i16,
}

/// A topic.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicImage {
    /// Its id.
    pub id: TopicId,
    /// Its name.
    pub name: Arc<str>,
    /// Its partitions.
    pub partitions: BTreeMap<PartitionIndex, PartitionImage>,
    /// The settings of its logs.
    pub config: Arc<LogConfig>,
}

/// A partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionImage {
    /// The brokers that have it.
    pub replicas: Vec<NodeId>,
    /// The log directory of each of them, by its id.
    pub directories: Vec<[u8; 16]>,
    /// Those that are in sync.
    pub isr: Vec<NodeId>,
    /// Those that are being removed.
    pub removing: Vec<NodeId>,
    /// Those that are being added.
    pub adding: Vec<NodeId>,
    /// The leader; -1 where there is none.
    pub leader: NodeId,
    /// Whether its leader was elected uncleanly and has to recover: Kafka's number.
    pub leader_recovery_state: i8,
    /// Counts its leaders.
    pub leader_epoch: LeaderEpoch,
    /// Counts the changes to it.
    pub partition_epoch: i32,
    /// Those that may lead though they are not in sync (KIP-966).
    pub eligible_leader_replicas: Vec<NodeId>,
    /// Those that were eligible last.
    pub last_known_elr: Vec<NodeId>,
}

/// What a configuration is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConfigResource {
    /// Kafka's number of the resource's type.
    pub kind: i8,
    /// The resource's name; empty for the default of all brokers.
    pub name: Arc<str>,
}

impl ConfigResource {
    /// Kafka's number of a topic.
    pub const TOPIC: i8 = 2;
    /// Kafka's number of a broker.
    pub const BROKER: i8 = 4;
    /// Kafka's number of a broker's loggers.
    pub const BROKER_LOGGER: i8 = 8;
    /// Kafka's number of a client metrics subscription.
    pub const CLIENT_METRICS: i8 = 16;
    /// Kafka's number of a group.
    pub const GROUP: i8 = 32;

    /// The configuration of a topic.
    #[must_use]
    pub fn topic(name: &str) -> Self {
        Self { kind: Self::TOPIC, name: name.into() }
    }

    /// The configuration of a broker by its id; of all brokers where that is empty.
    #[must_use]
    pub fn broker(id: &str) -> Self {
        Self { kind: Self::BROKER, name: id.into() }
    }
}

impl MetadataImage {
    /// The metadata of a cluster in which nothing has happened. `defaults` holds for topics that say nothing else.
    #[must_use]
    pub fn new(cluster_id: &str, defaults: Arc<LogConfig>) -> Self {
        Self {
            cluster_id: cluster_id.into(),
            end: Offset::ZERO,
            epoch: -1,
            controller: NodeId(-1),
            controller_directory: [0; 16],
            features: Features { epoch: -1, levels: BTreeMap::new() },
            brokers: BTreeMap::new(),
            topics: BTreeMap::new(),
            names: BTreeMap::new(),
            configs: BTreeMap::new(),
            producer_id_next: ProducerId(0),
            carried: BTreeMap::new(),
            node: NodeId(-1),
            started_with: Arc::new(Properties::new()),
            static_defaults: defaults.clone(),
            defaults,
        }
    }

    /// The same, as a node sees it that was started with `properties`.
    #[must_use]
    pub fn on_node(self, node: NodeId, properties: Arc<Properties>) -> Self {
        Self { node, started_with: properties, ..self }
    }

    /// What is configured for the node that looks at the image.
    #[must_use]
    pub fn layers(&self) -> Layers<'_> {
        let own = ConfigResource::broker(&self.node.to_string());
        Layers {
            own: self.config(&own),
            cluster: self.config(&ConfigResource::broker("")),
            started_with: &self.started_with,
        }
    }

    /// The topic with an id.
    #[must_use]
    pub fn topic(&self, id: TopicId) -> Option<&Arc<TopicImage>> {
        self.topics.get(&id)
    }

    /// The topic with a name.
    #[must_use]
    pub fn topic_by_name(&self, name: &str) -> Option<&Arc<TopicImage>> {
        self.topics.get(self.names.get(name)?)
    }

    /// A partition.
    #[must_use]
    pub fn partition(&self, partition: TopicPartition) -> Option<&PartitionImage> {
        self.topics.get(&partition.topic)?.partitions.get(&partition.partition)
    }

    /// What is configured for a resource.
    #[must_use]
    pub fn config(&self, resource: &ConfigResource) -> Option<&Configs> {
        self.configs.get(resource).map(|config| &**config)
    }

    /// What holds for a topic that says nothing else.
    #[must_use]
    pub fn defaults(&self) -> &Arc<LogConfig> {
        &self.defaults
    }

    /// The number of partitions of all topics.
    #[must_use]
    pub fn partitions_count(&self) -> usize {
        self.topics.values().map(|topic| topic.partitions.len()).sum()
    }

    /// Asserts invariant 1.
    pub fn check_invariants(&self) {
        assert_eq!(self.names.len(), self.topics.len(), "each topic has one name");
        for (name, id) in &self.names {
            assert!(self.topics.get(id).is_some_and(|topic| topic.name == *name), "a name leads to its topic");
        }
    }
}

impl TopicImage {
    /// Whether it is one that the brokers themselves keep their state in.
    #[must_use]
    pub fn is_internal(&self) -> bool {
        is_internal(&self.name)
    }
}

/// The topic that keeps the groups' state.
pub const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// Whether a topic of this name is one that the brokers themselves keep their state in.
#[must_use]
pub fn is_internal(name: &str) -> bool {
    matches!(name, OFFSETS_TOPIC | "__transaction_state" | "__share_group_state")
}

impl Features {
    /// The level of a feature; 0 where it is not finalised.
    #[must_use]
    pub fn level(&self, name: &str) -> i16 {
        self.levels.get(name).copied().unwrap_or(0)
    }

    /// What keeps this broker from working with the levels, in a sentence.
    #[must_use]
    pub fn too_new(&self) -> Option<String> {
        let (name, _, max) = SUPPORTED_FEATURES.iter().find(|(name, _, max)| self.level(name) > *max)?;
        let level = self.level(name);
        Some(format!("the metadata are of {name} {level}, and this broker knows up to {max}: a newer one wrote them"))
    }

    /// Features that this broker does not know, with their levels.
    pub fn unknown(&self) -> impl Iterator<Item = (&str, i16)> {
        let known = |name: &str| SUPPORTED_FEATURES.iter().any(|(known, _, _)| *known == name);
        self.levels.iter().map(|(name, level)| (&**name, *level)).filter(move |(name, _)| !known(name))
    }

    /// Writes what ApiVersions says of features (KIP-584). `kraft.version` stands in the voters' records instead of here.
    pub fn describe(&self, response: &mut ApiVersionsResponse<'_>, kraft_version: i16) {
        response.supported_features = SUPPORTED_FEATURES
            .iter()
            .map(|(name, min, max)| SupportedFeatureKey {
                name: (*name).into(),
                min_version: *min,
                max_version: *max,
                ..Default::default()
            })
            .collect();
        response.finalized_features_epoch = self.epoch;
        let kraft = ("kraft.version", kraft_version);
        let levels = self.levels.iter().map(|(name, level)| (&**name, *level)).chain([kraft]);
        let mut finalized: Vec<_> = levels
            .filter(|(_, level)| *level > 0)
            .map(|(name, level)| FinalizedFeatureKey {
                name: String::from(name).into(),
                max_version_level: level,
                min_version_level: level,
                ..Default::default()
            })
            .collect();
        finalized.sort_by(|a: &FinalizedFeatureKey<'_>, b| a.name.cmp(&b.name));
        response.finalized_features = finalized;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_told_by_name_where_they_have_a_level() {
        let levels = [("z", 2), ("a", 1), ("off", 0)].map(|(name, level)| (name.into(), level)).into();
        let mut response = ApiVersionsResponse::default();
        Features { epoch: 9, levels }.describe(&mut response, 1);
        let told: Vec<_> = response.finalized_features.iter().map(|at| (&*at.name, at.max_version_level)).collect();
        assert_eq!(told, [("a", 1), ("kraft.version", 1), ("z", 2)]);
        assert_eq!(response.finalized_features_epoch, 9);
    }
}
