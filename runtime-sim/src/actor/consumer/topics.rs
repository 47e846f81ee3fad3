//! What there is to read: the topics of a consumer, and of the whole group where it leads one.

use super::alarms::Retry;
use super::protocol::text;
use super::{Ask, Consumer, REQUEST_TIMEOUT, To};
use crate::actor::Context;
use crate::history::TopicPartition;
use crate::run::State;
use core::time::Duration;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{MetadataRequest, MetadataResponse, TopicName};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const METADATA_VERSION: i16 = 12;
const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
/// How soon the topics are asked for again, at most: Java's `retry.backoff.ms`.
const AGAIN_AFTER: Duration = Duration::from_millis(100);
/// How soon a topic that is not there is asked for again.
const MISSING_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// What is known of the topics.
#[derive(Clone, Debug, Default)]
pub(super) struct Topics {
    /// The topics that were told of; without a value where there is no such topic.
    known: BTreeMap<Arc<str>, Option<Topic>>,
    /// Whether to ask.
    wanted: bool,
    /// Whether they are being asked for.
    asked: bool,
}

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Topic {
    pub(super) id: u128,
    /// The leader epoch of each partition.
    pub(super) leader_epochs: BTreeMap<i32, i32>,
}

impl Topics {
    /// What is known may be wrong.
    pub(super) const fn refresh(&mut self) {
        self.wanted = true;
    }

    pub(super) const fn unanswered(&mut self) {
        self.wanted = true;
        self.asked = false;
    }

    /// A topic, where it is there.
    pub(super) fn get(&self, topic: &str) -> Option<&Topic> {
        self.known.get(topic)?.as_ref()
    }

    /// Whether each topic is known, to be there or not.
    pub(super) fn are_known<'a>(&self, topics: impl IntoIterator<Item = &'a Arc<str>>) -> bool {
        topics.into_iter().all(|topic| self.known.contains_key(topic))
    }

    /// The numbers of partitions of those topics that are there.
    pub(super) fn counts(&self, topics: &BTreeSet<Arc<str>>) -> BTreeMap<Arc<str>, i32> {
        let count = |name: &Arc<str>| Some((Arc::clone(name), self.get(name)?.leader_epochs.len() as i32));
        topics.iter().filter_map(count).collect()
    }
}

impl Consumer {
    /// The topics that it has to know: its own, and those of its group where it leads it.
    fn topics_wanted(&self) -> BTreeSet<Arc<str>> {
        let group = self.group.iter().flat_map(|group| group.topics_led());
        self.plan.topics.iter().chain(group).cloned().collect()
    }

    pub(super) fn drive_topics(&mut self, context: &mut Context<'_>) {
        let connected = self.broker.is_ready();
        if !self.topics.wanted || self.topics.asked || !connected || !self.alarms.may(Retry::Metadata) {
            return;
        }
        let names: Vec<Arc<str>> = self.topics_wanted().into_iter().collect();
        let topic = |name: &Arc<str>| MetadataRequestTopic::default().with_name(Some(TopicName(text(name))));
        let request = MetadataRequest::default()
            .with_topics(Some(names.iter().map(topic).collect()))
            .with_allow_auto_topic_creation(false);
        (self.topics.wanted, self.topics.asked) = (false, true);
        self.send(context, To::Broker, (&request, METADATA_VERSION), Ask::Metadata(names), REQUEST_TIMEOUT);
    }

    pub(super) fn take_metadata(&mut self, context: &mut Context<'_>, response: MetadataResponse, names: &[Arc<str>]) {
        self.topics.asked = false;
        let mut again = None;
        for topic in response.topics {
            let Some(name) = topic.name else { continue };
            let Some(name) = names.iter().find(|asked| &***asked == name.as_str()) else { continue };
            let known = match topic.error_code {
                0 => Some(Topic {
                    id: topic.topic_id.as_u128(),
                    leader_epochs: topic.partitions.iter().map(|at| (at.partition_index, at.leader_epoch)).collect(),
                }),
                UNKNOWN_TOPIC_OR_PARTITION => {
                    again = again.or(Some(MISSING_AGAIN_AFTER));
                    None
                }
                _ => {
                    again = Some(AGAIN_AFTER);
                    continue;
                }
            };
            self.topics.known.insert(Arc::clone(name), known);
        }
        // Who has come to lead the group meanwhile has more to ask.
        let has_all = self.topics.are_known(&self.topics_wanted());
        self.topics.wanted |= again.is_some() || !has_all;
        self.alarms.pause(context, Retry::Metadata, again.filter(|_| has_all).unwrap_or(AGAIN_AFTER));
        if self.topics_have_changed() {
            context.see(State::TopicCameAgain);
        }
    }

    fn topics_have_changed(&mut self) -> bool {
        match &mut self.group {
            Some(group) => group.topics_have_changed(&self.topics),
            None => {
                let partitions = self.plan.topics.iter().filter_map(|name| Some((name, self.topics.get(name)?)));
                let all = partitions.flat_map(|(name, topic)| {
                    let at = |&partition: &i32| TopicPartition { topic: Arc::clone(name), partition };
                    topic.leader_epochs.keys().map(at).collect::<Vec<_>>()
                });
                let all = all.collect();
                self.fetcher.read_from_start(&all);
            }
        }
        self.fetcher.topics_have_changed(&self.topics)
    }
}
