//! Offsets, from the application to the coordinator.
//!
//! The application commits by itself at an interval and before it gives partitions up, and where it is told to. It commits
//! where it stands: behind what polls gave it before. Each attempt is an operation of its own.

use super::alarms::Retry;
use super::coordinator::{COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR};
use super::positions::by_topic;
use super::protocol::text;
use super::{Ask, Consumer, REQUEST_TIMEOUT, To};
use crate::actor::Context;
use crate::history::{Answer, OperationId, Outcome, TopicPartition, What};
use crate::run::State;
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::{GroupId, OffsetCommitRequest, OffsetCommitResponse};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const OFFSET_COMMIT_VERSION: i16 = 9;
const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;

/// What is to be committed.
#[derive(Clone, Debug, Default)]
pub(super) struct Commits {
    under_way: bool,
    /// The interval is over.
    due: bool,
    /// The script wants it.
    asked: bool,
}

/// A commit under way.
#[derive(Clone, Debug)]
pub(super) struct Committing {
    pub(super) operation: OperationId,
    generation: i32,
    offsets: BTreeMap<TopicPartition, i64>,
    pub(super) then: Then,
}

/// What a commit is made before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// Nothing: the interval is over.
    GoOn,
    /// Nothing: it was asked for, and is tried again where the coordinator cannot do it now.
    Asked,
    /// The partitions are given up.
    GiveUp,
}

impl Commits {
    pub(super) const fn due(&mut self) {
        self.due = true;
    }

    pub(super) const fn ask(&mut self) {
        self.asked = true;
    }

    pub(super) const fn is_under_way(&self) -> bool {
        self.under_way
    }

    pub(super) const fn are_at_rest(&self) -> bool {
        !self.under_way && !self.asked
    }
}

impl Consumer {
    pub(super) fn drive_commits(&mut self, context: &mut Context<'_>) {
        let may = self.coordinator.is_ready() && self.alarms.may(Retry::Commit) && !self.commits.under_way;
        if !may || !self.group.as_ref().is_some_and(|group| group.has_assignment()) {
            return;
        }
        if core::mem::take(&mut self.commits.asked) {
            let offsets = self.fetcher.positions(&self.topics, false);
            self.commit(context, offsets, Then::Asked);
        } else if self.commits.due && self.idle.is_none() {
            self.commits.due = false;
            let offsets = self.fetcher.positions(&self.topics, true);
            self.commit(context, offsets, Then::GoOn);
        }
    }

    /// What has to be committed before partitions are given up.
    pub(super) fn last_offsets(&self) -> BTreeMap<TopicPartition, i64> {
        match self.plan.auto_commit.is_some() && self.coordinator.is_ready() {
            true => self.fetcher.positions(&self.topics, true),
            false => BTreeMap::new(),
        }
    }

    pub(super) fn commit(&mut self, context: &mut Context<'_>, offsets: BTreeMap<TopicPartition, i64>, then: Then) {
        let Some(group) = self.group.as_ref().filter(|_| !offsets.is_empty()) else { return };
        let partitions = offsets.iter().map(|(at, offset)| {
            let partition = OffsetCommitRequestPartition::default()
                .with_partition_index(at.partition)
                .with_committed_offset(*offset)
                .with_committed_leader_epoch(-1);
            (at, partition)
        });
        let topics = by_topic(partitions).into_iter().map(|(topic, partitions)| {
            OffsetCommitRequestTopic::default().with_name(topic).with_partitions(partitions)
        });
        let generation = group.generation();
        let request = OffsetCommitRequest::default()
            .with_group_id(GroupId(text(group.name())))
            .with_generation_id_or_member_epoch(generation)
            .with_member_id(text(group.member()))
            .with_group_instance_id(self.plan.instance.as_deref().map(text))
            .with_topics(topics.collect());
        let what = What::Commit { group: Arc::clone(group.name()), generation, offsets: offsets.clone() };
        let operation = context.begin(what);
        self.commits.under_way = true;
        let ask = Ask::Commit(Committing { operation, generation, offsets, then });
        self.send(context, To::Coordinator, (&request, OFFSET_COMMIT_VERSION), ask, REQUEST_TIMEOUT);
    }

    pub(super) fn take_commit(
        &mut self,
        context: &mut Context<'_>,
        response: &OffsetCommitResponse,
        committing: Committing,
    ) {
        let Committing { operation, generation, offsets, then } = committing;
        let mut codes: BTreeMap<TopicPartition, i16> = BTreeMap::new();
        for topic in &response.topics {
            let name: Arc<str> = Arc::from(topic.name.as_str());
            for partition in &topic.partitions {
                let at = TopicPartition { topic: Arc::clone(&name), partition: partition.partition_index };
                codes.insert(at, partition.error_code);
            }
        }
        for (at, offset) in &offsets {
            if codes.get(at) == Some(&0) {
                self.fetcher.committed(at, Some(*offset));
            }
        }
        let all: BTreeSet<Option<i16>> = offsets.keys().map(|at| codes.get(at).copied()).collect();
        let mut each = all.iter().copied();
        let outcome = match (each.next().flatten(), each.next()) {
            (Some(0), None) => Outcome::Done(Answer::Nothing),
            // So a broker answers as well where it has written the commit, and then could not make it durable.
            (Some(COORDINATOR_NOT_AVAILABLE | NOT_COORDINATOR), None) => Outcome::Unknown,
            (Some(code), None) => Outcome::Failed(code),
            // Some of it took effect, and some not.
            _ => Outcome::Unknown,
        };
        context.end(operation, outcome);
        for code in all.into_iter().flatten().filter(|code| *code != 0) {
            match code {
                22 => context.see(State::CommitOfOldGeneration),
                25 => context.see(State::CommitOfUnknownMember),
                27 => context.see(State::CommitInRebalance),
                _ => {}
            }
            match code {
                UNKNOWN_TOPIC_OR_PARTITION => self.topics.refresh(),
                COORDINATOR_LOAD_IN_PROGRESS | COORDINATOR_NOT_AVAILABLE | NOT_COORDINATOR => {
                    self.see_refusal(context, code);
                    self.alarms.back_off(context, Retry::Commit);
                    self.commits.asked |= then == Then::Asked;
                    if code != COORDINATOR_LOAD_IN_PROGRESS {
                        self.coordinator_is_unknown();
                    }
                }
                _ => self.refused(context, code, generation),
            }
        }
        self.committed(then);
    }

    /// A commit is over, whatever came of it.
    pub(super) fn committed(&mut self, then: Then) {
        self.commits.under_way = false;
        if let Some(group) = self.group.as_mut().filter(|_| then == Then::GiveUp) {
            group.is_prepared();
        }
    }
}
