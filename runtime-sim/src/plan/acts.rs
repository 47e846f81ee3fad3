//! What clients do.

use super::shape::{self, GROUPS, PASSING_TOPICS, Shape, TOPIC_CONFIGS};
use super::{Draws, END, Profile, START};
use crate::clock::{WALL_START_MS, WorldTime};
use crate::history::{ClientIndex, TopicPartition};
use crate::script::{Act, ClientAct, ClientKind};
use std::sync::Arc;

/// The batches of all producers together.
const SENDS: u64 = 1_300;
/// What each consumer is asked, and each administrator; more where clients are what is tested.
const CONSUMER_ACTS: u64 = 12;
const ADMIN_ACTS: u64 = 120;
/// Partitions that a topic is given at most by [`ClientAct::CreatePartitions`].
const PARTITIONS_MAX: u64 = 8;

pub(super) fn draw(draws: Draws, profile: Profile, shape: &Shape) -> Vec<(WorldTime, Act)> {
    let producers = shape.clients.iter().filter(|client| matches!(client.kind, ClientKind::Producer(_))).count() as u64;
    let more = if profile == Profile::Clients { 3 } else { 1 };
    let mut acts = Vec::new();
    for (client, number) in shape.clients.iter().zip(0..) {
        let drawing = Drawing { draws, profile, shape, client: number };
        let drawn: Vec<(WorldTime, ClientAct)> = match &client.kind {
            ClientKind::Producer(_) => drawing.spread(SENDS / producers, &|at| Some(drawing.producer(at))),
            ClientKind::Consumer(plan) => {
                let weights = draws.swarm("consumer weights", &[], &CONSUMER_KINDS);
                drawing.spread(CONSUMER_ACTS * more, &|at| drawing.consumer(at, &weights, &plan.topics))
            }
            ClientKind::Admin => {
                let weights = draws.swarm("admin weights", &[], &ADMIN_KINDS);
                drawing.spread(ADMIN_ACTS * more, &|at| drawing.admin(at, &weights))
            }
        };
        let crashes = drawing.crashes();
        let all = drawn.into_iter().chain(crashes);
        acts.extend(all.map(|(time, act)| (time, Act::Client(ClientIndex(number as usize), act))));
    }
    acts
}

#[derive(Clone, Copy)]
enum ConsumerKind {
    Commit,
    Seek,
    Idle,
    Leave,
    Join,
}

const CONSUMER_KINDS: [(ConsumerKind, u64); 5] = [
    (ConsumerKind::Commit, 6),
    (ConsumerKind::Seek, 3),
    (ConsumerKind::Idle, 2),
    (ConsumerKind::Leave, 2),
    (ConsumerKind::Join, 3),
];

#[derive(Clone, Copy)]
enum AdminKind {
    CreateTopic,
    DeleteTopic,
    CreatePartitions,
    AlterConfig,
    DescribeConfigs,
    DeleteRecords,
    ListOffsets,
    ListTopics,
    Committed,
    DeleteGroup,
}

const ADMIN_KINDS: [(AdminKind, u64); 10] = [
    (AdminKind::CreateTopic, 8),
    (AdminKind::DeleteTopic, 5),
    (AdminKind::CreatePartitions, 3),
    (AdminKind::AlterConfig, 6),
    (AdminKind::DescribeConfigs, 6),
    (AdminKind::DeleteRecords, 6),
    (AdminKind::ListOffsets, 20),
    (AdminKind::ListTopics, 10),
    (AdminKind::Committed, 10),
    (AdminKind::DeleteGroup, 1),
];

struct Drawing<'a> {
    draws: Draws,
    profile: Profile,
    shape: &'a Shape,
    client: u64,
}

impl Drawing<'_> {
    /// So many acts over the whole time, one by one or in bursts.
    fn spread(&self, count: u64, act: &dyn Fn(&[u64]) -> Option<ClientAct>) -> Vec<(WorldTime, ClientAct)> {
        let burst = self.draws.one_of("burst", &[self.client], &[1, 1, 5, 20]);
        let between = (END.0 - START.0) / count.max(1);
        let drawn = (0..count).filter_map(|number| {
            let at = [self.client, number];
            let slot = number / burst * burst;
            let time = START.0 + slot * between + self.draws.below("time", &at, between);
            Some((WorldTime(time), act(&at)?))
        });
        drawn.collect()
    }

    /// The topics of the script, and now and then one that passes.
    fn topic(&self, at: &[u64], passing_percent: u64) -> Arc<str> {
        if self.draws.percent("a passing topic", at, passing_percent) {
            return self.draws.one_of("which passing topic", at, &PASSING_TOPICS).into();
        }
        let topics = &self.shape.topics;
        Arc::clone(&topics[self.draws.below("topic", at, topics.len() as u64) as usize].name)
    }

    fn partition(&self, at: &[u64], topic: Arc<str>) -> TopicPartition {
        let known = self.shape.topics.iter().find(|plan| plan.name == topic);
        let count = known.map_or(2, |plan| plan.partitions as u64);
        TopicPartition { topic, partition: self.draws.below("partition", at, count) as i32 }
    }

    fn producer(&self, at: &[u64]) -> ClientAct {
        let records = self.draws.one_of("records", at, &[1, 1, 1, 2, 3, 10]);
        let bytes = self.draws.one_of("bytes", at, &[8, 20, 20, 100, 500, 3_000]);
        let bytes = bytes.min(self.shape.record_bytes_max(records));
        let to = self.partition(at, self.topic(at, 4));
        ClientAct::Send { to, records: records as u32, bytes: bytes as u32 }
    }

    fn consumer(&self, at: &[u64], weights: &[(ConsumerKind, u64)], topics: &[Arc<str>]) -> Option<ClientAct> {
        Some(match self.draws.weighted("consumer act", at, weights)? {
            ConsumerKind::Commit => ClientAct::Commit,
            ConsumerKind::Seek => {
                let topic = &topics[self.draws.below("sought topic", at, topics.len() as u64) as usize];
                let anywhere = self.draws.below("sought offset", at, 200) as i64;
                let offset = self.draws.one_of("seek", at, &[-2, -1, anywhere]);
                ClientAct::Seek { of: self.partition(at, Arc::clone(topic)), offset }
            }
            ConsumerKind::Idle => ClientAct::Idle(self.draws.millis("idle", at, 50, 8_000)),
            ConsumerKind::Leave => ClientAct::Leave,
            ConsumerKind::Join => ClientAct::Join,
        })
    }

    fn admin(&self, at: &[u64], weights: &[(AdminKind, u64)]) -> Option<ClientAct> {
        // What the others work with is seldom taken away.
        let topic = |passing| self.topic(at, passing);
        let group = || Arc::from(self.draws.one_of("group asked", at, &GROUPS));
        Some(match self.draws.weighted("admin act", at, weights)? {
            AdminKind::CreateTopic => ClientAct::CreateTopic(shape::topic(self.draws, &topic(90), at)),
            AdminKind::DeleteTopic => ClientAct::DeleteTopic(topic(95)),
            AdminKind::CreatePartitions => {
                let count = self.draws.of("partitions asked", at).among(&(2..=PARTITIONS_MAX)) as i32;
                ClientAct::CreatePartitions { topic: topic(50), count }
            }
            AdminKind::AlterConfig => {
                let (key, values) = self.draws.one_of("key", at, &TOPIC_CONFIGS);
                let value = self.draws.one_of("value", at, values);
                ClientAct::AlterConfig { topic: topic(40), key: key.into(), value: value.into() }
            }
            AdminKind::DescribeConfigs => ClientAct::DescribeConfigs(topic(40)),
            AdminKind::DeleteRecords => ClientAct::DeleteRecords {
                of: self.partition(at, topic(20)),
                quarters: self.draws.of("quarters", at).among(&(1..=4)) as u8,
            },
            AdminKind::ListOffsets => {
                let moment = WALL_START_MS + self.draws.below("timestamp", at, END.0 / 1_000) as i64;
                let timestamp = self.draws.one_of("offset asked", at, &[-2, -1, moment]);
                ClientAct::ListOffsets { of: self.partition(at, topic(10)), timestamp }
            }
            AdminKind::ListTopics => ClientAct::ListTopics,
            AdminKind::Committed => ClientAct::Committed(group()),
            AdminKind::DeleteGroup => ClientAct::DeleteGroup(group()),
        })
    }

    /// Ends of the client itself.
    fn crashes(&self) -> Vec<(WorldTime, ClientAct)> {
        let most = match self.profile {
            Profile::Gentle | Profile::Disk => 0,
            Profile::Network | Profile::Chaos => 2,
            Profile::Clients => 5,
        };
        let count = self.draws.below("client crashes", &[self.client], most + 1);
        let crash = |number| {
            let at = [self.client, number];
            let gone = self.draws.millis("client restart", &at, 10, 8_000);
            (self.draws.time("client crash", &at), ClientAct::Crash(gone))
        };
        (0..count).map(crash).collect()
    }
}
