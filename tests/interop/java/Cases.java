import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.GroupListing;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.consumer.RoundRobinAssignor;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** The Java client against a broker. */
final class Cases {
    private static final int PARTITIONS = 6;
    private final String address;

    private Cases(String address) {
        this.address = address;
    }

    public static void main(String[] arguments) {
        Cases cases = new Cases(arguments[0]);
        Harness harness = new Harness();
        harness.add("first-steps", cases::firstSteps);
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            harness.add("codec-" + codec, () -> cases.codec(codec));
        }
        harness.add("idempotent", cases::idempotent);
        harness.add("groups", () -> cases.groups("java.groups", RoundRobinAssignor.class));
        harness.add("cooperative", () -> cases.groups("java.cooperative", CooperativeStickyAssignor.class));
        harness.add("static", cases::staticMembers);
        harness.add("seek-by-time", cases::byTime);
        harness.add("commit-and-resume", cases::resume);
        harness.add("admin", cases::admin);
        harness.run(arguments);
    }

    /** What the documentation begins with, to a topic that is not there yet. */
    private void firstSteps() throws Exception {
        StringSerializer to = new StringSerializer();
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(settings(Map.of()), to, to)) {
            for (int number = 0; number < 10; number++) {
                String text = Integer.toString(number);
                producer.send(new ProducerRecord<>("java.first", text, text)).get();
            }
        }
        Map<String, Object> settings = settings(Map.of("group.id", "test", "auto.offset.reset", "earliest"));
        StringDeserializer from = new StringDeserializer();
        List<String> read = new ArrayList<>();
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(settings, from, from)) {
            consumer.subscribe(List.of("java.first"));
            Harness.waitUntil("ten records", () -> {
                consumer.poll(Duration.ofMillis(100)).forEach(record -> read.add(record.value()));
                return read.size() >= 10;
            });
        }
        Harness.equal(read, List.of("0", "1", "2", "3", "4", "5", "6", "7", "8", "9"), "what is read");
    }

    /** What was sent in a codec is read, whatever is acknowledged. */
    private void codec(String codec) throws Exception {
        for (String acks : List.of("all", "1", "0")) {
            String topic = "java." + codec + "." + acks;
            create(topic, 1);
            List<ProducerRecord<byte[], byte[]>> sent = values(topic, 300);
            Map<String, Object> settings = Map.of("compression.type", codec, "acks", acks, "enable.idempotence", false);
            List<Long> offsets = produce(sent, settings);
            if (!acks.equals("0")) {
                Harness.equal(offsets, IntStream.range(0, 300).mapToObj(at -> (long) at).toList(), "offsets");
            }
            same(sent, read(topic, 0, 300));
        }
    }

    /** An idempotent producer's records are there once and in order. */
    private void idempotent() throws Exception {
        create("java.idempotent", 1);
        List<ProducerRecord<byte[], byte[]>> sent = values("java.idempotent", 2000);
        produce(sent, Map.of("enable.idempotence", true, "batch.size", 1000));
        same(sent, read("java.idempotent", 0, 2000));
    }

    /** One to four members come and go: each partition is one member's, and each record is read. */
    private void groups(String topic, Class<?> assignor) throws Exception {
        create(topic, PARTITIONS);
        String group = topic + ".group";
        List<Member> members = new ArrayList<>();
        List<Member> ended = new ArrayList<>();
        int sent = 0;
        for (int change = 0; change < 7; change++) {
            String what;
            if (change < 4) {
                what = "a member joins";
                members.add(new Member(member(group, assignor, null), topic));
            } else {
                what = "a member leaves";
                Member leaver = members.remove(0);
                leaver.end();
                ended.add(leaver);
            }
            Harness.waitUntil(what + ": " + members.size() + " members share the partitions", () -> {
                members.forEach(Member::check);
                List<Integer> owned = members.stream().flatMap(member -> member.assigned.stream()).sorted().toList();
                return owned.equals(IntStream.range(0, PARTITIONS).boxed().toList())
                    && members.stream().noneMatch(member -> member.assigned.isEmpty());
            });
            produce(numbers(topic, sent, sent + 60, PARTITIONS), Map.of());
            sent += 60;
            int all = sent;
            Harness.waitUntil(what + ": all of " + all + " records are read", () -> count(members, ended) == all);
        }
        members.get(0).end();
        try (Admin admin = Admin.create(settings(Map.of()))) {
            var offsets = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
            long committed = offsets.values().stream().mapToLong(OffsetAndMetadata::offset).sum();
            Harness.equal(committed, (long) sent, "committed offsets");
        }
    }

    /** A static member that comes back finds its partitions, and the others notice nothing (KIP-345). */
    private void staticMembers() throws Exception {
        String topic = "java.static";
        create(topic, 4);
        String group = topic + ".group";
        Member first = new Member(member(group, RoundRobinAssignor.class, "first"), topic);
        Member second = new Member(member(group, RoundRobinAssignor.class, "second"), topic);
        Harness.waitUntil("two static members share the partitions",
            () -> first.assigned.size() == 2 && second.assigned.size() == 2);
        Set<Integer> before = first.assigned;
        int changes = second.changes;
        first.end();
        Member again = new Member(member(group, RoundRobinAssignor.class, "first"), topic);
        Harness.waitUntil("the member has its partitions again", () -> again.assigned.equals(before));
        produce(numbers(topic, 0, 40, 4), Map.of());
        Harness.waitUntil("all is read", () -> count(List.of(again, second), List.of(first)) == 40);
        Harness.equal(second.changes, changes, "changes that the other member has seen");
        again.end();
        second.end();
    }

    /** The first record at or after a moment. */
    private void byTime() throws Exception {
        String topic = "java.time";
        create(topic, 1);
        long first = 1_700_000_000_000L;
        List<ProducerRecord<byte[], byte[]>> sent = new ArrayList<>();
        for (int at = 0; at < 100; at++) {
            sent.add(new ProducerRecord<>(topic, 0, first + 1000L * at, null, Integer.toString(at).getBytes(UTF_8)));
        }
        produce(sent, Map.of());
        TopicPartition partition = new TopicPartition(topic, 0);
        ByteArrayDeserializer bytes = new ByteArrayDeserializer();
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings(Map.of()), bytes, bytes)) {
            for (long[] each : new long[][] {{42_000, 42}, {42_001, 43}, {-1_000_000, 0}}) {
                OffsetAndTimestamp found = consumer.offsetsForTimes(Map.of(partition, first + each[0])).get(partition);
                Harness.equal(found.offset(), each[1], "the offset at " + each[0]);
                Harness.equal(found.timestamp(), first + 1000 * each[1], "the timestamp at " + each[0]);
            }
            Map<TopicPartition, OffsetAndTimestamp> late = consumer.offsetsForTimes(Map.of(partition, first + 1_000_000));
            Harness.check(late.get(partition) == null, "there is none that late");
        }
        List<String> read = read(topic, 43, 2).stream().map(record -> new String(record.value(), UTF_8)).toList();
        Harness.equal(read, List.of("43", "44"), "what is read from there");
    }

    /** A group goes on where it has committed. */
    private void resume() throws Exception {
        String topic = "java.resume";
        create(topic, 1);
        String group = topic + ".group";
        produce(numbers(topic, 0, 50, 1), Map.of());
        Member first = new Member(member(group, RoundRobinAssignor.class, null), topic);
        Harness.waitUntil("the first reads all", () -> first.records.size() == 50);
        first.end();
        produce(numbers(topic, 50, 60, 1), Map.of());
        Member second = new Member(member(group, RoundRobinAssignor.class, null), topic);
        Harness.waitUntil("the second reads the rest", () -> second.records.size() >= 10);
        second.end();
        List<Long> offsets = second.records.stream().map(ConsumerRecord::offset).toList();
        Harness.equal(offsets, IntStream.range(50, 60).mapToObj(at -> (long) at).toList(), "what the second reads");
    }

    private void admin() throws Exception {
        String topic = "java.admin";
        String group = "java.admin.group";
        TopicPartition partition = new TopicPartition(topic, 0);
        try (Admin admin = Admin.create(settings(Map.of()))) {
            NewTopic wanted = new NewTopic(topic, 2, (short) 1).configs(Map.of("retention.ms", "3600000"));
            admin.createTopics(List.of(wanted)).all().get();
            try {
                admin.createTopics(List.of(wanted)).all().get();
                throw new AssertionError("a topic is created once");
            } catch (ExecutionException refused) {
                Harness.check(refused.getCause() instanceof TopicExistsException, refused.toString());
            }
            admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(3))).all().get();
            var described = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic);
            Harness.equal(described.partitions().size(), 3, "partitions");

            ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
            var size = new AlterConfigOp(new ConfigEntry("max.message.bytes", "12345"), AlterConfigOp.OpType.SET);
            Map<ConfigResource, Collection<AlterConfigOp>> changes = Map.of(resource, List.of(size));
            admin.incrementalAlterConfigs(changes).all().get();
            Config config = admin.describeConfigs(List.of(resource)).all().get().get(resource);
            Harness.equal(config.get("max.message.bytes").value(), "12345", "what was altered");
            Harness.equal(config.get("retention.ms").value(), "3600000", "what it was created with");
            Harness.check(config.get("segment.bytes").isDefault(), "the rest is as it is by default");

            produce(numbers(topic, 0, 20, 1), Map.of());
            var deleted = admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(15)));
            Harness.equal(deleted.lowWatermarks().get(partition).get().lowWatermark(), 15L, "the low watermark");
            Harness.equal(offset(admin, partition, OffsetSpec.earliest()), 15L, "the earliest offset");
            Harness.equal(offset(admin, partition, OffsetSpec.latest()), 20L, "the latest offset");
            Harness.equal(offset(admin, partition, OffsetSpec.maxTimestamp()), 19L, "the offset of the latest timestamp");
            Harness.equal(read(topic, 15, 5).get(0).offset(), 15L, "the first record");

            Map<TopicPartition, OffsetAndMetadata> moved = Map.of(partition, new OffsetAndMetadata(17, "by hand"));
            admin.alterConsumerGroupOffsets(group, moved).all().get();
            var offsets = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
            Harness.equal(offsets, moved, "offsets that were moved by hand");
            Harness.check(groups(admin).contains(group), "the group is listed");
            var state = admin.describeConsumerGroups(List.of(group)).all().get().get(group).groupState();
            Harness.equal(state, GroupState.EMPTY, "the group's state");
            admin.deleteConsumerGroups(List.of(group)).all().get();
            Harness.check(!groups(admin).contains(group), "the group is gone");
            Harness.equal(admin.describeCluster().nodes().get().size(), 1, "brokers");
            Harness.check(!admin.describeLogDirs(List.of(1)).allDescriptions().get().isEmpty(), "a log directory is described");
            admin.deleteTopics(List.of(topic)).all().get();
            Harness.waitUntil("the topic is gone", () -> !admin.listTopics().names().get().contains(topic));
        }
    }

    private static Set<String> groups(Admin admin) throws Exception {
        return admin.listGroups().all().get().stream().map(GroupListing::groupId).collect(Collectors.toSet());
    }

    private static long offset(Admin admin, TopicPartition partition, OffsetSpec spec) throws Exception {
        return admin.listOffsets(Map.of(partition, spec)).partitionResult(partition).get().offset();
    }

    private Map<String, Object> settings(Map<String, ?> more) {
        Map<String, Object> settings = new HashMap<>(more);
        settings.put("bootstrap.servers", address);
        return settings;
    }

    private Map<String, Object> member(String group, Class<?> assignor, String instance) {
        Map<String, Object> settings = settings(Map.of(
            "group.id", group, "auto.offset.reset", "earliest", "auto.commit.interval.ms", 500,
            "heartbeat.interval.ms", 300, "session.timeout.ms", 10_000,
            "partition.assignment.strategy", assignor.getName()));
        if (instance != null) {
            settings.put("group.instance.id", instance);
        }
        return settings;
    }

    private void create(String topic, int partitions) throws Exception {
        try (Admin admin = Admin.create(settings(Map.of()))) {
            admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1))).all().get();
        }
    }

    private List<Long> produce(List<ProducerRecord<byte[], byte[]>> records, Map<String, ?> more) throws Exception {
        ByteArraySerializer bytes = new ByteArraySerializer();
        Map<String, Object> settings = settings(more);
        settings.put("linger.ms", 10);
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        List<Long> offsets = new ArrayList<>();
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings, bytes, bytes)) {
            records.forEach(record -> sent.add(producer.send(record)));
            producer.flush();
            for (Future<RecordMetadata> each : sent) {
                offsets.add(each.get().offset());
            }
        }
        return offsets;
    }

    private List<ConsumerRecord<byte[], byte[]>> read(String topic, long first, int count) throws Exception {
        ByteArrayDeserializer bytes = new ByteArrayDeserializer();
        List<ConsumerRecord<byte[], byte[]>> read = new ArrayList<>();
        Map<String, Object> settings = settings(Map.of("max.poll.records", count));
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings, bytes, bytes)) {
            TopicPartition partition = new TopicPartition(topic, 0);
            consumer.assign(List.of(partition));
            consumer.seek(partition, first);
            Harness.waitUntil(count + " records of " + topic, () -> {
                consumer.poll(Duration.ofMillis(100)).forEach(read::add);
                return read.size() >= count;
            });
        }
        return read;
    }

    private static int count(List<Member> members, List<Member> ended) {
        Set<String> values = new TreeSet<>();
        Stream.concat(members.stream(), ended.stream())
            .flatMap(member -> member.records.stream())
            .forEach(record -> values.add(new String(record.value(), UTF_8)));
        return values.size();
    }

    /** Records that compress and those that do not, some without a key. */
    private static List<ProducerRecord<byte[], byte[]>> values(String topic, int count) {
        List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
        for (int number = 0; number < count; number++) {
            ByteArrayOutputStream value = new ByteArrayOutputStream();
            value.writeBytes((number + "-" + "x".repeat(number % 300)).getBytes(UTF_8));
            for (int step = 0; step < number % 60; step++) {
                value.write(number * step);
            }
            byte[] key = number % 7 == 3 ? null : ("key-" + number).getBytes(UTF_8);
            records.add(new ProducerRecord<>(topic, 0, key, value.toByteArray()));
        }
        return records;
    }

    private static List<ProducerRecord<byte[], byte[]>> numbers(String topic, int from, int to, int partitions) {
        List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
        // No two of them at the same time: the last one is the latest.
        long now = System.currentTimeMillis();
        for (int number = from; number < to; number++) {
            byte[] value = Integer.toString(number).getBytes(UTF_8);
            records.add(new ProducerRecord<>(topic, number % partitions, now + number, null, value));
        }
        return records;
    }

    private static void same(List<ProducerRecord<byte[], byte[]>> sent, List<ConsumerRecord<byte[], byte[]>> read) {
        Harness.equal(read.size(), sent.size(), "records that are read");
        for (int at = 0; at < sent.size(); at++) {
            Harness.equal(read.get(at).offset(), (long) at, "the offset of a record");
            Harness.check(Arrays.equals(read.get(at).key(), sent.get(at).key()), "the key at " + at);
            Harness.check(Arrays.equals(read.get(at).value(), sent.get(at).value()), "the value at " + at);
        }
    }
}
