//! librdkafka against the real binary.

use grete_tests::{Broker, Scratch};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(30);

fn producer(broker: &Broker, settings: &[(&str, &str)]) -> BaseProducer {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker.address());
    for (key, value) in settings {
        config.set(*key, *value);
    }
    config.create().expect("a producer can be made")
}

fn consumer(broker: &Broker, group: &str) -> BaseConsumer {
    let config = [
        ("group.id", group),
        ("auto.offset.reset", "earliest"),
        ("enable.auto.commit", "false"),
        ("session.timeout.ms", "6000"),
    ];
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", broker.address());
    for (key, value) in config {
        client.set(key, value);
    }
    client.create().expect("a consumer can be made")
}

/// Reads until `count` records are there.
fn read(consumer: &BaseConsumer, count: usize) -> Vec<(i32, i64, String)> {
    let begun = Instant::now();
    let mut records = Vec::new();
    while records.len() < count && begun.elapsed() < PATIENCE {
        if let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) {
            let value = String::from_utf8_lossy(message.payload().unwrap_or_default()).into_owned();
            records.push((message.partition(), message.offset(), value));
        }
    }
    records
}

fn create(broker: &Broker, topic: &str, partitions: i32) {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", broker.address()).create().expect("an admin can be made");
    let topic = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
    let created = futures_block_on(admin.create_topics([&topic], &AdminOptions::new())).expect("the broker answers");
    assert!(created.iter().all(Result::is_ok), "{created:?}");
}

/// Waits for a future that another thread completes.
fn futures_block_on<T>(future: impl Future<Output = T>) -> T {
    use std::task::{Context, Poll, Wake, Waker};
    struct Thread(std::thread::Thread);
    impl Wake for Thread {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Thread(std::thread::current())));
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}

#[test]
fn each_codec_and_acks_comes_back_as_it_was_sent() {
    let scratch = Scratch::new("codecs");
    let broker = Broker::start(scratch.path(), &[]);
    for codec in ["none", "gzip", "snappy", "lz4"] {
        for acks in ["all", "1", "0"] {
            let topic = format!("{codec}-{acks}");
            create(&broker, &topic, 1);
            let producer = producer(&broker, &[("compression.type", codec), ("acks", acks), ("linger.ms", "5")]);
            let sent: Vec<String> = (0..200).map(|number| format!("{number}-{}", "x".repeat(number))).collect();
            for value in &sent {
                producer.send(BaseRecord::<(), str>::to(&topic).payload(value)).expect("the queue has room");
            }
            producer.flush(PATIENCE).expect("everything leaves");
            let consumer = consumer(&broker, &topic);
            consumer.subscribe(&[&topic]).expect("it subscribes");
            let read = read(&consumer, sent.len());
            let values: Vec<&String> = read.iter().map(|(_, _, value)| value).collect();
            assert_eq!(values, sent.iter().collect::<Vec<_>>(), "{topic}");
            assert!(read.iter().enumerate().all(|(at, (_, offset, _))| *offset == at as i64), "offsets are dense");
        }
    }
}

#[test]
fn a_group_goes_on_from_its_commits_after_a_stop_in_order() {
    let scratch = Scratch::new("group");
    let broker = Broker::start(scratch.path(), &[]);
    create(&broker, "orders", 3);
    let sender = producer(&broker, &[]);
    for number in 0..30 {
        let value = number.to_string();
        sender.send(BaseRecord::<(), str>::to("orders").payload(&value).partition(number % 3)).expect("room");
    }
    sender.flush(PATIENCE).expect("everything leaves");
    let reader = consumer(&broker, "shop");
    reader.subscribe(&["orders"]).expect("it subscribes");
    assert_eq!(read(&reader, 30).len(), 30);
    let mut offsets = TopicPartitionList::new();
    for partition in 0..3 {
        offsets.add_partition_offset("orders", partition, Offset::Offset(4)).expect("an offset");
    }
    reader.commit(&offsets, rdkafka::consumer::CommitMode::Sync).expect("it is committed");
    drop(reader);
    drop(sender);
    assert_eq!(broker.stop(), Some(0), "a stop in order ends with 0");

    let broker = Broker::start(scratch.path(), &[]);
    let reader = consumer(&broker, "shop");
    reader.subscribe(&["orders"]).expect("it subscribes");
    let read = read(&reader, 18);
    assert_eq!(read.len(), 18, "six of each partition are left");
    assert!(read.iter().all(|(_, offset, _)| *offset >= 4), "what was committed is not read again");
}

/// Notes what was acknowledged.
#[derive(Clone, Default)]
struct Acknowledged(Arc<Mutex<BTreeMap<u64, i64>>>);

impl ClientContext for Acknowledged {}

impl ProducerContext for Acknowledged {
    type DeliveryOpaque = Box<u64>;

    fn delivery(&self, result: &DeliveryResult<'_>, number: Box<u64>) {
        if let Ok(message) = result {
            self.0.lock().expect("no delivery has panicked").insert(*number, message.offset());
        }
    }
}

#[test]
fn what_was_acknowledged_outlives_kill_9() {
    let scratch = Scratch::new("kill");
    let mut acknowledged = BTreeMap::new();
    let mut next = 0_u64;
    for round in 0..3 {
        let broker = Broker::start(scratch.path(), &[]);
        if round == 0 {
            create(&broker, "ledger", 1);
        }
        let context = Acknowledged::default();
        let producer: ThreadedProducer<Acknowledged> = ClientConfig::new()
            .set("bootstrap.servers", broker.address())
            .set("enable.idempotence", "true")
            .set("message.timeout.ms", "10000")
            .create_with_context(context.clone())
            .expect("a producer can be made");
        // Killed under load, once some are acknowledged.
        let wanted = 500;
        while context.0.lock().expect("no delivery has panicked").len() < wanted {
            let value = next.to_string();
            let record = BaseRecord::<(), str, Box<u64>>::with_opaque_to("ledger", Box::new(next)).payload(&value);
            if producer.send(record).is_ok() {
                next += 1;
            }
        }
        broker.kill();
        acknowledged.extend(context.0.lock().expect("no delivery has panicked").clone());
    }
    let broker = Broker::start(scratch.path(), &[]);
    let reader = consumer(&broker, "audit");
    let mut all = TopicPartitionList::new();
    all.add_partition_offset("ledger", 0, Offset::Beginning).expect("an offset");
    reader.assign(&all).expect("it is assigned");
    let (_, end) = reader.fetch_watermarks("ledger", 0, PATIENCE).expect("the broker answers");
    let by_offset: BTreeMap<i64, String> =
        read(&reader, end as usize).into_iter().map(|(_, offset, value)| (offset, value)).collect();
    assert_eq!(by_offset.len(), end as usize, "offsets are dense");
    for (number, offset) in acknowledged {
        assert_eq!(by_offset.get(&offset), Some(&number.to_string()), "the record {number} at {offset}");
    }
    let mut numbers: Vec<u64> = by_offset.values().map(|value| value.parse().expect("a number")).collect();
    let count = numbers.len();
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "order is kept");
    numbers.dedup();
    assert_eq!(numbers.len(), count, "nothing is doubled");
}
