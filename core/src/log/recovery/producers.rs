//! The producers of a log that is not recorded, as of where its scan begins: as the snapshot at the start of that segment has
//! them. Where that is missing or torn, the scan begins at an earlier segment that has a good one, as Kafka's does, and at
//! the first where none has.
//!
//! A scan that began without them would not know which transactions were open: it would take no notice of the markers that
//! abort them, and the indexes made of it would lack what Kafka's had.

use super::plan::Plan;
use super::{FoundFile, Step};
use crate::effect::{Effects, Level};
use crate::ids::{Offset, TopicPartition};
use crate::limits::LOG_INDEX_FILE_BYTES_MAX;
use crate::log::files::producer_snapshot;
use crate::log::files::segment_name::{SegmentFile, SegmentName, Stage};
use crate::log::producer::ProducerState;
use crate::log::store::LogStore;
use crate::time::Now;
use alloc::collections::BTreeMap;
use alloc::format;

impl LogStore {
    /// Finds the producers as of where the scan begins, and takes up the segments before.
    pub(super) fn follow_plan(&mut self, partition: TopicPartition, now: Now, effects: &mut Effects) {
        let Some(recovery) = self.recoveries.under_way.get(&partition) else { return };
        match recovery.entry {
            // They are recorded with it.
            Some(_) => self.take_up_plan(partition, None, now, effects),
            None => self.find_producers(partition, recovery.plan.scan_segment, now, effects),
        }
    }

    /// Reads the newest snapshot at the start of a segment up to this one. Where there is none the scan begins with the log,
    /// and has the producers in what is scanned.
    fn find_producers(&mut self, partition: TopicPartition, up_to: usize, now: Now, effects: &mut Effects) {
        let Some(recovery) = self.recoveries.under_way.get_mut(&partition) else { return };
        let Some((at, length)) = newest_snapshot(&recovery.plan, &recovery.files, up_to) else {
            recovery.plan.scan_from(0);
            return self.take_up_plan(partition, None, now, effects);
        };
        recovery.step = Step::Producers(at);
        let base = recovery.plan.segments.get(at).map_or(Offset::ZERO, |segment| segment.base);
        let name = SegmentName::live(base, SegmentFile::ProducerSnapshot).format();
        let length = length.min(u64::from(LOG_INDEX_FILE_BYTES_MAX)) as u32;
        self.read_fixed(partition, &name, length, effects);
    }

    /// A snapshot has been read: the scan begins at its segment, or at an earlier one.
    pub(super) fn take_producers(
        &mut self,
        partition: TopicPartition,
        at: usize,
        now: Now,
        bytes: &[u8],
        effects: &mut Effects,
    ) {
        let Some(recovery) = self.recoveries.under_way.get_mut(&partition) else { return };
        let Some(log) = self.logs.get(&partition) else { return };
        match producer_snapshot::decode(bytes) {
            Ok(entries) => {
                if at < recovery.plan.scan_segment {
                    recovery.plan.scan_from(at);
                }
                self.take_up_plan(partition, Some(ProducerState::restore_unrecorded(&entries)), now, effects);
            }
            Err(error) => {
                let base = recovery.plan.segments.get(at).map_or(Offset::ZERO, |segment| segment.base);
                let text = format!("{}: the snapshot of producers at {base} is not readable: {error}", log.home);
                effects.notice(Level::Warn, text);
                self.find_producers(partition, at.saturating_sub(1), now, effects);
            }
        }
    }

    /// Takes up the segments that are not scanned, with these producers or those that are recorded, and begins to read what
    /// else is to be known of them.
    fn take_up_plan(
        &mut self,
        partition: TopicPartition,
        producers: Option<ProducerState>,
        now: Now,
        effects: &mut Effects,
    ) {
        let Some(recovery) = self.recoveries.under_way.get_mut(&partition) else { return };
        let Some(log) = self.logs.get_mut(&partition) else { return };
        let plan = &recovery.plan;
        log.take_plan(plan, recovery.entry.as_ref(), now.wall);
        if let Some(producers) = producers {
            log.producers = producers;
        }
        (recovery.segment, recovery.position) = (plan.scan_segment, plan.scan_position);
        self.read_epochs(partition, now, effects);
    }
}

/// The last segment up to `up_to` that has a snapshot at its start, and the length of that. The first segment needs none.
fn newest_snapshot(plan: &Plan, files: &[FoundFile], up_to: usize) -> Option<(usize, u64)> {
    let snapshot = |(name, length): &FoundFile| {
        let name = SegmentName::parse(name)?;
        let is_one = name.file == SegmentFile::ProducerSnapshot && name.stage == Stage::Live && *length > 0;
        is_one.then_some((name.base_offset, *length))
    };
    let snapshots: BTreeMap<Offset, u64> = files.iter().filter_map(snapshot).collect();
    let segments = plan.segments.iter().enumerate().take(up_to.saturating_add(1)).skip(1).rev();
    segments.map(|(at, segment)| (at, segment.base)).find_map(|(at, base)| Some((at, *snapshots.get(&base)?)))
}
