//! Moving bytes between clients and nodes.

use super::interference::Way;
use super::{Occurrence, World};
use crate::draw::{Stream, WorldSeed};
use crate::machine::Machine;
use crate::net::{Chunk, Connection, Inbound, NodeSide};
use crate::node::{NodeIndex, NodeState};
use bytes::Bytes;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use grete_core::event::Event;
use grete_core::ids::{ConnectionId, ListenerIndex, ShardId};

const TO_NODE: u64 = 0;
const TO_CLIENT: u64 = 1;
const HAND_OVER: u64 = 2;

/// How far the ports of a node's listeners are apart.
const LISTENER_PORTS: u16 = 1000;

impl<M: Machine> World<M> {
    /// Connects a client to a node. A node that does not serve refuses: the connection is closed from the start.
    pub fn connect(&mut self, node: NodeIndex) -> ConnectionId {
        self.connect_by(node, ListenerIndex(0))
    }

    /// Connects a client to one of a node's listeners, as [`connect`](Self::connect) does to the first.
    pub fn connect_by(&mut self, node: NodeIndex, listener: ListenerIndex) -> ConnectionId {
        self.connections_made += 1;
        let connection = ConnectionId(self.connections_made);
        self.connect_as(node, listener, connection);
        connection
    }

    /// As [`connect_by`](Self::connect_by), by a connection that the caller names; the name was not used before.
    pub fn connect_as(&mut self, node: NodeIndex, listener: ListenerIndex, connection: ConnectionId) {
        self.open_connection(node, listener, connection, false);
    }

    /// As [`connect_as`](Self::connect_as), for a client that is [told](World::next_happening) of what comes of it: also
    /// that the node refuses.
    pub fn connect_watched(&mut self, node: NodeIndex, connection: ConnectionId) {
        self.open_connection(node, ListenerIndex(0), connection, true);
    }

    fn open_connection(&mut self, node: NodeIndex, listener: ListenerIndex, connection: ConnectionId, watched: bool) {
        let state = &self.nodes[node.0];
        let shard = ShardId(((connection.0 - 1) % u64::from(state.shard_count)) as u16);
        let mut new = Connection::new(node.0, listener, state.incarnation, shard);
        let delay = self.network_delay(connection, TO_NODE, u64::MAX) + self.extra_micros(connection, node.0);
        let at = self.now.after_micros(delay);
        new.to_node.last_arrival = at.0;
        new.watched = watched;
        new.client_reads = !self.is_not_reading(connection, node.0);
        if watched || state_serves(&self.nodes[node.0].state) {
            new.to_node.chunks.push_back(Chunk::Open);
            self.schedule(at, Occurrence::ToNode { connection });
        } else {
            new.node_side = NodeSide::Closed;
            new.client_closed = true;
        }
        assert!(self.connections.insert(connection, new).is_none(), "a connection has a name of its own");
    }

    /// The node hears of a connection, and takes or refuses it.
    fn opens_at_node(&mut self, connection: ConnectionId) {
        let Some(stream) = self.connections.get_mut(&connection) else { return };
        let node = &self.nodes[stream.node];
        if stream.node_side != NodeSide::Connecting {
            return;
        }
        if !state_serves(&node.state) {
            stream.node_side = NodeSide::Closed;
            return self.push_to_client(connection, Chunk::Reset);
        }
        stream.node_side = NodeSide::Open;
        stream.incarnation = node.incarnation;
        let (node, incarnation, shard, listener) = (stream.node, stream.incarnation, stream.shard, stream.listener);
        // Ports of clients count up, so that two connections differ as they do in life.
        let peer = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 40_000 + (connection.0 % 20_000) as u16);
        let port = 9092 + node as u16 + LISTENER_PORTS * listener.0;
        let local = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        self.deliver(node, incarnation, shard, Event::Opened { connection, listener, peer, local });
    }

    /// Sends bytes from the client, as they are.
    pub fn send(&mut self, connection: ConnectionId, bytes: impl Into<Bytes>) {
        let bytes = bytes.into();
        let Some(stream) = self.connections.get_mut(&connection) else { return };
        if stream.client_closed || bytes.is_empty() {
            return;
        }
        stream.asked += 1;
        if let Some(trace) = &mut self.trace {
            trace.request(self.now, stream.node, connection, &bytes);
        }
        let cause = [connection.0, TO_NODE, stream.to_node.pieces];
        let (piece, rest) = self.split(bytes, &cause);
        self.push_to_node(connection, Chunk::Bytes(piece));
        if let Some(rest) = rest {
            self.push_to_node(connection, Chunk::Bytes(rest));
        }
    }

    /// Closes the connection from the client's side, in order.
    pub fn close(&mut self, connection: ConnectionId) {
        self.push_to_node(connection, Chunk::End);
        if let Some(stream) = self.connections.get_mut(&connection) {
            stream.client_closed = true;
            stream.watched = false;
            self.forget_happenings(connection);
        }
    }

    /// Breaks the connection: each side learns of it in its time, and what is under way is lost.
    pub fn reset(&mut self, connection: ConnectionId) {
        if let Some(stream) = self.connections.get_mut(&connection) {
            stream.client_closed = true;
            stream.drop_received();
            let pieces = stream.to_node.pieces;
            let at = self.now.after_micros(self.network_delay(connection, TO_NODE, pieces));
            self.hand_to_watcher(connection);
            let Some(stream) = self.connections.get_mut(&connection) else { return };
            // It overtakes what was sent before.
            stream.to_node.chunks.clear();
            stream.to_node.chunks.push_back(Chunk::Reset);
            self.schedule(at, Occurrence::ToNode { connection });
        }
    }

    /// Lets the client stop taking bytes from the network, or go on.
    pub fn set_reading(&mut self, connection: ConnectionId, reads: bool) {
        if let Some(stream) = self.connections.get_mut(&connection) {
            stream.client_reads = reads;
            self.hand_to_watcher(connection);
            self.schedule(self.now, Occurrence::HandOver { connection });
        }
    }

    /// Takes a whole response, without its length field, out of what the client has received.
    pub fn take_frame(&mut self, connection: ConnectionId) -> Option<Bytes> {
        let stream = self.connections.get_mut(&connection).filter(|stream| stream.client_reads)?;
        let frame = stream.take_frame()?;
        if let Some(trace) = &mut self.trace {
            trace.response(self.now, stream.node, connection, &frame);
        }
        Some(frame)
    }

    /// Whether the client knows that the connection is gone.
    #[must_use]
    pub fn is_closed(&self, connection: ConnectionId) -> bool {
        self.connections.get(&connection).is_none_or(|stream| stream.client_closed)
    }

    fn network_delay(&self, connection: ConnectionId, direction: u64, piece: u64) -> u64 {
        let cause = [connection.0, direction, piece];
        self.seed.draw(Stream::NetworkDelay, &cause).among(&self.profile.network.delay_micros)
    }

    /// Splits bytes in two, seldom; most often they stay in one piece.
    fn split(&self, mut bytes: Bytes, cause: &[u64]) -> (Bytes, Option<Bytes>) {
        let draw = self.seed.draw(Stream::NetworkSplit, cause);
        if bytes.len() < 2 || !draw.chance(self.profile.network.split_per_million) {
            return (bytes, None);
        }
        let at = 1 + WorldSeed(draw.0).draw(Stream::NetworkSplit, cause).below(bytes.len() as u64 - 1) as usize;
        let rest = bytes.split_off(at);
        (bytes, Some(rest))
    }

    fn push_to_node(&mut self, connection: ConnectionId, chunk: Chunk) {
        let Some(stream) = self.connections.get(&connection) else { return };
        if stream.client_closed {
            return;
        }
        let (pieces, node) = (stream.to_node.pieces, stream.node);
        let delay = self.network_delay(connection, TO_NODE, pieces) + self.extra_micros(connection, node);
        let at = self.now.after_micros(delay);
        let Some(stream) = self.connections.get_mut(&connection) else { return };
        stream.to_node.pieces += 1;
        stream.to_node.last_arrival = stream.to_node.last_arrival.max(at.0);
        stream.to_node.chunks.push_back(chunk);
        let at = crate::clock::WorldTime(stream.to_node.last_arrival);
        self.schedule(at, Occurrence::ToNode { connection });
    }

    fn push_to_client(&mut self, connection: ConnectionId, chunk: Chunk) {
        let Some(stream) = self.connections.get(&connection) else { return };
        let (pieces, node) = (stream.to_client.pieces, stream.node);
        let delay = self.network_delay(connection, TO_CLIENT, pieces) + self.extra_micros(connection, node);
        let at = self.now.after_micros(delay);
        let Some(stream) = self.connections.get_mut(&connection) else { return };
        stream.to_client.pieces += 1;
        stream.to_client.last_arrival = stream.to_client.last_arrival.max(at.0);
        stream.to_client.chunks.push_back(chunk);
        let at = crate::clock::WorldTime(stream.to_client.last_arrival);
        self.schedule(at, Occurrence::ToClient { connection });
    }

    pub(super) fn arrives_at_node(&mut self, connection: ConnectionId) {
        let Some(stream) = self.connections.get_mut(&connection) else { return };
        let node = stream.node;
        if self.is_cut(connection, node, Way::ToNode) {
            return self.hold(connection, Way::ToNode);
        }
        let Some(stream) = self.connections.get_mut(&connection) else { return };
        let Some(chunk) = stream.to_node.chunks.pop_front() else { return };
        if stream.node_side == NodeSide::Closed {
            return;
        }
        match chunk {
            Chunk::Open => return self.opens_at_node(connection),
            Chunk::Bytes(bytes) => stream.framing.push(bytes),
            Chunk::End => stream.client_ended = true,
            Chunk::Reset => return self.node_loses(connection),
        }
        self.pump(connection);
    }

    /// Hands the shard what it may read.
    fn pump(&mut self, connection: ConnectionId) {
        while let Some(stream) = self.connections.get_mut(&connection)
            && let Some(inbound) = stream.next_inbound()
        {
            let (node, incarnation, shard) = (stream.node, stream.incarnation, stream.shard);
            let event = match inbound {
                Inbound::Frame(frame) => Event::Frame { connection, frame },
                Inbound::Announced { length, api_key, api_version } => {
                    Event::Announced { connection, length, api_key, api_version }
                }
                Inbound::Arrived => Event::Arrived { connection },
            };
            self.deliver(node, incarnation, shard, event);
        }
        if self.connections.get(&connection).is_some_and(Connection::node_sees_end) {
            self.node_loses(connection);
        }
    }

    pub(super) fn node_reads(
        &mut self,
        connection: ConnectionId,
        shard: ShardId,
        change: impl FnOnce(&mut Connection),
    ) {
        if let Some(stream) = self.open(connection, shard) {
            change(stream);
            self.pump(connection);
        }
    }

    /// The connection, where the node has it open; an effect for one that is closed comes too late and does nothing.
    fn open(&mut self, connection: ConnectionId, shard: ShardId) -> Option<&mut Connection> {
        let stream = self.connections.get_mut(&connection).expect("effects name connections that were opened");
        assert!(stream.shard == shard, "a shard owns its connections alone");
        (stream.node_side != NodeSide::Closed).then_some(stream)
    }

    pub(super) fn node_sends(&mut self, connection: ConnectionId, shard: ShardId, parts: &[Bytes]) {
        let Some(stream) = self.open(connection, shard) else { return };
        assert!(stream.node_side == NodeSide::Open, "nothing is sent after Close");
        stream.outgoing.push_back(match parts {
            [part] => part.clone(),
            _ => Bytes::from(parts.concat()),
        });
        let piece = stream.to_client.pieces + stream.outgoing.len() as u64;
        let at = self.now.after_micros(self.network_delay(connection, HAND_OVER, piece) / 8);
        self.schedule(at, Occurrence::HandOver { connection });
    }

    pub(super) fn node_closes(&mut self, connection: ConnectionId, shard: ShardId) {
        let Some(stream) = self.open(connection, shard) else { return };
        stream.node_side = NodeSide::Closing;
        if stream.outgoing.is_empty() {
            self.node_loses(connection);
        }
    }

    pub(super) fn node_cuts(&mut self, connection: ConnectionId, shard: ShardId) {
        if self.open(connection, shard).is_some() {
            self.node_loses(connection);
        }
    }

    /// The network takes the oldest send of the node, where the client leaves room for it.
    pub(super) fn hand_over(&mut self, connection: ConnectionId) {
        let Some(stream) = self.connections.get_mut(&connection) else { return };
        if stream.node_side == NodeSide::Closed || !stream.has_window() {
            return;
        }
        let Some(bytes) = stream.outgoing.pop_front() else { return };
        if stream.client_closed {
            // R4: nobody takes it.
            return self.node_loses(connection);
        }
        let (node, incarnation, shard) = (stream.node, stream.incarnation, stream.shard);
        let ends = stream.node_side == NodeSide::Closing && stream.outgoing.is_empty();
        let cause = [connection.0, TO_CLIENT, stream.to_client.pieces];
        let length = bytes.len();
        let (piece, rest) = self.split(bytes, &cause);
        self.push_to_client(connection, Chunk::Bytes(piece));
        if let Some(rest) = rest {
            self.push_to_client(connection, Chunk::Bytes(rest));
        }
        self.deliver(node, incarnation, shard, Event::Sent { connection, length });
        if ends {
            self.node_loses(connection);
        }
    }

    /// The node's side of a connection is gone.
    fn node_loses(&mut self, connection: ConnectionId) {
        let Some(stream) = self.connections.get_mut(&connection) else { return };
        if stream.node_side == NodeSide::Closed {
            return;
        }
        let was_open = stream.node_side != NodeSide::Connecting;
        stream.node_side = NodeSide::Closed;
        stream.outgoing.clear();
        if !was_open {
            return;
        }
        let (node, incarnation, shard) = (stream.node, stream.incarnation, stream.shard);
        self.deliver(node, incarnation, shard, Event::Closed { connection });
        self.push_to_client(connection, Chunk::End);
    }

    pub(super) fn arrives_at_client(&mut self, connection: ConnectionId) {
        let Some(stream) = self.connections.get_mut(&connection) else { return };
        let node = stream.node;
        if self.is_cut(connection, node, Way::ToClient) {
            return self.hold(connection, Way::ToClient);
        }
        let Some(stream) = self.connections.get_mut(&connection) else { return };
        let Some(chunk) = stream.to_client.chunks.pop_front() else { return };
        if stream.client_closed {
            return;
        }
        match chunk {
            Chunk::Open => {}
            Chunk::Bytes(bytes) => stream.receive(bytes),
            Chunk::End | Chunk::Reset => stream.client_closed = true,
        }
        let unread = !stream.client_reads;
        let more = !stream.outgoing.is_empty();
        self.deliveries += 1;
        if unread {
            self.count_unread(connection, node);
        }
        self.hand_to_watcher(connection);
        if more {
            self.schedule(self.now, Occurrence::HandOver { connection });
        }
    }

    /// The process of a node is gone: its connections break, and what it had not handed over is lost.
    pub(super) fn break_connections(&mut self, node: usize) {
        let broken: Vec<ConnectionId> = self
            .connections
            .iter()
            .filter(|(_, stream)| stream.node == node)
            .filter(|(_, stream)| matches!(stream.node_side, NodeSide::Open | NodeSide::Closing))
            .map(|(connection, _)| *connection)
            .collect();
        for connection in broken {
            if let Some(stream) = self.connections.get_mut(&connection) {
                stream.node_side = NodeSide::Closed;
                stream.outgoing.clear();
            }
            self.push_to_client(connection, Chunk::End);
        }
    }
}

fn state_serves(state: &NodeState) -> bool {
    *state == NodeState::Serving
}
