//! The keys of groups as resources (KIP-848), with the broker's keys that are their defaults. The groups that they are for
//! are not served yet.

use crate::config::key::Kind::{Boolean, Int, Text};
use crate::config::key::Update::ClusterWide;
use crate::config::key::{Key, ignored};
use crate::config::rule::Rule;

pub(super) const KEYS: &[Key] = &[
    ignored("consumer.assignment.interval.ms", Int, Some("1000"), Rule::Min(0), ClusterWide)
        .with_synonyms(&[("group.consumer.assignment.interval.ms", 1)]),
    ignored("consumer.heartbeat.interval.ms", Int, Some("5000"), Rule::Min(1), ClusterWide)
        .with_synonyms(&[("group.consumer.heartbeat.interval.ms", 1)]),
    ignored("consumer.session.timeout.ms", Int, Some("45000"), Rule::Min(1), ClusterWide)
        .with_synonyms(&[("group.consumer.session.timeout.ms", 1)]),
    ignored("share.assignment.interval.ms", Int, Some("1000"), Rule::Min(0), ClusterWide)
        .with_synonyms(&[("group.share.assignment.interval.ms", 1)]),
    ignored("share.auto.offset.reset", Text, Some("latest"), Rule::OffsetReset, ClusterWide),
    ignored("share.delivery.count.limit", Int, Some("5"), Rule::Min(2), ClusterWide)
        .with_synonyms(&[("group.share.delivery.count.limit", 1)]),
    ignored("share.heartbeat.interval.ms", Int, Some("5000"), Rule::Min(1), ClusterWide)
        .with_synonyms(&[("group.share.heartbeat.interval.ms", 1)]),
    ignored(
        "share.isolation.level",
        Text,
        Some("read_uncommitted"),
        Rule::OneOf(&["read_committed", "read_uncommitted"]),
        ClusterWide,
    ),
    ignored("share.partition.max.record.locks", Int, Some("2000"), Rule::Min(100), ClusterWide)
        .with_synonyms(&[("group.share.partition.max.record.locks", 1)]),
    ignored("share.record.lock.duration.ms", Int, Some("30000"), Rule::Min(1000), ClusterWide)
        .with_synonyms(&[("group.share.record.lock.duration.ms", 1)]),
    ignored("share.renew.acknowledge.enable", Boolean, Some("true"), Rule::Any, ClusterWide),
    ignored("share.session.timeout.ms", Int, Some("45000"), Rule::Min(1), ClusterWide)
        .with_synonyms(&[("group.share.session.timeout.ms", 1)]),
    ignored("streams.assignment.interval.ms", Int, Some("1000"), Rule::Min(0), ClusterWide)
        .with_synonyms(&[("group.streams.assignment.interval.ms", 1)]),
    ignored("streams.heartbeat.interval.ms", Int, Some("5000"), Rule::Min(1), ClusterWide)
        .with_synonyms(&[("group.streams.heartbeat.interval.ms", 1)]),
    ignored("streams.initial.rebalance.delay.ms", Int, Some("3000"), Rule::Min(0), ClusterWide)
        .with_synonyms(&[("group.streams.initial.rebalance.delay.ms", 1)]),
    ignored("streams.num.standby.replicas", Int, Some("0"), Rule::Min(0), ClusterWide)
        .with_synonyms(&[("group.streams.num.standby.replicas", 1)]),
    ignored("streams.session.timeout.ms", Int, Some("45000"), Rule::Min(1), ClusterWide)
        .with_synonyms(&[("group.streams.session.timeout.ms", 1)]),
];
