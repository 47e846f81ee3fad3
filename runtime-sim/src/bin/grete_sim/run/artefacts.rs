//! What a failure leaves behind: its script, the minimised one, and a page that draws it.

use crate::minimise;
use crate::output::Stopped;
use crate::source::Choice;
use crate::timeline;
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
    fs::write(file(".min.html"), timeline::page(choice, &Arc::new(shortest), &format!("{name}.min"))?)?;
    eprintln!("written to {}", file(".min.html").display());
    Ok(())
}
