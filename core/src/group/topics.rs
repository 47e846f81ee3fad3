//! The topics there are: what groups need to know of the cluster's metadata.

use super::names::TopicName;
use crate::ids::{PartitionIndex, TopicId};
use alloc::collections::BTreeMap;

/// The names, ids and partitions of all topics, kept up with the metadata image.
#[derive(Clone, Debug, Default)]
pub struct Topics {
    by_name: BTreeMap<TopicName, Topic>,
    names: BTreeMap<TopicId, TopicName>,
}

#[derive(Clone, Copy, Debug)]
struct Topic {
    id: TopicId,
    partitions: i32,
}

impl Topics {
    /// The name of the topic with an id.
    #[must_use]
    pub fn name(&self, id: TopicId) -> Option<&TopicName> {
        self.names.get(&id)
    }

    /// The id of the topic with a name.
    #[must_use]
    pub fn id(&self, name: &str) -> Option<TopicId> {
        self.by_name.get(name).map(|topic| topic.id)
    }

    /// Whether the topic with a name has a partition.
    #[must_use]
    pub fn has_partition(&self, name: &str, partition: PartitionIndex) -> bool {
        self.by_name.get(name).is_some_and(|topic| (0..topic.partitions).contains(&partition.0))
    }
}

impl Topics {
    /// There is such a topic now, or it has so many partitions.
    pub fn set(&mut self, name: &str, id: TopicId, partitions: i32) {
        let name = TopicName::from(name);
        self.names.insert(id, name.clone());
        self.by_name.insert(name, Topic { id, partitions });
    }

    /// A topic is gone. Another one may have its name by now.
    pub fn remove(&mut self, id: TopicId) {
        let Some(name) = self.names.remove(&id) else { return };
        if self.by_name.get(&name).is_some_and(|topic| topic.id == id) {
            self.by_name.remove(&name);
        }
    }
}

impl<'a> FromIterator<(&'a str, TopicId, i32)> for Topics {
    /// From name, id and number of partitions of each topic.
    fn from_iter<I: IntoIterator<Item = (&'a str, TopicId, i32)>>(topics: I) -> Self {
        let mut all = Self::default();
        topics.into_iter().for_each(|(name, id, partitions)| all.set(name, id, partitions));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_found_by_name_and_id_and_have_partitions_from_0() {
        let id = TopicId([1; 16]);
        let topics: Topics = [("orders", id, 2)].into_iter().collect();
        assert_eq!(topics.name(id), Some(&"orders".into()));
        assert_eq!((topics.id("orders"), topics.id("nowhere")), (Some(id), None));
        let there = [-1, 0, 1, 2].map(|partition| topics.has_partition("orders", PartitionIndex(partition)));
        assert_eq!(there, [false, true, true, false]);
        assert!(!topics.has_partition("nowhere", PartitionIndex(0)));
    }

    #[test]
    fn a_topic_that_takes_the_name_of_another_outlives_it() {
        let (old, new) = (TopicId([1; 16]), TopicId([2; 16]));
        let mut topics: Topics = [("orders", old, 2)].into_iter().collect();
        topics.set("orders", new, 3);
        topics.remove(old);
        assert_eq!((topics.id("orders"), topics.name(old)), (Some(new), None));
        assert!(topics.has_partition("orders", PartitionIndex(2)));
        topics.remove(new);
        assert_eq!((topics.id("orders"), topics.name(new)), (None, None));
    }
}
