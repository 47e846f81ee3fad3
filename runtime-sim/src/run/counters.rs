//! What went wrong in a run, counted: how often each kind of fault was begun, and how often it changed an outcome. A fault
//! that never changes one tests nothing.

use crate::disk::{self, OpKind};
use crate::script::{ClientAct, End, Fault, NetworkFault};
use std::collections::BTreeMap;

/// A kind of fault: its name, and when one of it counts as having changed an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The name.
    pub name: &'static str,
    /// What counts.
    pub changes: &'static str,
}

/// All kinds, in the order in which they are told.
pub const KINDS: &[Kind] = &[
    Kind { name: "stop", changes: "a client waited for a response of the node when it was told to stop" },
    Kind { name: "kill", changes: "a client waited for a response, the node was booting, or its disks had work" },
    Kind { name: "power-loss", changes: "something that was not synced was lost" },
    Kind { name: "stop-at", changes: "the operation came, and the node was told to stop" },
    Kind { name: "kill-at", changes: "the operation came, and the process was killed while it was under way" },
    Kind { name: "power-loss-at", changes: "the operation came, and something that was not synced was lost" },
    Kind { name: "pause", changes: "events waited for the process when it went on" },
    Kind { name: "disk-error-read", changes: "a read failed" },
    Kind { name: "disk-error-write", changes: "a write or truncation failed" },
    Kind { name: "disk-error-sync", changes: "a sync failed" },
    Kind { name: "disk-error-name", changes: "making, removing or renaming a file failed" },
    Kind { name: "disk-error-any", changes: "an operation of one of several kinds failed" },
    Kind { name: "disk-full", changes: "an operation failed for want of space" },
    Kind { name: "disk-ignores", changes: "an operation was reported as done that was not" },
    Kind { name: "disk-rot", changes: "a read of an index found a bit that had turned" },
    Kind { name: "disk-rot-records", changes: "a read of anything else found a bit that had turned" },
    Kind { name: "disk-slow", changes: "an operation took longer" },
    Kind { name: "disk-stuck", changes: "an operation did not end until the fault did" },
    Kind { name: "clock-forward", changes: "something was acknowledged after the jump, while the node served" },
    Kind { name: "clock-back", changes: "something was acknowledged after the jump, while the node served" },
    Kind { name: "drift-fast", changes: "the clock had gained a millisecond or more at the end" },
    Kind { name: "drift-slow", changes: "the clock had lost a millisecond or more at the end" },
    Kind { name: "reset", changes: "a connection broke that had a request without a response" },
    Kind { name: "cut", changes: "something was sent that did not arrive until the fault ended" },
    Kind { name: "cut-to-node", changes: "a client sent something that did not arrive until the fault ended" },
    Kind { name: "cut-to-client", changes: "a node sent something that did not arrive until the fault ended" },
    Kind { name: "slow-link", changes: "something took longer to arrive" },
    Kind { name: "not-reading", changes: "something came that the client did not take" },
    Kind { name: "client-crash", changes: "the client had something under way" },
    Kind { name: "node-failed", changes: "a node gave up by itself, and was started again" },
];

/// How often a kind of fault came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// How often it was begun.
    pub begun: u64,
    /// How often it changed an outcome.
    pub changed: u64,
}

/// The counts of all kinds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters(BTreeMap<&'static str, Count>);

impl Counters {
    /// The count of a kind, by its name.
    #[must_use]
    pub fn of(&self, name: &str) -> Count {
        self.0.get(name).copied().unwrap_or_default()
    }

    /// The kinds that came, with their counts, by name.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, Count)> {
        self.0.iter().map(|(name, count)| (*name, *count))
    }

    /// How many faults have changed an outcome.
    #[must_use]
    pub fn changed(&self) -> u64 {
        self.0.values().map(|count| count.changed).sum()
    }

    /// Adds up others.
    pub fn add(&mut self, other: &Self) {
        for (name, count) in other.all() {
            let sum = self.0.entry(name).or_default();
            sum.begun += count.begun;
            sum.changed += count.changed;
        }
    }

    pub(super) fn begin(&mut self, name: &'static str) {
        self.0.entry(name).or_default().begun += 1;
    }

    pub(super) fn change(&mut self, name: &'static str, changed: bool) {
        self.0.entry(name).or_default().changed += u64::from(changed);
    }
}

/// The name of a fault's kind: one of [`KINDS`].
#[must_use]
pub fn kind_of(fault: &Fault) -> &'static str {
    match fault {
        Fault::End { how: End::Stop, .. } => "stop",
        Fault::End { how: End::Kill, .. } => "kill",
        Fault::End { how: End::PowerLoss(_), .. } => "power-loss",
        Fault::EndAt { how: End::Stop, .. } => "stop-at",
        Fault::EndAt { how: End::Kill, .. } => "kill-at",
        Fault::EndAt { how: End::PowerLoss(_), .. } => "power-loss-at",
        Fault::Pause { .. } => "pause",
        Fault::Disk { what, ops, path, .. } => match what {
            disk::Fault::Error => disk_error(ops),
            disk::Fault::NoSpace => "disk-full",
            disk::Fault::Ignored => "disk-ignores",
            disk::Fault::Rot if path.ends_with("index") => "disk-rot",
            disk::Fault::Rot => "disk-rot-records",
            disk::Fault::Slow(_) => "disk-slow",
            disk::Fault::Stuck => "disk-stuck",
        },
        Fault::Clock { millis, .. } if *millis < 0 => "clock-back",
        Fault::Clock { .. } => "clock-forward",
        Fault::Drift { per_million, .. } if *per_million < 0 => "drift-slow",
        Fault::Drift { .. } => "drift-fast",
        Fault::Network { what, .. } => match what {
            NetworkFault::Reset => "reset",
            NetworkFault::Cut => "cut",
            NetworkFault::CutToNode => "cut-to-node",
            NetworkFault::CutToClient => "cut-to-client",
            NetworkFault::Slow(_) => "slow-link",
            NetworkFault::NotReading => "not-reading",
        },
    }
}

/// The name of the kind of what a client is asked to do, where that is a fault.
#[must_use]
pub const fn kind_of_act(act: &ClientAct) -> Option<&'static str> {
    match act {
        ClientAct::Crash(_) => Some("client-crash"),
        _ => None,
    }
}

fn disk_error(ops: &[OpKind]) -> &'static str {
    let class = |op: &OpKind| match op {
        OpKind::Read | OpKind::Space => "disk-error-read",
        OpKind::Write | OpKind::Truncate => "disk-error-write",
        OpKind::Sync | OpKind::SyncDir => "disk-error-sync",
        OpKind::Create | OpKind::Remove | OpKind::Rename | OpKind::MakeDir | OpKind::RemoveDir => "disk-error-name",
    };
    match ops.split_first() {
        Some((first, others)) if others.iter().all(|other| class(other) == class(first)) => class(first),
        Some(_) | None => "disk-error-any",
    }
}
