//! The execution of scripts: the same twice, through faults, and by brokers that are wrong on purpose.

use core::time::Duration;
use grete_core::shard::Shard;
use grete_sim::clock::WorldTime;
use grete_sim::history::{Answer, ClientIndex, Outcome, TopicPartition, What};
use grete_sim::run::{Finished, execute};
use grete_sim::script::{Act, ClientAct, ClientKind, ClientPlan, NodePlan, ProducerPlan, Script, TopicPlan};
use std::collections::BTreeMap;
use std::sync::Arc;

const PARTITIONS: i32 = 4;
const PRODUCERS: usize = 3;

fn producer(idempotent: bool, acks: i16) -> ClientKind {
    ClientKind::Producer(ProducerPlan {
        acks,
        idempotent,
        in_flight: 5,
        request_timeout: Duration::from_secs(3),
        delivery_timeout: Duration::from_secs(10),
    })
}

fn to(partition: i32) -> TopicPartition {
    TopicPartition { topic: "orders".into(), partition }
}

/// Producers that send for `seconds`, every ten milliseconds each.
fn script(seed: u64, seconds: u64) -> Script {
    let clients = [producer(true, -1), producer(false, -1), producer(false, 1)];
    let clients =
        clients.into_iter().zip(0..).map(|(kind, number)| ClientPlan { name: format!("p{number}").into(), kind });
    let sends = (100..100 + seconds * 100).flat_map(|tick| {
        (0..PRODUCERS).map(move |client| {
            let partition = ((tick + client as u64) % PARTITIONS as u64) as i32;
            let send = ClientAct::Send { to: to(partition), records: 1 + (tick % 3) as u32, bytes: 100 };
            (WorldTime(tick * 10_000 + client as u64 * 1_000), Act::Client(ClientIndex(client), send))
        })
    });
    Script {
        seed,
        nodes: vec![NodePlan { shards: 2, dirs: 1, properties: BTreeMap::new() }],
        topics: vec![TopicPlan { name: "orders".into(), partitions: PARTITIONS, configs: BTreeMap::new() }],
        clients: clients.collect(),
        acts: sends.collect(),
        heal_at: WorldTime((seconds + 2) * 1_000_000),
        rest_within: Duration::from_secs(30),
    }
}

fn run(script: Script) -> Finished<Shard> {
    execute(&Arc::new(script), |config| config, &[]).expect("the script is sound")
}

/// What was acknowledged, and is not where the broker said that it is.
fn lost(finished: &Finished<Shard>) -> Vec<String> {
    let rest = finished.rest.as_ref().expect("all was read");
    let mut lost = Vec::new();
    for operation in finished.run.history().operations() {
        let (What::Produce { to, values, .. }, Outcome::Done(Answer::Produced { base })) =
            (&operation.what, &operation.outcome)
        else {
            continue;
        };
        let log = &rest.logs[to];
        for (value, offset) in values.iter().zip(*base..) {
            let found = log.records.binary_search_by_key(&offset, |(offset, _)| *offset).map(|at| log.records[at].1);
            if found != Ok(*value) {
                lost.push(format!("{to:?} {value:?} @{offset}: {found:?}"));
            }
        }
    }
    lost
}

#[test]
fn producers_write_what_is_read_and_the_same_script_twice_is_the_same_run() {
    let first = run(script(1, 5));
    assert_eq!(first.outcome.verdict, None);
    assert_eq!(first.outcome.acknowledged, 1 + 500 * PRODUCERS);
    assert!(lost(&first).is_empty(), "{:?}", lost(&first));
    let second = run(script(1, 5));
    assert_eq!(first.outcome.hash, second.outcome.hash);
    assert_eq!(format!("{:?}", first.run.history().operations()), format!("{:?}", second.run.history().operations()));
    assert_ne!(run(script(2, 5)).outcome.hash, first.outcome.hash);
}
