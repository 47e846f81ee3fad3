//! Bytes of clients into a live broker: it goes on, answers in order, and its invariants hold after each step.
#![no_main]

use bytes::Bytes;
use core::time::Duration;
use grete_core::ids::ConnectionId;
use grete_core::shard::Shard;
use grete_fuzz::broker::{PARTITIONS, TOPIC, begin, check};
use grete_fuzz::mend_batch;
use grete_fuzz::script::steps;
use grete_protocol::frame::RequestHeader;
use grete_sim::client::{encode, operations};
use grete_sim::drive::Drive;
use grete_sim::node::NodeIndex;
use grete_sim::world::World;
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeMap;

/// Connections of one input at most.
const CONNECTIONS_MAX: usize = 4;
/// How long the broker may go on after the last step, in its own time.
const LINGER: Duration = Duration::from_millis(300);

thread_local! {
    static WORLDS: [(World<Shard>, NodeIndex); 2] = [begin(1), begin(3)];
}

fuzz_target!(|input: &[u8]| {
    let Some((&first, input)) = input.split_first() else { return };
    let (mut world, node) = WORLDS.with(|worlds| worlds[usize::from(first & 1)].clone());
    let mut clients = Clients::default();
    clients.open(&mut world, node);
    for step in steps(input) {
        match step.what {
            // A frame.
            0..=99 => clients.send_frame(&mut world, step.content),
            // Bytes, whose length field may be anything.
            100..=119 => clients.send(&mut world, step.content, None),
            // A batch to be appended, with a valid checksum.
            120..=179 => {
                let mut batch = step.content.to_vec();
                mend_batch(&mut batch);
                let partition = i32::from(step.what) % (PARTITIONS + 1);
                let acks = [-1, 1, 0][usize::from(step.what) % 3];
                let request = operations::produce_request(TOPIC, partition, Bytes::from(batch), acks);
                let frame = encode(&request, operations::PRODUCE_VERSION, 0);
                clients.send_frame(&mut world, &frame[4..]);
            }
            // Time.
            180..=209 => world.run_for(Duration::from_millis(1 << (step.what % 16))),
            // Another connection, which the following steps use.
            210..=229 => clients.open(&mut world, node),
            230..=239 => world.close(clients.now),
            240..=249 => world.reset(clients.now),
            250..=255 => world.set_reading(clients.now, step.what % 2 == 0),
        }
        clients.take_answers(&mut world);
    }
    world.run_for(LINGER);
    clients.take_answers(&mut world);
    check(&mut world, node);
});

struct Clients {
    now: ConnectionId,
    /// The correlation ids of the requests of each connection, as far as all of its bytes were frames.
    asked: BTreeMap<ConnectionId, Option<Vec<i32>>>,
}

impl Default for Clients {
    fn default() -> Self {
        Self { now: ConnectionId(0), asked: BTreeMap::new() }
    }
}

impl Clients {
    fn open(&mut self, world: &mut World<Shard>, node: NodeIndex) {
        if self.asked.len() < CONNECTIONS_MAX {
            self.now = world.connect(node);
            self.asked.insert(self.now, Some(Vec::new()));
        }
    }

    fn send_frame(&mut self, world: &mut World<Shard>, frame: &[u8]) {
        let length = u32::try_from(frame.len()).expect("a step is small");
        let id = RequestHeader::decode(frame).ok().map(|header| header.correlation_id);
        self.send(world, &[&length.to_be_bytes(), frame].concat(), Some(id));
    }

    /// Sends bytes, which are a whole request where `id` says with which correlation id, if any can be read.
    fn send(&mut self, world: &mut World<Shard>, bytes: &[u8], id: Option<Option<i32>>) {
        if let Some(asked) = self.asked.get_mut(&self.now) {
            match (asked.as_mut(), id) {
                (Some(ids), Some(id)) => ids.extend(id),
                _ => *asked = None,
            }
        }
        world.send(self.now, Bytes::copy_from_slice(bytes));
        world.run_for(Duration::from_millis(2));
    }

    /// Answers come in the order of the requests; some requests have none.
    fn take_answers(&mut self, world: &mut World<Shard>) {
        for (connection, asked) in &mut self.asked {
            while let Some(frame) = world.take_frame(*connection) {
                let id = frame.first_chunk().map(|bytes| i32::from_be_bytes(*bytes)).expect("an answer has an id");
                let Some(ids) = asked else { continue };
                let at = ids.iter().position(|each| *each == id).expect("an answer belongs to a request");
                ids.drain(..=at);
            }
        }
    }
}
