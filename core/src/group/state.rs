//! The states of a group, each with what exists in that state only.
//!
//! ```text
//!            first member            all joined, or time is up            leader's assignment stored
//!   Empty ----------------> PreparingRebalance ----------------> CompletingRebalance ----------------> Stable
//!     ^                       |     ^      ^                        |                                    |
//!     |      nobody joined    |     |      +---- a member changes --+                                    |
//!     +-----------------------+     +------------------- a member joins, leaves or fails ----------------+
//! ```
//!
//! None of this is logged: it is what members and coordinator agree on between two records. A group that has no members
//! and waits for none needs no [`Group`]; what is known of it stands in its record ([`Group::from_record`]).
//! Kafka's fifth state, Dead, is that of a group that is not there.

use super::member::{Member, Roster};
use super::names::{GenerationId, MemberId, ProtocolName, TopicName};
use super::records::GroupMetadata;
use super::subscription;
use crate::coordinator::{AppendToken, Ticket};
use crate::ids::Timestamp;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec;
use bytes::Bytes;
use grete_protocol::ErrorCode;

/// A group as its members see it.
#[derive(Clone, Debug)]
pub struct Group {
    /// Counts the assignments: the one that is stored, or the one in the making.
    pub generation: GenerationId,
    /// What the members use the group for: `consumer`, `connect`; none before the first member.
    pub protocol_type: Option<Arc<str>>,
    /// What the members of the newest generation subscribe to, where that can be told.
    pub subscribed: Option<BTreeSet<TopicName>>,
    /// The ids that were given to clients who are to join with them (KIP-394).
    pub pending: BTreeSet<MemberId>,
    /// When the group came into its state, by the wall clock.
    pub since: Timestamp,
    /// The state.
    pub state: State,
}

/// The state of a group.
#[derive(Clone, Debug)]
pub enum State {
    /// There are no members.
    Empty,
    /// Members join. Who was a member before and does not join in time is none any more.
    PreparingRebalance(PreparingRebalance),
    /// Who joined is a member of the new generation; the leader is to send the assignment.
    CompletingRebalance(CompletingRebalance),
    /// Members have their assignments.
    Stable(Stable),
}

/// See [`State::PreparingRebalance`].
#[derive(Clone, Debug, Default)]
pub struct PreparingRebalance {
    /// The members of the last generation that have neither left nor failed, and those that have joined since.
    pub roster: Roster,
    /// The members that have joined, and wait for the others.
    pub joins: BTreeMap<MemberId, Join>,
    /// How the rebalance began.
    pub start: Start,
}

/// A member that waits for the others to join.
#[derive(Clone, Copy, Debug)]
pub struct Join {
    /// Whom to answer.
    pub ticket: Ticket,
    /// Whether it has never been in a generation. It has no session yet: its request is what times out.
    pub is_new: bool,
}

/// How a rebalance began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// With the first member of an empty group. Others are given time to come (`group.initial.rebalance.delay.ms`), and
    /// more each time one does, up to the rebalance timeout.
    FirstMember {
        /// Whether anyone has joined since the delay began.
        joined_since: bool,
        /// The delay under way.
        delay_ms: i64,
        /// What is left for further delays.
        remaining_ms: i64,
    },
    /// With a change among the members: it ends as soon as all have joined.
    #[default]
    Change,
}

/// See [`State::CompletingRebalance`].
#[derive(Clone, Debug)]
pub struct CompletingRebalance {
    /// The members of the new generation; not empty.
    pub roster: Roster,
    /// The strategy that they voted for.
    pub protocol: ProtocolName,
    /// The members that have not sent SyncGroup.
    pub unsynced: BTreeSet<MemberId>,
    /// The members that have, and wait for the assignment.
    pub syncs: BTreeMap<MemberId, Ticket>,
    /// The leader's assignment, once it has come.
    pub storing: Option<Storing>,
}

/// An assignment on its way into the log. It is the only one of its generation.
#[derive(Clone, Debug)]
pub struct Storing {
    /// The batch that holds it.
    pub token: AppendToken,
    /// What each member is to have.
    pub assignment: BTreeMap<MemberId, Bytes>,
}

/// See [`State::Stable`].
#[derive(Clone, Debug)]
pub struct Stable {
    /// The members, with their assignments; not empty.
    pub roster: Roster,
    /// The strategy of this generation.
    pub protocol: ProtocolName,
    /// The members that have not asked for their assignment.
    pub unsynced: BTreeSet<MemberId>,
}

impl Group {
    /// A group that nobody has joined yet.
    #[must_use]
    pub const fn new(now: Timestamp) -> Self {
        Self {
            generation: GenerationId(0),
            protocol_type: None,
            subscribed: None,
            pending: BTreeSet::new(),
            since: now,
            state: State::Empty,
        }
    }

    /// The group that a record describes, or one known only by its offsets: what loading it gives.
    #[must_use]
    pub fn from_record(record: Option<&GroupMetadata>) -> Self {
        let mut group = Self::new(Timestamp(-1));
        let Some(record) = record else { return group };
        group.generation = record.generation;
        group.protocol_type.clone_from(&record.protocol_type);
        group.since = record.current_state_timestamp;
        let mut roster = Roster::default();
        let protocol = record.protocol_name.clone().unwrap_or_else(|| ProtocolName::from(""));
        for member in &record.members {
            // A record by another hand may name a member or an instance twice; the first counts.
            let instance_taken = member.instance.as_ref().is_some_and(|id| roster.of_instance(id).is_some());
            if roster.contains(&member.member) || instance_taken {
                continue;
            }
            let loaded = Member {
                instance: member.instance.clone(),
                client_id: member.client_id.clone(),
                client_host: member.client_host.clone(),
                rebalance_timeout_ms: member.rebalance_timeout_ms,
                session_timeout_ms: member.session_timeout_ms,
                protocols: vec![(protocol.clone(), member.subscription.clone())],
                assignment: member.assignment.clone(),
            };
            roster.add(member.member.clone(), loaded);
        }
        if roster.is_empty() {
            group.subscribed = group.is_consumer().then(BTreeSet::new);
            return group;
        }
        if let Some(leader) = record.leader.as_ref().filter(|leader| roster.contains(leader)) {
            roster.lead(leader.clone());
        }
        group.subscribed = group.subscriptions(&roster, &protocol);
        group.state = State::Stable(Stable { roster, protocol, unsynced: BTreeSet::new() });
        group
    }

    /// Whether the members are consumers, whose metadata can be read.
    #[must_use]
    pub fn is_consumer(&self) -> bool {
        self.protocol_type.as_deref() == Some(subscription::CONSUMER)
    }

    /// What `roster` subscribes to by `protocol`, where that can be told.
    #[must_use]
    pub fn subscriptions(&self, roster: &Roster, protocol: &ProtocolName) -> Option<BTreeSet<TopicName>> {
        if self.is_consumer() { subscription::topics(roster, protocol) } else { None }
    }

    /// Whether a member may be reading `topic`. Where that cannot be told of consumers, they may.
    #[must_use]
    pub fn is_subscribed_to(&self, topic: &str) -> bool {
        self.subscribed.as_ref().map_or_else(|| self.is_consumer(), |topics| topics.contains(topic))
    }

    /// The members; none where the group is empty.
    #[must_use]
    pub const fn roster(&self) -> Option<&Roster> {
        match &self.state {
            State::Empty => None,
            State::PreparingRebalance(state) => Some(&state.roster),
            State::CompletingRebalance(state) => Some(&state.roster),
            State::Stable(state) => Some(&state.roster),
        }
    }

    /// The member with an id.
    #[must_use]
    pub fn member(&self, id: &str) -> Option<&Member> {
        self.roster()?.get(id)
    }

    /// Whether a request may speak for the member `id`.
    ///
    /// # Errors
    /// `UNKNOWN_MEMBER_ID` where there is no such member or instance, `FENCED_INSTANCE_ID` where the instance has a newer
    /// incarnation (KIP-345).
    pub fn validate_member(&self, id: &str, instance: Option<&str>) -> Result<(), ErrorCode> {
        let roster = self.roster().ok_or(ErrorCode::UnknownMemberId)?;
        if let Some(instance) = instance {
            let current = roster.of_instance(instance).ok_or(ErrorCode::UnknownMemberId)?;
            if &**current != id {
                return Err(ErrorCode::FencedInstanceId);
            }
        }
        if roster.contains(id) { Ok(()) } else { Err(ErrorCode::UnknownMemberId) }
    }

    /// Whether nothing is known of the group but what its record says.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Empty) && self.pending.is_empty()
    }

    /// Whether all that is known of the group stands in its record, or follows from its having none.
    #[must_use]
    pub fn is_told_by(&self, record: Option<&GroupMetadata>) -> bool {
        let generation = record.map_or(GenerationId(0), |record| record.generation);
        self.is_idle() && generation == self.generation && record.is_none_or(|record| record.members.is_empty())
    }

    /// What its members hold of memory that clients chose, in bytes.
    #[must_use]
    pub fn bytes_held(&self) -> usize {
        self.roster().map_or(0, Roster::bytes_held)
    }

    /// Kafka's name of the state.
    #[must_use]
    pub const fn state_name(&self) -> &'static str {
        match self.state {
            State::Empty => "Empty",
            State::PreparingRebalance(_) => "PreparingRebalance",
            State::CompletingRebalance(_) => "CompletingRebalance",
            State::Stable(_) => "Stable",
        }
    }

    /// Asserts what each state promises.
    pub fn check_invariants(&self) {
        if let Some(roster) = self.roster() {
            roster.check_invariants();
            assert!(roster.ids().all(|id| !self.pending.contains(id)), "a member is not pending any more");
        }
        match &self.state {
            State::Empty => {}
            State::PreparingRebalance(state) => {
                assert!(state.joins.keys().all(|id| state.roster.contains(id)), "who has joined is a member");
            }
            State::CompletingRebalance(state) => {
                assert!(!state.roster.is_empty(), "a generation in the making has members");
                let waiting = state.unsynced.iter().chain(state.syncs.keys());
                assert!(waiting.clone().all(|id| state.roster.contains(id)), "who is to sync is a member");
                assert!(state.syncs.keys().all(|id| !state.unsynced.contains(id)), "who waits has synced");
            }
            State::Stable(state) => {
                assert!(!state.roster.is_empty(), "a stable group has members");
                assert!(state.unsynced.iter().all(|id| state.roster.contains(id)), "who is to sync is a member");
            }
        }
    }
}
