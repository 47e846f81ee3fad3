//! What the benchmarks ask of a broker by librdkafka: many partitions, filled evenly, and the last record of each.
//!
//! ```text
//! probe create ADDRESS TOPIC PARTITIONS        creates a topic; prints the milliseconds until that was acknowledged
//! probe fill ADDRESS TOPIC BYTES               sends so many bytes of records of 1 KiB, to all partitions in turn
//! probe last ADDRESS TOPIC                     waits for the broker, then until the last record of each partition is here
//! probe idle ADDRESS CONNECTIONS               opens connections that ask once for the versions of the APIs; says `open` and
//!                                              keeps them until its standard input ends
//! ```

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::util::Timeout;
use std::collections::BTreeSet;
use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// How long one answer may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How long a broker may take until it listens.
const START: Duration = Duration::from_secs(300);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["create", address, topic, partitions] => create(address, topic, partitions.parse()?),
        ["fill", address, topic, bytes] => fill(address, topic, bytes.parse()?),
        ["last", address, topic] => last(address, topic),
        ["idle", address, connections] => idle(address, connections.parse()?),
        _ => Err("probe create|fill|last|idle ADDRESS ...: see the head of its source".into()),
    }
}

fn config(address: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", address);
    config
}

fn create(address: &str, topic: &str, partitions: i32) -> Result<(), Box<dyn Error>> {
    let admin: AdminClient<DefaultClientContext> = config(address).create()?;
    // The connection is made before the clock runs.
    admin.inner().fetch_metadata(None, TIMEOUT)?;
    let begun = Instant::now();
    let topic = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
    let options = AdminOptions::new().request_timeout(Some(TIMEOUT));
    let results = wait(admin.create_topics([&topic], &options))?;
    for result in results {
        result.map_err(|(topic, code)| format!("{topic}: {code}"))?;
    }
    println!("{}", begun.elapsed().as_millis());
    Ok(())
}

/// Runs a future of the client, which its own threads complete.
fn wait<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let std::task::Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        std::thread::sleep(Duration::from_micros(200));
    }
}

fn partitions(consumer: &BaseConsumer, topic: &str) -> Result<Vec<i32>, Box<dyn Error>> {
    let metadata = consumer.fetch_metadata(Some(topic), TIMEOUT)?;
    let topic = metadata.topics().first().ok_or("no such topic")?;
    Ok(topic.partitions().iter().map(|partition| partition.id()).collect())
}

fn fill(address: &str, topic: &str, bytes: u64) -> Result<(), Box<dyn Error>> {
    let consumer: BaseConsumer = config(address).create()?;
    let partitions = partitions(&consumer, topic)?;
    let producer: BaseProducer = config(address)
        .set("acks", "all")
        .set("linger.ms", "20")
        .set("batch.size", "65536")
        .set("queue.buffering.max.messages", "400000")
        .create()?;
    let payload = [b'x'; 1024];
    // Runs of a batch's length: thousands of partitions with a record each at a time would make batches of one record.
    const RUN: u64 = 48;
    for run in 0..bytes.div_ceil(1024 * RUN) {
        let partition = partitions[usize::try_from(run)? % partitions.len()];
        for _ in 0..RUN {
            let mut record = BaseRecord::<[u8], [u8]>::to(topic).partition(partition).payload(&payload);
            while let Err((error, back)) = producer.send(record) {
                if error.rdkafka_error_code() != Some(rdkafka::types::RDKafkaErrorCode::QueueFull) {
                    return Err(error.into());
                }
                producer.poll(Duration::from_millis(5));
                record = back;
            }
        }
        producer.poll(Duration::ZERO);
    }
    producer.flush(Timeout::After(Duration::from_secs(600)))?;
    Ok(())
}

fn idle(address: &str, connections: usize) -> Result<(), Box<dyn Error>> {
    // ApiVersions in version 0: length, key, version, correlation id, no client id.
    const API_VERSIONS: [u8; 14] = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff];
    let mut open = Vec::with_capacity(connections);
    for _ in 0..connections {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(&API_VERSIONS)?;
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        let mut answer = vec![0; usize::try_from(u32::from_be_bytes(length))?];
        stream.read_exact(&mut answer)?;
        open.push(stream);
    }
    println!("open");
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    Ok(())
}

fn last(address: &str, topic: &str) -> Result<(), Box<dyn Error>> {
    let begun = Instant::now();
    while TcpStream::connect(address).is_err() {
        if begun.elapsed() > START {
            return Err("the broker does not listen".into());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let consumer: BaseConsumer = config(address)
        .set("group.id", "probe")
        .set("enable.auto.commit", "false")
        .set("fetch.wait.max.ms", "10")
        .set("fetch.queue.backoff.ms", "1")
        .create()?;
    let mut tails = TopicPartitionList::new();
    let mut missing = BTreeSet::new();
    for partition in partitions(&consumer, topic)? {
        tails.add_partition_offset(topic, partition, Offset::OffsetTail(1))?;
        missing.insert(partition);
    }
    let count = missing.len();
    consumer.assign(&tails)?;
    while !missing.is_empty() {
        match consumer.poll(TIMEOUT) {
            Some(record) => drop(missing.remove(&rdkafka::Message::partition(&record?))),
            None => return Err(format!("{} partitions of {count} have no last record", missing.len()).into()),
        }
    }
    println!("{}", begun.elapsed().as_millis());
    Ok(())
}
