//! Which values the configuration of a group may have: the broker's keys bound them (KIP-848, KIP-932, KIP-1071).

use crate::config::{Layers, Properties, Table};
use alloc::format;
use alloc::string::String;

/// The types of groups, by the first word of their keys.
const TYPES: [&str; 3] = ["consumer", "share", "streams"];
/// The only bound that is not named after its key.
const STANDBY_REPLICAS: (&str, &str) = ("streams.num.standby.replicas", "group.streams.max.standby.replicas");

/// What is out of bounds, in Kafka's words.
pub(super) fn out_of_bounds(config: &Properties, layers: &Layers<'_>) -> Option<String> {
    let of_group = |name: &str| -> Option<i64> {
        let key = Table::Group.find(name)?;
        let own = config.get(name).and_then(|value| key.parse(value).ok());
        own.unwrap_or_else(|| layers.topic(key)).parse().ok()
    };
    let of_broker = |name: &str| -> Option<i64> { layers.broker(Table::Broker.find(name)?)?.parse().ok() };
    for key in Table::Group.keys() {
        let (Some(value), Some((of, rest))) = (of_group(key.name), key.name.split_once('.')) else { continue };
        let min = format!("group.{of}.min.{rest}");
        if of_broker(&min).is_some_and(|min| value < min) {
            return Some(format!("{} must be greater than or equal to {min}", key.name));
        }
        let max =
            if key.name == STANDBY_REPLICAS.0 { STANDBY_REPLICAS.1.into() } else { format!("group.{of}.max.{rest}") };
        if of_broker(&max).is_some_and(|max| value > max) {
            return Some(format!("{} must be less than or equal to {max}", key.name));
        }
    }
    TYPES.iter().find_map(|of| {
        let (session, heartbeat) = (format!("{of}.session.timeout.ms"), format!("{of}.heartbeat.interval.ms"));
        let is_shorter = of_group(&session)? <= of_group(&heartbeat)?;
        is_shorter.then(|| format!("{session} must be greater than {heartbeat}"))
    })
}
