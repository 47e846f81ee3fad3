//! What came of many runs.

use core::fmt;
use grete_sim::run::{Counters, Coverage, KINDS, Outcome, State};
use std::collections::BTreeMap;

/// What came of many runs, added up in their order.
#[derive(Default)]
pub(super) struct Sum {
    pub(super) runs: u64,
    pub(super) acknowledged: u64,
    micros: u64,
    hash: u64,
    counters: Counters,
    coverage: Coverage,
    /// The runs that were long and hard enough to count.
    counted: u64,
    /// The runs that broke a promise and could not help it, by what excuses them.
    excused: BTreeMap<&'static str, u64>,
}

impl Sum {
    pub(super) fn add(&mut self, outcome: &Outcome) {
        self.runs += 1;
        self.acknowledged += outcome.acknowledged as u64;
        self.micros += outcome.time.0;
        // FNV-1a over whole words: two sums are equal where all runs are, one by one.
        self.hash = (self.hash ^ outcome.hash).wrapping_mul(0x0100_0000_01b3);
        self.counters.add(&outcome.counters);
        self.coverage.add(&outcome.coverage);
        self.counted += u64::from(outcome.counts());
        if let Some(excuse) = outcome.excuse {
            *self.excused.entry(excuse).or_default() += 1;
        }
    }

    /// The kinds of faults that changed nothing, and the rare states that were never reached.
    pub(super) fn holes(&self) -> impl Iterator<Item = String> {
        let faults = KINDS.iter().filter(|kind| self.counters.of(kind.name).changed == 0);
        let states = State::ALL.iter().filter(|state| self.coverage.of(**state) == 0);
        let faults = faults.map(|kind| format!("the fault {} changed nothing", kind.name));
        faults.chain(states.map(|state| format!("the state {} was not reached", state.name())))
    }

    pub(super) fn simulated_seconds(&self) -> f64 {
        self.micros as f64 / 1e6
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.runs == 1 { "" } else { "s" };
        writeln!(
            f,
            "{} run{plural}, {} operations acknowledged, {:.0} s simulated, hash {:016x}",
            self.runs,
            self.acknowledged,
            self.simulated_seconds(),
            self.hash
        )?;
        writeln!(
            f,
            "{} of them count: a minute, 1000 operations, 5 faults that changed an outcome, one a crash",
            self.counted
        )?;
        for (excuse, runs) in &self.excused {
            writeln!(f, "{runs} of them broke a promise and are excused: {excuse}")?;
        }
        writeln!(f, "  {:<16} {:>8} {:>8}", "fault", "begun", "changed an outcome")?;
        for kind in KINDS {
            let count = self.counters.of(kind.name);
            if count.begun > 0 {
                writeln!(f, "  {:<16} {:>8} {:>8}", kind.name, count.begun, count.changed)?;
            }
        }
        writeln!(f, "  {:<26} {:>8}", "rare state", "seen")?;
        for state in State::ALL {
            let count = self.coverage.of(*state);
            if count > 0 {
                writeln!(f, "  {:<26} {count:>8}  {}", state.name(), state.meaning())?;
            }
        }
        Ok(())
    }
}
