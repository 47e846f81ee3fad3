//! librdkafka's clients, as the tests use them.

use crate::Broker;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::BaseConsumer;
use rdkafka::message::Message;
use rdkafka::producer::BaseProducer;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long anything may take.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A producer.
pub fn producer(broker: &Broker, settings: &[(&str, &str)]) -> BaseProducer {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker.address());
    for (key, value) in settings {
        config.set(*key, *value);
    }
    config.create().expect("a producer can be made")
}

/// A consumer of a group, which commits when it is told to.
pub fn consumer(broker: &Broker, group: &str) -> BaseConsumer {
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
pub fn read(consumer: &BaseConsumer, count: usize) -> Vec<(i32, i64, String)> {
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

/// Makes a topic.
pub fn create(broker: &Broker, topic: &str, partitions: i32) {
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
