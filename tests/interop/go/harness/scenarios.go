package harness

import (
	"bytes"
	"fmt"
	"strconv"
	"time"
)

// Adapter is a client, as the scenarios that all clients have use it.
type Adapter interface {
	Create(topic string, partitions int32)
	// Produce gives the offsets; they mean nothing where acks is 0.
	Produce(topic string, records []Record, options Options) []int64
	Read(topic string, partition int32, first int64, count int) []Record
	// Join makes a member of a group; instance is empty for a dynamic one.
	Join(group, topic, instance string, cooperative bool) *Member
	// OffsetAt gives the first offset at or after a moment; -1 where there is none.
	OffsetAt(topic string, partition int32, moment time.Time) int64
	Committed(group, topic string, partition int32) int64
}

// Options are how a producer is configured.
type Options struct {
	// Codec is none, gzip, snappy, lz4 or zstd.
	Codec string
	// Acks is -1, 0 or 1.
	Acks       int
	Idempotent bool
}

const partitions = 6

// Scenarios are the cases that all clients have. Topics and groups are named with the prefix.
func Scenarios(adapter func(address string) Adapter, prefix string, cooperative bool) []Case {
	var cases []Case
	add := func(name string, run func(Adapter)) {
		cases = append(cases, Case{name, func(address string) { run(adapter(address)) }})
	}
	for _, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		add("codec-"+codec, func(client Adapter) { codecs(client, prefix, codec) })
	}
	add("idempotent", func(client Adapter) { idempotent(client, prefix) })
	add("groups", func(client Adapter) { groups(client, prefix+".groups", false) })
	if cooperative {
		add("cooperative", func(client Adapter) { groups(client, prefix+".cooperative", true) })
	}
	add("static", func(client Adapter) { static(client, prefix) })
	add("seek-by-time", func(client Adapter) { byTime(client, prefix) })
	add("commit-and-resume", func(client Adapter) { resume(client, prefix) })
	return cases
}

// Numbers makes records whose values are numbers, spread over partitions.
func Numbers(from, to, partitions int) []Record {
	var records []Record
	for number := from; number < to; number++ {
		records = append(records, Record{Value: []byte(strconv.Itoa(number)), Partition: int32(number % partitions)})
	}
	return records
}

// values are records that compress and those that do not, some without a key.
func values(count int) []Record {
	var records []Record
	for number := range count {
		value := append([]byte(strconv.Itoa(number)+"-"), bytes.Repeat([]byte("x"), number%300)...)
		for step := range number % 60 {
			value = append(value, byte(number*step))
		}
		record := Record{Value: value}
		if number%7 != 3 {
			record.Key = []byte(fmt.Sprintf("key-%d", number))
		}
		records = append(records, record)
	}
	return records
}

func same(sent, read []Record) {
	Assert(len(read) == len(sent), "%d of %d records are read", len(read), len(sent))
	for at := range sent {
		Assert(read[at].Offset == int64(at), "record %d has offset %d", at, read[at].Offset)
		Assert(bytes.Equal(read[at].Key, sent[at].Key), "key %q instead of %q", read[at].Key, sent[at].Key)
		Assert(bytes.Equal(read[at].Value, sent[at].Value), "value %q instead of %q", read[at].Value, sent[at].Value)
	}
}

func dense(offsets []int64) {
	for at, offset := range offsets {
		Assert(offset == int64(at), "record %d was acknowledged at %d", at, offset)
	}
}

// What was sent in a codec is read, whatever is acknowledged.
func codecs(client Adapter, prefix, codec string) {
	for _, acks := range []int{-1, 1, 0} {
		topic := fmt.Sprintf("%s.%s.%d", prefix, codec, acks+1)
		client.Create(topic, 1)
		sent := values(300)
		offsets := client.Produce(topic, sent, Options{Codec: codec, Acks: acks})
		if acks != 0 {
			dense(offsets)
		}
		same(sent, client.Read(topic, 0, 0, len(sent)))
	}
}

// An idempotent producer's records are there once and in order.
func idempotent(client Adapter, prefix string) {
	topic := prefix + ".idempotent"
	client.Create(topic, 1)
	sent := values(2000)
	dense(client.Produce(topic, sent, Options{Codec: "none", Acks: -1, Idempotent: true}))
	same(sent, client.Read(topic, 0, 0, len(sent)))
}

// One to four members come and go: each partition is one member's, and each record is read.
func groups(client Adapter, topic string, cooperative bool) {
	client.Create(topic, partitions)
	group := topic + ".group"
	var members, ended []*Member
	sent := 0
	settle := func(what string) {
		WaitUntil(fmt.Sprintf("%s: %d members share %d partitions", what, len(members), partitions), func() bool {
			owned := map[int32]int{}
			for _, member := range members {
				_, assigned, _ := member.see()
				for partition := range assigned {
					owned[partition]++
				}
				if len(assigned) == 0 {
					return false
				}
			}
			for _, count := range owned {
				if count != 1 {
					return false
				}
			}
			return len(owned) == partitions
		})
		client.Produce(topic, Numbers(sent, sent+60, partitions), Options{Codec: "none", Acks: -1})
		sent += 60
		WaitUntil(fmt.Sprintf("%s: all of %d records are read", what, sent), func() bool {
			return count(append(append([]*Member{}, members...), ended...)) == sent
		})
	}
	for number := 1; number <= 4; number++ {
		members = append(members, client.Join(group, topic, "", cooperative))
		settle("a member joins")
	}
	for len(members) > 1 {
		members[0].Close()
		ended, members = append(ended, members[0]), members[1:]
		settle("a member leaves")
	}
	members[0].Close()
	var committed int64
	for partition := range int32(partitions) {
		committed += client.Committed(group, topic, partition)
	}
	Assert(committed == int64(sent), "%d of %d records are committed", committed, sent)
}

// count counts the different values that members have read.
func count(members []*Member) int {
	seen := map[string]bool{}
	for _, member := range members {
		records, _, _ := member.see()
		for _, record := range records {
			seen[string(record.Value)] = true
		}
	}
	return len(seen)
}

// A static member that comes back finds its partitions, and the others notice nothing (KIP-345).
func static(client Adapter, prefix string) {
	topic := prefix + ".static"
	client.Create(topic, 4)
	group := topic + ".group"
	first, second := client.Join(group, topic, "first", false), client.Join(group, topic, "second", false)
	var before map[int32]bool
	WaitUntil("two static members share the partitions", func() bool {
		_, ofFirst, _ := first.see()
		_, ofSecond, _ := second.see()
		before = ofFirst
		return len(ofFirst)+len(ofSecond) == 4 && len(ofFirst) > 0 && len(ofSecond) > 0
	})
	_, _, changes := second.see()
	first.Close()
	first = client.Join(group, topic, "first", false)
	WaitUntil("the member has its partitions again", func() bool {
		_, now, _ := first.see()
		for partition := range now {
			Assert(before[partition], "partition %d is another member's", partition)
		}
		return len(now) == len(before)
	})
	client.Produce(topic, Numbers(0, 40, 4), Options{Codec: "none", Acks: -1})
	WaitUntil("all is read", func() bool { return count([]*Member{first, second}) == 40 })
	_, _, after := second.see()
	Assert(after == changes, "the other member keeps what it has")
	first.Close()
	second.Close()
}

// The first record at or after a moment.
func byTime(client Adapter, prefix string) {
	topic := prefix + ".time"
	client.Create(topic, 1)
	first := time.UnixMilli(1_700_000_000_000)
	sent := Numbers(0, 100, 1)
	for at := range sent {
		sent[at].Time = first.Add(time.Duration(at) * time.Second)
	}
	client.Produce(topic, sent, Options{Codec: "none", Acks: -1})
	for moment, wanted := range map[time.Duration]int64{42 * time.Second: 42, 42001 * time.Millisecond: 43, -time.Hour: 0} {
		found := client.OffsetAt(topic, 0, first.Add(moment))
		Assert(found == wanted, "offset %d instead of %d", found, wanted)
	}
	late := client.OffsetAt(topic, 0, first.Add(time.Hour))
	Assert(late == -1 || late == 100, "offset %d of what is not there", late)
	read := client.Read(topic, 0, 43, 2)
	Assert(len(read) == 2 && string(read[0].Value) == "43" && string(read[1].Value) == "44", "read %v", read)
	Assert(read[0].Time.Equal(sent[43].Time), "time %v instead of %v", read[0].Time, sent[43].Time)
}

// A group goes on where it has committed.
func resume(client Adapter, prefix string) {
	topic := prefix + ".resume"
	client.Create(topic, 1)
	group := topic + ".group"
	client.Produce(topic, Numbers(0, 50, 1), Options{Codec: "none", Acks: -1})
	first := client.Join(group, topic, "", false)
	WaitUntil("the first reads all", func() bool { return count([]*Member{first}) == 50 })
	first.Close()
	Assert(client.Committed(group, topic, 0) == 50, "all is committed")
	client.Produce(topic, Numbers(50, 60, 1), Options{Codec: "none", Acks: -1})
	second := client.Join(group, topic, "", false)
	WaitUntil("the second reads the rest", func() bool { return count([]*Member{second}) >= 10 })
	second.Close()
	records, _, _ := second.see()
	Assert(len(records) == 10 && string(records[0].Value) == "50", "read %d records", len(records))
}
