//! The APIs that this broker serves: key, versions, on which listeners, what they will need permission for, and where they
//! are handled.
//!
//! What is not here is not in ApiVersions and not served. A new API is a line here and a file beside this one.

use super::front::{Front, Request};
use super::{
    Begun, api_versions, controller, delete_records, describe_cluster, describe_configs, describe_log_dirs,
    describe_producers, describe_quorum, describe_topic_partitions, elect_leaders, fetch, find_coordinator, group,
    list_config_resources, list_offsets, list_partition_reassignments, metadata, offset_for_leader_epoch, produce,
};
use crate::node::ListenerRole;
use grete_protocol::ApiKey;
use grete_protocol::wire::Versions;

/// An API.
pub struct Api {
    /// Its key.
    pub key: ApiKey,
    /// The versions that are served.
    pub versions: Versions,
    /// Where it is answered.
    pub on: On,
    /// What a client does by it, in the words of Kafka's ACLs.
    pub operation: Operation,
    /// To what it does that.
    pub resource: Resource,
    pub(crate) begin: fn(&mut Front<'_>, Request) -> Begun,
}

/// On which listeners an API is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// The broker's.
    Broker,
    /// The broker's and the controller's, by the same code: what a broker forwards to its controller, and what each says of
    /// itself.
    Both,
}

impl Api {
    /// Whether it is answered on a listener of this role.
    #[must_use]
    pub fn is_served_on(&self, role: ListenerRole) -> bool {
        self.on == On::Both || role == ListenerRole::Broker
    }
}

/// What a client does: Kafka's ACL operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are Kafka's own")]
pub enum Operation {
    None,
    Read,
    Write,
    Create,
    Delete,
    Alter,
    Describe,
    AlterConfigs,
    DescribeConfigs,
    IdempotentWrite,
}

/// What a client does something to: Kafka's ACL resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are Kafka's own")]
pub enum Resource {
    None,
    Topic,
    Group,
    Cluster,
}

const fn api(
    key: ApiKey,
    versions: core::ops::RangeInclusive<i16>,
    on: On,
    operation: Operation,
    resource: Resource,
    begin: fn(&mut Front<'_>, Request) -> Begun,
) -> Api {
    Api { key, versions: Versions { min: *versions.start(), max: *versions.end() }, on, operation, resource, begin }
}

/// All of them, by key.
///
/// Produce is listed from 0, since clients find compression support by it, and refuses 0 to 2, as Kafka does.
pub const TABLE: &[Api] = &[
    api(ApiKey::Produce, 0..=13, On::Broker, Operation::Write, Resource::Topic, produce::begin),
    api(ApiKey::Fetch, 4..=18, On::Broker, Operation::Read, Resource::Topic, fetch::begin),
    api(ApiKey::ListOffsets, 1..=11, On::Broker, Operation::Describe, Resource::Topic, list_offsets::begin),
    api(ApiKey::Metadata, 0..=13, On::Broker, Operation::Describe, Resource::Topic, metadata::begin),
    api(ApiKey::OffsetCommit, 2..=10, On::Broker, Operation::Read, Resource::Group, group::begin_one),
    api(ApiKey::OffsetFetch, 1..=10, On::Broker, Operation::Describe, Resource::Group, group::begin_offset_fetch),
    api(ApiKey::FindCoordinator, 0..=6, On::Broker, Operation::Describe, Resource::Group, find_coordinator::begin),
    api(ApiKey::JoinGroup, 0..=9, On::Broker, Operation::Read, Resource::Group, group::begin_one),
    api(ApiKey::Heartbeat, 0..=4, On::Broker, Operation::Read, Resource::Group, group::begin_one),
    api(ApiKey::LeaveGroup, 0..=5, On::Broker, Operation::Read, Resource::Group, group::begin_one),
    api(ApiKey::SyncGroup, 0..=5, On::Broker, Operation::Read, Resource::Group, group::begin_one),
    api(ApiKey::DescribeGroups, 0..=6, On::Broker, Operation::Describe, Resource::Group, group::begin_describe),
    api(ApiKey::ListGroups, 0..=5, On::Broker, Operation::Describe, Resource::Cluster, group::begin_list),
    api(ApiKey::ApiVersions, 0..=4, On::Both, Operation::None, Resource::None, api_versions::begin),
    api(ApiKey::CreateTopics, 2..=7, On::Both, Operation::Create, Resource::Cluster, controller::begin),
    api(ApiKey::DeleteTopics, 1..=6, On::Both, Operation::Delete, Resource::Topic, controller::begin),
    api(ApiKey::DeleteRecords, 0..=2, On::Broker, Operation::Delete, Resource::Topic, delete_records::begin),
    api(
        ApiKey::InitProducerId,
        0..=5,
        On::Broker,
        Operation::IdempotentWrite,
        Resource::Cluster,
        controller::begin_init_producer_id,
    ),
    api(
        ApiKey::OffsetForLeaderEpoch,
        2..=4,
        On::Broker,
        Operation::Describe,
        Resource::Topic,
        offset_for_leader_epoch::begin,
    ),
    api(ApiKey::DescribeConfigs, 1..=4, On::Both, Operation::DescribeConfigs, Resource::Topic, describe_configs::begin),
    api(ApiKey::AlterConfigs, 0..=2, On::Both, Operation::AlterConfigs, Resource::Topic, controller::begin),
    api(ApiKey::DescribeLogDirs, 1..=5, On::Broker, Operation::Describe, Resource::Cluster, describe_log_dirs::begin),
    api(ApiKey::CreatePartitions, 0..=3, On::Both, Operation::Alter, Resource::Topic, controller::begin),
    api(ApiKey::DeleteGroups, 0..=2, On::Broker, Operation::Delete, Resource::Group, group::begin_delete),
    api(ApiKey::ElectLeaders, 0..=2, On::Both, Operation::Alter, Resource::Cluster, elect_leaders::begin),
    api(ApiKey::IncrementalAlterConfigs, 0..=1, On::Both, Operation::AlterConfigs, Resource::Topic, controller::begin),
    api(
        ApiKey::ListPartitionReassignments,
        0..=0,
        On::Both,
        Operation::Describe,
        Resource::Cluster,
        list_partition_reassignments::begin,
    ),
    api(ApiKey::OffsetDelete, 0..=0, On::Broker, Operation::Delete, Resource::Group, group::begin_one),
    api(ApiKey::DescribeQuorum, 0..=2, On::Both, Operation::Describe, Resource::Cluster, describe_quorum::begin),
    api(ApiKey::DescribeCluster, 0..=2, On::Both, Operation::Describe, Resource::Cluster, describe_cluster::begin),
    api(ApiKey::DescribeProducers, 0..=0, On::Broker, Operation::Read, Resource::Topic, describe_producers::begin),
    api(
        ApiKey::ListConfigResources,
        0..=1,
        On::Broker,
        Operation::DescribeConfigs,
        Resource::Cluster,
        list_config_resources::begin,
    ),
    api(
        ApiKey::DescribeTopicPartitions,
        0..=0,
        On::Broker,
        Operation::Describe,
        Resource::Topic,
        describe_topic_partitions::begin,
    ),
];

/// The APIs that listeners of a role answer.
pub(crate) fn served_on(role: ListenerRole) -> impl Iterator<Item = &'static Api> {
    TABLE.iter().filter(move |api| api.is_served_on(role))
}

/// The API with a key, where listeners of that role answer it.
pub(crate) fn find(key: ApiKey, role: ListenerRole) -> Option<&'static Api> {
    served_on(role).find(|api| api.key == key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_served_is_defined() {
        assert!(TABLE.iter().zip(TABLE.iter().skip(1)).all(|(a, b)| a.key < b.key), "by key, each once");
        for api in TABLE {
            let defined = api.key.versions();
            assert!(api.versions.max <= defined.max, "{} up to {}", api.key, api.versions.max);
            assert!(
                api.versions.min >= defined.min || api.key == ApiKey::Produce,
                "{} from {}",
                api.key,
                api.versions.min
            );
            assert!(api.key.is_broker(), "{} is a broker's", api.key);
            assert!(api.on == On::Broker || api.key.is_controller(), "{} is a controller's", api.key);
            assert!(!api.key.latest_version_unstable() || api.versions.max < defined.max, "{} is stable", api.key);
        }
    }
}
