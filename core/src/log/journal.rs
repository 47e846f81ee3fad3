//! The journal of a log directory: a commit round that covers little of each of several logs becomes durable by one sync of
//! one file whose blocks are there already, instead of one sync for each log, each of which commits a new length.
//!
//! The journal has two halves. Frames go to one of them until the flushed ends are recorded: then the logs are synced behind
//! the rounds that go on, frames go to the other half, and once the record is durable the first half is free.
//!
//! Invariants:
//! 1. A round goes to the journal only where a frame has all of each covered log that lies behind its flushed end; then what
//!    is written of a log and not synced is in frames of a half that is not free.
//! 2. A half is written anew only when the flushed-ends file has, durably, what was captured after its last frame: everything
//!    that it holds lies in files that were synced for that.
//! 3. A journal of an earlier start is never written. It goes once all shards have recorded what they found in it.
//! 4. The metadata log, and logs that are acknowledged before they are flushed, are never in it.

use super::config::Durability;
use super::io::{Asked, Purpose};
use super::journal_file::{self, FramePlace, JournalEntry};
use super::log::{Home, Log};
use super::names::{self, JournalName};
use super::removal::Removal;
use super::store::LogStore;
use crate::effect::{Effects, IoOp, Level};
use crate::event::{IoError, IoErrorKind};
use crate::ids::{FileName, FilePosition, LeaderEpoch, LogDirIndex, ShardId, TopicPartition};
use crate::limits::{LOG_JOURNAL_PIECE_BYTES, LOG_JOURNAL_ROUND_BYTES_MAX};
use crate::time::Now;
use alloc::format;
use alloc::vec::Vec;
use bytes::Bytes;

/// The journal of a directory as this shard writes it.
#[derive(Clone, Debug)]
pub(super) struct Journal {
    shard: ShardId,
    half_bytes: u64,
    /// Which start of the node this is, as names of journals count them.
    age: u32,
    state: State,
    half: u8,
    /// Where the next frame goes.
    position: u64,
    next: FramePlace,
    /// The bytes that are kept for the next round, of all logs.
    kept_bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// There are no files yet.
    Absent,
    /// They are being made by so many operations.
    Making {
        outstanding: usize,
        names: bool,
        failed: bool,
    },
    Ready,
    /// There is none, and there will be none.
    Off,
}

/// What of a log is written and not covered by a round yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// All of it.
    All(Vec<JournalEntry>),
    /// It is too much, or not known: only a sync of its files makes it durable.
    Not,
}

impl Kept {
    pub(super) const NOTHING: Self = Self::All(Vec::new());
}

impl Journal {
    pub(super) const fn new(shard: ShardId, half_bytes: u64) -> Self {
        let state = if half_bytes > 0 { State::Absent } else { State::Off };
        let next = FramePlace { generation: 1, index: 0 };
        Self { shard, half_bytes, age: 0, state, half: 0, position: 0, next, kept_bytes: 0 }
    }

    /// Says that a journal of an earlier start was found.
    pub(super) fn note_found(&mut self, age: u32) {
        match age.checked_add(1) {
            Some(age) => self.age = self.age.max(age),
            None => self.state = State::Off,
        }
    }

    /// There is none any more.
    pub(super) const fn stop(&mut self) {
        self.state = State::Off;
    }

    /// Whether so much is written that the flushed ends should be recorded, so that the other half can be used.
    pub(super) const fn is_filling(&self) -> bool {
        self.position > self.half_bytes / 2
    }

    /// Keeps what was written of a log for the next round.
    pub(super) fn keep(&mut self, log: &mut Log, entry: JournalEntry) {
        let Kept::All(entries) = &mut log.disk.kept else { return };
        let flushed = log.config.durability == Durability::Flushed;
        self.kept_bytes += entry.bytes();
        let fits = self.kept_bytes <= LOG_JOURNAL_ROUND_BYTES_MAX;
        if fits && flushed && self.state != State::Off && log.partition != TopicPartition::CLUSTER_METADATA {
            entries.push(entry);
        } else {
            log.disk.kept = Kept::Not;
        }
    }

    /// A round begins that covers all that was kept. Where it records the flushed ends, frames go to the other half from now
    /// on: what is in this one lies in files that are synced before the record.
    pub(super) const fn begin_round(&mut self, records: bool) {
        self.kept_bytes = 0;
        if records && self.position > 0 {
            self.half = 1 - self.half;
            self.position = 0;
            self.next = FramePlace { generation: self.next.generation + 1, index: 0 };
        }
    }

    /// Whether a frame of so many bytes has room, in this half or, where the round records the flushed ends, in the other.
    const fn has_room(&self, bytes: u64, records: bool) -> bool {
        let position = if records { 0 } else { self.position };
        position + bytes <= self.half_bytes
    }

    fn file(&self, dir: LogDirIndex, half: u8) -> FileName {
        FileName::new(dir, &names::journal(JournalName { age: self.age, shard: self.shard, half }))
    }

    /// The operations that put a frame there.
    pub(super) fn put(&mut self, dir: LogDirIndex, since: LeaderEpoch, entries: &[JournalEntry]) -> [IoOp; 2] {
        let file = self.file(dir, self.half);
        let bytes = entries.iter().map(JournalEntry::bytes).sum();
        let position = FilePosition(self.position);
        let parts = journal_file::encode(since, self.next, entries);
        self.position += journal_file::frame_bytes(entries.len(), bytes);
        self.next.index += 1;
        assert!(self.position <= self.half_bytes, "a frame lies within its half");
        [IoOp::Write { file: file.clone(), position, parts }, IoOp::Sync { file }]
    }
}

impl LogStore {
    /// What a frame has to hold so that a round over these logs is durable with it; `None` where their files are to be synced.
    pub(super) fn journal_entries(
        &mut self,
        index: usize,
        covered: &[TopicPartition],
        records: bool,
        effects: &mut Effects,
    ) -> Option<Vec<JournalEntry>> {
        let dir = &self.dirs[index];
        if dir.home_names_dirty || self.closing != super::shutdown::Closing::No {
            return None;
        }
        let mut entries = Vec::new();
        for log in covered.iter().filter_map(|partition| self.logs.get(partition)) {
            let disk = &log.disk;
            let named = disk.home == Home::Made && !disk.names_dirty && disk.creating == 0;
            if !named || disk.metadata_missing || disk.metadata_unsynced {
                return None;
            }
            match &disk.kept {
                Kept::All(kept) if kept.is_empty() && log.flushed_end < log.log_end => return None,
                Kept::All(kept) => entries.extend_from_slice(kept),
                Kept::Not => return None,
            }
        }
        let several = entries
            .windows(2)
            .any(|pair| pair.first().map(|entry| entry.partition) != pair.last().map(|entry| entry.partition));
        match self.dirs[index].journal.state {
            State::Ready => {}
            State::Absent if several => {
                self.make_journal(index, effects);
                return None;
            }
            State::Absent | State::Making { .. } | State::Off => return None,
        }
        let bytes = journal_file::frame_bytes(entries.len(), entries.iter().map(JournalEntry::bytes).sum());
        (!entries.is_empty() && self.dirs[index].journal.has_room(bytes, records)).then_some(entries)
    }

    /// Makes the files, with blocks that are there: nothing waits for it.
    fn make_journal(&mut self, index: usize, effects: &mut Effects) {
        let (dir, journal) = (LogDirIndex(index as u16), &self.dirs[index].journal);
        let zeros = Bytes::from(alloc::vec![0; LOG_JOURNAL_PIECE_BYTES.min(journal.half_bytes as usize)]);
        let mut ops = Vec::new();
        for file in [journal.file(dir, 0), journal.file(dir, 1)] {
            ops.push(IoOp::Create { file: file.clone() });
            let mut position = 0;
            while position < journal.half_bytes {
                let piece = zeros.slice(..zeros.len().min((journal.half_bytes - position) as usize));
                let at = FilePosition(position);
                position += piece.len() as u64;
                ops.push(IoOp::Write { file: file.clone(), position: at, parts: alloc::vec![piece] });
            }
            ops.push(IoOp::Sync { file });
        }
        self.dirs[index].journal.state = State::Making { outstanding: ops.len(), names: false, failed: false };
        let asked = Asked { dir, round: None, purpose: Purpose::MakeJournal };
        for op in ops {
            self.io.ask(asked.clone(), op, effects);
        }
    }

    /// An operation that makes the files has ended. Where there is no space, there is no journal: nobody waits for it.
    pub(super) fn journal_made(&mut self, dir: LogDirIndex, error: Option<&IoError>, now: Now, effects: &mut Effects) {
        let index = usize::from(dir.0);
        let State::Making { outstanding, names, failed } = &mut self.dirs[index].journal.state else { return };
        *outstanding -= 1;
        *failed |= error.is_some();
        if *outstanding > 0 {
            return;
        }
        let (names, failed) = (*names, *failed);
        if failed {
            let journal = &mut self.dirs[index].journal;
            journal.state = State::Off;
            let files = alloc::vec![journal.file(dir, 0), journal.file(dir, 1)];
            let text =
                format!("{} has no space for a journal: each log's file is synced instead", self.dirs[index].path);
            effects.notice(Level::Warn, text);
            return self.remove_at(now.instant, Removal { files, home: None });
        }
        if names {
            self.dirs[index].journal.state = State::Ready;
            return;
        }
        self.dirs[index].journal.state = State::Making { outstanding: 1, names: true, failed: false };
        let asked = Asked { dir, round: None, purpose: Purpose::MakeJournal };
        self.io.ask(asked, IoOp::SyncDir { dir: FileName::new(dir, "") }, effects);
    }
}

/// Whether making a journal may fail by this without anything else being wrong with its directory.
pub(super) fn lacks_space(error: &IoError) -> bool {
    error.kind == IoErrorKind::NoSpace
}
