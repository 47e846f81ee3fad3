//! Kafka's messages on the one side, what a coordinator takes and answers on the other. All that depends on a version of
//! an API is here.

mod requests;
pub mod responses;

pub use requests::{FetchGroup, fetch_groups};

use super::names::TopicName;
use crate::ids::TopicId;
use alloc::borrow::Cow;
use grete_protocol::wire;

/// The first versions of OffsetCommit and OffsetFetch that name topics by their ids.
const TOPIC_IDS_FROM: i16 = 10;

/// The first version of OffsetFetch for many groups.
const MANY_GROUPS_FROM: i16 = 8;

fn text(text: &str) -> Cow<'_, str> {
    Cow::Borrowed(text)
}

fn group_id(group: &str) -> wire::GroupId<'_> {
    wire::GroupId(Cow::Borrowed(group))
}

fn topic_name(topic: &TopicName) -> wire::TopicName<'_> {
    wire::TopicName(Cow::Borrowed(topic))
}

fn uuid(id: TopicId) -> wire::Uuid {
    wire::Uuid(id.0)
}
