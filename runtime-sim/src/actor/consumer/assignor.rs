//! How the leader of a group shares its partitions out: Kafka's range assignor, and a cooperative sticky one.
//!
//! Both are pure functions of the members' subscriptions and the numbers of partitions.
//!
//! 1. A partition has at most one owner; `range` gives every partition that anyone subscribes to an owner.
//! 2. A member gets only partitions of topics that it subscribes to.
//! 3. `cooperative_sticky` gives nobody what another still has: that is granted after it was given up, in the next
//!    rebalance (KIP-429).
//! 4. Among members with the same subscription their numbers of partitions differ by one at most, for each topic by
//!    `range`, over all by `cooperative_sticky` once nothing is on its way between two members.

use crate::history::TopicPartition;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a member says of itself when it joins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subscription {
    /// Its id as a static member.
    pub instance: Option<Arc<str>>,
    /// What it wants to read.
    pub topics: BTreeSet<Arc<str>>,
    /// What it has, by the generation below.
    pub owned: BTreeSet<TopicPartition>,
    /// The generation in which it got that; -1 where it does not say.
    pub generation: i32,
}

/// The members of a group by their ids.
pub type Members = BTreeMap<Arc<str>, Subscription>;
/// What each member gets.
pub type Assignment = BTreeMap<Arc<str>, BTreeSet<TopicPartition>>;

/// Kafka's range assignor: of each topic, each member gets a run of partitions; the first ones one more.
#[must_use]
pub fn range(members: &Members, partitions: &BTreeMap<Arc<str>, i32>) -> Assignment {
    let mut assignment: Assignment = members.keys().map(|id| (Arc::clone(id), BTreeSet::new())).collect();
    for (topic, count) in partitions {
        let mut readers: Vec<_> = members.iter().filter(|(_, member)| member.topics.contains(topic)).collect();
        // Static members come first, by their own ids: so they keep their partitions over a restart.
        readers.sort_by_key(|(id, member)| (member.instance.is_none(), member.instance.clone(), Arc::clone(id)));
        let count = (*count).max(0) as usize;
        let mut next = 0;
        for (place, (id, _)) in readers.iter().enumerate() {
            let share = count / readers.len() + usize::from(place < count % readers.len());
            let run = (next..next + share).map(|index| partition(topic, index as i32));
            assignment.entry(Arc::clone(id)).or_default().extend(run);
            next += share;
        }
    }
    assignment
}

/// A balanced assignment that moves as little as it can, without what would have to be taken from somebody first.
#[must_use]
pub fn cooperative_sticky(members: &Members, partitions: &BTreeMap<Arc<str>, i32>) -> Assignment {
    let mut assignment = sticky(members, partitions);
    for (id, got) in &mut assignment {
        let is_elsewhere = |at: &TopicPartition| members.iter().any(|(other, it)| other != id && it.owned.contains(at));
        got.retain(|at| !is_elsewhere(at));
    }
    assignment
}

/// A balanced assignment that moves as little as it can.
fn sticky(members: &Members, partitions: &BTreeMap<Arc<str>, i32>) -> Assignment {
    let mut assignment: Assignment = members.keys().map(|id| (Arc::clone(id), BTreeSet::new())).collect();
    let all = partitions.iter().flat_map(|(topic, count)| (0..*count).map(|index| partition(topic, index)));
    let mut unowned = Vec::new();
    for at in all {
        match owner(members, &at).and_then(|id| assignment.get_mut(&id)) {
            Some(got) => drop(got.insert(at)),
            None => unowned.push(at),
        }
    }
    // What few can read is given out first: the others can make up for it.
    unowned.sort_by_key(|at| members.values().filter(|member| member.topics.contains(&at.topic)).count());
    for at in unowned {
        if let Some(id) = least_loaded(members, &assignment, &at.topic) {
            assignment.entry(id).or_default().insert(at);
        }
    }
    // Each move makes the sum of the squares of all shares smaller: this ends.
    while let Some((from, to, at)) = next_move(members, &assignment) {
        if let Some(got) = assignment.get_mut(&from) {
            got.remove(&at);
        }
        assignment.entry(to).or_default().insert(at);
    }
    assignment
}

/// Who has a partition and may keep it: the one of the latest generation; nobody where two of one generation say so.
fn owner(members: &Members, at: &TopicPartition) -> Option<Arc<str>> {
    let claims = || members.iter().filter(|(_, member)| member.owned.contains(at));
    let latest = claims().map(|(_, member)| member.generation).max()?;
    let mut latest = claims().filter(|(_, member)| member.generation == latest);
    let (id, member) = latest.next()?;
    (latest.next().is_none() && member.topics.contains(&at.topic)).then(|| Arc::clone(id))
}

fn least_loaded(members: &Members, assignment: &Assignment, topic: &Arc<str>) -> Option<Arc<str>> {
    let readers = members.iter().filter(|(_, member)| member.topics.contains(topic));
    readers.map(|(id, _)| id).min_by_key(|id| (load(assignment, id), Arc::clone(id))).cloned()
}

/// A partition of the most loaded member that has one for a member with at least two fewer.
fn next_move(members: &Members, assignment: &Assignment) -> Option<(Arc<str>, Arc<str>, TopicPartition)> {
    let mut loaded: Vec<_> = assignment.iter().collect();
    loaded.sort_by_key(|(id, got)| (core::cmp::Reverse(got.len()), Arc::clone(id)));
    for (from, got) in loaded {
        // The last ones go: the first stay where they are from one rebalance to the next.
        for at in got.iter().rev() {
            let to = least_loaded(members, assignment, &at.topic)?;
            if load(assignment, &to) + 1 < got.len() {
                return Some((Arc::clone(from), to, at.clone()));
            }
        }
    }
    None
}

fn load(assignment: &Assignment, id: &Arc<str>) -> usize {
    assignment.get(id).map_or(0, BTreeSet::len)
}

fn partition(topic: &Arc<str>, partition: i32) -> TopicPartition {
    TopicPartition { topic: Arc::clone(topic), partition }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(topics: &[&str]) -> Subscription {
        let topics = topics.iter().map(|topic| Arc::from(*topic)).collect();
        Subscription { topics, generation: -1, ..Subscription::default() }
    }

    fn members(names: &[(&str, &[&str])]) -> Members {
        names.iter().map(|(name, topics)| (Arc::from(*name), member(topics))).collect()
    }

    fn counts(topics: &[(&str, i32)]) -> BTreeMap<Arc<str>, i32> {
        topics.iter().map(|(topic, count)| (Arc::from(*topic), *count)).collect()
    }

    fn indexes(assignment: &Assignment, id: &str, topic: &str) -> Vec<i32> {
        assignment[id].iter().filter(|at| &*at.topic == topic).map(|at| at.partition).collect()
    }

    fn shares(assignment: &Assignment) -> Vec<usize> {
        assignment.values().map(BTreeSet::len).collect()
    }

    /// Rebalances until nobody has to give anything up; returns the number of rebalances.
    fn settle(members: &mut Members, partitions: &BTreeMap<Arc<str>, i32>) -> usize {
        for round in 1.. {
            assert!(round < 10, "it settles");
            let assignment = cooperative_sticky(members, partitions);
            let mut owners = BTreeSet::new();
            let mut gave_up = false;
            for (id, got) in &assignment {
                let member = members.get_mut(id).expect("only members get something");
                gave_up |= !member.owned.is_subset(got);
                for at in got {
                    assert!(owners.insert(at.clone()), "one owner each");
                    assert!(member.topics.contains(&at.topic), "only what it reads");
                }
                member.owned.clone_from(got);
                member.generation = round as i32;
            }
            if !gave_up {
                return round;
            }
        }
        unreachable!("it settles")
    }

    #[test]
    fn range_gives_runs_and_the_first_get_more() {
        let group = members(&[("a", &["t", "u"]), ("b", &["t"]), ("c", &["t", "u"])]);
        let assignment = range(&group, &counts(&[("t", 7), ("u", 3)]));
        assert_eq!(indexes(&assignment, "a", "t"), [0, 1, 2]);
        assert_eq!(indexes(&assignment, "b", "t"), [3, 4]);
        assert_eq!(indexes(&assignment, "c", "t"), [5, 6]);
        assert_eq!(indexes(&assignment, "a", "u"), [0, 1]);
        assert_eq!(indexes(&assignment, "b", "u"), [0; 0]);
        assert_eq!(indexes(&assignment, "c", "u"), [2]);
    }

    #[test]
    fn range_keeps_static_members_where_they_were() {
        let mut group = members(&[("id-9", &["t"]), ("id-1", &["t"])]);
        group.get_mut("id-9").expect("it is there").instance = Some("one".into());
        let assignment = range(&group, &counts(&[("t", 2)]));
        assert_eq!(indexes(&assignment, "id-9", "t"), [0]);
    }

    #[test]
    fn sticky_balances_members_that_are_alike() {
        for (readers, partitions) in [(1, 5), (2, 5), (3, 20), (4, 3)] {
            let mut group: Members = (0..readers).map(|n| (Arc::from(format!("m{n}")), member(&["t"]))).collect();
            assert_eq!(settle(&mut group, &counts(&[("t", partitions)])), 1, "nothing has to be given up");
            let shares: Vec<usize> = group.values().map(|member| member.owned.len()).collect();
            assert_eq!(shares.iter().sum::<usize>(), partitions as usize);
            assert!(shares.iter().max().unwrap() - shares.iter().min().unwrap() <= 1, "{shares:?}");
        }
    }

    #[test]
    fn a_newcomer_gets_only_what_was_given_up_and_only_in_the_second_round() {
        let mut group = members(&[("a", &["t"]), ("b", &["t"])]);
        let partitions = counts(&[("t", 6)]);
        settle(&mut group, &partitions);
        let before: Vec<BTreeSet<TopicPartition>> = group.values().map(|member| member.owned.clone()).collect();
        group.insert("c".into(), member(&["t"]));
        let first = cooperative_sticky(&group, &partitions);
        assert_eq!(shares(&first), [2, 2, 0], "nothing is granted before it was given up");
        assert_eq!(settle(&mut group, &partitions), 2);
        for (before, id) in before.iter().zip(["a", "b"]) {
            assert!(group[id].owned.is_subset(before), "what stays does not move");
            assert_eq!(group[id].owned.len(), 2);
        }
        assert_eq!(group["c"].owned.len(), 2);
    }

    #[test]
    fn who_goes_leaves_the_others_what_they_have() {
        let mut group = members(&[("a", &["t"]), ("b", &["t"]), ("c", &["t"])]);
        let partitions = counts(&[("t", 6)]);
        settle(&mut group, &partitions);
        let kept = group["a"].owned.clone();
        group.remove("b");
        assert_eq!(settle(&mut group, &partitions), 1);
        assert!(group["a"].owned.is_superset(&kept));
        assert_eq!(group["a"].owned.len(), 3);
    }

    #[test]
    fn of_two_that_claim_the_same_the_later_generation_has_it() {
        let mut group = members(&[("a", &["t"]), ("b", &["t"])]);
        let at = |index| partition(&"t".into(), index);
        *group.get_mut("a").unwrap() = Subscription { owned: [at(0)].into(), generation: 4, ..member(&["t"]) };
        *group.get_mut("b").unwrap() = Subscription { owned: [at(0)].into(), generation: 5, ..member(&["t"]) };
        let assignment = cooperative_sticky(&group, &counts(&[("t", 2)]));
        assert!(!assignment["a"].contains(&at(0)));
        assert!(!assignment["b"].contains(&at(0)), "the other still believes that it has it");
        assert_eq!(settle(&mut group, &counts(&[("t", 2)])), 2);
        assert_eq!(group.values().map(|member| member.owned.len()).collect::<Vec<_>>(), [1, 1]);
    }

    #[test]
    fn subscriptions_that_differ_are_balanced_as_far_as_they_allow() {
        let mut group = members(&[("a", &["t", "u"]), ("b", &["t"]), ("c", &["u"])]);
        settle(&mut group, &counts(&[("t", 3), ("u", 3)]));
        assert_eq!(group.values().map(|member| member.owned.len()).collect::<Vec<_>>(), [2, 2, 2]);
    }

    #[test]
    fn the_same_members_get_the_same() {
        let group = members(&[("a", &["t", "u"]), ("b", &["t"]), ("c", &["u", "t"])]);
        let partitions = counts(&[("t", 9), ("u", 4)]);
        assert_eq!(cooperative_sticky(&group, &partitions), cooperative_sticky(&group, &partitions));
        assert_eq!(range(&group, &partitions), range(&group, &partitions));
    }
}
