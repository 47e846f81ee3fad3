//! Which request or response a frame is: what the first bytes say.

use super::words::tell_connection;
use bytes::{Buf, Bytes};
use core::fmt;
use grete_core::ids::ConnectionId;
use grete_protocol::ApiKey;

/// A request or a response, somewhere on its way. The four legs of one have the same connection and correlation id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// The node that is asked.
    pub node: usize,
    /// The connection.
    pub connection: ConnectionId,
    /// The request's correlation id.
    pub correlation: i32,
    /// How far it is.
    pub leg: Leg,
    /// The API's key and version, where the frame says so: requests do.
    pub api: Option<(i16, i16)>,
    /// The bytes of the frame; 0 where they are not all there.
    pub bytes: usize,
}

/// How far a request and its response are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leg {
    /// The client has sent the request.
    Asked,
    /// The node has it.
    Came,
    /// The node has sent the response.
    Answered,
    /// The client has it.
    Taken,
}

impl Hop {
    pub(super) const fn new(node: usize, connection: ConnectionId, correlation: i32, leg: Leg) -> Self {
        Self { node, connection, correlation, leg, api: None, bytes: 0 }
    }

    /// What is asked for, or nothing in a response.
    #[must_use]
    pub fn api_name(&self) -> Option<String> {
        let (key, version) = self.api?;
        let name = ApiKey::from_key(key).map_or_else(|| format!("API {key}"), |key| format!("{key:?}"));
        Some(format!("{name} v{version}"))
    }
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { node, correlation, bytes, .. } = self;
        let of = tell_connection(self.connection);
        match self.api_name() {
            Some(api) => write!(f, "asks     n{node} {api} #{correlation} {of} +{bytes}"),
            None => write!(f, "has      #{correlation} of n{node} {of} +{bytes}"),
        }
    }
}

/// A request, by its frame without the length.
pub(super) fn request(node: usize, connection: ConnectionId, frame: &[u8], leg: Leg) -> Option<Hop> {
    let mut head = frame.get(..8)?;
    let api = Some((head.get_i16(), head.get_i16()));
    Some(Hop { api, bytes: frame.len(), ..Hop::new(node, connection, head.get_i32(), leg) })
}

/// A response, by its frame without the length.
pub(super) fn response(node: usize, connection: ConnectionId, frame: &[u8]) -> Option<Hop> {
    let mut head = frame.get(..4)?;
    Some(Hop { bytes: frame.len(), ..Hop::new(node, connection, head.get_i32(), Leg::Taken) })
}

/// The bytes of length and correlation id, with which a response begins.
const HEAD: usize = 8;

/// Finds in what a node sends on a connection where responses begin: large ones are sent in several pieces.
#[derive(Clone, Debug, Default)]
pub(super) struct Responses {
    /// The first bytes of the next response.
    head: Vec<u8>,
    /// What is left of the response under way.
    left: usize,
}

impl Responses {
    /// Takes what is sent, and gives the correlation id of the first response that begins in it.
    pub(super) fn take(&mut self, parts: &[Bytes]) -> Option<i32> {
        let mut first = None;
        for part in parts {
            let mut part = &part[..];
            while !part.is_empty() {
                if self.left > 0 {
                    let passed = self.left.min(part.len());
                    part.advance(passed);
                    self.left -= passed;
                    continue;
                }
                let wanted = (HEAD - self.head.len()).min(part.len());
                self.head.extend_from_slice(&part[..wanted]);
                part.advance(wanted);
                if self.head.len() == HEAD {
                    let mut head = &self.head[..];
                    let (length, correlation) = (head.get_i32(), head.get_i32());
                    self.left = usize::try_from(length).unwrap_or(0).saturating_sub(4);
                    self.head.clear();
                    first = first.or(Some(correlation));
                }
            }
        }
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_are_found_however_they_are_cut() {
        let mut stream = Vec::new();
        for (correlation, length) in [(7_i32, 4_i32), (8, 300), (9, 5)] {
            stream.extend_from_slice(&length.to_be_bytes());
            stream.extend_from_slice(&correlation.to_be_bytes());
            stream.resize(stream.len() + length as usize - 4, 0xff);
        }
        for size in 1..stream.len() {
            let mut responses = Responses::default();
            let found: Vec<i32> = stream
                .chunks(size)
                .flat_map(|chunk| chunk.chunks(3.min(size)))
                .filter_map(|piece| responses.take(&[Bytes::copy_from_slice(piece)]))
                .collect();
            assert_eq!(found, [7, 8, 9], "in pieces of {size}");
        }
    }

    #[test]
    fn a_request_says_what_it_is_and_less_than_a_head_says_nothing() {
        let frame = [0, 1, 0, 12, 0, 0, 0, 5, 9];
        let hop = request(0, ConnectionId(3), &frame, Leg::Asked).expect("a head");
        assert_eq!(hop.to_string(), "asks     n0 Fetch v12 #5 c3 +9");
        assert_eq!(request(0, ConnectionId(3), &frame[..7], Leg::Asked), None);
    }
}
