"""kafka-python against a broker: see harness.py for how this is run."""

from harness import PATIENCE, case, main, wait_until
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from kafka.errors import KafkaError, TopicAlreadyExistsError
import scenarios


@case("first-steps")
def first_steps(address):
    """What everybody begins with, to a topic that is not there yet."""
    producer = KafkaProducer(bootstrap_servers=address)
    for number in range(10):
        producer.send("test-topic", b"message %d" % number)
    producer.flush()
    consumer = KafkaConsumer(
        "test-topic",
        group_id="my-group",
        bootstrap_servers=address,
        auto_offset_reset="earliest",
        enable_auto_commit=True,
    )
    read = []
    for message in consumer:
        read.append(message.value)
        if len(read) == 10:
            break
    consumer.close()
    producer.close()
    assert read == [b"message %d" % number for number in range(10)], read


class Consumer:
    def __init__(self, consumer):
        self.consumer = consumer

    def poll(self):
        return scenarios.triples(self.consumer.poll(timeout_ms=100))

    def assignment(self):
        return {at.partition for at in self.consumer.assignment()}

    def close(self):
        self.consumer.close()


class Adapter:
    def __init__(self, address):
        self.address = address

    def create(self, topic, partitions):
        admin = KafkaAdminClient(bootstrap_servers=self.address)
        admin.create_topics({topic: {"num_partitions": partitions, "replication_factor": 1}})
        admin.close()

    def produce(self, topic, records, codec="none", acks="all", idempotent=False):
        producer = KafkaProducer(
            bootstrap_servers=self.address,
            compression_type=None if codec == "none" else codec,
            acks=acks,
            enable_idempotence=idempotent,
            linger_ms=10,
        )
        futures = [
            producer.send(topic, key=key, value=value, partition=partition, timestamp_ms=timestamp)
            for key, value, partition, timestamp in records
        ]
        producer.flush(PATIENCE)
        offsets = None if acks == 0 else [future.get(PATIENCE).offset for future in futures]
        producer.close()
        return offsets

    def read(self, topic, partition, first, count):
        consumer = KafkaConsumer(bootstrap_servers=self.address)
        at = TopicPartition(topic, partition)
        consumer.assign([at])
        consumer.seek(at, first)
        read = scenarios.read_with(lambda most: consumer.poll(timeout_ms=500, max_records=most), count)
        consumer.close()
        return read

    def member(self, group, topic, instance, cooperative):
        strategy = CooperativeStickyAssignor if cooperative else RoundRobinPartitionAssignor
        return Consumer(
            KafkaConsumer(
                topic,
                bootstrap_servers=self.address,
                group_id=group,
                group_instance_id=instance,
                partition_assignment_strategy=[strategy],
                **scenarios.MEMBER,
            )
        )

    def offset_at(self, topic, partition, timestamp):
        consumer = KafkaConsumer(bootstrap_servers=self.address)
        at = TopicPartition(topic, partition)
        found = consumer.offsets_for_times({at: timestamp})[at]
        consumer.close()
        return found and found.offset

    def committed(self, group, topic, partition):
        consumer = KafkaConsumer(bootstrap_servers=self.address, group_id=group)
        offset = consumer.committed(TopicPartition(topic, partition))
        consumer.close()
        return offset


scenarios.register(Adapter, "kafka-python", cooperative=True)


@case("admin")
def admin(address):
    client, admin = Adapter(address), KafkaAdminClient(bootstrap_servers=address)
    topic, group = "kafka-python.admin", "kafka-python.admin.group"
    configs = {"retention.ms": "3600000"}
    admin.create_topics({topic: {"num_partitions": 2, "replication_factor": 1, "configs": configs}})
    try:
        admin.create_topics({topic: {"num_partitions": 2, "replication_factor": 1}})
        raise AssertionError("a topic is created once")
    except TopicAlreadyExistsError:
        pass
    assert topic in admin.list_topics()
    admin.create_partitions({topic: 3})
    (described,) = admin.describe_topics([topic])
    assert len(described["partitions"]) == 3, described

    resource = ConfigResource(ConfigResourceType.TOPIC, topic, configs={"max.message.bytes": "12345"})
    admin.alter_configs([resource])
    described = str(admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)]))
    assert "12345" in described and "3600000" in described, described

    client.produce(topic, [(None, b"%d" % number, 0, None) for number in range(20)])
    admin.delete_records({TopicPartition(topic, 0): 15})
    assert client.read(topic, 0, 15, 5) == [(number, None, b"%d" % number) for number in range(15, 20)]
    consumer = KafkaConsumer(bootstrap_servers=address)
    at = TopicPartition(topic, 0)
    assert consumer.beginning_offsets([at]) == {at: 15} and consumer.end_offsets([at]) == {at: 20}
    consumer.close()

    admin.alter_group_offsets(group, {at: OffsetAndMetadata(17, "by hand", -1)})
    offsets = admin.list_group_offsets(group)
    assert "17" in str(offsets) and "by hand" in str(offsets), offsets
    assert group in str(admin.list_groups())
    assert "Empty" in str(admin.describe_groups([group]))
    admin.delete_groups([group])
    assert group not in str(admin.list_groups())
    admin.delete_topics([topic])
    wait_until("the topic is gone", lambda: topic not in admin.list_topics())
    try:
        admin.delete_topics([topic])
        raise AssertionError("a topic is deleted once")
    except KafkaError:
        pass
    admin.close()


main()
