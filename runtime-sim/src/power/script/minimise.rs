//! Making a script that fails shorter, until nothing of it can be left out.

use super::{Script, Trial, run};
use crate::power::Failure;

/// The runs that are spent on it at most.
const RUNS_MAX: usize = 400;

/// Leaves out of a script what it does not need to fail as it does, and gives what is left with its failure. `None` where
/// it does not fail by `trial`.
#[must_use]
pub fn minimise(script: &Script, trial: Trial) -> Option<(Script, Failure)> {
    let mut failure = run(script, trial).failures.into_iter().next()?;
    let kind = kind_of(&failure);
    let mut shortest = script.clone();
    let mut runs = 0;
    let mut size = shortest.acts.len().div_ceil(2);
    while size > 0 {
        let mut at = 0;
        while at < shortest.acts.len() && runs < RUNS_MAX {
            runs += 1;
            let mut shorter = shortest.clone();
            let end = (at + size).min(shorter.acts.len());
            shorter.acts.drain(at..end);
            match run(&shorter, trial).failures.into_iter().find(|failure| kind_of(failure) == kind) {
                Some(fails) => (shortest, failure) = (shorter, fails),
                None => at += size,
            }
        }
        size /= 2;
    }
    Some((shortest, failure))
}

/// What makes two failures the same: a script from which the creation of a topic is missing fails, too, but not so.
fn kind_of(failure: &Failure) -> (bool, Vec<String>) {
    let is_word = |word: &&str| word.len() > 1 && word.chars().all(|letter| letter.is_ascii_lowercase());
    let words = failure.what.split_whitespace().filter(is_word).take(6).map(str::to_owned);
    (failure.case.is_some(), words.collect())
}
