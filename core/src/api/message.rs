//! What the shards of a node say to each other about requests.

use crate::fetch::{Session, SessionId};
use crate::ids::Ticket;
use crate::replica;
use alloc::boxed::Box;

/// A piece of work that a connection's shard asks of another shard, or of itself.
#[derive(Clone, Debug)]
pub enum Call {
    /// Of the partitions that a shard owns.
    Replica(replica::Call),
    /// Of the coordinator of a group, on the shard of its offsets partition.
    Group(Box<GroupCall>),
    /// Of the controller, on shard 0.
    Controller(Box<ControllerCall>),
    /// For a fetch session that a client brings from another connection.
    TakeSession(SessionId),
}

/// The answer to a [`Call`].
#[derive(Clone, Debug)]
pub enum Reply {
    /// From the partitions.
    Replica(replica::Reply),
    /// From a group's coordinator.
    Group(Box<GroupReply>),
    /// From the controller.
    Controller(Box<ControllerReply>),
    /// The session, where that shard had it.
    TakeSession(Option<Box<Session>>),
}
