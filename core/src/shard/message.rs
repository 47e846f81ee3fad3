//! What the shards of a node say to each other.

use super::giants::LeaveMessage;
use super::stop::Closed;
use crate::api::message::{Call, Reply};
use crate::effect::ShardMessage;
use crate::ids::{LeaderEpoch, LogDirIndex, Offset, Ticket};
use crate::metadata::MetadataImage;
use crate::quorum::Directory;
use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A message from one shard to another, or to itself.
#[derive(Clone, Debug)]
pub(super) enum Message {
    /// Do a piece of work.
    Call(Ticket, Call),
    /// It is done.
    Reply(Ticket, Reply),
    /// From shard 0: the directories are ready. Open what is yours of this image, and serve.
    /// Since the epoch only Grete has written to the directories.
    Boot(Arc<Vec<Directory>>, Arc<MetadataImage>, LeaderEpoch),
    /// To shard 0: the shard serves. Its logs in these directories are recorded in a file of ours.
    Serving(BTreeSet<LogDirIndex>),
    /// From shard 0: this is the metadata now.
    Image(Arc<MetadataImage>),
    /// To shard 0: the metadata up to this offset is what the shard goes by.
    Installed(Offset),
    /// A log directory has failed, and why. It comes from the shard that found it, to shard 0, and from there to the others:
    /// a directory goes offline for all of them.
    DirFailed(LogDirIndex, Arc<str>),
    /// About the leave of a giant to hold more than its shard has room for.
    Leave(LeaveMessage),
    /// To shard 0, in a stop: the shard has closed its logs.
    Closed(Closed),
}

impl Message {
    /// As a runtime carries it.
    pub(super) fn wrap(self) -> ShardMessage {
        ShardMessage(Arc::new(self))
    }

    /// From what a runtime carried.
    pub(super) fn unwrap(carried: ShardMessage) -> Self {
        let message = carried.0.downcast::<Self>();
        let message = message.expect("shards of one node send each other messages of one kind");
        Arc::try_unwrap(message).unwrap_or_else(|shared| (*shared).clone())
    }
}
