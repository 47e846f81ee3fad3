//! What of a script can be made smaller: partitions, records, clients that do less by themselves, and faults.
//!
//! Each way takes the thing at one place (of a topic, a client or an act; places count through them in this order) and says
//! whether that changed anything.

use crate::disk::Profile;
use crate::script::{Act, ClientAct, ClientKind, End, Fault, Script};
use core::time::Duration;

/// Makes the thing at a place smaller, and says whether it did.
pub(super) type Simpler = fn(&mut Script, usize) -> bool;

/// The ways, in the order in which they are tried.
pub(super) const SIMPLER: [(&str, Simpler); 5] = [
    ("partitions", fewer_partitions),
    ("records", fewer_records),
    ("bytes", fewer_bytes),
    ("clients' settings", plainer_clients),
    ("faults' forms", plainer_faults),
];

/// A fault that takes longer than anybody needs to see it.
const LONG: Duration = Duration::from_secs(1);

/// How many places there are.
pub(super) fn count(script: &Script) -> usize {
    script.topics.len() + script.clients.len() + script.acts.len()
}

fn client(script: &mut Script, at: usize) -> Option<&mut ClientKind> {
    let at = at.checked_sub(script.topics.len())?;
    script.clients.get_mut(at).map(|plan| &mut plan.kind)
}

fn act(script: &mut Script, at: usize) -> Option<&mut Act> {
    let at = at.checked_sub(script.topics.len() + script.clients.len())?;
    script.acts.get_mut(at).map(|(_, act)| act)
}

/// Sets a value, and says whether it was another.
fn set<T: PartialEq>(value: &mut T, to: T) -> bool {
    let differs = *value != to;
    *value = to;
    differs
}

/// No more partitions than are named.
fn fewer_partitions(script: &mut Script, at: usize) -> bool {
    let Some(topic) = script.topics.get(at) else { return false };
    let named = script.acts.iter().filter_map(|(_, act)| match act {
        Act::Client(_, ClientAct::Send { to: of, .. })
        | Act::Client(
            _,
            ClientAct::Seek { of, .. } | ClientAct::DeleteRecords { of, .. } | ClientAct::ListOffsets { of, .. },
        ) if of.topic == topic.name => Some(of.partition + 1),
        Act::Client(..) | Act::Fault(_) => None,
    });
    let partitions = named.max().unwrap_or(1).min(topic.partitions);
    set(&mut script.topics[at].partitions, partitions)
}

fn fewer_records(script: &mut Script, at: usize) -> bool {
    match act(script, at) {
        Some(Act::Client(_, ClientAct::Send { records, .. })) => set(records, 1),
        Some(Act::Client(..) | Act::Fault(_)) | None => false,
    }
}

fn fewer_bytes(script: &mut Script, at: usize) -> bool {
    const BYTES: u32 = 20;
    match act(script, at) {
        Some(Act::Client(_, ClientAct::Send { bytes, .. })) if *bytes > BYTES => set(bytes, BYTES),
        Some(Act::Client(..) | Act::Fault(_)) | None => false,
    }
}

/// Clients that do nothing by themselves, and one thing after the other.
fn plainer_clients(script: &mut Script, at: usize) -> bool {
    match client(script, at) {
        Some(ClientKind::Producer(plan)) => {
            let one = set(&mut plan.in_flight, 1);
            let once = set(&mut plan.idempotent, false);
            one || once
        }
        Some(ClientKind::Consumer(plan)) => set(&mut plan.auto_commit, None) | set(&mut plan.instance, None),
        Some(ClientKind::Admin) | None => false,
    }
}

/// Faults that are easier to think about: all is lost, nothing is left to chance, and it is soon over.
fn plainer_faults(script: &mut Script, at: usize) -> bool {
    let Some(Act::Fault(fault)) = act(script, at) else { return false };
    match fault {
        Fault::End { how, restart_after, .. } | Fault::EndAt { how, restart_after, .. } => {
            let survives = match how {
                End::PowerLoss(profile) => set(profile, Profile::Nothing),
                End::Stop | End::Kill => false,
            };
            survives | shorter(restart_after)
        }
        Fault::Disk { per_million, time, .. } => set(per_million, 1_000_000) | shorter(time),
        Fault::Pause { time, .. } | Fault::Network { time, .. } => shorter(time),
        Fault::Clock { .. } | Fault::Drift { .. } => false,
    }
}

fn shorter(time: &mut Duration) -> bool {
    *time > LONG && set(time, LONG)
}
