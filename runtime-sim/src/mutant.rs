//! Brokers that are wrong on purpose: what the checks have to find.
//!
//! A check that has never found anything proves nothing. So the core is wrapped here into machines that break its promises
//! from outside, each in one way; a check that passes them is too weak. Syncs that are dropped need no machine: the
//! disk's [`FaultRule`](crate::disk::FaultRule)s do that.

use crate::machine::{Boot, Machine};
use grete_core::effect::{Effect, Effects, IoOp};
use grete_core::event::{Event, IoOutput};
use grete_core::group::GroupView;
use grete_core::ids::{IoId, ShardId};
use grete_core::log::{LogEnds, LogView};
use grete_core::node::NodeConfig;
use grete_core::shard::Shard;
use grete_core::time::{Instant, Now};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

/// What is wrong with a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// It takes a sync of records as complete when it has asked for it, and so answers before they are durable.
    EarlyAnswer,
    /// It writes its file of flushed ends before it syncs the records that the file speaks of. Answers wait for the sync.
    /// Only for a node with one shard.
    EarlyCheckpoint,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::EarlyAnswer, Self::EarlyCheckpoint];

    /// Its name on a command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EarlyAnswer => "early-answer",
            Self::EarlyCheckpoint => "early-checkpoint",
        }
    }
}

/// A shard of the core that has a bug.
#[derive(Clone, Debug)]
pub struct Mutant {
    shard: Shard,
    bug: Bug,
    /// Syncs that were reported as complete before they were.
    reported: BTreeSet<IoId>,
    /// Syncs that wait until the flushed ends are recorded.
    held: Vec<(IoId, IoOp)>,
    /// Answers that wait for these syncs.
    answers: Vec<Effect>,
    /// Operations after which the flushed ends are recorded.
    recording: BTreeSet<IoId>,
}

impl Machine for Mutant {
    type Config = (Arc<NodeConfig>, Bug);

    fn boot(config: &Self::Config, shard: ShardId, shards: u16, boot: Boot<'_>, effects: &mut Effects) -> Self {
        let (node, bug) = config;
        let mut own = Effects::new();
        let mut mutant = Self {
            shard: <Shard as Machine>::boot(node, shard, shards, boot, &mut own),
            bug: *bug,
            reported: BTreeSet::new(),
            held: Vec::new(),
            answers: Vec::new(),
            recording: BTreeSet::new(),
        };
        let mut reports = VecDeque::new();
        mutant.pass_on(own, effects, &mut reports);
        assert!(reports.is_empty(), "no records are synced before the first step");
        mutant
    }

    fn step(&mut self, now: Now, events: &mut VecDeque<Event>, effects: &mut Effects) {
        let mut events: VecDeque<Event> = events.drain(..).filter(|event| self.hears(event, effects)).collect();
        loop {
            let mut own = Effects::new();
            self.shard.step(now, &mut events, &mut own);
            self.pass_on(own, effects, &mut events);
            if events.is_empty() {
                return;
            }
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.shard.next_deadline()
    }

    fn check_invariants(&self) {
        self.shard.check_invariants();
    }

    fn log_ends(&self) -> Vec<LogEnds> {
        self.shard.log_ends().collect()
    }

    fn logs(&self) -> Vec<LogView> {
        self.shard.logs().collect()
    }

    fn groups(&self) -> Vec<GroupView> {
        self.shard.groups().collect()
    }
}

impl Mutant {
    /// Whether the shard is to hear of an event: of a sync it may have heard before.
    fn hears(&mut self, event: &Event, effects: &mut Effects) -> bool {
        let Event::Io { io, .. } = event else { return true };
        if self.recording.remove(io) {
            self.held.drain(..).for_each(|(io, op)| effects.push(Effect::Io { io, op }));
        }
        if !self.reported.remove(io) {
            return true;
        }
        if self.reported.is_empty() {
            self.answers.drain(..).for_each(|answer| effects.push(answer));
        }
        false
    }

    fn pass_on(&mut self, mut own: Effects, effects: &mut Effects, reports: &mut VecDeque<Event>) {
        for effect in own.drain() {
            match effect {
                Effect::Io { io, op } if syncs_records(&op) => {
                    self.reported.insert(io);
                    reports.push_back(Event::Io { io, result: Ok(IoOutput::Done) });
                    match self.bug {
                        Bug::EarlyAnswer => effects.push(Effect::Io { io, op }),
                        Bug::EarlyCheckpoint => self.held.push((io, op)),
                    }
                }
                Effect::Send { .. } if self.bug == Bug::EarlyCheckpoint && !self.reported.is_empty() => {
                    self.answers.push(effect);
                }
                Effect::Io { io, op } => {
                    if records_ends(&op) {
                        self.recording.insert(io);
                    }
                    effects.push(Effect::Io { io, op });
                }
                effect => effects.push(effect),
            }
        }
    }
}

/// Whether an operation makes records of a topic durable.
fn syncs_records(op: &IoOp) -> bool {
    let of_records = |path: &str| {
        path.ends_with(".log") && !path.starts_with("__cluster_metadata") || path.starts_with("grete-journal-")
    };
    matches!(op, IoOp::Sync { file } if of_records(&file.path))
}

/// Whether a file of flushed ends is recorded once this operation is complete.
fn records_ends(op: &IoOp) -> bool {
    match op {
        IoOp::Sync { file } => file.path.starts_with("grete-flushed-") && !file.path.ends_with(".tmp"),
        IoOp::Rename { to, .. } => to.path.starts_with("grete-flushed-"),
        _ => false,
    }
}
