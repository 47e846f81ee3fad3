//! Heartbeat: a member lives, and learns whether it is to rejoin.

use super::names::{GenerationId, MemberId};
use super::state::{Group, State};
use super::step::Step;
use grete_protocol::ErrorCode;

impl Group {
    /// A member gives a sign of life.
    pub(super) fn heartbeat(
        &self,
        member: &str,
        instance: Option<&str>,
        generation: GenerationId,
        step: &mut Step<'_>,
    ) -> ErrorCode {
        if let Err(error) = self.validate_member(member, instance) {
            return error;
        }
        if generation != self.generation {
            return ErrorCode::IllegalGeneration;
        }
        self.keep_alive(member, step);
        match self.state {
            State::Empty => ErrorCode::UnknownMemberId,
            State::PreparingRebalance(_) => ErrorCode::RebalanceInProgress,
            State::CompletingRebalance(_) | State::Stable(_) => ErrorCode::None,
        }
    }

    /// A member commits offsets, which keeps its session alive, too; except while it is to wait for its assignment.
    pub(super) fn keep_alive_by_commit(&self, id: &str, step: &mut Step<'_>) {
        match self.state {
            State::PreparingRebalance(_) | State::Stable(_) => self.keep_alive(id, step),
            State::Empty | State::CompletingRebalance(_) => {}
        }
    }

    /// Begins the session of a member anew.
    pub(super) fn keep_alive(&self, id: &str, step: &mut Step<'_>) {
        if let Some(member) = self.member(id) {
            step.expect(&MemberId::from(id), i64::from(member.session_timeout_ms));
        }
    }
}
