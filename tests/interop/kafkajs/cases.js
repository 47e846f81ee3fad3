// KafkaJS against a broker. Started with the broker's address and the names of the cases to run, none for all of them; each
// case is a line: `ok`, case, seconds; or `failed`, case, seconds, why. Fields end with tabs.
//
// KafkaJS has no static members and no cooperative assignment.
"use strict";

const assert = require("node:assert");
const { Kafka, CompressionCodecs, CompressionTypes, ConfigResourceTypes, PartitionAssigners, logLevel } =
  require("kafkajs");
const snappy = require("kafkajs-snappy");
const lz4 = require("lz4-napi");
const zstd = require("@bokuweb/zstd-wasm");

CompressionCodecs[CompressionTypes.Snappy] = snappy;
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: (encoder) => lz4.compressFrame(encoder.buffer),
  decompress: (buffer) => lz4.decompressFrame(buffer),
});
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async (encoder) => Buffer.from(zstd.compress(encoder.buffer)),
  decompress: async (buffer) => Buffer.from(zstd.decompress(buffer)),
});

const PATIENCE_MS = 60_000;
const PARTITIONS = 6;
const [address, ...names] = process.argv.slice(2);
const kafka = new Kafka({ clientId: "interop", brokers: [address], logLevel: logLevel.NOTHING });

const waitUntil = async (what, condition) => {
  const end = Date.now() + PATIENCE_MS;
  while (!(await condition())) {
    assert(Date.now() < end, `${what} within ${PATIENCE_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

const withAdmin = async (use) => {
  const admin = kafka.admin();
  await admin.connect();
  try {
    return await use(admin);
  } finally {
    await admin.disconnect();
  }
};

const create = (topic, numPartitions) =>
  withAdmin((admin) => admin.createTopics({ topics: [{ topic, numPartitions, replicationFactor: 1 }] }));

const produce = async (topic, messages, { compression = CompressionTypes.None, acks = -1, idempotent = false } = {}) => {
  const producer = kafka.producer({ idempotent, allowAutoTopicCreation: false });
  await producer.connect();
  const results = [];
  for (let from = 0; from < messages.length; from += 100) {
    results.push(...((await producer.send({ topic, acks, compression, messages: messages.slice(from, from + 100) })) ?? []));
  }
  await producer.disconnect();
  return results;
};

// A member of a group, with what it has read and what it has.
const join = async (groupId, topic, count = Infinity) => {
  const consumer = kafka.consumer({
    groupId,
    heartbeatInterval: 300,
    sessionTimeout: 10_000,
    rebalanceTimeout: 10_000,
    maxWaitTimeInMs: 200,
    partitionAssigners: [PartitionAssigners.roundRobin],
  });
  const member = { records: [], assigned: [], failure: null };
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => (member.assigned = payload.memberAssignment[topic] ?? []));
  consumer.on(consumer.events.REBALANCING, () => (member.assigned = []));
  consumer.on(consumer.events.CRASH, ({ payload }) => (member.failure = payload.error));
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    autoCommitInterval: 500,
    eachMessage: async ({ partition, message }) => {
      if (member.records.length < count) {
        member.records.push({ partition, offset: Number(message.offset), key: message.key, value: message.value });
      }
    },
  });
  member.close = () => consumer.disconnect();
  member.seek = (partition, offset) => consumer.seek({ topic, partition, offset: String(offset) });
  return member;
};

let readers = 0;
const read = async (topic, first, count) => {
  const member = await join(`${topic}.reader.${readers++}`, topic, count);
  if (first > 0) {
    member.seek(0, first);
  }
  await waitUntil(`${count} records of ${topic} are read`, () => member.records.length >= count);
  await member.close();
  return member.records;
};

const committed = (groupId, topic) =>
  withAdmin(async (admin) => {
    const [{ partitions }] = await admin.fetchOffsets({ groupId, topics: [topic] });
    return partitions.reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0);
  });

// Records that compress and those that do not, some without a key.
const values = (count) =>
  Array.from({ length: count }, (_, number) => ({
    key: number % 7 === 3 ? null : Buffer.from(`key-${number}`),
    value: Buffer.concat([
      Buffer.from(`${number}-${"x".repeat(number % 300)}`),
      Buffer.from(Array.from({ length: number % 60 }, (_, step) => (number * step) % 256)),
    ]),
    partition: 0,
  }));

const numbers = (from, to, partitions) =>
  Array.from({ length: to - from }, (_, at) => ({ value: `${from + at}`, partition: (from + at) % partitions }));

const same = (found, sent) => {
  assert.strictEqual(found.length, sent.length);
  sent.forEach(({ key, value }, at) => {
    assert.strictEqual(found[at].offset, at);
    assert.deepStrictEqual(found[at].key, key);
    assert.deepStrictEqual(found[at].value, value);
  });
};

const codec = (name, compression) => async () => {
  for (const acks of [-1, 1, 0]) {
    const topic = `kafkajs.${name}.${acks + 1}`;
    await create(topic, 1);
    const sent = values(300);
    const results = await produce(topic, sent, { compression, acks });
    if (acks !== 0) {
      assert.deepStrictEqual(results.map(({ baseOffset }) => baseOffset), ["0", "100", "200"]);
    }
    same(await read(topic, 0, 300), sent);
  }
};

const CASES = {
  // What everybody begins with, to a topic that is not there yet.
  "first-steps": async () => {
    const producer = kafka.producer();
    await producer.connect();
    await producer.send({ topic: "kafkajs.first", messages: [{ value: "Hello KafkaJS user!" }] });
    await producer.disconnect();
    const consumer = kafka.consumer({ groupId: "test-group" });
    await consumer.connect();
    await consumer.subscribe({ topic: "kafkajs.first", fromBeginning: true });
    const seen = [];
    await consumer.run({ eachMessage: async ({ message }) => seen.push(message.value.toString()) });
    await waitUntil("the message is read", () => seen.length > 0);
    await consumer.disconnect();
    assert.deepStrictEqual(seen, ["Hello KafkaJS user!"]);
  },
  "codec-none": codec("none", CompressionTypes.None),
  "codec-gzip": codec("gzip", CompressionTypes.GZIP),
  "codec-snappy": codec("snappy", CompressionTypes.Snappy),
  "codec-lz4": codec("lz4", CompressionTypes.LZ4),
  "codec-zstd": codec("zstd", CompressionTypes.ZSTD),
  idempotent: async () => {
    await create("kafkajs.idempotent", 1);
    const sent = values(1000);
    await produce("kafkajs.idempotent", sent, { idempotent: true });
    same(await read("kafkajs.idempotent", 0, 1000), sent);
  },
  // One to four members come and go: each partition is one member's, and each record is read.
  groups: async () => {
    const topic = "kafkajs.groups";
    const group = `${topic}.group`;
    await create(topic, PARTITIONS);
    const members = [];
    const ended = [];
    let sent = 0;
    const settle = async (what) => {
      await waitUntil(`${what}: ${members.length} members share ${PARTITIONS} partitions`, () => {
        members.forEach(({ failure }) => assert.ifError(failure));
        const owned = members.flatMap(({ assigned }) => assigned);
        return members.every(({ assigned }) => assigned.length > 0) && owned.length === PARTITIONS
          && new Set(owned).size === PARTITIONS;
      });
      await produce(topic, numbers(sent, sent + 60, PARTITIONS));
      sent += 60;
      await waitUntil(`${what}: all of ${sent} records are read`, () => {
        const all = [...members, ...ended].flatMap(({ records }) => records.map(({ value }) => value.toString()));
        return new Set(all).size === sent;
      });
    };
    for (let count = 1; count <= 4; count += 1) {
      members.push(await join(group, topic));
      await settle("a member joins");
    }
    while (members.length > 1) {
      const leaver = members.shift();
      await leaver.close();
      ended.push(leaver);
      await settle("a member leaves");
    }
    await members[0].close();
    assert.strictEqual(await committed(group, topic), sent);
  },
  "seek-by-time": async () => {
    const topic = "kafkajs.time";
    await create(topic, 1);
    const first = 1_700_000_000_000;
    const sent = numbers(0, 100, 1).map((message, at) => ({ ...message, timestamp: `${first + 1000 * at}` }));
    await produce(topic, sent);
    const at = (moment) => withAdmin(async (admin) => (await admin.fetchTopicOffsetsByTimestamp(topic, moment))[0].offset);
    assert.strictEqual(await at(first + 42_000), "42");
    assert.strictEqual(await at(first + 42_001), "43");
    assert.strictEqual(await at(0), "0");
    // Where there is none, KafkaJS gives the end.
    assert.strictEqual(await at(first + 1_000_000), "100");
    const found = await read(topic, 43, 2);
    assert.deepStrictEqual(found.map(({ value }) => value.toString()).slice(-2), ["43", "44"]);
  },
  "commit-and-resume": async () => {
    const topic = "kafkajs.resume";
    const group = `${topic}.group`;
    await create(topic, 1);
    await produce(topic, numbers(0, 50, 1));
    const first = await join(group, topic);
    await waitUntil("the first reads all", () => first.records.length === 50);
    await first.close();
    assert.strictEqual(await committed(group, topic), 50);
    await produce(topic, numbers(50, 60, 1));
    const second = await join(group, topic);
    await waitUntil("the second reads the rest", () => second.records.length >= 10);
    await second.close();
    assert.deepStrictEqual(second.records.map(({ value }) => Number(value)), [50, 51, 52, 53, 54, 55, 56, 57, 58, 59]);
  },
  admin: async () => {
    const topic = "kafkajs.admin";
    const groupId = "kafkajs.admin.group";
    const resource = { type: ConfigResourceTypes.TOPIC, name: topic };
    await withAdmin(async (admin) => {
      const configEntries = [{ name: "retention.ms", value: "3600000" }];
      const topics = [{ topic, numPartitions: 2, replicationFactor: 1, configEntries }];
      assert.strictEqual(await admin.createTopics({ topics }), true);
      assert.strictEqual(await admin.createTopics({ topics }), false, "a topic is created once");
      assert((await admin.listTopics()).includes(topic));
      await admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] });
      const { topics: [described] } = await admin.fetchTopicMetadata({ topics: [topic] });
      assert.strictEqual(described.partitions.length, 3);

      const changed = [{ name: "max.message.bytes", value: "12345" }];
      await admin.alterConfigs({ resources: [{ ...resource, configEntries: changed }] });
      const { resources: [{ configEntries: shown }] } = await admin.describeConfigs({ resources: [resource] });
      const value = (name) => shown.find(({ configName }) => configName === name).configValue;
      assert.strictEqual(value("max.message.bytes"), "12345");
      // What the old AlterConfigs does not name is set no more.
      assert.strictEqual(value("retention.ms"), "604800000");

      await produce(topic, numbers(0, 20, 1));
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: "15" }] });
      const offsets = (await admin.fetchTopicOffsets(topic)).find(({ partition }) => partition === 0);
      assert.deepStrictEqual([offsets.low, offsets.high], ["15", "20"]);
      assert.deepStrictEqual((await read(topic, 0, 5)).map(({ value }) => value.toString()), ["15", "16", "17", "18", "19"]);

      await admin.setOffsets({ groupId, topic, partitions: [{ partition: 0, offset: "17" }] });
      assert.strictEqual(await committed(groupId, topic), 17);
      const listed = async () => (await admin.listGroups()).groups.map((group) => group.groupId);
      assert((await listed()).includes(groupId));
      const { groups: [group] } = await admin.describeGroups([groupId]);
      assert.strictEqual(group.state, "Empty");
      await admin.deleteGroups([groupId]);
      assert(!(await listed()).includes(groupId));
      assert.strictEqual((await admin.describeCluster()).brokers.length, 1);
      await admin.deleteTopics({ topics: [topic] });
      await waitUntil("the topic is gone", async () => !(await admin.listTopics()).includes(topic));
    });
  },
};

const main = async () => {
  await zstd.init();
  let failures = 0;
  for (const [name, run] of Object.entries(CASES)) {
    if (names.length > 0 && !names.includes(name)) {
      continue;
    }
    const begun = Date.now();
    try {
      await run();
      console.log(`ok\t${name}\t${(Date.now() - begun) / 1000}`);
    } catch (error) {
      console.error(error);
      failures += 1;
      console.log(`failed\t${name}\t${(Date.now() - begun) / 1000}\t${String(error).replaceAll("\n", " ")}`);
    }
  }
  process.exit(failures > 0 ? 1 : 0);
};

main();
