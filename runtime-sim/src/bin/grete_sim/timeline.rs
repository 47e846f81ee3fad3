//! `grete-sim timeline`: what happens in a script, drawn as a page for a browser.

use crate::output::{Done, Stopped};
use crate::source::{self, Choice, Task};
use grete_sim::checker::Checker;
use grete_sim::machine::Machine;
use grete_sim::run::Run;
use grete_sim::script::Script;
use grete_sim::timeline::Told;
use grete_sim::trace::Trace;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The script: a file, or a seed.
    script: String,
    #[command(flatten)]
    choice: Choice,
    /// The page.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

pub(crate) fn timeline(arguments: &Arguments) -> Done {
    let script = arguments.choice.of_name(&arguments.script)?;
    let title = Path::new(&arguments.script).file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    fs::write(&arguments.output, page(&arguments.choice, &script, &title)?)?;
    Ok(ExitCode::SUCCESS)
}

/// The page of a script.
///
/// # Errors
/// Where the script cannot be run.
pub(crate) fn page(choice: &Choice, script: &Arc<Script>, title: &str) -> Result<String, Stopped> {
    Ok(choice.task(script, Draw { title })?)
}

struct Draw<'a> {
    title: &'a str,
}

impl Task for Draw<'_> {
    type Result = String;

    fn with<M: Machine>(self, mut run: Run<M>, checkers: &[Checker]) -> String {
        run.trace_on();
        let finished = run.finish(checkers);
        let verdict = finished.outcome.verdict.as_ref();
        let nothing = Trace::default();
        let told = Told {
            title: self.title,
            script: finished.run.script(),
            trace: finished.run.trace().unwrap_or(&nothing),
            history: finished.run.history(),
            verdict,
            promise: verdict.and_then(|violation| source::promise(violation.checker)),
        };
        told.page()
    }
}
