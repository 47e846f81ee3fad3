// sarama against a broker.
package main

import (
	"context"
	"errors"
	"time"

	"github.com/IBM/sarama"

	. "interop/harness"
)

func main() {
	cases := []Case{{Name: "first-steps", Run: firstSteps}}
	cases = append(cases, Scenarios(func(address string) Adapter { return client{address} }, "sarama", false)...)
	Main(append(cases, Case{Name: "admin", Run: admin}))
}

func settings() *sarama.Config {
	config := sarama.NewConfig()
	// As new as it knows; the default is the oldest that it still serves.
	config.Version = sarama.MaxVersion
	return config
}

// What everybody begins with, to a topic that is not there yet, at the client's own defaults.
func firstSteps(address string) {
	config := sarama.NewConfig()
	config.Producer.Return.Successes = true
	producer := Must(sarama.NewSyncProducer([]string{address}, config))
	partition, offset, err := producer.SendMessage(
		&sarama.ProducerMessage{Topic: "sarama.first", Value: sarama.StringEncoder("testing 123")})
	Check(err)
	Assert(partition == 0 && offset == 0, "%d at %d", partition, offset)
	Check(producer.Close())
	consumer := Must(sarama.NewConsumer([]string{address}, sarama.NewConfig()))
	messages := Must(consumer.ConsumePartition("sarama.first", 0, sarama.OffsetOldest))
	select {
	case message := <-messages.Messages():
		Assert(string(message.Value) == "testing 123", "read %q", message.Value)
	case <-time.After(Patience):
		panic("nothing is read")
	}
	Check(messages.Close())
	Check(consumer.Close())
}

type client struct{ address string }

func (c client) admin(use func(sarama.ClusterAdmin)) {
	admin := Must(sarama.NewClusterAdmin([]string{c.address}, settings()))
	use(admin)
	Check(admin.Close())
}

func (c client) Create(topic string, partitions int32) {
	c.admin(func(admin sarama.ClusterAdmin) {
		Check(admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 1}, false))
	})
}

func (c client) Produce(topic string, records []Record, options Options) []int64 {
	config := settings()
	codecs := map[string]sarama.CompressionCodec{
		"none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP, "snappy": sarama.CompressionSnappy,
		"lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD,
	}
	config.Producer.Compression = codecs[options.Codec]
	config.Producer.RequiredAcks = sarama.RequiredAcks(options.Acks)
	config.Producer.Return.Successes = true
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Producer.Flush.Frequency = 10 * time.Millisecond
	if options.Idempotent {
		config.Producer.Idempotent = true
		config.Net.MaxOpenRequests = 1
	}
	producer := Must(sarama.NewSyncProducer([]string{c.address}, config))
	var messages []*sarama.ProducerMessage
	for _, record := range records {
		message := &sarama.ProducerMessage{Topic: topic, Partition: record.Partition, Timestamp: record.Time}
		message.Value = sarama.ByteEncoder(record.Value)
		if record.Key != nil {
			message.Key = sarama.ByteEncoder(record.Key)
		}
		messages = append(messages, message)
	}
	Check(producer.SendMessages(messages))
	Check(producer.Close())
	var offsets []int64
	for _, message := range messages {
		offsets = append(offsets, message.Offset)
	}
	return offsets
}

func (c client) Read(topic string, partition int32, first int64, count int) []Record {
	consumer := Must(sarama.NewConsumer([]string{c.address}, settings()))
	messages := Must(consumer.ConsumePartition(topic, partition, first))
	var read []Record
	end := time.After(Patience)
	for len(read) < count {
		select {
		case message := <-messages.Messages():
			read = append(read, convert(message))
		case <-end:
			return read
		}
	}
	Check(messages.Close())
	Check(consumer.Close())
	return read
}

func convert(message *sarama.ConsumerMessage) Record {
	return Record{
		Key: message.Key, Value: message.Value, Partition: message.Partition, Offset: message.Offset, Time: message.Timestamp,
	}
}

// handler is what sarama calls for each generation of a group.
type handler struct {
	member *Member
	topic  string
}

func (h handler) Setup(session sarama.ConsumerGroupSession) error {
	h.member.Assign(session.Claims()[h.topic], true)
	return nil
}

func (h handler) Cleanup(session sarama.ConsumerGroupSession) error {
	h.member.Assign(session.Claims()[h.topic], false)
	return nil
}

func (h handler) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case message, open := <-claim.Messages():
			if !open {
				return nil
			}
			h.member.Read(convert(message))
			session.MarkMessage(message, "")
		case <-session.Context().Done():
			return nil
		}
	}
}

func (c client) Join(group, topic, instance string, _ bool) *Member {
	config := settings()
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Group.Heartbeat.Interval = 300 * time.Millisecond
	config.Consumer.Group.Session.Timeout = 10 * time.Second
	config.Consumer.Offsets.AutoCommit.Interval = 500 * time.Millisecond
	config.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{sarama.NewBalanceStrategyRoundRobin()}
	config.Consumer.Group.InstanceId = instance
	consumer := Must(sarama.NewConsumerGroup([]string{c.address}, group, config))
	member := NewMember()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			err := consumer.Consume(ctx, []string{topic}, handler{member, topic})
			if err != nil && ctx.Err() == nil && !errors.Is(err, sarama.ErrClosedConsumerGroup) {
				member.Fail(err)
				return
			}
		}
	}()
	member.Close = func() {
		cancel()
		<-done
		Check(consumer.Close())
	}
	return member
}

func (c client) OffsetAt(topic string, partition int32, moment time.Time) int64 {
	cl := Must(sarama.NewClient([]string{c.address}, settings()))
	offset := Must(cl.GetOffset(topic, partition, moment.UnixMilli()))
	Check(cl.Close())
	return offset
}

func (c client) Committed(group, topic string, partition int32) (offset int64) {
	c.admin(func(admin sarama.ClusterAdmin) {
		found := Must(admin.ListConsumerGroupOffsets(group, map[string][]int32{topic: {partition}}))
		offset = found.GetBlock(topic, partition).Offset
	})
	return offset
}

func admin(address string) {
	c := client{address}
	topic, group := "sarama.admin", "sarama.admin.group"
	hour, size := "3600000", "12345"
	c.admin(func(admin sarama.ClusterAdmin) {
		detail := &sarama.TopicDetail{
			NumPartitions: 2, ReplicationFactor: 1, ConfigEntries: map[string]*string{"retention.ms": &hour},
		}
		Check(admin.CreateTopic(topic, detail, false))
		again := admin.CreateTopic(topic, detail, false)
		Assert(errors.Is(again, sarama.ErrTopicAlreadyExists), "a topic is created once: %v", again)
		Check(admin.CreatePartitions(topic, 3, nil, false))
		described := Must(admin.DescribeTopics([]string{topic}))
		Assert(len(described) == 1 && len(described[0].Partitions) == 3, "%v", described)

		set := sarama.IncrementalAlterConfigsEntry{Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &size}
		changes := map[string]sarama.IncrementalAlterConfigsEntry{"max.message.bytes": set}
		Check(admin.IncrementalAlterConfig(sarama.TopicResource, topic, changes, false))
		configs := map[string]string{}
		for _, entry := range Must(admin.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: topic})) {
			configs[entry.Name] = entry.Value
		}
		Assert(configs["max.message.bytes"] == size && configs["retention.ms"] == hour, "%v", configs)

		c.Produce(topic, Numbers(0, 20, 1), Options{Codec: "none", Acks: -1})
		Check(admin.DeleteRecords(topic, map[int32]int64{0: 15}))
		read := c.Read(topic, 0, 15, 5)
		Assert(len(read) == 5 && string(read[0].Value) == "15", "read %v", read)

		moved := map[string]map[int32]sarama.OffsetAndMetadata{topic: {0: {Offset: 17, LeaderEpoch: -1}}}
		Must(admin.AlterConsumerGroupOffsets(group, moved, nil))
		Assert(c.Committed(group, topic, 0) == 17, "what was committed by hand is found")
		_, listed := Must(admin.ListConsumerGroups())[group]
		Assert(listed, "the group is listed")
		groups := Must(admin.DescribeConsumerGroups([]string{group}))
		Assert(len(groups) == 1 && groups[0].State == "Empty", "%v", groups)
		Check(admin.DeleteConsumerGroup(group))
		_, listed = Must(admin.ListConsumerGroups())[group]
		Assert(!listed, "the group is gone")
		Check(admin.DeleteTopic(topic))
		WaitUntil("the topic is gone", func() bool { _, there := Must(admin.ListTopics())[topic]; return !there })
	})
}
