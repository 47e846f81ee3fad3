//! One shard's thread: the core's state machine, its connections, and the way between them.
//!
//! Everything of a shard runs on one thread, so that a frame goes from its socket into the core, and the answer back, without
//! another thread having a say. Only file operations and jobs go elsewhere.

use crate::admission::Admission;
use crate::clock::Clock;
use crate::disk::Disk;
use crate::net::{Connection, Inbox};
use grete_core::effect::{Effect, Effects, Job, Level, Notice, ShardMessage};
use grete_core::event::{Event, FoundFiles};
use grete_core::ids::{ConnectionId, JobId, ListenerIndex, ShardId};
use grete_core::limits::STEP_EVENTS_MAX;
use grete_core::rng::Seed;
use grete_core::shard::{Shard, ShardConfig};
use std::collections::{HashMap, VecDeque};
use std::net::TcpStream;
use std::rc::Rc;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::task::LocalSet;

/// What other threads send to a shard's thread.
pub enum ToShard {
    /// A connection that was accepted for it.
    Accepted {
        /// The connection's number.
        connection: ConnectionId,
        /// The listener that took it.
        listener: ListenerIndex,
        /// The socket.
        stream: TcpStream,
        /// Its leave to be there.
        admission: Admission,
    },
    /// A message from another shard.
    Message {
        /// The sender.
        from: ShardId,
        /// What it said.
        message: ShardMessage,
    },
    /// The node is to stop.
    Shutdown,
}

/// What a shard's thread tells the node.
pub enum FromShard {
    /// It serves.
    Ready,
    /// It has stopped in order.
    Stopped,
    /// It cannot go on.
    Failed(String),
}

/// What a shard's thread is started with.
pub struct Start {
    /// The shard's configuration.
    pub config: ShardConfig,
    /// The seed of this boot.
    pub seed: Seed,
    /// What the log directories hold.
    pub found: FoundFiles,
    /// Its clock, shared by all shards.
    pub clock: Clock,
    /// Messages and connections for it.
    pub receiver: UnboundedReceiver<ToShard>,
    /// The shards of the node, itself included.
    pub shards: Vec<UnboundedSender<ToShard>>,
    /// The workers of the log directories.
    pub workers: std::sync::Arc<crate::disk::Workers>,
    /// The workers that run jobs.
    pub jobs: crate::jobs::Jobs,
    /// Where it reports.
    pub node: UnboundedSender<FromShard>,
}

/// Runs a shard until its channel closes.
pub fn run(start: Start) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    LocalSet::new().block_on(&runtime, drive(start));
    Ok(())
}

async fn drive(start: Start) {
    let Start { config, seed, found, clock, mut receiver, shards, workers, jobs, node } = start;
    let shard = config.shard;
    let (completions, mut completed) = tokio::sync::mpsc::unbounded_channel();
    let mut thread = Thread {
        shard,
        inbox: Rc::default(),
        connections: HashMap::new(),
        disk: Disk::new(workers, completions.clone()),
        jobs,
        completions,
        shards,
        node,
    };
    let mut effects = Effects::new();
    let mut core = Shard::boot(config, seed, found, clock.now(), &mut effects);
    thread.carry_out(&mut effects);
    let mut events = VecDeque::new();
    loop {
        while let Ok(event) = completed.try_recv() {
            thread.note(&event);
            events.push_back(event);
        }
        while let Ok(message) = receiver.try_recv() {
            events.extend(thread.receive(message));
        }
        events.append(&mut thread.inbox.events.borrow_mut());
        let now = clock.now();
        let due = core.next_deadline().is_some_and(|deadline| deadline <= now.instant);
        if !events.is_empty() || due {
            let mut batch: VecDeque<Event> = events.drain(..events.len().min(STEP_EVENTS_MAX)).collect();
            thread.handed_over(&batch);
            core.step(now, &mut batch, &mut effects);
            thread.carry_out(&mut effects);
            // The sockets get their turn between two steps.
            tokio::task::yield_now().await;
            continue;
        }
        let deadline = core.next_deadline().map(|deadline| clock.until(deadline));
        tokio::select! {
            event = completed.recv() => if let Some(event) = event {
                thread.note(&event);
                events.push_back(event);
            },
            message = receiver.recv() => match message {
                Some(message) => events.extend(thread.receive(message)),
                None => return,
            },
            () = thread.inbox.bell.notified() => {}
            () = sleep(deadline) => {}
        }
    }
}

async fn sleep(duration: Option<std::time::Duration>) {
    match duration {
        Some(duration) => tokio::time::sleep(duration).await,
        None => std::future::pending().await,
    }
}

struct Thread {
    shard: ShardId,
    inbox: Rc<Inbox>,
    connections: HashMap<ConnectionId, Rc<Connection>>,
    disk: Disk,
    jobs: crate::jobs::Jobs,
    completions: UnboundedSender<Event>,
    shards: Vec<UnboundedSender<ToShard>>,
    node: UnboundedSender<FromShard>,
}

impl Thread {
    /// Looks at a completion before the core does.
    fn note(&mut self, event: &Event) {
        if let Event::Io { io, .. } = event {
            self.disk.completed(*io);
        }
    }

    /// Looks at what the core is about to take: a connection that is gone is forgotten, one whose frames are taken may hand
    /// over more once the core has said whether it wants them.
    fn handed_over(&mut self, batch: &VecDeque<Event>) {
        for event in batch {
            match event {
                Event::Closed { connection } => drop(self.connections.remove(connection)),
                Event::Frame { connection, frame } => self.at(*connection, |connection| connection.taken(frame.len())),
                _ => {}
            }
        }
    }

    fn receive(&mut self, message: ToShard) -> Option<Event> {
        match message {
            ToShard::Accepted { connection, listener, stream, admission } => {
                self.open(connection, listener, stream, admission)
            }
            ToShard::Message { from, message } => Some(Event::FromShard { from, message }),
            ToShard::Shutdown => Some(Event::Shutdown),
        }
    }

    /// Takes a connection over; one that is broken already never was.
    fn open(
        &mut self,
        connection: ConnectionId,
        listener: ListenerIndex,
        stream: TcpStream,
        admission: Admission,
    ) -> Option<Event> {
        let peer = stream.peer_addr().ok()?;
        let local = stream.local_addr().ok()?;
        stream.set_nonblocking(true).ok()?;
        stream.set_nodelay(true).ok()?;
        let stream = tokio::net::TcpStream::from_std(stream).ok()?;
        let opened = Connection::new(connection, stream);
        self.connections.insert(connection, opened.clone());
        let inbox = self.inbox.clone();
        tokio::task::spawn_local(crate::guard::abort_on_panic_in(async move {
            opened.run(inbox).await;
            drop(admission);
        }));
        Some(Event::Opened { connection, listener, peer, local })
    }

    fn carry_out(&mut self, effects: &mut Effects) {
        // What a step sends on a connection leaves by one write, however many sends it is.
        let mut sending = Vec::new();
        for effect in effects.drain() {
            match effect {
                Effect::Send { connection, parts } => {
                    if let Some(connection) = self.connections.get(&connection)
                        && connection.send(parts)
                    {
                        sending.push(connection.clone());
                    }
                }
                Effect::Close { connection } => self.at(connection, Connection::close),
                Effect::Cut { connection } => self.at(connection, Connection::cut),
                Effect::Admit { connection, bytes } => self.at(connection, |connection| connection.admit(bytes)),
                Effect::Pause { connection } => self.at(connection, |connection| connection.pause(true)),
                Effect::Resume { connection } => self.at(connection, |connection| connection.pause(false)),
                Effect::Io { io, op } => self.disk.submit(io, op),
                Effect::Job { job, work } => self.start(job, work),
                Effect::ToShard { to, message } => {
                    if let Some(shard) = self.shards.get(usize::from(to.0)) {
                        // A shard's thread ends only with the node.
                        let _ = shard.send(ToShard::Message { from: self.shard, message });
                    }
                }
                Effect::Notice(notice) => report(&notice),
                Effect::Ready => self.tell(FromShard::Ready),
                Effect::Stopped => self.tell(FromShard::Stopped),
                Effect::Failed { reason } => self.tell(FromShard::Failed(reason)),
            }
        }
        sending.iter().for_each(|connection| connection.flush(&self.inbox));
    }

    fn at(&self, connection: ConnectionId, act: impl Fn(&Connection)) {
        if let Some(connection) = self.connections.get(&connection) {
            act(connection);
        }
    }

    fn start(&self, job: JobId, work: Job) {
        self.jobs.start(job, work, self.completions.clone());
    }

    fn tell(&self, report: FromShard) {
        // The node listens until it ends.
        let _ = self.node.send(report);
    }
}

/// Hands the core's words to the log.
pub fn report(notice: &Notice) {
    match notice.level {
        Level::Debug => tracing::debug!("{}", notice.text),
        Level::Info => tracing::info!("{}", notice.text),
        Level::Warn => tracing::warn!("{}", notice.text),
        Level::Error => tracing::error!("{}", notice.text),
    }
}
