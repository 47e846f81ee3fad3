//! Making a script that fails shorter, until nothing of it can be left out.
//!
//! Delta debugging: parts are left out, large ones first, and stay out where the rest still fails. What goes first makes
//! the most of what comes after: faults, clients with all that they do, operations, topics, what nodes and topics are
//! configured with, shards and directories, and at last time. Since each draw of a run is addressed by what it is about,
//! a part that is left out leaves the others as they were.

mod parts;

use crate::clock::WorldTime;
use crate::script::Script;
use core::ops::Range;
use core::time::Duration;
use parts::PARTS;

/// The runs that are spent on it at most.
pub const RUNS_MAX: usize = 1_500;
/// How often everything is tried again: what could not be left out may be when something else is.
const ROUNDS_MAX: usize = 4;
/// Things happen so far apart at least, or where they were.
const GAP: Duration = Duration::from_millis(1);
/// What is over by then is fast enough.
const SOON: WorldTime = WorldTime(2_000_000);
/// How long after the last act all may be healed.
const HEAL_AFTER: Duration = Duration::from_secs(1);

/// A script that fails as `script` does, from which nothing can be left out. Where `script` does not fail, or its text
/// says so little already, it is that itself. At most [`RUNS_MAX`] runs are tried.
#[must_use]
pub fn minimise(script: &Script, fails: impl FnMut(&Script) -> bool) -> Script {
    let mut search = Search { best: script.clone(), runs: 0, fails };
    if !search.would_fail(script) {
        return script.clone();
    }
    for _ in 0..ROUNDS_MAX {
        let before = search.best.clone();
        for part in PARTS {
            search.leave_out(part.count, part.without);
        }
        search.one_of_each();
        search.hurry();
        if search.best == before {
            break;
        }
    }
    search.best
}

struct Search<F> {
    /// The shortest that fails.
    best: Script,
    runs: usize,
    fails: F,
}

impl<F: FnMut(&Script) -> bool> Search<F> {
    fn would_fail(&mut self, script: &Script) -> bool {
        self.runs += 1;
        self.runs <= RUNS_MAX && (self.fails)(script)
    }

    /// Goes on with a script if it is another and fails.
    fn goes_on_with(&mut self, script: Script) -> bool {
        let goes_on = script != self.best && self.would_fail(&script);
        if goes_on {
            self.best = script;
        }
        goes_on
    }

    /// Leaves out things of one kind: halves, quarters, and so on to each one.
    fn leave_out(&mut self, count: fn(&Script) -> usize, without: fn(&Script, Range<usize>) -> Script) {
        let mut size = count(&self.best);
        while size > 0 {
            let mut at = 0;
            while at < count(&self.best) {
                let end = (at + size).min(count(&self.best));
                if !self.goes_on_with(without(&self.best, at..end)) {
                    at = end;
                }
            }
            size /= 2;
        }
    }

    /// One shard, one directory, where that is enough.
    fn one_of_each(&mut self) {
        for node in 0..self.best.nodes.len() {
            let mut script = self.best.clone();
            script.nodes[node].shards = 1;
            self.goes_on_with(script);
            let mut script = self.best.clone();
            // Faults of the other directories go with them.
            script.nodes[node].dirs = 1;
            parts::keep_to_dirs(&mut script);
            self.goes_on_with(script);
        }
    }

    /// Lets things happen earlier.
    fn hurry(&mut self) {
        let last = self.best.acts.last().map_or(WorldTime(0), |(time, _)| *time);
        let script = Script { heal_at: self.best.heal_at.min(last.after(HEAL_AFTER)), ..self.best.clone() };
        self.goes_on_with(script);
        // All at twice the speed, for as long as that goes well.
        while self.best.heal_at > SOON {
            let mut script = self.best.clone();
            script.acts.iter_mut().for_each(|(time, _)| time.0 /= 2);
            script.heal_at.0 /= 2;
            if !self.goes_on_with(script) {
                break;
            }
        }
        for place in 0..=self.best.acts.len() {
            let script = without_gap(&self.best, place);
            self.goes_on_with(script);
        }
    }
}

/// The script in which the act at a place, and all that comes after it, follows closely on the one before.
fn without_gap(script: &Script, place: usize) -> Script {
    let time_of = |place: usize| script.acts.get(place).map_or(script.heal_at, |(time, _)| *time);
    let before = place.checked_sub(1).map_or(WorldTime(0), time_of);
    let earlier = time_of(place).0.saturating_sub(before.after(GAP).0);
    let mut script = script.clone();
    script.acts.iter_mut().skip(place).for_each(|(time, _)| time.0 -= earlier);
    script.heal_at.0 -= earlier;
    script
}

#[cfg(test)]
mod tests;
