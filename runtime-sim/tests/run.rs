//! The execution of scripts: the same twice, through faults, and by brokers that are wrong on purpose.

use core::time::Duration;
use grete_core::effect::Effects;
use grete_core::event::Event;
use grete_core::ids::ShardId;
use grete_core::node::NodeConfig;
use grete_core::shard::Shard;
use grete_core::time::{Instant, Now};
use grete_sim::clock::WorldTime;
use grete_sim::disk::{self, OpKind, Profile};
use grete_sim::history::{Answer, ClientIndex, Outcome, TopicPartition, What};
use grete_sim::machine::{Boot, Machine};
use grete_sim::mutant::{Bug, Mutant};
use grete_sim::node::NodeIndex;
use grete_sim::run::{Finished, execute};
use grete_sim::script::{
    Act, ClientAct, ClientKind, ClientPlan, End, Fault, NetworkFault, NodePlan, ProducerPlan, Script, TopicPlan,
};
use std::collections::{BTreeMap, VecDeque};
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
fn lost<M: Machine>(finished: &Finished<M>) -> Vec<String> {
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

const NODE: NodeIndex = NodeIndex(0);

fn network(client: Option<usize>, what: NetworkFault, millis: u64) -> Fault {
    let time = Duration::from_millis(millis);
    Fault::Network { client: client.map(ClientIndex), node: NODE, what, time }
}

fn disk(ops: &[OpKind], what: disk::Fault, per_million: u32, millis: u64) -> Fault {
    let (path, time) = ("".into(), Duration::from_millis(millis));
    Fault::Disk { node: NODE, dir: 0, ops: ops.to_vec(), path, what, per_million, time }
}

fn end(how: End) -> Fault {
    Fault::End { node: NODE, how, restart_after: Duration::from_millis(300) }
}

/// A script with faults at their seconds.
fn with_faults(seed: u64, seconds: u64, faults: Vec<(u64, Fault)>) -> Script {
    let mut script = script(seed, seconds);
    script.acts.extend(faults.into_iter().map(|(millis, fault)| (WorldTime(millis * 1_000), Act::Fault(fault))));
    script.acts.sort_by_key(|(at, _)| *at);
    script
}

#[test]
fn faults_change_something_and_what_was_acknowledged_is_there() {
    let slow = disk::Fault::Slow(Duration::from_millis(40));
    let nth = |how, op, nth| Fault::EndAt {
        node: NODE,
        how,
        op,
        path: ".log".into(),
        nth,
        restart_after: Duration::from_millis(200),
    };
    let faults = vec![
        (1_500, end(End::Kill)),
        (2_500, end(End::PowerLoss(Profile::Nothing))),
        (3_500, end(End::Stop)),
        (4_500, network(None, NetworkFault::Reset, 0)),
        (5_000, Fault::Pause { node: NODE, time: Duration::from_millis(500) }),
        (6_000, disk(&[OpKind::Sync], slow, 500_000, 1_000)),
        (7_500, network(Some(0), NetworkFault::Cut, 400)),
        (8_000, network(Some(1), NetworkFault::CutToNode, 400)),
        (8_500, network(Some(2), NetworkFault::CutToClient, 400)),
        (9_000, network(None, NetworkFault::Slow(Duration::from_millis(30)), 400)),
        (9_500, network(None, NetworkFault::NotReading, 400)),
        (10_500, nth(End::Kill, OpKind::Sync, 3)),
        (11_500, nth(End::PowerLoss(Profile::Nothing), OpKind::Sync, 2)),
        (12_500, disk(&[OpKind::Write], disk::Fault::Stuck, 300_000, 500)),
        (13_500, disk(&[OpKind::Write], disk::Fault::NoSpace, 300_000, 200)),
        (14_500, disk(&[OpKind::Sync], disk::Fault::Error, 500_000, 200)),
        (16_000, Fault::Clock { node: NODE, millis: 3_600_000 }),
        (16_500, Fault::Clock { node: NODE, millis: -7_200_000 }),
        (17_000, Fault::Drift { node: NODE, per_million: 200_000 }),
    ];
    let count = faults.len();
    let finished = run(with_faults(11, 18, faults.clone()));
    let outcome = &finished.outcome;
    assert_eq!(outcome.verdict, None);
    let idle: Vec<_> = outcome.counters.all().filter(|(_, count)| count.changed == 0).collect();
    assert!(idle.is_empty(), "{idle:?} of {:?}", outcome.counters);
    assert!(outcome.counters.all().map(|(_, count)| count.begun).sum::<u64>() >= count as u64);
    // Acknowledged with acks=1 is flushed, too: nothing that was acknowledged may be lost.
    assert!(lost(&finished).is_empty(), "{:?}", lost(&finished));
    assert!(outcome.acknowledged > 1_800 * PRODUCERS / 2, "{}", outcome.acknowledged);
    let again = run(with_faults(11, 18, faults));
    assert_eq!(again.outcome.hash, outcome.hash);
}

#[test]
fn a_run_that_is_cloned_goes_on_as_the_original_does() {
    let script = Arc::new(with_faults(5, 4, vec![(2_000, end(End::Kill))]));
    let mut original = grete_sim::run::Run::<Shard>::new(&script, |config| config).unwrap();
    original.play_until(WorldTime(2_500_000)).unwrap();
    let clone = original.clone();
    let (first, second) = (original.finish(&[]), clone.finish(&[]));
    assert_eq!(first.outcome.verdict, None);
    assert_eq!(first.outcome.hash, second.outcome.hash);
}

#[test]
fn a_broker_that_answers_before_it_has_flushed_is_found_out() {
    let slow = disk(&[OpKind::Sync], disk::Fault::Slow(Duration::from_millis(100)), 1_000_000, 500);
    let faults = vec![(2_800, slow), (3_000, end(End::PowerLoss(Profile::Nothing)))];
    let script = Arc::new(with_faults(3, 5, faults));
    let mutant = execute::<Mutant>(&script, |config| (config, Bug::EarlyAnswer), &[]).unwrap();
    assert!(!lost(&mutant).is_empty());
    assert!(lost(&run((*script).clone())).is_empty());
}

#[test]
fn a_broker_that_is_down_makes_no_progress() {
    let mut script = script(4, 2);
    script.rest_within = Duration::from_millis(1);
    script.acts.push((WorldTime(3_999_999), Act::Fault(end(End::Kill))));
    let finished = run(script);
    let verdict = finished.outcome.verdict.expect("a boot takes longer");
    assert_eq!(verdict.checker, grete_sim::run::PROGRESS, "{verdict:?}");
}

/// A shard that finds its state wrong after a while.
#[derive(Clone, Debug)]
struct Broken(Shard, u32);

impl Machine for Broken {
    type Config = Arc<NodeConfig>;

    fn boot(config: &Self::Config, shard: ShardId, shards: u16, boot: Boot<'_>, effects: &mut Effects) -> Self {
        Self(<Shard as Machine>::boot(config, shard, shards, boot, effects), 0)
    }

    fn step(&mut self, now: Now, events: &mut VecDeque<Event>, effects: &mut Effects) {
        self.1 += 1;
        self.0.step(now, events, effects);
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.0.next_deadline()
    }

    fn check_invariants(&self) {
        assert!(self.1 < 500, "all is as it should be");
    }
}

#[test]
fn a_broker_that_panics_breaks_an_invariant() {
    let finished = execute::<Broken>(&Arc::new(script(6, 2)), |config| config, &[]).unwrap();
    let verdict = finished.outcome.verdict.expect("the assertion does not hold");
    assert_eq!(verdict.checker, grete_sim::run::INVARIANT);
    assert!(verdict.what.starts_with("all is as it should be at "), "{verdict:?}");
}

#[test]
fn a_script_that_names_what_is_not_there_is_refused() {
    let refused = |change: fn(&mut Script)| {
        let mut script = script(7, 1);
        change(&mut script);
        execute::<Shard>(&Arc::new(script), |config| config, &[]).is_err()
    };
    assert!(!refused(|_| ()));
    assert!(refused(|script| script.nodes.clear()));
    assert!(refused(|script| script.acts.swap(0, 10)));
    assert!(refused(|script| script.clients.truncate(1)));
    assert!(refused(|script| script.acts.push((script.heal_at, Act::Fault(end(End::Kill))))));
    assert!(refused(|script| drop(script.nodes[0].properties.insert("log.segment.byte".into(), "1".into()))));
    assert!(refused(|script| script.clients[0].kind = producer(true, 1)));
}
