//! OffsetCommit: who may commit, and what becomes of each partition.
//!
//! Invariants:
//! 1. Members commit in their current generation only, and not while its assignment is being made: what another member
//!    may own by now is not overwritten.
//! 2. Without a generation (-1) offsets are committed to groups without members only: by those who assign partitions to
//!    themselves, and by administrators.

use super::names::GenerationId;
use super::state::{Group, State};
use grete_protocol::ErrorCode;

/// The newest version that has no error of its own for a group that is not there.
const ILLEGAL_GENERATION_UNTIL: i16 = 8;

/// Who commits, whichever version it came in.
#[derive(Clone, Copy, Debug)]
pub struct Committer<'a> {
    /// The version of the request.
    pub api_version: i16,
    /// The member's id; empty where there is none.
    pub member: &'a str,
    /// The instance id of a static member.
    pub instance: Option<&'a str>,
    /// The member's generation; -1 where there is none.
    pub generation: GenerationId,
}

impl Committer<'_> {
    /// Whether offsets may be committed to a group that is not there. It is made by that, without members.
    ///
    /// # Errors
    /// `GROUP_ID_NOT_FOUND`, or `ILLEGAL_GENERATION` to clients that do not know that one here.
    pub(super) const fn may_create(&self) -> Result<(), ErrorCode> {
        if self.generation.0 < 0 {
            Ok(())
        } else if self.api_version <= ILLEGAL_GENERATION_UNTIL {
            Err(ErrorCode::IllegalGeneration)
        } else {
            Err(ErrorCode::GroupIdNotFound)
        }
    }

    /// Whether offsets may be committed to a group.
    ///
    /// # Errors
    /// `UNKNOWN_MEMBER_ID`, `FENCED_INSTANCE_ID`, `ILLEGAL_GENERATION`, `REBALANCE_IN_PROGRESS`.
    pub(super) fn may_commit(&self, group: &Group) -> Result<(), ErrorCode> {
        let is_empty = matches!(group.state, State::Empty);
        if self.generation.0 < 0 && is_empty {
            return Ok(());
        }
        let is_anonymous = self.generation.0 < 0 && self.member.is_empty() && self.instance.is_none();
        if is_anonymous {
            return Err(ErrorCode::UnknownMemberId);
        }
        group.validate_member(self.member, self.instance)?;
        if self.generation != group.generation {
            return Err(ErrorCode::IllegalGeneration);
        }
        match group.state {
            // It has joined, so that it knows the generation, but not what it owns in it.
            State::CompletingRebalance(_) => Err(ErrorCode::RebalanceInProgress),
            State::Empty | State::PreparingRebalance(_) | State::Stable(_) => Ok(()),
        }
    }
}

/// Whether what a client stores with an offset is too long. Kafka counts UTF-16 units, not bytes, whatever the name
/// `offset.metadata.max.bytes` says.
#[must_use]
pub fn is_metadata_too_long(metadata: &str, max: usize) -> bool {
    metadata.len() > max && metadata.encode_utf16().take(max.saturating_add(1)).count() > max
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_counted_in_utf16_units() {
        assert!(!is_metadata_too_long("abcd", 4));
        assert!(is_metadata_too_long("abcde", 4));
        assert!(!is_metadata_too_long("äöüß", 4), "eight bytes, four units");
        assert!(!is_metadata_too_long("😀😀", 4), "eight bytes, four units");
        assert!(is_metadata_too_long("😀😀x", 4));
        assert!(!is_metadata_too_long("", 0));
    }
}
