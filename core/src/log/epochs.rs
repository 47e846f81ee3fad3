//! Where each leader epoch of a partition began, in memory. `leader-epoch-checkpoint` keeps it on disk.
//!
//! 1. Epochs and start offsets both strictly grow from entry to entry.
//! 2. The entries cover the log from its start: after truncation from the start, the first entry begins there.

use super::files::leader_epoch_checkpoint::EpochEntry;
use crate::ids::{LeaderEpoch, Offset};
use alloc::vec::Vec;

/// The leader epochs of one partition, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeaderEpochs {
    entries: Vec<EpochEntry>,
}

/// The end of an epoch in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochEnd {
    /// The largest epoch of the log that is not above the one asked for; that one itself where the log begins later.
    pub epoch: LeaderEpoch,
    /// Where it ends, exclusive: the start of the next one, or the end of the log.
    pub end_offset: Offset,
}

impl LeaderEpochs {
    /// Takes up what a checkpoint file says, entry by entry. Entries that contradict each other are settled as
    /// [`assign`](Self::assign) does: the later one counts.
    #[must_use]
    pub fn restore(entries: impl IntoIterator<Item = EpochEntry>) -> Self {
        let mut epochs = Self::default();
        for entry in entries {
            epochs.assign(entry.epoch, entry.start_offset);
        }
        epochs
    }

    /// `epoch` begins at `start_offset`: its leader took over, or its first batch arrived. Whether that was news: then
    /// the checkpoint file is to be written.
    ///
    /// Entries that do not lie before the new one in both epoch and offset are dropped: they describe records that are
    /// no longer there, or never came.
    ///
    /// # Panics
    /// If one of the two is negative.
    pub fn assign(&mut self, epoch: LeaderEpoch, start_offset: Offset) -> bool {
        assert!(epoch.0 >= 0, "a leader has an epoch");
        assert!(start_offset >= Offset::ZERO, "an epoch starts at an offset");
        if self.latest().is_some_and(|latest| latest.epoch == epoch && latest.start_offset <= start_offset) {
            return false;
        }
        while self.latest().is_some_and(|latest| latest.epoch >= epoch || latest.start_offset >= start_offset) {
            self.entries.pop();
        }
        self.entries.push(EpochEntry { epoch, start_offset });
        true
    }

    /// All entries, oldest first: what the checkpoint file holds.
    #[must_use]
    pub fn entries(&self) -> &[EpochEntry] {
        &self.entries
    }

    /// The newest epoch.
    #[must_use]
    pub fn latest(&self) -> Option<EpochEntry> {
        self.entries.last().copied()
    }

    /// Where `epoch` ends in a log that ends at `log_end` (KIP-101, KIP-320). Nothing if the epoch is newer than all
    /// that this log knows, or none (negative).
    #[must_use]
    pub fn end_offset_for(&self, epoch: LeaderEpoch, log_end: Offset) -> Option<EpochEnd> {
        // The epoch of no record. Anything else below is older than the log, however odd.
        if epoch == LeaderEpoch(-1) {
            return None;
        }
        let above = self.entries.partition_point(|entry| entry.epoch <= epoch);
        let at_or_before = above.checked_sub(1).and_then(|index| self.entries.get(index));
        match (at_or_before, self.entries.get(above)) {
            (Some(entry), Some(next)) => Some(EpochEnd { epoch: entry.epoch, end_offset: next.start_offset }),
            (Some(entry), None) if entry.epoch == epoch => Some(EpochEnd { epoch, end_offset: log_end }),
            // Newer than anything known here.
            (Some(_) | None, None) => None,
            // Older than the log, which begins with a later epoch: nothing of the epoch is left, so that a follower
            // goes on where the log begins.
            (None, Some(next)) => Some(EpochEnd { epoch, end_offset: next.start_offset }),
        }
    }

    /// The epoch of the record at `offset`. Nothing before the first epoch.
    #[must_use]
    pub fn epoch_for_offset(&self, offset: Offset) -> Option<LeaderEpoch> {
        let above = self.entries.partition_point(|entry| entry.start_offset <= offset);
        self.entries.get(above.checked_sub(1)?).map(|entry| entry.epoch)
    }

    /// The newest epoch before `epoch`.
    #[must_use]
    pub fn previous(&self, epoch: LeaderEpoch) -> Option<EpochEntry> {
        let at_or_above = self.entries.partition_point(|entry| entry.epoch < epoch);
        self.entries.get(at_or_above.checked_sub(1)?).copied()
    }

    /// The log was cut at `log_end`: epochs that began there or later are gone. Whether there were any.
    pub fn truncate_from_end(&mut self, log_end: Offset) -> bool {
        let kept = self.entries.partition_point(|entry| entry.start_offset < log_end);
        let any = kept < self.entries.len();
        self.entries.truncate(kept);
        any
    }

    /// The log now starts at `log_start`: epochs that ended before are gone, and the one of the first record starts
    /// there. Whether that changed anything.
    pub fn truncate_from_start(&mut self, log_start: Offset) -> bool {
        let above = self.entries.partition_point(|entry| entry.start_offset <= log_start);
        let Some(first) = above.checked_sub(1) else { return false };
        self.entries.drain(..first);
        let Some(entry) = self.entries.first_mut() else { return false };
        let changed = first > 0 || entry.start_offset != log_start;
        entry.start_offset = log_start;
        changed
    }

    /// The log starts anew, empty.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// Asserts the module's invariants.
    pub fn check_invariants(&self) {
        for pair in self.entries.windows(2) {
            assert!(pair[0].epoch < pair[1].epoch, "epochs grow");
            assert!(pair[0].start_offset < pair[1].start_offset, "start offsets grow");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs(entries: &[(i32, i64)]) -> LeaderEpochs {
        let entry =
            |&(epoch, start): &(i32, i64)| EpochEntry { epoch: LeaderEpoch(epoch), start_offset: Offset(start) };
        LeaderEpochs::restore(entries.iter().map(entry))
    }

    fn end(epochs: &LeaderEpochs, epoch: i32) -> Option<(i32, i64)> {
        let end = epochs.end_offset_for(LeaderEpoch(epoch), Offset(100))?;
        Some((end.epoch.0, end.end_offset.0))
    }

    #[test]
    fn assign_drops_what_contradicts() {
        let mut known = epochs(&[(1, 0), (3, 10), (5, 20)]);
        assert!(!known.assign(LeaderEpoch(5), Offset(20)), "nothing new");
        assert!(!known.assign(LeaderEpoch(5), Offset(30)), "an epoch begins once");
        assert!(known.assign(LeaderEpoch(5), Offset(19)), "it began earlier");
        assert_eq!(known, epochs(&[(1, 0), (3, 10), (5, 19)]));
        assert!(known.assign(LeaderEpoch(6), Offset(19)), "epoch 5 had no records");
        assert_eq!(known, epochs(&[(1, 0), (3, 10), (6, 19)]));
        assert!(known.assign(LeaderEpoch(2), Offset(50)), "records of 3 and 6 were cut");
        assert_eq!(known, epochs(&[(1, 0), (2, 50)]));
        known.check_invariants();
    }

    #[test]
    fn ends() {
        let known = epochs(&[(2, 5), (4, 10), (7, 20)]);
        assert_eq!(end(&known, 7), Some((7, 100)));
        assert_eq!(end(&known, 4), Some((4, 20)));
        assert_eq!(end(&known, 6), Some((4, 20)), "an epoch without records ends where the one before it does");
        assert_eq!(end(&known, 0), Some((0, 5)), "before all that is left");
        assert_eq!(end(&known, 8), None);
        assert_eq!(end(&known, -1), None, "the epoch of no record");
        assert_eq!(end(&known, -2), Some((-2, 5)), "before all that is left, too");
        assert_eq!(end(&LeaderEpochs::default(), 0), None);
    }

    #[test]
    fn epochs_of_offsets() {
        let known = epochs(&[(2, 5), (4, 10)]);
        let of = |offset| known.epoch_for_offset(Offset(offset)).map(|epoch| epoch.0);
        assert_eq!([4, 5, 9, 10, 1000].map(of), [None, Some(2), Some(2), Some(4), Some(4)]);
        assert_eq!(known.previous(LeaderEpoch(4)).unwrap().epoch, LeaderEpoch(2));
        assert_eq!(known.previous(LeaderEpoch(2)), None);
    }

    #[test]
    #[should_panic(expected = "start offsets grow")]
    fn epochs_that_begin_at_one_place_are_noticed() {
        let entry = |epoch| EpochEntry { epoch: LeaderEpoch(epoch), start_offset: Offset(5) };
        LeaderEpochs { entries: alloc::vec![entry(1), entry(2)] }.check_invariants();
    }

    #[test]
    fn truncation() {
        let mut known = epochs(&[(2, 5), (4, 10), (7, 20)]);
        assert!(!known.truncate_from_end(Offset(21)));
        assert!(known.truncate_from_end(Offset(20)));
        assert_eq!(known, epochs(&[(2, 5), (4, 10)]));
        assert!(!known.truncate_from_start(Offset(4)));
        assert!(!known.truncate_from_start(Offset(5)));
        assert!(known.truncate_from_start(Offset(7)));
        assert_eq!(known, epochs(&[(2, 7), (4, 10)]));
        assert!(known.truncate_from_start(Offset(12)));
        assert_eq!(known, epochs(&[(4, 12)]));
        assert!(known.truncate_from_end(Offset(0)));
        assert!(!known.truncate_from_start(Offset(50)));
        assert_eq!(known.latest(), None);
    }
}
