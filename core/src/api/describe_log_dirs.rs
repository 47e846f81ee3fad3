//! DescribeLogDirs: the log directories with what lies in them (KIP-113, KIP-827).

use super::Begun;
use super::front::{Front, Next, Refusal, Request, encode};
use super::message::{Call, Reply};
use crate::ids::{LogDirIndex, ShardId};
use crate::replica::{self, PartitionSize};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use grete_protocol::ErrorCode;
use grete_protocol::messages::describe_log_dirs_request::DescribeLogDirsRequest;
use grete_protocol::messages::describe_log_dirs_response::{
    DescribeLogDirsPartition, DescribeLogDirsResponse, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use grete_protocol::wire::{Message, TopicName};

/// A DescribeLogDirs under way.
#[derive(Clone, Debug)]
pub(crate) struct Gather {
    pub(super) request: Request,
    waits_for: usize,
    sizes: Vec<PartitionSize>,
    /// Total and usable bytes of each directory; an error code where it is offline.
    spaces: BTreeMap<LogDirIndex, Result<(u64, u64), ErrorCode>>,
}

/// Begins a DescribeLogDirs.
pub(crate) fn begin(front: &mut Front<'_>, request: Request) -> Begun {
    DescribeLogDirsRequest::decode(&mut request.decoder(), request.version)?;
    for shard in 0..front.shards {
        front.call(ShardId(shard), Call::Replica(replica::Call::Sizes));
    }
    front.call(ShardId(0), Call::Spaces);
    let waits_for = usize::from(front.shards) + 1;
    let gather = Gather { request, waits_for, sizes: Vec::new(), spaces: BTreeMap::new() };
    Ok((super::Gather::DescribeLogDirs(gather), Next::Wait))
}

impl Gather {
    /// Takes the answer of a shard.
    pub(crate) fn reply(&mut self, front: &mut Front<'_>, reply: Reply) -> Result<Next, Refusal> {
        match reply {
            Reply::Replica(replica::Reply::Sizes(sizes)) => self.sizes.extend(sizes),
            Reply::Spaces(spaces) => self.spaces = spaces,
            other => unreachable!("sizes are answered by sizes, not by {other:?}"),
        }
        self.waits_for -= 1;
        if self.waits_for > 0 {
            return Ok(Next::Wait);
        }
        let body = DescribeLogDirsRequest::decode(&mut self.request.decoder(), self.request.version)?;
        let wanted: Option<BTreeSet<(&str, i32)>> = body.topics.as_ref().map(|topics| {
            let partitions =
                topics.iter().flat_map(|topic| topic.partitions.iter().map(|at| (topic.topic.as_str(), *at)));
            partitions.collect()
        });
        let apart = front.node.metadata_dir_apart;
        let shown = self.spaces.iter().filter(|(dir, _)| !(apart && **dir == LogDirIndex(0)));
        let results = shown.map(|(dir, space)| {
            let path = front.node.log_dirs.get(usize::from(dir.0)).cloned().unwrap_or_default();
            let (error, (total, usable)) = match space {
                Ok(space) => (ErrorCode::None, *space),
                Err(error) => (*error, (u64::MAX, u64::MAX)),
            };
            DescribeLogDirsResult {
                error_code: error.code(),
                log_dir: path.into(),
                topics: if error.is_error() { Vec::new() } else { self.topics(*dir, wanted.as_ref()) },
                total_bytes: total as i64,
                usable_bytes: usable as i64,
                ..Default::default()
            }
        });
        let response = DescribeLogDirsResponse { results: results.collect(), ..Default::default() };
        Ok(Next::Answer(encode(&self.request, &response)?))
    }

    fn topics(&self, dir: LogDirIndex, wanted: Option<&BTreeSet<(&str, i32)>>) -> Vec<DescribeLogDirsTopic<'static>> {
        let mut topics: BTreeMap<&str, Vec<DescribeLogDirsPartition>> = BTreeMap::new();
        for size in self.sizes.iter().filter(|size| size.dir == dir) {
            if wanted.is_none_or(|wanted| wanted.contains(&(&*size.topic, size.index.0))) {
                topics.entry(&size.topic).or_default().push(DescribeLogDirsPartition {
                    partition_index: size.index.0,
                    partition_size: size.size_bytes as i64,
                    offset_lag: 0,
                    is_future_key: false,
                    ..Default::default()
                });
            }
        }
        let topic = |(name, mut partitions): (&str, Vec<DescribeLogDirsPartition>)| {
            partitions.sort_by_key(|partition| partition.partition_index);
            DescribeLogDirsTopic { name: TopicName::from(String::from(name)), partitions, ..Default::default() }
        };
        topics.into_iter().map(topic).collect()
    }
}
