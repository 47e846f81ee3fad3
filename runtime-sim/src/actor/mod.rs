//! Clients that behave as real client libraries do, as state machines without IO.
//!
//! An [`Actor`] is one client of a run: a producer, a consumer, an administrator. It is given what happens to it, one
//! [`Input`] at a time, and says through its [`Context`] what it does. It decides nothing by a clock or a random number of
//! its own: what it draws is addressed by what it is about, so that taking one operation out of a script leaves the others
//! as they were. It does not know the world, so that the same actor runs in either ring.
//!
//! Invariants:
//! 1. Every connection that an actor opens ends with [`Input::Lost`], or by [`Context::disconnect`] after which the actor
//!    hears nothing more of it.
//! 2. Frames of one connection come in their order; a frame is a whole response without its length field.
//! 3. Each timer that was set comes once; an actor passes over those that it has no more use for.
//! 4. Every operation that an actor was given begins in the history, and ends there or stays under way for ever.

pub mod admin;
mod alarm;
pub mod consumer;
pub mod producer;
pub mod wire;

use crate::checker::Violation;
use crate::clock::WorldTime;
use crate::history::{ClientIndex, History, OperationId, Outcome, What};
use crate::node::NodeIndex;
use crate::run::{Coverage, State};
use crate::script::ClientAct;
use bytes::Bytes;
use core::time::Duration;
use grete_core::ids::ConnectionId;

/// A client of a run.
pub trait Actor {
    /// Something happens to it.
    fn on(&mut self, input: Input, context: &mut Context<'_>);

    /// Whether nothing is under way: no request without its answer, no record that was not sent.
    fn is_at_rest(&self) -> bool;

    /// What it waits for, where it is not at rest: for a person to read.
    fn waits_for(&self) -> String;
}

/// What happens to an actor.
#[derive(Clone, Debug)]
pub enum Input {
    /// The run begins: it may connect.
    Start,
    /// The script wants something of it.
    Act(ClientAct),
    /// A response has come.
    Frame(ConnectionId, Bytes),
    /// A connection is gone, or could not be made.
    Lost(ConnectionId),
    /// A timer that it has set.
    Timer(TimerToken),
}

/// Names a timer to the actor that has set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimerToken(pub u64);

/// What an actor does.
#[derive(Clone, Debug)]
pub enum Command {
    /// Connects to a node.
    Connect(NodeIndex, ConnectionId),
    /// Sends bytes.
    Send(ConnectionId, Bytes),
    /// Closes a connection.
    Disconnect(ConnectionId),
    /// Wants to hear of a timer.
    Timer(WorldTime, TimerToken),
}

/// What an actor sees of the run, and acts by.
#[derive(Debug)]
pub struct Context<'a> {
    /// Which client it is.
    pub client: ClientIndex,
    /// The moment.
    pub now: WorldTime,
    /// What all clients did.
    pub history: &'a mut History,
    /// The number of nodes; the first is where an actor connects to begin with.
    pub nodes: usize,
    /// Since when nothing goes wrong any more, and all nodes serve.
    pub calm_since: Option<WorldTime>,
    /// The rare states that were seen.
    pub(crate) coverage: &'a mut Coverage,
    pub(crate) commands: &'a mut Vec<Command>,
    /// Counts the connections of this client: names them, whatever other clients do.
    pub(crate) connections: &'a mut u64,
    /// What clients have seen that no broker may do.
    pub(crate) violations: &'a mut Vec<Violation>,
}

impl Context<'_> {
    /// Connects to a node. Where it does not serve, [`Input::Lost`] comes after the time of a way.
    pub fn connect(&mut self, node: NodeIndex) -> ConnectionId {
        *self.connections += 1;
        let connection = ConnectionId((self.client.0 as u64 + 1) << 32 | *self.connections);
        self.commands.push(Command::Connect(node, connection));
        connection
    }

    /// Sends bytes.
    pub fn send(&mut self, connection: ConnectionId, bytes: Bytes) {
        self.commands.push(Command::Send(connection, bytes));
    }

    /// Closes a connection.
    pub fn disconnect(&mut self, connection: ConnectionId) {
        self.commands.push(Command::Disconnect(connection));
    }

    /// Sets a timer.
    pub fn timer(&mut self, after: Duration, token: TimerToken) {
        self.timer_at(self.now.after(after), token);
    }

    /// Sets a timer for a moment.
    pub fn timer_at(&mut self, at: WorldTime, token: TimerToken) {
        self.commands.push(Command::Timer(at, token));
    }

    /// An operation begins.
    pub fn begin(&mut self, what: What) -> OperationId {
        self.history.begin(self.client, self.now, what)
    }

    /// An operation ends.
    pub fn end(&mut self, id: OperationId, outcome: Outcome) {
        self.history.end(id, self.now, outcome);
    }

    /// Says that the broker has broken a promise of that name: `what` tells it in one line.
    pub fn accuse(&mut self, checker: &'static str, what: String) {
        let client = Some(self.client);
        self.violations.push(Violation { checker, what, operations: Vec::new(), partition: None, client });
    }

    /// The run is in a rare state.
    pub fn see(&mut self, state: State) {
        self.coverage.see(state);
    }

    /// Writes down what takes no time.
    pub fn note(&mut self, what: What) {
        self.history.note(self.client, self.now, what);
    }
}
