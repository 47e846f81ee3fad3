//! Writes inputs to begin with into the folder of each target: `seeds FOLDER`.
//!
//! They are made from the message definitions, so that they are there again when a version is added.

#[path = "../../protocol/tests/messages/filler.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
#[expect(clippy::unwrap_used, reason = "definitions were read before")]
mod filler;

use bytes::Bytes;
use filler::{Random, Style};
use grete_compression::{Compression, CompressionType};
use grete_core::shard::Shard;
use grete_definitions::{Definition, Kind};
use grete_fuzz::codecs::{CODECS, REQUEST, RESPONSE};
use grete_fuzz::{broker, script};
use grete_protocol::ApiKey;
use grete_protocol::frame::{encode_request_header, encode_response_header};
use grete_protocol::records::{BatchBuilder, BatchOptions};
use grete_protocol::wire::Encoder;
use grete_sim::client::{Client, encode};
use grete_sim::world::World;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic};
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    DescribeGroupsRequest, FetchRequest, GroupId, HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest,
    OffsetCommitRequest, SyncGroupRequest, TopicName,
};
use kafka_protocol::protocol::{Request, StrBytes};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A seed is the shortest of this many: long ones slow a fuzzer down.
const TRIES: u64 = 12;

fn main() {
    let folder = PathBuf::from(std::env::args_os().nth(1).expect("the folder of the corpora is given"));
    let definitions = Path::new(env!("CARGO_MANIFEST_DIR")).join("../protocol/messages");
    let definitions = grete_definitions::load(&definitions).expect("the definitions can be read");
    let mut seeds: BTreeMap<(&str, String), Vec<u8>> = BTreeMap::new();
    let mut served: Vec<(String, Vec<u8>)> = Vec::new();
    for definition in &definitions {
        for version in [definition.valid.min, definition.valid.max] {
            let name = format!("{}-{version}", definition.name);
            let Some(input) = message(definition, version) else { continue };
            if definition.kind == Kind::Request {
                served.push((name.clone(), input[1..].to_vec()));
            }
            seeds.insert(("frames", name), input);
        }
    }
    for (name, frame) in served {
        let mut input = vec![0];
        script::push(&mut input, 0, &frame);
        seeds.insert(("connection", name), input);
    }
    batches(&mut seeds);
    texts(&mut seeds);
    for (name, input) in conversations() {
        seeds.insert(("connection", name.to_owned()), input);
    }
    for ((target, name), input) in seeds {
        let folder = folder.join(target);
        fs::create_dir_all(&folder).expect("the folder can be made");
        fs::write(folder.join(name), input).expect("the seed can be written");
    }
}

fn message(definition: &Definition, version: i16) -> Option<Vec<u8>> {
    let bodies = (0..TRIES).map(|seed| filler::message(definition, version, Style::AnyFreshTags, seed));
    // Not the very shortest: that one is all nulls.
    let mut bodies: Vec<_> = bodies.collect();
    bodies.sort_by_key(Vec::len);
    let body = bodies.into_iter().nth(TRIES as usize / 2)?;
    let mut encoder = Encoder::new();
    let api = definition.key.and_then(ApiKey::from_key);
    let prefix = match (definition.kind, api) {
        (Kind::Request, Some(api)) => {
            encode_request_header(&mut encoder, api, version, 7, Some("me")).ok()?;
            vec![REQUEST]
        }
        (Kind::Response, Some(api)) => {
            encode_response_header(&mut encoder, api, version, 7).ok()?;
            [&[RESPONSE][..], &api.key().to_be_bytes(), &version.to_be_bytes()].concat()
        }
        _ => {
            let place = CODECS.keys().position(|name| *name == definition.name)?;
            [&[2][..], &u16::try_from(place).ok()?.to_be_bytes(), &version.to_be_bytes()].concat()
        }
    };
    Some([prefix, encoder.finish().to_contiguous(), body].concat())
}

fn batches(seeds: &mut BTreeMap<(&'static str, String), Vec<u8>>) {
    for codec in CompressionType::ALL {
        let mut builder =
            BatchBuilder::new(BatchOptions { compression: Compression::new(codec), ..BatchOptions::default() });
        let mut random = Random(1);
        for number in 0..4 {
            let value: Bytes = (0..20).map(|_| random.next() as u8 & 7).collect();
            builder.try_append(1_700_000_000_000 + number, Some(b"key"), Some(&value), [].into_iter()).expect("room");
        }
        let batch = builder.build();
        let half = codec.id() << 4;
        for what in 0..4 {
            // The payload alone for the codec alone.
            let content = if what == 3 { &batch[61..] } else { &batch[..] };
            seeds.insert(("batches", format!("{codec}-{what}")), [&[half | what][..], content].concat());
        }
        let mut input = vec![1];
        script::push(&mut input, 120, &batch);
        seeds.insert(("connection", format!("batch-{codec}")), input);
    }
    for (number, what) in (0..10).enumerate() {
        let mut input = vec![number as u8 & 7];
        script::push(&mut input, what, &[number as u8 * 3, 0, 23, 0, 0, 0, 9]);
        seeds.insert(("recovery", format!("change-{what}")), input);
    }
}

fn texts(seeds: &mut BTreeMap<(&'static str, String), Vec<u8>>) {
    let texts: [(&str, u8, &str); 12] = [
        (
            "server",
            0,
            "# a node\nlisteners=PLAINTEXT://localhost:9092\nlog.dirs = a,b\\\n ,c\nnode.id:1\nbroker.rack=\\u0041\n",
        ),
        (
            "advertised",
            0,
            "listeners=A://[::1]:9092\nadvertised.listeners=A://host:1\nlistener.security.protocol.map=A:PLAINTEXT\n",
        ),
        ("key-number", 4, "log.retention.ms=-1"),
        ("key-list", 4, "cleanup.policy=compact,delete"),
        ("key-double", 4, "min.cleanable.dirty.ratio=0.5"),
        ("key-replicas", 4, "leader.replication.throttled.replicas=0:1,1:1"),
        ("segment", 6, "00000000000000000123.timeindex"),
        ("directory", 6, "orders-3.0123456789abcdef0123456789abcdef-delete"),
        ("meta", 11, "cluster.id=abcdefghijklmnopqrstuv\ndirectory.id=AAAAAAAAAAAAAAAAAAAAZQ\nnode.id=1\nversion=1\n"),
        ("quorum", 12, "{\"leaderId\":1,\"leaderEpoch\":3,\"votedId\":-1,\"data_version\":1}"),
        ("epochs", 13, "0\n2\n0 0\n3 17\n"),
        ("offsets", 14, "0\n2\norders 0 5\norders 1 7\n"),
    ];
    for (name, what, text) in texts {
        seeds.insert(("settings", name.to_owned()), [&[what][..], text.as_bytes()].concat());
    }
}

/// What a client and the broker that inputs begin with say to each other: sessions and groups need the ids that the broker
/// gives, which are the same in each run.
struct Conversation {
    world: World<Shard>,
    client: Client,
    input: Vec<u8>,
}

impl Conversation {
    fn begin() -> Self {
        let (mut world, node) = broker::begin(1);
        let client = Client::connect(&mut world, node);
        Self { world, client, input: vec![0] }
    }

    fn say<R: Request>(&mut self, request: &R, version: i16) -> R::Response {
        script::push(&mut self.input, 0, &encode(request, version, 0)[4..]);
        self.client.call(&mut self.world, request, version).expect("an answer")
    }
}

fn conversations() -> [(&'static str, Vec<u8>); 2] {
    [("a-fetch-session", fetch_session()), ("a-group", group())]
}

/// A session of fetches: full, incremental, with something forgotten, and closed (KIP-227).
fn fetch_session() -> Vec<u8> {
    let mut talk = Conversation::begin();
    let topic = || TopicName(StrBytes::from_static_str(broker::TOPIC));
    let partition = |index, offset| {
        FetchPartition::default().with_partition(index).with_fetch_offset(offset).with_partition_max_bytes(1 << 20)
    };
    let fetch = |session: i32, epoch: i32, partitions: Vec<FetchPartition>| {
        let topics = vec![FetchTopic::default().with_topic(topic()).with_partitions(partitions)];
        FetchRequest::default()
            .with_max_wait_ms(10)
            .with_min_bytes(1)
            .with_max_bytes(1 << 20)
            .with_session_id(session)
            .with_session_epoch(epoch)
            .with_topics(topics)
    };
    let session = talk.say(&fetch(0, 0, vec![partition(0, 0), partition(1, 0)]), 11).session_id;
    talk.say(&fetch(session, 1, vec![partition(0, 6)]), 11);
    let forgotten = ForgottenTopic::default().with_topic(topic()).with_partitions(vec![1]);
    talk.say(&fetch(session, 2, vec![partition(0, 4)]).with_forgotten_topics_data(vec![forgotten]), 11);
    talk.say(&fetch(session, -1, vec![]).with_topics(vec![]), 11);
    talk.input
}

/// A member joins, is given something, commits, and leaves.
fn group() -> Vec<u8> {
    let mut talk = Conversation::begin();
    let text = StrBytes::from_static_str;
    let id = || GroupId(text(broker::GROUP));
    let protocol =
        JoinGroupRequestProtocol::default().with_name(text("range")).with_metadata(Bytes::from_static(&[0; 8]));
    let join = JoinGroupRequest::default()
        .with_group_id(id())
        .with_session_timeout_ms(10_000)
        .with_rebalance_timeout_ms(10_000)
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol]);
    let joined = talk.say(&join, 3);
    let (member, generation) = (joined.member_id, joined.generation_id);
    let assigned = SyncGroupRequestAssignment::default()
        .with_member_id(member.clone())
        .with_assignment(Bytes::from_static(&[0; 8]));
    talk.say(
        &SyncGroupRequest::default()
            .with_group_id(id())
            .with_generation_id(generation)
            .with_member_id(member.clone())
            .with_assignments(vec![assigned]),
        3,
    );
    talk.say(
        &HeartbeatRequest::default().with_group_id(id()).with_generation_id(generation).with_member_id(member.clone()),
        3,
    );
    let at = OffsetCommitRequestPartition::default().with_partition_index(1).with_committed_offset(3);
    let topic = OffsetCommitRequestTopic::default().with_name(TopicName(text(broker::TOPIC))).with_partitions(vec![at]);
    talk.say(
        &OffsetCommitRequest::default()
            .with_group_id(id())
            .with_generation_id_or_member_epoch(generation)
            .with_member_id(member.clone())
            .with_topics(vec![topic]),
        7,
    );
    talk.say(&DescribeGroupsRequest::default().with_groups(vec![id()]), 4);
    talk.say(&LeaveGroupRequest::default().with_group_id(id()).with_member_id(member), 2);
    talk.input
}
