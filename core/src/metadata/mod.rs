//! The cluster's metadata: topics, partitions, brokers, features and configurations, as one immutable image.
//!
//! The image is the fold of the records of `__cluster_metadata`: [`MetadataImage::replay`] is the only way to change it, live
//! and after a restart. Shards hold it by `Arc`; what is large in it is shared between one image and the next.
//!
//! Invariants:
//! 1. `names` and `topics` name the same topics.
//! 2. A snapshot says all that the image says: its records, replayed, give the image.
//! 3. A partition's epoch grows with each record about it; its leader epoch with each that sets its leader.
//!
//! Absent here: how records get into the log, and who decides on them.

mod carried;
mod fold;
mod image;
mod replay;
mod snapshot;
mod topic_config;

pub use fold::Fold;
pub use image::{
    BrokerImage, ConfigResource, Configs, Endpoint, Features, MetadataImage, OFFSETS_TOPIC, PartitionImage,
    SUPPORTED_FEATURES, TopicImage, is_internal,
};
pub use replay::ReplayError;
pub(crate) use snapshot::partition_record;
pub use snapshot::{SnapshotCursor, VersionedRecord, record_version};
pub use topic_config::{ConfigError, topic_defaults};
