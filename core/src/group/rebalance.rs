//! From one generation to the next: who begins a rebalance, when joining ends, who is a member afterwards.
//!
//! Invariants:
//! 1. A generation is handed to members only with the answers to their JoinGroup, all of them at once, and never twice:
//!    the number goes up by one each time joining ends.
//! 2. Only members that have joined are in the new generation, and static ones, whose session decides (KIP-345).
//! 3. A rebalance that begins while an assignment is being made or stored ends that generation without one: the members
//!    that wait for it are told to rejoin.

use super::answer::{Answer, JoinAnswer, JoinedMember};
use super::member::Roster;
use super::names::{MemberId, ProtocolName};
use super::protocol;
use super::records::{GroupMetadata, Record};
use super::state::{CompletingRebalance, Group, Join, PreparingRebalance, Start, State};
use super::step::{Step, Then};
use crate::coordinator::Ticket;
use crate::effect::Level;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;
use core::mem;
use grete_protocol::ErrorCode;

/// How long a rebalance that nobody has joined waits at least before it looks again.
const JOIN_AGAIN_MIN_MS: i64 = 1_000;

impl State {
    /// Begins a rebalance, or goes on with the one under way. Whoever waits for an assignment is told to rejoin.
    #[must_use]
    pub(super) fn prepare(self, step: &mut Step<'_>) -> PreparingRebalance {
        match self {
            Self::Empty => {
                let start = Start::FirstMember {
                    joined_since: false,
                    delay_ms: step.settings.initial_rebalance_delay_ms,
                    remaining_ms: 0,
                };
                PreparingRebalance { start, ..PreparingRebalance::default() }
            }
            Self::PreparingRebalance(preparing) => preparing,
            Self::CompletingRebalance(completing) => completing.prepare(step),
            Self::Stable(stable) => {
                step.syncing_ended();
                PreparingRebalance { roster: stable.roster, ..PreparingRebalance::default() }
            }
        }
    }
}

impl CompletingRebalance {
    fn prepare(self, step: &mut Step<'_>) -> PreparingRebalance {
        self.refuse_syncs(ErrorCode::RebalanceInProgress, step).into_preparing(step)
    }

    /// Answers all members that wait for the assignment with an error: there is none.
    #[must_use]
    pub(super) fn refuse_syncs(mut self, error: ErrorCode, step: &mut Step<'_>) -> Self {
        for (member, ticket) in mem::take(&mut self.syncs) {
            step.refuse_sync(ticket, error);
            // While it waited, its session did not run.
            if let Some(session_timeout_ms) = self.roster.get(&member).map(|member| member.session_timeout_ms) {
                step.expect(&member, i64::from(session_timeout_ms));
            }
        }
        self
    }

    fn into_preparing(mut self, step: &mut Step<'_>) -> PreparingRebalance {
        step.syncing_ended();
        // What the last generation assigned is void: not every member may have heard of it.
        let ids: Vec<_> = self.roster.ids().cloned().collect();
        for id in ids {
            self.roster.update(&id, |member| member.assignment = Bytes::new());
        }
        PreparingRebalance { roster: self.roster, ..PreparingRebalance::default() }
    }
}

impl PreparingRebalance {
    /// A member, which is in the roster, has joined. Where it waits already, its older request is given up: the client
    /// has sent it again.
    pub(super) fn joined(&mut self, member: &MemberId, ticket: Ticket, is_new: bool, step: &mut Step<'_>) {
        let is_new = is_new || self.joins.get(member).is_some_and(|join| join.is_new);
        if let Some(older) = self.joins.insert(member.clone(), Join { ticket, is_new }) {
            step.refuse_join(older.ticket, ErrorCode::RebalanceInProgress, member);
        }
    }

    /// Removes a member, or refuses one that was let in. Its request, if it waits, is answered with `UNKNOWN_MEMBER_ID`,
    /// so that its client, if it still lives, comes back as a new member.
    pub(super) fn remove(&mut self, member: &str, step: &mut Step<'_>) {
        if let Some(join) = self.joins.remove(member) {
            step.refuse_join(join.ticket, ErrorCode::UnknownMemberId, "");
        }
        self.roster.remove(member);
    }
}

impl Group {
    /// Takes the state out to be changed; what comes of it is put back before anything else looks.
    pub(super) const fn take_state(&mut self) -> State {
        mem::replace(&mut self.state, State::Empty)
    }

    /// Begins a rebalance and goes on as far as can be. What `change` does is part of it; it says why.
    pub(super) fn rebalance(
        &mut self,
        step: &mut Step<'_>,
        change: impl FnOnce(&mut PreparingRebalance, &mut Step<'_>),
    ) {
        let before = self.take_state();
        let was_empty = matches!(before, State::Empty);
        let was_preparing = matches!(before, State::PreparingRebalance(_));
        let mut preparing = before.prepare(step);
        change(&mut preparing, step);
        if was_empty {
            let rebalance_timeout_ms = i64::from(preparing.roster.rebalance_timeout_ms());
            if let Start::FirstMember { delay_ms, remaining_ms, .. } = &mut preparing.start {
                *remaining_ms = (rebalance_timeout_ms - *delay_ms).max(0);
                step.end_joining_in(*delay_ms);
            }
        }
        let timeout_ms = i64::from(preparing.roster.rebalance_timeout_ms());
        let begins = !was_empty && !was_preparing;
        if !was_preparing {
            self.since = step.now.wall;
        }
        self.state = State::PreparingRebalance(preparing);
        if begins && !self.all_joined() {
            step.end_joining_in(timeout_ms);
        } else {
            self.complete_if_all_joined(step);
        }
    }

    /// Whether nobody is left to wait for.
    #[must_use]
    pub(super) fn all_joined(&self) -> bool {
        match &self.state {
            State::PreparingRebalance(state) => state.joins.len() == state.roster.len() && self.pending.is_empty(),
            State::Empty | State::CompletingRebalance(_) | State::Stable(_) => false,
        }
    }

    /// Ends joining where all have joined, unless the group has only just begun and others are given time to come.
    pub(super) fn complete_if_all_joined(&mut self, step: &mut Step<'_>) {
        let State::PreparingRebalance(state) = &self.state else { return };
        if state.start == Start::Change && self.all_joined() {
            self.complete_joining(step);
        }
    }

    /// The time for joining is up: after the initial delay there may be more of it, else joining ends.
    pub(super) fn on_join_timer(&mut self, step: &mut Step<'_>) {
        let State::PreparingRebalance(state) = &mut self.state else { return };
        match &mut state.start {
            Start::FirstMember { joined_since, delay_ms, remaining_ms } if *joined_since && *remaining_ms > 0 => {
                *joined_since = false;
                let next_ms = step.settings.initial_rebalance_delay_ms.min(*remaining_ms);
                *remaining_ms = (*remaining_ms - *delay_ms).max(0);
                *delay_ms = next_ms;
                step.end_joining_in(next_ms);
            }
            Start::FirstMember { .. } | Start::Change => self.complete_joining(step),
        }
    }

    /// Ends joining: the next generation consists of who has joined.
    pub(super) fn complete_joining(&mut self, step: &mut Step<'_>) {
        let state = self.take_state();
        let State::PreparingRebalance(mut preparing) = state else {
            self.state = state;
            return;
        };
        step.joining_ended();
        let absent: Vec<_> = preparing
            .roster
            .iter()
            .filter(|(id, member)| !preparing.joins.contains_key(*id) && member.instance.is_none())
            .map(|(id, _)| id.clone())
            .collect();
        for id in absent {
            step.notice(
                Level::Info,
                format!("Group {}: member {id} did not rejoin in time and is removed", step.group),
            );
            step.expect_no_more(&id);
            preparing.roster.remove(&id);
        }
        if preparing.roster.is_empty() {
            self.become_empty(step);
        } else if elect(&mut preparing) {
            self.begin_generation(preparing, step);
        } else {
            // Only static members are left and none has joined: wait on, until one does or their sessions end.
            // A client may ask for no time at all; looking again at once would keep the coordinator busy until then.
            step.end_joining_in(i64::from(preparing.roster.rebalance_timeout_ms()).max(JOIN_AGAIN_MIN_MS));
            self.state = State::PreparingRebalance(preparing);
        }
    }

    fn become_empty(&mut self, step: &mut Step<'_>) {
        self.generation = self.generation.next();
        self.subscribed = self.is_consumer().then(Default::default);
        self.since = step.now.wall;
        step.notice(Level::Info, format!("Group {} is empty in generation {}", step.group, self.generation));
        let metadata = GroupMetadata::empty(self.generation, self.protocol_type.clone(), self.since);
        step.records.push(Record::Group { group: step.group.clone(), value: Some(Arc::new(metadata)) });
        step.then = Then::Emptied;
    }

    fn begin_generation(&mut self, preparing: PreparingRebalance, step: &mut Step<'_>) {
        let PreparingRebalance { roster, joins, .. } = preparing;
        let protocol = protocol::select(&roster).expect("members share a strategy, or they would not have been let in");
        self.generation = self.generation.next();
        self.subscribed = self.subscriptions(&roster, &protocol);
        self.since = step.now.wall;
        step.notice(
            Level::Info,
            format!("Group {}: generation {} has {} members", step.group, self.generation, roster.len()),
        );
        for (id, member) in roster.iter() {
            step.expect(id, i64::from(member.session_timeout_ms));
        }
        for (id, join) in joins {
            let answer = self.join_answer(&roster, &protocol, &id);
            step.answer(join.ticket, Answer::Join(answer));
        }
        step.end_syncing_in(i64::from(roster.rebalance_timeout_ms()));
        let unsynced = roster.ids().cloned().collect();
        self.state = State::CompletingRebalance(CompletingRebalance {
            roster,
            protocol,
            unsynced,
            syncs: BTreeMap::new(),
            storing: None,
        });
    }

    /// What a member of the current generation is told: the leader, and to that one also everyone else.
    #[must_use]
    pub(super) fn join_answer(&self, roster: &Roster, protocol: &ProtocolName, id: &MemberId) -> JoinAnswer {
        let members = if roster.is_leader(id) { joined_members(roster, protocol) } else { Vec::new() };
        JoinAnswer {
            error: ErrorCode::None,
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol_name: Some(protocol.clone()),
            leader: roster.leader().map_or("", |leader| leader).into(),
            skip_assignment: false,
            member: (&**id).into(),
            members,
        }
    }

    /// Removes a member that has failed or left, and goes on as far as can be.
    pub(super) fn remove_member(&mut self, id: &str, step: &mut Step<'_>) {
        match &mut self.state {
            State::Empty => {}
            State::PreparingRebalance(preparing) => {
                preparing.remove(id, step);
                if self.all_joined() {
                    self.complete_joining(step);
                }
            }
            State::CompletingRebalance(_) | State::Stable(_) => {
                self.rebalance(step, |preparing, step| preparing.remove(id, step));
            }
        }
    }

    /// A member's session has ended.
    pub(super) fn on_session_timer(&mut self, id: &MemberId, step: &mut Step<'_>) {
        if self.pending.remove(id) {
            step.notice(Level::Info, format!("Group {}: {id} did not join with the id it was given", step.group));
            if self.all_joined() {
                self.complete_joining(step);
            }
            return;
        }
        if self.member(id).is_none() || self.waits(id) {
            return;
        }
        step.notice(
            Level::Info,
            format!("Group {}: member {id} has failed: no heartbeat in its session timeout", step.group),
        );
        self.remove_member(id, step);
    }

    /// Whether a member waits for an answer and so need not send heartbeats. A new one may only wait so long.
    fn waits(&self, id: &MemberId) -> bool {
        match &self.state {
            State::PreparingRebalance(state) => state.joins.get(id).is_some_and(|join| !join.is_new),
            State::CompletingRebalance(state) => state.syncs.contains_key(id),
            State::Empty | State::Stable(_) => false,
        }
    }

    /// The time for asking for assignments is up: who has not asked is removed.
    pub(super) fn on_sync_timer(&mut self, step: &mut Step<'_>) {
        let unsynced = match &self.state {
            State::CompletingRebalance(state) => &state.unsynced,
            State::Stable(state) => &state.unsynced,
            State::Empty | State::PreparingRebalance(_) => return,
        };
        if unsynced.is_empty() {
            return;
        }
        let late: Vec<_> = unsynced.iter().cloned().collect();
        for id in &late {
            step.notice(
                Level::Info,
                format!("Group {}: member {id} did not ask for its assignment in time", step.group),
            );
            step.expect_no_more(id);
        }
        self.rebalance(step, |preparing, step| {
            for id in &late {
                preparing.remove(id, step);
            }
        });
    }
}

/// Everyone, as the leader sees them.
fn joined_members(roster: &Roster, protocol: &ProtocolName) -> Vec<JoinedMember> {
    let joined = roster.iter().map(|(id, member)| JoinedMember {
        member: id.clone(),
        instance: member.instance.clone(),
        metadata: member.metadata(protocol),
    });
    joined.collect()
}

/// Sees to it that the leader has joined; says whether anyone has.
fn elect(preparing: &mut PreparingRebalance) -> bool {
    let leader_joined = preparing.roster.leader().is_some_and(|leader| preparing.joins.contains_key(leader));
    if leader_joined {
        return true;
    }
    match preparing.joins.keys().next() {
        Some(first) => {
            preparing.roster.lead(first.clone());
            true
        }
        None => false,
    }
}
