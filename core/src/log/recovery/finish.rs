//! The end of a recovery: the log is cut where it has to be, and opened.

use super::scan::Stranded;
use crate::effect::{Effects, IoOp, Level};
use crate::ids::{FileName, Offset, TopicPartition};
use crate::log::dir::Dir;
use crate::log::files::partition_dir::{DirKind, PartitionDir};
use crate::log::files::segment_name::{SegmentFile, SegmentName, Stage};
use crate::log::io::{IoTable, Purpose};
use crate::log::journal::Kept;
use crate::log::log::{Log, Phase};
use crate::log::names;
use crate::log::outcome::LogEvent;
use crate::log::store::LogStore;
use crate::time::Now;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

impl LogStore {
    /// Opens the log, after cutting what does not belong to it.
    pub(super) fn finish(
        &mut self,
        partition: TopicPartition,
        now: Now,
        cut: Option<(usize, u64)>,
        stranded: Stranded,
        effects: &mut Effects,
    ) {
        let Some(recovery) = self.recoveries.under_way.get(&partition) else { return };
        let Some(log) = self.logs.get_mut(&partition) else { return };
        let dir = &mut self.dirs[usize::from(log.dir.0)];
        let plan = &recovery.plan;
        if let Some(end) = recovery.journaled_end().filter(|end| log.log_end < *end) {
            let what = format!("its batches end at offset {}, and it was flushed up to offset {end}", log.log_end);
            return self.set_aside(partition, &what);
        }
        if let Some((segment, position)) = cut {
            let round = dir.next_round();
            let torn = plan.segments[segment];
            let mut bytes_cut = torn.bytes.unwrap_or(0) - position;
            if bytes_cut > 0 {
                let file = names::file(log.dir, &log.home, torn.base, SegmentFile::Log);
                dir.ask(&mut self.io, round, Purpose::Step, IoOp::Truncate { file, length: position }, effects);
            }
            let removed: Vec<Offset> = plan.segments[segment + 1..].iter().map(|segment| segment.base).collect();
            bytes_cut += plan.segments[segment + 1..].iter().map(|segment| segment.bytes.unwrap_or(0)).sum::<u64>();
            for (name, _) in &recovery.files {
                let of_segment = |name: SegmentName| {
                    name.file != SegmentFile::ProducerSnapshot && removed.contains(&name.base_offset)
                };
                if SegmentName::parse(name).is_some_and(of_segment) {
                    let file = names::fixed(log.dir, &log.home, name);
                    dir.ask(&mut self.io, round, Purpose::Step, IoOp::Remove { file }, effects);
                }
            }
            effects.notice(Level::Warn, cut_notice(log, bytes_cut, stranded, recovery.foreign.is_some()));
        }
        // Of the snapshots those at the start of a segment stay, and the one at the end of the log.
        for (name, _) in &recovery.files {
            let Some(SegmentName { base_offset, file: SegmentFile::ProducerSnapshot, stage: Stage::Live }) =
                SegmentName::parse(name)
            else {
                continue;
            };
            if log.segment_with_base(base_offset).is_some() || base_offset == log.log_end {
                log.snapshots.push(base_offset);
            } else {
                let (round, file) = (dir.next_round(), names::fixed(log.dir, &log.home, name));
                dir.ask(&mut self.io, round, Purpose::Step, IoOp::Remove { file }, effects);
            }
        }
        let unflushed = !plan.is_clean() || recovery.entry.is_none();
        if unflushed {
            log.disk.kept = Kept::Not;
            for at in plan.scan_segment..log.segments.len() {
                let segment = &log.segments[at];
                if segment.created {
                    log.note_unsynced(segment.base, SegmentFile::Log);
                }
            }
            log.disk.names_dirty = true;
            log.disk.metadata_unsynced = recovery.entry.is_none() && !log.disk.metadata_missing;
            dir.home_names_dirty |= recovery.entry.is_none();
        }
        let scanned: u64 = log.segments[plan.scan_segment..].iter().map(|segment| segment.bytes).sum();
        log.unrecorded_bytes = scanned.saturating_sub(plan.scan_position);
        log.written_end = log.log_end;
        log.log_start = log.log_start.max(plan.log_start_min.min(log.log_end));
        log.high_watermark = log.high_watermark.max(log.log_start);
        log.epochs_dirty |= log.epochs.truncate_from_start(log.log_start);
        log.producers.advance_start(log.log_start);
        log.phase = Phase::Open;
        dir.ends.note_bytes(log.unrecorded_bytes);
        if unflushed {
            dir.dirty.insert(partition);
            if recovery.entry.is_none() || !recovery.journaled.is_empty() {
                dir.ends.note_unproven(partition);
            } else {
                dir.ends.note(partition, now.instant.after_ms(self.config.record_interval_ms));
            }
            // Even where nothing was scanned, the metadata file or a cut has to become durable.
            self.stepped.insert(partition);
        }
        // What was let go of and is still there goes once the start is recorded again: after a crash, what the file of
        // flushed ends says need not be durable.
        log.let_go();
        if !log.leaving.is_empty() {
            dir.ends.note(partition, now.instant);
        }
        self.events.push_back(LogEvent::Opened { partition });
        if log.advance_durable_end() {
            self.events.push_back(LogEvent::Flushed { partition, durable_end: log.durable_end });
        }
        let foreign = recovery.foreign.map(|_| plan.segments[plan.scan_segment].base);
        if let Some(scanned) = foreign {
            self.write_transactions(partition, scanned, effects);
        }
        self.end_recovery(partition);
    }
}

/// Cuts an index file to what is kept of it.
#[expect(clippy::too_many_arguments, reason = "the parts of a store that it needs are borrowed one by one")]
pub(super) fn cut_file(
    io: &mut IoTable,
    dir: &mut Dir,
    log: &Log,
    base: Offset,
    kind: SegmentFile,
    length: Option<u64>,
    kept: u64,
    effects: &mut Effects,
) {
    if length.is_some_and(|length| length > kept) {
        let round = dir.next_round();
        let file = names::file(log.dir, &log.home, base, kind);
        dir.ask(io, round, Purpose::Step, IoOp::Truncate { file, length: kept }, effects);
    }
}

/// Gives a directory that belongs to no topic a name that says so. It is kept: who deletes data is a human.
pub(in crate::log) fn put_aside(io: &mut IoTable, dir: &mut Dir, home: &str, owner: u128, effects: &mut Effects) {
    let Some(name) = PartitionDir::parse(home) else { return };
    let aside = PartitionDir { kind: DirKind::Stray(dir.unique(owner)), ..name }.format();
    effects.notice(
        Level::Warn,
        format!("{home} in {} belongs to no topic that is known; it is kept as {aside}", dir.path),
    );
    let round = dir.next_round();
    let (from, to) = (FileName::new(dir.index, home), FileName::new(dir.index, &aside));
    dir.ask(io, round, Purpose::Step, IoOp::Rename { from, to }, effects);
    dir.home_names_dirty = true;
}

/// What another broker had appended and not flushed it may have acknowledged.
fn cut_notice(log: &Log, bytes: u64, stranded: Stranded, foreign: bool) -> String {
    let (home, end) = (&log.home, log.log_end);
    let of_them = if foreign {
        ", which the broker that wrote them had not noted as flushed, are cut"
    } else {
        " were never acknowledged and are cut"
    };
    let mut text = format!("partition {home} ends at offset {end}: {bytes} bytes behind it{of_them}");
    if stranded.batches > 0 {
        let behind = format!("; among them {} whole batches of {} bytes", stranded.batches, stranded.bytes);
        text.push_str(&behind);
    }
    text
}
