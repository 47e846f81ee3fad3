//! Scanning what lies behind the flushed end, piece by piece, and looking at what is left behind.

use super::scan::{self, Expected, Next, Stranded};
use super::take::scanned_segment;
use super::{STRANDED_BYTES_MAX, Step};
use crate::effect::{Effects, IoOp};
use crate::ids::{FilePosition, LeaderEpoch, Offset, TopicPartition};
use crate::limits::LOG_READ_BYTES_MAX;
use crate::log::files::segment_name::SegmentFile;
use crate::log::io::Purpose;
use crate::log::names;
use crate::log::store::LogStore;
use crate::time::Now;
use alloc::format;
use alloc::vec;
use bytes::Bytes;

impl LogStore {
    pub(super) fn begin_scan(&mut self, partition: TopicPartition, now: Now, effects: &mut Effects) {
        let Some(recovery) = self.recoveries.under_way.get_mut(&partition) else { return };
        recovery.step = Step::Scan;
        self.read_on(partition, now, effects);
    }

    /// Reads the next piece to scan, or goes to the next segment, or ends.
    fn read_on(&mut self, partition: TopicPartition, now: Now, effects: &mut Effects) {
        let Some(recovery) = self.recoveries.under_way.get_mut(&partition) else { return };
        let Some(log) = self.logs.get_mut(&partition) else { return };
        loop {
            let Some(segment) = recovery.plan.segments.get(recovery.segment) else {
                return self.finish(partition, now, None, Stranded::default(), effects);
            };
            let left = segment.bytes.unwrap_or(0).saturating_sub(recovery.position);
            if left > 0 {
                let length = u64::from(recovery.length).min(left) as u32;
                let file = names::file(log.dir, &log.home, segment.base, SegmentFile::Log);
                let position = FilePosition(recovery.position);
                return self.ask_read(partition, file, position, length, effects);
            }
            let Some(next) = recovery.plan.segments.get(recovery.segment + 1) else {
                return self.finish(partition, now, None, Stranded::default(), effects);
            };
            if next.base < log.log_end || next.base > log.log_end && recovery.foreign.is_none() {
                return self.cut_here(partition, now, effects);
            }
            recovery.segment += 1;
            recovery.position = 0;
            log.close_active_index();
            log.log_end = log.log_end.max(next.base);
            log.segments.push(scanned_segment(next, now.wall));
        }
    }

    /// Takes up the batches of a piece.
    pub(super) fn scan(&mut self, partition: TopicPartition, now: Now, piece: &Bytes, effects: &mut Effects) {
        let Some(recovery) = self.recoveries.under_way.get_mut(&partition) else { return };
        let Some(log) = self.logs.get_mut(&partition) else { return };
        let segment = recovery.plan.segments[recovery.segment];
        let bytes = segment.bytes.unwrap_or(0);
        // Only another broker has left gaps, by compaction or by copying what was compacted, and that whatever the topic's
        // configuration says today. What was appended here is without.
        let foreign = recovery.foreign.is_some();
        let next_base = recovery.plan.segments.get(recovery.segment + 1).map_or(Offset(i64::MAX), |next| next.base);
        let gap_until = foreign.then(|| next_base.min(Offset(segment.base.0.saturating_add(i64::from(i32::MAX)))));
        let start = recovery.position;
        let mut valid = true;
        loop {
            let rest = piece.get((recovery.position - start) as usize..).unwrap_or_default();
            let left = bytes - recovery.position;
            if left == 0 {
                break;
            }
            let latest = log.epochs.latest().filter(|_| !foreign);
            let epoch = latest.map_or(LeaderEpoch(-1), |latest| latest.epoch);
            let expected = Expected { offset: log.log_end, gap_until, epoch };
            match scan::next_batch(rest, left, expected) {
                Next::Batch(header) => {
                    log.take_scanned(&header, rest.get(..header.bytes).unwrap_or_default());
                    recovery.position += header.bytes as u64;
                    recovery.length = LOG_READ_BYTES_MAX;
                }
                Next::Needs(needed) => {
                    let short = (piece.len() as u64) < u64::from(recovery.length).min(bytes - start);
                    valid = !short && (recovery.position > start || needed > piece.len());
                    recovery.length = LOG_READ_BYTES_MAX.max(u32::try_from(needed).unwrap_or(u32::MAX));
                    break;
                }
                Next::Invalid => {
                    valid = false;
                    break;
                }
            }
        }
        if !foreign {
            let taken = piece.slice(..(recovery.position - start) as usize);
            self.write_again(partition, segment.base, start, taken, effects);
        }
        if valid { self.read_on(partition, now, effects) } else { self.cut_here(partition, now, effects) }
    }

    /// Writes again what was scanned, as it is. A sync that failed in an earlier incarnation may have left it in the page
    /// cache alone, marked as clean: the sync that is to cover it would succeed and do nothing.
    fn write_again(
        &mut self,
        partition: TopicPartition,
        base: Offset,
        position: u64,
        scanned: Bytes,
        effects: &mut Effects,
    ) {
        if scanned.is_empty() {
            return;
        }
        let Some(log) = self.logs.get(&partition) else { return };
        let dir = &mut self.dirs[usize::from(log.dir.0)];
        let round = dir.next_round();
        let file = names::file(log.dir, &log.home, base, SegmentFile::Log);
        let write = IoOp::Write { file, position: FilePosition(position), parts: vec![scanned] };
        dir.ask(&mut self.io, round, Purpose::Step, write, effects);
    }

    /// The log ends here. What follows is looked at for batches before it is cut, to be reported. Nothing is cut that another
    /// broker has flushed.
    fn cut_here(&mut self, partition: TopicPartition, now: Now, effects: &mut Effects) {
        let Some(recovery) = self.recoveries.under_way.get_mut(&partition) else { return };
        let Some(log) = self.logs.get(&partition) else { return };
        if recovery.foreign.is_some_and(|foreign| log.log_end < foreign.flushed) {
            let (base, position) = (recovery.plan.segments[recovery.segment].base, recovery.position);
            let what =
                format!("segment {base} is damaged at byte {position}, where offset {} was flushed", log.log_end);
            return self.set_aside(partition, &what);
        }
        recovery.step = Step::Stranded {
            cut_segment: recovery.segment,
            cut_position: recovery.position,
            found: Stranded::default(),
            checked: 0,
            looked_at: 0,
        };
        recovery.length = LOG_READ_BYTES_MAX;
        self.find_stranded(partition, now, &Bytes::new(), effects);
    }

    pub(super) fn find_stranded(&mut self, partition: TopicPartition, now: Now, piece: &Bytes, effects: &mut Effects) {
        let Some(recovery) = self.recoveries.under_way.get_mut(&partition) else { return };
        let Step::Stranded { cut_segment, cut_position, mut found, mut checked, mut looked_at } = recovery.step else {
            return;
        };
        let Some(log) = self.logs.get(&partition) else { return };
        let length_of = |at: usize| recovery.plan.segments.get(at).map(|segment| segment.bytes.unwrap_or(0));
        if !piece.is_empty() {
            let is_end =
                length_of(recovery.segment).is_none_or(|bytes| recovery.position + piece.len() as u64 >= bytes);
            let limit = 2 * STRANDED_BYTES_MAX;
            let done = scan::find_stranded(piece, is_end, log.log_end, &mut checked, limit, &mut found);
            recovery.position += done as u64;
            looked_at += done as u64;
        }
        while length_of(recovery.segment).is_some_and(|bytes| recovery.position >= bytes) {
            recovery.segment += 1;
            recovery.position = 0;
        }
        recovery.step = Step::Stranded { cut_segment, cut_position, found, checked, looked_at };
        match recovery.plan.segments.get(recovery.segment) {
            Some(segment) if looked_at < STRANDED_BYTES_MAX => {
                let left = segment.bytes.unwrap_or(0) - recovery.position;
                let file = names::file(log.dir, &log.home, segment.base, SegmentFile::Log);
                let (position, length) = (FilePosition(recovery.position), left.min(u64::from(LOG_READ_BYTES_MAX)));
                self.ask_read(partition, file, position, length as u32, effects);
            }
            Some(_) | None => self.finish(partition, now, Some((cut_segment, cut_position)), found, effects),
        }
    }
}
