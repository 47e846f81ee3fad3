//! A node: its shards, its disks, its clocks.

use crate::clock::{Clock, WorldTime};
use crate::disk::{Disk, OpKind};
use crate::machine::{Boot, Machine};
use grete_core::effect::{Effects, Notice};
use grete_core::event::{Event, FoundDir, FoundFiles};
use grete_core::ids::{LogDirIndex, ShardId};
use grete_core::rng::Seed;
use std::collections::VecDeque;
use std::sync::Arc;

/// Names a node of a world: its place in the order in which the nodes were added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeIndex(pub usize);

/// What a node is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeState {
    /// No process runs.
    Down(Ended),
    /// The shards read their files.
    Booting,
    /// All shards are ready: the node takes connections.
    Serving,
    /// The node was told to stop in order.
    Stopping,
}

/// How the last process of a node ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// There was none.
    Never,
    /// It stopped in order.
    Stopped,
    /// It was killed.
    Killed,
    /// It lost its power.
    PowerLoss,
    /// It could not go on.
    Failed {
        /// Its last word.
        reason: String,
    },
}

#[derive(Clone)]
pub(crate) struct Node<M: Machine> {
    pub(crate) config: M::Config,
    pub(crate) shard_count: u16,
    pub(crate) disks: Vec<Disk>,
    pub(crate) clock: Clock,
    pub(crate) state: NodeState,
    /// Counts the boots.
    pub(crate) incarnation: u64,
    pub(crate) shards: Vec<ShardSlot<M>>,
    /// The process does not run until then.
    pub(crate) paused_until: WorldTime,
    /// What the operator was told, over all incarnations.
    pub(crate) notices: Vec<Notice>,
    /// How many of them it told before it was started last.
    pub(crate) told_before: usize,
    /// The operations on its disks that somebody waits for.
    pub(crate) watches: Vec<DiskWatch>,
}

/// Counts the operations of a kind that a node asks its disks for.
#[derive(Clone, Debug)]
pub(crate) struct DiskWatch {
    pub(crate) number: u64,
    pub(crate) op: OpKind,
    pub(crate) path_contains: Arc<str>,
    /// How many are still to come.
    pub(crate) left: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct ShardSlot<M> {
    pub(crate) machine: M,
    /// Events that no step has taken yet.
    pub(crate) queue: VecDeque<Event>,
    /// When the next step is.
    pub(crate) wake_at: Option<WorldTime>,
    pub(crate) ready: bool,
    pub(crate) stopped: bool,
    /// When the last message from each other shard arrives: none overtakes another (R2).
    pub(crate) last_message: Vec<WorldTime>,
    /// The steps in a row after which a deadline had passed.
    pub(crate) overdue_steps: u64,
    /// Counts steps, jobs and messages: addresses the draws.
    pub(crate) steps: u64,
    pub(crate) jobs: u64,
    pub(crate) messages: u64,
}

impl<M: Machine> Node<M> {
    /// Boots all shards on what the disks hold. The effects of each are for the world to carry out.
    pub(crate) fn boot(&mut self, seed: Seed, at: WorldTime, monotonic_at_boot: u64) -> Vec<(ShardId, Effects)> {
        self.clock.boot(at, monotonic_at_boot);
        self.state = NodeState::Booting;
        self.paused_until = WorldTime::default();
        let found = self.found_files();
        let now = self.clock.now(at);
        let mut booted = Vec::new();
        self.shards.clear();
        for shard in (0..self.shard_count).map(ShardId) {
            let mut effects = Effects::new();
            let boot = Boot { seed, found: &found, now };
            let machine = M::boot(&self.config, shard, self.shard_count, boot, &mut effects);
            self.shards.push(ShardSlot {
                machine,
                queue: VecDeque::new(),
                wake_at: None,
                ready: false,
                stopped: false,
                last_message: vec![WorldTime::default(); usize::from(self.shard_count)],
                overdue_steps: 0,
                steps: 0,
                jobs: 0,
                messages: 0,
            });
            booted.push((shard, effects));
        }
        booted
    }

    fn found_files(&self) -> FoundFiles {
        let dirs = self.disks.iter().zip(0..).map(|(disk, dir)| FoundDir {
            dir: LogDirIndex(dir),
            path: format!("/simulated/{dir}"),
            entries: Ok(disk.list()),
        });
        FoundFiles { dirs: dirs.collect() }
    }

    pub(crate) fn is_up(&self) -> bool {
        !matches!(self.state, NodeState::Down(_))
    }

    /// The process is gone, whichever way.
    pub(crate) fn end(&mut self, how: Ended) {
        self.state = NodeState::Down(how);
        self.shards.clear();
        for disk in &mut self.disks {
            disk.process_died(self.incarnation);
        }
    }
}
