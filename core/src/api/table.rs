//! The APIs that this broker serves: key, versions, what they will need permission for, and where they are handled.
//!
//! What is not here is not in ApiVersions and not served. A new API is a line here and a file beside this one.

use super::front::{Front, Request};
use super::{
    Begun, api_versions, controller, delete_records, describe_cluster, describe_configs, describe_log_dirs,
    describe_producers, describe_quorum, describe_topic_partitions, elect_leaders, fetch, find_coordinator, group,
    list_config_resources, list_offsets, list_partition_reassignments, metadata, offset_for_leader_epoch, produce,
};
use grete_protocol::ApiKey;
use grete_protocol::wire::Versions;

/// An API.
pub struct Api {
    /// Its key.
    pub key: ApiKey,
    /// The versions that are served.
    pub versions: Versions,
    /// What a client does by it, in the words of Kafka's ACLs.
    pub operation: Operation,
    /// To what it does that.
    pub resource: Resource,
    pub(crate) begin: fn(&mut Front<'_>, Request) -> Begun,
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
    operation: Operation,
    resource: Resource,
    begin: fn(&mut Front<'_>, Request) -> Begun,
) -> Api {
    Api { key, versions: Versions { min: *versions.start(), max: *versions.end() }, operation, resource, begin }
}

/// All of them, by key.
///
/// Produce is listed from 0, since clients find compression support by it, and refuses 0 to 2, as Kafka does.
pub const TABLE: &[Api] = &[
    api(ApiKey::Produce, 0..=13, Operation::Write, Resource::Topic, produce::begin),
    api(ApiKey::Fetch, 4..=18, Operation::Read, Resource::Topic, fetch::begin),
    api(ApiKey::ListOffsets, 1..=11, Operation::Describe, Resource::Topic, list_offsets::begin),
    api(ApiKey::Metadata, 0..=13, Operation::Describe, Resource::Topic, metadata::begin),
    api(ApiKey::OffsetCommit, 2..=10, Operation::Read, Resource::Group, group::begin_one),
    api(ApiKey::OffsetFetch, 1..=10, Operation::Describe, Resource::Group, group::begin_offset_fetch),
    api(ApiKey::FindCoordinator, 0..=6, Operation::Describe, Resource::Group, find_coordinator::begin),
    api(ApiKey::JoinGroup, 0..=9, Operation::Read, Resource::Group, group::begin_one),
    api(ApiKey::Heartbeat, 0..=4, Operation::Read, Resource::Group, group::begin_one),
    api(ApiKey::LeaveGroup, 0..=5, Operation::Read, Resource::Group, group::begin_one),
    api(ApiKey::SyncGroup, 0..=5, Operation::Read, Resource::Group, group::begin_one),
    api(ApiKey::DescribeGroups, 0..=6, Operation::Describe, Resource::Group, group::begin_describe),
    api(ApiKey::ListGroups, 0..=5, Operation::Describe, Resource::Cluster, group::begin_list),
    api(ApiKey::ApiVersions, 0..=4, Operation::None, Resource::None, api_versions::begin),
    api(ApiKey::CreateTopics, 2..=7, Operation::Create, Resource::Cluster, controller::begin),
    api(ApiKey::DeleteTopics, 1..=6, Operation::Delete, Resource::Topic, controller::begin),
    api(ApiKey::DeleteRecords, 0..=2, Operation::Delete, Resource::Topic, delete_records::begin),
    api(
        ApiKey::InitProducerId,
        0..=5,
        Operation::IdempotentWrite,
        Resource::Cluster,
        controller::begin_init_producer_id,
    ),
    api(ApiKey::OffsetForLeaderEpoch, 2..=4, Operation::Describe, Resource::Topic, offset_for_leader_epoch::begin),
    api(ApiKey::DescribeConfigs, 1..=4, Operation::DescribeConfigs, Resource::Topic, describe_configs::begin),
    api(ApiKey::AlterConfigs, 0..=2, Operation::AlterConfigs, Resource::Topic, controller::begin),
    api(ApiKey::DescribeLogDirs, 1..=5, Operation::Describe, Resource::Cluster, describe_log_dirs::begin),
    api(ApiKey::CreatePartitions, 0..=3, Operation::Alter, Resource::Topic, controller::begin),
    api(ApiKey::DeleteGroups, 0..=2, Operation::Delete, Resource::Group, group::begin_delete),
    api(ApiKey::ElectLeaders, 0..=2, Operation::Alter, Resource::Cluster, elect_leaders::begin),
    api(ApiKey::IncrementalAlterConfigs, 0..=1, Operation::AlterConfigs, Resource::Topic, controller::begin),
    api(
        ApiKey::ListPartitionReassignments,
        0..=0,
        Operation::Describe,
        Resource::Cluster,
        list_partition_reassignments::begin,
    ),
    api(ApiKey::OffsetDelete, 0..=0, Operation::Delete, Resource::Group, group::begin_one),
    api(ApiKey::DescribeQuorum, 0..=2, Operation::Describe, Resource::Cluster, describe_quorum::begin),
    api(ApiKey::DescribeCluster, 0..=2, Operation::Describe, Resource::Cluster, describe_cluster::begin),
    api(ApiKey::DescribeProducers, 0..=0, Operation::Read, Resource::Topic, describe_producers::begin),
    api(
        ApiKey::ListConfigResources,
        0..=1,
        Operation::DescribeConfigs,
        Resource::Cluster,
        list_config_resources::begin,
    ),
    api(ApiKey::DescribeTopicPartitions, 0..=0, Operation::Describe, Resource::Topic, describe_topic_partitions::begin),
];

/// The API with a key, where it is served.
pub(crate) fn find(key: ApiKey) -> Option<&'static Api> {
    TABLE.iter().find(|api| api.key == key)
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
            assert!(!api.key.latest_version_unstable() || api.versions.max < defined.max, "{} is stable", api.key);
        }
    }
}
