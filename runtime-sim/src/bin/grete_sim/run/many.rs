//! The scripts of many seeds on several threads, with what comes of them taken up in the order of the seeds.
//!
//! Invariants:
//! 1. Seeds are begun in their order. So all below the first that fails are run, and what is told does not depend on the
//!    number of threads: what was run beyond that seed is forgotten.
//! 2. No more than one outcome for each thread waits to be taken up, beyond what one slow seed holds back.

use super::sum::Sum;
use super::{Failure, tell_speed};
use crate::source::Choice;
use core::ops::Range;
use core::time::Duration;
use grete_sim::run::Outcome;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

/// How often progress is told.
const TOLD_EVERY: Duration = Duration::from_secs(5);

/// What is to be run.
pub(super) struct Many<'a> {
    pub(super) choice: &'a Choice,
    pub(super) seeds: Range<u64>,
    /// No seed is begun after it.
    pub(super) until: Option<Instant>,
    pub(super) keeps_going: bool,
}

/// What came of it.
#[derive(Default)]
pub(super) struct Found {
    pub(super) sum: Sum,
    /// The seeds that fail, in their order.
    pub(super) failed: Vec<(u64, Failure)>,
}

/// What the threads share.
struct Shared {
    /// The next seed to begin.
    next: u64,
    /// The next to be taken up.
    due: u64,
    waiting: BTreeMap<u64, Result<Outcome, String>>,
    found: Found,
    told: Instant,
}

impl Many<'_> {
    pub(super) fn run(&self, jobs: usize) -> Found {
        let began = Instant::now();
        let shared = Mutex::new(Shared {
            next: self.seeds.start,
            due: self.seeds.start,
            waiting: BTreeMap::new(),
            found: Found::default(),
            told: began,
        });
        thread::scope(|scope| {
            for _ in 0..jobs {
                scope.spawn(|| {
                    loop {
                        // The lock is let go before the run.
                        let begun = self.begin(&mut lock(&shared));
                        let Some(seed) = begun else { return };
                        let outcome = self.choice.execute(&self.choice.of_seed(seed));
                        let mut shared = lock(&shared);
                        shared.waiting.insert(seed, outcome);
                        self.take_up(&mut shared);
                        if shared.told.elapsed() > TOLD_EVERY {
                            shared.told = Instant::now();
                            let end =
                                if self.seeds.end == u64::MAX { String::new() } else { self.seeds.end.to_string() };
                            eprint!("seed {} of {}..{end}, ", shared.due, self.seeds.start);
                            tell_speed(&shared.found.sum, began.elapsed());
                        }
                    }
                });
            }
        });
        shared.into_inner().unwrap_or_else(PoisonError::into_inner).found
    }

    /// The next seed, where there is one to begin.
    fn begin(&self, shared: &mut Shared) -> Option<u64> {
        let is_over = self.until.is_some_and(|until| Instant::now() >= until);
        if self.has_ended(shared) || is_over || shared.next >= self.seeds.end {
            return None;
        }
        shared.next += 1;
        Some(shared.next - 1)
    }

    fn has_ended(&self, shared: &Shared) -> bool {
        !self.keeps_going && !shared.found.failed.is_empty()
    }

    /// Takes up what is complete, in the order of the seeds.
    fn take_up(&self, shared: &mut Shared) {
        while !self.has_ended(shared)
            && let Some(outcome) = shared.waiting.remove(&shared.due)
        {
            let failure = match outcome {
                Ok(outcome) => {
                    shared.found.sum.add(&outcome);
                    outcome.unexplained().cloned().map(Failure::Broken)
                }
                Err(what) => Some(Failure::Unrunnable(what)),
            };
            let seed = shared.due;
            shared.found.failed.extend(failure.map(|why| (seed, why)));
            shared.due += 1;
        }
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
