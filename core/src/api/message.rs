//! What the shards of a node say to each other about requests.

use super::front::Request;
use super::group::GroupCall;
use crate::controller::Decided;
use crate::fetch::{Session, SessionId};
use crate::group::Answer;
use crate::ids::LogDirIndex;
use crate::replica;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use grete_protocol::ErrorCode;

/// A piece of work that a connection's shard asks of another shard, or of itself.
#[derive(Clone, Debug)]
pub enum Call {
    /// Of the partitions that a shard owns.
    Replica(replica::Call),
    /// Of the coordinator of groups, on the shard of their offsets partition.
    Group(Box<GroupCall>),
    /// Of the controller, on shard 0.
    Controller(Box<ControllerCall>),
    /// For a fetch session that a client brings from another connection.
    TakeSession(SessionId),
    /// For the space of the log directories, of shard 0.
    Spaces,
}

/// The answer to a [`Call`].
#[derive(Clone, Debug)]
pub enum Reply {
    /// From the partitions.
    Replica(replica::Reply),
    /// From a coordinator of groups.
    Group(Box<Answer>),
    /// From the controller.
    Controller(Decided),
    /// The session, where that shard had it.
    TakeSession(Option<Box<Session>>),
    /// Total and usable bytes of each log directory; an error where it cannot be used.
    Spaces(BTreeMap<LogDirIndex, Result<(u64, u64), ErrorCode>>),
}

/// What is asked of the controller.
#[derive(Clone, Debug)]
pub enum ControllerCall {
    /// To decide on a client's request.
    Request(Request),
    /// To create topics that are needed, where they are not there.
    EnsureTopics(Vec<String>),
    /// For a producer id.
    ProducerId,
}
