//! What a topic's configuration keys mean for its logs.

use crate::config::{InvalidValue, Layers, Properties, Table};
use crate::log::{CleanupPolicy, Durability, LogConfig, TimestampType, TopicCompression};
use alloc::string::String;
use core::str::FromStr;

/// Why a value is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// There is no such key.
    #[error("Unknown topic config name: {0}")]
    Unknown(String),
    /// The value is not one of the key's.
    #[error(transparent)]
    Invalid(#[from] InvalidValue),
}

/// What holds for a topic's logs: `defaults`, changed by what the topic says for itself.
#[must_use]
pub(super) fn effective(defaults: &LogConfig, layers: &Layers<'_>, overrides: &Properties) -> LogConfig {
    let mut effective = defaults.clone();
    for (key, value) in overrides {
        // What was appended had been checked; a key of a later version is not ours to judge.
        let _ = apply(&mut effective, key, value);
    }
    effective.compression = with_level(effective.compression, layers, overrides);
    effective
}

/// What holds for topics that say nothing else: what the broker was started with, changed by what the cluster says of it.
#[must_use]
pub(super) fn defaults(started_with: &LogConfig, layers: &Layers<'_>) -> LogConfig {
    let mut defaults = started_with.clone();
    for layer in [layers.cluster, layers.own].into_iter().flatten() {
        for key in Table::Topic.keys() {
            if let Some((name, _)) = key.synonyms.first()
                && let Some(value) = layer.get(*name)
            {
                let _ = apply(&mut defaults, key.name, value);
            }
        }
    }
    defaults.compression = with_level(defaults.compression, layers, &Properties::new());
    defaults
}

/// What holds for topics that say nothing else, by what the broker was started with.
#[must_use]
pub fn topic_defaults(started_with: &Properties) -> LogConfig {
    let layers = Layers { own: None, cluster: None, started_with };
    let mut defaults = LogConfig::default();
    for key in Table::Topic.keys() {
        let _ = apply(&mut defaults, key.name, &layers.topic(key));
    }
    defaults.compression = with_level(defaults.compression, &layers, &Properties::new());
    defaults
}

/// The level of a codec stands in a key of its own.
fn with_level(compression: TopicCompression, layers: &Layers<'_>, overrides: &Properties) -> TopicCompression {
    let level = |name: &str, otherwise: i32| {
        let key = Table::Topic.find(name);
        let set = overrides.get(name).map(|value| String::from(value.trim()));
        let value = set.or_else(|| key.map(|key| layers.topic(key)));
        value.and_then(|value| value.parse().ok()).unwrap_or(otherwise)
    };
    match compression {
        TopicCompression::Gzip(given) => TopicCompression::Gzip(level("compression.gzip.level", given)),
        TopicCompression::Lz4(given) => TopicCompression::Lz4(level("compression.lz4.level", given)),
        TopicCompression::Zstd(given) => TopicCompression::Zstd(level("compression.zstd.level", given)),
        TopicCompression::Producer | TopicCompression::None | TopicCompression::Snappy => compression,
    }
}

/// Sets what `key` means to `value`; nothing where it means nothing for logs.
///
/// # Errors
/// Where there is no such key, or the value is not one of its values.
pub(super) fn apply(config: &mut LogConfig, key: &str, value: &str) -> Result<(), ConfigError> {
    let known = Table::Topic.find(key).ok_or_else(|| ConfigError::Unknown(key.into()))?;
    let value = known.parse(value)?;
    match key {
        "segment.bytes" => set(&mut config.segment_bytes, &value),
        "segment.ms" => set(&mut config.segment_ms, &value),
        "segment.jitter.ms" => set(&mut config.segment_jitter_ms, &value),
        "segment.index.bytes" => set(&mut config.segment_index_bytes, &value),
        "index.interval.bytes" => set(&mut config.index_interval_bytes, &value),
        "retention.ms" => set(&mut config.retention_ms, &value),
        "retention.bytes" => set(&mut config.retention_bytes, &value),
        "file.delete.delay.ms" => set(&mut config.file_delete_delay_ms, &value),
        "flush.messages" => set(&mut config.flush_messages, &value),
        "flush.ms" => set(&mut config.flush_ms, &value),
        "max.message.bytes" => set(&mut config.max_message_bytes, &value),
        "min.insync.replicas" => set(&mut config.min_insync_replicas, &value),
        "message.timestamp.before.max.ms" => set(&mut config.timestamp_before_max_ms, &value),
        "message.timestamp.after.max.ms" => set(&mut config.timestamp_after_max_ms, &value),
        "message.timestamp.type" => {
            let create_time = value == "CreateTime";
            config.timestamp_type = if create_time { TimestampType::CreateTime } else { TimestampType::LogAppendTime };
        }
        "cleanup.policy" => {
            let has = |policy| value.split(',').any(|part| part == policy);
            config.cleanup = CleanupPolicy { delete: has("delete"), compact: has("compact") };
        }
        "durability" => config.durability = if value == "os" { Durability::Os } else { Durability::Flushed },
        "compression.type" => {
            config.compression = match value.as_str() {
                "uncompressed" => TopicCompression::None,
                "gzip" => TopicCompression::Gzip(-1),
                "snappy" => TopicCompression::Snappy,
                "lz4" => TopicCompression::Lz4(9),
                "zstd" => TopicCompression::Zstd(3),
                _ => TopicCompression::Producer,
            }
        }
        _ => {}
    }
    Ok(())
}

/// A value that its key has checked fits the setting.
fn set<T: FromStr>(setting: &mut T, value: &str) {
    if let Ok(value) = value.parse() {
        *setting = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(pairs: &[(&str, &str)]) -> Properties {
        pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
    }

    #[test]
    fn kafkas_defaults_are_those_of_logs() {
        assert_eq!(topic_defaults(&Properties::new()), LogConfig::default());
    }

    #[test]
    fn a_topic_goes_before_the_broker_and_the_broker_before_the_cluster() {
        let started_with = properties(&[("log.roll.hours", "3"), ("log.retention.minutes", "-1")]);
        let cluster = properties(&[("log.retention.ms", "5000"), ("message.max.bytes", "2000")]);
        let own = properties(&[("message.max.bytes", "3000")]);
        let base = topic_defaults(&started_with);
        assert_eq!((base.segment_ms, base.retention_ms), (3 * 3_600_000, -1));
        let layers = Layers { own: Some(&own), cluster: Some(&cluster), started_with: &started_with };
        let defaults = defaults(&base, &layers);
        assert_eq!((defaults.retention_ms, defaults.max_message_bytes), (5000, 3000));
        let topic = effective(&defaults, &layers, &properties(&[("max.message.bytes", "4000")]));
        assert_eq!((topic.retention_ms, topic.max_message_bytes), (5000, 4000));
    }

    #[test]
    fn the_level_of_a_codec_counts_wherever_it_is_set() {
        let started_with = properties(&[("compression.zstd.level", "7")]);
        let base = topic_defaults(&started_with);
        let layers = Layers { own: None, cluster: None, started_with: &started_with };
        let compression = |pairs: &[(&str, &str)]| effective(&base, &layers, &properties(pairs)).compression;
        assert_eq!(compression(&[("compression.type", "zstd")]), TopicCompression::Zstd(7));
        assert_eq!(
            compression(&[("compression.type", "zstd"), ("compression.zstd.level", "2")]),
            TopicCompression::Zstd(2)
        );
        assert_eq!(
            compression(&[("compression.gzip.level", "5"), ("compression.type", "gzip")]),
            TopicCompression::Gzip(5)
        );
        assert_eq!(compression(&[("compression.gzip.level", "5")]), TopicCompression::Producer);
    }
}
