//! What must hold of a broker that has booted again.

use super::{Membership, Model, Partition, Presence, Topic};
use crate::client::operations::{self, Fetched, Producer};
use crate::client::{CallError, Client, admin, groups};
use crate::drive::Drive;
use crate::machine::Machine;
use crate::node::NodeIndex;
use crate::world::World;
use bytes::Bytes;
use core::fmt;
use core::time::Duration;
use grete_core::effect::Level;
use std::collections::BTreeMap;

/// Kafka's code for a member that is not in the group.
const UNKNOWN_MEMBER_ID: i16 = 25;
/// Kafka's codes for a coordinator that is not there yet.
const COORDINATOR_CODES: [i16; 3] = [14, 15, 16];
/// How often a coordinator is asked again, and how long between.
const COORDINATOR_TRIES: usize = 100;
const COORDINATOR_PAUSE: Duration = Duration::from_millis(20);
/// What the check itself writes.
const PROBE: &str = "written by the check";

/// Reads everything back through the protocol and compares it with the model; then writes and reads once more.
///
/// # Errors
/// The first thing that is wrong, in a sentence.
pub fn check<M: Machine>(world: &mut World<M>, node: NodeIndex, model: &Model) -> Result<(), String> {
    let mut client = Client::connect(world, node);
    let mut checker = Checker { world, client: &mut client };
    checker.no_complaints(node, model)?;
    checker.topics(model)?;
    for ((group, topic, partition), register) in &model.commits {
        let committed = checker.committed(group, topic, *partition)?;
        if !register.allows(committed.as_ref()) && !is_gone(model, topic) {
            return Err(format!("group {group} has committed {committed:?} of {topic}-{partition}, not {register:?}"));
        }
    }
    for group in &model.deleted_groups {
        checker.group_is_gone(group)?;
    }
    for (group, membership) in &model.members {
        checker.membership(group, membership)?;
    }
    checker.producer_ids(model)?;
    checker.world.check_invariants();
    Ok(())
}

/// Offsets of a topic go with it.
fn is_gone(model: &Model, topic: &str) -> bool {
    model.topics.get(topic).is_some_and(|topic| topic.presence != Presence::There)
}

struct Checker<'a, M: Machine> {
    world: &'a mut World<M>,
    client: &'a mut Client,
}

impl<M: Machine> Checker<'_, M> {
    /// A power loss is no reason to tell the operator of an error: nothing is lost or out of service.
    fn no_complaints(&self, node: NodeIndex, model: &Model) -> Result<(), String> {
        let all = self.world.notices(node);
        let told = if model.disks_failed { self.world.notices_of_boot(node) } else { all };
        let complaint = told.iter().find(|notice| notice.level == Level::Error);
        complaint.map_or(Ok(()), |notice| Err(format!("the broker complains: {}", notice.text)))
    }

    fn topics(&mut self, model: &Model) -> Result<(), String> {
        let shown = operations::topics(self.world, self.client).map_err(|error| format!("Metadata: {error:?}"))?;
        for name in shown.keys() {
            let known = model.topics.contains_key(name) || name == "__consumer_offsets";
            if !known {
                return Err(format!("topic {name} was never created"));
            }
        }
        for (name, topic) in &model.topics {
            match (shown.get(name), topic.presence) {
                (None, Presence::There) => return Err(format!("topic {name} is lost")),
                (Some(_), Presence::Gone) => return Err(format!("topic {name} is back")),
                (None, Presence::Creating | Presence::Deleting | Presence::Gone) => {}
                (Some(shown), Presence::There | Presence::Creating | Presence::Deleting) => {
                    if topic.id.is_some_and(|id| id != shown.id) {
                        return Err(format!("topic {name} has another id"));
                    }
                    if topic.id.is_none() && model.topic_ids.contains(&shown.id) {
                        return Err(format!("topic {name} has the id of an earlier one"));
                    }
                    if !topic.count.allows(Some(&(shown.partitions as i64))) {
                        return Err(format!("topic {name} has {} partitions, not {:?}", shown.partitions, topic.count));
                    }
                    self.configs(name, topic)?;
                    for (partition, index) in topic.partitions.iter().take(shown.partitions).zip(0..) {
                        self.partition(name, topic, partition, index)
                            .map_err(|what| format!("partition {name}-{index}: {what}"))?;
                    }
                }
            }
        }
        Ok(())
    }

    fn configs(&mut self, name: &str, topic: &Topic) -> Result<(), String> {
        if topic.configs.is_empty() {
            return Ok(());
        }
        let shown = admin::topic_configs(self.world, self.client, name);
        let shown = shown.map_err(|error| format!("DescribeConfigs of {name}: {error:?}"))?;
        for (key, register) in &topic.configs {
            if !register.allows(shown.get(key)) {
                return Err(format!("{key} of topic {name} is {:?}, not {register:?}", shown.get(key)));
            }
        }
        Ok(())
    }

    fn partition(&mut self, name: &str, topic: &Topic, partition: &Partition, index: i32) -> Result<(), String> {
        let fetched = self.fetch_all(name, index)?;
        offsets_are_dense(&fetched)?;
        starts_where_it_may(&fetched, topic, partition)?;
        holds_whole_batches_that_were_sent(&fetched, partition)?;
        let lowest_lost = holds_what_was_acknowledged(&fetched, topic, partition)?;
        if lowest_lost.is_none() {
            self.knows_its_producers(name, partition, index)?;
        }
        self.goes_on(name, index, &fetched)
    }

    fn fetch_all(&mut self, name: &str, index: i32) -> Result<Fetched, String> {
        operations::fetch_all(self.world, self.client, name, index).map_err(|error| format!("Fetch: {error:?}"))
    }

    /// The last batches of idempotent producers, sent again, are answered with the offsets that they had.
    fn knows_its_producers(&mut self, name: &str, partition: &Partition, index: i32) -> Result<(), String> {
        let mut last = BTreeMap::new();
        for batch in partition.batches.iter().filter(|batch| batch.producer.id >= 0) {
            // A later batch under way may have been appended: then this one is not the last, but among the last five.
            if let Some(base) = batch.base {
                last.insert(batch.producer.id, (batch, base));
            }
        }
        for (batch, base) in last.into_values() {
            let again = operations::batch(&batch.values, crate::workload::TIMESTAMP, batch.producer);
            let answer = operations::produce(self.world, self.client, name, index, again);
            if answer != Ok(base) {
                return Err(format!("the batch at {base}, sent again, is answered with {answer:?}"));
            }
        }
        Ok(())
    }

    /// The next record gets the next offset, and is there.
    fn goes_on(&mut self, name: &str, index: i32, before: &Fetched) -> Result<(), String> {
        let value = Bytes::from_static(PROBE.as_bytes());
        let batch = operations::batch(core::slice::from_ref(&value), crate::workload::TIMESTAMP, Producer::NONE);
        let answer = operations::produce(self.world, self.client, name, index, batch);
        if answer != Ok(before.high_watermark) {
            return Err(format!("a new record at {} is answered with {answer:?}", before.high_watermark));
        }
        let after = operations::fetch(self.world, self.client, name, index, before.high_watermark);
        let after = after.map_err(|error| format!("Fetch of a new record: {error:?}"))?;
        if after.records != [(before.high_watermark, value)] {
            return Err(format!("a new record at {} reads as {:?}", before.high_watermark, after.records));
        }
        Ok(())
    }

    fn committed(&mut self, group: &str, topic: &str, partition: i32) -> Result<Option<i64>, String> {
        for _ in 0..COORDINATOR_TRIES {
            match operations::committed(self.world, self.client, group, topic, partition) {
                Ok(committed) => return Ok(committed),
                Err(CallError::Code(code)) if COORDINATOR_CODES.contains(&code) => {
                    // Where there is no offsets topic yet, this asks for it.
                    operations::find_coordinator(self.world, self.client, group)
                        .map_err(|error| format!("FindCoordinator for {group}: {error:?}"))?;
                    self.world.run_for(COORDINATOR_PAUSE);
                }
                Err(error) => return Err(format!("OffsetFetch of group {group}: {error:?}")),
            }
        }
        Err(format!("the coordinator of group {group} is not there after {COORDINATOR_TRIES} tries"))
    }

    /// A group that was deleted is not there. Its coordinator is: an offset is asked for first.
    fn group_is_gone(&mut self, group: &str) -> Result<(), String> {
        self.committed(group, "none", 0)?;
        match groups::state(self.world, self.client, group) {
            Ok(state) if state == "Dead" => Ok(()),
            state => Err(format!("group {group} was deleted and is {state:?}")),
        }
    }

    /// The member of a group is in the generation that it was told, or has left.
    fn membership(&mut self, group: &str, membership: &Membership) -> Result<(), String> {
        let (member, expected) = match membership {
            Membership::UnderWay => return Ok(()),
            Membership::Joined(member) => (member, Ok(())),
            Membership::Left(member) => (member, Err(CallError::Code(UNKNOWN_MEMBER_ID))),
        };
        // While groups are loaded every heartbeat is good, as with Kafka; offsets wait until they are.
        self.committed(group, "none", 0)?;
        for _ in 0..COORDINATOR_TRIES {
            match groups::heartbeat(self.world, self.client, group, member) {
                Err(CallError::Code(code)) if COORDINATOR_CODES.contains(&code) => {
                    self.world.run_for(COORDINATOR_PAUSE);
                }
                answer if answer == expected => return Ok(()),
                answer => return Err(format!("a heartbeat of {member:?} of group {group} is answered by {answer:?}")),
            }
        }
        Err(format!("the coordinator of group {group} is not there after {COORDINATOR_TRIES} tries"))
    }

    fn producer_ids(&mut self, model: &Model) -> Result<(), String> {
        if model.producer_ids.is_empty() {
            return Ok(());
        }
        let producer = operations::init_producer(self.world, self.client);
        let producer = producer.map_err(|error| format!("InitProducerId: {error:?}"))?;
        match model.producer_ids.contains(&producer.id) {
            true => Err(format!("producer id {} is handed out twice", producer.id)),
            false => Ok(()),
        }
    }
}

fn offsets_are_dense(fetched: &Fetched) -> Result<(), String> {
    let offsets = fetched.records.iter().map(|(offset, _)| *offset);
    if !offsets.eq(fetched.log_start..fetched.high_watermark) {
        let offsets: Vec<i64> = fetched.records.iter().map(|(offset, _)| *offset).collect();
        return Err(format!("offsets {offsets:?} from {} to {}", fetched.log_start, fetched.high_watermark));
    }
    Ok(())
}

fn starts_where_it_may(fetched: &Fetched, topic: &Topic, partition: &Partition) -> Result<(), String> {
    let start = fetched.log_start;
    let unset = start == 0 && partition.start.acknowledged.is_none();
    let moved_on = topic.retained && start >= partition.start.acknowledged.unwrap_or(0);
    match unset || moved_on || partition.start.allows(Some(&start)) {
        true => Ok(()),
        false => Err(format!("it starts at {start}, not {:?}", partition.start)),
    }
}

/// Nothing is there that was not sent, nothing twice, and no batch in part, but for what was deleted of its front.
fn holds_whole_batches_that_were_sent(fetched: &Fetched, partition: &Partition) -> Result<(), String> {
    let batches = partition.batches.iter();
    let by_value: BTreeMap<&Bytes, (usize, usize)> = batches
        .enumerate()
        .flat_map(|(batch, sent)| sent.values.iter().enumerate().map(move |(at, value)| (value, (batch, at))))
        .collect();
    let mut found = BTreeMap::new();
    let mut expected: Option<(usize, usize)> = None;
    for (offset, value) in &fetched.records {
        let Some(&(batch, at)) = by_value.get(value) else {
            return Err(format!("{} at {offset} was never sent", Shown(value)));
        };
        match expected {
            Some(expected) if expected != (batch, at) => {
                return Err(format!("a batch is broken off before {offset}"));
            }
            None if at > 0 && *offset > fetched.log_start => {
                return Err(format!("a batch lacks its front at {offset}"));
            }
            Some(_) | None => {}
        }
        if let Some(before) = found.insert(value, *offset) {
            return Err(format!("{} is at {before} and at {offset}", Shown(value)));
        }
        let more = at + 1 < partition.batches[batch].values.len();
        expected = more.then_some((batch, at + 1));
    }
    match expected {
        Some(_) => Err(format!("the last batch is broken off at {}", fetched.high_watermark)),
        None => Ok(()),
    }
}

/// What was acknowledged, or shown to a consumer, is there and identical. In a relaxed topic a tail may be missing: its
/// lowest offset.
fn holds_what_was_acknowledged(fetched: &Fetched, topic: &Topic, partition: &Partition) -> Result<Option<i64>, String> {
    let records: BTreeMap<i64, &Bytes> = fetched.records.iter().map(|(offset, value)| (*offset, value)).collect();
    let acknowledged = partition.batches.iter().filter_map(|batch| batch.base.map(|base| (batch, base)));
    let acknowledged = acknowledged.flat_map(|(batch, base)| (base..).zip(&batch.values));
    let seen = partition.seen.iter().map(|(offset, value)| (*offset, value));
    let mut lost = None;
    for (offset, value) in acknowledged.chain(seen).filter(|(offset, _)| *offset >= fetched.log_start) {
        match records.get(&offset) {
            Some(found) if *found == value => {}
            None if topic.relaxed => lost = Some(lost.unwrap_or(offset).min(offset)),
            // What was lost there may have given its offsets to what came after a restart.
            found => {
                let (value, found) = (Shown(value), found.map_or("nothing".into(), |found| Shown(found).to_string()));
                return Err(format!("{value} at {offset} was acknowledged or seen; there is {found}"));
            }
        }
    }
    Ok(lost)
}

/// A value as it is told: its readable front, without what it is filled up with.
struct Shown<'a>(&'a Bytes);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let readable = self.0.iter().take(60).take_while(|byte| (b' '..=b'~').contains(byte)).count();
        write!(f, "'{}' ({} bytes)", self.0.slice(..readable).escape_ascii(), self.0.len())
    }
}
