//! Consumers before a broker that is played by hand.

mod bench;
mod reading;

use super::batches::tests::at as batch;
use super::*;
use crate::history::{Answer, Operation, Outcome, Polled, Value, What};
use crate::script::Assignor;
use bench::{Bench, at, plan, text};
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic};
use kafka_protocol::messages::{
    FetchRequest, FetchResponse, FindCoordinatorRequest, HeartbeatRequest, HeartbeatResponse, JoinGroupRequest,
    LeaveGroupRequest, LeaveGroupResponse, OffsetCommitRequest, OffsetCommitResponse, SyncGroupRequest,
    SyncGroupResponse, TopicName,
};

fn member(assignor: Assignor, partitions: &[i32]) -> Bench {
    member_of(plan(assignor), partitions)
}

fn member_of(plan: ConsumerPlan, partitions: &[i32]) -> Bench {
    let mut bench = Bench::new(Consumer::new(plan));
    bench.join(1, &[]);
    bench.give(partitions);
    bench
}

fn revoked(operation: &Operation) -> Option<Vec<i32>> {
    match &operation.what {
        What::Revoke { partitions, .. } => Some(partitions.iter().map(|at| at.partition).collect()),
        _ => None,
    }
}

fn assigned(operation: &Operation) -> Option<(i32, Vec<i32>)> {
    match &operation.what {
        What::Assign { partitions, generation, .. } => {
            Some((*generation, partitions.iter().map(|at| at.partition).collect()))
        }
        _ => None,
    }
}

fn polled(operation: &Operation) -> Option<Vec<Polled>> {
    match (&operation.what, &operation.outcome) {
        (What::Poll, Outcome::Done(Answer::Polled(polled))) => Some(polled.clone()),
        _ => None,
    }
}

fn committed(operation: &Operation) -> Option<(i32, Vec<(i32, i64)>)> {
    match &operation.what {
        What::Commit { generation, offsets, .. } => {
            Some((*generation, offsets.iter().map(|(at, offset)| (at.partition, *offset)).collect()))
        }
        _ => None,
    }
}

fn heartbeat(bench: &mut Bench, code: i16) {
    bench.pass(Duration::from_secs(1));
    bench.answer::<HeartbeatRequest>(&HeartbeatResponse::default().with_error_code(code));
    bench.serve();
}

fn answer_commit(bench: &mut Bench, codes: &[(i32, i16)]) {
    let partition = |&(index, code): &(i32, i16)| {
        OffsetCommitResponsePartition::default().with_partition_index(index).with_error_code(code)
    };
    let topic = OffsetCommitResponseTopic::default()
        .with_name(TopicName(text(bench::TOPIC)))
        .with_partitions(codes.iter().map(partition).collect());
    bench.answer::<OffsetCommitRequest>(&OffsetCommitResponse::default().with_topics(vec![topic]));
    bench.serve();
}

#[test]
fn a_lone_leader_shares_out_what_there_is_and_again_when_there_is_more() {
    let mut bench = Bench::new(Consumer::new(plan(Assignor::Eager)));
    bench.serve();
    let said = |bench: &Bench| bench.asked::<JoinGroupRequest>().unwrap().protocols[0].metadata.clone();
    let metadata = said(&bench);
    bench.join(1, &[("me", metadata.clone()), ("you", metadata)]);
    let sync = bench.asked::<SyncGroupRequest>().unwrap();
    let each = sync.assignments.iter().map(|each| protocol::read_assignment(each.assignment.clone()).unwrap());
    assert_eq!(each.collect::<Vec<_>>(), [[at(0), at(1)].into(), [at(2), at(3)].into()]);
    bench.give(&[0, 1]);
    bench.partitions = 6;
    for _ in 0..9 {
        assert!(bench.asked::<JoinGroupRequest>().is_none());
        heartbeat(&mut bench, 0);
        bench.fetch_answered(5, Vec::new());
    }
    bench.pass(Duration::from_secs(1));
    bench.serve();
    assert!(bench.asked::<JoinGroupRequest>().is_some(), "who leads sees that there are more partitions");
}

#[test]
fn an_eager_member_gives_all_up_before_it_joins_again() {
    let plan = ConsumerPlan { auto_commit: Some(Duration::from_secs(60)), ..plan(Assignor::Eager) };
    let mut bench = member_of(plan, &[0, 1]);
    bench.fetched(0, batch(10, &[1, 2]), 12);
    heartbeat(&mut bench, 27);
    assert!(bench.asked::<JoinGroupRequest>().is_none(), "it commits first");
    // What comes now is not given to the application any more.
    bench.fetched(0, batch(12, &[3]), 13);
    answer_commit(&mut bench, &[(0, 0)]);
    let join = bench.asked::<JoinGroupRequest>().expect("and then joins");
    assert_eq!(join.member_id, text("me"));
    let said = protocol::read_subscription(join.protocols[0].metadata.clone(), None).unwrap();
    assert!(said.owned.is_empty());
    bench.join(2, &[]);
    bench.give(&[0]);
    let story = bench.story();
    let begins = [assigned(story[0]).is_some(), polled(story[1]).is_some()];
    assert_eq!(begins, [true, true]);
    // Only what has moved since it was read from the coordinator.
    assert_eq!(committed(story[2]), Some((1, vec![(0, 12)])));
    assert_eq!(story[2].outcome, Outcome::Done(Answer::Nothing));
    assert_eq!(revoked(story[3]), Some(vec![0, 1]));
    assert_eq!(assigned(story[4]), Some((2, vec![0])));
    assert_eq!(story.len(), 5);
}

#[test]
fn a_cooperative_member_gives_up_what_it_is_not_given_again_and_joins_once_more() {
    let mut bench = member(Assignor::Cooperative, &[0, 1, 2]);
    heartbeat(&mut bench, 27);
    let join = bench.asked::<JoinGroupRequest>().unwrap();
    let said = protocol::read_subscription(join.protocols[0].metadata.clone(), None).unwrap();
    assert_eq!((said.owned, said.generation), ([at(0), at(1), at(2)].into(), 1));
    // It reads on meanwhile.
    bench.fetched(1, batch(10, &[5]), 11);
    bench.join(2, &[]);
    bench.give(&[0, 1]);
    assert!(bench.asked::<JoinGroupRequest>().is_some());
    bench.join(3, &[]);
    bench.give(&[0, 1]);
    let story = bench.story();
    assert!(polled(story[1]).is_some());
    assert_eq!(revoked(story[2]), Some(vec![2]));
    assert_eq!(assigned(story[3]), Some((2, vec![0, 1])));
    assert_eq!(assigned(story[4]), Some((3, vec![0, 1])));
    let asked: Vec<i32> = bench
        .asked::<FetchRequest>()
        .unwrap()
        .topics
        .iter()
        .flat_map(|it| &it.partitions)
        .map(|it| it.partition)
        .collect();
    assert_eq!(asked, [1], "what was kept is read on where it was; the rest is in the session");
}

#[test]
fn who_is_thrown_out_gives_all_up_at_once_and_begins_anew() {
    for (code, member_id) in [(25, ""), (22, "me")] {
        for assignor in [Assignor::Eager, Assignor::Cooperative] {
            let mut bench = member(assignor, &[0, 1]);
            heartbeat(&mut bench, code);
            assert_eq!(revoked(bench.story().last().unwrap()), Some(vec![0, 1]));
            let join = bench.asked::<JoinGroupRequest>().unwrap();
            assert_eq!(join.member_id, text(member_id));
            let said = protocol::read_subscription(join.protocols[0].metadata.clone(), None).unwrap();
            assert_eq!((said.owned.len(), said.generation), (0, -1));
        }
    }
}

#[test]
fn who_is_fenced_does_not_go_on() {
    let plan = ConsumerPlan { instance: Some("i".into()), ..plan(Assignor::Eager) };
    let mut bench = member_of(plan, &[0]);
    heartbeat(&mut bench, 82);
    assert_eq!(revoked(bench.story().last().unwrap()), Some(vec![0]));
    assert_eq!(bench.disconnected.len(), 2);
    bench.pass(Duration::from_secs(60));
    assert!(bench.asked::<JoinGroupRequest>().is_none());
    assert!(bench.consumer.is_at_rest());
}

#[test]
fn a_rebalance_that_begins_while_the_leader_is_waited_for_is_joined() {
    let mut bench = Bench::new(Consumer::new(plan(Assignor::Eager)));
    bench.join(1, &[]);
    bench.answer::<SyncGroupRequest>(&SyncGroupResponse::default().with_error_code(27));
    assert_eq!(bench.asked::<JoinGroupRequest>().unwrap().member_id, text("me"));
    assert!(bench.story().is_empty());
}

#[test]
fn a_coordinator_that_loads_or_moves_is_asked_again_later() {
    for code in [14, 15, 16] {
        let mut bench = Bench::new(Consumer::new(plan(Assignor::Eager)));
        bench.serve();
        bench.join_fails(code);
        assert!(bench.asked::<JoinGroupRequest>().is_none());
        bench.pass(Duration::from_millis(100));
        bench.serve();
        assert!(bench.asked::<JoinGroupRequest>().is_some(), "{code}");
    }
}

#[test]
fn a_lost_coordinator_takes_nothing_away() {
    let mut bench = member(Assignor::Eager, &[0]);
    bench.pass(Duration::from_secs(1));
    bench.lose::<HeartbeatRequest>();
    bench.serve();
    bench.pass(Duration::from_millis(100));
    bench.serve();
    bench.pass(Duration::from_millis(900));
    bench.answer::<HeartbeatRequest>(&HeartbeatResponse::default());
    bench.fetched(0, batch(10, &[5]), 11);
    let story = bench.story();
    assert_eq!(story.len(), 2);
    assert!(polled(story[1]).is_some());
}

#[test]
fn an_idle_member_lives_on_and_takes_part_when_it_is_back() {
    let mut bench = member(Assignor::Eager, &[0]);
    bench.act(ClientAct::Idle(Duration::from_secs(4)));
    bench.fetched(0, batch(10, &[5]), 11);
    heartbeat(&mut bench, 0);
    heartbeat(&mut bench, 27);
    assert!(bench.asked::<JoinGroupRequest>().is_none() && bench.asked::<FetchRequest>().is_none());
    assert_eq!(bench.story().len(), 1, "nothing is polled");
    heartbeat(&mut bench, 27);
    bench.pass(Duration::from_secs(1));
    assert!(bench.asked::<JoinGroupRequest>().is_some());
    let story = bench.story();
    assert!(polled(story[1]).is_some(), "what waited is polled first");
    assert!(revoked(story[2]).is_some());
}

#[test]
fn who_is_idle_for_too_long_has_left() {
    let mut bench = member(Assignor::Eager, &[0]);
    bench.act(ClientAct::Idle(Duration::from_secs(20)));
    (0..8).for_each(|_| heartbeat(&mut bench, 0));
    bench.pass(Duration::from_secs(1));
    assert_eq!(revoked(bench.story()[1]), Some(vec![0]));
    assert_eq!(bench.asked::<LeaveGroupRequest>().unwrap().members[0].member_id, text("me"));
    bench.answer::<LeaveGroupRequest>(&LeaveGroupResponse::default());
    bench.serve();
    assert!(bench.asked::<JoinGroupRequest>().is_none());
    bench.pass(Duration::from_secs(20));
    bench.serve();
    assert!(bench.asked::<JoinGroupRequest>().is_some());
}

#[test]
fn who_leaves_commits_gives_up_and_says_so() {
    let plan = ConsumerPlan { auto_commit: Some(Duration::from_secs(60)), ..plan(Assignor::Cooperative) };
    let mut bench = member_of(plan, &[0]);
    bench.fetched(0, batch(10, &[5]), 11);
    bench.act(ClientAct::Leave);
    assert!(bench.asked::<LeaveGroupRequest>().is_none());
    answer_commit(&mut bench, &[(0, 0)]);
    let story = bench.story();
    assert_eq!(committed(story[2]), Some((1, vec![(0, 11)])));
    assert_eq!(revoked(story[3]), Some(vec![0]));
    bench.answer::<LeaveGroupRequest>(&LeaveGroupResponse::default());
    assert_eq!(bench.disconnected.len(), 2);
    assert!(bench.consumer.is_at_rest());
    bench.act(ClientAct::Join);
    bench.serve();
    assert_eq!(bench.asked::<JoinGroupRequest>().unwrap().member_id, text(""), "it begins anew");
}

#[test]
fn a_crash_says_nothing_and_what_was_under_way_stays_so() {
    let mut bench = member(Assignor::Eager, &[0]);
    bench.act(ClientAct::Commit);
    bench.act(ClientAct::Crash(Duration::from_secs(2)));
    assert!(bench.asked::<LeaveGroupRequest>().is_none());
    assert_eq!(bench.disconnected.len(), 2);
    bench.pass(Duration::from_millis(1_900));
    bench.serve();
    assert!(bench.asked::<JoinGroupRequest>().is_none());
    bench.pass(Duration::from_millis(100));
    bench.serve();
    assert_eq!(bench.asked::<JoinGroupRequest>().unwrap().member_id, text(""));
    assert_eq!(bench.story()[1].outcome, Outcome::UnderWay);
    assert_eq!(revoked(bench.story()[2]), Some(vec![0]));
}
