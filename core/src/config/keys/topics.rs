//! The keys of topics, with the broker's keys that are their defaults, in Kafka's order.

use crate::config::key::Kind::{Boolean, Double, Int, List, Long, Text};
use crate::config::key::Update::ClusterWide;
use crate::config::key::{Key, ignored, works};
use crate::config::rule::Rule;

pub(super) const KEYS: &[Key] = &[
    works("cleanup.policy", List, Some("delete"), Rule::EachOf(&["compact", "delete"]), ClusterWide, "What becomes of old records: delete, compact or both. Compaction is accepted and keeps everything so far.").with_synonyms(&[("log.cleanup.policy", 1)]),
    works("compression.gzip.level", Int, Some("-1"), Rule::GzipLevel, ClusterWide, "The level of gzip, where compression.type is gzip.").with_synonyms(&[("compression.gzip.level", 1)]),
    works("compression.lz4.level", Int, Some("9"), Rule::Range(1, 17), ClusterWide, "The level of lz4, where compression.type is lz4.").with_synonyms(&[("compression.lz4.level", 1)]),
    works("compression.type", Text, Some("producer"), Rule::OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]), ClusterWide, "How records are compressed on disk; producer keeps what the producer chose.").with_synonyms(&[("compression.type", 1)]),
    works("compression.zstd.level", Int, Some("3"), Rule::Range(-131072, 22), ClusterWide, "The level of zstd, where compression.type is zstd.").with_synonyms(&[("compression.zstd.level", 1)]),
    ignored("delete.retention.ms", Long, Some("86400000"), Rule::Min(0), ClusterWide).with_synonyms(&[("log.cleaner.delete.retention.ms", 1)]),
    works("durability", Text, Some("flush"), Rule::OneOf(&["flush", "os"]), ClusterWide, "Whether an acknowledgement waits for the disk (flush) or only for the operating system (os). Grete's own.").with_synonyms(&[("log.durability", 1)]).internal(),
    works("file.delete.delay.ms", Long, Some("60000"), Rule::Min(0), ClusterWide, "How long the file of a deleted segment is kept under another name.").with_synonyms(&[("log.segment.delete.delay.ms", 1)]),
    works("flush.messages", Long, Some("9223372036854775807"), Rule::Min(1), ClusterWide, "A log is flushed at the latest after this many records. It only adds flushes: what is acknowledged is flushed already.").with_synonyms(&[("log.flush.interval.messages", 1)]),
    works("flush.ms", Long, Some("9223372036854775807"), Rule::Min(0), ClusterWide, "A log is flushed at the latest after this time. It only adds flushes.").with_synonyms(&[("log.flush.interval.ms", 1), ("log.flush.scheduler.interval.ms", 1)]),
    ignored("follower.replication.throttled.replicas", List, Some(""), Rule::ThrottledReplicas, ClusterWide),
    works("index.interval.bytes", Int, Some("4096"), Rule::Min(0), ClusterWide, "An index entry is made after this many bytes of records.").with_synonyms(&[("log.index.interval.bytes", 1)]),
    ignored("internal.segment.bytes", Int, None, Rule::Any, ClusterWide).internal(),
    ignored("leader.replication.throttled.replicas", List, Some(""), Rule::ThrottledReplicas, ClusterWide),
    ignored("local.retention.bytes", Long, Some("-2"), Rule::Min(-2), ClusterWide).with_synonyms(&[("log.local.retention.bytes", 1)]),
    ignored("local.retention.ms", Long, Some("-2"), Rule::Min(-2), ClusterWide).with_synonyms(&[("log.local.retention.ms", 1)]),
    ignored("max.compaction.lag.ms", Long, Some("9223372036854775807"), Rule::Min(1), ClusterWide).with_synonyms(&[("log.cleaner.max.compaction.lag.ms", 1)]),
    works("max.message.bytes", Int, Some("1048588"), Rule::Min(0), ClusterWide, "The largest batch of records that is taken.").with_synonyms(&[("message.max.bytes", 1)]),
    works("message.timestamp.after.max.ms", Long, Some("3600000"), Rule::Min(0), ClusterWide, "How much newer than the broker's clock a record may be.").with_synonyms(&[("log.message.timestamp.after.max.ms", 1)]),
    works("message.timestamp.before.max.ms", Long, Some("9223372036854775807"), Rule::Min(0), ClusterWide, "How much older than the broker's clock a record may be.").with_synonyms(&[("log.message.timestamp.before.max.ms", 1)]),
    works("message.timestamp.type", Text, Some("CreateTime"), Rule::OneOf(&["CreateTime", "LogAppendTime"]), ClusterWide, "Whether records carry the producer's time or the broker's.").with_synonyms(&[("log.message.timestamp.type", 1)]),
    ignored("min.cleanable.dirty.ratio", Double, Some("0.5"), Rule::Between(0.0, 1.0), ClusterWide).with_synonyms(&[("log.cleaner.min.cleanable.ratio", 1)]),
    ignored("min.compaction.lag.ms", Long, Some("0"), Rule::Min(0), ClusterWide).with_synonyms(&[("log.cleaner.min.compaction.lag.ms", 1)]),
    works("min.insync.replicas", Int, Some("1"), Rule::Min(1), ClusterWide, "How many replicas must have a record before acks=all is answered.").with_synonyms(&[("min.insync.replicas", 1)]),
    ignored("preallocate", Boolean, Some("false"), Rule::Any, ClusterWide).with_synonyms(&[("log.preallocate", 1)]),
    ignored("remote.log.copy.disable", Boolean, Some("false"), Rule::Any, ClusterWide),
    ignored("remote.log.delete.on.disable", Boolean, Some("false"), Rule::Any, ClusterWide),
    ignored("remote.storage.enable", Boolean, Some("false"), Rule::Any, ClusterWide),
    works("retention.bytes", Long, Some("-1"), Rule::Any, ClusterWide, "The oldest segments are deleted while a log is larger than this; -1 for never.").with_synonyms(&[("log.retention.bytes", 1)]),
    works("retention.ms", Long, Some("604800000"), Rule::Min(-1), ClusterWide, "Segments whose newest record is older than this are deleted; -1 for never.").with_synonyms(&[("log.retention.ms", 1), ("log.retention.minutes", 60000), ("log.retention.hours", 3600000)]),
    works("segment.bytes", Int, Some("1073741824"), Rule::Min(1048576), ClusterWide, "A segment is closed before it would grow beyond this.").with_synonyms(&[("log.segment.bytes", 1)]),
    works("segment.index.bytes", Int, Some("10485760"), Rule::Min(4), ClusterWide, "A segment is closed when its offset index has this size.").with_synonyms(&[("log.index.size.max.bytes", 1)]),
    works("segment.jitter.ms", Long, Some("0"), Rule::Min(0), ClusterWide, "Up to this much is taken off segment.ms, so that segments do not all close at once.").with_synonyms(&[("log.roll.jitter.ms", 1), ("log.roll.jitter.hours", 3600000)]),
    works("segment.ms", Long, Some("604800000"), Rule::Min(1), ClusterWide, "A segment is closed when its first record is older than this.").with_synonyms(&[("log.roll.ms", 1), ("log.roll.hours", 3600000)]),
    ignored("unclean.leader.election.enable", Boolean, Some("false"), Rule::Any, ClusterWide).with_synonyms(&[("unclean.leader.election.enable", 1)]),
];
