//! A simulated disk: one log directory.
//!
//! It keeps two views. Readers see the *current* one. The *durable* one holds what a completed `Sync` or `SyncDir` has
//! made durable. At a power loss the current view becomes the durable one plus whatever of the unsynced changes a
//! [`Survival`] leaves: any subset of 512-byte sectors, of lengths and of names, with the few orders that real file
//! systems keep (the invariants of `file` and `names`). A mere crash of the process leaves the current view.
//!
//! Copies of a disk share their pages, so that a world can be copied at each of its steps.

mod content;
mod fault;
mod file;
mod host;
mod names;
mod op;
mod queue;
mod survival;
#[cfg(test)]
mod tests;

pub use fault::{Fault, FaultRule, When};
pub use op::{OpKind, Told};
pub use queue::Ticket;
pub use survival::{Losses, Profile, Survival};

use crate::draw::{self, Stream, WorldSeed};
use bytes::Bytes;
use content::PAGE_BYTES;
use file::FileData;
use grete_core::effect::IoOp;
use grete_core::event::{FoundEntry, IoError, IoErrorKind, IoOutput, IoResult};
use grete_core::ids::{IoId, ShardId};
use names::{Entry, Inode, Names, ROOT};
use queue::{IoQueue, Queued};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// After how many files have lost a name those without any are looked for.
const UNNAMED_MAX: usize = 64;

/// How a disk behaves where nothing is wrong with it.
#[derive(Clone, Debug)]
pub struct DiskProfile {
    /// The bytes that it can hold.
    pub capacity_bytes: u64,
    /// How long a read, or a question for space, takes, in microseconds.
    pub read_micros: RangeInclusive<u64>,
    /// How long a write takes, in microseconds: the page cache takes it.
    pub write_micros: RangeInclusive<u64>,
    /// How long a sync of a file or directory takes, in microseconds.
    pub sync_micros: RangeInclusive<u64>,
    /// How long making, removing and renaming takes, in microseconds.
    pub name_micros: RangeInclusive<u64>,
}

impl Default for DiskProfile {
    fn default() -> Self {
        Self {
            capacity_bytes: 1 << 30,
            read_micros: 5..=200,
            write_micros: 2..=50,
            sync_micros: 50..=2_000,
            name_micros: 2..=100,
        }
    }
}

/// One log directory.
#[derive(Clone, Debug)]
pub struct Disk {
    seed: WorldSeed,
    profile: DiskProfile,
    names: Names,
    files: Arc<BTreeMap<Inode, Arc<FileData>>>,
    allocated_bytes: u64,
    queue: IoQueue,
    faults: Vec<FaultRule>,
    /// How often each kind of operation was asked for on each path, by what the path is in a cause: addresses the draws.
    asked: BTreeMap<(u64, OpKind), u64>,
    /// How many files have lost a name since those without any were forgotten.
    unnamed: usize,
    /// What files' paths were found to name, until names change.
    inodes: BTreeMap<Arc<str>, Inode>,
    /// How often each path was made: tells its inodes apart.
    made: BTreeMap<Arc<str>, u64>,
    /// Counts the changes of what a power loss may leave.
    version: u64,
}

/// An operation that has run.
pub(crate) struct Ran {
    pub(crate) shard: ShardId,
    pub(crate) io: IoId,
    pub(crate) op: IoOp,
    pub(crate) result: IoResult,
    /// What may run now: each with the microseconds that it takes.
    pub(crate) ready: Vec<(Ticket, u64)>,
}

impl Disk {
    /// An empty disk. `seed` addresses the draws about it.
    #[must_use]
    pub fn new(seed: WorldSeed, profile: DiskProfile) -> Self {
        Self {
            seed,
            profile,
            names: Names::default(),
            files: Arc::default(),
            allocated_bytes: 0,
            queue: IoQueue::default(),
            faults: Vec::new(),
            asked: BTreeMap::new(),
            unnamed: 0,
            inodes: BTreeMap::new(),
            made: BTreeMap::new(),
            version: 0,
        }
    }

    /// Adds a rule by which operations go wrong.
    pub fn add_fault(&mut self, rule: FaultRule) {
        self.faults.push(rule);
    }

    /// The rules by which operations go wrong, with their counts.
    #[must_use]
    pub fn faults(&self) -> &[FaultRule] {
        &self.faults
    }

    /// Counts the changes of what a power loss may leave: two moments with the same count leave the same.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// The operations under way.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.queue.len()
    }

    /// The kinds of the operations that run, each counted.
    #[must_use]
    pub fn running(&self) -> BTreeMap<OpKind, u64> {
        let mut kinds = BTreeMap::new();
        self.queue.running().for_each(|(_, queued)| *kinds.entry(OpKind::of(&queued.op)).or_default() += 1);
        kinds
    }

    /// All files and directories, ordered by path.
    #[must_use]
    pub fn list(&self) -> Vec<FoundEntry> {
        let paths = self.names.paths();
        let length = |entry: &Entry| (!entry.is_dir).then(|| self.files[&entry.inode].current().length());
        paths.iter().map(|(path, entry)| FoundEntry { path: path.as_str().into(), length: length(entry) }).collect()
    }

    /// The bytes of a file, where there is one.
    #[must_use]
    pub fn contents(&self, path: &str) -> Option<Bytes> {
        let content = self.file(path).ok()?.current();
        Some(content.read(0, content.length()))
    }

    /// Turns a bit of a file, for good: damage to what was durable.
    pub fn rot(&mut self, path: &str, position: u64, bit: u8) {
        if let Ok(file) = self.file_mut(path) {
            file.rot(position, bit);
            self.version += 1;
        }
    }

    /// Takes an operation in. Where it runs at once: its ticket, with the microseconds that it takes.
    pub(crate) fn submit(&mut self, shard: ShardId, io: IoId, op: IoOp) -> Option<(Ticket, u64)> {
        let kind = OpKind::of(&op);
        let path = &op.file().path;
        let name = draw::name(path);
        let asked = self.asked.entry((name, kind)).or_default();
        *asked += 1;
        let cause = [name, kind as u64, *asked];
        let delay_micros = self.extra_delay(kind, path, &cause);
        let (ticket, runs) = self.queue.push(shard, io, op, cause, delay_micros);
        if kind.changes_disk() {
            self.version += 1;
        }
        runs.then(|| self.start(ticket)).flatten()
    }

    /// How much longer an operation takes than it should; `None` where it never ends.
    fn extra_delay(&mut self, kind: OpKind, path: &str, cause: &[u64]) -> Option<u64> {
        let mut extra = 0;
        for rule in &mut self.faults {
            if rule.fault.is_delay() && rule.strikes(kind, path, self.seed, cause) {
                let Fault::Slow(delay) = rule.fault else { return None };
                extra += u64::try_from(delay.as_micros()).unwrap_or(u64::MAX);
            }
        }
        Some(extra)
    }

    fn start(&self, ticket: Ticket) -> Option<(Ticket, u64)> {
        let queued = self.queue.get(ticket)?;
        let range = match OpKind::of(&queued.op) {
            OpKind::Read | OpKind::Space => &self.profile.read_micros,
            OpKind::Write | OpKind::Truncate => &self.profile.write_micros,
            OpKind::Sync | OpKind::SyncDir => &self.profile.sync_micros,
            OpKind::Create | OpKind::Remove | OpKind::Rename | OpKind::MakeDir | OpKind::RemoveDir => {
                &self.profile.name_micros
            }
        };
        let drawn = self.seed.draw(Stream::DiskDelay, &queued.cause).among(range);
        Some((ticket, drawn.saturating_add(queued.delay_micros?)))
    }

    /// Runs an operation whose time has come.
    pub(crate) fn run(&mut self, ticket: Ticket) -> Option<Ran> {
        let (queued, ready) = self.queue.finish(ticket)?;
        let result = self.apply(&queued);
        if OpKind::of(&queued.op).changes_disk() {
            self.version += 1;
        }
        let ready = ready.into_iter().filter_map(|ticket| self.start(ticket)).collect();
        Some(Ran { shard: queued.shard, io: queued.io, op: queued.op, result, ready })
    }

    /// Ends all faults. What was stuck runs now: each with the microseconds that it takes.
    pub(crate) fn heal(&mut self) -> Vec<(Ticket, u64)> {
        self.faults.clear();
        self.free_stuck()
    }

    /// Ends the rules of that name: how often they have struck, and what runs now.
    pub(crate) fn end_fault(&mut self, name: u64) -> (u64, Vec<(Ticket, u64)>) {
        let fired = self.faults.iter().filter(|rule| rule.name() == name).map(FaultRule::fired).sum();
        self.faults.retain(|rule| rule.name() != name);
        let is_stuck = self.faults.iter().any(|rule| rule.fault == Fault::Stuck);
        (fired, if is_stuck { Vec::new() } else { self.free_stuck() })
    }

    fn free_stuck(&mut self) -> Vec<(Ticket, u64)> {
        let stuck: Vec<Ticket> = self
            .queue
            .running()
            .filter(|(_, queued)| queued.delay_micros.is_none())
            .map(|(ticket, _)| ticket)
            .collect();
        self.queue.free_stuck();
        stuck.into_iter().filter_map(|ticket| self.start(ticket)).collect()
    }

    /// The process that used the disk is gone. Of what it had under way some was done and some not; a write may have
    /// been done in part.
    pub(crate) fn process_died(&mut self, cause: u64) {
        let running: Vec<Queued> = self.queue.running().map(|(_, queued)| queued.clone()).collect();
        self.queue.clear();
        for mut queued in running {
            let [path, kind, asked] = queued.cause;
            let draw = self.seed.draw(Stream::InFlight, &[path, kind, asked, cause]);
            let third = draw.below(3);
            if third == 0 {
                continue;
            }
            if let (IoOp::Write { position, parts, .. }, 1) = (&mut queued.op, third) {
                let bytes = parts.concat();
                // A kernel gives a write up for a process that dies between two pages, not within one.
                let boundaries = (position.0 + bytes.len().max(1) as u64 - 1) / PAGE_BYTES - position.0 / PAGE_BYTES;
                let kept = WorldSeed(draw.0).draw(Stream::InFlight, &[]).below(boundaries + 1);
                let end = (position.0 / PAGE_BYTES + kept) * PAGE_BYTES;
                *parts = vec![Bytes::from(bytes).slice(..end.saturating_sub(position.0) as usize)];
            }
            // Nobody is left to hear the result.
            drop(self.apply(&queued));
        }
        self.version += 1;
    }

    /// The power is gone; call [`process_died`](Self::process_died) first.
    pub(crate) fn power_loss(&mut self, survival: &Survival) -> Losses {
        let mut losses = Losses::default();
        assert!(self.queue.len() == 0, "no process outlives its power");
        self.names = self.names.after_power_loss(survival, &mut losses);
        self.inodes.clear();
        let paths = self.names.paths();
        let files = paths.iter().filter(|(_, entry)| !entry.is_dir).map(|(path, entry)| {
            let file = &self.files[&entry.inode];
            let left = match file.is_clean() {
                true => Arc::clone(file),
                false => Arc::new(FileData::durable(file.after_power_loss(draw::name(path), survival, &mut losses))),
            };
            (entry.inode, left)
        });
        self.files = Arc::new(files.collect());
        self.allocated_bytes = self.files.values().map(|file| file.current().allocated_bytes()).sum();
        self.version += 1;
        losses
    }

    fn apply(&mut self, queued: &Queued) -> IoResult {
        let (op, kind) = (&queued.op, OpKind::of(&queued.op));
        for at in 0..self.faults.len() {
            let rule = &mut self.faults[at];
            if rule.fault.is_delay() || !rule.strikes(kind, &op.file().path, self.seed, &queued.cause) {
                continue;
            }
            match rule.fault {
                Fault::Error => {
                    if let IoOp::Sync { file } = op {
                        self.file_mut(&file.path)?.lose_pending();
                    }
                    return Err(error(IoErrorKind::Failed, "input/output error (simulated)"));
                }
                Fault::NoSpace => return Err(error(IoErrorKind::NoSpace, "no space left on device (simulated)")),
                Fault::Ignored => return Ok(IoOutput::Done),
                Fault::Rot => self.rot_read(op, &queued.cause),
                Fault::Slow(_) | Fault::Stuck => {}
            }
        }
        self.carry_out(op)
    }

    fn rot_read(&mut self, op: &IoOp, cause: &[u64]) {
        if let IoOp::Read { file, position, length } = op {
            let draw = self.seed.draw(Stream::BitRot, cause);
            self.rot(&file.path, position.0 + draw.below(u64::from(*length)), draw.0 as u8);
        }
    }

    fn carry_out(&mut self, op: &IoOp) -> IoResult {
        match op {
            IoOp::Create { file } => self.make(&file.path, false)?,
            IoOp::MakeDir { dir } => self.make(&dir.path, true)?,
            IoOp::Write { file, position, parts } => self.write(&file.path, position.0, parts)?,
            IoOp::Sync { file } => self.file_mut(&file.path)?.sync(),
            IoOp::Read { file, position, length } => {
                return Ok(IoOutput::Read(self.file(&file.path)?.current().read(position.0, u64::from(*length))));
            }
            IoOp::Truncate { file, length } => {
                let file = self.file_mut(&file.path)?;
                let before = file.current().allocated_bytes();
                file.set_length(*length);
                let freed = before - file.current().allocated_bytes();
                self.allocated_bytes -= freed;
            }
            IoOp::Remove { file } => self.remove(&file.path, false)?,
            IoOp::RemoveDir { dir } => self.remove(&dir.path, true)?,
            IoOp::Rename { from, to } => self.rename(&from.path, &to.path)?,
            IoOp::SyncDir { dir } => {
                let inode = self.names.directory(&dir.path).ok_or_else(not_found)?;
                self.names.sync(inode);
                self.collect();
            }
            IoOp::Space { .. } => {
                let total_bytes = self.profile.capacity_bytes;
                return Ok(IoOutput::Space { total_bytes, usable_bytes: total_bytes - self.allocated_bytes });
            }
        }
        Ok(IoOutput::Done)
    }

    fn make(&mut self, path: &str, is_dir: bool) -> Result<(), IoError> {
        let slot = self.names.slot(path).ok_or_else(not_found)?;
        if self.names.get(&slot).is_some() {
            return Err(error(IoErrorKind::AlreadyExists, "file exists"));
        }
        let inode = self.new_inode(path);
        if !is_dir {
            Arc::make_mut(&mut self.files).insert(inode, Arc::default());
        }
        self.names.link(slot, Entry { inode, is_dir });
        self.inodes.clear();
        Ok(())
    }

    /// An inode that depends on the path and not on what else was made: it is part of the address of draws.
    fn new_inode(&mut self, path: &str) -> Inode {
        let made = self.made.entry(path.into()).or_default();
        *made += 1;
        let inode = Inode(self.seed.draw(Stream::Inode, &[draw::name(path), *made]).0);
        assert!(inode != ROOT && !self.files.contains_key(&inode), "64 bits are enough for all files of a run");
        inode
    }

    fn write(&mut self, path: &str, position: u64, parts: &[Bytes]) -> Result<(), IoError> {
        let bytes = match parts {
            [part] => part.clone(),
            _ => Bytes::from(parts.concat()),
        };
        let (capacity_bytes, allocated_bytes) = (self.profile.capacity_bytes, self.allocated_bytes);
        let file = self.file_mut(path)?;
        let needed = file.current().new_bytes(position, bytes.len() as u64);
        if allocated_bytes + needed > capacity_bytes {
            return Err(error(IoErrorKind::NoSpace, "no space left on device"));
        }
        file.write(position, bytes);
        self.allocated_bytes += needed;
        Ok(())
    }

    fn remove(&mut self, path: &str, is_dir: bool) -> Result<(), IoError> {
        let slot = self.names.slot(path).ok_or_else(not_found)?;
        let entry = self.names.get(&slot).ok_or_else(not_found)?;
        if entry.is_dir != is_dir {
            return Err(error(IoErrorKind::Failed, "not of this kind"));
        }
        if is_dir && !self.names.is_empty(entry.inode) {
            return Err(error(IoErrorKind::Failed, "directory not empty"));
        }
        self.release(entry);
        self.names.unlink(slot);
        self.inodes.clear();
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), IoError> {
        let from_slot = self.names.slot(from).ok_or_else(not_found)?;
        let to_slot = self.names.slot(to).ok_or_else(not_found)?;
        let entry = self.names.get(&from_slot).ok_or_else(not_found)?;
        if let Some(replaced) = self.names.get(&to_slot) {
            let fits = replaced.is_dir == entry.is_dir && (!replaced.is_dir || self.names.is_empty(replaced.inode));
            if !fits {
                return Err(error(IoErrorKind::Failed, "the new name is taken"));
            }
            if replaced.inode != entry.inode {
                self.release(replaced);
            }
        }
        self.names.rename(from_slot, to_slot, entry);
        self.inodes.clear();
        Ok(())
    }

    /// Gives back the space of a file that loses its name.
    fn release(&mut self, entry: Entry) {
        if let Some(file) = self.files.get(&entry.inode) {
            self.allocated_bytes -= file.current().allocated_bytes();
            self.unnamed += 1;
        }
    }

    /// Forgets the files that no name stands for any more, whatever a power loss leaves: now and then, since nobody sees them.
    fn collect(&mut self) {
        if self.unnamed < UNNAMED_MAX {
            return;
        }
        self.unnamed = 0;
        let referenced = self.names.referenced();
        if self.files.keys().any(|inode| !referenced.contains(inode)) {
            Arc::make_mut(&mut self.files).retain(|inode, _| referenced.contains(inode));
        }
    }

    fn inode(&self, path: &str) -> Result<Inode, IoError> {
        let entry = self.names.slot(path).and_then(|slot| self.names.get(&slot)).ok_or_else(not_found)?;
        match entry.is_dir {
            true => Err(error(IoErrorKind::Failed, "is a directory")),
            false => Ok(entry.inode),
        }
    }

    fn file(&self, path: &str) -> Result<&FileData, IoError> {
        Ok(&self.files[&self.inode(path)?])
    }

    fn file_mut(&mut self, path: &str) -> Result<&mut FileData, IoError> {
        let inode = match self.inodes.get(path) {
            Some(inode) => *inode,
            None => {
                let inode = self.inode(path)?;
                self.inodes.insert(path.into(), inode);
                inode
            }
        };
        Arc::make_mut(&mut self.files).get_mut(&inode).map(Arc::make_mut).ok_or_else(not_found)
    }
}

fn error(kind: IoErrorKind, message: &str) -> IoError {
    IoError { kind, message: message.into() }
}

fn not_found() -> IoError {
    error(IoErrorKind::NotFound, "no such file or directory")
}
