//! One incremental fetch session (KIP-227): what a consumer asks for each time, so that it need not repeat it, and what it
//! was told last, so that it is told only what has changed.
//!
//! Invariants:
//! 1. A partition stands once; `order` and `partitions` name the same ones.
//! 2. The epoch of a live session is at least 1; it counts the requests and wraps from the largest to 1.
//! 3. `bytes` is what the partitions are charged.
//! 4. A partition with records to give moves to the end of the order, so that none starves when a response is full.

use crate::ids::{Offset, PartitionIndex, TopicId};
use crate::limits::FETCH_SESSION_PARTITION_BYTES;
use crate::time::Instant;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Names a session; positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionId(pub i32);

/// Counts the requests of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionEpoch(pub i32);

impl SessionEpoch {
    /// Asks for a new session (or a full fetch, where there is no room for one).
    pub const INITIAL: Self = Self(0);
    /// Asks for a full fetch without a session, and ends the session that is named.
    pub const FINAL: Self = Self(-1);

    /// The epoch that the request after this one must carry.
    #[must_use]
    pub fn next(self) -> Self {
        match self.0 {
            ..0 => Self::FINAL,
            i32::MAX => Self(1),
            epoch => Self(epoch + 1),
        }
    }
}

/// How a client names a partition: by topic id from Fetch version 13 on, by name before.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FetchPartition {
    /// The topic.
    pub topic: TopicName,
    /// The partition within it.
    pub partition: PartitionIndex,
}

impl FetchPartition {
    /// What a session is charged for it. Partitions of one request share their topic's name, those of several need not.
    fn bytes(&self) -> usize {
        FETCH_SESSION_PARTITION_BYTES
            + match &self.topic {
                TopicName::Name(name) => name.len(),
                TopicName::Id(_) => 0,
            }
    }
}

/// A topic as a Fetch request names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TopicName {
    /// Versions up to 12.
    Name(Arc<str>),
    /// Version 13 and up.
    Id(TopicId),
}

/// What a client wants of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The first offset to return.
    pub fetch_offset: Offset,
    /// The most bytes to return.
    pub bytes_max: i32,
    /// The leader epoch that the client knows; -1 where it does not say.
    pub current_leader_epoch: i32,
    /// The epoch of the last record that the client has (KIP-595); -1 where it does not say.
    pub last_fetched_epoch: i32,
    /// A follower's own log start; -1 for a consumer.
    pub log_start_offset: Offset,
}

/// What an incremental response compares with what the client was told before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// The high watermark; -1 where none was told.
    pub high_watermark: Offset,
    /// The log start.
    pub log_start_offset: Offset,
}

impl Told {
    const NOTHING: Self = Self { high_watermark: Offset(-1), log_start_offset: Offset(-1) };
}

/// A session.
#[derive(Clone, Debug)]
pub struct Session {
    /// The epoch that the next request must carry.
    pub(super) epoch: SessionEpoch,
    /// Whether the session names topics by id: a client may not change that within a session.
    by_id: bool,
    pub(super) created: Instant,
    pub(super) used: Instant,
    partitions: BTreeMap<FetchPartition, Kept>,
    /// The partitions in the order in which they are served: a rank that grows.
    order: BTreeMap<u64, FetchPartition>,
    rank_next: u64,
    bytes: usize,
}

#[derive(Clone, Copy, Debug)]
struct Kept {
    rank: u64,
    wanted: Wanted,
    told: Told,
}

impl Session {
    /// A session that was just asked for.
    #[must_use]
    pub fn new(now: Instant, by_id: bool) -> Self {
        Self {
            epoch: SessionEpoch(1),
            by_id,
            created: now,
            used: now,
            partitions: BTreeMap::new(),
            order: BTreeMap::new(),
            rank_next: 0,
            bytes: 0,
        }
    }

    /// Adds a partition, or changes what is wanted of it.
    pub fn want(&mut self, partition: FetchPartition, wanted: Wanted) {
        if let Some(kept) = self.partitions.get_mut(&partition) {
            kept.wanted = wanted;
            return;
        }
        let rank = self.rank_next;
        self.rank_next += 1;
        self.bytes += partition.bytes();
        self.order.insert(rank, partition.clone());
        self.partitions.insert(partition, Kept { rank, wanted, told: Told::NOTHING });
    }

    /// Drops a partition.
    pub fn forget(&mut self, partition: &FetchPartition) {
        if let Some(kept) = self.partitions.remove(partition) {
            self.order.remove(&kept.rank);
            self.bytes -= partition.bytes();
        }
    }

    /// Notes what a response says of a partition, and says whether an incremental response must name it at all: where it
    /// has records, an error, or something that the client does not know yet.
    pub fn tell(&mut self, partition: &FetchPartition, has_records: bool, has_error: bool, now: Told) -> bool {
        let Some(kept) = self.partitions.get_mut(partition) else { return true };
        let news = has_records || has_error || now != kept.told;
        // After an error everything is news again.
        kept.told = if has_error { Told::NOTHING } else { now };
        if has_records {
            self.order.remove(&kept.rank);
            kept.rank = self.rank_next;
            self.rank_next += 1;
            self.order.insert(kept.rank, partition.clone());
        }
        news
    }

    /// The partitions with what is wanted of them, in the order in which they are to be served.
    pub fn wanted(&self) -> Vec<(FetchPartition, Wanted)> {
        let wanted = |partition: &FetchPartition| self.partitions.get(partition).map(|kept| kept.wanted);
        self.order.values().filter_map(|partition| Some((partition.clone(), wanted(partition)?))).collect()
    }

    /// Whether the session names topics by id.
    #[must_use]
    pub fn by_id(&self) -> bool {
        self.by_id
    }

    /// The number of partitions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.partitions.len()
    }

    /// What its partitions are charged.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether no partition is wanted any more.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.partitions.is_empty()
    }

    /// Asserts the invariants.
    pub fn check_invariants(&self) {
        assert_eq!(self.order.len(), self.partitions.len(), "order and partitions name the same");
        for (partition, kept) in &self.partitions {
            assert_eq!(self.order.get(&kept.rank), Some(partition), "a partition stands at its rank");
        }
        let bytes: usize = self.partitions.keys().map(FetchPartition::bytes).sum();
        assert_eq!(self.bytes, bytes, "a session is charged its partitions");
        assert!(self.epoch.0 >= 1, "a live session has a positive epoch");
    }
}
