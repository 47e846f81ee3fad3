//! What a failure leaves behind: its script and the minimised one.

use crate::minimise;
use crate::output::Stopped;
use crate::source::Choice;
use core::time::Duration;
use grete_sim::script::Script;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// How long may be spent on making the script shorter.
const SHORTENING: Duration = Duration::from_secs(60);

/// Writes them into a directory, which is made where it is not there.
pub(super) fn write(dir: &Path, choice: &Choice, script: &Arc<Script>, name: &str) -> Result<(), Stopped> {
    fs::create_dir_all(dir)?;
    let name = Path::new(name).file_stem().map_or_else(|| name.into(), |stem| stem.to_string_lossy());
    let file = |suffix: &str| dir.join(format!("{name}{suffix}"));
    fs::write(file(".script"), script.to_string())?;
    let shortest = minimise::shorten(choice, script, SHORTENING, &mut io::stderr().lock())?;
    fs::write(file(".min.script"), shortest.to_string())?;
    eprintln!("written to {}", file(".min.script").display());
    Ok(())
}
