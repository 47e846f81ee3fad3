//! Snapshots of the metadata: one is read before the metadata log, and new ones are written as the log grows.

use super::Shard;
use super::head::{Asked, Phase};
use crate::effect::{Effect, Effects, Level};
use crate::event::IoResult;
use crate::ids::{Offset, TopicPartition};
use crate::log::files::snapshot_name::SnapshotId;
use crate::metadata::{Fold, MetadataImage};
use crate::quorum::{Booted, SnapshotOutcome, Snapshotted};
use crate::replica::Loader;
use crate::time::Now;
use alloc::boxed::Box;
use alloc::format;

impl Shard {
    /// Reads on in the snapshots.
    pub(super) fn read_snapshot(&mut self, now: Now, completed: Option<IoResult>, effects: &mut Effects) {
        let Some(head) = &mut self.head else { return };
        let Phase::Snapshot(booted, reader) = &mut head.phase else { return };
        match reader.advance(completed, effects) {
            SnapshotOutcome::Ask(op) => head.ask(Asked::Snapshot, op, effects),
            SnapshotOutcome::Loaded(id, image, damaged) => {
                let booted = booted.clone();
                head.snapshots.set_aside(&damaged);
                self.load_after(now, booted, id, *image, effects);
            }
        }
    }

    /// Reads the log from where the snapshot ends.
    fn load_after(
        &mut self,
        now: Now,
        booted: Booted,
        id: Option<SnapshotId>,
        image: MetadataImage,
        effects: &mut Effects,
    ) {
        let from = id.map_or(Offset::ZERO, |id| id.end_offset);
        let refusal = match self.store.state(TopicPartition::CLUSTER_METADATA) {
            Err(_) => Some("it cannot be read".into()),
            Ok(state) if state.log_start > from => {
                Some(format!("it starts at offset {}, and no snapshot that is whole reaches that far", state.log_start))
            }
            Ok(state) if state.log_end < from => {
                Some(format!("it ends at offset {}, before its newest snapshot at {from}", state.log_end))
            }
            Ok(_) => None,
        };
        if let Some(reason) = refusal {
            effects.push(Effect::Failed { reason: format!("the metadata log cannot be used: {reason}") });
            return;
        }
        let Some(head) = &mut self.head else { return };
        match Loader::new(&self.store, TopicPartition::CLUSTER_METADATA, from) {
            Ok(loader) => {
                head.phase = Phase::Loading(booted, loader, Box::new(Fold::new(image)));
                self.load_metadata(now, None, effects);
            }
            Err(error) => {
                effects.push(Effect::Failed { reason: format!("the metadata log cannot be used: {error}") });
            }
        }
    }

    /// Begins a snapshot of what is committed, where one is due, and goes on with it.
    pub(super) fn snapshot_if_due(&mut self, now: Now, effects: &mut Effects) {
        if self.is_stopping() {
            return;
        }
        let Some(head) = &mut self.head else { return };
        let Phase::Controlling(controller, None) = &head.phase else { return };
        head.snapshots.begin_if_due(now.wall, controller.committed(), &head.voter);
        if let Some(op) = head.snapshots.next_op() {
            head.ask(Asked::Snapshot, op, effects);
        }
    }

    /// An operation on a snapshot has ended.
    pub(super) fn snapshot_io(&mut self, now: Now, result: IoResult, effects: &mut Effects) {
        if self.is_stopping() {
            // What of it is not complete is removed at the next start.
            return;
        }
        let Some(head) = &mut self.head else { return };
        if let Phase::Snapshot(..) = head.phase {
            return self.read_snapshot(now, Some(result), effects);
        }
        match head.snapshots.completed(result) {
            Snapshotted::Step => {}
            Snapshotted::Complete(_, start) => {
                // The store drops whole segments, once this start is durable.
                let partition = TopicPartition::CLUSTER_METADATA;
                if let Err(why) = self.store.delete_records(now, partition, start) {
                    effects.notice(Level::Warn, format!("The metadata log cannot be shortened: {why:?}."));
                }
            }
            Snapshotted::NoSpace => {
                effects.notice(Level::Warn, "The disk has no space for a snapshot of the metadata.");
            }
            Snapshotted::Failed(error) => {
                let reason = format!("the log directory that holds the metadata has failed: {}", error.message);
                effects.push(Effect::Failed { reason });
                return;
            }
        }
        self.snapshot_if_due(now, effects);
    }
}
