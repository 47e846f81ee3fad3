//! The broker's keys of share groups.

use crate::config::key::Kind::{Int, List, Short, Text};
use crate::config::key::Update::{ClusterWide, ReadOnly};
use crate::config::key::{Key, ignored};
use crate::config::rule::Rule;

pub(super) const KEYS: &[Key] = &[
    ignored("group.share.assignment.interval.ms", Int, Some("1000"), Rule::Min(0), ClusterWide),
    ignored("group.share.assignors", List, Some("simple"), Rule::Any, ReadOnly),
    ignored("group.share.delivery.count.limit", Int, Some("5"), Rule::Range(2, 10), ReadOnly),
    ignored("group.share.heartbeat.interval.ms", Int, Some("5000"), Rule::Min(1), ReadOnly),
    ignored("group.share.initialize.retry.interval.ms", Int, Some("30000"), Rule::Min(1), ReadOnly).internal(),
    ignored("group.share.max.assignment.interval.ms", Int, Some("15000"), Rule::Min(0), ReadOnly),
    ignored("group.share.max.delivery.count.limit", Int, Some("10"), Rule::Range(5, 25), ReadOnly),
    ignored("group.share.max.heartbeat.interval.ms", Int, Some("15000"), Rule::Min(1), ReadOnly),
    ignored("group.share.max.partition.max.record.locks", Int, Some("4000"), Rule::Range(2000, 10000), ReadOnly),
    ignored("group.share.max.record.lock.duration.ms", Int, Some("60000"), Rule::Range(30000, 3600000), ReadOnly),
    ignored("group.share.max.session.timeout.ms", Int, Some("60000"), Rule::Min(1), ReadOnly),
    ignored("group.share.max.share.sessions", Int, Some("2000"), Rule::Min(1), ReadOnly),
    ignored("group.share.max.size", Int, Some("200"), Rule::Range(1, 1000), ReadOnly),
    ignored("group.share.min.assignment.interval.ms", Int, Some("0"), Rule::Min(0), ReadOnly),
    ignored("group.share.min.delivery.count.limit", Int, Some("2"), Rule::Range(2, 5), ReadOnly),
    ignored("group.share.min.heartbeat.interval.ms", Int, Some("5000"), Rule::Min(1), ReadOnly),
    ignored("group.share.min.partition.max.record.locks", Int, Some("100"), Rule::Range(100, 2000), ReadOnly),
    ignored("group.share.min.record.lock.duration.ms", Int, Some("15000"), Rule::Range(1000, 30000), ReadOnly),
    ignored("group.share.min.session.timeout.ms", Int, Some("45000"), Rule::Min(1), ReadOnly),
    ignored("group.share.partition.max.record.locks", Int, Some("2000"), Rule::Range(100, 10000), ReadOnly),
    ignored(
        "group.share.persister.class.name",
        Text,
        Some("org.apache.kafka.server.share.persister.DefaultStatePersister"),
        Rule::Any,
        ReadOnly,
    )
    .internal(),
    ignored("group.share.record.lock.duration.ms", Int, Some("30000"), Rule::Range(1000, 3600000), ReadOnly),
    ignored("group.share.session.timeout.ms", Int, Some("45000"), Rule::Min(1), ReadOnly),
    ignored("share.coordinator.append.linger.ms", Int, Some("-1"), Rule::Min(-1), ReadOnly),
    ignored("share.coordinator.cached.buffer.max.bytes", Int, Some("1048588"), Rule::Min(524288), ClusterWide),
    ignored("share.coordinator.cold.partition.snapshot.interval.ms", Int, Some("300000"), Rule::Min(1), ReadOnly)
        .internal(),
    ignored("share.coordinator.load.buffer.size", Int, Some("5242880"), Rule::Min(1), ReadOnly),
    ignored("share.coordinator.snapshot.update.records.per.snapshot", Int, Some("500"), Rule::Range(0, 500), ReadOnly),
    ignored("share.coordinator.state.topic.compression.codec", Int, Some("0"), Rule::Any, ReadOnly),
    ignored("share.coordinator.state.topic.min.isr", Short, Some("2"), Rule::Min(1), ReadOnly),
    ignored("share.coordinator.state.topic.num.partitions", Int, Some("50"), Rule::Min(1), ReadOnly),
    ignored("share.coordinator.state.topic.prune.interval.ms", Int, Some("300000"), Rule::Min(1), ReadOnly).internal(),
    ignored("share.coordinator.state.topic.replication.factor", Short, Some("3"), Rule::Min(1), ReadOnly),
    ignored("share.coordinator.state.topic.segment.bytes", Int, Some("104857600"), Rule::Min(1), ReadOnly),
    ignored("share.coordinator.threads", Int, Some("1"), Rule::Min(1), ReadOnly),
    ignored("share.coordinator.write.timeout.ms", Int, Some("5000"), Rule::Min(1), ReadOnly),
    ignored("share.fetch.purgatory.purge.interval.requests", Int, Some("1000"), Rule::Any, ReadOnly),
];
