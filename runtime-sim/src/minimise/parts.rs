//! What can be left out of a script: the things of each kind, and the script without some of them.

use crate::history::ClientIndex;
use crate::script::{Act, ClientAct, ClientKind, Fault, NodePlan, Script, TopicPlan};
use core::ops::Range;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A kind of things.
pub(super) struct Part {
    /// What they are called.
    pub(super) name: &'static str,
    /// How many a script has.
    pub(super) count: fn(&Script) -> usize,
    /// The script without some of them, by their numbers.
    pub(super) without: fn(&Script, Range<usize>) -> Script,
}

/// The kinds, in the order in which they are tried.
pub(super) const PARTS: [Part; 7] = [
    Part { name: "clients", count: |script| script.clients.len(), without: without_clients },
    Part {
        name: "faults",
        count: |script| acts(script, is_fault),
        without: |script, range| without_acts(script, is_fault, &range),
    },
    Part {
        name: "operations",
        count: |script| acts(script, is_operation),
        without: |script, range| without_acts(script, is_operation, &range),
    },
    Part { name: "topics", count: |script| script.topics.len(), without: without_topics },
    // The first stays: it is what the run is read from at its end.
    Part { name: "nodes", count: |script| script.nodes.len().saturating_sub(1), without: without_nodes },
    Part {
        name: "keys of nodes",
        count: |script| script.nodes.iter().map(|node| node.properties.len()).sum(),
        without: |script, range| {
            let mut script = script.clone();
            without_keys(script.nodes.iter_mut().map(|NodePlan { properties, .. }| properties), &range);
            script
        },
    },
    Part {
        name: "keys of topics",
        count: |script| script.topics.iter().map(|topic| topic.configs.len()).sum(),
        without: |script, range| {
            let mut script = script.clone();
            without_keys(script.topics.iter_mut().map(|TopicPlan { configs, .. }| configs), &range);
            script
        },
    },
];

fn is_fault(act: &Act) -> bool {
    matches!(act, Act::Fault(_))
}

fn is_operation(act: &Act) -> bool {
    matches!(act, Act::Client(..))
}

fn acts(script: &Script, which: fn(&Act) -> bool) -> usize {
    script.acts.iter().filter(|(_, act)| which(act)).count()
}

fn without_acts(script: &Script, which: fn(&Act) -> bool, range: &Range<usize>) -> Script {
    let mut script = script.clone();
    let mut number = 0;
    script.acts.retain(|(_, act)| {
        let is_one = which(act);
        let goes = is_one && range.contains(&number);
        number += usize::from(is_one);
        !goes
    });
    script
}

/// Clients go with all that they do and all that happens to them; those that stay have new numbers.
fn without_clients(script: &Script, range: Range<usize>) -> Script {
    let mut script = script.clone();
    script.clients.drain(range.clone());
    let moved = |client: ClientIndex| match client.0 {
        number if number < range.start => Some(client),
        number if number < range.end => None,
        number => Some(ClientIndex(number - range.len())),
    };
    script.acts.retain_mut(|(_, act)| {
        let client = match act {
            Act::Client(client, _) | Act::Fault(Fault::Network { client: Some(client), .. }) => client,
            Act::Fault(_) => return true,
        };
        moved(*client).map(|new| *client = new).is_some()
    });
    script
}

/// Nodes go with all that happens to them; those that stay have new numbers. The first is not counted.
fn without_nodes(script: &Script, range: Range<usize>) -> Script {
    let range = range.start + 1..range.end + 1;
    let mut script = script.clone();
    script.nodes.drain(range.clone());
    script.acts.retain_mut(|(_, act)| {
        let Act::Fault(fault) = act else { return true };
        let node = match fault {
            Fault::End { node, .. }
            | Fault::EndAt { node, .. }
            | Fault::Pause { node, .. }
            | Fault::Disk { node, .. }
            | Fault::Clock { node, .. }
            | Fault::Drift { node, .. }
            | Fault::Network { node, .. } => node,
        };
        let goes = range.contains(&node.0);
        if node.0 >= range.end {
            node.0 -= range.len();
        }
        !goes
    });
    script
}

/// Topics go with all that is asked of them. A consumer that would be left without any keeps its own.
fn without_topics(script: &Script, range: Range<usize>) -> Script {
    let mut script = script.clone();
    let gone: Vec<Arc<str>> = script.topics.drain(range).map(|topic| topic.name).collect();
    script.acts.retain(|(_, act)| match act {
        Act::Client(_, act) => topic_of(act).is_none_or(|topic| !gone.contains(topic)),
        Act::Fault(_) => true,
    });
    for client in &mut script.clients {
        if let ClientKind::Consumer(plan) = &mut client.kind
            && plan.topics.iter().any(|topic| !gone.contains(topic))
        {
            plan.topics.retain(|topic| !gone.contains(topic));
        }
    }
    script
}

fn topic_of(act: &ClientAct) -> Option<&Arc<str>> {
    match act {
        ClientAct::Send { to: of, .. }
        | ClientAct::Seek { of, .. }
        | ClientAct::DeleteRecords { of, .. }
        | ClientAct::ListOffsets { of, .. } => Some(&of.topic),
        ClientAct::CreateTopic(TopicPlan { name: topic, .. })
        | ClientAct::DeleteTopic(topic)
        | ClientAct::CreatePartitions { topic, .. }
        | ClientAct::AlterConfig { topic, .. }
        | ClientAct::DescribeConfigs(topic) => Some(topic),
        ClientAct::Commit
        | ClientAct::Idle(_)
        | ClientAct::Leave
        | ClientAct::Join
        | ClientAct::Crash(_)
        | ClientAct::ListTopics
        | ClientAct::Committed(_)
        | ClientAct::DeleteGroup(_) => None,
    }
}

/// Keys go by their numbers over all maps.
fn without_keys<'a>(maps: impl Iterator<Item = &'a mut BTreeMap<Arc<str>, Arc<str>>>, range: &Range<usize>) {
    let mut number = 0;
    for map in maps {
        map.retain(|_, _| {
            let stays = !range.contains(&number);
            number += 1;
            stays
        });
    }
}

/// Leaves out the faults of directories that no node has.
pub(super) fn keep_to_dirs(script: &mut Script) {
    let nodes = &script.nodes;
    script.acts.retain(|(_, act)| match act {
        Act::Fault(Fault::Disk { node, dir, .. }) => nodes.get(node.0).is_some_and(|node| *dir < node.dirs),
        Act::Fault(_) | Act::Client(..) => true,
    });
}
