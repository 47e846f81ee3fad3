//! **Metadata.** Proves that topics are there from the acknowledgement of their creation to that of their deletion, in each
//! list and at the end; that they have as many partitions as was acknowledged, and no more than was asked for; and that
//! each configuration that is set is the last one that was acknowledged, or one beside or after it of which nobody knows.
//!
//! Time: each topic and each of its configurations is a register: near linear; each list is compared with all topics.
//!
//! Finds: metadata that is acknowledged before it is durable, a deletion that comes back at a restart, an image that one
//! shard has and another has not, half of a two-file update, snapshots that lack something (65).

use super::register::Register;
use super::sent::{NEVER, effect_until, operations};
use super::{Checker, Seen, Violation};
use crate::clock::WorldTime;
use crate::history::{Answer, ClientIndex, History, OperationId, Outcome, What};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const NAME: &str = "metadata";

/// See the module.
pub const METADATA: Checker =
    Checker { name: NAME, promise: "topics, partitions and configurations are as was acknowledged", check };

#[derive(Default)]
struct Known {
    topics: BTreeMap<Arc<str>, Topic>,
}

struct Topic {
    presence: Register<bool>,
    configs: BTreeMap<Arc<str>, Register<Option<Arc<str>>>>,
    /// What was acknowledged: how many partitions there are from that moment on, unless it was deleted.
    grown: Vec<(i32, OperationId, WorldTime)>,
    /// The most that anybody asked for.
    asked_max: i32,
    /// The ends of deletions.
    deleted: Vec<WorldTime>,
}

fn violation(operations: &[OperationId], client: Option<ClientIndex>, what: String) -> Option<Violation> {
    Some(Violation { checker: NAME, what, operations: operations.to_vec(), partition: None, client })
}

fn check(seen: &Seen<'_>) -> Option<Violation> {
    let mut known = Known::of(seen.history);
    for (id, operation) in operations(seen.history) {
        let Some(ended) = operation.ended else { continue };
        let found = match (&operation.what, &operation.outcome) {
            (What::ListTopics, Outcome::Done(Answer::Topics(topics))) => {
                let names: BTreeSet<&Arc<str>> = topics.keys().collect();
                known.list(&names, operation.began, ended, Some((id, operation.client)))
            }
            (What::DescribeConfigs { topic }, Outcome::Done(Answer::Configs(configs))) => {
                known.configs(topic, configs, (operation.began, ended), Some((id, operation.client)))
            }
            _ => None,
        };
        if found.is_some() {
            return found;
        }
    }
    let names: BTreeSet<&Arc<str>> = seen.rest.topics.keys().collect();
    known.list(&names, NEVER, NEVER, None).or_else(|| known.at_rest(seen))
}

impl Known {
    fn of(history: &History) -> Self {
        let mut known = Self::default();
        for (id, operation) in operations(history) {
            let Some(until) = effect_until(operation) else { continue };
            let is_done = matches!(operation.outcome, Outcome::Done(_));
            match &operation.what {
                What::CreateTopic { topic, partitions, .. } => {
                    let topic = known.topic(topic);
                    topic.presence.write(true, id, operation);
                    topic.grow(*partitions, is_done, id, operation.began);
                }
                What::DeleteTopic { topic } => {
                    let topic = known.topic(topic);
                    topic.presence.write(false, id, operation);
                    topic.deleted.push(until);
                }
                What::CreatePartitions { topic, count } => {
                    known.topic(topic).grow(*count, is_done, id, operation.began)
                }
                What::AlterConfig { topic, key, value } => {
                    known.topic(topic).config(key).write(Some(Arc::clone(value)), id, operation);
                }
                _ => {}
            }
        }
        // A topic begins with the configurations that it was created with and with no others.
        for (id, operation) in operations(history) {
            if let What::CreateTopic { topic, configs, .. } = &operation.what {
                let topic = known.topic(topic);
                configs.keys().for_each(|key| _ = topic.config(key));
                for (key, register) in &mut topic.configs {
                    register.write(configs.get(key).cloned(), id, operation);
                }
            }
        }
        known
    }

    fn topic(&mut self, name: &Arc<str>) -> &mut Topic {
        self.topics.entry(Arc::clone(name)).or_insert_with(|| Topic {
            presence: Register::holding(false),
            configs: BTreeMap::new(),
            grown: Vec::new(),
            asked_max: 0,
            deleted: Vec::new(),
        })
    }

    fn list(
        &mut self,
        names: &BTreeSet<&Arc<str>>,
        from: WorldTime,
        until: WorldTime,
        by: Option<(OperationId, ClientIndex)>,
    ) -> Option<Violation> {
        let client = by.map(|(_, client)| client);
        // Kafka's own begin with two underscores.
        let strange = names.iter().find(|name| !name.starts_with("__") && !self.topics.contains_key(**name));
        if let Some(name) = strange {
            let operations: Vec<OperationId> = by.map(|(id, _)| id).into_iter().collect();
            return violation(&operations, client, format!("topic {name} is there; nobody created it"));
        }
        self.topics.iter_mut().find_map(|(name, topic)| {
            let is_there = names.contains(name);
            if topic.presence.allows(&is_there, from, until) {
                return None;
            }
            let operations: Vec<OperationId> = topic.presence.last().into_iter().chain(by.map(|(id, _)| id)).collect();
            let what = if is_there { "is there; its deletion was acknowledged" } else { "is lost" };
            violation(&operations, client, format!("topic {name} {what}"))
        })
    }

    fn configs(
        &mut self,
        topic: &Arc<str>,
        configs: &BTreeMap<Arc<str>, Arc<str>>,
        (from, until): (WorldTime, WorldTime),
        by: Option<(OperationId, ClientIndex)>,
    ) -> Option<Violation> {
        let known = self.topics.get_mut(topic)?;
        known.configs.iter_mut().find_map(|(key, register)| {
            let shown = configs.get(key).cloned();
            // What is not set is shown as its default.
            let is_default = by.is_some() && register.allows(&None, from, until);
            if is_default || register.allows(&shown, from, until) {
                return None;
            }
            let operations: Vec<OperationId> = register.last().into_iter().chain(by.map(|(id, _)| id)).collect();
            let shown = shown.as_deref().unwrap_or("not set");
            violation(&operations, by.map(|(_, client)| client), format!("{key} of topic {topic} is {shown}"))
        })
    }

    fn at_rest(&mut self, seen: &Seen<'_>) -> Option<Violation> {
        let none = BTreeMap::new();
        seen.rest.topics.iter().find_map(|(name, (_, partitions))| {
            let configs = seen.rest.configs.get(name).unwrap_or(&none);
            let topic = self.topics.get(name)?;
            let grown = topic.grown.iter().filter(|(_, _, began)| topic.deleted.iter().all(|end| end < began));
            let least = grown.max_by_key(|(count, ..)| *count);
            if let Some((count, id, _)) = least.filter(|(count, ..)| partitions < count) {
                return violation(&[*id], None, format!("topic {name} has {partitions} partitions and not {count}"));
            }
            if *partitions > topic.asked_max {
                let most = topic.asked_max;
                return violation(
                    &[],
                    None,
                    format!("topic {name} has {partitions} partitions; {most} were asked for"),
                );
            }
            self.configs(name, configs, (NEVER, NEVER), None)
        })
    }
}

impl Topic {
    fn grow(&mut self, count: i32, is_done: bool, id: OperationId, began: WorldTime) {
        self.asked_max = self.asked_max.max(count);
        if is_done {
            self.grown.push((count, id, began));
        }
    }

    fn config(&mut self, key: &Arc<str>) -> &mut Register<Option<Arc<str>>> {
        self.configs.entry(Arc::clone(key)).or_insert_with(|| Register::holding(None))
    }
}

#[cfg(test)]
mod tests {
    use super::super::story::{Story, done, failed, unknown};
    use super::*;

    fn rest(story: &mut Story, topics: &[(&str, i32)]) {
        story.rest.topics = topics.iter().map(|(name, count)| (Arc::from(*name), (1, *count))).collect();
    }

    fn list(story: &mut Story, topics: &[&str]) -> OperationId {
        let topics = topics.iter().map(|name| (Arc::from(*name), (1, 1))).collect();
        story.op(1, What::ListTopics, Outcome::Done(Answer::Topics(topics)))
    }

    fn alter(story: &mut Story, value: &str, outcome: Outcome) -> OperationId {
        story.op(1, What::AlterConfig { topic: "a".into(), key: "k".into(), value: value.into() }, outcome)
    }

    #[test]
    fn topics_come_and_go_as_was_acknowledged() {
        let mut story = Story::default();
        list(&mut story, &["__consumer_offsets"]);
        story.create("a", 2, done(-1));
        list(&mut story, &["a"]);
        story.create("b", 1, unknown());
        story.create("c", 1, failed());
        list(&mut story, &["a", "b"]);
        list(&mut story, &["a"]);
        rest(&mut story, &[("a", 2)]);
        story.passes(&METADATA);
        story.delete("a", unknown());
        rest(&mut story, &[]);
        story.passes(&METADATA);
    }

    #[test]
    fn a_lost_topic_and_one_that_is_back_are_told() {
        let mut story = Story::default();
        let created = story.create("a", 2, done(-1));
        story.fails(&METADATA, &[created]);
        rest(&mut story, &[("a", 2)]);
        let listed = list(&mut story, &[]);
        story.fails(&METADATA, &[created, listed]);
        let mut story = Story::default();
        story.create("a", 2, done(-1));
        let deleted = story.delete("a", done(-1));
        rest(&mut story, &[("a", 2)]);
        story.fails(&METADATA, &[deleted]);
        let mut story = Story::default();
        rest(&mut story, &[("a", 2)]);
        story.fails(&METADATA, &[]);
    }

    #[test]
    fn partitions_are_as_many_as_was_acknowledged() {
        let mut story = Story::default();
        story.create("a", 2, done(-1));
        let grown = story.op(1, What::CreatePartitions { topic: "a".into(), count: 4 }, done(-1));
        story.op(1, What::CreatePartitions { topic: "a".into(), count: 6 }, unknown());
        for (count, passes) in [(3, false), (4, true), (6, true)] {
            rest(&mut story, &[("a", count)]);
            if passes { story.passes(&METADATA) } else { story.fails(&METADATA, &[grown]) }
        }
        rest(&mut story, &[("a", 7)]);
        story.fails(&METADATA, &[]);
    }

    #[test]
    fn a_configuration_is_the_last_one() {
        let mut story = Story::default();
        story.create("a", 1, done(-1));
        rest(&mut story, &[("a", 1)]);
        alter(&mut story, "1", done(-1));
        let last = alter(&mut story, "2", done(-1));
        story.fails(&METADATA, &[last]);
        story.rest.configs.insert("a".into(), Story::names(&[("k", "1")]));
        story.fails(&METADATA, &[last]);
        story.rest.configs.insert("a".into(), Story::names(&[("k", "2")]));
        story.passes(&METADATA);
        let told = Outcome::Done(Answer::Configs(Story::names(&[("k", "1"), ("other", "x")])));
        let described = story.op(1, What::DescribeConfigs { topic: "a".into() }, told);
        story.fails(&METADATA, &[last, described]);
    }
}
