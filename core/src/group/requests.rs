//! The requests that a coordinator serves, in a form that does not depend on their version.
//!
//! [`messages`](super::messages) makes these of Kafka's request messages.

use super::answer::{Answer, DescribedGroup, JoinAnswer, LeaveAnswer, LeftMember, ListAnswer, SyncAnswer};
use super::coordinator::{Active, GroupCoordinator, Phase};
use super::describe;
use super::fetch_offsets::{self, AskedTopic};
use super::join::Joiner;
use super::leave::Leaver;
use super::list::ListFilter;
use super::names::{GenerationId, GroupId, MemberId};
use super::state::Group;
use super::sync::Syncer;
use super::topics::Topics;
use crate::coordinator::Ticket;
use crate::limits;
use crate::rng::Purpose;
use crate::time::Now;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use grete_protocol::ErrorCode;

impl GroupCoordinator {
    /// JoinGroup. Answered once the others have joined, too.
    pub fn join(&mut self, now: Now, group: &str, joiner: &Joiner<'_>) {
        let ticket = joiner.ticket;
        let refused = |error, member: &str| Answer::Join(JoinAnswer::refused(error, member));
        if group.is_empty() || is_too_long(group) {
            return self.answer(ticket, refused(ErrorCode::InvalidGroupId, joiner.member));
        }
        if joiner.names().any(is_too_long) {
            return self.answer(ticket, refused(ErrorCode::InvalidRequest, ""));
        }
        let session_timeouts = self.settings.session_timeout_min_ms..=self.settings.session_timeout_max_ms;
        if !session_timeouts.contains(&joiner.session_timeout_ms) {
            return self.answer(ticket, refused(ErrorCode::InvalidSessionTimeout, joiner.member));
        }
        let Some(active) = self.active_or(ticket, |error| refused(error, "")) else { return };
        let id = active.group_id(group);
        let recorded = active.views.appended();
        if !recorded.contains(group) {
            if !joiner.member.is_empty() {
                let answer = refused(ErrorCode::UnknownMemberId, joiner.member);
                return self.answer_when_committed(alloc::vec![(ticket, answer)]);
            }
            if recorded.groups_count() >= limits::GROUPS_MAX {
                return self.answer(ticket, refused(ErrorCode::CoordinatorNotAvailable, ""));
            }
        }
        let bytes: usize = joiner.protocols.iter().map(|(name, metadata)| name.len() + metadata.len()).sum();
        if active.members_bytes.saturating_add(bytes) > self.members_bytes_max {
            return self.answer(ticket, refused(ErrorCode::GroupMaxSizeReached, ""));
        }
        let new_id = self.draw_member_id(&id, joiner);
        self.in_group(now, &id, |group, step| group.join(joiner, new_id, step));
    }

    /// SyncGroup. Answered once the leader's assignment is committed.
    pub fn sync(&mut self, now: Now, group: &str, syncer: Syncer<'_>) {
        let ticket = syncer.ticket;
        let refused = |error| Answer::Sync(SyncAnswer::refused(error));
        if group.is_empty() {
            return self.answer(ticket, refused(ErrorCode::InvalidGroupId));
        }
        let Some(active) = self.active_or(ticket, refused) else { return };
        let id = active.group_id(group);
        if !active.views.appended().contains(group) {
            return self.answer_when_committed(alloc::vec![(ticket, refused(ErrorCode::UnknownMemberId))]);
        }
        self.in_group(now, &id, |group, step| group.sync(syncer, step));
    }

    /// Heartbeat.
    pub fn heartbeat(
        &mut self,
        now: Now,
        ticket: Ticket,
        group: &str,
        member: &str,
        instance: Option<&str>,
        generation: GenerationId,
    ) {
        if group.is_empty() {
            return self.answer(ticket, Answer::Heartbeat(ErrorCode::InvalidGroupId));
        }
        // While the partition is read nobody can tell whether the member is one: its session is renewed in any case.
        let while_loading = |error| match error {
            ErrorCode::CoordinatorLoadInProgress => Answer::Heartbeat(ErrorCode::None),
            error => Answer::Heartbeat(error),
        };
        let Some(active) = self.active_or(ticket, while_loading) else { return };
        let id = active.group_id(group);
        if !active.views.appended().contains(group) {
            return self.answer_when_committed(alloc::vec![(ticket, Answer::Heartbeat(ErrorCode::UnknownMemberId))]);
        }
        self.in_group(now, &id, |group, step| {
            let error = group.heartbeat(member, instance, generation, step);
            step.answer(ticket, Answer::Heartbeat(error));
        });
    }

    /// LeaveGroup.
    pub fn leave(&mut self, now: Now, ticket: Ticket, group: &str, leavers: &[Leaver<'_>]) {
        let refused = |error| Answer::Leave(LeaveAnswer { error, members: Vec::new() });
        if group.is_empty() {
            return self.answer(ticket, refused(ErrorCode::InvalidGroupId));
        }
        let Some(active) = self.active_or(ticket, refused) else { return };
        let id = active.group_id(group);
        if !active.views.appended().contains(group) {
            let unknown = |leaver: &Leaver<'_>| LeftMember {
                member: leaver.member.into(),
                instance: leaver.instance.map(Into::into),
                error: ErrorCode::UnknownMemberId,
            };
            let members = leavers.iter().map(unknown).collect();
            let answer = Answer::Leave(LeaveAnswer { error: ErrorCode::None, members });
            return self.answer_when_committed(alloc::vec![(ticket, answer)]);
        }
        self.in_group(now, &id, |group, step| {
            let members = group.leave(leavers, step);
            step.answer(ticket, Answer::Leave(LeaveAnswer { error: ErrorCode::None, members }));
        });
    }

    /// OffsetFetch for one group: what is asked, or all (`None`). With `require_stable` commits under way are waited for.
    /// With `by_id`, topics are named by their ids.
    pub fn fetch_offsets(
        &mut self,
        ticket: Ticket,
        group: &str,
        asked: Option<&[AskedTopic<'_>]>,
        by_id: bool,
        require_stable: bool,
        topics: &Topics,
    ) {
        let refused = |error| Answer::FetchOffsets(fetch_offsets::refused(group, asked, error));
        let Some(active) = self.active_or(ticket, refused) else { return };
        let recorded = if require_stable { active.views.appended() } else { active.views.committed() };
        let fetched = match asked {
            Some(asked) => fetch_offsets::some(recorded, group, asked, topics),
            None => fetch_offsets::all(recorded, group, by_id, topics),
        };
        let answer = Answer::FetchOffsets(fetched);
        if require_stable {
            self.answer_when_committed(alloc::vec![(ticket, answer)]);
        } else {
            self.answer(ticket, answer);
        }
    }

    /// DescribeGroups, for groups of this coordinator.
    pub fn describe_groups(&mut self, ticket: Ticket, groups: &[&str], api_version: i16) {
        let refused = |error| {
            Answer::DescribeGroups(groups.iter().map(|id| DescribedGroup::failed((*id).into(), error)).collect())
        };
        let Some(active) = self.active_or(ticket, refused) else { return };
        let committed = active.views.committed();
        let described = groups.iter().map(|id| describe::describe(committed, active.groups.get(*id), id, api_version));
        let answer = Answer::DescribeGroups(described.collect());
        self.answer(ticket, answer);
    }

    /// ListGroups, for groups of this coordinator. One that is not served any more has none.
    pub fn list_groups(&mut self, ticket: Ticket, filter: &ListFilter) {
        let refused = |error| {
            let error = if error == ErrorCode::NotCoordinator { ErrorCode::None } else { error };
            Answer::ListGroups(ListAnswer { error, groups: Vec::new() })
        };
        let Some(active) = self.active_or(ticket, refused) else { return };
        let groups = active.views.committed().groups();
        let listed = groups.filter_map(|(id, record)| filter.list(id, record, active.groups.get(id))).collect();
        self.answer(ticket, Answer::ListGroups(ListAnswer { error: ErrorCode::None, groups: listed }));
    }

    /// What a coordinator that serves knows; one that does not refuses the request.
    pub(super) fn active_or(&mut self, ticket: Ticket, refused: impl FnOnce(ErrorCode) -> Answer) -> Option<&Active> {
        let error = match &self.phase {
            Phase::Active(_) => None,
            Phase::Loading(_) => Some(ErrorCode::CoordinatorLoadInProgress),
            Phase::Failed => Some(ErrorCode::NotCoordinator),
        };
        if let Some(error) = error {
            self.answer(ticket, refused(error));
        }
        match &self.phase {
            Phase::Active(active) => Some(active),
            Phase::Loading(_) | Phase::Failed => None,
        }
    }

    /// An id for a new member: its instance id or its client's name, and what makes it unique.
    fn draw_member_id(&mut self, group: &GroupId, joiner: &Joiner<'_>) -> MemberId {
        let counter = match &mut self.phase {
            Phase::Active(active) => {
                active.members_drawn += 1;
                active.members_drawn
            }
            Phase::Loading(_) | Phase::Failed => 0,
        };
        let uuid = self.seed.uuid(Purpose::MemberId, group.as_bytes(), counter);
        MemberId::from(format!("{}-{}", joiner.instance.unwrap_or(&joiner.client_id), hyphenated(uuid)))
    }
}

impl Active {
    /// The id of a group, without a copy where it is known.
    pub(super) fn group_id(&self, group: &str) -> GroupId {
        self.views.appended().id(group).cloned().unwrap_or_else(|| group.into())
    }

    /// Looks at a group as its members see it.
    pub(super) fn with_group<T>(&self, id: &GroupId, look: impl FnOnce(&Group) -> T) -> T {
        match self.groups.get(id) {
            Some(group) => look(group),
            None => look(&Group::from_record(self.views.appended().metadata(id).map(|metadata| &**metadata))),
        }
    }
}

/// Whether a name is longer than a record can hold.
pub(super) fn is_too_long(name: &str) -> bool {
    name.len() > limits::GROUP_NAME_BYTES_MAX
}

/// A UUID as text, as RFC 9562 writes it.
fn hyphenated(uuid: [u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (index, byte) in uuid.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_look_like_javas() {
        let uuid = [0x12, 0x3e, 0x45, 0x67, 0xe8, 0x9b, 0x12, 0xd3, 0xa4, 0x56, 0x42, 0x66, 0x14, 0x17, 0x40, 0x0f];
        assert_eq!(hyphenated(uuid), "123e4567-e89b-12d3-a456-42661417400f");
    }
}
