//! What a topic's configuration keys mean for its logs.

use crate::log::{CleanupPolicy, Durability, LogConfig, TimestampType, TopicCompression};
use alloc::format;
use alloc::string::String;

/// Why a value is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// There is no such key.
    #[error("Unknown topic config name: {0}")]
    Unknown(String),
    /// The value is not one of the key's.
    #[error("Invalid value {value} for configuration {key}: {reason}")]
    Invalid {
        /// The key.
        key: String,
        /// The value.
        value: String,
        /// What is wrong.
        reason: String,
    },
}

/// Sets what `key` means to `value`.
///
/// # Errors
/// Where there is no such key, or the value is not one of its values.
pub fn apply(config: &mut LogConfig, key: &str, value: &str) -> Result<(), ConfigError> {
    let value = value.trim();
    let invalid = |reason: &str| ConfigError::Invalid { key: key.into(), value: value.into(), reason: reason.into() };
    let int = |min: i32| -> Result<i32, ConfigError> {
        let number = value.parse::<i32>().map_err(|_| invalid("Not a number of type INT"))?;
        if number < min { Err(invalid(&format!("Value must be at least {min}"))) } else { Ok(number) }
    };
    let long = |min: i64| -> Result<i64, ConfigError> {
        let number = value.parse::<i64>().map_err(|_| invalid("Not a number of type LONG"))?;
        if number < min { Err(invalid(&format!("Value must be at least {min}"))) } else { Ok(number) }
    };
    match key {
        "segment.bytes" => config.segment_bytes = int(1024 * 1024)? as u32,
        "segment.ms" => config.segment_ms = long(1)?,
        "segment.jitter.ms" => config.segment_jitter_ms = long(0)?,
        "segment.index.bytes" => config.segment_index_bytes = int(4)? as u32,
        "index.interval.bytes" => config.index_interval_bytes = int(0)? as u32,
        "retention.ms" => config.retention_ms = long(-1)?,
        "retention.bytes" => config.retention_bytes = long(i64::MIN)?,
        "file.delete.delay.ms" => config.file_delete_delay_ms = long(0)?,
        "flush.messages" => config.flush_messages = long(1)?,
        "flush.ms" => config.flush_ms = long(0)?,
        "max.message.bytes" => config.max_message_bytes = int(0)? as u32,
        "min.insync.replicas" => config.min_insync_replicas = int(1)? as u32,
        "message.timestamp.before.max.ms" => config.timestamp_before_max_ms = long(0)?,
        "message.timestamp.after.max.ms" => config.timestamp_after_max_ms = long(0)?,
        "message.timestamp.type" => {
            config.timestamp_type = match value {
                "CreateTime" => TimestampType::CreateTime,
                "LogAppendTime" => TimestampType::LogAppendTime,
                _ => return Err(invalid("String must be one of: CreateTime, LogAppendTime")),
            }
        }
        "cleanup.policy" => {
            config.cleanup = cleanup(value).ok_or_else(|| invalid("String must be one of: compact, delete"))?
        }
        "durability" => {
            config.durability = match value {
                "flush" => Durability::Flushed,
                "os" => Durability::Os,
                _ => return Err(invalid("String must be one of: flush, os")),
            }
        }
        "compression.type" => {
            config.compression = match (value, config.compression) {
                ("producer", _) => TopicCompression::Producer,
                ("uncompressed", _) => TopicCompression::None,
                ("gzip", TopicCompression::Gzip(level)) => TopicCompression::Gzip(level),
                ("gzip", _) => TopicCompression::Gzip(-1),
                ("snappy", _) => TopicCompression::Snappy,
                ("lz4", TopicCompression::Lz4(level)) => TopicCompression::Lz4(level),
                ("lz4", _) => TopicCompression::Lz4(9),
                ("zstd", TopicCompression::Zstd(level)) => TopicCompression::Zstd(level),
                ("zstd", _) => TopicCompression::Zstd(3),
                _ => {
                    let reason = "String must be one of: uncompressed, zstd, lz4, snappy, gzip, producer";
                    return Err(invalid(reason));
                }
            }
        }
        _ => return Err(ConfigError::Unknown(key.into())),
    }
    Ok(())
}

fn cleanup(value: &str) -> Option<CleanupPolicy> {
    let mut policy = CleanupPolicy { delete: false, compact: false };
    for part in value.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        match part {
            "delete" => policy.delete = true,
            "compact" => policy.compact = true,
            _ => return None,
        }
    }
    Some(policy)
}
