//! LeaveGroup: members leave of their own will, or are sent away by their instance id.

use super::answer::LeftMember;
use super::names::MemberId;
use super::state::{Group, State};
use super::step::Step;
use crate::effect::Level;
use crate::limits;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use grete_protocol::ErrorCode;

/// A member that is to leave, whichever version said so.
#[derive(Clone, Copy, Debug)]
pub struct Leaver<'a> {
    /// Its id; empty where only its instance id is given, by an administrator.
    pub member: &'a str,
    /// Its instance id.
    pub instance: Option<&'a str>,
    /// Why, in its own words.
    pub reason: &'a str,
}

impl Group {
    /// Members leave. Those that can are removed together, so that one rebalance follows and not one for each.
    pub(super) fn leave(&mut self, leavers: &[Leaver<'_>], step: &mut Step<'_>) -> Vec<LeftMember> {
        let mut leaving: Vec<MemberId> = Vec::new();
        let mut left = Vec::new();
        let mut any = false;
        for leaver in leavers {
            let error = match self.leaver(leaver, &leaving) {
                Ok(id) => {
                    any = true;
                    self.explain_leave(leaver, &id, step);
                    step.expect_no_more(&id);
                    if !self.pending.remove(&id) {
                        leaving.push(id);
                    }
                    ErrorCode::None
                }
                Err(error) => error,
            };
            left.push(LeftMember { member: leaver.member.into(), instance: leaver.instance.map(Into::into), error });
        }
        if any {
            self.part_with(&leaving, step);
        }
        left
    }

    /// The member that a leaver names, which is neither gone nor about to go.
    fn leaver(&self, leaver: &Leaver<'_>, leaving: &[MemberId]) -> Result<MemberId, ErrorCode> {
        let id = if leaver.member.is_empty() {
            let of_instance = leaver.instance.and_then(|instance| self.roster()?.of_instance(instance));
            of_instance.cloned().ok_or(ErrorCode::UnknownMemberId)?
        } else {
            if !self.pending.contains(leaver.member) {
                self.validate_member(leaver.member, leaver.instance)?;
            }
            leaver.member.into()
        };
        if leaving.contains(&id) { Err(ErrorCode::UnknownMemberId) } else { Ok(id) }
    }

    fn part_with(&mut self, leaving: &[MemberId], step: &mut Step<'_>) {
        let concerns_others = match &self.state {
            State::Empty => false,
            // Those who are only pending hold up joining, too.
            State::PreparingRebalance(_) => true,
            State::CompletingRebalance(_) | State::Stable(_) => !leaving.is_empty(),
        };
        if concerns_others {
            self.rebalance(step, |preparing, step| {
                for id in leaving {
                    preparing.remove(id, step);
                }
            });
        }
    }

    fn explain_leave(&self, leaver: &Leaver<'_>, id: &MemberId, step: &mut Step<'_>) {
        let reason: String = leaver.reason.chars().take(limits::NOTICE_REASON_CHARS_MAX).collect();
        let reason = if reason.is_empty() { "not provided".into() } else { reason };
        let group = &step.group;
        step.notice(Level::Debug, format!("Group {group}: member {id} leaves; its reason: {reason}"));
    }
}
