//! The broker's keys of tiered storage.

use crate::config::key::Kind::{Boolean, Double, Int, Long, Text};
use crate::config::key::Update::{ClusterWide, ReadOnly};
use crate::config::key::{Key, ignored, refused};
use crate::config::rule::Rule;

pub(super) const KEYS: &[Key] = &[
    ignored("remote.fetch.max.wait.ms", Int, Some("500"), Rule::Min(1), ClusterWide),
    ignored("remote.list.offsets.request.timeout.ms", Long, Some("30000"), Rule::Min(1), ClusterWide),
    ignored("remote.log.index.file.cache.total.size.bytes", Long, Some("1073741824"), Rule::Min(1), ClusterWide),
    ignored("remote.log.index.file.cache.ttl.ms", Long, Some("900000"), Rule::Min(-1), ReadOnly).internal(),
    ignored("remote.log.manager.copier.thread.pool.size", Int, Some("10"), Rule::Min(1), ClusterWide),
    ignored(
        "remote.log.manager.copy.max.bytes.per.second",
        Long,
        Some("9223372036854775807"),
        Rule::Min(1),
        ClusterWide,
    ),
    ignored("remote.log.manager.copy.quota.window.num", Int, Some("11"), Rule::Min(1), ReadOnly),
    ignored("remote.log.manager.copy.quota.window.size.seconds", Int, Some("1"), Rule::Min(1), ReadOnly),
    ignored("remote.log.manager.expiration.thread.pool.size", Int, Some("10"), Rule::Min(1), ClusterWide),
    ignored(
        "remote.log.manager.fetch.max.bytes.per.second",
        Long,
        Some("9223372036854775807"),
        Rule::Min(1),
        ClusterWide,
    ),
    ignored("remote.log.manager.fetch.quota.window.num", Int, Some("11"), Rule::Min(1), ReadOnly),
    ignored("remote.log.manager.fetch.quota.window.size.seconds", Int, Some("1"), Rule::Min(1), ReadOnly),
    ignored("remote.log.manager.follower.thread.pool.size", Int, Some("2"), Rule::Min(1), ClusterWide),
    ignored("remote.log.manager.task.interval.ms", Long, Some("30000"), Rule::Min(1), ReadOnly),
    ignored("remote.log.manager.task.retry.backoff.max.ms", Long, Some("30000"), Rule::Min(1), ReadOnly).internal(),
    ignored("remote.log.manager.task.retry.backoff.ms", Long, Some("500"), Rule::Min(1), ReadOnly).internal(),
    ignored("remote.log.manager.task.retry.jitter", Double, Some("0.2"), Rule::Between(0.0, 0.5), ReadOnly).internal(),
    ignored("remote.log.manager.thread.pool.size", Int, Some("2"), Rule::Min(1), ReadOnly),
    ignored("remote.log.metadata.custom.metadata.max.bytes", Int, Some("128"), Rule::Min(0), ReadOnly),
    ignored(
        "remote.log.metadata.manager.class.name",
        Text,
        Some("org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager"),
        Rule::NotEmpty,
        ReadOnly,
    ),
    ignored("remote.log.metadata.manager.class.path", Text, None, Rule::Any, ReadOnly),
    ignored("remote.log.metadata.manager.impl.prefix", Text, Some("rlmm.config."), Rule::NotEmpty, ReadOnly),
    ignored("remote.log.metadata.manager.listener.name", Text, None, Rule::NotEmpty, ReadOnly),
    ignored("remote.log.reader.max.pending.tasks", Int, Some("100"), Rule::Min(1), ReadOnly),
    ignored("remote.log.reader.threads", Int, Some("10"), Rule::Min(1), ClusterWide),
    ignored("remote.log.storage.manager.class.name", Text, None, Rule::NotEmpty, ReadOnly),
    ignored("remote.log.storage.manager.class.path", Text, None, Rule::Any, ReadOnly),
    ignored("remote.log.storage.manager.impl.prefix", Text, Some("rsm.config."), Rule::NotEmpty, ReadOnly),
    refused(
        "remote.log.storage.system.enable",
        Boolean,
        Some("false"),
        Rule::Any,
        ReadOnly,
        "tiered storage is not served yet",
    ),
];
