//! What all coordinators share: a state that is the fold of records in a partition, known at two positions of that
//! partition, and answers that wait until what they rest on is durable.
//!
//! A coordinator is a state machine over one partition of an internal topic. A request is decided on what has been
//! *appended*; the decision is a list of records. The caller appends them as one batch, reports that
//! (`appended` or `append_failed`) before it gives the coordinator its next input, and later reports that they are
//! committed. What only reads is answered from what is *committed*.
//!
//! Invariants:
//! 1. There is one way to change the recorded state: [`Replay::replay`] of a record. Live requests, followers and loading
//!    after a restart all take it.
//! 2. `committed` is the fold of the records up to the last commit, `appended` is `committed` with the outstanding
//!    records on top ([`Views`]).
//! 3. An answer leaves when everything that was appended before it was decided is committed.
//! 4. A refused append leaves no trace: `appended` is what it was before, since nothing was decided in between.

mod views;

pub use views::{Replay, Views};

use alloc::sync::Arc;
use core::fmt;
use grete_protocol::ErrorCode;

/// Names a request to its sender. The sender chooses it, and each ticket is answered once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// Names a batch from the moment a coordinator asks for it to be appended until it is committed. Counts up by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppendToken(pub u64);

impl fmt::Display for AppendToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a request's header and connection tell about its sender.
#[derive(Clone, Debug)]
pub struct RequestContext {
    /// The request's version.
    pub api_version: i16,
    /// Whom to answer.
    pub ticket: Ticket,
    /// The name the client gave itself; empty where it gave none.
    pub client_id: Arc<str>,
    /// The client's address as Kafka writes it: `/127.0.0.1`.
    pub client_host: Arc<str>,
}

/// What the clients of a coordinator are told when the log refuses a batch with `error`: the log's errors are about a
/// partition that they do not know.
#[must_use]
pub fn append_error(error: ErrorCode) -> ErrorCode {
    match error {
        ErrorCode::UnknownTopicOrPartition | ErrorCode::NotEnoughReplicas | ErrorCode::RequestTimedOut => {
            ErrorCode::CoordinatorNotAvailable
        }
        ErrorCode::NotLeaderOrFollower | ErrorCode::KafkaStorageError => ErrorCode::NotCoordinator,
        ErrorCode::MessageTooLarge | ErrorCode::RecordListTooLarge | ErrorCode::InvalidFetchSize => {
            ErrorCode::UnknownServerError
        }
        other => other,
    }
}
