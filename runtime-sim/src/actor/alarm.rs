//! The timer of a client that looks by itself for what is due, and its absence after a crash.

use super::{Context, TimerToken};
use crate::clock::WorldTime;
use core::time::Duration;

const WAKE: TimerToken = TimerToken(0);
const RETURN: TimerToken = TimerToken(1);

/// When a client looks again, and whether its process is gone.
#[derive(Clone, Debug, Default)]
pub(super) struct Alarm {
    /// The next moment at which something is to be done without being asked.
    at: Option<WorldTime>,
    is_gone: bool,
}

/// What a timer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rang {
    /// The process that was gone begins anew.
    Returned,
    /// It is time to look.
    Due,
    /// Nothing: an earlier moment was found since.
    Stale,
}

impl Alarm {
    /// That of a process that is gone for a while.
    pub(super) fn gone(time: Duration, context: &mut Context<'_>) -> Self {
        context.timer(time, RETURN);
        Self { at: None, is_gone: true }
    }

    /// Whether the process is gone.
    pub(super) const fn is_gone(&self) -> bool {
        self.is_gone
    }

    /// Sees to it that it rings at `at` or before.
    pub(super) fn by(&mut self, at: WorldTime, context: &mut Context<'_>) {
        let at = at.max(context.now.after_micros(1));
        if self.at.is_none_or(|earlier| at < earlier) {
            self.at = Some(at);
            context.timer_at(at, WAKE);
        }
    }

    /// A timer has come.
    pub(super) fn rings(&mut self, token: TimerToken, now: WorldTime) -> Rang {
        if token == RETURN {
            self.is_gone = false;
            return Rang::Returned;
        }
        if self.at != Some(now) {
            return Rang::Stale;
        }
        self.at = None;
        Rang::Due
    }
}
