//! The coordinator of the groups of one offsets partition: its life, its inputs and what they bring about.
//!
//! The handlers of requests are in [`requests`](super::requests), the rules of groups in the modules named after them.

use super::answer::{Answer, JoinAnswer, SyncAnswer};
use super::codec;
use super::delete;
use super::expire;
use super::names::GroupId;
use super::records::{GroupMetadata, Record};
use super::replay::Recorded;
use super::settings::GroupSettings;
use super::state::{Group, State};
use super::step::{Step, Then};
use super::timers::Timer;
use crate::coordinator::{AppendToken, Replay, Ticket, Views, append_error};
use crate::effect::{Level, Notice};
use crate::limits;
use crate::rng::Seed;
use crate::time::{Instant, Now};
use crate::timer::Timers;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;
use core::ops::Bound;
use grete_protocol::ErrorCode;

/// What a coordinator asks of whoever holds its partition.
#[derive(Clone, Debug)]
pub enum GroupOutput {
    /// Append this batch to the partition. Before anything else is given to the coordinator it is told how that went:
    /// [`appended`](GroupCoordinator::appended) or [`append_failed`](GroupCoordinator::append_failed); and once it is
    /// committed, [`committed`](GroupCoordinator::committed).
    Append {
        /// Names the batch.
        token: AppendToken,
        /// A record batch; the log sets base offset and leader epoch.
        batch: Bytes,
    },
    /// Answer a request.
    Answer {
        /// The request.
        ticket: Ticket,
        /// What to answer.
        answer: Answer,
    },
    /// Tell the operator.
    Notice(Notice),
}

/// The coordinator of the groups of one partition of `__consumer_offsets`.
#[derive(Clone, Debug)]
pub struct GroupCoordinator {
    pub(super) settings: Arc<GroupSettings>,
    pub(super) seed: Seed,
    /// What the members of its groups may hold, by [`limit_members`](Self::limit_members).
    pub(super) members_bytes_max: usize,
    pub(super) phase: Phase,
    pub(super) output: VecDeque<GroupOutput>,
}

/// How far a coordinator is.
#[derive(Clone, Debug)]
pub(super) enum Phase {
    /// Its partition is being read.
    Loading(Recorded),
    /// It serves.
    Active(Box<Active>),
    /// Its partition is not to be had. Clients are to look for another coordinator.
    Failed,
}

/// What a coordinator that serves knows.
#[derive(Clone, Debug)]
pub(super) struct Active {
    /// What is recorded, as appended and as committed.
    pub(super) views: Views<Recorded>,
    /// What is not recorded: the groups that have members or wait for some.
    pub(super) groups: BTreeMap<GroupId, Group>,
    pub(super) timers: Timers<Timer>,
    /// For each batch that is not committed, what follows when it is.
    waiting: VecDeque<Waiting>,
    /// The batch of which the log has not said whether it takes it.
    unreported: Option<AppendToken>,
    /// What the rest of a decision too large for one batch is to be, after the last batch.
    rest: Vec<Record>,
    /// The sum of [`Group::bytes_held`].
    pub(super) members_bytes: usize,
    /// Counts the member ids that were drawn.
    pub(super) members_drawn: u64,
    /// The last group that was looked through for what has expired, in the round under way.
    expired_until: Option<GroupId>,
}

/// What follows when a batch is committed, or refused.
#[derive(Clone, Debug)]
struct Waiting {
    token: AppendToken,
    group: Option<GroupId>,
    answers: Vec<(Ticket, Answer)>,
    then: Then,
}

/// Whether a decision is one batch, so that all of it is known after a crash or nothing, or may be several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// One batch.
    Atomic,
    /// As many as it takes: tombstones, of which each stands for itself.
    Divisible,
}

impl GroupCoordinator {
    /// A coordinator whose partition is about to be read.
    #[must_use]
    pub fn loading(settings: Arc<GroupSettings>, seed: Seed) -> Self {
        let members_bytes_max = settings.members_bytes_max;
        Self { settings, seed, members_bytes_max, phase: Phase::Loading(Recorded::default()), output: VecDeque::new() }
    }

    /// What the members of its groups hold in memory by what they joined with and were assigned, in bytes.
    #[must_use]
    pub fn members_bytes(&self) -> usize {
        match &self.phase {
            Phase::Active(active) => active.members_bytes,
            Phase::Loading(_) | Phase::Failed => 0,
        }
    }

    /// Lets the members of its groups hold so much; who would join beyond it is refused.
    pub const fn limit_members(&mut self, bytes_max: usize) {
        self.members_bytes_max = bytes_max;
    }

    /// Takes batches of the partition, whole ones, in order, while loading.
    ///
    /// # Errors
    /// What is wrong with them; the coordinator has failed.
    pub fn load(&mut self, batches: &[u8]) -> Result<(), codec::RecordError> {
        let Phase::Loading(recorded) = &mut self.phase else { return Ok(()) };
        let replayed = codec::read(batches, |record| recorded.replay(&record));
        if let Err(error) = &replayed {
            self.fail();
            self.notice(Level::Error, format!("Groups cannot be loaded from their partition: {error}"));
        }
        replayed
    }

    /// The partition could not be read to its end: what was read is forgotten, and it is read from its start again.
    pub fn load_again(&mut self) {
        self.phase = Phase::Loading(Recorded::default());
    }

    /// All of the partition has been read: the coordinator serves. Members that were recorded have a full session
    /// timeout to give a sign of life.
    pub fn loaded(&mut self, now: Now) {
        let Phase::Loading(recorded) = &mut self.phase else { return };
        let mut active = Active::new(core::mem::take(recorded));
        active.timers.set(Timer::Expire, now.instant.after_ms(self.settings.offsets_retention_check_interval_ms));
        let groups: Vec<_> =
            active.views.committed().groups().map(|(id, record)| (id.clone(), Group::from_record(record))).collect();
        self.phase = Phase::Active(Box::new(active));
        for (id, group) in groups {
            if let Some(count) = group.roster().map(super::member::Roster::len) {
                self.in_group(now, &id, |group, step| {
                    let over = count > step.settings.members_max;
                    resume(group, step);
                    if over {
                        group.rebalance(step, |_, _| {});
                    }
                });
            }
        }
    }

    /// The log has taken the batch `token`.
    pub fn appended(&mut self, now: Now, token: AppendToken) {
        let Phase::Active(active) = &mut self.phase else { return };
        active.reported(token);
        if !active.rest.is_empty() {
            let rest = core::mem::take(&mut active.rest);
            // Answers and the like move on to the last batch.
            let Some(last) = active.waiting.back_mut() else { return };
            let (group, answers, then) =
                (last.group.clone(), core::mem::take(&mut last.answers), core::mem::take(&mut last.then));
            self.append(now, group, rest, Extent::Divisible, answers, then);
        }
    }

    /// The log has refused the batch `token`, with Kafka's reason.
    pub fn append_failed(&mut self, now: Now, token: AppendToken, error: ErrorCode) {
        let Phase::Active(active) = &mut self.phase else { return };
        active.reported(token);
        active.views.roll_back(token);
        active.rest.clear();
        if let Some(waiting) = active.waiting.pop_back() {
            self.refuse(now, waiting, error);
        }
    }

    /// The batch `token` is committed, and all before it.
    pub fn committed(&mut self, now: Now, token: AppendToken) {
        while let Phase::Active(active) = &mut self.phase
            && let Some(oldest) = active.views.commit_next(token)
        {
            let waiting = active.waiting.pop_front().expect("each batch has something that follows");
            assert_eq!(waiting.token, oldest, "batches are committed in order");
            self.answer_all(waiting.answers);
            let Some(group) = waiting.group else { continue };
            if matches!(waiting.then, Then::Assigned { .. }) {
                self.in_group(now, &group, |group, step| group.assignment_stored(oldest, step));
            }
            if let Phase::Active(active) = &mut self.phase {
                active.settle(&group);
            }
        }
    }

    /// The partition is lost or damaged: everyone who waits is told to look for another coordinator.
    pub fn fail(&mut self) {
        let Phase::Active(active) = core::mem::replace(&mut self.phase, Phase::Failed) else { return };
        let Active { waiting, groups, .. } = *active;
        for (ticket, answer) in waiting.into_iter().flat_map(|waiting| waiting.answers) {
            self.answer(ticket, answer.failed(ErrorCode::NotCoordinator));
        }
        for (_, group) in groups {
            self.dismiss(group, ErrorCode::NotCoordinator);
        }
    }

    /// Answers everyone who waits in a group that is no more.
    fn dismiss(&mut self, group: Group, error: ErrorCode) {
        match group.state {
            State::Empty | State::Stable(_) => {}
            State::PreparingRebalance(state) => {
                for (member, join) in state.joins {
                    // A new one was never told its id.
                    let member = if join.is_new { "" } else { &*member };
                    self.answer(join.ticket, Answer::Join(JoinAnswer::refused(error, member)));
                }
            }
            State::CompletingRebalance(state) => {
                for (_, ticket) in state.syncs {
                    self.answer(ticket, Answer::Sync(SyncAnswer::refused(error)));
                }
            }
        }
    }

    /// When the coordinator wants to be called next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Active(active) => active.timers.next(),
            Phase::Loading(_) | Phase::Failed => None,
        }
    }

    /// Does what is due, up to the first batch that follows from it. Some may be left; then
    /// [`next_deadline`](Self::next_deadline) is still in the past.
    pub fn on_timer(&mut self, now: Now) {
        for _ in 0..limits::GROUP_TIMERS_PER_STEP_MAX {
            let Phase::Active(active) = &mut self.phase else { return };
            // First the log is to say whether it takes the batch.
            if active.unreported.is_some() {
                return;
            }
            match active.timers.pop_due(now.instant) {
                None => return,
                Some(Timer::Expire) => {
                    self.expire(now);
                    return;
                }
                Some(Timer::Session { group, member }) if active.groups.contains_key(&group) => {
                    self.in_group(now, &group, |group, step| group.on_session_timer(&member, step));
                }
                Some(Timer::Join { group }) if active.groups.contains_key(&group) => {
                    self.in_group(now, &group, Group::on_join_timer);
                }
                Some(Timer::Sync { group }) if active.groups.contains_key(&group) => {
                    self.in_group(now, &group, Group::on_sync_timer);
                }
                // The group is gone; its timers do not matter any more.
                Some(Timer::Session { .. } | Timer::Join { .. } | Timer::Sync { .. }) => {}
            }
        }
    }

    /// Topics are gone, and with them the offsets for them.
    pub fn on_topics_deleted(&mut self, now: Now, gone: &BTreeSet<Arc<str>>) {
        let Phase::Active(active) = &self.phase else { return };
        let tombstones = delete::topic_tombstones(active.views.appended(), gone);
        if !tombstones.is_empty() {
            self.append(now, None, tombstones, Extent::Divisible, Vec::new(), Then::Nothing);
        }
    }

    /// Takes out the next thing that the coordinator asks for.
    pub fn pop(&mut self) -> Option<GroupOutput> {
        self.output.pop_front()
    }

    /// Whether there is something to take out.
    #[must_use]
    pub fn wants(&self) -> bool {
        !self.output.is_empty()
    }

    /// Takes out all that the coordinator asks for, in order.
    pub fn drain(&mut self) -> impl Iterator<Item = GroupOutput> + '_ {
        self.output.drain(..)
    }

    /// What is committed, as the log's records tell it; none while it is being read or after it was lost.
    #[must_use]
    pub const fn committed_view(&self) -> Option<&Recorded> {
        match &self.phase {
            Phase::Active(active) => Some(active.views.committed()),
            Phase::Loading(_) | Phase::Failed => None,
        }
    }

    /// Whether requests are served.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        matches!(self.phase, Phase::Active(_))
    }

    /// Asserts the invariants over the whole state.
    pub fn check_invariants(&self) {
        let Phase::Active(active) = &self.phase else { return };
        active.timers.check_invariants();
        assert_eq!(active.waiting.len(), active.views.outstanding_count(), "what follows is known for each batch");
        assert_eq!(active.waiting.back().map(|waiting| waiting.token), active.views.last_outstanding());
        let mut bytes = 0;
        for (id, group) in &active.groups {
            group.check_invariants();
            bytes += group.bytes_held();
            assert!(active.views.appended().contains(id), "a group with members is recorded");
        }
        assert_eq!(bytes, active.members_bytes, "what is held is what the groups hold");
    }

    /// Lets `change` do something with a group as its members see it, and carries out what follows.
    pub(super) fn in_group(&mut self, now: Now, id: &GroupId, change: impl FnOnce(&mut Group, &mut Step<'_>)) {
        let Phase::Active(active) = &mut self.phase else { return };
        let settings = self.settings.clone();
        let recorded = active.views.appended();
        let is_new = !recorded.contains(id);
        let known = active.groups.remove(id);
        let bytes_before = known.as_ref().map_or(0, Group::bytes_held);
        let mut group = match known {
            Some(group) => group,
            None if is_new => Group::new(now.wall),
            None => Group::from_record(recorded.metadata(id).map(|metadata| &**metadata)),
        };
        let mut step = Step::new(now, &settings, id.clone(), active.views.next_token());
        change(&mut group, &mut step);
        if is_new && step.records.is_empty() && !group.is_idle() {
            let metadata = GroupMetadata::empty(group.generation, None, group.since);
            step.records.push(Record::Group { group: id.clone(), value: Some(Arc::new(metadata)) });
            step.then = Then::Created;
        }
        let Step { records, answers, timers, then, notices, .. } = step;
        active.members_bytes = active.members_bytes - bytes_before + group.bytes_held();
        active.groups.insert(id.clone(), group);
        for (timer, delay_ms) in timers {
            match delay_ms {
                Some(delay_ms) => active.timers.set(timer, now.instant.after_ms(delay_ms)),
                None => active.timers.clear(&timer),
            }
        }
        if records.is_empty() {
            active.settle(id);
        }
        self.output.extend(notices.into_iter().map(GroupOutput::Notice));
        if records.is_empty() {
            self.answer_when_committed(answers);
        } else {
            self.append(now, Some(id.clone()), records, Extent::Atomic, answers, then);
        }
    }

    /// Has records appended; what follows waits for their commit.
    pub(super) fn append(
        &mut self,
        now: Now,
        group: Option<GroupId>,
        mut records: Vec<Record>,
        extent: Extent,
        answers: Vec<(Ticket, Answer)>,
        then: Then,
    ) {
        let Phase::Active(active) = &mut self.phase else { return };
        let token = active.views.next_token();
        let waiting = Waiting { token, group, answers, then };
        if active.waiting.len() >= limits::GROUP_APPENDS_MAX {
            self.refuse(now, waiting, ErrorCode::RequestTimedOut);
            return;
        }
        let (batch, fitting) = codec::batch(&records, now.wall, self.settings.batch_bytes_max);
        if fitting == 0 || (extent == Extent::Atomic && fitting < records.len()) {
            self.refuse(now, waiting, ErrorCode::MessageTooLarge);
            return;
        }
        active.rest = records.split_off(fitting);
        assert_eq!(active.views.append(records), token, "the batch has the token that was promised");
        assert_eq!(active.unreported.replace(token), None, "one batch at a time is on its way into the log");
        active.waiting.push_back(waiting);
        self.output.push_back(GroupOutput::Append { token, batch });
    }

    /// The records of a decision are not in the log: what rests on them is undone, and its answers are errors.
    fn refuse(&mut self, now: Now, waiting: Waiting, error: ErrorCode) {
        let error = append_error(error);
        let Waiting { token, group, answers, then } = waiting;
        let answers = answers.into_iter().map(|(ticket, answer)| (ticket, answer.failed(error)));
        self.answer_when_committed(answers.collect());
        let Some(id) = group else {
            self.notice(Level::Warn, format!("Tombstones of groups could not be written: {error:?}"));
            return;
        };
        match then {
            // That a group is empty is true without its record; the older generation in the log will time out.
            Then::Nothing | Then::Emptied => {}
            Then::Created => {
                if let Some(group) = self.forget(&id) {
                    self.dismiss(group, error);
                }
            }
            Then::Assigned { .. } => {
                self.in_group(now, &id, |group, step| group.assignment_refused(token, error, step));
            }
            Then::Replaced { old, new, before } => {
                self.in_group(now, &id, |group, step| group.restore_incarnation(&old, &new, before, step));
            }
        }
    }

    /// Forgets what is not recorded of a group; returns it.
    pub(super) fn forget(&mut self, id: &GroupId) -> Option<Group> {
        let Phase::Active(active) = &mut self.phase else { return None };
        let group = active.groups.remove(id)?;
        active.members_bytes -= group.bytes_held();
        for member in group.pending.iter().chain(group.roster().into_iter().flat_map(super::member::Roster::ids)) {
            active.timers.clear(&Timer::Session { group: id.clone(), member: member.clone() });
        }
        active.timers.clear(&Timer::Join { group: id.clone() });
        active.timers.clear(&Timer::Sync { group: id.clone() });
        Some(group)
    }

    /// Looks through some groups for what has expired.
    fn expire(&mut self, now: Now) {
        let Phase::Active(active) = &mut self.phase else { return };
        let recorded = active.views.appended();
        let from = active.expired_until.take().map_or(Bound::Unbounded, Bound::Excluded);
        let mut records = Vec::new();
        let mut last = None;
        for (index, (id, metadata)) in recorded.groups_from(from).enumerate() {
            // A round over many groups is many steps.
            if index == limits::GROUPS_EXPIRED_PER_STEP_MAX {
                active.expired_until.clone_from(&last);
                break;
            }
            let retention_ms = self.settings.offsets_retention_ms;
            let tombstones = match active.groups.get(id) {
                Some(group) => expire::expired(recorded, id, group, now.wall, retention_ms),
                None => expire::expired(recorded, id, &Group::from_record(metadata), now.wall, retention_ms),
            };
            records.extend(tombstones);
            last = Some(id.clone());
        }
        let delay_ms =
            if active.expired_until.is_some() { 0 } else { self.settings.offsets_retention_check_interval_ms };
        active.timers.set(Timer::Expire, now.instant.after_ms(delay_ms));
        if !records.is_empty() {
            let count = records.len();
            self.notice(Level::Info, format!("{count} offsets and groups have expired"));
            self.append(now, None, records, Extent::Divisible, Vec::new(), Then::Nothing);
        }
    }

    /// Answers once everything that is appended is committed: that is what the answers were decided on.
    pub(super) fn answer_when_committed(&mut self, answers: Vec<(Ticket, Answer)>) {
        if let Phase::Active(active) = &mut self.phase
            && let Some(last) = active.waiting.back_mut()
        {
            last.answers.extend(answers);
        } else {
            self.answer_all(answers);
        }
    }

    fn answer_all(&mut self, answers: Vec<(Ticket, Answer)>) {
        self.output.extend(answers.into_iter().map(|(ticket, answer)| GroupOutput::Answer { ticket, answer }));
    }

    pub(super) fn answer(&mut self, ticket: Ticket, answer: Answer) {
        self.output.push_back(GroupOutput::Answer { ticket, answer });
    }

    fn notice(&mut self, level: Level, text: String) {
        self.output.push_back(GroupOutput::Notice(Notice { level, text }));
    }
}

impl Active {
    fn new(recorded: Recorded) -> Self {
        Self {
            views: Views::new(recorded),
            groups: BTreeMap::new(),
            timers: Timers::default(),
            waiting: VecDeque::new(),
            unreported: None,
            rest: Vec::new(),
            members_bytes: 0,
            members_drawn: 0,
            expired_until: None,
        }
    }

    /// The log has taken or refused a batch.
    fn reported(&mut self, token: AppendToken) {
        assert_eq!(self.unreported.take(), Some(token), "what the log did with a batch is reported once");
    }

    /// Drops a group of which nothing is known but what is committed.
    fn settle(&mut self, id: &GroupId) {
        let record = self.views.committed().metadata(id).map(|metadata| &**metadata);
        if self.groups.get(id).is_some_and(|group| group.is_told_by(record)) {
            self.groups.remove(id);
        }
    }
}

/// A group that was loaded goes on: its members have a full session timeout.
fn resume(group: &Group, step: &mut Step<'_>) {
    for (id, member) in group.roster().into_iter().flat_map(super::member::Roster::iter) {
        step.expect(id, i64::from(member.session_timeout_ms));
    }
}
