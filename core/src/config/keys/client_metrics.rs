//! The keys of client metrics subscriptions (KIP-714).

use crate::config::key::Kind::{Int, List};
use crate::config::key::Update::ClusterWide;
use crate::config::key::{Key, ignored};
use crate::config::rule::Rule;

pub(super) const KEYS: &[Key] = &[
    ignored("interval.ms", Int, Some("300000"), Rule::Any, ClusterWide),
    ignored("match", List, Some(""), Rule::Any, ClusterWide),
    ignored("metrics", List, Some(""), Rule::Any, ClusterWide),
];
