//! Whoever lets the world go on: the world itself, or a harness that looks at it after each of its steps.

use crate::clock::WorldTime;
use crate::machine::Machine;
use crate::world::World;
use core::time::Duration;

/// Lets a world go on, step by step. Clients are written against this, so that a harness sees each of their steps.
pub trait Drive {
    /// What the world runs.
    type Machine: Machine;

    /// The world.
    fn world(&mut self) -> &mut World<Self::Machine>;

    /// Makes the smallest step, not going beyond `limit`; says whether there was one.
    fn advance(&mut self, limit: WorldTime) -> bool;

    /// Lets time pass.
    fn run_for(&mut self, time: Duration) {
        let limit = self.world().now().after(time);
        while self.advance(limit) {}
    }

    /// Lets time pass until `done`, at most `time`; says whether it was.
    fn run_until(&mut self, time: Duration, mut done: impl FnMut(&mut World<Self::Machine>) -> bool) -> bool {
        let limit = self.world().now().after(time);
        loop {
            if done(self.world()) {
                return true;
            }
            if !self.advance(limit) {
                return false;
            }
        }
    }
}

impl<M: Machine> Drive for World<M> {
    type Machine = M;

    fn world(&mut self) -> &mut World<M> {
        self
    }

    fn advance(&mut self, limit: WorldTime) -> bool {
        self.make_step(limit)
    }
}
