//! The patches of the zoo (`runtime-sim/bugs/`) apply to the sources as they are.

use crate::shell::root;
use std::process::Command;

/// Where the patches lie.
const BUGS: &str = "runtime-sim/bugs/";

/// What the head of a patch says, each at the beginning of a line.
const HEAD: [&str; 3] = ["Mimics: ", "Breaks: ", "Expects: "];

pub(super) fn check(sources: &[super::Source]) -> Vec<String> {
    let patches = sources.iter().filter(|source| source.path.starts_with(BUGS));
    let breaches = patches.filter_map(|patch| {
        let path = &patch.path;
        if let Some(missing) = HEAD.iter().find(|word| !patch.text.lines().any(|line| line.starts_with(**word))) {
            return Some(format!("{path}: its head has no line `{}`", missing.trim()));
        }
        let checked = Command::new("git").current_dir(root()).args(["apply", "--check", path]).output();
        match checked {
            Ok(done) if done.status.success() => None,
            Ok(done) => {
                let why = String::from_utf8_lossy(&done.stderr).trim().replace('\n', "; ");
                Some(format!("{path}: does not apply ({why}); make it anew, or remove it with the reason"))
            }
            Err(error) => Some(format!("git cannot be started: {error}")),
        }
    });
    breaches.collect()
}
