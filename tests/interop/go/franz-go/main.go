// franz-go against a broker.
package main

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	. "interop/harness"
)

func main() {
	cases := []Case{{Name: "first-steps", Run: firstSteps}}
	cases = append(cases, Scenarios(func(address string) Adapter { return client{address} }, "franz", true)...)
	Main(append(cases, Case{Name: "admin", Run: admin}))
}

func patience() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	_ = cancel
	return ctx
}

// What the readme begins with, to a topic that is not there yet.
func firstSteps(address string) {
	cl := Must(kgo.NewClient(
		kgo.SeedBrokers(address),
		kgo.ConsumerGroup("my-group-identifier"),
		kgo.ConsumeTopics("franz.first"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.AllowAutoTopicCreation(),
	))
	defer cl.Close()
	Check(cl.ProduceSync(patience(), &kgo.Record{Topic: "franz.first", Value: []byte("bar")}).FirstErr())
	fetches := cl.PollFetches(patience())
	Assert(len(fetches.Errors()) == 0, "%v", fetches.Errors())
	records := fetches.Records()
	Assert(len(records) == 1 && string(records[0].Value) == "bar", "read %v", records)
	Check(cl.CommitUncommittedOffsets(patience()))
}

type client struct{ address string }

func (c client) admin(use func(*kadm.Client)) {
	cl := Must(kgo.NewClient(kgo.SeedBrokers(c.address)))
	defer cl.Close()
	use(kadm.NewClient(cl))
}

func (c client) Create(topic string, partitions int32) {
	c.admin(func(adm *kadm.Client) { Must(adm.CreateTopic(patience(), partitions, 1, nil, topic)) })
}

func (c client) Produce(topic string, records []Record, options Options) []int64 {
	codecs := map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}
	acks := map[int]kgo.Acks{-1: kgo.AllISRAcks(), 0: kgo.NoAck(), 1: kgo.LeaderAck()}
	opts := []kgo.Opt{
		kgo.SeedBrokers(c.address),
		kgo.ProducerBatchCompression(codecs[options.Codec]),
		kgo.RequiredAcks(acks[options.Acks]),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
	}
	if !options.Idempotent {
		opts = append(opts, kgo.DisableIdempotentWrite())
	}
	cl := Must(kgo.NewClient(opts...))
	defer cl.Close()
	var sent []*kgo.Record
	for _, record := range records {
		sent = append(sent, &kgo.Record{
			Topic: topic, Key: record.Key, Value: record.Value, Partition: record.Partition, Timestamp: record.Time,
		})
	}
	Check(cl.ProduceSync(patience(), sent...).FirstErr())
	var offsets []int64
	for _, record := range sent {
		offsets = append(offsets, record.Offset)
	}
	return offsets
}

func (c client) Read(topic string, partition int32, first int64, count int) []Record {
	at := map[string]map[int32]kgo.Offset{topic: {partition: kgo.NewOffset().At(first)}}
	cl := Must(kgo.NewClient(kgo.SeedBrokers(c.address), kgo.ConsumePartitions(at)))
	defer cl.Close()
	var read []Record
	for ctx := patience(); len(read) < count && ctx.Err() == nil; {
		for _, record := range cl.PollRecords(ctx, count-len(read)).Records() {
			read = append(read, convert(record))
		}
	}
	return read
}

func convert(record *kgo.Record) Record {
	return Record{
		Key: record.Key, Value: record.Value, Partition: record.Partition, Offset: record.Offset, Time: record.Timestamp,
	}
}

func (c client) Join(group, topic, instance string, cooperative bool) *Member {
	member := NewMember()
	assign := func(mine bool) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, cl *kgo.Client, partitions map[string][]int32) {
			if !mine && instance == "" {
				Check(cl.CommitUncommittedOffsets(patience()))
			}
			member.Assign(partitions[topic], mine)
		}
	}
	opts := []kgo.Opt{
		kgo.SeedBrokers(c.address),
		kgo.ConsumerGroup(group),
		kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.HeartbeatInterval(300 * time.Millisecond),
		kgo.SessionTimeout(10 * time.Second),
		kgo.AutoCommitInterval(500 * time.Millisecond),
		kgo.OnPartitionsAssigned(assign(true)),
		kgo.OnPartitionsRevoked(assign(false)),
		kgo.OnPartitionsLost(assign(false)),
		kgo.Balancers(kgo.RoundRobinBalancer()),
	}
	if cooperative {
		opts = append(opts, kgo.Balancers(kgo.CooperativeStickyBalancer()))
	}
	if instance != "" {
		opts = append(opts, kgo.InstanceID(instance))
	}
	cl := Must(kgo.NewClient(opts...))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			fetches := cl.PollFetches(ctx)
			for _, err := range fetches.Errors() {
				if ctx.Err() == nil {
					member.Fail(err.Err)
				}
			}
			fetches.EachRecord(func(record *kgo.Record) { member.Read(convert(record)) })
		}
	}()
	member.Close = func() {
		cancel()
		<-done
		Check(cl.CommitUncommittedOffsets(patience()))
		cl.Close()
	}
	return member
}

func (c client) OffsetAt(topic string, partition int32, moment time.Time) (offset int64) {
	c.admin(func(adm *kadm.Client) {
		found := Must(adm.ListOffsetsAfterMilli(patience(), moment.UnixMilli(), topic))
		Check(found.Error())
		offset = found[topic][partition].Offset
	})
	return offset
}

func (c client) Committed(group, topic string, partition int32) (offset int64) {
	c.admin(func(adm *kadm.Client) {
		found := Must(adm.FetchOffsets(patience(), group))
		Check(found.Error())
		at, there := found.Lookup(topic, partition)
		Assert(there, "nothing is committed for %s-%d", topic, partition)
		offset = at.At
	})
	return offset
}

func admin(address string) {
	c := client{address}
	topic, group := "franz.admin", "franz.admin.group"
	hour, size := "3600000", "12345"
	c.admin(func(adm *kadm.Client) {
		ctx := patience()
		created := Must(adm.CreateTopic(ctx, 2, 1, map[string]*string{"retention.ms": &hour}, topic))
		Check(created.Err)
		again := Must(adm.CreateTopics(ctx, 2, 1, nil, topic))[topic]
		Assert(again.Err == kerr.TopicAlreadyExists, "a topic is created once: %v", again.Err)
		Check(Must(adm.UpdatePartitions(ctx, 3, topic)).Error())
		topics := Must(adm.ListTopics(ctx, topic))
		Assert(len(topics[topic].Partitions) == 3 && topics[topic].ID == created.ID, "%v", topics)

		changes := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "max.message.bytes", Value: &size}}
		for _, altered := range Must(adm.AlterTopicConfigs(ctx, changes, topic)) {
			Check(altered.Err)
		}
		configs := map[string]string{}
		for _, config := range Must(Must(adm.DescribeTopicConfigs(ctx, topic)).On(topic, nil)).Configs {
			configs[config.Key] = config.MaybeValue()
		}
		Assert(configs["max.message.bytes"] == size && configs["retention.ms"] == hour, "%v", configs)

		c.Produce(topic, Numbers(0, 20, 1), Options{Codec: "none", Acks: -1})
		var offsets kadm.Offsets
		offsets.AddOffset(topic, 0, 15, -1)
		Check(Must(adm.DeleteRecords(ctx, offsets)).Error())
		starts, ends := Must(adm.ListStartOffsets(ctx, topic)), Must(adm.ListEndOffsets(ctx, topic))
		Assert(starts[topic][0].Offset == 15 && ends[topic][0].Offset == 20, "%v %v", starts, ends)
		read := c.Read(topic, 0, 15, 5)
		Assert(len(read) == 5 && string(read[0].Value) == "15", "read %v", read)

		offsets.AddOffset(topic, 0, 17, -1)
		Check(Must(adm.CommitOffsets(ctx, group, offsets)).Error())
		Assert(c.Committed(group, topic, 0) == 17, "what was committed by hand is found")
		Assert(contains(adm, group), "the group is listed")
		described := Must(adm.DescribeGroups(ctx, group))
		Check(described.Error())
		Assert(described[group].State == "Empty", "the group is %s", described[group].State)
		Check(Must(adm.DeleteGroups(ctx, group)).Error())
		Assert(!contains(adm, group), "the group is gone")
		Check(Must(adm.DeleteTopics(ctx, topic)).Error())
		WaitUntil("the topic is gone", func() bool { return !Must(adm.ListTopics(patience())).Has(topic) })
	})
}

func contains(adm *kadm.Client, group string) bool {
	_, there := Must(adm.ListGroups(patience()))[group]
	return there
}
