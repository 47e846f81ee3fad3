//! A world with a model of what was acknowledged in it, and somebody who looks at both after each step that matters.

use crate::clock::WorldTime;
use crate::drive::Drive;
use crate::machine::Machine;
use crate::node::NodeIndex;
use crate::world::World;

/// Runs a workload under the eyes of the harness.
pub struct Recorder<'a, M: Machine, S> {
    world: World<M>,
    /// What the workload has asked for and what was acknowledged. A workload writes down what it is about to ask for
    /// before it does, and what was acknowledged as soon as it knows, by [`acknowledge`](Self::acknowledge).
    pub model: S,
    node: NodeIndex,
    /// The changes of the disks and of what clients know, when the harness looked last.
    seen: (u64, u64),
    watch: &'a mut dyn FnMut(&World<M>, &S),
}

impl<'a, M: Machine, S> Recorder<'a, M, S> {
    pub(super) fn new(world: World<M>, model: S, node: NodeIndex, watch: &'a mut dyn FnMut(&World<M>, &S)) -> Self {
        let seen = (world.disk_version(node), world.deliveries());
        Self { world, model, node, seen, watch }
    }

    /// The node whose power will go.
    #[must_use]
    pub const fn node(&self) -> NodeIndex {
        self.node
    }

    /// Writes down what was acknowledged, and lets the harness look: from this moment on it must survive.
    pub fn acknowledge<T>(&mut self, write: impl FnOnce(&mut S) -> T) -> T {
        let written = write(&mut self.model);
        (self.watch)(&self.world, &self.model);
        written
    }

    pub(super) fn into_world(self) -> World<M> {
        self.world
    }
}

impl<M: Machine, S> Drive for Recorder<'_, M, S> {
    type Machine = M;

    fn world(&mut self) -> &mut World<M> {
        &mut self.world
    }

    fn advance(&mut self, limit: WorldTime) -> bool {
        let advanced = self.world.advance(limit);
        let now = (self.world.disk_version(self.node), self.world.deliveries());
        if now != self.seen {
            self.seen = now;
            (self.watch)(&self.world, &self.model);
        }
        advanced
    }
}
