//! The bounds of what clients can make a group coordinator hold, each at it and one above.

use bytes::Bytes;
use grete_core::coordinator::{AppendToken, Ticket};
use grete_core::group::answer::Answer;
use grete_core::group::commit::{Committer, OffsetToCommit, TopicToCommit};
use grete_core::group::fetch_offsets::TopicRef;
use grete_core::group::join::Joiner;
use grete_core::group::names::GenerationId;
use grete_core::group::{GroupCoordinator, GroupOutput, GroupSettings, Topics};
use grete_core::ids::{LeaderEpoch, Offset, PartitionIndex, Timestamp, TopicId};
use grete_core::limits;
use grete_core::rng::Seed;
use grete_core::time::{Instant, Now};
use grete_protocol::ErrorCode;
use std::sync::Arc;

const NOW: Now = Now { instant: Instant(0), wall: Timestamp(1_000) };

fn coordinator(settings: GroupSettings) -> GroupCoordinator {
    let mut coordinator = GroupCoordinator::loading(Arc::new(settings), Seed(1));
    coordinator.loaded(NOW);
    coordinator
}

fn joiner(api_version: i16, metadata: usize) -> Joiner<'static> {
    Joiner {
        ticket: Ticket(0),
        api_version,
        member: "",
        instance: None,
        client_id: "".into(),
        client_host: "/127.0.0.1".into(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 10_000,
        protocol_type: "consumer",
        protocols: vec![("r".into(), Bytes::from(vec![0; metadata]))],
        reason: "",
    }
}

/// Takes all appends, commits them if asked to, and returns the answers.
fn settle(coordinator: &mut GroupCoordinator, commit: bool) -> Vec<Answer> {
    let mut answers = Vec::new();
    while let Some(output) = coordinator.pop() {
        match output {
            GroupOutput::Append { token, .. } => {
                coordinator.appended(NOW, token);
                if commit {
                    coordinator.committed(NOW, token);
                }
            }
            GroupOutput::Answer { answer, .. } => answers.push(answer),
            GroupOutput::Notice(_) => {}
        }
    }
    answers
}

fn join_error(answers: &[Answer]) -> Option<ErrorCode> {
    match answers {
        [] => None,
        [Answer::Join(join)] => Some(join.error),
        other => panic!("{other:?}"),
    }
}

#[test]
fn ids_that_nobody_joins_with() {
    let mut coordinator = coordinator(GroupSettings::default());
    for _ in 0..limits::GROUP_PENDING_MEMBERS_MAX {
        coordinator.join(NOW, "g", &joiner(4, 1));
        assert_eq!(join_error(&settle(&mut coordinator, true)), Some(ErrorCode::MemberIdRequired));
    }
    coordinator.join(NOW, "g", &joiner(4, 1));
    assert_eq!(join_error(&settle(&mut coordinator, true)), Some(ErrorCode::GroupMaxSizeReached));
    coordinator.join(NOW, "other", &joiner(4, 1));
    assert_eq!(join_error(&settle(&mut coordinator, true)), Some(ErrorCode::MemberIdRequired), "others have room");
}

#[test]
fn what_members_join_with() {
    // A member holds the name and the metadata of its only strategy.
    let mut coordinator = coordinator(GroupSettings { members_bytes_max: 200, ..GroupSettings::default() });
    coordinator.join(NOW, "g", &joiner(0, 99));
    coordinator.join(NOW, "g", &joiner(0, 100));
    let answers = settle(&mut coordinator, true);
    assert_eq!(join_error(&answers), Some(ErrorCode::GroupMaxSizeReached), "100 bytes and 101 are too many");
    coordinator.join(NOW, "h", &joiner(0, 99));
    assert_eq!(join_error(&settle(&mut coordinator, true)), None, "100 and 100 are not");
    coordinator.check_invariants();
}

fn commit(coordinator: &mut GroupCoordinator, partitions: core::ops::Range<i32>) {
    let offset = |partition| OffsetToCommit {
        partition: PartitionIndex(partition),
        offset: Offset(1),
        leader_epoch: LeaderEpoch(-1),
        metadata: "",
    };
    let topics: Topics = [("t", TopicId([1; 16]), i32::MAX)].into_iter().collect();
    let committer = Committer { api_version: 9, member: "", instance: None, generation: GenerationId::NONE };
    let of_topic = TopicToCommit { topic: TopicRef::Name("t"), partitions: partitions.map(offset).collect() };
    coordinator.commit_offsets(NOW, Ticket(0), "g", committer, -1, &[of_topic], &topics);
}

#[test]
fn appends_that_are_not_committed() {
    let mut coordinator = coordinator(GroupSettings::default());
    for _ in 0..limits::GROUP_APPENDS_MAX {
        commit(&mut coordinator, 0..1);
        assert_eq!(settle(&mut coordinator, false), []);
    }
    commit(&mut coordinator, 0..1);
    coordinator.committed(NOW, AppendToken(limits::GROUP_APPENDS_MAX as u64 - 1));
    let answers = settle(&mut coordinator, true);
    assert_eq!(answers.len(), limits::GROUP_APPENDS_MAX + 1);
    let errors = answers.iter().filter_map(|answer| match answer {
        Answer::CommitOffsets(topics) => Some(topics[0].partitions[0].1),
        _ => None,
    });
    let refused: Vec<_> = errors.filter(|error| error.is_error()).collect();
    assert_eq!(refused, [ErrorCode::CoordinatorNotAvailable]);
    commit(&mut coordinator, 0..1);
    assert_eq!(settle(&mut coordinator, true).len(), 1, "there is room again");
}

#[test]
fn offsets_of_a_group() {
    let mut coordinator = coordinator(GroupSettings { batch_bytes_max: 64 << 20, ..GroupSettings::default() });
    let mut commit = |partitions| -> (usize, usize) {
        commit(&mut coordinator, partitions);
        let [Answer::CommitOffsets(topics)] = &settle(&mut coordinator, true)[..] else { panic!("it is answered") };
        let errors = topics[0].partitions.iter().map(|(_, error)| *error);
        let refused = errors.clone().filter(|error| *error == ErrorCode::InvalidCommitOffsetSize).count();
        (errors.filter(|error| !error.is_error()).count(), refused)
    };
    let max = limits::GROUP_OFFSETS_MAX as i32;
    const AT_ONCE: i32 = 100_000;
    for from in (0..max - 1).step_by(AT_ONCE as usize) {
        let to = (from + AT_ONCE).min(max - 1);
        assert_eq!(commit(from..to), ((to - from) as usize, 0));
    }
    assert_eq!(commit(max - 2..max + 2), (2, 2), "one that is known, and one more");
    assert_eq!(commit(0..10), (10, 0), "what is known can be committed again");
    assert_eq!(commit(max..max + 1), (0, 1));
}

#[test]
fn a_batch_of_the_offsets_topic() {
    let size_of = |batch_bytes_max| {
        let mut coordinator = coordinator(GroupSettings { batch_bytes_max, ..GroupSettings::default() });
        commit(&mut coordinator, 0..10);
        match coordinator.pop() {
            Some(GroupOutput::Append { batch, .. }) => Some(batch.len()),
            Some(GroupOutput::Answer { answer: Answer::CommitOffsets(topics), .. }) => {
                let mut errors = topics[0].partitions.iter().map(|(_, error)| *error);
                assert!(errors.all(|error| error == ErrorCode::UnknownServerError), "all of it or nothing");
                None
            }
            other => panic!("{other:?}"),
        }
    };
    let size = size_of(1 << 20).expect("it fits");
    assert_eq!(size_of(size), Some(size));
    assert_eq!(size_of(size - 1), None);
}
