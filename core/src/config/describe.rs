//! A resource's configuration as DescribeConfigs tells it.

use super::key::{Key, Kind, Update};
use super::layers::{Layers, Source, Sourced};
use super::{Properties, Table};
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

/// A key with what is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// The key.
    pub name: String,
    /// The value; `None` for nothing, and for secrets.
    pub value: Option<String>,
    /// Where the value comes from.
    pub source: Source,
    /// All values that are set for it, the strongest first.
    pub synonyms: Vec<Sourced>,
    /// What its values are; `None` where the key is not known.
    pub kind: Option<Kind>,
    /// Whether it is a secret.
    pub is_sensitive: bool,
    /// Whether it cannot be altered while the broker runs.
    pub is_read_only: bool,
    /// What it means.
    pub documentation: &'static str,
}

impl Layers<'_> {
    /// The configuration of a topic, by name. `overrides` is what the topic itself says.
    #[must_use]
    pub fn describe_topic(&self, overrides: Option<&Properties>) -> Vec<Described> {
        let is_set = |key: &Key| {
            let by_broker = || key.synonyms.iter().any(|(name, _)| self.set(name).is_some());
            overrides.is_some_and(|overrides| overrides.contains_key(key.name)) || by_broker()
        };
        let keys = Table::Topic.keys().filter(|key| !key.is_internal || is_set(key));
        keys.map(|key| {
            let broker = key.synonyms.first().map(|(name, _)| self.sources(name, key.kind)).unwrap_or_default();
            describe(key, overrides, Source::Topic, self.topic(key), broker)
        })
        .collect()
    }

    /// The configuration of a group.
    #[must_use]
    pub fn describe_group(&self, overrides: Option<&Properties>) -> Vec<Described> {
        let keys = Table::Group.keys().map(|key| {
            let broker = match key.synonyms.first() {
                Some((name, _)) => self.sources(name, key.kind),
                None => vec![Sourced {
                    name: key.name.into(),
                    value: key.default.map(String::from),
                    source: Source::Default,
                }],
            };
            describe(key, overrides, Source::Group, self.topic(key), broker)
        });
        keys.collect()
    }

    /// The configuration of a client metrics subscription.
    #[must_use]
    pub fn describe_client_metrics(overrides: Option<&Properties>) -> Vec<Described> {
        let keys = Table::ClientMetrics.keys();
        keys.map(|key| {
            let default = key.default.unwrap_or_default().into();
            describe(key, overrides, Source::ClientMetrics, default, Vec::new())
        })
        .collect()
    }

    /// The configuration of this broker.
    #[must_use]
    pub fn describe_broker(&self) -> Vec<Described> {
        let keys = Table::Broker.keys().filter(|key| !key.is_internal || self.set(key.name).is_some());
        let mut all: Vec<Described> = keys
            .map(|key| {
                let synonyms = self.sources(key.name, key.kind);
                Described {
                    name: key.name.into(),
                    value: self.broker(key).filter(|_| !key.is_sensitive()),
                    source: synonyms.first().map_or(Source::Default, |first| first.source),
                    synonyms,
                    kind: Some(key.kind),
                    is_sensitive: key.is_sensitive(),
                    is_read_only: key.update == Update::ReadOnly,
                    documentation: key.meaning(),
                }
            })
            .collect();
        let names = [self.own, self.cluster].into_iter().flatten().flat_map(Properties::keys);
        for name in names.filter(|name| Table::Broker.find(name).is_none()) {
            if !all.iter().any(|one| *one.name == **name) {
                all.push(self.unknown(name));
            }
        }
        all
    }

    /// What is configured for all brokers of the cluster.
    #[must_use]
    pub fn describe_cluster(&self) -> Vec<Described> {
        let set = self.cluster.into_iter().flatten().map(|(name, value)| {
            let Some(key) = Table::Broker.find(name) else { return self.unknown(name) };
            let mut synonyms = self.sources(key.name, key.kind);
            synonyms.retain(|one| one.source == Source::DynamicDefaultBroker);
            Described {
                name: key.name.into(),
                value: key.parse(value).ok().filter(|_| !key.is_sensitive()),
                source: Source::DynamicDefaultBroker,
                synonyms,
                kind: Some(key.kind),
                is_sensitive: key.is_sensitive(),
                is_read_only: key.update == Update::ReadOnly,
                documentation: key.meaning(),
            }
        });
        set.collect()
    }

    /// A key that is not known may be a secret.
    fn unknown(&self, name: &str) -> Described {
        let synonyms = self.sources(name, Kind::Password);
        Described {
            name: name.into(),
            value: None,
            source: synonyms.first().map_or(Source::Default, |first| first.source),
            synonyms,
            kind: None,
            is_sensitive: true,
            is_read_only: true,
            documentation: "",
        }
    }
}

fn describe(
    key: &Key,
    overrides: Option<&Properties>,
    own: Source,
    inherited: String,
    mut synonyms: Vec<Sourced>,
) -> Described {
    let set = overrides.and_then(|overrides| overrides.get(key.name));
    if let Some(value) = set {
        synonyms.insert(0, Sourced { name: key.name.into(), value: Some((&**value).into()), source: own });
    }
    Described {
        name: key.name.into(),
        value: Some(set.and_then(|value| key.parse(value).ok()).unwrap_or(inherited)),
        source: synonyms.first().map_or(Source::Default, |first| first.source),
        synonyms,
        kind: Some(key.kind),
        is_sensitive: false,
        is_read_only: false,
        documentation: key.meaning(),
    }
}
