//! What happens to a shard.

use crate::effect::{JobOutput, ShardMessage};
use crate::ids::{ConnectionId, IoId, JobId, ListenerIndex, LogDirIndex, ShardId};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;
use core::net::SocketAddr;

/// Something that happened, in the order in which the shard learns of it.
#[derive(Clone, Debug)]
pub enum Event {
    /// A client has connected; this shard owns the connection from now on.
    Opened {
        /// The connection.
        connection: ConnectionId,
        /// The listener that it came in by.
        listener: ListenerIndex,
        /// The client's address.
        peer: SocketAddr,
        /// Our own address as the client sees it: what an unset `advertised.listeners` tells this client.
        local: SocketAddr,
    },
    /// A frame of more than [`FRAME_SMALL_BYTES_MAX`](crate::limits::FRAME_SMALL_BYTES_MAX) is on its way. Nothing more is
    /// read from the connection until [`Admit`](crate::effect::Effect::Admit).
    Announced {
        /// The connection.
        connection: ConnectionId,
        /// The frame's length in bytes, without the length field; negative where a client sent that.
        length: i32,
        /// The API key that the frame begins with.
        api_key: i16,
        /// The API version that follows it.
        api_version: i16,
    },
    /// All that was admitted of the frame that was announced has come, and it is not whole. Nothing more is read from the
    /// connection until the next [`Admit`](crate::effect::Effect::Admit).
    Arrived {
        /// The connection.
        connection: ConnectionId,
    },
    /// A whole request, without its length field.
    Frame {
        /// The connection.
        connection: ConnectionId,
        /// The request's header and body.
        frame: Bytes,
    },
    /// The client has ended its side of the connection, which still takes answers. Requests that it had sent may come yet.
    HungUp {
        /// The connection.
        connection: ConnectionId,
    },
    /// The client has ended its side of the connection, and all that it had sent has come: a frame that is not whole never
    /// will be, and what was admitted of it is given up.
    Ended {
        /// The connection.
        connection: ConnectionId,
    },
    /// The connection is gone, by whichever side. The last event that names it.
    Closed {
        /// The connection.
        connection: ConnectionId,
    },
    /// The oldest [`Send`](crate::effect::Effect::Send) under way on the connection has been handed to the network.
    Sent {
        /// The connection.
        connection: ConnectionId,
        /// The number of bytes that the send had.
        length: usize,
    },
    /// A file operation has ended.
    Io {
        /// The operation.
        io: IoId,
        /// How it ended.
        result: IoResult,
    },
    /// A job has ended.
    JobDone {
        /// The job.
        job: JobId,
        /// What it computed.
        output: JobOutput,
    },
    /// Another shard of this node has sent a message.
    FromShard {
        /// The sender.
        from: ShardId,
        /// What it said.
        message: ShardMessage,
    },
    /// The node is to stop in order. The shard answers with [`Stopped`](crate::effect::Effect::Stopped).
    Shutdown,
}

/// How a file operation ended.
pub type IoResult = Result<IoOutput, IoError>;

/// What a file operation that succeeded brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IoOutput {
    /// It is done.
    Done,
    /// What was read: fewer bytes than asked for only where the file ends.
    Read(Bytes),
    /// The space of the file system that holds a directory.
    Space {
        /// Its size in bytes.
        total_bytes: u64,
        /// What of it can still be written to.
        usable_bytes: u64,
    },
}

/// Why a file operation failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IoError {
    /// What the core may decide on.
    pub kind: IoErrorKind,
    /// What the operating system said, for people.
    pub message: Arc<str>,
}

/// The failures that the core tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IoErrorKind {
    /// There is no such file.
    NotFound,
    /// The file is there already.
    AlreadyExists,
    /// The disk is full.
    NoSpace,
    /// Anything else: the device or file system is not to be trusted any more.
    Failed,
}

/// What the log directories held when the node started. The runtime lists them once, before it boots the shards, and
/// gives the same to all of them.
#[derive(Clone, Debug, Default)]
pub struct FoundFiles {
    /// The log directories, in the order of `log.dirs`.
    pub dirs: Vec<FoundDir>,
}

/// What one log directory held.
#[derive(Clone, Debug)]
pub struct FoundDir {
    /// Its place in `log.dirs`.
    pub dir: LogDirIndex,
    /// Its absolute path, for people and `DescribeLogDirs`.
    pub path: String,
    /// All files and directories below it, ordered by path, or why they could not be listed.
    pub entries: Result<Vec<FoundEntry>, IoError>,
}

/// One file or directory that was there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundEntry {
    /// The path below the log directory, with `/` between names.
    pub path: Arc<str>,
    /// The length in bytes; `None` for a directory.
    pub length: Option<u64>,
}
