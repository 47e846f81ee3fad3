//! What actors say on the wire: requests and responses by the crate `kafka-protocol`, and connections with what is under way
//! on them.
//!
//! Invariants:
//! 1. Answers belong to the requests of their connection in the order of these. A broker that breaks it is accused by the
//!    checker [`ANSWER_ORDER`].
//! 2. A link that was [closed](Link::close) or lost has nothing under way: who asked has it back.
//! 3. Nothing but ApiVersions is sent before that has its answer, as client libraries do: what was not sent on a link that
//!    could not be made is known not to have been sent.

use super::Context;
use crate::client::encode;
use crate::clock::{WALL_START_MS, WorldTime};
use crate::node::NodeIndex;
use bytes::{Buf, Bytes};
use core::time::Duration;
use grete_core::ids::ConnectionId;
use kafka_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse, ResponseHeader};
use kafka_protocol::protocol::{Decodable, HeaderVersion, Request, StrBytes};
use std::collections::VecDeque;

/// The checker that holds a broker to the order of its answers, and to their being what the protocol says.
pub const ANSWER_ORDER: &str = "answer-order";

/// The checker that holds a broker to answering, once all is well.
pub const ANSWERED: &str = "answered";

/// How long a broker may take where nothing goes wrong: who waits for less may come while it makes hundreds of files durable.
const PATIENCE: Duration = Duration::from_secs(3);

const API_VERSIONS_VERSION: i16 = 3;

/// The port of the first node; those of the others follow.
pub const FIRST_PORT: u16 = 9092;

/// The node that is reached at a port, as brokers tell it.
#[must_use]
pub fn node_at(port: i32) -> Option<NodeIndex> {
    usize::try_from(port).ok()?.checked_sub(usize::from(FIRST_PORT)).map(NodeIndex)
}

/// What a client's wall clock shows, in milliseconds since 1970.
#[must_use]
pub const fn wall_ms(now: WorldTime) -> i64 {
    WALL_START_MS + (now.0 / 1_000) as i64
}

/// A connection to a node, with the requests under way on it: `A` is what an actor has to know to take the answer.
#[derive(Clone, Debug)]
pub struct Link<A> {
    connection: ConnectionId,
    last_correlation: i32,
    /// Since when the link waits for the answer to ApiVersions.
    greeting: Option<WorldTime>,
    under_way: VecDeque<UnderWay<A>>,
}

#[derive(Clone, Debug)]
struct UnderWay<A> {
    correlation: i32,
    api_key: i16,
    version: i16,
    header_version: i16,
    sent: WorldTime,
    asked: A,
}

/// What a response on a link is.
#[derive(Clone, Debug)]
pub enum Taken<A> {
    /// The link is ready for requests.
    Ready,
    /// An answer.
    Answer(Answered<A>),
    /// No answer to what was asked: the broker is accused, and the link is to be closed.
    Wrong,
}

/// An answer, with what it answers.
#[derive(Clone, Debug)]
pub struct Answered<A> {
    /// What was asked.
    pub asked: A,
    api_key: i16,
    version: i16,
    body: Bytes,
}

impl<A> Link<A> {
    /// Connects to a node.
    pub fn open(context: &mut Context<'_>, node: NodeIndex) -> Self {
        let connection = context.connect(node);
        let greeting = Some(context.now);
        let mut link = Self { connection, last_correlation: 0, greeting, under_way: VecDeque::new() };
        let request = ApiVersionsRequest::default()
            .with_client_software_name(StrBytes::from_static_str("grete-sim"))
            .with_client_software_version(StrBytes::from_static_str("1"));
        link.send_only(context, &request, API_VERSIONS_VERSION);
        link
    }

    /// Whether requests may be sent.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        self.greeting.is_none()
    }

    /// The connection.
    #[must_use]
    pub const fn connection(&self) -> ConnectionId {
        self.connection
    }

    /// The number of requests without an answer.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.under_way.len()
    }

    /// When the oldest request without an answer was sent.
    #[must_use]
    pub fn oldest_sent(&self) -> Option<WorldTime> {
        self.greeting.or_else(|| self.under_way.front().map(|oldest| oldest.sent))
    }

    /// Whether an answer is overdue. Where the broker had no reason to be late, it is accused.
    #[must_use]
    pub fn is_overdue(&self, context: &mut Context<'_>, timeout: Duration) -> bool {
        let Some(sent) = self.oldest_sent().filter(|sent| sent.after(timeout) <= context.now) else { return false };
        if timeout >= PATIENCE && context.calm_since.is_some_and(|since| since <= sent) {
            let api_key = self.under_way.front().map_or(ApiVersionsRequest::KEY, |oldest| oldest.api_key);
            context.accuse(ANSWERED, format!("a request of API {api_key} had no answer within {timeout:?}"));
        }
        true
    }

    /// Sends a request that will be answered.
    pub fn send<R: Request>(&mut self, context: &mut Context<'_>, request: &R, version: i16, asked: A) {
        self.send_only(context, request, version);
        self.under_way.push_back(UnderWay {
            correlation: self.last_correlation,
            api_key: R::KEY,
            version,
            header_version: R::Response::header_version(version),
            sent: context.now,
            asked,
        });
    }

    /// Sends a request that is not answered: Produce with acks=0.
    pub fn send_only<R: Request>(&mut self, context: &mut Context<'_>, request: &R, version: i16) {
        self.last_correlation += 1;
        context.send(self.connection, encode(request, version, self.last_correlation));
    }

    /// Takes a response in: it belongs to the oldest request under way.
    pub fn take(&mut self, context: &mut Context<'_>, frame: Bytes) -> Taken<A> {
        let taken = match self.greeting {
            Some(_) => self.take_greeting(frame),
            None => self.take_answer(frame),
        };
        taken.unwrap_or_else(|what| {
            context.accuse(ANSWER_ORDER, format!("on {}: {what}", self.connection));
            Taken::Wrong
        })
    }

    fn take_greeting(&mut self, mut frame: Bytes) -> Result<Taken<A>, String> {
        self.greeting = None;
        check_header(&mut frame, ApiVersionsResponse::header_version(API_VERSIONS_VERSION), self.last_correlation)?;
        let response: ApiVersionsResponse = read(frame, API_VERSIONS_VERSION)?;
        match response.error_code {
            0 => Ok(Taken::Ready),
            code => Err(format!("ApiVersions {API_VERSIONS_VERSION} is answered with error {code}")),
        }
    }

    fn take_answer(&mut self, mut frame: Bytes) -> Result<Taken<A>, String> {
        let oldest = self.under_way.front().ok_or("an answer where nothing was asked")?;
        check_header(&mut frame, oldest.header_version, oldest.correlation)?;
        let oldest = self.under_way.pop_front().ok_or("an answer where nothing was asked")?;
        Ok(Taken::Answer(Answered {
            asked: oldest.asked,
            api_key: oldest.api_key,
            version: oldest.version,
            body: frame,
        }))
    }

    /// Closes the connection and gives back what was asked and has no answer, in its order.
    pub fn close(self, context: &mut Context<'_>) -> impl Iterator<Item = A> + use<A> {
        context.disconnect(self.connection);
        self.lost()
    }

    /// The connection is gone: gives back what was asked and has no answer, in its order.
    pub fn lost(self) -> impl Iterator<Item = A> + use<A> {
        self.under_way.into_iter().map(|under_way| under_way.asked)
    }
}

impl<A> Answered<A> {
    /// The response and what was asked. Where it is none of that kind, the broker is accused, and what was asked comes alone.
    pub fn decode<R: Request>(self, context: &mut Context<'_>) -> (A, Option<R::Response>) {
        assert!(self.api_key == R::KEY, "an answer is read as what was asked");
        let response = read(self.body, self.version);
        let response = response.map_err(|what| context.accuse(ANSWER_ORDER, format!("API {}: {what}", R::KEY)));
        (self.asked, response.ok())
    }
}

fn check_header(frame: &mut Bytes, version: i16, expected: i32) -> Result<(), String> {
    let header = ResponseHeader::decode(frame, version).map_err(|error| format!("no response header: {error}"))?;
    match header.correlation_id == expected {
        true => Ok(()),
        false => Err(format!("correlation id {} where {expected} is next", header.correlation_id)),
    }
}

fn read<R: Decodable>(mut body: Bytes, version: i16) -> Result<R, String> {
    let response = R::decode(&mut body, version).map_err(|error| format!("no response: {error}"))?;
    match body.remaining() {
        0 => Ok(response),
        more => Err(format!("{more} bytes after a response")),
    }
}
