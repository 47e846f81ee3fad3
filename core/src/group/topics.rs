//! The topics there are: what groups need to know of the cluster's metadata.

use super::names::TopicName;
use crate::ids::TopicId;
use alloc::collections::BTreeMap;

/// The names and ids of all topics. Made once for each metadata image and shared.
#[derive(Clone, Debug, Default)]
pub struct Topics {
    ids: BTreeMap<TopicName, TopicId>,
    names: BTreeMap<TopicId, TopicName>,
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
        self.ids.get(name).copied()
    }
}

impl<'a> FromIterator<(&'a str, TopicId)> for Topics {
    fn from_iter<I: IntoIterator<Item = (&'a str, TopicId)>>(topics: I) -> Self {
        let mut all = Self::default();
        for (name, id) in topics {
            let name = TopicName::from(name);
            all.names.insert(id, name.clone());
            all.ids.insert(name, id);
        }
        all
    }
}
