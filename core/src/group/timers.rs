//! What a coordinator waits for.

use super::names::{GroupId, MemberId};

/// A timer of a coordinator.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// A member has been silent for its session timeout, has not come back with the id that it was given, or, being new,
    /// has waited too long for the others.
    Session {
        /// The group.
        group: GroupId,
        /// The member.
        member: MemberId,
    },
    /// The time for joining is up.
    Join {
        /// The group.
        group: GroupId,
    },
    /// The time for members to ask for their assignments is up.
    Sync {
        /// The group.
        group: GroupId,
    },
    /// Offsets and groups are looked through for what has expired.
    Expire,
}
