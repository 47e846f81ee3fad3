//! What journals say that an earlier start has left: bytes that commit rounds have made durable there, and that the files of their
//! logs need not have. They are put into those files before the logs are scanned.

use super::Recovery;
use super::plan::Plan;
use crate::effect::{Effects, IoOp};
use crate::ids::{LeaderEpoch, Offset, TopicPartition};
use crate::log::dir::Dir;
use crate::log::files::segment_name::SegmentFile;
use crate::log::io::{IoTable, Purpose};
use crate::log::journal_file::{Frame, FramePlace, JournalEntry};
use crate::log::log::Log;
use crate::log::names;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;

/// What the journals of a directory say of this shard's logs.
#[derive(Clone, Debug, Default)]
pub(super) struct Journaled {
    /// Frames by the age of their journal and their place in it, until it is known since when they count.
    frames: Vec<(u32, Frame)>,
    entries: BTreeMap<TopicPartition, Vec<JournalEntry>>,
}

impl Journaled {
    /// Takes up the frames of a file, as far as they are about logs of the shard. The file's own bytes are not kept.
    pub(super) fn take(&mut self, age: u32, frames: Vec<Frame>, is_ours: impl Fn(TopicPartition) -> bool) {
        for mut frame in frames {
            frame.entries.retain(|entry| is_ours(entry.partition));
            for entry in &mut frame.entries {
                entry.parts = entry.parts.iter().map(|part| Bytes::copy_from_slice(part)).collect();
            }
            if !frame.entries.is_empty() {
                self.frames.push((age, frame));
            }
        }
    }

    /// It is known now since when only Grete has written to the directory: other frames say nothing.
    pub(super) fn start(&mut self, since: LeaderEpoch) {
        let mut frames = core::mem::take(&mut self.frames);
        frames.retain(|(_, frame)| frame.since == since);
        let place = |(age, frame): &(u32, Frame)| -> (u32, FramePlace) { (*age, frame.place) };
        frames.sort_by_key(place);
        for entry in frames.into_iter().flat_map(|(_, frame)| frame.entries) {
            self.entries.entry(entry.partition).or_default().push(entry);
        }
    }

    /// What they say of a log behind this offset, in the order in which it was written.
    pub(super) fn of(&mut self, partition: TopicPartition, flushed_end: Offset) -> Vec<JournalEntry> {
        let mut entries = self.entries.remove(&partition).unwrap_or_default();
        entries.retain(|entry| entry.end > flushed_end);
        entries
    }

    /// Forgets logs of topics that are not known any more.
    pub(in crate::log) fn keep_known(&mut self, known: &BTreeSet<TopicPartition>) {
        self.entries.retain(|partition, _| known.contains(partition));
    }
}

impl Recovery {
    /// The end up to which journals say that the log was flushed.
    pub(super) fn journaled_end(&self) -> Option<Offset> {
        self.journaled.iter().map(|entry| entry.end).max()
    }

    /// Has the plan count with what journals have, or says what is damaged.
    pub(super) fn plan_journaled(&self, plan: &mut Plan) -> Result<(), String> {
        for entry in &self.journaled {
            let Some(segment) = plan.segments.iter_mut().find(|segment| segment.base == entry.segment) else {
                return Err(format!(
                    "segment {} is missing, and was flushed up to offset {}",
                    entry.segment, entry.end
                ));
            };
            let Some(bytes) = &mut segment.bytes else {
                return Err(format!(
                    "segment {} has no file, and was flushed up to offset {}",
                    entry.segment, entry.end
                ));
            };
            *bytes = (*bytes).max(entry.position.0.saturating_add(entry.bytes() as u64));
        }
        Ok(())
    }

    /// Puts what journals have into the log's files: it is read there afterwards, and a round makes it durable.
    pub(super) fn write_journaled(&self, io: &mut IoTable, dir: &mut Dir, log: &Log, effects: &mut Effects) {
        for entry in &self.journaled {
            let file = names::file(log.dir, &log.home, entry.segment, SegmentFile::Log);
            let write = IoOp::Write { file, position: entry.position, parts: entry.parts.clone() };
            let round = dir.next_round();
            dir.ask(io, round, Purpose::Step, write, effects);
        }
    }
}
