//! Stopping in order.
//!
//! Each shard closes its connections behind the answers that they were given, takes nothing more, and makes its logs durable
//! and complete where it has served. Shard 0 fences the node's
//! registration with that, so that whoever starts here next does not wait for this one's session to end. Each then tells
//! shard 0 what Kafka's checkpoints say of its logs, and has stopped; shard 0 writes what is a whole directory's, and has
//! stopped last.
//!
//! Invariants:
//! 1. From the beginning of a stop on nothing is appended but the fence: what is asked of a shard is dropped, since whoever
//!    asked is not answered any more.
//! 2. A stop that finds a shard not serving leaves no mark of a clean stop: not all logs were opened.

use super::head::Asked;
use super::message::Message;
use super::{Shard, Stage};
use crate::effect::{Effect, Effects};
use crate::event::IoResult;
use crate::ids::{ConnectionId, LogDirIndex, ShardId};
use crate::log::CheckpointEntry;
use crate::quorum::{Stop, StopOutcome};
use crate::time::Now;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// What a shard that has closed its logs says of them, for each directory that works; nothing where it did not serve.
pub(super) type Closed = Option<Vec<(LogDirIndex, Vec<CheckpointEntry>)>>;

impl Shard {
    /// Whether a stop has begun.
    pub(super) fn is_stopping(&self) -> bool {
        matches!(self.stage, Stage::Stopping | Stage::Stopped)
    }

    /// Begins to stop: no client is served any more, and everything is made durable.
    pub(super) fn shutdown(&mut self, now: Now, effects: &mut Effects) {
        if self.is_stopping() {
            return;
        }
        let serves = self.stage == Stage::Serving;
        self.stage = Stage::Stopping;
        let open: Vec<ConnectionId> = self.connections.iter().map(|(id, _)| id).collect();
        open.into_iter().for_each(|id| self.connections.close(id, effects));
        if serves {
            self.fence_node(now, effects);
            self.store.shutdown(now);
        } else {
            self.say_closed(None, effects);
        }
    }

    /// All logs are flushed and closed.
    pub(super) fn logs_closed(&mut self, effects: &mut Effects) {
        let dirs = (0..self.directories.len()).map(|dir| LogDirIndex(dir as u16));
        let entries = dirs.filter_map(|dir| Some((dir, self.store.checkpoint_entries(dir)?))).collect();
        self.say_closed(Some(entries), effects);
    }

    fn say_closed(&mut self, closed: Closed, effects: &mut Effects) {
        self.tell(ShardId(0), Message::Closed(closed));
        if self.head.is_none() {
            self.stopped(effects);
        }
    }

    /// A shard has closed its logs. The last one lets the directories be closed.
    pub(super) fn shard_closed(&mut self, from: ShardId, closed: Closed, effects: &mut Effects) {
        let shards = usize::from(self.shards);
        let epoch = self.broker_epoch();
        let Some(head) = &mut self.head else { return };
        head.closed.insert(from, closed);
        if head.closed.len() < shards {
            return;
        }
        let all: Option<Vec<_>> = core::mem::take(&mut head.closed).into_values().collect();
        let (Some(all), Some(epoch)) = (all, epoch) else { return self.stopped(effects) };
        // A directory that has failed one shard is out of service for all.
        let mut dirs: BTreeMap<LogDirIndex, Vec<Vec<CheckpointEntry>>> = BTreeMap::new();
        for (dir, entries) in all.into_iter().flatten() {
            dirs.entry(dir).or_default().push(entries);
        }
        let dirs = dirs.into_iter().filter(|(_, entries)| entries.len() == shards);
        let dirs: Vec<_> = dirs.map(|(dir, entries)| (dir, entries.concat())).collect();
        head.stop = Some(Stop::new(&dirs, epoch));
        self.advance_stop(None, effects);
    }

    /// Goes on closing the directories.
    pub(super) fn advance_stop(&mut self, completed: Option<IoResult>, effects: &mut Effects) {
        let Some(head) = &mut self.head else { return };
        let Some(stop) = &mut head.stop else { return };
        match stop.advance(completed, effects) {
            StopOutcome::Ask(ops) => {
                for op in ops {
                    head.ask(Asked::Stop, op, effects);
                }
            }
            StopOutcome::Done => self.stopped(effects),
        }
    }

    fn stopped(&mut self, effects: &mut Effects) {
        self.stage = Stage::Stopped;
        effects.push(Effect::Stopped);
    }
}
