//! A shard: one of the state machines that a node consists of. It owns connections, partitions and timers, and runs on one
//! core; shard 0 also has the controller and the files of whole directories.
//!
//! Invariants:
//! 1. A step never blocks, and does what its events ask for and no more: all work is bounded by them.
//! 2. What one shard needs of another it asks for by message; with one request outstanding in the world, any number of
//!    shards gives the same answers.
//! 3. A piece of work is answered once.

mod config;
mod connections;
mod frames;
mod giants;
mod groups;
mod head;
mod install;
mod message;
mod outdated;
mod pipeline;
mod refusals;
mod requests;
mod snapshots;
mod stop;
mod view;
mod work;

pub use config::ShardConfig;

use crate::api::front::{Client, Request};
use crate::api::message::Call;
use crate::effect::{Effect, Effects};
use crate::event::{Event, FoundFiles};
use crate::fetch::SessionCache;
use crate::group::Topics;
use crate::ids::{ConnectionId, IoOwner, ShardId, Ticket, TopicPartition};
use crate::limits::{ANSWER_BYTES_MAX, FETCH_SESSIONS_BYTES_MAX, FRAME_BYTES_MAX, FRAME_SHARE_BYTES_MIN};
use crate::log::{LogStore, LogStoreConfig};
use crate::metadata::MetadataImage;
use crate::node::NodeConfig;
use crate::quorum::Directory;
use crate::replica::Replicas;
use crate::rng::Seed;
use crate::time::{Instant, Now};
use crate::timer::Timers;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;
use connections::{Connections, HeldBack};
use core::time::Duration;
use giants::Leave;
use groups::Coordinators;
use head::Head;
use message::Message;
use pipeline::Sequence;
use refusals::Refusals;
use requests::{Timer, UnderWay};

/// A shard.
#[derive(Clone, Debug)]
pub struct Shard {
    shard: ShardId,
    shards: u16,
    node: Arc<NodeConfig>,
    seed: Seed,
    stage: Stage,
    directories: Arc<Vec<Directory>>,
    image: Arc<MetadataImage>,
    store: LogStore,
    replicas: Replicas,
    coordinators: Coordinators,
    /// The topics of the image, as groups know them.
    topics: Arc<Topics>,
    connections: Connections,
    requests: BTreeMap<(ConnectionId, Sequence), UnderWay>,
    /// Requests that wait for answers to leave before they begin, in their order.
    held_back: HeldBack,
    parked: BTreeMap<(ConnectionId, Sequence), Request>,
    sessions: SessionCache,
    timers: Timers<Timer>,
    refusals: Refusals,
    /// Whether a giant may hold more than there is room for.
    leave: Leave,
    /// What this shard has told itself.
    inbox: VecDeque<Message>,
    /// What is said to other shards.
    outbox: Vec<(ShardId, Message)>,
    /// Shard 0 only.
    head: Option<Head>,
}

/// How far a shard is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stage {
    /// It waits for the directories and the metadata.
    Booting,
    /// Its logs are being opened: these are not yet, or what was found of them is not yet durable again.
    Opening(BTreeSet<TopicPartition>),
    Serving,
    Stopping,
    Stopped,
}

impl Shard {
    /// Begins a shard's life. What it needs of the disk it asks for by effects.
    pub fn boot(config: ShardConfig, seed: Seed, found: FoundFiles, now: Now, effects: &mut Effects) -> Self {
        let ShardConfig { shard, shards, node } = config;
        assert!(shard.0 < shards, "a shard is one of the node's");
        let logs = LogStoreConfig { shard, shards, ..node.logs.clone() };
        let image = Arc::new(
            MetadataImage::new("", node.topic_defaults.clone()).on_node(node.node_id, node.properties.clone()),
        );
        let share = |bytes: usize| bytes / usize::from(shards);
        let slots = node.fetch_sessions_max / usize::from(shards);
        let eviction = Duration::from_millis(node.fetch_session_eviction_ms);
        let mut this = Self {
            shard,
            shards,
            seed,
            stage: Stage::Booting,
            directories: Arc::default(),
            image,
            store: LogStore::boot(logs, &found, now, effects),
            replicas: Replicas::default(),
            coordinators: Coordinators::new(node.groups.clone(), shards, seed),
            topics: Arc::default(),
            connections: Connections::new(
                share(FRAME_BYTES_MAX).max(FRAME_SHARE_BYTES_MIN),
                share(ANSWER_BYTES_MAX),
                node.request_bytes_max,
                node.topic_defaults.max_message_bytes,
            ),
            requests: BTreeMap::new(),
            held_back: HeldBack::new(),
            parked: BTreeMap::new(),
            sessions: SessionCache::new(slots, share(FETCH_SESSIONS_BYTES_MAX), eviction),
            timers: Timers::default(),
            refusals: Refusals::default(),
            leave: Leave::default(),
            inbox: VecDeque::new(),
            outbox: Vec::new(),
            head: (shard == ShardId(0)).then(|| Head::boot(&node, shards, seed, now, &found)),
            node,
        };
        this.advance_boot(now, None, effects);
        this.settle(now, effects);
        this
    }

    /// Takes what has happened, at one moment.
    pub fn step(&mut self, now: Now, events: &mut VecDeque<Event>, effects: &mut Effects) {
        self.forgive_pause(now);
        while let Some(event) = events.pop_front() {
            self.event(now, event, effects);
            self.pump(now, effects);
        }
        self.store.tick(now, effects);
        if !self.is_stopping() {
            self.coordinators.on_timer(now, &mut self.store, effects);
        }
        while let Some(timer) = self.timers.pop_due(now.instant) {
            match timer {
                Timer::Request(id, sequence) => self.request_due(now, id, sequence, effects),
                Timer::Idle(id) => self.idle_due(now, id, effects),
                Timer::HungUp(id) => self.hung_up_due(now, id, effects),
                Timer::Stalled => self.stalled_due(now, effects),
            }
            self.pump(now, effects);
        }
        self.begin_held_back(now, effects);
        self.watch_stalled(now);
        self.mind_leave();
        self.settle(now, effects);
    }

    /// When the shard wants a step though nothing happens.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        let coordinators = if self.is_stopping() { None } else { self.coordinators.next_deadline() };
        self.timers.next().into_iter().chain(self.store.next_deadline()).chain(coordinators).min()
    }

    /// Asserts the invariants of the whole state.
    pub fn check_invariants(&self) {
        self.store.check_invariants();
        self.replicas.check_invariants(&self.store);
        self.coordinators.check_invariants();
        self.connections.check_invariants(self.requests.values().map(UnderWay::granted).sum());
        for ((id, sequence), under_way) in &self.requests {
            under_way.check_invariants(self.connections.is_charged(*id, *sequence));
        }
        self.sessions.check_invariants();
        self.timers.check_invariants();
        self.image.check_invariants();
        if let Some(head) = &self.head {
            head.check_invariants();
        }
    }

    fn event(&mut self, now: Now, event: Event, effects: &mut Effects) {
        match event {
            Event::Opened { connection, listener, peer, local } => {
                self.opened(now, Client { connection, listener, peer, local }, effects);
            }
            Event::Announced { connection, length, api_key, .. } => {
                self.announced(now, connection, length, api_key, effects)
            }
            Event::Arrived { connection } => self.arrived(now, connection, effects),
            Event::Frame { connection, frame } => self.frame(now, connection, frame, effects),
            Event::HungUp { connection } => self.hung_up(now, connection),
            Event::Ended { connection } => self.ended(now, connection, effects),
            Event::Closed { connection } => self.closed(now, connection, effects),
            Event::Sent { connection, .. } => self.sent(now, connection, effects),
            Event::Io { io, result } => match io.owner {
                IoOwner::Log => self.store.on_io(now, io, result, effects),
                IoOwner::Directory => self.directory_io(now, io, result, effects),
            },
            // What it would be appended for is not answered any more.
            Event::JobDone { .. } if self.is_stopping() => {}
            Event::JobDone { job, output } => self.job_done(now, job, output, effects),
            Event::FromShard { from, message } => self.receive(now, from, Message::unwrap(message), effects),
            Event::Shutdown => self.shutdown(now, effects),
        }
    }

    /// Does all that can be done without the world.
    fn pump(&mut self, now: Now, effects: &mut Effects) {
        loop {
            // First of all: a coordinator hears what became of its append before anything else reaches it.
            if !self.is_stopping()
                && let Some(wanted) = self.coordinators.pop(effects)
            {
                self.coordinator_wants(now, wanted, effects);
            } else if let Some(message) = self.inbox.pop_front() {
                self.receive(now, self.shard, message, effects);
            } else if let Some(event) = self.store.next_event() {
                self.log_event(now, event, effects);
            } else {
                return;
            }
        }
    }

    /// Ends a step: what was appended goes to the disk, what was said to other shards.
    fn settle(&mut self, now: Now, effects: &mut Effects) {
        self.pump(now, effects);
        self.store.end_step(now, effects);
        self.pump(now, effects);
        self.opened_logs(now, effects);
        self.pump(now, effects);
        for (to, message) in self.outbox.drain(..) {
            effects.push(Effect::ToShard { to, message: message.wrap() });
        }
    }

    fn receive(&mut self, now: Now, from: ShardId, message: Message, effects: &mut Effects) {
        match message {
            Message::Call(..) | Message::Boot(..) | Message::Image(_) if self.is_stopping() => {}
            Message::Call(ticket, call) => self.call(now, ticket, call, effects),
            Message::Reply(ticket, reply) => self.replied(now, ticket, reply, effects),
            Message::Boot(directories, image, since) => {
                if self.head.is_none() {
                    self.start_store(now, since, &directories, effects);
                }
                self.directories = directories;
                self.stage = Stage::Opening(BTreeSet::new());
                self.install(now, image, effects);
                self.opened_logs(now, effects);
            }
            Message::Image(image) => self.install(now, image, effects),
            Message::Serving(proven) => {
                if let Some(head) = &mut self.head {
                    head.shard_serves(from, &proven, effects);
                }
            }
            Message::Installed(end) => self.installed(now, from, end, effects),
            Message::DirFailed(dir, reason) => self.store.take_offline(dir, &reason),
            Message::Leave(message) => self.leave_told(now, from, message, effects),
            Message::Closed(closed) => self.shard_closed(from, closed, effects),
        }
    }

    /// Says something to a shard, which may be this one.
    fn tell(&mut self, to: ShardId, message: Message) {
        if to == self.shard {
            self.inbox.push_back(message);
        } else {
            self.outbox.push((to, message));
        }
    }

    /// Hands out the calls that a request makes.
    fn hand_out(&mut self, calls: Vec<(ShardId, Ticket, Call)>) {
        for (shard, ticket, call) in calls {
            self.tell(shard, Message::Call(ticket, call));
        }
    }
}
