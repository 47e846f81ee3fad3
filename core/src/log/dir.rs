//! A log directory as a shard sees it: whether it works, and its commit rounds.
//!
//! Invariants:
//! 1. At most one round is in flight.
//! 2. An operation that makes something durable, or that has to be complete before something is, counts for exactly one
//!    round: the one in flight, or the next.

use super::ends::Ends;
use super::io::{Asked, IoTable, Purpose, RoundNumber};
use super::journal::Journal;
use super::recovery::{Boot, FoundHomes};
use crate::effect::{Effects, IoOp};
use crate::ids::{FileName, LogDirIndex, Offset, TopicPartition};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;

/// A log directory.
#[derive(Clone, Debug)]
pub(super) struct Dir {
    pub(super) index: LogDirIndex,
    /// For people.
    pub(super) path: String,
    pub(super) offline: bool,
    /// The number of the newest round that was begun.
    last_round: RoundNumber,
    pub(super) round: Option<Round>,
    /// Operations under way that the next round has to wait for.
    open: usize,
    /// The logs that the next round covers.
    pub(super) dirty: BTreeSet<TopicPartition>,
    pub(super) ends: Ends,
    pub(super) journal: Journal,
    /// How far it is with what it held at boot.
    pub(super) boot: Boot,
    /// Partitions' directories that it held at boot and that no log has claimed.
    pub(super) homes: FoundHomes,
    /// The numbers in the names of directories on their way out.
    pub(super) departed: BTreeSet<u128>,
    /// Whether partitions' directories were made whose names are not durable yet.
    pub(super) home_names_dirty: bool,
}

/// A commit round in flight.
#[derive(Clone, Debug)]
pub(super) struct Round {
    number: RoundNumber,
    /// Operations that have to complete before it ends.
    outstanding: usize,
    /// The logs that it makes durable, and up to where.
    pub(super) covers: BTreeMap<TopicPartition, Offset>,
    /// Directories of covered logs that are still being made; their names are synced together.
    pub(super) making: usize,
}

impl Dir {
    pub(super) fn new(index: LogDirIndex, path: String, journal: Journal) -> Self {
        Self {
            index,
            path,
            offline: false,
            last_round: RoundNumber(0),
            round: None,
            open: 0,
            dirty: BTreeSet::new(),
            ends: Ends::default(),
            journal,
            boot: Boot::default(),
            homes: FoundHomes::default(),
            departed: BTreeSet::new(),
            home_names_dirty: false,
        }
    }

    /// The number that the next round will have.
    pub(super) const fn next_round(&self) -> RoundNumber {
        RoundNumber(self.last_round.0 + 1)
    }

    /// The round that an operation for a log counts for, which follows from an earlier one: the round in flight where it
    /// covers the log, or else the next.
    pub(super) fn round_of(&self, partition: TopicPartition) -> RoundNumber {
        match &self.round {
            Some(round) if round.covers.contains_key(&partition) => round.number,
            _ => self.next_round(),
        }
    }

    /// Begins the next round over these logs.
    pub(super) fn begin_round(&mut self, covers: BTreeMap<TopicPartition, Offset>, making: usize) -> RoundNumber {
        assert!(self.round.is_none(), "one round at most is in flight");
        self.last_round = self.next_round();
        let outstanding = core::mem::take(&mut self.open);
        self.round = Some(Round { number: self.last_round, outstanding, covers, making });
        self.last_round
    }

    /// Asks for a sync that rounds do not wait for, but the record of the flushed ends that was captured.
    pub(super) fn ask_behind(&mut self, io: &mut IoTable, file: FileName, effects: &mut Effects) {
        self.ends.note_behind();
        io.ask(Asked { dir: self.index, round: None, purpose: Purpose::SyncBehind }, IoOp::Sync { file }, effects);
    }

    /// Asks for an operation that a round waits for.
    pub(super) fn ask(
        &mut self,
        io: &mut IoTable,
        round: RoundNumber,
        purpose: Purpose,
        op: IoOp,
        effects: &mut Effects,
    ) -> u64 {
        match &mut self.round {
            Some(in_flight) if in_flight.number == round => in_flight.outstanding += 1,
            _ => {
                assert_eq!(round, self.next_round(), "an operation counts for this round or the next");
                self.open += 1;
            }
        }
        io.ask(Asked { dir: self.index, round: Some(round), purpose }, op, effects)
    }

    /// Makes the round in flight wait for something that is not an operation yet; [`complete`](Self::complete) ends that.
    pub(super) fn hold(&mut self, round: RoundNumber) {
        match &mut self.round {
            Some(in_flight) if in_flight.number == round => in_flight.outstanding += 1,
            _ => panic!("only the round in flight waits"),
        }
    }

    /// Counts an operation as complete, after what follows from it was asked for.
    pub(super) fn complete(&mut self, round: RoundNumber) {
        match &mut self.round {
            Some(in_flight) if in_flight.number == round => in_flight.outstanding -= 1,
            _ => {
                assert_eq!(round, self.next_round(), "a round ends after its operations");
                self.open -= 1;
            }
        }
    }

    /// Takes the round in flight where it is over.
    pub(super) fn take_ended_round(&mut self) -> Option<Round> {
        self.round.take_if(|round| round.outstanding == 0)
    }

    /// A number near `id` that no directory on its way out has in its name.
    pub(super) fn unique(&mut self, id: u128) -> u128 {
        let mut unique = id;
        while !self.departed.insert(unique) {
            unique = unique.wrapping_add(1);
        }
        unique
    }

    /// Stops everything for good.
    pub(super) fn go_offline(&mut self) {
        self.offline = true;
        self.round = None;
        self.open = 0;
        self.dirty.clear();
        self.journal.stop();
    }
}
