//! The machine's clocks, as the core is told of them.

use grete_core::ids::Timestamp;
use grete_core::time::{Instant, Now};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Both clocks; all shards of a node share one, so that their moments compare.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: std::time::Instant,
}

impl Clock {
    /// A clock that begins now.
    #[must_use]
    pub fn start() -> Self {
        Self { start: std::time::Instant::now() }
    }

    /// What both clocks show.
    #[must_use]
    pub fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { instant: self.instant(), wall: Timestamp(i64::try_from(wall.as_millis()).unwrap_or(i64::MAX)) }
    }

    /// The time that is left until `deadline`. A microsecond more than that, so that it is past when the wait ends.
    #[must_use]
    pub fn until(&self, deadline: Instant) -> Duration {
        deadline.since(self.instant()) + Duration::from_micros(1)
    }

    fn instant(&self) -> Instant {
        // The core's time begins above zero, so that "before the start" can be told.
        Instant(u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX).saturating_add(1_000_000))
    }
}
