//! Joining a group: what a member says, what its leader decides, taking what was given.
//!
//! 1. An eager member gives up all that it has before it joins; a cooperative one (KIP-429) keeps it, gives up what it was
//!    not given again, and then has the group share that out by joining once more.
//! 2. The application takes part when it polls: while it is away, no join begins and nothing that was given is taken.

use super::alarms::Retry;
use super::commits::Then;
use super::coordinator::{COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR, Stage};
use super::protocol::{self, text};
use super::{Ask, Consumer, Life, Members, Subscription, To, cooperative_sticky, range};
use crate::actor::Context;
use crate::history::{TopicPartition, What};
use crate::run::State;
use crate::script::Assignor;
use core::time::Duration;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{GroupId, JoinGroupRequest, JoinGroupResponse, SyncGroupRequest, SyncGroupResponse};
use std::sync::Arc;

const JOIN_GROUP_VERSION: i16 = 9;
const SYNC_GROUP_VERSION: i16 = 5;
const PROTOCOL_TYPE: &str = "consumer";
/// What a join may take longer than the rebalance that it waits for.
const JOIN_SLACK: Duration = Duration::from_secs(5);
const ILLEGAL_GENERATION: i16 = 22;
const UNKNOWN_MEMBER_ID: i16 = 25;
const REBALANCE_IN_PROGRESS: i16 = 27;
const MEMBER_ID_REQUIRED: i16 = 79;
const FENCED_INSTANCE_ID: i16 = 82;

impl Consumer {
    /// Goes the next step towards having its part.
    pub(super) fn drive_membership(&mut self, context: &mut Context<'_>) {
        let Some(group) = &self.group else { return };
        let is_back = self.idle.is_none();
        match &group.stage {
            Stage::Apart if is_back && self.alarms.may(Retry::Join) => self.prepare_and_join(context),
            Stage::Stable if is_back && group.rejoin && group.given.is_none() => self.prepare_and_join(context),
            Stage::Assigning(members) if self.topics.are_known(&group.topics_led) => {
                let members = members.clone();
                self.share_out(context, &members);
            }
            Stage::Apart | Stage::Preparing | Stage::Joining => {}
            Stage::Assigning(_) | Stage::Syncing | Stage::Stable => {}
        }
    }

    /// Commits what it may not be able to commit later, then joins.
    fn prepare_and_join(&mut self, context: &mut Context<'_>) {
        if self.commits.is_under_way() {
            return;
        }
        let Some(group) = &mut self.group else { return };
        if !group.prepared && group.generation >= 0 && !group.owned.is_empty() {
            let offsets = self.last_offsets();
            if !offsets.is_empty() {
                if let Some(group) = &mut self.group {
                    group.stage = Stage::Preparing;
                }
                return self.commit(context, offsets, Then::GiveUp);
            }
        }
        if self.plan.assignor == Assignor::Eager {
            self.revoke_all(context);
        }
        self.join(context);
    }

    fn join(&mut self, context: &mut Context<'_>) {
        let rebalance_timeout = self.poll_interval_max();
        let Some(group) = &mut self.group else { return };
        let said = Subscription {
            instance: None,
            topics: self.plan.topics.iter().cloned().collect(),
            owned: group.owned.clone(),
            generation: group.generation,
        };
        let protocol = JoinGroupRequestProtocol::default()
            .with_name(text(assignor_name(self.plan.assignor)))
            .with_metadata(protocol::subscription(&said));
        let request = JoinGroupRequest::default()
            .with_group_id(GroupId(text(group.name())))
            .with_session_timeout_ms(millis(self.plan.session_timeout))
            .with_rebalance_timeout_ms(millis(rebalance_timeout))
            .with_member_id(text(group.member()))
            .with_group_instance_id(self.plan.instance.as_deref().map(text))
            .with_protocol_type(text(PROTOCOL_TYPE))
            .with_protocols(vec![protocol]);
        group.stage = Stage::Joining;
        group.rejoin = false;
        group.prepared = false;
        group.led_on = None;
        self.send(context, To::Coordinator, (&request, JOIN_GROUP_VERSION), Ask::Join, rebalance_timeout + JOIN_SLACK);
    }

    pub(super) fn take_join(&mut self, context: &mut Context<'_>, response: JoinGroupResponse) {
        let Some(group) = &mut self.group else { return };
        if !matches!(group.stage, Stage::Joining) {
            return;
        }
        if response.error_code != 0 {
            if response.error_code == MEMBER_ID_REQUIRED {
                group.member = Arc::from(response.member_id.as_str());
            }
            return self.join_failed(context, response.error_code);
        }
        self.alarms.succeed(Retry::Join);
        group.member = Arc::from(response.member_id.as_str());
        group.generation = response.generation_id;
        if self.life == Life::Leaving {
            return;
        }
        if response.leader != response.member_id {
            group.topics_led.clear();
            return self.sync(context, Vec::new());
        }
        let members: Members = response
            .members
            .into_iter()
            .map(|member| {
                let instance = member.group_instance_id.map(|instance| Arc::from(instance.as_str()));
                // Who says what nobody understands gets nothing.
                let said = protocol::read_subscription(member.metadata, instance).unwrap_or_default();
                (Arc::from(member.member_id.as_str()), said)
            })
            .collect();
        group.topics_led = members.values().flat_map(|member| member.topics.iter().cloned()).collect();
        if response.skip_assignment {
            context.see(State::StaticMemberReplaced);
            // A static leader that came back: all have what they had (KIP-814).
            group.led_on = Some(self.topics.counts(&group.topics_led));
            return self.sync(context, Vec::new());
        }
        group.stage = Stage::Assigning(members);
        // What is shared out is what there is now, not what there was.
        if !self.topics.are_known(&group.topics_led) {
            self.topics.refresh();
        }
    }

    fn share_out(&mut self, context: &mut Context<'_>, members: &Members) {
        let Some(group) = &mut self.group else { return };
        let counts = self.topics.counts(&group.topics_led);
        let assignment = match self.plan.assignor {
            Assignor::Eager => range(members, &counts),
            Assignor::Cooperative => cooperative_sticky(members, &counts),
        };
        group.led_on = Some(counts);
        let each = assignment.iter().map(|(member, partitions)| {
            SyncGroupRequestAssignment::default()
                .with_member_id(text(member))
                .with_assignment(protocol::assignment(partitions))
        });
        self.sync(context, each.collect());
    }

    fn sync(&mut self, context: &mut Context<'_>, assignments: Vec<SyncGroupRequestAssignment>) {
        let timeout = self.poll_interval_max() + JOIN_SLACK;
        let Some(group) = &mut self.group else { return };
        group.stage = Stage::Syncing;
        let request = SyncGroupRequest::default()
            .with_group_id(GroupId(text(group.name())))
            .with_generation_id(group.generation)
            .with_member_id(text(group.member()))
            .with_group_instance_id(self.plan.instance.as_deref().map(text))
            .with_protocol_type(Some(text(PROTOCOL_TYPE)))
            .with_protocol_name(Some(text(assignor_name(self.plan.assignor))))
            .with_assignments(assignments);
        let ask = Ask::Sync(group.generation);
        self.send(context, To::Coordinator, (&request, SYNC_GROUP_VERSION), ask, timeout);
    }

    pub(super) fn take_sync(&mut self, context: &mut Context<'_>, response: SyncGroupResponse, generation: i32) {
        let Some(group) = &mut self.group else { return };
        if !matches!(group.stage, Stage::Syncing) || group.generation != generation {
            return;
        }
        if response.error_code != 0 {
            if response.error_code == REBALANCE_IN_PROGRESS {
                context.see(State::RebalanceSeenInSync);
            }
            return self.join_failed(context, response.error_code);
        }
        // What cannot be read is nothing; the checkers see that the leader gave more.
        group.given = Some(protocol::read_assignment(response.assignment).unwrap_or_default());
        group.stage = Stage::Stable;
        self.take_given(context);
    }

    /// The application takes what it was given, where it polls.
    pub(super) fn take_given(&mut self, context: &mut Context<'_>) {
        let is_back = self.idle.is_none() && self.life == Life::Running;
        let Some(group) = self.group.as_mut().filter(|_| is_back) else { return };
        let Some(given) = group.given.take() else { return };
        let revoked: Vec<TopicPartition> = group.owned.difference(&given).cloned().collect();
        if !revoked.is_empty() {
            group.rejoin = true;
            context.note(What::Revoke { group: Arc::clone(group.name()), partitions: revoked });
        }
        group.owned.clone_from(&given);
        context.note(What::Assign {
            group: Arc::clone(group.name()),
            generation: group.generation,
            member: Arc::clone(group.member()),
            partitions: given.iter().cloned().collect(),
        });
        group.topics_have_changed(&self.topics);
        self.fetcher.read_only(&given);
        self.fetcher.topics_have_changed(&self.topics);
    }

    fn join_failed(&mut self, context: &mut Context<'_>, code: i16) {
        self.see_refusal(context, code);
        let Some(group) = &mut self.group else { return };
        group.stage = Stage::Apart;
        match code {
            MEMBER_ID_REQUIRED => {}
            // The others wait already.
            REBALANCE_IN_PROGRESS => {}
            UNKNOWN_MEMBER_ID => self.lose(context, true),
            ILLEGAL_GENERATION => self.lose(context, false),
            FENCED_INSTANCE_ID => self.close(context),
            COORDINATOR_NOT_AVAILABLE | NOT_COORDINATOR => {
                self.coordinator_is_unknown();
                self.alarms.back_off(context, Retry::Find);
            }
            // It is loading, or full, or the members do not agree: in a while it may be otherwise.
            _ => self.alarms.back_off(context, Retry::Join),
        }
    }
}

/// The assignor's name in Kafka.
const fn assignor_name(assignor: Assignor) -> &'static str {
    match assignor {
        Assignor::Eager => "range",
        Assignor::Cooperative => "cooperative-sticky",
    }
}

fn millis(time: Duration) -> i32 {
    i32::try_from(time.as_millis()).unwrap_or(i32::MAX)
}
