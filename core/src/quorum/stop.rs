//! What a stop in order leaves in each log directory, so that Apache Kafka can start on it: Kafka's checkpoints, and when they
//! are durable, `.kafka_cleanshutdown`. A directory that fails meanwhile has no such mark, and the others go on.

use crate::effect::{Effects, IoOp, Level};
use crate::event::IoResult;
use crate::ids::{FileName, LogDirIndex, Offset};
use crate::log::files::{clean_shutdown, offset_checkpoint};
use crate::log::{CheckpointEntry, Replace, Replaced};
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// The files that a stop writes, in their order.
pub(super) const STOP_FILES: [&str; 4] = [
    offset_checkpoint::RECOVERY_POINT,
    offset_checkpoint::LOG_START,
    offset_checkpoint::REPLICATION,
    clean_shutdown::NAME,
];

/// The last files of a node's life.
#[derive(Clone, Debug)]
pub struct Stop {
    /// What is still to be written.
    files: VecDeque<(FileName, String)>,
    writing: Option<Writing>,
}

#[derive(Clone, Debug)]
struct Writing {
    file: FileName,
    replace: Replace,
    /// Operations that are not complete.
    outstanding: usize,
    failed: bool,
}

/// How a stop goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopOutcome {
    /// By these operations; by what is under way where there are none.
    Ask(Vec<IoOp>),
    /// Everything is written.
    Done,
}

impl Stop {
    /// What to write into each directory for the logs in it. `broker_epoch` is the epoch of the registration that ends.
    #[must_use]
    pub fn new(dirs: &[(LogDirIndex, Vec<CheckpointEntry>)], broker_epoch: i64) -> Self {
        let mut files = VecDeque::new();
        for (dir, entries) in dirs {
            let contents = [
                checkpoint(entries, |entry| Some(entry.recovery_point)),
                checkpoint(entries, |entry| entry.log_start),
                checkpoint(entries, |entry| Some(entry.high_watermark)),
                clean_shutdown::encode(broker_epoch),
            ];
            files.extend(STOP_FILES.map(|name| FileName::new(*dir, name)).into_iter().zip(contents));
        }
        Self { files, writing: None }
    }

    /// Goes on, at the start and after each completion.
    pub fn advance(&mut self, completed: Option<IoResult>, effects: &mut Effects) -> StopOutcome {
        if let (Some(result), Some(writing)) = (completed, &mut self.writing) {
            writing.outstanding -= 1;
            match result {
                Ok(_) if writing.failed => {}
                Ok(_) => match writing.replace.completed() {
                    Replaced::Waits => {}
                    Replaced::Ask(op) => {
                        writing.outstanding += 1;
                        return StopOutcome::Ask(Vec::from([op]));
                    }
                    Replaced::Done => {}
                },
                Err(error) if !writing.failed => {
                    writing.failed = true;
                    let dir = writing.file.dir;
                    // Without these files Kafka takes more time to start, and finds the same.
                    let text = format!("The stop leaves no mark in the log directory {dir}: {}.", error.message);
                    effects.notice(Level::Warn, text);
                    self.files.retain(|(file, _)| file.dir != dir);
                }
                Err(_) => {}
            }
        }
        if self.writing.as_ref().is_some_and(|writing| writing.outstanding > 0) {
            return StopOutcome::Ask(Vec::new());
        }
        self.writing = None;
        let Some((file, content)) = self.files.pop_front() else { return StopOutcome::Done };
        let (replace, ops) = Replace::begin(&file, content.into(), false);
        self.writing = Some(Writing { file, replace, outstanding: ops.len(), failed: false });
        StopOutcome::Ask(ops)
    }
}

/// The checkpoint that has this offset of each log.
fn checkpoint(entries: &[CheckpointEntry], offset: impl Fn(&CheckpointEntry) -> Option<Offset>) -> String {
    let entry = |entry| {
        let offset = offset(entry)?;
        Some(offset_checkpoint::Entry { topic: &entry.topic, partition: entry.partition, offset })
    };
    let entries: Vec<_> = entries.iter().filter_map(entry).collect();
    offset_checkpoint::encode(entries.into_iter())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{IoError, IoErrorKind, IoOutput};
    use crate::ids::PartitionIndex;

    fn dirs() -> Vec<(LogDirIndex, Vec<CheckpointEntry>)> {
        let entry = |partition: i32, log_start: Option<i64>| CheckpointEntry {
            topic: "orders".into(),
            partition: PartitionIndex(partition),
            recovery_point: Offset(9),
            log_start: log_start.map(Offset),
            high_watermark: Offset(8),
        };
        Vec::from([(LogDirIndex(0), Vec::from([entry(0, None), entry(1, Some(5))])), (LogDirIndex(1), Vec::new())])
    }

    /// Carries everything out, and gives the files with their content in the order in which they became durable.
    fn run(stop: &mut Stop, fails: impl Fn(&IoOp) -> bool) -> (Vec<(u16, String)>, Effects) {
        let mut effects = Effects::new();
        let mut under_way: VecDeque<IoOp> = VecDeque::new();
        let (mut written, mut content) = (Vec::new(), String::new());
        let mut completed = None;
        loop {
            match stop.advance(completed.take(), &mut effects) {
                StopOutcome::Done => return (written, effects),
                StopOutcome::Ask(ops) => under_way.extend(ops),
            }
            let op = under_way.pop_front().expect("something is under way");
            let failed = fails(&op);
            match op {
                IoOp::Write { parts, .. } => content = String::from_utf8(parts.concat()).expect("text"),
                IoOp::Rename { to, .. } if !failed => written.push((to.dir.0, format!("{}: {content}", to.path))),
                _ => {}
            }
            let error = || IoError { kind: IoErrorKind::NoSpace, message: "no space".into() };
            completed = Some(if failed { Err(error()) } else { Ok(IoOutput::Done) });
        }
    }

    #[test]
    fn each_directory_gets_its_checkpoints_and_last_the_mark() {
        let (written, effects) = run(&mut Stop::new(&dirs(), 205), |_| false);
        let expected = [
            (0, "recovery-point-offset-checkpoint: 0\n2\norders 0 9\norders 1 9\n"),
            (0, "log-start-offset-checkpoint: 0\n1\norders 1 5\n"),
            (0, "replication-offset-checkpoint: 0\n2\norders 0 8\norders 1 8\n"),
            (0, ".kafka_cleanshutdown: {\"version\":0,\"brokerEpoch\":205}"),
            (1, "recovery-point-offset-checkpoint: 0\n0\n"),
            (1, "log-start-offset-checkpoint: 0\n0\n"),
            (1, "replication-offset-checkpoint: 0\n0\n"),
            (1, ".kafka_cleanshutdown: {\"version\":0,\"brokerEpoch\":205}"),
        ];
        assert_eq!(written, expected.map(|(dir, text)| (dir, String::from(text))));
        assert!(effects.is_empty());
    }

    #[test]
    fn a_directory_that_fails_gets_no_mark_and_the_others_do() {
        for fails in ["write", "sync"] {
            let broken = |op: &IoOp| {
                let fails = match op {
                    IoOp::Write { .. } => fails == "write",
                    IoOp::Sync { .. } => fails == "sync",
                    _ => false,
                };
                fails && op.file().dir == LogDirIndex(0) && op.file().path.starts_with("log-start")
            };
            let (written, effects) = run(&mut Stop::new(&dirs(), 205), broken);
            assert_eq!(written.iter().map(|(dir, _)| *dir).collect::<Vec<_>>(), [0, 1, 1, 1, 1], "{fails}");
            assert!(!effects.is_empty(), "the operator is told");
        }
    }
}
