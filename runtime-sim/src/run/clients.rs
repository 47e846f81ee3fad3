//! The clients of a run: which actor each is, and carrying out what actors do.

use super::Run;
use crate::actor::admin::Admin;
use crate::actor::consumer::{Consumer, Library};
use crate::actor::producer::Producer;
use crate::actor::{Actor, Command, Context, Input, TimerToken};
use crate::history::ClientIndex;
use crate::machine::Machine;
use crate::script::{ClientKind, ClientPlan};
use crate::world::Happening;
use crate::world::client_of;
use grete_core::ids::ConnectionId;

/// A client of a run.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) actor: AnyActor,
    /// Counts its connections.
    pub(super) connections: u64,
}

/// An actor of any kind.
#[derive(Clone, Debug)]
pub(super) enum AnyActor {
    Producer(Box<Producer>),
    Consumer(Box<Consumer>),
    Admin(Box<Admin>),
}

impl AnyActor {
    fn as_actor(&mut self) -> &mut dyn Actor {
        match self {
            Self::Producer(actor) => &mut **actor,
            Self::Consumer(actor) => &mut **actor,
            Self::Admin(actor) => &mut **actor,
        }
    }

    pub(super) fn is_at_rest(&self) -> bool {
        match self {
            Self::Producer(actor) => actor.is_at_rest(),
            Self::Consumer(actor) => actor.is_at_rest(),
            Self::Admin(actor) => actor.is_at_rest(),
        }
    }

    /// What it waits for, for a person to read.
    pub(super) fn waits_for(&self) -> String {
        match self {
            Self::Producer(actor) => actor.waits_for(),
            Self::Consumer(actor) => actor.waits_for(),
            Self::Admin(actor) => actor.waits_for(),
        }
    }
}

impl Client {
    pub(super) fn new(plan: &ClientPlan) -> Self {
        let actor = match &plan.kind {
            ClientKind::Producer(plan) => AnyActor::Producer(Box::new(Producer::new(plan.clone()))),
            ClientKind::Consumer(of) => {
                AnyActor::Consumer(Box::new(Consumer::of(Library::of_client(&plan.name), of.clone())))
            }
            ClientKind::Admin => AnyActor::Admin(Box::default()),
        };
        Self { actor, connections: 0 }
    }
}

impl<M: Machine> Run<M> {
    /// Tells clients what happened to them in the last step.
    pub(super) fn tell_clients(&mut self) {
        while let Some(happening) = self.world.next_happening() {
            match happening {
                Happening::Frame(connection, frame) => self.input_of(connection, Input::Frame(connection, frame)),
                Happening::Lost(connection) => self.input_of(connection, Input::Lost(connection)),
                Happening::Timer { client, token } => self.input(ClientIndex(client), Input::Timer(TimerToken(token))),
                Happening::Asked { node, watch } => self.watch_fired(node, watch),
                Happening::Ended { node } => self.node_ended(node),
            }
        }
    }

    fn input_of(&mut self, connection: ConnectionId, input: Input) {
        if let Some(client) = client_of(connection) {
            self.input(client, input);
        }
    }

    /// Gives a client an input, and carries out what it does.
    pub(super) fn input(&mut self, index: ClientIndex, input: Input) {
        let Some(client) = self.clients.get_mut(index.0) else { return };
        let mut commands = std::mem::take(&mut self.commands);
        let mut context = Context {
            client: index,
            now: self.world.now(),
            history: &mut self.history,
            nodes: self.script.nodes.len(),
            calm_since: self.calm_since,
            coverage: &mut self.coverage,
            commands: &mut commands,
            connections: &mut client.connections,
            violations: &mut self.violations,
        };
        client.actor.as_actor().on(input, &mut context);
        // Operations are told before what is sent for them.
        self.look();
        for command in commands.drain(..) {
            match command {
                Command::Connect(node, connection) => self.world.connect_watched(node, connection),
                Command::Send(connection, bytes) => self.world.send(connection, bytes),
                Command::Disconnect(connection) => self.world.close(connection),
                Command::Timer(at, token) => self.world.set_client_timer(at, index.0, token.0),
            }
        }
        self.commands = commands;
    }
}
