//! The connections of a shard: frames in, requests begun in their order, answers out.
//!
//! Invariants:
//! 1. Every frame that was taken is answered, or its connection is closed.
//! 2. What frames, answers and reads hold is charged to a budget, and given back when the answer has left or the connection
//!    is gone; where the budget is spent, connections are not read from, and no answer with records is begun.
//! 3. Where the room for answers is spent, only clients that have taken all of theirs get more; who takes nothing is cut.
//! 4. A connection has an entry until the runtime says that it is closed, and what its client sent before has taken effect;
//!    once the runtime has said so, no effect names it.

use super::pipeline::Pipeline;
use crate::api::front::Client;
use crate::budget::Budget;
use crate::effect::{Effect, Effects};
use crate::ids::ConnectionId;
use crate::limits::{
    ANSWER_OVERHEAD_BYTES, CONNECTION_REQUESTS_MAX, CONNECTION_STALLED_MS, CONNECTION_UNSENT_BYTES_MAX,
    FRAME_OTHER_BYTES_MAX, REQUEST_OVERHEAD_BYTES, SEND_BYTES_MAX,
};
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
    /// The connections that are about to close.
    closing: usize,
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
    unsent: Unsent,
    pub(crate) closing: bool,
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
    pub(crate) fn new(frames: usize, answers: usize, frame_bytes_max: usize) -> Self {
        Self {
            by_id: BTreeMap::new(),
            frames: Budget::new(frames),
            answers: Budget::new(answers),
            waiting: VecDeque::new(),
            paused: BTreeSet::new(),
            closing: 0,
            frame_bytes_max,
        }
    }

    /// A client has connected.
    pub(crate) fn open(&mut self, client: Client, now: Instant) {
        let connection = Connection {
            pipeline: Pipeline::default(),
            announced: None,
            charged: 0,
            unsent: Unsent { sends: VecDeque::new(), bytes: 0, taken_at: now },
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
            connection.announced = Some(length + REQUEST_OVERHEAD_BYTES);
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
        let charge = connection.announced.take().unwrap_or_else(|| {
            let charge = frame.len() + REQUEST_OVERHEAD_BYTES;
            self.frames.take(charge);
            connection.charged += charge;
            charge
        });
        let produce = frame.starts_with(&PRODUCE.to_be_bytes());
        connection.pipeline.push(frame, produce, charge);
        let full = connection.pipeline.len() >= CONNECTION_REQUESTS_MAX || self.frames.excess() > 0;
        if full && self.paused.insert(id) {
            effects.push(Effect::Pause { connection: id });
        }
        true
    }

    /// A request has begun and holds its frame no longer: gives back what it was charged.
    pub(crate) fn release(&mut self, id: ConnectionId, charged: usize, effects: &mut Effects) {
        let Some(connection) = self.by_id.get_mut(&id) else { return };
        connection.charged -= charged;
        self.frames.give_back(charged);
        self.admit(effects);
        self.resume(effects);
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
        self.release(id, charged, effects);
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

    /// Whether some client that takes nothing may have to be cut.
    pub(crate) const fn must_watch(&self) -> bool {
        !self.has_room() || self.closing > 0
    }

    /// Cuts the connections of clients that have taken nothing for too long, where that is in the way of others or of
    /// closing them.
    pub(crate) fn cut_stalled(&mut self, now: Instant, effects: &mut Effects) -> Vec<ConnectionId> {
        let scarce = !self.has_room();
        let stalled = |connection: &Connection| {
            connection.owes() && connection.unsent.taken_at.after_ms(CONNECTION_STALLED_MS) <= now
        };
        let in_the_way = |connection: &Connection| stalled(connection) && (scarce || connection.closing);
        let cut: Vec<ConnectionId> = self.iter().filter(|(_, at)| in_the_way(at)).map(|(id, _)| id).collect();
        cut.iter().for_each(|id| self.cut(*id, effects));
        cut
    }

    /// Closes a connection at once.
    pub(crate) fn cut(&mut self, id: ConnectionId, effects: &mut Effects) {
        if let Some(connection) = self.by_id.get_mut(&id) {
            self.closing += usize::from(!connection.closing);
            connection.closing = true;
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
            self.closing += 1;
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
        let held = connection.pipeline.charged();
        self.frames.give_back(connection.charged - held);
        connection.charged = held;
        connection.unsent.sends.clear();
        self.answers.give_back(core::mem::take(&mut connection.unsent.bytes));
        self.waiting.retain(|waiting| *waiting != id);
        self.paused.remove(&id);
        self.admit(effects);
        self.resume(effects);
    }

    /// The requests of a connection that is closed have taken effect, or never will.
    pub(crate) fn forget(&mut self, id: ConnectionId, effects: &mut Effects) {
        let Some(connection) = self.by_id.remove(&id) else { return };
        assert!(connection.closed, "the runtime still has the connection");
        self.closing -= usize::from(connection.closing);
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

    /// Asserts that what is charged is what the connections say, and requests that were `granted` room for what they read.
    pub(crate) fn check_invariants(&self, granted: usize) {
        let charged: usize = self.by_id.values().map(|connection| connection.charged).sum();
        assert_eq!(charged, self.frames.held(), "frames are charged once");
        let unsent: usize = self.by_id.values().map(|connection| connection.unsent.bytes).sum();
        assert_eq!(unsent + granted, self.answers.held(), "answers are charged once");
        let closing = self.by_id.values().filter(|connection| connection.closing).count();
        assert_eq!(closing, self.closing, "each connection that closes is counted");
        for connection in self.by_id.values() {
            assert!(connection.pipeline.charged() <= connection.charged, "what is under way is charged");
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
mod tests {
    use super::*;
    use crate::ids::ListenerIndex;
    use alloc::vec;

    const ADDRESS: core::net::SocketAddr =
        core::net::SocketAddr::new(core::net::IpAddr::V4(core::net::Ipv4Addr::LOCALHOST), 9092);

    fn connections(count: u64, answers: usize) -> Connections {
        let mut connections = Connections::new(1 << 20, answers, 1 << 20);
        for id in 0..count {
            let client =
                Client { connection: ConnectionId(id), listener: ListenerIndex(0), peer: ADDRESS, local: ADDRESS };
            connections.open(client, Instant::default());
        }
        connections
    }

    #[test]
    fn a_large_answer_leaves_in_pieces_that_are_the_same_bytes() {
        let bytes: Vec<u8> = (0..SEND_BYTES_MAX * 2 + 7).map(|at| (at / 1000) as u8).collect();
        let all = Bytes::from(bytes);
        for cut in [0, 1, SEND_BYTES_MAX, SEND_BYTES_MAX + 1, all.len()] {
            let cut_up = pieces(vec![all.slice(..cut), all.slice(cut..)]);
            assert!(cut_up.iter().all(|parts| parts.iter().map(Bytes::len).sum::<usize>() <= SEND_BYTES_MAX));
            assert_eq!(cut_up.concat().concat(), all, "cut at {cut}");
        }
    }

    #[test]
    fn who_takes_nothing_is_cut_once_room_is_spent() {
        let mut connections = connections(2, 10_000);
        let (slow, quick) = (ConnectionId(0), ConnectionId(1));
        let mut effects = Effects::new();
        let start = Instant::default();
        let answer = || Some(vec![Bytes::from(vec![0; 6_000])]);
        connections.answer(slow, 0, answer(), start, &mut effects);
        let later = start.after_ms(CONNECTION_STALLED_MS);
        assert!(connections.cut_stalled(later, &mut effects).is_empty(), "there is room for others");
        assert!(connections.may_begin(slow), "a little may be left untaken");
        connections.answer(quick, 0, answer(), later, &mut effects);
        assert!(!connections.may_begin(slow) && !connections.may_begin(quick), "room is spent");
        connections.check_invariants(0);
        assert_eq!(connections.cut_stalled(later, &mut effects), [slow]);
        connections.closed(slow, &mut effects);
        assert!(connections.may_begin(quick));
        connections.sent(quick, later);
        connections.check_invariants(0);
    }

    #[test]
    fn a_send_that_is_completed_after_its_connection_closed_says_nothing() {
        let mut connections = connections(1, 10_000);
        let mut effects = Effects::new();
        let start = Instant::default();
        connections.answer(ConnectionId(0), 0, Some(vec![Bytes::from_static(b"answer")]), start, &mut effects);
        connections.closed(ConnectionId(0), &mut effects);
        connections.sent(ConnectionId(0), start);
        connections.check_invariants(0);
    }

    #[test]
    fn a_client_that_takes_nothing_does_not_keep_its_connection_from_closing() {
        let mut connections = connections(1, 10_000);
        let mut effects = Effects::new();
        let start = Instant::default();
        connections.answer(ConnectionId(0), 0, Some(vec![Bytes::from_static(b"answer")]), start, &mut effects);
        connections.close(ConnectionId(0), &mut effects);
        assert!(connections.must_watch());
        assert!(connections.cut_stalled(start, &mut effects).is_empty(), "it has its time");
        let later = start.after_ms(CONNECTION_STALLED_MS);
        assert_eq!(connections.cut_stalled(later, &mut effects), [ConnectionId(0)]);
    }
}
