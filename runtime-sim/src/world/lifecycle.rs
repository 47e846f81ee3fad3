//! Starting nodes and ending them, kindly or not.

use super::{Happening, Occurrence, World};
use crate::disk::{FaultRule, Losses, OpKind, Survival};
use crate::draw::Stream;
use crate::drive::Drive;
use crate::machine::Machine;
use crate::node::{DiskWatch, Ended, NodeIndex, NodeState};
use core::time::Duration;
use grete_core::event::Event;
use grete_core::ids::ShardId;
use grete_core::rng::Seed;
use std::sync::Arc;

impl<M: Machine> World<M> {
    /// Starts a node that is down, on what its disks hold.
    pub fn start_node(&mut self, node: NodeIndex) {
        let index = node.0;
        assert!(!self.nodes[index].is_up(), "a node runs once");
        self.nodes[index].incarnation += 1;
        self.nodes[index].told_before = self.nodes[index].notices.len();
        let incarnation = self.nodes[index].incarnation;
        let cause = [index as u64, incarnation];
        let seed = Seed(self.seed.draw(Stream::Boot, &cause).0);
        // A monotonic clock starts anywhere.
        let monotonic = self.seed.draw(Stream::Clock, &cause).below(1 << 40);
        self.tell(&format!("starts   n{index}, incarnation {incarnation}"));
        let booted = self.nodes[index].boot(seed, self.now, monotonic);
        for (shard, mut effects) in booted {
            self.collect(index, incarnation, shard, &mut effects);
            self.wake_again(index, incarnation, shard);
        }
    }

    /// Starts a node and waits until it serves, at most `time`; says whether it does.
    pub fn start_and_wait(&mut self, node: NodeIndex, time: Duration) -> bool {
        self.start_node(node);
        let ended = |state: &NodeState| matches!(state, NodeState::Serving | NodeState::Down(_));
        self.run_until(time, |world| ended(world.state(node)));
        *self.state(node) == NodeState::Serving
    }

    /// Kills the process: at once, with everything under way half done. What it wrote is in the page cache.
    pub fn kill(&mut self, node: NodeIndex) {
        if self.nodes[node.0].is_up() {
            self.end_node(node.0, Ended::Killed);
        }
    }

    /// Takes the power away: what was not synced survives as `survival` has it. Says what was lost.
    pub fn power_loss(&mut self, node: NodeIndex, survival: Survival) -> Losses {
        if self.nodes[node.0].is_up() {
            self.end_node(node.0, Ended::PowerLoss);
        }
        let mut losses = Losses::default();
        for disk in &mut self.nodes[node.0].disks {
            losses.add(disk.power_loss(&survival));
        }
        losses
    }

    /// Asks a node to stop in order.
    pub fn shut_down(&mut self, node: NodeIndex) {
        let index = node.0;
        if !self.nodes[index].is_up() || self.nodes[index].state == NodeState::Stopping {
            return;
        }
        self.tell(&format!("stops    n{index}"));
        self.nodes[index].state = NodeState::Stopping;
        let incarnation = self.nodes[index].incarnation;
        for shard in (0..self.nodes[index].shards.len() as u16).map(ShardId) {
            self.deliver(index, incarnation, shard, Event::Shutdown);
        }
    }

    /// Stops a node in order and waits until it has, at most `time`; says whether it has.
    pub fn shut_down_and_wait(&mut self, node: NodeIndex, time: Duration) -> bool {
        self.shut_down(node);
        self.run_until(time, |world| *world.state(node) == NodeState::Down(Ended::Stopped))
    }

    /// Keeps the process from running for a while, as a paused virtual machine; its disks and connections go on.
    pub fn pause(&mut self, node: NodeIndex, time: Duration) {
        self.tell(&format!("pauses   n{} for {time:?}", node.0));
        self.nodes[node.0].paused_until = self.now.after(time);
    }

    /// Lets a paused process run.
    pub fn resume(&mut self, node: NodeIndex) {
        self.nodes[node.0].paused_until = self.now;
        self.wake_all(node.0);
    }

    /// The events that wait for a process to run.
    #[must_use]
    pub fn events_waiting(&self, node: NodeIndex) -> usize {
        self.nodes[node.0].shards.iter().map(|slot| slot.queue.len()).sum()
    }

    /// Lets the monotonic clock of a node gain so many millionths from now on.
    pub fn set_drift(&mut self, node: NodeIndex, per_million: i32) {
        self.tell(&format!("drifts   n{} by {per_million} millionths", node.0));
        let now = self.now;
        self.nodes[node.0].clock.set_drift(now, per_million);
        self.wake_all(node.0);
    }

    fn wake_all(&mut self, node: usize) {
        let incarnation = self.nodes[node].incarnation;
        for shard in (0..self.nodes[node].shards.len() as u16).map(ShardId) {
            self.wake_again(node, incarnation, shard);
        }
    }

    /// Tells of it ([`Happening::Asked`]) when a node asks its disks for the `nth` operation of a kind from now on, counted
    /// from 1, on paths that contain a text.
    pub fn watch_disk(&mut self, node: NodeIndex, number: u64, op: OpKind, path_contains: &Arc<str>, nth: u64) {
        let path_contains = Arc::clone(path_contains);
        self.nodes[node.0].watches.push(DiskWatch { number, op, path_contains, left: nth.max(1) });
    }

    /// Forgets all that is waited for.
    pub fn end_disk_watches(&mut self, node: NodeIndex) {
        self.nodes[node.0].watches.clear();
    }

    /// Ends the rules of that name, and says how often they have struck. What was stuck by them goes on.
    pub fn end_disk_fault(&mut self, node: NodeIndex, dir: usize, name: u64) -> u64 {
        let (fired, started) = self.nodes[node.0].disks[dir].end_fault(name);
        self.start(node.0, dir, started);
        fired
    }

    /// Adds a rule by which the operations on a log directory go wrong.
    pub fn add_disk_fault(&mut self, node: NodeIndex, dir: usize, rule: FaultRule) {
        self.nodes[node.0].disks[dir].add_fault(rule);
    }

    /// Ends the faults of a log directory; what was stuck goes on.
    pub fn heal_disk(&mut self, node: NodeIndex, dir: usize) {
        let started = self.nodes[node.0].disks[dir].heal();
        self.start(node.0, dir, started);
    }

    /// Ends all faults of a node's disks.
    pub fn heal_disks(&mut self, node: NodeIndex) {
        (0..self.nodes[node.0].disks.len()).for_each(|dir| self.heal_disk(node, dir));
    }

    /// The process of a node is gone.
    pub(super) fn end_node(&mut self, node: usize, how: Ended) {
        self.tell(&format!("ends     n{node}: {how:?}"));
        self.nodes[node].end(how);
        self.pending.retain(|pending| pending.node != node);
        self.agenda.retain(|occurrence| match occurrence {
            Occurrence::Step { node: of, .. }
            | Occurrence::Deliver { node: of, .. }
            | Occurrence::Disk { node: of, .. } => *of != node,
            Occurrence::ToNode { .. }
            | Occurrence::ToClient { .. }
            | Occurrence::HandOver { .. }
            | Occurrence::ClientTimer { .. } => true,
        });
        self.break_connections(node);
        self.happenings.push_back(Happening::Ended { node: NodeIndex(node) });
    }
}
