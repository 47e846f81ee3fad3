//! JoinGroup: who may become a member, and what their joining does to the group.

use super::answer::Answer;
use super::member::{Member, Roster};
use super::names::{InstanceId, MemberId, ProtocolName};
use super::protocol;
use super::records::{GroupMetadata, Record};
use super::state::{Group, Stable, Start, State};
use super::step::{Step, Then};
use crate::coordinator::Ticket;
use crate::effect::Level;
use crate::limits;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;
use grete_protocol::ErrorCode;

/// The oldest version whose new members are first given an id, to join with it (KIP-394): a client that never hears of
/// its membership does not hold up the others.
pub const MEMBER_ID_REQUIRED_FROM: i16 = 4;

/// The oldest version that tells a leader to keep the assignment there is (KIP-814).
pub const SKIP_ASSIGNMENT_FROM: i16 = 9;

/// How long a new member waits for the others before it is taken for lost: it has no session yet.
const NEW_MEMBER_JOIN_TIMEOUT_MS: i64 = 5 * 60 * 1_000;

/// A JoinGroup, whichever version it came in.
#[derive(Clone, Debug)]
pub struct Joiner<'a> {
    /// Whom to answer.
    pub ticket: Ticket,
    /// The version of the request.
    pub api_version: i16,
    /// The member's id; empty where it has none.
    pub member: &'a str,
    /// The instance id of a static member.
    pub instance: Option<&'a str>,
    /// The name that its client gave itself.
    pub client_id: Arc<str>,
    /// The address of its client.
    pub client_host: Arc<str>,
    /// How long it may stay silent.
    pub session_timeout_ms: i32,
    /// How long a rebalance is to wait for it.
    pub rebalance_timeout_ms: i32,
    /// What it wants the group for.
    pub protocol_type: &'a str,
    /// The strategies it supports, the one it likes best first; no name twice.
    pub protocols: Vec<(ProtocolName, Bytes)>,
    /// Why it joins, in its own words.
    pub reason: &'a str,
}

impl Joiner<'_> {
    fn is_unknown(&self) -> bool {
        self.member.is_empty()
    }

    /// All that will stand in records, in strings.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let protocols = self.protocols.iter().map(|(name, _)| &**name);
        [self.member, self.protocol_type, &*self.client_id].into_iter().chain(self.instance).chain(protocols)
    }

    fn to_member(&self) -> Member {
        Member {
            instance: self.instance.map(InstanceId::from),
            client_id: self.client_id.clone(),
            client_host: self.client_host.clone(),
            rebalance_timeout_ms: self.rebalance_timeout_ms,
            session_timeout_ms: self.session_timeout_ms,
            protocols: self.protocols.clone(),
            assignment: Bytes::new(),
        }
    }

    /// Renews what its last JoinGroup said of a member.
    fn renew(&self, member: &mut Member) {
        member.protocols.clone_from(&self.protocols);
        member.rebalance_timeout_ms = self.rebalance_timeout_ms;
        member.session_timeout_ms = self.session_timeout_ms;
    }
}

impl Group {
    /// A client wants to join. `new_id` is the id it gets if it has none.
    pub(super) fn join(&mut self, joiner: &Joiner<'_>, new_id: MemberId, step: &mut Step<'_>) {
        if !self.accepts(joiner.member, step.settings.members_max) {
            step.refuse_join(joiner.ticket, ErrorCode::GroupMaxSizeReached, "");
            self.turn_away(joiner.member, step);
        } else if !self.supports(joiner) {
            step.refuse_join(joiner.ticket, ErrorCode::InconsistentGroupProtocol, joiner.member);
        } else if joiner.is_unknown() {
            self.join_new(joiner, new_id, step);
        } else {
            self.join_known(joiner, step);
        }
    }

    /// Whether there is room for a member (`group.max.size`). While members rejoin, the places go to whoever comes first:
    /// that is how a group that is too large for a lowered limit shrinks.
    fn accepts(&self, member: &str, members_max: usize) -> bool {
        match &self.state {
            State::Empty => true,
            State::PreparingRebalance(state) => state.joins.contains_key(member) || state.joins.len() < members_max,
            State::CompletingRebalance(state) => state.roster.contains(member) || state.roster.len() < members_max,
            State::Stable(state) => state.roster.contains(member) || state.roster.len() < members_max,
        }
    }

    /// Forgets a member for which there is no room.
    fn turn_away(&mut self, member: &str, step: &mut Step<'_>) {
        self.pending.remove(member);
        if let State::PreparingRebalance(state) = &mut self.state {
            state.remove(member, step);
            self.complete_if_all_joined(step);
        }
    }

    /// Whether a client speaks of the same things as the members: the same type, and a strategy that all support.
    fn supports(&self, joiner: &Joiner<'_>) -> bool {
        let Some(roster) = self.roster() else {
            return !joiner.protocol_type.is_empty() && !joiner.protocols.is_empty();
        };
        let names = joiner.protocols.iter().map(|(name, _)| &**name);
        self.protocol_type.as_deref() == Some(joiner.protocol_type) && protocol::shares_one(roster, names)
    }

    fn join_new(&mut self, joiner: &Joiner<'_>, new_id: MemberId, step: &mut Step<'_>) {
        let incarnation = joiner.instance.and_then(|instance| self.roster()?.of_instance(instance)).cloned();
        if let Some(old) = incarnation {
            self.replace_incarnation(joiner, &old, new_id, step);
        } else if joiner.instance.is_none() && joiner.api_version >= MEMBER_ID_REQUIRED_FROM {
            if self.pending.len() >= limits::GROUP_PENDING_MEMBERS_MAX {
                step.refuse_join(joiner.ticket, ErrorCode::GroupMaxSizeReached, "");
                return;
            }
            step.expect(&new_id, i64::from(joiner.session_timeout_ms));
            step.refuse_join(joiner.ticket, ErrorCode::MemberIdRequired, &new_id);
            self.pending.insert(new_id);
        } else {
            self.add_member(joiner, new_id, step);
        }
    }

    fn join_known(&mut self, joiner: &Joiner<'_>, step: &mut Step<'_>) {
        let id = MemberId::from(joiner.member);
        // Only who had no instance id was given one to come back with.
        if joiner.instance.is_none() && self.pending.contains(&id) {
            self.add_member(joiner, id, step);
            return;
        }
        if let Err(error) = self.validate_member(&id, joiner.instance) {
            step.refuse_join(joiner.ticket, error, &id);
            return;
        }
        let unchanged = self.member(&id).is_some_and(|member| member.protocols == joiner.protocols);
        let current = match &self.state {
            State::Empty | State::PreparingRebalance(_) => None,
            // It may not have received the answer to its JoinGroup.
            State::CompletingRebalance(state) if unchanged => {
                Some(self.join_answer(&state.roster, &state.protocol, &id))
            }
            // The leader may know of more than its own metadata shows, such as a new partition: it rebalances.
            State::Stable(state) if unchanged && !state.roster.is_leader(&id) => {
                Some(self.join_answer(&state.roster, &state.protocol, &id))
            }
            State::CompletingRebalance(_) | State::Stable(_) => None,
        };
        if let Some(answer) = current {
            step.answer(joiner.ticket, Answer::Join(answer));
            return;
        }
        self.explain(joiner, &id, step);
        self.rebalance(step, |preparing, step| {
            preparing.roster.update(&id, |member| joiner.renew(member));
            preparing.joined(&id, joiner.ticket, false, step);
        });
    }

    fn add_member(&mut self, joiner: &Joiner<'_>, id: MemberId, step: &mut Step<'_>) {
        self.explain(joiner, &id, step);
        if self.roster().is_none_or(Roster::is_empty) {
            self.protocol_type = Some(joiner.protocol_type.into());
        }
        self.pending.remove(&id);
        // It cannot send heartbeats before it is answered, and a closed connection is not noticed.
        step.expect(&id, NEW_MEMBER_JOIN_TIMEOUT_MS);
        if let State::PreparingRebalance(state) = &mut self.state
            && let Start::FirstMember { joined_since, .. } = &mut state.start
        {
            *joined_since = true;
        }
        self.rebalance(step, |preparing, step| {
            preparing.roster.add(id.clone(), joiner.to_member());
            preparing.joined(&id, joiner.ticket, true, step);
        });
    }

    /// A static member has restarted: it takes the place of its older incarnation (KIP-345), without a rebalance where
    /// nothing changes for the others.
    fn replace_incarnation(&mut self, joiner: &Joiner<'_>, old: &MemberId, new: MemberId, step: &mut Step<'_>) {
        step.expect_no_more(old);
        let session_timeout_ms = self.member(old).map_or(joiner.session_timeout_ms, |member| member.session_timeout_ms);
        step.expect(&new, i64::from(session_timeout_ms));
        match &mut self.state {
            // An instance was found, so that there are members.
            State::Empty => {}
            State::PreparingRebalance(state) => {
                if let Some(join) = state.joins.remove(old) {
                    step.refuse_join(join.ticket, ErrorCode::FencedInstanceId, old);
                }
                rename(&mut state.roster, old, &new, joiner);
                state.joined(&new, joiner.ticket, false, step);
                self.complete_if_all_joined(step);
            }
            State::CompletingRebalance(state) => {
                // The leader may be assigning to the old id: there has to be another generation.
                if let Some(ticket) = state.syncs.remove(old) {
                    step.refuse_sync(ticket, ErrorCode::FencedInstanceId);
                }
                state.unsynced.remove(old);
                rename(&mut state.roster, old, &new, joiner);
                self.explain(joiner, &new, step);
                self.rebalance(step, |preparing, step| preparing.joined(&new, joiner.ticket, false, step));
            }
            State::Stable(state) => {
                let leader_before = state.roster.leader().cloned();
                let before = rename(&mut state.roster, old, &new, joiner);
                if state.unsynced.remove(old) {
                    state.unsynced.insert(new.clone());
                }
                if protocol::select(&state.roster).as_ref() == Some(&state.protocol) {
                    let answer = stable_answer(self, joiner, &new, leader_before);
                    step.answer(joiner.ticket, answer);
                    step.records.extend(self.record(step));
                    step.then = Then::Replaced { old: old.clone(), new, before };
                } else {
                    self.explain(joiner, &new, step);
                    self.rebalance(step, |preparing, step| preparing.joined(&new, joiner.ticket, false, step));
                }
            }
        }
    }

    /// The log has refused the new incarnation of a static member: the old one is back.
    pub(super) fn restore_incarnation(&mut self, old: &MemberId, new: &MemberId, before: Member, step: &mut Step<'_>) {
        let State::Stable(state) = &mut self.state else { return };
        if !state.roster.contains(new) {
            return;
        }
        step.expect_no_more(new);
        step.expect(old, i64::from(before.session_timeout_ms));
        state.roster.update(new, |member| *member = before);
        state.roster.rename(new, old.clone());
        if state.unsynced.remove(new) {
            state.unsynced.insert(old.clone());
        }
    }

    /// The record of a stable group.
    pub(super) fn record(&self, step: &Step<'_>) -> Option<Record> {
        let State::Stable(Stable { roster, protocol, .. }) = &self.state else { return None };
        let metadata = GroupMetadata::of(self, roster, protocol, |id| {
            roster.get(id).map(|member| member.assignment.clone()).unwrap_or_default()
        });
        Some(Record::Group { group: step.group.clone(), value: Some(Arc::new(metadata)) })
    }

    fn explain(&self, joiner: &Joiner<'_>, id: &MemberId, step: &mut Step<'_>) {
        let reason: String = joiner.reason.chars().take(limits::NOTICE_REASON_CHARS_MAX).collect();
        let reason = if reason.is_empty() { "not provided".into() } else { reason };
        let (group, state) = (&step.group, self.state_name());
        step.notice(Level::Debug, format!("Group {group}: member {id} joins in state {state}; its reason: {reason}"));
    }
}

/// Gives a static member a new id and what its JoinGroup says; returns what it was.
fn rename(roster: &mut Roster, old: &MemberId, new: &MemberId, joiner: &Joiner<'_>) -> Member {
    let before = roster.get(old).cloned().expect("the incarnation that is replaced is a member");
    roster.rename(old, new.clone());
    roster.update(new, |member| joiner.renew(member));
    before
}

/// The answer to a static member that has taken its place in a stable group.
fn stable_answer(group: &Group, joiner: &Joiner<'_>, new: &MemberId, leader_before: Option<MemberId>) -> Answer {
    let State::Stable(state) = &group.state else { unreachable!("only asked for in a stable group") };
    let mut answer = group.join_answer(&state.roster, &state.protocol, new);
    if joiner.api_version >= SKIP_ASSIGNMENT_FROM {
        answer.skip_assignment = state.roster.is_leader(new);
    } else {
        // An older client that learns that it leads would make an assignment and send it, which nobody would take. It is
        // told that its older incarnation leads.
        answer.leader = leader_before.as_deref().unwrap_or("").into();
        answer.members.clear();
    }
    Answer::Join(answer)
}
