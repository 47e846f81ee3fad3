//! A disk that begins to fail in a workload.

use super::Session;
use crate::client::operations;
use crate::disk::FaultRule;
use crate::machine::Machine;
use crate::model::Presence;
use crate::node::NodeState;

/// Batches of idempotent producers that may be refused: one that is sent again is known among the last five.
const REFUSED_MAX: usize = 3;

impl<M: Machine> Session<'_, '_, M> {
    /// A disk begins to fail. From now on operations may, until the node loses its power.
    pub fn break_disk(&mut self, dir: usize, rule: FaultRule) {
        let node = self.recorder.node();
        self.settle();
        self.failing = true;
        self.recorder.model.disks_failed = true;
        self.world().add_disk_fault(node, dir, rule);
    }

    /// Sets the wall clock of the node: how far it is ahead of the world's, in milliseconds.
    pub fn set_clock(&mut self, ahead_ms: i64) {
        let node = self.recorder.node();
        self.world().clock_mut(node).wall_ahead_ms = ahead_ms;
    }

    /// Whether a partition is there, as far as its creation was acknowledged.
    #[must_use]
    pub fn has(&self, topic: &str, partition: i32) -> bool {
        let topic = self.recorder.model.topics.get(topic);
        let there = topic.filter(|topic| topic.presence == Presence::There);
        there.and_then(|topic| topic.count.acknowledged).is_some_and(|count| i64::from(partition) < count)
    }

    /// Whether more can be asked: the node runs, and little is unanswered.
    #[must_use]
    pub fn goes_on(&mut self) -> bool {
        let node = self.recorder.node();
        let serves = *self.world().state(node) == NodeState::Serving;
        if !self.failing {
            return true;
        }
        let (client, asker) = (self.client.connection(), self.asker.connection());
        // What was not answered in time is not waited for either.
        let unanswered = (self.client.in_flight() != self.under_way.len(), self.asker.in_flight() > 0);
        if (unanswered.0 || self.world().is_closed(client)) && serves {
            self.refused.append(&mut self.under_way);
            self.client.reconnect(self.recorder);
        }
        if (unanswered.1 || self.world().is_closed(asker)) && serves {
            self.asker.reconnect(self.recorder);
        }
        let again = self.refused.iter().filter(|batch| batch.again.is_some()).count();
        serves && again + self.under_way.len() <= REFUSED_MAX
    }

    /// Looks which topics are there, after operations on them have failed.
    pub(super) fn resolve_topics(&mut self) {
        let shown = operations::topics(self.recorder, &mut self.asker);
        let Some(shown) = self.expect(shown, "Metadata") else { return };
        self.recorder.acknowledge(|model| {
            let ids = &mut model.topic_ids;
            for (name, topic) in &mut model.topics {
                match shown.get(name) {
                    Some(found) => {
                        assert!(topic.presence != Presence::Gone, "topic {name} is back");
                        topic.presence = Presence::There;
                        let count = found.partitions as i64;
                        assert!(topic.count.allows(Some(&count)), "topic {name} has {count} partitions");
                        topic.count.ask(count);
                        topic.count.acknowledge();
                        assert!(topic.id.is_none_or(|id| id == found.id), "topic {name} has another id");
                        topic.id = Some(found.id);
                        ids.insert(found.id);
                    }
                    None => {
                        assert!(topic.presence != Presence::There, "topic {name} is lost");
                        topic.presence = Presence::Gone;
                    }
                }
            }
        });
    }
}
