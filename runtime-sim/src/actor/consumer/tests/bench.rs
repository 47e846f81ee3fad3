//! A consumer on its own: whoever tests it plays the broker by hand.

use super::super::*;
use crate::actor::{Command, Context};
use crate::checker::Violation;
use crate::clock::WorldTime;
use crate::history::{ClientIndex, History, Operation, What};
use crate::run::Coverage;
use crate::script::Assignor;
use bytes::{BufMut, Bytes, BytesMut};
use core::any::type_name;
use grete_core::ids::ConnectionId;
use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use kafka_protocol::messages::metadata_response::{MetadataResponsePartition, MetadataResponseTopic};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{
    ApiVersionsRequest, ApiVersionsResponse, FetchRequest, FetchResponse, FindCoordinatorRequest,
    FindCoordinatorResponse, JoinGroupRequest, JoinGroupResponse, ListOffsetsRequest, ListOffsetsResponse,
    MetadataRequest, MetadataResponse, OffsetFetchRequest, OffsetFetchResponse, RequestHeader, ResponseHeader,
    SyncGroupRequest, SyncGroupResponse,
};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, StrBytes};
use std::collections::VecDeque;

/// The topic that there is.
pub(super) const TOPIC: &str = "t";
const TOPIC_ID: u128 = 7;

/// A request that has no answer yet.
#[derive(Clone, Debug)]
struct Open {
    connection: ConnectionId,
    header: RequestHeader,
    body: Bytes,
}

/// A consumer and the world around it.
pub(super) struct Bench {
    pub(super) consumer: Consumer,
    pub(super) history: History,
    pub(super) violations: Vec<Violation>,
    pub(super) partitions: i32,
    pub(super) committed: i64,
    pub(super) now: WorldTime,
    connections: u64,
    open: VecDeque<Open>,
    timers: Vec<(WorldTime, TimerToken)>,
    pub(super) disconnected: Vec<ConnectionId>,
}

pub(super) fn plan(assignor: Assignor) -> ConsumerPlan {
    ConsumerPlan {
        group: Some("g".into()),
        instance: None,
        topics: vec![TOPIC.into()],
        assignor,
        auto_commit: None,
        session_timeout: Duration::from_secs(3),
        fetch_bytes: 1 << 20,
    }
}

pub(super) fn at(partition: i32) -> TopicPartition {
    TopicPartition { topic: TOPIC.into(), partition }
}

pub(super) fn text(text: &str) -> StrBytes {
    protocol::text(text)
}

impl Bench {
    pub(super) fn new(consumer: Consumer) -> Self {
        let mut bench = Self {
            consumer,
            history: History::default(),
            violations: Vec::new(),
            partitions: 4,
            committed: 10,
            now: WorldTime::default(),
            connections: 0,
            open: VecDeque::new(),
            timers: Vec::new(),
            disconnected: Vec::new(),
        };
        bench.on(Input::Start);
        bench
    }

    pub(super) fn on(&mut self, input: Input) {
        let mut commands = Vec::new();
        let mut context = Context {
            client: ClientIndex(0),
            now: self.now,
            history: &mut self.history,
            nodes: 1,
            calm_since: None,
            violations: &mut self.violations,
            coverage: &mut Coverage::default(),
            commands: &mut commands,
            connections: &mut self.connections,
        };
        self.consumer.on(input, &mut context);
        for command in commands {
            match command {
                Command::Connect(..) => {}
                Command::Send(connection, bytes) => self.open.push_back(opened(connection, bytes)),
                Command::Disconnect(connection) => {
                    self.open.retain(|open| open.connection != connection);
                    self.disconnected.push(connection);
                }
                Command::Timer(when, token) => self.timers.push((when, token)),
            }
        }
    }

    pub(super) fn act(&mut self, act: ClientAct) {
        self.on(Input::Act(act));
    }

    /// Lets time pass.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now.after(time);
        while let Some((when, token)) = self.timers.iter().copied().min().filter(|(when, _)| *when <= end) {
            self.timers.retain(|timer| *timer != (when, token));
            self.now = when;
            self.on(Input::Timer(token));
        }
        self.now = end;
    }

    /// The oldest request of a kind without an answer.
    pub(super) fn asked<R: Request>(&self) -> Option<R> {
        let open = self.open.iter().find(|open| open.header.request_api_key == R::KEY)?;
        let version = open.header.request_api_version;
        Some(R::decode(&mut open.body.clone(), version).expect("a consumer asks what the protocol has"))
    }

    /// Answers the oldest request of a kind.
    pub(super) fn answer<R: Request>(&mut self, response: &R::Response) {
        let place = self.open.iter().position(|open| open.header.request_api_key == R::KEY);
        let open = place.and_then(|place| self.open.remove(place));
        let Open { connection, header, .. } = open.unwrap_or_else(|| panic!("nobody asked {}", type_name::<R>()));
        let is_first = self.open.iter().take(place.unwrap_or(0)).all(|open| open.connection != connection);
        assert!(is_first, "{} waits behind another request", type_name::<R>());
        let version = header.request_api_version;
        let mut frame = BytesMut::new();
        let answer = ResponseHeader::default().with_correlation_id(header.correlation_id);
        answer.encode(&mut frame, R::Response::header_version(version)).expect("a header");
        response.encode(&mut frame, version).expect("an answer of that version");
        self.on(Input::Frame(connection, frame.freeze()));
    }

    /// The connection with the oldest request of a kind breaks.
    pub(super) fn lose<R: Request>(&mut self) {
        let open = self.open.iter().find(|open| open.header.request_api_key == R::KEY).expect("it was asked");
        let connection = open.connection;
        self.open.retain(|open| open.connection != connection);
        self.on(Input::Lost(connection));
    }

    /// Answers what is asked of a broker, except for what has to do with records and members.
    pub(super) fn serve(&mut self) {
        loop {
            self.end_long_poll();
            let served = [
                ApiVersionsRequest::KEY,
                MetadataRequest::KEY,
                FindCoordinatorRequest::KEY,
                OffsetFetchRequest::KEY,
                ListOffsetsRequest::KEY,
            ];
            let next = self.open.iter().map(|open| open.header.request_api_key).find(|key| served.contains(key));
            match next {
                None => return,
                Some(ApiVersionsRequest::KEY) => self.answer::<ApiVersionsRequest>(&ApiVersionsResponse::default()),
                Some(MetadataRequest::KEY) => self.answer::<MetadataRequest>(&metadata(self.partitions)),
                Some(FindCoordinatorRequest::KEY) => {
                    let coordinator = Coordinator::default().with_port(9092);
                    let found = FindCoordinatorResponse::default().with_coordinators(vec![coordinator]);
                    self.answer::<FindCoordinatorRequest>(&found);
                }
                Some(OffsetFetchRequest::KEY) => {
                    let asked = self.asked::<OffsetFetchRequest>().expect("it was asked");
                    self.answer::<OffsetFetchRequest>(&committed(&asked, self.committed));
                }
                Some(_) => {
                    let asked = self.asked::<ListOffsetsRequest>().expect("it was asked");
                    self.answer::<ListOffsetsRequest>(&starts(&asked));
                }
            }
        }
    }

    /// Answers a Fetch that others wait behind as a broker does whose long poll is over.
    fn end_long_poll(&mut self) {
        let fetch = self.open.iter().position(|open| open.header.request_api_key == FetchRequest::KEY);
        let Some(fetch) = fetch else { return };
        let connection = self.open[fetch].connection;
        if self.open.iter().skip(fetch + 1).any(|open| open.connection == connection) {
            self.answer::<FetchRequest>(&FetchResponse::default().with_session_id(5));
        }
    }

    /// Answers a join, first by the member's id, then by its generation; it leads where there are members.
    pub(super) fn join(&mut self, generation: i32, members: &[(&str, Bytes)]) {
        self.serve();
        if self.asked::<JoinGroupRequest>().expect("it joins").member_id.is_empty() {
            self.join_fails(79);
        }
        let members = members.iter().map(|(id, metadata)| {
            let member = kafka_protocol::messages::join_group_response::JoinGroupResponseMember::default();
            member.with_member_id(text(id)).with_metadata(metadata.clone())
        });
        let members: Vec<_> = members.collect();
        let leader = if members.is_empty() { "other" } else { "me" };
        let joined = JoinGroupResponse::default()
            .with_generation_id(generation)
            .with_member_id(text("me"))
            .with_leader(text(leader))
            .with_protocol_name(Some(text("any")))
            .with_members(members);
        self.answer::<JoinGroupRequest>(&joined);
    }

    pub(super) fn join_fails(&mut self, code: i16) {
        let refused = JoinGroupResponse::default().with_error_code(code).with_member_id(text("me"));
        self.answer::<JoinGroupRequest>(&refused.with_protocol_name(Some(text(""))));
    }

    /// Gives the member partitions, and answers what follows.
    pub(super) fn give(&mut self, partitions: &[i32]) {
        let given = partitions.iter().map(|partition| at(*partition)).collect();
        let assignment = protocol::assignment(&given);
        self.answer::<SyncGroupRequest>(&SyncGroupResponse::default().with_assignment(assignment));
        self.serve();
    }

    /// Answers a Fetch by one partition's records.
    pub(super) fn fetched(&mut self, partition: i32, records: Bytes, high_watermark: i64) {
        let data = PartitionData::default()
            .with_partition_index(partition)
            .with_high_watermark(high_watermark)
            .with_records(Some(records));
        self.fetch_answered(5, vec![data]);
    }

    pub(super) fn fetch_answered(&mut self, session: i32, data: Vec<PartitionData>) {
        let topic =
            FetchableTopicResponse::default().with_topic_id(uuid::Uuid::from_u128(TOPIC_ID)).with_partitions(data);
        let response = FetchResponse::default().with_session_id(session).with_responses(vec![topic]);
        self.answer::<FetchRequest>(&response);
        self.serve();
    }

    /// What the consumer did, without looking up offsets.
    pub(super) fn story(&self) -> Vec<&Operation> {
        let is_told =
            |operation: &&Operation| !matches!(operation.what, What::Committed { .. } | What::ListOffsets { .. });
        self.history.operations().iter().filter(is_told).collect()
    }
}

fn opened(connection: ConnectionId, mut bytes: Bytes) -> Open {
    use kafka_protocol::messages::ApiKey;
    let frame = bytes.split_off(4);
    let field = |at: usize| i16::from_be_bytes([frame[at], frame[at + 1]]);
    let key = ApiKey::try_from(field(0)).expect("a known API");
    let mut body = frame.clone();
    let header = RequestHeader::decode(&mut body, key.request_header_version(field(2))).expect("a header");
    let mut copy = BytesMut::new();
    copy.put_slice(&body);
    Open { connection, header, body: copy.freeze() }
}

fn metadata(partitions: i32) -> MetadataResponse {
    let partition = |index| MetadataResponsePartition::default().with_partition_index(index);
    let topic = MetadataResponseTopic::default()
        .with_name(Some(kafka_protocol::messages::TopicName(text(TOPIC))))
        .with_topic_id(uuid::Uuid::from_u128(TOPIC_ID))
        .with_partitions((0..partitions).map(partition).collect());
    MetadataResponse::default().with_topics(vec![topic])
}

fn committed(asked: &OffsetFetchRequest, offset: i64) -> OffsetFetchResponse {
    let partition = |index: &i32| {
        OffsetFetchResponsePartitions::default().with_partition_index(*index).with_committed_offset(offset)
    };
    let topics = asked.groups[0].topics.iter().flatten().map(|topic| {
        OffsetFetchResponseTopics::default()
            .with_name(topic.name.clone())
            .with_partitions(topic.partition_indexes.iter().map(partition).collect())
    });
    let group = OffsetFetchResponseGroup::default().with_topics(topics.collect());
    OffsetFetchResponse::default().with_groups(vec![group])
}

/// Each log starts at 3.
fn starts(asked: &ListOffsetsRequest) -> ListOffsetsResponse {
    let topics = asked.topics.iter().map(|topic| {
        let partition = |at: &kafka_protocol::messages::list_offsets_request::ListOffsetsPartition| {
            ListOffsetsPartitionResponse::default().with_partition_index(at.partition_index).with_offset(3)
        };
        ListOffsetsTopicResponse::default()
            .with_name(topic.name.clone())
            .with_partitions(topic.partitions.iter().map(partition).collect())
    });
    ListOffsetsResponse::default().with_topics(topics.collect())
}
