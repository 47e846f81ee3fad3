//! What groups look like from outside: for those who look at a node, as tools and checkers do, and change nothing.

use super::coordinator::{GroupCoordinator, Phase};
use super::names::{GenerationId, GroupId, MemberId, TopicName};
use super::state::Group;
use crate::ids::{Offset, PartitionIndex};
use alloc::borrow::Cow;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupView {
    /// Its id.
    pub group: GroupId,
    /// Kafka's name of its state.
    pub state: &'static str,
    /// The generation that is stored, or the one in the making.
    pub generation: GenerationId,
    /// Its members, each with the name that its client gave itself.
    pub members: Vec<(MemberId, Arc<str>)>,
    /// The offsets that are committed.
    pub offsets: BTreeMap<(TopicName, PartitionIndex), Offset>,
}

impl GroupCoordinator {
    /// Whether it serves, and all of its groups, by id, where it does.
    #[must_use]
    pub fn views(&self) -> Option<Vec<GroupView>> {
        let Phase::Active(active) = &self.phase else { return None };
        let recorded = active.views.committed();
        let view = |id: &GroupId| {
            let group = match active.groups.get(id) {
                Some(group) => Cow::Borrowed(group),
                None => Cow::Owned(Group::from_record(recorded.metadata(id).map(|record| &**record))),
            };
            let offsets = recorded.offsets(id).into_iter().flatten();
            GroupView {
                group: id.clone(),
                state: group.state_name(),
                generation: group.generation,
                members: members(&group),
                offsets: offsets
                    .flat_map(|(topic, of)| of.iter().map(|(at, value)| ((topic.clone(), *at), value.offset)))
                    .collect(),
            }
        };
        let mut ids: Vec<&GroupId> = recorded.groups().map(|(id, _)| id).chain(active.groups.keys()).collect();
        ids.sort_unstable();
        ids.dedup();
        Some(ids.into_iter().map(view).collect())
    }
}

fn members(group: &Group) -> Vec<(MemberId, Arc<str>)> {
    let roster = group.roster().into_iter();
    let of = |id: &MemberId| group.member(id).map_or_else(|| "".into(), |member| member.client_id.clone());
    roster.flat_map(|roster| roster.ids()).map(|id| (id.clone(), of(id))).collect()
}
