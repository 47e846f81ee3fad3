//! Groups by Kafka's own messages: each request in each of its versions, through encoding and decoding, to an answer that
//! its version can hold.

use grete_core::coordinator::{RequestContext, Ticket};
use grete_core::group::answer::{Answer, JoinAnswer};
use grete_core::group::fetch_offsets::{AskedTopic, TopicRef};
use grete_core::group::messages::{FetchGroup, fetch_groups, responses};
use grete_core::group::{GroupCoordinator, GroupOutput, GroupSettings, Topics};
use grete_core::ids::{PartitionIndex, Timestamp, TopicId};
use grete_core::rng::Seed;
use grete_core::time::{Instant, Now};
use grete_protocol::ErrorCode;
use grete_protocol::messages::heartbeat_request::HeartbeatRequest;
use grete_protocol::messages::heartbeat_response::HeartbeatResponse;
use grete_protocol::messages::join_group_request::{JoinGroupRequest, JoinGroupRequestProtocol};
use grete_protocol::messages::join_group_response::JoinGroupResponse;
use grete_protocol::messages::leave_group_request::{LeaveGroupRequest, MemberIdentity};
use grete_protocol::messages::leave_group_response::LeaveGroupResponse;
use grete_protocol::messages::list_groups_request::ListGroupsRequest;
use grete_protocol::messages::offset_commit_request::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use grete_protocol::messages::offset_delete_request::{
    OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use grete_protocol::messages::offset_fetch_request::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use grete_protocol::messages::sync_group_request::{SyncGroupRequest, SyncGroupRequestAssignment};
use grete_protocol::messages::sync_group_response::SyncGroupResponse;
use grete_protocol::wire::{Encoder, Message, Uuid};
use std::sync::Arc;

const ORDERS: TopicId = TopicId([7; 16]);

/// A coordinator whose log takes and commits all at once.
struct Broker {
    coordinator: GroupCoordinator,
    topics: Topics,
    now_ms: u64,
}

impl Broker {
    fn new() -> Self {
        let settings = GroupSettings { initial_rebalance_delay_ms: 0, ..GroupSettings::default() };
        let mut coordinator = GroupCoordinator::loading(Arc::new(settings), Seed(1));
        coordinator.loaded(now(0));
        Self { coordinator, topics: [("orders", ORDERS, 4)].into_iter().collect(), now_ms: 0 }
    }

    /// Does what the coordinator asks for; the answer to the last request, if there is one.
    fn settle(&mut self) -> Option<Answer> {
        let mut answer = None;
        loop {
            let outputs: Vec<_> = self.coordinator.drain().collect();
            if outputs.is_empty() {
                return answer;
            }
            for output in outputs {
                match output {
                    GroupOutput::Append { token, .. } => {
                        self.coordinator.appended(now(self.now_ms), token);
                        self.coordinator.committed(now(self.now_ms), token);
                    }
                    GroupOutput::Answer { answer: given, .. } => answer = Some(given),
                    GroupOutput::Notice(_) => {}
                }
            }
        }
    }

    fn tick(&mut self) -> Option<Answer> {
        self.coordinator.on_timer(now(self.now_ms));
        self.settle()
    }

    fn join(&mut self, version: i16, request: &JoinGroupRequest<'_>) -> Option<Answer> {
        self.coordinator.on_join_group(now(self.now_ms), &context(version), &sent(request, version));
        self.settle()
    }

    /// A group with one member, in the first generation with its assignment; returns the member's id.
    fn with_member(version: i16) -> (Self, String) {
        let mut broker = Self::new();
        let mut request = join_request("");
        if let Some(Answer::Join(told)) = broker.join(version, &request) {
            assert_eq!(told.error.code(), 79, "MEMBER_ID_REQUIRED");
            let member = told.member.to_string();
            request.member_id = member.into();
            assert!(broker.join(version, &request).is_none(), "it waits for others");
        }
        let Some(Answer::Join(joined)) = broker.tick() else { panic!("it has joined") };
        (broker, joined.member.to_string())
    }
}

fn now(ms: u64) -> Now {
    Now { instant: Instant(ms * 1_000), wall: Timestamp(1_000_000 + ms as i64) }
}

fn context(api_version: i16) -> RequestContext {
    RequestContext { api_version, ticket: Ticket(1), client_id: "c".into(), client_host: "/127.0.0.1".into() }
}

/// The message as the other side has it after it was sent in a version. Bytes leak: they outlive a test by little.
fn sent<'m, M: Message<'m>>(message: &M, version: i16) -> M {
    let mut encoder = Encoder::new();
    message.encode(&mut encoder, version).expect("the version can hold it");
    M::decode_exact(encoder.finish().to_contiguous().leak(), version).expect("what is encoded decodes")
}

fn versions<'m, M: Message<'m>>(from: i16) -> impl Iterator<Item = i16> {
    M::VERSIONS.iter().filter(move |version| *version >= from)
}

fn join_request(member: &str) -> JoinGroupRequest<'static> {
    let protocol = |name: &'static str, metadata: &'static [u8]| JoinGroupRequestProtocol {
        name: name.into(),
        metadata: metadata.into(),
        ..JoinGroupRequestProtocol::default()
    };
    JoinGroupRequest {
        group_id: "g".into(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 60_000,
        member_id: member.to_owned().into(),
        protocol_type: "consumer".into(),
        protocols: vec![protocol("range", b"first"), protocol("range", b"second")],
        ..JoinGroupRequest::default()
    }
}

#[test]
fn join_and_sync_in_all_versions() {
    for version in versions::<JoinGroupRequest<'_>>(0) {
        let mut broker = Broker::new();
        let mut request = join_request("");
        let told = broker.join(version, &request);
        assert_eq!(told.is_some(), version >= 4, "from version 4 on it is told an id first");
        if let Some(Answer::Join(told)) = told {
            let response = sent(&responses::join_group(&told, version), version);
            assert_eq!((response.error_code, response.generation_id), (79, -1));
            assert_eq!(response.protocol_name.as_deref(), (version < 7).then_some(""));
            request.member_id = response.member_id.into_owned().into();
            broker.join(version, &request);
        }
        let Some(Answer::Join(joined)) = broker.tick() else { panic!("it has joined") };
        let response: JoinGroupResponse<'_> = sent(&responses::join_group(&joined, version), version);
        assert_eq!((response.error_code, response.generation_id), (0, 1));
        assert_eq!(response.leader, response.member_id);
        assert_eq!(response.protocol_name.as_deref(), Some("range"));
        assert_eq!(response.protocol_type.as_deref(), (version >= 7).then_some("consumer"));
        assert_eq!(response.members.len(), 1);
        assert_eq!(&*response.members[0].metadata, b"first", "a name that comes twice counts once");
    }
    let nameless = JoinAnswer { protocol_name: Some("".into()), ..JoinAnswer::refused(ErrorCode::None, "m") };
    for version in versions::<JoinGroupRequest<'_>>(0) {
        let response: JoinGroupResponse<'_> = sent(&responses::join_group(&nameless, version), version);
        assert_eq!(response.protocol_name.as_deref(), (version < 7).then_some(""), "a name that is empty is none");
    }
    for version in versions::<SyncGroupRequest<'_>>(0) {
        let (mut broker, member) = Broker::with_member(4);
        let assignment = SyncGroupRequestAssignment {
            member_id: member.clone().into(),
            assignment: b"all"[..].into(),
            ..SyncGroupRequestAssignment::default()
        };
        let names = version >= 5;
        let request = SyncGroupRequest {
            group_id: "g".into(),
            generation_id: 1,
            member_id: member.into(),
            protocol_type: names.then_some("consumer".into()),
            protocol_name: names.then_some("range".into()),
            assignments: vec![assignment],
            ..SyncGroupRequest::default()
        };
        if names {
            let unnamed = SyncGroupRequest { protocol_name: None, ..request.clone() };
            broker.coordinator.on_sync_group(now(0), &context(version), &sent(&unnamed, version));
            let Some(Answer::Sync(refused)) = broker.settle() else { panic!("it is refused") };
            assert_eq!(refused.error.code(), 23, "INCONSISTENT_GROUP_PROTOCOL");
        }
        let late = SyncGroupRequest { generation_id: 2, ..request.clone() };
        broker.coordinator.on_sync_group(now(0), &context(version), &sent(&late, version));
        let Some(Answer::Sync(refused)) = broker.settle() else { panic!("it is refused") };
        let response: SyncGroupResponse<'_> = sent(&responses::sync_group(&refused), version);
        assert_eq!((response.error_code, &*response.assignment), (22, &b""[..]), "ILLEGAL_GENERATION");
        broker.coordinator.on_sync_group(now(0), &context(version), &sent(&request, version));
        let Some(Answer::Sync(synced)) = broker.settle() else { panic!("it is answered") };
        let response: SyncGroupResponse<'_> = sent(&responses::sync_group(&synced), version);
        assert_eq!((response.error_code, &*response.assignment), (0, &b"all"[..]));
        assert_eq!(response.protocol_name.as_deref(), names.then_some("range"));
    }
}

#[test]
fn a_rebalance_timeout_of_version_0_is_the_session_timeout() {
    for (version, timeout_ms) in [(0, 10_000), (1, 60_000)] {
        let (mut broker, member) = Broker::with_member(version);
        // A second member begins a rebalance, which the first does not join; its own session goes on.
        broker.join(version, &join_request(""));
        let heartbeat = HeartbeatRequest {
            group_id: "g".into(),
            generation_id: 1,
            member_id: member.into(),
            ..HeartbeatRequest::default()
        };
        let ended = loop {
            broker.coordinator.on_heartbeat(now(broker.now_ms), &context(0), &heartbeat);
            broker.settle();
            broker.now_ms += 1_000;
            if broker.tick().is_some() {
                break broker.now_ms;
            }
        };
        assert_eq!(ended, timeout_ms, "version {version}");
    }
}

#[test]
fn heartbeats_in_all_versions() {
    for version in versions::<HeartbeatRequest<'_>>(0) {
        let (mut broker, member) = Broker::with_member(4);
        for (generation_id, error) in [(1, 0), (2, 22)] {
            let request = HeartbeatRequest {
                group_id: "g".into(),
                generation_id,
                member_id: member.clone().into(),
                ..HeartbeatRequest::default()
            };
            broker.coordinator.on_heartbeat(now(0), &context(version), &sent(&request, version));
            let Some(Answer::Heartbeat(answer)) = broker.settle() else { panic!("it is answered") };
            let response: HeartbeatResponse = sent(&responses::heartbeat(answer), version);
            assert_eq!(response.error_code, error);
        }
    }
}

#[test]
fn leaving_in_all_versions() {
    for version in versions::<LeaveGroupRequest<'_>>(0) {
        let (mut broker, member) = Broker::with_member(4);
        let leave = |broker: &mut Broker, member: &str| {
            let one = MemberIdentity { member_id: member.to_owned().into(), ..MemberIdentity::default() };
            let request = if version < 3 {
                LeaveGroupRequest {
                    group_id: "g".into(),
                    member_id: member.to_owned().into(),
                    ..LeaveGroupRequest::default()
                }
            } else {
                LeaveGroupRequest { group_id: "g".into(), members: vec![one], ..LeaveGroupRequest::default() }
            };
            broker.coordinator.on_leave_group(now(0), &context(version), &sent(&request, version));
            let Some(Answer::Leave(answer)) = broker.settle() else { panic!("it is answered") };
            let response: LeaveGroupResponse<'_> = sent(&responses::leave_group(&answer, version), version);
            (response.error_code, response.members.first().map(|member| member.error_code))
        };
        let many = version >= 3;
        let unknown = leave(&mut broker, "nonsense");
        assert_eq!(unknown, if many { (0, Some(25)) } else { (25, None) }, "version {version}");
        assert_eq!(leave(&mut broker, &member), (0, many.then_some(0)), "version {version}");
    }
}

#[test]
fn offsets_in_all_versions() {
    for version in versions::<OffsetCommitRequest<'_>>(2) {
        let mut broker = Broker::new();
        let by_id = version >= 10;
        let topic = |name: &'static str, id: u8| OffsetCommitRequestTopic {
            name: if by_id { "".into() } else { name.into() },
            topic_id: if by_id { Uuid([id; 16]) } else { Uuid::default() },
            partitions: vec![OffsetCommitRequestPartition {
                partition_index: 3,
                committed_offset: 5,
                committed_leader_epoch: if version >= 6 { 2 } else { -1 },
                committed_metadata: if version % 2 == 0 { None } else { Some("note".into()) },
                ..OffsetCommitRequestPartition::default()
            }],
            ..OffsetCommitRequestTopic::default()
        };
        let request = OffsetCommitRequest {
            group_id: "g".into(),
            topics: vec![topic("orders", 7), topic("nowhere", 9)],
            ..OffsetCommitRequest::default()
        };
        let topics = broker.topics.clone();
        broker.coordinator.on_offset_commit(now(0), &context(version), &sent(&request, version), &topics);
        let Some(Answer::CommitOffsets(answer)) = broker.settle() else { panic!("it is answered") };
        let response = sent(&responses::offset_commit(&answer), version);
        let errors: Vec<_> = response.topics.iter().map(|topic| topic.partitions[0].error_code).collect();
        assert_eq!(errors, [if by_id { 100 } else { 3 }, 0], "what is not there comes first");
        assert_eq!(response.topics[1].topic_id, if by_id { Uuid([7; 16]) } else { Uuid::default() });
        check_fetched(&mut broker, if version >= 6 { 2 } else { -1 }, if version % 2 == 0 { "" } else { "note" });
    }
}

/// Fetches the offset of `orders`-3 in all versions, asked for and with all others.
fn check_fetched(broker: &mut Broker, epoch: i32, note: &str) {
    for version in versions::<OffsetFetchRequest<'_>>(1) {
        for everything in [false, true] {
            // Version 1 cannot ask for all.
            if everything && version < 2 {
                continue;
            }
            let request = fetch_request(version, everything);
            let request = sent(&request, version);
            let groups = fetch_groups(&request, version);
            assert_eq!(groups.len(), if version >= 8 { 2 } else { 1 });
            let topics = broker.topics.clone();
            let mut answers = Vec::new();
            for group in &groups {
                assert_eq!(group.require_stable, version >= 7);
                broker.coordinator.on_offset_fetch(&context(version), group, &topics);
                let Some(Answer::FetchOffsets(answer)) = broker.settle() else { panic!("it is answered") };
                answers.push(answer);
            }
            let response = sent(&responses::offset_fetch(&answers, version), version);
            if version < 8 {
                let [topic] = &response.topics[..] else { panic!("one topic: {response:?}") };
                let [offset] = &topic.partitions[..] else { panic!("one partition: {response:?}") };
                assert_eq!((&*topic.name, offset.partition_index, offset.committed_offset), ("orders", 3, 5));
                assert_eq!(offset.committed_leader_epoch, if version >= 5 { epoch } else { -1 });
                assert_eq!(offset.metadata.as_deref(), Some(note));
            } else {
                let [of_group, of_other] = &response.groups[..] else { panic!("two groups: {response:?}") };
                let [topic] = &of_group.topics[..] else { panic!("one topic: {response:?}") };
                assert_eq!(topic.topic_id, if version >= 10 { Uuid([7; 16]) } else { Uuid::default() });
                assert_eq!(&*topic.name, if version >= 10 { "" } else { "orders" });
                let offset = &topic.partitions[0];
                assert_eq!((offset.committed_offset, offset.committed_leader_epoch), (5, epoch));
                assert_eq!(&*of_other.group_id, "other");
                assert!(of_other.topics.is_empty(), "it asks for all of a group that is not there");
            }
        }
    }
}

fn fetch_request(version: i16, everything: bool) -> OffsetFetchRequest<'static> {
    if version < 8 {
        let topic = OffsetFetchRequestTopic {
            name: "orders".into(),
            partition_indexes: vec![3],
            ..OffsetFetchRequestTopic::default()
        };
        return OffsetFetchRequest {
            group_id: "g".into(),
            topics: (!everything).then(|| vec![topic]),
            require_stable: version >= 7,
            ..OffsetFetchRequest::default()
        };
    }
    let by_id = version >= 10;
    let topic = OffsetFetchRequestTopics {
        name: if by_id { "".into() } else { "orders".into() },
        topic_id: if by_id { Uuid([7; 16]) } else { Uuid::default() },
        partition_indexes: vec![3],
        ..OffsetFetchRequestTopics::default()
    };
    let group = |id: &'static str, topics| OffsetFetchRequestGroup {
        group_id: id.into(),
        topics,
        ..OffsetFetchRequestGroup::default()
    };
    OffsetFetchRequest {
        groups: vec![group("g", (!everything).then(|| vec![topic])), group("other", None)],
        require_stable: true,
        ..OffsetFetchRequest::default()
    }
}

#[test]
fn topics_that_cannot_be_found_come_last_in_a_fetch() {
    let mut broker = Broker::new();
    let (absent, orders) = (TopicRef::Id(TopicId([9; 16])), TopicRef::Id(TopicId([7; 16])));
    let asked = [absent, orders].map(|topic| AskedTopic { topic, partitions: vec![PartitionIndex(3)] });
    let group = FetchGroup { group: "g", asked: Some(asked.into()), require_stable: false };
    let topics = broker.topics.clone();
    broker.coordinator.on_offset_fetch(&context(10), &group, &topics);
    let Some(Answer::FetchOffsets(answer)) = broker.settle() else { panic!("it is answered") };
    let shown: Vec<_> = answer.topics.iter().map(|topic| (topic.id, topic.partitions[0].error)).collect();
    assert_eq!(shown, [(TopicId([7; 16]), ErrorCode::None), (TopicId([9; 16]), ErrorCode::UnknownTopicId)]);
}

#[test]
fn an_error_of_a_fetch_stands_where_its_version_has_a_place_for_it() {
    for version in versions::<OffsetFetchRequest<'_>>(1) {
        let mut broker = Broker::new();
        broker.coordinator.fail();
        let request = fetch_request(version, false);
        let group = &fetch_groups(&request, version)[0];
        let topics = broker.topics.clone();
        broker.coordinator.on_offset_fetch(&context(version), group, &topics);
        let Some(Answer::FetchOffsets(answer)) = broker.settle() else { panic!("it is answered") };
        let answers = [answer];
        let response = sent(&responses::offset_fetch(&answers, version), version);
        let not_coordinator = 16;
        match version {
            1 => assert_eq!(response.topics[0].partitions[0].error_code, not_coordinator),
            2..8 => assert_eq!((response.error_code, response.topics.len()), (not_coordinator, 0)),
            _ => {
                let group = &response.groups[0];
                assert_eq!((group.error_code, group.topics.len()), (not_coordinator, 0));
            }
        }
    }
}

#[test]
fn administration_in_all_versions() {
    let (mut broker, member) = Broker::with_member(4);
    for version in 0..=6 {
        broker.coordinator.describe_groups(Ticket(1), &["g", "absent"], version);
        let Some(Answer::DescribeGroups(answer)) = broker.settle() else { panic!("it is answered") };
        let operations = (version >= 3).then_some(responses::GROUP_OPERATIONS);
        let response = sent(&responses::describe_groups(&answer, operations), version);
        let [group, absent] = &response.groups[..] else { panic!("two groups") };
        assert_eq!((&*group.group_state, &*group.protocol_type), ("CompletingRebalance", "consumer"));
        assert_eq!(*group.members[0].member_id, *member);
        // Kafka 4.3 says 3400 to whoever may do everything.
        assert_eq!(group.authorized_operations, if version >= 3 { 3400 } else { i32::MIN });
        assert_eq!((&*absent.group_state, absent.error_code), ("Dead", if version >= 6 { 69 } else { 0 }));
        assert_eq!(absent.error_message.as_deref(), (version >= 6).then_some("Group absent not found."));
    }
    for version in versions::<ListGroupsRequest<'_>>(0) {
        let filter = |names: &[&'static str]| names.iter().map(|name| (*name).into()).collect();
        for (states, listed) in [(&["completingrebalance"][..], 1), (&["Stable"], 0)] {
            let request = ListGroupsRequest {
                states_filter: if version >= 4 { filter(states) } else { Vec::new() },
                types_filter: if version >= 5 { filter(&["classic"]) } else { Vec::new() },
                ..ListGroupsRequest::default()
            };
            broker.coordinator.on_list_groups(&context(version), &sent(&request, version));
            let Some(Answer::ListGroups(answer)) = broker.settle() else { panic!("it is answered") };
            let answers = [answer];
            let response = sent(&responses::list_groups(&answers), version);
            assert_eq!(response.groups.len(), if version >= 4 { listed } else { 1 });
        }
    }
    let request = OffsetDeleteRequest {
        group_id: "g".into(),
        topics: vec![OffsetDeleteRequestTopic {
            name: "orders".into(),
            partitions: vec![OffsetDeleteRequestPartition { partition_index: 0 }],
        }],
    };
    let topics = broker.topics.clone();
    broker.coordinator.on_offset_delete(now(0), &context(0), &sent(&request, 0), &topics);
    let Some(Answer::DeleteOffsets(answer)) = broker.settle() else { panic!("it is answered") };
    let response = sent(&responses::offset_delete(&answer), 0);
    assert_eq!((response.error_code, response.topics[0].partitions[0].error_code), (0, 86), "subscribed, maybe");
    broker.coordinator.delete_groups(now(0), Ticket(1), &["g", "absent"]);
    let Some(Answer::DeleteGroups(answer)) = broker.settle() else { panic!("it is answered") };
    for version in 0..=3 {
        let response = sent(&responses::delete_groups(&answer), version);
        let errors: Vec<_> = response.results.iter().map(|result| result.error_code).collect();
        assert_eq!(errors, [68, 69]);
        let message = response.results[1].error_message.as_deref();
        assert_eq!(message, (version >= 3).then_some("Group absent not found."));
    }
}

#[test]
fn names_that_records_cannot_hold_are_refused() {
    let mut broker = Broker::new();
    let long = "x".repeat(32_704);
    let too_long_group = JoinGroupRequest { group_id: long.clone().into(), ..join_request("") };
    let Some(Answer::Join(answer)) = broker.join(9, &too_long_group) else { panic!("it is answered") };
    assert_eq!(answer.error.code(), 24, "INVALID_GROUP_ID");
    let too_long_instance = JoinGroupRequest { group_instance_id: Some(long.into()), ..join_request("") };
    let Some(Answer::Join(answer)) = broker.join(9, &too_long_instance) else { panic!("it is answered") };
    assert_eq!(answer.error.code(), 42, "INVALID_REQUEST");
}
