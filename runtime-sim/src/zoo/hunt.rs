//! Running seeds until a bug shows.
//!
//! What counts is what the broker with the bug shows and the broker without it, on the same script, does not: whatever is
//! wrong with both says nothing about the bug.

use crate::actor::{consumer, wire};
use crate::checker::{self, Seen};
use crate::plan::{self, Profile};
use crate::run::{INVARIANT, PROGRESS, execute};
use crate::script::{Act, ClientAct, Script};
use grete_core::shard::Shard;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a checker has found in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fired {
    /// The checker.
    pub checker: String,
    /// What it saw.
    pub what: String,
}

/// The names of all that can fire.
pub fn names() -> impl Iterator<Item = &'static str> {
    let of_clients = [wire::ANSWER_ORDER, wire::ANSWERED, consumer::SERVED_BYTES, consumer::EVICTIONS];
    [INVARIANT, PROGRESS, checker::RESTART].into_iter().chain(of_clients).chain(checker::ALL.iter().map(|of| of.name))
}

/// The script of a seed; where `calm`, without all that goes wrong in it.
#[must_use]
pub fn script(seed: u64, profile: Profile, calm: bool) -> Arc<Script> {
    let mut script = plan::script(seed, profile);
    if calm {
        script.acts.retain(|(_, act)| !matches!(act, Act::Fault(_) | Act::Client(_, ClientAct::Crash(_))));
    }
    Arc::new(script)
}

/// Runs a script, and lets all checkers judge it. The first is the one that a run would tell of.
///
/// # Errors
/// Where the script is wrong in itself.
pub fn fired(script: &Arc<Script>) -> Result<Vec<Fired>, String> {
    let finished = execute::<Shard>(script, |config| config, &[]).map_err(|error| error.to_string())?;
    let mut all: Vec<Fired> = Vec::new();
    if let Some(violation) = finished.outcome.verdict {
        all.push(Fired { checker: violation.checker.to_owned(), what: violation.what });
    }
    for rest in finished.rest.iter().chain(&finished.later) {
        let seen = Seen { history: finished.run.history(), rest };
        for violation in checker::ALL.iter().filter_map(|of| (of.check)(&seen)) {
            if all.iter().all(|fired| fired.checker != violation.checker) {
                all.push(Fired { checker: violation.checker.to_owned(), what: violation.what });
            }
        }
    }
    Ok(all)
}

/// What `patched` shows and the broker as it is does not.
///
/// # Errors
/// Where the script is wrong in itself.
pub fn news(script: &Arc<Script>, patched: Vec<Fired>) -> Result<Vec<Fired>, String> {
    let known: BTreeSet<String> = fired(script)?.into_iter().map(|fired| fired.checker).collect();
    Ok(patched.into_iter().filter(|fired| !known.contains(&fired.checker)).collect())
}

/// One line for what a seed has shown.
#[must_use]
pub fn line(seed: u64, fired: &[Fired]) -> String {
    let mut line = format!("{seed}");
    for Fired { checker, what } in fired {
        line.push('\t');
        line.push_str(checker);
        line.push('\t');
        line.push_str(&what.replace(['\t', '\n'], " "));
    }
    line
}

/// Reads what [`line`] has written.
#[must_use]
pub fn read_line(line: &str) -> Option<(u64, Vec<Fired>)> {
    let mut parts = line.split('\t');
    let seed = parts.next()?.parse().ok()?;
    let mut fired = Vec::new();
    while let Some(checker) = parts.next() {
        fired.push(Fired { checker: checker.to_owned(), what: parts.next()?.to_owned() });
    }
    Some((seed, fired))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let fired = |what: &str| Fired { checker: "lost-write".into(), what: what.into() };
        let all = [fired("a record\tis\nlost"), fired("another")];
        assert_eq!(read_line(&line(7, &all)), Some((7, vec![fired("a record is lost"), fired("another")])));
        assert_eq!(read_line(&line(8, &[])), Some((8, Vec::new())));
        assert_eq!(read_line("something"), None);
    }

    #[test]
    fn a_calm_script_is_the_same_but_for_what_goes_wrong() {
        let (wild, calm) = (script(3, Profile::Chaos, false), script(3, Profile::Chaos, true));
        assert_eq!((&wild.clients, &wild.nodes), (&calm.clients, &calm.nodes));
        assert!(calm.acts.len() < wild.acts.len());
        assert!(calm.acts.iter().all(|act| wild.acts.contains(act)));
    }
}
