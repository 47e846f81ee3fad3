//! Reading scripts: line by line, each error with its line and with what was expected.

use super::words::{Read, Words, wrong};
use super::{
    Act, Assignor, ClientAct, ClientKind, ClientPlan, ConsumerPlan, End, Fault, NetworkFault, NodePlan, ProducerPlan,
    Script, TopicPlan,
};
use crate::clock::WorldTime;
use crate::disk;
use crate::history::ClientIndex;
use crate::node::NodeIndex;
use core::fmt;
use core::str::FromStr;
use core::time::Duration;
use std::sync::Arc;

/// When all is healed where a script does not say it.
const HEAL_AT: WorldTime = WorldTime(60_000_000);
/// How long a script waits for rest where it does not say it.
const REST_WITHIN: Duration = Duration::from_secs(30);
/// What a node of a script may have at most: each is a thread of work of the simulator.
const SHARDS_MAX: u16 = 64;
const DIRS_MAX: u16 = 64;

/// Why a text is no script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptError {
    /// The line, from 1; 0 where the whole lacks something.
    pub line: usize,
    /// What was expected, and what stands there.
    pub what: String,
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.what),
            line => write!(f, "line {line}: {}", self.what),
        }
    }
}

impl core::error::Error for ScriptError {}

impl FromStr for Script {
    type Err = ScriptError;

    /// Reads a script. Empty lines, and what follows a `#`, say nothing.
    fn from_str(text: &str) -> Result<Self, ScriptError> {
        let mut script = Self {
            seed: 0,
            nodes: Vec::new(),
            topics: Vec::new(),
            clients: Vec::new(),
            acts: Vec::new(),
            heal_at: HEAL_AT,
            rest_within: REST_WITHIN,
        };
        for (line, number) in text.lines().zip(1..) {
            let mut words = Words::of(line);
            let read = script.line(&mut words).and_then(|()| match words.next() {
                Some(word) => Err(wrong("the end of the line", word)),
                None => Ok(()),
            });
            read.map_err(|what| ScriptError { line: number, what })?;
        }
        if script.nodes.is_empty() {
            return Err(ScriptError { line: 0, what: "expected a line such as 'node n0 shards 1 dirs 1'".to_owned() });
        }
        // Those of one moment stay in the order of their lines.
        script.acts.sort_by_key(|(time, _)| *time);
        Ok(script)
    }
}

impl Script {
    fn line(&mut self, words: &mut Words<'_>) -> Read<()> {
        match words.next() {
            None => {}
            Some("seed") => self.seed = words.number("a seed")?,
            Some("node") => {
                let name = format!("n{}", self.nodes.len());
                words.keyword(&name)?;
                self.nodes.push(node(words)?);
            }
            Some("topic") => {
                let plan = topic(words)?;
                if self.topics.iter().any(|topic| topic.name == plan.name) {
                    return Err(format!("a topic is named '{}' already", plan.name));
                }
                self.topics.push(plan);
            }
            Some("client") => {
                let name = words.name("the name of a client")?;
                if is_reserved(&name) || self.client(&name).is_some() {
                    return Err(format!("'{name}' cannot be the name of a client: it is that of another thing"));
                }
                self.clients.push(ClientPlan { name, kind: kind(words)? });
            }
            Some("at") => {
                let time = words.time()?;
                let act = self.act(words)?;
                self.acts.push((time, act));
            }
            Some("heal") => {
                words.keyword("at")?;
                self.heal_at = words.time()?;
            }
            Some("rest") => self.rest_within = words.duration_after("within")?,
            Some(word) => return Err(wrong("seed, node, topic, client, at, heal or rest", word)),
        }
        Ok(())
    }

    fn client(&self, name: &str) -> Option<ClientIndex> {
        self.clients.iter().position(|client| *client.name == *name).map(ClientIndex)
    }

    fn node(&self, name: &str) -> Option<NodeIndex> {
        let index = name.strip_prefix('n')?.parse().ok()?;
        // `n00` is no name of a node.
        (index < self.nodes.len() && name == format!("n{index}")).then_some(NodeIndex(index))
    }

    fn act(&self, words: &mut Words<'_>) -> Read<Act> {
        const WHO: &str = "a client or a node from above, or 'net'";
        let who = words.word(WHO)?;
        if who == "net" {
            return self.network(words).map(Act::Fault);
        }
        match (self.node(who), self.client(who)) {
            (Some(node), _) => fault(node, words).map(Act::Fault),
            (None, Some(client)) => Ok(Act::Client(client, client_act(words)?)),
            (None, None) => Err(wrong(WHO, who)),
        }
    }

    fn network(&self, words: &mut Words<'_>) -> Read<Fault> {
        let client = match words.takes("all") {
            true => None,
            false => Some(words.value("a client from above, or 'all'", |name| self.client(name))?),
        };
        let node = words.value("a node from above", |name| self.node(name))?;
        const WHAT: &str = "reset, cut, cut-to-node, cut-to-client, slow or not-reading";
        let what = match words.word(WHAT)? {
            "reset" => NetworkFault::Reset,
            "cut" => NetworkFault::Cut,
            "cut-to-node" => NetworkFault::CutToNode,
            "cut-to-client" => NetworkFault::CutToClient,
            "slow" => NetworkFault::Slow(words.duration()?),
            "not-reading" => NetworkFault::NotReading,
            word => return Err(wrong(WHAT, word)),
        };
        let time = match (what, words.peek()) {
            (NetworkFault::Reset, None) => Duration::ZERO,
            _ => words.duration_after("for")?,
        };
        Ok(Fault::Network { client, node, what, time })
    }
}

fn is_reserved(name: &str) -> bool {
    let node = name.strip_prefix('n').is_some_and(|rest| rest.bytes().all(|digit| digit.is_ascii_digit()));
    node || matches!(name, "net" | "all")
}

fn node(words: &mut Words<'_>) -> Read<NodePlan> {
    let shards = words.named("shards")?;
    let dirs = words.named("dirs")?;
    if !(1..=SHARDS_MAX).contains(&shards) || !(1..=DIRS_MAX).contains(&dirs) {
        return Err(format!("a node has 1 to {SHARDS_MAX} shards and 1 to {DIRS_MAX} directories"));
    }
    Ok(NodePlan { shards, dirs, properties: words.configs()? })
}

fn topic(words: &mut Words<'_>) -> Read<TopicPlan> {
    let name = words.name("the name of a topic")?;
    Ok(TopicPlan { name, partitions: words.named("partitions")?, configs: words.configs()? })
}

fn kind(words: &mut Words<'_>) -> Read<ClientKind> {
    match words.word("producer, consumer or admin")? {
        "producer" => producer(words).map(ClientKind::Producer),
        "consumer" => consumer(words).map(ClientKind::Consumer),
        "admin" => Ok(ClientKind::Admin),
        word => Err(wrong("producer, consumer or admin", word)),
    }
}

/// What is not said is as Kafka's clients have it, but for idempotence, which is said.
fn producer(words: &mut Words<'_>) -> Read<ProducerPlan> {
    let mut plan = ProducerPlan {
        acks: -1,
        idempotent: false,
        in_flight: 5,
        request_timeout: Duration::from_secs(30),
        delivery_timeout: Duration::from_secs(120),
    };
    while let Some(word) = words.next() {
        match word {
            "acks" => {
                plan.acks = words.value("all, 0 or 1", |word| match word {
                    "all" => Some(-1),
                    _ => word.parse().ok().filter(|acks| (-1..=1).contains(acks)),
                })?;
            }
            "idempotent" => plan.idempotent = true,
            "in-flight" => plan.in_flight = words.number("a number after 'in-flight'")?,
            "request-timeout" => plan.request_timeout = words.duration()?,
            "delivery-timeout" => plan.delivery_timeout = words.duration()?,
            _ => return Err(wrong("acks, idempotent, in-flight, request-timeout or delivery-timeout", word)),
        }
    }
    Ok(plan)
}

fn consumer(words: &mut Words<'_>) -> Read<ConsumerPlan> {
    const OPTIONS: &str =
        "group, instance, topics, assignor, auto-commit, session-timeout, fetch-bytes or the end of the line";
    let mut plan = ConsumerPlan {
        group: None,
        instance: None,
        topics: Vec::new(),
        assignor: Assignor::Eager,
        auto_commit: None,
        session_timeout: Duration::from_secs(45),
        fetch_bytes: 1 << 20,
    };
    while let Some(word) = words.next() {
        match word {
            "group" => plan.group = Some(words.name("the name of a group")?),
            "instance" => plan.instance = Some(words.name("the id of a static member")?),
            "topics" => plan.topics = words.names("topics with commas between them")?,
            "assignor" => {
                plan.assignor = words.value("eager or cooperative", |word| match word {
                    "eager" => Some(Assignor::Eager),
                    "cooperative" => Some(Assignor::Cooperative),
                    _ => None,
                })?;
            }
            "auto-commit" => plan.auto_commit = Some(words.duration()?),
            "session-timeout" => plan.session_timeout = words.duration()?,
            "fetch-bytes" => plan.fetch_bytes = words.number("a number after 'fetch-bytes'")?,
            _ => return Err(wrong(OPTIONS, word)),
        }
    }
    if plan.topics.is_empty() {
        return Err("expected 'topics' and what is read, found the end of the line".to_owned());
    }
    Ok(plan)
}

fn client_act(words: &mut Words<'_>) -> Read<ClientAct> {
    const WHAT: &str = "something that a client does (send, commit, seek, idle, leave, join, crash, create-topic, \
        delete-topic, create-partitions, alter-config, describe-configs, delete-records, list-offsets, list-topics, \
        committed, delete-group)";
    const TOPIC: &str = "the name of a topic";
    const GROUP: &str = "the name of a group";
    Ok(match words.word(WHAT)? {
        "send" => {
            ClientAct::Send { to: words.partition()?, records: words.named("records")?, bytes: words.named("bytes")? }
        }
        "commit" => ClientAct::Commit,
        "seek" => {
            let of = words.partition()?;
            words.keyword("to")?;
            ClientAct::Seek { of, offset: words.offset()? }
        }
        "idle" => ClientAct::Idle(words.duration()?),
        "leave" => ClientAct::Leave,
        "join" => ClientAct::Join,
        "crash" => ClientAct::Crash(words.duration_after("restart-after")?),
        "create-topic" => ClientAct::CreateTopic(topic(words)?),
        "delete-topic" => ClientAct::DeleteTopic(words.name(TOPIC)?),
        "create-partitions" => {
            ClientAct::CreatePartitions { topic: words.name(TOPIC)?, count: words.number("a number of partitions")? }
        }
        "alter-config" => {
            let topic = words.name(TOPIC)?;
            let (key, value) = words.config()?;
            ClientAct::AlterConfig { topic, key, value }
        }
        "describe-configs" => ClientAct::DescribeConfigs(words.name(TOPIC)?),
        "delete-records" => {
            let of = words.partition()?;
            words.keyword("quarters")?;
            let quarters = words.value("1 to 4 quarters", |word| word.parse().ok().filter(|n| (1..=4).contains(n)))?;
            ClientAct::DeleteRecords { of, quarters }
        }
        "list-offsets" => {
            let of = words.partition()?;
            words.keyword("at")?;
            ClientAct::ListOffsets { of, timestamp: words.offset()? }
        }
        "list-topics" => ClientAct::ListTopics,
        "committed" => ClientAct::Committed(words.name(GROUP)?),
        "delete-group" => ClientAct::DeleteGroup(words.name(GROUP)?),
        word => return Err(wrong(WHAT, word)),
    })
}

fn fault(node: NodeIndex, words: &mut Words<'_>) -> Read<Fault> {
    const WHAT: &str = "something that happens to a node (stop, kill, power-loss, stop-at, kill-at, power-loss-at, \
        pause, disk, clock, drift)";
    Ok(match words.word(WHAT)? {
        "stop" => end(node, End::Stop, words)?,
        "kill" => end(node, End::Kill, words)?,
        "power-loss" => end(node, End::PowerLoss(words.profile()?), words)?,
        "stop-at" => end_at(node, End::Stop, words)?,
        "kill-at" => end_at(node, End::Kill, words)?,
        "power-loss-at" => end_at(node, End::PowerLoss(words.profile()?), words)?,
        "pause" => Fault::Pause { node, time: words.duration()? },
        "disk" => disk(node, words)?,
        "clock" => Fault::Clock { node, millis: words.jump()? },
        "drift" => Fault::Drift { node, per_million: words.drift()? },
        word => return Err(wrong(WHAT, word)),
    })
}

fn end(node: NodeIndex, how: End, words: &mut Words<'_>) -> Read<Fault> {
    Ok(Fault::End { node, how, restart_after: words.duration_after("restart-after")? })
}

fn end_at(node: NodeIndex, how: End, words: &mut Words<'_>) -> Read<Fault> {
    let op = words.operation()?;
    let nth = words.value("which of them, from 1", |word| word.parse().ok().filter(|nth| *nth > 0))?;
    let path = path(words)?;
    Ok(Fault::EndAt { node, how, op, path, nth, restart_after: words.duration_after("restart-after")? })
}

fn path(words: &mut Words<'_>) -> Read<Arc<str>> {
    match words.takes("path") {
        true => words.name("a part of a path"),
        false => Ok("".into()),
    }
}

fn disk(node: NodeIndex, words: &mut Words<'_>) -> Read<Fault> {
    const WHAT: &str = "error, no-space, ignored, rot, slow or stuck";
    let dir = words.number("the number of a log directory, from 0")?;
    let ops = words.operations()?;
    let path = path(words)?;
    let what = match words.word(WHAT)? {
        "error" => disk::Fault::Error,
        "no-space" => disk::Fault::NoSpace,
        "ignored" => disk::Fault::Ignored,
        "rot" => disk::Fault::Rot,
        "slow" => disk::Fault::Slow(words.duration()?),
        "stuck" => disk::Fault::Stuck,
        word => return Err(wrong(WHAT, word)),
    };
    let per_million = if words.takes("chance") { words.per_million()? } else { 1_000_000 };
    Ok(Fault::Disk { node, dir, ops, path, what, per_million, time: words.duration_after("for")? })
}
