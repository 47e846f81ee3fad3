//! Requests that ask one thing of each of many partitions: dealt out to their shards, and put together again by topic.

use super::front::{Front, Request};
use super::message::Call;
use super::scatter::{ByShard, Scatter};
use crate::ids::{PartitionIndex, TopicPartition};
use crate::metadata::TopicImage;
use crate::replica;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use grete_protocol::ErrorCode;

/// Such a request under way; `R` is what a partition answers.
#[derive(Clone, Debug)]
pub(crate) struct PerPartition<R> {
    request: Request,
    topics: Vec<(String, Vec<PartitionIndex>)>,
    results: Scatter<Result<R, ErrorCode>>,
}

/// What is asked of a partition, or why it is not asked.
pub(crate) type Asked<T> = Result<(TopicPartition, T), ErrorCode>;

/// What is asked of a topic's partitions.
pub(crate) type AskedTopic<T> = (String, Vec<(PartitionIndex, Asked<T>)>);

/// The results of a topic's partitions.
pub(crate) type TopicResults<R> = (String, Vec<(PartitionIndex, Result<R, ErrorCode>)>);

impl<R> PerPartition<R> {
    /// Deals out what is asked, topic by topic. `call` makes the call on a shard's share of it.
    pub(crate) fn deal<T>(
        front: &mut Front<'_>,
        request: Request,
        topics: Vec<AskedTopic<T>>,
        call: fn(Vec<T>) -> replica::Call,
    ) -> Self {
        // It may wait, and holds no frame while it does.
        let request = request.without_frame();
        let mut dealt = Self { request, topics: Vec::with_capacity(topics.len()), results: Scatter::new() };
        let mut by_shard = ByShard::of(topics.iter().map(|(_, partitions)| partitions.len()).sum());
        for (name, partitions) in topics {
            let mut indexes = Vec::with_capacity(partitions.len());
            for (index, asked) in partitions {
                indexes.push(index);
                match asked {
                    Ok((partition, item)) => {
                        by_shard.push(partition.shard(front.shards), dealt.results.push_open(), item);
                    }
                    Err(error) => dealt.results.push_done(Err(error)),
                }
            }
            dealt.topics.push((name, indexes));
        }
        for (shard, (places, items)) in by_shard {
            let part = front.call(shard, Call::Replica(call(items)));
            dealt.results.asked(part, places);
        }
        dealt
    }

    /// Takes the answer of a shard.
    pub(crate) fn fill(&mut self, part: u32, results: Vec<Result<R, ErrorCode>>) {
        self.results.fill(part, results);
    }

    /// All results by topic, once every shard has answered; `None` before.
    pub(crate) fn take(&mut self) -> Option<Vec<TopicResults<R>>> {
        if !self.results.is_complete() {
            return None;
        }
        let mut results = core::mem::replace(&mut self.results, Scatter::new()).into_results().into_iter();
        let by_topic = core::mem::take(&mut self.topics).into_iter().map(|(name, indexes)| {
            let partitions = indexes.into_iter().zip(results.by_ref()).collect();
            (name, partitions)
        });
        Some(by_topic.collect())
    }

    /// The request.
    pub(crate) fn request(&self) -> &Request {
        &self.request
    }
}

/// The topic of this name, where it has this partition.
pub(crate) fn existing<'i>(
    front: &'i Front<'_>,
    topic: &str,
    index: i32,
) -> Result<(&'i Arc<TopicImage>, TopicPartition), ErrorCode> {
    let index = PartitionIndex(index);
    let topic = front.image.topic_by_name(topic).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    if !topic.partitions.contains_key(&index) {
        return Err(ErrorCode::UnknownTopicOrPartition);
    }
    Ok((topic, TopicPartition { topic: topic.id, partition: index }))
}
