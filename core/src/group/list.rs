//! ListGroups: the groups that are committed, by state and kind.

use super::answer::ListedGroup;
use super::names::GroupId;
use super::records::GroupMetadata;
use super::state::Group;
use alloc::string::String;
use alloc::vec::Vec;

/// Kafka's name of the kind of group that this coordinator has.
pub const CLASSIC: &str = "classic";

/// Which groups are asked for. An empty list lets everything through; names are compared without regard to case.
#[derive(Clone, Debug, Default)]
pub struct ListFilter {
    states: Vec<String>,
    kinds: Vec<String>,
}

impl ListFilter {
    /// The groups in any of `states` and of any of `kinds`.
    pub fn new<'a>(states: impl IntoIterator<Item = &'a str>, kinds: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            states: states.into_iter().map(|state| state.trim().to_lowercase()).collect(),
            kinds: kinds.into_iter().map(str::to_lowercase).collect(),
        }
    }

    fn admits(&self, state: &str, kind: &str) -> bool {
        admits(&self.states, state) && admits(&self.kinds, kind)
    }

    /// A group as it is listed, if it is. `group` is what is known of it beyond its record.
    pub(super) fn list(
        &self,
        id: &GroupId,
        record: Option<&GroupMetadata>,
        group: Option<&Group>,
    ) -> Option<ListedGroup> {
        let state = group.map_or("Empty", Group::state_name);
        if !self.admits(state, CLASSIC) {
            return None;
        }
        let protocol_type = match group {
            Some(group) => group.protocol_type.as_ref(),
            None => record.and_then(|record| record.protocol_type.as_ref()),
        };
        Some(ListedGroup {
            group: id.clone(),
            protocol_type: protocol_type.cloned().unwrap_or_else(|| "".into()),
            state,
            kind: CLASSIC,
        })
    }
}

fn admits(list: &[String], name: &str) -> bool {
    list.is_empty() || list.iter().any(|admitted| admitted.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_without_case_and_states_without_blanks() {
        let filter = ListFilter::new([" preparingRebalance ", "Empty"], ["Classic"]);
        assert!(filter.admits("PreparingRebalance", CLASSIC));
        assert!(filter.admits("Empty", CLASSIC));
        assert!(!filter.admits("Stable", CLASSIC));
        assert!(!ListFilter::new([], ["consumer"]).admits("Empty", CLASSIC));
        assert!(ListFilter::new([], []).admits("Empty", CLASSIC));
    }
}
