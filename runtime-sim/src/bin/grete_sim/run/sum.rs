//! What came of many runs.

use core::fmt;
use grete_sim::run::{Counters, KINDS, Outcome};

/// What came of many runs, added up in their order.
#[derive(Default)]
pub(super) struct Sum {
    pub(super) runs: u64,
    pub(super) acknowledged: u64,
    micros: u64,
    hash: u64,
    counters: Counters,
}

impl Sum {
    pub(super) fn add(&mut self, outcome: &Outcome) {
        self.runs += 1;
        self.acknowledged += outcome.acknowledged as u64;
        self.micros += outcome.time.0;
        // FNV-1a over whole words: two sums are equal where all runs are, one by one.
        self.hash = (self.hash ^ outcome.hash).wrapping_mul(0x0100_0000_01b3);
        self.counters.add(&outcome.counters);
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
        writeln!(f, "  {:<16} {:>8} {:>8}", "fault", "begun", "changed an outcome")?;
        for kind in KINDS {
            let count = self.counters.of(kind.name);
            if count.begun > 0 {
                writeln!(f, "  {:<16} {:>8} {:>8}", kind.name, count.begun, count.changed)?;
            }
        }
        Ok(())
    }
}
