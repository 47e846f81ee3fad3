//! What a recovery has to do, from what is known of a log and the files that were found.

use super::before::Unrecorded;
use crate::ids::{FilePosition, Offset};
use crate::log::ends_file::EndEntry;
use crate::log::files::leader_epoch_checkpoint;
use crate::log::files::segment_name::{SegmentFile, SegmentName, Stage};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A file of a partition's directory: its name and its length.
pub(in crate::log) type FoundFile = (Arc<str>, u64);

/// The files of one segment, by their lengths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct FoundSegment {
    pub(super) base: Offset,
    /// `None` for a segment that is known to be empty and whose file was never made.
    pub(super) bytes: Option<u64>,
    pub(super) offset_index: Option<u64>,
    pub(super) time_index: Option<u64>,
    pub(super) txn_index: Option<u64>,
}

/// What is to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// All segments, by base offset.
    pub(super) segments: Vec<FoundSegment>,
    /// The segment and the place in its file where scanning begins.
    pub(super) scan_segment: usize,
    pub(super) scan_position: u64,
    /// The offset that the first batch to be scanned has at least. What lies before is flushed.
    pub(super) scan_offset: Offset,
    pub(super) log_start: Offset,
    /// The log starts there at least, where it reaches so far.
    pub(super) log_start_min: Offset,
    /// Files that are no part of the log any more.
    pub(super) leftovers: Vec<Arc<str>>,
}

impl Plan {
    /// The plan for a log with these files, or what is damaged. `foreign` is what another broker says of it, where it may have
    /// written it and nothing is recorded.
    pub(super) fn new(
        files: &[FoundFile],
        entry: Option<&EndEntry>,
        foreign: Option<Unrecorded>,
    ) -> Result<Self, String> {
        let mut segments: BTreeMap<Offset, FoundSegment> = BTreeMap::new();
        let mut indexes: Vec<(Offset, SegmentFile, u64, &Arc<str>)> = Vec::new();
        let mut leftovers = Vec::new();
        for (name, length) in files {
            match SegmentName::parse(name) {
                Some(SegmentName { base_offset, file: SegmentFile::Log, stage: Stage::Live }) => {
                    let found = FoundSegment { base: base_offset, bytes: Some(*length), ..FoundSegment::default() };
                    segments.insert(base_offset, found);
                }
                Some(SegmentName { base_offset, file, stage: Stage::Live }) => {
                    indexes.push((base_offset, file, *length, name))
                }
                // A compaction that was complete has been completed before this.
                Some(SegmentName { stage: Stage::Cleaned | Stage::Deleted | Stage::Swap, .. }) => {
                    leftovers.push(name.clone());
                }
                None if is_replacement_of_ours(name) => leftovers.push(name.clone()),
                None => {}
            }
        }
        for (base, file, length, name) in indexes {
            let Some(segment) = segments.get_mut(&base) else {
                if file != SegmentFile::ProducerSnapshot {
                    // The segment's own file is gone with a power loss, or has not become durable.
                    leftovers.push(name.clone());
                }
                continue;
            };
            match file {
                SegmentFile::OffsetIndex => segment.offset_index = Some(length),
                SegmentFile::TimeIndex => segment.time_index = Some(length),
                SegmentFile::TxnIndex => segment.txn_index = Some(length),
                SegmentFile::Log | SegmentFile::ProducerSnapshot => {}
            }
        }
        let segments: Vec<FoundSegment> = segments.into_values().collect();
        let has_epochs = files.iter().any(|(name, _)| **name == *leader_epoch_checkpoint::NAME);
        let plan = match entry {
            Some(entry) => Self::recorded(segments, entry)?,
            None => Self::unrecorded(segments, foreign, has_epochs),
        };
        Ok(Self { leftovers, ..plan })
    }

    fn recorded(mut segments: Vec<FoundSegment>, entry: &EndEntry) -> Result<Self, String> {
        let FilePosition(position) = entry.position;
        let at = match segments.binary_search_by_key(&entry.segment, |segment| segment.base) {
            Ok(at) => at,
            Err(at) if position == 0 && entry.segment == entry.flushed_end => {
                // It was begun, and nothing in it was flushed. Later ones that a power loss has left without it go.
                segments.insert(at, FoundSegment { base: entry.segment, ..FoundSegment::default() });
                at
            }
            Err(_) => {
                return Err(format!("segment {} is missing, and was flushed up to byte {position}", entry.segment));
            }
        };
        let bytes = segments.get(at).and_then(|segment| segment.bytes).unwrap_or(0);
        if bytes < position {
            return Err(format!("segment {} has {bytes} bytes, and was flushed up to byte {position}", entry.segment));
        }
        let first = segments.first().map_or(entry.segment, |segment| segment.base);
        if first > entry.log_start {
            return Err(format!("segment {first} is the first, and the log starts at {}", entry.log_start));
        }
        Ok(Self {
            scan_segment: at,
            scan_position: position,
            scan_offset: entry.flushed_end,
            log_start: entry.log_start,
            log_start_min: entry.log_start,
            segments,
            leftovers: Vec::new(),
        })
    }

    /// `has_epochs` says whether there is a file of leader epochs. Kafka makes one with each log, and we do so before a log
    /// is recorded; so a log without either is one of ours whose start was never moved: it begins at 0, and where it
    /// does not, a power loss has taken its front.
    fn unrecorded(mut segments: Vec<FoundSegment>, foreign: Option<Unrecorded>, has_epochs: bool) -> Self {
        let unrecorded = foreign.unwrap_or(Unrecorded::NEW);
        let lacks_front = segments.first().is_some_and(|first| first.base > Offset::ZERO);
        if segments.is_empty() || lacks_front && !has_epochs && foreign.is_none() {
            segments.insert(0, FoundSegment::default());
        }
        let scan_segment = segments.iter().rposition(|segment| segment.base <= unrecorded.flushed).unwrap_or(0);
        let base = |at: usize| segments.get(at).map_or(Offset::ZERO, |segment| segment.base);
        Self {
            scan_segment,
            scan_position: 0,
            scan_offset: base(scan_segment),
            log_start: base(0),
            log_start_min: unrecorded.log_start,
            segments,
            leftovers: Vec::new(),
        }
    }

    /// Has the log scanned from an earlier segment on.
    pub(super) fn scan_from(&mut self, segment: usize) {
        self.scan_segment = segment;
        self.scan_position = 0;
        self.scan_offset = self.segments.get(segment).map_or(self.scan_offset, |segment| segment.base);
    }

    /// Whether nothing lies behind what was flushed.
    pub(super) fn is_clean(&self) -> bool {
        let last = self.scan_segment + 1 == self.segments.len();
        let bytes = self.segments.get(self.scan_segment).and_then(|segment| segment.bytes).unwrap_or(0);
        last && bytes == self.scan_position
    }
}
/// Whether a file was to replace one of the log's. The quorum, whose files lie here too, sees to its own.
fn is_replacement_of_ours(name: &str) -> bool {
    let replaced = name.strip_suffix(crate::log::replace::SUFFIX);
    replaced.is_some_and(|name| name == leader_epoch_checkpoint::NAME || SegmentName::parse(name).is_some())
}
