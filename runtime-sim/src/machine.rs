//! What the world runs: a shard of the core, or anything that keeps the same contract.

use grete_core::effect::Effects;
use grete_core::event::{Event, FoundFiles};
use grete_core::group::GroupView;
use grete_core::ids::ShardId;
use grete_core::log::{LogEnds, LogView};
use grete_core::rng::Seed;
use grete_core::time::{Instant, Now};
use std::collections::VecDeque;

/// A deterministic state machine without IO, by the contract of [`grete_core`].
///
/// The world is generic over it, so that the harness itself can be tested with machines that are wrong on purpose.
pub trait Machine: Clone {
    /// What a node is configured with; the same for all of its shards.
    type Config: Clone;

    /// Boots shard `shard` of `shards` on what the log directories held.
    fn boot(config: &Self::Config, shard: ShardId, shards: u16, boot: Boot<'_>, effects: &mut Effects) -> Self;

    /// Takes events in and says what is to be done.
    fn step(&mut self, now: Now, events: &mut VecDeque<Event>, effects: &mut Effects);

    /// When it wants to be stepped at the latest, events or not.
    fn next_deadline(&self) -> Option<Instant>;

    /// Asserts the invariants of the whole state.
    fn check_invariants(&self);

    /// The ends of its logs, for whoever looks at it. Nothing where it is no broker.
    fn log_ends(&self) -> Vec<LogEnds> {
        Vec::new()
    }

    /// Its logs, for whoever looks at it.
    fn logs(&self) -> Vec<LogView> {
        Vec::new()
    }

    /// The groups that it coordinates, for whoever looks at it.
    fn groups(&self) -> Vec<GroupView> {
        Vec::new()
    }
}

/// What a machine boots from.
#[derive(Clone, Copy, Debug)]
pub struct Boot<'a> {
    /// The seed of this incarnation of the node; the same for all of its shards.
    pub seed: Seed,
    /// What the log directories held.
    pub found: &'a FoundFiles,
    /// What the clocks show.
    pub now: Now,
}
