//! Appending: records are validated, wherever that takes place, and take effect in the order in which they came.

use super::{AppendItem, AppendResult, OwnAppend, Replicas, Reply, Work, unavailable};
use crate::effect::{Effect, Job, JobOutput};
use crate::ids::{JobId, Offset, Ticket, TopicPartition};
use crate::log::{AppendError, AppendInfo, AppendOrigin, Appending};
use crate::replica::purgatory::Waiting;
use crate::validation::{RecordErrors, Rejected, Rules, Validated, Validation};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;
use grete_protocol::ErrorCode;

/// An append of several partitions.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    results: Vec<Option<AppendResult>>,
    /// The items that have taken effect or failed.
    applied: usize,
    /// Whether the caller was told that all have.
    told: bool,
}

/// An append that has come and has not taken effect.
#[derive(Clone, Debug)]
pub(super) struct Queued {
    ticket: Ticket,
    item: usize,
    stage: Stage,
}

#[derive(Clone, Debug)]
enum Stage {
    Validating(JobId),
    Ready(Result<Validated, Rejected>),
}

impl Replicas {
    /// Begins an append.
    pub(super) fn append(&mut self, work: &mut Work<'_>, ticket: Ticket, items: Vec<AppendItem>) {
        let results = items.iter().map(|_| None).collect();
        self.appends.insert(ticket, Operation { results, applied: 0, told: false });
        for (item, AppendItem { partition, records, backing_bytes }) in items.into_iter().enumerate() {
            let Ok(led) = self.led(partition, -1) else {
                self.settle(ticket, item, failed(ErrorCode::UnknownTopicOrPartition), true);
                continue;
            };
            let rules = Rules::new(&led.config, work.now.wall);
            let validation = Validation { records, backing_bytes, rules };
            let stage = if validation.is_quick() {
                Stage::Ready(validation.run())
            } else {
                let job = JobId(self.jobs);
                self.jobs += 1;
                self.validating.insert(job, partition);
                work.effects.push(Effect::Job { job, work: Job::Validate(validation) });
                Stage::Validating(job)
            };
            if let Some(led) = self.partitions.get_mut(&partition) {
                led.queue.push_back(Queued { ticket, item, stage });
            }
            self.take_effect(work, partition);
        }
        self.finish_append(work, ticket);
    }

    /// A validation has ended.
    pub fn job_done(&mut self, work: &mut Work<'_>, job: JobId, output: JobOutput) {
        let JobOutput::Validate(result) = output;
        let Some(partition) = self.validating.remove(&job) else { return };
        let Some(led) = self.partitions.get_mut(&partition) else { return };
        let waits = |queued: &&mut Queued| matches!(queued.stage, Stage::Validating(waits_for) if waits_for == job);
        if let Some(queued) = led.queue.iter_mut().find(waits) {
            queued.stage = Stage::Ready(result);
        }
        self.take_effect(work, partition);
    }

    /// Lets the appends of a partition take effect, as far as they are validated in order.
    fn take_effect(&mut self, work: &mut Work<'_>, partition: TopicPartition) {
        while let Some(led) = self.partitions.get_mut(&partition) {
            let Some(Queued { stage: Stage::Ready(_), .. }) = led.queue.front() else { return };
            let leader_epoch = led.leader_epoch;
            let segment_bytes = led.config.segment_bytes;
            let Some(Queued { ticket, item, stage: Stage::Ready(validated) }) = led.queue.pop_front() else { return };
            let appended = match validated {
                Err(rejected) => Err(rejected_result(rejected, work, partition)),
                Ok(validated) => {
                    let appending = Appending {
                        backing_bytes: validated.backing_bytes,
                        records: validated.records,
                        leader_epoch,
                        origin: AppendOrigin::Client,
                    };
                    let appended = work.store.append(work.now, partition, &appending);
                    appended.map_err(|error| append_failed(&error, segment_bytes, log_start(work, partition)))
                }
            };
            match appended {
                Err(result) => self.settle(ticket, item, result, true),
                Ok(info) => self.applied(work, partition, ticket, item, info),
            }
            self.finish_append(work, ticket);
        }
    }

    /// Records are in the log; the caller learns of it once they are durable.
    fn applied(&mut self, work: &Work<'_>, partition: TopicPartition, ticket: Ticket, item: usize, info: AppendInfo) {
        let end = info.last_offset.plus(1);
        let done = AppendResult::Done {
            base_offset: info.first_offset,
            log_append_time: info.log_append_time,
            log_start_offset: info.log_start_offset,
        };
        if Self::high_watermark(work.store, partition).is_ok_and(|durable| durable >= end) {
            self.settle(ticket, item, done, true);
            return;
        }
        if let Some(operation) = self.appends.get_mut(&ticket) {
            operation.applied += 1;
        }
        self.acknowledgements.push(partition, Waiting { end, ticket, item, result: done });
    }

    /// Everything of a partition before `durable_end` is durable.
    pub(super) fn flushed(&mut self, work: &mut Work<'_>, partition: TopicPartition, durable_end: Offset) {
        work.store.advance_high_watermark(partition, durable_end);
        for waiting in self.acknowledgements.reached(partition, durable_end) {
            self.settle(waiting.ticket, waiting.item, waiting.result, false);
            self.finish_append(work, waiting.ticket);
        }
        if let Some(led) = self.partitions.get_mut(&partition) {
            while let Some((_, own)) = led.own.pop_front_if(|(end, _)| *end <= durable_end) {
                work.own.push((partition, own, Ok(())));
            }
        }
        for ticket in self.watches.wake(partition) {
            work.replies.push((ticket, Reply::Woken));
        }
    }

    /// Appends records of the node itself. `work.own` says later when they are durable.
    ///
    /// # Errors
    /// Why they were not appended.
    pub fn append_own(
        &mut self,
        work: &mut Work<'_>,
        partition: TopicPartition,
        own: OwnAppend,
        records: Bytes,
    ) -> Result<AppendInfo, ErrorCode> {
        let led = self.partitions.get_mut(&partition).ok_or(ErrorCode::NotLeaderOrFollower)?;
        if led.config.max_message_bytes != 0 && records.len() > led.config.segment_bytes as usize {
            return Err(ErrorCode::RecordListTooLarge);
        }
        let appending = Appending {
            backing_bytes: records.len(),
            records,
            leader_epoch: led.leader_epoch,
            origin: AppendOrigin::Coordinator,
        };
        let info = work.store.append(work.now, partition, &appending).map_err(|error| match error {
            AppendError::Unavailable(why) => unavailable(why),
            _ => ErrorCode::UnknownServerError,
        })?;
        led.own.push_back((info.last_offset.plus(1), own));
        Ok(info)
    }

    /// Nothing that waits for a partition's log will come true.
    pub(super) fn fail_appends(&mut self, work: &mut Work<'_>, partition: TopicPartition, error: ErrorCode) {
        for waiting in self.acknowledgements.give_up(partition) {
            self.settle(waiting.ticket, waiting.item, failed(error), false);
            self.finish_append(work, waiting.ticket);
        }
        let Some(led) = self.partitions.get_mut(&partition) else { return };
        let queue = core::mem::take(&mut led.queue);
        let own = core::mem::take(&mut led.own);
        work.own.extend(own.into_iter().map(|(_, own)| (partition, own, Err(error))));
        for queued in queue {
            if let Stage::Validating(job) = queued.stage {
                self.validating.remove(&job);
            }
            self.settle(queued.ticket, queued.item, failed(error), true);
            self.finish_append(work, queued.ticket);
        }
    }

    /// An item has its result; `applies` where it had not taken effect before.
    fn settle(&mut self, ticket: Ticket, item: usize, result: AppendResult, applies: bool) {
        let Some(operation) = self.appends.get_mut(&ticket) else { return };
        operation.applied += usize::from(applies);
        if let Some(slot) = operation.results.get_mut(item) {
            assert!(slot.is_none(), "an item has one result");
            *slot = Some(result);
        }
    }

    fn finish_append(&mut self, work: &mut Work<'_>, ticket: Ticket) {
        let Some(operation) = self.appends.get_mut(&ticket) else { return };
        if operation.results.iter().all(Option::is_some) {
            if let Some(operation) = self.appends.remove(&ticket) {
                work.replies.push((ticket, Reply::Appended(operation.results.into_iter().flatten().collect())));
            }
        } else if operation.applied == operation.results.len() && !operation.told {
            operation.told = true;
            work.replies.push((ticket, Reply::Applied));
        }
    }

    /// Asserts that each append is still waited for.
    pub(super) fn check_appends(&self) {
        for operation in self.appends.values() {
            assert!(operation.applied <= operation.results.len(), "an item takes effect once");
            assert!(operation.results.iter().any(Option::is_none), "an append that is done is answered");
        }
    }
}

fn failed(error: ErrorCode) -> AppendResult {
    AppendResult::Failed { error, message: None, record_errors: RecordErrors::default(), log_start_offset: Offset(-1) }
}

fn log_start(work: &Work<'_>, partition: TopicPartition) -> Offset {
    work.store.log_start(partition).unwrap_or(Offset(-1))
}

fn rejected_result(rejected: Rejected, work: &Work<'_>, partition: TopicPartition) -> AppendResult {
    // As Kafka does: where its log refuses records, the client learns where the log begins.
    let log_start_offset = if rejected.by_log { log_start(work, partition) } else { Offset(-1) };
    AppendResult::Failed {
        error: rejected.error,
        message: rejected.message.map(Into::into),
        record_errors: rejected.record_errors,
        log_start_offset,
    }
}

fn append_failed(error: &AppendError, segment_bytes: u32, log_start: Offset) -> AppendResult {
    let (code, message): (ErrorCode, Option<String>) = match error {
        AppendError::Unavailable(why) => (unavailable(*why), None),
        AppendError::Malformed => (ErrorCode::CorruptMessage, None),
        AppendError::LargerThanSegment { bytes, .. } => {
            let text = format!(
                "Message batch size is {bytes} bytes in append, which exceeds the maximum configured segment size of {segment_bytes}."
            );
            (ErrorCode::RecordListTooLarge, Some(text))
        }
        AppendError::OffsetsExhausted => (ErrorCode::UnknownServerError, None),
        AppendError::OutOfOrderSequence { producer, found, expected } => {
            let text =
                format!("Out of order sequence number for producer {producer}: {found} came, {expected} was expected");
            (ErrorCode::OutOfOrderSequenceNumber, Some(text))
        }
        AppendError::InvalidProducerEpoch { producer, found, current } => {
            let text =
                format!("Epoch of producer {producer} is {found}, which is smaller than the last seen epoch {current}");
            (ErrorCode::InvalidProducerEpoch, Some(text))
        }
        AppendError::CoordinatorFenced => (ErrorCode::TransactionCoordinatorFenced, None),
        AppendError::InvalidTransactionState => (ErrorCode::InvalidTxnState, None),
    };
    // Who is refused for what a log knows of its producer learns where the log begins, as with records at fault.
    let log_start_offset = match error {
        AppendError::Unavailable(_) | AppendError::Malformed | AppendError::LargerThanSegment { .. } => Offset(-1),
        AppendError::OffsetsExhausted
        | AppendError::OutOfOrderSequence { .. }
        | AppendError::InvalidProducerEpoch { .. }
        | AppendError::CoordinatorFenced
        | AppendError::InvalidTransactionState => log_start,
    };
    AppendResult::Failed {
        error: code,
        message: message.map(Into::into),
        record_errors: RecordErrors::default(),
        log_start_offset,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ProducerId;
    use crate::log::Unavailable;

    #[test]
    fn who_is_refused_by_a_log_learns_where_it_begins() {
        let told = |error: AppendError| match append_failed(&error, 1 << 20, Offset(7)) {
            AppendResult::Failed { error, log_start_offset, .. } => (error, log_start_offset),
            AppendResult::Done { .. } => panic!("it failed"),
        };
        let producer = ProducerId(1);
        let gap = AppendError::OutOfOrderSequence { producer, found: 4, expected: 3 };
        assert_eq!(told(gap), (ErrorCode::OutOfOrderSequenceNumber, Offset(7)));
        assert_eq!(told(AppendError::Malformed), (ErrorCode::CorruptMessage, Offset(-1)));
        let offline = AppendError::Unavailable(Unavailable::Offline);
        assert_eq!(told(offline), (ErrorCode::KafkaStorageError, Offset(-1)));
    }
}
