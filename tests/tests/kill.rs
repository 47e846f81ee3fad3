//! The real binary killed under load, again and again: producers and a group live on through it.
//!
//! `GRETE_KILL_ROUNDS` says how often; the nightly run kills more often than the others.

use grete_tests::clients::{PATIENCE, consumer, create, read};
use grete_tests::{Broker, Scratch, free_port};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const TOPIC: &str = "ledger";
const GROUP: &str = "shop";
const PARTITIONS: i32 = 3;
const PRODUCERS: usize = 3;
/// What each producer has to have acknowledged before the broker is killed again.
const ACKNOWLEDGED_PER_ROUND: usize = 300;

/// How clients find a broker again quickly.
const RECONNECT: [(&str, &str); 2] = [("reconnect.backoff.ms", "20"), ("reconnect.backoff.max.ms", "200")];

/// Where what was acknowledged is: partition and offset of each value.
#[derive(Clone, Default)]
struct Acknowledged(Arc<Mutex<BTreeMap<String, (i32, i64)>>>);

impl Acknowledged {
    fn len(&self) -> usize {
        self.0.lock().expect("no delivery has panicked").len()
    }
}

impl ClientContext for Acknowledged {}

impl ProducerContext for Acknowledged {
    type DeliveryOpaque = Box<String>;

    fn delivery(&self, result: &DeliveryResult<'_>, value: Box<String>) {
        if let Ok(message) = result {
            let mut all = self.0.lock().expect("no delivery has panicked");
            let before = all.insert(*value, (message.partition(), message.offset()));
            assert_eq!(before, None, "a record is acknowledged once");
        }
    }
}

/// Sends `<producer>-<number>` until it is told to stop; gives how many.
fn produce(number: usize, address: &str, acknowledged: &Acknowledged, stop: &AtomicBool) -> u64 {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", address).set("enable.idempotence", "true").set("acks", "all");
    config.set("message.timeout.ms", "300000").set("queue.buffering.max.messages", "500");
    for (key, value) in RECONNECT {
        config.set(key, value);
    }
    let producer: ThreadedProducer<Acknowledged> =
        config.create_with_context(acknowledged.clone()).expect("a producer can be made");
    let mut sent = 0;
    while !stop.load(Ordering::Relaxed) {
        let value = format!("{number}-{sent}");
        let record = BaseRecord::<(), str, Box<String>>::with_opaque_to(TOPIC, Box::new(value.clone()));
        let partition = (sent % PARTITIONS as u64) as i32;
        match producer.send(record.partition(partition).payload(&value)) {
            Ok(()) => sent += 1,
            // The queue is full: the broker is away, or behind.
            Err(_) => std::thread::sleep(Duration::from_millis(2)),
        }
    }
    producer.flush(Duration::from_secs(60)).expect("everything that was sent is acknowledged in the end");
    sent
}

/// A member of the group that reads and commits as it goes.
struct Follower {
    /// Where each partition is read on.
    next: BTreeMap<i32, i64>,
    /// What the broker has said to have committed.
    committed: BTreeMap<i32, i64>,
    records: u64,
}

impl Follower {
    /// Reads until it is told to stop; checks that it never misses a record, and never falls back behind a commit.
    fn run(address: &str, read: &AtomicU64, stop: &AtomicBool) -> Self {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", address).set("group.id", GROUP).set("auto.offset.reset", "earliest");
        config.set("enable.auto.commit", "false").set("session.timeout.ms", "6000");
        for (key, value) in RECONNECT {
            config.set(key, value);
        }
        let consumer: BaseConsumer = config.create().expect("a consumer can be made");
        consumer.subscribe(&[TOPIC]).expect("it subscribes");
        let mut follower = Self { next: BTreeMap::new(), committed: BTreeMap::new(), records: 0 };
        while !stop.load(Ordering::Relaxed) {
            let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) else { continue };
            let (partition, offset) = (message.partition(), message.offset());
            let next = follower.next.entry(partition).or_insert(0);
            assert!(offset <= *next, "partition {partition} goes on at {offset} and was read to {next}");
            let committed = follower.committed.get(&partition).copied().unwrap_or(0);
            assert!(
                offset >= committed,
                "partition {partition} was committed to {committed} and comes again from {offset}"
            );
            *next = offset + 1;
            follower.records += 1;
            read.store(follower.records, Ordering::Relaxed);
            if follower.records.is_multiple_of(50) {
                follower.commit(&consumer);
            }
        }
        follower
    }

    fn commit(&mut self, consumer: &BaseConsumer) {
        let mut offsets = TopicPartitionList::new();
        for (partition, next) in &self.next {
            offsets.add_partition_offset(TOPIC, *partition, Offset::Offset(*next)).expect("an offset");
        }
        // The broker may be gone just now.
        if consumer.commit(&offsets, CommitMode::Sync).is_ok() {
            self.committed.extend(self.next.iter().map(|(partition, next)| (*partition, *next)));
        }
    }
}

#[test]
fn what_was_acknowledged_outlives_kill_9_and_nothing_is_doubled() {
    let rounds: usize =
        std::env::var("GRETE_KILL_ROUNDS").map_or(3, |rounds| rounds.parse().expect("a number of rounds"));
    let scratch = Scratch::new("kill");
    let listener = format!("listeners=PLAINTEXT://127.0.0.1:{}", free_port());
    let start = || Broker::start(scratch.path(), &[&listener, "offsets.topic.num.partitions=4"]);
    let mut broker = start();
    create(&broker, TOPIC, PARTITIONS);
    let address = broker.address();
    let acknowledged: Vec<Acknowledged> = (0..PRODUCERS).map(|_| Acknowledged::default()).collect();
    let (stop, stop_reading, read_count) = (AtomicBool::new(false), AtomicBool::new(false), AtomicU64::new(0));
    let (address, stop) = (&address, &stop);
    let (broker, sent, follower) = std::thread::scope(|scope| {
        let producers: Vec<_> = acknowledged
            .iter()
            .enumerate()
            .map(|(number, acknowledged)| scope.spawn(move || produce(number, address, acknowledged, stop)))
            .collect();
        let follower = scope.spawn(|| Follower::run(address, &read_count, &stop_reading));
        for round in 0..rounds {
            let wanted: Vec<usize> = acknowledged.iter().map(|all| all.len() + ACKNOWLEDGED_PER_ROUND).collect();
            let read_wanted = read_count.load(Ordering::Relaxed) + 100;
            let begun = Instant::now();
            let done = || {
                let all = acknowledged.iter().zip(&wanted).all(|(all, wanted)| all.len() >= *wanted);
                all && read_count.load(Ordering::Relaxed) >= read_wanted
            };
            while !done() {
                assert!(begun.elapsed() < PATIENCE * 2, "round {round}: the clients get no further");
                std::thread::sleep(Duration::from_millis(1));
            }
            broker.kill();
            broker = start();
        }
        stop.store(true, Ordering::Relaxed);
        let sent: Vec<u64> = producers.into_iter().map(|thread| thread.join().expect("it ends well")).collect();
        stop_reading.store(true, Ordering::Relaxed);
        (broker, sent, follower.join().expect("it ends well"))
    });
    audit(&broker, &sent, &acknowledged);
    go_on(&broker, &follower);
}

/// All that was sent is there once, in its order, and where its acknowledgement said.
fn audit(broker: &Broker, sent: &[u64], acknowledged: &[Acknowledged]) {
    let reader = consumer(broker, "audit");
    let mut all = TopicPartitionList::new();
    let mut ends = 0;
    for partition in 0..PARTITIONS {
        all.add_partition_offset(TOPIC, partition, Offset::Beginning).expect("an offset");
        ends += reader.fetch_watermarks(TOPIC, partition, PATIENCE).expect("the broker answers").1;
    }
    reader.assign(&all).expect("it is assigned");
    let found = read(&reader, ends as usize);
    assert_eq!(found.len() as u64, sent.iter().sum::<u64>(), "as many are there as were sent");
    let by_place: BTreeMap<(i32, i64), &str> =
        found.iter().map(|(partition, offset, value)| ((*partition, *offset), &**value)).collect();
    assert_eq!(by_place.len(), found.len(), "each has a place of its own");
    for (number, acknowledged) in acknowledged.iter().enumerate() {
        let acknowledged = acknowledged.0.lock().expect("no delivery has panicked");
        assert_eq!(acknowledged.len() as u64, sent[number], "each was acknowledged in the end");
        for (value, place) in acknowledged.iter() {
            assert_eq!(by_place.get(place), Some(&&**value), "{value} is where its acknowledgement said");
        }
        for partition in 0..PARTITIONS {
            let of = by_place.iter().filter(|((at, _), _)| *at == partition);
            let numbers = of.filter_map(|(_, value)| value.strip_prefix(&format!("{number}-"))?.parse::<u64>().ok());
            let numbers: Vec<u64> = numbers.collect();
            assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "order is kept and nothing doubled");
        }
    }
}

/// A new member of the group goes on from what was committed.
fn go_on(broker: &Broker, follower: &Follower) {
    assert!(!follower.committed.is_empty(), "something was committed");
    let member = consumer(broker, GROUP);
    let mut wanted = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        wanted.add_partition(TOPIC, partition);
    }
    let found = member.committed_offsets(wanted, PATIENCE).expect("the broker answers");
    for (partition, committed) in &follower.committed {
        let offset = found.find_partition(TOPIC, *partition).and_then(|found| found.offset().to_raw());
        // A commit whose answer was lost may have come further.
        let reached = follower.next[partition];
        let offset = offset.expect("the partition was asked for");
        assert!((*committed..=reached).contains(&offset), "{partition}: {committed} <= {offset} <= {reached}");
    }
}
