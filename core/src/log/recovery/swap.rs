//! Completing a compaction that Kafka's cleaner was interrupted in, as Kafka does it (KAFKA-6264, KAFKA-12520).
//!
//! The cleaner writes what is left of some segments into `.cleaned` files, renames those to `.swap` once all are complete, and
//! only then removes the old segments and drops the suffix. So what is `.cleaned` is worth nothing, and `.swap` files from the
//! first `.cleaned` one on belong to a split that was not complete; the others take the place of all segments that begin
//! within what they hold.
//!
//! Each step is durable before the next begins: a power loss in between leaves what the next start completes to the same. So
//! the `.swap` files of an incomplete split are gone before the `.cleaned` ones that tell of it.

use super::scan::{self, Expected, Next};
use super::{FoundFile, Step};
use crate::effect::{Effects, IoOp, Level};
use crate::ids::{FileName, FilePosition, LeaderEpoch, Offset, TopicPartition};
use crate::limits::LOG_READ_BYTES_MAX;
use crate::log::files::segment_name::{SegmentFile, SegmentName, Stage};
use crate::log::io::{Asked, Purpose};
use crate::log::names;
use crate::log::store::LogStore;
use crate::time::Now;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;

/// A compaction that is being completed.
#[derive(Clone, Debug)]
pub(super) struct Swap {
    /// The `.log.swap` files whose ends are still to be found, with their lengths.
    logs: VecDeque<(SegmentName, u64)>,
    /// Where the first of them is being read, and how much of it next.
    position: u64,
    length: u32,
    /// The offset after what was read of it.
    end: Offset,
    /// What the files hold together.
    holds: Option<(Offset, Offset)>,
    stage: SwapStage,
    /// Operations under way.
    outstanding: usize,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SwapStage {
    /// What the `.swap` files hold is being found out.
    Measuring,
    /// They and their names are made durable: after a kill nothing has done so.
    Securing,
    /// Those of a split that was not complete are removed.
    Undoing,
    SyncingUndone,
    /// The segments that the others replace, and all else that is worth nothing, are removed.
    Removing,
    SyncingRemoved,
    /// The suffix is dropped.
    Renaming,
    SyncingRenamed,
}

impl Swap {
    /// Begins where there are `.swap` files.
    pub(super) fn new(files: &[FoundFile]) -> Option<Self> {
        let swaps = || staged(files, Stage::Swap);
        swaps().next()?;
        let valid = swaps().filter(|(name, _)| is_complete(*name, files) && name.file == SegmentFile::Log);
        Some(Self {
            logs: valid.collect(),
            position: 0,
            length: LOG_READ_BYTES_MAX,
            end: Offset::ZERO,
            holds: None,
            stage: SwapStage::Measuring,
            outstanding: 0,
        })
    }

    /// Whether a file goes.
    fn removes(&self, name: SegmentName, files: &[FoundFile]) -> bool {
        match name.stage {
            Stage::Cleaned | Stage::Deleted => true,
            Stage::Swap => !is_complete(name, files),
            Stage::Live => self.holds.is_some_and(|(from, to)| (from..to).contains(&name.base_offset)),
        }
    }
}

/// The files at a stage, with their lengths.
fn staged(files: &[FoundFile], stage: Stage) -> impl Iterator<Item = (SegmentName, u64)> {
    let parsed = files.iter().filter_map(|(name, length)| Some((SegmentName::parse(name)?, *length)));
    parsed.filter(move |(name, _)| name.stage == stage)
}

/// Whether a `.swap` file is part of something that was complete.
fn is_complete(swap: SegmentName, files: &[FoundFile]) -> bool {
    staged(files, Stage::Cleaned).all(|(cleaned, _)| swap.base_offset < cleaned.base_offset)
}

/// The names that the files may have once a compaction is completed, beside those that they have.
pub(super) fn names_after(files: &[FoundFile]) -> Vec<Arc<str>> {
    let live = |(name, _): (SegmentName, u64)| SegmentName { stage: Stage::Live, ..name }.format().into();
    staged(files, Stage::Swap).map(live).collect()
}

impl LogStore {
    /// Begins to complete a compaction; says whether there is one.
    pub(super) fn begin_swap(&mut self, partition: TopicPartition, now: Now, effects: &mut Effects) -> bool {
        let Some(recovery) = self.recoveries.under_way.get_mut(&partition) else { return false };
        let Some(swap) = Swap::new(&recovery.files) else { return false };
        recovery.swap = Some(swap);
        recovery.step = Step::Swap;
        if let Some(log) = self.logs.get(&partition) {
            effects.notice(Level::Info, format!("A compaction of {} that was interrupted is completed.", log.home));
        }
        self.measure_swap(partition, now, effects);
        true
    }

    /// Reads on in the `.log.swap` files, or goes on to the next stage.
    fn measure_swap(&mut self, partition: TopicPartition, now: Now, effects: &mut Effects) {
        let Some(recovery) = self.recoveries.under_way.get_mut(&partition) else { return };
        let (Some(swap), Some(log)) = (&mut recovery.swap, self.logs.get(&partition)) else { return };
        while let Some((name, length)) = swap.logs.front().copied() {
            swap.end = swap.end.max(name.base_offset);
            if swap.position < length {
                let file = names::fixed(log.dir, &log.home, &name.format());
                let wanted = u64::from(swap.length).min(length - swap.position) as u32;
                let position = FilePosition(swap.position);
                return self.ask_read(partition, file, position, wanted, effects);
            }
            let (from, to) = swap.holds.unwrap_or((name.base_offset, swap.end));
            swap.holds = Some((from.min(name.base_offset), to.max(swap.end)));
            swap.logs.pop_front();
            (swap.position, swap.end) = (0, Offset::ZERO);
        }
        self.begin_swap_stage(partition, SwapStage::Securing, now, effects);
    }

    /// A piece of a `.log.swap` file has been read.
    pub(super) fn swap_read(&mut self, partition: TopicPartition, now: Now, piece: &Bytes, effects: &mut Effects) {
        let Some(recovery) = self.recoveries.under_way.get_mut(&partition) else { return };
        let Some(swap) = &mut recovery.swap else { return };
        let Some((name, length)) = swap.logs.front().copied() else { return };
        let start = swap.position;
        let ends_early = (piece.len() as u64) < u64::from(swap.length).min(length - start);
        loop {
            let rest = piece.get((swap.position - start) as usize..).unwrap_or_default();
            let left = length - swap.position;
            let gap_until = Some(Offset(i64::MAX));
            let expected = Expected { offset: swap.end, gap_until, epoch: LeaderEpoch(i32::MIN) };
            match scan::next_batch(rest, left, expected) {
                _ if left == 0 => break,
                Next::Batch(header) => {
                    swap.end = header.end();
                    swap.position += header.bytes as u64;
                    swap.length = LOG_READ_BYTES_MAX;
                }
                Next::Needs(needed) if !ends_early && (swap.position > start || needed > piece.len()) => {
                    swap.length = LOG_READ_BYTES_MAX.max(u32::try_from(needed).unwrap_or(u32::MAX));
                    break;
                }
                // It was flushed before it got its name.
                Next::Needs(_) | Next::Invalid => {
                    let what = format!("{} is damaged at byte {}", name.format(), swap.position);
                    return self.set_aside(partition, &what);
                }
            }
        }
        self.measure_swap(partition, now, effects);
    }

    /// An operation of a stage is complete.
    pub(super) fn swap_advanced(&mut self, partition: TopicPartition, now: Now, effects: &mut Effects) {
        let Some(recovery) = self.recoveries.under_way.get_mut(&partition) else { return };
        let Some(swap) = &mut recovery.swap else { return };
        swap.outstanding -= 1;
        if swap.outstanding == 0 {
            let stage = swap.stage;
            self.end_swap_stage(partition, stage, now, effects);
        }
    }

    fn end_swap_stage(&mut self, partition: TopicPartition, stage: SwapStage, now: Now, effects: &mut Effects) {
        let next = match stage {
            SwapStage::Measuring => SwapStage::Securing,
            SwapStage::Securing => SwapStage::Undoing,
            SwapStage::Undoing => SwapStage::SyncingUndone,
            SwapStage::SyncingUndone => SwapStage::Removing,
            SwapStage::Removing => SwapStage::SyncingRemoved,
            SwapStage::SyncingRemoved => SwapStage::Renaming,
            SwapStage::Renaming => SwapStage::SyncingRenamed,
            SwapStage::SyncingRenamed => return self.end_swap(partition, now, effects),
        };
        self.begin_swap_stage(partition, next, now, effects);
    }

    fn begin_swap_stage(&mut self, partition: TopicPartition, stage: SwapStage, now: Now, effects: &mut Effects) {
        let Some(recovery) = self.recoveries.under_way.get_mut(&partition) else { return };
        let (Some(swap), Some(log)) = (&mut recovery.swap, self.logs.get(&partition)) else { return };
        let file = |name: SegmentName| names::fixed(log.dir, &log.home, &name.format());
        let sync_names = || IoOp::SyncDir { dir: FileName::new(log.dir, &log.home) };
        let all = recovery.files.iter().filter_map(|(name, _)| SegmentName::parse(name));
        let staying = |name: &SegmentName| name.stage == Stage::Swap && is_complete(*name, &recovery.files);
        let undone = |name: &SegmentName| name.stage == Stage::Swap && !is_complete(*name, &recovery.files);
        let ops: Vec<IoOp> = match stage {
            SwapStage::Measuring => Vec::new(),
            SwapStage::Securing => {
                let syncs = all.filter(staying).map(|name| IoOp::Sync { file: file(name) });
                syncs.chain([sync_names()]).collect()
            }
            SwapStage::Undoing => all.filter(undone).map(|name| IoOp::Remove { file: file(name) }).collect(),
            SwapStage::SyncingUndone => all.filter(undone).take(1).map(|_| sync_names()).collect(),
            SwapStage::Removing => {
                let gone = all.filter(|name| swap.removes(*name, &recovery.files) && !undone(name));
                gone.map(|name| IoOp::Remove { file: file(name) }).collect()
            }
            SwapStage::Renaming => {
                let to = |name: SegmentName| file(SegmentName { stage: Stage::Live, ..name });
                all.filter(staying).map(|name| IoOp::Rename { from: file(name), to: to(name) }).collect()
            }
            SwapStage::SyncingRemoved | SwapStage::SyncingRenamed => alloc::vec![sync_names()],
        };
        swap.stage = stage;
        swap.outstanding = ops.len();
        let dir = log.dir;
        if ops.is_empty() {
            return self.end_swap_stage(partition, stage, now, effects);
        }
        for op in ops {
            self.io.ask(Asked { dir, round: None, purpose: Purpose::Recover(partition) }, op, effects);
        }
    }

    /// The log goes on with the files that it has now.
    fn end_swap(&mut self, partition: TopicPartition, now: Now, effects: &mut Effects) {
        let Some(recovery) = self.recoveries.under_way.get_mut(&partition) else { return };
        let Some(swap) = recovery.swap.take() else { return };
        let files = core::mem::take(&mut recovery.files);
        let gone = |name: &str| SegmentName::parse(name).is_some_and(|name| swap.removes(name, &files));
        let (mut old, mut new) = (Vec::new(), Vec::new());
        for (name, length) in files.iter().filter(|(name, _)| !gone(name)) {
            match SegmentName::parse(name).filter(|name| name.stage == Stage::Swap) {
                Some(swapped) => new.push((SegmentName { stage: Stage::Live, ..swapped }.format().into(), *length)),
                None => old.push((name.clone(), *length)),
            }
        }
        // One that was renamed before may have left an index of the same name.
        old.retain(|(name, _)| new.iter().all(|(renamed, _)| renamed != name));
        old.append(&mut new);
        recovery.files = old;
        self.plan(partition, now, effects);
    }
}
