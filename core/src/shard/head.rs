//! What only shard 0 has: the boot of the directories, the metadata log, the controller.

use super::Shard;
use super::giants::Leaves;
use super::message::Message;
use super::outdated::Outdated;
use super::stop::Closed;
use crate::api;
use crate::api::message::{ControllerCall, Reply};
use crate::controller::{Controller, Decided, Decision, Incarnation, PRODUCER_ID_BLOCK};
use crate::effect::{Effect, Effects, IoOp, Level};
use crate::event::{FoundFiles, IoOutput, IoResult};
use crate::ids::{FileName, IoId, IoOwner, LeaderEpoch, LogDirIndex, Offset, ShardId, Ticket, TopicPartition};
use crate::limits::DECISION_RECORDS_MAX;
use crate::log::{LogConfig, ReadError, ReadTicket, Records};
use crate::metadata::{Endpoint, Fold, MetadataImage};
use crate::node::{CONTROLLER_LISTENER, Listener, ListenerRole, NodeConfig};
use crate::quorum::{
    Boot, BootOutcome, Booted, Directory, SnapshotReader, Snapshots, Stop, VoterSelf, bootstrap_records, leader_change,
    read_metadata_batch,
};
use crate::replica::{Loaded, Loader, OwnAppend};
use crate::rng::{Purpose, Seed};
use crate::time::Now;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;
use grete_protocol::ErrorCode;
use grete_protocol::messages::MetadataRecord;
use grete_protocol::messages::metadata::abort_transaction_record::AbortTransactionRecord;
use grete_protocol::wire::Uuid;

/// The name of the metadata log's topic.
const METADATA_TOPIC: &str = "__cluster_metadata";

/// What shard 0 has more than others.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) phase: Phase,
    /// What each shard goes by.
    installed: Vec<Offset>,
    /// Answers that leave once every shard goes by the metadata up to an offset.
    answers: VecDeque<(Offset, Vec<(Ticket, Decided)>)>,
    producer_ids: ProducerIds,
    /// Questions for the space of directories that wait for the disk.
    spaces: BTreeMap<Ticket, Spaces>,
    /// The operations under way that were asked for after the boot, and what counts them.
    asked: BTreeMap<IoId, Asked>,
    io_next: u64,
    appends: u64,
    pub(super) snapshots: Snapshots,
    /// This node, as a snapshot names it.
    pub(super) voter: VoterSelf,
    /// Since when only Grete has written to the directories.
    since: LeaderEpoch,
    outdated: Outdated,
    pub(super) leaves: Leaves,
    /// The shards that have closed their logs.
    pub(super) closed: BTreeMap<ShardId, Closed>,
    /// How far the directories are with being closed.
    pub(super) stop: Option<Stop>,
}

/// What an operation on what belongs to a whole directory is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// A step with snapshots.
    Snapshot,
    /// The space of a directory.
    Space(Ticket, LogDirIndex),
    /// Removing a file that does not hold any more.
    Outdated(LogDirIndex),
    /// Making names durable that nothing waits for.
    Names,
    /// A step of the stop.
    Stop,
}

type Spaces = BTreeMap<LogDirIndex, Option<Result<(u64, u64), ErrorCode>>>;

/// How far shard 0 is.
#[derive(Clone, Debug)]
pub(super) enum Phase {
    /// The directories are made ready.
    Directories(Boot),
    /// The metadata log is opened.
    Opening(Booted),
    /// A snapshot of the metadata is read.
    Snapshot(Booted, Box<SnapshotReader>),
    /// The metadata log is read, from where the snapshot ends.
    Loading(Booted, Loader, Box<Fold>),
    /// It controls the cluster. The directories are still to be announced, with the first image, once the node's
    /// registration is durable.
    Controlling(Controller, Option<Vec<Directory>>),
}

/// The producer ids that can be handed out.
#[derive(Clone, Debug, Default)]
struct ProducerIds {
    next: i64,
    end: i64,
    asked: bool,
    waiting: VecDeque<Ticket>,
}

/// Operations of the boot are numbered from 0, later ones from here.
const IO_AFTER_BOOT: u64 = 1 << 32;

impl Head {
    pub(super) fn boot(node: &NodeConfig, shards: u16, seed: Seed, now: Now, found: &FoundFiles) -> Self {
        let endpoint = controller_endpoint(node);
        let voter = VoterSelf { node: node.node_id.0, directory: Uuid::ZERO, endpoint: endpoint.clone() };
        let boot = Boot::new(node.node_id, endpoint, seed, now.wall, found, node.cluster_id.clone());
        Self {
            phase: Phase::Directories(boot),
            installed: vec![Offset(-1); usize::from(shards)],
            answers: VecDeque::new(),
            producer_ids: ProducerIds::default(),
            spaces: BTreeMap::new(),
            asked: BTreeMap::new(),
            io_next: IO_AFTER_BOOT,
            appends: 0,
            snapshots: Snapshots::new(found.dirs.first(), node.metadata_snapshot_bytes),
            voter,
            since: LeaderEpoch(0),
            outdated: Outdated::new(found, shards),
            leaves: Leaves::default(),
            closed: BTreeMap::new(),
            stop: None,
        }
    }

    /// Asks for an operation on what belongs to a whole directory.
    pub(super) fn ask(&mut self, asked: Asked, op: IoOp, effects: &mut Effects) {
        let io = IoId { owner: IoOwner::Directory, number: self.io_next };
        self.io_next += 1;
        self.asked.insert(io, asked);
        effects.push(Effect::Io { io, op });
    }

    /// A shard serves, and has taken over its logs in these directories. When all do, what says so of them goes.
    pub(super) fn shard_serves(&mut self, shard: ShardId, proven: &BTreeSet<LogDirIndex>, effects: &mut Effects) {
        for file in self.outdated.shard_serves(shard, proven) {
            self.ask(Asked::Outdated(file.dir), IoOp::Remove { file }, effects);
        }
    }

    fn outdated_removed(&mut self, dir: LogDirIndex, result: &IoResult, effects: &mut Effects) {
        if let Err(error) = result {
            let text = format!("A file that does not hold any more could not be removed: {}.", error.message);
            effects.notice(Level::Warn, text);
        }
        if !self.asked.values().any(|asked| *asked == Asked::Outdated(dir)) {
            self.ask(Asked::Names, IoOp::SyncDir { dir: FileName::new(dir, "") }, effects);
        }
    }

    pub(super) fn check_invariants(&self) {
        if let Phase::Controlling(controller, _) = &self.phase {
            controller.check_invariants();
        }
    }
}

impl Shard {
    /// An operation on a directory's own files has ended.
    pub(super) fn directory_io(&mut self, now: Now, io: IoId, result: IoResult, effects: &mut Effects) {
        let Some(head) = &mut self.head else { return };
        let (ticket, dir) = match head.asked.remove(&io) {
            // The boot of the directories counts its own operations.
            None => return self.advance_boot(now, Some(result), effects),
            Some(Asked::Snapshot) => return self.snapshot_io(now, result, effects),
            Some(Asked::Stop) => return self.advance_stop(Some(result), effects),
            Some(Asked::Outdated(dir)) => return head.outdated_removed(dir, &result, effects),
            Some(Asked::Names) => return,
            Some(Asked::Space(ticket, dir)) => (ticket, dir),
        };
        let space = match result {
            Ok(IoOutput::Space { total_bytes, usable_bytes }) => Ok((total_bytes, usable_bytes)),
            Ok(_) | Err(_) => Err(ErrorCode::KafkaStorageError),
        };
        if let Some(spaces) = head.spaces.get_mut(&ticket) {
            spaces.insert(dir, Some(space));
            if spaces.values().all(Option::is_some) {
                let spaces = head.spaces.remove(&ticket).unwrap_or_default();
                let spaces = spaces.into_iter().filter_map(|(dir, space)| Some((dir, space?))).collect();
                self.tell(ticket.shard, Message::Reply(ticket, Reply::Spaces(spaces)));
            }
        }
    }

    /// Asks for the space of each directory.
    pub(super) fn ask_spaces(&mut self, ticket: Ticket, effects: &mut Effects) {
        let directories = self.directories.clone();
        let Some(head) = &mut self.head else { return };
        let mut spaces = Spaces::new();
        for directory in directories.iter() {
            if directory.id.is_err() {
                spaces.insert(directory.dir, Some(Err(ErrorCode::KafkaStorageError)));
                continue;
            }
            let space = IoOp::Space { dir: FileName::new(directory.dir, "") };
            head.ask(Asked::Space(ticket, directory.dir), space, effects);
            spaces.insert(directory.dir, None);
        }
        head.spaces.insert(ticket, spaces);
    }

    /// Goes on making the directories ready.
    pub(super) fn advance_boot(&mut self, now: Now, completed: Option<IoResult>, effects: &mut Effects) {
        let Some(Head { phase: Phase::Directories(boot), .. }) = &mut self.head else { return };
        match boot.advance(completed, effects) {
            BootOutcome::Waits => {}
            BootOutcome::Failed(reason) => effects.push(Effect::Failed { reason }),
            BootOutcome::Done(booted) => {
                // Segments are as long as what lies between two snapshots, so that a snapshot frees some.
                let segment_bytes = self.node.metadata_snapshot_bytes.clamp(1 << 12, 1 << 30) as u32;
                let config = LogConfig { retention_ms: -1, retention_bytes: -1, segment_bytes, ..LogConfig::default() };
                let config = Arc::new(config);
                let partition = TopicPartition::CLUSTER_METADATA;
                self.start_store(now, booted.since, &booted.directories, effects);
                self.store.open(now, partition, METADATA_TOPIC, LogDirIndex(0), config.clone(), effects);
                self.replicas.lead(partition, LeaderEpoch(booted.epoch), config);
                let open = self.is_settled(partition);
                if let Some(head) = &mut self.head {
                    head.phase = Phase::Opening(booted);
                }
                if open {
                    self.metadata_opened(now, effects);
                }
            }
        }
    }

    /// The metadata log can be read.
    pub(super) fn metadata_opened(&mut self, now: Now, effects: &mut Effects) {
        // The loader reads what is durable: all of it has to be.
        if !self.is_settled(TopicPartition::CLUSTER_METADATA) {
            return;
        }
        let Some(head) = &mut self.head else { return };
        let Phase::Opening(booted) = &head.phase else { return };
        let empty = MetadataImage::new(&booted.cluster_id, self.node.topic_defaults.clone())
            .on_node(self.node.node_id, self.node.properties.clone());
        let reader = Box::new(head.snapshots.reader(empty));
        head.phase = Phase::Snapshot(booted.clone(), reader);
        self.read_snapshot(now, None, effects);
    }

    /// A read has ended; whether it was for the metadata.
    pub(super) fn head_read(
        &mut self,
        now: Now,
        ticket: ReadTicket,
        result: &Result<Records, ReadError>,
        effects: &mut Effects,
    ) -> bool {
        let Some(Head { phase: Phase::Loading(_, loader, _), .. }) = &mut self.head else { return false };
        if !loader.awaits(ticket) {
            return false;
        }
        let loaded = loader.brought(result.clone());
        self.load_metadata(now, Some(loaded), effects);
        true
    }

    pub(super) fn load_metadata(&mut self, now: Now, mut brought: Option<Loaded>, effects: &mut Effects) {
        loop {
            let Some(Head { phase: Phase::Loading(_, loader, fold), snapshots, .. }) = &mut self.head else { return };
            let loaded = match brought.take() {
                Some(loaded) => loaded,
                None => loader.advance(&mut self.store, effects),
            };
            match loaded {
                Loaded::Waits => return,
                Loaded::Batches(records) => {
                    let bytes = records.batches.iter().flat_map(|batch| &batch.parts).map(Bytes::len);
                    snapshots.appended(bytes.sum());
                    if let Err(reason) = replay(fold, &records) {
                        effects.push(Effect::Failed { reason: format!("the metadata log cannot be read: {reason}") });
                        return;
                    }
                }
                Loaded::Failed(error) => {
                    effects.push(Effect::Failed { reason: format!("the metadata log cannot be read: {error}") });
                    return;
                }
                Loaded::Done => return self.register(now, effects),
            }
        }
    }

    /// Becomes the controller, and registers the node.
    fn register(&mut self, now: Now, effects: &mut Effects) {
        let Some(head) = &mut self.head else { return };
        let Phase::Loading(booted, _, fold) = &head.phase else { return };
        let booted = booted.clone();
        let directory = booted.directories.first().and_then(|dir| dir.id.clone().ok()).unwrap_or(Uuid::ZERO);
        let (mut image, is_open) = fold.clone().finish();
        if let Some(reason) = image.features.too_new() {
            effects.push(Effect::Failed { reason });
            return;
        }
        for (name, level) in image.features.unknown() {
            let text = format!("The cluster has {name} at level {level}, which this broker does not serve.");
            effects.notice(Level::Warn, text);
        }
        image.controller = self.node.node_id;
        image.epoch = booted.epoch;
        image.controller_directory = directory.0;
        let is_new = image.features.levels.is_empty();
        head.voter.directory = directory;
        let batch = leader_change(&head.voter, booted.epoch, is_new, now.wall);
        let controller = Controller::new(self.node.node_id, booted.epoch, self.seed, self.node.topics, image);
        let for_partitions = booted.directories.iter().skip(usize::from(self.node.metadata_dir_apart));
        let incarnation = Incarnation {
            id: Uuid(self.seed.uuid(Purpose::IncarnationId, b"", 0)),
            endpoints: self.node.listeners_of(ListenerRole::Broker).map(endpoint).collect(),
            rack: self.node.rack.clone(),
            log_dirs: for_partitions.filter_map(|directory| directory.id.clone().ok()).collect(),
        };
        head.since = booted.since;
        head.phase = Phase::Controlling(controller, Some(booted.directories));
        self.append_metadata(now, batch, effects);
        if is_open {
            // KIP-868: whoever wrote before has not finished a transaction.
            let records = vec![MetadataRecord::AbortTransaction(AbortTransactionRecord::default())];
            self.decide(now, Decision { records, decided: Decided::Done }, None, effects);
        }
        if is_new {
            let records = bootstrap_records();
            self.decide(now, Decision { records, decided: Decided::Done }, None, effects);
        }
        let base = self.metadata_end();
        if let Some(Head { phase: Phase::Controlling(controller, _), .. }) = &self.head {
            let decision = controller.register(base, &incarnation);
            self.decide(now, decision, None, effects);
        }
        while let Some(decision) = self.controller_mut().and_then(|controller| controller.elect_own()) {
            self.decide(now, decision, None, effects);
        }
    }

    /// Fences the node's registration: it is about to stop.
    pub(super) fn fence_node(&mut self, now: Now, effects: &mut Effects) {
        if let Some(decision) = self.controller_mut().and_then(|controller| controller.fence()) {
            self.decide(now, decision, None, effects);
        }
    }

    /// The epoch that the node is registered with, durably.
    pub(super) fn broker_epoch(&self) -> Option<i64> {
        match &self.head.as_ref()?.phase {
            Phase::Controlling(controller, _) => {
                controller.committed().brokers.get(&self.node.node_id).map(|broker| broker.epoch)
            }
            Phase::Directories(_) | Phase::Opening(_) | Phase::Snapshot(..) | Phase::Loading(..) => None,
        }
    }

    fn controller_mut(&mut self) -> Option<&mut Controller> {
        match &mut self.head.as_mut()?.phase {
            Phase::Controlling(controller, _) => Some(controller),
            Phase::Directories(_) | Phase::Opening(_) | Phase::Snapshot(..) | Phase::Loading(..) => None,
        }
    }

    fn metadata_end(&self) -> Offset {
        self.store.state(TopicPartition::CLUSTER_METADATA).map_or(Offset::ZERO, |state| state.log_end)
    }

    /// Something is asked of the controller.
    pub(super) fn controller_call(&mut self, now: Now, ticket: Ticket, call: ControllerCall, effects: &mut Effects) {
        match call {
            ControllerCall::Request(request) => {
                let Some(controller) = self.controller_mut() else { return };
                match api::controller::decide(controller, now, &request) {
                    Ok(decision) if decision.records.len() > DECISION_RECORDS_MAX => {
                        let text = "Unable to perform excessively large batch operation.".into();
                        self.tell(ticket.shard, Message::Reply(ticket, Reply::Controller(Decided::Refused(text))));
                    }
                    Ok(decision) => self.decide(now, decision, Some(ticket), effects),
                    Err(refusal) => {
                        let reply = Reply::Controller(Decided::Refused(refusal.to_string()));
                        self.tell(ticket.shard, Message::Reply(ticket, reply));
                    }
                }
            }
            ControllerCall::EnsureTopics(names) => {
                let Some(controller) = self.controller_mut() else { return };
                let decision = controller.ensure_topics(&names);
                self.decide(now, decision, Some(ticket), effects);
            }
            ControllerCall::ProducerId => {
                if let Some(head) = &mut self.head {
                    head.producer_ids.waiting.push_back(ticket);
                    self.hand_out_producer_ids(now, effects);
                }
            }
        }
    }

    /// Hands out producer ids as far as there are some, and asks for more.
    fn hand_out_producer_ids(&mut self, now: Now, effects: &mut Effects) {
        let Some(head) = &mut self.head else { return };
        let mut answered = Vec::new();
        let ids = &mut head.producer_ids;
        while ids.next < ids.end
            && let Some(ticket) = ids.waiting.pop_front()
        {
            answered.push((ticket, ids.next));
            ids.next += 1;
        }
        let more = !ids.waiting.is_empty() && !ids.asked;
        ids.asked |= more;
        for (ticket, id) in answered {
            self.tell(ticket.shard, Message::Reply(ticket, Reply::Controller(Decided::ProducerIds(id))));
        }
        if more && let Some(controller) = self.controller_mut() {
            let decision = controller.allocate_producer_ids();
            self.decide(now, decision, None, effects);
        }
    }

    /// Appends a decision; what it tells leaves later.
    fn decide(&mut self, now: Now, decision: Decision, ticket: Option<Ticket>, effects: &mut Effects) {
        // A block of producer ids is for this shard itself.
        let ids = match &decision.decided {
            Decided::ProducerIds(first) => Some(*first),
            _ => None,
        };
        let base = self.metadata_end();
        let ticket = ticket.or_else(|| ids.map(|_| self.own_ticket()));
        let Some(controller) = self.controller_mut() else { return };
        match controller.take(now.wall, base, decision, ticket) {
            Ok(batch) => self.append_metadata(now, batch, effects),
            Err(Some((ticket, decided))) => {
                self.tell(ticket.shard, Message::Reply(ticket, Reply::Controller(decided)));
            }
            Err(None) => {}
        }
    }

    /// Stands for this shard where the controller answers itself: no connection has the number 0.
    fn own_ticket(&self) -> Ticket {
        Ticket { shard: self.shard, connection: crate::ids::ConnectionId(0), sequence: 0, part: 0 }
    }

    fn append_metadata(&mut self, now: Now, batch: Bytes, effects: &mut Effects) {
        let Some(head) = &mut self.head else { return };
        head.snapshots.appended(batch.len());
        let append = OwnAppend(head.appends);
        head.appends += 1;
        let appended = self.with_replicas(now, effects, |replicas, work| {
            replicas.append_own(work, TopicPartition::CLUSTER_METADATA, append, batch)
        });
        if let Err(error) = appended {
            effects.push(Effect::Failed { reason: format!("the metadata log cannot be written: {error}") });
        }
    }

    /// More of the metadata log is durable, or cannot be.
    pub(super) fn metadata_committed(&mut self, now: Now, outcome: Result<(), ErrorCode>, effects: &mut Effects) {
        if let Err(error) = outcome {
            effects.push(Effect::Failed { reason: format!("the metadata log cannot be written: {error}") });
            return;
        }
        let end = self.store.state(TopicPartition::CLUSTER_METADATA).map_or(Offset::ZERO, |state| state.durable_end);
        let Some(head) = &mut self.head else { return };
        let Phase::Controlling(controller, directories) = &mut head.phase else { return };
        let Some((image, answers)) = controller.committed_to(end) else { return };
        head.answers.push_back((image.end, answers));
        let message = match directories.take_if(|_| controller.is_settled()) {
            Some(directories) => Message::Boot(Arc::new(directories), image, head.since),
            None if directories.is_some() => return,
            None => Message::Image(image),
        };
        for shard in 0..self.shards {
            self.tell(ShardId(shard), message.clone());
        }
        self.snapshot_if_due(now, effects);
    }

    /// A shard goes by the metadata up to `end`.
    pub(super) fn installed(&mut self, now: Now, from: ShardId, end: Offset, effects: &mut Effects) {
        if let Some(head) = &mut self.head
            && let Some(installed) = head.installed.get_mut(usize::from(from.0))
        {
            *installed = end.max(*installed);
        }
        let Some(head) = &mut self.head else { return };
        let all = head.installed.iter().min().copied().unwrap_or(Offset(-1));
        let mut free = Vec::new();
        while let Some((_, answers)) = head.answers.pop_front_if(|(end, _)| *end <= all) {
            free.extend(answers);
        }
        let own = self.own_ticket();
        for (ticket, decided) in free {
            match decided {
                Decided::ProducerIds(first) if ticket == own => self.add_producer_ids(now, first, effects),
                decided => self.tell(ticket.shard, Message::Reply(ticket, Reply::Controller(decided))),
            }
        }
    }

    /// A block of producer ids is this node's.
    fn add_producer_ids(&mut self, now: Now, first: i64, effects: &mut Effects) {
        if let Some(head) = &mut self.head {
            let waiting = core::mem::take(&mut head.producer_ids.waiting);
            head.producer_ids = ProducerIds { next: first, end: first + PRODUCER_ID_BLOCK, asked: false, waiting };
        }
        self.hand_out_producer_ids(now, effects);
    }

    /// A log directory is out of service. A disk that has failed one shard is not to be trusted by the others: shard 0 tells
    /// them, and the operator, once. Without the directory that holds the metadata the node cannot go on.
    pub(super) fn dir_offline(&mut self, dir: LogDirIndex, reason: &str, effects: &mut Effects) {
        if self.head.is_none() {
            self.tell(ShardId(0), Message::DirFailed(dir, reason.into()));
            return;
        }
        let path = self.node.log_dirs.get(usize::from(dir.0)).cloned().unwrap_or_default();
        let metadata = dir == LogDirIndex(0);
        if !metadata {
            effects.notice(Level::Error, format!("The log directory {path} is out of service: {reason}"));
        }
        for shard in (1..self.shards).map(ShardId) {
            self.tell(shard, Message::DirFailed(dir, reason.into()));
        }
        if metadata {
            let reason = format!("the log directory {path}, which holds the metadata, has failed: {reason}");
            effects.push(Effect::Failed { reason });
        }
    }
}

/// Applies what was read of the metadata log.
fn replay(fold: &mut Fold, records: &Records) -> Result<(), String> {
    for batch in &records.batches {
        let bytes = batch.parts.concat();
        read_metadata_batch(&bytes, |offset, record| fold.replay(offset, record).map_err(|error| error.to_string()))?;
        fold.set_end(batch.last_offset.plus(1));
    }
    Ok(())
}

/// Where the controller is reached: listener, host and port. A node without a listener of the controller's answers for it
/// on its first one, under the name that Kafka's controllers have theirs by.
fn controller_endpoint(node: &NodeConfig) -> (String, String, u16) {
    let own = node.listeners_of(ListenerRole::Controller).next();
    let Some(listener) = own.or_else(|| node.listeners.first()) else { return Default::default() };
    let (host, port) = listener.endpoint();
    (own.map_or(CONTROLLER_LISTENER.into(), |own| own.name.clone()), host, port)
}

/// A listener as the node registers it.
fn endpoint(listener: &Listener) -> Endpoint {
    let (host, port) = listener.endpoint();
    Endpoint { name: listener.name.as_str().into(), host: host.into(), port, security_protocol: 0 }
}
