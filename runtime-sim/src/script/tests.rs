//! Scripts as text and back.

use super::*;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

fn word() -> impl Strategy<Value = Arc<str>> {
    "[a-z][a-z0-9._-]{0,9}".prop_map(Arc::from)
}

fn configs() -> impl Strategy<Value = BTreeMap<Arc<str>, Arc<str>>> {
    btree_map(word(), "[a-zA-Z0-9=,:-]{0,8}".prop_map(Arc::from), 0..3)
}

fn span() -> impl Strategy<Value = Duration> {
    prop_oneof![
        (0..10_000_u64).prop_map(Duration::from_secs),
        (0..10_000_000_u64).prop_map(Duration::from_micros),
        any::<(u64, u32)>().prop_map(|(secs, nanos)| Duration::new(secs, nanos % 1_000_000_000)),
    ]
}

fn topic() -> impl Strategy<Value = TopicPlan> {
    (word(), any::<i32>(), configs()).prop_map(|(name, partitions, configs)| TopicPlan { name, partitions, configs })
}

fn place() -> impl Strategy<Value = TopicPartition> {
    (word(), any::<i32>()).prop_map(|(topic, partition)| TopicPartition { topic, partition })
}

fn offset() -> impl Strategy<Value = i64> {
    prop_oneof![Just(-1), Just(-2), any::<i64>()]
}

fn client() -> impl Strategy<Value = ClientKind> {
    let producer = (-1..=1_i16, any::<bool>(), 0..9_usize, span(), span());
    let producer = producer.prop_map(|(acks, idempotent, in_flight, request_timeout, delivery_timeout)| {
        ClientKind::Producer(ProducerPlan { acks, idempotent, in_flight, request_timeout, delivery_timeout })
    });
    let assignor = select(vec![Assignor::Eager, Assignor::Cooperative]);
    let group = (option::of(word()), option::of(word()));
    let consumer = (group, vec(word(), 1..4), assignor, option::of(span()), span(), any::<i32>()).prop_map(
        |((group, instance), topics, assignor, auto_commit, session_timeout, fetch_bytes)| {
            ClientKind::Consumer(ConsumerPlan {
                group,
                instance,
                topics,
                assignor,
                auto_commit,
                session_timeout,
                fetch_bytes,
            })
        },
    );
    prop_oneof![producer, consumer, Just(ClientKind::Admin)]
}

fn client_act() -> impl Strategy<Value = ClientAct> {
    prop_oneof![
        (place(), any::<u32>(), any::<u32>()).prop_map(|(to, records, bytes)| ClientAct::Send { to, records, bytes }),
        select(vec![ClientAct::Commit, ClientAct::Leave, ClientAct::Join, ClientAct::ListTopics]),
        (place(), offset()).prop_map(|(of, offset)| ClientAct::Seek { of, offset }),
        span().prop_map(ClientAct::Idle),
        span().prop_map(ClientAct::Crash),
        topic().prop_map(ClientAct::CreateTopic),
        word().prop_map(ClientAct::DeleteTopic),
        (word(), any::<i32>()).prop_map(|(topic, count)| ClientAct::CreatePartitions { topic, count }),
        (word(), word(), word()).prop_map(|(topic, key, value)| ClientAct::AlterConfig { topic, key, value }),
        word().prop_map(ClientAct::DescribeConfigs),
        (place(), 1..=4_u8).prop_map(|(of, quarters)| ClientAct::DeleteRecords { of, quarters }),
        (place(), offset()).prop_map(|(of, timestamp)| ClientAct::ListOffsets { of, timestamp }),
        word().prop_map(ClientAct::Committed),
        word().prop_map(ClientAct::DeleteGroup),
    ]
}

fn how() -> impl Strategy<Value = End> {
    prop_oneof![
        Just(End::Stop),
        Just(End::Kill),
        select(Profile::ALL.to_vec()).prop_map(End::PowerLoss),
        (0..=1_000_000_u32).prop_map(|per_million| End::PowerLoss(Profile::Drawn { per_million })),
    ]
}

fn op() -> impl Strategy<Value = OpKind> {
    use OpKind::{Create, MakeDir, Read, Remove, RemoveDir, Rename, Space, Sync, SyncDir, Truncate, Write};
    select(vec![Create, Write, Sync, Read, Truncate, Remove, Rename, MakeDir, RemoveDir, SyncDir, Space])
}

fn path() -> impl Strategy<Value = Arc<str>> {
    prop_oneof![Just("".into()), word(), Just(".log".into())]
}

fn disk_fault() -> impl Strategy<Value = crate::disk::Fault> {
    use crate::disk::Fault::{Error, Ignored, NoSpace, Rot, Slow, Stuck};
    prop_oneof![select(vec![Error, NoSpace, Ignored, Rot, Stuck]), span().prop_map(Slow)]
}

fn network_fault() -> impl Strategy<Value = NetworkFault> {
    use NetworkFault::{Cut, CutToClient, CutToNode, NotReading, Reset, Slow};
    prop_oneof![select(vec![Reset, Cut, CutToNode, CutToClient, NotReading]), span().prop_map(Slow)]
}

fn fault(nodes: usize, clients: usize) -> impl Strategy<Value = Fault> {
    let node = || (0..nodes).prop_map(NodeIndex);
    let ends = (node(), how(), span());
    let ends = ends.prop_map(|(node, how, restart_after)| Fault::End { node, how, restart_after });
    let ends_at = (node(), how(), op(), path(), 1..u64::MAX, span())
        .prop_map(|(node, how, op, path, nth, restart_after)| Fault::EndAt { node, how, op, path, nth, restart_after });
    let disk = (node(), any::<u16>(), vec(op(), 0..3), path(), disk_fault(), 0..=1_000_000_u32, span()).prop_map(
        |(node, dir, ops, path, what, per_million, time)| Fault::Disk { node, dir, ops, path, what, per_million, time },
    );
    let client = (any::<bool>(), 0..clients.max(1));
    let client = client.prop_map(move |(one, client)| (one && clients > 0).then_some(ClientIndex(client)));
    let network = (client, node(), network_fault(), prop_oneof![Just(Duration::ZERO), span()])
        .prop_map(|(client, node, what, time)| Fault::Network { client, node, what, time });
    prop_oneof![
        ends,
        ends_at,
        disk,
        network,
        (node(), span()).prop_map(|(node, time)| Fault::Pause { node, time }),
        (node(), any::<i64>()).prop_map(|(node, millis)| Fault::Clock { node, millis }),
        (node(), any::<i32>()).prop_map(|(node, per_million)| Fault::Drift { node, per_million }),
    ]
}

fn node() -> impl Strategy<Value = NodePlan> {
    (1..=64_u16, 1..=64_u16, configs()).prop_map(|(shards, dirs, properties)| NodePlan { shards, dirs, properties })
}

fn script() -> impl Strategy<Value = Script> {
    let plans = (vec(node(), 1..3), btree_map(word(), topic(), 0..3), vec(client(), 0..4));
    let rest = (any::<u64>(), any::<u64>(), span());
    (plans, rest).prop_flat_map(|((nodes, topics, kinds), (seed, heal_at, rest_within))| {
        let (node_count, client_count) = (nodes.len(), kinds.len());
        let asked = (0..client_count.max(1), client_act(), fault(node_count, client_count));
        let act = asked.prop_map(move |(client, act, fault)| match client < client_count {
            true => Act::Client(ClientIndex(client), act),
            false => Act::Fault(fault),
        });
        let act = prop_oneof![act, fault(node_count, client_count).prop_map(Act::Fault)];
        let clients =
            kinds.into_iter().zip(0..).map(|(kind, index)| ClientPlan { name: format!("c{index}").into(), kind });
        let topics = topics.into_iter().map(|(name, topic)| TopicPlan { name, ..topic });
        let script = Script {
            seed,
            nodes,
            topics: topics.collect(),
            clients: clients.collect(),
            acts: Vec::new(),
            heal_at: WorldTime(heal_at),
            rest_within,
        };
        vec((any::<u64>().prop_map(WorldTime), act), 0..12).prop_map(move |mut acts| {
            acts.sort_by_key(|(time, _)| *time);
            Script { acts, ..script.clone() }
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn a_script_reads_as_it_was_written(script in script()) {
        let text = script.to_string();
        prop_assert_eq!(text.parse(), Ok(script), "{}", text);
    }

    #[test]
    fn no_text_makes_it_panic(text in "(seed|node|topic|client|at|n0|net|[ \\n0-9a-z=/+.-]{0,6}| ){0,20}") {
        let _ = text.parse::<Script>();
    }
}

/// The scripts in a text for people.
fn examples(document: &str) -> Vec<String> {
    let blocks = document.split("```script\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn the_examples_of_the_document_are_scripts() {
    let examples = examples(include_str!("../../../docs/scripts.md"));
    assert_eq!(examples.len(), 3);
    for example in examples {
        let script: Script = example.parse().unwrap_or_else(|error| panic!("{error} in {example}"));
        let said = example.lines().filter(|line| line.starts_with("at ")).count();
        assert_eq!(script.acts.len(), said);
        assert_eq!(script.to_string().parse(), Ok(script));
    }
}

#[test]
fn the_first_example_says_what_it_seems_to_say() {
    let script: Script = examples(include_str!("../../../docs/scripts.md"))[0].parse().expect("an example");
    assert_eq!(script.nodes[0].properties["log.segment.bytes"], "4096".into());
    let ClientKind::Consumer(consumer) = &script.clients[1].kind else { panic!("c1 is a consumer") };
    assert_eq!((consumer.assignor, consumer.session_timeout), (Assignor::Cooperative, Duration::from_secs(6)));
    let to = TopicPartition { topic: "orders".into(), partition: 3 };
    let send = Act::Client(ClientIndex(0), ClientAct::Send { to, records: 5, bytes: 200 });
    assert_eq!(script.acts[0], (WorldTime(1_250_000), send));
    let how = End::PowerLoss(Profile::Drawn { per_million: 500_000 });
    let lost = Fault::End { node: NodeIndex(0), how, restart_after: Duration::from_secs(1) };
    assert_eq!(script.acts[3], (WorldTime(6_000_000), Act::Fault(lost)));
    assert_eq!((script.heal_at, script.rest_within), (WorldTime(60_000_000), Duration::from_secs(30)));
}

#[test]
fn lines_may_stand_in_any_order_and_those_of_a_moment_keep_theirs() {
    let text = "node n0 shards 1 dirs 1\nclient a admin\nat 2s a list-topics\nat 1s a committed g\nat 1s a committed h";
    let script: Script = text.parse().expect("a script");
    let told: Vec<String> = script.acts.iter().map(|(_, act)| script.told(act).to_string()).collect();
    assert_eq!(told, ["a committed g", "a committed h", "a list-topics"]);
}

#[test]
fn what_cannot_be_read_is_told() {
    let head = "node n0 shards 1 dirs 1\nclient p1 producer\n";
    for (line, told) in [
        ("at 1s p2 commit", "line 3: expected a client or a node from above, or 'net', found 'p2'"),
        ("at 1s n1 pause 1s", "line 3: expected a client or a node from above, or 'net', found 'n1'"),
        ("at soon p1 commit", "line 3: expected a time such as 1.25s, in whole microseconds, found 'soon'"),
        ("at 0.5us p1 commit", "line 3: expected a time such as 1.25s, in whole microseconds, found '0.5us'"),
        ("at 1s p1 send orders records 1 bytes 2", "line 3: expected a partition such as orders/3, found 'orders'"),
        ("at 1s p1 send orders/1 records 1", "line 3: expected 'bytes', found the end of the line"),
        ("at 1s p1 commit now", "line 3: expected the end of the line, found 'now'"),
        ("at 1s net p1 n0 cut", "line 3: expected 'for', found the end of the line"),
        ("at 1s n0 kill-at sync 0 restart-after 1s", "line 3: expected which of them, from 1, found '0'"),
        ("at 1s n0 clock 5s", "line 3: expected a jump such as +3600s or -250ms, in whole milliseconds, found '5s'"),
        ("client n7 admin", "line 3: 'n7' cannot be the name of a client: it is that of another thing"),
        ("client p1 admin", "line 3: 'p1' cannot be the name of a client: it is that of another thing"),
        ("client c1 consumer group g", "line 3: expected 'topics' and what is read, found the end of the line"),
        ("node n0 shards 1 dirs 1", "line 3: expected 'n1', found 'n0'"),
        ("node n1 shards 0 dirs 1", "line 3: a node has 1 to 64 shards and 1 to 64 directories"),
        ("topic a partitions 1 k=1 k=2", "line 3: 'k' is set twice"),
        ("settle", "line 3: expected seed, node, topic, client, at, heal or rest, found 'settle'"),
    ] {
        let error = format!("{head}{line}").parse::<Script>().expect_err(line);
        assert_eq!(error.to_string(), told);
    }
    let error = "seed 1".parse::<Script>().expect_err("no node");
    assert_eq!(error.to_string(), "expected a line such as 'node n0 shards 1 dirs 1'");
}
