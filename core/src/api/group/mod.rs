//! The APIs of groups. What one group is asked goes to the shard of its offsets partition; what many are asked is dealt out
//! to the shards of all of them.

mod many;
mod one;

pub(crate) use many::{begin_delete, begin_describe, begin_list, begin_offset_fetch};
pub(crate) use one::begin as begin_one;

use super::front::{Front, Next, Refusal, Request};
use crate::coordinator::RequestContext;
use crate::group::{Answer, GroupCoordinator, Topics};
use crate::ids::TopicPartition;
use crate::metadata::{MetadataImage, OFFSETS_TOPIC};
use crate::time::Now;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use grete_protocol::ErrorCode;

/// What is asked of a coordinator.
#[derive(Clone, Debug)]
pub struct GroupCall {
    /// The offsets partition whose coordinator is asked.
    pub partition: TopicPartition,
    /// The request.
    pub request: Request,
    /// The client's address as Kafka writes it: `/127.0.0.1`.
    pub client_host: Arc<str>,
    /// Which part of the request is this coordinator's.
    pub piece: Piece,
}

/// A part of a request about groups.
#[derive(Clone, Debug)]
pub enum Piece {
    /// All of it.
    Whole,
    /// The one group of an OffsetFetch, or of the part of one that asks for this group alone.
    Fetch,
    /// These groups.
    Groups(Vec<String>),
}

/// A request about groups under way.
#[derive(Clone, Debug)]
pub(crate) enum Gather {
    One(one::Gather),
    Many(many::Gather),
}

impl Gather {
    /// Whether it holds the request's frame.
    pub(crate) const fn holds_frame(&self) -> bool {
        match self {
            Self::One(gather) => gather.holds_frame(),
            Self::Many(gather) => gather.holds_frame(),
        }
    }

    /// Takes a coordinator's answer.
    pub(crate) fn reply(&mut self, front: &mut Front<'_>, part: u32, answer: Answer) -> Result<Next, Refusal> {
        match self {
            Self::One(gather) => gather.reply(answer),
            Self::Many(gather) => gather.reply(front, part, answer),
        }
    }
}

impl GroupCall {
    fn new(front: &Front<'_>, partition: TopicPartition, request: &Request, piece: Piece) -> Self {
        let client_host = format!("/{}", front.client.peer.ip().to_canonical()).into();
        Self { partition, request: request.clone(), client_host, piece }
    }

    /// Hands the piece to its coordinator, which answers by its ticket.
    ///
    /// # Errors
    /// Where the request cannot be read, which whoever made the call has ruled out.
    pub(crate) fn hand_over(
        &self,
        coordinator: &mut GroupCoordinator,
        now: Now,
        context: &RequestContext,
        topics: &Topics,
    ) -> Result<(), Refusal> {
        match &self.piece {
            Piece::Whole => one::hand_over(self, coordinator, now, context, topics),
            Piece::Fetch | Piece::Groups(_) => many::hand_over(self, coordinator, now, context, topics),
        }
    }

    /// What is answered where there is no such coordinator.
    pub(crate) fn refused(&self, error: ErrorCode) -> Answer {
        match &self.piece {
            Piece::Whole => one::refused(&self.request, error),
            Piece::Fetch | Piece::Groups(_) => many::refused(self, error),
        }
    }
}

/// The partition of the offsets topic that keeps a group.
pub(crate) fn partition_of(image: &MetadataImage, group: &str) -> Option<TopicPartition> {
    let topic = image.topic_by_name(OFFSETS_TOPIC)?;
    let count = u32::try_from(topic.partitions.len()).ok().filter(|count| *count > 0)?;
    Some(TopicPartition { topic: topic.id, partition: crate::group::partition_for(group, count) })
}
