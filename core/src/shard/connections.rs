//! The connections of a shard: frames in, requests begun in their order, answers out.
//!
//! Invariants:
//! 1. Every frame that was taken is answered, or its connection is closed.
//! 2. What frames, answers and reads hold is charged to a budget, and given back when the answer has left or the connection
//!    is gone; where the budget is spent, no large frame is admitted ([`frames`](super::frames)), and no answer with records
//!    is begun.
//! 3. A large frame is admitted only where it could begin but for Produces before it. So what waits for a client's own
//!    doing, such as a long poll or an answer that it does not take, holds no more than a few small frames.
//! 4. A connection is not read from while it has as many requests under way as it may, while more than a few bytes wait
//!    behind a request, or while small frames hold more than their room and it has a part in that. One that waits for each
//!    answer is always read from.
//! 5. Where room is spent, only clients that have taken all of their answers get more; who takes nothing, sends nothing or
//!    sends slowly, and holds some of it, is cut where others wait.
//! 6. A client that has ended its side is answered what it has sent in full; then its connection is closed, or once nothing
//!    has happened on it for a while ([`CONNECTION_HUNG_UP_MS`](crate::limits::CONNECTION_HUNG_UP_MS)).
//! 7. A connection has an entry until the runtime says that it is closed, and what its client sent before has taken effect;
//!    once the runtime has said so, no effect names it.

use super::frames::{FrameRoom, charge_of};
use super::pipeline::{Pipeline, Sequence};
use crate::api::front::Client;
use crate::budget::Budget;
use crate::effect::{Effect, Effects};
use crate::ids::ConnectionId;
use crate::limits::{
    ANSWER_OVERHEAD_BYTES, CONNECTION_REQUESTS_MAX, CONNECTION_STALLED_MS, CONNECTION_UNSENT_BYTES_MAX,
    FRAME_OTHER_BYTES_MAX, FRAME_PRODUCE_BYTES_MAX, FRAME_SMALL_BYTES_MAX, SEND_BYTES_MAX,
};
use crate::time::Instant;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use bytes::Bytes;
use core::time::Duration;

/// Requests that wait for answers to leave before they begin, in their order.
pub(super) type HeldBack = VecDeque<(ConnectionId, Sequence)>;

/// The API key of Produce: the only request that may be as large as topics allow.
const PRODUCE: i16 = 0;

/// What a Produce has beside its records.
const FRAME_HEAD_BYTES_MAX: usize = 128 * 1024;

/// The connections of a shard.
#[derive(Clone, Debug)]
pub(crate) struct Connections {
    by_id: BTreeMap<ConnectionId, Connection>,
    /// What frames hold that are under way.
    frames: FrameRoom,
    /// What answers hold that have not left, in bytes.
    answers: Budget,
    /// Connections that are not read from.
    paused: BTreeSet<ConnectionId>,
    /// The connections that are about to close.
    closing: usize,
    /// `socket.request.max.bytes`.
    frame_bytes_max: usize,
    /// The largest Produce that can be of use.
    produce_bytes_max: usize,
}

/// One connection.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    pub(crate) client: Client,
    pub(crate) pipeline: Pipeline,
    /// The length of a frame that was announced and may not come yet, by invariant 3.
    announced: Option<usize>,
    unsent: Unsent,
    pub(crate) closing: bool,
    /// The client has ended its side, and all that it had sent has come.
    ended: bool,
    /// The runtime says that it is closed.
    pub(crate) closed: bool,
    /// When something last happened on it.
    pub(crate) active: Instant,
}

/// What was handed to the runtime and has not left.
#[derive(Clone, Debug)]
struct Unsent {
    /// What each send is charged, oldest first.
    sends: VecDeque<usize>,
    bytes: usize,
    /// When the client last took something.
    taken_at: Instant,
}

/// What an announcement leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Announcement {
    /// The body is read, now or once there is room.
    Taken,
    /// No frame has this length.
    Refused,
}

impl Connection {
    /// Whether answers have not left: its client does not take them.
    pub(crate) fn owes(&self) -> bool {
        !self.unsent.sends.is_empty()
    }
}

impl Connections {
    /// No connections, and room for `frames` bytes of requests and `answers` bytes of answers.
    pub(crate) fn new(frames: usize, answers: usize, frame_bytes_max: usize, batch_bytes_max: u32) -> Self {
        let mut this = Self {
            by_id: BTreeMap::new(),
            frames: FrameRoom::new(frames),
            answers: Budget::new(answers),
            paused: BTreeSet::new(),
            closing: 0,
            frame_bytes_max,
            produce_bytes_max: FRAME_PRODUCE_BYTES_MAX,
        };
        this.allow_batches(batch_bytes_max);
        this
    }

    /// Some topic takes batches of this size: a Produce may be as large, and what names the topic beside it.
    pub(crate) fn allow_batches(&mut self, batch_bytes_max: u32) {
        self.produce_bytes_max = self.produce_bytes_max.max(batch_bytes_max as usize + FRAME_HEAD_BYTES_MAX);
    }

    /// A client has connected.
    pub(crate) fn open(&mut self, client: Client, now: Instant) {
        let connection = Connection {
            pipeline: Pipeline::default(),
            announced: None,
            unsent: Unsent { sends: VecDeque::new(), bytes: 0, taken_at: now },
            closing: false,
            ended: false,
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
        now: Instant,
        effects: &mut Effects,
    ) -> Announcement {
        let limit = if api_key == PRODUCE { self.produce_bytes_max } else { FRAME_OTHER_BYTES_MAX };
        let limit = limit.min(self.frame_bytes_max);
        let Some(length) = usize::try_from(length).ok().filter(|length| *length <= limit) else {
            return Announcement::Refused;
        };
        if let Some(connection) = self.by_id.get_mut(&id).filter(|connection| !connection.closing) {
            connection.active = now;
            connection.announced = Some(length);
            self.mind(id, now, effects);
        }
        Announcement::Taken
    }

    /// What was admitted of a large frame has come.
    pub(crate) fn arrived(&mut self, id: ConnectionId, now: Instant, effects: &mut Effects) {
        if let Some(connection) = self.by_id.get_mut(&id) {
            connection.active = now;
        }
        self.frames.arrived(id, now);
        self.admit(now, effects);
    }

    /// A frame has come. Says whether it was taken: not where the connection is about to close.
    pub(crate) fn frame(&mut self, id: ConnectionId, frame: Bytes, now: Instant) -> bool {
        let Some(connection) = self.by_id.get_mut(&id).filter(|connection| !connection.closing) else { return false };
        connection.active = now;
        // A large frame was charged as it was admitted.
        if self.frames.has(id) {
            self.frames.completed(id, frame.len());
        } else {
            self.frames.take_small(frame.len());
        }
        let produce = frame.starts_with(&PRODUCE.to_be_bytes());
        let charge = charge_of(frame.len());
        connection.pipeline.push(frame, produce, charge);
        true
    }

    /// A request has begun and holds its frame no longer: gives back what it was charged.
    pub(crate) fn release(&mut self, charged: usize, now: Instant, effects: &mut Effects) {
        if charged > 0 {
            self.give_back(charged, now, effects);
        }
    }

    fn give_back(&mut self, charged: usize, now: Instant, effects: &mut Effects) {
        let was_spent = self.frames.is_small_spent();
        self.frames.give_back(charged);
        if was_spent && !self.frames.is_small_spent() {
            for id in self.paused.clone() {
                self.mind(id, now, effects);
            }
        }
        self.admit(now, effects);
    }

    /// Decides whether a connection is read from, by invariant 4, and whether a frame that it announced may be admitted, by
    /// invariant 3: after a request has come, begun or been answered, and after an answer has left.
    pub(crate) fn mind(&mut self, id: ConnectionId, now: Instant, effects: &mut Effects) {
        let may_begin = self.may_begin(id);
        let is_spent = self.frames.is_small_spent();
        let Some(connection) = self.by_id.get_mut(&id).filter(|connection| !connection.closing && !connection.closed)
        else {
            return;
        };
        let pipeline = &connection.pipeline;
        // Nothing but the large frame itself can come on its connection.
        let pauses = !self.frames.has(id)
            && (pipeline.len() >= CONNECTION_REQUESTS_MAX
                || pipeline.stuck_bytes() > FRAME_SMALL_BYTES_MAX
                || (is_spent && pipeline.charged() > 0));
        if pauses && self.paused.insert(id) {
            effects.push(Effect::Pause { connection: id });
        } else if !pauses && self.paused.remove(&id) {
            effects.push(Effect::Resume { connection: id });
        }
        if !pauses
            && may_begin
            && connection.pipeline.is_all_produce()
            && let Some(length) = connection.announced.take()
        {
            self.frames.enter(id, length, now);
            self.admit(now, effects);
        }
    }

    /// Sends an answer, if one is due, and gives back what its request is still charged.
    pub(crate) fn answer(
        &mut self,
        id: ConnectionId,
        charged: usize,
        answer: Option<Vec<Bytes>>,
        now: Instant,
        effects: &mut Effects,
    ) {
        if let Some(connection) = self.by_id.get_mut(&id)
            && let Some(parts) = answer.filter(|_| !connection.closing && !connection.closed)
        {
            let unsent = &mut connection.unsent;
            if unsent.sends.is_empty() {
                unsent.taken_at = now;
            }
            for parts in pieces(parts) {
                let charge = parts.iter().map(Bytes::len).sum::<usize>() + ANSWER_OVERHEAD_BYTES;
                unsent.sends.push_back(charge);
                unsent.bytes += charge;
                self.answers.take(charge);
                effects.push(Effect::Send { connection: id, parts });
            }
        }
        self.release(charged, now, effects);
    }

    /// The oldest send has left.
    pub(crate) fn sent(&mut self, id: ConnectionId, now: Instant) {
        // `Closed` has completed all sends of a connection that is closed.
        let Some(connection) = self.by_id.get_mut(&id).filter(|connection| !connection.closed) else { return };
        connection.active = now;
        let unsent = &mut connection.unsent;
        unsent.taken_at = now;
        let charge = unsent.sends.pop_front().expect("each send is completed once");
        unsent.bytes -= charge;
        self.answers.give_back(charge);
    }

    /// Whether requests of this connection may begin: its client takes its answers, and all of them where room is scarce.
    pub(crate) fn may_begin(&self, id: ConnectionId) -> bool {
        let bytes_max = if self.has_room() { CONNECTION_UNSENT_BYTES_MAX } else { 0 };
        let takes = |connection: &Connection| !connection.closing && connection.unsent.bytes <= bytes_max;
        self.by_id.get(&id).is_some_and(takes)
    }

    /// The room for answers.
    pub(crate) const fn answers(&mut self) -> &mut Budget {
        &mut self.answers
    }

    /// Whether some client may have to be cut, since it is in the way: of the requests `held_back` among others.
    pub(crate) fn must_watch(&self, held_back: &HeldBack) -> bool {
        !held_back.is_empty() || self.closing > 0 || self.is_frame_room_spent()
    }

    fn is_frame_room_spent(&self) -> bool {
        self.frames.is_wanted() || self.frames.is_small_spent()
    }

    /// Gives all clients as much more time as the node itself has `lost`.
    pub(crate) fn forgive(&mut self, lost: Duration, now: Instant) {
        for at in self.by_id.values_mut() {
            at.active = at.active.after(lost).min(now);
            at.unsent.taken_at = at.unsent.taken_at.after(lost).min(now);
        }
        self.frames.forgive(lost, now);
    }

    /// Cuts the connections of clients that do nothing for too long, where that is in the way of others, such as those whose
    /// requests are `held_back`, or of closing them: says what they do not do.
    pub(crate) fn cut_stalled(
        &mut self,
        now: Instant,
        held_back: &HeldBack,
        effects: &mut Effects,
    ) -> Vec<(ConnectionId, &'static str)> {
        // A connection holds back no more requests than it may have under way: another one is found soon.
        let holds_up_others = |id: ConnectionId| held_back.iter().any(|(other, _)| *other != id);
        let is_spent = self.is_frame_room_spent();
        let is_over = |since: Instant| since.after_ms(CONNECTION_STALLED_MS) <= now;
        let takes_nothing = |id: ConnectionId, at: &Connection| {
            let in_the_way = || at.closing || (is_spent && at.pipeline.charged() > 0) || holds_up_others(id);
            at.owes() && is_over(at.unsent.taken_at) && in_the_way()
        };
        // Others that are slow here may wait for no more than a long poll: they hold little.
        let is_small_spent = self.frames.is_small_spent();
        let sends_ahead = |at: &Connection| {
            is_small_spent && is_over(at.active) && at.pipeline.stuck_bytes() > FRAME_SMALL_BYTES_MAX / 2
        };
        let mut cut: Vec<(ConnectionId, &'static str)> = Vec::new();
        for (id, at) in self.iter() {
            if takes_nothing(id, at) {
                cut.push((id, "does not take its answers"));
            } else if sends_ahead(at) {
                cut.push((id, "does not wait for its answers"));
            }
        }
        cut.extend(self.frames.slow(now).into_iter().map(|id| (id, "does not send the request that it announced")));
        cut.iter().for_each(|(id, _)| self.cut(*id, effects));
        self.admit(now, effects);
        cut
    }

    /// Closes a connection at once.
    pub(crate) fn cut(&mut self, id: ConnectionId, effects: &mut Effects) {
        if let Some(connection) = self.by_id.get_mut(&id) {
            self.closing += usize::from(!connection.closing);
            connection.closing = true;
            connection.announced = None;
            self.frames.stop(id);
            if !connection.closed {
                effects.push(Effect::Cut { connection: id });
            }
        }
    }

    /// Whether there is room for another answer with records.
    pub(crate) const fn has_room(&self) -> bool {
        self.answers.excess() == 0
    }

    /// Closes a connection after what was sent before.
    pub(crate) fn close(&mut self, id: ConnectionId, effects: &mut Effects) {
        if let Some(connection) = self.by_id.get_mut(&id).filter(|connection| !connection.closing) {
            connection.closing = true;
            connection.announced = None;
            self.closing += 1;
            self.frames.stop(id);
            if !connection.closed {
                effects.push(Effect::Close { connection: id });
            }
        }
    }

    /// The client has ended its side, and all that it had sent has come: what there is of a frame will never be whole.
    pub(crate) fn ended(&mut self, id: ConnectionId, now: Instant, effects: &mut Effects) {
        let Some(connection) = self.by_id.get_mut(&id) else { return };
        connection.active = now;
        connection.ended = true;
        connection.announced = None;
        self.frames.leave(id);
        self.admit(now, effects);
    }

    /// Closes a connection whose client has ended its side, once all of its requests are answered.
    pub(crate) fn close_if_answered(&mut self, id: ConnectionId, effects: &mut Effects) {
        if self.by_id.get(&id).is_some_and(|connection| connection.ended && connection.pipeline.len() == 0) {
            self.close(id, effects);
        }
    }

    /// Since when nothing has happened on a connection that is open, where a frame of it does not wait for room.
    pub(crate) fn inactive_since(&self, id: ConnectionId) -> Option<Instant> {
        let connection = self.by_id.get(&id).filter(|connection| !connection.closing && !connection.closed)?;
        Some(connection.active).filter(|_| !self.frames.has(id))
    }

    /// The runtime says that the connection is closed: all that is charged for it are the requests that have come.
    pub(crate) fn closed(&mut self, id: ConnectionId, now: Instant, effects: &mut Effects) {
        let Some(connection) = self.by_id.get_mut(&id) else { return };
        connection.closed = true;
        connection.announced = None;
        connection.unsent.sends.clear();
        self.answers.give_back(core::mem::take(&mut connection.unsent.bytes));
        self.frames.leave(id);
        self.paused.remove(&id);
        self.admit(now, effects);
    }

    /// The requests of a connection that is closed have taken effect, or never will.
    pub(crate) fn forget(&mut self, id: ConnectionId, now: Instant, effects: &mut Effects) {
        let Some(connection) = self.by_id.remove(&id) else { return };
        assert!(connection.closed, "the runtime still has the connection");
        self.closing -= usize::from(connection.closing);
        for charge in connection.pipeline.charges() {
            self.give_back(charge, now, effects);
        }
    }

    /// The room for frames.
    pub(super) const fn frames(&mut self) -> &mut FrameRoom {
        &mut self.frames
    }

    /// Lets in what there is room for.
    pub(super) fn admit(&mut self, now: Instant, effects: &mut Effects) {
        while let Some((id, bytes)) = self.frames.admit(now) {
            effects.push(Effect::Admit { connection: id, bytes });
        }
    }

    /// Whether a request is charged for its frame.
    pub(crate) fn is_charged(&self, id: ConnectionId, sequence: Sequence) -> bool {
        self.by_id.get(&id).is_some_and(|at| at.pipeline.is_charged(sequence))
    }

    /// Asserts that what is charged is what the connections say, and requests that were `granted` room for what they read.
    pub(crate) fn check_invariants(&self, granted: usize) {
        self.frames.check_invariants(self.by_id.values().flat_map(|connection| connection.pipeline.charges()));
        let unsent: usize = self.by_id.values().map(|connection| connection.unsent.bytes).sum();
        assert_eq!(unsent + granted, self.answers.held(), "answers are charged once");
        let closing = self.by_id.values().filter(|connection| connection.closing).count();
        assert_eq!(closing, self.closing, "each connection that closes is counted");
        for (id, connection) in self.iter() {
            let is_gone = connection.closing || connection.closed;
            assert!(connection.announced.is_none() || !(is_gone || self.frames.has(id)), "one frame is announced");
            assert!(!self.paused.contains(&id) || !self.frames.has(id), "what was admitted is read");
            assert_eq!(connection.unsent.sends.iter().sum::<usize>(), connection.unsent.bytes, "each send is charged");
        }
    }
}

/// Cuts an answer into pieces that are sent one by one, none of them of more than [`SEND_BYTES_MAX`].
fn pieces(parts: Vec<Bytes>) -> Vec<Vec<Bytes>> {
    let mut pieces = Vec::new();
    let mut piece = Vec::new();
    let mut left = SEND_BYTES_MAX;
    for mut part in parts {
        while part.len() > left {
            piece.push(part.split_to(left));
            pieces.push(core::mem::take(&mut piece));
            left = SEND_BYTES_MAX;
        }
        left -= part.len();
        piece.push(part);
    }
    if !piece.is_empty() {
        pieces.push(piece);
    }
    pieces
}

#[cfg(test)]
mod tests;
