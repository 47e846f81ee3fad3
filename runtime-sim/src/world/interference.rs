//! What goes wrong between clients and nodes.
//!
//! Invariants:
//! 1. Nothing overtakes: what is held back arrives in its order, and before what was sent later.
//! 2. A world without interferences pays for none.

use super::{Occurrence, World};
use crate::history::ClientIndex;
use crate::machine::Machine;
use crate::node::NodeIndex;
use crate::script::NetworkFault;
use grete_core::ids::ConnectionId;

/// Something that goes wrong between clients and a node, until it is ended.
#[derive(Clone, Debug)]
pub struct Interference {
    id: InterferenceId,
    /// The client, or all.
    client: Option<ClientIndex>,
    node: usize,
    what: NetworkFault,
    /// The pieces of streams to which it has happened.
    struck: u64,
}

/// Names an interference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InterferenceId(pub u64);

/// The two ways of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    ToNode,
    ToClient,
}

/// The client that made a connection: connections of clients of a script are named by them.
#[must_use]
pub const fn client_of(connection: ConnectionId) -> Option<ClientIndex> {
    match connection.0 >> 32 {
        0 => None,
        client => Some(ClientIndex(client as usize - 1)),
    }
}

fn clients(client: Option<ClientIndex>) -> String {
    client.map_or_else(|| "all clients".to_owned(), |client| format!("client {}", client.0))
}

impl Interference {
    fn is_about(&self, connection: ConnectionId, node: usize) -> bool {
        self.node == node && (self.client.is_none() || client_of(connection) == self.client)
    }

    const fn cuts(&self, way: Way) -> bool {
        match self.what {
            NetworkFault::Cut => true,
            NetworkFault::CutToNode => matches!(way, Way::ToNode),
            NetworkFault::CutToClient => matches!(way, Way::ToClient),
            NetworkFault::Reset | NetworkFault::Slow(_) | NetworkFault::NotReading => false,
        }
    }
}

impl<M: Machine> World<M> {
    /// Something goes wrong between a client, or all of them, and a node, until it is [ended](Self::end_interference). Resets
    /// are no such thing: [`reset_all`](Self::reset_all) makes them.
    pub fn begin_interference(
        &mut self,
        client: Option<ClientIndex>,
        node: NodeIndex,
        what: NetworkFault,
    ) -> InterferenceId {
        self.interferences_begun += 1;
        let id = InterferenceId(self.interferences_begun);
        self.interferences.push(Interference { id, client, node: node.0, what, struck: 0 });
        if what == NetworkFault::NotReading {
            for connection in self.connections_between(client, node) {
                self.set_reading(connection, false);
            }
        }
        id
    }

    /// Ends an interference and says how many pieces of streams it has struck. What was held back arrives now.
    pub fn end_interference(&mut self, id: InterferenceId) -> u64 {
        let Some(at) = self.interferences.iter().position(|interference| interference.id == id) else { return 0 };
        let ended = self.interferences.remove(at);
        let node = NodeIndex(ended.node);
        self.tell(&format!("network  {:?} between {} and n{} ends", ended.what, clients(ended.client), node.0));
        for connection in self.connections_between(ended.client, node) {
            match ended.what {
                NetworkFault::NotReading if !self.is_not_reading(connection, node.0) => {
                    self.set_reading(connection, true);
                }
                _ => self.release(connection, node.0),
            }
        }
        ended.struck
    }

    /// Breaks the connections between a client, or all of them, and a node; says how many of them had a request without a
    /// response.
    pub fn reset_all(&mut self, client: Option<ClientIndex>, node: NodeIndex) -> usize {
        let owing = self.owing(client, node);
        for connection in self.connections_between(client, node) {
            self.reset(connection);
        }
        owing
    }

    /// The connections between a client, or all of them, and a node that have a request without a response. (A request that
    /// is not to have one counts, too.)
    #[must_use]
    pub fn owing(&self, client: Option<ClientIndex>, node: NodeIndex) -> usize {
        let between = self.connections_between(client, node).into_iter();
        between.filter(|connection| self.connections[connection].owes()).count()
    }

    /// The connections that the client has not closed.
    fn connections_between(&self, client: Option<ClientIndex>, node: NodeIndex) -> Vec<ConnectionId> {
        let between = self.connections.iter().filter(|(connection, stream)| {
            stream.node == node.0 && (client.is_none() || client_of(**connection) == client)
        });
        between.map(|(connection, _)| *connection).collect()
    }

    pub(super) fn is_cut(&mut self, connection: ConnectionId, node: usize, way: Way) -> bool {
        let mut all = self.interferences.iter_mut();
        let cut = all.find(|interference| interference.cuts(way) && interference.is_about(connection, node));
        cut.is_some_and(|interference| {
            interference.struck += 1;
            true
        })
    }

    pub(super) fn extra_micros(&mut self, connection: ConnectionId, node: usize) -> u64 {
        let mut extra = 0;
        for interference in &mut self.interferences {
            if let NetworkFault::Slow(delay) = interference.what
                && interference.is_about(connection, node)
            {
                interference.struck += 1;
                extra += delay.as_micros() as u64;
            }
        }
        extra
    }

    pub(super) fn is_not_reading(&self, connection: ConnectionId, node: usize) -> bool {
        self.interferences.iter().any(|interference| {
            interference.what == NetworkFault::NotReading && interference.is_about(connection, node)
        })
    }

    pub(super) fn count_unread(&mut self, connection: ConnectionId, node: usize) {
        for interference in &mut self.interferences {
            if interference.what == NetworkFault::NotReading && interference.is_about(connection, node) {
                interference.struck += 1;
            }
        }
    }

    /// Something has arrived and does not get through.
    pub(super) fn hold(&mut self, connection: ConnectionId, way: Way) {
        if let Some(stream) = self.connections.get_mut(&connection) {
            match way {
                Way::ToNode => stream.to_node.held += 1,
                Way::ToClient => stream.to_client.held += 1,
            }
        }
    }

    /// What was held back arrives, where nothing else holds it.
    fn release(&mut self, connection: ConnectionId, node: usize) {
        for way in [Way::ToNode, Way::ToClient] {
            let mut others = self.interferences.iter();
            if others.any(|interference| interference.cuts(way) && interference.is_about(connection, node)) {
                continue;
            }
            let Some(stream) = self.connections.get_mut(&connection) else { return };
            let (held, occurrence) = match way {
                Way::ToNode => (&mut stream.to_node.held, Occurrence::ToNode { connection }),
                Way::ToClient => (&mut stream.to_client.held, Occurrence::ToClient { connection }),
            };
            for _ in 0..std::mem::take(held) {
                self.schedule(self.now, occurrence.clone());
            }
        }
    }
}
