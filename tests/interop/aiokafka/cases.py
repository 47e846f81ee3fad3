"""aiokafka against a broker: see harness.py for how this is run."""

import asyncio

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from harness import PATIENCE, case, main, wait_until
import scenarios


@case("first-steps")
def first_steps(address):
    """What everybody begins with, to a topic that is not there yet."""

    async def run():
        producer = AIOKafkaProducer(bootstrap_servers=address)
        await producer.start()
        for number in range(10):
            await producer.send_and_wait("aiokafka.first", b"message %d" % number)
        await producer.stop()
        consumer = AIOKafkaConsumer(
            "aiokafka.first", bootstrap_servers=address, group_id="my-group", auto_offset_reset="earliest"
        )
        await consumer.start()
        read = []
        async for message in consumer:
            read.append(message.value)
            if len(read) == 10:
                break
        await consumer.stop()
        assert read == [b"message %d" % number for number in range(10)], read

    asyncio.run(run())


class Consumer:
    """A consumer with a loop of its own, which runs while it is polled."""

    def __init__(self, *topics, **settings):
        self.loop = asyncio.new_event_loop()

        async def begin():
            consumer = AIOKafkaConsumer(*topics, **settings)
            await consumer.start()
            return consumer

        self.consumer = self.loop.run_until_complete(begin())

    def inside(self, act):
        """Some of its methods look for the loop that runs, although they do not wait."""

        async def run():
            return act()

        return self.loop.run_until_complete(run())

    def more(self, **limits):
        return self.loop.run_until_complete(self.consumer.getmany(**limits))

    def poll(self):
        return scenarios.triples(self.more(timeout_ms=100))

    def assignment(self):
        return {at.partition for at in self.consumer.assignment()}

    def close(self):
        self.loop.run_until_complete(self.consumer.stop())
        self.loop.close()


class Adapter:
    def __init__(self, address):
        self.address = address

    def with_admin(self, use):
        async def run():
            admin = AIOKafkaAdminClient(bootstrap_servers=self.address)
            await admin.start()
            try:
                return await use(admin)
            finally:
                await admin.close()

        return asyncio.run(run())

    def with_consumer(self, use, **settings):
        async def run():
            consumer = AIOKafkaConsumer(bootstrap_servers=self.address, **settings)
            await consumer.start()
            try:
                return await use(consumer)
            finally:
                await consumer.stop()

        return asyncio.run(run())

    def create(self, topic, partitions):
        response = self.with_admin(lambda admin: admin.create_topics([NewTopic(topic, partitions, 1)]))
        assert all(error == 0 for _, error, *_ in response.topic_errors), response

    def produce(self, topic, records, codec="none", acks="all", idempotent=False):
        async def run():
            producer = AIOKafkaProducer(
                bootstrap_servers=self.address,
                compression_type=None if codec == "none" else codec,
                acks=acks,
                enable_idempotence=idempotent,
                linger_ms=10,
            )
            await producer.start()
            futures = [
                await producer.send(topic, key=key, value=value, partition=partition, timestamp_ms=timestamp)
                for key, value, partition, timestamp in records
            ]
            results = await asyncio.wait_for(asyncio.gather(*futures), PATIENCE)
            await producer.stop()
            return None if acks == 0 else [result.offset for result in results]

        return asyncio.run(run())

    def read(self, topic, partition, first, count):
        consumer = Consumer(bootstrap_servers=self.address)
        at = TopicPartition(topic, partition)
        consumer.inside(lambda: (consumer.consumer.assign([at]), consumer.consumer.seek(at, first)))
        read = scenarios.read_with(lambda most: consumer.more(timeout_ms=500, max_records=most), count)
        consumer.close()
        return read

    def member(self, group, topic, instance, cooperative):
        assert not cooperative, "aiokafka has no cooperative assignor"
        return Consumer(
            topic,
            bootstrap_servers=self.address,
            group_id=group,
            group_instance_id=instance,
            **scenarios.MEMBER,
        )

    def offset_at(self, topic, partition, timestamp):
        at = TopicPartition(topic, partition)
        found = self.with_consumer(lambda consumer: consumer.offsets_for_times({at: timestamp}))[at]
        return found and found.offset

    def committed(self, group, topic, partition):
        at = TopicPartition(topic, partition)
        return self.with_consumer(lambda consumer: consumer.committed(at), group_id=group)


scenarios.register(Adapter, "aiokafka", cooperative=False)


@case("admin")
def admin(address):
    client = Adapter(address)
    topic, group = "aiokafka.admin", "aiokafka.admin.group"
    resource = ConfigResource(ConfigResourceType.TOPIC, topic, configs={"max.message.bytes": "12345"})
    asked = ConfigResource(ConfigResourceType.TOPIC, topic)

    async def topics(admin):
        await admin.create_topics([NewTopic(topic, 2, 1, topic_configs={"retention.ms": "3600000"})])
        assert topic in await admin.list_topics()
        again = await admin.create_topics([NewTopic(topic, 2, 1)])
        assert [error for _, error, *_ in again.topic_errors] == [36], again
        await admin.create_partitions({topic: NewPartitions(3)})
        (described,) = await admin.describe_topics([topic])
        assert len(described["partitions"]) == 3, described
        # The old AlterConfigs, which replaces all that was set.
        await admin.alter_configs([resource])
        shown = {name: value for response in await admin.describe_configs([asked])
                 for entry in response.resources for name, value, *_ in entry[4]}
        assert shown["max.message.bytes"] == "12345" and shown["retention.ms"] == "604800000", shown

    client.with_admin(topics)
    client.produce(topic, [(None, b"%d" % number, 0, None) for number in range(20)])
    at = TopicPartition(topic, 0)
    deleted = client.with_admin(lambda admin: admin.delete_records({at: RecordsToDelete(15)}))
    assert deleted == {at: 15}, deleted
    assert client.read(topic, 0, 15, 5) == [(number, None, b"%d" % number) for number in range(15, 20)]
    assert client.with_consumer(lambda consumer: consumer.beginning_offsets([at])) == {at: 15}
    assert client.with_consumer(lambda consumer: consumer.end_offsets([at])) == {at: 20}

    async def commit(consumer):
        consumer.assign([at])
        await consumer.commit({at: (17, "by hand")})

    client.with_consumer(commit, group_id=group, enable_auto_commit=False)
    offsets = client.with_admin(lambda admin: admin.list_consumer_group_offsets(group))
    assert (offsets[at].offset, offsets[at].metadata) == (17, "by hand"), offsets
    listed = client.with_admin(lambda admin: admin.list_consumer_groups())
    assert group in {name for name, *_ in listed}, listed
    described = client.with_admin(lambda admin: admin.describe_consumer_groups([group]))
    assert described[0].groups[0][2] == "Empty", described
    client.with_admin(lambda admin: admin.delete_topics([topic]))
    wait_until("the topic is gone", lambda: topic not in client.with_admin(lambda admin: admin.list_topics()))


main()
