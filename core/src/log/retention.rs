//! Retention: closed segments that are too old or too much are deleted, oldest first (`retention.ms`, `retention.bytes`).
//!
//! Nothing at or above the high watermark goes. Where all of a log may go, the active segment is closed first.

use super::log::{Log, Phase};
use super::segment::{MaxTimestamp, Segment};
use super::store::{LogStore, LogTimer};
use crate::effect::Effects;
use crate::ids::{Offset, Timestamp};
use crate::limits::LOG_RETENTION_LOADS_MAX;
use crate::time::Now;

/// How soon retention goes on where it had to read more times of segments than it may at once.
const CONTINUE_MS: i64 = 100;

/// What becomes of a log's first segment.
enum Verdict {
    Stays,
    /// It goes, and the log begins here.
    Goes(Offset),
    /// Its greatest time is not known: its index has to be read.
    Unknown(Offset),
}

impl LogStore {
    /// Deletes what retention lets go of.
    pub(super) fn retain(&mut self, now: Now, effects: &mut Effects) {
        let mut loads = alloc::vec::Vec::new();
        for (partition, log) in self.logs.iter_mut().filter(|(_, log)| log.phase == Phase::Open) {
            log.producers.expire(now.wall, self.config.producer_id_expiration_ms);
            let before = log.log_start;
            loop {
                match log.judge_first(now.wall) {
                    Verdict::Stays => break,
                    Verdict::Goes(end) => log.advance_start(now, end),
                    Verdict::Unknown(base) => {
                        loads.push((*partition, base));
                        break;
                    }
                }
            }
            if log.log_start > before {
                self.dirs[usize::from(log.dir.0)].ends.note(*partition, now.instant);
            }
        }
        let more = loads.len() > LOG_RETENTION_LOADS_MAX;
        for (partition, base) in loads.into_iter().take(LOG_RETENTION_LOADS_MAX) {
            self.load_index(partition, base, None, effects);
        }
        let next_ms = if more { CONTINUE_MS } else { self.config.retention_check_interval_ms };
        self.timers.set(LogTimer::Retention, now.instant.after_ms(next_ms));
    }
}

impl Log {
    fn judge_first(&self, now: Timestamp) -> Verdict {
        let Some(first) = self.segments.first().filter(|first| first.bytes > 0) else { return Verdict::Stays };
        let end = self.segments.get(1).map_or(self.log_end, |next| next.base);
        if end > self.high_watermark || !self.config.cleanup.delete {
            return Verdict::Stays;
        }
        let limit = u64::try_from(self.config.retention_bytes).ok();
        if limit.is_some_and(|limit| self.bytes() - first.bytes >= limit) {
            return Verdict::Goes(end);
        }
        if self.config.retention_ms < 0 {
            return Verdict::Stays;
        }
        match first.newest() {
            None => Verdict::Unknown(first.base),
            Some(newest) if now.0.saturating_sub(newest.0) > self.config.retention_ms => Verdict::Goes(end),
            Some(_) => Verdict::Stays,
        }
    }
}

impl Segment {
    /// The time by which it grows old. `None` where it is not known.
    fn newest(&self) -> Option<Timestamp> {
        match self.max_timestamp {
            MaxTimestamp::Unknown => None,
            // Kafka goes by the time when the file was changed last; it was not after this.
            MaxTimestamp::None => Some(self.opened),
            MaxTimestamp::Known { timestamp, .. } => Some(timestamp),
        }
    }
}
