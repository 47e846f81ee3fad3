//! Consumers in front of the real broker: groups that change, and everything read all the same.

use core::time::Duration;
use grete_core::shard::Shard;
use grete_sim::actor::consumer::Library;
use grete_sim::clock::WorldTime;
use grete_sim::history::{Answer, ClientIndex, Outcome, Polled, TopicPartition, Value, What};
use grete_sim::run::{Finished, execute};
use grete_sim::script::{
    Act, Assignor, ClientAct, ClientKind, ClientPlan, ConsumerPlan, NodePlan, ProducerPlan, Script, TopicPlan,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const PARTITIONS: i32 = 6;
const SECONDS: u64 = 30;

fn consumer(assignor: Assignor) -> ConsumerPlan {
    ConsumerPlan {
        group: Some("g".into()),
        instance: None,
        topics: vec!["orders".into()],
        assignor,
        auto_commit: Some(Duration::from_secs(1)),
        session_timeout: Duration::from_secs(6),
        fetch_bytes: 1 << 20,
    }
}

/// A producer that sends twenty batches a second, and consumers, the first of which has the index 1.
fn script(seed: u64, consumers: Vec<ConsumerPlan>, acts: &[(u64, usize, ClientAct)]) -> Script {
    let producer = ProducerPlan {
        acks: -1,
        idempotent: true,
        in_flight: 5,
        request_timeout: Duration::from_secs(3),
        delivery_timeout: Duration::from_secs(10),
    };
    let mut clients = vec![ClientPlan { name: "p".into(), kind: ClientKind::Producer(producer) }];
    clients.extend(
        consumers
            .into_iter()
            .zip(0..)
            .map(|(plan, number)| ClientPlan { name: format!("c{number}").into(), kind: ClientKind::Consumer(plan) }),
    );
    let sends = (0..SECONDS * 20).map(|tick| {
        let to = TopicPartition { topic: "orders".into(), partition: (tick % PARTITIONS as u64) as i32 };
        let send = ClientAct::Send { to, records: 1 + (tick % 3) as u32, bytes: 100 };
        (WorldTime(1_000_000 + tick * 50_000), Act::Client(ClientIndex(0), send))
    });
    let acts = acts
        .iter()
        .map(|(millis, client, act)| (WorldTime(millis * 1_000), Act::Client(ClientIndex(*client), act.clone())));
    let mut acts: Vec<_> = sends.chain(acts).collect();
    acts.sort_by_key(|(at, _)| *at);
    Script {
        seed,
        nodes: vec![NodePlan { shards: 2, dirs: 1, properties: BTreeMap::new() }],
        topics: vec![TopicPlan { name: "orders".into(), partitions: PARTITIONS, configs: BTreeMap::new() }],
        clients,
        acts,
        heal_at: WorldTime((SECONDS + 2) * 1_000_000),
        rest_within: Duration::from_secs(30),
    }
}

fn run(script: Script) -> Finished<Shard> {
    let finished = execute(&Arc::new(script), |config| config, &[]).expect("the script is sound");
    assert_eq!(finished.outcome.verdict, None);
    finished
}

fn polls(finished: &Finished<Shard>, client: Option<usize>) -> Vec<Polled> {
    let operations = finished.run.history().operations().iter();
    let of_client = operations.filter(|it| client.is_none_or(|client| it.client == ClientIndex(client)));
    let polls = of_client.filter_map(|it| match &it.outcome {
        Outcome::Done(Answer::Polled(polled)) => Some(polled.clone()),
        _ => None,
    });
    polls.flatten().collect()
}

fn written(finished: &Finished<Shard>) -> BTreeSet<Value> {
    let rest = finished.rest.as_ref().expect("all was read");
    rest.logs.values().flat_map(|log| &log.records).map(|(_, value)| *value).collect()
}

/// All is polled by the group; what is polled by going on goes on where the last poll ended.
fn check_polls(finished: &Finished<Shard>) {
    let read: BTreeSet<Value> =
        polls(finished, None).iter().flat_map(|polled| &polled.records).map(|(_, value)| *value).collect();
    let written = written(finished);
    assert!(written.len() as u64 > SECONDS * 20);
    assert_eq!(read, written);
    for client in 0..finished.run.script().clients.len() {
        let mut next = BTreeMap::new();
        for polled in polls(finished, Some(client)) {
            let expected = next.insert(polled.from.clone(), polled.records.last().expect("a record").0 + 1);
            assert!(!polled.continues || expected == Some(polled.position), "{polled:?} after {expected:?}");
            assert_eq!(polled.records[0].0, polled.position, "nothing is left out");
        }
    }
}

/// No partition is assigned to a member while another has it that was not thrown out.
fn check_owners(finished: &Finished<Shard>) -> usize {
    let mut owners: BTreeMap<TopicPartition, ClientIndex> = BTreeMap::new();
    let mut assigned = 0;
    for operation in finished.run.history().operations() {
        match &operation.what {
            What::Revoke { partitions, .. } => {
                for at in partitions {
                    assert_eq!(owners.remove(at), Some(operation.client), "only the owner gives {at:?} up");
                }
            }
            What::Assign { partitions, .. } => {
                assigned += 1;
                for at in partitions {
                    let before = owners.insert(at.clone(), operation.client);
                    assert!(before.is_none_or(|owner| owner == operation.client), "{at:?} had {before:?}");
                }
            }
            _ => {}
        }
    }
    assert_eq!(owners.len(), PARTITIONS as usize, "each has an owner at the end");
    assigned
}

#[test]
fn the_names_of_these_tests_are_of_both_libraries() {
    let libraries = ["c0", "c1", "c2"].map(Library::of_client);
    assert!(libraries.contains(&Library::Java) && libraries.contains(&Library::Librdkafka), "{libraries:?}");
}

#[test]
fn a_group_whose_members_come_leave_and_crash_reads_all() {
    for assignor in [Assignor::Eager, Assignor::Cooperative] {
        let consumers = vec![consumer(assignor); 3];
        let acts = [
            (5_000, 1, ClientAct::Leave),
            (8_000, 1, ClientAct::Join),
            (12_000, 2, ClientAct::Crash(Duration::from_secs(1))),
            (22_000, 3, ClientAct::Leave),
        ];
        let finished = run(script(3, consumers, &acts));
        check_polls(&finished);
        assert!(check_owners(&finished) >= 6);
        let again = run(script(3, vec![consumer(assignor); 3], &acts));
        assert_eq!(finished.outcome.hash, again.outcome.hash);
    }
}

#[test]
fn a_static_member_comes_back_to_what_it_had() {
    for assignor in [Assignor::Eager, Assignor::Cooperative] {
        let of = |instance: &str| ConsumerPlan { instance: Some(instance.into()), ..consumer(assignor) };
        let acts = [
            (10_000, 1, ClientAct::Crash(Duration::from_secs(2))),
            (18_000, 2, ClientAct::Leave),
            (20_000, 2, ClientAct::Join),
        ];
        let finished = run(script(4, vec![of("a"), of("b")], &acts));
        check_polls(&finished);
        check_owners(&finished);
        let assigns = |client: usize| {
            let operations = finished.run.history().operations().iter();
            let of_client = operations.filter(move |it| it.client == ClientIndex(client));
            of_client.filter_map(|it| match &it.what {
                What::Assign { partitions, generation, .. } if partitions.len() == 3 => {
                    Some((*generation, partitions.clone()))
                }
                _ => None,
            })
        };
        let mut first = assigns(1);
        let (before, after) = (first.next(), first.next_back());
        assert_eq!(before, after, "the same partitions in the same generation");
    }
}

#[test]
fn an_idle_member_comes_back_and_who_commits_by_hand_commits() {
    let plan = ConsumerPlan { auto_commit: None, ..consumer(Assignor::Cooperative) };
    let acts = [
        (6_000, 1, ClientAct::Idle(Duration::from_secs(3))),
        (12_000, 2, ClientAct::Idle(Duration::from_secs(19))),
        (10_000, 1, ClientAct::Commit),
        (29_000, 1, ClientAct::Commit),
    ];
    let finished = run(script(5, vec![plan.clone(), plan], &acts));
    check_polls(&finished);
    check_owners(&finished);
    let commits = finished.run.history().operations().iter().filter(|it| matches!(it.what, What::Commit { .. }));
    let done = commits.filter(|it| it.outcome == Outcome::Done(Answer::Nothing)).count();
    assert_eq!(done, 2);
}

#[test]
fn without_a_group_each_reads_all_and_goes_where_it_is_told() {
    let plan = ConsumerPlan { group: None, auto_commit: None, ..consumer(Assignor::Eager) };
    let of = TopicPartition { topic: "orders".into(), partition: 2 };
    let acts = [
        (15_000, 1, ClientAct::Seek { of: of.clone(), offset: 5 }),
        (15_000, 2, ClientAct::Seek { of: of.clone(), offset: -2 }),
        (15_000, 3, ClientAct::Seek { of: of.clone(), offset: 1_000_000 }),
    ];
    let finished = run(script(6, vec![plan.clone(), plan.clone(), plan], &acts));
    let written = written(&finished);
    for (client, went_to) in [(1, 5), (2, 0), (3, 0)] {
        let polls = polls(&finished, Some(client));
        let read: BTreeSet<Value> = polls.iter().flat_map(|it| &it.records).map(|(_, value)| *value).collect();
        assert_eq!(read, written);
        let told = polls.iter().filter(|it| it.from == of && !it.continues).map(|it| it.position);
        assert_eq!(told.collect::<Vec<_>>(), [0, went_to]);
    }
}
