//! What clients do in a run: operations that write down in the [model](crate::model) what they ask for and what is
//! acknowledged.

use crate::client::operations::{self, PRODUCE_VERSION, Producer};
use crate::client::{ANSWER_TIMEOUT, CallError, Client};
use crate::drive::Drive;
use crate::machine::Machine;
use crate::model::{Batch, Model, Presence, Topic};
use crate::power::Recorder;
use crate::world::World;
use bytes::Bytes;
use core::time::Duration;
use kafka_protocol::messages::ProduceResponse;
use std::collections::VecDeque;

/// The timestamp of all records of a workload: the wall clock at the beginning of a run.
pub const TIMESTAMP: i64 = crate::clock::WALL_START_MS;

const COORDINATOR_CODES: [i16; 3] = [14, 15, 16];
const COORDINATOR_TRIES: usize = 100;

/// A client that writes down what it does.
///
/// A workload runs without faults but for what a [`Machine`] under test does wrong: so an operation that fails ends it.
pub struct Session<'a, 'b, M: Machine> {
    recorder: &'a mut Recorder<'b, M, Model>,
    client: Client,
    /// Batches under way: topic, partition and place in the model.
    under_way: VecDeque<(String, i32, usize)>,
    /// Numbers the values, so that no two are the same.
    values: u64,
}

impl<'a, 'b, M: Machine> Session<'a, 'b, M> {
    /// Connects to the node that is watched.
    pub fn new(recorder: &'a mut Recorder<'b, M, Model>) -> Self {
        let node = recorder.node();
        let client = Client::connect(recorder, node);
        Self { recorder, client, under_way: VecDeque::new(), values: 0 }
    }

    /// Creates a topic. `durability=os` and retention among its configs relax what the model demands.
    pub fn create(&mut self, name: &str, partitions: usize, configs: &[(&str, &str)]) {
        let has = |key: &str| configs.iter().any(|(name, _)| name.starts_with(key));
        let relaxed = configs.contains(&("durability", "os"));
        let topic = Topic { relaxed, retained: has("retention."), ..Topic::creating(partitions) };
        self.recorder.model.topics.insert(name.to_owned(), topic);
        let created = operations::create_topic(self.recorder, &mut self.client, name, partitions as i32, configs);
        let id = expect(created, "CreateTopics");
        self.recorder.acknowledge(|model| {
            model.topic_ids.insert(id);
            let topic = model.topic(name);
            topic.presence = Presence::There;
            topic.id = Some(id);
        });
    }

    /// Deletes a topic.
    pub fn delete(&mut self, name: &str) {
        self.recorder.model.topic(name).presence = Presence::Deleting;
        expect(operations::delete_topic(self.recorder, &mut self.client, name), "DeleteTopics");
        self.recorder.acknowledge(|model| model.topic(name).presence = Presence::Gone);
    }

    /// Sends a batch of `count` records of about `bytes` bytes each, without waiting for its answer.
    pub fn send(&mut self, topic: &str, partition: i32, count: usize, bytes: usize) {
        self.send_as(topic, partition, count, bytes, &mut Producer::NONE.clone());
    }

    /// As [`send`](Self::send), by a producer, whose sequence goes on.
    pub fn send_as(&mut self, topic: &str, partition: i32, count: usize, bytes: usize, producer: &mut Producer) {
        let values: Vec<Bytes> = (0..count).map(|_| self.next_value(topic, partition, bytes)).collect();
        let batch = operations::batch(&values, TIMESTAMP, *producer);
        let batches = &mut self.recorder.model.partition(topic, partition).batches;
        batches.push(Batch { values, base: None, producer: *producer });
        self.under_way.push_back((topic.to_owned(), partition, batches.len() - 1));
        if producer.sequence >= 0 {
            producer.sequence += count as i32;
        }
        let request = operations::produce_request(topic, partition, batch, -1);
        self.client.send(self.recorder, &request, PRODUCE_VERSION);
    }

    /// Waits for the answers to all batches under way.
    pub fn settle(&mut self) {
        while let Some((topic, partition, at)) = self.under_way.pop_front() {
            let answer = self.client.receive::<ProduceResponse>(self.recorder, PRODUCE_VERSION, ANSWER_TIMEOUT);
            let base = expect(answer.and_then(|answer| operations::produced(&answer)), "Produce");
            self.recorder.acknowledge(|model| model.partition(&topic, partition).batches[at].base = Some(base));
        }
    }

    /// Sends a batch and waits for its answer.
    pub fn produce(&mut self, topic: &str, partition: i32, count: usize, bytes: usize) {
        self.send(topic, partition, count, bytes);
        self.settle();
    }

    /// Reads all that a partition shows: what was shown once must stay.
    pub fn consume(&mut self, topic: &str, partition: i32) {
        let fetched = operations::fetch_all(self.recorder, &mut self.client, topic, partition);
        let fetched = expect(fetched, "Fetch");
        self.recorder.acknowledge(|model| model.partition(topic, partition).seen.extend(fetched.records));
    }

    /// Deletes the records before an offset.
    pub fn delete_records(&mut self, topic: &str, partition: i32, before: i64) {
        self.recorder.model.partition(topic, partition).start.ask(before);
        let deleted = operations::delete_records(self.recorder, &mut self.client, topic, partition, before);
        assert_eq!(expect(deleted, "DeleteRecords"), before, "the log starts where it was told to");
        self.recorder.acknowledge(|model| model.partition(topic, partition).start.acknowledge());
    }

    /// Commits an offset for a group.
    pub fn commit(&mut self, group: &str, topic: &str, partition: i32, offset: i64) {
        let key = (group.to_owned(), topic.to_owned(), partition);
        self.recorder.model.commits.entry(key.clone()).or_default().ask(offset);
        for _ in 0..COORDINATOR_TRIES {
            match operations::commit(self.recorder, &mut self.client, group, topic, partition, offset) {
                Ok(()) => {
                    self.recorder.acknowledge(|model| model.commits.entry(key).or_default().acknowledge());
                    return;
                }
                Err(CallError::Code(code)) if COORDINATOR_CODES.contains(&code) => {
                    // The first one asks for the offsets topic.
                    expect(operations::find_coordinator(self.recorder, &mut self.client, group), "FindCoordinator");
                    self.wait(Duration::from_millis(20));
                }
                Err(error) => panic!("OffsetCommit failed: {error:?}"),
            }
        }
        panic!("the coordinator of {group} did not come");
    }

    /// Asks for a producer id.
    pub fn init_producer(&mut self) -> Producer {
        let producer = expect(operations::init_producer(self.recorder, &mut self.client), "InitProducerId");
        let new = self.recorder.acknowledge(|model| model.producer_ids.insert(producer.id));
        assert!(new, "a producer id is handed out once");
        producer
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
}

fn expect<T>(result: Result<T, CallError>, what: &str) -> T {
    result.unwrap_or_else(|error| panic!("{what} failed: {error:?}"))
}
