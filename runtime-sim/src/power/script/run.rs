//! Running a script, and losing the power in it.

use super::draw::SHARDS_MAX;
use super::{Act, BROKEN, EndOf, Script};
use crate::client::operations::Producer;
use crate::disk::{DiskProfile, Fault, FaultRule, Profile, Survival, When};
use crate::draw::WorldSeed;
use crate::drive::Drive;
use crate::model::{Model, check};
use crate::node::{NodeIndex, NodeState};
use crate::power::{self, Plan, Recorder, Report};
use crate::workload::{End, LIFECYCLE_TIME, Session};
use crate::world::{World, WorldProfile};
use core::time::Duration;
use grete_core::shard::Shard;
use std::collections::BTreeMap;
use std::sync::Arc;

const NODE: NodeIndex = NodeIndex(0);

/// How thoroughly power losses are tried in a script.
#[derive(Clone, Copy, Debug)]
pub struct Trial {
    /// At which of its points: each one this often, times out of a million.
    pub points_per_million: u32,
    /// The cases at each point.
    pub cases_per_point: u64,
    /// How often the power goes again at a point of a recovery, times out of a million.
    pub recovery_per_million: u32,
    /// Whether the workload itself is written down, for where it fails.
    pub trace: bool,
}

/// Runs a script and loses the power in it.
#[must_use]
pub fn run(script: &Script, trial: Trial) -> Report {
    let mut world: World<Shard> = World::new(WorldSeed(script.seed), WorldProfile::default());
    let shape = &script.node;
    let node = world.add_node(Arc::new(shape.config()), shape.shards, shape.dirs, &DiskProfile::default());
    if trial.trace {
        world.trace_on();
    }
    world.start_node(node);
    let plan = Plan {
        points_per_million: trial.points_per_million,
        recovery_per_million: trial.recovery_per_million,
        shards_max: SHARDS_MAX as u16,
        ..Plan::every_point(node, trial.cases_per_point)
    };
    let workload = |recorder: &mut Recorder<'_, Shard, Model>| {
        let serves = recorder.run_until(LIFECYCLE_TIME, |world| *world.state(NODE) == NodeState::Serving);
        assert!(serves, "the node does not start");
        let mut session = Session::new(recorder);
        let mut actor = Actor::default();
        script.acts.iter().for_each(|act| actor.act(act, &mut session));
        session.settle();
    };
    power::run(world, Model::default(), &plan, workload, |world, model| check(world, NODE, model))
}

/// Whether something can be done: once a disk has failed, not all that a script goes by has been done.
fn can_be(act: &Act, session: &mut Session<'_, '_, Shard>) -> bool {
    match act {
        Act::Restart { .. } | Act::Wait { .. } | Act::Clock { .. } => true,
        _ if !session.goes_on() => matches!(act, Act::Settle),
        Act::Create { topic, .. } => !session.has(topic, 0),
        Act::Delete { topic } | Act::Grow { topic, .. } | Act::Configure { topic, .. } => session.has(topic, 0),
        Act::Send { topic, partition, .. }
        | Act::Consume { topic, partition }
        | Act::DeleteRecords { topic, partition, .. }
        | Act::Commit { topic, partition, .. }
        | Act::DeleteOffset { topic, partition, .. } => session.has(topic, *partition),
        Act::Settle | Act::Join { .. } | Act::Leave { .. } | Act::DeleteGroup { .. } | Act::Break { .. } => true,
    }
}

/// What a script remembers while it runs.
#[derive(Default)]
struct Actor {
    /// The ids of idempotent producers.
    producers: BTreeMap<u32, Producer>,
    /// The next batch of a producer in each partition: by producer, topic and partition.
    sequences: BTreeMap<(u32, String, i32), Producer>,
}

impl Actor {
    fn act(&mut self, act: &Act, session: &mut Session<'_, '_, Shard>) {
        if !can_be(act, session) {
            return;
        }
        match act {
            Act::Create { topic, partitions, configs } => {
                let configs: Vec<(&str, &str)> =
                    configs.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
                session.create(topic, *partitions, &configs);
            }
            Act::Delete { topic } => {
                self.sequences.retain(|(_, of, _), _| of != topic);
                session.delete(topic);
            }
            Act::Grow { topic, partitions } => session.grow(topic, *partitions),
            Act::Configure { topic, config: (key, value) } => session.configure(topic, key, value),
            Act::Send { topic, partition, records, bytes, acks, producer } => {
                let mut nobody = Producer::NONE;
                let producer = match *producer {
                    None => &mut nobody,
                    Some(number) => {
                        let known = self.producers.get(&number).copied();
                        let Some(id) = known.or_else(|| session.try_init_producer()) else { return };
                        self.producers.insert(number, id);
                        self.sequences.entry((number, topic.clone(), *partition)).or_insert(id)
                    }
                };
                session.send_with(topic, *partition, *records, *bytes, *acks, producer);
            }
            Act::Settle => session.settle(),
            Act::Consume { topic, partition } => session.consume(topic, *partition),
            Act::DeleteRecords { topic, partition, quarters } => session.delete_quarters(topic, *partition, *quarters),
            Act::Commit { group, topic, partition, offset } => session.commit(group, topic, *partition, *offset),
            Act::Join { group } => session.join(group),
            Act::Leave { group } => session.leave(group),
            Act::DeleteGroup { group } => session.delete_group(group),
            Act::DeleteOffset { group, topic, partition } => session.delete_offset(group, topic, *partition),
            Act::Clock { ahead_ms } => session.set_clock(*ahead_ms),
            Act::Break { dir, op, no_space, nth } => {
                let fault = if *no_space { Fault::NoSpace } else { Fault::Error };
                session.break_disk(*dir, FaultRule::new(&[BROKEN[*op]], "", When::Nth(*nth), fault));
            }
            Act::Wait { micros } => session.wait(Duration::from_micros(*micros)),
            Act::Restart { end, shards } => {
                let end = match *end {
                    EndOf::Stop => End::Stop,
                    EndOf::Kill => End::Kill,
                    EndOf::PowerLoss { seed, profile } => {
                        End::PowerLoss(Survival { seed: WorldSeed(seed), profile: Profile::ALL[profile] })
                    }
                };
                session.restart(end, *shards);
            }
        }
    }
}
