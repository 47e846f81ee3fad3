//! Time as the runtime tells it.
//!
//! Deadlines are on the monotonic clock; the wall clock only stamps records, and no safety rests on it. The monotonic
//! clock never goes back within a boot; nothing is known about it across boots or nodes.

use crate::ids::Timestamp;
use core::time::Duration;

/// A moment on the monotonic clock of one boot: microseconds since a moment before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(pub u64);

impl Instant {
    /// The moment `delay` later; the end of time where that overflows.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(delay.as_micros()).unwrap_or(u64::MAX)))
    }

    /// The moment `delay_ms` milliseconds later; now where it is negative.
    #[must_use]
    pub fn after_ms(self, delay_ms: i64) -> Self {
        Self(self.0.saturating_add(u64::try_from(delay_ms).unwrap_or(0).saturating_mul(1_000)))
    }

    /// The time from `earlier` to this moment; zero where `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

/// What the clocks show in a step: read once, so that a step happens at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The monotonic clock.
    pub instant: Instant,
    /// The wall clock.
    pub wall: Timestamp,
}
