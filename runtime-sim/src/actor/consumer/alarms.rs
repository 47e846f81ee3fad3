//! The timers of a consumer, by what they are for.

use super::line::Sent;
use crate::actor::{Context, TimerToken};
use core::time::Duration;
use std::collections::BTreeMap;

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alarm {
    /// A request has had no answer for too long. Who is patient holds that against the broker.
    Deadline { sent: Sent, timeout: Duration, is_patient: bool },
    /// Something that went wrong may be tried again.
    Retry(Retry),
    /// The coordinator wants a sign of life.
    Heartbeat,
    /// What was polled is to be committed.
    AutoCommit,
    /// What is known of the topics is old.
    Refresh,
    /// The application polls again.
    IdleOver,
    /// The application, which is idle until that timer, has not polled for too long to stay in its group.
    PollInterval(TimerToken),
    /// A leaving consumer waits no longer for anybody.
    CloseAnyway,
    /// The process that crashed starts again.
    Restart,
}

/// What is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Retry {
    /// Connecting to the broker.
    Broker,
    /// Connecting to the coordinator.
    Coordinator,
    /// Asking for the topics.
    Metadata,
    /// Asking who coordinates the group.
    Find,
    /// Joining the group.
    Join,
    /// Asking for the committed offsets.
    Committed,
    /// Committing.
    Commit,
    /// Fetching.
    Fetch,
}

/// The first delay of what is tried again; it doubles up to [`RETRY_MAX`], as Java's `retry.backoff.ms`.
const RETRY_MIN: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(1);

/// The timers that are set, and what waits for one before it is tried again.
#[derive(Clone, Debug, Default)]
pub(super) struct Alarms {
    last: u64,
    set: BTreeMap<TimerToken, Alarm>,
    waiting: BTreeMap<Retry, TimerToken>,
    /// How often in a row each went wrong.
    failures: BTreeMap<Retry, u32>,
}

impl Alarms {
    /// Sets a timer.
    pub(super) fn set(&mut self, context: &mut Context<'_>, after: Duration, alarm: Alarm) -> TimerToken {
        self.last += 1;
        let token = TimerToken(self.last);
        self.set.insert(token, alarm);
        context.timer(after, token);
        token
    }

    /// What a timer was for; nothing where nobody has use for it any more.
    pub(super) fn fire(&mut self, token: TimerToken) -> Option<Alarm> {
        let alarm = self.set.remove(&token)?;
        if let Alarm::Retry(retry) = alarm
            && self.waiting.get(&retry) == Some(&token)
        {
            self.waiting.remove(&retry);
        }
        Some(alarm)
    }

    /// Has no more use for any; no token comes twice all the same.
    pub(super) fn clear(&mut self) {
        *self = Self { last: self.last, ..Self::default() };
    }

    /// Something went wrong: it is not to be tried again before a while, longer each time.
    pub(super) fn back_off(&mut self, context: &mut Context<'_>, retry: Retry) {
        let failures = self.failures.entry(retry).or_default();
        let delay = RETRY_MIN.saturating_mul(1 << (*failures).min(10)).min(RETRY_MAX);
        *failures += 1;
        self.pause(context, retry, delay);
    }

    /// Something is not to be tried again before a while, though nothing went wrong.
    pub(super) fn pause(&mut self, context: &mut Context<'_>, retry: Retry, delay: Duration) {
        let token = self.set(context, delay, Alarm::Retry(retry));
        self.waiting.insert(retry, token);
    }

    /// Something went well.
    pub(super) fn succeed(&mut self, retry: Retry) {
        self.failures.remove(&retry);
    }

    /// Whether something may be tried.
    pub(super) fn may(&self, retry: Retry) -> bool {
        !self.waiting.contains_key(&retry)
    }
}
