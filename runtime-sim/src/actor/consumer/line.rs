//! One connection of a consumer, or none, with what was asked on it.

use super::Ask;
use crate::actor::Context;
use crate::actor::wire::{Link, Taken};
use crate::node::NodeIndex;
use bytes::Bytes;
use core::time::Duration;
use grete_core::ids::ConnectionId;
use kafka_protocol::protocol::Request;

/// A connection, or none.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    link: Option<Link<Ask>>,
    sent: u64,
    answered: u64,
}

/// Names a request of a consumer: its connection, and its place among the requests on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sent(ConnectionId, u64);

impl Line {
    /// Whether requests may be sent.
    pub(super) fn is_ready(&self) -> bool {
        self.link.as_ref().is_some_and(Link::is_ready)
    }

    /// The connection.
    pub(super) fn connection(&self) -> Option<ConnectionId> {
        self.link.as_ref().map(Link::connection)
    }

    /// Connects, where it is not connected: returns what has to be answered before it is ready.
    pub(super) fn connect(&mut self, context: &mut Context<'_>, node: NodeIndex) -> Option<Sent> {
        if self.link.is_some() {
            return None;
        }
        let link = Link::open(context, node);
        let greeting = Sent(link.connection(), 0);
        *self = Self { link: Some(link), sent: 0, answered: 0 };
        Some(greeting)
    }

    /// Sends a request; nothing where it is not ready.
    pub(super) fn send<R: Request>(
        &mut self,
        context: &mut Context<'_>,
        request: &R,
        version: i16,
        ask: Ask,
    ) -> Option<Sent> {
        let link = self.link.as_mut().filter(|link| link.is_ready())?;
        link.send(context, request, version, ask);
        self.sent += 1;
        Some(Sent(link.connection(), self.sent))
    }

    /// Takes a response in.
    pub(super) fn take(&mut self, context: &mut Context<'_>, frame: Bytes) -> Taken<Ask> {
        let taken = self.link.as_mut().map_or(Taken::Wrong, |link| link.take(context, frame));
        self.answered += u64::from(matches!(taken, Taken::Answer(_)));
        taken
    }

    /// Whether a request still has no answer. Where the broker had no reason to be that late, it is accused; but not where a
    /// member is short of patience for its own sake.
    pub(super) fn is_overdue(
        &self,
        context: &mut Context<'_>,
        sent: Sent,
        timeout: Duration,
        is_patient: bool,
    ) -> bool {
        let Sent(connection, place) = sent;
        let Some(link) = self.link.as_ref().filter(|link| link.connection() == connection) else { return false };
        let waits = if place == 0 { !link.is_ready() } else { self.answered < place };
        if waits && is_patient {
            let _ = link.is_overdue(context, timeout);
        }
        waits
    }

    /// Closes the connection, where there is one; returns what will not be answered.
    pub(super) fn close(&mut self, context: &mut Context<'_>) -> Vec<Ask> {
        self.link.take().map_or_else(Vec::new, |link| link.close(context).collect())
    }

    /// The connection is gone; returns what will not be answered.
    pub(super) fn lost(&mut self) -> Vec<Ask> {
        self.link.take().map_or_else(Vec::new, |link| link.lost().collect())
    }
}
