//! What the operator is told of connections that were closed for what their clients sent: some lines a minute, and how many
//! more there were. A hostile client does not fill the log.

use crate::effect::{Effects, Level};
use crate::limits::{REFUSALS_TOLD_MAX, REFUSALS_WINDOW_MS};
use crate::time::Instant;
use alloc::format;

/// Counts refusals within a window of time.
#[derive(Clone, Debug, Default)]
pub(super) struct Refusals {
    until: Instant,
    told: u32,
    untold: u64,
}

impl Refusals {
    /// Tells of a refusal, or counts it.
    pub(super) fn tell(&mut self, now: Instant, text: &str, effects: &mut Effects) {
        if now >= self.until {
            if self.untold > 0 {
                let untold = self.untold;
                effects.notice(Level::Warn, format!("{untold} more connections were closed for what clients sent"));
            }
            *self = Self { until: now.after_ms(REFUSALS_WINDOW_MS), told: 0, untold: 0 };
        }
        if self.told < REFUSALS_TOLD_MAX {
            self.told += 1;
            effects.notice(Level::Warn, text);
        } else {
            self.untold += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_some_lines_and_a_count() {
        let mut refusals = Refusals::default();
        let mut effects = Effects::new();
        for _ in 0..REFUSALS_TOLD_MAX + 5 {
            refusals.tell(Instant(1), "closed", &mut effects);
        }
        assert_eq!(effects.drain().count(), REFUSALS_TOLD_MAX as usize);
        refusals.tell(Instant(1).after_ms(REFUSALS_WINDOW_MS), "closed", &mut effects);
        assert_eq!(effects.drain().count(), 2, "the count of the others, and the new one");
    }
}
