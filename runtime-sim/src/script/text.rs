//! Scripts as text: `docs/scripts.md` is the grammar. Reading what was written gives the same script.
//!
//! Invariants of a script that has a text: names and paths are words without white space, commas and `#`; clients' names
//! differ and none is that of a node (`n0`), `net` or `all`; acts stand in the order of their times.

use super::words::{ProfileWord, Span, operation_name};
use super::{
    Act, Assignor, ClientAct, ClientKind, ClientPlan, ConsumerPlan, End, Fault, NetworkFault, NodePlan, ProducerPlan,
    Script, TopicPlan,
};
use crate::disk::{self, OpKind};
use crate::history::{ClientIndex, TopicPartition};
use crate::node::NodeIndex;
use core::fmt;
use std::collections::BTreeMap;
use std::sync::Arc;

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}", self.seed)?;
        for (node, index) in self.nodes.iter().zip(0..) {
            writeln!(f, "node n{index} {node}")?;
        }
        self.topics.iter().try_for_each(|topic| writeln!(f, "topic {topic}"))?;
        self.clients.iter().try_for_each(|client| writeln!(f, "client {client}"))?;
        for (time, act) in &self.acts {
            writeln!(f, "at {} {}", Span::since_start(*time), self.told(act))?;
        }
        writeln!(f, "heal at {}", Span::since_start(self.heal_at))?;
        writeln!(f, "rest within {}", Span::of(self.rest_within))
    }
}

impl Script {
    /// An act of this script as it stands in its text, without its time.
    #[must_use]
    pub const fn told<'a>(&'a self, act: &'a Act) -> Told<'a> {
        Told { script: self, act }
    }

    fn client_name(&self, client: ClientIndex) -> &str {
        self.clients.get(client.0).map_or("nobody", |client| &client.name)
    }
}

/// An act in the words of its script.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    script: &'a Script,
    act: &'a Act,
}

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.act {
            Act::Client(client, act) => write!(f, "{} {act}", self.script.client_name(*client)),
            Act::Fault(fault) => self.fault(f, fault),
        }
    }
}

struct NodeName(NodeIndex);

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0.0)
    }
}

fn configs(f: &mut fmt::Formatter<'_>, configs: &BTreeMap<Arc<str>, Arc<str>>) -> fmt::Result {
    configs.iter().try_for_each(|(key, value)| write!(f, " {key}={value}"))
}

impl fmt::Display for NodePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shards {} dirs {}", self.shards, self.dirs)?;
        configs(f, &self.properties)
    }
}

impl fmt::Display for TopicPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} partitions {}", self.name, self.partitions)?;
        configs(f, &self.configs)
    }
}

impl fmt::Display for ClientPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ClientKind::Producer(plan) => write!(f, "{} producer{plan}", self.name),
            ClientKind::Consumer(plan) => write!(f, "{} consumer{plan}", self.name),
            ClientKind::Admin => write!(f, "{} admin", self.name),
        }
    }
}

impl fmt::Display for ProducerPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.acks {
            -1 => f.write_str(" acks all")?,
            acks => write!(f, " acks {acks}")?,
        }
        if self.idempotent {
            f.write_str(" idempotent")?;
        }
        write!(f, " in-flight {}", self.in_flight)?;
        write!(f, " request-timeout {}", Span::of(self.request_timeout))?;
        write!(f, " delivery-timeout {}", Span::of(self.delivery_timeout))
    }
}

impl fmt::Display for ConsumerPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.group.iter().try_for_each(|group| write!(f, " group {group}"))?;
        self.instance.iter().try_for_each(|instance| write!(f, " instance {instance}"))?;
        write!(f, " topics {}", self.topics.join(","))?;
        let assignor = match self.assignor {
            Assignor::Eager => "eager",
            Assignor::Cooperative => "cooperative",
        };
        write!(f, " assignor {assignor}")?;
        self.auto_commit.iter().try_for_each(|every| write!(f, " auto-commit {}", Span::of(*every)))?;
        write!(f, " session-timeout {}", Span::of(self.session_timeout))?;
        write!(f, " fetch-bytes {}", self.fetch_bytes)
    }
}

impl fmt::Display for TopicPartition {
    /// `orders/3`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.partition)
    }
}

/// An offset or a timestamp, or one of the two that have names.
struct OffsetWord(i64);

impl fmt::Display for OffsetWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            -2 => f.write_str("start"),
            -1 => f.write_str("end"),
            number => write!(f, "{number}"),
        }
    }
}

impl fmt::Display for ClientAct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send { to, records, bytes } => write!(f, "send {to} records {records} bytes {bytes}"),
            Self::Commit => f.write_str("commit"),
            Self::Seek { of, offset } => write!(f, "seek {of} to {}", OffsetWord(*offset)),
            Self::Idle(time) => write!(f, "idle {}", Span::of(*time)),
            Self::Leave => f.write_str("leave"),
            Self::Join => f.write_str("join"),
            Self::Crash(time) => write!(f, "crash restart-after {}", Span::of(*time)),
            Self::CreateTopic(plan) => write!(f, "create-topic {plan}"),
            Self::DeleteTopic(topic) => write!(f, "delete-topic {topic}"),
            Self::CreatePartitions { topic, count } => write!(f, "create-partitions {topic} {count}"),
            Self::AlterConfig { topic, key, value } => write!(f, "alter-config {topic} {key}={value}"),
            Self::DescribeConfigs(topic) => write!(f, "describe-configs {topic}"),
            Self::DeleteRecords { of, quarters } => write!(f, "delete-records {of} quarters {quarters}"),
            Self::ListOffsets { of, timestamp } => write!(f, "list-offsets {of} at {}", OffsetWord(*timestamp)),
            Self::ListTopics => f.write_str("list-topics"),
            Self::Committed(group) => write!(f, "committed {group}"),
            Self::DeleteGroup(group) => write!(f, "delete-group {group}"),
        }
    }
}

/// `kill`, or `kill-at` where `at` says so.
fn end(f: &mut fmt::Formatter<'_>, how: End, at: &str) -> fmt::Result {
    match how {
        End::Stop => write!(f, "stop{at}"),
        End::Kill => write!(f, "kill{at}"),
        End::PowerLoss(profile) => write!(f, "power-loss{at} {}", ProfileWord(profile)),
    }
}

fn path_of(f: &mut fmt::Formatter<'_>, path: &str) -> fmt::Result {
    match path {
        "" => Ok(()),
        path => write!(f, " path {path}"),
    }
}

impl Told<'_> {
    fn fault(&self, f: &mut fmt::Formatter<'_>, fault: &Fault) -> fmt::Result {
        match fault {
            Fault::End { node, how, restart_after } => {
                write!(f, "{} ", NodeName(*node))?;
                end(f, *how, "")?;
                write!(f, " restart-after {}", Span::of(*restart_after))
            }
            Fault::EndAt { node, how, op, path, nth, restart_after } => {
                write!(f, "{} ", NodeName(*node))?;
                end(f, *how, "-at")?;
                write!(f, " {} {nth}", operation_name(*op))?;
                path_of(f, path)?;
                write!(f, " restart-after {}", Span::of(*restart_after))
            }
            Fault::Pause { node, time } => write!(f, "{} pause {}", NodeName(*node), Span::of(*time)),
            Fault::Disk { node, dir, ops, path, what, per_million, time } => {
                write!(f, "{} disk {dir} ", NodeName(*node))?;
                let ops: Vec<&str> = ops.iter().map(|op: &OpKind| operation_name(*op)).collect();
                f.write_str(&if ops.is_empty() { "all".to_owned() } else { ops.join(",") })?;
                path_of(f, path)?;
                match what {
                    disk::Fault::Error => f.write_str(" error")?,
                    disk::Fault::NoSpace => f.write_str(" no-space")?,
                    disk::Fault::Ignored => f.write_str(" ignored")?,
                    disk::Fault::Rot => f.write_str(" rot")?,
                    disk::Fault::Slow(by) => write!(f, " slow {}", Span::of(*by))?,
                    disk::Fault::Stuck => f.write_str(" stuck")?,
                }
                if *per_million != 1_000_000 {
                    write!(f, " chance {per_million}ppm")?;
                }
                write!(f, " for {}", Span::of(*time))
            }
            Fault::Clock { node, millis } => {
                let sign = if *millis < 0 { '-' } else { '+' };
                write!(f, "{} clock {sign}{}", NodeName(*node), Span::millis(millis.unsigned_abs()))
            }
            Fault::Drift { node, per_million } => write!(f, "{} drift {per_million:+}ppm", NodeName(*node)),
            Fault::Network { client, node, what, time } => {
                let client = client.map_or("all", |client| self.script.client_name(client));
                write!(f, "net {client} {} {what}", NodeName(*node))?;
                // A reset takes no time.
                match (what, time.is_zero()) {
                    (NetworkFault::Reset, true) => Ok(()),
                    _ => write!(f, " for {}", Span::of(*time)),
                }
            }
        }
    }
}

impl fmt::Display for NetworkFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reset => f.write_str("reset"),
            Self::Cut => f.write_str("cut"),
            Self::CutToNode => f.write_str("cut-to-node"),
            Self::CutToClient => f.write_str("cut-to-client"),
            Self::Slow(by) => write!(f, "slow {}", Span::of(*by)),
            Self::NotReading => f.write_str("not-reading"),
        }
    }
}
