//! What those are told of who drive the world: what happens to clients (whole responses, connections that are gone, timers), and
//! to nodes.
//!
//! A client that drives the world itself looks at its connections; many of them are told instead, in the order of the
//! agenda, so that nobody looks at all of them after each step.

use super::{Occurrence, World};
use crate::clock::WorldTime;
use crate::machine::Machine;
use crate::node::NodeIndex;
use bytes::Bytes;
use grete_core::ids::ConnectionId;

/// What has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// A whole response has come, without its length field.
    Frame(ConnectionId, Bytes),
    /// The connection is gone, or could not be made.
    Lost(ConnectionId),
    /// A timer that the client has set.
    Timer {
        /// The client, by the number that it was set with.
        client: usize,
        /// What it was set with.
        token: u64,
    },
    /// A node has asked for the file operation that a [watch](World::watch_disk) waits for. Nothing has come of it yet.
    Asked {
        /// The node.
        node: NodeIndex,
        /// The number that the watch was set with.
        watch: u64,
    },
    /// The process of a node is gone.
    Ended {
        /// The node.
        node: NodeIndex,
    },
}

impl<M: Machine> World<M> {
    /// What happened next, where something has. After each step there is little of it, and most often nothing.
    pub fn next_happening(&mut self) -> Option<Happening> {
        self.happenings.pop_front()
    }

    /// Tells a client at that moment. It cannot be taken back.
    pub fn set_client_timer(&mut self, at: WorldTime, client: usize, token: u64) {
        self.schedule(at, Occurrence::ClientTimer { client, token });
    }

    /// Tells a client that is told of things what its connection has brought.
    pub(super) fn hand_to_watcher(&mut self, connection: ConnectionId) {
        let Self { connections, happenings, trace, now, .. } = self;
        let Some(stream) = connections.get_mut(&connection).filter(|stream| stream.watched) else { return };
        if !stream.client_reads {
            return;
        }
        while let Some(frame) = stream.take_frame() {
            stream.answered += 1;
            if let Some(trace) = trace {
                trace.response(*now, stream.node, connection, &frame);
            }
            happenings.push_back(Happening::Frame(connection, frame));
        }
        if stream.client_closed {
            stream.watched = false;
            if let Some(trace) = trace {
                trace.connection(*now, connection, '>', "lost");
            }
            happenings.push_back(Happening::Lost(connection));
        }
    }

    /// A client that has closed a connection hears nothing more of it.
    pub(super) fn forget_happenings(&mut self, connection: ConnectionId) {
        self.happenings.retain(|happening| match happening {
            Happening::Frame(of, _) | Happening::Lost(of) => *of != connection,
            Happening::Timer { .. } | Happening::Asked { .. } | Happening::Ended { .. } => true,
        });
    }
}
