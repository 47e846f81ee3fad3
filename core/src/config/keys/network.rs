//! The broker's keys of listeners, connections and requests.

use crate::config::key::Kind::{Int, List, Long, Text};
use crate::config::key::Update::{ClusterWide, PerBroker, ReadOnly};
use crate::config::key::{Key, ignored, works};
use crate::config::rule::Rule;

pub(super) const KEYS: &[Key] = &[
    works(
        "advertised.listeners",
        List,
        None,
        Rule::Any,
        ReadOnly,
        "What clients are told to connect to. Where it is not set, the address that they have reached.",
    ),
    ignored("background.threads", Int, Some("10"), Rule::Min(1), ClusterWide),
    ignored("connection.failed.authentication.delay.ms", Int, Some("100"), Rule::Min(0), ReadOnly),
    works(
        "connections.max.idle.ms",
        Long,
        Some("600000"),
        Rule::Any,
        ReadOnly,
        "A connection without requests is closed after this time; below zero never.",
    ),
    ignored("connections.max.reauth.ms", Long, Some("0"), Rule::Any, ReadOnly),
    ignored("early.start.listeners", List, None, Rule::Any, ReadOnly),
    works(
        "grete.shards",
        Int,
        None,
        Rule::Range(1, 64),
        ReadOnly,
        "The number of shards, each on a thread of its own; the number of processors where it is not set. Grete's own.",
    )
    .internal(),
    works(
        "inter.broker.listener.name",
        Text,
        None,
        Rule::Any,
        ReadOnly,
        "The listener that brokers use among themselves.",
    ),
    works(
        "listener.security.protocol.map",
        Text,
        Some("SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT"),
        Rule::Any,
        PerBroker,
        "The security protocol of each listener name. PLAINTEXT is the one that works.",
    ),
    works(
        "listeners",
        List,
        Some("PLAINTEXT://:9092"),
        Rule::Any,
        PerBroker,
        "Where clients connect: NAME://host:port, several with commas.",
    ),
    ignored("max.connection.creation.rate", Int, Some("2147483647"), Rule::Min(0), ClusterWide),
    works(
        "max.connections",
        Int,
        Some("2147483647"),
        Rule::Min(0),
        ClusterWide,
        "The most connections at a time; further ones wait until one ends.",
    ),
    works(
        "max.connections.per.ip",
        Int,
        Some("2147483647"),
        Rule::Min(0),
        ClusterWide,
        "The most connections from one address at a time; further ones are closed.",
    ),
    works(
        "max.connections.per.ip.overrides",
        Text,
        Some(""),
        Rule::Any,
        ClusterWide,
        "Addresses or names with a limit of their own: host:count, with commas.",
    ),
    ignored("num.io.threads", Int, Some("8"), Rule::Min(1), ClusterWide),
    ignored("num.network.threads", Int, Some("3"), Rule::Min(1), ClusterWide),
    ignored("queued.max.request.bytes", Long, Some("-1"), Rule::Any, ReadOnly),
    ignored("queued.max.requests", Int, Some("500"), Rule::Min(1), ReadOnly),
    ignored("request.timeout.ms", Int, Some("30000"), Rule::Any, ReadOnly),
    ignored("socket.connection.setup.timeout.max.ms", Long, Some("30000"), Rule::Any, ReadOnly),
    ignored("socket.connection.setup.timeout.ms", Long, Some("10000"), Rule::Any, ReadOnly),
    ignored("socket.listen.backlog.size", Int, Some("50"), Rule::Min(1), ReadOnly),
    ignored("socket.receive.buffer.bytes", Int, Some("102400"), Rule::Any, ReadOnly),
    works(
        "socket.request.max.bytes",
        Int,
        Some("104857600"),
        Rule::Min(1),
        ReadOnly,
        "The largest request that is taken: a Produce up to 32 MiB, or the largest batch that a topic takes where that is \
         more; others up to 16 MiB.",
    ),
    ignored("socket.send.buffer.bytes", Int, Some("102400"), Rule::Any, ReadOnly),
];
