//! What is in force, and where it comes from.

use super::key::{Key, Kind};
use super::{Properties, Table, broker_synonyms};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// What is configured for a broker, the strongest first.
#[derive(Clone, Copy, Debug)]
pub struct Layers<'a> {
    /// What the cluster's metadata says of this broker.
    pub own: Option<&'a Properties>,
    /// What it says of all brokers.
    pub cluster: Option<&'a Properties>,
    /// What the broker was started with.
    pub started_with: &'a Properties,
}

/// Where a value comes from, by Kafka's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are Kafka's own")]
pub enum Source {
    Topic = 1,
    DynamicBroker = 2,
    DynamicDefaultBroker = 3,
    StaticBroker = 4,
    Default = 5,
    ClientMetrics = 7,
    Group = 8,
}

/// A value with its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sourced {
    /// The key that it was set by.
    pub name: String,
    /// The value; `None` where it is a secret.
    pub value: Option<String>,
    /// Where it comes from.
    pub source: Source,
}

impl<'a> Layers<'a> {
    /// What is set for a broker's key of exactly this name.
    #[must_use]
    pub fn set(&self, name: &str) -> Option<&'a str> {
        let layers = [self.own, self.cluster, Some(self.started_with)];
        layers.into_iter().flatten().find_map(|layer| layer.get(name)).map(|value| &**value)
    }

    /// What is in force for a broker's key of exactly this name: the default where nothing is set.
    #[must_use]
    pub fn broker(&self, key: &Key) -> Option<String> {
        let set = self.set(key.name).and_then(|value| key.parse(value).ok());
        set.or_else(|| key.default.map(String::from))
    }

    /// What is in force for a topic that says nothing else.
    #[must_use]
    pub fn topic(&self, key: &Key) -> String {
        for (name, factor) in key.synonyms {
            let Some(of) = Table::Broker.find(name) else { continue };
            if let Some(value) = self.broker(of) {
                return match value.parse::<i64>() {
                    // -1 means no limit, whatever the unit.
                    Ok(number) if *factor != 1 && number > 0 => number.saturating_mul(*factor).to_string(),
                    Ok(number) if *factor != 1 && number < 0 => "-1".into(),
                    _ => value,
                };
            }
        }
        key.default.unwrap_or_default().into()
    }

    /// Where a broker's key gets its value from, the strongest first: Kafka's `synonyms` of it.
    #[must_use]
    pub fn sources(&self, name: &str, kind: Kind) -> Vec<Sourced> {
        let synonyms = broker_synonyms(name);
        let synonyms = if synonyms.is_empty() { core::slice::from_ref(&name) } else { synonyms };
        let sourced = |name: &str, value: &str, source| Sourced {
            name: name.into(),
            value: (kind != Kind::Password).then(|| value.into()),
            source,
        };
        let layers = [
            (self.own, Source::DynamicBroker),
            (self.cluster, Source::DynamicDefaultBroker),
            (Some(self.started_with), Source::StaticBroker),
        ];
        let mut all = Vec::new();
        for (layer, source) in layers {
            let set = synonyms.iter().filter_map(|name| Some((name, layer?.get(*name)?)));
            all.extend(set.map(|(name, value)| sourced(name, value, source)));
        }
        let defaults = synonyms.iter().filter_map(|name| Some((name, Table::Broker.find(name)?.default?)));
        all.extend(defaults.map(|(name, value)| sourced(name, value, Source::Default)));
        // Kafka begins with the first that has the name that was asked for.
        let first = all.iter().position(|one| one.name == name).unwrap_or(all.len());
        all.split_off(first)
    }
}
