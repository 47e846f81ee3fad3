//! The table of all keys, split by what they are of. Names, types, defaults and bounds are those of Apache Kafka 4.3.

mod client_metrics;
mod group_resources;
mod groups;
mod logs;
mod network;
mod other;
mod quorum;
mod remote;
mod security;
mod share;
mod topics;
mod transactions;

use super::key::Key;

/// The broker's keys.
pub(super) const BROKER: [&[Key]; 9] = [
    groups::KEYS,
    logs::KEYS,
    network::KEYS,
    other::KEYS,
    quorum::KEYS,
    remote::KEYS,
    security::KEYS,
    share::KEYS,
    transactions::KEYS,
];
/// The keys of topics, by name.
pub(super) const TOPIC: &[Key] = topics::KEYS;
/// The keys of groups, by name.
pub(super) const GROUP: &[Key] = group_resources::KEYS;
/// The keys of client metrics subscriptions, by name.
pub(super) const CLIENT_METRICS: &[Key] = client_metrics::KEYS;
