//! **ListOffsets against the log.** Proves that what is told of the ends of a log agrees, in real time and for all clients:
//! an end is not below one that was told, or a batch that was acknowledged, before the question; a start is not below one
//! that was told before; and neither is above what is there at the end. The offset of a timestamp lies within the log, and
//! is that of the first record that is as late, of those that are still there.
//!
//! Time: the answers sorted by their ends, one pass: n log n.
//!
//! Finds: a high watermark that goes back (6), an acknowledgement before the high watermark has passed, a log start that a
//! restart forgets (11), lookups by time that miss (S1).

use super::sent::{Batch, Life, Lives, batches, first, operations, violation};
use super::{Checker, Seen, Violation};
use crate::clock::WorldTime;
use crate::history::{Answer, ClientIndex, OperationId, Outcome, TopicPartition, What};
use std::collections::BTreeMap;

const NAME: &str = "list-offsets";
/// The timestamps that stand for the end and the start.
const END: i64 = -1;
const START: i64 = -2;

/// See the module.
pub const LIST_OFFSETS: Checker =
    Checker { name: NAME, promise: "the ends of a log that are told agree with it and do not go back", check };

/// What was told of an end of a log.
#[derive(Clone, Copy, Debug)]
struct Told {
    id: OperationId,
    client: ClientIndex,
    began: WorldTime,
    ended: WorldTime,
    offset: i64,
    /// An answer must be as large as what was known; a batch only makes something known.
    is_answer: bool,
}

fn check(seen: &Seen<'_>) -> Option<Violation> {
    let lives = Lives::of(seen.history);
    let mut told: BTreeMap<(&TopicPartition, Life, i64), Vec<Told>> = BTreeMap::new();
    let mut found = Vec::new();
    for batch in batches(seen.history).filter(Batch::is_acknowledged) {
        let (operation, life) = (batch.operation, lives.of_operation(&batch.to.topic, batch.operation));
        if let (Some(life), Some(base), Some(ended)) = (life, batch.base(), operation.ended) {
            let offset = base + batch.values.len() as i64;
            let Batch { id, .. } = batch;
            let (client, began) = (operation.client, operation.began);
            let known = Told { id, client, began, ended, offset, is_answer: false };
            told.entry((batch.to, life, END)).or_default().push(known);
        }
    }
    for (id, operation) in operations(seen.history) {
        let (What::ListOffsets { of, timestamp }, Outcome::Done(Answer::Offsets(offsets)), Some(ended)) =
            (&operation.what, &operation.outcome, operation.ended)
        else {
            continue;
        };
        let Some(offset) = offsets.get(of).copied().filter(|offset| *offset >= 0) else { continue };
        if lives.is_final(&of.topic, operation) {
            found.extend(beyond(seen, of, *timestamp, offset, (id, operation.client)));
            found.extend(misses(seen, of, *timestamp, offset, (id, operation.client)));
        }
        if let (START | END, Some(life)) = (*timestamp, lives.of_operation(&of.topic, operation)) {
            let (client, began) = (operation.client, operation.began);
            let answer = Told { id, client, began, ended, offset, is_answer: true };
            told.entry((of, life, *timestamp)).or_default().push(answer);
        }
    }
    let back = told.into_iter().filter_map(|((at, _, timestamp), mut told)| {
        told.sort_by_key(|told| told.began);
        backwards(at, timestamp, &told)
    });
    found.extend(back);
    first(found)
}

fn beyond(
    seen: &Seen<'_>,
    of: &TopicPartition,
    timestamp: i64,
    offset: i64,
    (id, client): (OperationId, ClientIndex),
) -> Option<Violation> {
    let log = seen.rest.logs.get(of)?;
    let (name, limit) = if timestamp == START { ("start", log.start) } else { ("end", log.end) };
    let what = format!("offset {offset} was told for {timestamp}; the {name} of the log is {limit}");
    (offset > limit).then(|| violation(NAME, of, Some(client), &[id], what))
}

/// A record that is still there was there when a later one was found.
fn misses(
    seen: &Seen<'_>,
    of: &TopicPartition,
    timestamp: i64,
    offset: i64,
    (id, client): (OperationId, ClientIndex),
) -> Option<Violation> {
    let log = seen.rest.logs.get(of).filter(|_| timestamp >= 0)?;
    let timed = log.records.iter().zip(&log.times);
    let mut timed = timed.filter_map(|((offset, _), time)| Some((*offset, (*time)?)));
    let wrong =
        |(at, time): &(i64, i64)| if *at < offset { *time >= timestamp } else { *at == offset && *time < timestamp };
    let (at, time) = timed.find(wrong)?;
    let what = format!("offset {offset} was told for {timestamp}, and the record at offset {at} is of {time}");
    Some(violation(NAME, of, Some(client), &[id], what))
}

/// They stand in the order in which they began.
fn backwards(at: &TopicPartition, timestamp: i64, told: &[Told]) -> Option<Violation> {
    let name = if timestamp == START { "start" } else { "end" };
    let mut by_end = told.to_vec();
    by_end.sort_by_key(|told| told.ended);
    let mut ended = by_end.into_iter().peekable();
    let mut highest: Option<(i64, OperationId)> = None;
    told.iter().find_map(|told| {
        while let Some(before) = ended.next_if(|before| before.ended < told.began) {
            highest = highest.max(Some((before.offset, before.id)));
        }
        let (known, by) = highest.filter(|(known, _)| told.is_answer && told.offset < *known)?;
        let what = format!("the {name} of the log is told as {} when {known} was known", told.offset);
        Some(violation(NAME, at, Some(told.client), &[by, told.id], what))
    })
}

#[cfg(test)]
mod tests {
    use super::super::story::{Story, done, unknown};
    use super::*;

    fn ask(story: &mut Story, timestamp: i64, offset: i64) -> OperationId {
        let answer = Outcome::Done(Answer::Offsets(Story::offsets(&[("a/0", offset)])));
        story.op(3, What::ListOffsets { of: Story::at("a/0"), timestamp }, answer)
    }

    #[test]
    fn ends_that_grow_pass() {
        let mut story = Story::default();
        ask(&mut story, END, 0);
        story.produce(0, "a/0", &[1, 2], done(0));
        story.produce(0, "a/0", &[3], unknown());
        ask(&mut story, END, 2);
        ask(&mut story, START, 0);
        ask(&mut story, 1_700_000_000_000, 1);
        ask(&mut story, END, 3);
        ask(&mut story, START, 2);
        story.log("a/0", 2, &[3]);
        story.passes(&LIST_OFFSETS);
    }

    #[test]
    fn an_end_below_what_was_known_is_told() {
        let mut story = Story::default();
        let batch = story.produce(0, "a/0", &[1, 2], done(0));
        story.log("a/0", 0, &[1, 2]);
        let low = ask(&mut story, END, 1);
        story.fails(&LIST_OFFSETS, &[batch, low]);
        let mut story = Story::default();
        let high = ask(&mut story, END, 2);
        let low = ask(&mut story, END, 1);
        story.fails(&LIST_OFFSETS, &[high, low]);
        let mut story = Story::default();
        let high = ask(&mut story, START, 2);
        let low = ask(&mut story, START, 1);
        story.fails(&LIST_OFFSETS, &[high, low]);
    }

    #[test]
    fn what_is_beside_a_question_counts_neither_way() {
        let mut story = Story::default();
        let batch = story.begin(0, Story::batch("a/0", &[1, 2]));
        ask(&mut story, END, 2);
        story.end(batch, done(0));
        story.delete("a", done(-1));
        ask(&mut story, END, 0);
        story.passes(&LIST_OFFSETS);
    }

    #[test]
    fn an_offset_for_a_time_is_that_of_the_first_record_as_late() {
        for (timestamp, offset, is_right) in
            [(10, 0, true), (11, 1, true), (11, 2, false), (31, 1, false), (20, 2, false)]
        {
            let mut story = Story::default();
            story.log("a/0", 0, &[1, 2, 3]);
            story.rest.logs.get_mut(&Story::at("a/0")).expect("it is there").times = [10, 30, 20].map(Some).to_vec();
            let asked = ask(&mut story, timestamp, offset);
            if is_right { story.passes(&LIST_OFFSETS) } else { story.fails(&LIST_OFFSETS, &[asked]) }
        }
    }

    #[test]
    fn an_offset_beyond_the_log_is_told() {
        for (timestamp, offset) in [(END, 3), (START, 1), (1_700_000_000_000, 3)] {
            let mut story = Story::default();
            story.log("a/0", 0, &[1, 2]);
            let asked = ask(&mut story, timestamp, offset);
            story.fails(&LIST_OFFSETS, &[asked]);
        }
    }
}
