//! The logs of a shard: the map of them, and where completions go.

use super::config::{LogConfig, LogStoreConfig};
use super::dir::Dir;
use super::io::{IoTable, Purpose};
use super::journal::{self, Journal};
use super::log::{Log, Phase};
use super::outcome::{LogEvent, Unavailable};
use super::read::Reads;
use super::recovery::Recoveries;
use super::removal::Removals;
use super::replace::{AfterReplace, Replacements};
use super::shutdown::Closing;
use super::tail::TailBudget;
use crate::effect::Effects;
use crate::event::{FoundFiles, IoError, IoErrorKind, IoResult};
use crate::ids::{IoId, LeaderEpoch, LogDirIndex, Offset, PartitionIndex, TopicPartition};
use crate::time::{Instant, Now};
use crate::timer::Timers;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// All logs of one shard.
#[derive(Clone, Debug)]
pub struct LogStore {
    pub(super) config: LogStoreConfig,
    /// The epoch since which only Grete has written to the directories, once it is known.
    pub(super) since: Option<LeaderEpoch>,
    pub(super) dirs: Vec<Dir>,
    pub(super) logs: BTreeMap<TopicPartition, Log>,
    pub(super) io: IoTable,
    pub(super) tail: TailBudget,
    pub(super) reads: Reads,
    pub(super) events: VecDeque<LogEvent>,
    pub(super) replacements: Replacements,
    pub(super) recoveries: Recoveries,
    pub(super) closing: Closing,
    pub(super) removals: Removals,
    pub(super) timers: Timers<LogTimer>,
    /// The logs that were appended to in this step.
    pub(super) stepped: BTreeSet<TopicPartition>,
}

impl LogStore {
    /// The logs of a shard on a node whose directories hold these files. No log is open yet, and none opens before
    /// [`start`](Self::start).
    pub fn boot(config: LogStoreConfig, found: &FoundFiles, now: Now, effects: &mut Effects) -> Self {
        let tail = TailBudget::new(config.tail_bytes_max);
        let journal = Journal::new(config.shard, config.journal_bytes);
        let mut store = Self {
            config,
            since: None,
            dirs: found.dirs.iter().map(|dir| Dir::new(dir.dir, dir.path.clone(), journal.clone())).collect(),
            logs: BTreeMap::new(),
            io: IoTable::default(),
            tail,
            reads: Reads::default(),
            events: VecDeque::new(),
            replacements: Replacements::default(),
            recoveries: Recoveries::default(),
            closing: Closing::default(),
            removals: Removals::default(),
            timers: Timers::default(),
            stepped: BTreeSet::new(),
        };
        store.timers.set(LogTimer::Retention, now.instant.after_ms(store.config.retention_check_interval_ms));
        for (index, dir) in found.dirs.iter().enumerate() {
            match &dir.entries {
                Ok(entries) => store.begin_boot(index, entries, effects),
                Err(error) => store.fail_dir(dir.dir, error),
            }
        }
        store
    }

    /// Says since which epoch only Grete has written to the directories, and which of them were left in order by whoever used
    /// them last. What flushed-ends files of other epochs say does not count.
    pub fn start(&mut self, now: Now, since: LeaderEpoch, clean: &[LogDirIndex], effects: &mut Effects) {
        assert!(self.since.is_none(), "a store is started once");
        self.since = Some(since);
        for index in 0..self.dirs.len() {
            self.dirs[index].boot.start(clean.contains(&LogDirIndex(index as u16)));
            self.end_boot(index, now, effects);
        }
    }

    /// Whether all logs that are open are recorded, so that nothing that is served rests any more on the files of another broker,
    /// or of shards that are none any more.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        self.dirs.iter().all(|dir| dir.offline || dir.ends.is_proven())
    }

    /// The directories of which that is so by themselves: what is in one that failed on the way was not all taken over.
    #[must_use]
    pub fn proven_dirs(&self) -> BTreeSet<LogDirIndex> {
        let proven =
            |dir: &&Dir| !dir.offline && dir.boot.is_done() && dir.boot.is_dispensable() && dir.ends.is_proven();
        self.dirs.iter().filter(proven).map(|dir| dir.index).collect()
    }

    /// The directory in which files of a partition were found that no log has claimed yet.
    #[must_use]
    pub fn dir_with(&self, topic: &str, partition: PartitionIndex) -> Option<LogDirIndex> {
        let home = super::names::home(topic, partition);
        self.dirs.iter().find(|dir| dir.homes.has(&home)).map(|dir| dir.index)
    }

    /// Opens the log of a partition in a directory. A log that has no files is open at once, and gets files with its first
    /// append. Where [`state`](Self::state) says [`Opening`](Unavailable::Opening) after the call, [`LogEvent::Opened`] says
    /// later that it can be used, or [`LogEvent::Damaged`] that it cannot.
    pub fn open(
        &mut self,
        now: Now,
        partition: TopicPartition,
        topic: &str,
        dir: LogDirIndex,
        config: Arc<LogConfig>,
        effects: &mut Effects,
    ) {
        assert!(!self.logs.contains_key(&partition), "a log is opened once");
        let mut log = Log::new(partition, topic, dir, config, now.wall);
        log.phase = Phase::Closed(Unavailable::Opening);
        match self.dirs.get_mut(usize::from(dir.0)) {
            None => log.phase = Phase::Closed(Unavailable::Offline),
            Some(dir) if dir.offline => log.phase = Phase::Closed(Unavailable::Offline),
            Some(dir) if !dir.boot.is_done() => dir.boot.wait(partition),
            Some(_) => {
                self.logs.insert(partition, log);
                self.open_found(partition, now, effects);
                // What can be seen at once is not reported.
                if self.state(partition).is_ok() {
                    self.events.pop_back_if(|event| matches!(event, LogEvent::Opened { .. }));
                }
                return;
            }
        }
        self.logs.insert(partition, log);
    }

    /// Takes the completion of an operation that the store asked for.
    pub fn on_io(&mut self, now: Now, io: IoId, result: IoResult, effects: &mut Effects) {
        let asked = self.io.complete(io);
        let index = usize::from(asked.dir.0);
        match asked.purpose {
            Purpose::ReadLog(ticket) => return self.log_read(ticket, result, effects),
            Purpose::ReadIndex { partition, base, kind } => {
                return self.index_read(partition, base, kind, result, effects);
            }
            Purpose::ReadBoot(file) if !self.dirs[index].offline => {
                return self.boot_read(asked.dir, file, now, result, effects);
            }
            Purpose::Recover(partition) if !self.dirs[index].offline => {
                self.recovery_read(partition, now, result, effects);
                return self.next_recoveries(now, effects);
            }
            Purpose::Remove(ref file) => return self.removed(file, result, effects),
            Purpose::ReadBoot(_)
            | Purpose::Recover(_)
            | Purpose::MakeHome(_)
            | Purpose::Create(_)
            | Purpose::WriteBatches(..)
            | Purpose::Replace(_)
            | Purpose::SyncBehind
            | Purpose::MakeJournal
            | Purpose::RecordEnds
            | Purpose::Step => {}
        }
        if self.dirs[index].offline {
            return;
        }
        // A directory that somebody else keeps files in, too (the quorum), may be there already.
        let is_there = |error: &IoError| error.kind == IoErrorKind::AlreadyExists;
        let tolerated = matches!(asked.purpose, Purpose::MakeHome(_)) && result.as_ref().is_err_and(is_there);
        if let (Purpose::MakeJournal, Err(error)) = (&asked.purpose, &result)
            && journal::lacks_space(error)
        {
            return self.journal_made(asked.dir, Some(error), now, effects);
        }
        if let Err(error) = result
            && !tolerated
        {
            return self.fail_dir(asked.dir, &error);
        }
        match asked.purpose {
            Purpose::MakeHome(partition) => self.home_made(partition, asked.dir, effects),
            Purpose::Create(partition) => self.file_created(partition, effects),
            Purpose::WriteBatches(partition, end) => self.batches_written(partition, end),
            Purpose::Replace(id) => match self.step_replacement(id, effects) {
                Some(AfterReplace::Ends(dir)) => self.ends_written(dir, now, effects),
                Some(AfterReplace::Partition(_)) | None => {}
            },
            Purpose::RecordEnds => self.ends_written(asked.dir, now, effects),
            Purpose::SyncBehind => {
                self.dirs[index].ends.synced_behind();
                self.write_ends(index, effects);
            }
            Purpose::MakeJournal => self.journal_made(asked.dir, None, now, effects),
            Purpose::Step => {}
            Purpose::Remove(_)
            | Purpose::ReadBoot(_)
            | Purpose::Recover(_)
            | Purpose::ReadLog(_)
            | Purpose::ReadIndex { .. } => {
                unreachable!("reads were taken above")
            }
        }
        if let Some(round) = asked.round {
            self.dirs[index].complete(round);
            self.end_round(index, effects);
        }
    }

    /// Does what is due. The step has to end with [`end_step`](Self::end_step).
    pub fn tick(&mut self, now: Now, effects: &mut Effects) {
        // What is about to be closed is left as it is.
        if self.closing != Closing::No {
            return;
        }
        while let Some(due) = self.timers.pop_due(now.instant) {
            match due {
                LogTimer::Remove(number) => self.remove_now(number, effects),
                LogTimer::Retention => self.retain(now, effects),
                LogTimer::Flush(partition) => {
                    if let Some(log) = self.logs.get(&partition)
                        && log.flushed_end < log.log_end
                    {
                        let dir = log.dir;
                        self.dir_mut(dir).dirty.insert(partition);
                    }
                }
            }
        }
    }

    /// When something is due next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        let recording =
            self.dirs.iter().filter(|dir| !dir.offline && dir.round.is_none()).filter_map(|dir| dir.ends.deadline());
        let timers = if self.closing == Closing::No { self.timers.next() } else { None };
        recording.chain(timers).min()
    }

    /// Takes the next thing that happened to a log.
    pub fn next_event(&mut self) -> Option<LogEvent> {
        let event = self.events.pop_front()?;
        if let LogEvent::Damaged { partition, .. } = event
            && let Some(log) = self.logs.get_mut(&partition)
        {
            log.phase = Phase::Closed(Unavailable::Damaged);
        }
        Some(event)
    }

    /// What is known of a log's ends and size.
    ///
    /// # Errors
    /// Says why where the log cannot be used.
    pub fn state(&self, partition: TopicPartition) -> Result<LogState, Unavailable> {
        let log = self.logs.get(&partition).ok_or(Unavailable::Unknown)?;
        log.usable()?;
        Ok(LogState {
            log_start: log.log_start,
            high_watermark: log.high_watermark,
            durable_end: log.durable_end,
            flushed_end: log.flushed_end,
            log_end: log.log_end,
            bytes: log.bytes(),
        })
    }

    /// Says what all replicas of a partition have: nothing from there on is deleted by retention, and the checkpoint of
    /// high watermarks has it.
    pub fn advance_high_watermark(&mut self, partition: TopicPartition, high_watermark: Offset) {
        if let Some(log) = self.logs.get_mut(&partition) {
            log.high_watermark = log.high_watermark.max(high_watermark.min(log.log_end));
            log.producers.advance_high_watermark(log.high_watermark);
        }
    }

    /// Asserts the invariants of all logs.
    pub fn check_invariants(&self) {
        for (partition, log) in &self.logs {
            assert_eq!(*partition, log.partition, "a log is found by its partition");
            log.check_invariants();
        }
        for dir in self.dirs.iter().filter(|dir| !dir.offline) {
            let logs = self.logs.values().filter(|log| log.dir == dir.index);
            dir.ends.check_invariants(logs.map(|log| log.unrecorded_bytes).sum());
        }
        let held: usize = self.logs.values().map(|log| log.tail.charge()).sum();
        assert_eq!(held, self.tail.held(), "the tail holds what its logs hold");
    }

    pub(super) fn dir_mut(&mut self, dir: LogDirIndex) -> &mut Dir {
        &mut self.dirs[usize::from(dir.0)]
    }

    /// Drops the oldest batches from memory until the rest is within the budget.
    pub(super) fn evict(&mut self) {
        while let Some(partition) = self.tail.next_to_evict() {
            let log = self.logs.get_mut(&partition).expect("what is kept is a log's");
            self.tail.evict(&mut log.tail);
        }
    }
}

/// What a store does at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum LogTimer {
    /// `flush.ms` of a log is over.
    Flush(TopicPartition),
    /// Files are to be removed.
    Remove(u64),
    /// Old segments are looked for.
    Retention,
}

/// What is known of a log's ends and size. Ends are exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogState {
    /// The first offset.
    pub log_start: Offset,
    /// What all replicas have, as [`LogStore::advance_high_watermark`] said.
    pub high_watermark: Offset,
    /// The end that counts for acknowledgements by the topic's durability.
    pub durable_end: Offset,
    /// The end of what commit rounds have made durable.
    pub flushed_end: Offset,
    /// The offset that the next record will get.
    pub log_end: Offset,
    /// The bytes of all segments.
    pub bytes: u64,
}
