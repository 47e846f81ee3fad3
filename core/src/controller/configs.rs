//! Altering what is configured for topics, brokers, groups and client metrics (KIP-133, KIP-226, KIP-339).

mod group_bounds;

use self::group_bounds::out_of_bounds;
use super::{Controller, TopicRefusal, check_name};
use crate::config::{Layers, Properties, Table, Treatment, Update};
use crate::metadata::{ConfigResource, MetadataImage};
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use grete_protocol::ErrorCode;
use grete_protocol::messages::MetadataRecord;
use grete_protocol::messages::metadata::config_record::ConfigRecord;

/// What is to become of a resource's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alteration {
    /// The resource.
    pub resource: ConfigResource,
    /// What changes, in the client's order.
    pub changes: Vec<Change>,
    /// Whether what is not named is deleted.
    pub replaces: bool,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The key.
    pub name: String,
    /// What is done with it; `None` where that is no operation.
    pub operation: Option<ConfigOperation>,
    /// The value.
    pub value: Option<String>,
}

/// What is done with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigOperation {
    /// It gets a value.
    Set,
    /// It loses its value, so that the default counts.
    Delete,
    /// Its list gets more elements.
    Append,
    /// Its list loses elements.
    Subtract,
}

impl ConfigOperation {
    /// The operation with Kafka's number.
    #[must_use]
    pub fn from_number(number: i8) -> Option<Self> {
        match number {
            0 => Some(Self::Set),
            1 => Some(Self::Delete),
            2 => Some(Self::Append),
            3 => Some(Self::Subtract),
            _ => None,
        }
    }
}

type Checked<T = ()> = Result<T, TopicRefusal>;

fn refuse<T>(error: ErrorCode, message: impl Into<String>) -> Checked<T> {
    Err(TopicRefusal { error, message: Some(message.into()) })
}

impl Controller {
    /// Decides on alterations: the records for all that can be done, and a result for each.
    #[must_use]
    pub fn alter_configs(&self, alterations: &[Alteration]) -> (Vec<MetadataRecord<'static>>, Vec<Checked>) {
        let mut records = Vec::new();
        let results = alterations.iter().map(|alteration| {
            let twice = alterations.iter().filter(|other| other.resource == alteration.resource).count() > 1;
            if twice {
                return refuse(ErrorCode::InvalidRequest, "Each resource must appear at most once.");
            }
            self.alter_config(alteration).map(|new| records.extend(new))
        });
        let results = results.collect();
        (records, results)
    }

    fn alter_config(&self, alteration: &Alteration) -> Checked<Vec<MetadataRecord<'static>>> {
        check_changes(&alteration.changes)?;
        let resource = &alteration.resource;
        if resource.kind == ConfigResource::BROKER_LOGGER && !alteration.replaces {
            return self.check_loggers(&resource.name, &alteration.changes).map(|()| Vec::new());
        }
        let table = self.check_resource(resource)?;
        let nothing = Properties::new();
        let before = self.appended.config(resource).unwrap_or(&nothing);
        let after = changed(table, &self.appended.layers(), before, alteration)?;
        match table {
            Table::Broker => check_broker(&after, resource.name.is_empty(), &self.appended, before)?,
            Table::Topic => check_topic(&after, &self.appended)?,
            Table::Group => {
                check_values(table, &after, "Unknown group config name: ")?;
                if let Some(text) = out_of_bounds(&after, &self.appended.layers()) {
                    return refuse(ErrorCode::InvalidConfig, text);
                }
            }
            Table::ClientMetrics => check_values(table, &after, "Unknown client metrics configuration: ")?,
        }
        Ok(differences(resource, before, &after))
    }

    /// KIP-412: levels of loggers are a node's own and leave no record. There are no loggers of Kafka's kind, by class, here.
    fn check_loggers(&self, node: &str, changes: &[Change]) -> Checked {
        match node.parse::<i32>() {
            Err(_) => {
                return refuse(ErrorCode::InvalidRequest, format!("Node id must be an integer, but it is: {node}"));
            }
            Ok(id) if id != self.node.0 => {
                let text = format!("Unexpected node id. Expected {}, but received {node}", self.node);
                return refuse(ErrorCode::InvalidRequest, text);
            }
            Ok(_) => {}
        }
        let Some(Change { name, operation, .. }) = changes.first() else { return Ok(()) };
        let doing = match operation {
            Some(ConfigOperation::Append) => "APPEND",
            Some(ConfigOperation::Subtract) => "SUBTRACT",
            Some(ConfigOperation::Set | ConfigOperation::Delete) | None => {
                return refuse(ErrorCode::InvalidConfig, format!("Logger {name} does not exist!"));
            }
        };
        refuse(ErrorCode::InvalidRequest, format!("{doing} operation is not allowed for the BROKER_LOGGER resource"))
    }

    /// Whether there is such a resource, and what keys it has.
    fn check_resource(&self, resource: &ConfigResource) -> Checked<Table> {
        let name = &*resource.name;
        match resource.kind {
            ConfigResource::TOPIC => {
                if name.is_empty() {
                    return refuse(ErrorCode::InvalidRequest, "Default topic resources are not allowed.");
                }
                check_name(name)?;
                if self.appended.topic_by_name(name).is_none() {
                    let text = format!("The topic '{name}' does not exist.");
                    return refuse(ErrorCode::UnknownTopicOrPartition, text);
                }
                Ok(Table::Topic)
            }
            ConfigResource::BROKER if name.is_empty() => Ok(Table::Broker),
            ConfigResource::BROKER => match name.parse::<i32>() {
                Err(_) => refuse(ErrorCode::InvalidRequest, format!("Node id must be an integer, but it is: {name}")),
                Ok(id) if id != self.node.0 => {
                    let text = format!("Unexpected broker id, expected {}, but received {name}", self.node);
                    refuse(ErrorCode::InvalidRequest, text)
                }
                Ok(_) => Ok(Table::Broker),
            },
            ConfigResource::GROUP if name.is_empty() => {
                refuse(ErrorCode::InvalidRequest, "Default group resources are not allowed.")
            }
            ConfigResource::GROUP => Ok(Table::Group),
            ConfigResource::CLIENT_METRICS if name.is_empty() => {
                refuse(ErrorCode::InvalidRequest, "Subscription name can't be empty")
            }
            ConfigResource::CLIENT_METRICS => Ok(Table::ClientMetrics),
            other => refuse(ErrorCode::InvalidRequest, format!("Unknown resource type {other}")),
        }
    }
}

fn check_changes(changes: &[Change]) -> Checked {
    let mut names = BTreeSet::new();
    if !changes.iter().all(|change| names.insert(change.name.as_str())) {
        return refuse(ErrorCode::InvalidRequest, "Error due to duplicate config keys");
    }
    let nulls: Vec<&str> = changes
        .iter()
        .filter(|change| change.value.is_none() && change.operation != Some(ConfigOperation::Delete))
        .map(|change| change.name.as_str())
        .collect();
    if !nulls.is_empty() {
        return refuse(ErrorCode::InvalidRequest, format!("Null value not supported for : {}", nulls.join(",")));
    }
    if changes.iter().any(|change| change.operation.is_none()) {
        return Err(TopicRefusal { error: ErrorCode::UnknownServerError, message: None });
    }
    Ok(())
}

/// The configuration after the changes.
fn changed(table: Table, layers: &Layers<'_>, before: &Properties, alteration: &Alteration) -> Checked<Properties> {
    let mut after = if alteration.replaces { Properties::new() } else { before.clone() };
    for Change { name, operation, value } in &alteration.changes {
        let value = value.as_deref().unwrap_or_default();
        match operation {
            Some(ConfigOperation::Set) | None => {
                after.insert(name.as_str().into(), value.into());
            }
            Some(ConfigOperation::Delete) => {
                after.remove(name.as_str());
            }
            Some(operation @ (ConfigOperation::Append | ConfigOperation::Subtract)) => {
                let list = change_list(table, layers, &after, name, *operation, value)?;
                after.insert(name.as_str().into(), list.into());
            }
        }
    }
    Ok(after)
}

fn change_list(
    table: Table,
    layers: &Layers<'_>,
    config: &Properties,
    name: &str,
    operation: ConfigOperation,
    value: &str,
) -> Checked<String> {
    let key = table.find(name).filter(|key| key.kind == crate::config::Kind::List);
    let Some(key) = key else {
        let doing = if operation == ConfigOperation::Append { "APPEND" } else { "SUBTRACT" };
        return refuse(ErrorCode::InvalidConfig, format!("Can't {doing} to key {name} because its type is not LIST."));
    };
    let now = match config.get(name) {
        Some(now) => String::from(&**now),
        None if table == Table::Broker => layers.broker(key).unwrap_or_default(),
        None => layers.topic(key),
    };
    let split = |list: &str| -> Vec<String> {
        let parts = list.split(',').map(|part| part.trim().to_string());
        parts.filter(|part| !part.is_empty()).collect()
    };
    let mut parts = split(&now);
    for part in split(value) {
        if operation == ConfigOperation::Subtract {
            parts.retain(|other| *other != part);
        } else if !parts.contains(&part) {
            parts.push(part);
        }
    }
    Ok(parts.join(","))
}

/// Every value is one of its key's, and every key is known. Unknown names come before bad values, as in Kafka.
fn check_values(table: Table, config: &Properties, unknown: &str) -> Checked {
    if let Some(name) = config.keys().find(|name| table.find(name).is_none()) {
        return refuse(ErrorCode::InvalidConfig, format!("{unknown}{name}"));
    }
    for (name, value) in config {
        if let Some(Err(error)) = table.find(name).map(|key| key.parse(value)) {
            return refuse(ErrorCode::InvalidConfig, error.to_string());
        }
    }
    Ok(())
}

fn check_topic(config: &Properties, image: &MetadataImage) -> Checked {
    check_values(Table::Topic, config, "Unknown topic config name: ")?;
    let layers = image.layers();
    let in_force = |name: &str| {
        let key = Table::Topic.find(name)?;
        config.get(name).and_then(|value| key.parse(value).ok()).or_else(|| Some(layers.topic(key)))
    };
    if in_force("remote.storage.enable").as_deref() == Some("true") {
        let text = "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log \
                    storage.";
        return refuse(ErrorCode::InvalidConfig, text);
    }
    let number = |name| in_force(name).and_then(|value| value.parse::<i64>().ok());
    if let (Some(min), Some(max)) = (number("min.compaction.lag.ms"), number("max.compaction.lag.ms"))
        && min > max
    {
        let text =
            format!("conflict topic config setting min.compaction.lag.ms ({min}) > max.compaction.lag.ms ({max})");
        return refuse(ErrorCode::InvalidConfig, text);
    }
    Ok(())
}

/// What may be configured for brokers while they run. Keys of an unknown name are kept, as Kafka does: a later version, or
/// a plug-in, may know them.
fn check_broker(config: &Properties, is_default: bool, image: &MetadataImage, before: &Properties) -> Checked {
    let known = || config.iter().filter_map(|(name, value)| Some((Table::Broker.find(name)?, value)));
    let names = |update| {
        let names: Vec<&str> = known().filter(|(key, _)| key.update == update).map(|(key, _)| key.name).collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    if let Some(names) = names(Update::ReadOnly) {
        return refuse(ErrorCode::InvalidRequest, format!("Cannot update these configs dynamically: [{names}]"));
    }
    if is_default && let Some(names) = names(Update::PerBroker) {
        let text =
            format!("Cannot update these configs at default cluster level, broker id must be specified: [{names}]");
        return refuse(ErrorCode::InvalidRequest, text);
    }
    for (key, value) in known() {
        let value = match key.parse(value) {
            Ok(value) => value,
            Err(error) => return refuse(ErrorCode::InvalidRequest, error.to_string()),
        };
        let is_new = before.get(key.name).is_none_or(|before| **before != *value);
        if is_new && key.default != Some(&*value) {
            match key.treatment {
                Treatment::Refused(why) | Treatment::Unused(why) => {
                    return refuse(ErrorCode::InvalidRequest, format!("{} cannot be set: {why}", key.name));
                }
                // It would have to take effect, and does so at the next start alone.
                Treatment::Works if !is_of_topics(key.name) => {
                    let text = format!("{} cannot be altered while this broker runs; set it at its start.", key.name);
                    return refuse(ErrorCode::InvalidRequest, text);
                }
                Treatment::Works | Treatment::Ignored => {}
            }
        }
    }
    // KIP-966: whether a replica is eligible depends on one value for the whole cluster.
    let elr = image.features.level("eligible.leader.replicas.version") > 0;
    if elr && !is_default && config.contains_key("min.insync.replicas") {
        let text = "Broker-level min.insync.replicas cannot be altered while ELR is enabled.";
        return refuse(ErrorCode::InvalidConfig, text);
    }
    if elr && is_default && before.contains_key("min.insync.replicas") && !config.contains_key("min.insync.replicas") {
        let text = "Cluster-level min.insync.replicas cannot be removed while ELR is enabled.";
        return refuse(ErrorCode::InvalidConfig, text);
    }
    Ok(())
}

/// Whether a broker's key is the default of a topic's, which takes effect at once.
fn is_of_topics(name: &str) -> bool {
    Table::Topic.keys().filter_map(|key| key.synonyms.first()).any(|(first, _)| *first == name)
}

fn differences(resource: &ConfigResource, before: &Properties, after: &Properties) -> Vec<MetadataRecord<'static>> {
    let gone = before.keys().filter(|name| !after.contains_key(*name)).map(|name| (name, None));
    let new = after.iter().filter(|(name, value)| before.get(*name) != Some(*value));
    let record = |(name, value): (&alloc::sync::Arc<str>, Option<&alloc::sync::Arc<str>>)| {
        MetadataRecord::Config(ConfigRecord {
            resource_type: resource.kind,
            resource_name: String::from(&*resource.name).into(),
            name: String::from(&**name).into(),
            value: value.map(|value| String::from(&**value).into()),
            ..Default::default()
        })
    };
    gone.chain(new.map(|(name, value)| (name, Some(value)))).map(record).collect()
}

/// Checks the configuration of a new topic.
pub(super) fn check_new_topic(image: &MetadataImage, configs: &[(String, Option<String>)]) -> Checked {
    let mut config = Properties::new();
    for (name, value) in configs {
        let Some(value) = value else {
            let text = format!("Null value not supported for topic configs: {name}");
            return refuse(ErrorCode::InvalidConfig, text);
        };
        config.insert(name.as_str().into(), value.as_str().into());
    }
    check_topic(&config, image)
}

#[cfg(test)]
mod tests;
