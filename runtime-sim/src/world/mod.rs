//! The world: nodes, connections and time, as one discrete-event loop.
//!
//! Everything that is to happen stands in one agenda, ordered by (moment, order of scheduling), so that a run is a function
//! of its seed and of what the caller does. [`Drive::advance`](crate::drive::Drive::advance) makes the smallest step there is: it carries out one
//! effect, or lets one thing happen. Between any two steps the world may be copied, and the copy be treated worse than
//! the original: that is how a power loss is tried at every effect.

mod agenda;
mod clients;
mod effects;
mod interference;
mod lifecycle;
mod network;

pub use clients::Happening;
pub use interference::{Interference, InterferenceId, client_of};

use agenda::Agenda;

use crate::clock::{Clock, WorldTime};
use crate::digest::Digest;
use crate::disk::{Disk, DiskProfile, OpKind, Ticket};
use crate::draw::{Stream, WorldSeed};
use crate::machine::Machine;
use crate::net::{Connection, NetworkProfile};
use crate::node::{Ended, Node, NodeIndex, NodeState};
use crate::trace::{Fact, Place, Trace, tell_event};
use grete_core::effect::{Effect, Effects, Notice};
use grete_core::event::Event;
use grete_core::ids::{ConnectionId, ShardId};
use grete_core::limits::STEP_EVENTS_MAX;
use std::collections::{BTreeMap, VecDeque};
use std::ops::RangeInclusive;

/// The steps in a row after which a shard has a deadline that has passed: beyond it the shard spins.
const OVERDUE_STEPS_MAX: u64 = 1_000;

/// How the world behaves where nothing is wrong with it.
#[derive(Clone, Debug)]
pub struct WorldProfile {
    /// The network.
    pub network: NetworkProfile,
    /// How long events wait before their shard is stepped, in microseconds.
    pub step_micros: RangeInclusive<u64>,
    /// How often a step takes only some of the events that wait, times out of a million.
    pub partial_step_per_million: u32,
    /// How long messages between shards take, in microseconds.
    pub shard_micros: RangeInclusive<u64>,
    /// How long jobs take, in microseconds.
    pub job_micros: RangeInclusive<u64>,
    /// After how many steps of a shard its invariants are checked; 0 for never.
    pub steps_per_check: u64,
}

impl Default for WorldProfile {
    fn default() -> Self {
        Self {
            network: NetworkProfile::default(),
            step_micros: 0..=50,
            partial_step_per_million: 200_000,
            shard_micros: 0..=40,
            job_micros: 5..=3_000,
            steps_per_check: 16,
        }
    }
}

/// Nodes, connections and time.
#[derive(Clone)]
pub struct World<M: Machine> {
    seed: WorldSeed,
    profile: WorldProfile,
    now: WorldTime,
    /// What is to happen.
    agenda: Agenda,
    /// Effects of steps that were made, to be carried out one at a time.
    pending: VecDeque<PendingEffect>,
    nodes: Vec<Node<M>>,
    connections: BTreeMap<ConnectionId, Connection>,
    connections_made: u64,
    /// What watched clients have experienced and their actors have not heard of yet.
    happenings: VecDeque<Happening>,
    /// What goes wrong between clients and nodes.
    interferences: Vec<Interference>,
    interferences_begun: u64,
    /// Counts what clients have received.
    deliveries: u64,
    effects: u64,
    hash: u64,
    trace: Option<Trace>,
    /// Kept to be filled again.
    spare: Spare,
}

/// Buffers that are empty between any two steps.
#[derive(Clone, Debug, Default)]
struct Spare {
    events: VecDeque<Event>,
    effects: Effects,
    digest: Digest,
}

/// Something that happens at its moment.
#[derive(Clone, Debug)]
enum Occurrence {
    Step { node: usize, incarnation: u64, shard: ShardId },
    Deliver { node: usize, incarnation: u64, shard: ShardId, event: Event },
    Disk { node: usize, incarnation: u64, dir: usize, ticket: Ticket },
    ToNode { connection: ConnectionId },
    ToClient { connection: ConnectionId },
    HandOver { connection: ConnectionId },
    ClientTimer { client: usize, token: u64 },
}

#[derive(Clone, Debug)]
struct PendingEffect {
    node: usize,
    incarnation: u64,
    shard: ShardId,
    effect: Effect,
}

impl<M: Machine> World<M> {
    /// A world without nodes.
    #[must_use]
    pub fn new(seed: WorldSeed, profile: WorldProfile) -> Self {
        Self {
            seed,
            profile,
            now: WorldTime::default(),
            agenda: Agenda::default(),
            pending: VecDeque::new(),
            nodes: Vec::new(),
            connections: BTreeMap::new(),
            connections_made: 0,
            happenings: VecDeque::new(),
            interferences: Vec::new(),
            interferences_begun: 0,
            deliveries: 0,
            effects: 0,
            hash: seed.0,
            trace: None,
            spare: Spare::default(),
        }
    }

    /// Adds a node with `shards` shards and `dirs` empty log directories. It is down.
    pub fn add_node(&mut self, config: M::Config, shards: u16, dirs: u16, disk: &DiskProfile) -> NodeIndex {
        assert!(shards > 0, "a node has at least one shard");
        let index = self.nodes.len();
        let seed = |dir| WorldSeed(self.seed.draw(Stream::DiskDelay, &[index as u64, u64::from(dir)]).0);
        self.nodes.push(Node {
            config,
            shard_count: shards,
            disks: (0..dirs).map(|dir| Disk::new(seed(dir), disk.clone())).collect(),
            clock: Clock::default(),
            state: NodeState::Down(Ended::Never),
            incarnation: 0,
            shards: Vec::new(),
            paused_until: WorldTime::default(),
            notices: Vec::new(),
            watches: Vec::new(),
            told_before: 0,
        });
        NodeIndex(index)
    }

    /// The seed of the run.
    #[must_use]
    pub const fn seed(&self) -> WorldSeed {
        self.seed
    }

    /// The moment.
    #[must_use]
    pub const fn now(&self) -> WorldTime {
        self.now
    }

    /// What a node is doing.
    #[must_use]
    pub fn state(&self, node: NodeIndex) -> &NodeState {
        &self.nodes[node.0].state
    }

    /// What the operator of a node was told, over all of its boots.
    #[must_use]
    pub fn notices(&self, node: NodeIndex) -> &[Notice] {
        &self.nodes[node.0].notices
    }

    /// What the operator of a node was told since it was started last.
    #[must_use]
    pub fn notices_of_boot(&self, node: NodeIndex) -> &[Notice] {
        let node = &self.nodes[node.0];
        &node.notices[node.told_before..]
    }

    /// A log directory of a node.
    #[must_use]
    pub fn disk(&self, node: NodeIndex, dir: usize) -> &Disk {
        &self.nodes[node.0].disks[dir]
    }

    /// A log directory of a node, to be treated badly.
    pub fn disk_mut(&mut self, node: NodeIndex, dir: usize) -> &mut Disk {
        &mut self.nodes[node.0].disks[dir]
    }

    /// Counts the changes of what a power loss may leave of a node.
    #[must_use]
    pub fn disk_version(&self, node: NodeIndex) -> u64 {
        self.nodes[node.0].disks.iter().map(Disk::version).sum()
    }

    /// The kinds of the operations that run on a node's disks, each counted.
    #[must_use]
    pub fn running(&self, node: NodeIndex) -> BTreeMap<OpKind, u64> {
        let mut kinds = BTreeMap::new();
        for (kind, count) in self.nodes[node.0].disks.iter().flat_map(Disk::running) {
            *kinds.entry(kind).or_default() += count;
        }
        kinds
    }

    /// The clocks of a node, to be set.
    pub fn clock_mut(&mut self, node: NodeIndex) -> &mut Clock {
        &mut self.nodes[node.0].clock
    }

    /// The configuration of a node; a change counts from its next boot on.
    pub fn config_mut(&mut self, node: NodeIndex) -> &mut M::Config {
        &mut self.nodes[node.0].config
    }

    /// The number of shards of a node from its next boot on.
    pub fn set_shards(&mut self, node: NodeIndex, shards: u16) {
        assert!(shards > 0, "a node has at least one shard");
        self.nodes[node.0].shard_count = shards;
    }

    /// A hash of all events and effects so far: equal for equal runs.
    #[must_use]
    pub const fn hash(&self) -> u64 {
        self.hash
    }

    /// The number of effects that were carried out.
    #[must_use]
    pub const fn effects(&self) -> u64 {
        self.effects
    }

    /// Counts what clients have received: two moments with the same count look the same to all clients.
    #[must_use]
    pub const fn deliveries(&self) -> u64 {
        self.deliveries
    }

    /// Writes down what happens from now on.
    pub fn trace_on(&mut self) {
        self.trace.get_or_insert_default();
    }

    /// What was written down, where it was asked for.
    #[must_use]
    pub const fn trace(&self) -> Option<&Trace> {
        self.trace.as_ref()
    }

    pub(crate) const fn trace_mut(&mut self) -> Option<&mut Trace> {
        self.trace.as_mut()
    }

    /// The machines that run on a node, in the order of its shards.
    pub fn machines(&self, node: NodeIndex) -> impl Iterator<Item = &M> {
        self.nodes[node.0].shards.iter().map(|slot| &slot.machine)
    }

    /// Asserts the invariants of all shards that run.
    pub fn check_invariants(&self) {
        self.nodes.iter().flat_map(|node| &node.shards).for_each(|slot| slot.machine.check_invariants());
    }

    /// What [`Drive::advance`](crate::drive::Drive::advance) does.
    pub(crate) fn make_step(&mut self, limit: WorldTime) -> bool {
        if let Some(pending) = self.pending.pop_front() {
            self.carry_out(pending);
            return true;
        }
        if self.agenda.next_at().is_none_or(|at| at > limit) {
            self.now = self.now.max(limit);
            return false;
        }
        if let Some((at, occurrence)) = self.agenda.pop() {
            self.now = at;
            self.happen(occurrence);
        }
        true
    }

    fn schedule(&mut self, at: WorldTime, occurrence: Occurrence) {
        self.agenda.schedule(at.max(self.now), occurrence);
    }

    fn happen(&mut self, occurrence: Occurrence) {
        match occurrence {
            Occurrence::Step { node, incarnation, shard } => self.step(node, incarnation, shard),
            Occurrence::Deliver { node, incarnation, shard, event } => self.deliver(node, incarnation, shard, event),
            Occurrence::Disk { node, incarnation, dir, ticket } => self.disk_runs(node, incarnation, dir, ticket),
            Occurrence::ToNode { connection } => self.arrives_at_node(connection),
            Occurrence::ToClient { connection } => self.arrives_at_client(connection),
            Occurrence::HandOver { connection } => self.hand_over(connection),
            Occurrence::ClientTimer { client, token } => self.happenings.push_back(Happening::Timer { client, token }),
        }
    }

    /// Puts an event before a shard that will be stepped for it.
    fn deliver(&mut self, node: usize, incarnation: u64, shard: ShardId, event: Event) {
        let now = self.now;
        let Some(slot) = self.slot(node, incarnation, shard) else { return };
        slot.queue.push_back(event);
        let cause = [node as u64, incarnation, u64::from(shard.0), slot.steps];
        let delay = self.seed.draw(Stream::StepDelay, &cause).among(&self.profile.step_micros);
        self.wake(node, incarnation, shard, now.after_micros(delay));
    }

    /// Sees to it that a shard is stepped at `at` or before.
    fn wake(&mut self, node: usize, incarnation: u64, shard: ShardId, at: WorldTime) {
        let at = at.max(self.now).max(self.nodes[node].paused_until);
        let Some(slot) = self.slot(node, incarnation, shard) else { return };
        if slot.wake_at.is_none_or(|wake_at| at < wake_at) {
            slot.wake_at = Some(at);
            self.schedule(at, Occurrence::Step { node, incarnation, shard });
        }
    }

    fn slot(&mut self, node: usize, incarnation: u64, shard: ShardId) -> Option<&mut crate::node::ShardSlot<M>> {
        let node = &mut self.nodes[node];
        (node.incarnation == incarnation).then(|| node.shards.get_mut(usize::from(shard.0))).flatten()
    }

    fn step(&mut self, node: usize, incarnation: u64, shard: ShardId) {
        let now = self.now;
        let shows = self.nodes[node].clock.now(now);
        let paused_until = self.nodes[node].paused_until;
        let seed = self.seed;
        let (partial_per_million, steps_per_check) =
            (self.profile.partial_step_per_million, self.profile.steps_per_check);
        let Some(slot) = self.slot(node, incarnation, shard) else { return };
        if slot.wake_at != Some(now) {
            // Another moment was found since.
            return;
        }
        slot.wake_at = None;
        if paused_until > now {
            self.wake(node, incarnation, shard, paused_until);
            return;
        }
        slot.steps += 1;
        let cause = [node as u64, incarnation, u64::from(shard.0), slot.steps];
        let batch = seed.draw(Stream::StepBatch, &cause);
        let mut count = slot.queue.len().min(STEP_EVENTS_MAX);
        if batch.chance(partial_per_million) && count > 1 {
            count = 1 + WorldSeed(batch.0).draw(Stream::StepBatch, &cause).below(count as u64) as usize;
        }
        let mut events = if count == slot.queue.len() {
            let spare = std::mem::take(&mut self.spare.events);
            std::mem::replace(&mut self.nodes[node].shards[usize::from(shard.0)].queue, spare)
        } else {
            slot.queue.drain(..count).collect()
        };
        // Before the step: where it panics, the last lines of the trace say on what.
        self.write_down(node, shard, &events);
        let mut effects = std::mem::take(&mut self.spare.effects);
        let Some(slot) = self.slot(node, incarnation, shard) else { return };
        slot.machine.step(shows, &mut events, &mut effects);
        assert!(events.is_empty(), "a step takes all of its events");
        if steps_per_check > 0 && slot.steps.is_multiple_of(steps_per_check) {
            slot.machine.check_invariants();
        }
        self.spare.events = events;
        self.collect(node, incarnation, shard, &mut effects);
        self.spare.effects = effects;
        self.wake_again(node, incarnation, shard);
    }

    /// Steps a shard again for what is left, and for its deadline.
    fn wake_again(&mut self, node: usize, incarnation: u64, shard: ShardId) {
        let now = self.now;
        let of = &mut self.nodes[node];
        let clock = &of.clock;
        let Some(slot) = of.shards.get_mut(usize::from(shard.0)).filter(|_| of.incarnation == incarnation) else {
            return;
        };
        let waits = !slot.queue.is_empty();
        let deadline = slot.machine.next_deadline().map(|deadline| clock.moment_of(deadline));
        // A machine may need some steps for what is due, and each of them does something.
        let overdue = deadline.is_some_and(|deadline| deadline <= now);
        slot.overdue_steps = if overdue { slot.overdue_steps + 1 } else { 0 };
        assert!(slot.overdue_steps < OVERDUE_STEPS_MAX, "a deadline that has passed is dealt with");
        if waits {
            self.wake(node, incarnation, shard, now.after_micros(1));
        } else if let Some(deadline) = deadline {
            self.wake(node, incarnation, shard, deadline.max(now.after_micros(1)));
        }
    }

    /// Takes the effects of a step over, to be carried out one by one.
    fn collect(&mut self, node: usize, incarnation: u64, shard: ShardId, effects: &mut Effects) {
        self.pending.extend(effects.drain().map(|effect| PendingEffect { node, incarnation, shard, effect }));
    }

    fn write_down(&mut self, node: usize, shard: ShardId, events: &VecDeque<Event>) {
        let digest = &mut self.spare.digest;
        digest.begin(self.hash);
        digest.number(self.now.0);
        digest.number((node as u64) << 16 | u64::from(shard.0));
        for event in events {
            digest.event(event);
        }
        self.hash = digest.finish();
        if let Some(trace) = &mut self.trace {
            for event in events {
                let place = Place::Shard(NodeIndex(node), shard.0);
                trace.push(self.now, place, '>', tell_event(event), Trace::of_event(node, event));
            }
        }
    }

    fn tell(&mut self, what: &str) {
        if let Some(trace) = &mut self.trace {
            trace.push(self.now, Place::World, '!', what.to_owned(), Fact::Nothing);
        }
    }
}
