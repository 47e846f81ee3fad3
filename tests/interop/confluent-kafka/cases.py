"""confluent-kafka against a broker: see harness.py for how this is run."""

import time

from confluent_kafka import Consumer as KafkaConsumer
from confluent_kafka import KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
)
from confluent_kafka import ConsumerGroupTopicPartitions
from harness import PATIENCE, case, main, wait_until
import scenarios


@case("first-steps")
def first_steps(address):
    """What everybody begins with, to a topic that is not there yet."""
    producer = Producer({"bootstrap.servers": address})
    for number in range(10):
        producer.produce("confluent.first", b"message %d" % number)
    assert producer.flush(PATIENCE) == 0
    consumer = KafkaConsumer({"bootstrap.servers": address, "group.id": "mygroup", "auto.offset.reset": "earliest"})
    consumer.subscribe(["confluent.first"])
    read, end = [], time.monotonic() + PATIENCE
    while len(read) < 10 and time.monotonic() < end:
        message = consumer.poll(1.0)
        if message is not None:
            assert message.error() is None, message.error()
            read.append(message.value())
    consumer.close()
    assert read == [b"message %d" % number for number in range(10)], read


class Consumer:
    def __init__(self, settings, topic):
        self.consumer = KafkaConsumer(settings)
        self.consumer.subscribe([topic])

    def poll(self):
        messages = self.consumer.consume(100, 0.1)
        for message in messages:
            assert message.error() is None, message.error()
        return [(message.partition(), message.offset(), message.value()) for message in messages]

    def assignment(self):
        return {at.partition for at in self.consumer.assignment()}

    def close(self):
        self.consumer.close()


class Adapter:
    def __init__(self, address):
        self.address = address
        self.admin = AdminClient({"bootstrap.servers": address})

    def create(self, topic, partitions):
        self.admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(PATIENCE)

    def produce(self, topic, records, codec="none", acks="all", idempotent=False):
        settings = {"compression.type": codec, "acks": acks, "enable.idempotence": idempotent, "linger.ms": 10}
        producer = Producer({"bootstrap.servers": self.address, **settings})
        reports = []
        for key, value, partition, timestamp in records:
            producer.produce(
                topic,
                key=key,
                value=value,
                partition=partition,
                timestamp=timestamp or 0,
                on_delivery=lambda error, message: reports.append((error, message.offset())),
            )
        assert producer.flush(PATIENCE) == 0
        assert all(error is None for error, _ in reports), reports
        return None if acks == 0 else [offset for _, offset in reports]

    def read(self, topic, partition, first, count):
        consumer = KafkaConsumer({"bootstrap.servers": self.address, "group.id": "unused", "enable.auto.commit": False})
        consumer.assign([TopicPartition(topic, partition, first)])
        read, end = [], time.monotonic() + PATIENCE
        while len(read) < count and time.monotonic() < end:
            for message in consumer.consume(count - len(read), 0.5):
                assert message.error() is None, message.error()
                read.append((message.offset(), message.key(), message.value()))
        consumer.close()
        return read

    def member(self, group, topic, instance, cooperative):
        settings = {
            "bootstrap.servers": self.address,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "auto.commit.interval.ms": 500,
            "heartbeat.interval.ms": 300,
            "session.timeout.ms": 10_000,
            "partition.assignment.strategy": "cooperative-sticky" if cooperative else "roundrobin",
        }
        if instance:
            settings["group.instance.id"] = instance
        return Consumer(settings, topic)

    def offset_at(self, topic, partition, timestamp):
        consumer = KafkaConsumer({"bootstrap.servers": self.address, "group.id": "unused"})
        (found,) = consumer.offsets_for_times([TopicPartition(topic, partition, timestamp)], timeout=PATIENCE)
        consumer.close()
        return found.offset

    def committed(self, group, topic, partition):
        consumer = KafkaConsumer({"bootstrap.servers": self.address, "group.id": group})
        (found,) = consumer.committed([TopicPartition(topic, partition)], timeout=PATIENCE)
        consumer.close()
        return found.offset


scenarios.register(Adapter, "confluent", cooperative=True)


@case("admin")
def admin(address):
    client = Adapter(address)
    admin = client.admin
    topic, group = "confluent.admin", "confluent.admin.group"
    admin.create_topics([NewTopic(topic, 2, 1, config={"retention.ms": "3600000"})])[topic].result(PATIENCE)
    try:
        admin.create_topics([NewTopic(topic, 2, 1)])[topic].result(PATIENCE)
        raise AssertionError("a topic is created once")
    except KafkaException as error:
        assert error.args[0].name() == "TOPIC_ALREADY_EXISTS", error
    admin.create_partitions([NewPartitions(topic, 3)])[topic].result(PATIENCE)
    wait_until("a third partition", lambda: len(admin.list_topics(topic, PATIENCE).topics[topic].partitions) == 3)

    change = ConfigEntry("max.message.bytes", "12345", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[change])
    (altered,) = admin.incremental_alter_configs([resource]).values()
    altered.result(PATIENCE)
    (described,) = admin.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, topic)]).values()
    entries = described.result(PATIENCE)
    assert entries["max.message.bytes"].value == "12345" and entries["retention.ms"].value == "3600000"
    assert entries["segment.bytes"].value == "1073741824" and entries["segment.bytes"].is_default

    client.produce(topic, [(None, b"%d" % number, 0, None) for number in range(20)])
    (deleted,) = admin.delete_records([TopicPartition(topic, 0, 15)]).values()
    assert deleted.result(PATIENCE).low_watermark == 15
    assert client.read(topic, 0, 15, 5) == [(number, None, b"%d" % number) for number in range(15, 20)]
    for spec, wanted in [(OffsetSpec.earliest(), 15), (OffsetSpec.latest(), 20)]:
        (found,) = admin.list_offsets({TopicPartition(topic, 0): spec}).values()
        assert found.result(PATIENCE).offset == wanted

    moved = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 0, 17)])
    (altered,) = admin.alter_consumer_group_offsets([moved]).values()
    altered.result(PATIENCE)
    (listed,) = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)]).values()
    (found,) = listed.result(PATIENCE).topic_partitions
    assert (found.topic, found.partition, found.offset) == (topic, 0, 17), found
    groups = lambda: {each.group_id for each in admin.list_consumer_groups().result(PATIENCE).valid}
    assert group in groups()
    (described,) = admin.describe_consumer_groups([group]).values()
    assert described.result(PATIENCE).state.name == "EMPTY"
    admin.delete_consumer_groups([group])[group].result(PATIENCE)
    assert group not in groups()
    assert admin.describe_cluster().result(PATIENCE).controller.id == 1
    admin.delete_topics([topic])[topic].result(PATIENCE)
    wait_until("the topic is gone", lambda: topic not in admin.list_topics(timeout=PATIENCE).topics)


main()
