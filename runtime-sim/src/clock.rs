//! The clocks of a node: a monotonic one that drifts, and a wall clock that anybody may set.

use core::time::Duration;
use grete_core::ids::Timestamp;
use grete_core::time::{Instant, Now};

/// The wall clock at the beginning of a run, in milliseconds since 1970: 2023-11-14.
pub const WALL_START_MS: i64 = 1_700_000_000_000;

/// A moment of the world, in microseconds since the beginning of the run. No node sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct WorldTime(pub u64);

impl WorldTime {
    /// The moment `delay` later.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        self.after_micros(u64::try_from(delay.as_micros()).unwrap_or(u64::MAX))
    }

    /// The moment `micros` microseconds later.
    #[must_use]
    pub const fn after_micros(self, micros: u64) -> Self {
        Self(self.0.saturating_add(micros))
    }
}

/// The clocks of one node.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// What the monotonic clock gains, in millionths; negative where it is slow.
    pub drift_per_million: i32,
    /// How far the wall clock is ahead of the world's, in milliseconds; it may change at any time.
    pub wall_ahead_ms: i64,
    booted_at: WorldTime,
    monotonic_at_boot: u64,
}

impl Clock {
    /// Starts the monotonic clock of a boot at a value of its own.
    pub(crate) fn boot(&mut self, at: WorldTime, monotonic_at_boot: u64) {
        self.booted_at = at;
        self.monotonic_at_boot = monotonic_at_boot;
    }

    /// Lets the monotonic clock gain so much from now on: it goes on from what it shows.
    pub(crate) fn set_drift(&mut self, at: WorldTime, per_million: i32) {
        let shown = self.now(at).instant.0;
        self.boot(at, shown);
        self.drift_per_million = per_million;
    }

    /// What the clocks show.
    #[must_use]
    pub fn now(&self, at: WorldTime) -> Now {
        let passed = i128::from(at.0.saturating_sub(self.booted_at.0));
        let shown = passed * self.rate() / 1_000_000;
        let instant = Instant(self.monotonic_at_boot.saturating_add(shown as u64));
        let wall = WALL_START_MS + self.wall_ahead_ms + i64::try_from(at.0 / 1_000).unwrap_or(i64::MAX / 2);
        Now { instant, wall: Timestamp(wall) }
    }

    /// The first moment of the world at which the monotonic clock shows `instant` or later.
    #[must_use]
    pub fn moment_of(&self, instant: Instant) -> WorldTime {
        let shown = i128::from(instant.0.saturating_sub(self.monotonic_at_boot));
        let rate = self.rate();
        let passed = (shown * 1_000_000 + rate - 1) / rate;
        self.booted_at.after_micros(u64::try_from(passed).unwrap_or(u64::MAX))
    }

    fn rate(&self) -> i128 {
        1_000_000 + i128::from(self.drift_per_million.clamp(-500_000, 500_000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_due_at_its_moment_and_not_before() {
        for drift_per_million in [-300_000, -17, 0, 1, 250_000] {
            let mut clock = Clock { drift_per_million, ..Clock::default() };
            clock.boot(WorldTime(1_000), 77);
            for instant in [77, 78, 1_000_003, 123_456_789].map(Instant) {
                let moment = clock.moment_of(instant);
                assert!(clock.now(moment).instant >= instant);
                if moment > WorldTime(1_000) {
                    assert!(clock.now(WorldTime(moment.0 - 1)).instant < instant);
                }
            }
        }
    }

    #[test]
    fn the_wall_clock_jumps_and_the_monotonic_one_does_not() {
        let mut clock = Clock::default();
        let before = clock.now(WorldTime(5_000_000));
        clock.wall_ahead_ms = -1_000;
        let after = clock.now(WorldTime(5_000_000));
        assert_eq!(before.instant, after.instant);
        assert_eq!(before.wall.0 - after.wall.0, 1_000);
    }
}
