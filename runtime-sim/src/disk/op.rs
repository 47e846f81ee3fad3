//! File operations, seen from outside: their kinds and how they are told in a trace.

use grete_core::effect::IoOp;
use std::fmt;

/// The kind of a file operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
#[expect(missing_docs, reason = "named as the operations are")]
pub enum OpKind {
    Create = 1,
    Write,
    Sync,
    Read,
    Truncate,
    Remove,
    Rename,
    MakeDir,
    RemoveDir,
    SyncDir,
    Space,
}

impl OpKind {
    /// The kind of an operation.
    #[must_use]
    pub const fn of(op: &IoOp) -> Self {
        match op {
            IoOp::Create { .. } => Self::Create,
            IoOp::Write { .. } => Self::Write,
            IoOp::Sync { .. } => Self::Sync,
            IoOp::Read { .. } => Self::Read,
            IoOp::Truncate { .. } => Self::Truncate,
            IoOp::Remove { .. } => Self::Remove,
            IoOp::Rename { .. } => Self::Rename,
            IoOp::MakeDir { .. } => Self::MakeDir,
            IoOp::RemoveDir { .. } => Self::RemoveDir,
            IoOp::SyncDir { .. } => Self::SyncDir,
            IoOp::Space { .. } => Self::Space,
        }
    }

    /// Whether the operation may change what the disk holds, now or after a power loss.
    #[must_use]
    pub const fn changes_disk(self) -> bool {
        !matches!(self, Self::Read | Self::Space)
    }
}

/// An operation in a few words: `write 0:orders-0/00000000000000000000.log @0 +120`.
pub struct Told<'a>(pub &'a IoOp);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IoOp::Create { file } => write!(f, "create {file:?}"),
            IoOp::Write { file, position, parts } => {
                write!(f, "write {file:?} @{position} +{}", parts.iter().map(bytes::Bytes::len).sum::<usize>())
            }
            IoOp::Sync { file } => write!(f, "sync {file:?}"),
            IoOp::Read { file, position, length } => write!(f, "read {file:?} @{position} +{length}"),
            IoOp::Truncate { file, length } => write!(f, "truncate {file:?} to {length}"),
            IoOp::Remove { file } => write!(f, "remove {file:?}"),
            IoOp::Rename { from, to } => write!(f, "rename {from:?} to {}", to.path),
            IoOp::MakeDir { dir } => write!(f, "mkdir {dir:?}"),
            IoOp::RemoveDir { dir } => write!(f, "rmdir {dir:?}"),
            IoOp::SyncDir { dir } => write!(f, "syncdir {dir:?}"),
            IoOp::Space { dir } => write!(f, "space {dir:?}"),
        }
    }
}
