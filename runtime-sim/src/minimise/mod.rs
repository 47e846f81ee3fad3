//! Making a script that fails shorter, until nothing of it can be left out.
//!
//! Delta debugging: parts are left out, large ones first, and stay out where the rest still fails. What goes first makes
//! the most of what comes after: all that comes after the failure, clients with all that they do, faults, operations,
//! topics, nodes, partitions, what nodes and topics are configured with, shards and directories, sizes, and at last time.
//! Since each draw of a run is addressed by what it is about, a part that is left out leaves the others as they were.
//!
//! ```text
//! parts    the things that can be left out
//! simpler  the things that can be made smaller
//! ```

mod parts;
mod simpler;

use crate::clock::WorldTime;
use crate::script::{Act, Script};
use core::fmt;
use core::time::Duration;
use parts::{PARTS, Part};
use simpler::SIMPLER;

/// The runs that are spent on it at most.
pub const RUNS_MAX: usize = 2_500;
/// How often everything is tried again: what could not be left out may be when something else is.
const ROUNDS_MAX: usize = 4;
/// Things happen so far apart at least, or where they were.
const GAP: Duration = Duration::from_millis(1);
/// What is over by then is fast enough.
const SOON: WorldTime = WorldTime(2_000_000);
/// How long after the last act all may be healed.
const HEAL_AFTER: Duration = Duration::from_secs(1);

/// How much there is of a script.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// The nodes.
    pub nodes: usize,
    /// The partitions of the topics that are there from the beginning.
    pub partitions: usize,
    /// The clients.
    pub clients: usize,
    /// What they are asked to do.
    pub operations: usize,
    /// What goes wrong.
    pub faults: usize,
    /// When all is healed.
    pub heal_at: WorldTime,
}

impl Size {
    /// That of a script.
    #[must_use]
    pub fn of(script: &Script) -> Self {
        let faults = script.acts.iter().filter(|(_, act)| matches!(act, Act::Fault(_))).count();
        Self {
            nodes: script.nodes.len(),
            partitions: script.topics.iter().map(|topic| usize::try_from(topic.partitions).unwrap_or(0)).sum(),
            clients: script.clients.len(),
            operations: script.acts.len() - faults,
            faults,
            heal_at: script.heal_at,
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { nodes, partitions, clients, operations, faults, heal_at } = self;
        write!(
            f,
            "{faults} faults, {operations} operations, {clients} clients, {nodes} nodes, {partitions} partitions, {:.3} s",
            heal_at.0 as f64 / 1e6
        )
    }
}

/// What was tried of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tried {
    /// What: `faults`, `clients`, ...
    pub what: &'static str,
    /// The runs that it took.
    pub runs: usize,
    /// How many of these failed as they should, so that something stayed out.
    pub kept: usize,
    /// What is left.
    pub left: Size,
}

/// A script that fails as `script` does, from which nothing can be left out. Where `script` does not fail, or its text
/// says so little already, it is that itself. At most [`RUNS_MAX`] runs are tried.
#[must_use]
pub fn minimise(script: &Script, fails: impl FnMut(&Script) -> bool) -> Script {
    minimise_told(script, fails, |_| {})
}

/// As [`minimise`], and says what was tried, as it goes.
#[must_use]
pub fn minimise_told(script: &Script, fails: impl FnMut(&Script) -> bool, told: impl FnMut(&Tried)) -> Script {
    let mut search = Search { best: script.clone(), runs: 0, kept: 0, fails, told };
    if !search.would_fail(script) {
        return script.clone();
    }
    search.round("what comes after", Search::cut_short);
    for _ in 0..ROUNDS_MAX {
        let before = search.best.clone();
        for part in PARTS {
            search.round(part.name, |search| search.leave_out(&part));
        }
        search.round("shards and directories", Search::one_of_each);
        for (name, simpler) in SIMPLER {
            search.round(name, |search| search.make_simpler(simpler));
        }
        search.round("time", Search::hurry);
        if search.best == before {
            break;
        }
    }
    search.best
}

struct Search<F, T> {
    /// The shortest that fails.
    best: Script,
    runs: usize,
    kept: usize,
    fails: F,
    told: T,
}

impl<F: FnMut(&Script) -> bool, T: FnMut(&Tried)> Search<F, T> {
    /// Tries things of one kind, and says what came of it.
    fn round(&mut self, what: &'static str, tries: impl FnOnce(&mut Self)) {
        let (runs, kept) = (self.runs, self.kept);
        tries(self);
        let (runs, kept) = (self.runs - runs, self.kept - kept);
        if runs > 0 {
            (self.told)(&Tried { what, runs, kept, left: Size::of(&self.best) });
        }
    }

    fn would_fail(&mut self, script: &Script) -> bool {
        if self.runs >= RUNS_MAX {
            return false;
        }
        self.runs += 1;
        (self.fails)(script)
    }

    /// Goes on with a script if it is another and fails.
    fn goes_on_with(&mut self, script: Script) -> bool {
        let goes_on = script != self.best && self.would_fail(&script);
        if goes_on {
            self.best = script;
            self.kept += 1;
        }
        goes_on
    }

    /// Looks for the shortest beginning that fails, as if more of it failed whenever less of it does.
    fn cut_short(&mut self) {
        let whole = self.best.clone();
        let (mut passes, mut fails) = (0, whole.acts.len());
        while passes + 1 < fails {
            let middle = usize::midpoint(passes, fails);
            match self.goes_on_with(beginning(&whole, middle)) {
                true => fails = middle,
                false => passes = middle,
            }
        }
    }

    /// Leaves out things of one kind: halves, quarters, and so on to each one.
    fn leave_out(&mut self, part: &Part) {
        let mut size = (part.count)(&self.best);
        while size > 0 {
            let mut at = 0;
            while at < (part.count)(&self.best) {
                let end = (at + size).min((part.count)(&self.best));
                if !self.goes_on_with((part.without)(&self.best, at..end)) {
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

    /// Makes things smaller, one after the other, each as far as it goes.
    fn make_simpler(&mut self, simpler: simpler::Simpler) {
        // All of them at once, and where that is too much, each.
        let mut all = self.best.clone();
        for at in 0..simpler::count(&all) {
            simpler(&mut all, at);
        }
        if self.goes_on_with(all) {
            return;
        }
        for at in 0..simpler::count(&self.best) {
            let mut script = self.best.clone();
            if simpler(&mut script, at) {
                self.goes_on_with(script);
            }
        }
    }

    /// Lets things happen earlier.
    fn hurry(&mut self) {
        let script = Script { heal_at: self.best.heal_at.min(heal_after(&self.best)), ..self.best.clone() };
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

fn heal_after(script: &Script) -> WorldTime {
    script.acts.last().map_or(WorldTime(0), |(time, _)| *time).after(HEAL_AFTER)
}

/// The script with its first acts only, healed soon after.
fn beginning(script: &Script, acts: usize) -> Script {
    let mut script = script.clone();
    script.acts.truncate(acts);
    script.heal_at = script.heal_at.min(heal_after(&script));
    script
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
