//! librdkafka against the real binary.

use grete_tests::clients::{PATIENCE, consumer, create, producer, read};
use grete_tests::{Broker, Scratch};
use rdkafka::consumer::Consumer;
use rdkafka::producer::{BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};

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
