//! Whether a script can be run at all.

use super::Unrunnable;
use crate::clock::WorldTime;
use crate::node::NodeIndex;
use crate::script::{Act, ClientKind, Fault, Script};

/// The requests that an idempotent producer may have under way at once.
const IN_FLIGHT_MAX: usize = 5;

/// Checks that a script is sound: everything that it names exists, and acts are in the order of their times.
///
/// # Errors
/// What is wrong.
pub(super) fn check(script: &Script) -> Result<(), Unrunnable> {
    let sound = |holds: bool, what: &dyn Fn() -> String| if holds { Ok(()) } else { Err(Unrunnable(what())) };
    sound(!script.nodes.is_empty(), &|| "a run has at least one node".to_owned())?;
    for (number, plan) in script.nodes.iter().enumerate() {
        let has_parts = plan.shards > 0 && plan.dirs > 0;
        sound(has_parts, &|| format!("n{number} has at least one shard and one log directory"))?;
    }
    for plan in &script.clients {
        if let ClientKind::Producer(producer) = &plan.kind {
            let fits = !producer.idempotent || (producer.acks == -1 && producer.in_flight <= IN_FLIGHT_MAX);
            sound(fits, &|| format!("{} is idempotent: acks is all, and at most 5 are in flight", plan.name))?;
            sound(producer.in_flight > 0, &|| format!("{} has at least one request in flight", plan.name))?;
            sound(matches!(producer.acks, -1..=1), &|| format!("{}: acks is 0, 1 or -1", plan.name))?;
        }
    }
    let mut last = WorldTime::default();
    for (at, act) in &script.acts {
        let place = || format!("at {} us", at.0);
        sound(last <= *at, &|| format!("{}: an earlier act stands later", place()))?;
        last = *at;
        match act {
            Act::Client(client, _) => {
                sound(client.0 < script.clients.len(), &|| format!("{}: no client {}", place(), client.0))?;
            }
            Act::Fault(fault) => {
                sound(*at < script.heal_at, &|| format!("{}: a fault after all have ended", place()))?;
                let (node, dir) = target(fault);
                let plan = script.nodes.get(node.0);
                sound(plan.is_some(), &|| format!("{}: no node n{}", place(), node.0))?;
                let has_dir = plan.is_some_and(|plan| dir < plan.dirs);
                sound(has_dir, &|| format!("{}: n{} has no log directory {dir}", place(), node.0))?;
            }
        }
    }
    Ok(())
}

/// What a fault is about: a node, and one of its log directories, or its first.
const fn target(fault: &Fault) -> (NodeIndex, u16) {
    match fault {
        Fault::End { node, .. }
        | Fault::EndAt { node, .. }
        | Fault::Pause { node, .. }
        | Fault::Clock { node, .. }
        | Fault::Drift { node, .. }
        | Fault::Network { node, .. } => (*node, 0),
        Fault::Disk { node, dir, .. } => (*node, *dir),
    }
}
