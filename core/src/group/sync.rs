//! SyncGroup: the leader brings the assignment, the others ask for theirs.
//!
//! Invariants:
//! 1. One generation has one assignment: the first that its leader sends. A second one while the first is being stored is
//!    not looked at.
//! 2. A member learns of its assignment once the record that holds it is committed.

use super::answer::{Answer, SyncAnswer};
use super::names::{GenerationId, MemberId};
use super::records::{GroupMetadata, Record};
use super::state::{CompletingRebalance, Group, Stable, State, Storing};
use super::step::{Step, Then};
use crate::coordinator::{AppendToken, Ticket};
use crate::effect::Level;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::sync::Arc;
use bytes::Bytes;
use grete_protocol::ErrorCode;

/// A SyncGroup, whichever version it came in.
#[derive(Clone, Debug)]
pub struct Syncer<'a> {
    /// Whom to answer.
    pub ticket: Ticket,
    /// The member's id.
    pub member: &'a str,
    /// The instance id of a static member.
    pub instance: Option<&'a str>,
    /// The generation that it has joined.
    pub generation: GenerationId,
    /// The type it takes the group to have, where it says so.
    pub protocol_type: Option<&'a str>,
    /// The strategy it takes the generation to have, where it says so.
    pub protocol_name: Option<&'a str>,
    /// The leader's assignment; empty from others.
    pub assignment: BTreeMap<MemberId, Bytes>,
}

impl Group {
    /// A member asks for its assignment.
    pub(super) fn sync(&mut self, syncer: Syncer<'_>, step: &mut Step<'_>) {
        if let Err(error) = self.validate_sync(&syncer) {
            step.refuse_sync(syncer.ticket, error);
            return;
        }
        match &mut self.state {
            State::Empty => step.refuse_sync(syncer.ticket, ErrorCode::UnknownMemberId),
            State::PreparingRebalance(_) => step.refuse_sync(syncer.ticket, ErrorCode::RebalanceInProgress),
            State::CompletingRebalance(_) => self.sync_completing(syncer, step),
            State::Stable(state) => {
                if state.unsynced.remove(syncer.member) && state.unsynced.is_empty() {
                    step.syncing_ended();
                }
                let answer = self.sync_answer(syncer.member);
                step.answer(syncer.ticket, Answer::Sync(answer));
            }
        }
    }

    fn validate_sync(&self, syncer: &Syncer<'_>) -> Result<(), ErrorCode> {
        self.validate_member(syncer.member, syncer.instance)?;
        if syncer.generation != self.generation {
            return Err(ErrorCode::IllegalGeneration);
        }
        let protocol = match &self.state {
            State::Empty | State::PreparingRebalance(_) => None,
            State::CompletingRebalance(state) => Some(&*state.protocol),
            State::Stable(state) => Some(&*state.protocol),
        };
        let differ = |theirs: Option<&str>, ours: Option<&str>| theirs.zip(ours).is_some_and(|(a, b)| a != b);
        if differ(syncer.protocol_type, self.protocol_type.as_deref()) || differ(syncer.protocol_name, protocol) {
            return Err(ErrorCode::InconsistentGroupProtocol);
        }
        Ok(())
    }

    fn sync_completing(&mut self, syncer: Syncer<'_>, step: &mut Step<'_>) {
        let State::CompletingRebalance(state) = &mut self.state else { return };
        let id = MemberId::from(syncer.member);
        state.synced(&id, syncer.ticket, step);
        if !state.roster.is_leader(&id) || state.storing.is_some() {
            return;
        }
        let mut assignment = syncer.assignment;
        assignment.retain(|member, _| state.roster.contains(member));
        let without = state.roster.len() - assignment.len();
        if without > 0 {
            let (group, generation) = (&step.group, self.generation);
            step.notice(
                Level::Debug,
                format!("Group {group}: the leader of generation {generation} assigns nothing to {without} members"),
            );
        }
        state.storing = Some(Storing { token: step.token, assignment });
        step.records.extend(self.assignment_record(step));
        step.then = Then::Assigned { generation: self.generation };
    }

    /// The record of the generation whose assignment is being stored.
    fn assignment_record(&self, step: &Step<'_>) -> Option<Record> {
        let State::CompletingRebalance(state) = &self.state else { return None };
        let storing = state.storing.as_ref()?;
        let metadata = GroupMetadata::of(self, &state.roster, &state.protocol, |id| storing.of(id));
        Some(Record::Group { group: step.group.clone(), value: Some(Arc::new(metadata)) })
    }

    /// The batch `token` with the assignment of a generation is committed: it is in force, unless a rebalance has begun.
    pub(super) fn assignment_stored(&mut self, token: AppendToken, step: &mut Step<'_>) {
        let Some(state) = self.take_completing(token) else { return };
        let CompletingRebalance { mut roster, protocol, unsynced, syncs, storing } = state;
        let storing = storing.expect("it is what was being stored");
        let ids: alloc::vec::Vec<_> = roster.ids().cloned().collect();
        for id in &ids {
            roster.update(id, |member| member.assignment = storing.of(id));
        }
        self.since = step.now.wall;
        self.state = State::Stable(Stable { roster, protocol, unsynced });
        for (id, ticket) in syncs {
            let answer = self.sync_answer(&id);
            step.answer(ticket, Answer::Sync(answer));
            // While it waited, its session did not run.
            if let Some(member) = self.member(&id) {
                step.expect(&id, i64::from(member.session_timeout_ms));
            }
        }
    }

    /// The log has refused the assignment: there is none, and everyone rejoins.
    pub(super) fn assignment_refused(&mut self, token: AppendToken, error: ErrorCode, step: &mut Step<'_>) {
        let Some(state) = self.take_completing(token) else { return };
        let state = state.refuse_syncs(error, step);
        self.state = State::CompletingRebalance(state);
        step.notice(Level::Warn, format!("Group {}: its assignment could not be stored: {error:?}", step.group));
        self.rebalance(step, |_, _| {});
    }

    /// Takes the state out where it is the one that waits for `token`.
    fn take_completing(&mut self, token: AppendToken) -> Option<CompletingRebalance> {
        let waits = match &self.state {
            State::CompletingRebalance(state) => state.storing.as_ref().is_some_and(|storing| storing.token == token),
            State::Empty | State::PreparingRebalance(_) | State::Stable(_) => false,
        };
        match self.take_state() {
            State::CompletingRebalance(state) if waits => Some(state),
            other => {
                self.state = other;
                None
            }
        }
    }

    fn sync_answer(&self, id: &str) -> SyncAnswer {
        let State::Stable(state) = &self.state else { return SyncAnswer::refused(ErrorCode::RebalanceInProgress) };
        SyncAnswer {
            error: ErrorCode::None,
            protocol_type: self.protocol_type.clone(),
            protocol_name: Some(state.protocol.clone()),
            assignment: state.roster.get(id).map(|member| member.assignment.clone()).unwrap_or_default(),
        }
    }
}

impl CompletingRebalance {
    /// A member waits for the assignment. Where it waits already, its older request is given up.
    fn synced(&mut self, id: &MemberId, ticket: Ticket, step: &mut Step<'_>) {
        if let Some(older) = self.syncs.insert(id.clone(), ticket) {
            step.refuse_sync(older, ErrorCode::RebalanceInProgress);
        }
        self.unsynced.remove(id);
        if self.unsynced.is_empty() {
            step.syncing_ended();
        }
    }
}

impl Storing {
    fn of(&self, id: &MemberId) -> Bytes {
        self.assignment.get(id).cloned().unwrap_or_default()
    }
}
