//! Connections between simulated clients and nodes: two ordered streams of bytes that may break at any moment.
//!
//! A connection is passive: the [world](crate::world) moves its chunks when their time has come.

mod framing;
mod pieces;

pub(crate) use framing::Inbound;

use bytes::Bytes;
use framing::Framing;
use grete_core::ids::{ListenerIndex, ShardId};
use pieces::Pieces;
use std::collections::VecDeque;
use std::ops::RangeInclusive;

/// The bytes towards a client that it has not read after which a node's sends wait: the socket buffers between them.
pub const SEND_WINDOW_BYTES: usize = 256 * 1024;

/// How the network behaves where nothing is wrong with it.
#[derive(Clone, Debug)]
pub struct NetworkProfile {
    /// How long bytes are on their way, in microseconds.
    pub delay_micros: RangeInclusive<u64>,
    /// How often a piece of a stream is split in two, times out of a million.
    pub split_per_million: u32,
}

impl Default for NetworkProfile {
    fn default() -> Self {
        Self { delay_micros: 20..=300, split_per_million: 100_000 }
    }
}

/// A piece of a stream under way.
#[derive(Clone, Debug)]
pub(crate) enum Chunk {
    /// The client asks for the connection.
    Open,
    Bytes(Bytes),
    /// The sender has closed in order.
    End,
    /// The connection is broken.
    Reset,
}

/// How a node sees a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NodeSide {
    /// The node has not heard of it yet.
    Connecting,
    Open,
    /// To be closed when what was sent before has left.
    Closing,
    Closed,
}

#[derive(Clone, Debug)]
pub(crate) struct Connection {
    pub(crate) node: usize,
    pub(crate) listener: ListenerIndex,
    pub(crate) incarnation: u64,
    pub(crate) shard: ShardId,
    pub(crate) node_side: NodeSide,
    /// Nothing is read from the stream: the shard asked for it.
    pub(crate) paused: bool,
    pub(crate) framing: Framing,
    /// The client has closed, and all that it sent before is in `framing`.
    pub(crate) client_ended: bool,
    pub(crate) to_node: Stream,
    /// Sends that the network has not taken yet.
    pub(crate) outgoing: VecDeque<Bytes>,
    pub(crate) to_client: Stream,
    /// What the client has received and not taken yet.
    received: Pieces,
    /// The client receives nothing more.
    pub(crate) client_closed: bool,
    /// The client takes bytes from the network.
    pub(crate) client_reads: bool,
    /// The client is told of what happens, and does not look by itself.
    pub(crate) watched: bool,
    /// The requests that a watched client has sent, and the responses that it was handed.
    pub(crate) asked: u64,
    pub(crate) answered: u64,
}

/// One direction of a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stream {
    pub(crate) chunks: VecDeque<Chunk>,
    /// When the last piece arrives: none overtakes another (R2).
    pub(crate) last_arrival: u64,
    /// Counts the pieces: addresses the draws.
    pub(crate) pieces: u64,
    /// Pieces that have arrived while nothing gets through.
    pub(crate) held: u64,
}

impl Stream {
    pub(crate) fn bytes(&self) -> usize {
        self.chunks.iter().map(|chunk| if let Chunk::Bytes(bytes) = chunk { bytes.len() } else { 0 }).sum()
    }
}

impl Connection {
    pub(crate) fn new(node: usize, listener: ListenerIndex, incarnation: u64, shard: ShardId) -> Self {
        Self {
            node,
            listener,
            incarnation,
            shard,
            node_side: NodeSide::Connecting,
            paused: false,
            framing: Framing::default(),
            client_ended: false,
            to_node: Stream::default(),
            outgoing: VecDeque::new(),
            to_client: Stream::default(),
            received: Pieces::default(),
            client_closed: false,
            client_reads: true,
            watched: false,
            asked: 0,
            answered: 0,
        }
    }

    /// Whether a watched client waits for a response.
    pub(crate) fn owes(&self) -> bool {
        self.asked > self.answered && self.node_side != NodeSide::Closed && !self.client_closed
    }

    /// Whether the network takes another send.
    pub(crate) fn has_window(&self) -> bool {
        self.to_client.bytes() + if self.client_reads { 0 } else { self.received.len() } < SEND_WINDOW_BYTES
    }

    /// The next request for the shard, where it reads.
    pub(crate) fn next_inbound(&mut self) -> Option<Inbound> {
        match self.node_side {
            NodeSide::Open if !self.paused => self.framing.next(),
            NodeSide::Connecting | NodeSide::Open | NodeSide::Closing | NodeSide::Closed => None,
        }
    }

    /// Whether the node notices now that the client has closed.
    pub(crate) fn node_sees_end(&self) -> bool {
        self.client_ended && !self.paused && !self.framing.waits() && self.node_side == NodeSide::Open
    }

    /// The client receives a piece of the stream.
    pub(crate) fn receive(&mut self, piece: Bytes) {
        self.received.push(piece);
    }

    /// The client forgets what it has received.
    pub(crate) fn drop_received(&mut self) {
        self.received.clear();
    }

    /// A whole response, out of what the client has received.
    pub(crate) fn take_frame(&mut self) -> Option<Bytes> {
        framing::take_frame(&mut self.received)
    }
}
