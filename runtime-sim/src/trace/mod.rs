//! The story of a run: one entry for each thing that happened, as text with a legend and as facts that can be drawn.
//!
//! A run that is looked at is run again with its trace on; a run that only counts pays nothing for it.
//!
//! ```text
//! words       events and effects in words
//! operations  operations of clients in words
//! hops        which request or response a frame is
//! ```

mod hops;
mod operations;
mod words;

pub use hops::{Hop, Leg};
pub use operations::{Name, tell_id, tell_outcome, tell_partition, tell_value, tell_values, tell_what};
pub(crate) use words::{tell_effect, tell_event};

use crate::clock::WorldTime;
use crate::history::{ClientIndex, OperationId};
use crate::node::NodeIndex;
use crate::world::client_of;
use bytes::Bytes;
use core::fmt::{self, Write as _};
use grete_core::effect::Effect;
use grete_core::event::Event;
use grete_core::group::GroupView;
use grete_core::ids::ConnectionId;
use grete_core::log::LogEnds;
use hops::Responses;
use std::collections::BTreeMap;
use words::tell_connection;

/// What the columns of a trace mean.
pub const LEGEND: &str = "\
# event   its number: --at EVENT shows what was there right after it
# time    seconds since the beginning of the run
# where   n = node, s = shard of it, w = the world; else the name of a client
# sign    > goes in: an event into a step of a shard, a response to a client
#         < comes out: an effect of a step, a request of a client
#         = a file operation has run
#         ~ the ends of a log or the state of a group have changed
#         * an operation of a client begins or ends
#         ! the world acts: what a script says, nodes that start and end
# what    API #N is a request or response with correlation id N; cN is a connection; cM-N the N-th of the M-th client; +N are bytes
";

/// The entries of a trace, in their order.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    entries: Vec<Entry>,
    responses: BTreeMap<ConnectionId, Responses>,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Entry {
    /// When.
    pub at: WorldTime,
    /// Where.
    pub place: Place,
    /// What it is, by the [`LEGEND`].
    pub sign: char,
    /// In words.
    pub text: String,
    /// As something that can be drawn.
    pub fact: Fact,
}

/// Where something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In the world itself.
    World,
    /// On a node.
    Node(NodeIndex),
    /// On a shard of a node.
    Shard(NodeIndex, u16),
    /// On a client; the one after those of the script sets up and audits.
    Client(ClientIndex),
}

/// What an entry says beyond its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// Nothing.
    Nothing,
    /// A request or a response is somewhere on its way.
    Hop(Hop),
    /// An operation has begun.
    Began(OperationId),
    /// An operation has ended.
    Ended(OperationId),
    /// This act of the script has happened.
    Act(usize),
    /// A node is in another state now.
    State(NodeIndex, String),
    /// The ends of a log have changed.
    Log(NodeIndex, LogEnds),
    /// A log is no longer there.
    LogGone(NodeIndex, String),
    /// A group has changed.
    Group(NodeIndex, GroupView),
}

impl Trace {
    /// What happened.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The whole text, with its legend; `name` names clients.
    pub fn write(&self, out: &mut impl fmt::Write, name: &Name<'_>) -> fmt::Result {
        out.write_str(LEGEND)?;
        self.entries.iter().enumerate().try_for_each(|(number, entry)| entry.write(out, number, name))
    }

    /// The last `count` lines.
    #[must_use]
    pub fn tail(&self, count: usize) -> Vec<String> {
        let first = self.entries.len().saturating_sub(count);
        let line = |(number, entry): (usize, &Entry)| entry.line(number, &|client| format!("client{}", client.0));
        self.entries.iter().enumerate().skip(first).map(line).collect()
    }

    pub(crate) fn push(&mut self, at: WorldTime, place: Place, sign: char, text: String, fact: Fact) {
        self.entries.push(Entry { at, place, sign, text, fact });
    }

    /// A client sends bytes.
    pub(crate) fn request(&mut self, at: WorldTime, node: usize, connection: ConnectionId, bytes: &Bytes) {
        let hop = hops::request(node, connection, bytes.get(4..).unwrap_or_default(), Leg::Asked);
        let text = hop
            .as_ref()
            .map_or_else(|| format!("sends    {} +{}", tell_connection(connection), bytes.len()), Hop::to_string);
        self.client_line(at, connection, '<', text, hop);
    }

    /// A client has a response.
    pub(crate) fn response(&mut self, at: WorldTime, node: usize, connection: ConnectionId, frame: &Bytes) {
        let hop = hops::response(node, connection, frame);
        let text = hop
            .as_ref()
            .map_or_else(|| format!("takes    {} +{}", tell_connection(connection), frame.len()), Hop::to_string);
        self.client_line(at, connection, '>', text, hop);
    }

    /// Something happens to a client's connection.
    pub(crate) fn connection(&mut self, at: WorldTime, connection: ConnectionId, sign: char, what: &str) {
        self.client_line(at, connection, sign, format!("{what:<8} {}", tell_connection(connection)), None);
    }

    fn client_line(&mut self, at: WorldTime, connection: ConnectionId, sign: char, text: String, hop: Option<Hop>) {
        let place = client_of(connection).map_or(Place::World, Place::Client);
        self.push(at, place, sign, text, hop.map_or(Fact::Nothing, Fact::Hop));
    }

    /// The fact that an event going into a step is.
    pub(crate) fn of_event(node: usize, event: &Event) -> Fact {
        match event {
            Event::Frame { connection, frame } => {
                hops::request(node, *connection, frame, Leg::Came).map_or(Fact::Nothing, Fact::Hop)
            }
            _ => Fact::Nothing,
        }
    }

    /// The fact that an effect coming out of a step is.
    pub(crate) fn of_effect(&mut self, node: usize, effect: &Effect) -> Fact {
        match effect {
            Effect::Send { connection, parts } => {
                let begun = self.responses.entry(*connection).or_default().take(parts);
                let hop = |correlation| Hop::new(node, *connection, correlation, Leg::Answered);
                begun.map_or(Fact::Nothing, |correlation| Fact::Hop(hop(correlation)))
            }
            _ => Fact::Nothing,
        }
    }
}

impl Entry {
    /// Its line.
    #[must_use]
    pub fn line(&self, number: usize, name: &Name<'_>) -> String {
        let mut text = String::new();
        let _ = self.write(&mut text, number, name);
        text.truncate(text.trim_end().len());
        text
    }

    /// Writes its line.
    pub fn write(&self, out: &mut impl fmt::Write, number: usize, name: &Name<'_>) -> fmt::Result {
        let (seconds, micros) = (self.at.0 / 1_000_000, self.at.0 % 1_000_000);
        let place = self.place.name(name);
        writeln!(out, "{number:>7} {seconds:>4}.{micros:06} {place:<8} {} {}", self.sign, self.text)
    }

    /// Whether it happens to a node or to a client, or is about a connection of this.
    #[must_use]
    pub fn is_about(&self, place: Place) -> bool {
        match (self.place, place) {
            (Place::Shard(node, _), Place::Node(of)) => node == of,
            (_, Place::Client(client)) => {
                self.place == place || matches!(&self.fact, Fact::Hop(hop) if client_of(hop.connection) == Some(client))
            }
            _ => self.place == place,
        }
    }
}

impl Place {
    /// What it is called.
    #[must_use]
    pub fn name(self, name: &Name<'_>) -> String {
        match self {
            Self::World => "w".to_owned(),
            Self::Node(node) => format!("n{}", node.0),
            Self::Shard(node, shard) => format!("n{}/s{shard}", node.0),
            Self::Client(client) => name(client),
        }
    }
}

/// The ends of a log in words.
pub(crate) fn tell_ends(ends: &LogEnds) -> String {
    let LogEnds { partition, topic, unavailable, log_start, durable_end, flushed_end, log_end } = ends;
    let mut text = format!("log      {topic}/{}", partition.partition);
    let _ = match unavailable {
        Some(why) => write!(text, " {why:?}"),
        None => write!(text, " start {log_start} flushed {flushed_end} visible {durable_end} end {log_end}"),
    };
    text
}

/// A group in words.
pub(crate) fn tell_group(view: &GroupView) -> String {
    let mut text = format!("group    {} {} generation {}", view.group, view.state, view.generation.0);
    let members: Vec<&str> = view.members.iter().map(|(_, client)| &**client).collect();
    let _ = write!(text, " members [{}]", members.join(" "));
    for ((topic, partition), offset) in &view.offsets {
        let _ = write!(text, " {topic}/{partition}={offset}");
    }
    text
}
