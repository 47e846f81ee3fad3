//! Drawing scripts: each one stresses another mixture.

use super::{Act, BROKEN, EndOf, NodeShape, Script};
use crate::disk::Profile;
use crate::draw::{Stream, WorldSeed};

/// The most acts of a script, but for those that prepare others.
const ACTS_MAX: u64 = 40;
/// The topics that a script has at a time.
const TOPICS: [&str; 3] = ["a", "b", "c"];
const GROUPS: [&str; 2] = ["g", "h"];
/// The most partitions of a topic.
const PARTITIONS_MAX: usize = 4;
/// Idempotent producers have at most five batches in flight; one of them is sent again by the check.
const IN_FLIGHT_MAX: usize = 4;
/// How far a wall clock is ahead. Less than an hour behind, since records from so far in the future are refused, and less than
/// a day ahead, since producers are forgotten after one.
const CLOCKS_AHEAD_MS: [i64; 6] = [-3_000_000, -1_000, 0, 1_000, 3_700_000, 40_000_000];
/// The shards of a node.
pub(crate) const SHARDS_MAX: u64 = 3;

impl Script {
    /// The script of a seed.
    #[must_use]
    pub fn draw(seed: u64) -> Self {
        let mut drawing =
            Drawing { seed: WorldSeed(seed), draws: 0, topics: Vec::new(), in_flight: 0, acts: Vec::new() };
        let node = drawing.node();
        // Some scripts restart often, some never, and so on.
        let weights = drawing.weights();
        let acts = 5 + drawing.below(ACTS_MAX - 4);
        drawing.create(&node);
        for _ in 0..acts {
            drawing.act(&node, &weights);
        }
        Self { seed, node, acts: drawing.acts }
    }
}

struct Drawing {
    seed: WorldSeed,
    draws: u64,
    topics: Vec<KnownTopic>,
    in_flight: usize,
    acts: Vec<Act>,
}

struct KnownTopic {
    name: &'static str,
    partitions: usize,
    relaxed: bool,
}

#[derive(Clone, Copy)]
enum Kind {
    Send,
    Settle,
    Wait,
    Consume,
    Commit,
    Create,
    Delete,
    DeleteRecords,
    Grow,
    Configure,
    Join,
    Leave,
    DeleteGroup,
    DeleteOffset,
    Clock,
    Break,
    Restart,
}

/// What is done, and how often: each script takes these up to three times as often.
const KINDS: [(Kind, u64); 17] = [
    (Kind::Send, 34),
    (Kind::Settle, 8),
    (Kind::Wait, 12),
    (Kind::Consume, 5),
    (Kind::Commit, 7),
    (Kind::Create, 6),
    (Kind::Delete, 4),
    (Kind::DeleteRecords, 5),
    (Kind::Grow, 3),
    (Kind::Configure, 4),
    (Kind::Join, 2),
    (Kind::Leave, 2),
    (Kind::DeleteGroup, 3),
    (Kind::DeleteOffset, 3),
    (Kind::Clock, 3),
    (Kind::Break, 2),
    (Kind::Restart, 7),
];

impl Drawing {
    fn below(&mut self, end: u64) -> u64 {
        self.draws += 1;
        self.seed.draw(Stream::Workload, &[self.draws]).below(end)
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }

    fn node(&mut self) -> NodeShape {
        NodeShape {
            shards: self.below(SHARDS_MAX) as u16 + 1,
            dirs: self.one_of(&[1, 1, 1, 2, 3]),
            segment_bytes: self.one_of(&[1_500, 4_000, 1 << 20]),
            index_bytes: self.one_of(&[32, 4096]),
            index_interval_bytes: self.one_of(&[1, 300, 4096]),
            delete_delay_ms: self.one_of(&[0, 50, 60_000]),
            record_ms: self.one_of(&[1, 30, 1_000]),
            debt_bytes: self.one_of(&[1_000, 32 << 20]),
            journal_bytes: self.one_of(&[0, 8 << 10, 16 << 10, 64 << 10]),
            retention_check_ms: self.one_of(&[50, 1_000, 300_000]),
            tail_bytes: self.one_of(&[1, 3_000, 64 << 20]),
            snapshot_bytes: self.one_of(&[1_000, 5_000, 20 << 20]),
            offsets_partitions: self.one_of(&[1, 3]),
        }
    }

    fn weights(&mut self) -> Vec<(Kind, u64)> {
        KINDS.iter().map(|(kind, weight)| (*kind, weight * self.one_of(&[0, 1, 1, 3]))).collect()
    }

    fn act(&mut self, node: &NodeShape, weights: &[(Kind, u64)]) {
        let total: u64 = weights.iter().map(|(_, weight)| weight).sum();
        let mut left = self.below(total.max(1));
        let drawn = weights.iter().find(|(_, weight)| {
            let found = left < *weight;
            left = left.saturating_sub(*weight);
            found
        });
        match drawn.map_or(Kind::Send, |(kind, _)| *kind) {
            Kind::Send => self.send(node),
            Kind::Settle => self.settle(),
            Kind::Wait => {
                let micros = self.one_of(&[300, 3_000, 60_000, 1_200_000, 1_200_000, 61_000_000]);
                let micros = self.below(micros) + micros / 2;
                self.acts.push(Act::Wait { micros });
            }
            Kind::Create => self.create(node),
            Kind::Join => {
                let group = self.one_of(&GROUPS).to_owned();
                self.acts.push(Act::Join { group });
            }
            Kind::Leave => {
                let group = self.one_of(&GROUPS).to_owned();
                self.acts.push(Act::Leave { group });
            }
            Kind::DeleteGroup => {
                let group = self.one_of(&GROUPS).to_owned();
                self.acts.push(Act::DeleteGroup { group });
            }
            Kind::Clock => {
                let ahead_ms = self.one_of(&CLOCKS_AHEAD_MS);
                self.acts.push(Act::Clock { ahead_ms });
            }
            Kind::Break => self.break_disk(node, weights),
            Kind::Restart => self.restart(),
            kind @ (Kind::Consume
            | Kind::Commit
            | Kind::DeleteOffset
            | Kind::Delete
            | Kind::DeleteRecords
            | Kind::Grow
            | Kind::Configure) => self.with_topic(kind),
        }
    }

    /// Some topic that is there, and one of its partitions.
    fn place(&mut self) -> Option<(usize, String, i32)> {
        let count = self.topics.len() as u64;
        let at = self.below(count.max(1)) as usize;
        let partitions = self.topics.get(at)?.partitions as u64;
        let partition = self.below(partitions) as i32;
        Some((at, self.topics[at].name.to_owned(), partition))
    }

    fn with_topic(&mut self, kind: Kind) {
        let Some((at, topic, partition)) = self.place() else { return };
        match kind {
            Kind::Delete => {
                self.settle();
                self.topics.remove(at);
                self.acts.push(Act::Delete { topic });
            }
            Kind::DeleteRecords if !self.topics[at].relaxed => {
                let quarters = self.below(4) as i64 + 1;
                self.acts.push(Act::DeleteRecords { topic, partition, quarters });
            }
            Kind::Grow if self.topics[at].partitions < PARTITIONS_MAX => {
                self.topics[at].partitions += 1;
                let partitions = self.topics[at].partitions;
                self.acts.push(Act::Grow { topic, partitions });
            }
            Kind::Configure => {
                let config = self.config();
                self.acts.push(Act::Configure { topic, config });
            }
            Kind::Commit => {
                let (group, offset) = (self.one_of(&GROUPS).to_owned(), self.below(100) as i64);
                self.acts.push(Act::Commit { group, topic, partition, offset });
            }
            Kind::DeleteOffset => {
                let group = self.one_of(&GROUPS).to_owned();
                self.acts.push(Act::DeleteOffset { group, topic, partition });
            }
            _ => self.acts.push(Act::Consume { topic, partition }),
        }
    }

    fn config(&mut self) -> (String, String) {
        let (key, values): (&str, &[&str]) = self.one_of(&[
            ("retention.ms", &["1000", "604800000"]),
            ("retention.bytes", &["3000", "100000"]),
            ("flush.messages", &["1", "9000"]),
            ("file.delete.delay.ms", &["0", "200", "60000"]),
            ("message.timestamp.type", &["LogAppendTime", "CreateTime"]),
            ("segment.ms", &["100", "604800000"]),
        ]);
        (key.to_owned(), self.one_of(values).to_owned())
    }

    fn create(&mut self, _: &NodeShape) {
        let Some(name) = TOPICS.into_iter().find(|name| self.topics.iter().all(|topic| topic.name != *name)) else {
            return;
        };
        let mut configs = Vec::new();
        let relaxed = self.below(6) == 0;
        if relaxed {
            configs.push(("durability".to_owned(), "os".to_owned()));
        }
        if self.below(3) == 0 {
            configs.push(self.config());
        }
        let partitions = self.below(3) as usize + 1;
        self.topics.push(KnownTopic { name, partitions, relaxed });
        self.acts.push(Act::Create { topic: name.to_owned(), partitions, configs });
    }

    fn send(&mut self, node: &NodeShape) {
        if self.in_flight >= IN_FLIGHT_MAX {
            self.settle();
        }
        let Some((at, topic, partition)) = self.place() else { return };
        let records = self.one_of(&[1, 1, 2, 3]);
        let bytes = self.one_of(&[20, 40, 300, 700, 2_000]).min(node.segment_bytes as usize / records - 200);
        let acks = self.one_of(&[-1, -1, -1, 1, 0]);
        let idempotent = acks == -1 && !self.topics[at].relaxed && self.below(2) == 0;
        let producer = if idempotent { Some(self.below(2) as u32) } else { None };
        self.in_flight += usize::from(acks != 0);
        self.acts.push(Act::Send { topic, partition, records, bytes, acks, producer });
    }

    fn settle(&mut self) {
        if self.in_flight > 0 {
            self.in_flight = 0;
            self.acts.push(Act::Settle);
        }
    }

    /// A disk fails; what is done next may, and then the power goes.
    fn break_disk(&mut self, node: &NodeShape, weights: &[(Kind, u64)]) {
        self.settle();
        let dir = self.below(u64::from(node.dirs)) as usize;
        let op = self.below(BROKEN.len() as u64) as usize;
        let (no_space, nth) = (self.below(3) == 0, self.one_of(&[1, 1, 2, 5, 12]));
        self.acts.push(Act::Break { dir, op, no_space, nth });
        let kept: Vec<(Kind, u64)> =
            weights.iter().filter(|(kind, _)| !matches!(kind, Kind::Break | Kind::Restart)).copied().collect();
        for _ in 0..self.below(8) + 1 {
            self.act(node, &kept);
        }
        let profile = self.below(Profile::ALL.len() as u64) as usize;
        let end = EndOf::PowerLoss { seed: self.below(1_000), profile };
        let shards = self.below(SHARDS_MAX) as u16 + 1;
        self.acts.push(Act::Restart { end, shards });
    }

    fn restart(&mut self) {
        if self.in_flight > 0 && self.below(2) == 0 {
            // Somewhere between asking and answering.
            let micros = self.below(4_000);
            self.acts.push(Act::Wait { micros });
        }
        let profile = self.below(Profile::ALL.len() as u64) as usize;
        let seed = self.below(1_000);
        let end = self.one_of(&[EndOf::Stop, EndOf::Kill, EndOf::PowerLoss { seed, profile }]);
        let shards = self.below(SHARDS_MAX) as u16 + 1;
        self.acts.push(Act::Restart { end, shards });
    }
}
