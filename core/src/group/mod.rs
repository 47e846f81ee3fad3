//! Groups of consumers that share the partitions of topics, and the offsets they have come to: Kafka's classic group
//! protocol, as one state machine for each partition of `__consumer_offsets`.
//!
//! [`GroupCoordinator`] is that machine. Members join a group, one of them (the leader) assigns the work, and each learns
//! its part; whenever a member comes, changes or goes, all of it starts again with the next *generation*.
//!
//! What is recorded and what is not are kept apart:
//! - [`Recorded`] is the fold of the log: the last generation with an assignment of each group, and the committed offsets.
//!   It changes by [`replay`] only, in live service as after a restart, and is held at two positions of the log: as
//!   *appended*, on which requests are decided, and as *committed*, which is what OffsetFetch, DescribeGroups and
//!   ListGroups show ([`Views`](crate::coordinator::Views)).
//! - [`Group`] is what members and coordinator agree on between two records: who has joined, who waits for what, and the
//!   timers. After a restart it is made anew from the record: members come back to the last generation that was stored,
//!   with a fresh session, and those that had gone further are told to rejoin.
//!
//! # Invariants
//! 1. **One generation, one assignment.** Only the first assignment that the leader of a generation sends is recorded, and
//!    nobody learns of one that is not committed. ([`sync`])
//! 2. **Generations go up.** Each end of joining takes the next number. A generation that was not stored may be counted
//!    again after a restart, but with new answers to every member: requests of the lost one name a generation that the
//!    loaded group does not have. ([`rebalance`])
//! 3. **No two owners.** A member commits only in the current generation, and not before its assignment is stored. Who is
//!    silent for its session, does not rejoin in time or does not ask for its assignment is a member no more. ([`commit`])
//! 4. **Offsets are not lost.** An offset is acknowledged when its record is committed; from then on OffsetFetch shows it,
//!    or a later one, until a tombstone that was asked for (OffsetDelete, DeleteGroups, the topic's deletion) or that time
//!    has earned ([`expire`]).
//! 5. **State is the fold of the log.** Nothing that survives a restart is changed but by a record. ([`replay`])
//! 6. **Every request is answered once**: by a decision, by a timer at the latest, or with `NOT_COORDINATOR` when the
//!    partition is lost.
//! 7. **Answers wait** until all that was appended before they were decided is committed.
//!
//! As absences: nothing here knows the log, a replica, a connection or a shard; no group knows another; nothing here reads
//! a clock.

pub mod answer;
pub mod codec;
pub mod commit;
mod coordinator;
pub mod delete;
pub mod describe;
pub mod expire;
pub mod fetch_offsets;
mod heartbeat;
pub mod join;
pub mod leave;
pub mod list;
pub mod member;
pub mod messages;
pub mod names;
pub mod partition;
pub mod protocol;
pub mod rebalance;
pub mod records;
pub mod replay;
pub mod requests;
pub mod settings;
pub mod state;
pub mod step;
pub mod subscription;
pub mod sync;
pub mod timers;
pub mod topics;
mod view;

pub use answer::Answer;
pub use coordinator::{GroupCoordinator, GroupOutput};
pub use partition::partition_for;
pub use replay::Recorded;
pub use settings::GroupSettings;
pub use state::Group;
pub use topics::Topics;
pub use view::GroupView;
