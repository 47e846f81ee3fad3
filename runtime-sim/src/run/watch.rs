//! Watching a run while it goes on: what its trace says beyond events and effects.
//!
//! Invariant: watching changes nothing. A run that is watched is the same as one that is not, event by event.

use super::Run;
use crate::clock::WorldTime;
use crate::history::{ClientIndex, OperationId};
use crate::machine::Machine;
use crate::node::NodeIndex;
use crate::script::Script;
use crate::trace::{Fact, Place, Trace, tell_ends, tell_group, tell_id, tell_outcome, tell_what};
use grete_core::group::{GroupView, names::GroupId};
use grete_core::ids::TopicPartition;
use grete_core::log::LogEnds;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::mem;
use std::sync::Arc;

/// A moment of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Right after the entry of that number in the trace.
    Event(usize),
    /// The end of that microsecond.
    Time(WorldTime),
}

/// What was there when it was last looked.
#[derive(Clone, Debug, Default)]
pub(super) struct Watch {
    /// The operations that have been told to begin.
    begun: usize,
    open: BTreeSet<OperationId>,
    states: BTreeMap<NodeIndex, String>,
    logs: BTreeMap<(NodeIndex, TopicPartition), LogEnds>,
    groups: BTreeMap<(NodeIndex, GroupId), GroupView>,
    /// The hash of the world when the nodes were looked at last.
    hash: u64,
    /// When the state is to be told, and what it was then.
    wanted: Option<Moment>,
    state: Option<String>,
}

impl<M: Machine> Run<M> {
    /// Writes down what happens from now on.
    pub fn trace_on(&mut self) {
        self.world.trace_on();
        self.watch.get_or_insert_default();
    }

    /// Writes down what happens from now on, and what is [there](Self::state) at a moment.
    pub fn trace_until(&mut self, moment: Moment) {
        self.trace_on();
        self.watch.get_or_insert_default().wanted = Some(moment);
    }

    /// What was there at the moment for which [`trace_until`](Self::trace_until) waits, once it has come.
    #[must_use]
    pub fn state_then(&self) -> Option<&str> {
        self.watch.as_ref()?.state.as_deref()
    }

    /// What was written down of what happened, where it was asked for.
    #[must_use]
    pub const fn trace(&self) -> Option<&Trace> {
        self.world.trace()
    }

    /// What a client is called.
    #[must_use]
    pub fn client_name(&self, client: ClientIndex) -> String {
        name_in(&self.script, client)
    }

    /// The act that happens next is written down.
    pub(super) fn tell_act(&mut self) {
        let script = &self.script;
        let Some((_, act)) = script.acts.get(self.cursor) else { return };
        let now = self.world.now();
        if let Some(trace) = self.world.trace_mut() {
            trace.push(now, Place::World, '!', format!("act      {}", script.told(act)), Fact::Act(self.cursor));
        }
    }

    /// Looks at what has changed.
    pub(super) fn look(&mut self) {
        let Some(mut watch) = self.watch.take() else { return };
        self.look_at_operations(&mut watch);
        self.look_at_nodes(&mut watch);
        let events = self.world.trace().map_or(0, |trace| trace.entries().len());
        let is_now = watch.wanted.is_some_and(|wanted| match wanted {
            Moment::Event(number) => events > number,
            Moment::Time(time) => self.world.now() > time,
        });
        if is_now && watch.state.is_none() {
            watch.state = Some(self.state());
        }
        self.watch = Some(watch);
    }

    fn look_at_operations(&mut self, watch: &mut Watch) {
        let now = self.world.now();
        let script = Arc::clone(&self.script);
        let name = |client: ClientIndex| name_in(&script, client);
        let Some(trace) = self.world.trace_mut() else { return };
        let operations = self.history.operations();
        let mut tell = |id: OperationId, text: String, fact: Fact| {
            trace.push(now, Place::Client(operations[id.0].client), '*', text, fact);
        };
        for id in (watch.begun..operations.len()).map(OperationId) {
            watch.open.insert(id);
            tell(id, format!("begins   {} {}", tell_id(id), tell_what(&operations[id.0].what, &name)), Fact::Began(id));
        }
        watch.begun = operations.len();
        for id in mem::take(&mut watch.open) {
            match operations[id.0].ended {
                None => drop(watch.open.insert(id)),
                Some(_) => {
                    let outcome = tell_outcome(&operations[id.0].outcome, &name);
                    tell(id, format!("ends     {} {outcome}", tell_id(id)), Fact::Ended(id));
                }
            }
        }
    }

    fn look_at_nodes(&mut self, watch: &mut Watch) {
        let hash = self.world.hash();
        let has_stepped = mem::replace(&mut watch.hash, hash) != hash;
        for node in self.nodes() {
            let state = format!("{:?}", self.world.state(node));
            let is_another = watch.states.get(&node) != Some(&state);
            if is_another {
                watch.states.insert(node, state.clone());
                // Groups are told again when they are loaded.
                watch.groups.retain(|(of, _), _| *of != node);
                self.note(node, format!("is       {state}"), Fact::State(node, state));
            }
            // Only steps change what is there, and each of them changes the hash.
            if !is_another && !has_stepped {
                continue;
            }
            let logs: BTreeMap<_, _> =
                self.world.machines(node).flat_map(M::log_ends).map(|ends| ((node, ends.partition), ends)).collect();
            let gone = watch.logs.extract_if(.., |key, _| key.0 == node && !logs.contains_key(key));
            for (_, ends) in gone.collect::<Vec<_>>() {
                let name = format!("{}/{}", ends.topic, ends.partition.partition);
                self.note(node, format!("log      {name} is not there any more"), Fact::LogGone(node, name));
            }
            for (key, ends) in logs {
                if watch.logs.get(&key) != Some(&ends) {
                    self.note(node, tell_ends(&ends), Fact::Log(node, ends.clone()));
                    watch.logs.insert(key, ends);
                }
            }
            for view in self.world.machines(node).flat_map(M::groups).collect::<Vec<_>>() {
                let key = (node, view.group.clone());
                if watch.groups.get(&key) != Some(&view) {
                    self.note(node, tell_group(&view), Fact::Group(node, view.clone()));
                    watch.groups.insert(key, view);
                }
            }
        }
    }

    fn note(&mut self, node: NodeIndex, text: String, fact: Fact) {
        let now = self.world.now();
        let sign = if matches!(fact, Fact::State(..)) { '!' } else { '~' };
        if let Some(trace) = self.world.trace_mut() {
            trace.push(now, Place::Node(node), sign, text, fact);
        }
    }

    /// What is there now, as text: nodes with their logs, groups and files, clients and what they wait for.
    #[must_use]
    pub fn state(&self) -> String {
        let mut text = String::new();
        let _ = self.write_state(&mut text);
        text
    }

    fn write_state(&self, out: &mut impl fmt::Write) -> fmt::Result {
        let now = self.world.now();
        let events = self.world.trace().map_or(String::new(), |trace| format!(", {} events", trace.entries().len()));
        writeln!(out, "{}.{:06} s{events}, {} effects", now.0 / 1_000_000, now.0 % 1_000_000, self.world.effects())?;
        for (node, plan) in self.nodes().zip(&self.script.nodes) {
            writeln!(out, "\nn{} {:?}", node.0, self.world.state(node))?;
            for log in self.world.machines(node).flat_map(M::logs) {
                writeln!(out, "  {} dir {}", tell_ends(&log.ends), log.dir.0)?;
                let segments: Vec<String> =
                    log.segments.iter().map(|(base, bytes)| format!("{base} ({bytes} bytes)")).collect();
                writeln!(out, "    segments  {}", segments.join(", "))?;
                for producer in &log.producers {
                    writeln!(
                        out,
                        "    producer  {} epoch {} last sequence {}",
                        producer.producer_id, producer.producer_epoch, producer.last_sequence
                    )?;
                }
            }
            for group in self.world.machines(node).flat_map(M::groups) {
                writeln!(out, "  {}", tell_group(&group))?;
            }
            for dir in 0..usize::from(plan.dirs) {
                for found in self.world.disk(node, dir).list() {
                    let length = found.length.map_or("directory".to_owned(), |length| format!("{length} bytes"));
                    writeln!(out, "  file     {dir}:{:<60} {length}", found.path)?;
                }
            }
        }
        writeln!(out)?;
        for operation in self.history.operations().iter().filter(|operation| operation.ended.is_none()) {
            let (name, began) = (self.client_name(operation.client), operation.began.0);
            let what = tell_what(&operation.what, &|client| self.client_name(client));
            writeln!(out, "{name} waits since {}.{:06} s: {what}", began / 1_000_000, began % 1_000_000)?;
        }
        Ok(())
    }
}

fn name_in(script: &Script, client: ClientIndex) -> String {
    script.clients.get(client.0).map_or_else(|| "auditor".to_owned(), |plan| plan.name.to_string())
}
