//! The broker's keys of transactions.

use crate::config::key::Kind::{Boolean, Int, Short};
use crate::config::key::Update::{ClusterWide, ReadOnly};
use crate::config::key::{Key, ignored};
use crate::config::rule::Rule;

pub(super) const KEYS: &[Key] = &[
    ignored("add.partitions.to.txn.retry.backoff.max.ms", Int, Some("100"), Rule::Min(0), ReadOnly),
    ignored("add.partitions.to.txn.retry.backoff.ms", Int, Some("20"), Rule::Min(1), ReadOnly),
    ignored("transaction.abort.timed.out.transaction.cleanup.interval.ms", Int, Some("10000"), Rule::Min(1), ReadOnly),
    ignored("transaction.max.timeout.ms", Int, Some("900000"), Rule::Min(1), ReadOnly),
    ignored("transaction.partition.verification.enable", Boolean, Some("true"), Rule::Any, ClusterWide),
    ignored("transaction.remove.expired.transaction.cleanup.interval.ms", Int, Some("3600000"), Rule::Min(1), ReadOnly),
    ignored("transaction.state.log.load.buffer.size", Int, Some("5242880"), Rule::Min(1), ReadOnly),
    ignored("transaction.state.log.min.isr", Int, Some("2"), Rule::Min(1), ReadOnly),
    ignored("transaction.state.log.num.partitions", Int, Some("50"), Rule::Min(1), ReadOnly),
    ignored("transaction.state.log.replication.factor", Short, Some("3"), Rule::Min(1), ReadOnly),
    ignored("transaction.state.log.segment.bytes", Int, Some("104857600"), Rule::Min(1), ReadOnly),
    ignored("transaction.two.phase.commit.enable", Boolean, Some("false"), Rule::Any, ReadOnly),
    ignored("transactional.id.expiration.ms", Int, Some("604800000"), Rule::Min(1), ReadOnly),
];
