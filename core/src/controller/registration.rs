//! The registration of the node's own broker: at each boot, with what it leads by that, and its fence at a stop.

use super::{Controller, Decided, Decision};
use crate::ids::NodeId;
use crate::metadata::{Endpoint, PartitionImage, SUPPORTED_FEATURES};
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use grete_protocol::messages::MetadataRecord;
use grete_protocol::messages::metadata::broker_registration_change_record::BrokerRegistrationChangeRecord;
use grete_protocol::messages::metadata::partition_change_record::PartitionChangeRecord;
use grete_protocol::messages::metadata::register_broker_record::{BrokerEndpoint, BrokerFeature, RegisterBrokerRecord};
use grete_protocol::wire::{BrokerId, Uuid};

/// One life of a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incarnation {
    /// Its id.
    pub id: Uuid,
    /// Where it is reached.
    pub endpoints: Vec<Endpoint>,
    /// Its rack.
    pub rack: Option<String>,
    /// The ids of its log directories.
    pub log_dirs: Vec<Uuid>,
}

impl Controller {
    /// Registers the broker and lets it serve. Its epoch is the offset of its registration: `base`.
    #[must_use]
    pub fn register(&self, base: crate::ids::Offset, incarnation: &Incarnation) -> Decision {
        let id = BrokerId(self.node.0);
        let endpoint = |endpoint: &Endpoint| BrokerEndpoint {
            name: String::from(&*endpoint.name).into(),
            host: String::from(&*endpoint.host).into(),
            port: endpoint.port,
            security_protocol: endpoint.security_protocol,
            ..Default::default()
        };
        let feature = |(name, min, max): &(&'static str, i16, i16)| BrokerFeature {
            name: (*name).into(),
            min_supported_version: *min,
            max_supported_version: *max,
            ..Default::default()
        };
        let register = RegisterBrokerRecord {
            broker_id: id,
            incarnation_id: incarnation.id,
            broker_epoch: base.0,
            end_points: incarnation.endpoints.iter().map(endpoint).collect(),
            features: SUPPORTED_FEATURES.iter().map(feature).collect(),
            rack: incarnation.rack.clone().map(Into::into),
            fenced: true,
            log_dirs: incarnation.log_dirs.clone(),
            cordoned_log_dirs: Some(Vec::new()),
            ..Default::default()
        };
        let unfence =
            BrokerRegistrationChangeRecord { broker_id: id, broker_epoch: base.0, fenced: -1, ..Default::default() };
        let records = vec![MetadataRecord::RegisterBroker(register), MetadataRecord::BrokerRegistrationChange(unfence)];
        Decision { records, decided: Decided::Done }
    }

    /// Fences the broker, which is about to stop, where it is registered and not fenced.
    #[must_use]
    pub fn fence(&self) -> Option<Decision> {
        let broker = self.appended.brokers.get(&self.node).filter(|broker| !broker.fenced)?;
        let fence = BrokerRegistrationChangeRecord {
            broker_id: BrokerId(self.node.0),
            broker_epoch: broker.epoch,
            fenced: 1,
            ..Default::default()
        };
        Some(Decision { records: vec![MetadataRecord::BrokerRegistrationChange(fence)], decided: Decided::Done })
    }

    /// Lets the broker lead partitions that it may lead and that nobody does: Kafka's controller takes the leadership from a
    /// broker that stops. There may be more of them after it.
    #[must_use]
    pub fn elect_own(&self) -> Option<Decision> {
        let leaderless = self.appended.topics.values().flat_map(|topic| {
            let partitions = topic.partitions.iter().filter(|(_, partition)| partition.leader == NodeId(-1));
            partitions.filter_map(|(index, partition)| Some((topic.id, *index, self.election(partition)?)))
        });
        let records: Vec<_> = leaderless
            .take(ELECTIONS_PER_DECISION)
            .map(|(topic, index, change)| {
                MetadataRecord::PartitionChange(PartitionChangeRecord {
                    partition_id: index.0,
                    topic_id: Uuid(topic.0),
                    leader: BrokerId(self.node.0),
                    ..change
                })
            })
            .collect();
        (!records.is_empty()).then_some(Decision { records, decided: Decided::Done })
    }

    /// What changes of a partition without a leader when this broker leads it; `None` where it may not.
    fn election(&self, partition: &PartitionImage) -> Option<PartitionChangeRecord> {
        if partition.isr.contains(&self.node) {
            return Some(PartitionChangeRecord::default());
        }
        let alone = |mut change: PartitionChangeRecord| {
            change.isr = Some(vec![BrokerId(self.node.0)]);
            change.last_known_elr = (!partition.last_known_elr.is_empty()).then(Vec::new);
            change
        };
        // KIP-966: all that was committed is with each eligible replica.
        if partition.eligible_leader_replicas.contains(&self.node) {
            let others = partition.eligible_leader_replicas.iter().filter(|node| **node != self.node);
            let others = others.map(|node| BrokerId(node.0)).collect();
            return Some(alone(PartitionChangeRecord { eligible_leader_replicas: Some(others), ..Default::default() }));
        }
        // And where no replica is, the one that was last is the best there is.
        let last = partition.isr.is_empty() && partition.eligible_leader_replicas.is_empty();
        let last = last && partition.last_known_elr == [self.node];
        last.then(|| alone(PartitionChangeRecord { leader_recovery_state: RECOVERING, ..Default::default() }))
    }
}

/// The elections in one batch of records.
const ELECTIONS_PER_DECISION: usize = 1000;

/// Kafka's number of a leader that may lack what was committed.
const RECOVERING: i8 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::Defaults;
    use crate::ids::{Offset, TopicId};
    use crate::log::LogConfig;
    use crate::metadata::MetadataImage;
    use crate::rng::Seed;
    use alloc::sync::Arc;
    use grete_protocol::messages::metadata::partition_record::PartitionRecord;
    use grete_protocol::messages::metadata::topic_record::TopicRecord;

    const NODE: NodeId = NodeId(1);

    fn controller(partitions: &[PartitionRecord]) -> Controller {
        let mut image = MetadataImage::new("cluster", Arc::new(LogConfig::default()));
        let topic = TopicRecord { name: "orders".into(), topic_id: Uuid([7; 16]), ..Default::default() };
        image.replay(0, &MetadataRecord::Topic(topic)).expect("a new topic");
        for (at, partition) in partitions.iter().enumerate() {
            let partition = PartitionRecord {
                partition_id: at as i32,
                topic_id: Uuid([7; 16]),
                replicas: vec![BrokerId(1)],
                ..partition.clone()
            };
            image.replay(1, &MetadataRecord::Partition(partition)).expect("a new partition");
        }
        let defaults = Defaults {
            num_partitions: 1,
            replication_factor: 1,
            delete_topics: true,
            offsets_partitions: 1,
            offsets_replication_factor: None,
            offsets_segment_bytes: 1 << 20,
        };
        Controller::new(NODE, 3, Seed(1), defaults, image)
    }

    fn take(controller: &mut Controller, decision: Decision) {
        let base = controller.appended.end;
        controller.take(crate::ids::Timestamp(0), base, decision, None).expect("there are records");
    }

    #[test]
    fn who_may_lead_a_partition_without_a_leader_does() {
        let without_leader = PartitionRecord { leader: BrokerId(-1), leader_epoch: 4, ..Default::default() };
        let node = || Some(vec![BrokerId(1)]);
        let in_sync = PartitionRecord { isr: vec![1], ..without_leader.clone() };
        let eligible =
            PartitionRecord { eligible_leader_replicas: node(), last_known_elr: node(), ..without_leader.clone() };
        let last_known = PartitionRecord { last_known_elr: node(), ..without_leader.clone() };
        let led = PartitionRecord { leader: BrokerId(1), ..in_sync.clone() };
        let foreign = PartitionRecord { isr: vec![2], ..without_leader };
        let mut controller = controller(&[in_sync, eligible, last_known, led, foreign]);
        let decision = controller.elect_own().expect("three can be led");
        assert_eq!(decision.records.len(), 3);
        take(&mut controller, decision);
        let topic = controller.appended.topic(TopicId([7; 16])).expect("it is there");
        let partitions: Vec<_> = topic.partitions.values().collect();
        let leaders: Vec<i32> = partitions.iter().map(|partition| partition.leader.0).collect();
        assert_eq!(leaders, [1, 1, 1, 1, -1]);
        let recovering: Vec<i8> = partitions.iter().map(|partition| partition.leader_recovery_state).collect();
        assert_eq!(recovering, [0, 0, 1, 0, 0], "only one that was last may lack something");
        for partition in &partitions[..3] {
            assert_eq!((partition.leader_epoch.0, &*partition.isr), (5, &[NODE][..]));
            assert!(partition.eligible_leader_replicas.is_empty() && partition.last_known_elr.is_empty());
        }
        assert!(controller.elect_own().is_none(), "and that is all");
    }

    #[test]
    fn a_broker_is_fenced_once() {
        let mut controller = controller(&[]);
        assert!(controller.fence().is_none(), "it is not registered");
        let incarnation = Incarnation { id: Uuid([5; 16]), endpoints: Vec::new(), rack: None, log_dirs: Vec::new() };
        let decision = controller.register(Offset(controller.appended.end.0), &incarnation);
        take(&mut controller, decision);
        assert!(!controller.appended.brokers[&NODE].fenced);
        let decision = controller.fence().expect("it is registered");
        take(&mut controller, decision);
        assert!(controller.appended.brokers[&NODE].fenced);
        assert!(controller.fence().is_none());
    }
}
