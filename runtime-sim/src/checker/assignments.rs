//! **Assignments.** Proves of each group that
//! - in one generation no partition has two owners of whom both act on it, or stay members: a group that has expired, and
//!   was forgotten, counts anew, and who was a member before is none;
//! - nothing is granted to one member while another that is still a member, in that generation or a later one, has it;
//! - nobody commits in the name of an older generation when a later one has granted the partition to another.
//!
//! Time: one pass, with an entry for each partition that is owned: n log n.
//!
//! Who had a partition and could not know better (its session was over, its process gone) comes back as another member, or
//! not at all: of that one nothing is said.
//!
//! Finds: two answers to one generation (G1), a member that is forgotten while it is there (G2, 51), generations that go
//! back (G3), commits of the fenced (4).

use super::sent::{first, operations, violation};
use super::{Checker, Seen, Violation};
use crate::history::{ClientIndex, Operation, OperationId, Outcome, TopicPartition, What};
use std::collections::BTreeMap;
use std::sync::Arc;

const NAME: &str = "assignments";

/// See the module.
pub const ASSIGNMENTS: Checker =
    Checker { name: NAME, promise: "a partition has one owner in its group, and changes hands in order", check };

/// Who was given a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Owner {
    client: ClientIndex,
    member: Arc<str>,
    generation: i32,
    by: OperationId,
}

/// A partition went to somebody while another had it.
#[derive(Clone, Debug)]
struct Grant {
    of: TopicPartition,
    before: Owner,
    to: Owner,
}

#[derive(Default)]
struct Group {
    owners: BTreeMap<TopicPartition, Vec<Owner>>,
    /// What went wrong if the one that had it before turns out to have been a member all the time.
    grants: BTreeMap<(ClientIndex, Arc<str>), Vec<Grant>>,
}

fn check(seen: &Seen<'_>) -> Option<Violation> {
    let mut groups: BTreeMap<&Arc<str>, Group> = BTreeMap::new();
    let found = operations(seen.history).filter_map(|(id, operation)| match &operation.what {
        What::Assign { group, generation, member, partitions } => {
            let owner = Owner { client: operation.client, member: Arc::clone(member), generation: *generation, by: id };
            groups.entry(group).or_default().assign(&owner, partitions)
        }
        What::Revoke { group, partitions } => {
            let group = groups.entry(group).or_default();
            partitions.iter().for_each(|of| group.release(of, operation.client));
            None
        }
        What::Commit { group, generation, offsets } if matches!(operation.outcome, Outcome::Done(_)) => {
            let group = groups.get(group)?;
            offsets.keys().find_map(|of| group.commit(of, *generation, id, operation))
        }
        // A group of that name begins anew.
        What::DeleteGroup { group } => {
            groups.remove(group);
            None
        }
        _ => None,
    });
    first(found.take(1))
}

impl Group {
    fn release(&mut self, of: &TopicPartition, client: ClientIndex) {
        if let Some(owners) = self.owners.get_mut(of) {
            owners.retain(|owner| owner.client != client);
        }
    }

    fn assign(&mut self, owner: &Owner, partitions: &[TopicPartition]) -> Option<Violation> {
        // From now on it has exactly these.
        for (of, owners) in &mut self.owners {
            if !partitions.contains(of) {
                owners.retain(|other| other.client != owner.client);
            }
        }
        let was_member = self.grants.remove(&(owner.client, Arc::clone(&owner.member))).unwrap_or_default();
        if let Some(grant) = was_member.into_iter().find(|grant| grant.to.generation <= owner.generation) {
            let what = format!(
                "generation {} gives it to {} while {}, which stays a member, has it",
                grant.to.generation, grant.to.member, grant.before.member
            );
            let operations = [grant.before.by, grant.to.by, owner.by];
            return Some(violation(NAME, &grant.of, Some(grant.to.client), &operations, what));
        }
        partitions.iter().find_map(|of| self.own(of, owner))
    }

    fn own(&mut self, of: &TopicPartition, owner: &Owner) -> Option<Violation> {
        let owners = self.owners.entry(of.clone()).or_default();
        // A client is one member at a time: what it had as another is over.
        owners.retain(|other| other.client != owner.client);
        for before in owners.iter().filter(|other| other.generation <= owner.generation && other.member != owner.member)
        {
            let grant = Grant { of: of.clone(), before: before.clone(), to: owner.clone() };
            self.grants.entry((before.client, Arc::clone(&before.member))).or_default().push(grant);
        }
        owners.push(owner.clone());
        None
    }

    fn commit(
        &self,
        of: &TopicPartition,
        generation: i32,
        id: OperationId,
        operation: &Operation,
    ) -> Option<Violation> {
        let owners = self.owners.get(of)?;
        let own = owners.iter().find(|owner| owner.client == operation.client && owner.generation == generation)?;
        // One that commits is a member: nobody else was to have it in that generation, nor, if this came first, in a later one.
        let twin = owners.iter().find(|owner| owner.client != own.client && owner.generation == generation);
        if let Some(twin) = twin.filter(|twin| twin.by < id && own.by < twin.by) {
            let what = format!("generation {generation} gives it to {} and {}", own.member, twin.member);
            return Some(violation(NAME, of, Some(twin.client), &[own.by, twin.by, id], what));
        }
        let later = owners.iter().find(|owner| owner.client != own.client && owner.generation > generation)?;
        let what = format!(
            "{} commits in generation {generation}; {} has it in {}",
            own.member, later.member, later.generation
        );
        Some(violation(NAME, of, Some(own.client), &[own.by, later.by, id], what))
    }
}

#[cfg(test)]
mod tests {
    use super::super::story::{Story, done, failed};
    use super::*;

    fn assign(story: &mut Story, client: usize, member: &str, generation: i32, places: &[&str]) -> OperationId {
        let partitions = places.iter().map(|place| Story::at(place)).collect();
        let what = What::Assign { group: "g".into(), generation, member: member.into(), partitions };
        story.op(client, what, done(-1))
    }

    fn revoke(story: &mut Story, client: usize, places: &[&str]) {
        let partitions = places.iter().map(|place| Story::at(place)).collect();
        story.op(client, What::Revoke { group: "g".into(), partitions }, done(-1));
    }

    fn commit(story: &mut Story, client: usize, generation: i32, outcome: Outcome) -> OperationId {
        let offsets = Story::offsets(&[("a/0", 1)]);
        story.op(client, What::Commit { group: "g".into(), generation, offsets }, outcome)
    }

    #[test]
    fn partitions_that_change_hands_in_order_pass() {
        let mut story = Story::default();
        assign(&mut story, 1, "x", 1, &["a/0", "a/1"]);
        commit(&mut story, 1, 1, done(-1));
        revoke(&mut story, 1, &["a/0"]);
        assign(&mut story, 1, "x", 2, &["a/1"]);
        assign(&mut story, 2, "y", 2, &["a/0"]);
        commit(&mut story, 2, 2, done(-1));
        story.passes(&ASSIGNMENTS);
    }

    #[test]
    fn two_owners_in_a_generation_are_told() {
        let mut story = Story::default();
        let one = assign(&mut story, 1, "x", 1, &["a/0"]);
        let other = assign(&mut story, 2, "y", 1, &["a/1", "a/0"]);
        story.passes(&ASSIGNMENTS);
        let acts = commit(&mut story, 1, 1, done(-1));
        story.fails(&ASSIGNMENTS, &[one, other, acts]);
        let mut story = Story::default();
        let one = assign(&mut story, 1, "x", 1, &["a/0"]);
        let other = assign(&mut story, 2, "y", 1, &["a/0"]);
        let stays = assign(&mut story, 1, "x", 2, &[]);
        story.fails(&ASSIGNMENTS, &[one, other, stays]);
    }

    #[test]
    fn a_group_that_was_forgotten_counts_anew() {
        let mut story = Story::default();
        assign(&mut story, 1, "x", 1, &["a/0"]);
        revoke(&mut story, 1, &["a/0"]);
        assign(&mut story, 2, "y", 1, &["a/0"]);
        story.passes(&ASSIGNMENTS);
    }

    #[test]
    fn what_a_member_still_has_goes_to_nobody() {
        let mut story = Story::default();
        let had = assign(&mut story, 1, "x", 1, &["a/0"]);
        let got = assign(&mut story, 2, "y", 2, &["a/0"]);
        story.passes(&ASSIGNMENTS);
        revoke(&mut story, 1, &["a/0"]);
        let stays = assign(&mut story, 1, "x", 2, &[]);
        story.fails(&ASSIGNMENTS, &[had, got, stays]);
    }

    #[test]
    fn one_whose_session_was_over_is_excused() {
        let mut story = Story::default();
        assign(&mut story, 1, "x", 1, &["a/0"]);
        assign(&mut story, 2, "y", 2, &["a/0"]);
        commit(&mut story, 1, 1, failed());
        revoke(&mut story, 1, &["a/0"]);
        assign(&mut story, 1, "x-again", 3, &[]);
        story.passes(&ASSIGNMENTS);
    }

    #[test]
    fn a_commit_of_a_generation_that_is_over_is_told() {
        let mut story = Story::default();
        let had = assign(&mut story, 1, "x", 1, &["a/0"]);
        let before = story.begin(1, What::ListTopics);
        let got = assign(&mut story, 2, "y", 2, &["a/0"]);
        story.end(before, done(-1));
        let late = commit(&mut story, 1, 1, done(-1));
        story.fails(&ASSIGNMENTS, &[had, got, late]);
    }
}
