//! The controller: decides on the cluster's metadata, as records in its log.
//!
//! A decision is made on the image of what is *appended*; it is one batch of records and an answer. The answer leaves, and
//! the image that others see moves, once the batch is committed. A batch that cannot be appended ends the node: there is no
//! metadata without its log.
//!
//! Invariants:
//! 1. Images change by the replay of records alone: the appended one when they are decided, the committed one when they
//!    are durable.
//! 2. Decisions are committed in the order in which they were made.
//! 3. A producer id is given out once in the life of a cluster: only from blocks whose record is committed.

mod configs;
mod producer_ids;
mod registration;
mod topics;

pub use configs::{Alteration, Change, ConfigOperation};
pub use producer_ids::PRODUCER_ID_BLOCK;
pub use registration::Incarnation;
pub(crate) use topics::check_name;
pub use topics::{CreatedTopic, NewTopic, TopicRefusal};

use crate::ids::{NodeId, Offset, Ticket, Timestamp};
use crate::metadata::{MetadataImage, record_version};
use crate::quorum::metadata_batch;
use crate::rng::Seed;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;
use grete_protocol::messages::MetadataRecord;

/// The controller of a cluster, on the node that leads its metadata log.
#[derive(Clone, Debug)]
pub struct Controller {
    node: NodeId,
    epoch: i32,
    seed: Seed,
    appended: MetadataImage,
    committed: Arc<MetadataImage>,
    /// Decisions that are not committed, oldest first.
    pending: VecDeque<Pending>,
    /// Counts the topic ids that were drawn.
    topics_drawn: u64,
    defaults: Defaults,
}

/// What the configuration says of topics that do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Defaults {
    /// `num.partitions`.
    pub num_partitions: i32,
    /// `default.replication.factor`.
    pub replication_factor: i16,
    /// `delete.topic.enable`.
    pub delete_topics: bool,
    /// `offsets.topic.num.partitions`.
    pub offsets_partitions: i32,
    /// `offsets.topic.replication.factor`; where it is not set, 3 or the number of brokers if that is less.
    pub offsets_replication_factor: Option<i16>,
    /// `offsets.topic.segment.bytes`.
    pub offsets_segment_bytes: i32,
}

/// A decision that is not committed.
#[derive(Clone, Debug)]
struct Pending {
    /// The offset after its last record.
    end: Offset,
    /// The image with it.
    image: Arc<MetadataImage>,
    /// Whom to answer then, with what was decided.
    answer: Option<(Ticket, Decided)>,
}

/// What is told, and to whom.
pub type Answered = (Ticket, Decided);

/// What a decision tells whoever asked for it.
#[derive(Clone, Debug)]
pub enum Decided {
    /// The bytes of the answer.
    Answer(Vec<Bytes>),
    /// Which of these topics exist now; the others with the reason.
    Topics(Vec<(alloc::string::String, Result<(), grete_protocol::ErrorCode>)>),
    /// A block of producer ids: the first of them. To a client, the one that is its own.
    ProducerIds(i64),
    /// The request cannot be read, or not be answered: why.
    Refused(alloc::string::String),
    /// It is done.
    Done,
}

/// Records to append, as one batch, and what follows.
#[derive(Debug)]
pub struct Decision {
    /// The records.
    pub records: Vec<MetadataRecord<'static>>,
    /// What is told once they are committed.
    pub decided: Decided,
}

impl Controller {
    /// The controller on the image of all that its log holds.
    #[must_use]
    pub fn new(node: NodeId, epoch: i32, seed: Seed, defaults: Defaults, image: MetadataImage) -> Self {
        let committed = Arc::new(image.clone());
        Self { node, epoch, seed, appended: image, committed, pending: VecDeque::new(), topics_drawn: 0, defaults }
    }

    /// What is decided.
    #[must_use]
    pub fn appended(&self) -> &MetadataImage {
        &self.appended
    }

    /// What is durable.
    #[must_use]
    pub fn committed(&self) -> &Arc<MetadataImage> {
        &self.committed
    }

    /// What the configuration says of topics.
    #[must_use]
    pub fn defaults(&self) -> &Defaults {
        &self.defaults
    }

    /// Takes a decision: gives the batch to append, or the answer at once where there is nothing to append. `base` is the
    /// offset that the batch will get.
    pub fn take(
        &mut self,
        now: Timestamp,
        base: Offset,
        decision: Decision,
        ticket: Option<Ticket>,
    ) -> Result<Bytes, Option<Answered>> {
        let Decision { records, decided } = decision;
        let answer = ticket.map(|ticket| (ticket, decided));
        if records.is_empty() {
            // What it rests on may not be durable yet.
            return match self.pending.back() {
                None => Err(answer),
                Some(last) => {
                    let (end, image) = (last.end, last.image.clone());
                    self.pending.push_back(Pending { end, image, answer });
                    Err(None)
                }
            };
        }
        for (at, record) in records.iter().enumerate() {
            let replayed = self.appended.replay(base.0 + at as i64, record);
            replayed.expect("a decision fits the image that it was made on");
        }
        let end = base.plus(records.len() as i64);
        self.appended.end = end;
        self.pending.push_back(Pending { end, image: Arc::new(self.appended.clone()), answer });
        let versioned: Vec<_> = records.into_iter().map(|record| (record_version(&record), record)).collect();
        Ok(metadata_batch(&versioned, self.epoch, now))
    }

    /// Everything before `end` is durable: gives the newest image, where it has moved, and the answers that may leave
    /// once everybody has it.
    pub fn committed_to(&mut self, end: Offset) -> Option<(Arc<MetadataImage>, Vec<Answered>)> {
        let mut answers = Vec::new();
        let mut newest = None;
        while let Some(pending) = self.pending.pop_front_if(|pending| pending.end <= end) {
            answers.extend(pending.answer);
            newest = Some(pending.image);
        }
        let image = newest?;
        self.committed = image.clone();
        Some((image, answers))
    }

    /// Whether everything that was decided is committed.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.pending.is_empty()
    }

    /// Asserts the invariants of the images.
    pub fn check_invariants(&self) {
        self.appended.check_invariants();
        self.committed.check_invariants();
        let ends = self.pending.iter().map(|pending| pending.end);
        assert!(ends.clone().zip(ends.skip(1)).all(|(a, b)| a <= b), "decisions are committed in order");
    }
}
