//! The commands of a story: requests of a client of another implementation to a node of two shards, and what happens to the
//! node. All names of errors are Kafka's.

use crate::floods::Floods;
use crate::members::Members;
use crate::runner::{Command, Story};
use bytes::Bytes;
use core::time::Duration;
use grete_core::shard::Shard;
use grete_protocol::ErrorCode;
use grete_sim::broker::node_config;
use grete_sim::client::operations::{self, PRODUCE_VERSION, Producer};
use grete_sim::client::{CallError, Client, admin};
use grete_sim::clock::WALL_START_MS;
use grete_sim::disk::{DiskProfile, Profile, Survival};
use grete_sim::draw::WorldSeed;
use grete_sim::drive::Drive;
use grete_sim::node::NodeIndex;
use grete_sim::world::{World, WorldProfile};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic};
use kafka_protocol::messages::{BrokerId, FetchRequest, TopicName};
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records::RecordBatchDecoder;
use std::fmt::Write as _;
use std::sync::Arc;

const START: Duration = Duration::from_secs(10);
const FETCH_VERSION: i16 = 12;

/// A node with a client.
pub(crate) struct ClientStory {
    world: World<Shard>,
    node: NodeIndex,
    client: Client,
    members: Members,
    floods: Floods,
    /// The fetch session that was made last.
    session: i32,
}

impl ClientStory {
    pub(crate) fn new() -> Self {
        let mut world = World::new(WorldSeed(1), WorldProfile::default());
        let node = world.add_node(Arc::new(node_config(1)), 2, 1, &DiskProfile::default());
        assert!(world.start_and_wait(node, START), "{:?}", world.state(node));
        let client = Client::connect(&mut world, node);
        Self { world, node, client, members: Members::default(), floods: Floods::default(), session: 0 }
    }

    /// Topic and partition, from the words `TOPIC PARTITION`.
    fn place(command: &Command) -> (&str, i32) {
        (command.word(1), command.word(2).parse().expect("a partition is a number"))
    }

    fn produce(&mut self, command: &Command) -> String {
        let (topic, partition) = Self::place(command);
        let values = command.values("values").unwrap_or_default();
        let values: Vec<Bytes> = match command.value("bytes", 0) {
            0 => values.iter().map(|value| Bytes::from(value.clone().into_bytes())).collect(),
            bytes => vec![Bytes::from(vec![b'x'; bytes])],
        };
        let producer = Producer {
            id: command.value("producer", -1),
            epoch: command.value("epoch", -1),
            sequence: command.value("sequence", -1),
        };
        let timestamp = WALL_START_MS + command.value("at", 0);
        let batch = operations::batch(&values, timestamp, producer);
        let request = operations::produce_request(topic, partition, batch, command.value("acks", -1));
        let asked_at = self.world.now();
        let answer = self.client.call(&mut self.world, &request, PRODUCE_VERSION);
        let waited_ms = self.world.now().0.saturating_sub(asked_at.0) / 1_000;
        told(answer.and_then(|answer| operations::produced(&answer)), |base| match command.has("timed") {
            true => format!("base offset {base}, within {} ms", (waited_ms / 250 + 1) * 250),
            false => format!("base offset {base}"),
        })
    }

    fn fetch(&mut self, command: &Command) -> String {
        let (topic, partition) = Self::place(command);
        let fetched =
            operations::fetch(&mut self.world, &mut self.client, topic, partition, command.value("offset", 0));
        told(fetched, |fetched| {
            let records = fetched.records.iter();
            let records: Vec<String> =
                records.map(|(offset, value)| format!("{offset}={}", String::from_utf8_lossy(value))).collect();
            format!(
                "{}; log start {}, high watermark {}",
                if records.is_empty() { "nothing".to_owned() } else { records.join(" ") },
                fetched.log_start,
                fetched.high_watermark
            )
        })
    }

    /// `fetch-session [id=N|last] epoch=N [topics=(TOPIC:PARTITION:OFFSET ...)] [forget=(TOPIC:PARTITION ...)]`
    fn fetch_session(&mut self, command: &Command) -> String {
        let id = match command.text("id") {
            Some("last") => self.session,
            Some(id) => id.parse().expect("a session's id is a number"),
            None => 0,
        };
        let parts = |name: &str| command.values(name).unwrap_or_default().iter().map(|text| split(text));
        let topics = parts("topics").map(|(topic, partition, offset)| {
            let partition = FetchPartition::default()
                .with_partition(partition)
                .with_current_leader_epoch(-1)
                .with_fetch_offset(offset)
                .with_last_fetched_epoch(-1)
                .with_log_start_offset(-1)
                .with_partition_max_bytes(1 << 20);
            FetchTopic::default().with_topic(topic).with_partitions(vec![partition])
        });
        let forgotten = parts("forget")
            .map(|(topic, partition, _)| ForgottenTopic::default().with_topic(topic).with_partitions(vec![partition]));
        let request = FetchRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_max_wait_ms(0)
            .with_max_bytes(1 << 20)
            .with_session_id(id)
            .with_session_epoch(command.value("epoch", 0))
            .with_topics(topics.collect())
            .with_forgotten_topics_data(forgotten.collect());
        let answer = match self.client.call(&mut self.world, &request, FETCH_VERSION) {
            Ok(answer) => answer,
            Err(error) => return failure(&error),
        };
        let mut text = match answer.error_code {
            0 if answer.session_id == 0 => "no session".to_owned(),
            0 if answer.session_id == self.session => "the same session".to_owned(),
            0 => "a new session".to_owned(),
            error => code(error),
        };
        if answer.session_id != 0 {
            self.session = answer.session_id;
        }
        for topic in &answer.responses {
            for partition in &topic.partitions {
                let _ = write!(text, "\n{}-{}: ", topic.topic.0, partition.partition_index);
                if partition.error_code != 0 {
                    text.push_str(&code(partition.error_code));
                    continue;
                }
                let mut bytes = partition.records.clone().unwrap_or_default();
                let sets = RecordBatchDecoder::decode_all(&mut bytes).expect("records can be read");
                let records = sets.into_iter().flat_map(|set| set.records);
                let offsets: Vec<String> = records.map(|record| record.offset.to_string()).collect();
                let _ = write!(text, "offsets [{}], high watermark {}", offsets.join(" "), partition.high_watermark);
            }
        }
        text
    }

    fn configs(&mut self, topic: &str) -> String {
        told(admin::topic_configs(&mut self.world, &mut self.client, topic), |configs| {
            let configs: Vec<String> = configs.iter().map(|(key, value)| format!("{key}={value}")).collect();
            if configs.is_empty() { "nothing of its own".to_owned() } else { configs.join("\n") }
        })
    }

    /// Ends the process and starts another.
    fn restart(&mut self, command: &Command) -> String {
        match command.name() {
            "stop" => assert!(self.world.shut_down_and_wait(self.node, START), "it stops"),
            "kill" => self.world.kill(self.node),
            _ => {
                let survival = Survival { seed: WorldSeed(command.value("seed", 1)), profile: Profile::Nothing };
                self.world.power_loss(self.node, survival);
            }
        }
        self.world.set_shards(self.node, command.value("shards", 2));
        assert!(self.world.start_and_wait(self.node, START), "{:?}", self.world.state(self.node));
        self.client.reconnect(&mut self.world);
        self.members.reconnect(&mut self.world);
        String::new()
    }
}

impl Story for ClientStory {
    fn run(&mut self, command: &Command) -> String {
        let Self { world, client, .. } = self;
        match command.name() {
            "create" => {
                let configs = pairs(command.values("configs").unwrap_or_default());
                let partitions = command.value("partitions", 1);
                told(operations::create_topic(world, client, command.word(1), partitions, &configs), |_| String::new())
            }
            "delete" => told(operations::delete_topic(world, client, command.word(1)), |()| String::new()),
            "grow" => {
                let count = command.value("partitions", 1);
                told(admin::create_partitions(world, client, command.word(1), count), |()| String::new())
            }
            "topics" => told(operations::topics(world, client), |topics| {
                let topics = topics.iter().map(|(name, topic)| format!("{name}: {} partitions", topic.partitions));
                topics.collect::<Vec<_>>().join("\n")
            }),
            "init-producer" => {
                let producer = operations::init_producer(world, client);
                told(producer, |producer| format!("producer {} epoch {}", producer.id, producer.epoch))
            }
            "produce" => self.produce(command),
            "fetch" => self.fetch(command),
            "fetch-session" => self.fetch_session(command),
            "delete-records" => {
                let (topic, partition) = Self::place(command);
                let deleted = operations::delete_records(world, client, topic, partition, command.value("before", -1));
                told(deleted, |start| format!("the log starts at {start}"))
            }
            "offset" => {
                let (topic, partition) = Self::place(command);
                let timestamp = match command.text("at") {
                    Some("latest") => -1,
                    Some("earliest") => -2,
                    Some("max-timestamp") => -3,
                    _ => WALL_START_MS + command.value("at", 0),
                };
                let offset = operations::list_offset(world, client, topic, partition, timestamp);
                told(offset, |offset| format!("offset {offset}"))
            }
            "set" => {
                let pairs = pairs(command.values("config").unwrap_or_default());
                let (key, value) = pairs[0];
                told(admin::configure_topic(world, client, command.word(1), key, value), |()| String::new())
            }
            "configs" => self.configs(command.word(1)),
            "pass" => {
                world.run_for(Duration::from_millis(command.value("ms", 0)));
                self.members.answers(&mut self.world)
            }
            "stop" | "kill" | "power-loss" => self.restart(command),
            _ if let Some(text) = self.floods.run(command, world, self.node) => text,
            _ => self.members.run(command, &mut self.world, self.node),
        }
    }
}

/// `KEY=VALUE` texts as pairs.
fn pairs(texts: &[String]) -> Vec<(&str, &str)> {
    texts.iter().map(|text| text.split_once('=').expect("a configuration is KEY=VALUE")).collect()
}

/// `TOPIC:PARTITION:OFFSET`, the last of which may be missing.
fn split(text: &str) -> (TopicName, i32, i64) {
    let mut parts = text.split(':');
    let topic = parts.next().unwrap_or_default().to_owned();
    let mut number = || parts.next().map_or(0, |part| part.parse().expect("it is a number"));
    (TopicName(StrBytes::from_string(topic)), number() as i32, number())
}

/// What a client is told.
pub(crate) fn told<T>(answer: Result<T, CallError>, tell: impl FnOnce(T) -> String) -> String {
    match answer {
        Ok(answer) => tell(answer),
        Err(error) => failure(&error),
    }
}

fn failure(error: &CallError) -> String {
    match error {
        CallError::Code(number) => code(*number),
        CallError::Closed => "the connection is closed".to_owned(),
        CallError::TimedOut => "no answer".to_owned(),
        CallError::Wrong(what) => format!("no right answer: {what}"),
    }
}

/// The name of an error code.
pub(crate) fn code(number: i16) -> String {
    ErrorCode::from_code(number).map_or(format!("error {number}"), |error| error.name().to_owned())
}
