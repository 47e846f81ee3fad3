//! What goes wrong with a disk, when, and how often it did.

use super::op::OpKind;
use crate::draw::{Stream, WorldSeed};
use core::time::Duration;
use std::sync::Arc;

/// A rule by which file operations go wrong.
#[derive(Clone, Debug)]
pub struct FaultRule {
    /// The operations that it is about; all where it is empty.
    pub ops: Vec<OpKind>,
    /// Only paths that contain this text; all where it is empty.
    pub path_contains: Arc<str>,
    /// Which of the operations that match go wrong.
    pub when: When,
    /// What happens to them.
    pub fault: Fault,
    name: u64,
    seen: u64,
    fired: u64,
}

/// Which of the operations that match a rule go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Every one.
    Always,
    /// The n-th one, counted from 1.
    Nth(u64),
    /// The n-th one, counted from 1, and all later ones.
    From(u64),
    /// Each one this often.
    Chance {
        /// Times out of a million.
        per_million: u32,
    },
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The operation fails with EIO and changes nothing. A sync that fails so leaves its writes unsynced for good: later
    /// syncs succeed without them, as Linux does it.
    Error,
    /// The operation fails with ENOSPC and changes nothing.
    NoSpace,
    /// The operation succeeds without having been done: a dropped sync where it is a `Sync` or `SyncDir`.
    Ignored,
    /// A read finds a bit that has turned, and so do all later ones.
    Rot,
    /// The operation takes this much longer.
    Slow(Duration),
    /// The operation does not end until the disk is [healed](super::Disk::heal).
    Stuck,
}

impl Fault {
    /// Whether it only takes time.
    pub(super) const fn is_delay(self) -> bool {
        matches!(self, Self::Slow(_) | Self::Stuck)
    }
}

impl FaultRule {
    /// A rule about all operations of the kinds `ops` on paths that contain `path_contains`.
    #[must_use]
    pub fn new(ops: &[OpKind], path_contains: &str, when: When, fault: Fault) -> Self {
        Self { ops: ops.to_vec(), path_contains: path_contains.into(), when, fault, name: 0, seen: 0, fired: 0 }
    }

    /// The rule, by a name by which it can be ended.
    #[must_use]
    pub const fn named(mut self, name: u64) -> Self {
        self.name = name;
        self
    }

    pub(super) const fn name(&self) -> u64 {
        self.name
    }

    /// How often it has struck. A fault that never fires tests nothing.
    #[must_use]
    pub const fn fired(&self) -> u64 {
        self.fired
    }

    /// Whether it strikes an operation. `cause` addresses the draw.
    pub(super) fn strikes(&mut self, kind: OpKind, path: &str, seed: WorldSeed, cause: &[u64]) -> bool {
        let matches = (self.ops.is_empty() || self.ops.contains(&kind)) && path.contains(&*self.path_contains);
        if !matches {
            return false;
        }
        self.seen += 1;
        let strikes = match self.when {
            When::Always => true,
            When::Nth(nth) => self.seen == nth,
            When::From(nth) => self.seen >= nth,
            When::Chance { per_million } => seed.draw(Stream::DiskFault, cause).chance(per_million),
        };
        self.fired += u64::from(strikes);
        strikes
    }
}
