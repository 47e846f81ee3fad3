//! The configuration: which keys there are, which values they take, and what is in force.
//!
//! The [table](Table) holds every key of Apache Kafka 4.3, for brokers, topics, groups and client metrics, with what this
//! broker does with it, and the few that are our own. [`Layers`] finds out what is in force, and where that comes from.
//!
//! Absent here: what the keys of topics mean for logs (`metadata`), and what those of the broker mean for the node: that is
//! for whoever starts it.

mod describe;
mod key;
mod keys;
mod layers;
mod meanings;
mod nearest;
mod rule;
#[cfg(test)]
mod tests;

pub use describe::Described;
pub use key::{Key, Kind, Treatment, Update};
pub use layers::{Layers, Source, Sourced};
pub use rule::{InvalidValue, Rule};

use alloc::collections::BTreeMap;
use alloc::sync::Arc;

/// Keys and values.
pub type Properties = BTreeMap<Arc<str>, Arc<str>>;

/// Whose keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// The broker's.
    Broker,
    /// A topic's.
    Topic,
    /// A group's (KIP-848).
    Group,
    /// A client metrics subscription's (KIP-714).
    ClientMetrics,
}

impl Table {
    /// All keys.
    pub fn keys(self) -> impl Iterator<Item = &'static Key> {
        let tables: &'static [&'static [Key]] = match self {
            Self::Broker => &keys::BROKER,
            Self::Topic => &[keys::TOPIC],
            Self::Group => &[keys::GROUP],
            Self::ClientMetrics => &[keys::CLIENT_METRICS],
        };
        tables.iter().copied().flatten()
    }

    /// The key with a name.
    #[must_use]
    pub fn find(self, name: &str) -> Option<&'static Key> {
        self.keys().find(|key| key.name == name)
    }

    /// The key whose name is nearest to one that is not known.
    #[must_use]
    pub fn nearest(self, name: &str) -> Option<&'static str> {
        nearest::nearest(name, self.keys().map(|key| key.name))
    }
}

/// The keys that a broker's key may be given by, in the order in which they count: the units differ.
#[must_use]
pub fn broker_synonyms(name: &str) -> &'static [&'static str] {
    const RETENTION: &[&str] = &["log.retention.ms", "log.retention.minutes", "log.retention.hours"];
    const ROLL: &[&str] = &["log.roll.ms", "log.roll.hours"];
    const JITTER: &[&str] = &["log.roll.jitter.ms", "log.roll.jitter.hours"];
    const FLUSH: &[&str] = &["log.flush.interval.ms", "log.flush.scheduler.interval.ms"];
    match name {
        "log.roll.ms" | "log.roll.hours" => ROLL,
        "log.roll.jitter.ms" | "log.roll.jitter.hours" => JITTER,
        "log.flush.interval.ms" => FLUSH,
        "log.retention.ms" | "log.retention.minutes" | "log.retention.hours" => RETENTION,
        _ => Table::Broker.find(name).map_or(&[], |key| core::slice::from_ref(&key.name)),
    }
}
