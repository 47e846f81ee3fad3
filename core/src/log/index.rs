//! The offset index and the time index of a segment: where to begin reading for an offset or a time.
//!
//! On disk an offset entry is 8 bytes (offset relative to the segment's base, file position) and a time entry 12 (time,
//! relative offset), big-endian. Entries are sparse, and a lookup only says where to begin: a lost entry costs a longer
//! scan and nothing else. They are written as they come, some at a time, never ahead.
//!
//! Invariants:
//! 1. Offset entries grow in both columns; time entries grow in time and do not fall in offset.
//! 2. Where entries are in memory, all of them are. `offsets_written <= offsets`, and the same for times.
//! 3. Entries that are not written yet are in memory.

use crate::ids::{FilePosition, Offset, Timestamp};
use alloc::vec::Vec;
use bytes::{BufMut, Bytes, BytesMut};

/// The bytes of an offset entry.
pub(super) const OFFSET_ENTRY_BYTES: u64 = 8;
/// The bytes of a time entry.
pub(super) const TIME_ENTRY_BYTES: u64 = 12;

/// Which batch, and where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OffsetEntry {
    /// The batch's last offset, relative to the segment's base.
    pub(super) offset: u32,
    /// Where the batch begins.
    pub(super) position: u32,
}

/// The greatest time so far, and the batch that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TimeEntry {
    /// The time.
    pub(super) timestamp: i64,
    /// The last offset of the batch that has it, relative to the segment's base.
    pub(super) offset: u32,
}

/// The two indexes of a segment.
#[derive(Clone, Debug)]
pub(super) struct SegmentIndex {
    entries: Entries,
    offsets_written: u32,
    times_written: u32,
    /// Whether the files have been asked for.
    pub(super) offsets_created: bool,
    pub(super) times_created: bool,
}

#[derive(Clone, Debug)]
enum Entries {
    /// The files hold the written entries; what came since waits to be written.
    OnDisk {
        /// The last of the written entries. `None` where the files have not been looked at since boot: nothing is written
        /// before they have been.
        last: Option<Last>,
        offsets: Vec<OffsetEntry>,
        times: Vec<TimeEntry>,
    },
    Loaded {
        offsets: Vec<OffsetEntry>,
        times: Vec<TimeEntry>,
    },
}

#[derive(Clone, Copy, Debug)]
struct Last {
    offset: Option<OffsetEntry>,
    time: Option<TimeEntry>,
}

impl SegmentIndex {
    /// The index of a new segment.
    pub(super) const fn new() -> Self {
        Self {
            entries: Entries::Loaded { offsets: Vec::new(), times: Vec::new() },
            offsets_written: 0,
            times_written: 0,
            offsets_created: false,
            times_created: false,
        }
    }

    /// An index that lies in files of these lengths; `None` where there is no file.
    pub(super) fn on_disk(offset_bytes: Option<u64>, time_bytes: Option<u64>) -> Self {
        let count = |bytes: Option<u64>, entry| u32::try_from(bytes.unwrap_or(0) / entry).unwrap_or(u32::MAX);
        Self {
            entries: Entries::OnDisk { last: None, offsets: Vec::new(), times: Vec::new() },
            offsets_written: count(offset_bytes, OFFSET_ENTRY_BYTES),
            times_written: count(time_bytes, TIME_ENTRY_BYTES),
            offsets_created: offset_bytes.is_some(),
            times_created: time_bytes.is_some(),
        }
    }

    /// Whether the entries are in memory.
    #[cfg(test)]
    pub(super) const fn is_loaded(&self) -> bool {
        matches!(self.entries, Entries::Loaded { .. })
    }

    /// The bytes that the offset index has or will have on disk.
    pub(super) fn offset_bytes(&self) -> u64 {
        OFFSET_ENTRY_BYTES
            * match &self.entries {
                Entries::OnDisk { offsets, .. } => u64::from(self.offsets_written) + offsets.len() as u64,
                Entries::Loaded { offsets, .. } => offsets.len() as u64,
            }
    }

    /// The bytes that the time index has or will have on disk.
    pub(super) fn time_bytes(&self) -> u64 {
        TIME_ENTRY_BYTES
            * match &self.entries {
                Entries::OnDisk { times, .. } => u64::from(self.times_written) + times.len() as u64,
                Entries::Loaded { times, .. } => times.len() as u64,
            }
    }

    /// The bytes of the offset index that are written.
    pub(super) fn offset_file_bytes(&self) -> u64 {
        u64::from(self.offsets_written) * OFFSET_ENTRY_BYTES
    }

    /// The bytes of the time index that are written.
    pub(super) fn time_file_bytes(&self) -> u64 {
        u64::from(self.times_written) * TIME_ENTRY_BYTES
    }

    /// The memory that the entries take.
    pub(super) fn memory_bytes(&self) -> usize {
        let (Entries::OnDisk { offsets, times, .. } | Entries::Loaded { offsets, times }) = &self.entries;
        offsets.capacity() * size_of::<OffsetEntry>() + times.capacity() * size_of::<TimeEntry>()
    }

    /// Takes up what the files hold. Entries that break invariant 1 or point beyond the segment end the index there: what a
    /// power loss left of an index that was not synced.
    pub(super) fn load(&mut self, offset_file: &[u8], time_file: &[u8], segment_bytes: u64) {
        let Entries::OnDisk { offsets, times, .. } = &mut self.entries else { return };
        let (waiting_offsets, waiting_times) = (core::mem::take(offsets), core::mem::take(times));
        let mut offsets: Vec<OffsetEntry> = Vec::with_capacity(offset_file.len() / OFFSET_ENTRY_BYTES as usize);
        for entry in offset_file.as_chunks::<8>().0 {
            let [o0, o1, o2, o3, p0, p1, p2, p3] = *entry;
            let entry = OffsetEntry {
                offset: u32::from_be_bytes([o0, o1, o2, o3]),
                position: u32::from_be_bytes([p0, p1, p2, p3]),
            };
            let grows = match offsets.last() {
                Some(last) => entry.offset > last.offset && entry.position > last.position,
                None => entry.position > 0,
            };
            if !grows || u64::from(entry.position) >= segment_bytes {
                break;
            }
            offsets.push(entry);
        }
        let mut times: Vec<TimeEntry> = Vec::with_capacity(time_file.len() / TIME_ENTRY_BYTES as usize);
        for entry in time_file.as_chunks::<12>().0 {
            let [t0, t1, t2, t3, t4, t5, t6, t7, o0, o1, o2, o3] = *entry;
            let entry = TimeEntry {
                timestamp: i64::from_be_bytes([t0, t1, t2, t3, t4, t5, t6, t7]),
                offset: u32::from_be_bytes([o0, o1, o2, o3]),
            };
            let grows = match times.last() {
                Some(last) => entry.timestamp > last.timestamp && entry.offset >= last.offset,
                None => entry.timestamp > 0 || entry.offset > 0,
            };
            if !grows {
                break;
            }
            times.push(entry);
        }
        self.offsets_written = offsets.len() as u32;
        self.times_written = times.len() as u32;
        self.entries = Entries::Loaded { offsets, times };
        waiting_offsets.into_iter().for_each(|entry| self.push_offset(entry));
        waiting_times.into_iter().for_each(|entry| self.push_time(entry));
    }

    /// Forgets the entries in memory where all of them are written.
    pub(super) fn unload(&mut self) {
        let Entries::Loaded { offsets, times } = &self.entries else { return };
        if !self.has_unwritten() {
            let last = Some(Last { offset: offsets.last().copied(), time: times.last().copied() });
            self.entries = Entries::OnDisk { last, offsets: Vec::new(), times: Vec::new() };
        }
    }

    /// Whether entries can be written: the files are known to hold what they should.
    pub(super) const fn can_write(&self) -> bool {
        matches!(self.entries, Entries::Loaded { .. } | Entries::OnDisk { last: Some(_), .. })
    }

    /// Adds an entry for a batch.
    pub(super) fn push(&mut self, entry: OffsetEntry, time: TimeEntry) {
        self.push_offset(entry);
        self.push_time(time);
    }

    fn push_offset(&mut self, entry: OffsetEntry) {
        let (offsets, written) = match &mut self.entries {
            Entries::OnDisk { last, offsets, .. } => (offsets, last.and_then(|last| last.offset)),
            Entries::Loaded { offsets, .. } => (offsets, None),
        };
        let last = offsets.last().copied().or(written);
        if last.is_none_or(|last| entry.offset > last.offset && entry.position > last.position) {
            offsets.push(entry);
        }
    }

    /// Adds a time entry where it is later than the last one.
    pub(super) fn push_time(&mut self, time: TimeEntry) {
        let (times, written) = match &mut self.entries {
            Entries::OnDisk { last, times, .. } => (times, last.and_then(|last| last.time)),
            Entries::Loaded { times, .. } => (times, None),
        };
        let last = times.last().copied().or(written);
        let later = last.is_none_or(|last| time.timestamp > last.timestamp && time.offset >= last.offset);
        if time.timestamp >= 0 && later {
            times.push(time);
        }
    }

    /// Drops all entries at or beyond `position`, and time entries at or beyond the relative offset `end`. The entries must
    /// be in memory. What is on disk beyond has to be cut: the lengths come back.
    pub(super) fn truncate(&mut self, position: u64, end: u32) -> (u64, u64) {
        let Entries::Loaded { offsets, times } = &mut self.entries else {
            panic!("an index is loaded before it is cut")
        };
        offsets.truncate(offsets.partition_point(|entry| u64::from(entry.position) < position));
        times.truncate(times.partition_point(|entry| entry.offset < end));
        self.offsets_written = self.offsets_written.min(offsets.len() as u32);
        self.times_written = self.times_written.min(times.len() as u32);
        (self.offset_bytes(), self.time_bytes())
    }

    /// Drops the offset entries at or beyond `position`. What is on disk beyond has to be cut: the length of the file that is
    /// left comes back. `None` where the entries are not in memory.
    pub(super) fn forget_offsets_from(&mut self, position: u64) -> Option<u64> {
        let Entries::Loaded { offsets, .. } = &mut self.entries else { return None };
        offsets.truncate(offsets.partition_point(|entry| u64::from(entry.position) < position));
        self.offsets_written = self.offsets_written.min(offsets.len() as u32);
        Some(self.offset_file_bytes())
    }

    /// Where to begin looking for the batch that has `offset`. `None` where the entries are not in memory.
    pub(super) fn position_for(&self, base: Offset, offset: Offset) -> Option<FilePosition> {
        let Entries::Loaded { offsets, .. } = &self.entries else { return None };
        let relative = u32::try_from(offset.0.saturating_sub(base.0)).unwrap_or(u32::MAX);
        let after = offsets.partition_point(|entry| entry.offset <= relative);
        Some(FilePosition(after.checked_sub(1).map_or(0, |at| u64::from(offsets[at].position))))
    }

    /// The offset from which on a record with at least this time may lie. `None` where the entries are not in memory.
    pub(super) fn offset_before_time(&self, base: Offset, timestamp: Timestamp) -> Option<Offset> {
        let Entries::Loaded { times, .. } = &self.entries else { return None };
        let after = times.partition_point(|entry| entry.timestamp < timestamp.0);
        Some(base.plus(after.checked_sub(1).map_or(0, |at| i64::from(times[at].offset))))
    }

    /// The last time entry. `None` where there is none or the entries are not in memory.
    pub(super) fn last_time(&self) -> Option<TimeEntry> {
        let Entries::Loaded { times, .. } = &self.entries else { return None };
        times.last().copied()
    }

    /// The number of entries that are not written yet.
    pub(super) fn unwritten(&self) -> usize {
        match &self.entries {
            Entries::OnDisk { offsets, times, .. } => offsets.len() + times.len(),
            Entries::Loaded { offsets, times } => {
                offsets.len() - self.offsets_written as usize + (times.len() - self.times_written as usize)
            }
        }
    }

    /// Whether entries are not written yet.
    pub(super) fn has_unwritten(&self) -> bool {
        self.unwritten() > 0
    }

    /// Takes the offset entries that are not written yet, as bytes and the position where they go.
    pub(super) fn take_unwritten_offsets(&mut self) -> Option<(FilePosition, Bytes)> {
        let rest = match &mut self.entries {
            Entries::OnDisk { last: None, .. } => return None,
            Entries::OnDisk { last: Some(last), offsets, .. } => {
                last.offset = offsets.last().copied().or(last.offset);
                core::mem::take(offsets)
            }
            Entries::Loaded { offsets, .. } => offsets.get(self.offsets_written as usize..)?.to_vec(),
        };
        let mut bytes = BytesMut::with_capacity(rest.len() * OFFSET_ENTRY_BYTES as usize);
        for entry in &rest {
            bytes.put_u32(entry.offset);
            bytes.put_u32(entry.position);
        }
        let at = FilePosition(u64::from(self.offsets_written) * OFFSET_ENTRY_BYTES);
        self.offsets_written += rest.len() as u32;
        (!rest.is_empty()).then(|| (at, bytes.freeze()))
    }

    /// Takes the time entries that are not written yet, as bytes and the position where they go.
    pub(super) fn take_unwritten_times(&mut self) -> Option<(FilePosition, Bytes)> {
        let rest = match &mut self.entries {
            Entries::OnDisk { last: None, .. } => return None,
            Entries::OnDisk { last: Some(last), times, .. } => {
                last.time = times.last().copied().or(last.time);
                core::mem::take(times)
            }
            Entries::Loaded { times, .. } => times.get(self.times_written as usize..)?.to_vec(),
        };
        let mut bytes = BytesMut::with_capacity(rest.len() * TIME_ENTRY_BYTES as usize);
        for entry in &rest {
            bytes.put_i64(entry.timestamp);
            bytes.put_u32(entry.offset);
        }
        let at = FilePosition(u64::from(self.times_written) * TIME_ENTRY_BYTES);
        self.times_written += rest.len() as u32;
        (!rest.is_empty()).then(|| (at, bytes.freeze()))
    }

    /// Asserts the invariants.
    pub(super) fn check_invariants(&self) {
        let Entries::Loaded { offsets, times } = &self.entries else { return };
        assert!(offsets.is_sorted_by(|a, b| a.offset < b.offset && a.position < b.position), "offset entries grow");
        assert!(times.is_sorted_by(|a, b| a.timestamp < b.timestamp && a.offset <= b.offset), "time entries grow");
        assert!(self.offsets_written as usize <= offsets.len(), "only offset entries that exist are written");
        assert!(self.times_written as usize <= times.len(), "only time entries that exist are written");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An index with what files of these entries hold, in a segment of 1000 bytes.
    fn loaded(offsets: &[(u32, u32)], times: &[(i64, u32)]) -> SegmentIndex {
        let offsets: Vec<u8> = offsets.iter().flat_map(|(o, p)| [o.to_be_bytes(), p.to_be_bytes()].concat()).collect();
        let times: Vec<u8> =
            times.iter().flat_map(|(t, o)| [&t.to_be_bytes()[..], &o.to_be_bytes()].concat()).collect();
        let mut index = SegmentIndex::on_disk(Some(offsets.len() as u64), Some(times.len() as u64));
        index.load(&offsets, &times, 1000);
        index.check_invariants();
        index
    }

    fn counts(index: &SegmentIndex) -> (u64, u64) {
        (index.offset_file_bytes() / OFFSET_ENTRY_BYTES, index.time_file_bytes() / TIME_ENTRY_BYTES)
    }

    #[test]
    fn entries_that_do_not_grow_end_an_index() {
        let of = |offsets: &[_], times: &[_]| counts(&loaded(offsets, times));
        assert_eq!(of(&[(3, 100), (5, 300)], &[(0, 2), (10, 2), (11, 9)]), (2, 3), "as they should be");
        assert_eq!(of(&[(3, 100), (3, 300)], &[(10, 2), (10, 9)]), (1, 1));
        assert_eq!(of(&[(3, 100), (5, 100)], &[(10, 2), (11, 1)]), (1, 1));
        assert_eq!(of(&[(3, 100), (4, 1000)], &[(10, 2)]), (1, 1), "beyond the segment");
        assert_eq!(of(&[(0, 0)], &[(0, 0)]), (0, 0), "what was never written reads as zeros");
        assert_eq!(of(&[(3, 100), (0, 0), (5, 300)], &[(10, 2), (0, 0), (11, 9)]), (1, 1));
    }

    #[test]
    fn what_is_written_is_forgotten_and_what_is_not_is_kept() {
        let mut index = loaded(&[(3, 100), (5, 300)], &[(10, 2), (11, 9)]);
        assert_eq!(index.unwritten(), 0);
        index.unload();
        assert!(!index.is_loaded());
        let mut index = loaded(&[(3, 100)], &[(10, 2)]);
        index.push(OffsetEntry { offset: 7, position: 400 }, TimeEntry { timestamp: 12, offset: 7 });
        assert_eq!(index.unwritten(), 2);
        index.unload();
        assert!(index.is_loaded(), "it is not in the files yet");
        assert_eq!(index.take_unwritten_offsets().map(|(at, bytes)| (at.0, bytes.len())), Some((8, 8)));
        assert_eq!(index.unwritten(), 1);
        assert_eq!(index.take_unwritten_times().map(|(at, bytes)| (at.0, bytes.len())), Some((12, 12)));
        index.unload();
        assert!(!index.is_loaded());
    }
}
