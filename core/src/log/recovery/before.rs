//! What Kafka's own files say of a directory's logs. It counts where the flushed-ends files do not: another broker has used the
//! directory since they were written.

use crate::ids::{Offset, PartitionIndex};
use crate::log::ends_file::EndEntry;
use crate::log::files::offset_checkpoint;
use alloc::collections::BTreeMap;
use alloc::string::String;

/// One of Kafka's checkpoints that matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::log) enum Checkpoint {
    RecoveryPoint,
    LogStart,
}

impl Checkpoint {
    pub(super) const ALL: [Self; 2] = [Self::RecoveryPoint, Self::LogStart];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::RecoveryPoint => offset_checkpoint::RECOVERY_POINT,
            Self::LogStart => offset_checkpoint::LOG_START,
        }
    }
}

/// What is known of a directory by Kafka's files.
#[derive(Clone, Debug, Default)]
pub(super) struct Before {
    /// Whether it was left in order: everything in it is flushed.
    pub(super) clean: bool,
    /// Whether there is any of Kafka's checkpoints. They go once every log has been taken over; so where there is one, a log
    /// that is not recorded need not be ours, though a flushed-ends file counts.
    pub(super) any: bool,
    recovery_points: Offsets,
    log_starts: Offsets,
}

type Offsets = BTreeMap<(String, PartitionIndex), Offset>;

/// What is known of a log that no flushed-ends file speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unrecorded {
    /// What lies before this offset is flushed: segments that end there are not scanned, and what is not right is damage.
    pub(super) flushed: Offset,
    /// The log starts there, where it reaches so far.
    pub(super) log_start: Offset,
}

impl Unrecorded {
    /// Nothing: all of it is scanned.
    pub(super) const NEW: Self = Self { flushed: Offset::ZERO, log_start: Offset::ZERO };

    /// What an earlier start has noted of it.
    pub(super) const fn from_entry(entry: &EndEntry) -> Self {
        Self { flushed: entry.flushed_end, log_start: entry.log_start }
    }
}

impl Before {
    /// Takes up a checkpoint. One that cannot be read says nothing.
    pub(super) fn take(&mut self, checkpoint: Checkpoint, bytes: &[u8]) {
        let entries = offset_checkpoint::decode(bytes).unwrap_or_default();
        let offsets = entries.into_iter().map(|entry| ((String::from(entry.topic), entry.partition), entry.offset));
        match checkpoint {
            Checkpoint::RecoveryPoint => self.recovery_points = offsets.collect(),
            Checkpoint::LogStart => self.log_starts = offsets.collect(),
        }
    }

    pub(super) fn of(&self, topic: &str, partition: PartitionIndex) -> Unrecorded {
        let key = (String::from(topic), partition);
        let of = |offsets: &Offsets| offsets.get(&key).copied().unwrap_or(Offset::ZERO);
        let flushed = if self.clean { Offset(i64::MAX) } else { of(&self.recovery_points) };
        Unrecorded { flushed, log_start: of(&self.log_starts) }
    }
}
