//! Requests about many groups: OffsetFetch, DescribeGroups, DeleteGroups, ListGroups.

use super::{GroupCall, Piece, partition_of};
use crate::api::Begun;
use crate::api::front::{Front, Next, Refusal, Request, decoder, encode};
use crate::api::message::Call;
use crate::coordinator::RequestContext;
use crate::group::answer::{DeletedGroup, DescribedGroup, FetchedGroup, ListAnswer};
use crate::group::fetch_offsets;
use crate::group::messages::{fetch_groups, responses};
use crate::group::{Answer, GroupCoordinator, Topics};
use crate::ids::TopicPartition;
use crate::metadata::OFFSETS_TOPIC;
use crate::time::Now;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;
use grete_protocol::messages::delete_groups_request::DeleteGroupsRequest;
use grete_protocol::messages::describe_groups_request::DescribeGroupsRequest;
use grete_protocol::messages::list_groups_request::ListGroupsRequest;
use grete_protocol::messages::offset_fetch_request::OffsetFetchRequest;
use grete_protocol::wire::{Encoder, Message};
use grete_protocol::{ApiKey, ErrorCode};

/// A request whose groups' coordinators are being asked.
#[derive(Clone, Debug)]
pub(crate) struct Gather {
    request: Request,
    /// The parts that have not answered, each with the place in an OffsetFetch that it is for.
    open: BTreeMap<u32, usize>,
    /// The groups of an OffsetFetch, by their place in it.
    fetched: BTreeMap<usize, FetchedGroup>,
    described: Vec<DescribedGroup>,
    deleted: Vec<DeletedGroup>,
    listed: Vec<ListAnswer>,
}

impl Gather {
    fn new(request: &Request) -> Self {
        Self {
            request: request.clone(),
            open: BTreeMap::new(),
            fetched: BTreeMap::new(),
            described: Vec::new(),
            deleted: Vec::new(),
            listed: Vec::new(),
        }
    }

    pub(super) const fn holds_frame(&self) -> bool {
        self.request.holds_frame()
    }

    fn ask(&mut self, front: &mut Front<'_>, partition: TopicPartition, piece: Piece) {
        let call = GroupCall::new(front, partition, &self.request, piece);
        self.call(front, call, 0);
    }

    /// Asks for the group at `place`, by a request of its own: a coordinator reads no other groups for it.
    fn ask_offsets(&mut self, front: &mut Front<'_>, partition: TopicPartition, request: &Request, place: usize) {
        let call = GroupCall::new(front, partition, request, Piece::Fetch);
        self.call(front, call, place);
    }

    fn call(&mut self, front: &mut Front<'_>, call: GroupCall, place: usize) {
        let part = front.call(call.partition.shard(front.shards), Call::Group(Box::new(call)));
        self.open.insert(part, place);
    }

    /// Asks about groups, each of its coordinator. What stands twice is asked and answered once.
    fn ask_groups<'g>(&mut self, front: &mut Front<'_>, groups: impl Iterator<Item = &'g str>) {
        let mut by_partition: BTreeMap<TopicPartition, Vec<String>> = BTreeMap::new();
        let mut homeless = Vec::new();
        let mut seen = BTreeSet::new();
        for group in groups.filter(|group| seen.insert(*group)) {
            match partition_of(front.image, group) {
                Some(partition) => by_partition.entry(partition).or_default().push(group.into()),
                None => homeless.push(String::from(group)),
            }
        }
        for (partition, groups) in by_partition {
            self.ask(front, partition, Piece::Groups(groups));
        }
        self.refuse(&homeless, ErrorCode::NotCoordinator);
    }

    fn refuse(&mut self, groups: &[String], error: ErrorCode) {
        match self.request.api {
            ApiKey::DescribeGroups => self.described.extend(groups.iter().map(|group| describe_refused(group, error))),
            _ => self.deleted.extend(groups.iter().map(|group| delete_refused(group, error))),
        }
    }

    fn begun(mut self, front: &mut Front<'_>) -> Begun {
        let next = if self.open.is_empty() { self.finish(front)? } else { Next::Wait };
        Ok((crate::api::Gather::Group(super::Gather::Many(self)), next))
    }

    pub(super) fn reply(&mut self, front: &mut Front<'_>, part: u32, answer: Answer) -> Result<Next, Refusal> {
        let place = self.open.remove(&part).unwrap_or_default();
        match answer {
            Answer::FetchOffsets(group) => {
                self.fetched.insert(place, group);
            }
            Answer::DescribeGroups(groups) => self.described.extend(groups),
            Answer::DeleteGroups(groups) => self.deleted.extend(groups),
            Answer::ListGroups(groups) => self.listed.push(groups),
            other => unreachable!("many groups are not answered by {other:?}"),
        }
        if self.open.is_empty() { self.finish(front) } else { Ok(Next::Wait) }
    }

    fn finish(&mut self, _front: &mut Front<'_>) -> Result<Next, Refusal> {
        let request = &self.request;
        let parts = match request.api {
            ApiKey::OffsetFetch => {
                let groups: Vec<FetchedGroup> = core::mem::take(&mut self.fetched).into_values().collect();
                encode(request, &responses::offset_fetch(&groups, request.version))
            }
            ApiKey::DescribeGroups => {
                let body = DescribeGroupsRequest::decode(&mut request.decoder(), request.version)?;
                let places = places(body.groups.iter().map(|group| group.as_str()));
                self.described.sort_by_key(|group| places.get(&*group.group).copied());
                let operations = body.include_authorized_operations.then_some(responses::GROUP_OPERATIONS);
                encode(request, &responses::describe_groups(&self.described, operations))
            }
            ApiKey::DeleteGroups => {
                let body = DeleteGroupsRequest::decode(&mut request.decoder(), request.version)?;
                let places = places(body.groups_names.iter().map(|group| group.as_str()));
                self.deleted.sort_by_key(|group| places.get(&*group.group).copied());
                encode(request, &responses::delete_groups(&self.deleted))
            }
            _ => {
                // In an order that does not depend on which partition keeps a group.
                let error = self.listed.iter().map(|answer| answer.error).find(|error| error.is_error());
                let mut groups: Vec<_> = self.listed.drain(..).flat_map(|answer| answer.groups).collect();
                groups.sort_by(|a, b| a.group.cmp(&b.group));
                let answer = ListAnswer { error: error.unwrap_or(ErrorCode::None), groups };
                encode(request, &responses::list_groups(&[answer]))
            }
        };
        Ok(Next::Answer(parts?))
    }
}

/// Begins an OffsetFetch.
pub(crate) fn begin_offset_fetch(front: &mut Front<'_>, request: Request) -> Begun {
    let body = OffsetFetchRequest::decode(&mut request.decoder(), request.version)?;
    let mut gather = Gather::new(&request);
    let mut seen = BTreeSet::new();
    for (place, group) in fetch_groups(&body, request.version).into_iter().enumerate() {
        if !seen.insert(group.group) {
            // What stands twice is answered once: all offsets of a group may be many.
            continue;
        }
        match partition_of(front.image, group.group) {
            Some(partition) => {
                let part = part_of(&request, &body, place)?;
                gather.ask_offsets(front, partition, &part, place);
            }
            None => {
                let refused = fetch_offsets::refused(group.group, group.asked.as_deref(), ErrorCode::NotCoordinator);
                gather.fetched.insert(place, refused);
            }
        }
    }
    gather.begun(front)
}

/// The part of an OffsetFetch that asks for the group at `place`.
fn part_of(request: &Request, body: &OffsetFetchRequest<'_>, place: usize) -> Result<Request, Refusal> {
    let Some(group) = body.groups.get(place) else {
        // Older versions ask for one group.
        return Ok(request.clone());
    };
    let part = OffsetFetchRequest {
        groups: alloc::vec![group.clone()],
        require_stable: body.require_stable,
        ..OffsetFetchRequest::default()
    };
    let mut encoder = Encoder::new();
    part.encode(&mut encoder, request.version)?;
    Ok(Request { frame: Bytes::from(encoder.finish().into_vec().concat()), body_at: 0, ..request.clone() })
}

/// Where each name stands first.
fn places<'n>(names: impl Iterator<Item = &'n str>) -> BTreeMap<&'n str, usize> {
    let mut places = BTreeMap::new();
    for (place, name) in names.enumerate() {
        places.entry(name).or_insert(place);
    }
    places
}

/// Begins a DescribeGroups.
pub(crate) fn begin_describe(front: &mut Front<'_>, request: Request) -> Begun {
    let body = DescribeGroupsRequest::decode(&mut request.decoder(), request.version)?;
    let mut gather = Gather::new(&request);
    gather.ask_groups(front, body.groups.iter().map(|group| group.as_str()));
    gather.begun(front)
}

/// Begins a DeleteGroups.
pub(crate) fn begin_delete(front: &mut Front<'_>, request: Request) -> Begun {
    let body = DeleteGroupsRequest::decode(&mut request.decoder(), request.version)?;
    let mut gather = Gather::new(&request);
    gather.ask_groups(front, body.groups_names.iter().map(|group| group.as_str()));
    gather.begun(front)
}

/// Begins a ListGroups: every coordinator is asked.
pub(crate) fn begin_list(front: &mut Front<'_>, request: Request) -> Begun {
    ListGroupsRequest::decode(&mut request.decoder(), request.version)?;
    let mut gather = Gather::new(&request);
    let partitions: Vec<TopicPartition> = front
        .image
        .topic_by_name(OFFSETS_TOPIC)
        .into_iter()
        .flat_map(|topic| topic.partitions.keys().map(|index| TopicPartition { topic: topic.id, partition: *index }))
        .collect();
    for partition in partitions {
        gather.ask(front, partition, Piece::Groups(Vec::new()));
    }
    gather.begun(front)
}

pub(super) fn hand_over(
    call: &GroupCall,
    coordinator: &mut GroupCoordinator,
    now: Now,
    context: &RequestContext,
    topics: &Topics,
) -> Result<(), Refusal> {
    let (body, version) = (call.request.body(), call.request.version);
    let names: Vec<&str> = match &call.piece {
        Piece::Groups(groups) => groups.iter().map(String::as_str).collect(),
        Piece::Whole | Piece::Fetch => Vec::new(),
    };
    match (call.request.api, &call.piece) {
        (ApiKey::OffsetFetch, Piece::Fetch) => {
            let body = OffsetFetchRequest::decode(&mut decoder(body), version)?;
            if let Some(group) = fetch_groups(&body, version).first() {
                coordinator.on_offset_fetch(context, group, topics);
            }
        }
        (ApiKey::DescribeGroups, _) => coordinator.describe_groups(context.ticket, &names, version),
        (ApiKey::DeleteGroups, _) => coordinator.delete_groups(now, context.ticket, &names),
        (ApiKey::ListGroups, _) => {
            coordinator.on_list_groups(context, &ListGroupsRequest::decode(&mut decoder(body), version)?);
        }
        (other, _) => return Err(Refusal::Close(format!("{other} is not about many groups"))),
    }
    Ok(())
}

/// What is answered where there is no such coordinator.
pub(super) fn refused(call: &GroupCall, error: ErrorCode) -> Answer {
    match (&call.piece, call.request.api) {
        (Piece::Groups(groups), ApiKey::DescribeGroups) => {
            Answer::DescribeGroups(groups.iter().map(|group| describe_refused(group, error)).collect())
        }
        (Piece::Groups(groups), ApiKey::DeleteGroups) => {
            Answer::DeleteGroups(groups.iter().map(|group| delete_refused(group, error)).collect())
        }
        (Piece::Fetch, _) => {
            let body = OffsetFetchRequest::decode(&mut call.request.decoder(), call.request.version);
            let groups = body.as_ref().map(|body| fetch_groups(body, call.request.version)).unwrap_or_default();
            let (group, asked) = groups.first().map_or(("", None), |group| (group.group, group.asked.as_deref()));
            Answer::FetchOffsets(fetch_offsets::refused(group, asked, error))
        }
        _ => Answer::ListGroups(ListAnswer { error: ErrorCode::None, groups: Vec::new() }),
    }
}

fn describe_refused(group: &str, error: ErrorCode) -> DescribedGroup {
    DescribedGroup::failed(group.into(), error)
}

fn delete_refused(group: &str, error: ErrorCode) -> DeletedGroup {
    DeletedGroup { group: group.into(), error, message: None }
}
