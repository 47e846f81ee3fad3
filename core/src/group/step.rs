//! What a decision about one group comes to.

use super::answer::{Answer, JoinAnswer, SyncAnswer};
use super::member::Member;
use super::names::{GenerationId, GroupId, MemberId};
use super::records::Record;
use super::settings::GroupSettings;
use super::timers::Timer;
use crate::coordinator::{AppendToken, Ticket};
use crate::effect::{Level, Notice};
use crate::time::Now;
use alloc::string::String;
use alloc::vec::Vec;
use grete_protocol::ErrorCode;

/// Collects what follows from one input for one group: what to log, whom to answer, which timers to set.
pub struct Step<'a> {
    /// The moment.
    pub now: Now,
    /// The settings.
    pub settings: &'a GroupSettings,
    /// The group.
    pub group: GroupId,
    /// The batch that `records` will be, if any.
    pub token: AppendToken,
    /// What to log, as one batch.
    pub records: Vec<Record>,
    /// Whom to answer.
    pub answers: Vec<(Ticket, Answer)>,
    /// What the timers come to, in this order.
    pub timers: Vec<(Timer, Option<i64>)>,
    /// What is to be done once the log has taken the records, or has refused them.
    pub then: Then,
    /// What an operator would want to know.
    pub notices: Vec<Notice>,
}

/// What changes in a group when its records are committed, or when they are refused.
#[derive(Clone, Debug, Default)]
pub enum Then {
    /// Nothing.
    #[default]
    Nothing,
    /// Refused: the group is not there.
    Created,
    /// Committed: the assignment is in force. Refused: the members rejoin.
    Assigned {
        /// The generation.
        generation: GenerationId,
    },
    /// Committed: the group is nothing but its record.
    Emptied,
    /// Refused: the old incarnation of a static member is back.
    Replaced {
        /// Its id.
        old: MemberId,
        /// The id of the new incarnation.
        new: MemberId,
        /// What the old incarnation was.
        before: Member,
    },
}

impl<'a> Step<'a> {
    /// Nothing yet, for a group.
    #[must_use]
    pub const fn new(now: Now, settings: &'a GroupSettings, group: GroupId, token: AppendToken) -> Self {
        Self {
            now,
            settings,
            group,
            token,
            records: Vec::new(),
            answers: Vec::new(),
            timers: Vec::new(),
            then: Then::Nothing,
            notices: Vec::new(),
        }
    }

    /// Answers a request.
    pub fn answer(&mut self, ticket: Ticket, answer: Answer) {
        self.answers.push((ticket, answer));
    }

    /// Refuses a JoinGroup of a member, whose id may be empty.
    pub fn refuse_join(&mut self, ticket: Ticket, error: ErrorCode, member: &str) {
        self.answer(ticket, Answer::Join(JoinAnswer::refused(error, member)));
    }

    /// Refuses a SyncGroup.
    pub fn refuse_sync(&mut self, ticket: Ticket, error: ErrorCode) {
        self.answer(ticket, Answer::Sync(SyncAnswer::refused(error)));
    }

    /// Expects a sign of life of a member within `delay_ms`.
    pub fn expect(&mut self, member: &MemberId, delay_ms: i64) {
        self.timers.push((self.session(member), Some(delay_ms)));
    }

    /// Expects no sign of life of a member any more.
    pub fn expect_no_more(&mut self, member: &MemberId) {
        self.timers.push((self.session(member), None));
    }

    /// Sets the end of the time for joining.
    pub fn end_joining_in(&mut self, delay_ms: i64) {
        self.timers.push((Timer::Join { group: self.group.clone() }, Some(delay_ms)));
    }

    /// There is no end to joining to wait for.
    pub fn joining_ended(&mut self) {
        self.timers.push((Timer::Join { group: self.group.clone() }, None));
    }

    /// Sets the end of the time for asking for assignments.
    pub fn end_syncing_in(&mut self, delay_ms: i64) {
        self.timers.push((Timer::Sync { group: self.group.clone() }, Some(delay_ms)));
    }

    /// There is no end to syncing to wait for.
    pub fn syncing_ended(&mut self) {
        self.timers.push((Timer::Sync { group: self.group.clone() }, None));
    }

    /// Tells the operator.
    pub fn notice(&mut self, level: Level, text: String) {
        self.notices.push(Notice { level, text });
    }

    fn session(&self, member: &MemberId) -> Timer {
        Timer::Session { group: self.group.clone(), member: member.clone() }
    }
}
