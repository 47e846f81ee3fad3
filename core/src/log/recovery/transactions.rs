//! The aborted transactions of a log that Kafka has written: read from the indexes of the segments that are not scanned, found
//! in the others, whose indexes are then made anew.
//!
//! A log that is recorded has had that done: no transaction ends here, so that its indexes hold what there is.

use super::Step;
use crate::effect::{Effects, Level};
use crate::ids::{FilePosition, Offset, TopicPartition};
use crate::limits::LOG_INDEX_FILE_BYTES_MAX;
use crate::log::files::segment_name::SegmentFile;
use crate::log::files::txn_index::{ENTRY_BYTES, TxnIndex};
use crate::log::files::{FileError, FileErrorKind};
use crate::log::names;
use crate::log::producer::AbortedTransaction;
use crate::log::replace::AfterReplace;
use crate::log::store::LogStore;
use crate::time::Now;
use alloc::format;
use alloc::vec::Vec;
use bytes::Bytes;

/// How much of an index is read at once: whole entries.
const PIECE_BYTES: u64 = LOG_INDEX_FILE_BYTES_MAX as u64 / ENTRY_BYTES as u64 * ENTRY_BYTES as u64;

impl LogStore {
    /// Reads the next index of aborted transactions, from this segment on, or goes on.
    pub(super) fn read_transactions(
        &mut self,
        partition: TopicPartition,
        from: usize,
        now: Now,
        effects: &mut Effects,
    ) {
        let Some(recovery) = self.recoveries.under_way.get_mut(&partition) else { return };
        let Some(log) = self.logs.get(&partition) else { return };
        let plan = &recovery.plan;
        let unscanned = plan.scan_segment + usize::from(plan.scan_position > 0);
        let length = |at: usize| plan.segments.get(at).and_then(|segment| segment.txn_index).unwrap_or(0);
        let next = (from..unscanned).find(|at| length(*at) > 0);
        let at = next.unwrap_or(unscanned);
        let base = plan.segments.get(at).map_or(log.log_end, |segment| segment.base);
        recovery.step = Step::Transactions { at, position: 0, from: base };
        if next.is_none() {
            return self.load_active_index(partition, now, effects);
        }
        let length = length(at).min(PIECE_BYTES) as u32;
        let file = names::file(log.dir, &log.home, base, SegmentFile::TxnIndex);
        self.ask_read(partition, file, FilePosition(0), length, effects);
    }

    /// Takes up a piece of the aborted transactions of a segment. Where they cannot be read they are in the log: it is scanned from there
    /// on. A log that is recorded was not damaged so when it was: it is set aside.
    pub(super) fn take_transactions(
        &mut self,
        partition: TopicPartition,
        at: usize,
        (position, from): (u64, Offset),
        now: Now,
        bytes: &[u8],
        effects: &mut Effects,
    ) {
        let Some(recovery) = self.recoveries.under_way.get_mut(&partition) else { return };
        let Some(log) = self.logs.get_mut(&partition) else { return };
        let segment = recovery.plan.segments[at];
        let (base, left) = (segment.base, segment.txn_index.unwrap_or(0).saturating_sub(position));
        let ends_early = (bytes.len() as u64) < left.min(PIECE_BYTES);
        let truncated = FileError::new(bytes.len(), FileErrorKind::Truncated("its last entry"));
        match TxnIndex::decode(bytes, from).and_then(|index| if ends_early { Err(truncated) } else { Ok(index) }) {
            Ok(index) => {
                let read = bytes.len() as u64;
                let last = index.iter().next_back().map_or(from, |last| last.last_offset);
                let (start, end) = (log.log_start, recovery.plan.scan_offset);
                let transactions = index.iter().map(AbortedTransaction::from);
                let here = transactions.filter(|aborted| (start..end).contains(&aborted.last_offset));
                log.producers.restore_aborted(here);
                if left == read {
                    return self.read_transactions(partition, at + 1, now, effects);
                }
                // What follows has later markers.
                let (position, from) = (position + read, Offset(last.0.saturating_add(1)));
                recovery.step = Step::Transactions { at, position, from };
                let length = (left - read).min(PIECE_BYTES) as u32;
                let file = names::file(log.dir, &log.home, base, SegmentFile::TxnIndex);
                self.ask_read(partition, file, FilePosition(position), length, effects);
            }
            Err(error) if recovery.entry.is_some() => {
                self.set_aside(partition, &format!("the transaction index of segment {base} is damaged: {error}"));
            }
            Err(error) => {
                let text = format!("{}: the transaction index of segment {base} is made anew: {error}", log.home);
                effects.notice(Level::Warn, text);
                recovery.plan.scan_from(at);
                self.follow_plan(partition, now, effects);
            }
        }
    }

    /// Writes the indexes of the segments from this base on, which were scanned, as part of the next round.
    pub(super) fn write_transactions(&mut self, partition: TopicPartition, from: Offset, effects: &mut Effects) {
        let Some(log) = self.logs.get_mut(&partition) else { return };
        let mut written = Vec::new();
        for at in log.segments.partition_point(|segment| segment.base < from)..log.segments.len() {
            let end = log.segments.get(at + 1).map_or(Offset(i64::MAX), |next| next.base);
            let content = log.producers.aborted_index(log.segments[at].base, end);
            let segment = &mut log.segments[at];
            if segment.txn_index_created || !content.is_empty() {
                segment.txn_index_created = true;
                written.push((names::file(log.dir, &log.home, segment.base, SegmentFile::TxnIndex), content));
            }
        }
        let round = self.dirs[usize::from(log.dir.0)].next_round();
        for (file, content) in written {
            self.replace(&file, Bytes::from(content), Some(round), AfterReplace::Partition(partition), effects);
        }
    }
}
