//! Making log directories ready and finding out whose they are, one operation after the other.

use super::records::{VoterSelf, first_snapshot};
use super::snapshot::METADATA_DIR;
use super::stop::STOP_FILES;
use crate::effect::{Effect, Effects, IoOp};
use crate::event::{FoundDir, FoundFiles, IoOutput, IoResult};
use crate::ids::{FileName, FilePosition, IoId, IoOwner, LeaderEpoch, LogDirIndex, NodeId, Timestamp};
use crate::log::files::clean_shutdown;
use crate::log::files::meta_properties::{self, MetaProperties};
use crate::log::files::quorum_state::{self, QuorumState};
use crate::log::{REPLACE_SUFFIX, Replace, Replaced};
use crate::rng::{Purpose, Seed};
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;
use grete_protocol::wire::Uuid;

const META_PROPERTIES: &str = meta_properties::NAME;
const FIRST_SNAPSHOT: &str = "__cluster_metadata-0/00000000000000000000-0000000000.checkpoint";
const QUORUM_STATE: &str = "__cluster_metadata-0/quorum-state";

/// The most bytes that one of these files has.
const FILE_BYTES_MAX: u32 = 64 * 1024;

/// The boot of a node's directories.
#[derive(Clone, Debug)]
pub struct Boot {
    node: NodeId,
    endpoint: (String, String, u16),
    seed: Seed,
    now: Timestamp,
    dirs: Vec<Dir>,
    cluster_id: Option<String>,
    /// Whether the configuration says which cluster it is.
    configured: bool,
    epoch: i32,
    /// Since when only Grete has led.
    since: Option<LeaderEpoch>,
    steps: VecDeque<Step>,
    replacing: Option<Replace>,
    reading: Option<Step>,
    /// The directory of the operations that were asked for last, and how many of them are not complete.
    asked: usize,
    outstanding: usize,
    io_next: u64,
}

#[derive(Clone, Debug)]
struct Dir {
    found: FoundDir,
    directory: Option<Uuid>,
    /// Why it cannot be used.
    failed: Option<String>,
}

#[derive(Clone, Debug)]
enum Step {
    ReadMeta(usize),
    WriteMeta(usize),
    /// `meta.properties` as it was, with an id for the directory.
    CompleteMeta(usize, String),
    MakeMetadataDir,
    /// Remove a file of the directory that does not hold any more.
    Remove(usize, String),
    SyncRoot(usize),
    WriteFirstSnapshot,
    ReadQuorumState,
    WriteQuorumState,
}

/// How a boot goes on.
#[derive(Clone, Debug)]
pub enum BootOutcome {
    /// It waits for the disk.
    Waits,
    /// The directories are ready.
    Done(Booted),
    /// The node cannot start.
    Failed(String),
}

/// What a boot has found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booted {
    /// `cluster.id`.
    pub cluster_id: String,
    /// The directories, in the order of `log.dirs`.
    pub directories: Vec<Directory>,
    /// The epoch in which this node leads the metadata log.
    pub epoch: i32,
    /// The epoch since which only Grete has led here, and written to the directories.
    pub since: LeaderEpoch,
}

/// A log directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    /// Its place in `log.dirs`.
    pub dir: LogDirIndex,
    /// Its absolute path.
    pub path: String,
    /// Its id, or why it cannot be used.
    pub id: Result<Uuid, String>,
    /// Whether it was left in order by whoever used it last.
    pub clean: bool,
}

impl Boot {
    /// Begins with what was found. `endpoint` is where the controller is reached: listener, host and port.
    #[must_use]
    pub fn new(
        node: NodeId,
        endpoint: (String, String, u16),
        seed: Seed,
        now: Timestamp,
        found: &FoundFiles,
        cluster_id: Option<String>,
    ) -> Self {
        let dirs: Vec<Dir> = found
            .dirs
            .iter()
            .map(|found| Dir {
                found: found.clone(),
                directory: None,
                failed: found.entries.as_ref().err().map(|error| error.message.to_string()),
            })
            .collect();
        let read =
            dirs.iter().enumerate().filter(|(_, dir)| dir.has(META_PROPERTIES)).map(|(at, _)| Step::ReadMeta(at));
        let mut steps: VecDeque<Step> = read.collect();
        let missing = dirs.iter().enumerate().filter(|(_, dir)| dir.failed.is_none() && !dir.has(META_PROPERTIES));
        steps.extend(missing.map(|(at, _)| Step::WriteMeta(at)));
        if dirs.first().is_some_and(|first| first.has(QUORUM_STATE)) {
            steps.push_back(Step::ReadQuorumState);
        }
        for (at, dir) in dirs.iter().enumerate() {
            let outdated = dir.outdated();
            let changed = !outdated.is_empty();
            steps.extend(outdated.into_iter().map(|name| Step::Remove(at, name)));
            if at == 0 && !dir.has(METADATA_DIR) {
                steps.push_back(Step::MakeMetadataDir);
            }
            if changed || at == 0 {
                steps.push_back(Step::SyncRoot(at));
            }
        }
        if let Some(first) = dirs.first() {
            if !first.has(FIRST_SNAPSHOT) && !first.has_checkpoint() {
                steps.push_back(Step::WriteFirstSnapshot);
            }
            steps.push_back(Step::WriteQuorumState);
        }
        Self {
            node,
            endpoint,
            seed,
            now,
            dirs,
            configured: cluster_id.is_some(),
            cluster_id,
            epoch: 0,
            since: None,
            steps,
            replacing: None,
            reading: None,
            asked: 0,
            outstanding: 0,
            io_next: 0,
        }
    }

    /// Goes on, at the start and after each completion.
    pub fn advance(&mut self, completed: Option<IoResult>, effects: &mut Effects) -> BootOutcome {
        if let Some(result) = completed {
            self.outstanding -= 1;
            let reading = self.reading.take();
            match (result, reading) {
                (Ok(IoOutput::Read(bytes)), Some(step)) => {
                    if let Err(reason) = self.read(&step, &bytes) {
                        return BootOutcome::Failed(reason);
                    }
                }
                (Ok(_), _) => {}
                (Err(error), _) => self.abandon(self.asked, &error.message),
            }
            if self.is_abandoned(self.asked) && self.outstanding > 0 {
                return BootOutcome::Waits;
            }
        }
        match self.replacing.as_mut().map(Replace::completed) {
            Some(Replaced::Waits) => return BootOutcome::Waits,
            Some(Replaced::Ask(op)) => {
                self.ask(op, effects);
                return BootOutcome::Waits;
            }
            Some(Replaced::Done) | None => self.replacing = None,
        }
        loop {
            if self.is_abandoned(0) {
                return self.finish();
            }
            let Some(step) = self.steps.pop_front() else { return self.finish() };
            let ops = self.begin(step);
            if !ops.is_empty() {
                ops.into_iter().for_each(|op| self.ask(op, effects));
                return BootOutcome::Waits;
            }
        }
    }

    /// A directory cannot be used: the node starts without it, where it is not the one that holds the metadata.
    fn abandon(&mut self, at: usize, reason: &str) {
        self.replacing = None;
        self.steps.retain(|step| step.dir() != at);
        if let Some(dir) = self.dirs.get_mut(at) {
            dir.failed.get_or_insert_with(|| reason.into());
        }
    }

    fn is_abandoned(&self, at: usize) -> bool {
        self.dirs.get(at).is_some_and(|dir| dir.failed.is_some())
    }

    /// The operations of a step, all of which have to be complete before the next.
    fn begin(&mut self, step: Step) -> Vec<IoOp> {
        let read = |dir: u16, path: &str| IoOp::Read {
            file: FileName::new(LogDirIndex(dir), path),
            position: FilePosition(0),
            length: FILE_BYTES_MAX,
        };
        match step {
            Step::ReadMeta(at) => {
                self.reading = Some(step);
                vec![read(at as u16, META_PROPERTIES)]
            }
            Step::ReadQuorumState => {
                self.reading = Some(step);
                vec![read(0, QUORUM_STATE)]
            }
            Step::Remove(at, name) => vec![IoOp::Remove { file: FileName::new(LogDirIndex(at as u16), &name) }],
            Step::MakeMetadataDir => vec![IoOp::MakeDir { dir: FileName::new(LogDirIndex(0), METADATA_DIR) }],
            Step::SyncRoot(at) => vec![IoOp::SyncDir { dir: FileName::new(LogDirIndex(at as u16), "") }],
            Step::WriteMeta(at) => {
                let content = self.meta(at).encode();
                self.replace(at as u16, META_PROPERTIES, content.into())
            }
            Step::CompleteMeta(at, content) => self.replace(at as u16, META_PROPERTIES, content.into()),
            Step::WriteFirstSnapshot => {
                let directory = self.dirs.first().and_then(|dir| dir.directory).unwrap_or(Uuid::ZERO);
                let voter = VoterSelf { node: self.node.0, directory, endpoint: self.endpoint.clone() };
                let bytes = first_snapshot(&voter, self.now);
                self.replace(0, FIRST_SNAPSHOT, bytes)
            }
            Step::WriteQuorumState => {
                self.epoch += 1;
                // The voters are in the first snapshot, so that this is the version that goes with them.
                let version = quorum_state::Version::V1;
                let leader_epoch = LeaderEpoch(self.epoch);
                let grete_since = Some(*self.since.get_or_insert(leader_epoch));
                let leader = Some(self.node);
                let state = QuorumState { leader_epoch, leader, voted: None, grete_since, version };
                self.replace(0, QUORUM_STATE, state.encode().into())
            }
        }
    }

    /// What a new directory says of itself; draws what it does not know yet.
    fn meta(&mut self, at: usize) -> MetaProperties {
        let seed = self.seed;
        let cluster_id =
            self.cluster_id.get_or_insert_with(|| Uuid(seed.uuid(Purpose::ClusterId, b"", 0)).to_string()).clone();
        MetaProperties::new(cluster_id, self.node, self.new_directory_id(at))
    }

    fn new_directory_id(&mut self, at: usize) -> Uuid {
        let id = Uuid(self.seed.uuid(Purpose::DirectoryId, &(at as u64).to_be_bytes(), 0));
        if let Some(dir) = self.dirs.get_mut(at) {
            dir.directory = Some(id);
        }
        id
    }

    fn read(&mut self, step: &Step, bytes: &[u8]) -> Result<(), String> {
        match step {
            Step::ReadMeta(at) => {
                let path = self.dirs.get(*at).map_or("", |dir| &dir.found.path);
                let mut meta =
                    MetaProperties::decode(bytes).map_err(|error| format!("{path}/{META_PROPERTIES}: {error}"))?;
                if meta.node_id != self.node {
                    let (theirs, ours) = (meta.node_id, self.node);
                    return Err(format!("{path} belongs to the node {theirs}, and node.id is {ours}"));
                }
                let ours = self.cluster_id.get_or_insert_with(|| meta.cluster_id.clone());
                if *ours != meta.cluster_id {
                    let other = if self.configured { "and cluster.id is" } else { "another directory to" };
                    return Err(format!("{path} belongs to the cluster {}, {other} {ours}", meta.cluster_id));
                }
                match (meta.directory_id, self.dirs.get_mut(*at)) {
                    (Some(id), Some(dir)) => dir.directory = Some(id),
                    (None, Some(_)) => {
                        // Directories from before KIP-858 get their id now.
                        meta.directory_id = Some(self.new_directory_id(*at));
                        self.steps.push_front(Step::CompleteMeta(*at, meta.encode()));
                    }
                    (_, None) => {}
                }
                Ok(())
            }
            Step::ReadQuorumState => {
                let state = QuorumState::decode(bytes).map_err(|error| format!("{QUORUM_STATE}: {error}"))?;
                self.epoch = state.leader_epoch.0;
                self.since = state.grete_since;
                Ok(())
            }
            Step::WriteMeta(_)
            | Step::CompleteMeta(..)
            | Step::Remove(..)
            | Step::MakeMetadataDir
            | Step::SyncRoot(_)
            | Step::WriteFirstSnapshot
            | Step::WriteQuorumState => Ok(()),
        }
    }

    fn finish(&mut self) -> BootOutcome {
        if let Some((path, Some(reason))) = self.dirs.first().map(|dir| (&dir.found.path, &dir.failed)) {
            let reason = format!("the log directory {path}, which holds the metadata, cannot be used: {reason}");
            return BootOutcome::Failed(reason);
        }
        let directories = self.dirs.iter().map(|dir| Directory {
            dir: dir.found.dir,
            path: dir.found.path.clone(),
            id: match (&dir.failed, dir.directory) {
                (Some(reason), _) => Err(reason.clone()),
                (None, id) => Ok(id.unwrap_or(Uuid::ZERO)),
            },
            clean: dir.has(clean_shutdown::NAME),
        });
        BootOutcome::Done(Booted {
            cluster_id: self.cluster_id.clone().unwrap_or_default(),
            directories: directories.collect(),
            epoch: self.epoch,
            since: self.since.unwrap_or(LeaderEpoch(self.epoch)),
        })
    }

    fn replace(&mut self, dir: u16, path: &str, bytes: Bytes) -> Vec<IoOp> {
        let beside = format!("{path}{REPLACE_SUFFIX}");
        let leftover = self.dirs.get(usize::from(dir)).is_some_and(|dir| dir.has(&beside));
        let (replacing, ops) = Replace::begin(&FileName::new(LogDirIndex(dir), path), bytes, leftover);
        self.replacing = Some(replacing);
        ops
    }

    fn ask(&mut self, op: IoOp, effects: &mut Effects) {
        let io = IoId { owner: IoOwner::Directory, number: self.io_next };
        self.io_next += 1;
        self.asked = usize::from(op.file().dir.0);
        self.outstanding += 1;
        effects.push(Effect::Io { io, op });
    }
}

impl Step {
    /// The place of the directory that it is about.
    const fn dir(&self) -> usize {
        match self {
            Self::ReadMeta(at)
            | Self::WriteMeta(at)
            | Self::CompleteMeta(at, _)
            | Self::Remove(at, _)
            | Self::SyncRoot(at) => *at,
            Self::MakeMetadataDir | Self::WriteFirstSnapshot | Self::ReadQuorumState | Self::WriteQuorumState => 0,
        }
    }
}

impl Dir {
    fn has(&self, path: &str) -> bool {
        let entries = self.found.entries.as_deref().unwrap_or_default();
        entries.binary_search_by(|entry| (*entry.path).cmp(path)).is_ok()
    }

    /// What it holds of a clean stop, which ends with this start, and what a crash has left of writing that.
    fn outdated(&self) -> Vec<String> {
        let mut names = Vec::from([clean_shutdown::NAME.to_string()]);
        names.extend(STOP_FILES.map(|name| format!("{name}{REPLACE_SUFFIX}")));
        names.retain(|name| self.has(name));
        names
    }

    fn has_checkpoint(&self) -> bool {
        let entries = self.found.entries.as_deref().unwrap_or_default();
        entries.iter().any(|entry| entry.path.starts_with(METADATA_DIR) && entry.path.ends_with(".checkpoint"))
    }
}
