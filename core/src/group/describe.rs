//! DescribeGroups: a group and its members, as committed.

use super::answer::{DescribedGroup, DescribedMember};
use super::member::Member;
use super::names::MemberId;
use super::records::{GroupMetadata, MemberRecord};
use super::replay::Recorded;
use super::state::{Group, State};
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;
use grete_protocol::ErrorCode;

/// Kafka's name of the state of a group that is not there.
pub const DEAD: &str = "Dead";

/// The oldest version that says so where a group is not there (KIP-1043); older ones show a dead group.
const NOT_FOUND_FROM: i16 = 6;

/// Describes a group by what is committed of it and by `group`, where it has members. What a stable group is comes from
/// its record alone: a change that is not committed does not show.
#[must_use]
pub fn describe(committed: &Recorded, group: Option<&Group>, id: &str, api_version: i16) -> DescribedGroup {
    if !committed.contains(id) {
        return absent(id, api_version);
    }
    let metadata = committed.metadata(id).map(|metadata| &**metadata);
    match group.map(|group| (group, &group.state)) {
        None | Some((_, State::Empty)) => recorded(id, metadata, "Empty"),
        Some((_, State::Stable(_))) => recorded(id, metadata, "Stable"),
        Some((group, State::PreparingRebalance(state))) => in_motion(id, group, state.roster.iter()),
        Some((group, State::CompletingRebalance(state))) => in_motion(id, group, state.roster.iter()),
    }
}

fn absent(id: &str, api_version: i16) -> DescribedGroup {
    let error = if api_version >= NOT_FOUND_FROM { ErrorCode::GroupIdNotFound } else { ErrorCode::None };
    let message = (api_version >= NOT_FOUND_FROM).then(|| format!("Group {id} not found."));
    DescribedGroup { state: DEAD, message, ..DescribedGroup::failed(id.into(), error) }
}

fn recorded(id: &str, metadata: Option<&GroupMetadata>, state: &'static str) -> DescribedGroup {
    let mut described = DescribedGroup { state, ..DescribedGroup::failed(id.into(), ErrorCode::None) };
    let Some(metadata) = metadata else { return described };
    described.protocol_type = metadata.protocol_type.clone().unwrap_or_else(|| "".into());
    if state == "Stable" {
        described.protocol = metadata.protocol_name.as_deref().unwrap_or("").into();
        described.members = metadata.members.iter().map(of_record).collect();
    }
    described
}

fn in_motion<'a>(id: &str, group: &Group, members: impl Iterator<Item = (&'a MemberId, &'a Member)>) -> DescribedGroup {
    let members: Vec<_> = members.map(|(id, member)| of_member(id, member)).collect();
    DescribedGroup {
        state: group.state_name(),
        protocol_type: group.protocol_type.clone().unwrap_or_else(|| Arc::from("")),
        members,
        ..DescribedGroup::failed(id.into(), ErrorCode::None)
    }
}

fn of_record(member: &MemberRecord) -> DescribedMember {
    DescribedMember {
        member: member.member.clone(),
        instance: member.instance.clone(),
        client_id: member.client_id.clone(),
        client_host: member.client_host.clone(),
        metadata: member.subscription.clone(),
        assignment: member.assignment.clone(),
    }
}

fn of_member(id: &MemberId, member: &Member) -> DescribedMember {
    DescribedMember {
        member: id.clone(),
        instance: member.instance.clone(),
        client_id: member.client_id.clone(),
        client_host: member.client_host.clone(),
        metadata: Bytes::new(),
        assignment: member.assignment.clone(),
    }
}
