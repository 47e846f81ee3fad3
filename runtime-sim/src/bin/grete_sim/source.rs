//! Where scripts come from: files and seeds.

use grete_sim::checker::{self, Checker, Violation};
use grete_sim::plan::{self, Profile};
use grete_sim::script::Script;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// What is checked of each run.
pub(crate) const CHECKERS: &[Checker] = checker::ALL;

/// The script in a file.
pub(crate) fn of_file(path: &Path) -> Result<Arc<Script>, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    text.parse().map(Arc::new).map_err(|error| format!("{}: {error}", path.display()))
}

/// The script of a seed.
pub(crate) fn of_seed(seed: u64, profile: Profile) -> Arc<Script> {
    Arc::new(plan::script(seed, profile))
}

/// A profile by its name.
pub(crate) fn profile(name: &str) -> Result<Profile, String> {
    let names = || Profile::ALL.map(Profile::name).join(", ");
    Profile::named(name).ok_or_else(|| format!("there are the profiles {}", names()))
}

/// A violation in one line.
pub(crate) fn tell(violation: &Violation) -> String {
    let place = violation.partition.as_ref().map_or(String::new(), |of| format!(" ({}-{})", of.topic, of.partition));
    format!("{}: {}{place}", violation.checker, violation.what)
}
