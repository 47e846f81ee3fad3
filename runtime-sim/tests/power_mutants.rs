//! The proof of the check: each promise is broken on purpose, and the power losses have to find it.

use core::time::Duration;
use grete_core::shard::Shard;
use grete_sim::broker::node_config;
use grete_sim::disk::{DiskProfile, Fault, FaultRule, OpKind, When};
use grete_sim::draw::WorldSeed;
use grete_sim::drive::Drive;
use grete_sim::machine::Machine;
use grete_sim::model::{Model, check};
use grete_sim::mutant::{Bug, Mutant};
use grete_sim::node::{NodeIndex, NodeState};
use grete_sim::power::{self, Plan, Recorder, Report};
use grete_sim::workload::Session;
use grete_sim::world::{World, WorldProfile};
use std::sync::Arc;

const NODE: NodeIndex = NodeIndex(0);

fn lose_power<M: Machine>(
    seed: u64,
    config: M::Config,
    faults: &[FaultRule],
    workload: impl FnOnce(&mut Session<'_, '_, M>),
) -> Report {
    let mut world: World<M> = World::new(WorldSeed(seed), WorldProfile::default());
    let node = world.add_node(config, 1, 1, &DiskProfile::default());
    faults.iter().for_each(|rule| world.add_disk_fault(node, 0, rule.clone()));
    world.start_node(node);
    let plan = Plan::every_point(node, 2);
    let run = |run: &mut Recorder<'_, M, Model>| {
        assert!(run.run_until(Duration::from_secs(10), |world| *world.state(NODE) == NodeState::Serving));
        workload(&mut Session::new(run));
        let fired = run.world().disk(NODE, 0).faults().iter().all(|rule| rule.fired() > 0);
        assert!(fired, "a fault that never fires proves nothing");
    };
    power::run(world, Model::default(), &plan, run, |world, model| check(world, NODE, model))
}

fn write_and_commit<M: Machine>(session: &mut Session<'_, '_, M>) {
    session.create("orders", 1, &[]);
    session.produce("orders", 0, 2, 600);
    session.commit("billing", "orders", 0, 1);
    session.wait(Duration::from_secs(2));
    session.produce("orders", 0, 1, 40);
    session.delete_records("orders", 0, 1);
}

/// Small rounds over several logs, which become durable by the journal.
fn write_side_by_side<M: Machine>(session: &mut Session<'_, '_, M>) {
    session.create("orders", 4, &[]);
    for _ in 0..12 {
        (0..4).for_each(|partition| session.send("orders", partition, 1, 100));
        session.settle();
    }
    session.wait(Duration::from_secs(2));
    (0..4).for_each(|partition| session.send("orders", partition, 1, 100));
    session.settle();
}

fn assert_caught(what: &str, report: &Report) {
    let failure = report.failures.first().unwrap_or_else(|| panic!("{what}: {} cases did not find it", report.cases));
    println!("{what}: found by {:?}: {}", failure.case, failure.what);
}

fn assert_drop_is_caught(ops: &[OpKind], path: &str) {
    let rule = FaultRule::new(ops, path, When::Always, Fault::Ignored);
    let report = lose_power::<Shard>(1, Arc::new(node_config(1)), &[rule], write_and_commit);
    assert_caught(&format!("{ops:?} of {path:?} dropped"), &report);
}

#[test]
fn the_workload_passes_where_nothing_is_wrong() {
    lose_power::<Shard>(1, Arc::new(node_config(1)), &[], write_and_commit).assert_passed();
}

#[test]
fn a_dropped_sync_is_found() {
    assert_drop_is_caught(&[OpKind::Sync], "");
    for path in [
        "orders-0/00000000000000000000.log",
        "orders-0/partition.metadata",
        "__consumer_offsets",
        "__cluster_metadata-0/00000000000000000000.log",
        "__cluster_metadata-0/quorum-state",
        "meta.properties",
        "grete-flushed-0",
    ] {
        assert_drop_is_caught(&[OpKind::Sync], path);
    }
}

#[test]
fn what_the_journal_has_is_lost_without_its_sync_and_its_names() {
    let lose = |faults: &[FaultRule]| lose_power::<Shard>(1, Arc::new(node_config(1)), faults, write_side_by_side);
    lose(&[]).assert_passed();
    // Where the files of the logs are synced behind it, their syncs are what a recorded end rests on.
    for path in ["grete-journal-0-0-", "orders-2/00000000000000000000.log"] {
        let rule = FaultRule::new(&[OpKind::Sync], path, When::Always, Fault::Ignored);
        assert_caught(&format!("Sync of {path:?} dropped"), &lose(&[rule]));
    }
    let early = (Arc::new(node_config(1)), Bug::EarlyAnswer);
    assert_caught("early answer", &lose_power::<Mutant>(1, early, &[], write_side_by_side));
}

#[test]
fn a_missing_directory_sync_is_found() {
    assert_drop_is_caught(&[OpKind::SyncDir], "");
    for path in ["orders-0", "__consumer_offsets", "__cluster_metadata-0"] {
        assert_drop_is_caught(&[OpKind::SyncDir], path);
    }
}

#[test]
fn an_early_answer_is_found() {
    let config = (Arc::new(node_config(1)), Bug::EarlyAnswer);
    assert_caught("early answer", &lose_power::<Mutant>(1, config, &[], write_and_commit));
}

#[test]
fn a_checkpoint_before_the_sync_that_it_claims_is_found() {
    let config = (Arc::new(node_config(1)), Bug::EarlyCheckpoint);
    assert_caught("early checkpoint", &lose_power::<Mutant>(1, config, &[], write_and_commit));
}

#[test]
fn an_acknowledgement_before_the_flush_is_found() {
    let report = lose_power::<Shard>(1, Arc::new(node_config(1)), &[], |session| {
        session.create("relaxed", 1, &[("durability", "os")]);
        // Nobody tells the check.
        session.model().topic("relaxed").relaxed = false;
        session.produce("relaxed", 0, 2, 600);
    });
    assert_caught("durability=os", &report);
}
