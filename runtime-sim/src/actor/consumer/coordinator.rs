//! A member of a group and its coordinator: finding it, signs of life, leaving, and learning that one was thrown out.
//!
//! 1. A member has partitions only in a generation; who is thrown out of its generation gives them up at that moment.
//! 2. Signs of life are given between the answer to a join and the next join, whatever the application does.
//! 3. A member that lost its connection to the coordinator keeps what it has: it looks for the coordinator and goes on.

use super::alarms::Retry;
use super::commits::Then;
use super::protocol::text;
use super::topics::Topics;
use super::{Ask, Consumer, Life, REQUEST_TIMEOUT, To};
use crate::actor::Context;
use crate::actor::wire::node_at;
use crate::clock::WorldTime;
use crate::history::{TopicPartition, What};
use crate::node::NodeIndex;
use crate::run::State;
use crate::script::Assignor;
use core::time::Duration;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::{
    FindCoordinatorRequest, FindCoordinatorResponse, GroupId, HeartbeatRequest, LeaveGroupRequest,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const FIND_COORDINATOR_VERSION: i16 = 4;
const HEARTBEAT_VERSION: i16 = 4;
/// The promise that a member that gives signs of life stays in its group.
pub const EVICTIONS: &str = "evictions";
const LEAVE_GROUP_VERSION: i16 = 5;
pub(super) const COORDINATOR_LOAD_IN_PROGRESS: i16 = 14;
pub(super) const COORDINATOR_NOT_AVAILABLE: i16 = 15;
pub(super) const NOT_COORDINATOR: i16 = 16;
const ILLEGAL_GENERATION: i16 = 22;
const UNKNOWN_MEMBER_ID: i16 = 25;
const REBALANCE_IN_PROGRESS: i16 = 27;
const FENCED_INSTANCE_ID: i16 = 82;

/// A consumer's part in its group.
#[derive(Clone, Debug)]
pub(super) struct Membership {
    name: Arc<str>,
    /// Where the coordinator is, once that is known.
    node: Option<NodeIndex>,
    finding: bool,
    /// Its id; empty before it was given one.
    pub(super) member: Arc<str>,
    /// -1 outside of any.
    pub(super) generation: i32,
    pub(super) stage: Stage,
    /// Whether it has to join again.
    pub(super) rejoin: bool,
    /// Whether what is to be done before it joins again, or leaves, is done.
    pub(super) prepared: bool,
    pub(super) owned: BTreeSet<TopicPartition>,
    /// What it was given, and its application has yet to take.
    pub(super) given: Option<BTreeSet<TopicPartition>>,
    /// The topics of all members, where it leads them.
    pub(super) topics_led: BTreeSet<Arc<str>>,
    /// The numbers of partitions that it shared out, where it leads.
    pub(super) led_on: Option<BTreeMap<Arc<str>, i32>>,
    heartbeat_under_way: bool,
    /// When the last heartbeat was sent.
    heartbeat_sent: WorldTime,
    /// When the last one was sent that was taken while it had its part in this generation.
    heartbeat_taken: Option<(i32, WorldTime)>,
    leave_under_way: bool,
}

/// How far a member is.
#[derive(Clone, Debug)]
pub(super) enum Stage {
    /// It has to join.
    Apart,
    /// It commits before it joins again.
    Preparing,
    /// The others are waited for.
    Joining,
    /// It leads, and has to know all topics before it can share them out.
    Assigning(super::Members),
    /// The leader is waited for.
    Syncing,
    /// It has its part.
    Stable,
}

impl Membership {
    pub(super) fn new(name: Arc<str>) -> Self {
        Self {
            member: Arc::from(""),
            name,
            node: None,
            finding: false,
            generation: -1,
            stage: Stage::Apart,
            rejoin: false,
            prepared: false,
            owned: BTreeSet::new(),
            given: None,
            topics_led: BTreeSet::new(),
            led_on: None,
            heartbeat_under_way: false,
            heartbeat_sent: WorldTime::default(),
            heartbeat_taken: None,
            leave_under_way: false,
        }
    }
    pub(super) const fn name(&self) -> &Arc<str> {
        &self.name
    }

    pub(super) const fn member(&self) -> &Arc<str> {
        &self.member
    }

    pub(super) const fn generation(&self) -> i32 {
        self.generation
    }

    /// Whether it has its part, and nothing is about to change it.
    pub(super) const fn is_stable(&self) -> bool {
        matches!(self.stage, Stage::Stable) && !self.rejoin && self.given.is_none()
    }

    /// How far it is, for a person to read.
    pub(super) fn tell(&self) -> String {
        let Self { name, generation, stage, rejoin, .. } = self;
        let given = if self.given.is_some() { ", given partitions that it has not taken" } else { "" };
        format!("group {name}, generation {generation}: {stage:?}, has to join again: {rejoin}{given}")
    }

    /// Whether it has a part, which it may be about to lose.
    pub(super) const fn has_assignment(&self) -> bool {
        matches!(self.stage, Stage::Stable) && self.given.is_none()
    }

    /// Whether it is about to give up all that it has.
    pub(super) fn gives_up(&self, assignor: Assignor) -> bool {
        matches!(self.stage, Stage::Preparing) && assignor == Assignor::Eager
    }

    /// Whether its coordinator wants signs of life.
    const fn is_alive(&self) -> bool {
        match self.stage {
            Stage::Apart | Stage::Joining => false,
            Stage::Preparing | Stage::Assigning(_) | Stage::Syncing | Stage::Stable => true,
        }
    }

    /// What was to be done before it joins or leaves is done.
    pub(super) fn is_prepared(&mut self) {
        self.prepared = true;
        if matches!(self.stage, Stage::Preparing) {
            self.stage = Stage::Apart;
        }
    }

    pub(super) fn topics_led(&self) -> impl Iterator<Item = &Arc<str>> {
        self.topics_led.iter()
    }

    /// Who leads has the group share out anew what has changed.
    pub(super) fn topics_have_changed(&mut self, topics: &Topics) {
        if let (Some(led_on), Stage::Stable) = (&self.led_on, &self.stage) {
            self.rejoin |= *led_on != topics.counts(&self.topics_led);
        }
    }
}

impl Consumer {
    /// Sees to it that there is a connection to the coordinator, and that the consumer has its part of the group.
    pub(super) fn drive_group(&mut self, context: &mut Context<'_>) {
        let connected = self.broker.is_ready();
        let Some(group) = &mut self.group else { return };
        let Some(node) = group.node else {
            if !group.finding && connected && self.alarms.may(Retry::Find) {
                group.finding = true;
                let request = FindCoordinatorRequest::default().with_coordinator_keys(vec![text(&group.name)]);
                let asked = (&request, FIND_COORDINATOR_VERSION);
                self.send(context, To::Broker, asked, Ask::FindCoordinator, REQUEST_TIMEOUT);
            }
            return;
        };
        if self.coordinator.is_ready() {
            self.drive_membership(context);
        } else if self.alarms.may(Retry::Coordinator) {
            self.connect(context, To::Coordinator, node);
        }
    }

    pub(super) fn take_coordinator(&mut self, context: &mut Context<'_>, response: &FindCoordinatorResponse) {
        let Some(group) = &mut self.group else { return };
        group.finding = false;
        let found = response.coordinators.first().filter(|coordinator| coordinator.error_code == 0);
        match found.and_then(|coordinator| node_at(coordinator.port)) {
            Some(node) => {
                self.alarms.succeed(Retry::Find);
                group.node = Some(node);
            }
            None => self.alarms.back_off(context, Retry::Find),
        }
    }

    /// Who coordinates the group has to be asked for anew.
    pub(super) fn coordinator_is_unknown(&mut self) {
        if let Some(group) = &mut self.group {
            group.node = None;
        }
    }

    /// Gives a sign of life.
    pub(super) fn heartbeat(&mut self, context: &mut Context<'_>) {
        let Some(group) = &mut self.group else { return };
        let reachable = group.node.is_some() && self.coordinator.is_ready();
        if self.life != Life::Running || !group.is_alive() || group.heartbeat_under_way || !reachable {
            return;
        }
        group.heartbeat_under_way = true;
        group.heartbeat_sent = context.now;
        let generation = group.generation;
        let request = HeartbeatRequest::default()
            .with_group_id(GroupId(text(&group.name)))
            .with_generation_id(generation)
            .with_member_id(text(&group.member))
            .with_group_instance_id(self.plan.instance.as_deref().map(text));
        // A coordinator that is silent for a session has given this member up, or is gone.
        let timeout = self.plan.session_timeout;
        let ask = Ask::Heartbeat(generation);
        self.send(context, To::Coordinator, (&request, HEARTBEAT_VERSION), ask, timeout);
    }

    pub(super) fn take_heartbeat(&mut self, context: &mut Context<'_>, code: i16, generation: i32) {
        if let Some(group) = &mut self.group {
            group.heartbeat_under_way = false;
            let is_taken = code == 0 && group.is_stable() && group.generation == generation;
            group.heartbeat_taken =
                if is_taken { Some((generation, group.heartbeat_sent)) } else { group.heartbeat_taken };
        }
        if code == UNKNOWN_MEMBER_ID {
            context.see(State::MemberUnknown);
        }
        self.refused(context, code, generation);
    }

    /// What the coordinator says no to tells a member how it stands: `generation` is the one that it said.
    pub(super) fn refused(&mut self, context: &mut Context<'_>, code: i16, generation: i32) {
        self.see_refusal(context, code);
        let Some(group) = &mut self.group else { return };
        // What is said of an earlier generation says nothing of this one.
        let is_current = group.is_alive() && group.generation == generation;
        match code {
            COORDINATOR_NOT_AVAILABLE | NOT_COORDINATOR => {
                group.node = None;
                self.alarms.back_off(context, Retry::Find);
            }
            REBALANCE_IN_PROGRESS if is_current => group.rejoin = true,
            ILLEGAL_GENERATION if is_current => self.lose(context, false),
            UNKNOWN_MEMBER_ID if is_current => {
                self.accuse_eviction(context);
                self.lose(context, true);
            }
            // Another has its instance id: it may not go on.
            FENCED_INSTANCE_ID if is_current => self.close(context),
            _ => {}
        }
    }

    /// A member whose heartbeat was taken has a session from then on, by the coordinator's clock; whatever that gains or
    /// loses, half of it has not passed so soon.
    fn accuse_eviction(&self, context: &mut Context<'_>) {
        let Some(group) = &self.group else { return };
        let Some((_, taken)) = group.heartbeat_taken.filter(|(generation, _)| *generation == group.generation) else {
            return;
        };
        if context.now < taken.after(self.plan.session_timeout / 2) {
            let since = Duration::from_micros(context.now.0 - taken.0);
            let session = self.plan.session_timeout;
            context.accuse(EVICTIONS, format!("thrown out {since:?} after a heartbeat, with a session of {session:?}"));
        }
    }

    /// What a refusal by the coordinator shows.
    pub(super) fn see_refusal(&self, context: &mut Context<'_>, code: i16) {
        match code {
            COORDINATOR_LOAD_IN_PROGRESS => context.see(State::CoordinatorLoading),
            COORDINATOR_NOT_AVAILABLE | NOT_COORDINATOR => context.see(State::CoordinatorUnavailable),
            FENCED_INSTANCE_ID => context.see(State::InstanceFenced),
            _ => {}
        }
    }

    /// The member is out of its generation: what it has is its own no more. It may be unknown, too.
    pub(super) fn lose(&mut self, context: &mut Context<'_>, forget_member: bool) {
        self.revoke_all(context);
        let Some(group) = &mut self.group else { return };
        group.generation = -1;
        group.stage = Stage::Apart;
        group.given = None;
        group.led_on = None;
        group.prepared = false;
        if forget_member {
            group.member = Arc::from("");
        }
    }

    /// Gives up all partitions.
    pub(super) fn revoke_all(&mut self, context: &mut Context<'_>) {
        let Some(group) = &mut self.group else { return };
        let partitions: Vec<TopicPartition> = core::mem::take(&mut group.owned).into_iter().collect();
        if !partitions.is_empty() {
            context.note(What::Revoke { group: Arc::clone(&group.name), partitions });
            self.fetcher.read_only(&BTreeSet::new());
        }
    }

    /// The application was away for so long that its library leaves the group for it (KIP-62).
    pub(super) fn poll_interval_over(&mut self, context: &mut Context<'_>) {
        if self.group.as_ref().is_some_and(Membership::is_alive) {
            context.see(State::PollIntervalOver);
            // A static member is waited for until its session is over.
            self.send_leave(context);
            self.lose(context, true);
        }
    }

    /// Leaves: commits, gives everything up, says so, closes.
    pub(super) fn drive_leave(&mut self, context: &mut Context<'_>) {
        let Some(group) = &self.group else { return self.close(context) };
        if self.commits.is_under_way() {
            return;
        }
        if !group.prepared && group.has_assignment() {
            let offsets = self.last_offsets();
            if !offsets.is_empty() {
                return self.commit(context, offsets, Then::GiveUp);
            }
        }
        self.revoke_all(context);
        let is_leaving = self.group.as_ref().is_some_and(|group| group.leave_under_way);
        if !is_leaving && !self.send_leave(context) {
            self.close(context);
        }
    }

    /// Says that it leaves; whether it can. A static member says nothing: it is expected back (KIP-345).
    fn send_leave(&mut self, context: &mut Context<'_>) -> bool {
        let reachable = self.coordinator.is_ready();
        let Some(group) = &mut self.group else { return false };
        if !reachable || self.plan.instance.is_some() || group.member.is_empty() {
            return false;
        }
        group.leave_under_way = true;
        let identity = MemberIdentity::default().with_member_id(text(&group.member));
        let request =
            LeaveGroupRequest::default().with_group_id(GroupId(text(&group.name))).with_members(vec![identity]);
        self.send(context, To::Coordinator, (&request, LEAVE_GROUP_VERSION), Ask::Leave, REQUEST_TIMEOUT);
        true
    }

    pub(super) fn take_leave(&mut self, context: &mut Context<'_>) {
        if let Some(group) = &mut self.group {
            group.leave_under_way = false;
        }
        if self.life == Life::Leaving {
            self.close(context);
        }
    }

    /// What was asked about the group will not be answered.
    pub(super) fn group_unanswered(&mut self, context: &mut Context<'_>, ask: &Ask) {
        let Some(group) = &mut self.group else { return };
        match ask {
            Ask::FindCoordinator => group.finding = false,
            Ask::Heartbeat(_) => group.heartbeat_under_way = false,
            Ask::Leave => self.take_leave(context),
            Ask::Join if matches!(group.stage, Stage::Joining) => group.stage = Stage::Apart,
            Ask::Sync(generation) if matches!(group.stage, Stage::Syncing) && group.generation == *generation => {
                group.stage = Stage::Apart;
            }
            _ => {}
        }
    }
}
