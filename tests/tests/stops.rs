//! Stopping the real binary in order.

use grete_tests::clients::{PATIENCE, consumer, create, producer, read};
use grete_tests::{Broker, Scratch};
use rdkafka::consumer::Consumer;
use rdkafka::producer::BaseRecord;
use rdkafka::{Offset, TopicPartitionList};
use std::time::{Duration, Instant};

/// How long a stop in order may take.
const STOP_MAX: Duration = Duration::from_secs(10);

#[test]
fn a_stop_under_load_is_quick_and_leaves_the_mark_of_one() {
    let scratch = Scratch::new("stop");
    let broker = Broker::start(scratch.path(), &[]);
    create(&broker, "orders", 3);
    let sender = producer(&broker, &[("acks", "all"), ("linger.ms", "1")]);
    for number in 0..5000 {
        let value = number.to_string();
        sender.send(BaseRecord::<(), str>::to("orders").payload(&value).partition(number % 3)).expect("room");
        sender.poll(Duration::ZERO);
    }
    let begun = Instant::now();
    assert_eq!(broker.stop(), Some(0));
    assert!(begun.elapsed() < STOP_MAX, "{:?}", begun.elapsed());
    let mark = std::fs::read_to_string(scratch.path().join(".kafka_cleanshutdown")).expect("it is there");
    assert!(mark.starts_with("{\"version\":0,\"brokerEpoch\":"), "{mark}");
    let checkpoint = |name: &str| std::fs::read_to_string(scratch.path().join(name)).unwrap_or_default();
    let recovery_points = checkpoint("recovery-point-offset-checkpoint");
    assert_eq!(recovery_points, checkpoint("replication-offset-checkpoint"), "one node has all that it has flushed");
    drop(sender);

    let broker = Broker::start(scratch.path(), &[]);
    assert!(!scratch.path().join(".kafka_cleanshutdown").exists(), "it does not hold any more");
    let reader = consumer(&broker, "audit");
    let mut all = TopicPartitionList::new();
    let mut lines = Vec::new();
    for partition in 0..3 {
        let (_, end) = reader.fetch_watermarks("orders", partition, PATIENCE).expect("the broker answers");
        if end > 0 {
            lines.push((partition, end));
            all.add_partition_offset("orders", partition, Offset::Beginning).expect("an offset");
        }
        assert_eq!(recovery_points.contains(&format!("\norders {partition} {end}\n")), end > 0, "{recovery_points}");
    }
    reader.assign(&all).expect("it is assigned");
    let count: i64 = lines.iter().map(|(_, end)| end).sum();
    assert_eq!(read(&reader, count as usize).len() as i64, count);
    broker.kill();
    assert!(!scratch.path().join(".kafka_cleanshutdown").exists(), "a killed broker leaves none");
}

#[test]
fn a_signal_that_comes_again_at_once_does_not_cut_the_stop() {
    let scratch = Scratch::new("twice");
    let broker = Broker::start(scratch.path(), &[]);
    create(&broker, "orders", 1);
    broker.terminate();
    let begun = Instant::now();
    assert_eq!(broker.stop(), Some(0));
    assert!(begun.elapsed() < STOP_MAX);
    assert_eq!(Broker::start(scratch.path(), &[]).stop(), Some(0));
}
