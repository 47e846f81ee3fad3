//! Rare states: what a run must come through now and then, or it tests less than it seems to. Each has a name, and a counter
//! of how often runs were in it; a state that no run of a batch reaches is a hole in what the batch has tested.
//!
//! They are seen where they show: by clients in what they are answered, by the run when a process ends, in what nodes tell
//! their operators, and in the history when a run is over ([`sights`](super::sights)).

use std::collections::BTreeMap;

macro_rules! states {
    ($($(#[$attribute:meta])* $state:ident $name:literal $meaning:literal;)+) => {
        /// A rare state.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum State {
            $(#[doc = $meaning] $state,)+
        }

        impl State {
            /// All of them, in the order in which they are told.
            pub const ALL: &[Self] = &[$(Self::$state,)+];

            /// Its name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$state => $name,)+
                }
            }

            /// What it is, in one line.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$state => $meaning,)+
                }
            }
        }
    };
}

states! {
    // Processes and disks.
    RecoveryInterrupted "recovery-interrupted" "a node was killed, or lost its power, while it was booting";
    RecoveryInterruptedTwice "recovery-interrupted-twice" "the boot after such a boot was interrupted as well";
    StopInterrupted "stop-interrupted" "a node that was stopping in order was killed, or lost its power";
    PowerLossInSync "power-loss-in-sync" "power was lost while a sync was under way";
    PowerLossInRename "power-loss-in-rename" "power was lost while a name was changed or its directory synced";
    FileTorn "file-torn" "a power loss left some of a file's unsynced sectors, and others not";
    FileReordered "file-reordered" "a power loss left a later sector of a file, and not an earlier one";
    LengthLost "length-lost" "a power loss left a file with another length than it had";
    NameLost "name-lost" "a power loss took a new name, or brought an old one back";
    TornBatchCut "torn-batch-cut" "a recovery cut the end of a log, which was not whole";
    WholeBatchesCut "whole-batches-cut" "a recovery cut whole batches that lay behind a torn one";
    DirOutOfService "dir-out-of-service" "a log directory failed, and the node went on with the others";
    DirTakenUpAgain "dir-taken-up-again" "an operator started a node again that used a log directory no more";
    MetadataDirFailed "metadata-dir-failed" "the log directory that holds the metadata failed, and the node gave up";
    StrayDirectory "stray-directory" "a node found the directory of a partition that is not there any more";
    // Producers.
    ProduceLostAnswer "produce-lost-answer" "a producer lost its connection before it had the answer to a batch";
    ProduceOverdue "produce-overdue" "a producer gave up waiting for the answer to a batch, and sent it again";
    ProduceGivenUp "produce-given-up" "a batch was not acknowledged within its delivery timeout, after attempts that may have been written";
    DuplicateAnswered "duplicate-answered" "a batch that was sent again was answered with the offset of its first attempt";
    SequenceRefused "sequence-refused" "a batch was refused, since it was not the next that its producer had to send";
    ProduceStorageError "produce-storage-error" "a batch was refused, since its log directory was out of service";
    ProduceTopicGone "produce-topic-gone" "a batch was refused, since its topic was not there any more";
    AcknowledgedAcrossEnd "acknowledged-across-end" "a batch was sent before a process ended, and acknowledged by its successor";
    UnknownWritten "unknown-written" "a batch of which its producer does not know whether it was written was written";
    UnknownLost "unknown-lost" "a batch of which its producer does not know whether it was written was not written";
    AcksZeroLost "acks-zero-lost" "a batch that was sent without asking for an acknowledgement was never written";
    // Consumers.
    FetchSessionEvicted "fetch-session-evicted" "a consumer's fetch session was gone when it used it";
    FetchSessionDenied "fetch-session-denied" "a consumer asked for a fetch session and got none";
    FetchOutOfRange "fetch-out-of-range" "a consumer asked for an offset that the log does not have: it was deleted, or is still to come";
    FetchStorageError "fetch-storage-error" "a consumer asked for a partition whose log directory was out of service";
    FetchTopicGone "fetch-topic-gone" "a consumer asked for a topic that was not there any more";
    TopicCameAgain "topic-came-again" "a topic that a consumer reads was deleted, and came again under its name";
    DeletedUnread "deleted-unread" "an acknowledged record was deleted before any consumer had it";
    RecordsDeleted "records-deleted" "records were deleted up to an offset that is not the start";
    TimestampFound "timestamp-found" "an offset was found by its timestamp, neither the first nor the last";
    // Groups.
    MemberFailed "member-failed" "a member of a group was removed, since it gave no sign of life in its session timeout";
    MemberGoneInRebalance "member-gone-in-rebalance" "a member did not join again in time, and was removed";
    MemberIdUnused "member-id-unused" "a member was given an id, and did not join with it";
    MemberWithoutPart "member-without-part" "a member of a generation was given no partition";
    GroupOfSeveral "group-of-several" "two members of a generation had partitions";
    GroupEmptied "group-emptied" "a group lost its last member";
    AssignmentNotStored "assignment-not-stored" "the assignment of a generation could not be stored";
    RebalanceSeenInSync "rebalance-seen-in-sync" "a member asked for its assignment when the next rebalance had begun";
    CommitInRebalance "commit-in-rebalance" "a member committed while its group rebalanced, and was told so";
    CommitOfOldGeneration "commit-of-old-generation" "a member committed in a generation that was over";
    CommitOfUnknownMember "commit-of-unknown-member" "a commit came from a member that its group knew no more";
    MemberUnknown "member-unknown" "a member gave a sign of life, and learnt that its group knew it no more";
    StaticMemberReplaced "static-member-replaced" "a static member came back, and took the part of its former self without a rebalance";
    InstanceFenced "instance-fenced" "a member learnt that another has taken its instance id";
    PollIntervalOver "poll-interval-over" "a member left its group, since its application did not poll for too long";
    CoordinatorLoading "coordinator-loading" "a coordinator was asked that was still reading its groups";
    CoordinatorUnavailable "coordinator-unavailable" "a coordinator was asked that could not serve";
    PartitionsAdded "partitions-added" "a member was given a partition that its topic did not have at first";
    OffsetsExpired "offsets-expired" "committed offsets, or a group, expired";
    GroupDeleted "group-deleted" "a group was deleted";
    GroupInUse "group-in-use" "a group was not deleted, since it had members";
}

/// How often runs were in each state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage(BTreeMap<State, u64>);

impl Coverage {
    /// A run is in a state.
    pub fn see(&mut self, state: State) {
        *self.0.entry(state).or_default() += 1;
    }

    /// A run is in a state, where something holds.
    pub fn see_if(&mut self, holds: bool, state: State) {
        if holds {
            self.see(state);
        }
    }

    /// How often runs were in a state.
    #[must_use]
    pub fn of(&self, state: State) -> u64 {
        self.0.get(&state).copied().unwrap_or_default()
    }

    /// Adds up others.
    pub fn add(&mut self, other: &Self) {
        for (state, count) in &other.0 {
            *self.0.entry(*state).or_default() += count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_tell_states_apart() {
        let names: BTreeSet<&str> = State::ALL.iter().map(|state| state.name()).collect();
        assert_eq!(names.len(), State::ALL.len());
        assert!(State::ALL.iter().all(|state| !state.meaning().is_empty()));
    }

    #[test]
    fn what_was_seen_adds_up() {
        let mut coverage = Coverage::default();
        coverage.see(State::FileTorn);
        coverage.see_if(false, State::NameLost);
        let mut sum = coverage.clone();
        sum.add(&coverage);
        assert_eq!((sum.of(State::FileTorn), sum.of(State::NameLost)), (2, 0));
    }
}
