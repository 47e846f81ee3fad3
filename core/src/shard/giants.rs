//! Leave for giants: one frame in a node may hold more than its shard has room for.
//!
//! Shard 0 gives the leave, to one shard at a time, in the order in which they ask.
//!
//! Invariants:
//! 1. At most one shard has leave, and only that one's giants hold more than their room.
//! 2. A shard asks once, and gives back what it does not use.

use super::Shard;
use super::message::Message;
use crate::effect::Effects;
use crate::ids::ShardId;
use crate::time::Now;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// How a shard stands to the leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Leave {
    /// It has none and wants none.
    #[default]
    None,
    /// It has asked for it.
    Asked,
    /// Its eldest giant may go beyond the room.
    Given,
}

/// What is said of the leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LeaveMessage {
    /// To shard 0: a giant waits for it.
    Ask,
    /// From shard 0: it is yours.
    Give,
    /// From shard 0: another shard waits for what is yours.
    Wanted,
    /// To shard 0: it is used no longer.
    GiveBack,
}

/// Who has the leave, and who wants it. Each shard is in here once at most.
#[derive(Clone, Debug, Default)]
pub(super) struct Leaves {
    queue: VecDeque<ShardId>,
}

impl Leaves {
    /// A shard asks for leave. Says who is to be told what.
    fn ask(&mut self, shard: ShardId) -> Option<(ShardId, LeaveMessage)> {
        assert!(!self.queue.contains(&shard), "a shard asks once");
        self.queue.push_back(shard);
        match self.queue.len() {
            1 => Some((shard, LeaveMessage::Give)),
            2 => self.queue.front().map(|holder| (*holder, LeaveMessage::Wanted)),
            _ => None,
        }
    }

    /// The shard that has the leave gives it back. Says who is to be told what.
    fn give_back(&mut self, shard: ShardId) -> impl Iterator<Item = (ShardId, LeaveMessage)> {
        let holder = self.queue.pop_front();
        assert_eq!(holder, Some(shard), "who has leave gives it back");
        let next = self.queue.front().copied();
        let wanted = next.filter(|_| self.queue.len() > 1).map(|next| (next, LeaveMessage::Wanted));
        next.map(|next| (next, LeaveMessage::Give)).into_iter().chain(wanted)
    }
}

impl Shard {
    /// Asks for leave where a giant waits for it, and gives back what is not used. At the end of each step.
    pub(super) fn mind_leave(&mut self) {
        match self.leave {
            Leave::None if self.connections.frames().wants_leave() => {
                self.leave = Leave::Asked;
                self.tell(ShardId(0), Message::Leave(LeaveMessage::Ask));
            }
            Leave::Given if !self.connections.frames().uses_leave() => {
                self.leave = Leave::None;
                self.connections.frames().set_leave(false);
                self.tell(ShardId(0), Message::Leave(LeaveMessage::GiveBack));
            }
            Leave::None | Leave::Asked | Leave::Given => {}
        }
    }

    /// Something is said of the leave.
    pub(super) fn leave_told(&mut self, now: Now, from: ShardId, message: LeaveMessage, effects: &mut Effects) {
        let told: Vec<(ShardId, LeaveMessage)> = match (message, &mut self.head) {
            (LeaveMessage::Give, _) => {
                self.leave = Leave::Given;
                self.connections.frames().set_leave(true);
                self.connections.admit(now.instant, effects);
                return;
            }
            (LeaveMessage::Wanted, _) => {
                // It may have been given back on the way.
                if self.leave == Leave::Given {
                    self.connections.frames().want_leave_back();
                }
                return;
            }
            (LeaveMessage::Ask, Some(head)) => head.leaves.ask(from).into_iter().collect(),
            (LeaveMessage::GiveBack, Some(head)) => head.leaves.give_back(from).collect(),
            (LeaveMessage::Ask | LeaveMessage::GiveBack, None) => unreachable!("shard 0 is asked"),
        };
        for (shard, message) in told {
            self.tell(shard, Message::Leave(message));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_shard_at_a_time_has_leave_in_the_order_in_which_they_ask() {
        let mut leaves = Leaves::default();
        let [a, b, c] = [2, 0, 1].map(ShardId);
        let (give, wanted) = (LeaveMessage::Give, LeaveMessage::Wanted);
        assert_eq!([a, b, c].map(|shard| leaves.ask(shard)), [Some((a, give)), Some((a, wanted)), None]);
        let give_back = |leaves: &mut Leaves, shard| leaves.give_back(shard).collect::<Vec<_>>();
        assert_eq!(give_back(&mut leaves, a), [(b, give), (b, wanted)]);
        assert_eq!(leaves.ask(a), None, "it waits for its turn again");
        assert_eq!(give_back(&mut leaves, b), [(c, give), (c, wanted)]);
        assert_eq!(give_back(&mut leaves, c), [(a, give)]);
        assert_eq!(give_back(&mut leaves, a), []);
    }
}
