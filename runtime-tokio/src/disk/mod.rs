//! The files of the log directories: worker threads that carry out the core's file operations.
//!
//! Each log directory has its own workers, so that a disk that hangs holds up no other. An operation goes to the worker of
//! its *group*: the first name below the log directory, which for a partition's files is the partition's directory. So what
//! R1 orders is done by one thread, in the order in which it was asked for. Journals have a worker of their own: who waits for
//! one is not to wait for the files that are synced behind it.

mod files;
mod found;
mod lock;
mod ops;

pub use found::find;
pub use lock::{DirLock, LockError};

use files::OpenFiles;
use grete_core::effect::IoOp;
use grete_core::event::{Event, IoResult};
use grete_core::ids::{FileName, IoId, LogDirIndex};
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::mpsc::UnboundedSender;

/// The threads that work for one log directory: the last one for journals, the others for all else.
const WORKERS_PER_DIR: usize = 5;

/// Asks for file operations from one shard, and keeps R1 where an operation touches two groups.
pub struct Disk {
    workers: Arc<Workers>,
    completions: UnboundedSender<Event>,
    /// Renames under way between groups, by operation, with the group that waits for it and the name that it takes.
    renames: HashMap<IoId, (Group, FileName)>,
    /// What waits for such a rename, by group.
    waiting: HashMap<Group, VecDeque<(IoId, IoOp)>>,
    /// A rename to a group that waits for another one, and all that was asked for after it, in order.
    held: VecDeque<(IoId, IoOp)>,
}

/// A log directory and the first name below it.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Group(LogDirIndex, Box<str>);

impl Group {
    fn of(file: &FileName) -> Self {
        Self(file.dir, file.path.split('/').next().unwrap_or_default().into())
    }
}

/// The workers of all log directories.
pub struct Workers {
    by_dir: Vec<Vec<Sender<Work>>>,
}

enum Work {
    /// Carry out an operation.
    Carry { io: IoId, op: IoOp, completions: UnboundedSender<Event> },
    /// Another worker has given this name to another file.
    Forget(FileName),
}

impl Workers {
    /// Starts the workers for the log directories at `paths`, which together keep at most `open_files_max` files open.
    pub fn start(paths: &[PathBuf], open_files_max: usize) -> std::io::Result<Arc<Self>> {
        let share = (open_files_max / (paths.len().max(1) * WORKERS_PER_DIR)).max(8);
        let mut by_dir = Vec::new();
        for (dir, path) in paths.iter().enumerate() {
            let mut workers = Vec::new();
            for worker in 0..WORKERS_PER_DIR {
                let (sender, receiver) = channel();
                let files = OpenFiles::new(path.clone(), share);
                std::thread::Builder::new().name(format!("disk-{dir}-{worker}")).spawn(move || {
                    crate::guard::abort_on_panic(|| {
                        run_worker(files, &receiver);
                        Ok(())
                    });
                })?;
                workers.push(sender);
            }
            by_dir.push(workers);
        }
        Ok(Arc::new(Self { by_dir }))
    }

    fn send(&self, group: &Group, work: Work) {
        let workers = &self.by_dir[usize::from(group.0.0)];
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(&group.1);
        let others = workers.len() - 1;
        let worker = if grete_core::log::is_journal(&group.1) { others } else { (hash % others as u64) as usize };
        // A worker ends only with the process.
        let _ = workers[worker].send(work);
    }
}

impl Disk {
    /// A shard's way to the workers; completions go to `completions`.
    #[must_use]
    pub fn new(workers: Arc<Workers>, completions: UnboundedSender<Event>) -> Self {
        Self { workers, completions, renames: HashMap::new(), waiting: HashMap::new(), held: VecDeque::new() }
    }

    /// Asks for an operation.
    pub fn submit(&mut self, io: IoId, op: IoOp) {
        if self.held.is_empty() && !self.is_held_up(&op) {
            self.begin(io, op);
        } else {
            self.held.push_back((io, op));
        }
    }

    /// Whether an operation is a rename to a group that waits for another rename.
    fn is_held_up(&self, op: &IoOp) -> bool {
        let IoOp::Rename { from, to } = op else { return false };
        let (group, target) = (Group::of(from), Group::of(to));
        group != target && !self.waiting.contains_key(&group) && self.waiting.contains_key(&target)
    }

    fn begin(&mut self, io: IoId, op: IoOp) {
        let group = Group::of(op.file());
        if let Some(queue) = self.waiting.get_mut(&group) {
            queue.push_back((io, op));
            return;
        }
        if let IoOp::Rename { to, .. } = &op {
            let target = Group::of(to);
            if target != group {
                self.waiting.insert(target.clone(), VecDeque::new());
                self.renames.insert(io, (target, to.clone()));
            }
        }
        self.send(&group, io, op);
    }

    /// Must be told of each completion that arrives: what waited for a rename goes on.
    pub fn completed(&mut self, io: IoId) {
        let Some((group, name)) = self.renames.remove(&io) else { return };
        // The worker of the target may have the file open that had this name before.
        self.workers.send(&group, Work::Forget(name));
        // What waited for it was asked for before what is held.
        let mut next = self.waiting.remove(&group).unwrap_or_default();
        next.append(&mut self.held);
        self.held = next;
        while let Some((io, op)) = self.held.pop_front() {
            if self.is_held_up(&op) {
                self.held.push_front((io, op));
                return;
            }
            self.begin(io, op);
        }
    }

    fn send(&self, group: &Group, io: IoId, op: IoOp) {
        self.workers.send(group, Work::Carry { io, op, completions: self.completions.clone() });
    }
}

fn run_worker(mut files: OpenFiles, work: &Receiver<Work>) {
    while let Ok(work) = work.recv() {
        match work {
            Work::Carry { io, op, completions } => {
                let result: IoResult = ops::carry_out(&mut files, op);
                if completions.send(Event::Io { io, result }).is_err() {
                    return;
                }
            }
            Work::Forget(name) => files.forget(&name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use grete_core::ids::{FilePosition, IoOwner};
    use tokio::sync::mpsc::unbounded_channel;

    /// Two renames to one name, with writes behind each: all of them end, and what was asked for last is there.
    #[test]
    fn two_renames_to_one_name_lose_nothing() {
        let root = std::env::temp_dir().join(format!("grete-renames-{}", std::process::id()));
        std::fs::create_dir_all(&root).unwrap();
        let workers = Workers::start(std::slice::from_ref(&root), 64).unwrap();
        let (sender, mut completed) = unbounded_channel();
        let mut disk = Disk::new(workers, sender);
        let name = |path: &str| FileName::new(LogDirIndex(0), path);
        for file in ["one", "two", "three"] {
            std::fs::write(root.join(file), file).unwrap();
        }
        let write = |text: &'static str| IoOp::Write {
            file: name("target"),
            position: FilePosition(0),
            parts: vec![Bytes::from_static(text.as_bytes())],
        };
        let rename = |from: &str| IoOp::Rename { from: name(from), to: name("target") };
        let ops = [
            rename("one"),
            write("ONE"),
            rename("two"),
            write("TWO"),
            rename("three"),
            write("THR"),
            IoOp::Sync { file: name("target") },
        ];
        let count = ops.len() as u64;
        for (op, number) in ops.into_iter().zip(0..) {
            disk.submit(IoId { owner: IoOwner::Log, number }, op);
        }
        let mut ended = Vec::new();
        let patience = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while (ended.len() as u64) < count {
            assert!(std::time::Instant::now() < patience, "only {ended:?} have ended");
            let Ok(Event::Io { io, result }) = completed.try_recv() else {
                std::thread::sleep(std::time::Duration::from_millis(1));
                continue;
            };
            result.unwrap();
            ended.push(io.number);
            disk.completed(io);
        }
        assert_eq!(std::fs::read_to_string(root.join("target")).unwrap(), "THRee");
        ended.sort_unstable();
        assert!(ended.iter().copied().eq(0..count), "each of them once");
        assert!(disk.held.is_empty() && disk.waiting.is_empty() && disk.renames.is_empty());
        std::fs::remove_dir_all(&root).unwrap();
    }

    /// Files that are replaced by a rename from another worker's group: what is written afterwards goes into the new file.
    #[test]
    fn a_file_that_was_replaced_is_not_written_under_its_old_identity() {
        let root = std::env::temp_dir().join(format!("grete-disk-{}", std::process::id()));
        std::fs::create_dir_all(&root).unwrap();
        let workers = Workers::start(std::slice::from_ref(&root), 64).unwrap();
        let (sender, mut completed) = unbounded_channel();
        let mut disk = Disk::new(workers, sender);
        let mut number = 0;
        let name = |path: String| FileName::new(LogDirIndex(0), &path);
        // So many names that some pair of them lies with two workers.
        let files: Vec<(FileName, FileName)> =
            (0..16).map(|at| (name(format!("file-{at}")), name(format!("file-{at}.tmp")))).collect();
        let write = |file: &FileName, position, text: &'static str| IoOp::Write {
            file: file.clone(),
            position: FilePosition(position),
            parts: vec![Bytes::from_static(text.as_bytes())],
        };
        let mut carry_out = |ops: Vec<IoOp>| {
            for op in ops {
                number += 1;
                disk.submit(IoId { owner: IoOwner::Log, number }, op);
                // R1 orders nothing between different files.
                if number % 6 != 5 {
                    let Some(Event::Io { io, result }) = completed.blocking_recv() else {
                        panic!("each operation ends")
                    };
                    result.unwrap();
                    disk.completed(io);
                }
            }
            let Some(Event::Io { io, result }) = completed.blocking_recv() else { panic!("each operation ends") };
            result.unwrap();
            disk.completed(io);
        };
        for (file, replacement) in &files {
            carry_out(vec![
                IoOp::Create { file: file.clone() },
                write(file, 0, "old"),
                IoOp::Create { file: replacement.clone() },
                write(replacement, 0, "new"),
                // These two are one behind the other: what waits for the rename goes into the new file.
                IoOp::Rename { from: replacement.clone(), to: file.clone() },
                write(file, 3, ", and more"),
            ]);
        }
        for (file, _) in &files {
            let content = std::fs::read_to_string(root.join(&*file.path)).unwrap();
            assert_eq!(content, "new, and more", "{}", file.path);
        }
        std::fs::remove_dir_all(&root).unwrap();
    }
}
