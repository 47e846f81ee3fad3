//! What goes wrong in a run, and when it is well again.
//!
//! Invariants:
//! 1. Each fault that takes time has its end in the agenda of the run; at the end of all faults, all of them end.
//! 2. A node that is down starts at the time that the last fault about it says, a node that has given up by itself after a
//!    second: whatever keeps services alive starts it again.

use super::Run;
use super::counters::kind_of;
use super::states::State;
use crate::clock::WorldTime;
use crate::disk::{FaultRule, OpKind, Survival, When};
use crate::draw::{Stream, WorldSeed};
use crate::history::ClientIndex;
use crate::machine::Machine;
use crate::node::{Ended, NodeIndex, NodeState};
use crate::script::{End, Fault, NetworkFault};
use crate::world::InterferenceId;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How long whatever keeps services alive waits before it starts a node again that has given up.
const SUPERVISOR_DELAY: Duration = Duration::from_secs(1);

/// How long a node may take to stop in order before it is killed.
const STOP_GRACE: Duration = Duration::from_secs(20);

/// How often it is looked whether a node has stopped that is to start again.
const STOP_LOOK: Duration = Duration::from_millis(200);

/// What a node says of a log directory that it uses no more until it is started again.
const OUT_OF_SERVICE: &str = "is out of service";

/// How long an operator takes to start a node again that said so.
const OPERATOR_DELAY: Duration = Duration::from_millis(1_500);

/// The rest of a clock's drift that counts, in microseconds.
const DRIFT_COUNTS_MICROS: u64 = 1_000;

/// The faults of a run that have not ended, and what comes of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults {
    agenda: BTreeMap<(WorldTime, u64), Due>,
    scheduled: u64,
    /// When each node that is down starts.
    restart_at: BTreeMap<NodeIndex, WorldTime>,
    /// When each node was told to stop.
    stopping_since: BTreeMap<NodeIndex, WorldTime>,
    /// What ends when an operation comes.
    watches: BTreeMap<u64, Watch>,
    watches_set: u64,
    /// When processes ended.
    ends: Vec<WorldTime>,
    /// The nodes whose last boot did not come to its end.
    interrupted: BTreeSet<NodeIndex>,
    clocks: Vec<ClockFault>,
}

#[derive(Clone, Debug)]
enum Due {
    Start(NodeIndex),
    PauseEnds(NodeIndex),
    DiskEnds { node: NodeIndex, dir: usize, name: u64, kind: &'static str },
    NetworkEnds { id: InterferenceId, kind: &'static str },
}

#[derive(Clone, Debug)]
struct Watch {
    node: NodeIndex,
    how: End,
    restart_after: Duration,
    kind: &'static str,
}

/// A fault of a clock, of which the end of the run says whether it changed anything.
#[derive(Clone, Debug)]
struct ClockFault {
    kind: &'static str,
    /// What had been acknowledged when it came, where the node served.
    acknowledged: Option<usize>,
    at: WorldTime,
    /// What the clock gains or loses, in millionths; 0 for a jump.
    per_million: u32,
}

impl Faults {
    fn schedule(&mut self, at: WorldTime, due: Due) {
        self.scheduled += 1;
        self.agenda.insert((at, self.scheduled), due);
    }

    /// When processes ended, in their order.
    pub(super) fn ends(&self) -> &[WorldTime] {
        &self.ends
    }

    /// When something is due next.
    pub(super) fn next_at(&self) -> Option<WorldTime> {
        self.agenda.first_key_value().map(|((at, _), _)| *at)
    }
}

impl<M: Machine> Run<M> {
    pub(super) fn begin_fault(&mut self, fault: &Fault) {
        let kind = kind_of(fault);
        self.counters.begin(kind);
        let now = self.world.now();
        match fault {
            Fault::End { node, how, restart_after } => {
                let changed = self.end_node(*node, *how, *restart_after);
                self.counters.change(kind, changed);
            }
            Fault::EndAt { node, how, op, path, nth, restart_after } => {
                self.watch(Watch { node: *node, how: *how, restart_after: *restart_after, kind }, *op, path, *nth);
            }
            Fault::Pause { node, time } => {
                self.world.pause(*node, *time);
                // Just before the process goes on, so that what waits is seen.
                let end = WorldTime(now.after(*time).0.saturating_sub(1).max(now.0));
                self.faults.schedule(end, Due::PauseEnds(*node));
            }
            Fault::Disk { node, dir, ops, path, what, per_million, time } => {
                let rule = FaultRule::new(ops, path, When::Chance { per_million: *per_million }, *what);
                self.begin_disk_fault((*node, usize::from(*dir)), rule, *time, kind);
            }
            Fault::Clock { node, millis } => {
                let clock = self.world.clock_mut(*node);
                clock.wall_ahead_ms = clock.wall_ahead_ms.saturating_add(*millis);
                self.clock_fault(*node, kind, 0);
            }
            Fault::Drift { node, per_million } => {
                self.world.set_drift(*node, *per_million);
                self.clock_fault(*node, kind, per_million.unsigned_abs());
            }
            Fault::Network { client, node, what: NetworkFault::Reset, .. } => {
                let owing = self.world.reset_all(*client, *node);
                self.counters.change(kind, owing > 0);
            }
            Fault::Network { client, node, what, time } => self.interfere(*client, *node, *what, *time, kind),
        }
    }

    fn interfere(
        &mut self,
        client: Option<ClientIndex>,
        node: NodeIndex,
        what: NetworkFault,
        time: Duration,
        kind: &'static str,
    ) {
        let id = self.world.begin_interference(client, node, what);
        self.faults.schedule(self.world.now().after(time), Due::NetworkEnds { id, kind });
    }

    fn begin_disk_fault(
        &mut self,
        (node, dir): (NodeIndex, usize),
        rule: FaultRule,
        time: Duration,
        kind: &'static str,
    ) {
        let name = self.faults.scheduled + 1;
        self.world.add_disk_fault(node, dir, rule.named(name));
        self.faults.schedule(self.world.now().after(time), Due::DiskEnds { node, dir, name, kind });
    }

    fn clock_fault(&mut self, node: NodeIndex, kind: &'static str, per_million: u32) {
        let serves = *self.world.state(node) == NodeState::Serving;
        let acknowledged = serves.then(|| self.history.acknowledged());
        self.faults.clocks.push(ClockFault { kind, acknowledged, at: self.world.now(), per_million });
    }

    fn watch(&mut self, watch: Watch, op: OpKind, path: &Arc<str>, nth: u64) {
        self.faults.watches_set += 1;
        let number = self.faults.watches_set;
        self.world.watch_disk(watch.node, number, op, path, nth);
        self.faults.watches.insert(number, watch);
    }

    /// The operation has come that a fault waits for.
    pub(super) fn watch_fired(&mut self, node: NodeIndex, watch: u64) {
        let Some(Watch { how, restart_after, kind, .. }) = self.faults.watches.remove(&watch) else { return };
        let changed = self.end_node(node, how, restart_after);
        self.counters.change(kind, changed);
    }

    /// Ends a process and says whether that changed anything.
    fn end_node(&mut self, node: NodeIndex, how: End, restart_after: Duration) -> bool {
        let now = self.world.now();
        let restart_at = now.after(restart_after);
        self.faults.restart_at.insert(node, restart_at);
        self.faults.schedule(restart_at, Due::Start(node));
        let state = self.world.state(node);
        let (is_up, is_booting) = (!matches!(state, NodeState::Down(_)), *state == NodeState::Booting);
        let owing = self.world.owing(None, node) > 0;
        let running = self.world.running(node);
        let is_busy = owing || is_booting || !running.is_empty();
        if !matches!(how, End::Stop) {
            self.see_end(node, is_booting);
        }
        match how {
            End::Stop => {
                self.world.shut_down(node);
                self.faults.stopping_since.insert(node, now);
                is_up && owing
            }
            End::Kill => {
                self.world.kill(node);
                is_up && is_busy
            }
            End::PowerLoss(profile) => {
                let seed = WorldSeed(self.world.seed().draw(Stream::SurviveSector, &[node.0 as u64, now.0]).0);
                let losses = self.world.power_loss(node, Survival { seed, profile });
                let ran = |ops: &[OpKind]| ops.iter().any(|op| running.contains_key(op));
                let seen = [
                    (ran(&[OpKind::Sync]), State::PowerLossInSync),
                    (ran(&[OpKind::Rename, OpKind::SyncDir]), State::PowerLossInRename),
                    (losses.files_torn > 0, State::FileTorn),
                    (losses.files_reordered > 0, State::FileReordered),
                    (losses.lengths_lost > 0, State::LengthLost),
                    (losses.names_lost > 0, State::NameLost),
                ];
                seen.into_iter().for_each(|(holds, state)| self.coverage.see_if(holds, state));
                losses.sectors_lost + losses.lengths_lost + losses.names_lost > 0
            }
        }
    }

    /// A process is about to end without being asked.
    fn see_end(&mut self, node: NodeIndex, is_booting: bool) {
        let was_interrupted = if is_booting {
            !self.faults.interrupted.insert(node)
        } else {
            self.faults.interrupted.remove(&node);
            false
        };
        self.coverage.see_if(is_booting, State::RecoveryInterrupted);
        self.coverage.see_if(was_interrupted, State::RecoveryInterruptedTwice);
        self.coverage.see_if(*self.world.state(node) == NodeState::Stopping, State::StopInterrupted);
    }

    /// The process of a node is gone. Where nobody wanted that, it is started again.
    pub(super) fn node_ended(&mut self, node: NodeIndex) {
        self.faults.ends.push(self.world.now());
        if let NodeState::Down(Ended::Failed { reason }) = self.world.state(node) {
            self.coverage.see_if(reason.contains("holds the metadata"), State::MetadataDirFailed);
            const KIND: &str = "node-failed";
            self.counters.begin(KIND);
            self.counters.change(KIND, true);
            let now = self.world.now();
            if self.faults.restart_at.get(&node).is_none_or(|at| *at <= now) {
                let at = now.after(SUPERVISOR_DELAY);
                self.faults.restart_at.insert(node, at);
                self.faults.schedule(at, Due::Start(node));
            }
        }
    }

    /// Does what is due next.
    pub(super) fn next_due(&mut self) {
        let Some((_, due)) = self.faults.agenda.pop_first() else { return };
        match due {
            Due::Start(node) => self.restart(node),
            Due::PauseEnds(_) | Due::DiskEnds { .. } | Due::NetworkEnds { .. } => self.end_fault(&due),
        }
    }

    fn end_fault(&mut self, due: &Due) {
        let (kind, struck) = match *due {
            Due::Start(_) => return,
            Due::PauseEnds(node) => ("pause", self.world.events_waiting(node) as u64),
            Due::DiskEnds { node, dir, name, kind } => {
                let struck = self.world.end_disk_fault(node, dir, name);
                self.operate(node, struck);
                (kind, struck)
            }
            Due::NetworkEnds { id, kind } => (kind, self.world.end_interference(id)),
        };
        self.counters.change(kind, struck > 0);
    }

    /// Whether a node has told, since it was started last, that it uses a log directory no more.
    fn is_degraded(&self, node: NodeIndex) -> bool {
        let serves = *self.world.state(node) == NodeState::Serving;
        serves && self.world.notices_of_boot(node).iter().any(|notice| notice.text.contains(OUT_OF_SERVICE))
    }

    /// A disk that has failed is well again: the operator has a node that uses it no more start again, in every other case.
    fn operate(&mut self, node: NodeIndex, struck: u64) {
        let now = self.world.now();
        let sees = self.world.seed().draw(Stream::Workload, &[node.0 as u64, now.0]).chance(500_000);
        if struck > 0 && sees && self.is_degraded(node) {
            self.coverage.see(State::DirTakenUpAgain);
            self.end_node(node, End::Stop, OPERATOR_DELAY);
        }
    }

    fn restart(&mut self, node: NodeIndex) {
        let now = self.world.now();
        if self.faults.restart_at.get(&node) != Some(&now) {
            // A later fault has another time.
            return;
        }
        match self.world.state(node) {
            NodeState::Down(_) => {
                self.faults.restart_at.remove(&node);
                self.faults.stopping_since.remove(&node);
                self.world.start_node(node);
            }
            NodeState::Stopping => {
                let since = self.faults.stopping_since.get(&node).copied().unwrap_or_default();
                if since.after(STOP_GRACE) <= now {
                    self.world.kill(node);
                }
                let at = now.after(STOP_LOOK);
                self.faults.restart_at.insert(node, at);
                self.faults.schedule(at, Due::Start(node));
            }
            NodeState::Booting | NodeState::Serving => {
                self.faults.restart_at.remove(&node);
            }
        }
    }

    /// All faults end, and all nodes that are down start.
    pub(super) fn heal(&mut self) {
        for due in std::mem::take(&mut self.faults.agenda).into_values() {
            self.end_fault(&due);
        }
        self.faults.watches.clear();
        let now = self.world.now();
        for (node, plan) in self.nodes().zip(self.script.clone().nodes.iter()) {
            self.world.end_disk_watches(node);
            (0..usize::from(plan.dirs)).for_each(|dir| self.world.heal_disk(node, dir));
            self.world.resume(node);
            self.world.set_drift(node, 0);
            if self.is_degraded(node) {
                // Only a start makes it take up its directory again.
                self.end_node(node, End::Stop, OPERATOR_DELAY);
            } else {
                self.faults.restart_at.insert(node, now);
                self.restart(node);
            }
        }
    }

    /// What only the end of a run can say.
    pub(super) fn count_clock_faults(&mut self) {
        for fault in std::mem::take(&mut self.faults.clocks) {
            let passed = self.script.heal_at.0.saturating_sub(fault.at.0);
            let drifted = passed * u64::from(fault.per_million) / 1_000_000;
            let changed = match fault.per_million {
                0 => fault.acknowledged.is_some_and(|before| self.history.acknowledged() > before),
                _ => drifted >= DRIFT_COUNTS_MICROS,
            };
            self.counters.change(fault.kind, changed);
        }
    }
}
