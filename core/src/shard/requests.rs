//! From a frame to its answer: requests begin in their order, are handed to their API, and answered in their order.

use super::Shard;
use super::connections::Announcement;
use super::pipeline::{Answer, Sequence};
use crate::api::front::{Client, Front, Next, Refusal, Request};
use crate::api::message::{Call, Reply};
use crate::api::{self, Gather};
use crate::effect::{Effects, Level};
use crate::ids::{ConnectionId, ShardId, Ticket};
use crate::limits::{CONNECTION_HUNG_UP_MS, CONNECTION_WATCH_MS};
use crate::time::{Instant, Now};
use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;
use bytes::Bytes;

/// A request that has begun and is not answered.
#[derive(Clone, Debug)]
pub(super) struct UnderWay {
    /// In a box: it is taken out and put back with each piece of work that is done for it.
    gather: Box<Gather>,
    /// The pieces of work that were asked for so far.
    parts: u32,
}

impl UnderWay {
    /// The room for its answer that it holds, in bytes.
    pub(super) const fn granted(&self) -> usize {
        self.gather.granted()
    }

    /// Asserts that a frame that is held is charged.
    pub(super) fn check_invariants(&self, is_charged: bool) {
        self.gather.check_invariants();
        assert!(is_charged || !self.gather.holds_frame(), "a frame that is held is charged");
    }
}

/// What a shard has to be called for at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// A request has waited long enough.
    Request(ConnectionId, Sequence),
    /// A connection may have been idle for too long.
    Idle(ConnectionId),
    /// Nothing may have happened for too long on a connection whose client has ended its side.
    HungUp(ConnectionId),
    /// Clients that do nothing may be in the way.
    Stalled,
}

impl Shard {
    /// A client has connected.
    pub(super) fn opened(&mut self, now: Now, client: Client, effects: &mut Effects) {
        let connection = client.connection;
        self.connections.open(client, now.instant);
        if self.is_stopping() {
            self.connections.close(connection, effects);
            return;
        }
        if self.connections.len() > self.node.connections_max {
            let text = format!("A connection was refused: there are {} already", self.node.connections_max);
            effects.notice(Level::Warn, text);
            self.connections.close(connection, effects);
            return;
        }
        if self.node.connections_idle_max_ms >= 0 {
            self.timers.set(Timer::Idle(connection), now.instant.after_ms(self.node.connections_idle_max_ms));
        }
    }

    /// A large frame is on its way.
    pub(super) fn announced(&mut self, now: Now, id: ConnectionId, length: i32, api_key: i16, effects: &mut Effects) {
        if self.connections.announced(id, length, api_key, now.instant, effects) == Announcement::Refused {
            let text = format!("it announces a request of {length} bytes");
            self.refuse(now, id, &text, effects);
        }
    }

    /// What was admitted of a large frame has come.
    pub(super) fn arrived(&mut self, now: Now, id: ConnectionId, effects: &mut Effects) {
        self.connections.arrived(id, now.instant, effects);
    }

    /// A request has come.
    pub(super) fn frame(&mut self, now: Now, id: ConnectionId, frame: Bytes, effects: &mut Effects) {
        // Small frames are not announced, and may be larger than allowed all the same.
        if frame.len() > self.node.request_bytes_max {
            let text = format!("it sends a request of {} bytes", frame.len());
            self.refuse(now, id, &text, effects);
            return;
        }
        if self.connections.frame(id, frame, now.instant) {
            self.begin_requests(now, id, effects);
        }
    }

    /// An answer has left.
    pub(super) fn sent(&mut self, now: Now, id: ConnectionId, effects: &mut Effects) {
        self.connections.sent(id, now.instant);
        self.begin_requests(now, id, effects);
    }

    /// A client has ended its side of its connection; requests of it may still come.
    pub(super) fn hung_up(&mut self, now: Now, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(id).filter(|connection| !connection.closed) {
            connection.active = now.instant;
            self.timers.set(Timer::HungUp(id), now.instant.after_ms(CONNECTION_HUNG_UP_MS));
        }
    }

    /// A client has ended its side of its connection, and all that it had sent has come. As in Kafka it is answered that.
    pub(super) fn ended(&mut self, now: Now, id: ConnectionId, effects: &mut Effects) {
        self.hung_up(now, id);
        self.connections.ended(id, now.instant, effects);
        self.begin_requests(now, id, effects);
    }

    /// Cuts a connection whose client has ended its side, where nothing has happened on it for too long: its requests wait
    /// for other clients, or for the disk.
    pub(super) fn hung_up_due(&mut self, now: Now, id: ConnectionId, effects: &mut Effects) {
        let since = self.connections.inactive_since(id).unwrap_or(now.instant);
        let until = since.after_ms(CONNECTION_HUNG_UP_MS);
        if until <= now.instant {
            self.connections.cut(id, effects);
        } else if self.connections.get_mut(id).is_some_and(|connection| !connection.closed) {
            self.timers.set(Timer::HungUp(id), until);
        }
    }

    /// A connection is closed. What its client sent before takes effect in its order, as with Kafka: who produces with
    /// acks=0, commits or leaves a group need not wait for anything before it closes. There is nobody to answer.
    pub(super) fn closed(&mut self, now: Now, id: ConnectionId, effects: &mut Effects) {
        self.timers.clear(&Timer::Idle(id));
        self.timers.clear(&Timer::HungUp(id));
        self.connections.closed(id, now.instant, effects);
        self.held_back.retain(|(held, _)| *held != id);
        let open: Vec<Sequence> =
            self.connections.get_mut(id).map(|connection| connection.pipeline.open().collect()).unwrap_or_default();
        for sequence in open {
            self.let_go(now, id, sequence, effects);
        }
        self.begin_requests(now, id, effects);
        self.forget_closed(now, id, effects);
    }

    /// Lets a request of a closed connection go its way, which it goes without being waited for; but for a Produce that
    /// has not taken effect, since the next one must not overtake it.
    fn let_go(&mut self, now: Now, id: ConnectionId, sequence: Sequence, effects: &mut Effects) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        let waits = connection.pipeline.is_to_be_applied(sequence) && self.requests.contains_key(&(id, sequence));
        if waits || !connection.pipeline.is_open(sequence) {
            return;
        }
        self.abandon(now, id, sequence);
        self.finish(now, id, sequence, None, effects);
    }

    /// Ends what is under way for a request that nobody waits for.
    fn abandon(&mut self, now: Now, id: ConnectionId, sequence: Sequence) {
        self.timers.clear(&Timer::Request(id, sequence));
        self.parked.remove(&(id, sequence));
        if let Some(UnderWay { mut gather, mut parts }) = self.requests.remove(&(id, sequence)) {
            self.with_front(now, id, sequence, &mut parts, |front| gather.cancel(front));
        }
    }

    /// Notes the answer to a request, and sends the answers that may leave.
    fn finish(&mut self, now: Now, id: ConnectionId, sequence: Sequence, answer: Answer, effects: &mut Effects) {
        if let Some(connection) = self.connections.get_mut(id) {
            connection.pipeline.answered(sequence, answer);
        }
        while let Some(connection) = self.connections.get_mut(id)
            && let Some((charged, answer)) = connection.pipeline.pop_answer()
        {
            self.connections.answer(id, charged, answer, now.instant, effects);
        }
    }

    /// Drops a closed connection once nothing of it is left to be begun or to take effect.
    fn forget_closed(&mut self, now: Now, id: ConnectionId, effects: &mut Effects) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        if connection.closed && (connection.closing || connection.pipeline.len() == 0) {
            let open: Vec<Sequence> = connection.pipeline.open().collect();
            for sequence in open {
                self.abandon(now, id, sequence);
            }
            self.connections.forget(id, now.instant, effects);
        }
    }

    /// Begins what may begin on a connection.
    pub(super) fn begin_requests(&mut self, now: Now, id: ConnectionId, effects: &mut Effects) {
        while self.connections.may_begin(id)
            && let Some(connection) = self.connections.get_mut(id)
            && let Some((sequence, frame)) = connection.pipeline.begin()
        {
            let closed = connection.closed;
            match api::parse(frame, self.node.role_of(connection.client.listener)) {
                // Nobody is there to be shown anything.
                Ok(request) if closed && api::only_reads(&request) => self.let_go(now, id, sequence, effects),
                Ok(request) if request.holds_records() && !self.connections.has_room() => {
                    // It waits for the answers before it to leave; nothing else of its connection begins meanwhile.
                    self.held_back.push_back((id, sequence));
                    self.parked.insert((id, sequence), request);
                }
                Ok(request) => {
                    self.begin(now, id, sequence, request, effects);
                    if closed {
                        self.let_go(now, id, sequence, effects);
                    }
                }
                Err(reason) => self.refuse(now, id, &reason, effects),
            }
        }
        self.connections.mind(id, now.instant, effects);
        self.connections.close_if_answered(id, effects);
    }

    /// Begins the requests that waited for room.
    pub(super) fn begin_held_back(&mut self, now: Now, effects: &mut Effects) {
        while self.connections.has_room()
            && let Some((id, sequence)) = self.held_back.pop_front()
        {
            if let Some(request) = self.parked.remove(&(id, sequence)) {
                self.begin(now, id, sequence, request, effects);
                self.begin_requests(now, id, effects);
            }
        }
    }

    fn begin(&mut self, now: Now, id: ConnectionId, sequence: Sequence, request: Request, effects: &mut Effects) {
        let mut parts = 0;
        let begun = self.with_front(now, id, sequence, &mut parts, |front| api::begin(front, request));
        match begun {
            None => {}
            Some(Ok((gather, next))) => {
                self.keep(now, id, sequence, UnderWay { gather: Box::new(gather), parts }, effects);
                self.go_on(now, id, sequence, Ok(next), effects);
            }
            Some(Err(refusal)) => self.go_on(now, id, sequence, Err(refusal), effects),
        }
    }

    /// Keeps a request that waits; where it holds its frame no longer, that is charged no longer.
    fn keep(&mut self, now: Now, id: ConnectionId, sequence: Sequence, under_way: UnderWay, effects: &mut Effects) {
        let holds_frame = under_way.gather.holds_frame();
        self.requests.insert((id, sequence), under_way);
        if !holds_frame && let Some(connection) = self.connections.get_mut(id) {
            let charged = connection.pipeline.release(sequence);
            self.connections.release(charged, now.instant, effects);
        }
    }

    /// A piece of work for a request is done.
    pub(super) fn replied(&mut self, now: Now, ticket: Ticket, reply: Reply, effects: &mut Effects) {
        let (id, sequence) = (ticket.connection, ticket.sequence);
        // The connection may be gone.
        let Some(UnderWay { mut gather, mut parts }) = self.requests.remove(&(id, sequence)) else { return };
        let next = self.with_front(now, id, sequence, &mut parts, |front| gather.reply(front, ticket.part, reply));
        self.keep(now, id, sequence, UnderWay { gather, parts }, effects);
        if let Some(next) = next {
            self.go_on(now, id, sequence, next, effects);
        }
    }

    /// A request's deadline has come.
    pub(super) fn request_due(&mut self, now: Now, id: ConnectionId, sequence: Sequence, effects: &mut Effects) {
        let Some(UnderWay { mut gather, mut parts }) = self.requests.remove(&(id, sequence)) else { return };
        let next = self.with_front(now, id, sequence, &mut parts, |front| gather.due(front));
        self.requests.insert((id, sequence), UnderWay { gather, parts });
        if let Some(next) = next {
            self.go_on(now, id, sequence, next, effects);
        }
    }

    /// Closes a connection on which nothing has happened for too long and nothing is under way.
    pub(super) fn idle_due(&mut self, now: Now, id: ConnectionId, effects: &mut Effects) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        let until = connection.active.after_ms(self.node.connections_idle_max_ms);
        if until <= now.instant && connection.pipeline.len() == 0 {
            self.connections.close(id, effects);
            return;
        }
        if until <= now.instant && connection.owes() {
            // What is under way waits for a client that does not take its answers.
            self.connections.cut(id, effects);
            return;
        }
        let again = if until <= now.instant { now.instant.after_ms(self.node.connections_idle_max_ms) } else { until };
        self.timers.set(Timer::Idle(id), again);
    }

    /// Looks out for clients that do nothing, as long as they may be in the way.
    pub(super) fn watch_stalled(&mut self, now: Now) {
        if self.timers.get(&Timer::Stalled).is_none() && self.connections.must_watch(&self.held_back) {
            self.timers.set(Timer::Stalled, now.instant.after_ms(CONNECTION_WATCH_MS));
        }
    }

    /// Where the shard has been called much later than it wanted, no client is to blame for what has not come meanwhile: it
    /// may lie in the kernel. Before anything else of a step.
    pub(super) fn forgive_pause(&mut self, now: Now) {
        if let Some(due) = self.timers.get(&Timer::Stalled)
            && due.after_ms(CONNECTION_WATCH_MS) <= now.instant
        {
            self.connections.forgive(now.instant.since(due), now.instant);
            self.timers.set(Timer::Stalled, now.instant.after_ms(CONNECTION_WATCH_MS));
        }
    }

    /// Cuts the connections of such clients, and says so.
    pub(super) fn stalled_due(&mut self, now: Now, effects: &mut Effects) {
        for (id, reason) in self.connections.cut_stalled(now.instant, &self.held_back, effects) {
            if let Some(connection) = self.connections.get_mut(id) {
                let text = format!("The connection of {} is cut: it {reason}", connection.client.peer);
                self.refusals.tell(now.instant, &text, effects);
            }
        }
    }

    /// Lets `act` work on a request with all that an API's handler sees, and hands out the calls that it makes.
    fn with_front<T>(
        &mut self,
        now: Now,
        id: ConnectionId,
        sequence: Sequence,
        parts: &mut u32,
        act: impl FnOnce(&mut Front<'_>) -> T,
    ) -> Option<T> {
        let client = self.connections.get_mut(id)?.client.clone();
        let mut calls: Vec<(ShardId, Ticket, Call)> = Vec::new();
        let mut deadline: Option<Instant> = None;
        let mut front = Front {
            now,
            node: &self.node,
            image: &self.image,
            client: &client,
            seed: self.seed,
            shard: self.shard,
            shards: self.shards,
            sequence,
            sessions: &mut self.sessions,
            answers: self.connections.answers(),
            parts,
            calls: &mut calls,
            deadline: &mut deadline,
        };
        let result = act(&mut front);
        self.hand_out(calls);
        if let Some(deadline) = deadline {
            self.timers.set(Timer::Request(id, sequence), deadline);
        }
        Some(result)
    }

    fn go_on(
        &mut self,
        now: Now,
        id: ConnectionId,
        sequence: Sequence,
        next: Result<Next, Refusal>,
        effects: &mut Effects,
    ) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        let answer = match next {
            Ok(Next::Wait) => return,
            Ok(Next::Applied) => {
                connection.pipeline.applied(sequence);
                if connection.closed {
                    self.let_go(now, id, sequence, effects);
                }
                self.begin_requests(now, id, effects);
                self.forget_closed(now, id, effects);
                return;
            }
            Ok(Next::Answer(parts)) => Some(parts.into_vec()),
            Ok(Next::Silent) => None,
            Err(refusal) => {
                self.refuse(now, id, &format!("{refusal}"), effects);
                return;
            }
        };
        self.requests.remove(&(id, sequence));
        self.timers.clear(&Timer::Request(id, sequence));
        self.finish(now, id, sequence, answer, effects);
        self.begin_requests(now, id, effects);
        self.forget_closed(now, id, effects);
    }

    /// Closes a connection, and says why.
    fn refuse(&mut self, now: Now, id: ConnectionId, reason: &str, effects: &mut Effects) {
        if let Some(connection) = self.connections.get_mut(id) {
            let peer = connection.client.peer;
            self.refusals.tell(now.instant, &format!("The connection of {peer} is closed: {reason}"), effects);
        }
        self.connections.close(id, effects);
        self.forget_closed(now, id, effects);
    }
}
