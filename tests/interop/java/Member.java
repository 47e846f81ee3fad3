import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CopyOnWriteArrayList;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** A consumer of a group in a thread of its own. */
final class Member extends Thread {
    private final Map<String, Object> settings;
    private final String topic;
    private volatile boolean ending;
    private volatile Throwable failure;
    final List<ConsumerRecord<byte[], byte[]>> records = new CopyOnWriteArrayList<>();
    volatile Set<Integer> assigned = Set.of();
    volatile int changes;

    Member(Map<String, Object> settings, String topic) {
        this.settings = settings;
        this.topic = topic;
        setDaemon(true);
        start();
    }

    @Override
    public void run() {
        ByteArrayDeserializer bytes = new ByteArrayDeserializer();
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings, bytes, bytes)) {
            consumer.subscribe(List.of(topic), new ConsumerRebalanceListener() {
                @Override
                public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
                    changes++;
                }

                @Override
                public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
                    changes++;
                }
            });
            while (!ending) {
                consumer.poll(Duration.ofMillis(100)).forEach(records::add);
                Set<Integer> now = new TreeSet<>();
                consumer.assignment().forEach(at -> now.add(at.partition()));
                assigned = now;
            }
        } catch (Throwable thrown) {
            thrown.printStackTrace();
            failure = thrown;
        }
    }

    /** Throws where it has failed. */
    void check() {
        if (failure != null) {
            throw new AssertionError("a member has failed", failure);
        }
    }

    void end() throws InterruptedException {
        ending = true;
        join(Harness.PATIENCE.toMillis());
        Harness.check(!isAlive(), "a consumer closes");
        check();
    }
}
