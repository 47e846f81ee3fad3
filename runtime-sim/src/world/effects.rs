//! Carrying out the effects of a shard, and running what it asked of its disks.

use super::{Happening, Occurrence, PendingEffect, World};
use crate::disk::{OpKind, Ticket, Told};
use crate::draw::Stream;
use crate::machine::Machine;
use crate::node::{Ended, NodeIndex, NodeState};
use crate::trace::{Fact, Place, tell_effect};
use grete_core::effect::{Effect, IoOp, Job, ShardMessage};
use grete_core::event::{Event, IoError, IoErrorKind};
use grete_core::ids::{IoId, JobId, ShardId};

impl<M: Machine> World<M> {
    pub(super) fn carry_out(&mut self, pending: PendingEffect) {
        let PendingEffect { node, incarnation, shard, effect } = pending;
        if self.nodes[node].incarnation != incarnation || !self.nodes[node].is_up() {
            return;
        }
        self.effects += 1;
        let digest = &mut self.spare.digest;
        digest.begin(self.hash);
        digest.number(self.now.0);
        digest.number((node as u64) << 16 | u64::from(shard.0));
        digest.effect(&effect);
        self.hash = digest.finish();
        if let Some(trace) = &mut self.trace {
            let fact = trace.of_effect(node, &effect);
            trace.push(self.now, Place::Shard(NodeIndex(node), shard.0), '<', tell_effect(&effect), fact);
        }
        match effect {
            Effect::Send { connection, parts } => self.node_sends(connection, shard, &parts),
            Effect::Close { connection } => self.node_closes(connection, shard),
            Effect::Cut { connection } => self.node_cuts(connection, shard),
            Effect::Admit { connection, bytes } => {
                self.node_reads(connection, shard, |stream| stream.framing.admit(bytes));
            }
            Effect::Pause { connection } => self.node_reads(connection, shard, |stream| stream.paused = true),
            Effect::Resume { connection } => self.node_reads(connection, shard, |stream| stream.paused = false),
            Effect::Io { io, op } => self.submit(node, shard, io, op),
            Effect::Job { job, work } => self.run_job(node, shard, job, work),
            Effect::ToShard { to, message } => self.send_to_shard(node, shard, to, message),
            Effect::Notice(notice) => self.nodes[node].notices.push(notice),
            Effect::Ready => self.shard_is_ready(node, shard),
            Effect::Stopped => self.shard_has_stopped(node, shard),
            Effect::Failed { reason } => self.end_node(node, Ended::Failed { reason }),
        }
    }

    fn submit(&mut self, node: usize, shard: ShardId, io: IoId, op: IoOp) {
        let dir = usize::from(op.file().dir.0);
        self.look_at(node, &op);
        let incarnation = self.nodes[node].incarnation;
        match self.nodes[node].disks.get_mut(dir) {
            Some(disk) => {
                if let Some(started) = disk.submit(shard, io, op) {
                    self.start(node, dir, [started]);
                }
            }
            None => {
                let error = IoError { kind: IoErrorKind::Failed, message: "no such log directory".into() };
                self.deliver(node, incarnation, shard, Event::Io { io, result: Err(error) });
            }
        }
    }

    /// Tells who waits for this operation.
    fn look_at(&mut self, node: usize, op: &IoOp) {
        let Self { nodes, happenings, .. } = self;
        let watches = &mut nodes[node].watches;
        if watches.is_empty() {
            return;
        }
        let (kind, path) = (OpKind::of(op), &op.file().path);
        watches.retain_mut(|watch| {
            watch.left -= u64::from(watch.op == kind && path.contains(&*watch.path_contains));
            if watch.left == 0 {
                happenings.push_back(Happening::Asked { node: NodeIndex(node), watch: watch.number });
            }
            watch.left > 0
        });
    }

    pub(super) fn start(&mut self, node: usize, dir: usize, started: impl IntoIterator<Item = (Ticket, u64)>) {
        let incarnation = self.nodes[node].incarnation;
        for (ticket, micros) in started {
            let at = self.now.after_micros(micros);
            self.schedule(at, Occurrence::Disk { node, incarnation, dir, ticket });
        }
    }

    /// A file operation has its turn: it is done, whether its process still runs to hear of it or is paused.
    pub(super) fn disk_runs(&mut self, node: usize, incarnation: u64, dir: usize, ticket: Ticket) {
        if self.nodes[node].incarnation != incarnation {
            return;
        }
        let Some(ran) = self.nodes[node].disks[dir].run(ticket) else { return };
        if let Some(trace) = &mut self.trace {
            let result = ran.result.as_ref().err().map_or(String::new(), |error| format!(": {}", error.message));
            let place = Place::Shard(NodeIndex(node), ran.shard.0);
            trace.push(self.now, place, '=', format!("{}{result}", Told(&ran.op)), Fact::Nothing);
        }
        self.start(node, dir, ran.ready);
        self.deliver(node, incarnation, ran.shard, Event::Io { io: ran.io, result: ran.result });
    }

    fn run_job(&mut self, node: usize, shard: ShardId, job: JobId, work: Job) {
        let incarnation = self.nodes[node].incarnation;
        let Some(slot) = self.slot(node, incarnation, shard) else { return };
        slot.jobs += 1;
        let cause = [node as u64, incarnation, u64::from(shard.0), slot.jobs];
        let delay = self.seed.draw(Stream::JobDelay, &cause).among(&self.profile.job_micros);
        let event = Event::JobDone { job, output: work.run() };
        self.schedule(self.now.after_micros(delay), Occurrence::Deliver { node, incarnation, shard, event });
    }

    fn send_to_shard(&mut self, node: usize, from: ShardId, to: ShardId, message: ShardMessage) {
        let incarnation = self.nodes[node].incarnation;
        let (seed, now) = (self.seed, self.now);
        let (first, last) = (*self.profile.shard_micros.start(), *self.profile.shard_micros.end());
        let slot = self.slot(node, incarnation, to).expect("messages go to shards of the node");
        slot.messages += 1;
        let cause = [node as u64, incarnation, u64::from(from.0), u64::from(to.0), slot.messages];
        let delay = seed.draw(Stream::ShardDelay, &cause).among(&(first..=last));
        let last = &mut slot.last_message[usize::from(from.0)];
        *last = now.after_micros(delay).max(*last);
        let at = *last;
        let event = Event::FromShard { from, message };
        self.schedule(at, Occurrence::Deliver { node, incarnation, shard: to, event });
    }

    fn shard_is_ready(&mut self, node: usize, shard: ShardId) {
        let node = &mut self.nodes[node];
        let slot = &mut node.shards[usize::from(shard.0)];
        assert!(!slot.ready, "a shard gets ready once");
        slot.ready = true;
        if node.state == NodeState::Booting && node.shards.iter().all(|slot| slot.ready) {
            node.state = NodeState::Serving;
        }
    }

    fn shard_has_stopped(&mut self, node: usize, shard: ShardId) {
        let shards = &mut self.nodes[node].shards;
        let slot = &mut shards[usize::from(shard.0)];
        assert!(!slot.stopped, "a shard stops once");
        slot.stopped = true;
        if shards.iter().all(|slot| slot.stopped) {
            self.end_node(node, Ended::Stopped);
        }
    }
}
