//! Clients that are told of what happens to them: whole responses, connections that are gone, and timers.
//!
//! A client that drives the world itself looks at its connections; many of them are told instead, in the order of the
//! agenda, so that nobody looks at all of them after each step.

use super::{Occurrence, World};
use crate::clock::WorldTime;
use crate::machine::Machine;
use bytes::Bytes;
use grete_core::ids::ConnectionId;

/// What a client is told.
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
}

impl<M: Machine> World<M> {
    /// What happened next to a client that is told of it, where something has. After each step there is little of it, and
    /// most often nothing.
    pub fn next_happening(&mut self) -> Option<Happening> {
        self.happenings.pop_front()
    }

    /// Tells a client at that moment. It cannot be taken back.
    pub fn set_client_timer(&mut self, at: WorldTime, client: usize, token: u64) {
        self.schedule(at, Occurrence::ClientTimer { client, token });
    }

    /// Tells a client that is told of things what its connection has brought.
    pub(super) fn hand_to_watcher(&mut self, connection: ConnectionId) {
        let Self { connections, happenings, .. } = self;
        let Some(stream) = connections.get_mut(&connection).filter(|stream| stream.watched) else { return };
        if !stream.client_reads {
            return;
        }
        while let Some(frame) = stream.take_frame() {
            happenings.push_back(Happening::Frame(connection, frame));
        }
        if stream.client_closed {
            stream.watched = false;
            happenings.push_back(Happening::Lost(connection));
        }
    }

    /// A client that has closed a connection hears nothing more of it.
    pub(super) fn forget_happenings(&mut self, connection: ConnectionId) {
        self.happenings.retain(|happening| match happening {
            Happening::Frame(of, _) | Happening::Lost(of) => *of != connection,
            Happening::Timer { .. } => true,
        });
    }
}
