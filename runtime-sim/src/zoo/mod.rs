//! The zoo: bugs that are put back into the broker, one at a time, for the checkers to find.
//!
//! A checker that has never found anything proves nothing. Each bug is a patch under `runtime-sim/bugs/`: those that brokers
//! of others had, and slips that our own code invites. [`scratch`] applies one to a copy of the sources and builds it,
//! [`hunt`] runs seeds until something is found that the broker as it is does not show, [`report`] says what came of it. The
//! broker itself has no switches for them.
//!
//! A patch begins with lines that `git apply` passes over:
//!
//! ```text
//! Mimics: zoo NUMBER (ISSUE) or own. What is wrong, in a sentence or two.
//! Breaks: the promise that does not hold.
//! Expects: the checker that should find it.
//! ```

pub mod hunt;
pub mod report;
pub mod scratch;

use std::fs;
use std::path::{Path, PathBuf};

/// A bug of the zoo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bug {
    /// The name of its patch, with its number and without an ending.
    pub name: String,
    /// Where it comes from and what is wrong.
    pub mimics: String,
    /// The promise that does not hold.
    pub breaks: String,
    /// The checker that should find it.
    pub expects: String,
    /// Its patch.
    pub patch: PathBuf,
}

/// The bugs whose patches lie in a directory, by name.
///
/// # Errors
/// What cannot be read, or has no head.
pub fn bugs_in(dir: &Path) -> Result<Vec<Bug>, String> {
    let wrong = |what: std::io::Error| format!("{}: {what}", dir.display());
    let mut bugs = Vec::new();
    for entry in fs::read_dir(dir).map_err(wrong)? {
        let patch = entry.map_err(wrong)?.path();
        let is_patch = patch.extension().is_some_and(|ending| ending == "patch");
        if let Some(name) = patch.file_stem().filter(|_| is_patch) {
            let text = fs::read_to_string(&patch).map_err(wrong)?;
            let name = name.to_string_lossy().into_owned();
            let bug = bug(&name, &text, &patch).ok_or_else(|| format!("{name} does not say what it is about"))?;
            bugs.push(bug);
        }
    }
    bugs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(bugs)
}

/// What the head of a patch says.
fn bug(name: &str, text: &str, patch: &Path) -> Option<Bug> {
    let head: Vec<&str> = text.lines().take_while(|line| !line.starts_with("diff ")).collect();
    let said = |word: &str| {
        let at = head.iter().position(|line| line.starts_with(word))?;
        let first = head[at].strip_prefix(word)?.trim().to_owned();
        let rest = head[at + 1..].iter().take_while(|line| line.starts_with("  "));
        Some(rest.fold(first, |said, line| said + " " + line.trim()))
    };
    Some(Bug {
        name: name.to_owned(),
        mimics: said("Mimics:")?,
        breaks: said("Breaks:")?,
        expects: said("Expects:")?,
        patch: patch.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_says_what_a_patch_is_about() {
        let text = "Mimics: own. It is wrong,\n  and badly so.\nBreaks: a promise (S1).\nExpects: lost-write\n\ndiff --git a b\n";
        let found = bug("01-wrong", text, Path::new("01-wrong.patch")).expect("it has a head");
        assert_eq!(found.mimics, "own. It is wrong, and badly so.");
        assert_eq!((&*found.breaks, &*found.expects), ("a promise (S1).", "lost-write"));
        assert_eq!(bug("02", "Mimics: own.\ndiff --git a b\nBreaks: x\nExpects: y\n", Path::new("02.patch")), None);
    }

    #[test]
    fn each_patch_of_the_zoo_has_a_head_and_expects_a_checker_that_is_there() {
        let bugs = bugs_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("bugs")).expect("the zoo can be read");
        assert!(bugs.len() >= 24, "{} bugs", bugs.len());
        let known: Vec<&str> = hunt::names().collect();
        for bug in bugs {
            assert!(known.contains(&&*bug.expects), "{} expects {}", bug.name, bug.expects);
        }
    }
}
