//! Nodes, topics and clients of a script, and the constants by which they are tuned: small ones, so that what happens once a
//! day elsewhere happens in every run.

use super::{Draws, Profile};
use crate::script::{Assignor, ClientKind, ClientPlan, ConsumerPlan, NodePlan, ProducerPlan, TopicPlan};
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The topics that a script begins with; two at least.
const TOPICS: [&str; 5] = ["orders", "audit", "events", "clicks", "metrics"];
/// The topics that administrators create and delete.
pub(super) const PASSING_TOPICS: [&str; 3] = ["passing-0", "passing-1", "passing-2"];
/// The groups of consumers.
pub(super) const GROUPS: [&str; 3] = ["g1", "g2", "g3"];
const CLIENTS_MIN: u64 = 3;
const CLIENTS_MAX: u64 = 10;
/// What a batch has beside the values of its records.
const BATCH_OVERHEAD: u64 = 200;
const RECORD_OVERHEAD: u64 = 30;

/// What a broker may be told, each value as likely as another. An empty one stands for the default.
const PROPERTIES: [(&str, &[&str]); 21] = [
    ("log.segment.bytes", &["1500", "4096", "30000", "1048576"]),
    ("log.index.size.max.bytes", &["32", "200", ""]),
    ("log.index.interval.bytes", &["0", "300", ""]),
    ("log.roll.ms", &["500", "10000", "", ""]),
    ("log.retention.check.interval.ms", &["50", "1000", "10000"]),
    ("log.segment.delete.delay.ms", &["0", "200", "5000", ""]),
    ("log.flush.interval.messages", &["1", "10", "", ""]),
    ("log.flush.interval.ms", &["0", "100", "", ""]),
    ("offsets.topic.num.partitions", &["1", "2", "5"]),
    ("metadata.log.max.record.bytes.between.snapshots", &["1000", "5000", ""]),
    ("group.min.session.timeout.ms", &["50"]),
    ("group.initial.rebalance.delay.ms", &["0", "50", "1000"]),
    ("fetch.max.bytes", &["2000", "100000", "", ""]),
    // Longer than a broker may hold a Fetch or the first join of a group: it closes what is quiet, whoever waits for it.
    ("connections.max.idle.ms", &["3000", "20000", "", ""]),
    ("max.incremental.fetch.session.cache.slots", &["0", "1", "3", ""]),
    ("grete.sim.fetch.session.eviction.ms", &["0", "300", ""]),
    ("grete.sim.tail.bytes", &["0", "3000", ""]),
    ("grete.sim.recovery.debt.bytes", &["1000", "50000", ""]),
    ("grete.sim.record.interval.ms", &["1", "30", ""]),
    ("grete.sim.journal.bytes", &["0", "8192", "16384", ""]),
    ("offsets.retention.check.interval.ms", &["100", "5000", ""]),
];

/// What a topic may be configured with.
pub(super) const TOPIC_CONFIGS: [(&str, &[&str]); 8] = [
    ("retention.ms", &["500", "5000", "20000", "604800000"]),
    ("retention.bytes", &["3000", "20000", "100000"]),
    ("segment.ms", &["100", "3000", "604800000"]),
    ("flush.messages", &["1", "7", "9000"]),
    ("flush.ms", &["0", "50", "9000"]),
    ("file.delete.delay.ms", &["0", "200", "60000"]),
    ("message.timestamp.type", &["LogAppendTime", "CreateTime"]),
    ("index.interval.bytes", &["0", "500", "4096"]),
];

/// Who takes part in a run.
pub(super) struct Shape {
    pub(super) nodes: Vec<NodePlan>,
    pub(super) topics: Vec<TopicPlan>,
    pub(super) clients: Vec<ClientPlan>,
    /// The largest batch that is sent.
    pub(super) batch_bytes_max: u64,
}

impl Shape {
    /// The bytes of each of so many records that a batch has room for.
    pub(super) fn record_bytes_max(&self, records: u64) -> u64 {
        ((self.batch_bytes_max - BATCH_OVERHEAD) / records).saturating_sub(RECORD_OVERHEAD).max(8)
    }
}

pub(super) fn draw(draws: Draws, profile: Profile) -> Shape {
    let node = node(draws);
    let segment_bytes = node.properties.get("log.segment.bytes").and_then(|bytes| bytes.parse().ok());
    Shape {
        topics: topics(draws),
        clients: clients(draws, profile),
        batch_bytes_max: segment_bytes.unwrap_or(1 << 20),
        nodes: vec![node],
    }
}

fn node(draws: Draws) -> NodePlan {
    let mut properties = BTreeMap::new();
    for ((key, values), place) in PROPERTIES.iter().zip(0..) {
        let value = draws.one_of("property", &[place], values);
        if !value.is_empty() {
            properties.insert(Arc::from(*key), Arc::from(value));
        }
    }
    NodePlan {
        shards: draws.below("shards", &[], 4) as u16 + 1,
        dirs: draws.one_of("dirs", &[], &[1, 1, 2, 3]),
        properties,
    }
}

fn topics(draws: Draws) -> Vec<TopicPlan> {
    let count = draws.of("topics", &[]).among(&(2..=TOPICS.len() as u64));
    TOPICS.iter().zip(0..count).map(|(name, number)| topic(draws, name, &[number])).collect()
}

/// A topic; `about` tells it from others of its name.
pub(super) fn topic(draws: Draws, name: &str, about: &[u64]) -> TopicPlan {
    let mut configs = BTreeMap::new();
    for ((key, values), place) in TOPIC_CONFIGS.iter().zip(0..) {
        let address: Vec<u64> = about.iter().copied().chain([place]).collect();
        if draws.percent("whether a topic sets it", &address, 15) {
            configs.insert(Arc::from(*key), Arc::from(draws.one_of("topic config", &address, values)));
        }
    }
    let partitions = draws.one_of("partitions", about, &[1, 1, 2, 3, 4, 6]);
    TopicPlan { name: name.into(), partitions, configs }
}

#[derive(Clone, Copy)]
enum Kind {
    Producer,
    Consumer,
    Admin,
}

fn clients(draws: Draws, profile: Profile) -> Vec<ClientPlan> {
    let count = draws.of("clients", &[]).among(&(CLIENTS_MIN..=CLIENTS_MAX));
    let consumers = if profile == Profile::Clients { 70 } else { 45 };
    let mut numbers = [0; 3];
    let planned = (0..count).map(|client| {
        let kind = match client {
            0 => Kind::Producer,
            1 => Kind::Consumer,
            2 => Kind::Admin,
            _ if draws.percent("kind of client", &[client], consumers) => Kind::Consumer,
            _ => Kind::Producer,
        };
        numbers[kind as usize] += 1;
        let number: u64 = numbers[kind as usize];
        let (letter, kind) = match kind {
            Kind::Producer => ('p', ClientKind::Producer(producer(draws, client))),
            Kind::Consumer => ('c', ClientKind::Consumer(consumer(draws, client, number))),
            Kind::Admin => ('a', ClientKind::Admin),
        };
        ClientPlan { name: format!("{letter}{number}").into(), kind }
    });
    planned.collect()
}

fn producer(draws: Draws, client: u64) -> ProducerPlan {
    // Some send with fewer promises, so that what is promised to the others has company.
    let idempotent = draws.percent("idempotent", &[client], 60);
    let acks = if idempotent { -1 } else { draws.one_of("acks", &[client], &[-1, -1, 1, 1, 0]) };
    let request_timeout = draws.millis("request timeout", &[client], 200, 10_000);
    let delivery_timeout = request_timeout + draws.millis("delivery timeout", &[client], 500, 20_000);
    let in_flight = draws.of("in flight", &[client]).among(&(1..=5)) as usize;
    ProducerPlan { acks, idempotent, in_flight, request_timeout, delivery_timeout }
}

fn consumer(draws: Draws, client: u64, number: u64) -> ConsumerPlan {
    let group = draws.below("group", &[client], GROUPS.len() as u64 + 1) as usize;
    // The members of a group share what they read, and a protocol. One that is alone in it is no test of a group.
    let group = if number <= 2 { Some(0) } else { Some(group).filter(|group| *group < GROUPS.len()) };
    let of = group.map_or(client + GROUPS.len() as u64, |group| group as u64);
    let count = draws.of("topics", &[]).among(&(2..=TOPICS.len() as u64));
    let mut topics: Vec<Arc<str>> = Vec::new();
    for (topic, place) in TOPICS.iter().zip(0..count).chain(PASSING_TOPICS.iter().zip(10..)) {
        let percent = if place < count { 70 } else { 15 };
        if draws.percent("subscription", &[of, place], percent) {
            topics.push((*topic).into());
        }
    }
    if topics.is_empty() {
        topics.push(TOPICS[0].into());
    }
    let instance = group.is_some() && draws.percent("static", &[client], 20);
    let auto_commit = draws.percent("auto-commit", &[client], 60);
    ConsumerPlan {
        group: group.map(|group| GROUPS[group].into()),
        instance: instance.then(|| format!("static-{number}").into()),
        topics,
        assignor: draws.one_of("assignor", &[of], &[Assignor::Eager, Assignor::Cooperative]),
        auto_commit: auto_commit.then(|| draws.millis("auto-commit interval", &[client], 50, 5_000)),
        session_timeout: draws.millis("session timeout", &[client], 300, 10_000).max(Duration::from_millis(300)),
        fetch_bytes: draws.one_of("fetch bytes", &[client], &[300, 3_000, 50_000, 1 << 20]),
    }
}
