//! **Polls.** Proves of each consumer that
//! - what it gets goes up, from where it stood on: no offset twice, none before its position, none above the high watermark;
//! - where it reads on by itself, it skips no record that is there at the end;
//! - neither the high watermark nor the log start that it is shown goes back within one life of a topic.
//!
//! Time: the log at the end is walked beside each poll: as many steps as records were polled, and a look-up for each poll.
//!
//! Finds: off by one in an index, wrong lookups after a roll (S1), fetch sessions that forget a partition, a high watermark
//! that is taken back by recovery (6) or a log start that is (13), reads past it (75).

use super::sent::{Given, Life, Lives, Sent, first, polls, records_from, violation};
use super::{Checker, Seen, Violation};
use crate::history::{ClientIndex, OperationId, Outcome, TopicPartition, What};
use std::collections::BTreeMap;

const SKIPS: &str = "poll-skip";
const MONOTONIC: &str = "polls-monotonic";
const WATERMARKS: &str = "watermarks";

/// No record is skipped: see the module.
pub const POLL_SKIPS: Checker =
    Checker { name: SKIPS, promise: "a consumer that reads on skips no record", check: check_skips };

/// Offsets go up: see the module.
pub const MONOTONIC_POLLS: Checker = Checker {
    name: MONOTONIC,
    promise: "a consumer gets offsets that go up, from its position to the high watermark",
    check: check_monotonic,
};

/// High watermark and log start do not go back: see the module.
pub const WATERMARKS_STAY: Checker = Checker {
    name: WATERMARKS,
    promise: "the high watermark and the log start that a client sees do not go back",
    check: check_watermarks,
};

fn check_skips(seen: &Seen<'_>) -> Option<Violation> {
    let sent = Sent::of(seen.history);
    let lives = Lives::of(seen.history);
    let found = polls(seen.history).filter(|given| given.polled.continues).filter_map(|given| {
        let polled = given.polled;
        let (last, value) = *polled.records.last()?;
        let (batch, _) = sent.get(value)?;
        if !lives.is_final(&polled.from.topic, batch.operation) {
            return None;
        }
        let mut got = polled.records.iter().map(|(offset, _)| *offset).peekable();
        let there = records_from(seen, &polled.from, polled.position).iter().take_while(|(offset, _)| *offset < last);
        let skipped = there.copied().find(|(offset, _)| {
            while got.next_if(|next| next < offset).is_some() {}
            got.peek() != Some(offset)
        });
        let (offset, value) = skipped?;
        // One that another topic of the name has now is none that could be read then.
        let (missed, _) = sent.get(value).filter(|(batch, _)| lives.is_final(&polled.from.topic, batch.operation))?;
        let what =
            format!("reads on at {}, gets offset {last} and not record {} at {offset}", polled.position, value.0);
        Some(violation(SKIPS, &polled.from, Some(given.client), &[missed.id, given.id], what))
    });
    first(found)
}

fn check_monotonic(seen: &Seen<'_>) -> Option<Violation> {
    let mut read: BTreeMap<(ClientIndex, &TopicPartition), (i64, OperationId)> = BTreeMap::new();
    polls(seen.history).find_map(|given| {
        let polled = given.polled;
        let mut fault = None;
        let mut next = polled.position;
        for (offset, _) in &polled.records {
            if *offset < next && fault.is_none() {
                fault = Some((None, format!("gets offset {offset} where it stands at {next}")));
            }
            if *offset >= polled.high_watermark && fault.is_none() {
                fault = Some((None, format!("gets offset {offset} at the high watermark {}", polled.high_watermark)));
            }
            next = offset + 1;
        }
        if let Some((stood, by)) = read.insert((given.client, &polled.from), (next, given.id)) {
            let again = polled.records.first().filter(|(offset, _)| polled.continues && *offset < stood);
            fault = again
                .map(|(offset, _)| (Some(by), format!("gets offset {offset} again, having read to {stood}")))
                .or(fault);
        }
        let (before, what) = fault?;
        let operations: Vec<OperationId> = before.into_iter().chain([given.id]).collect();
        Some(violation(MONOTONIC, &polled.from, Some(given.client), &operations, what))
    })
}

/// Whether a start may be taken back: records were to be deleted up to there, and nobody was told that they are.
fn is_open(seen: &Seen<'_>, at: &TopicPartition, start: i64) -> bool {
    seen.history.operations().iter().any(|operation| {
        let is_it = matches!(&operation.what, What::DeleteRecords { of, before } if of == at && *before == start);
        is_it && !matches!(operation.outcome, Outcome::Done(_))
    })
}

fn check_watermarks(seen: &Seen<'_>) -> Option<Violation> {
    let lives = Lives::of(seen.history);
    let mut shown: BTreeMap<(ClientIndex, &TopicPartition, Life), Given<'_>> = BTreeMap::new();
    polls(seen.history).find_map(|given| {
        let at = &given.polled.from;
        // What it asked for before a deletion may have been told of the topic before.
        let life = lives.within(&at.topic, given.asked, given.ended)?;
        let before = shown.insert((given.client, at, life), given)?;
        let (old, new) = (before.polled, given.polled);
        if new.high_watermark >= old.high_watermark && is_open(seen, at, old.log_start) {
            return None;
        }
        let what = match (new.high_watermark < old.high_watermark, new.log_start < old.log_start) {
            (true, _) => format!("the high watermark goes from {} back to {}", old.high_watermark, new.high_watermark),
            (false, true) => format!("the log start goes from {} back to {}", old.log_start, new.log_start),
            (false, false) => return None,
        };
        Some(violation(WATERMARKS, at, Some(given.client), &[before.id, given.id], what))
    })
}

#[cfg(test)]
mod tests {
    use super::super::story::{Story, done};
    use super::*;

    fn story() -> (Story, OperationId) {
        let mut story = Story::default();
        let batch = story.produce(0, "a/0", &[1, 2, 3, 4], done(0));
        story.log("a/0", 0, &[1, 2, 3, 4]);
        (story, batch)
    }

    #[test]
    fn a_consumer_that_gets_all_in_order_is_content() {
        let (mut story, _) = story();
        story.poll(1, "a/0", 0, &[(0, 1), (1, 2)]);
        story.poll(1, "a/0", 2, &[]);
        story.poll(1, "a/0", 2, &[(2, 3), (3, 4)]);
        for checker in [POLL_SKIPS, MONOTONIC_POLLS, WATERMARKS_STAY] {
            story.passes(&checker);
        }
    }

    #[test]
    fn a_record_that_is_not_given_is_skipped() {
        for (position, records) in [(0, &[(0, 1), (2, 3)][..]), (0, &[(1, 2)]), (1, &[(3, 4)])] {
            let (mut story, batch) = story();
            let poll = story.poll(1, "a/0", position, records);
            story.fails(&POLL_SKIPS, &[batch, poll]);
        }
    }

    #[test]
    fn what_was_deleted_is_not_skipped() {
        let (mut story, _) = story();
        story.poll(1, "a/0", 0, &[(2, 3)]);
        story.log("a/0", 2, &[3, 4]);
        story.passes(&POLL_SKIPS);
    }

    #[test]
    fn offsets_that_do_not_go_up_are_told() {
        let (mut story, _) = story();
        let poll = story.poll(1, "a/0", 0, &[(1, 2), (0, 1)]);
        story.fails(&MONOTONIC_POLLS, &[poll]);
        let (mut story, _) = self::story();
        let poll = story.poll(1, "a/0", 2, &[(1, 2)]);
        story.fails(&MONOTONIC_POLLS, &[poll]);
        let (mut story, _) = self::story();
        let first = story.poll(1, "a/0", 0, &[(0, 1), (1, 2)]);
        let again = story.poll(1, "a/0", 1, &[(1, 2)]);
        story.fails(&MONOTONIC_POLLS, &[first, again]);
        let (mut story, _) = self::story();
        let poll = story.poll_with(1, "a/0", 0, &[(0, 1), (1, 2)], 1, 0);
        story.fails(&MONOTONIC_POLLS, &[poll]);
    }

    #[test]
    fn watermarks_that_go_back_are_told() {
        let (mut story, _) = story();
        let first = story.poll_with(1, "a/0", 0, &[], 4, 2);
        story.poll_with(2, "a/0", 0, &[], 3, 1);
        story.passes(&WATERMARKS_STAY);
        let second = story.poll_with(1, "a/0", 0, &[], 3, 2);
        story.fails(&WATERMARKS_STAY, &[first, second]);
        let (mut story, _) = self::story();
        let first = story.poll_with(1, "a/0", 0, &[], 4, 2);
        let second = story.poll_with(1, "a/0", 0, &[], 4, 1);
        story.fails(&WATERMARKS_STAY, &[first, second]);
    }

    #[test]
    fn another_topic_of_the_name_begins_at_zero() {
        let (mut story, _) = story();
        story.poll_with(1, "a/0", 0, &[], 4, 2);
        story.delete("a", done(-1));
        story.poll_with(1, "a/0", 0, &[], 1, 0);
        story.poll_with(1, "a/0", 0, &[], 1, 0);
        story.passes(&WATERMARKS_STAY);
    }
}
