//! Reading a whole partition in order, for what is a fold of it: the cluster's metadata, a coordinator's state.

use super::unavailable;
use crate::effect::Effects;
use crate::ids::{Offset, TopicPartition};
use crate::limits::LOAD_BYTES_MAX;
use crate::log::{LogStore, ReadError, ReadOutcome, ReadRequest, ReadTicket, Records};
use grete_protocol::ErrorCode;

/// How far a partition is read.
#[derive(Clone, Debug)]
pub struct Loader {
    partition: TopicPartition,
    next: Offset,
    end: Offset,
    waiting: Option<ReadTicket>,
}

/// What a loader has to say.
#[derive(Debug)]
pub enum Loaded {
    /// The next batches.
    Batches(Records),
    /// The disk has to bring them first.
    Waits,
    /// All is read.
    Done,
    /// It cannot be read.
    Failed(ErrorCode),
}

impl Loader {
    /// Reads `partition` from `from`, or the start of its log where that is later, to what is durable now.
    pub fn new(store: &LogStore, partition: TopicPartition, from: Offset) -> Result<Self, ErrorCode> {
        let start = store.log_start(partition).map_err(unavailable)?;
        let end = store.durable_end(partition).map_err(unavailable)?;
        Ok(Self { partition, next: start.max(from), end, waiting: None })
    }

    /// Reads on.
    pub fn advance(&mut self, store: &mut LogStore, effects: &mut Effects) -> Loaded {
        if self.waiting.is_some() {
            return Loaded::Waits;
        }
        if self.next >= self.end {
            return Loaded::Done;
        }
        let request = ReadRequest { offset: self.next, end: self.end, bytes_max: LOAD_BYTES_MAX, at_least_one: true };
        match store.read(self.partition, request, effects) {
            ReadOutcome::Ready(records) => self.take(records),
            ReadOutcome::Pending(ticket) => {
                self.waiting = Some(ticket);
                Loaded::Waits
            }
            ReadOutcome::Failed(error) => Loaded::Failed(failure(&error)),
        }
    }

    /// Whether a read that has ended is this loader's.
    #[must_use]
    pub fn awaits(&self, ticket: ReadTicket) -> bool {
        self.waiting == Some(ticket)
    }

    /// Takes what the disk has brought.
    pub fn brought(&mut self, result: Result<Records, ReadError>) -> Loaded {
        self.waiting = None;
        match result {
            Ok(records) => self.take(records),
            Err(error) => Loaded::Failed(failure(&error)),
        }
    }

    fn take(&mut self, records: Records) -> Loaded {
        match records.batches.last() {
            Some(last) => {
                self.next = last.last_offset.plus(1);
                Loaded::Batches(records)
            }
            // Below the end there is always a batch, or the log is not what it says.
            None => Loaded::Failed(ErrorCode::KafkaStorageError),
        }
    }
}

fn failure(error: &ReadError) -> ErrorCode {
    match error {
        ReadError::Unavailable(why) => unavailable(*why),
        ReadError::OutOfRange { .. } | ReadError::Failed | ReadError::Damaged { .. } => ErrorCode::KafkaStorageError,
    }
}
