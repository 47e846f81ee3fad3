//! What an API's handler sees of the shard that owns the client's connection.

use crate::api::message::Call;
use crate::budget::Budget;
use crate::fetch::SessionCache;
use crate::ids::{ConnectionId, ListenerIndex, ShardId, Ticket};
use crate::limits::REQUEST_ELEMENTS_MAX;
use crate::metadata::{BrokerImage, MetadataImage};
use crate::node::{CONTROLLER_LISTENER, ListenerRole, NodeConfig};
use crate::rng::Seed;
use crate::time::{Instant, Now};
use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt;
use core::net::SocketAddr;
use grete_protocol::wire::{Decoder, EncodeError, Encoder, Message, Parts};

/// A request that has arrived: its header, and the frame it came in.
#[derive(Clone, Debug)]
pub struct Request {
    /// The API.
    pub api: grete_protocol::ApiKey,
    /// Its version.
    pub version: i16,
    /// What the client wants to see in the answer.
    pub correlation_id: i32,
    /// What the client calls itself.
    pub client_id: Option<Arc<str>>,
    /// The whole frame; the body is a slice of it.
    pub frame: Bytes,
    /// Where in the frame the body begins.
    pub body_at: usize,
}

impl Request {
    /// Whether its answer may hold many records, so that it begins only where there is room for them.
    #[must_use]
    pub fn holds_records(&self) -> bool {
        self.api == grete_protocol::ApiKey::Fetch
    }

    /// The request without its frame: for whoever waits and needs the header only.
    #[must_use]
    pub fn without_frame(self) -> Self {
        Self { frame: Bytes::new(), ..self }
    }

    /// Whether the frame is held.
    #[must_use]
    pub const fn holds_frame(&self) -> bool {
        !self.frame.is_empty()
    }

    /// Reads the body. What follows it is passed over, as Kafka does: clients are known to send fields of other versions
    /// at its end.
    #[must_use]
    pub fn decoder(&self) -> Decoder<'_> {
        decoder(self.body())
    }

    /// The body's bytes.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.frame.get(self.body_at..).unwrap_or_default()
    }
}

/// The client at the other end of a connection.
#[derive(Clone, Debug)]
pub struct Client {
    /// The connection.
    pub connection: ConnectionId,
    /// The listener that it came in by.
    pub listener: ListenerIndex,
    /// The client's address.
    pub peer: SocketAddr,
    /// Our own address as the client sees it.
    pub local: SocketAddr,
}

/// What a handler may look at and use, for one request.
pub struct Front<'a> {
    /// The moment of the step.
    pub now: Now,
    /// The node's configuration.
    pub node: &'a NodeConfig,
    /// The cluster's metadata as this shard knows it.
    pub image: &'a Arc<MetadataImage>,
    /// The client.
    pub client: &'a Client,
    /// The seed of this boot.
    pub seed: Seed,
    /// The shard that owns the connection.
    pub shard: ShardId,
    /// The number of shards of the node.
    pub shards: u16,
    /// The request's number on its connection.
    pub sequence: u64,
    /// The fetch sessions of the shard.
    pub sessions: &'a mut SessionCache,
    /// What answers may still hold; a request that reads records takes its room here while it reads.
    pub(crate) answers: &'a mut Budget,
    /// Counts the pieces of work for the request.
    pub(crate) parts: &'a mut u32,
    /// The calls that the handler makes.
    pub(crate) calls: &'a mut Vec<(ShardId, Ticket, Call)>,
    /// When the handler wants to be called again, if nothing comes before.
    pub(crate) deadline: &'a mut Option<Instant>,
}

impl Front<'_> {
    /// Asks `shard` for a piece of work; gives the number that its answer will carry.
    pub(crate) fn call(&mut self, shard: ShardId, call: Call) -> u32 {
        let part = *self.parts;
        *self.parts += 1;
        let ticket = self.ticket(part);
        self.calls.push((shard, ticket, call));
        part
    }

    /// Asks `shard` for something else about a piece of work that it has: the same number again.
    pub(crate) fn call_again(&mut self, shard: ShardId, part: u32, call: Call) {
        let ticket = self.ticket(part);
        self.calls.push((shard, ticket, call));
    }

    /// Whose listener the client has come in by.
    pub(crate) fn role(&self) -> ListenerRole {
        self.node.role_of(self.client.listener)
    }

    /// Where this client reaches the controller, which is this node: on the listener that it has come in by, if that is the
    /// controller's. A node without one answers for its controller where it answers as a broker.
    pub(crate) fn controller_endpoint(&self) -> (&str, Cow<'_, str>, u16) {
        let here = self.node.listeners.get(usize::from(self.client.listener.0));
        let here = here.filter(|listener| listener.role == ListenerRole::Controller);
        let reached = || Cow::Owned(self.client.local.ip().to_canonical().to_string());
        let Some(listener) = here.or_else(|| self.node.listeners_of(ListenerRole::Controller).next()) else {
            let broker = self.image.brokers.get(&self.node.node_id);
            let (host, port) = broker.map_or_else(|| (reached(), self.client.local.port()), |at| self.address_of(at));
            return (CONTROLLER_LISTENER, host, port);
        };
        let (host, port) = match &listener.advertised {
            Some((host, port)) => (Cow::Borrowed(host.as_str()), *port),
            None if here.is_some() => (reached(), self.client.local.port()),
            None if listener.is_on_all_addresses() => (reached(), listener.port),
            None => (Cow::Borrowed(listener.host.as_str()), listener.port),
        };
        (&listener.name, host, port)
    }

    /// Where this client reaches a broker. For the node that it is connected to, and where nothing is advertised, that is
    /// the address that it has reached already.
    pub(crate) fn address_of<'b>(&'b self, broker: &'b BrokerImage) -> (Cow<'b, str>, u16) {
        let listener = self.node.listeners.get(usize::from(self.client.listener.0));
        let advertised = listener.and_then(|listener| listener.advertised.as_ref());
        if broker.id == self.node.node_id {
            return match advertised {
                Some((host, port)) => (Cow::Borrowed(host), *port),
                None => (Cow::Owned(self.client.local.ip().to_canonical().to_string()), self.client.local.port()),
            };
        }
        let endpoint = broker.endpoints.iter().find(|at| listener.is_some_and(|listener| *at.name == *listener.name));
        endpoint.map_or((Cow::Borrowed(""), 0), |endpoint| (Cow::Borrowed(&endpoint.host), endpoint.port))
    }

    fn ticket(&self, part: u32) -> Ticket {
        Ticket { shard: self.shard, connection: self.client.connection, sequence: self.sequence, part }
    }
}

/// Reads the body of a request.
pub(crate) fn decoder(body: &[u8]) -> Decoder<'_> {
    Decoder::new(body).with_elements_max(REQUEST_ELEMENTS_MAX)
}

/// Encodes an answer to `request` that stands for an `M`, by fields that `write` writes one by one.
pub(crate) fn encode_by<'m, M: Message<'m>>(
    request: &Request,
    write: impl FnOnce(&mut Encoder),
) -> Result<Parts, EncodeError> {
    let mut encoder = Encoder::for_frame();
    grete_protocol::frame::encode_response_header(&mut encoder, request.api, request.version, request.correlation_id)?;
    encoder.message::<M>(request.version, write)?;
    encoder.finish_frame()
}

/// Encodes an answer to `request`: length, header and body.
pub(crate) fn encode<'m>(request: &Request, body: &impl Message<'m>) -> Result<Parts, EncodeError> {
    let mut encoder = Encoder::for_frame();
    grete_protocol::frame::encode_response_header(&mut encoder, request.api, request.version, request.correlation_id)?;
    body.encode(&mut encoder, request.version)?;
    encoder.finish_frame()
}

/// Where a request stands after something happened to it.
#[derive(Debug)]
pub enum Next {
    /// It waits for answers from shards or for its deadline.
    Wait,
    /// It has taken effect, and waits.
    Applied,
    /// It is answered.
    Answer(Parts),
    /// It is done, and no answer is due (`acks=0`).
    Silent,
}

/// Why a connection is closed instead of a request answered.
#[derive(Debug)]
pub enum Refusal {
    /// The body is not what its header says.
    Malformed(grete_protocol::wire::DecodeError),
    /// The answer does not fit the version: our own fault, or a request that asks for the impossible.
    Encode(EncodeError),
    /// The protocol says that the connection is to be closed.
    Close(String),
}

impl From<grete_protocol::wire::DecodeError> for Refusal {
    fn from(error: grete_protocol::wire::DecodeError) -> Self {
        Self::Malformed(error)
    }
}

impl From<EncodeError> for Refusal {
    fn from(error: EncodeError) -> Self {
        Self::Encode(error)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(error) => write!(f, "a request cannot be read: {error}"),
            Self::Encode(error) => write!(f, "an answer cannot be written: {error}"),
            Self::Close(reason) => f.write_str(reason),
        }
    }
}
