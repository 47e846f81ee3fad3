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
