// Writes what the fixtures beside this file were taken from. See README.md.
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.common.header.internals.*;
import org.apache.kafka.common.serialization.*;
import java.util.*;

public class Fixtures {
    static String SERVER;
    static Properties props(String codec) {
        Properties p = new Properties();
        p.put("bootstrap.servers", SERVER); p.put("compression.type", codec);
        p.put("key.serializer", ByteArraySerializer.class); p.put("value.serializer", ByteArraySerializer.class);
        p.put("linger.ms", "500"); p.put("batch.size", "4000000"); p.put("max.request.size", "4000000");
        return p;
    }
    static void send(Producer<byte[], byte[]> producer, String topic) {
        byte[] large = new byte[150000];
        for (int i = 0; i < large.length; i++) large[i] = (byte) (i / 1000);
        RecordHeaders headers = new RecordHeaders();
        headers.add("trace", "one".getBytes()); headers.add("trace", "two".getBytes()); headers.add("empty", new byte[0]); headers.add("null", null);
        producer.send(new ProducerRecord<>(topic, 0, 1700000000000L, "key".getBytes(), "value".getBytes(), (Iterable<org.apache.kafka.common.header.Header>) headers));
        producer.send(new ProducerRecord<>(topic, 0, 1700000000007L, null, "no key".getBytes()));
        producer.send(new ProducerRecord<>(topic, 0, 1699999999999L, "tombstone".getBytes(), (byte[]) null));
        producer.send(new ProducerRecord<>(topic, 0, 1700000000003L, new byte[0], new byte[0]));
        producer.send(new ProducerRecord<>(topic, 0, 1700000000005L, "large".getBytes(), large));
        producer.flush();
    }
    public static void main(String[] args) throws Exception {
        SERVER = args[0];
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", (Object) SERVER))) {
            List<NewTopic> topics = new ArrayList<>();
            for (String each : List.of("none", "gzip", "snappy", "lz4", "zstd", "txn")) topics.add(new NewTopic("fx-" + each, 1, (short) 1).configs(Map.of("max.message.bytes", "4000000")));
            admin.createTopics(topics).all().get();
        }
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd"))
            try (Producer<byte[], byte[]> producer = new KafkaProducer<>(props(codec))) { send(producer, "fx-" + codec); }
        Properties p = props("none"); p.put("transactional.id", "fixture");
        try (Producer<byte[], byte[]> producer = new KafkaProducer<>(p)) {
            producer.initTransactions();
            for (boolean commit : new boolean[] {true, false}) {
                producer.beginTransaction();
                producer.send(new ProducerRecord<>("fx-txn", 0, 1700000000000L, "k".getBytes(), "v".getBytes())).get();
                if (commit) producer.commitTransaction(); else producer.abortTransaction();
            }
        }
    }
}
