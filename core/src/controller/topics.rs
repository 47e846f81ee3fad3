//! Creating and deleting topics, and adding partitions to them.

use super::{Controller, Decided, Decision, configs};
use crate::ids::{LeaderEpoch, NodeId, PartitionIndex, TopicId};
use crate::limits::{PARTITIONS_CREATED_MAX, PARTITIONS_PER_TOPIC_MAX};
use crate::log::files::topic_name::{self, TopicNameError};
use crate::metadata::{MetadataImage, OFFSETS_TOPIC, PartitionImage, partition_record};
use crate::rng::Purpose;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use grete_protocol::ErrorCode;
use grete_protocol::messages::MetadataRecord;
use grete_protocol::messages::metadata::config_record::ConfigRecord;
use grete_protocol::messages::metadata::remove_topic_record::RemoveTopicRecord;
use grete_protocol::messages::metadata::topic_record::TopicRecord;
use grete_protocol::wire::{TopicName, Uuid};

/// A topic that is to be created.
#[derive(Clone, Debug, Default)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// The number of its partitions; -1 for the default.
    pub partitions: i32,
    /// The number of their replicas; -1 for the default.
    pub replication_factor: i16,
    /// The brokers of each partition, where the client says; then the two numbers above are -1.
    pub assignments: Vec<(i32, Vec<NodeId>)>,
    /// What is configured.
    pub configs: Vec<(String, Option<String>)>,
}

/// Why something is not done with a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicRefusal {
    /// Kafka's code.
    pub error: ErrorCode,
    /// What to tell people, where it is more than the code's own text.
    pub message: Option<String>,
}

/// A topic as it was decided on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatedTopic {
    /// Its id.
    pub id: TopicId,
    /// The number of its partitions.
    pub partitions: i32,
    /// The number of their replicas.
    pub replication_factor: i16,
}

fn refuse<T>(error: ErrorCode, message: impl Into<String>) -> Result<T, TopicRefusal> {
    Err(TopicRefusal { error, message: Some(message.into()) })
}

impl Controller {
    /// Decides on new topics: the records for all that can be created, and a result for each.
    pub fn create_topics(
        &mut self,
        topics: &[NewTopic],
    ) -> (Vec<MetadataRecord<'static>>, Vec<Result<CreatedTopic, TopicRefusal>>) {
        let asked: i64 = topics.iter().map(|topic| self.partitions_asked(topic)).sum();
        if asked > PARTITIONS_CREATED_MAX {
            let refusal = TopicRefusal {
                error: ErrorCode::PolicyViolation,
                message: Some("Excessively large number of partitions per request.".into()),
            };
            return (Vec::new(), topics.iter().map(|_| Err(refusal.clone())).collect());
        }
        let mut times: BTreeMap<&str, u32> = BTreeMap::new();
        topics.iter().for_each(|topic| *times.entry(&topic.name).or_default() += 1);
        let mut records = Vec::new();
        let mut results = Vec::new();
        for topic in topics {
            let result = if times.get(topic.name.as_str()).is_some_and(|times| *times > 1) {
                refuse(ErrorCode::InvalidRequest, "Duplicate topic name.")
            } else {
                self.create_topic(topic, &mut records)
            };
            results.push(result);
        }
        (records, results)
    }

    fn partitions_asked(&self, topic: &NewTopic) -> i64 {
        if !topic.assignments.is_empty() {
            return topic.assignments.len() as i64;
        }
        i64::from(if topic.partitions == -1 { self.defaults.num_partitions } else { topic.partitions.max(0) })
    }

    fn create_topic(
        &mut self,
        topic: &NewTopic,
        records: &mut Vec<MetadataRecord<'static>>,
    ) -> Result<CreatedTopic, TopicRefusal> {
        let name = topic.name.as_str();
        if name == "__cluster_metadata" {
            return refuse(ErrorCode::InvalidRequest, "Creation of internal topic __cluster_metadata is prohibited.");
        }
        check_name(name)?;
        if self.appended.topic_by_name(name).is_some() {
            return refuse(ErrorCode::TopicAlreadyExists, format!("Topic '{name}' already exists."));
        }
        if let Some(other) = colliding(&self.appended, name) {
            let text = format!("Topic '{name}' collides with existing topic: {other}");
            return refuse(ErrorCode::InvalidTopicException, text);
        }
        configs::check_new_topic(&self.appended, &topic.configs)?;
        let assignments = self.assign(topic)?;
        let partitions = assignments.len() as i32;
        let replication_factor = assignments.first().map_or(0, |replicas| replicas.len() as i16);
        let id = self.draw_topic_id(name);
        records.push(MetadataRecord::Topic(TopicRecord {
            name: TopicName::from(String::from(name)),
            topic_id: Uuid(id.0),
            ..Default::default()
        }));
        for (key, value) in &topic.configs {
            records.push(MetadataRecord::Config(ConfigRecord {
                resource_type: crate::metadata::ConfigResource::TOPIC,
                resource_name: String::from(name).into(),
                name: key.clone().into(),
                value: value.clone().map(Into::into),
                ..Default::default()
            }));
        }
        for (index, replicas) in assignments.into_iter().enumerate() {
            records.push(self.new_partition(id, PartitionIndex(index as i32), replicas));
        }
        Ok(CreatedTopic { id, partitions, replication_factor })
    }

    /// Deletes a topic: the record, or why not.
    ///
    /// # Errors
    /// See [`TopicRefusal`].
    pub fn delete_topic(&self, id: TopicId) -> Result<MetadataRecord<'static>, TopicRefusal> {
        if self.appended.topic(id).is_none() {
            return Err(TopicRefusal { error: ErrorCode::UnknownTopicId, message: None });
        }
        Ok(MetadataRecord::RemoveTopic(RemoveTopicRecord { topic_id: Uuid(id.0), ..Default::default() }))
    }

    /// Whether topics may be deleted (`delete.topic.enable`).
    #[must_use]
    pub const fn deletes_topics(&self) -> bool {
        self.defaults.delete_topics
    }

    /// Adds partitions to a topic until it has `count`.
    ///
    /// # Errors
    /// See [`TopicRefusal`].
    pub fn create_partitions(
        &self,
        name: &str,
        count: i32,
        assignments: Option<&[Vec<NodeId>]>,
    ) -> Result<Vec<MetadataRecord<'static>>, TopicRefusal> {
        let Some(topic) = self.appended.topic_by_name(name) else {
            return Err(TopicRefusal { error: ErrorCode::UnknownTopicOrPartition, message: None });
        };
        let there = topic.partitions.len() as i32;
        if count == there {
            let text = format!("Topic already has {there} partition(s).");
            return refuse(ErrorCode::InvalidPartitions, text);
        }
        if count < there {
            let text =
                format!("The topic {name} currently has {there} partition(s); {count} would not be an increase.");
            return refuse(ErrorCode::InvalidPartitions, text);
        }
        if count > PARTITIONS_PER_TOPIC_MAX {
            return refuse(
                ErrorCode::InvalidPartitions,
                format!("A topic has at most {PARTITIONS_PER_TOPIC_MAX} partitions here."),
            );
        }
        let additional = (count - there) as usize;
        let replication_factor = topic.partitions.values().next().map_or(1, |partition| partition.replicas.len());
        let replicas: Vec<Vec<NodeId>> = match assignments {
            None => vec![self.place(replication_factor as i16)?; additional],
            Some(given) if given.len() != additional => {
                let text = format!(
                    "Attempted to add {additional} additional partition(s), but only {} assignment(s) were specified.",
                    given.len()
                );
                return refuse(ErrorCode::InvalidReplicaAssignment, text);
            }
            Some(given) => {
                given.iter().try_for_each(|replicas| self.check_replicas(replicas))?;
                given.to_vec()
            }
        };
        let indexes = (there..count).map(PartitionIndex);
        Ok(indexes.zip(replicas).map(|(index, replicas)| self.new_partition(topic.id, index, replicas)).collect())
    }

    /// The replicas of each partition of a new topic.
    fn assign(&self, topic: &NewTopic) -> Result<Vec<Vec<NodeId>>, TopicRefusal> {
        if topic.assignments.is_empty() {
            let replication_factor = match topic.replication_factor {
                -1 => self.defaults.replication_factor,
                given if given <= 0 => {
                    return refuse(
                        ErrorCode::InvalidReplicationFactor,
                        "Replication factor must be larger than 0, or -1 to use the default value.",
                    );
                }
                given => given,
            };
            let partitions = match topic.partitions {
                -1 => self.defaults.num_partitions,
                given if given <= 0 => {
                    return refuse(
                        ErrorCode::InvalidPartitions,
                        "Number of partitions was set to an invalid non-positive value.",
                    );
                }
                given => given,
            };
            return Ok(vec![self.place(replication_factor)?; partitions as usize]);
        }
        let both = "A manual partition assignment was specified, but";
        if topic.replication_factor != -1 {
            return refuse(ErrorCode::InvalidRequest, format!("{both} replication factor was not set to -1."));
        }
        if topic.partitions != -1 {
            return refuse(ErrorCode::InvalidRequest, format!("{both} numPartitions was not set to -1."));
        }
        let mut by_index = BTreeMap::new();
        for (index, replicas) in &topic.assignments {
            if by_index.insert(*index, replicas.clone()).is_some() {
                let text = format!("Found multiple manual partition assignments for partition {index}");
                return refuse(ErrorCode::InvalidReplicaAssignment, text);
            }
            self.check_replicas(replicas)?;
        }
        if !by_index.keys().copied().eq(0..by_index.len() as i32) {
            let text = "partitions should be a consecutive 0-based integer sequence";
            return refuse(ErrorCode::InvalidReplicaAssignment, text);
        }
        Ok(by_index.into_values().collect())
    }

    /// The brokers of a new partition.
    fn place(&self, replication_factor: i16) -> Result<Vec<NodeId>, TopicRefusal> {
        let brokers = self.appended.brokers.len();
        if replication_factor as usize > brokers {
            let text = format!(
                "Unable to replicate the partition {replication_factor} time(s): The target replication factor of \
                 {replication_factor} cannot be reached because only {brokers} broker(s) are registered or some brokers \
                 have all their log directories cordoned."
            );
            return refuse(ErrorCode::InvalidReplicationFactor, text);
        }
        Ok(self.appended.brokers.keys().copied().take(replication_factor as usize).collect())
    }

    fn check_replicas(&self, replicas: &[NodeId]) -> Result<(), TopicRefusal> {
        let bad = |text: String| refuse(ErrorCode::InvalidReplicaAssignment, text);
        if replicas.is_empty() {
            return bad("The manual partition assignment includes an empty replica list.".into());
        }
        let mut seen = BTreeSet::new();
        for broker in replicas {
            if !seen.insert(broker) {
                return bad(format!("The manual partition assignment includes the broker {broker} more than once."));
            }
        }
        match replicas.iter().find(|broker| !self.appended.brokers.contains_key(broker)) {
            Some(broker) => bad(format!(
                "The manual partition assignment includes broker {broker}, but no such broker is registered."
            )),
            None => Ok(()),
        }
    }

    /// The record of a new partition. Its directory is the one of its first replica that a stable choice gives.
    fn new_partition(&self, topic: TopicId, index: PartitionIndex, replicas: Vec<NodeId>) -> MetadataRecord<'static> {
        let directories = replicas.iter().map(|broker| self.directory(*broker, topic, index)).collect();
        let partition = PartitionImage {
            leader: replicas.first().copied().unwrap_or(NodeId(-1)),
            isr: replicas.clone(),
            directories,
            replicas,
            removing: Vec::new(),
            adding: Vec::new(),
            leader_recovery_state: 0,
            leader_epoch: LeaderEpoch(0),
            partition_epoch: 0,
            eligible_leader_replicas: Vec::new(),
            last_known_elr: Vec::new(),
        };
        MetadataRecord::Partition(partition_record(topic, index, &partition))
    }

    /// Spreads partitions over a broker's log directories: those of one topic one after the other.
    fn directory(&self, broker: NodeId, topic: TopicId, index: PartitionIndex) -> [u8; 16] {
        let dirs = self.appended.brokers.get(&broker).map(|broker| &broker.log_dirs[..]).unwrap_or_default();
        if dirs.is_empty() {
            return [0; 16];
        }
        let first = self.seed.draw(Purpose::Placement, &topic.0, 0) as usize;
        dirs[(first.wrapping_add(index.0 as usize)) % dirs.len()]
    }

    /// A new id, as Kafka draws them: not one of the reserved ones, and not one that looks like an option on a command
    /// line.
    fn draw_topic_id(&mut self, name: &str) -> TopicId {
        loop {
            let id = self.seed.uuid(Purpose::TopicId, name.as_bytes(), self.topics_drawn);
            self.topics_drawn += 1;
            if !Uuid(id).to_string().starts_with('-') && !self.appended.topics.contains_key(&TopicId(id)) {
                return TopicId(id);
            }
        }
    }

    /// The topic that keeps the groups' state, as it is created when somebody first needs it.
    #[must_use]
    pub fn offsets_topic(&self) -> NewTopic {
        let replicas = self.appended.brokers.len().min(3) as i16;
        let replicas = self.defaults.offsets_replication_factor.unwrap_or(replicas);
        let config = |key: &str, value: String| (key.to_string(), Some(value));
        NewTopic {
            name: OFFSETS_TOPIC.into(),
            partitions: self.defaults.offsets_partitions,
            replication_factor: replicas,
            assignments: Vec::new(),
            configs: vec![
                config("cleanup.policy", "compact".into()),
                config("compression.type", "producer".into()),
                config("segment.bytes", self.defaults.offsets_segment_bytes.to_string()),
            ],
        }
    }

    /// Creates topics that somebody needs, where they are not there: the internal ones, and others as the configuration
    /// allows. As many as one request may create; whoever wants more finds them missing, and asks again.
    pub fn ensure_topics(&mut self, names: &[String]) -> Decision {
        let mut records = Vec::new();
        let mut results = Vec::new();
        let mut partitions = 0;
        for name in names {
            let result = if self.appended.topic_by_name(name).is_some() {
                Ok(())
            } else {
                let topic = match name.as_str() {
                    OFFSETS_TOPIC => self.offsets_topic(),
                    name => {
                        NewTopic { name: name.into(), partitions: -1, replication_factor: -1, ..Default::default() }
                    }
                };
                partitions += self.partitions_asked(&topic);
                if partitions > PARTITIONS_CREATED_MAX {
                    Err(ErrorCode::UnknownTopicOrPartition)
                } else {
                    self.create_topic(&topic, &mut records).map(|_| ()).map_err(|refusal| refusal.error)
                }
            };
            results.push((name.clone(), result));
        }
        Decision { records, decided: Decided::Topics(results) }
    }
}

/// Kafka's check of a name, with Kafka's words.
pub(crate) fn check_name(name: &str) -> Result<(), TopicRefusal> {
    let reason = match topic_name::validate(name) {
        Ok(()) => return Ok(()),
        Err(TopicNameError::Empty) => "the empty string is not allowed".to_string(),
        Err(TopicNameError::Dots) => format!("'{name}' is not allowed"),
        Err(TopicNameError::TooLong(_)) => {
            format!("the length of '{name}' is longer than the max allowed length {}", topic_name::LENGTH_MAX)
        }
        Err(TopicNameError::Character) => {
            format!("'{name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'")
        }
    };
    refuse(ErrorCode::InvalidTopicException, format!("Topic name is invalid: {reason}"))
}

fn colliding<'i>(image: &'i MetadataImage, name: &str) -> Option<&'i str> {
    if !name.contains(['.', '_']) {
        return None;
    }
    image.names.keys().map(|other| &**other).find(|other| topic_name::collide(other, name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::Defaults;
    use crate::ids::NodeId;
    use crate::log::LogConfig;
    use crate::rng::Seed;
    use alloc::sync::Arc;

    #[test]
    fn no_more_topics_are_created_on_the_way_than_by_one_request() {
        let defaults = Defaults {
            num_partitions: (PARTITIONS_CREATED_MAX / 2) as i32,
            replication_factor: 1,
            delete_topics: true,
            offsets_partitions: 1,
            offsets_replication_factor: None,
            offsets_segment_bytes: 1 << 20,
        };
        let image = MetadataImage::new("cluster", Arc::new(LogConfig::default()));
        let mut controller = Controller::new(NodeId(1), 1, Seed(0), defaults, image);
        let decision = controller.ensure_topics(&["a", "b", "c"].map(String::from));
        let Decided::Topics(results) = decision.decided else { panic!("topics are answered by topics") };
        let missing =
            |(_, result): &(String, Result<(), ErrorCode>)| *result == Err(ErrorCode::UnknownTopicOrPartition);
        assert_eq!(
            results.iter().map(missing).collect::<Vec<_>>(),
            [false, false, true],
            "whoever wants it asks again"
        );
    }
}
