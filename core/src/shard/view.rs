//! What a shard looks like from outside: for those who look at a node, as tools and checkers do, and change nothing.

use super::Shard;
use crate::group::GroupView;
use crate::log::{LogEnds, LogView};

impl Shard {
    /// The ends of its logs, by partition.
    pub fn log_ends(&self) -> impl Iterator<Item = LogEnds> {
        self.store.ends()
    }

    /// Its logs, by partition.
    pub fn logs(&self) -> impl Iterator<Item = LogView> {
        self.store.views()
    }

    /// The groups that it coordinates.
    pub fn groups(&self) -> impl Iterator<Item = GroupView> {
        self.coordinators.views()
    }
}
