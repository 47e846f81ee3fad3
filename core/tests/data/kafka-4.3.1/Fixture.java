import java.util.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Fills a broker so that each file that it keeps has something in it. Arguments: bootstrap server, "first" or "second". */
public class Fixture {
    static Properties settings(String server, String transactionalId) {
        Properties p = new Properties();
        p.put("bootstrap.servers", server);
        p.put("linger.ms", "0");
        p.put("batch.size", "4000");
        if (transactionalId != null) { p.put("transactional.id", transactionalId); p.put("transaction.timeout.ms", "900000"); }
        return p;
    }
    static KafkaProducer<byte[], byte[]> producer(String server, String transactionalId) {
        return new KafkaProducer<>(settings(server, transactionalId), new ByteArraySerializer(), new ByteArraySerializer());
    }
    static void send(KafkaProducer<byte[], byte[]> p, String topic, int partition, int count, int bytes) throws Exception {
        for (int i = 0; i < count; i++) {
            byte[] value = new byte[bytes];
            new Random(i).nextBytes(value);
            p.send(new ProducerRecord<>(topic, partition, ("key-" + i % 7).getBytes(), value)).get();
        }
    }
    public static void main(String[] args) throws Exception {
        String server = args[0];
        if (args[1].equals("first")) {
            try (Admin admin = Admin.create(settings(server, null))) {
                admin.createTopics(List.of(
                    new NewTopic("fixture", 3, (short) 1).configs(Map.of("segment.bytes", "1048576", "index.interval.bytes", "4096")),
                    new NewTopic("fixture.compacted", 1, (short) 1).configs(Map.of("cleanup.policy", "compact", "segment.ms", "500",
                        "min.cleanable.dirty.ratio", "0.001")))).all().get();
            }
        }
        KafkaProducer<byte[], byte[]> a = producer(server, "fixture-" + args[1]);
        a.initTransactions();
        for (int round = 0; round < 3; round++) {
            a.beginTransaction(); send(a, "fixture", 0, 3, 10); send(a, "fixture", 1, 2, 10); a.commitTransaction();
            a.beginTransaction(); send(a, "fixture", 0, 2, 10); a.flush(); a.abortTransaction();
        }
        a.beginTransaction(); send(a, "fixture", 0, 2, 10); a.flush(); // and left open
        try (KafkaProducer<byte[], byte[]> b = producer(server, null)) {
            send(b, "fixture", 0, 7, 10);
            send(b, "fixture", 2, 240, 10000);
            for (int i = 0; i < 3; i++) { send(b, "fixture.compacted", 0, 20, 100); Thread.sleep(700); }
        }
        Thread.sleep(25000); // the cleaner looks every 15 s
        System.out.println("done");
        Runtime.getRuntime().halt(0);
    }
}
