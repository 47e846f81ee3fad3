//! Addressed randomness: every decision of the world is a hash of the world's seed, the stream it belongs to and its
//! cause.
//!
//! A cause says what the decision is about (this file, that position, the third sync of it) and not how many decisions
//! came before. So taking one event out of a run leaves the decisions about all others as they were, which is what makes
//! a failing run shrinkable and lets a script survive a change of the code.

use core::time::Duration;
use std::ops::RangeInclusive;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// The seed of a whole run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorldSeed(pub u64);

/// What kind of decision is drawn. Two streams never share a draw, even for the same cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Stream {
    /// The boot seed of an incarnation of a node.
    Boot = 1,
    /// How long a file operation takes.
    DiskDelay = 2,
    /// Whether a disk fault strikes.
    DiskFault = 3,
    /// Which bit a rotten read has turned.
    BitRot = 4,
    /// How far an operation had come that was under way when its process died.
    InFlight = 5,
    /// How many of the writes to a sector a power loss leaves.
    SurviveSector = 6,
    /// Which length of a file a power loss leaves.
    SurviveLength = 7,
    /// Which changes of names a power loss leaves.
    SurviveName = 8,
    /// How long bytes are on their way.
    NetworkDelay = 9,
    /// Where a stream of bytes is split.
    NetworkSplit = 10,
    /// How long events wait before a shard is stepped.
    StepDelay = 11,
    /// How many of the waiting events go into a step.
    StepBatch = 12,
    /// How long a message between shards takes.
    ShardDelay = 13,
    /// How long a job takes.
    JobDelay = 14,
    /// The clocks of a node.
    Clock = 15,
    /// What a scripted workload or a test harness decides.
    Workload = 16,
    /// The identity of a file.
    Inode = 17,
}

impl WorldSeed {
    /// The decision of `stream` about `cause`.
    #[must_use]
    pub fn draw(self, stream: Stream, cause: &[u64]) -> Draw {
        // Folding number by number keeps the draw independent of how long the cause is.
        let start = xxh3_64_with_seed(&[stream as u8], self.0);
        Draw(cause.iter().fold(start, |hash, part| xxh3_64_with_seed(&part.to_le_bytes(), hash)))
    }
}

/// A decision that was drawn: 64 random bits and the ways to read them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw(pub u64);

impl Draw {
    /// A number below `end`; 0 where `end` is 0.
    #[must_use]
    pub fn below(self, end: u64) -> u64 {
        ((u128::from(self.0) * u128::from(end)) >> 64) as u64
    }

    /// True `per_million` times out of a million.
    #[must_use]
    pub fn chance(self, per_million: u32) -> bool {
        self.below(1_000_000) < u64::from(per_million)
    }

    /// A number of the range.
    #[must_use]
    pub fn among(self, range: &RangeInclusive<u64>) -> u64 {
        let (first, last) = (*range.start(), *range.end());
        first + self.below(last.saturating_sub(first).saturating_add(1))
    }

    /// A delay of the range, in microseconds.
    #[must_use]
    pub fn delay(self, micros: &RangeInclusive<u64>) -> Duration {
        Duration::from_micros(self.among(micros))
    }
}

/// A name as part of a cause.
#[must_use]
pub fn name(text: &str) -> u64 {
    xxh3_64(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_depend_on_each_part_of_their_address() {
        let draw = WorldSeed(7).draw(Stream::DiskDelay, &[1, 2]);
        assert_eq!(draw, WorldSeed(7).draw(Stream::DiskDelay, &[1, 2]));
        assert_ne!(draw, WorldSeed(8).draw(Stream::DiskDelay, &[1, 2]));
        assert_ne!(draw, WorldSeed(7).draw(Stream::DiskFault, &[1, 2]));
        assert_ne!(draw, WorldSeed(7).draw(Stream::DiskDelay, &[2, 1]));
        assert_ne!(draw, WorldSeed(7).draw(Stream::DiskDelay, &[1]));
    }

    #[test]
    fn ranges_are_met_at_both_ends() {
        let drawn: std::collections::BTreeSet<u64> =
            (0..200).map(|cause| WorldSeed(1).draw(Stream::Workload, &[cause]).among(&(3..=5))).collect();
        assert_eq!(drawn.into_iter().collect::<Vec<_>>(), [3, 4, 5]);
        assert_eq!(Draw(u64::MAX).below(0), 0);
        assert!(!Draw(0).chance(0));
        assert!(Draw(u64::MAX).chance(1_000_000));
    }
}
