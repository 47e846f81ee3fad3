//! The connections of a shard: frames in, requests begun in their order, answers out.
//!
//! Invariants:
//! 1. Every frame that was taken is answered, or its connection is closed.
//! 2. What frames, answers and reads hold is charged to a budget, and given back when the answer has left or the connection
//!    is gone; where the budget is spent, connections are not read from, and no answer with records is begun.
//! 3. A connection has an entry until the runtime says that it is closed, and what its client sent before has taken effect;
//!    once the runtime has said so, no effect names it.

use super::pipeline::Pipeline;
use crate::api::front::Client;
use crate::budget::Budget;
use crate::effect::{Effect, Effects};
use crate::ids::ConnectionId;
use crate::limits::{CONNECTION_REQUESTS_MAX, CONNECTION_UNSENT_BYTES_MAX, FRAME_OTHER_BYTES_MAX};
use crate::time::Instant;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use bytes::Bytes;

/// The API key of Produce: the only request that may be as large as the configuration says.
const PRODUCE: i16 = 0;

/// The connections of a shard.
#[derive(Clone, Debug)]
pub(crate) struct Connections {
    by_id: BTreeMap<ConnectionId, Connection>,
    /// What frames hold that are under way, in bytes.
    frames: Budget,
    /// What answers hold that have not left, in bytes.
    answers: Budget,
    /// Connections whose announced frame waits for the budget, in the order in which they came.
    waiting: VecDeque<ConnectionId>,
    /// Connections that are not read from.
    paused: BTreeSet<ConnectionId>,
    frame_bytes_max: usize,
}

/// One connection.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    pub(crate) client: Client,
    pub(crate) pipeline: Pipeline,
    /// The length of the frame that was announced and has not come.
    announced: Option<usize>,
    /// What was charged for frames.
    charged: usize,
    /// What was handed to the runtime and has not left.
    unsent: usize,
    pub(crate) closing: bool,
    /// The runtime says that it is closed.
    pub(crate) closed: bool,
    /// When something last happened on it.
    pub(crate) active: Instant,
}

/// What an announcement leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Announcement {
    /// The body is read, now or once there is room.
    Taken,
    /// No frame has this length.
    Refused,
}

impl Connections {
    /// No connections, and room for `frames` bytes of requests and `answers` bytes of answers.
    pub(crate) fn new(frames: usize, answers: usize, frame_bytes_max: usize) -> Self {
        Self {
            by_id: BTreeMap::new(),
            frames: Budget::new(frames),
            answers: Budget::new(answers),
            waiting: VecDeque::new(),
            paused: BTreeSet::new(),
            frame_bytes_max,
        }
    }

    /// A client has connected.
    pub(crate) fn open(&mut self, client: Client, now: Instant) {
        let connection = Connection {
            pipeline: Pipeline::default(),
            announced: None,
            charged: 0,
            unsent: 0,
            closing: false,
            closed: false,
            active: now,
            client,
        };
        self.by_id.insert(connection.client.connection, connection);
    }

    /// The connection, where it is there.
    pub(crate) fn get_mut(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        self.by_id.get_mut(&id)
    }

    /// All connections, in the order in which they came.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ConnectionId, &Connection)> {
        self.by_id.iter().map(|(id, connection)| (*id, connection))
    }

    /// The number of connections.
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// A large frame is on its way.
    pub(crate) fn announced(
        &mut self,
        id: ConnectionId,
        length: i32,
        api_key: i16,
        effects: &mut Effects,
    ) -> Announcement {
        let limit =
            if api_key == PRODUCE { self.frame_bytes_max } else { self.frame_bytes_max.min(FRAME_OTHER_BYTES_MAX) };
        let Some(length) = usize::try_from(length).ok().filter(|length| *length <= limit) else {
            return Announcement::Refused;
        };
        if let Some(connection) = self.by_id.get_mut(&id) {
            connection.announced = Some(length);
            self.waiting.push_back(id);
            self.admit(effects);
        }
        Announcement::Taken
    }

    /// A frame has come. Says whether it was taken: not where the connection is about to close.
    pub(crate) fn frame(&mut self, id: ConnectionId, frame: Bytes, now: Instant, effects: &mut Effects) -> bool {
        let Some(connection) = self.by_id.get_mut(&id).filter(|connection| !connection.closing) else { return false };
        connection.active = now;
        // A large frame was charged when it was admitted.
        if connection.announced.take().is_none() {
            self.frames.take(frame.len());
            connection.charged += frame.len();
        }
        let produce = frame.starts_with(&PRODUCE.to_be_bytes());
        connection.pipeline.push(frame, produce);
        let full = connection.pipeline.len() >= CONNECTION_REQUESTS_MAX || self.frames.excess() > 0;
        if full && self.paused.insert(id) {
            effects.push(Effect::Pause { connection: id });
        }
        true
    }

    /// A request has begun and holds its frame no longer: gives back what it was charged.
    pub(crate) fn release(&mut self, id: ConnectionId, frame: usize, effects: &mut Effects) {
        let Some(connection) = self.by_id.get_mut(&id) else { return };
        connection.charged -= frame;
        self.frames.give_back(frame);
        self.admit(effects);
        self.resume(effects);
    }

    /// Sends an answer, if one is due, and gives back what its request is still charged.
    pub(crate) fn answer(&mut self, id: ConnectionId, frame: usize, answer: Option<Vec<Bytes>>, effects: &mut Effects) {
        if let Some(connection) = self.by_id.get_mut(&id)
            && let Some(parts) = answer.filter(|_| !connection.closing && !connection.closed)
        {
            let length = parts.iter().map(Bytes::len).sum();
            connection.unsent += length;
            self.answers.take(length);
            effects.push(Effect::Send { connection: id, parts });
        }
        self.release(id, frame, effects);
    }

    /// An answer has left.
    pub(crate) fn sent(&mut self, id: ConnectionId, length: usize, now: Instant) {
        let Some(connection) = self.by_id.get_mut(&id) else { return };
        connection.active = now;
        connection.unsent -= length;
        self.answers.give_back(length);
    }

    /// Whether requests of this connection may begin: its client takes its answers.
    pub(crate) fn may_begin(&self, id: ConnectionId) -> bool {
        let takes = |connection: &Connection| !connection.closing && connection.unsent <= CONNECTION_UNSENT_BYTES_MAX;
        self.by_id.get(&id).is_some_and(takes)
    }

    /// Whether there is room for another answer with records.
    pub(crate) fn has_room(&self) -> bool {
        self.answers.excess() == 0
    }

    /// Closes a connection after what was sent before.
    pub(crate) fn close(&mut self, id: ConnectionId, effects: &mut Effects) {
        if let Some(connection) = self.by_id.get_mut(&id).filter(|connection| !connection.closing) {
            connection.closing = true;
            if !connection.closed {
                effects.push(Effect::Close { connection: id });
            }
        }
    }

    /// The runtime says that the connection is closed: all that is charged for it are the requests that have come.
    pub(crate) fn closed(&mut self, id: ConnectionId, effects: &mut Effects) {
        let Some(connection) = self.by_id.get_mut(&id) else { return };
        connection.closed = true;
        connection.announced = None;
        let held = connection.pipeline.bytes();
        self.frames.give_back(connection.charged - held);
        connection.charged = held;
        self.answers.give_back(core::mem::take(&mut connection.unsent));
        self.waiting.retain(|waiting| *waiting != id);
        self.paused.remove(&id);
        self.admit(effects);
        self.resume(effects);
    }

    /// The requests of a connection that is closed have taken effect, or never will.
    pub(crate) fn forget(&mut self, id: ConnectionId, effects: &mut Effects) {
        let Some(connection) = self.by_id.remove(&id) else { return };
        assert!(connection.closed, "the runtime still has the connection");
        self.frames.give_back(connection.charged);
        self.admit(effects);
        self.resume(effects);
    }

    /// Reads the bodies for which there is room, first come, first served.
    fn admit(&mut self, effects: &mut Effects) {
        while let Some(&id) = self.waiting.front() {
            let Some(connection) = self.by_id.get_mut(&id) else {
                self.waiting.pop_front();
                continue;
            };
            let length = connection.announced.unwrap_or(0);
            if !self.frames.try_take(length) {
                return;
            }
            connection.charged += length;
            self.waiting.pop_front();
            effects.push(Effect::Admit { connection: id });
        }
    }

    /// Reads from connections again, where there is room for what they send.
    fn resume(&mut self, effects: &mut Effects) {
        if self.frames.excess() > 0 {
            return;
        }
        let by_id = &self.by_id;
        let full = |id: &ConnectionId| {
            by_id.get(id).is_some_and(|at: &Connection| at.pipeline.len() >= CONNECTION_REQUESTS_MAX)
        };
        self.paused.retain(|id| {
            let stays = full(id);
            if !stays {
                effects.push(Effect::Resume { connection: *id });
            }
            stays
        });
    }

    /// Asserts that what is charged is what the connections say.
    pub(crate) fn check_invariants(&self) {
        let charged: usize = self.by_id.values().map(|connection| connection.charged).sum();
        assert_eq!(charged, self.frames.held(), "frames are charged once");
        let unsent: usize = self.by_id.values().map(|connection| connection.unsent).sum();
        assert_eq!(unsent, self.answers.held(), "answers are charged once");
        for connection in self.by_id.values() {
            assert!(connection.pipeline.bytes() <= connection.charged, "what is under way is charged");
        }
    }
}
