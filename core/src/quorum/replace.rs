//! Replacing a file as a whole: written beside it, synced, renamed over it, and the name made durable. A crash leaves the
//! old file or the new one.

use crate::effect::IoOp;
use crate::ids::{FileName, FilePosition};
use alloc::collections::VecDeque;
use alloc::format;
use alloc::vec;
use bytes::Bytes;

/// The operations that replace a file, one after the other: each once the one before it is complete.
#[derive(Clone, Debug)]
pub(super) struct Replace {
    left: VecDeque<IoOp>,
}

impl Replace {
    /// Makes `file` have these bytes. `leftover` where a crash has left the file beside it behind.
    pub(super) fn new(file: &FileName, bytes: Bytes, leftover: bool) -> Self {
        let beside = FileName::new(file.dir, &format!("{}.tmp", file.path));
        let mut left = VecDeque::new();
        if leftover {
            left.push_back(IoOp::Remove { file: beside.clone() });
        }
        left.extend([
            IoOp::Create { file: beside.clone() },
            IoOp::Write { file: beside.clone(), position: FilePosition(0), parts: vec![bytes] },
            IoOp::Sync { file: beside.clone() },
            IoOp::Rename { from: beside, to: file.clone() },
            IoOp::SyncDir { dir: file.parent() },
        ]);
        Self { left }
    }

    /// The next operation; none once the file is replaced for good.
    pub(super) fn next(&mut self) -> Option<IoOp> {
        self.left.pop_front()
    }
}
