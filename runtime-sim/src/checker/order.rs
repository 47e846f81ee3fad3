//! **Order.** Proves of each log at the end that
//! - the records of a batch lie one after the other, and all of them do, but for a beginning that was deleted;
//! - an acknowledged batch of an idempotent producer does not lie after one that the same client began later;
//! - a batch that began when another was acknowledged already was told a higher offset than that one.
//!
//! Time: one pass over each log, one over the batches sorted by their ends: n log n.
//!
//! A batch of which nobody knows may be of a process of the client that is gone, and come late: nothing is said of it.
//!
//! Finds: batches of one connection that overtake each other, torn batches, sequences that are accepted with a gap (P2), an
//! answer with another batch's offset (73).

use super::sent::{Batch, Lives, Sent, batches, first, violation};
use super::{Checker, LogAtRest, Seen, Violation};
use crate::clock::WorldTime;
use crate::history::{ClientIndex, OperationId, TopicPartition, Value};
use std::collections::BTreeMap;

const NAME: &str = "order";

/// See the module.
pub const ORDER: Checker =
    Checker { name: NAME, promise: "batches are whole, and lie in the order in which they were sent", check };

fn check(seen: &Seen<'_>) -> Option<Violation> {
    let sent = Sent::of(seen.history);
    let logs = seen.rest.logs.iter();
    let found = logs.flat_map(|(at, log)| torn(&sent, at, log).into_iter().chain(swapped(&sent, at, log)));
    first(found.chain(overtaken(seen)))
}

fn torn(sent: &Sent<'_>, at: &TopicPartition, log: &LogAtRest) -> Option<Violation> {
    let neighbour = |place: usize, offset: i64| -> Option<Value> {
        log.records.get(place).filter(|(there, _)| *there == offset).map(|(_, value)| *value)
    };
    log.records.iter().enumerate().find_map(|(place, (offset, value))| {
        let (batch, index) = sent.get(*value)?;
        let after = batch.values.get(index + 1);
        let lacks_after = after.is_some_and(|next| neighbour(place + 1, offset + 1) != Some(*next));
        let before = index.checked_sub(1).map(|index| batch.values[index]);
        let lacks_before = before.is_some_and(|previous| {
            *offset > log.start && neighbour(place.wrapping_sub(1), offset - 1) != Some(previous)
        });
        (lacks_after || lacks_before).then(|| {
            let side = if lacks_after { "after" } else { "before" };
            let what = format!("record {} at offset {offset} lacks its neighbour {side} it in its batch", value.0);
            violation(NAME, at, Some(batch.operation.client), &[batch.id], what)
        })
    })
}

fn swapped(sent: &Sent<'_>, at: &TopicPartition, log: &LogAtRest) -> Option<Violation> {
    let mut latest: BTreeMap<ClientIndex, OperationId> = BTreeMap::new();
    log.records.iter().find_map(|(offset, value)| {
        let (batch, _) = sent.get(*value).filter(|(batch, _)| batch.idempotent)?;
        let client = batch.operation.client;
        let last = latest.entry(client).or_insert(batch.id);
        let is_late = batch.id < *last && batch.is_acknowledged();
        let others = [batch.id, *last];
        *last = batch.id.max(*last);
        is_late.then(|| {
            let what =
                format!("the batch of record {} at offset {offset} lies behind one that was sent later", value.0);
            violation(NAME, at, Some(client), &others, what)
        })
    })
}

/// What each partition of a life of its topic was told of: ends, offsets and batches, by their ends.
fn overtaken(seen: &Seen<'_>) -> Option<Violation> {
    let lives = Lives::of(seen.history);
    let mut logs: BTreeMap<_, Vec<(Batch<'_>, i64, WorldTime)>> = BTreeMap::new();
    for batch in batches(seen.history).filter(Batch::is_acknowledged) {
        let life = lives.of_operation(&batch.to.topic, batch.operation);
        if let (Some(life), Some(base), Some(ended)) = (life, batch.base(), batch.operation.ended) {
            logs.entry((batch.to, life)).or_default().push((batch, base, ended));
        }
    }
    let found = logs.into_iter().filter_map(|((at, _), batches)| {
        let mut by_end = batches.clone();
        by_end.sort_by_key(|(_, _, ended)| *ended);
        let mut ended = by_end.into_iter().peekable();
        let mut highest: Option<(i64, OperationId)> = None;
        // They stand in the order in which they began.
        batches.iter().find_map(|(batch, base, _)| {
            while let Some((before, told, _)) = ended.next_if(|(_, _, end)| *end < batch.operation.began) {
                highest = highest.max(Some((told + before.values.len() as i64 - 1, before.id)));
            }
            let (last, before) = highest.filter(|(last, _)| base <= last)?;
            let what = format!("a batch got offset {base} when {last} had been acknowledged");
            Some(violation(NAME, at, Some(batch.operation.client), &[before, batch.id], what))
        })
    });
    first(found)
}

#[cfg(test)]
mod tests {
    use super::super::story::{Story, done, unknown};
    use super::*;

    #[test]
    fn batches_in_their_order_pass() {
        let mut story = Story::default();
        story.produce(0, "a/0", &[1, 2], done(0));
        story.produce(1, "a/0", &[3], done(4));
        story.produce(0, "a/0", &[4, 5], done(2));
        story.log("a/0", 1, &[2, 4, 5, 3]);
        story.fails(&ORDER, &[OperationId(1), OperationId(2)]);
        let mut story = Story::default();
        story.produce(0, "a/0", &[1, 2], done(0));
        story.produce(1, "a/0", &[3], done(2));
        story.produce(0, "a/0", &[4, 5], done(3));
        story.log("a/0", 1, &[2, 3, 4, 5]);
        story.passes(&ORDER);
    }

    #[test]
    fn a_batch_of_which_a_part_is_missing_is_torn() {
        for records in [&[1, 9][..], &[1, 3], &[2, 1]] {
            let mut story = Story::default();
            let batch = story.produce(0, "a/0", &[1, 2, 3], unknown());
            story.log("a/0", 0, records);
            story.fails(&ORDER, &[batch]);
        }
    }

    #[test]
    fn an_acknowledged_batch_behind_a_later_one_is_out_of_order() {
        let mut story = Story::default();
        let first = story.begin(0, Story::batch("a/0", &[1]));
        let second = story.begin(0, Story::batch("a/0", &[2]));
        story.end(second, done(0));
        story.end(first, done(1));
        story.log("a/0", 0, &[2, 1]);
        story.fails(&ORDER, &[first, second]);
    }

    #[test]
    fn one_of_which_nobody_knows_may_come_late() {
        let mut story = Story::default();
        story.produce(0, "a/0", &[1], unknown());
        story.produce(0, "a/0", &[2], done(0));
        story.log("a/0", 0, &[2, 1]);
        story.passes(&ORDER);
    }

    #[test]
    fn another_topic_of_the_name_begins_anew() {
        let mut story = Story::default();
        story.produce(0, "a/0", &[1], done(7));
        story.delete("a", done(-1));
        story.produce(0, "a/0", &[2], done(0));
        story.passes(&ORDER);
    }
}
