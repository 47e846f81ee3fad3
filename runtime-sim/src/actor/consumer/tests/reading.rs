//! Reading and committing.

use super::*;

#[test]
fn a_member_reads_from_what_was_committed_and_goes_on() {
    let mut bench = member(Assignor::Eager, &[1]);
    assert_eq!(bench.story().iter().filter_map(|it| assigned(it)).collect::<Vec<_>>(), [(1, vec![1])]);
    assert!(!bench.consumer.is_at_rest(), "nothing is known of what there is to read");
    bench.fetched(1, batch(9, &[90, 100, 110]), 12);
    bench.fetched(1, batch(12, &[120]), 13);
    let got: Vec<Polled> = bench.story().iter().filter_map(|it| polled(it)).flatten().collect();
    assert_eq!(got[0].records, [(10, Value(100)), (11, Value(110))]);
    assert_eq!((got[0].position, got[0].continues, got[0].high_watermark), (10, false, 12));
    assert_eq!((got[1].position, got[1].continues), (12, true));
    assert!(bench.consumer.is_at_rest());
    heartbeat(&mut bench, 0);
    assert!(bench.consumer.is_at_rest());
}

#[test]
fn without_a_committed_offset_it_reads_from_the_start_and_out_of_range_too() {
    let mut bench = Bench::new(Consumer::new(plan(Assignor::Eager)));
    bench.committed = -1;
    bench.join(1, &[]);
    bench.give(&[0]);
    assert_eq!(bench.asked::<FetchRequest>().unwrap().topics[0].partitions[0].fetch_offset, 3);
    bench.fetched(0, batch(3, &[1]), 4);
    let out_of_range = PartitionData::default().with_error_code(1);
    bench.fetch_answered(5, vec![out_of_range]);
    bench.fetched(0, batch(3, &[1]), 4);
    let got: Vec<Polled> = bench.story().iter().filter_map(|it| polled(it)).flatten().collect();
    assert_eq!((got[1].position, got[1].continues), (3, false), "it was told to go there");
}

#[test]
fn commits_end_as_what_came_of_them() {
    let mut bench = member(Assignor::Eager, &[0, 1]);
    let commit = |bench: &mut Bench, codes: &[(i32, i16)]| {
        bench.act(ClientAct::Commit);
        answer_commit(bench, codes);
        let last = bench.story().into_iter().rfind(|it| committed(it).is_some()).unwrap().clone();
        assert_eq!(committed(&last), Some((1, vec![(0, 10), (1, 10)])));
        last.outcome
    };
    assert_eq!(commit(&mut bench, &[(0, 0), (1, 0)]), Outcome::Done(Answer::Nothing));
    assert_eq!(commit(&mut bench, &[(0, 3), (1, 3)]), Outcome::Failed(3));
    assert_eq!(commit(&mut bench, &[(0, 0), (1, 3)]), Outcome::Unknown, "one of two");
    assert_eq!(commit(&mut bench, &[(0, 0)]), Outcome::Unknown, "of the other it does not tell");
    bench.act(ClientAct::Commit);
    bench.lose::<OffsetCommitRequest>();
    assert_eq!(bench.story().last().unwrap().outcome, Outcome::Unknown);
    bench.pass(Duration::from_millis(200));
    bench.serve();
    assert_eq!(commit(&mut bench, &[(0, 27), (1, 27)]), Outcome::Failed(27));
    assert!(bench.asked::<JoinGroupRequest>().is_some(), "and a rebalance is learnt of");
}

#[test]
fn at_its_interval_it_commits_what_was_polled_before() {
    let plan = ConsumerPlan { auto_commit: Some(Duration::from_millis(700)), ..plan(Assignor::Eager) };
    let mut bench = member_of(plan, &[0, 1]);
    bench.pass(Duration::from_millis(800));
    assert!(bench.asked::<OffsetCommitRequest>().is_none(), "nothing has moved");
    bench.fetched(1, batch(10, &[5, 6]), 12);
    bench.pass(Duration::from_millis(100));
    heartbeat(&mut bench, 0);
    assert_eq!(committed(bench.story().last().unwrap()), Some((1, vec![(1, 12)])));
    answer_commit(&mut bench, &[(1, 0)]);
    bench.pass(Duration::from_millis(900));
    assert!(bench.asked::<OffsetCommitRequest>().is_none(), "it is committed");
}

#[test]
fn a_request_without_an_answer_ends_its_connection() {
    let mut bench = member(Assignor::Eager, &[0]);
    bench.act(ClientAct::Commit);
    bench.pass(Duration::from_millis(3_900));
    assert_eq!(bench.story()[1].outcome, Outcome::UnderWay);
    // A sign of life, too, is behind it: nobody waits for that longer than for a session.
    bench.pass(Duration::from_millis(100));
    assert_eq!(bench.story()[1].outcome, Outcome::Unknown);
}

#[test]
fn what_cannot_be_read_accuses_the_broker() {
    let mut bench = member(Assignor::Eager, &[0]);
    let mut rotten = batch(10, &[5]).to_vec();
    *rotten.last_mut().unwrap() ^= 1;
    bench.fetched(0, rotten.into(), 12);
    assert_eq!(bench.violations.len(), 1);
    assert_eq!(bench.violations[0].checker, SERVED_BYTES);
    bench.fetched(0, batch(11, &[6]), 12);
    let got: Vec<Polled> = bench.story().iter().filter_map(|it| polled(it)).flatten().collect();
    assert_eq!((got.len(), got[0].position, got[0].continues), (1, 11, false));
}

#[test]
fn a_session_that_the_broker_forgot_is_begun_anew() {
    let mut bench = member(Assignor::Eager, &[0, 1]);
    bench.fetched(0, batch(10, &[5]), 11);
    let next = bench.asked::<FetchRequest>().unwrap();
    assert_eq!((next.session_id, next.session_epoch, next.topics[0].partitions.len()), (5, 1, 1));
    bench.answer::<FetchRequest>(&FetchResponse::default().with_error_code(70));
    let next = bench.asked::<FetchRequest>().unwrap();
    assert_eq!((next.session_id, next.session_epoch, next.topics[0].partitions.len()), (0, 0, 2));
}

#[test]
fn without_a_group_it_reads_all_partitions_from_their_start() {
    for library in [Library::Java, Library::Librdkafka] {
        let plan = ConsumerPlan { group: None, ..plan(Assignor::Eager) };
        let mut bench = Bench::new(Consumer::of(library, plan));
        bench.serve();
        let asked = bench.asked::<FetchRequest>().unwrap();
        let partitions = &asked.topics[0].partitions;
        assert_eq!(
            partitions.iter().map(|it| (it.partition, it.fetch_offset)).collect::<Vec<_>>(),
            [(0, 3), (1, 3), (2, 3), (3, 3)]
        );
        let is_java = library == Library::Java;
        assert_eq!(asked.session_epoch, if is_java { 0 } else { -1 });
        assert_eq!(asked.topics[0].topic.is_empty(), is_java);
        bench.act(ClientAct::Seek { of: at(2), offset: 8 });
        bench.lose::<FetchRequest>();
        bench.pass(Duration::from_millis(100));
        bench.serve();
        let asked = bench.asked::<FetchRequest>().unwrap();
        assert_eq!(asked.topics[0].partitions[2].fetch_offset, 8);
        assert!(bench.asked::<FindCoordinatorRequest>().is_none());
    }
}
