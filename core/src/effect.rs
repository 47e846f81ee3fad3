//! What a shard asks of its runtime.

use crate::ids::{ConnectionId, FileName, FilePosition, IoId, JobId, ShardId};
use crate::validation::{Rejected, Validated, Validation};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;
use core::any::Any;
use core::fmt;

/// One thing to be done. The order of a step's effects counts only as far as R1 and R2 say.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Send these bytes, all of them, in this order: a response with its length field, or a piece of one. Completed by
    /// [`Sent`](crate::event::Event::Sent).
    Send {
        /// The connection.
        connection: ConnectionId,
        /// The bytes, in parts that are never copied together.
        parts: Vec<Bytes>,
    },
    /// Close the connection once what was sent before has left. Completed by [`Closed`](crate::event::Event::Closed).
    Close {
        /// The connection.
        connection: ConnectionId,
    },
    /// Close the connection at once; what has not left is dropped. Completed by [`Closed`](crate::event::Event::Closed).
    Cut {
        /// The connection.
        connection: ConnectionId,
    },
    /// Read so many bytes more of the frame that was announced, and no others; hold memory for no more of it than that and
    /// what has come. Completed by [`Frame`](crate::event::Event::Frame) where that is all of it, else by
    /// [`Arrived`](crate::event::Event::Arrived).
    Admit {
        /// The connection.
        connection: ConnectionId,
        /// How many bytes: never more than the frame still has.
        bytes: usize,
    },
    /// Read nothing more from the connection for now. Frames that were read already may still arrive.
    Pause {
        /// The connection.
        connection: ConnectionId,
    },
    /// Read from the connection again.
    Resume {
        /// The connection.
        connection: ConnectionId,
    },
    /// Operate on a file. Completed by [`Event::Io`](crate::event::Event::Io).
    Io {
        /// Names the operation in its completion.
        io: IoId,
        /// The operation.
        op: IoOp,
    },
    /// Compute something pure, on whatever thread. Completed by [`JobDone`](crate::event::Event::JobDone).
    Job {
        /// Names the job in its completion.
        job: JobId,
        /// What to compute: [`Job::run`].
        work: Job,
    },
    /// Hand a message to another shard of this node.
    ToShard {
        /// The receiver.
        to: ShardId,
        /// What to say.
        message: ShardMessage,
    },
    /// Tell the operator.
    Notice(Notice),
    /// The shard serves from now on. The node takes connections when all of its shards do.
    Ready,
    /// The shard has stopped in order: everything is flushed and the files say so.
    Stopped,
    /// The shard cannot go on. The node ends at once, with this sentence as its last word.
    Failed {
        /// Why.
        reason: String,
    },
}

/// An operation on a file or a directory. None of them is compound: a crash can fall between any two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IoOp {
    /// Make an empty file; fails where the name exists.
    Create {
        /// The file.
        file: FileName,
    },
    /// Write all of the parts, one after the other, from `position` on, extending the file where needed.
    Write {
        /// The file.
        file: FileName,
        /// Where the first byte goes.
        position: FilePosition,
        /// The bytes.
        parts: Vec<Bytes>,
    },
    /// Make all writes to the file that were emitted before durable, with its length (`fdatasync`).
    Sync {
        /// The file.
        file: FileName,
    },
    /// Read up to `length` bytes from `position` on; fewer come only where the file ends.
    Read {
        /// The file.
        file: FileName,
        /// Where to begin.
        position: FilePosition,
        /// How much.
        length: u32,
    },
    /// Cut or extend the file to `length` bytes.
    Truncate {
        /// The file.
        file: FileName,
        /// The new length in bytes.
        length: u64,
    },
    /// Remove a file.
    Remove {
        /// The file.
        file: FileName,
    },
    /// Give a file or a directory another name, replacing a file that has it. Ordered with what is emitted for the old name
    /// and what lies below it, and before what is emitted for the new one later. What was emitted for the new name before has
    /// to be complete.
    Rename {
        /// The old name.
        from: FileName,
        /// The new name, in the same log directory.
        to: FileName,
    },
    /// Make a directory; fails where the name exists.
    MakeDir {
        /// The directory.
        dir: FileName,
    },
    /// Remove an empty directory.
    RemoveDir {
        /// The directory.
        dir: FileName,
    },
    /// Make the names in a directory durable (`fsync` of the directory).
    SyncDir {
        /// The directory.
        dir: FileName,
    },
    /// Ask for the space of the file system that holds a directory.
    Space {
        /// The directory.
        dir: FileName,
    },
}

impl IoOp {
    /// The file or directory that the operation is ordered by (R1); for a [`Rename`](Self::Rename) the old name.
    #[must_use]
    pub fn file(&self) -> &FileName {
        match self {
            Self::Create { file }
            | Self::Write { file, .. }
            | Self::Sync { file }
            | Self::Read { file, .. }
            | Self::Truncate { file, .. }
            | Self::Remove { file }
            | Self::Rename { from: file, .. }
            | Self::MakeDir { dir: file }
            | Self::RemoveDir { dir: file }
            | Self::SyncDir { dir: file }
            | Self::Space { dir: file } => file,
        }
    }
}

/// Collects the effects of a step, in order. A runtime drains it.
#[derive(Clone, Debug, Default)]
pub struct Effects {
    list: Vec<Effect>,
}

impl Effects {
    /// An empty collection.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an effect.
    pub fn push(&mut self, effect: Effect) {
        self.list.push(effect);
    }

    /// Adds a notice for the operator.
    pub fn notice(&mut self, level: Level, text: impl Into<String>) {
        self.list.push(Effect::Notice(Notice { level, text: text.into() }));
    }

    /// Takes all effects out, in order.
    pub fn drain(&mut self) -> impl Iterator<Item = Effect> + '_ {
        self.list.drain(..)
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

/// Something that an operator would want to know. One line each, none per request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// How much it matters.
    pub level: Level,
    /// What happened, in a sentence.
    pub text: String,
}

/// How much a notice matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Of use when looking for something.
    Debug,
    /// The normal course of things.
    Info,
    /// Something that somebody should look at.
    Warn,
    /// Something is lost or out of service.
    Error,
}

/// Pure work whose input is bounded, that would hold up a step.
#[derive(Clone, Debug)]
pub enum Job {
    /// Validate a producer's batch.
    Validate(Validation),
}

impl Job {
    /// Does the work.
    #[must_use]
    pub fn run(self) -> JobOutput {
        match self {
            Self::Validate(validation) => JobOutput::Validate(validation.run()),
        }
    }
}

/// What a job computed.
#[derive(Clone, Debug)]
pub enum JobOutput {
    /// The batch, or why it is refused.
    Validate(Result<Validated, Rejected>),
}

/// A message from one shard of a node to another. What is in it is the shards' own business: a runtime only carries it.
#[derive(Clone)]
pub struct ShardMessage(pub(crate) Arc<dyn Any + Send + Sync>);

impl fmt::Debug for ShardMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShardMessage")
    }
}
