//! What clients do in a run: operations that write down in the [model](crate::model) what they ask for and what is
//! acknowledged.

mod faults;
mod groups;

use crate::client::operations::{self, PRODUCE_VERSION, Producer};
use crate::client::{ANSWER_TIMEOUT, CallError, Client, admin};
use crate::disk::Survival;
use crate::drive::Drive;
use crate::machine::Machine;
use crate::model::{Batch, Model, Presence, Topic};
use crate::node::{Ended, NodeState};
use crate::power::Recorder;
use crate::world::World;
use bytes::Bytes;
use core::time::Duration;
use kafka_protocol::messages::{ProduceRequest, ProduceResponse};
use std::collections::VecDeque;

/// The timestamp of all records of a workload: the wall clock at the beginning of a run.
pub const TIMESTAMP: i64 = crate::clock::WALL_START_MS;
/// How long a node may take to start or to stop.
pub const LIFECYCLE_TIME: Duration = Duration::from_secs(60);

const OFFSET_OUT_OF_RANGE: i16 = 1;

/// A client that writes down what it does.
///
/// A workload runs without faults but for what a [`Machine`] under test does wrong, and so an operation that fails ends it. Only
/// after a disk has begun to [fail](Self::break_disk) operations may, until the power is lost and the disk is another.
pub struct Session<'a, 'b, M: Machine> {
    recorder: &'a mut Recorder<'b, M, Model>,
    /// Sends batches, many at a time.
    client: Client,
    /// Asks for all else, one thing at a time.
    asker: Client,
    /// Batches under way.
    under_way: VecDeque<UnderWay>,
    /// Numbers the values, so that no two are the same.
    values: u64,
    /// Whether a disk has begun to fail.
    failing: bool,
    /// Batches of idempotent producers that were refused while it did, or not answered: they are sent again.
    refused: VecDeque<UnderWay>,
}

/// A batch under way.
struct UnderWay {
    topic: String,
    partition: i32,
    /// Its place in the model.
    at: usize,
    /// It, to be sent again, where its producer is idempotent.
    again: Option<ProduceRequest>,
}

/// How a process ends within a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// In order.
    Stop,
    /// At once; what it wrote is in the page cache.
    Kill,
    /// With the power.
    PowerLoss(Survival),
}

impl<'a, 'b, M: Machine> Session<'a, 'b, M> {
    /// Connects to the node that is watched.
    pub fn new(recorder: &'a mut Recorder<'b, M, Model>) -> Self {
        let node = recorder.node();
        let client = Client::connect(recorder, node);
        let asker = Client::connect(recorder, node);
        Self {
            recorder,
            client,
            asker,
            under_way: VecDeque::new(),
            values: 0,
            failing: false,
            refused: VecDeque::new(),
        }
    }

    /// Creates a topic. `durability=os` and retention among its configs relax what the model demands.
    pub fn create(&mut self, name: &str, partitions: usize, configs: &[(&str, &str)]) {
        let has = |key: &str| configs.iter().any(|(name, _)| name.starts_with(key));
        let relaxed = configs.contains(&("durability", "os"));
        let mut topic = Topic { relaxed, retained: has("retention."), ..Topic::creating(partitions) };
        for (key, value) in configs {
            topic.configs.entry((*key).to_owned()).or_default().acknowledged = Some((*value).to_owned());
        }
        self.recorder.model.topics.insert(name.to_owned(), topic);
        // Offsets that were committed for an earlier topic of this name are gone with it, or not yet.
        for (_, register) in self.recorder.model.commits.iter_mut().filter(|((_, topic, _), _)| topic == name) {
            register.under_way.extend(register.acknowledged.take());
        }
        let created = operations::create_topic(self.recorder, &mut self.asker, name, partitions as i32, configs);
        let Some(id) = self.expect(created, "CreateTopics") else { return };
        self.recorder.acknowledge(|model| {
            model.topic_ids.insert(id);
            let topic = model.topic(name);
            topic.presence = Presence::There;
            topic.id = Some(id);
        });
    }

    /// Deletes a topic. No batch for it may be under way but those that nothing answers.
    pub fn delete(&mut self, name: &str) {
        // A batch that finds no topic, and that nothing answers, costs the connection: all have been taken once this is
        // answered.
        let asked = operations::list_offset(self.recorder, &mut self.client, name, 0, -1);
        self.expect(asked, "ListOffsets");
        self.recorder.model.topic(name).presence = Presence::Deleting;
        let deleted = operations::delete_topic(self.recorder, &mut self.asker, name);
        if self.expect(deleted, "DeleteTopics").is_none() {
            return;
        }
        self.recorder.acknowledge(|model| model.topic(name).presence = Presence::Gone);
    }

    /// Gives a topic more partitions: `count` in all.
    pub fn grow(&mut self, name: &str, count: usize) {
        let topic = self.recorder.model.topic(name);
        topic.partitions.resize_with(count, Default::default);
        topic.count.ask(count as i64);
        let grown = admin::create_partitions(self.recorder, &mut self.asker, name, count as i32);
        if self.expect(grown, "CreatePartitions").is_none() {
            return;
        }
        self.recorder.acknowledge(|model| model.topic(name).count.acknowledge());
    }

    /// Sets a key of a topic. Retention relaxes what the model demands.
    pub fn configure(&mut self, name: &str, key: &str, value: &str) {
        let topic = self.recorder.model.topic(name);
        topic.retained |= key.starts_with("retention.");
        topic.configs.entry(key.to_owned()).or_default().ask(value.to_owned());
        let configured = admin::configure_topic(self.recorder, &mut self.asker, name, key, value);
        if self.expect(configured, "IncrementalAlterConfigs").is_none() {
            return;
        }
        self.recorder.acknowledge(|model| {
            if let Some(register) = model.topic(name).configs.get_mut(key) {
                register.acknowledge();
            }
        });
    }

    /// Sends a batch of `count` records of about `bytes` bytes each, without waiting for its answer.
    pub fn send(&mut self, topic: &str, partition: i32, count: usize, bytes: usize) {
        self.send_with(topic, partition, count, bytes, -1, &mut Producer::NONE.clone());
    }

    /// As [`send`](Self::send), by a producer, whose sequence goes on.
    pub fn send_as(&mut self, topic: &str, partition: i32, count: usize, bytes: usize, producer: &mut Producer) {
        self.send_with(topic, partition, count, bytes, -1, producer);
    }

    /// As [`send_as`](Self::send_as), with `acks`. Nothing answers where they are 0.
    pub fn send_with(
        &mut self,
        topic: &str,
        partition: i32,
        count: usize,
        bytes: usize,
        acks: i16,
        producer: &mut Producer,
    ) {
        let values: Vec<Bytes> = (0..count).map(|_| self.next_value(topic, partition, bytes)).collect();
        let batch = operations::batch(&values, TIMESTAMP, *producer);
        let batches = &mut self.recorder.model.partition(topic, partition).batches;
        batches.push(Batch { values, base: None, producer: *producer });
        let at = batches.len() - 1;
        let request = operations::produce_request(topic, partition, batch, acks);
        if acks == 0 {
            self.client.send_only(self.recorder, &request, PRODUCE_VERSION);
            return;
        }
        self.client.send(self.recorder, &request, PRODUCE_VERSION);
        let idempotent = producer.sequence >= 0;
        if idempotent {
            producer.sequence += count as i32;
        }
        let again = idempotent.then_some(request);
        self.under_way.push_back(UnderWay { topic: topic.to_owned(), partition, at, again });
    }

    /// Waits for the answers to all batches under way.
    pub fn settle(&mut self) {
        while let Some(batch) = self.under_way.pop_front() {
            let answer = self.client.receive::<ProduceResponse>(self.recorder, PRODUCE_VERSION, ANSWER_TIMEOUT);
            match self.expect(answer.and_then(|answer| operations::produced(&answer)), "Produce") {
                Some(base) => {
                    let UnderWay { topic, partition, at, .. } = batch;
                    self.recorder.acknowledge(|model| model.partition(&topic, partition).batches[at].base = Some(base));
                }
                None => self.refused.push_back(batch),
            }
        }
    }

    /// Sends a batch and waits for its answer.
    pub fn produce(&mut self, topic: &str, partition: i32, count: usize, bytes: usize) {
        self.send(topic, partition, count, bytes);
        self.settle();
    }

    /// Reads all that a partition shows: what was shown once must stay.
    pub fn consume(&mut self, topic: &str, partition: i32) {
        let fetched = loop {
            match operations::fetch_all(self.recorder, &mut self.asker, topic, partition) {
                // The log has lost its front meanwhile.
                Err(CallError::Code(OFFSET_OUT_OF_RANGE)) => {}
                fetched => break self.expect(fetched, "Fetch"),
            }
        };
        let Some(fetched) = fetched else { return };
        self.recorder.acknowledge(|model| model.partition(topic, partition).seen.extend(fetched.records));
    }

    /// Deletes the records before an offset.
    pub fn delete_records(&mut self, topic: &str, partition: i32, before: i64) {
        self.recorder.model.partition(topic, partition).start.ask(before);
        let deleted = operations::delete_records(self.recorder, &mut self.asker, topic, partition, before);
        let Some(start) = self.expect(deleted, "DeleteRecords") else { return };
        assert!(start >= before, "the log starts where it was told to, and not at {start}");
        self.recorder.acknowledge(|model| model.partition(topic, partition).start.acknowledge());
    }

    /// Deletes a part of what a partition shows, in quarters.
    pub fn delete_quarters(&mut self, topic: &str, partition: i32, quarters: i64) {
        let mut list = |timestamp| {
            let offset = operations::list_offset(self.recorder, &mut self.asker, topic, partition, timestamp);
            self.expect(offset, "ListOffsets")
        };
        let Some(start) = list(-2) else { return };
        let Some(end) = list(-1) else { return };
        let before = start + (end - start) * quarters / 4;
        if before > start {
            self.delete_records(topic, partition, before);
        }
    }

    /// Asks for a producer id.
    ///
    /// # Panics
    /// Where there is none.
    pub fn init_producer(&mut self) -> Producer {
        self.try_init_producer().expect("a producer id is handed out")
    }

    /// Asks for a producer id; none where a disk has failed.
    pub fn try_init_producer(&mut self) -> Option<Producer> {
        let asked = operations::init_producer(self.recorder, &mut self.asker);
        let producer = self.expect(asked, "InitProducerId")?;
        let new = self.recorder.acknowledge(|model| model.producer_ids.insert(producer.id));
        assert!(new, "a producer id is handed out once");
        Some(producer)
    }

    /// Ends the process, whose disks are whole again then, and starts another one, with as many shards. Idempotent producers send again what was not
    /// answered; of other batches nobody will know.
    ///
    /// # Panics
    /// Where the node does not stop, or does not start again.
    pub fn restart(&mut self, end: End, shards: u16) {
        let node = self.recorder.node();
        match end {
            End::Kill => self.world().kill(node),
            End::PowerLoss(survival) => {
                self.world().power_loss(node, survival);
                self.world().heal_disks(node);
            }
            End::Stop => {
                self.world().shut_down(node);
                let stopped = |world: &mut World<M>| *world.state(node) == NodeState::Down(Ended::Stopped);
                assert!(self.recorder.run_until(LIFECYCLE_TIME, stopped), "the node does not stop");
            }
        }
        self.world().set_shards(node, shards);
        self.world().start_node(node);
        self.recorder
            .run_until(LIFECYCLE_TIME, |world| matches!(world.state(node), NodeState::Serving | NodeState::Down(_)));
        let state = self.world().state(node);
        assert_eq!(*state, NodeState::Serving, "the node does not start again");
        self.client.reconnect(self.recorder);
        self.asker.reconnect(self.recorder);
        if core::mem::take(&mut self.failing) {
            self.resolve_topics();
        }
        if let End::PowerLoss(_) = end {
            self.forget_lost();
        }
        let mut unanswered = core::mem::take(&mut self.refused);
        unanswered.append(&mut self.under_way);
        let (again, unknown): (VecDeque<UnderWay>, VecDeque<UnderWay>) =
            unanswered.into_iter().partition(|batch| batch.again.is_some() && self.has(&batch.topic, batch.partition));
        drop(unknown);
        for request in again.iter().filter_map(|batch| batch.again.as_ref()) {
            self.client.send(self.recorder, request, PRODUCE_VERSION);
        }
        self.under_way = again;
    }

    /// Looks where relaxed topics end now.
    fn forget_lost(&mut self) {
        let there = |topic: &Topic| topic.relaxed && topic.presence == Presence::There;
        let topics = self.recorder.model.topics.iter().filter(|(_, topic)| there(topic));
        let relaxed: Vec<(String, usize, i64)> = topics
            .map(|(name, topic)| (name.clone(), topic.partitions.len(), topic.count.acknowledged.unwrap_or(0)))
            .collect();
        for (topic, partitions, acknowledged) in relaxed {
            for partition in 0..partitions as i32 {
                let end = operations::list_offset(self.recorder, &mut self.asker, &topic, partition, -1);
                // Partitions that were asked for, and whose answer never came, need not have come to be.
                let in_doubt = i64::from(partition) >= acknowledged;
                if in_doubt && matches!(end, Err(CallError::Code(3))) {
                    continue;
                }
                let Some(end) = self.expect(end, "ListOffsets") else { continue };
                self.recorder.acknowledge(|model| model.forget_lost(&topic, partition, end));
            }
        }
    }

    /// The model, to demand more or less of it.
    pub fn model(&mut self) -> &mut Model {
        &mut self.recorder.model
    }

    /// The world.
    pub fn world(&mut self) -> &mut World<M> {
        self.recorder.world()
    }

    /// Lets time pass.
    pub fn wait(&mut self, time: Duration) {
        self.recorder.run_for(time);
    }

    fn next_value(&mut self, topic: &str, partition: i32, bytes: usize) -> Bytes {
        self.values += 1;
        let mut value = format!("{topic}-{partition} record {} ", self.values).into_bytes();
        value.resize(value.len().max(bytes), self.values as u8);
        Bytes::from(value)
    }

    /// The result of an operation; none where it failed and may.
    fn expect<T>(&self, result: Result<T, CallError>, what: &str) -> Option<T> {
        match result {
            Ok(result) => Some(result),
            Err(_) if self.failing => None,
            Err(error) => panic!("{what} failed: {error:?}"),
        }
    }
}
