//! Power loss at every effect, on the real core: everything acknowledged is there, nothing that was never sent appears,
//! and the start needs no help.

use core::time::Duration;
use grete_core::shard::Shard;
use grete_sim::broker::node_config;
use grete_sim::disk::DiskProfile;
use grete_sim::draw::WorldSeed;
use grete_sim::model::{Model, check};
use grete_sim::node::NodeIndex;
use grete_sim::power::{self, Plan, Recorder, Report};
use grete_sim::workload::Session;
use grete_sim::world::{World, WorldProfile};
use std::sync::Arc;

type Run<'a> = Recorder<'a, Shard, Model>;

fn lose_power(seed: u64, shards: u16, cases: u64, workload: impl FnOnce(&mut Run<'_>)) -> Report {
    let mut world: World<Shard> = World::new(WorldSeed(seed), WorldProfile::default());
    let node = world.add_node(Arc::new(node_config(1)), shards, 1, &DiskProfile::default());
    world.start_node(node);
    let plan = Plan::every_point(node, cases);
    power::run(world, Model::default(), &plan, workload, |world, model| check(world, NodeIndex(0), model))
}

fn report(name: &str, report: &Report) {
    println!("{name}: {} points, {} cases, {} in a recovery", report.points, report.cases, report.recovery_cases);
    report.assert_passed();
    assert!(report.cases > 100, "a run that tries little proves little");
}

fn serve(run: &mut Run<'_>) {
    use grete_sim::drive::Drive;
    use grete_sim::node::NodeState;
    assert!(run.run_until(Duration::from_secs(10), |world| *world.state(NodeIndex(0)) == NodeState::Serving));
}

#[test]
fn while_a_new_directory_is_made_ready() {
    let whole = lose_power(1, 2, 3, serve);
    report("new directory", &whole);
}

#[test]
fn while_topics_are_created_and_written_to() {
    let whole = lose_power(2, 2, 2, |run| {
        serve(run);
        let mut session = Session::new(run);
        session.create("orders", 2, &[]);
        session.produce("orders", 0, 2, 40);
        session.send("orders", 0, 1, 40);
        session.send("orders", 1, 3, 700);
        session.send("orders", 0, 2, 40);
        session.settle();
        session.consume("orders", 0);
    });
    report("produce", &whole);
}

#[test]
fn while_segments_roll_and_old_ones_are_deleted() {
    let whole = lose_power(3, 1, 1, |run| {
        serve(run);
        let mut session = Session::new(run);
        session.create("rolling", 1, &[("segment.bytes", "1048576"), ("segment.index.bytes", "4096")]);
        for _ in 0..4 {
            session.send("rolling", 0, 2, 150_000);
            session.send("rolling", 0, 2, 150_000);
            session.settle();
        }
        session.delete_records("rolling", 0, 9);
        session.produce("rolling", 0, 1, 10);
        session.wait(Duration::from_secs(70));
        session.consume("rolling", 0);
    });
    report("roll", &whole);
}

#[test]
fn while_topics_are_deleted_and_created_again() {
    let whole = lose_power(4, 2, 1, |run| {
        serve(run);
        let mut session = Session::new(run);
        session.create("short", 2, &[]);
        session.produce("short", 0, 2, 40);
        session.produce("short", 1, 2, 40);
        session.delete("short");
        session.create("short", 1, &[]);
        session.produce("short", 0, 1, 40);
        session.wait(Duration::from_secs(70));
        session.produce("short", 0, 1, 40);
    });
    report("delete", &whole);
}

#[test]
fn while_groups_commit() {
    let whole = lose_power(5, 2, 1, |run| {
        serve(run);
        let mut session = Session::new(run);
        session.create("orders", 2, &[]);
        for offset in 1..4 {
            session.commit("billing", "orders", 0, offset);
            session.commit("shipping", "orders", 1, offset * 10);
        }
    });
    report("commit", &whole);
}

#[test]
fn while_idempotent_producers_write() {
    let whole = lose_power(6, 2, 1, |run| {
        serve(run);
        let mut session = Session::new(run);
        session.create("once", 1, &[]);
        let mut first = session.init_producer();
        let mut second = session.init_producer();
        for _ in 0..3 {
            session.send_as("once", 0, 2, 40, &mut first);
            session.send_as("once", 0, 1, 40, &mut second);
            session.send_as("once", 0, 1, 40, &mut first);
            session.settle();
        }
        // Long enough for flushed ends to be recorded.
        session.wait(Duration::from_secs(3));
        session.send_as("once", 0, 1, 40, &mut second);
        session.settle();
    });
    report("idempotent", &whole);
}

#[test]
fn while_a_relaxed_topic_is_written_to() {
    let whole = lose_power(7, 1, 2, |run| {
        serve(run);
        let mut session = Session::new(run);
        session.create("relaxed", 1, &[("durability", "os")]);
        for _ in 0..3 {
            session.produce("relaxed", 0, 2, 600);
            session.wait(Duration::from_millis(700));
        }
        session.wait(Duration::from_secs(3));
        session.produce("relaxed", 0, 2, 600);
    });
    report("relaxed", &whole);
}
