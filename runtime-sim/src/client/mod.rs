//! A client that speaks Kafka's protocol by an implementation that is not ours: the crate `kafka-protocol`.
//!
//! A [`Client`] is one connection with the requests that are under way on it. It holds no world, so that it can be copied
//! beside one. What it sends and how long it waits is the caller's business; [`operations`], [`groups`] and
//! [`admin`] have what callers want most.

pub mod admin;
pub mod groups;
pub mod inside;
pub mod operations;
pub(crate) mod requests;

use crate::drive::Drive;
use crate::node::NodeIndex;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use core::time::Duration;
use grete_core::ids::{ConnectionId, ListenerIndex};
use kafka_protocol::messages::{RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};
use std::collections::VecDeque;

/// How long a client waits for an answer where the caller does not say.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// A connection with the requests under way on it.
#[derive(Clone, Debug)]
pub struct Client {
    node: NodeIndex,
    listener: ListenerIndex,
    connection: ConnectionId,
    last_correlation: i32,
    /// Requests that will be answered, in the order sent: correlation id and the version of the answer's header.
    in_flight: VecDeque<(i32, i16)>,
}

/// Why a request has no answer that the caller wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallError {
    /// The connection was closed first.
    Closed,
    /// No answer came in time.
    TimedOut,
    /// The answer is an error: Kafka's code.
    Code(i16),
    /// The answer is not what the protocol promises.
    Wrong(String),
}

impl Client {
    /// Connects to a node.
    pub fn connect(drive: &mut impl Drive, node: NodeIndex) -> Self {
        Self::connect_by(drive, node, ListenerIndex(0))
    }

    /// Connects to one of a node's listeners.
    pub fn connect_by(drive: &mut impl Drive, node: NodeIndex, listener: ListenerIndex) -> Self {
        let connection = drive.world().connect_by(node, listener);
        Self { node, listener, connection, last_correlation: 0, in_flight: VecDeque::new() }
    }

    /// Connects anew to the same node; what was under way is forgotten.
    pub fn reconnect(&mut self, drive: &mut impl Drive) {
        *self = Self { last_correlation: self.last_correlation, ..Self::connect_by(drive, self.node, self.listener) };
    }

    /// The connection.
    #[must_use]
    pub const fn connection(&self) -> ConnectionId {
        self.connection
    }

    /// The number of requests that are not answered yet.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Sends a request that will be answered; answers come in the order of the requests.
    pub fn send<R: Request>(&mut self, drive: &mut impl Drive, request: &R, version: i16) {
        self.send_only(drive, request, version);
        self.in_flight.push_back((self.last_correlation, R::Response::header_version(version)));
    }

    /// Sends a request that is not answered: Produce with acks=0.
    pub fn send_only<R: Request>(&mut self, drive: &mut impl Drive, request: &R, version: i16) {
        self.last_correlation += 1;
        drive.world().send(self.connection, encode(request, version, self.last_correlation));
    }

    /// Waits for the answer to the oldest request under way.
    ///
    /// # Errors
    /// Where the connection is closed, or no answer comes in time, or it is no such answer.
    pub fn receive<A: Decodable>(
        &mut self,
        drive: &mut impl Drive,
        version: i16,
        timeout: Duration,
    ) -> Result<A, CallError> {
        let connection = self.connection;
        let mut frame = None;
        drive.run_until(timeout, |world| {
            frame = world.take_frame(connection);
            frame.is_some() || world.is_closed(connection)
        });
        let Some(mut frame) = frame else {
            return Err(if drive.world().is_closed(connection) { CallError::Closed } else { CallError::TimedOut });
        };
        let wrong = |what: &str| CallError::Wrong(what.to_owned());
        let (correlation, header_version) = self.in_flight.pop_front().ok_or_else(|| wrong("nothing was asked"))?;
        let header = ResponseHeader::decode(&mut frame, header_version).map_err(|error| wrong(&error.to_string()))?;
        if header.correlation_id != correlation {
            return Err(wrong("an answer to another request"));
        }
        let answer = A::decode(&mut frame, version).map_err(|error| wrong(&error.to_string()))?;
        match frame.has_remaining() {
            true => Err(wrong("bytes after the answer")),
            false => Ok(answer),
        }
    }

    /// Sends a request and waits for its answer; nothing else may be under way.
    ///
    /// # Errors
    /// As [`receive`](Self::receive).
    pub fn call<R: Request>(
        &mut self,
        drive: &mut impl Drive,
        request: &R,
        version: i16,
    ) -> Result<R::Response, CallError> {
        assert!(self.in_flight.is_empty(), "an answer belongs to the oldest request under way");
        self.send(drive, request, version);
        self.receive(drive, version, ANSWER_TIMEOUT)
    }
}

/// The bytes that a buffer begins with that something is encoded into: most requests and batches fit.
pub(crate) const ENCODED_BYTES_FIRST: usize = 512;

/// A request as it goes over the wire, with its length field.
pub fn encode<R: Request>(request: &R, version: i16, correlation: i32) -> Bytes {
    let header = RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .with_correlation_id(correlation)
        .with_client_id(Some(StrBytes::from_static_str("grete-sim")));
    let mut bytes = BytesMut::with_capacity(ENCODED_BYTES_FIRST);
    bytes.put_i32(0);
    header.encode(&mut bytes, R::header_version(version)).expect("a header that this client makes is valid");
    request.encode(&mut bytes, version).expect("a caller makes requests that have this version");
    let length = i32::try_from(bytes.len() - 4).expect("a request is smaller than 2 GB");
    bytes[..4].copy_from_slice(&length.to_be_bytes());
    bytes.freeze()
}
