//! What becomes of requests: answers go to who asked, and what will not be answered is told to them, too.

use super::alarms::Retry;
use super::{Ask, Consumer, To};
use crate::actor::Context;
use crate::actor::wire::{Answered, Taken};
use crate::history::Outcome;
use bytes::Bytes;
use kafka_protocol::messages::{
    FetchRequest, FindCoordinatorRequest, HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest, ListOffsetsRequest,
    MetadataRequest, OffsetCommitRequest, OffsetFetchRequest, SyncGroupRequest,
};

impl Consumer {
    /// Takes a frame in.
    pub(super) fn frame(&mut self, context: &mut Context<'_>, to: To, frame: Bytes) {
        let understood = match self.line(to).take(context, frame) {
            Taken::Ready => Some(()),
            Taken::Answer(answered) => self.answer(context, answered),
            Taken::Wrong => None,
        };
        if understood.is_none() {
            // What such a broker says next cannot be trusted.
            let asks = self.line(to).close(context);
            return self.disconnected(context, to, asks);
        }
        self.alarms.succeed(if to == To::Broker { Retry::Broker } else { Retry::Coordinator });
    }

    /// Takes an answer; nothing where it cannot be understood.
    fn answer(&mut self, context: &mut Context<'_>, answered: Answered<Ask>) -> Option<()> {
        /// Decodes the response to what was asked; where it is none, what was asked has no answer.
        macro_rules! take {
            ($request:ty, $asked:pat, $response:pat => $take:expr) => {
                match answered.decode::<$request>(context) {
                    ($asked, Some($response)) => $take,
                    (ask, _) => {
                        self.unanswered(context, ask);
                        return None;
                    }
                }
            };
        }
        match &answered.asked {
            Ask::Metadata(..) => {
                take!(MetadataRequest, Ask::Metadata(names), response => self.take_metadata(context, response, &names))
            }
            Ask::FindCoordinator => {
                take!(FindCoordinatorRequest, Ask::FindCoordinator, response => self.take_coordinator(context, &response))
            }
            Ask::Join => take!(JoinGroupRequest, Ask::Join, response => self.take_join(context, response)),
            Ask::Sync(..) => {
                take!(SyncGroupRequest, Ask::Sync(generation), response => self.take_sync(context, response, generation))
            }
            Ask::Heartbeat(..) => {
                take!(HeartbeatRequest, Ask::Heartbeat(generation), response => self.take_heartbeat(context, response.error_code, generation))
            }
            Ask::Leave => take!(LeaveGroupRequest, Ask::Leave, _ => self.take_leave(context)),
            Ask::Committed(..) => {
                take!(OffsetFetchRequest, Ask::Committed(operation, partitions), response => self.take_committed(context, &response, operation, &partitions))
            }
            Ask::Offsets(..) => {
                take!(ListOffsetsRequest, Ask::Offsets(asked), response => self.take_offsets(context, &response, asked))
            }
            Ask::Commit(..) => {
                take!(OffsetCommitRequest, Ask::Commit(committing), response => self.take_commit(context, &response, committing))
            }
            Ask::Fetch(..) => {
                take!(FetchRequest, Ask::Fetch(wanted), response => self.take_fetch(context, response, &wanted))
            }
        }
        Some(())
    }

    /// A connection is gone.
    pub(super) fn disconnected(&mut self, context: &mut Context<'_>, to: To, asks: Vec<Ask>) {
        match to {
            To::Broker => self.alarms.back_off(context, Retry::Broker),
            To::Coordinator => {
                self.alarms.back_off(context, Retry::Coordinator);
                self.coordinator_is_unknown();
            }
        }
        asks.into_iter().for_each(|ask| self.unanswered(context, ask));
    }

    /// What was asked will not be answered.
    pub(super) fn unanswered(&mut self, context: &mut Context<'_>, ask: Ask) {
        abandon(context, ask.clone());
        match ask {
            Ask::Metadata(_) => self.topics.unanswered(),
            Ask::FindCoordinator | Ask::Join | Ask::Sync(_) | Ask::Heartbeat(_) | Ask::Leave => {
                self.group_unanswered(context, &ask);
            }
            Ask::Committed(_, partitions) => self.fetcher.unasked(partitions.iter()),
            Ask::Offsets(asked) => self.fetcher.unasked(asked.keys()),
            Ask::Commit(committing) => self.committed(committing.then),
            Ask::Fetch(_) => self.fetcher.unanswered(),
        }
    }
}

/// Nobody waits for an answer any more.
pub(super) fn abandon(context: &mut Context<'_>, ask: Ask) {
    match ask {
        Ask::Committed(operation, _) => context.end(operation, Outcome::Unknown),
        Ask::Commit(committing) => context.end(committing.operation, Outcome::Unknown),
        Ask::Offsets(asked) => {
            asked.into_values().for_each(|(_, operation)| context.end(operation, Outcome::Unknown));
        }
        Ask::Metadata(_) | Ask::FindCoordinator | Ask::Join | Ask::Sync(_) => {}
        Ask::Heartbeat(_) | Ask::Leave | Ask::Fetch(_) => {}
    }
}
